"""What a student is told agrees with PyTorch, and names the mistake; of sound networks, nothing."""

import re
import warnings
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
import torch
from broken_more import (
    COLOUR,
    FINE,
    GALLERY_MORE,
    GREY,
    INPUTS,
    REFUSED,
    SENTENCES,
    SILENT,
    TABLE,
    WORDS,
    AssignedTwice,
    grey_lenet,
    words,
)
from told import texts
from torch import nn

from layerwise import diagnose, lab

SOUND = [name for name, entry in GALLERY_MORE.items() if entry.works is None]
WRONG = [name for name, entry in GALLERY_MORE.items() if entry.works is not None]
REPAIRED = [name for name in WRONG if GALLERY_MORE[name].repair]
LONGEST = 1000  # letters of an explanation that a student still reads
ARROWS = 8  # sizes on the way that a student still reads


@cache
def diagnosis(name):
    """Of an entry of the gallery; an error of `diagnose` itself is raised in each test."""
    entry = GALLERY_MORE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return diagnose(entry.build, entry.input, **entry.choices)


def told(d) -> str:
    """The text on one line, so that no fragment is cut in two, not even behind a hyphen.

    Without the quoted line of the student's own code, which holds fragments by chance.
    """
    text = " ".join(re.sub(r"(?<=\w-)\n\s*(?=\w)", "", str(d)).split())
    quoted = " ".join(d.line[2].split()) if d.line else ""
    return text.replace(f": {quoted}", ":", 1).casefold() if quoted else text.casefold()


def is_shape(given) -> bool:
    return isinstance(given, (tuple, list)) and all(isinstance(n, int) for n in given)


def tensor(given, size=None) -> torch.Tensor:
    """A real tensor for a shape, a shape with its dtype, or a tensor."""
    if isinstance(given, torch.Tensor):
        return given.clone()
    shape, dtype = (given, torch.float32) if is_shape(given) else given
    if size is not None:  # rows and columns, as a choice called input_size sets them
        shape = (*shape[:2], *(size if isinstance(size, tuple) else [size] * len(shape[2:])))
    return torch.rand(shape) if dtype.is_floating_point else torch.ones(shape, dtype=dtype)


def really(build, given, choices) -> object:
    """What PyTorch itself does, with numbers, on the CPU; compiled parts run as they are."""
    torch.manual_seed(0)
    with (
        warnings.catch_warnings(),
        torch.no_grad(),
        torch.compiler.set_stance("force_eager"),
    ):
        warnings.simplefilter("ignore")
        choices = dict(choices)
        size = choices.pop("input_size", None)  # no builder of the gallery asks for it
        net = build(**choices)
        if isinstance(given, Mapping):
            return net(**{name: tensor(part) for name, part in given.items()})
        if isinstance(given, list) and not is_shape(given):
            return net(*map(tensor, given))
        return net(tensor(given, size))


def test_names_are_used_once_and_every_list_is_covered():
    parts = (TABLE, SILENT, SENTENCES, REFUSED, INPUTS, FINE)
    assert len(GALLERY_MORE) == sum(map(len, parts))
    assert all(entry.says for name, entry in GALLERY_MORE.items() if name in WRONG)


@pytest.mark.parametrize("name", GALLERY_MORE)
def test_pytorch_runs_exactly_what_is_said_to_work(name):
    entry = GALLERY_MORE[name]
    if entry.works is False:
        with pytest.raises(Exception):  # noqa: B017, PT011  whichever way PyTorch refuses
            really(entry.build, entry.input, entry.choices)
    else:
        really(entry.build, entry.input, entry.choices)


@pytest.mark.parametrize("name", WRONG)
def test_the_mistake_is_named(name):
    entry, d = GALLERY_MORE[name], diagnosis(name)
    assert d is not None, "nothing is said"
    text = told(d)
    for fragment in entry.says:
        choice = (fragment,) if isinstance(fragment, str) else fragment
        assert any(part.casefold() in text for part in choice), f"no {fragment!r} in:\n{d}"


def test_every_text_is_the_one_that_was_read(golden):
    golden("broken_more.txt", texts(GALLERY_MORE, diagnosis))


@pytest.mark.parametrize("name", WRONG)
def test_nothing_misleading_is_said(name):
    entry, d = GALLERY_MORE[name], diagnosis(name)
    assert d is not None, "nothing is said"
    assert d.works is entry.works, str(d)
    for fragment in entry.never:
        assert fragment.casefold() not in told(d), f"{fragment!r} in:\n{d}"
    assert str(d).count("→") <= ARROWS and len(str(d)) <= LONGEST, str(d)


@pytest.mark.parametrize("name", REPAIRED)
def test_the_repair_is_found(name):
    entry, d = GALLERY_MORE[name], diagnosis(name)
    assert {**entry.choices, **entry.repair} in d.repairs, str(d)


@pytest.mark.parametrize("name", WRONG)
def test_every_repair_runs_in_pytorch(name):
    entry, d = GALLERY_MORE[name], diagnosis(name)
    for repair in d.repairs if d else ():
        really(entry.build, entry.input, repair)


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_said_of_a_sound_network(name):
    assert diagnosis(name) is None, str(diagnosis(name))


@pytest.mark.parametrize("name", ["a key twice", "norms in a plain list", "squeeze by view"])
def test_the_same_is_said_again(name):
    entry = GALLERY_MORE[name]
    assert str(diagnose(entry.build, entry.input, **entry.choices)) == str(diagnosis(name))


# ------------------------------------------------------------------ the lab takes the same inputs


@pytest.mark.parametrize(
    "given",
    [WORDS, ((1, 5), torch.int64), torch.zeros(2, 6, dtype=torch.int64)],
    ids=["shape and dtype", "one sentence", "tensor"],
)
def test_a_lab_of_words(given):
    made = lab(words, given, width=[4, 8], reads=[8, 9])
    assert made.problem is None and made.trace is not None
    made.controls["reads"].value = 9
    assert made.problem is not None and made.trace is None
    assert "9" in told(made.problem) and {"width": 8, "reads": 8} in made.problem.repairs
    made.controls["reads"].value = 8
    assert made.problem is None and made.trace is not None


def test_a_lab_of_an_image_given_as_a_tensor():
    def build(channels=4):
        return nn.Sequential(nn.Conv2d(3, channels, 3), nn.ReLU(), nn.Flatten())

    made = lab(build, torch.rand(COLOUR), channels=[4, 8])
    assert made.problem is None and made.trace is not None


# ------------------------------------------------------------------ wrong calls of diagnose


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ((grey_lenet(), GREY), [("lambda", "function")]),
        ((AssignedTwice(), COLOUR), [("lambda", "function")]),
        ((nn.Sequential, GREY), ["Sequential", ("lambda", "function", "def ")]),
        ((nn.Conv2d(1, 8, 3), GREY), [("lambda", "function")]),
        ((grey_lenet,), ["shape"]),
        ((grey_lenet, None), ["shape", "(1, "]),
        ((grey_lenet, 28), ["shape", "(1, "]),
        ((grey_lenet, "1, 1, 28, 28"), ["shape", "(1, "]),
        ((grey_lenet, np.zeros(GREY, dtype=np.float32)), [("torch.from_numpy", "tensor")]),
    ],
    ids=[
        "a network", "a network of its own class", "nn.Sequential", "a layer", "no input", "None",
        "a number", "a word", "an array",
    ],
)  # fmt: skip
def test_a_wrong_call_is_a_type_error_of_one_line_that_tells_what_to_write(arguments, fragments):
    with pytest.raises(TypeError) as caught:
        diagnose(*arguments)
    text = str(caught.value)
    assert "\n" not in text and len(text) <= 200
    for fragment in fragments:
        choice = (fragment,) if isinstance(fragment, str) else fragment
        assert any(part in text for part in choice), f"no {fragment!r} in: {text}"

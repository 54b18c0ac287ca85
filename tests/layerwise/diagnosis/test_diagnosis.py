"""Every broken setting is explained: the cause, the numbers, and repairs that work."""

import linecache
import re
import warnings
from functools import cache, partial
from xml.etree import ElementTree as ET

import pytest
import told
import torch
from broken import (
    COLOUR,
    GALLERY,
    GREY,
    IMAGE,
    Residual,
    alexnet,
    gated,
    googlenet,
    lenet,
    mlp,
    pooled_to,
    resnet,
    two_convolutions,
    unflattened,
    vgg,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils import nets
from layerwise.diagnosis.repairs import RUNS
from layerwise.diagnosis.report import Diagnosis, diagnose, explained
from layerwise.tracing import building

ENTRIES = pytest.mark.parametrize("name", GALLERY)


@cache
def diagnosis(name: str) -> Diagnosis:
    """Of an entry of the gallery: made once, since the search for repairs takes its time."""
    entry = GALLERY[name]
    return diagnose(entry.build, entry.shape, **entry.choices)


def really(build, shape, choices) -> object:
    """What PyTorch itself does, with numbers, on the CPU: the output."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        net = build(**building.accepted(build, choices))
        return net(torch.rand(building.sized(shape, choices.get("input_size"))))


def fails(build, shape, choices) -> bool:
    try:
        really(build, shape, choices)
    except Exception:  # noqa: BLE001  whichever way PyTorch or Python refuses
        return True
    return False


# ------------------------------------------------------------------ the gallery


def test_the_gallery_is_large_and_holds_every_kind():
    assert len(GALLERY) >= 40
    assert {entry.kind for entry in GALLERY.values()} >= {
        "shrunk away", "in_features", "channels", "branches", "shortcut", "silent broadcast",
        "groups", "batch norm", "setting", "input", "your code",
    }  # fmt: skip


@ENTRIES
def test_the_state_really_fails_in_pytorch(name):
    entry = GALLERY[name]
    assert fails(entry.build, entry.shape, entry.choices) is not entry.works


@ENTRIES
def test_the_cause_is_named(name):
    entry, d = GALLERY[name], diagnosis(name)
    assert (d.kind, d.layer, d.works) == (entry.kind, entry.layer, entry.works), str(d)
    assert entry.cause in d.cause, str(d)
    assert entry.numbers is None or (d.expected, d.got) == entry.numbers
    if entry.line:
        file, number, text = d.line
        assert file == "broken.py" and number > 0 and entry.line in text


@ENTRIES
def test_the_cause_is_one_sentence_and_the_text_is_narrow(name):
    d = diagnosis(name)
    assert re.fullmatch(r"[^\n]+\.", d.cause) and d.headline.endswith((".", "?"))
    assert all(len(line) <= 90 for line in str(d).splitlines())
    for word in ("Error at", "Traceback", "torch.nn.modules", "size mismatch"):
        assert word not in str(d)


def test_every_text_is_the_one_that_was_read(golden):
    golden("broken.txt", told.texts(GALLERY, diagnosis))


@ENTRIES
def test_every_repair_is_complete_and_works(name):
    entry, repairs = GALLERY[name], diagnosis(name).repairs
    assert bool(repairs) is (entry.repair is not None)
    assert not entry.repair or {**entry.choices, **entry.repair} in repairs
    for repair in repairs:
        assert entry.choices.keys() <= repair.keys() and repair != entry.choices
        assert diagnose(entry.build, entry.shape, **repair) is None
        if entry.build is not alexnet:
            assert not fails(entry.build, entry.shape, repair)


@ENTRIES
def test_the_html_is_well_formed_and_needs_no_style_sheet(name):
    d = diagnosis(name)
    fragment = ET.fromstring(d.html())  # noqa: S314  our own
    assert "class" not in {key for part in fragment.iter() for key in part.attrib}
    assert d.headline in "".join(fragment.itertext()).replace("\xa0", " ")


def test_in_html_no_line_ends_inside_a_product():
    html = diagnosis("alexnet, stride 3").html()
    assert "256\xa0×\xa0" in html and " × " not in html


# ------------------------------------------------------------------ what a student reads


def test_the_text_of_a_linear_that_does_not_fit():
    assert str(diagnose(alexnet, IMAGE, channels=64, stride=8)) == (
        "Layer 10 (Linear) expects 6,400 numbers, but 256 × 2 × 2 = 1,024 arrive. "
        "6,400 = 256 × 5 ×\n"
        "5: that would be maps of 5×5.\n"
        "Layer 8 (MaxPool2d 3×3, stride 2) makes maps of 2×2 out of 6×6.\n"
        "stride=8 makes it so: layer 0 (Conv2d 11×11, stride 8, padding 1) gives 64×27×27; with\n"
        "stride=4 it gives 64×54×54, and the network works.\n"
        "Works with stride=4, or in_features=1024."
    )


def test_the_text_of_a_shortcut():
    text = str(diagnose(resnet, COLOUR, out=32, stride=2)).replace("\n", " ")
    assert "they differ in channels (32 and 16) and in size (16×16 and 32×32)" in text
    assert "the shortcut passes 16×32×32 on unchanged" in text
    assert text.endswith("Works with project=True.")


def test_the_text_of_a_concat_names_the_branch_the_layer_and_the_padding():
    text = str(diagnose(googlenet, COLOUR, padding=1)).replace("\n", " ")
    assert "branch 2 of 3 is 8×14×14, the others are 8×16×16" in text
    assert "layer 1.p2_2 (Conv2d 5×5, padding 1) makes 14×14 out of 16×16" in text
    assert "padding 2 would keep 16×16" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a misspelt layer", "MisspeltLayer has no .conv. Is conv1 meant?"),
        ("a misspelt choice", "The name chanels is not defined. Is channels meant?"),
        ("F is not imported", "The name f is not defined. Is F meant?"),
        ("a layer that is not in nn", "torch.nn has no .Conv2D. Is Conv2d meant?"),
        ("a choice that the builder lacks", "lenet has no choice called chanels. Is channels"),
        ("super().__init__() forgotten", "NoSuper.__init__ must call super().__init__()"),
        ("builder without return", "returns_nothing returns nothing: its last line must be"),
        ("builder returns a class", "returns the class Viewed, not a network: call it, Viewed()"),
        ("a forward of two inputs", "missing 1 required positional argument: 'y'"),
        ("a block without return", "The forward of block 0 (NoReturn) returns nothing."),
        ("a layer passed on, not its result", "Layer conv2 (Conv2d) gets a ReLU where a tensor"),
        ("a layer returned, not its result", "The forward of ReturnsALayer returns no tensor."),
        ("a layer without self", "The name relu is not defined. Is self.relu meant?"),
        ("the result of print", "Layer conv2 (Conv2d) gets None where a tensor is due."),
        ("one number for an image", "(batch, channels, rows, columns), but one number arrives."),
        ("a block that is None", "Place 0 of a Sequential is None."),
        ("a ModuleList that is called", "ModuleList only holds layers: call them one after"),
        ("a constructor without end", "Endless.__init__ calls itself without end."),
        ("no super().__init__(), and no layers", "NoSuperNoLayers.__init__ must call super()."),
        ("super().__init__() with arguments", "Wrong arguments: SuperWithArguments.__init__()"),
        ("a function for a layer", "relu is a function: write nn.ReLU()."),
        ("a dict of layers", "it got a dict: write Sequential(*layers.values())."),
        ("a dot in the name of a layer", 'module name can\'t contain ".", got: conv.1.'),
        ("channels of a quotient", "Conv2d cannot have out_channels=4.0: it must be a whole"),
    ],
)
def test_mistakes_in_python_in_plain_words(name, text):
    assert text in diagnosis(name).headline


@pytest.mark.parametrize(
    ("build", "shape", "cause"),
    [
        (
            partial(alexnet),
            (1, 1, 48, 48),
            "it makes 10×10 out of 48×48, on the way 48 → 10 → 4 → 1.",
        ),
        (partial(mlp, reads=32), GREY, "Layer 1 (Linear) makes 64."),
        (partial(unflattened, flat=False), GREY, "nn.Flatten() would make it 4 × 6 × 6 = 144."),
        (partial(mlp, start=0), (4, 1, 28, 28), "it starts at axis 0, and must start at axis 1."),
        (partial(vgg, ((1, 16), (1, 32), (2, 48))), GREY, "makes maps of 3×3 out of 7×7."),
        (partial(two_convolutions, first=32), COLOUR, "Layer 0 (Conv2d 3×3) makes 32 channels."),
        (partial(resnet, out=32), COLOUR, "but the shortcut passes 16×32×32 on unchanged."),
        (partial(resnet, project=True, gain=8), COLOUR, "but the block keeps 16×32×32."),
        (partial(googlenet, padding=1), COLOUR, "14×14 out of 16×16; padding 2 would keep 16×16."),
        (partial(gated, channels=8), COLOUR, "Layer 1.fc (Linear) makes 8."),
        (partial(resnet, project=True, gain=1), COLOUR, "a shortcut needs two equal shapes."),
        (partial(pooled_to, norm=nn.InstanceNorm2d), COLOUR, "a larger batch does not help."),
        (partial(lenet), (1, 28, 28), "has no batch; a batch of one image is (1, 1, 28, 28)."),
    ],
)
def test_without_choices_the_layer_behind_it_is_the_cause(build, shape, cause):
    assert diagnose(build, shape).cause.endswith(cause)


def test_the_line_is_the_innermost_of_the_students_own():
    def helper(x):
        return torch.cat([x, x[:, :, 1:]], dim=1)

    class Net(nn.Module):
        def forward(self, x):
            return helper(x)

    assert diagnose(Net, COLOUR).line[2] == "return torch.cat([x, x[:, :, 1:]], dim=1)"


def test_the_html_is_escaped():
    def build():
        raise ValueError("0 < width & width < 9")

    assert "<b>0 &lt; width &amp; width &lt; 9." in diagnose(build, COLOUR).html()


def test_the_students_own_line_is_escaped_in_the_html():
    def build(reads=8):
        return nn.Linear(8 if reads < 8 else "<b>", wdith)  # noqa: F821  the mistake

    line = "nn.Linear(8 if reads &lt; 8 else &quot;&lt;b&gt;&quot;, wdith)"
    assert line in diagnose(build, GREY).html()


def test_what_works_has_no_diagnosis():
    assert diagnose(lenet, GREY) is None
    assert diagnose(nets.alexnet, IMAGE) is None
    assert diagnose(resnet, COLOUR, project=True, out=32, stride=2) is None


def test_a_gate_and_a_scalar_are_no_silent_broadcast():
    class Net(nn.Module):
        def forward(self, x):
            return (x * x.mean(dim=(2, 3), keepdim=True) + 1).mean()

    assert diagnose(Net, COLOUR) is None


def test_numbers_given_axes_of_their_own_are_meant_to_be_repeated():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = nn.Linear(3, 3)

        def forward(self, x):
            return x + self.shift(x.mean(dim=(2, 3)))[:, :, None, None]

    assert diagnose(Net, COLOUR) is None


def test_an_image_for_a_signal():
    d = diagnose(lambda: nn.Conv1d(1, 8, 3), (1, 1, 10, 10))
    assert "needs 3 dimensions (batch, channels, positions)" in d.headline
    assert (d.expected, d.got) == (3, 4)


def test_a_linear_on_the_input_itself():
    d = diagnose(lambda: nn.Sequential(nn.Linear(784, 10), nn.Flatten()), GREY)
    assert d.cause == "The input is 1×28×28; nn.Flatten() would make it 1 × 28 × 28 = 784."


def test_a_print_in_a_forward_is_not_repeated_by_the_search(capsys):
    class Prints(nn.Module):
        def forward(self, x):
            print("here")
            return x

    def build(reads=16):
        return nn.Sequential(Prints(), nn.Conv2d(3, 8, 3), nn.Conv2d(reads, 4, 3))

    assert diagnose(build, COLOUR).repairs == [{"reads": 8}]
    assert capsys.readouterr().out == "here\n"


def test_a_builder_of_this_package_is_explained_too():
    d = diagnose(nets.alexnet, IMAGE, channels=(96, 256))
    assert d.kind == "setting" and "the same length" in d.headline and d.line is None
    assert d.repairs == [{"channels": (96, 256, 384, 384, 256)}]


def test_the_line_of_a_notebook_cell():
    name = "/tmp/ipykernel_7/123456.py"  # noqa: S108  the name that Jupyter gives a cell
    cell = "from torch import nn\n\ndef build(n=4):\n    return nn.Sequential(nn.Conv2d(3, m, 3))\n"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    space = {}
    exec(compile(cell, name, "exec"), space)  # noqa: S102  as Jupyter does
    d = diagnose(space["build"], COLOUR)
    assert d.line == ("notebook cell", 4, "return nn.Sequential(nn.Conv2d(3, m, 3))")


def test_an_unknown_failure_is_shown_honestly():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.cholesky(x)

    d = diagnose(lambda: nn.Sequential(nn.Flatten(), Odd()), COLOUR)
    assert d.kind == "your code" and "cholesky" in d.line[2] and d.layer == "1"
    d = diagnose(lambda: nn.Sequential(nn.PixelShuffle(4)), COLOUR)
    assert d.kind == "PyTorch" and d.headline.startswith("Layer 0 (PixelShuffle): PyTorch says:")


@pytest.mark.parametrize(
    ("build", "shape"), [(None, COLOUR), (lenet(), GREY), (lenet, 28), (lenet, None)]
)
def test_misuse_of_diagnose_is_an_error(build, shape):
    with pytest.raises(TypeError, match=r"function that builds|is a shape"):
        diagnose(build, shape)


# ------------------------------------------------------------------ repairs


def outcome(build, shape, choices, allowed) -> Diagnosis | None:
    return explained(build, shape, choices, building.run(build, shape, choices), allowed)


def test_in_the_lab_repairs_come_from_the_controls_alone():
    allowed = {"channels": [32, 64, 96], "stride": range(1, 9), "input_size": range(180, 260)}
    d = outcome(alexnet, IMAGE, {"channels": 64, "stride": 8, "input_size": 256}, allowed)
    assert d.kind == "in_features" and d.repairs
    for repair in d.repairs:
        assert all(repair[name] in values for name, values in allowed.items())
        assert repair.keys() == allowed.keys()
        assert building.run(alexnet, IMAGE, repair).failure is None


@pytest.mark.parametrize("stride", range(1, 9))
@pytest.mark.parametrize("size", [20, 28, 60])
def test_the_nearest_repair_comes_first(stride, size):
    """Against trying every value of every control."""
    allowed = {"stride": range(1, 9), "padding": range(9), "input_size": range(8, 80)}
    choices = {"stride": stride, "padding": 2, "input_size": size}
    d = outcome(lenet, GREY, choices, allowed)
    near = {
        (name, abs(value - choices[name]) / max(value, choices[name]))
        for name, values in allowed.items()
        for value in values
        if value != choices[name]
        and building.run(lenet, GREY, {**choices, name: value}).failure is None
    }
    if d is None or not near:
        return
    first = d.repairs[0]
    name = next(name for name in first if first[name] != choices[name])
    share = abs(first[name] - choices[name]) / max(first[name], choices[name])
    assert share == min(distance for _, distance in near)


def test_two_choices_change_where_one_is_not_enough():
    allowed = {"stride": [1, 2, 8], "padding": [-1, 2, 3], "pool": [2, 3]}
    choices = {"stride": 8, "padding": -1, "pool": 2}
    d = outcome(lenet, GREY, choices, allowed)
    assert "stride=8 and padding=-1 make it so together" in d.cause
    assert {"stride": 2, "padding": 2, "pool": 2} in d.repairs
    assert all(sum(repair[k] != choices[k] for k in choices) == 2 for repair in d.repairs)


def test_three_choices_go_back_to_their_defaults_where_nothing_less_helps():
    choices = {"stride": 0, "padding": -1, "pool": 0}
    allowed = {"stride": [0, 1], "padding": [-1, 2], "pool": [0, 2]}
    home = {"stride": 1, "padding": 2, "pool": 2}
    assert outcome(lenet, GREY, choices, allowed).repairs == [home]
    assert diagnose(lenet, GREY, **choices).repairs == [home]
    assert outcome(lenet, GREY, choices, allowed | {"pool": [0]}).repairs == []


def test_a_warning_that_the_network_always_brings_does_not_hide_its_repairs():
    class Net(nn.Module):
        def __init__(self, reads):
            super().__init__()
            self.conv, self.one = nn.Conv2d(reads, 8, 3), nn.Conv2d(8, 1, 1)

        def forward(self, x):
            x = self.conv(x)
            return x + self.one(x)

    def build(reads=3):
        return Net(reads)

    assert diagnose(build, COLOUR).kind == "silent broadcast"
    d = diagnose(build, COLOUR, reads=4)
    assert d.kind == "input" and "reads=4" in d.cause and d.repairs == [{"reads": 3}]


def test_nothing_that_works_is_said_honestly():
    d = outcome(lenet, GREY, {"stride": 8}, {"stride": [7, 8]})
    assert d.repairs == [] and "No setting near this one works." in str(d)


def test_repairs_are_found_when_asked_for_and_with_few_traces(monkeypatch):
    runs = []
    real = building.run
    monkeypatch.setattr(building, "run", lambda *args: runs.append(args) or real(*args))
    d = diagnose(nets.alexnet, IMAGE, strides=(8, 1, 1, 1, 1))
    assert d.headline and d.html() and len(runs) <= 4
    assert d.repairs and d.repairs is d.repairs and len(runs) <= RUNS + 4
    again = diagnose(nets.alexnet, IMAGE, strides=(8, 1, 1, 1, 1))
    assert again.repairs == d.repairs and str(again) == str(d)


def test_a_nested_choice_is_repaired_at_the_entry_that_is_wrong():
    d = diagnose(vgg, GREY, arch=((1, 16), (1, 32), (2, 48)))
    assert d.repairs == [{"arch": ((1, 16), (1, 32), (2, 64))}]
    assert "Works with arch[2][1]=64." in str(d)


def test_a_choice_without_a_default_can_be_the_cause():
    def build(width):
        return mlp(hidden=width)

    d = diagnose(build, GREY, width=63)
    assert d.cause.startswith("width=63 makes it so") and d.repairs == [{"width": 64}]


# ------------------------------------------------------------------ at random

ODD = st.sampled_from([0, -1, 1.5, None, "2"])
FEW = st.integers(1, 4)


@st.composite
def layers(draw):
    """Small networks as students change them: mostly sound, some settings odd."""

    def number(usual):
        return draw(ODD) if draw(st.integers(0, 19)) == 0 else draw(usual)

    found, channels = [], 3
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["conv", "pool", "norm", "block", "join", "dropout"]))
        reads = channels if draw(st.integers(0, 9)) else channels + 1
        if kind == "conv":
            out = draw(st.sampled_from([2, 4, 6]))
            window = (number(FEW), number(FEW), number(st.integers(0, 2)))
            found.append(
                (kind, reads, number(st.just(out)), *window, number(st.sampled_from([1, 1, 2])))
            )
            channels = out
        elif kind == "pool":
            found.append((kind, number(FEW), number(FEW), number(st.integers(0, 2))))
        elif kind == "block":
            out, stride = draw(st.sampled_from([channels, 4])), draw(st.sampled_from([1, 1, 2]))
            found.append((kind, reads, out, stride, draw(st.booleans())))
            channels = out
        elif kind == "join":
            found.append((kind, reads, draw(st.integers(0, 2))))
            channels = 2 * channels
        else:
            found.append((kind, number(st.just(reads))))
    if draw(st.booleans()):
        found.append(("head", draw(st.booleans()), channels * draw(st.sampled_from([1, 4, 16]))))
    return tuple(found)


class Joined(nn.Module):
    def __init__(self, channels, padding):
        super().__init__()
        self.a, self.b = (
            nn.Conv2d(channels, channels, 1),
            nn.Conv2d(channels, channels, 3, 1, padding),
        )

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x)], dim=1)


def random_net(spec):
    make = {
        "conv": lambda i, o, k, s, p, g: nn.Conv2d(i, o, k, s, p, groups=g),
        "pool": nn.MaxPool2d,
        "norm": nn.BatchNorm2d,
        "dropout": lambda n: nn.Dropout(0.1 if isinstance(n, int) and n > 0 else n),
        "block": Residual,
        "join": Joined,
        "head": lambda flat, n: nn.Sequential(
            nn.Flatten() if flat else nn.Identity(), nn.Linear(n, 5)
        ),
    }
    return nn.Sequential(*[make[kind](*numbers) for kind, *numbers in spec])


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(layers(), st.sampled_from([(2, 3, 8, 8), (1, 3, 4, 4), (2, 1, 8, 8), (3, 8, 8), (2, 3)]))
def test_a_random_network_works_or_is_explained_by_name(spec, shape):
    d = diagnose(random_net, shape, spec=spec)
    assert fails(random_net, shape, {"spec": spec}) is (d is not None and not d.works)
    if d is not None:
        assert d.kind != "PyTorch", d.headline
        assert d.headline and d.cause


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(
                st.integers(-2, 40), ODD, st.tuples(FEW, FEW), st.booleans(), st.just([])
            )
            for name in ("channels", "kernel", "stride", "padding", "pool", "groups", "pooled")
        }
        | {"input_size": st.one_of(st.integers(-1, 40), ODD, st.tuples(FEW, FEW, FEW))},
    )
)
def test_whatever_is_set_nothing_is_raised(choices):
    d = diagnose(lenet, GREY, **choices)
    if d is None:
        assert not fails(lenet, GREY, choices)
    else:
        assert d.kind != "PyTorch", d.headline
        assert str(d) and d.html()


@pytest.mark.parametrize(
    "choices",
    [
        {"groups": [], "kernel": (1, 1)},
        {"kernel": ([], [])},
        {"stride": float("nan")},
        {"pool": (float("nan"), 2)},
        {"padding": float("inf"), "groups": []},
    ],
    ids=str,
)
def test_settings_that_are_no_numbers_are_named(choices):
    d = diagnose(lenet, GREY, **choices)
    assert d.kind != "PyTorch" and str(d) and d.html()

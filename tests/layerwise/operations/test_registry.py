"""Every entry of the registry against the CPU: the same shape, type and layout, or both refuse."""

import warnings
from itertools import permutations, product
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_cases import CASES
from torch import Tensor, nn
from torch.nn import functional as F

from layerwise import ShapeError, trace
from layerwise.operations.kinds import Kind
from layerwise.operations.registry import entries, find
from layerwise.tracing import dispatch
from layerwise.tracing.dispatch import mapped, rule_effect, tensors_in

ENTRIES = {entry.name: entry for entry in entries()}
REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError, NotImplementedError)
TRIES = 16  # to find a case that PyTorch runs, three times of four
seen = SimpleNamespace(output=None)  # what the traced function gave, whatever it was


class Calling(nn.Module):
    """A network of one function."""

    def __init__(self, function, args, kwargs) -> None:
        super().__init__()
        if isinstance(function, nn.Module):
            self.layer = function
        self.call = [function, args, kwargs]

    def forward(self, *tensors):
        function, args, kwargs = self.call
        waiting = iter(tensors)
        args = mapped(lambda _: next(waiting), args)
        seen.output = getattr(self, "layer", function)(*args, **kwargs)
        return seen.output


def facts(output) -> list:
    """Shape, type and order in memory of every result."""
    return [
        (tuple(t.shape), t.dtype, order(t)) if isinstance(t, Tensor) else t
        for t in tensors_in((output,))
    ]


def order(t: Tensor) -> list[int]:
    """The strides, without those of axes of one pixel, which mean nothing."""
    return [s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1 and t.numel()]


def copied(t: Tensor) -> Tensor:
    """A copy with the same strides, those of axes of one pixel too."""
    return torch.empty_strided(t.shape, t.stride(), dtype=t.dtype).copy_(t)


def really(function, args, kwargs):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return facts(function(*mapped(copied, args), **kwargs))
        except REFUSALS as problem:
            return f"refused: {problem}"


def traced(function, args, kwargs):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            trace(Calling(function, args, kwargs), *tensors_in(args))
        except REFUSALS as problem:
            return f"refused: {problem}"
    return facts(seen.output)


def test_every_entry_has_its_cases():
    assert sorted(CASES) == sorted(ENTRIES)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_entry_against_the_cpu(name, record_property, monkeypatch):
    count, ran, decided = 0, 0, set()

    def watched(entry, *args):
        try:
            effect = rule_effect(entry, *args)
        except ShapeError:
            decided.add(entry.name)
            raise
        if effect is not NotImplemented:
            decided.add(entry.name)
        return effect

    monkeypatch.setattr(dispatch, "rule_effect", watched)

    @settings(max_examples=30 if ENTRIES[name].rule else 10, deadline=None, derandomize=True)
    @given(st.data())
    def agree(data):
        nonlocal count, ran
        count += 1
        for _ in range(data.draw(st.sampled_from([1, TRIES, TRIES, TRIES]))):
            function, args, kwargs = CASES[name](data.draw)
            expected = really(function, args, kwargs)
            if not isinstance(expected, str):
                ran += 1
                break
        got = traced(function, args, kwargs)
        if isinstance(expected, str) or isinstance(got, str):
            assert isinstance(expected, str) and isinstance(got, str), (args, kwargs, expected, got)
        else:
            assert got == expected, (args, kwargs)

    agree()
    ruled = ENTRIES[name].rule is not None
    assert not ruled or name in decided, f"its rule decides none of {count} cases"
    assert 3 * ran >= count, f"PyTorch runs {ran} of {count} cases only"
    record_property("cases", count)


ORDERED = {  # by axes of the image: functions of it, given its channels
    1: (
        lambda x, c: F.conv1d(x, torch.ones(4, c, 1)),
        lambda x, c: F.conv_transpose1d(x, torch.ones(c, 4, 2)),
        lambda x, _: F.adaptive_avg_pool1d(x, 2),
    ),
    2: (
        lambda x, c: F.conv2d(x, torch.ones(4, c, 1, 1)),
        lambda x, c: F.conv_transpose2d(x, torch.ones(c, 4, 2, 2)),
        lambda x, _: F.max_pool2d(x, 1),
        lambda x, _: F.adaptive_avg_pool2d(x, 2),
        lambda x, _: F.interpolate(x, scale_factor=2) if x.dim() == 4 else x,
        lambda x, _: F.batch_norm(x, None, None, training=True) if x.dim() == 4 else x,
        lambda x, _: torch.cat([x, x], -3),
        lambda x, _: F.pad(x, (1, 1)),
    ),
}


@pytest.mark.parametrize(("axes", "function"), [(n, f) for n in ORDERED for f in ORDERED[n]])
def test_axes_of_one_pixel_in_every_order_in_memory(axes, function):
    """A grey image that was permuted is contiguous, and channels last as well."""
    for lead in [(2, 3), (1, 3), (3,), (2, 1), (1, 1), (1,)]:
        for size in product((1, 2), repeat=axes):
            for x in in_every_order((*lead, *size)):
                args = function, (x, lead[-1]), {}
                expected = really(*args)
                assert isinstance(expected, str) or traced(*args) == expected, x.stride()


LARGE = {  # too much to be tried on zeros
    "grey rows": (lambda x: F.conv1d(x.transpose(1, 2), torch.ones(4, 1, 3)), (2, 4 * 10**5, 1)),
    "grey": (lambda x: F.conv2d(x.movedim(3, 1), torch.ones(4, 1, 3, 3)), (2, 600, 600, 1)),
    "colour": (lambda x: F.conv2d(x.movedim(3, 1), torch.ones(4, 3, 3, 3)), (2, 600, 600, 3)),
    "unequal": (lambda x: torch.cdist(x[:, 1:], x), (2, 4 * 10**5)),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_lies_and_is_refused_as_on_the_cpu(name):
    function, size = LARGE[name]
    args = function, (torch.ones(size),), {}
    expected, got = really(*args), traced(*args)
    assert got == expected
    assert isinstance(got, str) == (name == "unequal")


def in_every_order(shape):
    """Tensors of this shape, as permuting one that is contiguous makes them."""
    for order in permutations(range(len(shape))):
        made = torch.ones([shape[axis] for axis in order])
        yield made.permute([order.index(axis) for axis in range(len(shape))])


@pytest.mark.parametrize("size", [(2, 3, 3), (1, 3, 3)])
def test_an_average_in_three_axes_looks_at_the_image_without_its_padding(size):
    image = torch.ones(1, 1, *size)
    expected = really(F.avg_pool3d, (image, (2, 3, 3), 1, 1), {})
    got = traced(F.avg_pool3d, (image, (2, 3, 3), 1, 1), {})
    assert isinstance(expected, str) == isinstance(got, str) == (size[0] < 2)
    assert isinstance(got, str) or got == expected


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_entry_is_told_in_words(name):
    entry = ENTRIES[name]
    assert entry.sentence or entry.name in ("cat", "concat", "concatenate")
    assert isinstance(entry.kind, Kind)


def test_a_layer_finds_its_operation():
    pairs = {"Conv2d": "conv2d", "MaxPool2d": "max_pool2d",
             "AdaptiveAvgPool1d": "adaptive_avg_pool1d",
             "BatchNorm3d": "batch_norm", "LayerNorm": "layer_norm", "Linear": "linear",
             "Dropout2d": "dropout2d", "LeakyReLU": "leaky_relu", "Softmax": "softmax"}  # fmt: skip
    assert {layer: find(layer).name for layer in pairs} == pairs
    assert find("Residual") is None


def test_an_error_names_the_two_numbers():
    with pytest.raises(ShapeError, match="expects 6,400 features, but 9,216 arrive") as caught:
        trace(nn.Linear(6400, 10), (1, 9216))
    assert (caught.value.expected, caught.value.got) == (6400, 9216)
    with pytest.raises(ShapeError, match=r"floor\(\(2 \+ 2·0 - 3\) / 2\) \+ 1 = 0"):
        trace(nn.MaxPool2d(3, 2), (1, 8, 2, 2))

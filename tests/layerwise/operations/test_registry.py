"""Every entry of the registry against the CPU: the same shape, type and layout, or both refuse."""

import warnings
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
from layerwise.tracing.dispatch import mapped, tensors_in

ENTRIES = {entry.name: entry for entry in entries()}
REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AssertionError, NotImplementedError)
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
def test_entry_against_the_cpu(name, record_property):
    count = 0

    @settings(max_examples=30 if ENTRIES[name].rule else 10, deadline=None, derandomize=True)
    @given(st.data())
    def agree(data):
        nonlocal count
        count += 1
        function, args, kwargs = CASES[name](data.draw)
        expected, got = really(function, args, kwargs), traced(function, args, kwargs)
        if isinstance(expected, str) or isinstance(got, str):
            assert isinstance(expected, str) and isinstance(got, str), (args, kwargs, expected, got)
        else:
            assert got == expected, (args, kwargs)

    agree()
    record_property("cases", count)


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

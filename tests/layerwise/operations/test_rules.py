"""Every shape rule against the real operation on the CPU: the same shape, or both refuse."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from layerwise.operations import rules
from layerwise.operations.effects import EFFECTS
from layerwise.operations.shapes import ShapeError

CASES = settings(max_examples=300, deadline=None, derandomize=True)
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

small = st.integers(1, 4)
size = st.integers(1, 9)


def numbers(low: int, high: int, axes: int):
    """An int, or one per axis: the two ways PyTorch takes a setting."""
    one = st.integers(low, high)
    return one | st.tuples(*[one] * axes)


def agree(name: str, real, *args, **kwargs) -> None:
    """Rule and operation give the same shape, or both raise."""
    try:
        expected = tuple(real(*args, **kwargs).shape)
    except (RuntimeError, ValueError, IndexError, TypeError) as problem:
        expected = f"refused: {problem}"
    try:
        effect = EFFECTS[name](*args, **kwargs)
        got = effect.shape
    except ShapeError as problem:
        got = f"refused: {problem}"
    if isinstance(expected, str):
        assert isinstance(got, str), (name, args, kwargs, expected, got)
    else:
        assert got == expected, (name, [getattr(a, "shape", a) for a in args], kwargs)


@CASES
@given(st.data())
def test_convolution(data):
    axes, groups = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([1, 1, 1, 2, 3]))
    kernel = data.draw(st.tuples(*[st.integers(1, 5)] * axes))
    channels = data.draw(small) * groups if data.draw(st.booleans()) else data.draw(small)
    weight = torch.zeros(
        data.draw(small) * data.draw(st.sampled_from([1, groups])),
        data.draw(small) if data.draw(st.booleans()) else max(channels // groups, 1),
        *kernel,
    )
    lead = data.draw(st.sampled_from([(2, channels), (channels,), (1, 2, channels)]))
    x = torch.zeros(*lead, *data.draw(st.tuples(*[size] * axes)))
    agree(
        f"conv{axes}d",
        getattr(F, f"conv{axes}d"),
        x,
        weight,
        None,
        data.draw(numbers(0, 4, axes)),
        data.draw(numbers(-1, 3, axes) | st.sampled_from(["same", "valid"])),
        data.draw(numbers(0, 3, axes)),
        groups,
    )


@CASES
@given(st.data())
def test_transposed_convolution(data):
    axes = data.draw(st.integers(1, 2))
    weight = torch.zeros(
        data.draw(small), data.draw(small), *data.draw(st.tuples(*[st.integers(1, 4)] * axes))
    )
    x = torch.zeros(1, data.draw(small), *data.draw(st.tuples(*[st.integers(1, 5)] * axes)))
    agree(
        f"conv_transpose{axes}d",
        getattr(F, f"conv_transpose{axes}d"),
        x,
        weight,
        None,
        data.draw(numbers(1, 3, axes)),
        data.draw(numbers(0, 3, axes)),
        data.draw(numbers(0, 3, axes)),
        1,
        data.draw(numbers(1, 2, axes)),
    )


@CASES
@given(st.data())
def test_max_pooling(data):
    axes = data.draw(st.integers(1, 3))
    lead = data.draw(st.sampled_from([(2, 3), (3,)]))
    x = torch.zeros(*lead, *data.draw(st.tuples(*[size] * axes)))
    agree(
        f"max_pool{axes}d",
        getattr(F, f"max_pool{axes}d"),
        x,
        data.draw(numbers(0, 5, axes)),
        data.draw(st.none() | numbers(0, 4, axes)),
        data.draw(numbers(-1, 3, axes)),
        data.draw(numbers(0, 3, axes)),
        ceil_mode=data.draw(st.booleans()),
    )


@CASES
@given(st.data())
def test_average_pooling(data):
    axes = data.draw(st.integers(1, 3))
    x = torch.zeros(2, 3, *data.draw(st.tuples(*[size] * axes)))
    agree(
        f"avg_pool{axes}d",
        getattr(F, f"avg_pool{axes}d"),
        x,
        data.draw(numbers(0, 5, axes)),
        data.draw(st.none() | numbers(0, 4, axes)),
        data.draw(numbers(-1, 3, axes)),
        ceil_mode=data.draw(st.booleans()),
    )


@CASES
@given(st.data())
def test_adaptive_pooling(data):
    axes, kind = data.draw(st.integers(1, 3)), data.draw(st.sampled_from(["avg", "max"]))
    x = torch.zeros(2, 3, *data.draw(st.tuples(*[size] * axes)))
    kept = st.none() if axes > 1 else st.nothing()  # the 1-d forms know no None
    wanted = data.draw(st.integers(1, 6) | st.tuples(*[kept | st.integers(1, 6)] * axes))
    agree(f"adaptive_{kind}_pool{axes}d", getattr(F, f"adaptive_{kind}_pool{axes}d"), x, wanted)


shapes = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple)
tensors = shapes.map(torch.ones)


@CASES
@given(tensors, small, small)
def test_linear(x, out, features):
    agree("linear", F.linear, x, torch.ones(out, features))


@CASES
@given(tensors, tensors)
def test_matmul_and_broadcast(a, b):
    agree("matmul", torch.matmul, a, b)
    agree("add", torch.add, a, b)


@CASES
@given(
    st.lists(st.tuples(st.integers(1, 2), st.integers(1, 2), st.just(3)), min_size=1, max_size=3),
    st.integers(-4, 3),
)
def test_cat_and_stack(sizes, dim):
    parts = [torch.ones(size) for size in sizes]
    agree("cat", torch.cat, parts, dim)
    agree("stack", torch.stack, parts, dim)


@CASES
@given(tensors, st.integers(-5, 4), st.integers(-5, 4), st.booleans())
def test_flatten_reduce_and_softmax(x, first, last, keep):
    agree("flatten", torch.flatten, x, first, last)
    agree("mean", torch.mean, x, (first, last), keep)
    agree("sum", torch.sum, x, first, keep)
    agree("softmax", F.softmax, x, first)


@CASES
@given(shapes, st.lists(st.integers(-2, 6), min_size=1, max_size=3).map(tuple))
def test_reshape(shape, target):
    try:
        expected = tuple(torch.ones(shape).reshape(target).shape)
    except RuntimeError:
        with pytest.raises(ShapeError):
            rules.reshape(shape, target)
    else:
        assert rules.reshape(shape, target) == expected


@CASES
@given(tensors, small, st.booleans())
def test_normalization(x, channels, training):
    agree(
        "batch_norm",
        F.batch_norm,
        x,
        torch.zeros(channels),
        torch.ones(channels),
        training=training,
    )
    agree("group_norm", F.group_norm, x, channels)
    agree("layer_norm", F.layer_norm, x, (channels,))


@CASES
@given(tensors, st.lists(st.integers(-2, 3), min_size=1, max_size=6))
def test_padding_and_dropout(x, amounts):
    agree("pad", F.pad, x, amounts)
    agree("dropout", F.dropout, x, amounts[0] / 2)


def test_an_error_names_the_two_numbers():
    with pytest.raises(ShapeError, match="expects 6,400 features, but 9,216 arrive") as caught:
        rules.linear((1, 9216), (4096, 6400))
    assert (caught.value.expected, caught.value.got) == (6400, 9216)
    with pytest.raises(ShapeError, match=r"floor\(\(2 \+ 2·0 - 3\) / 2\) \+ 1 = 0"):
        rules.pool((1, 8, 2, 2), 2, 3, 2)


def test_one_size_worked_by_hand():
    assert rules.window_size(224, 11, 4, 1) == 54
    assert rules.window_formula(224, 11, 4, 1) == "floor((224 + 2·1 - 11) / 4) + 1"

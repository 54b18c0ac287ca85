"""One operation on tensors without numbers: type, layout and identity of what it gives."""

import operator

import pytest
import torch
from torch.nn import functional as F

from layerwise.tracing import dispatch
from layerwise.tracing.meta_copy import like

WEIGHT, ONE = torch.rand(4, 3, 3, 3), torch.rand(4, 1, 3, 3)
CONVOLUTION = {
    "conv2d": lambda x: (F.conv2d, (x, (WEIGHT if x.shape[1] == 3 else ONE).to(x.dtype)), {}),
    "relu": lambda x: (F.relu, (x,), {}),
    "max_pool2d": lambda x: (F.max_pool2d, (x, 2), {}),
    "avg_pool2d": lambda x: (F.avg_pool2d, (x, 2), {}),
    "adaptive_avg_pool2d": lambda x: (F.adaptive_avg_pool2d, (x, 2), {}),
    "interpolate": lambda x: (F.interpolate, (x, 12), {}),
    "pixel_unshuffle": lambda x: (F.pixel_unshuffle, (x, 2), {}),
    "group_norm": lambda x: (F.group_norm, (x, 1), {}),
    "softmax": lambda x: (F.softmax, (x, 1), {}),
}


def performed(name, func, args, kwargs):
    """What the real operation gives, and what it is said to give."""
    said = [like(one) if isinstance(one, torch.Tensor) else one for one in args]
    tensors = [one for one in said if isinstance(one, torch.Tensor)]
    made, _ = dispatch.perform(func, name, tuple(said), dict(kwargs), tensors)
    return func(*args, **kwargs), made


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", CONVOLUTION)
def test_type_and_layout_are_those_of_pytorch(name, layout, channels, dtype):
    image = torch.rand(2, channels, 6, 6, dtype=dtype).contiguous(memory_format=layout)
    real, made = performed(name, *CONVOLUTION[name](image))
    assert made.is_meta
    assert (made.shape, made.dtype) == (real.shape, real.dtype)
    assert made.stride() == real.stride()


IN_PLACE = {
    "__iadd__": operator.iadd,
    "__imul__": operator.imul,
    "add_": torch.Tensor.add_,
    "mul_": torch.Tensor.mul_,
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_writes_gives_its_first_tensor_back(name):
    first, second = torch.empty(2, 3, device="meta"), torch.empty(3, device="meta")
    made, _ = dispatch.perform(IN_PLACE[name], name, (first, second), {}, [first, second])
    assert made is first


def test_what_writes_is_told_by_its_name():
    names = "__iadd__ __imul__ __idiv__ __setitem__ add_ relu_ zero_".split()
    assert all(map(dispatch.writes, names))
    names = "__add__ __invert__ __index__ __init__ __int__ __getitem__ add relu __rsub__".split()
    assert not any(map(dispatch.writes, names))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("add_", "add"),
        ("__iadd__", "add"),
        ("__radd__", "add"),
        ("__rsub__", "rsub"),
        ("__getitem__", "getitem"),
        ("__invert__", "invert"),
        ("relu", "relu"),
    ],
)
def test_one_operation_has_one_name(name, plain):
    assert dispatch.public(name) == plain


@pytest.mark.parametrize(
    ("name", "func", "more"),
    [
        ("softmax", F.softmax, {"dim": 1, "dtype": torch.float64}),
        ("sum", torch.sum, {"dim": 1, "dtype": torch.float64}),
        ("mean", torch.mean, {"dim": (1, 2), "dtype": torch.float16}),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_a_type_that_is_asked_for_is_given(name, func, more, large):
    X = torch.empty(2000 if large else 2, 30, 40, device="meta")
    made, _ = dispatch.perform(func, name, (X,), more, [X])
    assert made.dtype is more["dtype"] and made.is_meta
    if name == "softmax":
        made, _ = dispatch.perform(torch.softmax, name, (X, 1, more["dtype"]), {}, [X])
        assert made.dtype is more["dtype"]

"""The part of the image that each place of a map sees, against a measurement by gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from layerwise import trace
from layerwise.tracing.receptive_bounds import Bounds, bounds

SIZE = (11, 8)


def measured(net, shape, at):
    """First and last row and column with a gradient from one place; `at` indexes the output."""
    x = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    found = net(x)[at]
    if not (found * torch.rand_like(found)).sum().requires_grad:
        return None
    (found * torch.rand_like(found)).sum().backward()
    touched = x.grad[0].abs().sum(0) > 1e-12
    if not touched.any():
        return None
    return tuple(
        (int(line.nonzero()[0]), int(line.nonzero()[-1]))
        for line in (touched.any(1), touched.any(0))
    )


def told(seen: Bounds, places):
    ends = tuple(along.ends[place] for along, place in zip(seen, places, strict=True))
    return None if any(first > last for first, last in ends) else ends


def check(net, shape=(1, 2, *SIZE), rows=2, columns=3):
    """Every place of the output sees what the gradient says."""
    torch.manual_seed(0)
    net = net.double().eval()
    seen = bounds(trace(net, shape))[-1]
    output = net(torch.rand(shape, dtype=torch.float64))
    assert seen is not None
    for row in range(output.shape[rows]):
        for column in range(output.shape[columns]):
            at = [slice(None)] * output.dim()
            at[rows], at[columns] = row, column
            assert told(seen, (row, column)) == measured(net, shape, tuple(at)), (row, column)


class Made(nn.Module):
    """A network of one function."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


def conv(kernel=3, **settings):
    return nn.Conv2d(2, 2, kernel, **settings)


def gated(x, layer, gate):
    y = layer(x)
    return y * gate(y.mean((2, 3), keepdim=True))


def turned(x, norm, linear):
    """Channels last in between, as ConvNeXt does it."""
    return linear(norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


CASES = {
    "stride that leaves the last column out": nn.Sequential(conv(3, stride=2), conv(2)),
    "windows that see padding alone": conv(1, padding=2),
    "dilation whose first tap is padding": conv(3, dilation=2, padding=1),
    "kernels that are not square": nn.Sequential(conv((1, 5), padding=(0, 2)), conv((4, 1))),
    "padding of the same size": conv(4, padding="same"),
    "pooling past the edge": nn.AvgPool2d(3, 2, ceil_mode=True),
    "adaptive pooling": nn.AdaptiveAvgPool2d((4, 3)),
    "a constant border": nn.Sequential(nn.ZeroPad2d((1, 0, 2, 1)), conv(3, stride=2)),
    "a border that crops": nn.Sequential(nn.ZeroPad2d((-1, 0, -2, 1)), conv(3)),
    "a shortcut": Made(
        lambda x, a, b: a(x) + b(x), conv(5, stride=2, padding=2), conv(1, stride=2)
    ),
    "a concat": Made(
        lambda x, a, b: torch.cat([a(x), b(x)], 1), conv(3, padding=1), conv(1)
    ),
    "a gate over the whole map": Made(gated, conv(), nn.Conv2d(2, 2, 1)),
    "half of the channels": Made(lambda x, a: a(x.chunk(2, 1)[0]), nn.Conv2d(1, 2, 3)),
    "channels last and back": nn.Sequential(
        Made(turned, nn.LayerNorm(2), nn.Linear(2, 2)), conv(3, stride=2)
    ),
    "batch norm": nn.Sequential(conv(), nn.BatchNorm2d(2), nn.GELU()),
    "group norm looks at the whole map": nn.Sequential(conv(), nn.GroupNorm(1, 2)),
    "batch norm that measures": nn.Sequential(
        conv(), nn.BatchNorm2d(2, track_running_stats=False)
    ),
    "softmax over the channels": nn.Sequential(conv(), nn.Softmax(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_place_sees_what_the_gradient_shows(name):
    check(CASES[name])


def test_rows_and_columns_are_found_while_channels_are_last():
    check(Made(turned_once, nn.LayerNorm(2), nn.Linear(2, 3)), rows=1, columns=2)


def turned_once(x, norm, linear):
    return linear(norm(x.permute(0, 2, 3, 1)))


layers = st.builds(
    lambda kernel, stride, dilation, padding: conv(
        kernel, stride=stride, dilation=dilation, padding=padding
    ),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 2),
    st.integers(0, 2),
)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.lists(layers, min_size=1, max_size=3))
def test_random_chains_see_what_the_gradient_shows(parts):
    net = nn.Sequential(*parts)
    try:
        trace(net, (1, 2, *SIZE))
    except RuntimeError:  # a window that does not fit
        return
    check(net)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.transpose(2, 3),
        lambda x: x.flip(3),
        lambda x: x.roll(1, 3),
        lambda x: x[:, :, ::2],
        lambda x: F.interpolate(x, scale_factor=2),
        lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
        lambda x: x.flatten(2).unsqueeze(3),
        lambda x: x.reshape(1, 2, 11, 2, 4).permute(0, 1, 3, 2, 4),
        lambda x: torch.permute(x, dims=(0, 1, 3, 2)),
    ],
)
def test_what_is_not_known_is_not_told(function):
    seen = bounds(trace(Made(function), (1, 2, *SIZE)))
    assert seen[-1] is None


def test_a_network_without_an_image_has_no_bounds():
    assert bounds(trace(nn.Linear(3, 2), (1, 3))) == (None,)

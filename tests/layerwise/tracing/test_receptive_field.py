"""Receptive field and effective stride, against a measurement by gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from layerwise import trace
from layerwise.operations.window import Window, adaptive_window
from layerwise.tracing.receptive_field import Field, meet, start, through

SIZE = 96  # wide enough that no window of these networks leaves the image


def measured(net: nn.Module, row: int) -> tuple[int, int]:
    """First and last input pixel with a gradient from output pixel `row` of the diagonal."""
    x = torch.rand(1, 1, SIZE, SIZE, requires_grad=True)
    net(x)[0, :, row, row].sum().backward()
    touched = x.grad[0, 0].abs().sum(dim=1).nonzero().flatten()
    return int(touched[0]), int(touched[-1])


def layer(kind: str, kernel: int, stride: int, dilation: int) -> nn.Module:
    if kind == "pool":
        return nn.AvgPool2d(kernel, stride)  # max pooling sends its gradient to one pixel only
    conv = nn.Conv2d(1, 1, kernel, stride, dilation=dilation, bias=False)
    nn.init.ones_(conv.weight)
    return conv


class TwoPaths(nn.Module):
    """A long and a short path over the same pixels, centred on each other."""

    def __init__(self, long: int, short: int) -> None:
        super().__init__()
        self.long = nn.Conv2d(1, 1, long, padding=long // 2, bias=False)
        self.short = nn.Conv2d(1, 1, short, padding=short // 2, bias=False)
        for conv in (self.long, self.short):
            nn.init.ones_(conv.weight)

    def forward(self, x):
        return self.long(x) + self.short(x)


layers = st.builds(
    layer,
    st.sampled_from(["conv", "pool"]),
    st.integers(1, 5),
    st.integers(1, 2),
    st.integers(1, 2),
)
paths = st.builds(TwoPaths, st.sampled_from([1, 3, 5]), st.sampled_from([1, 3]))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(layers | paths, min_size=1, max_size=4))
def test_field_and_stride_are_what_the_gradient_shows(parts):
    net = nn.Sequential(*parts).double()
    step = trace(net, (1, 1, SIZE, SIZE)).steps[-1]
    middle = step.output[-1] // 2
    first, last = measured(net.float(), middle)
    assert step.receptive_field == (last - first + 1,) * 2
    assert step.stride == (measured(net, middle + 1)[0] - first,) * 2


def test_the_recurrence_by_hand():
    """conv 3x3, pool 2x2 stride 2, conv 3x3: 3, then 3 + 1 = 4, then 4 + 2·2 = 8."""
    field = through(start(2), Window((3, 3), (1, 1)))
    field = through(field, Window((2, 2), (2, 2)))
    assert through(field, Window((3, 3), (1, 1))) == Field((8, 8), (2, 2))


def test_meeting_branches_take_the_longest_on_each_axis():
    assert meet([Field((3, 9), (1, 1)), Field((5, 7), (1, 2))]) == Field((5, 9), (1, 2))
    assert meet([None, Field((3, 3), (1, 1))]) is None  # the longest path may be the unknown


def test_a_merge_with_an_upsampled_branch_is_not_known():
    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Conv2d(3, 4, 2, 2), nn.ConvTranspose2d(4, 3, 2, 2)

        def forward(self, x):
            return torch.cat((x, self.up(self.down(x))), dim=1)

    assert [s.receptive_field for s in trace(UNet(), (1, 3, 8, 8)).steps] == [(2, 2), None, None]


@pytest.mark.parametrize(
    ("size", "output", "window"),
    [
        ((7, 7), (1, 1), Window((7, 7), (7, 7))),
        ((7,), (3,), Window((3,), (2,))),
        ((5,), (5,), Window((1,), (1,))),
    ],
)
def test_adaptive_windows(size, output, window):
    assert adaptive_window(size, output) == window


def test_fields_end_where_pixels_lose_their_place():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ChannelShuffle(2), nn.Flatten(), nn.Linear(144, 2))
    assert [s.receptive_field for s in trace(net, (1, 3, 8, 8)).steps] == [(3, 3), None, None, None]
    turned = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Flatten(0, 1), nn.Unflatten(0, (1, 8)))
    assert trace(turned, (1, 3, 8, 8)).steps[0].receptive_field == (1, 1)


@pytest.mark.parametrize(("dim", "known"), [(0, True), (1, True), (2, False), (-1, False)])
def test_joined_along_rows_or_columns_pixels_stand_elsewhere(dim, known):
    class Joins(nn.Module):
        def forward(self, x):
            return torch.cat([x, x], dim)

    (step,) = trace(Joins(), (1, 3, 8, 8)).steps
    assert step.receptive_field == ((1, 1) if known else None)


def test_views_that_keep_rows_and_columns_keep_the_field():
    class Shuffle(nn.Module):
        def forward(self, x):
            x = x.view(1, 2, 2, 8, 8).transpose(1, 2).reshape(1, 4, 8, 8)
            return x[:, :2]

    class Turn(nn.Module):
        def forward(self, x):
            return x.transpose(2, 3)

    conv = nn.Conv2d(3, 4, 3, padding=1)
    assert trace(nn.Sequential(conv, Shuffle()), (1, 3, 8, 8)).steps[-1].receptive_field == (3, 3)
    assert trace(nn.Sequential(conv, Turn()), (1, 3, 8, 8)).steps[-1].receptive_field is None

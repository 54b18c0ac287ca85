"""What a diagnosis advises can be done, and helps."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from layerwise import diagnose


def text(build, shape):
    return " ".join(str(diagnose(build, shape)).split())


class Joined(nn.Module):
    """Two branches that meet in a concat: one keeps the size, the other is a convolution."""

    def __init__(self, *args, **settings):
        super().__init__()
        self.keeps, self.other = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, *args, **settings)

    def forward(self, x):
        return torch.cat([self.keeps(x), self.other(x)], 1)


@pytest.mark.parametrize(
    ("kernel", "dilation", "padding"), [(3, 1, 1), (5, 1, 2), (3, 2, 2), (3, 3, 3), (4, 2, 3)]
)
def test_the_padding_that_would_keep_the_size_keeps_it(kernel, dilation, padding):
    said = text(lambda: Joined(kernel, dilation=dilation), (1, 3, 16, 16))
    assert re.search(r"padding (\d+) would keep 16×16", said)[1] == str(padding)
    assert (
        diagnose(lambda: Joined(kernel, dilation=dilation, padding=padding), (1, 3, 16, 16)) is None
    )


@pytest.mark.parametrize(
    "settings", [{"kernel_size": 4}, {"kernel_size": (3, 5)}, {"kernel_size": 3, "stride": 2}]
)
def test_no_padding_is_advised_where_none_would_keep_the_size(settings):
    said = text(lambda: Joined(**settings), (1, 3, 16, 16))
    assert "branch 2" in said.lower() and "would keep" not in said


@pytest.mark.parametrize(
    ("layer", "shape", "advised"),
    [
        (lambda: nn.Conv2d(4, 4, 3), (1, 3, 8, 8), "write in_channels=3 in this layer"),
        (lambda: nn.Conv2d(4, 4, 3, groups=2), (1, 6, 8, 8), "write in_channels=6 in this layer"),
        (lambda: nn.Conv2d(4, 4, 3, groups=2), (1, 3, 8, 8), "give an input of 4 channels"),
        (lambda: nn.Conv2d(4, 4, 3), (1, 0, 8, 8), "give an input of 4 channels"),
        (lambda: nn.BatchNorm2d(4), (2, 3, 8, 8), "write num_features=3 in this layer"),
    ],
)
def test_channels_are_advised_that_the_layer_can_have(layer, shape, advised):
    said = text(layer, shape)
    assert advised in said
    assert ("in this layer" in said) is ("in this layer" in advised)


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ((2,), "Layer 0 (Flatten) starts at axis 2 and leaves 6×64: it must start at axis 1."),
        ((0, 1), "Layer 0 (Flatten) starts at axis 0 and leaves 8×8: it must start at axis 1."),
        ((1, 2), "Layer 0 (Flatten) stops early and leaves 48×8: it must go on to the last axis."),
    ],
)
def test_a_flatten_of_the_wrong_axes_says_where_it_must_start_and_end(axes, says):
    def build():
        return nn.Sequential(nn.Flatten(*axes), nn.Linear(100, 10))

    assert says in text(build, (2, 6, 8, 8))


def shrinks(padding=1):
    return nn.Sequential(nn.Conv2d(1, 4, 3, 1, padding), nn.Flatten(), nn.Linear(144, 2))


def test_0_is_tried_where_it_can_be_meant():
    def build(spread=1, border=0):
        return shrinks(border if spread else 0)

    assert diagnose(shrinks, (1, 1, 8, 8), padding=2).repairs == [{"padding": 0}]
    assert diagnose(build, (1, 1, 8, 8), border=1).repairs == [{"border": 0}]  # not a spread of 0


@pytest.mark.parametrize(
    ("padding", "rows", "blamed"), [((0, 3), 3, False), ((3, 0), 9, True), (3, 9, True)]
)
def test_padding_is_held_against_the_kernel_of_its_own_axis(padding, rows, blamed):
    d = diagnose(lambda: nn.Sequential(nn.MaxPool2d((5, 7), padding=padding)), (1, 1, rows, 9))
    assert ("half of the kernel" in str(d)) == blamed
    assert "at most 2" in str(d) if blamed else "5" in str(d)


def test_a_search_in_pieces_finds_what_the_whole_search_finds():
    def net(first=8, second=9, rows=3):
        return nn.Sequential(nn.Conv2d(3, first, 3), nn.Conv2d(second, 8, rows))

    whole, pieces = (diagnose(net, (1, 3, 32, 32), first=8, second=9) for _ in range(2))
    known, found = [], None
    pieces._search._time.until = 0.0  # of this thread alone
    with ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: whole.repairs).result()
        assert other.submit(pieces._search.outcome, {"first": 2, "second": 2}).result()
    while found is None:
        found = pieces.repairs_within(0)
        known.append(len(pieces._search._known))
    assert found == whole.repairs != [] and len(known) > 2
    assert known[:-1] == sorted(set(known[:-1]))  # each call but the last has run something

"""The numbers of the picture of one window are PyTorch's, at each output pixel."""

from math import inf

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from layerwise import trace
from layerwise.diagram.window_axes import Axis, only_window
from layerwise.diagram.window_values import INK, Values, edge_kernel, patch
from layerwise.operations.shapes import ShapeError


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


def at_most_half(kernel, share):
    return tuple(k * s // 2 for k, s in zip(kernel, share, strict=True))


CONVS = st.builds(
    lambda k, s, p, d: nn.Conv2d(1, 1, k, s, p, d, bias=False),
    pairs(1, 6), pairs(1, 4), pairs(0, 3), pairs(1, 3),
) | st.builds(
    lambda k, d: nn.Conv2d(1, 1, k, padding="same", dilation=d, bias=False),
    pairs(1, 5), pairs(1, 2),
)  # fmt: skip
MAXIMA = st.builds(
    lambda k, s, share, d, ceil: nn.MaxPool2d(k, s, at_most_half(k, share), d, ceil_mode=ceil),
    pairs(1, 5), pairs(1, 4), pairs(0, 1), pairs(1, 3), st.booleans(),
)  # fmt: skip
AVERAGES = st.builds(
    lambda k, s, share, ceil, counted, divisor: nn.AvgPool2d(
        k, s, at_most_half(k, share), ceil, counted, divisor
    ),
    pairs(1, 5), pairs(1, 4), pairs(0, 1), st.booleans(), st.booleans(),
    st.none() | st.integers(1, 5),
)  # fmt: skip


def values_of(net, size):
    step = only_window(trace(net, (1, 1, *size)))
    return Values(step, Axis(step, 0), Axis(step, 1))


def computed(values):
    """Every output of the picture, as PyTorch lays it out."""
    rows, columns = range(values.rows.count), range(values.columns.count)
    found = [[values.result(values.terms(i, j)) for j in columns] for i in rows]
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(net=CONVS | MAXIMA | AVERAGES, size=pairs(1, 12))
def test_every_output_is_the_number_that_pytorch_computes(net, size):
    try:
        values = values_of(net, size)
    except ShapeError:
        assume(False)
    net = net.double()
    if values.kernel:
        net.weight.data[0, 0] = torch.tensor(values.kernel, dtype=torch.float64)
    X = torch.tensor(values.pixels, dtype=torch.float64)[None, None]
    torch.testing.assert_close(computed(values), net(X)[0, 0].detach())


def test_max_pooling_that_finds_only_padding_is_minus_infinity():
    net = nn.MaxPool2d(2, padding=1, dilation=2)
    assert net(torch.ones(1, 1, 1, 1)).item() == -inf
    assert computed(values_of(net, (1, 1))).item() == -inf


def test_functions_read_what_layers_read():
    class Pool(nn.Module):
        def forward(self, X):
            return F.avg_pool2d(X, 3, 2, 1, count_include_pad=False)

    layer = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
    assert computed(values_of(Pool(), (7, 7))).equal(computed(values_of(layer, (7, 7))))


def test_the_patch_is_the_middle_of_the_digit_or_all_of_it_on_paper():
    whole = patch(8, 8)
    assert [line[2:6] for line in whole[2:6]] == patch(4, 4)
    large = patch(12, 18)
    assert (len(large), len(large[0])) == (12, 18)
    assert [line[5:13] for line in large[2:10]] == whole
    assert sum(map(sum, large)) == sum(map(sum, whole))
    assert max(map(max, whole)) <= INK


def test_the_digit_is_scikit_learns():
    from sklearn.datasets import load_digits

    scaled = (load_digits().images[3] * INK / 16 + 0.5).astype(int)
    assert scaled.tolist() == patch(8, 8)


@pytest.mark.parametrize(
    ("size", "kernel"),
    [
        ((3, 3), [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
        ((2, 2), [[-1, 1], [-1, 1]]),
        ((3, 1), [[-2], [0], [2]]),
        ((1, 1), [[2]]),
        ((1, 4), [[-2, -2, 2, 2]]),
    ],
)
def test_the_kernel_finds_edges(size, kernel):
    assert edge_kernel(*size) == kernel

"""Sliding windows against PyTorch: how many places there are, and what adaptive pooling covers."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from layerwise.operations.shapes import ShapeError
from layerwise.operations.window import adaptive_window, fitted, same_padding, window_formula


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_window_has_as_many_places_as_in_pytorch(ceil_mode):
    for n, k, s, d in product(range(1, 9), range(1, 5), range(1, 5), (1, 2)):
        for p in range(k // 2 + 1):
            try:
                count = fitted("Pool", n, k, s, p, d, ceil_mode)
            except ShapeError:
                count = 0
            try:
                real = F.max_pool1d(torch.rand(1, 1, n), k, s, p, d, ceil_mode).shape[-1]
            except RuntimeError:
                real = 0
            assert count == real, (n, k, s, p, d)


def test_adaptive_windows_cover_the_map():
    for n, m in product(range(1, 12), range(1, 12)):
        ((span,), (stride,)) = adaptive_window((n,), (m,))
        pooled = F.adaptive_avg_pool1d(torch.eye(n)[None], m)[0] > 0  # (pixel, place)
        assert span == int(pooled.sum(0).max()), (n, m)
        assert stride == max(n // m, 1), (n, m)
    assert adaptive_window((8, 6), (0, 2)) == ((8, 3), (1, 3))  # no place at all


def test_the_formula_shows_its_numbers():
    assert window_formula(224, 11, 4, 1) == "floor((224 + 2·1 - 11) / 4) + 1"
    assert window_formula(9, 3, 2, 0, 2) == "floor((9 + 2·0 - (2·(3 - 1) + 1)) / 2) + 1"


def test_same_padding_leaves_a_map_as_large_as_it_was():
    for k, d in product(range(1, 7), (1, 2, 3)):
        (before,), (after,) = same_padding((k,), (d,))
        assert before <= after <= before + 1
        padded = F.pad(torch.rand(1, 1, 20), (before, after))
        assert F.conv1d(padded, torch.rand(1, 1, k), dilation=d).shape[-1] == 20

"""Which pixels one output pixel reads: the windows of convolutions and poolings."""

from collections.abc import Sequence
from typing import NamedTuple


class Window(NamedTuple):
    """A sliding window, per spatial axis, in pixels of its own input; size counts dilation."""

    size: tuple[int, ...]
    stride: tuple[int, ...]


def adaptive_window(size: Sequence[int], output: Sequence[int]) -> Window:
    """The largest window and the stride with which adaptive pooling covers `size` pixels.

    Window i spans floor(i n / m) to ceil((i + 1) n / m) of n pixels for m outputs.
    """
    spans = [
        max((-(-(i + 1) * n // m) - i * n // m for i in range(m)), default=n)
        for n, m in zip(size, output, strict=True)
    ]
    strides = [max(n // m, 1) if m else 1 for n, m in zip(size, output, strict=True)]
    return Window(tuple(spans), tuple(strides))

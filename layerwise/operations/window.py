"""Sliding windows: which pixels one output pixel reads, and how many outputs there are.

Formulas: PyTorch's documentation, and Dumoulin and Visin, "A guide to convolution arithmetic"
(2016), §2-4.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .shapes import Shape, ShapeError, times


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


def window_formula(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> str:
    """The formula of `fitted` with its numbers: "floor((224 + 2·1 - 11) / 4) + 1"."""
    extent = str(kernel) if dilation == 1 else f"({dilation}·({kernel} - 1) + 1)"
    return f"floor(({size} + 2·{padding} - {extent}) / {stride}) + 1"


def spatial(shape: Shape, axes: int, op: str) -> tuple[Shape, Shape]:
    """Split a batched or unbatched feature map into (leading axes, spatial axes)."""
    if len(shape) not in (axes + 1, axes + 2):
        raise ShapeError(
            f"{op} needs an input of {axes + 2} dimensions (batch, channels and "
            f"{axes} spatial), but {len(shape)} arrive: {times(shape)}",
            axes + 2,
            len(shape),
        )
    if 0 in shape[-axes:]:
        raise ShapeError(f"{op} needs at least one pixel, but {times(shape)} arrives", 1, 0)
    return shape[:-axes], shape[-axes:]


def fitted(
    op: str,
    size: int,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    ceil_mode: bool = False,
) -> int:
    """Positions of a sliding window: floor((n + 2p - d(k - 1) - 1) / s) + 1.

    With `ceil_mode` the division rounds up, but a window may not start in the right padding.
    Raises ShapeError where the window does not fit.
    """
    extent, padded = dilation * (kernel - 1) + 1, size + 2 * padding
    count = (padded - extent) // stride + 1
    if ceil_mode:
        count = -((extent - padded) // stride) + 1
        count -= (count - 1) * stride >= size + padding
    if count < 1:
        raise ShapeError(
            f"{op} needs at least {extent} pixels for its window of {kernel}, but {padded} "
            f"arrive ({size} + 2·{padding} of padding): "
            f"{window_formula(size, kernel, stride, padding, dilation)} = {count}",
            extent,
            padded,
        )
    return count


def span(kernel: Shape, dilation: Shape) -> Shape:
    """Pixels from the first to the last that a window reads: d(k - 1) + 1 on each axis."""
    return tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)])


def same_padding(kernel: Shape, dilation: Shape) -> tuple[Shape, Shape]:
    """Zeros that `padding="same"` adds (before, after) each axis: d(k - 1) in all."""
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)

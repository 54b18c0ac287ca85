"""How a window makes each axis of its output, in sentences with the numbers."""

from collections.abc import Sequence

from .registry import Applied
from .window import window_formula

_AXES = {1: ("position",), 2: ("row", "column"), 3: ("plane", "row", "column")}


def axis_sentences(step: Applied) -> list[str]:
    """A sentence for each axis of a convolution or pooling; axes that are alike share one.

    Rows and columns that no window reaches are named. [] for an operation without a window.
    """
    s = step.settings
    if "kernel_size" not in s or "dilation" not in s or not step.inputs:
        return []
    axes = len(s["kernel_size"])
    window = (s["kernel_size"], s["stride"], s["padding"], s["dilation"])
    columns = (step.inputs[0][-axes:], step.output[-axes:], *window)
    alike: dict[tuple, list[str]] = {}
    for name, *numbers in zip(_AXES[axes], *columns, strict=True):
        alike.setdefault(tuple(numbers), []).append(name)
    ceil = s.get("ceil_mode", False)
    return [_size(names, *numbers, ceil=ceil) for numbers, names in alike.items()]


def _size(
    axes: Sequence[str], n: int, m: int, k: int, s: int, p: int, d: int, *, ceil: bool
) -> str:
    extent = d * (k - 1) + 1
    room = n + 2 * p - extent
    text, count = window_formula(n, k, s, p, d), room // s + 1
    if ceil:
        text, count = text.replace("floor", "ceil"), -(-room // s) + 1
    if count != m:  # padding on one side only, or a last window that would start in the padding
        text = f"{n} → {m}"
    else:
        text += f" = {m}"
    left = 0 if ceil or count != m else room % s
    return (
        f"{_many(axes).capitalize()}: {text}."
        + _gap(axes, extent, s)
        + _left_out(axes, left, extent, s, p)
    )


def _gap(axes: Sequence[str], extent: int, stride: int) -> str:
    if extent >= stride:
        return ""
    verb = "is" if extent == 1 else "are"
    return f" Of every {stride} {_many(axes)}, {extent} {verb} read."


def _left_out(axes: Sequence[str], left: int, extent: int, stride: int, padding: int) -> str:
    """Name what the division drops; a gap between windows at the end is not dropped by it."""
    if left <= max(0, stride - extent):
        return ""
    last = f"{left} {_many(axes)}" if left > 1 else " and ".join(axes)
    share = ", only padding" if left <= padding else f", {padding} of them padding"
    verb = "is" if left == len(axes) == 1 else "are"
    return f" The last {last} {verb} left out{share if padding else ''}."


def _many(axes: Sequence[str]) -> str:
    return " and ".join(f"{axis}s" for axis in axes)

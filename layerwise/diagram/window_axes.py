"""Which input pixels each output pixel of one convolution or pooling reads.

Output o reads the pixels o s - p + j d for j = 0 .. k - 1 on each axis: Dumoulin and Visin, "A
guide to convolution arithmetic" (2016), §2-4 and 5.1. Rows and columns are counted from 0, as
PyTorch counts them; places below 0 or past the last pixel are padding.
"""

from collections import Counter
from functools import cached_property

from layerwise.operations.kinds import Kind
from layerwise.operations.registry import find
from layerwise.operations.shapes import ShapeError, per_axis
from layerwise.tracing.records import Failure, Step, Trace


class Axis:
    """Rows (0) or columns (1) of a window step, all in pixels of its input."""

    def __init__(self, step: Step, number: int) -> None:
        of = step.settings
        kernel, stride = of["kernel_size"][number], of["stride"][number]
        dilation, self.before = of["dilation"][number], of["padding"][number]
        self.size, self.count = step.inputs[0][number - 2], step.output[number - 2]
        self.extent = dilation * (kernel - 1) + 1
        self.taps = range(0, self.extent, dilation)  # what a window reads, from where it starts
        self.starts = [i * stride - self.before for i in range(self.count)]
        last = (self.starts[-1] if self.count else -self.before) + self.extent
        self.after = max(self.before, last - self.size)
        # What exceeds `before` is padding with padding="same", and nothing at all with ceil_mode
        # or where no window fits.
        one_more = self.count and not of.get("ceil_mode")
        self.padding_after = self.after if one_more else self.before

    @property
    def places(self) -> range:
        """Pixels with all that is around them."""
        return range(-self.before, self.size + self.after)

    def is_past(self, place: int) -> bool:
        """Whether a place lies behind the padding, where nothing is."""
        return place >= self.size + self.padding_after

    @property
    def lacks(self) -> int:
        """How many pixels are missing for a single window; 0 where one fits."""
        return max(0, self.extent - self.size - 2 * self.before) if not self.count else 0

    @cached_property
    def reads(self) -> list[list[int]]:
        """The pixels that each output reads; padding is none."""
        return [
            [start + tap for tap in self.taps if 0 <= start + tap < self.size]
            for start in self.starts
        ]

    @cached_property
    def readers(self) -> Counter[int]:
        """Pixel -> how many outputs read it."""
        return Counter(pixel for pixels in self.reads for pixel in pixels)

    @cached_property
    def beyond(self) -> list[set[str]]:
        """Where else the window of each output lies: in "padding", past "the edge"."""
        return [
            {
                "the edge" if self.is_past(start + tap) else "padding"
                for tap in self.taps
                if not 0 <= start + tap < self.size
            }
            for start in self.starts
        ]


def only_window(t: Trace | None) -> Step | None:
    """The one step of a network that is one window over rows and columns; None of another."""
    if t is None or len(t.steps) != 1 or len(t.steps[0].inputs) != 1:
        return None
    step = t.steps[0]
    if len(step.settings.get("kernel_size", ())) != 2 or "dilation" not in step.settings:
        return None  # no window, or that of a transposed convolution
    return step


def failed_window(failure: Failure | None) -> Step | None:
    """The window that found too few rows or columns, as a step that makes none of them.

    None where something else is wrong.
    """
    if failure is None or len(failure.inputs) != 1 or not failure.function.endswith("2d"):
        return None
    entry = find(failure.function)
    if entry is None:
        return None
    try:
        of = _settings(failure, entry.kind)
    except (ShapeError, KeyError):
        return None
    given, clash = failure.inputs[0], (failure.expected, failure.got)
    each = zip(given[-2:], *(of[n] for n in ("kernel_size", "padding", "dilation")), strict=True)
    needs = [(d * (k - 1) + 1, size + 2 * p) for size, k, p, d in each]
    if clash not in needs:
        return None
    counts = [
        max(0, (there - needed) // stride + 1)
        for (needed, there), stride in zip(needs, of["stride"], strict=True)
    ]
    op, output = failure.layer or failure.function, (*given[:-2], *counts)
    return Step(0, failure.path, op, entry.name, entry.kind, (given,), output, settings=of)


def _settings(failure: Failure, kind: Kind) -> dict:
    """Those of the window that failed, one number for each axis, as a step has them."""
    of = failure.settings
    kernel = failure.shapes[1][2:] if kind is Kind.CONVOLUTION else of["kernel_size"]
    padding = 0 if of.get("padding") == "valid" else of.get("padding", 0)
    stride = of.get("stride") or (1 if kind is Kind.CONVOLUTION else kernel)
    found = {"kernel_size": kernel, "stride": stride, "padding": padding}
    found["dilation"] = of.get("dilation", 1)
    pairs = {name: per_axis(value, 2, name, name != "padding") for name, value in found.items()}
    return {**pairs, "ceil_mode": of.get("ceil_mode", False)}

"""Which input pixels each output pixel of one convolution or pooling reads.

Output o reads the pixels o s - p + j d for j = 0 .. k - 1 on each axis: Dumoulin and Visin, "A
guide to convolution arithmetic" (2016), §2-4 and 5.1. Rows and columns are counted from 0, as
PyTorch counts them; places below 0 or past the last pixel are padding.
"""

from collections import Counter
from functools import cached_property

from layerwise.tracing.records import Step


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
        last = self.starts[-1] + self.extent if self.count else 0
        self.after = max(self.before, last - self.size)
        # What exceeds `before` is padding with padding="same", and nothing at all with ceil_mode.
        self.padding_after = self.before if of.get("ceil_mode") else self.after

    @property
    def places(self) -> range:
        """Pixels with all that is around them."""
        return range(-self.before, self.size + self.after)

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
        end = self.size + self.padding_after
        return [
            {
                "padding" if start + tap < end else "the edge"
                for tap in self.taps
                if not 0 <= start + tap < self.size
            }
            for start in self.starts
        ]


def output_label(rows: Axis, columns: Axis, i: int, j: int) -> str:
    """What one output pixel reads: "output row 0, column 1 reads input rows 0–1, …"."""
    lead = f"output row {i}, column {j} reads "
    if not (rows.reads[i] and columns.reads[j]):
        return f"{lead}only padding"
    label = f"{lead}input {_span('row', rows.reads[i])}, {_span('column', columns.reads[j])}"
    beyond = rows.beyond[i] | columns.beyond[j]
    if "padding" in beyond:
        label += ", and padding"
    return f"{label}; its window ends past the edge" if "the edge" in beyond else label


def input_label(rows: Axis, columns: Axis, i: int, j: int) -> str:
    """How many windows read one input pixel: "input row 3, column 4 is read by 2 windows"."""
    count = rows.readers[i] * columns.readers[j]
    often = f"is read by {count} window{'s' if count > 1 else ''}" if count else "is never read"
    return f"input row {i}, column {j} {often}"


def _span(name: str, places: list[int]) -> str:
    """[3, 4, 5] -> "rows 3–5"; with dilation "rows 0, 2, 4" or "rows 0, 2, …, 8"."""
    first, last = places[0], places[-1]
    if first == last:
        return f"{name} {first}"
    if last - first == len(places) - 1:
        return f"{name}s {first}–{last}"
    if len(places) > 3:
        return f"{name}s {first}, {places[1]}, …, {last}"
    return f"{name}s {', '.join(map(str, places))}"

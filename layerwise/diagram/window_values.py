"""The numbers of the picture of one window: on its input, in its kernel, and in its output.

A network of a lab has no weights, so they are an example: the input is a part of a handwritten
digit, and the kernel looks for edges. What comes out is what PyTorch makes of these.
"""

from enum import Enum
from functools import cache
from itertools import product
from math import floor, inf, isinf
from typing import NamedTuple

from layerwise.operations.kinds import Kind
from layerwise.tracing.records import Step

from .window_axes import Axis

INK = 9  # the darkest pixel; 0 is paper
# The fourth digit of the UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak,
# 1998; scikit-learn ships it), its grey levels scaled from 0–16.
_DIGIT = """
    00487100
    05738200
    01177000
    00186100
    00017710
    00001650
    00523850
    00477500
"""


@cache
def number(value: float) -> str:
    """A number as it is written: "7", "−3", "4.33", "−∞"."""
    if isinf(value):
        return "−∞"
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−")


def rounded(value: float) -> str:
    """As short as it can be: "4.3" where that is below 10, "22"."""
    if isinf(value):
        return number(value)
    scale = 10 if abs(value) < 10 else 1
    return number(floor(value * scale + 0.5) / scale)


class Arithmetic(Enum):
    """What a window makes of the pixels that it reads."""

    SUM = "the sum of the products with a kernel"
    LARGEST = "the largest"
    AVERAGE = "the sum, divided"


class Term(NamedTuple):
    """One place of a window: what stands there, and what it adds to a sum."""

    pixel: int | None  # None where nothing is: past the edge, or in padding that does not count
    weight: int | None  # None without a kernel
    value: int


@cache
def _term(pixel: int | None, weight: int | None = None) -> Term:
    return Term(pixel, weight, (pixel or 0) * (1 if weight is None else weight))


def patch(rows: int, columns: int) -> list[list[int]]:
    """The middle of the digit, or all of it in the middle of blank paper."""
    digit = [[int(ink) for ink in line] for line in _DIGIT.split()]
    return _turned(_middle(_turned(_middle(digit, rows)), columns))


def _middle(lines: list[list[int]], count: int) -> list[list[int]]:
    """So many lines: the middle ones, or all with blank ones on both sides."""
    spare = len(lines) - count
    if spare >= 0:
        return lines[spare // 2 : spare // 2 + count]
    blank, before = [0] * len(lines[0]), -spare // 2
    return [blank] * before + lines + [blank] * (-spare - before)


def _turned(lines: list[list[int]]) -> list[list[int]]:
    """Columns as rows."""
    return [list(line) for line in zip(*lines, strict=True)]


def edge_kernel(rows: int, columns: int) -> list[list[int]]:
    """Right minus left, the middle row twice; of 3×3, Sobel's. In one column, below minus above."""
    if columns == 1 and rows > 1:
        return _turned(edge_kernel(columns, rows))
    sides = [(2 * j > columns - 1) - (2 * j < columns - 1) for j in range(columns)]
    if columns == 1:
        sides = [1]
    return [[side * (1 + (2 * i == rows - 1)) for side in sides] for i in range(rows)]


class Values:
    """The numbers of one window step."""

    def __init__(self, step: Step, rows: Axis, columns: Axis) -> None:
        self.rows, self.columns, self.step = rows, columns, step
        self.pixels = patch(rows.size, columns.size)
        self.kernel: list[list[int]] = []
        if step.kind is Kind.CONVOLUTION:
            self.arithmetic = Arithmetic.SUM
            self.kernel = edge_kernel(len(rows.taps), len(columns.taps))
        else:
            largest = step.function == "max_pool2d"
            self.arithmetic = Arithmetic.LARGEST if largest else Arithmetic.AVERAGE
        self._padded = {(i, j): self._at(i, j) for i, j in product(rows.places, columns.places)}
        self._weights = [weight for line in self.kernel for weight in line]

    @property
    def padding(self) -> int | None:
        """What counts where padding is; None where it does not count."""
        ignored = not self.step.settings.get("count_include_pad", True)
        return None if ignored or self.arithmetic is Arithmetic.LARGEST else 0

    def _at(self, i: int, j: int) -> int | None:
        if 0 <= i < self.rows.size and 0 <= j < self.columns.size:
            return self.pixels[i][j]
        return None if self.rows.is_past(i) or self.columns.is_past(j) else self.padding

    def terms(self, i: int, j: int) -> list[Term]:
        """What the window of one output reads, row by row."""
        top, left = self.rows.starts[i], self.columns.starts[j]
        read = [
            self._padded[top + a, left + b] for a, b in product(self.rows.taps, self.columns.taps)
        ]
        if not self.kernel:
            return [_term(pixel) for pixel in read]
        return list(map(_term, read, self._weights))

    def divisor(self, terms: list[Term]) -> int:
        """By what an average divides its sum: as PyTorch does, by what counts in this window."""
        chosen = self.step.settings.get("divisor_override")
        return chosen or sum(term.pixel is not None for term in terms)

    def result(self, terms: list[Term]) -> float:
        """The number that comes out of a window; −inf where max pooling finds only padding."""
        if self.arithmetic is Arithmetic.LARGEST:
            return max((t.pixel for t in terms if t.pixel is not None), default=-inf)
        total = sum(term.value for term in terms)
        return total if self.arithmetic is Arithmetic.SUM else total / self.divisor(terms)

"""Where everything of the picture of one window stands.

All lengths are in units of the drawing, which are pixels of the screen.
"""

from itertools import product
from math import isfinite
from typing import NamedTuple

from layerwise.tracing.records import Step

from .window_axes import Axis
from .window_values import Values, number, rounded

LIMIT = 18  # pixels on an axis, with its padding: 12 pixels and 3 of padding on each side
# The same for every live picture, so that a page never jumps. Where there is no room beside the
# maps, the panel with the kernel and the products stands below them.
WIDTH, HEIGHT = 848, 352
MAPS_WIDTH = 590
BESIDE = 606, 0  # where the panel stands

BOX = 240  # a map has this much room in both directions
TOP, LEFT, RIGHT = 56, 30, 334  # where the room of the input and of the output begins
EDGE, FOOT = 16, TOP + BOX + 18  # left end, and first line, of the text below the maps
LINE = 16
_SIDES = 13, 20, 30  # of a pixel; LIMIT of the first still have room

MOST_TERMS = 5  # rows or columns of a kernel whose products can be drawn
TERM_WIDTH = 46
WEIGHT_WIDTH = 26
_LOW, _HIGH = (18, 26), (22, 34)  # heights of a kernel's cell and of a product's

Corner = tuple[int, int]  # left and upper end
Place = tuple[int, int]  # row and column


class Map(NamedTuple):
    """Where pixels stand: the corner of pixel (0, 0), and the side of each."""

    x: int
    y: int
    side: int

    def at(self, row: int, column: int) -> Corner:
        """The corner of a pixel."""
        return self.x + self.side * column, self.y + self.side * row


class Plan:
    """Where both maps stand, what is in them, and how large the numbers beside them are drawn."""

    def __init__(self, step: Step, card: bool) -> None:
        self.step, self.card = step, card
        self.rows, self.columns = rows, columns = Axis(step, 0), Axis(step, 1)
        self.values = Values(step, rows, columns)
        self.works = bool(rows.count and columns.count)
        places = product(range(rows.size), range(columns.size))
        self.pixels = {(i, j): self.values.pixels[i][j] for i, j in places}
        outputs = list(product(range(rows.count), range(columns.count)))
        self.terms = {(i, j): self.values.terms(i, j) for i, j in outputs}
        self.results = {at: self.values.result(found) for at, found in self.terms.items()}
        finite = (abs(value) for value in self.results.values() if isfinite(value))
        self.largest = max(finite, default=0)
        around = len(rows.places), len(columns.places)
        self.around = _map(LEFT, *around, _sides(*around)[-1])
        self.input = Map(*self.around.at(rows.before, columns.before), self.around.side)
        side, self.written = self._written(_sides(rows.count, columns.count))
        self.output = _map(RIGHT, rows.count, columns.count, side)
        self.kernel_size = len(rows.taps), len(columns.taps)
        self.shows_terms = max(self.kernel_size) <= MOST_TERMS
        self.weight_height, self.term_height = _HIGH if self.kernel_size[0] <= 3 else _LOW

    def _written(self, sides: list[int]) -> tuple[int, dict[Place, str]]:
        """The side of an output pixel, the input's where a number has room there, and the numbers.

        Numbers that have no room at all are not written.
        """
        sides = [side for side in sides if side >= self.input.side]
        for form in (number, rounded):
            found = {at: form(value).replace("−", "-") for at, value in self.results.items()}
            for side in sides:
                if all(fits(text, side) for text in found.values()):
                    return side, found
        return self.input.side, {}

    def window(self, i: int, j: int) -> Corner:
        """The corner of an output pixel's window, on the input."""
        return self.input.at(self.rows.starts[i], self.columns.starts[j])

    def is_past(self, i: int, j: int) -> bool:
        """Whether a place of the input lies behind its padding, where nothing is."""
        return self.rows.is_past(i) or self.columns.is_past(j)


def _sides(rows: int, columns: int) -> list[int]:
    """The sides of a pixel with which a map has room."""
    return [side for side in _SIDES if side * max(rows, columns) <= BOX]


def _map(left: int, rows: int, columns: int, side: int) -> Map:
    """A map in the middle of its room."""
    return Map(left + (BOX - side * columns) // 2, TOP + (BOX - side * rows) // 2, side)


def fits(number: str, side: int) -> bool:
    """Whether a pixel has room for a number, in the widest of the usual fonts."""
    return sum({"-": 4, ".": 4, "∞": 9}.get(sign, 7) for sign in number) < side

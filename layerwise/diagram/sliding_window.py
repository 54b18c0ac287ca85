"""The picture of one window: which input pixels each output pixel reads.

`svg` draws it for a network of one convolution or pooling on a small map. All lengths are in units
of the drawing, which are pixels of the screen.
"""

import textwrap
from collections.abc import Iterator
from html import escape
from itertools import product

from layerwise.operations.shapes import times
from layerwise.operations.sizes import sizes
from layerwise.tracing.records import Step, Trace
from layerwise.views.columns import describe

from .svg_text import Area, whole
from .window_axes import Axis, input_label, output_label

LIMIT = 18  # pixels on an axis, with its padding: 12 pixels and 3 of padding on each side
WIDTH, HEIGHT = 688, 468  # the same for every live picture, so that a page never jumps

_BOX = 288  # a map has this much room in both directions
_CELLS = ((9, 32), (13, 22), (LIMIT, 16))  # up to so many pixels on an axis -> side of a pixel
_TOP, _LEFT, _RIGHT = 76, 34, 384  # where the room of the input and of the output begins
_EDGE, _FOOT = 16, _TOP + _BOX + 26  # left end, and first line, of the text below the maps
_WRAP = 100  # characters in a line of text

_INK, _FAINT = "var(--jp-ui-font-color1, #222)", "var(--jp-ui-font-color2, #616161)"
_FONTS = "var(--jp-ui-font-family, system-ui, sans-serif)"
_WINDOW = "#d55e00"  # Okabe and Ito's vermilion, and their sky blue for pixels
_PIXEL = 'fill="#56b4e9" fill-opacity="0.5"'
_UNREAD = f'fill="{_FAINT}" fill-opacity="0.16"'
_PADDING = f'fill="none" stroke="{_FAINT}" stroke-dasharray="3 2" stroke-opacity="0.75"'
_PAST = _PADDING.replace("3 2", "1 3")
_MARK = f'fill="none" stroke="{_WINDOW}" stroke-width="3"'
_READ = f'fill="{_WINDOW}" fill-opacity="0.45"'

# JupyterLab takes single letters as shortcuts where an element does not say otherwise.
_FOCUSABLE = 'tabindex="-1" data-lm-suppress-shortcuts="true"'
_STOP = _FOCUSABLE.replace("-1", "0")

Corner = tuple[int, int]  # left and upper end


def fits(t: Trace) -> bool:
    """Whether `svg` can draw this trace: one window over rows and columns of a small map."""
    if len(t.steps) != 1 or len(t.steps[0].inputs) != 1:
        return False
    step = t.steps[0]
    if len(step.settings.get("kernel_size", ())) != 2 or "dilation" not in step.settings:
        return False  # no window, or that of a transposed convolution
    sides = (*step.inputs[0][-2:], *step.output[-2:])
    return min(sides) > 0 and all(len(Axis(step, i).places) <= LIMIT for i in (0, 1))


def svg(t: Trace, *, card: bool = False) -> str:
    """Draw input and output of the one window, with the first output pixel selected.

    As it is, the picture stands inside a page, takes JupyterLab's colours, and has the size
    WIDTH×HEIGHT. With `card` it serves as an image file: on a light card of its own, cut to its
    contents. Raises ValueError where `fits` says no.
    """
    if not fits(t):
        raise ValueError(
            "the picture shows one convolution or pooling over rows and columns, of at most "
            f"{LIMIT} pixels on an axis with padding, not {t!r}"
        )
    plan = _Plan(t.steps[0], card)
    told, end = _feet(plan)
    height = end if card else max(end, HEIGHT)
    back = f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fdfdfd"/>' if card else ""
    body = [back, _heads(plan), _around(plan), _input(plan), _output(plan), _pointer(plan), told]
    name = f"{describe(plan.step)}: which input pixels each output pixel reads"
    looks = f'font-family="{_FONTS}" font-size="12.5" fill="{_INK}"'
    return whole(Area(0, 0, WIDTH, height), name, looks, "".join(body), card=card)


class _Plan:
    """Where everything stands: the side of a pixel, and the corners of both maps."""

    def __init__(self, step: Step, card: bool) -> None:
        self.step, self.card = step, card
        self.rows, self.columns = rows, columns = Axis(step, 0), Axis(step, 1)
        longest = max(len(rows.places), len(columns.places))
        self.side = next(side for most, side in _CELLS if longest <= most)
        self.around = self._centred(_LEFT, len(rows.places), len(columns.places))
        self.input = self.at(self.around, rows.before, columns.before)
        self.output = self._centred(_RIGHT, rows.count, columns.count)

    def _centred(self, left: int, rows: int, columns: int) -> Corner:
        return left + (_BOX - self.side * columns) // 2, _TOP + (_BOX - self.side * rows) // 2

    def at(self, corner: Corner, row: int, column: int) -> Corner:
        """The corner of a pixel of the map that has this corner."""
        return corner[0] + self.side * column, corner[1] + self.side * row

    def ends(self, i: int, j: int) -> tuple[Corner, Corner]:
        """Corners of an output pixel's window, on the input, and of the output pixel itself."""
        window = self.at(self.input, self.rows.starts[i], self.columns.starts[j])
        return window, self.at(self.output, i, j)


def _tile(plan: _Plan, corner: Corner, look: str) -> str:
    """A pixel, a little smaller than its place."""
    (x, y), side = corner, plan.side - 2
    return f'<rect x="{x + 1}" y="{y + 1}" width="{side}" height="{side}" rx="2" {look}/>'


def _input(plan: _Plan) -> str:
    """The pixels; a grey and hatched one is read by no window."""
    rows, columns = plan.rows, plan.columns
    tiles, hatched = [], []
    for i, j in product(range(rows.size), range(columns.size)):
        corner, look = plan.at(plan.input, i, j), _PIXEL
        if not (rows.readers[i] and columns.readers[j]):
            look = _UNREAD
            hatched.append(_hatch(corner[0] + 1, corner[1] + 1, plan.side - 2))
        if not plan.card:
            look += (
                f' class="pixel" data-row="{i}" data-col="{j}" {_FOCUSABLE} role="img"'
                f' aria-label="{input_label(rows, columns, i, j)}"'
            )
        tiles.append(_tile(plan, corner, look))
    faint = f'stroke="{_FAINT}" pointer-events="none"'
    lines = f'<path d="{"".join(hatched)}" {faint}/>' if hatched else ""
    numbers = _numbers(plan, plan.input, plan.around, (rows.size, columns.size))
    return _map(plan, "input", tiles) + lines + numbers


def _hatch(x: int, y: int, side: int) -> str:
    half = side // 2
    rest = side - half
    return (
        f"M{x} {y + half}l{half} {-half}M{x} {y + side}l{side} {-side}"
        f"M{x + half} {y + side}l{rest} {-rest}"
    )


def _around(plan: _Plan) -> str:
    """Padding as dashed tiles; dotted ones where a window passes even the padding."""
    rows, columns, width = plan.rows, plan.columns, plan.side - 4
    tiles: dict[str, str] = {_PADDING: "", _PAST: ""}
    for i, j in product(rows.places, columns.places):
        if not (0 <= i < rows.size and 0 <= j < columns.size):
            x, y = plan.at(plan.input, i, j)
            past = i >= rows.size + rows.padding_after or j >= columns.size + columns.padding_after
            tiles[_PAST if past else _PADDING] += f"M{x + 2} {y + 2}h{width}v{width}h{-width}z"
    return "".join(f'<path d="{path}" {look}/>' for look, path in tiles.items() if path)


def _output(plan: _Plan) -> str:
    """The output pixels; each knows its window."""
    rows, columns = plan.rows.count, plan.columns.count
    cells = []
    for i, j in product(range(rows), range(columns)):
        known = "" if plan.card else _known(plan, i, j)
        tile = _tile(plan, plan.at(plan.output, i, j), _PIXEL)
        cells.append(f'<g class="cell"{known}>{tile}</g>')
    numbers = _numbers(plan, plan.output, plan.output, (rows, columns))
    return _map(plan, "output", cells) + numbers


def _known(plan: _Plan, i: int, j: int) -> str:
    """The attributes with which the browser moves the window to the place of this output."""
    (left, top), (x, y) = plan.ends(i, j)
    selected = i == j == 0
    rows = " ".join(map(str, plan.rows.reads[i]))
    columns = " ".join(map(str, plan.columns.reads[j]))
    return (
        f' data-row="{i}" data-col="{j}" data-rows="{rows}" data-cols="{columns}"'
        f' data-window="{left} {top}" data-at="{x} {y}" {_STOP if selected else _FOCUSABLE}'
        f' role="button" aria-pressed="{"true" if selected else "false"}"'
        f' aria-label="{output_label(plan.rows, plan.columns, i, j)}"'
    )


def _map(plan: _Plan, name: str, parts: list[str]) -> str:
    role = "" if plan.card else f' role="group" aria-label="{name} pixels"'
    return f'<g class="{name}"{role}>{"".join(parts)}</g>'


def _pointer(plan: _Plan) -> str:
    """The window on the input, the mark on the output, and two lines from one to the other."""
    (x, y), (u, v) = plan.ends(0, 0)
    side = plan.side
    width, height = side * plan.columns.extent, side * plan.rows.extent
    read = [(side * j, side * i) for i in plan.rows.taps for j in plan.columns.taps]
    tiles = "".join(_tile(plan, corner, _READ) for corner in read)
    ray = f'<line class="ray" stroke="{_WINDOW}" stroke-opacity="0.75" x1="{x + width}" x2="{u}"'
    return (
        '<g pointer-events="none">'
        f'<g class="window" transform="translate({x} {y})">{tiles}'
        f'<rect width="{width}" height="{height}" rx="3" {_MARK}/></g>'
        f'{ray} y1="{y}" y2="{v}"/>{ray} y1="{y + height}" y2="{v + side}"/>'
        f'<g class="mark" transform="translate({u} {v})">{_tile(plan, (0, 0), _READ)}'
        f'<rect width="{side}" height="{side}" rx="3" {_MARK}/></g></g>'
    )


def _numbers(plan: _Plan, first: Corner, around: Corner, counts: tuple[int, int]) -> str:
    """The numbers of rows and columns from pixel (0, 0) on, outside the padding around."""
    (x, y), (left, top), half = first, around, plan.side // 2
    rows, columns = counts
    apart = 2 if plan.side < 20 and columns > 10 else 1  # two digits need more than one place
    parts = [
        f'<text x="{left - 5}" y="{y + plan.side * i + half + 4}" text-anchor="end">{i}</text>'
        for i in range(rows)
    ]
    parts += [
        f'<text x="{x + plan.side * j + half}" y="{top - 5}" text-anchor="middle">{j}</text>'
        for j in range(0, columns, apart)
    ]
    faint = f'font-size="11" fill="{_FAINT}"'
    return f'<g class="numbers" aria-hidden="true" {faint}>{"".join(parts)}</g>'


def _heads(plan: _Plan) -> str:
    """The operation, and above each map its size."""
    shape, out = plan.step.inputs[0], plan.step.output
    one = f", one of {shape[-3]} channels" if shape[-3] > 1 else ""
    head = _text(_EDGE, 26, describe(plan.step), 'font-size="14" font-weight="600"')
    for left, corner, words in (
        (_LEFT, plan.around, f"input {times(shape[-2:])}{one}"),
        (_RIGHT, plan.output, f"output {times(out[-2:])}"),
    ):
        head += _text(left + _BOX // 2, corner[1] - 23, words, 'text-anchor="middle"')
    return head


def _feet(plan: _Plan) -> tuple[str, int]:
    """What is selected, the legend, the formula with its numbers; and where they end."""
    sentence = output_label(plan.rows, plan.columns, 0, 0)
    head = _text(_EDGE, _FOOT, sentence[0].upper() + sentence[1:] + ".", 'class="told"')
    lines = [line for text in sizes(plan.step) for line in textwrap.wrap(text, _WRAP)]
    first = _FOOT + 46
    texts = [_text(_EDGE, first + 18 * i, line) for i, line in enumerate(lines)]
    return "".join([head, *_legend(plan, _FOOT + 22), *texts]), first + 18 * len(lines) - 4


def _legend(plan: _Plan, y: int) -> Iterator[str]:
    """A small tile and a word for each kind of pixel in the picture."""
    rows, columns = plan.rows, plan.columns
    unread = rows.size * columns.size - len(rows.readers) * len(columns.readers)
    kinds = (
        ("pixel", _PIXEL, True),
        ("window", f'{_READ} stroke="{_WINDOW}"', True),
        ("padding", _PADDING, rows.padding_after + columns.padding_after),
        ("past the edge", _PAST, any(a.padding_after < a.after for a in (rows, columns))),
        (f"never read: {unread}", _UNREAD, unread),
    )
    x = _EDGE
    for name, look, there in kinds:
        if there:
            yield f'<rect x="{x + 0.5}" y="{y - 10.5}" width="12" height="12" {look}/>'
            yield _text(x + 19, y, name)
            if look == _UNREAD:
                yield f'<path d="{_hatch(x + 1, y - 10, 11)}" stroke="{_FAINT}"/>'
            x += 42 + 7 * len(name)


def _text(x: int, y: int, words: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" {more}>{escape(words)}</text>'

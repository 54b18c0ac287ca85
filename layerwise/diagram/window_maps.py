"""The two maps of the picture of one window: input and output, and the window between them."""

from collections.abc import Iterator
from itertools import product

from . import window_looks as look
from . import window_notes as notes
from .window_plan import BOX, RIGHT, TOP, Map, Place, Plan, fits
from .window_values import INK


def maps(plan: Plan) -> str:
    """Padding, input and output, the window at the first output, and all numbers above."""
    return _around(plan) + _input(plan) + _output(plan) + _pointer(plan) + _values(plan)


def _input(plan: Plan) -> str:
    """The pixels; a grey and hatched one is read by no window."""
    rows, columns, side = plan.rows, plan.columns, plan.input.side
    tiles, hatched = [], []
    for (i, j), ink in plan.pixels.items():
        corner, fill = plan.input.at(i, j), look.shade(ink, INK)
        if plan.works and not (rows.readers[i] and columns.readers[j]):
            fill = look.UNREAD
            hatched.append(look.hatch(corner[0] + 1, corner[1] + 1, side - 2))
        if not plan.card:
            fill += (
                f' class="pixel" data-row="{i}" data-col="{j}" {look.FOCUSABLE} role="img"'
                f' aria-label="{notes.input_name(plan, i, j)}"'
            )
        tiles.append(look.tile(corner, side, fill))
    faint = f'stroke="{look.FAINT}" stroke-opacity="0.6" pointer-events="none"'
    lines = f'<path d="{"".join(hatched)}" {faint}/>' if hatched else ""
    numbers = _numbers(plan.input, plan.around, (rows.size, columns.size))
    return _group(plan, "input", tiles) + lines + numbers


def _around(plan: Plan) -> str:
    """Padding as dashed tiles; dotted ones where a window passes even the padding."""
    width = plan.input.side - 4
    tiles = {look.PADDING: "", look.PAST: ""}
    for i, j in _outside(plan):
        x, y = plan.input.at(i, j)
        tiles[look.PAST if plan.is_past(i, j) else look.PADDING] += (
            f"M{x + 2} {y + 2}h{width}v{width}h{-width}z"
        )
    return "".join(f'<path d="{path}" {stroke}/>' for stroke, path in tiles.items() if path)


def _outside(plan: Plan) -> Iterator[Place]:
    """The places around the input."""
    return (at for at in product(plan.rows.places, plan.columns.places) if at not in plan.pixels)


def _output(plan: Plan) -> str:
    """The output pixels; each knows its window."""
    if not plan.works:
        x, y = RIGHT + BOX // 2, TOP + BOX // 2
        empty = look.box(x - BOX // 4, y - BOX // 4, BOX // 2, BOX // 2, look.PAST)
        return empty + look.text(x, y + 4, "no output", look.MIDDLE)
    cells = []
    for (i, j), value in plan.results.items():
        known = "" if plan.card else _known(plan, i, j)
        fill = look.shade(value, plan.largest)
        drawn = look.tile(plan.output.at(i, j), plan.output.side, fill)
        cells.append(f'<g class="cell"{known}>{drawn}</g>')
    numbers = _numbers(plan.output, plan.output, (plan.rows.count, plan.columns.count))
    return _group(plan, "output", cells) + numbers


def _known(plan: Plan, i: int, j: int) -> str:
    """The attributes with which the browser moves the window to the place of this output."""
    (left, top), (x, y), selected = plan.window(i, j), plan.output.at(i, j), i == j == 0
    rows, columns = (" ".join(map(str, r)) for r in (plan.rows.reads[i], plan.columns.reads[j]))
    lines = " ".join(map("=".join, notes.terms(plan, i, j))) if plan.shows_terms else ""
    return (
        f' data-row="{i}" data-col="{j}" data-rows="{rows}" data-cols="{columns}"'
        f' data-window="{left} {top}" data-at="{x} {y}" {look.STOP if selected else look.FOCUSABLE}'
        f' data-terms="{lines}" data-result="{notes.result(plan, i, j)}"'
        f' data-told="{notes.sentence(plan, i, j)}"'
        f' role="button" aria-pressed="{"true" if selected else "false"}"'
        f' aria-label="{notes.output_name(plan, i, j)}"'
    )


def _group(plan: Plan, name: str, parts: list[str]) -> str:
    role = "" if plan.card else f' role="group" aria-label="{name} pixels"'
    return f'<g class="{name}"{role}>{"".join(parts)}</g>'


def _pointer(plan: Plan) -> str:
    """The window on the input, the mark on the output, and two lines from one to the other.

    Of a window that does not fit, only itself, in the first corner.
    """
    x, y, side = plan.around
    width, height = side * plan.columns.extent, side * plan.rows.extent
    read = [(side * j, side * i) for i in plan.rows.taps for j in plan.columns.taps]
    window = (
        f'<g class="window" transform="translate({x} {y})">'
        f"{''.join(look.tile(corner, side, look.READ) for corner in read)}"
        f'<rect width="{width}" height="{height}" rx="3" {look.MARK}/></g>'
    )
    if not plan.works:
        return f'<g pointer-events="none">{window}</g>'
    u, v, side = plan.output
    ray = f'<line {look.RAY} x1="{x + width}" x2="{u}"'
    return (
        f'<g pointer-events="none">{window}'
        f'{ray} y1="{y}" y2="{v}"/>{ray} y1="{y + height}" y2="{v + side}"/>'
        f'<g class="mark" transform="translate({u} {v})">{look.tile((0, 0), side, look.READ)}'
        f'<rect width="{side}" height="{side}" rx="3" {look.MARK}/></g></g>'
    )


def _values(plan: Plan) -> str:
    """The numbers of input, padding and output, above all marks."""
    zero, behind = notes.padding_number(plan).replace("−", "-"), "" if plan.works else "✕"
    zero = zero if fits(zero, plan.input.side) else ""
    inside = {at: str(ink) for at, ink in plan.pixels.items()}
    inside |= {at: behind if plan.is_past(*at) else zero for at in _outside(plan)}
    parts = _texts(plan.input, inside) + _texts(plan.output, plan.written)
    looks = f'pointer-events="none" aria-hidden="true" {look.MIDDLE} font-size="11"'
    return f'<g class="values" {looks}>{"".join(parts)}</g>'


def _texts(map_: Map, words: dict[Place, str]) -> list[str]:
    """A text in the middle of each pixel."""
    half, parts = map_.side / 2, []
    for (i, j), word in words.items():
        x, y = map_.at(i, j)
        if word:
            parts.append(look.text(x + half, y + half + 4, word))
    return parts


def _numbers(first: Map, around: Map, counts: tuple[int, int]) -> str:
    """The numbers of rows and columns from pixel (0, 0) on, outside the padding around."""
    (x, y, side), half = first, first.side // 2
    rows, columns = counts
    apart = 2 if side < 20 and columns > 10 else 1  # two digits need more than one place
    parts = [
        look.text(around.x - 5, y + side * i + half + 4, str(i), 'text-anchor="end"')
        for i in range(rows)
    ]
    parts += [
        look.text(x + side * j + half, around.y - 5, str(j), look.MIDDLE)
        for j in range(0, columns, apart)
    ]
    return f'<g class="numbers" aria-hidden="true" {look.SMALL}>{"".join(parts)}</g>'

"""The picture of one window: which input pixels each output pixel reads, and the numbers there.

`svg` draws it for a network of one convolution or pooling on a small map.
"""

import textwrap
from collections.abc import Iterator

from layerwise.operations.shapes import times
from layerwise.tracing.records import Failure, Step, Trace
from layerwise.views.columns import describe

from . import window_looks as look
from . import window_notes as notes
from .svg_text import Area, whole
from .window_axes import Axis, failed_window, only_window
from .window_maps import maps
from .window_panel import panel
from .window_plan import (
    BESIDE,
    BOX,
    EDGE,
    FOOT,
    HEIGHT,
    LEFT,
    LIMIT,
    LINE,
    MAPS_WIDTH,
    RIGHT,
    WIDTH,
    Plan,
)

_WRAP = 90  # characters in a line of text


def drawable(t: Trace | None, failure: Failure | None = None) -> Step | None:
    """The one window of a network, or the one that found no room, where `svg` can draw it.

    It passes over rows and columns of a small map: at most LIMIT on an axis, with all around it.
    """
    step = failed_window(failure) if failure else only_window(t)
    if step is None or min(step.inputs[0][-2:]) < 1:
        return None
    return step if all(len(Axis(step, i).places) <= LIMIT for i in (0, 1)) else None


def svg(step: Step, *, card: bool = False) -> str:
    """Draw input, kernel and output of a `drawable` window, with the first output selected.

    One that does not fit hangs over the edge of its input. As it is, the picture stands inside a
    page, takes JupyterLab's colours, and has the size WIDTH×HEIGHT. With `card` it serves as an
    image file: on a light card of its own.
    """
    plan = Plan(step, card)
    told, end = _feet(plan)
    numbers, panel_end = panel(plan)
    height = max(end, panel_end, HEIGHT)
    x, y = BESIDE
    looks = f'font-family="{look.FONTS}" font-size="12.5" fill="{look.INK}"'
    back = aside = ""
    if card:
        back = f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fdfdfd"/>'
    else:  # where there is no room beside the maps, a script puts the numbers below
        looks += f' data-wide="0 0 {WIDTH} {height}"'
        looks += f' data-narrow="0 0 {MAPS_WIDTH} {end + panel_end}"'
        looks += "" if plan.works else f' data-told="{notes.missing(plan)}"'
        aside = f' data-wide="translate({x} {y})" data-narrow="translate({EDGE} {end})"'
    beside = f'<g class="panel" transform="translate({x} {y})"{aside}>{numbers}</g>'
    name = f"{describe(step)}: which input pixels each output pixel reads, and the numbers"
    body = "".join([back, _heads(plan), maps(plan), told, beside])
    return whole(Area(0, 0, WIDTH, height), name, looks, body, card=card)


def _heads(plan: Plan) -> str:
    """The operation, and above each map its size."""
    shape, out = plan.step.inputs[0], plan.step.output
    one = f", one of {shape[-3]} channels" if shape[-3] > 1 else ""
    head = look.text(EDGE, 16, describe(plan.step), look.HEAD)
    for left, top, words in (
        (LEFT, plan.around.y, f"input {times(shape[-2:])}{one}"),
        (RIGHT, plan.output.y, f"output {times(out[-2:])}" if plan.works else ""),
    ):
        head += look.text(left + BOX // 2, top - 22, words, look.MIDDLE)
    return head


def _feet(plan: Plan) -> tuple[str, int]:
    """The legend; what is selected, where no page tells it; the formula; and where they end."""
    lines = notes.formulas(plan)
    if plan.card and plan.works:
        lines = [notes.sentence(plan, 0, 0), *lines]
    wrapped = [line for words in lines for line in textwrap.wrap(words, _WRAP)]
    first = FOOT + LINE + 1
    texts = [look.text(EDGE, first + LINE * n, line) for n, line in enumerate(wrapped)]
    return "".join([*_legend(plan, FOOT), *texts]), first + LINE * len(wrapped) - 11


def _legend(plan: Plan, y: int) -> Iterator[str]:
    """A small tile and a word for each kind of pixel in the picture."""
    rows, columns = plan.rows, plan.columns
    unread = rows.size * columns.size - len(rows.readers) * len(columns.readers)
    kinds = (
        ("above 0", look.shade(1, 1), True),
        ("below 0", look.shade(-1, 1), any(value < 0 for value in plan.results.values())),
        ("window", f'{look.READ} stroke="{look.WINDOW}"', True),
        (notes.padding(plan), look.PADDING, rows.padding_after + columns.padding_after),
        (notes.past(plan), look.PAST, any(a.padding_after < a.after for a in (rows, columns))),
        (f"never read: {unread}", look.UNREAD, plan.works and unread),
    )
    x = EDGE
    for name, mark, there in kinds:
        if there:
            yield look.box(x + 0.5, y - 10.5, 12, 12, mark)
            yield look.text(x + 19, y, name)
            if mark == look.UNREAD:
                yield f'<path d="{look.hatch(x + 1, y - 10, 11)}" stroke="{look.FAINT}"/>'
            x += 40 + 7 * len(name)

"""The panel beside the maps of the picture of one window: the kernel, the products, their sum."""

import textwrap

from . import window_looks as look
from . import window_notes as notes
from .window_plan import TERM_WIDTH, WEIGHT_WIDTH, Plan
from .window_values import number

_TOP = 16  # the first line
_WRAP = 39  # characters in a line of small words


def panel(plan: Plan) -> tuple[str, int]:
    """The numbers of the output pixel (0, 0), and where they end.

    A script writes those of another pixel in their place.
    """
    y, parts = _TOP, []
    if plan.values.kernel and plan.shows_terms:
        drawn, y = _kernel(plan, y)
        parts.append(drawn)
    if plan.works:
        drawn, y = _window(plan, y)
        parts.append(drawn)
    lines = textwrap.wrap(notes.examples(plan), _WRAP)
    parts += [look.text(0, y + 15 * n, line, look.SMALL) for n, line in enumerate(lines)]
    return "".join(parts), y + 15 * len(lines) - 4


def _kernel(plan: Plan, y: int) -> tuple[str, int]:
    """The weights, and the line below them."""
    height, parts = plan.weight_height, []
    for i, line in enumerate(plan.values.kernel):
        for j, weight in enumerate(line):
            x, top = WEIGHT_WIDTH * j, y + 8 + height * i
            parts.append(look.box(x + 1, top + 1, WEIGHT_WIDTH - 2, height - 2, look.FRAME))
            middle = x + WEIGHT_WIDTH // 2
            parts.append(look.text(middle, top + height // 2 + 4, number(weight), look.MIDDLE))
    told = "; ".join(" ".join(map(number, line)) for line in plan.values.kernel)
    head = look.text(0, y, "kernel: its weights", look.HEAD)
    grid = f'<g class="kernel" role="img" aria-label="kernel: {told}">{"".join(parts)}</g>'
    return head + grid, y + 8 + height * len(plan.values.kernel) + 22


def _window(plan: Plan, y: int) -> tuple[str, int]:
    """What the window reads, what comes out, and the line below."""
    parts, (rows, columns) = [], plan.kernel_size
    head, height = look.text(0, y, notes.terms_head(plan), look.HEAD), plan.term_height
    if plan.shows_terms:
        for n, told in enumerate(notes.terms(plan, 0, 0)):
            i, j = divmod(n, columns)
            parts.append(_term(TERM_WIDTH * j, y + 8 + height * i, height, told))
        y += 8 + height * rows
        grid = f'<g class="terms" role="img">{"".join(parts)}</g>'
    else:
        grid, y = look.text(0, y + 20, f"{rows * columns} of them: too many to draw."), y + 26
    result = look.text(0, y + 18, notes.result(plan, 0, 0), f'class="result" {look.HEAD}')
    return head + grid + result, y + 34


def _term(x: int, y: int, height: int, told: tuple[str, str]) -> str:
    first, second = told
    middle = x + TERM_WIDTH / 2
    return (
        f'<g class="term">{look.box(x + 1, y + 1, TERM_WIDTH - 2, height - 2, look.FRAME)}'
        f"{look.text(middle, y + height / 2 - 2, first, f'{look.MIDDLE} {look.SMALL}')}"
        f"{look.text(middle, y + height / 2 + 10, second, look.MIDDLE)}</g>"
    )

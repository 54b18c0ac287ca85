"""A scene as SVG text: boxes with their words and facts, frames, wires, the scale."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from layerwise.operations.shapes import times
from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Step
from layerwise.views.columns import describe, shapes_of
from layerwise.views.comparison import INCOMPLETE, Status

from .box_shapes import EDGE, OUTLINED, edge, fill, shape, sign
from .box_sizes import (
    FONT,
    LINE,
    MOST_LINES,
    SCALE,
    SCALE_OF_BARS,
    SCALE_OF_SKIPS,
    broken_join,
    extents,
    shortened,
    text_width,
)  # fmt: skip
from .graph import Item, is_named, title
from .layout import HEADER, MARGIN, OVER
from .scene import Box, Group, Points, Scene, Wire
from .svg_text import INK, Area, px, rect, whole

SKIP = "var(--course-skip, #0072b2)"
_FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
_STEPS = re.compile(' data-steps="[^"]*"')
_BEND = 5  # px, radius of a corner
_GAP = 2  # px, between the words of a box and the line around it when it lights up
_SIGN = 12  # px, a sign beside a name and the gap before it


def paint(scene: Scene, name: str, card: bool) -> str:
    """The picture of a scene; `card` puts a light card behind it and names no page colours."""
    note = _legend(scene)
    width = max(scene.width, 2 * MARGIN + max(map(text_width, note)))
    left = (scene.width - width) / 2
    area = Area(left, 0, width, scene.height + LINE * len(note) + 4)
    frame = f'x="{px(left)}" width="{px(width)}" height="{px(area.height)}"'
    body = [
        f"\n<title>{escape(name)}</title>\n",
        f'<rect {frame} rx="8" fill="#fcfcfc"/>\n' if card else "",
        *(_frame(group, scene.view.status(group.block)) for group in scene.groups),
        *_wires(scene),
        f'<g fill="{INK}" text-anchor="middle">\n',
        *_boxes(scene),
        f'</g>\n<g class="scale" fill="{INK}" fill-opacity="0.8">',
        *[_text(left + MARGIN, scene.height + LINE * i + 6, line) for i, line in enumerate(note)],
        "</g>",
    ]
    looks = f'font-family="{_FONTS}" font-size="{FONT}"'
    drawn = whole(area, name, looks, "".join(body), card=card) + "\n"
    return _STEPS.sub("", drawn) if card else drawn  # in a file nothing lights up


def _legend(scene: Scene) -> list[str]:
    """The scale in one line or two, as wide as the picture; then a line for the signs."""
    bars = any(extents(box.item)[0] is None for box in scene.boxes)
    skips = any(wire.skips for wire in scene.wires)
    parts = [
        SCALE,
        SCALE_OF_BARS if bars else "",
        SCALE_OF_SKIPS if skips else "",
    ]
    parts, line = list(filter(None, parts)), " ".join(filter(None, parts))
    wide = text_width(line) + 2 * MARGIN < max(scene.width, 330)
    return [*([line] if wide else parts), *filter(None, [", ".join(_signs(scene))])]


def _signs(scene: Scene) -> Iterator[str]:
    """What the signs and the grey in this picture say."""
    view = scene.view
    shown = {box.item.status for box in scene.boxes} | {view.status(g.block) for g in scene.groups}
    for status in Status:
        if status in shown and status.mark:
            grey = status is Status.UNREACHED
            yield (
                f"grey {status.meaning} (sizes before)"
                if grey
                else f"{status.mark} {status.meaning}"
            )


# ------------------------------------------------------------------------ boxes


def _boxes(scene: Scene) -> Iterator[str]:
    """Boxes and titles of frames in the order in which they run; Tab reaches the first."""
    for number, thing in enumerate(scene.things):
        tab_index = "-1" if number else "0"
        if isinstance(thing, Group):
            yield _frame_title(thing, tab_index, scene.view.status(thing.block)) + "\n"
        else:
            yield _box(thing, scene, tab_index) + "\n"


def _box(box: Box, scene: Scene, tab_index: str) -> str:
    item, size = box.item, box.size
    role = 'role="button" aria-expanded="false"' if item.kind == "block" else 'role="img"'
    middle = box.left + (size.length + size.right) / 2
    over = box.middle - size.height / 2 - size.up - OVER
    below = box.middle + size.height / 2 + 2
    outline = edge(item.status, INK if item.kind in OUTLINED else EDGE)
    x, y = _end_of_sign(box, over, below + LINE)
    mark = _mark(item.status, x, y)
    area = _with_sign(box.area, x) if mark else box.area
    drawn = (
        f'<g class="box {item.kind}" data-id="{escape(item.id)}" tabindex="{tab_index}" {role} '
        f"{_facts(item, scene)}{_fading(item.status)}>{_pointer_area(area)}"
        f'<g {outline} stroke-linejoin="round" fill="{fill(item)}">{shape(box)}</g>'
    )
    words = [_text(middle, below + LINE * i, line) for i, line in enumerate(box.lines, start=1)]
    if box.title:
        words.append(_text(middle, over, box.title))
    return f"{drawn}{''.join(words)}{mark}</g>"


def _end_of_sign(box: Box, over: float, below: float) -> tuple[float, float]:
    """Where a sign ends: in the corner of a folded block, else beside the name, or over the box.

    The frames of neighbours have no room for a sign beside the name of a block.
    """
    item, size = box.item, box.size
    if item.kind == "block":
        return box.left + _SIGN + 2, box.middle - size.height / 2 + LINE
    middle = box.left + (size.length + size.right) / 2
    if box.lines and not broken_join(item):
        return middle - text_width(box.lines[0]) / 2 - 1, below
    return middle + _SIGN / 2 - 1, over


def _mark(status: Status, x: float, y: float, anchor: str = "end") -> str:
    """What became of it, in the gap beside its name: nothing moves for it."""
    if not status.mark or status is Status.UNREACHED:
        return ""
    return (
        f'<text class="mark" x="{px(x)}" y="{px(y)}" text-anchor="{anchor}" '
        f'font-weight="bold">{status.mark}</text>'
    )


def _with_sign(area: Area, x: float) -> Area:
    """The area with room for a sign that ends at x."""
    more = max(0, area.x - (x - _SIGN))
    return Area(area.x - more, area.y, area.width + more, area.height)


def _fading(status: Status) -> str:
    return ' opacity="0.65"' if status is Status.UNREACHED else ""


def _pointer_area(area: Area) -> str:
    """What the pointer meets, and where the focus is shown."""
    wide = Area(area.x - _GAP, area.y - _GAP, area.width + 2 * _GAP, area.height + 2 * _GAP)
    return f'<rect class="hit" {rect(wide)} rx="3" fill="none" pointer-events="all"/>'


# ---------------------------------------------------------------------- tooltips


def _facts(item: Item, scene: Scene) -> str:
    """What a tooltip and a screen reader say of a box; numbers only of what ran."""
    steps = _numbers(item.steps)
    if item.kind == "broken":
        step = item.steps[0]
        said = escape(f"{step.op} breaks here: {item.text.replace(chr(10), ' ')}")
        return f'data-operation="{said}" data-path="{escape(step.path)}" {steps}aria-label="{said}"'
    if item.kind == "input":
        shapes = shapes_of(scene.view.root.block.call.inputs)
        label = ", ".join(filter(None, (f"input {shapes}", item.status.meaning)))
        told = _told(item.status)
        return f'data-operation="input" data-shape="{shapes}" {told}aria-label="{label}"'
    sums = {
        "parameters": sum(step.params for step in item.steps),
        "MACs": sum(step.macs for step in item.steps),
    }
    facts = {"shape": times(item.shape)} | {name: f"{n:,}" for name, n in sums.items() if n}
    if field := item.steps[-1].receptive_field:
        facts["receptive field"] = times(field)
    if item.status is Status.UNREACHED:
        facts = {}
    operation, path = _operation(item), item.steps[0].path
    if item.block:
        path = _path_of(item.block)
    listed = "; ".join(f"{name} {value}" for name, value in facts.items())
    label = f"{operation}: {', '.join(filter(None, (listed, item.status.meaning)))}"
    data = "".join(
        f'data-{name.lower().replace(" ", "-")}="{value}" ' for name, value in facts.items()
    )
    return (
        f'data-operation="{escape(operation)}" {data}data-path="{escape(path)}" '
        f"{steps}{_told(item.status)}"
        f'aria-label="{escape(label)}"'
    )


def _numbers(steps: Sequence[Step]) -> str:
    """Which steps it stands for, "3 7-9": what stands for the same elsewhere lights up with it."""
    runs: list[list[int]] = []
    for step in steps:
        if runs and step.index == runs[-1][-1] + 1:
            runs[-1][1:] = [step.index]
        else:
            runs.append([step.index])
    return f'data-steps="{" ".join("-".join(map(str, run)) for run in runs)}" '


def _operation(item: Item) -> str:
    if item.block:
        return f"{title(item.block, ' ')}, folded: {len(item.steps)} steps"
    words = [describe(step) for step in item.steps]
    return ", then ".join(shortened(words, f"{len(words) - MOST_LINES} more"))


def _path_of(block: Block) -> str:
    return block.id if is_named(block) else ""


# ---------------------------------------------------------------- frames and wires


def _told(status: Status) -> str:
    return f'data-status="{status.meaning}" ' if status.meaning else ""


def _frame(group: Group, status: Status) -> str:
    looks = f'stroke="{INK}" stroke-opacity="0.4" stroke-width="1"'
    if status in (Status.FAILED, Status.UNREACHED):
        looks = edge(status, INK) + ("" if status is Status.FAILED else ' stroke-opacity="0.4"')
    return (
        f'<rect class="frame" {rect(group.area)} rx="7" fill="{INK}" fill-opacity="0.035" {looks}/>'
    )


def _frame_title(group: Group, tab_index: str, status: Status) -> str:
    block, (x, y, _, _) = group.block, group.area
    text = title(block)
    ran = status not in (Status.FAILED, Status.UNREACHED)
    output = f"; output {times(block.call.output)}" if ran else ""
    label = f"{title(block, ' ')}, unfolded{output}{', ' if status.meaning else ''}{status.meaning}"
    return (
        f'<g class="box frame" data-id="{escape(block.id)}" tabindex="{tab_index}" role="button" '
        f'aria-expanded="true" data-operation="{escape(text)}" '
        f'{_frame_facts(block, status)}data-path="{escape(_path_of(block))}" '
        f'{_numbers(block.steps)}{_told(status)}aria-label="{escape(label)}"{_fading(status)}>'
        f"{_pointer_area(Area(x + 3, y + 3, text_width(text) + 20, HEADER - 3))}"
        f"{sign(x + 12, y + HEADER / 2 + 1, '−')}"
        f'<text x="{px(x + 21)}" y="{px(y + HEADER - 4)}" text-anchor="start">{escape(text)}'
        f"</text>{_mark(status, x + 23 + text_width(text), y + HEADER - 4, 'start')}</g>"
    )


def _frame_facts(block: Block, status: Status) -> str:
    if status is Status.UNREACHED:
        return ""
    facts = {"shape": times(block.call.output), "parameters": f"{block.params:,}"}
    facts["macs"] = f"{block.macs:,}"
    if status is Status.FAILED:
        facts = {"parameters": INCOMPLETE, "macs": INCOMPLETE}
    return "".join(f'data-{name}="{value}" ' for name, value in facts.items())


def _wires(scene: Scene) -> Iterator[str]:
    """One path for all pieces of each box's way, skips apart."""
    ways: dict[tuple[int, bool], list[str]] = {}
    for wire in scene.wires:
        ways.setdefault((wire.source, wire.skips), []).append(_path_data(wire))
    yield '<g fill="none" stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round">'
    for (source, skips), pieces in sorted(ways.items()):
        ink = f'stroke="{SKIP}"' if skips else f'stroke="{INK}" stroke-opacity="0.65"'
        if scene.view.items[source].status in (Status.FAILED, Status.UNREACHED):
            ink = f'stroke="{INK}" stroke-opacity="0.4" stroke-dasharray="3 3"'
        kind = "wire skip" if skips else "wire"
        yield f'<path class="{kind}" data-from="{source}" {ink} d="{"".join(pieces)}"/>'
    yield "</g>"


def _path_data(wire: Wire) -> str:
    (x, y), *others = wire.points
    pieces = [f"M{px(x)} {px(y)}"]
    if wire.turns:
        pieces += _rounded(wire.points)
    else:
        for a, b in others:
            if a != x and abs(b - y) > 0.05:
                half = (x + a) / 2
                pieces.append(f"C{px(half)} {px(y)} {px(half)} {px(b)} {px(a)} {px(b)}")
            elif (a, b) != (x, y):
                pieces.append(f"L{px(a)} {px(b)}")
            x, y = a, b
    if wire.target is not None:
        x, y = wire.points[-1]
        pieces.append(f"M{px(x - 4.5)} {px(y - 3)}L{px(x)} {px(y)}L{px(x - 4.5)} {px(y + 3)}")
    return "".join(pieces)


def _rounded(points: Points) -> Iterator[str]:
    """Straight lines through the points, with round corners."""
    for before, (a, b), after in zip(points, points[1:], points[2:], strict=False):
        (x, y), (c, d) = (_towards(a, b, *point) for point in (before, after))
        yield f"L{px(x)} {px(y)}Q{px(a)} {px(b)} {px(c)} {px(d)}"
    yield f"L{px(points[-1][0])} {px(points[-1][1])}"


def _towards(a: float, b: float, x: float, y: float) -> tuple[float, float]:
    far = abs(x - a) + abs(y - b)
    share = min(_BEND / far, 0.5) if far else 0
    return a + (x - a) * share, b + (y - b) * share


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{px(x)}" y="{px(y)}">{escape(text)}</text>'

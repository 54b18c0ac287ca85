"""What a box looks like: volumes, bars, circles of joins, folded blocks; and their colours.

Colours are those of Okabe and Ito (2008), told apart by most eyes. No coloured face carries text.
"""

from itertools import accumulate

from layerwise.operations.kinds import Kind, Merge
from layerwise.views.comparison import Status

from .box_sizes import broken_join, extents
from .graph import Item
from .scene import Box
from .svg_text import INK, PAPER, Area, px, rect

EDGE = "#333333"  # of coloured faces, on any page
CHANGED = "#d55e00"
FILLS = {  # of what a box does
    Kind.CONVOLUTION: "#56b4e9",
    Kind.TRANSPOSED_CONVOLUTION: "#56b4e9",
    Kind.POOLING: "#009e73",
    Kind.LINEAR: "#f0e442",
}
MULTIPLIES, OTHER = "#cc79a7", "#cccccc"  # what else multiplies and adds; and all that does not
OUTLINED = frozenset({"block", "join", "broken"})  # drawn in outline
_EDGES = {  # by what became of a box: colour, width, dashes; a sign beside it says the same
    Status.NEW: (INK, 2.6, ""),
    Status.OWN: (CHANGED, 2, ""),
    Status.DOWNSTREAM: (CHANGED, 1.2, "2 2"),
    Status.FAILED: (CHANGED, 2, "5 3"),
    Status.UNREACHED: (INK, 0.9, "3 2"),
}


def edge(status: Status, usual: str, width: float = 0.7) -> str:
    """The outline of a box or a frame, as attributes; `usual` is the colour of one that stayed."""
    stroke, wide, dashes = _EDGES.get(status, (usual, width, ""))
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="{stroke}" stroke-width="{wide}"{dashed}'


def fill(item: Item) -> str:
    """The colour of a box's front face; what was not reached has none."""
    if item.kind in OUTLINED or item.status is Status.UNREACHED:
        return PAPER
    if not item.steps:
        return OTHER
    step = item.steps[0]
    return FILLS.get(step.kind, MULTIPLIES if step.macs else OTHER)


def shape(box: Box) -> str:
    """The drawn form of a box, without its words."""
    drawn = {"join": _join, "broken": _broken, "block": _folded, "cat": _joined}
    return drawn.get(box.item.kind, _volume)(box)


def _volume(box: Box) -> str:
    """Front face, top and side; the two overlays make the volume."""
    if not box.size.up:
        return f"<rect {rect(box.face)}/>"
    x, y, width, height = map(px, box.face)
    right, low = px(box.left + box.size.length), px(box.middle + box.size.height / 2)
    a, b = px(box.size.right), px(box.size.up)
    return (
        f'<path d="M{x} {low}v-{height}l{a} -{b}h{width}v{height}l-{a} {b}z"/>'
        f'<path d="M{x} {y}l{a} -{b}h{width}l-{a} {b}z" fill="#fff" fill-opacity="0.5"/>'
        f'<path d="M{right} {y}l{a} -{b}v{height}l-{a} {b}z" fill="#000" fill-opacity="0.25"/>'
    )


def _joined(box: Box) -> str:
    """A concat: lines where one branch ends and the next begins, in their proportion."""
    step, (x, y, length, height) = box.item.steps[0], box.face
    alike = all(len(shape) == len(step.output) for shape in step.inputs)  # else it is a stack
    sizes = [shape[1] for shape in step.inputs] if alike and step.settings.get("dim") == 1 else []
    if not sum(sizes) or sum(sizes) != step.output[1]:
        return _volume(box)
    cuts = list(accumulate([size / sum(sizes) for size in sizes]))[:-1]
    if extents(box.item)[0] is None:  # a vector's features run down, a map's channels right
        lines = [f"M{px(x)} {px(y + height * cut)}h{px(length)}" for cut in cuts]
    else:
        way = f"v-{px(height)}l{px(box.size.right)} -{px(box.size.up)}"
        lines = [f"M{px(x + length * cut)} {px(y + height)}{way}" for cut in cuts]
    return f'{_volume(box)}<path class="seams" d="{"".join(lines)}" fill="none"/>'


def _join(box: Box) -> str:
    radius = box.size.length / 2
    x, sign = px(box.left + radius), box.item.steps[0].operation.symbol or "•"
    wide = ' stroke-width="1.2"' if box.item.status is Status.SAME else ""
    return (
        f'<circle cx="{x}" cy="{px(box.middle)}" r="{px(radius)}"{wide}/>'
        f'<text x="{x}" y="{px(box.middle + 5)}" font-size="15" stroke="none" '
        f'fill="{INK}">{sign}</text>'
    )


def _folded(box: Box) -> str:
    """A stack of cards with a plus: there is more inside."""
    x, y, length, height = box.face
    cards = [f'<rect {rect(Area(x + d, y - d, length, height))} rx="5"/>' for d in (5, 2.5, 0)]
    plus = sign(x + length / 2, box.middle, "+")
    if box.item.status is not Status.SAME:  # the outline may be dashed
        plus = f'<g stroke-dasharray="none">{plus}</g>'
    return "".join(cards) + plus


def sign(x: float, y: float, which: str) -> str:
    """A plus or a minus: there is more to see, or less."""
    bars = f"M{px(x - 4)} {px(y)}h8" + (f"M{px(x)} {px(y - 4)}v8" if which == "+" else "")
    return f'<path class="sign" d="{bars}" stroke="{INK}" stroke-width="1.6" fill="none"/>'


def _broken(box: Box) -> str:
    """A dashed card with a cross; an add as a ring, a concat as cards side by side."""
    if broken_join(box.item):
        return _join(box)
    step, face = box.item.steps[0], box.face
    if step.merge is Merge.CONCAT:
        count = len(step.sources)
        lines = [f"M{px(face.x + face.width * n / count)} {px(face.y)}v{px(face.height)}"
                 for n in range(1, count)]  # fmt: skip
    else:
        lines = [f"M{px(face.x + face.width / 2 - 7)} {px(box.middle - 7)}l14 14m0 -14l-14 14"]
    cross = f'<path d="{"".join(lines)}" fill="none" stroke-dasharray="none"/>'
    return f'<rect {rect(face)} rx="4"/>{cross}'

"""What a box looks like: volumes, bars, circles of joins, folded blocks; and their colours.

Colours are those of Okabe and Ito (2008), told apart by most eyes. No coloured face carries text.
"""

from itertools import accumulate

from layerwise.operations.kinds import Kind

from .box_sizes import extents
from .graph import Item
from .scene import Area, Box

INK = "var(--jp-ui-font-color1, #222222)"
PAPER = "var(--jp-layout-color1, #ffffff)"
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


def fill(item: Item) -> str:
    """The colour of a box's front face."""
    if item.kind in OUTLINED:
        return PAPER
    step = item.steps[0] if item.steps else None
    return FILLS.get(step.kind, MULTIPLIES if step.macs else OTHER) if step else OTHER


def shape(box: Box) -> str:
    """The drawn form of a box, without its words."""
    kind = box.item.kind
    if kind == "join":
        return _join(box)
    if kind == "broken":
        return _broken(box)
    if kind == "block":
        return _folded(box)
    return _volume(box) + (_seams(box) if kind == "cat" else "")


def _volume(box: Box) -> str:
    """Front face, top and side; the two overlays make the volume."""
    x, s = box.left, box.size
    y, low = box.middle - s.height / 2, box.middle + s.height / 2
    if not s.up:
        return f'<rect x="{px(x)}" y="{px(y)}" width="{px(s.length)}" height="{px(s.height)}"/>'
    right, a, b = x + s.length, px(s.right), px(s.up)
    width, height = px(s.length), px(s.height)
    return (
        f'<path d="M{px(x)} {px(low)}v-{height}l{a} -{b}h{width}v{height}l-{a} {b}z"/>'
        f'<path d="M{px(x)} {px(y)}l{a} -{b}h{width}l-{a} {b}z" fill="#fff" fill-opacity="0.5"/>'
        f'<path d="M{px(right)} {px(y)}l{a} -{b}v{height}l-{a} {b}z" fill="#000" '
        'fill-opacity="0.25"/>'
    )


def _seams(box: Box) -> str:
    """Lines across a concat where one branch ends and the next begins, in their proportion."""
    step, s = box.item.steps[0], box.size
    alike = all(len(shape) == len(step.output) for shape in step.inputs)  # else it is a stack
    if not alike or step.settings.get("dim") != 1:
        return ""
    total = step.output[1]
    if not total or total != sum(shape[1] for shape in step.inputs):
        return ""
    flat = extents(box.item)[0] is None  # a vector's features run down, a map's channels right
    cuts = list(accumulate([shape[1] / total for shape in step.inputs]))[:-1]
    y = box.middle - s.height / 2
    if flat:
        lines = [f"M{px(box.left)} {px(y + s.height * cut)}h{px(s.length)}" for cut in cuts]
    else:
        lines = [
            f"M{px(box.left + s.length * cut)} {px(y + s.height)}v-{px(s.height)}"
            f"l{px(s.right)} -{px(s.up)}"
            for cut in cuts
        ]
    return f'<path class="seams" d="{"".join(lines)}" fill="none"/>'


def _join(box: Box) -> str:
    radius, x = box.size.length / 2, box.left + box.size.length / 2
    sign = box.item.steps[0].operation.symbol or "•"
    return (
        f'<circle cx="{px(x)}" cy="{px(box.middle)}" r="{px(radius)}" stroke-width="1.2"/>'
        f'<text x="{px(x)}" y="{px(box.middle + 5)}" font-size="15" stroke="none" '
        f'fill="{INK}">{sign}</text>'
    )


def _folded(box: Box) -> str:
    """A stack of cards with a plus: there is more inside."""
    x, s = box.left, box.size
    y = box.middle - s.height / 2
    cards = "".join(
        f'<rect x="{px(x + d)}" y="{px(y - d)}" width="{px(s.length)}" height="{px(s.height)}" '
        'rx="5"/>'
        for d in (5, 2.5, 0)
    )
    return cards + sign(x + s.length / 2, box.middle, "+")


def sign(x: float, y: float, which: str) -> str:
    """A plus or a minus: there is more to see, or less."""
    bars = f"M{px(x - 4)} {px(y)}h8" + (f"M{px(x)} {px(y - 4)}v8" if which == "+" else "")
    return f'<path class="sign" d="{bars}" stroke="{INK}" stroke-width="1.6" fill="none"/>'


def _broken(box: Box) -> str:
    x, s = box.left, box.size
    y, a = box.middle - s.height / 2, 7
    return (
        f'<g stroke="{CHANGED}" stroke-width="2"><rect x="{px(x)}" y="{px(y)}" '
        f'width="{px(s.length)}" height="{px(s.height)}" rx="4" stroke-dasharray="5 3"/>'
        f'<path d="M{px(x + s.length / 2 - a)} {px(box.middle - a)}l{2 * a} {2 * a}'
        f'm0 -{2 * a}l-{2 * a} {2 * a}" fill="none"/></g>'
    )


def px(value: float) -> str:
    """A coordinate to a tenth of a pixel, without needless zeros."""
    return f"{value:.1f}".removesuffix(".0")


def rect(area: Area) -> str:
    """The attributes of a rectangle."""
    x, y, width, height = map(px, area)
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'

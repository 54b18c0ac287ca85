"""The picture of a network: `draw`, and the SVG text behind it.

Everything in it comes from the trace: no architecture is a special case.
"""

from base64 import b64encode
from collections.abc import Collection
from html import escape
from pathlib import Path
from typing import Any

from torch import nn

from layerwise.tracing.module_tree import Block, levels, outline
from layerwise.tracing.records import Trace
from layerwise.tracing.tracer import traced
from layerwise.views.columns import shapes_of
from layerwise.views.comparison import Status, together
from layerwise.views.merged_tree import Statuses

from .graph import View, is_named
from .layout import MARGIN, ROOM, layout
from .painting import paint
from .repeats import MOST_BOXES, foldable

WIDTH = ROOM + 2 * MARGIN  # px


def draw(
    net: nn.Module | Trace,
    *inputs: Any,
    unfold: Collection[str] | bool | None = None,
    **named: Any,
) -> "Drawing":
    """Return the picture of a network, for a notebook or a file.

    Takes a network and its inputs, as `trace` does, or a Trace. `unfold` names the blocks to show
    from within: a block's path, with "#2" behind it for its second run. True unfolds all, False
    none; by default outer blocks are unfolded as long as the picture stays readable. Raises what
    `trace` raises, TypeError where a Trace comes with inputs, and KeyError for an unknown block.
    """
    t = traced(net, inputs, named, "draw")
    return Drawing(t, _to_unfold(t, unfold))


class Drawing:
    """What `draw` returns: a picture on a light card, readable on any page."""

    def __init__(self, t: Trace, unfolded: Collection[str]) -> None:
        self.trace = t
        self.unfolded = tuple(unfolded)
        self.svg = svg(t, unfolded, card=True)

    def save(self, path: str | Path) -> None:
        """Write the SVG to a file."""
        Path(path).write_text(self.svg, encoding="utf-8", newline="\n")

    def __repr__(self) -> str:
        return f"Drawing of {describe(self.trace)}"

    def _repr_html_(self) -> str:
        return image(self.svg, describe(self.trace))


def image(svg: str, alt: str) -> str:
    """An image: JupyterLab removes SVG that stands in the page itself."""
    data = b64encode(svg.encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}">'


def svg(
    t: Trace | Block,
    unfolded: Collection[str] | None = None,
    *,
    statuses: Statuses | None = None,
    failed: str = "",
    width: float = WIDTH,
    card: bool = False,
) -> str:
    """The picture as SVG text, the same for the same trace, byte for byte.

    Takes a trace, or the tree that `merged` made of a comparison with its `statuses`; what failed
    is unfolded down to the step, and `failed` stands there, in lines. `unfolded` holds ids of
    blocks (see `outline`); None chooses. It is `width` pixels wide at most, unless one part alone
    needs more. With `card` it is a picture for a file, on a light card.
    """
    whole = t if isinstance(t, Block) else outline(t)
    tree = foldable(whole)
    shown = set(default_unfolded(tree) if unfolded is None else unfolded)
    found = _of_boxes(whole, tree, statuses or {})
    broken = {index for index, status in found.items() if status is Status.FAILED}
    shown |= {b.id for b in _blocks(tree) if not broken.isdisjoint([s.index for s in b.steps])}
    name = f"{describe(t)}, broken off" if broken else describe(t)
    return paint(layout(tree, shown, found, failed, width - 2 * MARGIN), name, card)


def _of_boxes(whole: Block, tree: Block, statuses: Statuses) -> Statuses:
    """The statuses, where a block for which one box stands gives its own to that box."""
    found, kept = dict(statuses), {block.id for block in _blocks(tree)}
    for block in _blocks(whole):
        if block.id in statuses and block.id not in kept:
            first = block.steps[0].index
            found[first] = together([found[first], statuses[block.id]])
    return found


def _blocks(tree: Block) -> list[Block]:
    return [block for level in levels(tree) for block in level]


def describe(t: Trace | Block) -> str:
    """One line on the network: "Sequential, input 1×1×224×224, 46,764,746 parameters"."""
    if isinstance(t, Block):
        return f"{t.call.kind}, input {shapes_of(t.call.inputs)}"
    return f"{t.name}, input {shapes_of(t.inputs)}, {t.params:,} parameters"


def default_unfolded(tree: Block) -> list[str]:
    """The blocks that a picture unfolds by itself: level by level, while it stays readable.

    Of the first level that does not fit it unfolds the first block of each kind that does. What
    repeats stays folded.
    """
    chosen: list[str] = []
    for level in levels(tree):
        named = [block for block in level if is_named(block)]
        wider = [*chosen, *[block.id for block in named]]
        if not _can_be_read(tree, wider):
            kinds: set[str] = set()
            for block in named:
                if block.call.kind not in kinds and _can_be_read(tree, [*chosen, block.id]):
                    kinds.add(block.call.kind)
                    chosen.append(block.id)
            break
        chosen = wider
    return chosen


def _can_be_read(tree: Block, unfolded: list[str]) -> bool:
    return len(View(tree, unfolded).items) <= MOST_BOXES


def _to_unfold(t: Trace, unfold: Collection[str] | bool | None) -> list[str]:
    tree = foldable(outline(t))
    if unfold is None:
        return default_unfolded(tree)
    blocks = _blocks(tree)
    known = [block.id for block in blocks]
    if isinstance(unfold, bool):
        return known if unfold else []
    wanted = [unfold] if isinstance(unfold, str) else list(unfold)
    if unknown := [name for name in wanted if name not in known]:
        raise KeyError(
            f"{t.name} has no block {', '.join(map(repr, unknown))} to unfold; "
            f"it has {', '.join(map(repr, known)) or 'none'}"
        )
    spans = [block.call for block in blocks if block.id in wanted]
    around = [
        block.id
        for block in blocks
        if not (is_named(block) or block.id in wanted)
        and any(block.call.start <= span.start and span.stop <= block.call.stop for span in spans)
    ]
    return [*wanted, *around]

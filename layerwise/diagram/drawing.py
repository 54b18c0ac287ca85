"""The picture of a network: `draw`, and the SVG text behind it.

Everything in it comes from the trace: no architecture is a special case.
"""

from base64 import b64encode
from collections.abc import Collection
from html import escape
from pathlib import Path
from typing import Any

from torch import nn

from layerwise.operations.shapes import times
from layerwise.tracing.module_tree import Block, outline
from layerwise.tracing.records import Call, Trace
from layerwise.tracing.tracer import trace

from .graph import View, is_named, levels
from .layout import layout
from .painting import paint
from .repeats import MOST_BOXES, foldable


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
    if isinstance(net, Trace):
        if inputs or named:
            raise TypeError("a Trace knows its input shapes: draw(trace) takes no others")
        return Drawing(net, _chosen(net, unfold))
    t = trace(net, *inputs, **named)
    return Drawing(t, _chosen(t, unfold))


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
        """An image: JupyterLab removes SVG that stands in the page itself."""
        data = b64encode(self.svg.encode()).decode()
        alt = escape(describe(self.trace))
        return f'<img src="data:image/svg+xml;base64,{data}" alt="{alt}">'


def svg(
    t: Trace,
    unfolded: Collection[str] | None = None,
    *,
    changed: Collection[int] = (),
    failed: str | None = None,
    card: bool = False,
) -> str:
    """The picture as SVG text, the same for the same trace, byte for byte.

    `unfolded` holds ids of blocks (see `outline`); None chooses. `changed` are the indices of
    steps to mark. A trace that broke off is drawn as far as it goes, and `failed` is what stands
    under the broken box behind it. With `card` it is a picture for a file, on a light card.
    """
    tree = foldable(outline(t))
    shown = default_unfolded(tree) if unfolded is None else unfolded
    return paint(layout(tree, shown, failed), describe(t), changed, card)


def describe(t: Trace) -> str:
    """One line on the network: "Sequential, input 1×1×224×224, 46,764,746 parameters"."""
    shapes = " and ".join(map(times, t.inputs)) or "none"
    return f"{t.name}, input {shapes}, {t.params:,} parameters"


def default_unfolded(tree: Block) -> list[str]:
    """The blocks that a picture unfolds by itself: level by level, while it stays readable.

    Of the first level that does not fit it unfolds the first block of each kind that does. What
    repeats stays folded.
    """
    tree = foldable(tree)
    chosen: list[str] = []
    for level in levels(tree):
        named = [block for block in level if is_named(block)]
        wider = [*chosen, *[block.id for block in named]]
        if _boxes(tree, wider) > MOST_BOXES:
            return chosen + _samples(tree, named, chosen)
        chosen = wider
    return chosen


def _samples(tree: Block, level: list[Block], chosen: list[str]) -> list[str]:
    samples: dict[str, str] = {}  # kind -> id
    for block in level:
        wider = [*chosen, *samples.values(), block.id]
        if block.call.kind not in samples and _boxes(tree, wider) <= MOST_BOXES:
            samples[block.call.kind] = block.id
    return list(samples.values())


def _boxes(tree: Block, unfolded: list[str]) -> int:
    return len(View(tree, unfolded).items)


def _chosen(t: Trace, unfold: Collection[str] | bool | None) -> list[str]:
    tree = foldable(outline(t))
    if unfold is None:
        return default_unfolded(tree)
    blocks = [block for level in levels(tree) for block in level]
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
    around = [b.id for b in blocks if not is_named(b) and any(_holds(b.call, s) for s in spans)]
    return [*wanted, *[name for name in around if name not in wanted]]


def _holds(outer: Call, inner: Call) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop and outer is not inner

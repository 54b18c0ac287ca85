"""Where every box, frame and wire of a picture stands.

A frame holds its parts in columns, each right of all that feed it. The longest path runs along
one straight line, the anchor. Parallel branches are stacked above and below it; a wire that
passes a column has a track of its own there, above all boxes. Nothing can lie on anything else,
because each is stacked on what its columns already hold. A frame wider than its room goes on in
a further row. Coordinates are pixels, y downwards.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from layerwise.operations.shapes import without_batch
from layerwise.tracing.module_tree import Block

from .box_sizes import LINE, BoxSize, box_size, caption, text_width
from .columns import break_rows
from .graph import Frame, Item, View, title, view
from .rows import Row, row
from .scene import Area, Box, Group, Part, Scene, Thing, Wire

ROOM = 940  # px: the widest picture that a notebook page shows whole
MARGIN = 12
HEADER = 18  # height of a frame's title
_PAD = 9  # between a frame and what is in it
_GAP = 4  # between a box and its words
OVER = 6  # between a box and the shape over it
_TURN = 7  # between neighbouring wires that go on in the next row
_BETWEEN = 16  # between rows


def layout(tree: Block, unfolded: Collection[str], failed: str | None = None) -> Scene:
    """Place what is visible of `tree` when `unfolded` are; `failed` adds a broken box."""
    shown = view(tree, unfolded, failed)
    whole = _panel(shown.root, shown, ROOM)
    above, below = whole.rows[0].up, whole.offsets[-1] + whole.rows[-1].down
    placed = list(whole.rows_placed(MARGIN, MARGIN + above))
    return Scene(
        shown,
        [thing for thing in placed if not isinstance(thing, Wire)],
        [thing for thing in placed if isinstance(thing, Wire)],
        whole.inside + 2 * MARGIN,
        above + below + 2 * MARGIN,
    )


# --------------------------------------------------------------------------- boxes


@dataclass(frozen=True)
class _Leaf(Part):
    """A box, measured; its anchor is the middle of its front face."""

    item: Item
    size: BoxSize
    lines: Sequence[str]
    title: str

    def placed(self, x: float, y: float) -> Iterator[Thing]:
        area = Area(x, y - self.up, self.width, self.up + self.down)
        yield Box(self.item, area, x + self.left, y, self.size, self.lines, self.title)


def _leaf(item: Item, needs: Sequence[int]) -> _Leaf:
    size, lines = box_size(item), caption(item)
    over = "" if item.kind in ("join", "broken") else without_batch(item.shape)
    words = max([text_width(line) for line in (*lines, over)], default=0)
    width = max(size.length + size.right, words)
    left = (width - size.length - size.right) / 2
    return _Leaf(
        first=item.number,
        last=item.number,
        needs=needs,
        width=width,
        up=size.height / 2 + size.up + (OVER + LINE if over else 0),
        down=size.height / 2 + _GAP + LINE * len(lines),
        left=left,
        right=left + size.length + size.right / 2,
        face=size.height,
        item=item,
        size=size,
        lines=lines,
        title=over,
    )


# -------------------------------------------------------------------------- frames


@dataclass(frozen=True)
class _Panel(Part):
    """An unfolded block, measured: rows of parts, with a frame and a title around them.

    The anchor is that of its first row.
    """

    block: Block
    rows: Sequence[Row]
    offsets: Sequence[float]  # from one row's anchor down to each
    side: float  # beside the rows, for wires that go on in the next
    inside: float  # width without the frame

    def placed(self, x: float, y: float) -> Iterator[Thing]:
        yield Group(self.block, Area(x, y - self.up, self.width, self.up + self.down))
        inset = (self.width - self.inside) / 2
        yield from self.rows_placed(x + inset, y)
        first, last, side = self.rows[0], self.rows[-1], inset + self.side
        for source, level in self.enters.items():
            port = [(x, y + level), (x + side, y + level)]
            yield Wire(source, port, skips=source != first.straight)
        end = x + side + last.width
        for source, level in self.leaves.items():
            yield Wire(source, [(end, y + level), (x + self.width, y + level)])

    def rows_placed(self, x: float, y: float) -> Iterator[Thing]:
        """What is in the frame."""
        start = x + self.side
        for above, offset in zip(self.rows, self.offsets, strict=True):
            yield from above.placed(start, y + offset)
        ends = [y + offset for offset in self.offsets]
        for (above, top), (below, base) in pairwise(zip(self.rows, ends, strict=True)):
            yield from _turns(above, below, start, top, base)


def _panel(frame: Frame, shown: View, room: float) -> _Panel:
    inner = room - 6 * _PAD  # a frame's own sides, and those of rows that go on
    parts: list[Part] = [
        _leaf(part, shown.sources[part.number])
        if isinstance(part, Item)
        else _panel(part, shown, inner)
        for part in frame.parts
    ]
    first, last = parts[0].first, parts[-1].last
    needs = sorted({n for part in parts for n in part.needs if n < first})
    gives = [n for n in range(first, last + 1) if shown.reaches[n] > last]
    rows = _rows(break_rows(parts, needs, gives, room, room - 4 * _PAD), needs, gives)
    turns = [_TURN * (len(above.leaves) - 1) for above in rows[:-1]]
    steps = [a.down + _BETWEEN + t + b.up for (a, b), t in zip(pairwise(rows), turns, strict=True)]
    offsets = list(accumulate(steps, initial=0.0))
    side = max(turns) + 2 * _PAD if turns else 0.0
    inside = max([one.width for one in rows]) + 2 * side
    width = max(inside + 2 * _PAD, text_width(title(frame.block)) + 28)
    return _Panel(
        first=first,
        last=last,
        needs=needs,
        width=width,
        up=rows[0].up + HEADER + _PAD / 2,
        down=offsets[-1] + rows[-1].down + _PAD,
        left=0.0,
        right=width,
        enters=rows[0].enters,
        leaves={n: offsets[-1] + level for n, level in rows[-1].leaves.items()},
        block=frame.block,
        rows=rows,
        offsets=offsets,
        side=side,
        inside=inside,
    )


def _rows(
    groups: Sequence[Sequence[Part]], needs: Sequence[int], gives: Sequence[int]
) -> list[Row]:
    """The rows of a frame: what a later one uses goes on from one to the next."""
    rows: list[Row] = []
    enter, known = needs, set(needs)
    for number, parts in enumerate(groups, start=1):
        later = {n for group in groups[number:] for part in group for n in part.needs}
        known.update([n for part in parts for n in range(part.first, part.last + 1)])
        leave = sorted(known & later.union(gives))
        rows.append(row(parts, enter, leave))
        enter = leave
    return rows


def _turns(above: Row, below: Row, x: float, top: float, base: float) -> Iterator[Wire]:
    """Lead each wire that a row does not end round to the start of the next row."""
    ordered = sorted(above.leaves.items(), key=lambda leaf: leaf[1], reverse=True)
    for rank, (source, level) in enumerate(ordered):
        start, end = top + level, base + below.enters[source]
        right = x + above.width + _PAD + _TURN * rank
        left = x - _PAD - _TURN * (len(ordered) - 1 - rank)
        middle = top + above.down + _BETWEEN / 2 + _TURN * rank
        corners = [(right, start), (right, middle), (left, middle), (left, end)]
        points = [(x + above.width, start), *corners, (x, end)]
        yield Wire(source, points, turns=True, skips=source != below.straight)

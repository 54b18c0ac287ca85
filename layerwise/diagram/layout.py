"""Where every box, frame and wire of a picture stands.

A frame holds its parts in columns, each right of all that feed it. The longest path runs along
one straight line, the anchor. Parallel branches are stacked above and below it; a wire that
passes a column has a track of its own there, above all boxes. Nothing can lie on anything else,
because each is stacked on what its columns already hold. A frame wider than its room goes on in
a further row. Coordinates are pixels, y downwards.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate, pairwise

from layerwise.operations.shapes import without_batch
from layerwise.tracing.module_tree import Block
from layerwise.views.merged_tree import Statuses

from .box_sizes import LINE, box_size, caption, text_width
from .graph import Frame, Item, View, title
from .placed_row import PlacedRow
from .row_breaks import break_rows
from .scene import Box, Group, Part, Scene, Thing, Wire
from .svg_text import Area

ROOM = 940  # px between the margins: what a page shows whole where nobody tells its width
MARGIN = 12
HEADER = 18  # height of a frame's title
_PAD = 9  # between a frame and what is in it
_GAP = 4  # between a box and its words
OVER = 6  # between a box and the shape over it
_TURN = 7  # between neighbouring wires that go on in the next row
_BETWEEN = 16  # between rows


def layout(
    tree: Block,
    unfolded: Collection[str],
    statuses: Statuses | None = None,
    failed: str = "",
    room: float = ROOM,
) -> Scene:
    """Place what is visible of `tree` when `unfolded` are, in rows of `room` pixels at most."""
    view = View(tree, unfolded, statuses, failed)
    rows = _Rows(view.root, view, room)
    placed = list(rows.placed(MARGIN, MARGIN + rows.up))
    return Scene(
        view,
        [thing for thing in placed if not isinstance(thing, Wire)],
        [thing for thing in placed if isinstance(thing, Wire)],
        rows.width + 2 * MARGIN,
        rows.up + rows.down + 2 * MARGIN,
    )


def _box(item: Item, needs: Sequence[int]) -> Part:
    """A box, measured; its anchor is the middle of its front face."""
    size, lines = box_size(item), caption(item)
    over = "" if item.kind in ("join", "broken") else without_batch(item.shape)
    drawn = size.length + size.right
    width = max(drawn, *[text_width(line) for line in (*lines, over)])
    left = (width - size.length - size.right) / 2
    up = size.height / 2 + size.up + (OVER + LINE if over else 0)
    down = size.height / 2 + _GAP + LINE * len(lines)

    def placed(x: float, y: float) -> Iterator[Thing]:
        yield Box(item, Area(x, y - up, width, up + down), x + left, y, size, lines, over)

    return Part(
        boxes=range(item.number, item.number + 1),
        needs=needs,
        width=width,
        up=up,
        down=down,
        left=left,
        right=left + size.length + size.right / 2,
        face=size.height,
        placed=placed,
    )


def _frame(frame: Frame, view: View, room: float) -> Part:
    """An unfolded block, measured: its rows, with a frame and a title around them.

    The anchor is that of its first row.
    """
    rows = _Rows(frame, view, room)
    width = max(rows.width + 2 * _PAD, text_width(title(frame.block)) + 28)
    up, down = rows.up + HEADER + _PAD / 2, rows.down + _PAD
    first, last = rows.rows[0], rows.rows[-1]
    leaves = {n: rows.offsets[-1] + level for n, level in last.leaves.items()}

    def placed(x: float, y: float) -> Iterator[Thing]:
        yield Group(frame.block, Area(x, y - up, width, up + down))
        inset = (width - rows.width) / 2
        yield from rows.placed(x + inset, y)
        start = x + (inset + rows.side)
        for source, level in first.enters.items():
            points = [(x, y + level), (start, y + level)]
            yield Wire(source, points, skips=source != first.straight)
        for source, level in leaves.items():
            yield Wire(source, [(start + last.width, y + level), (x + width, y + level)])

    return Part(
        boxes=rows.boxes,
        needs=rows.needs,
        width=width,
        up=up,
        down=down,
        left=0.0,
        right=width,
        enters=first.enters,
        leaves=leaves,
        placed=placed,
    )


class _Rows:
    """What is in a frame: its parts in one row, or in several where they need more room."""

    def __init__(self, frame: Frame, view: View, room: float) -> None:
        inner = room - 6 * _PAD  # a frame's own sides, and those of rows that go on
        parts = [
            _box(part, view.sources[part.number])
            if isinstance(part, Item)
            else _frame(part, view, inner)
            for part in frame.parts
        ]
        self.boxes = range(parts[0].boxes.start, parts[-1].boxes.stop)
        before, after = self.boxes.start, self.boxes.stop
        self.needs = sorted({n for part in parts for n in part.needs if n < before})
        gives = [n for n in self.boxes if view.reaches[n] >= after]
        self.rows = list(self._filled(break_rows(parts, gives, room, room - 4 * _PAD), gives))
        turns = [_TURN * (len(row.leaves) - 1) for row in self.rows[:-1]]
        steps = [
            above.down + _BETWEEN + turn + below.up
            for (above, below), turn in zip(pairwise(self.rows), turns, strict=True)
        ]
        self.offsets = list(accumulate(steps, initial=0.0))  # from the first row's anchor to each
        self.side = max(turns) + 2 * _PAD if turns else 0.0  # beside them, for wires that go on
        self.width = max([row.width for row in self.rows]) + 2 * self.side
        self.up, self.down = self.rows[0].up, self.offsets[-1] + self.rows[-1].down

    def _filled(self, groups: list[list[Part]], gives: Sequence[int]) -> Iterator[PlacedRow]:
        """The rows; what a later one uses goes on from one to the next."""
        enter, known = self.needs, set(self.needs)
        for number, parts in enumerate(groups, start=1):
            later = {n for group in groups[number:] for part in group for n in part.needs}
            known.update([n for part in parts for n in part.boxes])
            leave = sorted(known & later.union(gives))
            yield PlacedRow(parts, enter, leave)
            enter = leave

    def placed(self, x: float, y: float) -> Iterator[Thing]:
        """All of it, with its left end and the anchor of its first row at (x, y)."""
        start, anchors = x + self.side, [y + offset for offset in self.offsets]
        rows = list(zip(self.rows, anchors, strict=True))
        for row, anchor in rows:
            yield from row.placed(start, anchor)
        for (above, top), (below, base) in pairwise(rows):
            yield from _turns(above, below, start, top, base)


def _turns(above: PlacedRow, below: PlacedRow, x: float, top: float, base: float) -> Iterator[Wire]:
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

"""Where every box, frame and wire of a picture stands.

A frame holds its parts in columns, each right of all that feed it. The longest path runs along
one straight line, the anchor. Parallel branches are stacked above and below it; a wire that
passes a column has a track of its own there, above all boxes. Nothing can lie on anything else,
because each is stacked on what its columns already hold. A frame wider than its room goes on in
a further row. Coordinates are pixels, y downwards.
"""

from collections.abc import Collection

from layerwise.tracing.module_tree import Block

from .box_sizes import LINE, Solid, caption, shape_text, solid, text_width
from .columns import break_rows
from .graph import Frame, Item, View, view
from .rows import Row
from .scene import Box, Group, Scene, Wire

ROOM = 940  # px: the widest picture that a notebook page shows whole
MARGIN = 12
HEADER = 18  # height of a frame's title
_PAD = 9  # between a frame and what is in it
_GAP = 4  # between a box and its words
OVER = 6  # between a box and the shape over it
_CIRCLE = 17  # diameter of an add
_FOLDED = (44, 40)  # a folded block's least width and height
_TURN = 7  # between neighbouring wires that go on in the next row
_BETWEEN = 16  # between rows


def layout(tree: Block, unfolded: Collection[str], failed: str | None = None) -> Scene:
    """Place what is visible of `tree` when `unfolded` are; `failed` adds a broken box."""
    shown = view(tree, unfolded, failed)
    scene = Scene(shown)
    whole = _Panel(shown.root, _reaches(shown), shown.sources, ROOM)
    whole.place(MARGIN, MARGIN + whole.up, scene)
    scene.width = whole.width + 2 * MARGIN
    scene.height = whole.up + whole.down + 2 * MARGIN
    return scene


def _reaches(shown: View) -> list[int]:
    """For each box, the last box that it feeds; itself if none."""
    last = [item.number for item in shown.items]
    for number, sources in enumerate(shown.sources):
        for source in sources:
            last[source] = max(last[source], number)
    return last


class _Leaf:
    """A box, measured: `up` and `down` from the middle of its front face."""

    def __init__(self, item: Item, sources: list[list[int]]) -> None:
        self.item = item
        self.first = self.last = item.number
        self.needs = sources[item.number]
        self.target = item.number
        self.lines = caption(item)
        self.solid, self.title = _drawn(item), ""
        if item.kind not in ("join", "broken"):
            self.title = shape_text(item.shape)
        words = max([text_width(line) for line in (*self.lines, self.title)], default=0)
        self.width = max(self.solid.length + self.solid.right, words)
        self.up = self.solid.height / 2 + self.solid.up + (OVER + LINE if self.title else 0)
        self.down = self.solid.height / 2 + _GAP + LINE * len(self.lines)
        self.left = (self.width - self.solid.length - self.solid.right) / 2
        self.right = self.left + self.solid.length + self.solid.right / 2
        self.entry: dict[int, float] = {}

    def exit(self, _source: int) -> float:
        return 0.0

    def fan_in(self, arrivals: dict[int, float]) -> None:
        """Spread over the front face where wires end that come from above, ahead and below."""
        if len(arrivals) < 2:
            self.entry = dict.fromkeys(arrivals, 0.0)
            return
        above = sorted([s for s in arrivals if arrivals[s] < -3], key=arrivals.get)
        below = sorted([s for s in arrivals if arrivals[s] > 3], key=arrivals.get)
        room = self.solid.height / 2 - 2
        apart = min(8.0, room / max(len(above), len(below), 1))
        self.entry = dict.fromkeys(arrivals, 0.0)
        self.entry |= {s: -apart * (len(above) - i) for i, s in enumerate(above)}
        self.entry |= {s: apart * (i + 1) for i, s in enumerate(below)}

    def place(self, x: float, y: float, scene: Scene) -> None:
        scene.things.append(
            Box(
                self.item,
                x,
                y - self.up,
                self.width,
                self.up + self.down,
                x + self.left,
                y,
                self.solid,
                self.lines,
                self.title,
            )
        )


def _drawn(item: Item) -> Solid:
    if item.kind == "join":
        return Solid(_CIRCLE, _CIRCLE)
    if item.kind == "broken":
        return Solid(*_FOLDED)
    size = solid(item)
    if item.kind == "block":
        return Solid(_FOLDED[0], max(_FOLDED[1], size.height), 5, 5)
    return size


class _Panel:
    """The inside of a frame, measured: its rows, and where wires enter and leave it."""

    def __init__(
        self, frame: Frame, reaches: list[int], sources: list[list[int]], room: float
    ) -> None:
        self.frame = frame
        inner = room - 6 * _PAD  # a frame's own sides, and those of rows that go on
        self.parts = [
            _Leaf(part, sources)
            if isinstance(part, Item)
            else _Framed(part, reaches, sources, inner)
            for part in frame.parts
        ]
        self.first, self.last = self.parts[0].first, self.parts[-1].last
        self.needs = sorted({n for part in self.parts for n in part.needs if n < self.first})
        self.gives = [n for n in range(self.first, self.last + 1) if reaches[n] > self.last]
        self.rows = self._rows(room)
        self._stack()

    def _rows(self, room: float) -> list[Row]:
        rows, known = [], set(self.needs)
        groups = break_rows(self.parts, self.needs, self.gives, room, room - 4 * _PAD)
        for number, parts in enumerate(groups):
            later = {n for group in groups[number + 1 :] for part in group for n in part.needs}
            later.update(self.gives)
            enter = rows[-1].leave if rows else self.needs
            known.update([n for part in parts for n in range(part.first, part.last + 1)])
            rows.append(Row(parts, enter, sorted(known & later)))
        return rows

    def _stack(self) -> None:
        """Rows under one another, with a channel between them for the wires that go on."""
        turns = [_TURN * (len(row.leave) - 1) for row in self.rows[:-1]]
        self.side = max(turns) + 2 * _PAD if turns else 0.0
        self.offsets, y = [0.0], 0.0
        for above, row, turn in zip(self.rows, self.rows[1:], turns, strict=False):
            y += above.down + _BETWEEN + turn + row.up
            self.offsets.append(y)
        self.inside = max(row.width for row in self.rows)
        self.width = self.inside + 2 * self.side
        self.up, self.down = self.rows[0].up, y + self.rows[-1].down
        self.entry = self.rows[0].enter_y

    def exit(self, source: int) -> float:
        return self.offsets[-1] + self.rows[-1].leave_y[source]

    def place(self, x: float, y: float, scene: Scene) -> None:
        start = x + self.side
        for row, offset in zip(self.rows, self.offsets, strict=True):
            row.place(start, y + offset, scene)
        self._go_on(start, y, scene)

    def _go_on(self, x: float, y: float, scene: Scene) -> None:
        """Lead each wire that a row does not end round to the start of the next row."""
        for number, row in enumerate(self.rows[:-1]):
            below, count = self.rows[number + 1], len(row.leave)
            top, base = y + self.offsets[number], y + self.offsets[number + 1]
            ordered = sorted(row.leave, key=row.leave_y.get, reverse=True)
            for rank, source in enumerate(ordered):
                start, end = top + row.leave_y[source], base + below.enter_y[source]
                right = x + row.width + _PAD + _TURN * rank
                left = x - _PAD - _TURN * (count - 1 - rank)
                level = top + row.down + _BETWEEN / 2 + _TURN * rank
                corners = [(right, start), (right, level), (left, level), (left, end)]
                points = [(x + row.width, start), *corners, (x, end)]
                skips = source != below.straight
                scene.wires.append(Wire(source, points, turns=True, skips=skips))


class _Framed:
    """An unfolded block: a panel with a frame and a title around it."""

    def __init__(
        self, frame: Frame, reaches: list[int], sources: list[list[int]], room: float
    ) -> None:
        self.panel = panel = _Panel(frame, reaches, sources, room)
        self.block, self.first, self.last = frame.block, panel.first, panel.last
        self.needs, self.target = panel.needs, None
        self.width = max(panel.width + 2 * _PAD, text_width(title(frame.block)) + 28)
        self.up, self.down = panel.up + HEADER + _PAD / 2, panel.down + _PAD
        self.left, self.right = 0.0, self.width
        self.entry, self.exit = panel.entry, panel.exit

    def fan_in(self, arrivals: dict[int, float]) -> None:
        """Wires enter where the rows inside take them up."""

    def place(self, x: float, y: float, scene: Scene) -> None:
        scene.things.append(Group(self.block, x, y - self.up, self.width, self.up + self.down))
        inset = (self.width - self.panel.width) / 2
        self.panel.place(x + inset, y, scene)
        inner, side = self.panel, inset + self.panel.side
        for source, level in inner.entry.items():
            skips = source != inner.rows[0].straight
            port = [(x, y + level), (x + side, y + level)]
            scene.wires.append(Wire(source, port, skips=skips))
        end = x + side + inner.rows[-1].width
        for source in inner.gives:
            level = y + inner.exit(source)
            scene.wires.append(Wire(source, [(end, level), (x + self.width, level)]))


def title(block: Block) -> str:
    """What stands over an unfolded block: its kind and its path."""
    return f"{block.call.kind}  {block.id}"

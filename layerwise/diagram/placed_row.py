"""One row of a frame: its parts in columns, and the ways of the wires past them.

Column 0 is where wires enter the row and the last column where they leave it; parts stand
between, each one column right of the last that feeds it. A track is a straight way through
columns: a chain of parts, or a wire past them. From the columns follow the tracks, from these
their heights, then the widths of columns, then where all of it stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .row_breaks import CURVED, STRAIGHT, columns_of
from .scene import Part, Points, Thing, Wire

_APART = 9  # between tracks above one another
_WIRE = 3  # what a wire takes above and below itself


@dataclass(slots=True, eq=False)
class _Track:
    """A straight way through columns start..stop."""

    start: int
    stop: int
    chain: Sequence[int] = ()  # numbers of parts in the row; none on the way of a wire past them
    below: bool = False
    y: float = 0.0


@dataclass(slots=True, eq=False)
class _Way:
    """The way of one box's output, from the part that holds the box to all that read it."""

    source: int
    home: int | None  # number of that part; None where the output enters the row
    users: list[int]  # numbers of parts; the count of all parts stands for the row's end
    near: int  # the column behind that of its part
    far: list[int]  # users further on
    track: _Track | None = None  # of its own, past columns
    start: float = 0.0  # its height up to the column `near`

    @property
    def level(self) -> float:
        """Its height behind that column."""
        return self.track.y if self.track else self.start

    def at(self, column: int) -> float:
        """Its height where it comes to a column."""
        return self.start if column == self.near else self.level


class PlacedRow:
    """Parts side by side; places count from the row's left end and the height of its main chain.

    The outputs of boxes `enter` come in, those of `leave` go out.
    """

    def __init__(self, parts: Sequence[Part], enter: Sequence[int], leave: Sequence[int]) -> None:
        self.parts, self._enter, self._leave = parts, enter, leave
        self._column = columns_of(parts)
        self._end = max(self._column) + 1
        self._column.append(self._end)
        self._home = {box: i for i, part in enumerate(parts) for box in part.boxes}
        self._ways = {way.source: way for way in self._all_ways()}
        main = self._main_chain()
        entering = [n for n in parts[main.chain[0]].needs if n in enter]
        self.straight = entering[-1] if entering else -1  # the box that feeds the main chain
        heights = self._heights(main, list(self._other_chains(main)))
        self._arrivals = [  # the heights from its anchor at which wires come to each part
            {n: self._ways[n].at(c) - height for n in part.needs}
            for part, c, height in zip(parts, self._column, heights, strict=False)
        ]
        self._set_columns(heights)
        self._wires = list(self._wire_pieces())
        self.enters = {n: self._ways[n].start for n in enter}  # box -> height
        self.leaves = {n: self._ways[n].level for n in leave}

    def placed(self, x: float, y: float) -> Iterator[Thing]:
        """All parts and wires, with the row's own (0, 0) at (x, y)."""
        for part, (a, b) in zip(self.parts, self._places, strict=True):
            yield from part.placed(x + a, y + b)
        for source, points, target, turns, skips in self._wires:
            yield Wire(source, [(x + a, y + b) for a, b in points], target, turns, skips)

    def _all_ways(self) -> Iterator[_Way]:
        users: dict[int, list[int]] = {}
        for i, part in enumerate(self.parts):
            for source in part.needs:
                users.setdefault(source, []).append(i)
        for source in self._leave:
            users.setdefault(source, []).append(len(self.parts))
        for source, found in users.items():
            home = self._home.get(source)
            near = 1 if home is None else self._column[home] + 1
            yield _Way(source, home, found, near, [i for i in found if self._column[i] > near])

    # ------------------------------------------------------------------------ tracks

    def _main_chain(self) -> _Track:
        """Back from the part whose output leaves, over the longest path."""
        inner = [n for n in self._leave if n in self._home]
        chain = [self._home[inner[-1]] if inner else len(self.parts) - 1]
        stop = self._end if inner else self._column[chain[0]]
        while (column := self._column[chain[-1]]) > 1:
            homes = {self._home[n] for n in self.parts[chain[-1]].needs if n in self._home}
            before = sorted(i for i in homes if self._column[i] == column - 1)
            chain.append(before[(len(before) - 1) // 2])
        return _Track(0, stop, chain[::-1])

    def _other_chains(self, main: _Track) -> Iterator[_Track]:
        """The further chains; one that runs before the main chain's part of its column is above."""
        following: list[list[int]] = [[] for _ in self.parts]
        for way in self._ways.values():
            if way.home is not None:
                following[way.home] += way.users
        across, taken = {self._column[i]: i for i in main.chain}, set(main.chain)
        for first, start in enumerate(self._column[:-1]):
            chain: list[int] = []
            after = None if first in taken else first
            while after is not None:
                chain.append(after)
                taken.add(after)
                free = [i for i in following[after] if i not in taken and i < len(self.parts)]
                after = min(free, key=self._column.__getitem__, default=None)
            if chain:
                stop = max(self._last(following[chain[-1]]), self._column[chain[-1]])
                yield _Track(start, stop, chain, below=first > across.get(start, -1))

    def _own_track(self, way: _Way, chain: _Track | None) -> _Track | None:
        """Where a wire passes a column and cannot run on the track of its chain."""
        enters = chain is None and way.source != self.straight
        far = way.far
        if chain:
            behind = [self._column[i] for i in chain.chain if self._column[i] >= way.near]
            free = min(behind, default=chain.stop + 1)
            far = [i for i in far if self._column[i] > free]
        if not far and not enters:
            return None
        below = chain is not None and chain.below
        return _Track(0 if enters else way.near, self._last(far), below=below)

    def _last(self, users: Sequence[int]) -> int:
        """The last column that a wire to these users passes."""
        return max([self._column[i] - (i < len(self.parts)) for i in users], default=0)

    # ------------------------------------------------------------------ heights, widths

    def _heights(self, main: _Track, others: list[_Track]) -> list[float]:
        """The height of each part, and those of all ways: tracks on what columns already hold."""
        track_of = {part: track for track in (main, *others) for part in track.chain}
        wires = []
        for way in self._ways.values():
            way.track = self._own_track(way, None if way.home is None else track_of[way.home])
            if way.track:
                wires.append((way.track.stop - way.track.start, -way.source, way.track))
        above = [track for track in reversed(others) if not track.below]
        below = [track for track in others if track.below]
        self._set_heights([main, *above, *below, *(track for *_, track in sorted(wires))])
        for way in self._ways.values():
            if way.home is not None:
                way.start = track_of[way.home].y + self.parts[way.home].leaves.get(way.source, 0.0)
            elif way.track and way.source != self.straight:
                way.start = way.track.y
        return [track_of[i].y for i in range(len(self.parts))]

    def _set_heights(self, tracks: Sequence[_Track]) -> None:
        """Give each track its height; the first is the main chain, at 0."""
        rise, fall = [0.0] * (self._end + 1), [0.0] * (self._end + 1)
        for track in tracks:
            up = {self._column[i]: self.parts[i].up for i in track.chain}
            down = {self._column[i]: self.parts[i].down for i in track.chain}
            inside = range(track.start, track.stop + 1)
            if track.below:
                track.y = max([fall[c] + up.get(c, _WIRE) for c in inside]) + _APART
            elif track is not tracks[0]:
                track.y = -max([rise[c] + down.get(c, _WIRE) for c in inside]) - _APART
            for c in inside:
                rise[c] = max(rise[c], up.get(c, _WIRE) - track.y)
                fall[c] = max(fall[c], down.get(c, _WIRE) + track.y)
        self.up, self.down = max(rise), max(fall)

    def _set_columns(self, heights: Sequence[float]) -> None:
        """Where columns begin and end, and the left end and anchor of each part."""
        widths = [0.0] * (self._end + 1)
        for part, c in zip(self.parts, self._column, strict=False):
            widths[c] = max(widths[c], part.width)
        bends = self._bends()
        self._begin, self._stop = [0.0], [0.0]
        for c in range(1, self._end + 1):
            outer = (c == 1 and not self._enter) or (c == self._end and not self._leave)
            gap = 0 if outer else CURVED if c in bends else STRAIGHT
            self._begin.append(self._stop[-1] + gap)
            self._stop.append(self._begin[-1] + widths[c])
        self.width = self._begin[-1]
        self._places = [
            (self._begin[c] + (widths[c] - part.width) / 2, height)
            for part, c, height in zip(self.parts, self._column, heights, strict=False)
        ]

    def _bends(self) -> set[int]:
        """The columns before which a wire changes its height."""
        found = {way.near for way in self._ways.values() if abs(way.start - way.level) > 1}
        for part, c, arrivals in zip(self.parts, self._column, self._arrivals, strict=False):
            if any(abs(y - part.enters.get(n, 0.0)) > 1 for n, y in arrivals.items()):
                found.add(c)
        return found

    # --------------------------------------------------------------------------- wires

    def _wire_pieces(self) -> Iterator[Wire]:
        """Each way in pieces: along the columns, then through a gap to each user."""
        fans = list(map(_fan, self.parts, self._arrivals))

        def last_piece(source: int, user: int, points: Points, skips: bool) -> Wire:
            if user == len(self.parts):
                return Wire(source, [*points, (self.width, points[-1][1])], skips=skips)
            part, (left, height) = self.parts[user], self._places[user]
            goal = height + fans[user][source]
            points = [*points, (self._begin[self._column[user]], goal), (left + part.left, goal)]
            return Wire(source, points, part.boxes[0] if part.face else None, skips=skips)

        for way in self._ways.values():
            source, home, level = way.source, way.home, way.level
            begin = 0.0 if home is None else self._places[home][0] + self.parts[home].right
            begins = [(begin, way.start), (self._stop[way.near - 1], way.start)]
            aside, own = home is None and source != self.straight, way.track is not None
            for i in way.users:
                if i not in way.far:
                    yield last_piece(source, i, begins, aside)
            ends = {i: self._stop[self._column[i] - 1] for i in way.far}
            if ends:
                along = [(self._begin[way.near], level), (max(ends.values()), level)]
                yield Wire(source, [*begins, *along], skips=own)
            for i, end in ends.items():
                yield last_piece(source, i, [(end, level)], own)


def _fan(part: Part, arrivals: Mapping[int, float]) -> Mapping[int, float]:
    """Where wires end: spread over a box's front face if they come from above, ahead and below."""
    if not part.face or len(arrivals) < 2:
        return {n: part.enters.get(n, 0.0) for n in arrivals}
    above = sorted([n for n in arrivals if arrivals[n] < -3], key=arrivals.__getitem__)
    below = sorted([n for n in arrivals if arrivals[n] > 3], key=arrivals.__getitem__)
    apart = min(8.0, (part.face / 2 - 2) / max(len(above), len(below), 1))
    ends = dict.fromkeys(arrivals, 0.0)
    ends |= {n: -apart * (len(above) - i) for i, n in enumerate(above)}
    return ends | {n: apart * (i + 1) for i, n in enumerate(below)}

"""One row of a frame: its parts in columns, and the ways of the wires past them.

Column 0 is where wires enter the row and the last column where they leave it; parts stand
between, each one column right of the last that feeds it. `up` and `down` of a part are what it
takes above and below its anchor, the height at which a plain chain of boxes is connected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .columns import CURVED, STRAIGHT, columns
from .scene import Scene, Wire

_APART = 9  # between tracks above one another
_WIRE = 3  # what a wire takes above and below itself


@dataclass(slots=True, eq=False)
class _Track:
    """A straight way through columns start..stop: a chain of parts, or a wire past them."""

    start: int
    stop: int
    chain: list[int]  # numbers of parts in the row
    source: int = -1  # of a wire
    below: bool = False
    y: float = 0.0


class Row:
    """Parts side by side. `enter` and `leave` are the boxes whose wires come in and go out."""

    def __init__(self, parts: list[Any], enter: list[int], leave: list[int]) -> None:
        self.parts, self.enter, self.leave = parts, enter, leave
        self.home = {n: i for i, p in enumerate(parts) for n in range(p.first, p.last + 1)}
        self.column = columns(parts, set(enter))
        self.end = max(self.column) + 1
        self._find_users()
        main = self._main_chain()
        self.tracks = [main, *self._other_chains(set(main.chain))]
        self._choose_sides()
        self.lane = {part: track for track in self.tracks for part in track.chain}
        known = [n for n in parts[main.chain[0]].needs if n in enter]
        self.straight = known[-1] if known else -1  # it enters on the anchor
        self.passing = dict(self._passing())
        self._stack_tracks()
        self._set_columns()

    # ------------------------------------------------------------ who feeds whom

    def _find_users(self) -> None:
        self.users: dict[int, list[int]] = {}  # box -> parts that read it; len(parts) to leave
        for i, part in enumerate(self.parts):
            for source in part.needs:
                self.users.setdefault(source, []).append(i)
        for source in self.leave:
            self.users.setdefault(source, []).append(len(self.parts))
        self.column.append(self.end)

    def _main_chain(self) -> _Track:
        """Back from the part whose output leaves, over the longest path."""
        inner = [n for n in self.leave if n in self.home]
        at = self.home[inner[-1]] if inner else len(self.parts) - 1
        chain = [at]
        while self.column[at] > 1:
            homes = {self.home[n] for n in self.parts[at].needs if n in self.home}
            before = sorted(i for i in homes if self.column[i] == self.column[at] - 1)
            at = before[(len(before) - 1) // 2]
            chain.append(at)
        stop = self.column[chain[0]] if not inner else self.end
        return _Track(0, stop, chain[::-1])

    def _other_chains(self, taken: set[int]) -> Iterator[_Track]:
        following = self._following()
        for first in range(len(self.parts)):
            if first in taken:
                continue
            chain, at = [first], first
            while at is not None:
                taken.add(at)
                free = [i for i in following[at] if i not in taken and i < len(self.parts)]
                at = min(free, key=self.column.__getitem__, default=None)
                chain += [] if at is None else [at]
            users = following[chain[-1]]
            stop = max([self.column[i] - (i < len(self.parts)) for i in users], default=0)
            yield _Track(self.column[first], max(stop, self.column[chain[-1]]), chain)

    def _choose_sides(self) -> None:
        """A branch that runs before the main chain's part of its column stands above it."""
        main, *others = self.tracks
        across = {self.column[i]: i for i in main.chain}
        for track in others:
            track.below = track.chain[0] > across.get(track.start, -1)

    def _following(self) -> list[list[int]]:
        following: list[list[int]] = [[] for _ in self.parts]
        for source, users in self.users.items():
            if source in self.home:
                following[self.home[source]] += users
        return following

    # -------------------------------------------------------------- tracks, heights

    def _passing(self) -> Iterator[tuple[int, _Track]]:
        """For each wire that passes a column, the track that it runs on: a chain's or its own."""
        for source, users in self.users.items():
            part = self.home.get(source)
            at = 0 if part is None else self.column[part]
            far = [i for i in users if self.column[i] > at + 1]
            own = part is None and source != self.straight
            if not far and not own:
                continue
            track = None if part is None else self.lane[part]
            if track and self._runs_on(track, part, far):
                yield source, track
            else:
                last = max([self.column[i] - (i < len(self.parts)) for i in far], default=0)
                below = bool(track and track.below)
                track = _Track(0 if own else at + 1, last, [], source, below)
                self.tracks.append(track)
                yield source, track

    def _runs_on(self, track: _Track, part: int, far: list[int]) -> bool:
        """Whether nothing of the track is in the way from `part` to all of `far`."""
        behind = [self.column[i] for i in track.chain if self.column[i] > self.column[part]]
        return all(self.column[i] <= min(behind, default=track.stop + 1) for i in far)

    def _stack_tracks(self) -> None:
        """Give each track its height, on what its columns already hold."""
        self.rise, self.fall = [0.0] * (self.end + 1), [0.0] * (self.end + 1)
        main, *others = self.tracks
        self._hold(main)
        chains = [t for t in others if t.chain]
        for track in [t for t in reversed(chains) if not t.below]:
            self._settle(track)
        for track in [t for t in chains if t.below]:
            self._settle(track)
        wires = [t for t in others if not t.chain]
        for track in sorted(wires, key=lambda t: (t.stop - t.start, -t.source)):
            self._settle(track)

    def _settle(self, track: _Track) -> None:
        inside = range(track.start, track.stop + 1)
        if track.below:
            up = self._extents(track, "up")
            track.y = max([self.fall[c] + up.get(c, _WIRE) for c in inside]) + _APART
        else:
            down = self._extents(track, "down")
            track.y = -max([self.rise[c] + down.get(c, _WIRE) for c in inside]) - _APART
        self._hold(track)

    def _hold(self, track: _Track) -> None:
        up, down = self._extents(track, "up"), self._extents(track, "down")
        for c in range(track.start, track.stop + 1):
            self.rise[c] = max(self.rise[c], up.get(c, _WIRE) - track.y)
            self.fall[c] = max(self.fall[c], down.get(c, _WIRE) + track.y)

    def _extents(self, track: _Track, side: str) -> dict[int, float]:
        return {self.column[i]: getattr(self.parts[i], side) for i in track.chain}

    # ------------------------------------------------------------------- places

    def _set_columns(self) -> None:
        """Widths of columns and gaps, and the row's own size and ports."""
        widths = [0.0] * (self.end + 1)
        for i, part in enumerate(self.parts):
            widths[self.column[i]] = max(widths[self.column[i]], part.width)
        self.widths, self.x = widths, [0.0]
        for c in range(1, self.end + 1):
            gap = CURVED if self._bends(c) else STRAIGHT
            if (c == 1 and not self.enter) or (c == self.end and not self.leave):
                gap = 0
            self.x.append(self.x[-1] + widths[c - 1] + gap)
        self.width = self.x[-1]
        self.up, self.down = max(self.rise), max(self.fall)
        self.enter_y = {n: self._start(n) for n in self.enter}
        self.leave_y = {n: self._arrival(n, self.end) for n in self.leave}

    def _bends(self, c: int) -> bool:
        """Whether a wire changes its height in the gap before column c."""
        return any(
            abs(self._arrival(source, c) - self._goal(source, i)) > 1
            for source, users in self.users.items()
            for i in users
            if self.column[i] == c
        ) or any(
            abs(self._start(source) - self._level(source)) > 1
            for source in self.passing
            if self._origin(source) == c - 1
        )

    def _origin(self, source: int) -> int:
        return self.column[self.home[source]] if source in self.home else 0

    def _start(self, source: int) -> float:
        """The height at which a wire starts in this row."""
        if source not in self.home:
            return 0.0 if source == self.straight else self._level(source)
        part = self.home[source]
        return self.lane[part].y + self.parts[part].exit(source)

    def _level(self, source: int) -> float:
        """The height at which a wire passes columns."""
        track = self.passing.get(source)
        if track is None:
            return 0.0 if source not in self.home else self._start(source)
        return self._start(source) if track.chain else track.y

    def _arrival(self, source: int, c: int) -> float:
        near = c == self._origin(source) + 1
        return self._start(source) if near else self._level(source)

    def _goal(self, source: int, user: int) -> float:
        if user == len(self.parts):
            return self._arrival(source, self.end)
        return self.lane[user].y + self.parts[user].entry.get(source, 0.0)

    def place(self, x: float, y: float, scene: Scene) -> None:
        """Put parts and wires into the scene, the row's left end and anchor at (x, y)."""
        for i, part in enumerate(self.parts):
            middle = x + self._left(i)
            needs = {n: self._arrival(n, self.column[i]) - self.lane[i].y for n in part.needs}
            part.fan_in(needs)
            part.place(middle, y + self.lane[i].y, scene)
        for source, users in self.users.items():
            scene.wires += [
                Wire(source, [(x + a, y + b) for a, b in points], target, skips=skips)
                for points, target, skips in self._ways(source, users)
            ]

    def _left(self, i: int) -> float:
        c = self.column[i]
        return self.x[c] + (self.widths[c] - self.parts[i].width) / 2

    def _ways(self, source: int, users: Sequence[int]) -> Iterator[tuple]:
        """The pieces of one output's way: (points, the box it ends at or None, skips)."""
        at, start, level = self._origin(source), self._start(source), self._level(source)
        x = 0.0
        if source in self.home:
            x = self._left(self.home[source]) + self.parts[self.home[source]].right
        out = self.x[at] + self.widths[at]  # where the gap behind the source begins
        far = [i for i in users if self.column[i] > at + 1]
        aside = source not in self.home and source != self.straight
        for i in users:
            if i not in far:
                yield from self._last_piece(source, i, [(x, start), (out, start)], aside)
        if not far:
            return
        turn = self.x[at + 1]
        own = not self.passing[source].chain
        ends = [self.x[self.column[i] - 1] + self.widths[self.column[i] - 1] for i in far]
        yield [(x, start), (out, start), (turn, level), (max(ends), level)], None, own
        for i, end in zip(far, ends, strict=True):
            yield from self._last_piece(source, i, [(end, level)], own)

    def _last_piece(self, source: int, user: int, points: list, skips: bool) -> Iterator[tuple]:
        c = self.column[user]
        if user == len(self.parts):
            yield [*points, (self.x[c], points[-1][1])], None, skips
            return
        part, goal = self.parts[user], self._goal(source, user)
        face = self._left(user) + part.left
        yield [*points, (self.x[c], goal), (face, goal)], part.target, skips

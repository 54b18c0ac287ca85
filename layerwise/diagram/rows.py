"""One row of a frame: its parts in columns, and the ways of the wires past them.

Column 0 is where wires enter the row and the last column where they leave it; parts stand
between, each one column right of the last that feeds it. A track is a straight way through
columns: a chain of parts, or a wire past them. From the columns follow the tracks, from these
their heights, then the widths of columns, then where all of it stands.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .columns import CURVED, STRAIGHT, columns
from .scene import Part, Points, Thing, Wire

_APART = 9  # between tracks above one another
_WIRE = 3  # what a wire takes above and below itself


class Row(NamedTuple):
    """Parts side by side; places count from the row's left end and the height of its main chain."""

    parts: Sequence[Part]
    places: list[tuple[float, float]]  # left end and anchor of each part
    wires: list[Wire]
    enters: dict[int, float]  # box -> the height at which its output comes in
    leaves: dict[int, float]  # and goes out
    straight: int  # the box whose output enters on the main chain, -1 for none
    width: float
    up: float
    down: float

    def placed(self, x: float, y: float) -> Iterator[Thing]:
        """All parts and wires, with the row's own (0, 0) at (x, y)."""
        for part, (a, b) in zip(self.parts, self.places, strict=True):
            yield from part.placed(x + a, y + b)
        for source, points, target, turns, skips in self.wires:
            yield Wire(source, [(x + a, y + b) for a, b in points], target, turns, skips)


def row(parts: Sequence[Part], enter: Sequence[int], leave: Sequence[int]) -> Row:
    """Measure parts side by side; the outputs of boxes `enter` come in, those of `leave` go out."""
    net = _net(parts, enter, leave)
    main = _main_chain(net)
    chains = [main, *_other_chains(net, main)]
    lane = {part: track for track in chains for part in track.chain}
    known = [n for n in parts[main.chain[0]].needs if n in enter]
    straight = known[-1] if known else -1
    own = dict(_own_tracks(net, lane, straight))
    y, up, down = _stacked(net, chains, own.values())
    heights = [y[lane[i]] for i in range(len(parts))]
    flow = _flow(net, heights, {n: y[track] for n, track in own.items()}, straight)
    x, widths = _columns_across(net, _bends(net, heights, flow))
    lefts = [x[c] + (widths[c] - p.width) / 2 for p, c in zip(parts, net.column, strict=False)]
    places = list(zip(lefts, heights, strict=True))
    wires = list(_wires(net, places, flow, x, widths, straight))
    enters = {n: flow.start[n] for n in enter}
    leaves = {n: flow.at(n, net.end) for n in leave}
    return Row(parts, places, wires, enters, leaves, straight, x[-1], up, down)


# ------------------------------------------------------------------ who feeds whom


class _Net(NamedTuple):
    """Which column each part stands in, and which parts read each box's output."""

    parts: Sequence[Part]
    enter: Sequence[int]
    leave: Sequence[int]
    column: list[int]  # of each part, and then of the end, where wires leave
    end: int  # the last column
    home: dict[int, int]  # box -> the part that holds it
    users: dict[int, list[int]]  # box -> parts that read its output; len(parts) to leave
    near: dict[int, int]  # box -> the column behind the one in which its output begins
    far: dict[int, list[int]]  # box -> users further on

    def last(self, users: Sequence[int]) -> int:
        """The last column that a wire to these users passes."""
        return max([self.column[i] - (i < len(self.parts)) for i in users], default=0)


def _net(parts: Sequence[Part], enter: Sequence[int], leave: Sequence[int]) -> _Net:
    users: dict[int, list[int]] = {}
    for i, part in enumerate(parts):
        for source in part.needs:
            users.setdefault(source, []).append(i)
    for source in leave:
        users.setdefault(source, []).append(len(parts))
    home = {n: i for i, part in enumerate(parts) for n in range(part.first, part.last + 1)}
    column = columns(parts, set(enter))
    column.append(end := max(column) + 1)
    near = {n: column[home[n]] + 1 if n in home else 1 for n in users}
    far = {n: [i for i in users[n] if column[i] > near[n]] for n in users}
    return _Net(parts, enter, leave, column, end, home, users, near, far)


# -------------------------------------------------------------------------- tracks


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    """A straight way through columns start..stop."""

    start: int
    stop: int
    chain: list[int]  # numbers of parts in the row; none on the way of a wire past them
    source: int = -1  # of such a wire
    below: bool = False


def _main_chain(net: _Net) -> _Track:
    """Back from the part whose output leaves, over the longest path."""
    inner = [n for n in net.leave if n in net.home]
    chain = [net.home[inner[-1]] if inner else len(net.parts) - 1]
    stop = net.end if inner else net.column[chain[0]]
    while (column := net.column[chain[-1]]) > 1:
        homes = {net.home[n] for n in net.parts[chain[-1]].needs if n in net.home}
        before = sorted(i for i in homes if net.column[i] == column - 1)
        chain.append(before[(len(before) - 1) // 2])
    return _Track(0, stop, chain[::-1])


def _other_chains(net: _Net, main: _Track) -> Iterator[_Track]:
    """The further chains; one that runs before the main chain's part of its column is above."""
    following: list[list[int]] = [[] for _ in net.parts]
    for source, users in net.users.items():
        if source in net.home:
            following[net.home[source]] += users
    across, taken = {net.column[i]: i for i in main.chain}, set(main.chain)
    for first, start in enumerate(net.column[:-1]):
        if first in taken:
            continue
        chain: list[int] = [first]
        free = [first]
        while free:
            taken.add(chain[-1])
            free = [i for i in following[chain[-1]] if i not in taken and i < len(net.parts)]
            chain += sorted(free, key=net.column.__getitem__)[:1]
        stop = max(net.last(following[chain[-1]]), net.column[chain[-1]])
        yield _Track(start, stop, chain, below=first > across.get(start, -1))


def _own_tracks(
    net: _Net, lane: Mapping[int, _Track], straight: int
) -> Iterator[tuple[int, _Track]]:
    """A track for each wire that passes a column and cannot run on that of its chain."""
    for source in net.users:
        part, near, far = net.home.get(source), net.near[source], net.far[source]
        comes = part is None and source != straight
        track = None if part is None else lane[part]
        if track:
            behind = [net.column[i] for i in track.chain if net.column[i] >= near]
            free = min(behind, default=track.stop + 1)
            far = far if any(net.column[i] > free for i in far) else []
        if far or comes:
            below = track is not None and track.below
            yield source, _Track(0 if comes else near, net.last(far), [], source, below)


# ------------------------------------------------------------------ heights, widths


def _stacked(
    net: _Net, chains: Sequence[_Track], wires: Collection[_Track]
) -> tuple[dict[_Track, float], float, float]:
    """The height of each track, on what its columns already hold; how far all go up and down."""
    rise, fall = [0.0] * (net.end + 1), [0.0] * (net.end + 1)
    main, *others = chains
    above = [t for t in reversed(others) if not t.below]
    below = [t for t in others if t.below]
    y: dict[_Track, float] = {}
    for t in main, *above, *below, *sorted(wires, key=lambda t: (t.stop - t.start, -t.source)):
        up = {net.column[i]: net.parts[i].up for i in t.chain}
        down = {net.column[i]: net.parts[i].down for i in t.chain}
        inside = range(t.start, t.stop + 1)
        if t.below:
            y[t] = max([fall[c] + up.get(c, _WIRE) for c in inside]) + _APART
        else:
            above_all = -max([rise[c] + down.get(c, _WIRE) for c in inside]) - _APART
            y[t] = 0.0 if t is main else above_all
        for c in inside:
            rise[c] = max(rise[c], up.get(c, _WIRE) - y[t])
            fall[c] = max(fall[c], down.get(c, _WIRE) + y[t])
    return y, max(rise), max(fall)


class _Flow(NamedTuple):
    """The heights at which outputs start, up to their column `near`, and pass further columns."""

    near: Mapping[int, int]
    start: dict[int, float]
    level: dict[int, float]
    own: Mapping[int, float]  # levels of those that pass columns on a track of their own

    def at(self, source: int, column: int) -> float:
        return self.start[source] if column == self.near[source] else self.level[source]


def _flow(net: _Net, heights: Sequence[float], own: Mapping[int, float], straight: int) -> _Flow:
    start = {source: 0.0 if source == straight else own.get(source, 0.0) for source in net.users}
    for source in net.users.keys() & net.home.keys():
        part = net.home[source]
        start[source] = heights[part] + net.parts[part].leaves.get(source, 0.0)
    return _Flow(net.near, start, {**start, **own}, own)


def _bends(net: _Net, heights: Sequence[float], flow: _Flow) -> set[int]:
    """The columns before which a wire changes its height."""
    found = {flow.near[n] for n in flow.own if abs(flow.start[n] - flow.level[n]) > 1}
    for i, part in enumerate(net.parts):
        for source in part.needs:
            goal = heights[i] + part.enters.get(source, 0.0)
            if abs(flow.at(source, net.column[i]) - goal) > 1:
                found.add(net.column[i])
    return found


def _columns_across(net: _Net, bends: Collection[int]) -> tuple[list[float], list[float]]:
    """Where each column begins, and its width; the gaps are for straight or for curved wires."""
    widths = [0.0] * (net.end + 1)
    for part, c in zip(net.parts, net.column, strict=False):
        widths[c] = max(widths[c], part.width)
    x = [0.0]
    for c in range(1, net.end + 1):
        outer = (c == 1 and not net.enter) or (c == net.end and not net.leave)
        x.append(x[-1] + widths[c - 1] + (0 if outer else CURVED if c in bends else STRAIGHT))
    return x, widths


# --------------------------------------------------------------------------- wires


def _wires(
    net: _Net,
    places: Sequence[tuple[float, float]],
    flow: _Flow,
    x: Sequence[float],
    widths: Sequence[float],
    straight: int,
) -> Iterator[Wire]:
    """The ways of all outputs in pieces: along the columns, then through a gap to each user."""
    fans = [
        _fan({n: flow.at(n, net.column[i]) - height for n in part.needs}, part)
        for i, (part, (_, height)) in enumerate(zip(net.parts, places, strict=True))
    ]

    def last_piece(source: int, user: int, points: Points, skips: bool) -> Wire:
        if user == len(net.parts):
            return Wire(source, [*points, (x[-1], points[-1][1])], skips=skips)
        part, (left, height) = net.parts[user], places[user]
        goal = height + fans[user][source]
        ends = [(x[net.column[user]], goal), (left + part.left, goal)]
        return Wire(source, [*points, *ends], part.first if part.face else None, skips=skips)

    for source, users in net.users.items():
        part, near, far, own = (
            net.home.get(source),
            net.near[source],
            net.far[source],
            source in flow.own,
        )
        begin = 0.0 if part is None else places[part][0] + net.parts[part].right
        start, level = flow.start[source], flow.level[source]
        begins = [(begin, start), (x[near - 1] + widths[near - 1], start)]  # up to the gap behind
        aside = part is None and source != straight
        yield from [last_piece(source, i, begins, aside) for i in users if i not in far]
        ends = [x[net.column[i] - 1] + widths[net.column[i] - 1] for i in far]
        if far:
            yield Wire(source, [*begins, (x[near], level), (max(ends), level)], skips=own)
        for i, end in zip(far, ends, strict=True):
            yield last_piece(source, i, [(end, level)], own)


def _fan(arrivals: Mapping[int, float], part: Part) -> Mapping[int, float]:
    """Where wires end: spread over a box's front face if they come from above, ahead and below."""
    if not part.face or len(arrivals) < 2:
        return {n: part.enters.get(n, 0.0) for n in arrivals}
    above = sorted([n for n in arrivals if arrivals[n] < -3], key=arrivals.__getitem__)
    below = sorted([n for n in arrivals if arrivals[n] > 3], key=arrivals.__getitem__)
    apart = min(8.0, (part.face / 2 - 2) / max(len(above), len(below), 1))
    ends = dict.fromkeys(arrivals, 0.0)
    ends |= {n: -apart * (len(above) - i) for i, n in enumerate(above)}
    return ends | {n: apart * (i + 1) for i, n in enumerate(below)}

"""Which column each part of a frame stands in, and where a frame too wide goes on in a new row."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from .scene import Part

STRAIGHT, CURVED = 11, 26  # px, gap between columns: for a straight wire, for curves


def columns_of(parts: Sequence[Part]) -> list[int]:
    """For each part the column right of all that feed it; column 0 is where wires enter."""
    at: dict[int, int] = {}
    for part in parts:
        column = 1 + max([at.get(source, 0) for source in part.needs], default=0)
        at.update(dict.fromkeys(part.boxes, column))
    return [at[part.boxes[0]] for part in parts]


def break_rows(
    parts: Sequence[Part], gives: Sequence[int], whole: float, room: float
) -> list[list[Part]]:
    """Parts in one row if `whole` pixels hold it, else in rows no wider than `room`.

    Rows are of like widths, and broken where few wires cross. `gives` are the boxes whose wires
    go out of all of the rows.
    """
    if sum([part.width + CURVED for part in parts]) <= whole:  # even without stacking any
        return [list(parts)]
    at = columns_of(parts)
    stacks: list[list[Part]] = [[] for _ in range(max(at))]
    for part, column in zip(parts, at, strict=True):
        stacks[column - 1].append(part)
    crossing = _crossing(stacks, gives)
    widths = [
        max([part.width for part in stack]) + (STRAIGHT if wires < 2 else CURVED)
        for stack, wires in zip(stacks, crossing, strict=True)
    ]
    if sum(widths) <= whole:
        return [list(parts)]
    counts = _counts(widths, crossing, room)
    while room > max(widths):  # as many rows, as even as they can be
        room *= 0.97
        tighter = _counts(widths, crossing, room)
        if len(tighter) > len(counts):
            break
        counts = tighter
    return [
        [part for part, column in zip(parts, at, strict=True) if start < column <= stop]
        for start, stop in pairwise(accumulate(counts, initial=0))
    ]


def _crossing(stacks: list[list[Part]], gives: Sequence[int]) -> list[int]:
    """How many wires cross the gap behind each column."""
    made: dict[int, int] = {}
    until: dict[int, int] = {}
    for column, stack in enumerate(stacks):
        for part in stack:
            made.update(dict.fromkeys(part.boxes, column))
            until.update(dict.fromkeys(part.needs, column))
    until.update(dict.fromkeys(gives, len(stacks)))
    crossing = [0] * len(stacks)
    for source, column in until.items():
        for gap in range(made.get(source, 0), column):
            crossing[gap] += 1
    return crossing


def _counts(widths: list[float], crossing: list[int], room: float) -> list[int]:
    """How many columns each row takes: all that fit, or fewer to end where one wire crosses."""
    counts, start = [], 0
    while start < len(widths):
        stop, used = start + 1, widths[start]
        while stop < len(widths) and used + widths[stop] <= room:
            used += widths[stop]
            stop += 1
        if stop < len(widths):
            fewest = min(crossing[start + (stop - start) // 2 : stop])
            while crossing[stop - 1] > fewest:
                stop -= 1
        counts.append(stop - start)
        start = stop
    return counts

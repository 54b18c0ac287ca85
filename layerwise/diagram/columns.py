"""Which column each part of a frame stands in, and where a frame too wide goes on in a new row."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

STRAIGHT, CURVED = 11, 26  # px, gap between columns: for a straight wire, for curves


def columns(parts: Sequence[Any], enter: set[int]) -> list[int]:
    """For each part the column right of all that feed it; column 0 is where wires enter."""
    at = dict.fromkeys(enter, 0)
    found = []
    for part in parts:
        column = 1 + max([at[n] for n in part.needs if n in at], default=0)
        at.update(dict.fromkeys(range(part.first, part.last + 1), column))
        found.append(column)
    return found


def break_rows(
    parts: Sequence[Any], enter: Sequence[int], gives: Sequence[int], whole: float, room: float
) -> list[list[Any]]:
    """Parts in one row if `whole` pixels hold it, else in rows no wider than `room`.

    Rows are of like widths, and broken where few wires cross.

    `enter` and `gives` are the boxes whose wires come into and go out of all of the rows.
    """
    if sum([part.width + CURVED for part in parts]) <= whole:  # even without stacking any
        return [list(parts)]
    at = columns(parts, set(enter))
    stacks: list[list[Any]] = [[] for _ in range(max(at))]
    for part, column in zip(parts, at, strict=True):
        stacks[column - 1].append(part)
    crossing = _crossing(stacks, enter, gives)
    gaps = [STRAIGHT if wires < 2 else CURVED for wires in crossing]
    widths = [
        max([part.width for part in stack]) + gap for stack, gap in zip(stacks, gaps, strict=True)
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
    starts = [0, *accumulate(counts)]
    return [
        sorted([part for stack in stacks[a:b] for part in stack], key=lambda part: part.first)
        for a, b in pairwise(starts)
    ]


def _crossing(stacks: list[list[Any]], enter: Sequence[int], gives: Sequence[int]) -> list[int]:
    """How many wires cross the gap behind each column."""
    made = dict.fromkeys(enter, 0)
    until: dict[int, int] = {}
    for column, stack in enumerate(stacks):
        for part in stack:
            made.update(dict.fromkeys(range(part.first, part.last + 1), column))
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

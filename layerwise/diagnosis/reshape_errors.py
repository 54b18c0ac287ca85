"""A view or reshape into a shape that does not hold as many numbers, or needs a copy."""

from itertools import combinations, permutations
from math import prod
from typing import Any

from layerwise.operations.shapes import Shape

from .breakdown import Breakdown, makes_channels, makes_shape, resizes
from .findings import Cause, Finding


def reshaped(b: Breakdown) -> Finding | None:
    """A view or reshape into a shape that does not hold as many numbers, or needs a copy."""
    shape, source = b.arriving
    target = _target(b, shape)
    if target is None:
        return None
    count, known = prod(shape), prod(n for n in target if n > 0)
    holds = known and count % known == 0 if -1 in target else known == count
    details = dict[str, Any](shape=shape, target=target, count=count)
    if holds and b.entry.name == "view":
        about = (Cause.RESHAPE, "not contiguous", "reshape", None, None)
        return b.finding(*about, b.last(source, makes_shape), settled=True, **details)
    split = _split(shape, target)
    if split is not None:
        (parts, total), maker = split, b.last(source, makes_channels)
        details |= {"each": total // parts, "whole": parts * (total // parts)}
        return b.finding(Cause.RESHAPE, "reshape", "split", *split, maker, **details)
    maker = b.last(source, resizes)
    if len(target) == 2 and target[0] == -1 and len(shape) > 1:
        numbers = target[1], prod(shape[1:])
        return b.finding(Cause.RESHAPE, "rows", "rows", *numbers, maker, **details)
    why = "flatten any" if len(target) == 2 else "room"
    return b.finding(Cause.RESHAPE, "reshape", why, known, count, maker, **details)


def _target(b: Breakdown, shape: Shape) -> Shape | None:
    """The shape that a reshape asks for, None where that is not known."""
    target, name = b.failure.arguments, b.entry.name
    if name not in ("view", "reshape", "unflatten") or not b.failure.shapes or not target:
        return None
    if name == "unflatten" and isinstance(target[-1], tuple):
        at = int(target[0]) % len(shape)
        target = (*shape[:at], *target[1], *shape[at + 1 :])
    if isinstance(target[0], tuple):
        target = target[0]
    return target if all(isinstance(n, int) for n in target) else None


def _split(shape: Shape, target: Shape) -> tuple[int, int] | None:
    """A number of parts, and that of an axis which does not divide into them: 4 and 30."""
    for at, total in enumerate(shape):
        around = prod(shape[:at]), prod(shape[at + 1 :])
        for start, stop in combinations(range(len(target) + 1), 2):
            if (prod(target[:start]), prod(target[stop:])) == around:
                found = _uneven(total, target[start:stop])
                if found is not None:
                    return found
    return None


def _uneven(total: int, parts: Shape) -> tuple[int, int] | None:
    """Of the parts of an axis, the count that does not divide it though a quotient is asked."""
    for each, count, *others in permutations(reversed(parts)) if len(parts) > 1 else ():
        outer = prod(others)  # the quotient stands last as a rule
        if count > 1 and outer > 0 and total % outer == 0:
            share = total // outer
            if share % count and each in (-1, share // count):
                return count, share
    return None

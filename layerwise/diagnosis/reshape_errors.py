"""A view or reshape into a shape that does not hold as many numbers, or needs a copy."""

from math import prod

from layerwise.operations.shapes import Shape

from .breakdown import Breakdown, makes_channels, makes_shape, resizes
from .findings import Cause, Finding


def reshaped(b: Breakdown) -> Finding | None:
    """A view or reshape into a shape that does not hold as many numbers."""
    shape, source = b.arriving
    target = _target(b, shape)
    if target is None:
        return None
    count, known = prod(shape), prod(n for n in target if n > 0)
    holds = known and count % known == 0 if -1 in target else known == count
    details: dict[str, object] = {"shape": shape, "target": target, "count": count}
    if holds and b.entry.name == "view":
        maker = b.last(source, makes_shape)
        return b.finding(
            Cause.RESHAPE, "not contiguous", "reshape", None, None, maker, settled=True, **details
        )
    split = _split(shape, target)
    maker = b.last(source, resizes) if split is None else b.last(source, makes_channels)
    if split is not None:
        total, parts = split
        details |= {"each": total // parts, "whole": parts * (total // parts)}
        return b.finding(Cause.RESHAPE, "reshape", "split", parts, total, maker, **details)
    if len(target) == 2 and target[0] == -1 and len(shape) > 1:
        each = prod(shape[1:])
        return b.finding(Cause.RESHAPE, "rows", "rows", target[1], each, maker, **details)
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
    """The number of an axis, and the number of parts into which it does not divide: 30 and 4."""
    for at, total in enumerate(shape):
        for start in range(len(target) - 1):
            for stop in range(start + 2, len(target) + 1):
                ends = prod(target[:start]), prod(target[stop:])
                if ends == (prod(shape[:at]), prod(shape[at + 1 :])):
                    found = _uneven(total, target[start:stop])
                    if found is not None:
                        return found
    return None


def _uneven(total: int, parts: Shape) -> tuple[int, int] | None:
    """Of the parts of an axis, the count that does not divide it though a quotient is asked."""
    for j, each in reversed(list(enumerate(parts))):  # the quotient stands last as a rule
        for i, count in reversed(list(enumerate(parts))):
            outer = prod(n for k, n in enumerate(parts) if k not in (i, j))
            if i != j and count > 1 and outer > 0 and total % outer == 0:
                share = total // outer
                if share % count and each in (-1, share // count):
                    return share, count
    return None

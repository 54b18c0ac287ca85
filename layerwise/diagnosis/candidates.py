"""Values near a given one that may have been meant."""

from collections.abc import Iterator, Sequence
from math import isfinite
from numbers import Real
from typing import TypeGuard

NEAR = 32  # whole numbers in each direction that are tried one by one
FACTORS = (2, 3, 4)  # the multiples and parts beyond


def values(value: object, default: object, low: int = 1) -> list:
    """All that is near, the default included; whole numbers go down to `low`."""
    found: list = []
    for other in (default, *_near(value, low)):
        known = same(other, value) or any(same(other, one) for one in found)
        if other is not None and not known:
            found.append(other)
    return found


def _near(value: object, low: int) -> Iterator[object]:
    """Whole numbers for a number, a number in digits, or one number of a tuple changed."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int) and value >= low:
        yield from (n for n in range(value - NEAR, value + NEAR + 1) if n >= low)
        yield from (value * n for n in FACTORS)
        yield from (value // n for n in FACTORS if value >= n * low > 0)
    elif isinstance(value, int):
        yield from range(low, low + 4)
    elif isinstance(value, float) and isfinite(value):
        yield from (int(value), int(value) + 1)
    elif isinstance(value, str) and value.strip().isdigit():
        yield int(value)
    elif isinstance(value, (tuple, list)):
        for i, part in enumerate(value):
            for other in _near_parts(part):
                yield _of_kind(value, (*value[:i], other, *value[i + 1 :]))


def _near_parts(part: object) -> Iterator[object]:
    if is_whole(part):
        yield from (other for step in (1, 2) for other in (part - step, part + step) if other >= 0)
        if part >= 8:
            yield from (part // 2, part * 2)
    else:
        yield from _near(part, 0)


def exchanged(value: object, old: object, new: object) -> object:
    """`value` with `old` replaced by `new`, also inside a tuple; None where it is not there."""
    if is_whole(value) and value == old and is_whole(new):
        return new
    if isinstance(value, (tuple, list)) and any(same(part, old) for part in value):
        return _of_kind(value, [new if same(part, old) else part for part in value])
    return None


def _of_kind(value: Sequence, parts: Sequence) -> Sequence:
    """The parts as a list, tuple or named tuple, as `value` is one."""
    return value._make(parts) if hasattr(value, "_make") else type(value)(parts)  # type: ignore[call-arg]


def distance(a: object, b: object) -> float:
    """How far two values are apart, as a share of the larger one; summed over a tuple."""
    if same(a, b):
        return 0.0
    if is_number(a) and is_number(b):
        return abs(a - b) / max(abs(a), abs(b))
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        shared = sum(distance(m, n) for m, n in zip(a, b, strict=False))
        return shared + abs(len(a) - len(b))
    return 1.0


def direction(old: object, new: object) -> str:
    """What two candidates share of which the nearer makes the farther needless: up or down."""
    if is_number(old) and is_number(new):
        return "up" if new > old else "down"
    return repr(new)


def same(a: object, b: object) -> bool:
    """Whether two values are equal; True is not 1 here, a list is a tuple."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it can be ordered: a number, but not True or False."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is an int, but not True or False."""
    return isinstance(value, int) and not isinstance(value, bool)


def nearest(value: object, others: Sequence) -> list:
    """The others in the order of their distance."""
    return sorted(others, key=lambda other: distance(value, other))

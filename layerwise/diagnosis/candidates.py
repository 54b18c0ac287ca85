"""Values near a given one that may have been meant."""

from collections.abc import Iterator, Sequence
from numbers import Real

NEAR = 32  # whole numbers in each direction that are tried one by one
FACTORS = (2, 3, 4)  # the multiples and parts beyond


def values(value: object, default: object, low: int = 1) -> list:
    """All that is near, the default included; whole numbers go down to `low`."""
    if is_whole(value):
        size = int(str(value))
        around = [*range(max(low, size - NEAR), size), *range(max(low, size + 1), size + NEAR + 1)]
        far = [size * n for n in FACTORS] + [size // n for n in FACTORS if size >= n * low > 0]
        others = [*around, *far] if size >= low else list(range(low, low + 4))
    else:
        others = [] if value is None and default is None else list(_alike(value, low))
    found: list = []
    for other in (default, *others):
        known = same(other, value) or any(same(other, one) for one in found)
        if other is not None and not known:
            found.append(other)
    return found


def _alike(value: object, low: int) -> Iterator[object]:
    """The values that may have been meant: whole numbers, or one number of a tuple changed."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, float):
        yield from (int(value), int(value) + 1)
    elif isinstance(value, str) and value.strip().isdigit():
        yield int(value)
    elif isinstance(value, int):
        yield from range(low, low + 4)
    elif isinstance(value, (tuple, list)):
        for i, part in enumerate(value):
            for other in _parts(part):
                yield type(value)((*value[:i], other, *value[i + 1 :]))


def _parts(part: object) -> Iterator[object]:
    if isinstance(part, int) and not isinstance(part, bool):
        yield from (other for step in (1, 2) for other in (part - step, part + step) if other >= 0)
        if part >= 8:
            yield from (part // 2, part * 2)
    else:
        yield from _alike(part, 0)


def exchanged(value: object, old: object, new: object) -> object:
    """`value` with `old` replaced by `new`, also inside a tuple; None where it is not there."""
    if is_whole(value) and value == old and is_whole(new):
        return new
    if isinstance(value, (tuple, list)) and any(same(part, old) for part in value):
        return type(value)(new if same(part, old) else part for part in value)
    return None


def distance(a: object, b: object) -> float:
    """How far two values are apart, as a share of the larger one; summed over a tuple."""
    if same(a, b):
        return 0.0
    if is_number(a) and is_number(b):
        return abs(a - b) / max(abs(a), abs(b))  # type: ignore[operator,arg-type]
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        shared = sum(distance(m, n) for m, n in zip(a, b, strict=False))
        return shared + abs(len(a) - len(b))
    return 1.0


def direction(old: object, new: object) -> str:
    """What two candidates share of which the nearer makes the farther needless: up or down."""
    if is_number(old) and is_number(new):
        return "up" if new > old else "down"  # type: ignore[operator]
    return repr(new)


def same(a: object, b: object) -> bool:
    """Whether two values are equal; True is not 1 here, a list is a tuple."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def is_number(value: object) -> bool:
    """Whether it can be ordered: a number, but not True or False."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether it is an int, but not True or False."""
    return isinstance(value, int) and not isinstance(value, bool)


def nearest(value: object, others: Sequence) -> list:
    """The others in the order of their distance."""
    return sorted(others, key=lambda other: distance(value, other))

"""Values near a given one, in the order in which to try them.

A ladder is a sequence of values that lead away from the present one. Numbers have one ladder
down and one up; what cannot be ordered has a single ladder, nearest first.
"""

from collections.abc import Generator, Iterator, Sequence
from numbers import Real

Ladder = Sequence
CLOSE = 6  # so many rungs are tried one by one, before the steps grow


def among(value: object, allowed: Sequence) -> list[Ladder]:
    """The ladders from `value` over the values that are allowed."""
    others = [other for other in allowed if not same(other, value)]
    if is_number(value) and all(map(is_number, others)):
        down = sorted((v for v in others if v < value), reverse=True)
        return [down, sorted(v for v in others if v > value)]
    return [sorted(others, key=lambda other: distance(value, other))]


def ladders(value: object, default: object, low: int = 1) -> list[Ladder]:
    """The ladders from `value` over all that is near; whole numbers go down to `low`."""
    if is_whole(value) and value >= low:
        return [range(value - 1, low - 1, -1), range(value + 1, 4 * max(value, 8) + 1)]
    others = [other for other in (default, *_alike(value, low)) if not same(other, value)]
    return [[other] for other in others if other is not None]


def _alike(value: object, low: int) -> Iterator[object]:
    """The values that may have been meant: whole numbers, or one number of a tuple changed."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, float):
        yield from (int(value), int(value) + 1)
    elif isinstance(value, str) and value.strip().isdigit():
        yield int(value)
    elif is_whole(value):
        yield from range(low, low + 4)
    elif isinstance(value, (tuple, list)):
        for i, part in enumerate(value):
            for other in _parts(part):
                yield type(value)((*value[:i], other, *value[i + 1 :]))


def _parts(part: object) -> Iterator[object]:
    if is_whole(part):
        yield from (other for step in (1, 2) for other in (part - step, part + step) if other >= 0)
        if part >= 8:
            yield from (part // 2, part * 2)
    else:
        yield from _alike(part, 0)


def climb(ladder: Ladder) -> Generator[object, bool, object]:
    """Find the first rung that holds: yields a value to try, is sent whether it works.

    The first rungs are tried one by one. Then the steps grow by half, and where a step goes too
    far the rungs between are halved, which supposes that from some rung on all hold.
    Returns the value, or None.
    """
    failed, place = -1, 0
    while place < len(ladder):
        if (yield ladder[place]):
            return (yield from _narrow(ladder, failed, place))
        if place == len(ladder) - 1:
            break
        failed = place
        place = min(place + max(1, (place - CLOSE + 3) // 2), len(ladder) - 1)
    return None


def _narrow(ladder: Ladder, failed: int, held: int) -> Generator[object, bool, object]:
    while held - failed > 1:
        middle = (held + failed) // 2
        if (yield ladder[middle]):
            held = middle
        else:
            failed = middle
    return ladder[held]


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
        return abs(a - b) / max(abs(a), abs(b))
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        shared = sum(distance(m, n) for m, n in zip(a, b, strict=False))
        return shared + abs(len(a) - len(b))
    return 1.0


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

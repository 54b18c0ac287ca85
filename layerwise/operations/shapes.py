"""Shapes are tuples of ints, batch first; what every rule about them shares."""

from collections.abc import Sequence

Shape = tuple[int, ...]
PerAxis = int | Sequence[int]  # one number for every axis, or one for each


class ShapeError(RuntimeError):
    """An operation cannot be applied to what it is given.

    `expected` and `got` are the two numbers (or shapes) that disagree, where there are two.
    """

    def __init__(self, message: str, expected: object = None, got: object = None) -> None:
        super().__init__(message)
        self.expected = expected
        self.got = got


def times(shape: Sequence[int]) -> str:
    """(96, 54, 54) -> "96×54×54"; () -> "one number"."""
    return "×".join(map(str, shape)) if shape else "one number"


def without_batch(shape: Shape) -> str:
    """The shape of one image: "96×54×54", "6,400"."""
    return f"{shape[1]:,}" if len(shape) == 2 else times(shape[1:])


def per_axis(value: object, axes: int, name: str, low: int) -> Shape:
    """One int per spatial axis, each at least `low`; an int or a 1-tuple serves every axis.

    Raises ShapeError for a count that is neither 1 nor `axes`, and for what is no whole number.
    """
    if (
        type(value) is tuple  # as PyTorch's layers keep them
        and len(value) == axes
        and all([type(number) is int and number >= low for number in value])
    ):
        return value
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(values) == 1:
        values = values * axes
    if len(values) != axes:
        raise ShapeError(f"{name} has {len(values)} numbers for {axes} axes", axes, len(values))
    for number in values:
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise ShapeError(f"{name} must be a whole number, not {number!r}", "int", number)
        if number < low:
            raise ShapeError(f"{name} must be at least {low}, not {number}", low, number)
    return tuple(int(number) for number in values)


def axis(dim: int, ndim: int) -> int:
    """A possibly negative axis number as one of 0 .. ndim - 1; raises ShapeError outside."""
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise ShapeError(f"there is no axis {dim} in a tensor of {ndim} dimensions", ndim, dim)
    return dim % max(ndim, 1)


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of an elementwise operation: axes match from the right, or one of them is 1."""
    if a == b:
        return a
    width = max(len(a), len(b))
    left, right = (1,) * (width - len(a)) + a, (1,) * (width - len(b)) + b
    for m, n in zip(left, right, strict=True):
        if m != n and 1 not in (m, n):
            raise ShapeError(
                f"shapes {times(a)} and {times(b)} cannot be combined: {m} against {n}", m, n
            )
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))

"""Where branches meet: number by number, or one behind the other."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from .kinds import Kind, Merge
from .registry import POINTWISE, Applied, Effect, declare, operation
from .shapes import Shape, ShapeError, axis, broadcast, times


def _with_a_constant(sentence: str, step: Applied) -> str:
    """What it does where no branches meet: to one input and a constant or a parameter."""
    stays = step.inputs and step.inputs[0] == step.output
    return f"{sentence} The shape stays." if stays else sentence


def _binary(input: object, other: object, *args: object, **kwargs: object) -> Effect:
    """Combine number by number; shapes broadcast."""
    shapes = [tuple(t.shape) if isinstance(t, Tensor) else () for t in (input, other)]
    return Effect(broadcast(*shapes))


for _names, _merge, _symbol, _sentence in (
    ("add", Merge.ADD, "+", "Adds a constant or a parameter."),
    ("sub subtract rsub", Merge.ADD, "−", "Subtracts a constant or a parameter."),
    ("mul multiply", Merge.MULTIPLY, "×", "Multiplies each number."),
    ("div true_divide rdiv divide", Merge.MULTIPLY, "÷", "Divides each number."),
    ("pow rpow", None, "", "Raises each number to a power."),
    ("maximum", None, "", "Keeps the larger of two numbers."),
    ("minimum", None, "", "Keeps the smaller of two numbers."),
):
    declare(_names, Kind.MERGE if _merge else Kind.OTHER, rule=_binary, merge=_merge,
            symbol=_symbol, sentence=partial(_with_a_constant, _sentence))  # fmt: skip


@operation("cat concat concatenate", Kind.MERGE, merge=Merge.CONCAT, title="concat")
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Effect:
    """Concatenate: every axis but `dim` must agree."""
    given = [tuple(tensor.shape) for tensor in tensors]
    shapes = [shape for shape in given if shape != (0,)] or given[:1]
    if not shapes:
        raise ShapeError("cat needs at least one tensor", 1, 0)
    first = shapes[0]
    if not all(given):
        raise ShapeError("cat joins along an axis, and a single number has none", 1, 0)
    dim = axis(dim, len(first))
    for number, shape in enumerate(shapes[1:], start=2):
        _check_branch(first, shape, number, dim)
    total = sum(shape[dim] for shape in shapes)
    window = POINTWISE if dim < max(len(first) - 2, 1) else None
    return Effect((*first[:dim], total, *first[dim + 1 :]), window=window, settings={"dim": dim})


def _check_branch(first: Shape, shape: Shape, number: int, dim: int) -> None:
    if len(shape) != len(first):
        message = f"cat: branch 1 is {times(first)}, branch {number} is {times(shape)}"
        raise ShapeError(message, len(first), len(shape))
    for i, (m, n) in enumerate(zip(first, shape, strict=True)):
        if i != dim and m != n:
            raise ShapeError(
                f"cat along axis {dim}: branch 1 is {times(first)}, branch "
                f"{number} is {times(shape)}; axis {i} has {m} against {n}",
                m,
                n,
            )


@operation("stack", Kind.MERGE, merge=Merge.CONCAT, sentence="Lays its inputs along a new axis.")
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Effect:
    """Stack along a new axis: every shape must be the same."""
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if not shapes:
        raise ShapeError("stack needs at least one tensor", 1, 0)
    first = shapes[0]
    for shape in shapes[1:]:
        if shape != first:
            raise ShapeError(f"stack: {times(first)} against {times(shape)}", first, shape)
    dim = axis(dim, len(first) + 1)
    return Effect((*first[:dim], len(shapes), *first[dim:]), window=None, settings={"dim": dim})


declare("where addcmul addcdiv lerp", Kind.OTHER, sentence="Combines its inputs number by number.")
declare("hstack vstack dstack column_stack", Kind.MERGE, merge=Merge.CONCAT,
        sentence="Joins its inputs.")  # fmt: skip

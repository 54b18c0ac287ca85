"""Products of matrices."""

from math import prod

from torch import Tensor

from .kinds import Kind
from .registry import Effect, Layout, declare, operation
from .shapes import Shape, ShapeError, broadcast, times

_SENTENCE = "Multiplies two matrices: every row of one with every column of the other."


@operation("matmul", Kind.PRODUCT, sentence=_SENTENCE, symbol="×")
def matmul(input: Tensor, other: Tensor) -> Effect:
    """Multiply over the last two axes; leading axes broadcast."""
    a, b = tuple(input.shape), tuple(other.shape)
    if not a or not b:
        raise ShapeError("matmul needs at least one axis on each side")
    inner = b[-2] if len(b) > 1 else b[-1]
    if a[-1] != inner:
        raise ShapeError(
            f"matmul: {times(a)} has {a[-1]} columns, {times(b)} has {inner} rows", inner, a[-1]
        )
    if len(a) < 3 <= len(b) or len(b) == 1:
        broadcast(a[:-2], b[:-2])
        return NotImplemented  # PyTorch turns it round, and the result lies transposed
    rows, columns = a[-2:-1], b[-1:]
    shape = (*broadcast(a[:-2], b[:-2]), *rows, *columns)
    return Effect(shape, prod(shape) * a[-1], None)


@operation("bmm", Kind.PRODUCT, sentence=_SENTENCE, symbol="×", layout=Layout.PLAIN)
def bmm(input: Tensor, mat2: Tensor) -> Effect:
    """Multiply two stacks of as many matrices."""
    return _exact("bmm", tuple(input.shape), tuple(mat2.shape), 3)


@operation("mm", Kind.PRODUCT, sentence=_SENTENCE, symbol="×", layout=Layout.PLAIN)
def mm(input: Tensor, mat2: Tensor) -> Effect:
    """Multiply two matrices."""
    return _exact("mm", tuple(input.shape), tuple(mat2.shape), 2)


def _exact(name: str, a: Shape, b: Shape, axes: int) -> Effect:
    for shape in (a, b):
        if len(shape) != axes:
            raise ShapeError(
                f"{name} needs {axes} dimensions on each side, but {times(shape)} arrives",
                axes,
                len(shape),
            )
    if a[:-2] != b[:-2]:
        raise ShapeError(f"{name}: a batch of {a[0]} against one of {b[0]}", a[0], b[0])
    if a[-1] != b[-2]:
        raise ShapeError(
            f"{name}: {times(a)} has {a[-1]} columns, {times(b)} has {b[-2]} rows", b[-2], a[-1]
        )
    shape = (*a[:-1], b[-1])
    return Effect(shape, prod(shape) * a[-1], None)


declare("einsum tensordot chain_matmul", Kind.PRODUCT, symbol="×",
        sentence="Multiplies, and sums over the axes that the equation shares.")  # fmt: skip
declare("addmm addbmm baddbmm addmv mv dot outer ger inner kron", Kind.PRODUCT, symbol="×",
        sentence=_SENTENCE)  # fmt: skip

"""Products of matrices, and attention, which is made of them."""

from functools import partial
from math import prod

from torch import Tensor

from .kinds import Kind
from .registry import Effect, MemoryFormat, declare, operation
from .shapes import Shape, ShapeError, broadcast, times

_SENTENCE = "Multiplies two matrices: every row of one with every column of the other."


@operation("matmul", Kind.PRODUCT, sentence=_SENTENCE, symbol="×")
def matmul(input: Tensor, other: Tensor) -> Effect:
    """Multiply over the last two axes; leading axes broadcast."""
    a, b = tuple(input.shape), tuple(other.shape)
    if not a or not b:
        raise ShapeError("matmul needs at least one axis on each side")
    _check_inner("matmul", a, b)
    lead = broadcast(a[:-2], b[:-2])
    if len(a) < 3 <= len(b) or len(b) == 1:
        return NotImplemented  # PyTorch turns it round, and the result lies transposed
    shape = (*lead, *a[-2:-1], b[-1])
    return Effect(shape, prod(shape) * a[-1], None)


def _check_inner(name: str, a: Shape, b: Shape) -> None:
    inner = b[-2] if len(b) > 1 else b[-1]
    if a[-1] != inner:
        raise ShapeError(
            f"{name}: {times(a)} has {a[-1]} columns, {times(b)} has {inner} rows", inner, a[-1]
        )


def _unbroadcast(name: str, axes: int, input: Tensor, mat2: Tensor) -> Effect:
    """Multiply two matrices, or two stacks of as many."""
    a, b = tuple(input.shape), tuple(mat2.shape)
    for shape in (a, b):
        if len(shape) != axes:
            message = f"{name} needs {axes} dimensions on each side, but {times(shape)} arrives"
            raise ShapeError(message, axes, len(shape))
    if axes == 3 and a[0] != b[0]:
        raise ShapeError(f"{name}: a batch of {a[0]} against one of {b[0]}", a[0], b[0])
    _check_inner(name, a, b)
    return matmul(input, mat2)


for _name, _axes in (("mm", 2), ("bmm", 3)):
    declare(_name, Kind.PRODUCT, rule=partial(_unbroadcast, _name, _axes), sentence=_SENTENCE,
            symbol="×", memory_format=MemoryFormat.CONTIGUOUS)  # fmt: skip
declare("einsum tensordot chain_matmul", Kind.PRODUCT, symbol="×",
        sentence="Multiplies, and sums over the axes that the equation shares.")  # fmt: skip
declare("addmm addbmm baddbmm addmv mv dot outer ger inner kron", Kind.PRODUCT, symbol="×",
        sentence=_SENTENCE)  # fmt: skip
declare("scaled_dot_product_attention multi_head_attention_forward _native_multi_head_attention",
        Kind.PRODUCT, symbol="×",
        sentence="Attention: each position reads a weighted average of all positions.")  # fmt: skip

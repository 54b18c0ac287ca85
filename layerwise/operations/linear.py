"""Fully connected layers and look-up tables."""

from math import prod

import torch
from torch import Tensor

from .kinds import Kind
from .registry import Applied, Effect, MemoryFormat, declare, operation
from .shapes import ShapeError, times


def _reads(step: Applied) -> str:
    s = step.settings
    return f"Each of the {s['out_features']:,} outputs reads all {s['in_features']:,} inputs."


@operation("linear", Kind.LINEAR, sentence=_reads, memory_format=MemoryFormat.CONTIGUOUS,
           limits={"in_features": 1, "out_features": 1})  # fmt: skip
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Effect:
    """Multiply the last axis by `weight`, which is (out_features, in_features)."""
    if weight.dim() != 2:
        return NotImplemented
    shape, (outputs, inputs) = tuple(input.shape), weight.shape
    if not shape or shape[-1] != inputs:
        arrive = shape[-1] if shape else 0
        flat = len(shape) > 2 and prod(shape[1:]) == inputs
        hint = f"; the input {times(shape)} is not flattened" if flat else ""
        raise ShapeError(
            f"Linear expects {inputs:,} features, but {arrive:,} arrive{hint}", inputs, arrive
        )
    if bias is not None and tuple(bias.shape) != (outputs,):
        return NotImplemented
    out = (*shape[:-1], outputs)
    settings = {"in_features": inputs, "out_features": outputs, "bias": bias is not None}
    return Effect(out, prod(out) * inputs, None, settings)


@operation("embedding", Kind.EMBEDDING, sentence="Looks up a row of numbers for each index.",
           limits={"num_embeddings": 1, "embedding_dim": 1})  # fmt: skip
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Effect:
    """A row of `weight` for each index; the indices are whole numbers."""
    if weight.dim() != 2 or max_norm is not None:
        return NotImplemented
    if input.dtype not in (torch.int64, torch.int32):
        arrives = str(input.dtype).removeprefix("torch.")
        raise ShapeError(
            f"Embedding looks up whole numbers (int64), but {arrives} arrives: "
            "give its input as (shape, torch.int64)",
            "int64",
            arrives,
        )
    return Effect((*input.shape, weight.shape[1]), window=None)


declare("bilinear", Kind.LINEAR, sentence="A weighted sum of all products of two inputs.")
declare("embedding_bag", Kind.EMBEDDING, sentence="Looks up rows and adds up each bag of them.")

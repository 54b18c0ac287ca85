"""Receptive field and effective stride of a feature map.

Both follow the recurrence of Araujo, Norris and Sim, "Computing Receptive Fields of
Convolutional Neural Networks" (Distill, 2019), walked from the input forwards: a window of k
pixels (k with its dilation) and stride s turns the pair (r, j) of receptive field and
effective stride into

    r + (k - 1) j,    s j.

Where branches meet, the longest path counts. Along it r is an upper bound: it counts pixels
through padding too, and it can exceed the image.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from layerwise.operations.window import Window


class Field(NamedTuple):
    """What one output pixel sees of the input, per spatial axis, in input pixels."""

    size: tuple[int, ...]
    stride: tuple[int, ...]


def start(axes: int) -> Field:
    """The field of the input itself: each pixel sees itself."""
    return Field((1,) * axes, (1,) * axes)


@lru_cache(1024)  # deep networks ask the same again and again
def through(field: Field, window: Window) -> Field:
    """The field behind a window (Araujo, Norris and Sim 2019, eq. 1 and 2)."""
    size = tuple(
        r + (k - 1) * j for r, k, j in zip(field.size, window.size, field.stride, strict=True)
    )
    stride = tuple(j * s for j, s in zip(field.stride, window.stride, strict=True))
    return Field(size, stride)


def meet(fields: Sequence[Field | None]) -> Field | None:
    """The field where branches meet: the longest path on each axis.

    None where the field of one of them is not known: the longest path may be that one.
    """
    known = [field for field in fields if field is not None]
    if len(known) < len(fields) or len({len(field.size) for field in known}) != 1:
        return None
    sizes = zip(*(field.size for field in known), strict=True)
    strides = zip(*(field.stride for field in known), strict=True)
    return Field(tuple(map(max, sizes)), tuple(map(max, strides)))

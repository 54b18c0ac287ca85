"""Batch, layer, group and local response normalization."""

from math import prod

from torch import Tensor

from .kinds import Kind
from .registry import POINTWISE, Applied, Effect, MemoryFormat, operation
from .shapes import Shape, ShapeError, times


def _batch(step: Applied) -> str:
    unit = "channel" if len(step.output) > 2 else "feature"
    return f"Normalizes each {unit} over the batch, then scales and shifts it. The shape stays."


@operation("batch_norm", Kind.NORMALIZATION, sentence=_batch, limits={"num_features": 1},
           memory_format=MemoryFormat.CHANNELS_LAST)  # fmt: skip
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Effect:
    """Raise for other channels, and in training for one value per channel: no variance."""
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise ShapeError(
            f"batch norm needs a batch and channels, but {times(shape)} arrives", 2, len(shape)
        )
    _check_channels("batch norm", shape, running_mean, running_var, weight, bias)
    if not training and (running_mean is None or running_var is None):
        raise ShapeError("batch norm in eval mode needs running_mean and running_var")
    if training and shape[1] and prod(shape) // shape[1] == 1:
        raise ShapeError(
            "batch norm in training mode needs more than one value per channel, but "
            f"{times(shape)} holds one: use a larger batch or input, or call net.eval()",
            2,
            1,
        )
    return Effect(shape, settings={"channels": shape[1], "training": training, "eps": eps})


def _check_channels(name: str, shape: Shape, *tensors: Tensor | None) -> None:
    for tensor in tensors:
        if tensor is not None and tensor.numel() != shape[1]:
            raise ShapeError(
                f"{name} expects {tensor.numel()} channels, but {shape[1]} arrive",
                tensor.numel(),
                shape[1],
            )


@operation("layer_norm", Kind.NORMALIZATION, limits={"normalized_shape": 1},
           sentence="Normalizes each position over its own features, then scales and shifts them. "
                    "The shape stays.")  # fmt: skip
def layer_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Effect:
    """Normalize over the last axes, which must be `normalized_shape`."""
    shape, last = tuple(input.shape), tuple(normalized_shape)
    if not last or shape[-len(last) :] != last:
        raise ShapeError(
            f"layer norm expects the last axes to be {times(last)}, but {times(shape)} arrives",
            last,
            shape[-len(last) :],
        )
    for tensor in (weight, bias):
        if tensor is not None and tuple(tensor.shape) != last:
            raise ShapeError(f"layer norm over {last} has a weight of {tuple(tensor.shape)}")
    window = POINTWISE if len(last) < 2 and len(shape) != 4 else None
    return Effect(shape, window=window, settings={"normalized_shape": last})


@operation("group_norm", Kind.NORMALIZATION, limits={"num_groups": 1, "num_channels": 1},
           sentence="Normalizes each group of channels of one image, then scales and shifts each "
                    "channel. The shape stays.")  # fmt: skip
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Effect:
    """Normalize groups of channels (axis 1), each over its channels and all positions."""
    shape = tuple(input.shape)
    channels = shape[1] if len(shape) > 1 else 0
    if num_groups < 1 or not channels or channels % num_groups:
        raise ShapeError(
            f"{channels} channels do not divide into {num_groups} groups",
            f"a multiple of {num_groups}",
            channels,
        )
    _check_channels("group norm", shape, weight, bias)
    if prod(shape) // num_groups == 1:
        raise ShapeError(
            f"group norm needs more than one value per group, but {times(shape)} "
            f"holds one in each of {num_groups}",
            2,
            1,
        )
    return Effect(shape, window=None, settings={"groups": num_groups})


@operation("local_response_norm", Kind.NORMALIZATION,
           sentence="Divides each number by what its neighbouring channels hold. "
                    "The shape stays.")  # fmt: skip
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Effect:
    """Normalize across channels (Krizhevsky and others 2012, §3.3)."""
    axes = input.dim()
    if axes < 3:
        message = f"local response norm needs 3 dimensions or more, but {axes} arrive"
        raise ShapeError(message, 3, axes)
    return NotImplemented  # a pooling inside, whose window decides

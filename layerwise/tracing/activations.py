"""What really flows through a network for one image, and what is kept of it.

Of each step's output only the strongest maps are kept, so that a deep network takes little memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from layerwise.operations.kinds import Kind
from layerwise.operations.registry import POINTWISE

from .inputs import Inputs
from .receptive_bounds import Bounds, Follower
from .records import Step, Trace
from .tracer import located, run_for_real

STRONGEST = 16  # maps that are kept of a step, the largest numbers of a vector
SLICES = 8  # input channels that are kept of a filter

# They make rows and columns in the last two axes, whatever part of the image these see.
_IMAGED = frozenset({"conv_transpose2d", "interpolate", "pixel_shuffle", "fold"})


class AbandonedError(Exception):
    """Nobody wants the result of a run any more, and it was given up on the way."""


class Kept(NamedTuple):
    """What is kept of an output that is a stack of maps, in float32 on the CPU.

    A map is as strong as the mean of its numbers without their signs.
    """

    channels: tuple[int, ...]  # the strongest first
    strengths: Tensor  # of these: (maps,)
    values: Tensor  # (maps, rows, columns)
    signed: bool  # whether any number of the whole output is below zero


class Units(NamedTuple):
    """The largest numbers of an output that is a vector, such as the scores of the classes."""

    units: tuple[int, ...]  # the largest first
    values: Tensor


class Filters(NamedTuple):
    """The filters of a convolution: of each output channel its strongest slices."""

    inputs: Tensor  # which input channels these read: (out, slices)
    values: Tensor  # (out, slices, rows, columns)


@dataclass(frozen=True)
class Activations:
    """The trace of a real run, and what is kept of each of its steps."""

    trace: Trace
    outputs: tuple[Kept | Units | None, ...]  # None where no map and no vector left the step
    filters: tuple[Filters | None, ...]
    bounds: tuple[Bounds | None, ...]


def activations(
    net: nn.Module, image: Tensor, wanted: Callable[[], bool] = lambda: True
) -> Activations:
    """Run a copy of `net` in eval mode on one image (1, C, H, W); the network stays as it was.

    Raises what `trace` raises, and AbandonedError as soon as `wanted` says no.
    """
    parameter = next((p for p in net.parameters() if p.is_floating_point()), None)
    if parameter is not None:
        image = image.to(parameter.device, parameter.dtype)
    keeper = _Keeper(image, wanted)
    with torch.no_grad():
        found, failed = run_for_real(net, Inputs((image.clone(),), {}), keeper.saw)
    if failed is not None:
        raise located(failed, found.name)
    bounds = tuple(keeper.follower.found)
    return Activations(found, tuple(keeper.outputs), tuple(keeper.filters), bounds)


class _Keeper:
    """Sees each step of a run with its numbers, before a later one can write over them."""

    def __init__(self, image: Tensor, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted
        self.follower = Follower(tuple(image.shape))
        self.outputs: list[Kept | Units | None] = []
        self.filters: list[Filters | None] = []
        self._imaged = {-1}  # the steps behind which rows and columns are the last two axes

    def saw(self, step: Step, tensors: list[Tensor], result: Tensor) -> None:
        """Keep what is to be shown of one step."""
        if not self._wanted():
            raise AbandonedError
        seen = self.follower.add(step)
        if self._is_imaged(step):
            self._imaged.add(step.index)
        self.outputs.append(self._kept(step, seen, result))
        self.filters.append(_filters(step, tensors))

    def _is_imaged(self, step: Step) -> bool:
        same = step.window == POINTWISE and self._imaged.issuperset(step.sources)
        return step.function in _IMAGED or (same and len(step.output) == 4)

    def _kept(self, step: Step, seen: Bounds | None, result: Tensor) -> Kept | Units | None:
        if result.is_complex() or result.shape[:1] != (1,):
            return None
        if result.dim() == 2:
            return _largest(result[0])
        if result.dim() != 4:
            return None
        if seen is not None:
            rows, columns = (along.axis for along in seen)
        elif step.index in self._imaged:
            rows, columns = -2, -1
        else:
            return None
        return _strongest(result.movedim((rows, columns), (-2, -1))[0])


def _strongest(maps: Tensor) -> Kept | None:
    if not maps.numel():
        return None
    maps = maps.to(torch.float32)
    strengths = maps.abs().sum((1, 2)) / maps[0].numel()  # four times as fast as vector_norm
    order = strengths.sort(descending=True, stable=True).indices[:STRONGEST]
    values = maps[order].cpu()
    return Kept(tuple(order.tolist()), strengths[order].cpu(), values, bool(maps.amin() < 0))


def _largest(vector: Tensor) -> Units:
    order = vector.sort(descending=True, stable=True).indices[:STRONGEST]
    return Units(tuple(order.tolist()), vector[order].to("cpu", torch.float32))


def _filters(step: Step, tensors: list[Tensor]) -> Filters | None:
    of = step.settings
    if step.kind is not Kind.CONVOLUTION or len(tensors) < 2 or len(step.output) != 4:
        return None
    weight = tensors[1]
    if tuple(weight.shape[2:]) != of["kernel_size"] or weight.shape[0] != of["out_channels"]:
        return None
    outputs, inputs = weight.shape[:2]
    if inputs > SLICES:
        strengths = weight.abs().sum((2, 3))  # 17 times as fast as vector_norm here
        order = strengths.topk(SLICES, dim=1).indices  # ten times as fast as sorting them
    else:
        order = torch.arange(inputs, device=weight.device).expand(outputs, -1)
    values = weight[torch.arange(outputs, device=weight.device)[:, None], order]
    per_group = torch.arange(outputs) // (outputs // of["groups"]) * inputs
    return Filters(order.cpu() + per_group[:, None], values.to("cpu", torch.float32))

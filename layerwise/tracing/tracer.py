"""Run a network once on shapes alone and write down every tensor operation.

A `Trace` is the single source of all that a student sees: printed shapes, explanation, table,
picture, totals, receptive field. The run itself is in `recording`.
"""

import gc
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from layerwise.operations.rules import Shape, times

from .meta_copy import meta_twin, real_twin
from .recorder import Call, NeedsValues, Recorder, Step

__all__ = ["Call", "Step", "Trace", "TraceError", "attempt", "trace"]


class TraceError(RuntimeError):
    """A network cannot be traced; the message names the operation and what to do."""


@dataclass(frozen=True, repr=False)
class Trace:
    """The record of one run: every step in order, and the totals."""

    name: str  # class of the network
    inputs: tuple[Shape, ...]
    steps: tuple[Step, ...]
    calls: tuple[Call, ...]  # in the order in which they end; the net itself is last
    params: int  # every parameter once, as sum(p.numel()) counts them
    note: str = ""  # what a reader must know, "" if nothing

    def __repr__(self) -> str:
        shapes = " and ".join(map(times, self.inputs))
        return (
            f"Trace of {self.name}, input {shapes}: {len(self.steps)} steps, "
            f"{self.params:,} parameters, {self.macs:,} MACs"
        )

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the whole input batch."""
        return sum(step.macs for step in self.steps)

    @property
    def output(self) -> Shape:
        """Shape of the network's (first) output."""
        return self.calls[-1].output

    @cached_property
    def by_path(self) -> dict[str, tuple[Step, ...]]:
        """Path of each submodule that ran -> the steps it ran itself, in order."""
        own: dict[str, list[Step]] = {call.path: [] for call in self.calls}
        for step in self.steps:
            own.setdefault(step.path, []).append(step)
        return {path: tuple(steps) for path, steps in own.items()}


def trace(net: nn.Module, *inputs: Shape | torch.Tensor) -> Trace:
    """Run `net` on shapes alone and return what it did, step by step.

    Each input is a shape such as (1, 1, 224, 224), or a tensor where the dtype matters. The
    network keeps its device, mode, weights, statistics, hooks and the random state. Hooks that
    a user registered do not run. A forward that reads values (`if x.sum() > 0`) cannot be run
    on shapes: it is run for real, once, with a batch of one, and `Trace.note` says so.

    Raises ShapeError where an operation does not fit its input, TypeError for an input that is
    no shape, TraceError where the network cannot be traced.
    """
    result, error = attempt(net, *inputs)
    if error is not None:
        raise error
    return result


def attempt(net: nn.Module, *inputs: Shape | torch.Tensor) -> tuple[Trace, Exception | None]:
    """Like `trace`, but a failure gives the steps up to it, and the error."""
    if not isinstance(net, nn.Module):
        raise TypeError(f"trace needs a network (nn.Module), not {type(net).__name__}")
    if isinstance(net, torch.jit.ScriptModule):
        raise TraceError(
            "A TorchScript module runs outside Python, where nothing can be watched. "
            "Trace the Python module it was made from."
        )
    samples = [_sample(given, net) for given in inputs]
    with undisturbed():
        try:
            return _run(Recorder(meta_twin(net)), samples)
        except NeedsValues as reason:
            return _run_for_real(net, samples, reason)


def _run(recorder: Recorder, samples: list, note: str = "") -> tuple[Trace, Exception | None]:
    error = recorder.run(samples)
    shapes = tuple(tuple(sample.shape) for sample in samples)
    steps, calls = recorder.steps(complete=error is None), tuple(recorder.calls)
    name = type(recorder.net).__name__
    return Trace(name, shapes, steps, calls, recorder.params, note), error


def _run_for_real(net: nn.Module, samples: list, reason: Exception) -> tuple:
    if any(parameter.is_meta for parameter in net.parameters()):
        raise TraceError(
            f"{reason}, but this network is on the meta device and has none. "
            "Build it on the CPU, without torch.device('meta')."
        ) from reason
    note = f"{reason}, so the network ran for real on a batch of one."
    numbers = [_numbers(sample, net) for sample in samples]
    return _run(Recorder(real_twin(net), real=True), numbers, note)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Leave the random states as they were, and keep garbage collection out of the run.

    A collection under torch takes up to 0.6 s.
    """
    collecting, numpy = gc.isenabled(), sys.modules.get("numpy")
    states = random.getstate(), torch.get_rng_state(), numpy and numpy.random.get_state()
    gc.disable()
    try:
        yield
    finally:
        random.setstate(states[0])
        torch.set_rng_state(states[1])
        if numpy:
            numpy.random.set_state(states[2])
        if collecting:
            gc.enable()


def _sample(given: Shape | torch.Tensor, net: nn.Module) -> torch.Tensor:
    """A meta tensor for a shape, or for a tensor's shape and dtype."""
    if isinstance(given, torch.Tensor):
        return torch.empty(given.shape, dtype=given.dtype, device="meta")
    if not isinstance(given, (tuple, list)) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in given
    ):
        raise TypeError(
            f"an input is a shape, such as (1, 1, 224, 224), or a tensor, not {given!r}"
        )
    dtypes = (p.dtype for p in net.parameters() if p.is_floating_point())
    return torch.empty(tuple(given), dtype=next(dtypes, torch.float32), device="meta")


def _numbers(sample: torch.Tensor, net: nn.Module) -> torch.Tensor:
    """A real batch of one, on the network's device."""
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    shape = (min(sample.shape[0], 1), *sample.shape[1:]) if sample.dim() else ()
    if not sample.is_floating_point():
        return torch.zeros(shape, dtype=sample.dtype, device=device)
    source = torch.Generator().manual_seed(0)
    return torch.rand(shape, generator=source).to(device, sample.dtype)

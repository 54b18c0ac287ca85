"""Run a network once on shapes alone and write down every tensor operation.

A `Trace` is the single source of all that a student sees: printed shapes, explanation, table,
picture, totals, receptive field. The run itself is watched in `recorder`.
"""

import gc
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from layerwise.operations.shapes import ShapeError

from . import failures, inputs, surroundings
from .inputs import Inputs
from .meta_copy import TraceError, copied, unwrapped
from .operands import Seeded
from .recorder import NeedsValues, Recorder, RunError, Watch
from .records import Outcome, Trace


def trace(net: nn.Module, *args: Any, **kwargs: Any) -> Trace:
    """Run `net` on shapes alone and return what it did, step by step.

    Each input is a shape such as (1, 1, 224, 224), a shape with its type, ((1, 20), torch.int64),
    a tensor, or a dict or list of these; keywords go to the network's forward. The network keeps
    its device, mode, weights, statistics, hooks, and the random states stay as they were. Hooks
    that a user registered do not run. A forward that reads values (`if x.sum() > 0`) cannot be
    run on shapes: it is run for real, once, and `Trace.note` says so.

    Raises ShapeError where an operation does not fit its input, TypeError for what is no network
    or no input, TraceError where the network cannot be traced, and whatever the network raises.
    """
    inputs.checked_net(net)
    result, failed = _recorded(net, inputs.read(unwrapped(net), args, kwargs))
    if failed is not None:
        raise located(failed, result.name)
    return result


def traced(net: nn.Module | Trace, args: tuple, kwargs: dict[str, Any], view: str) -> Trace:
    """The trace that a view takes as it is, or makes; TypeError where a Trace comes with inputs."""
    if not isinstance(net, Trace):
        return trace(net, *args, **kwargs)
    if args or kwargs:
        raise TypeError(f"a Trace knows its input shapes: {view}(trace) takes no others")
    return net


def trace_or_fail(net: nn.Module, given: Inputs) -> Outcome:
    """Like `trace`, but a failure gives the steps up to it, and is read and not raised."""
    result, failed = _recorded(net, given)
    return Outcome(result, failed and failures.of_run(failed))


def _recorded(net: nn.Module, given: Inputs) -> tuple[Trace, RunError | None]:
    try:
        with undisturbed(torchs=False):
            return _run(net, given)
    except NeedsValues as reason:
        why = str(reason)
    if any(parameter.is_meta for parameter in net.parameters()):
        raise TraceError(
            f"{why}, but this network is on the meta device and has none. "
            "Build it on the CPU, without torch.device('meta')."
        )
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    with undisturbed():
        note = f"{why}, so the network ran for real."
        return _run(net, given.real(device), note, real=True)


def run_for_real(net: nn.Module, given: Inputs, watch: Watch) -> tuple[Trace, RunError | None]:
    """Run a copy of `net` in eval mode on numbers; `watch` gets each step, what it read and made.

    In a thread beside a student's cells nothing is put back, which would undo what these do.
    """
    if _is_beside():
        with uncollected(), Seeded(0):
            return _run(net, given, real=True, watch=watch)
    with undisturbed():
        return _run(net, given, real=True, watch=watch)


def _is_beside() -> bool:
    return threading.current_thread() is not threading.main_thread()


def _run(
    net: nn.Module, given: Inputs, note: str = "", *, real: bool = False, watch: Watch | None = None
) -> tuple[Trace, RunError | None]:
    copy, copies = copied(net, numbers=real)
    recorder = Recorder(copy, copies, real, watch)
    kinds = {type(double) for double in copies.values() if isinstance(double, nn.Module)}
    with nullcontext() if watch and _is_beside() else surroundings.restored(kinds):
        if watch is not None:
            copy.eval()
        failed = recorder.run(given.args, given.kwargs)
    accounts, calls = recorder.accounts, tuple(recorder.calls)
    if failed is None and (not recorder.complete or accounts.uncounted):
        note = f"{note} {_LOST}".strip()
    result = Trace(
        type(copy).__name__,
        given.shapes,
        tuple(recorder.steps),
        calls,
        accounts.total(),
        note,
        accounts.unused({call.path for call in calls}) if failed is None else {},
        accounts.unregistered,
    )
    return result, failed


_LOST = (
    "Part of the forward leaves PyTorch's sight (numpy, vmap, a custom function) and comes back: "
    "what it does in between is not listed, and its MACs are not counted."
)


def located(failed: RunError, name: str) -> Exception:
    """The error to raise: a ShapeError says in which layer it happened."""
    error, path = failed.error, failed.path
    kind = type(failed.module).__name__
    where = f"{path} ({kind})" if path else kind
    if isinstance(error, ShapeError):
        made = ShapeError(f"{where}: {error}", error.expected, error.got)
        return made.with_traceback(error.__traceback__)
    error.add_note(f"In layer {where}, while tracing {name}.")
    return error


_running = 0  # traces at this moment, in all threads
_lock = threading.Lock()
_around = threading.local()  # its `torchs`: what the `undisturbed` around this one keeps


@contextmanager
def undisturbed(*, torchs: bool = True) -> Iterator[None]:
    """Leave random states as they were, and keep garbage collection out of the run.

    A collection under torch takes up to 0.6 s. A state that did not move is not touched, so that
    what another thread draws meanwhile is not drawn again. `torchs=False` leaves PyTorch's own
    out, unless it was seeded anew: a run on shapes alone has a generator of its own. Inside
    another that keeps as much it does nothing: reading the states takes 0.1 ms.
    """
    kept = getattr(_around, "torchs", None)
    if kept is not None and kept >= torchs:
        yield
        return
    _around.torchs = torchs
    try:
        with _states_kept(torchs), uncollected():
            yield
    finally:
        _around.torchs = kept


@contextmanager
def _states_kept(torchs: bool) -> Iterator[None]:
    numpy = sys.modules.get("numpy")
    pythons = random.getstate()
    numpys = _numpys(numpy)
    before, seed = torch.get_rng_state(), torch.initial_seed()
    try:
        yield
    finally:
        if random.getstate() != pythons:
            random.setstate(pythons)
        if numpy and numpys is not None and _key(_numpys(numpy)) != _key(numpys):
            numpy.random.set_state(numpys)
        reseeded = torch.initial_seed() != seed
        if reseeded or (torchs and not torch.equal(before, torch.get_rng_state())):
            torch.set_rng_state(before)


def _numpys(numpy: Any) -> Any:
    return numpy.random.get_state() if numpy else None


def _key(state: Any) -> tuple:
    """What tells two of numpy's states apart."""
    return state[1].tobytes(), *state[2:]


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage, in no thread, until the last of these ends."""
    global _running, _collecting  # noqa: PLW0603  counted over threads
    with _lock:
        if not _running:
            _collecting = gc.isenabled()
            gc.disable()
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running and _collecting:
                gc.enable()


_collecting = True

"""A forward that reads a tensor after an operation in place has changed it.

The network runs once more, and each operation in place gives a new tensor object in place of the
one that it changed. Who still has the old object, and reads it, meant the numbers from before.
"""

import ast
import inspect
import linecache
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from layerwise.operations.kinds import Kind
from layerwise.tracing import source_lines, surroundings
from layerwise.tracing.dispatch import tensors_in, writes
from layerwise.tracing.records import SourceLine, Step
from layerwise.tracing.tracer import undisturbed

from .breakdown import INPUT, Run, quietly
from .findings import Cause, Finding, warning

_ASK_FOR_SHAPES = frozenset({"__get__", "size", "dim", "numel", "__len__"})


def in_place(run: Run) -> Finding | None:
    """A tensor is changed in place, and the shortcut reads it after that, changed."""
    if not any(_may_read_changed(run, step) for step in run.steps):
        return None
    net, reads = run.case.net, _Reads()
    args, kwargs = run.case.inputs
    restored = surroundings.restored({type(module) for module in net.modules()})
    with suppress(Exception), quietly(), undisturbed(), restored, torch.device("meta"), reads:
        net(*args, **kwargs)
    if reads.found is None:
        return None
    change, name, owner = reads.found
    path = next((path for path, module in net.named_modules() if module is owner), "")
    return warning(
        Cause.IN_PLACE, "in place", path, settled=True, line=change.line, code=change.code,
        name=name, owner=type(owner).__name__,
    )  # fmt: skip


def _may_read_changed(run: Run, step: Step) -> bool:
    """Whether branches meet here of which one is what an activation made in the same block."""
    if not step.merges:
        return False
    calls = run.trace.calls if run.trace else ()
    starts = [c.start for c in calls if c.path == step.path and c.start <= step.index < c.stop]
    for source in step.sources:
        made = run.steps[source]
        if source < max(starts, default=0) or made.kind is not Kind.ACTIVATION:
            continue
        before = made.sources[0] if made.sources else INPUT
        twice = before != INPUT and run.steps[before].function == made.function == "relu"
        if not twice and sum(source in other.sources for other in run.steps) > 1:
            return True
    return False


class _Change(NamedTuple):
    old: Tensor  # the object that was changed,
    new: Tensor  # and the one that stands for it from then on
    code: str
    line: SourceLine


class _Reads(TorchFunctionMode):
    """Finds the first read of an object after its numbers were changed under another name.

    An operation in place whose result nobody reads, a statement by itself, means to change it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[_Change] = []
        self.read: dict[int, Tensor] = {}  # by id; kept alive, so that no id comes twice
        self.found: tuple[_Change, str, object] | None = None  # name of the old one, self

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name not in _ASK_FOR_SHAPES:
            self._look({id(tensor): tensor for tensor in tensors_in((args, kwargs))})
        made = func(*args, **kwargs)
        if not (args and made is args[0] and (writes(name) or kwargs.get("inplace"))):
            return made
        new = made.view(made.shape)
        frame = next(_own_frames(), None)
        if frame is not None:
            line = source_lines.line(frame.f_code.co_filename, frame.f_lineno)
            self.changes.append(_Change(made, new, _code(frame), line))
        return new

    def _look(self, read: dict[int, Tensor]) -> None:
        self.read |= read
        for change in self.changes if self.found is None else ():
            if id(change.old) in read and id(change.new) in self.read:
                for frame in _own_frames():
                    names = [n for n, held in frame.f_locals.items() if held is change.old]
                    if names and self.found is None:
                        self.found = change, names[0], frame.f_locals.get("self")


def _own_frames() -> Iterator[FrameType]:
    """The running functions of the student's own, innermost first."""
    frame = inspect.currentframe()
    while frame is not None:
        if source_lines.theirs(frame.f_code):
            yield frame
        frame = frame.f_back


def _code(frame: FrameType) -> str:
    """The expression that a frame is at: "self.relu(x)"."""
    source = "".join(linecache.getlines(frame.f_code.co_filename))
    place: Any = inspect.getframeinfo(frame, context=0).positions
    return " ".join((ast.get_source_segment(source, place) or "").split())

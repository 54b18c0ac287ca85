"""A run read backwards: which earlier step made what arrives at a failure, or at any step."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from layerwise.operations.kinds import Kind, Merge
from layerwise.operations.registry import Operation, find
from layerwise.operations.shapes import Shape, per_axis
from layerwise.tracing import building, inputs, meta_copy
from layerwise.tracing.building import Builder
from layerwise.tracing.inputs import Inputs
from layerwise.tracing.records import Failure, Step, Trace

from .findings import Cause, Finding

INPUT = -1  # in place of the index of a step: the net's input
CHANNELS = (
    Kind.CONVOLUTION,
    Kind.TRANSPOSED_CONVOLUTION,
    Kind.LINEAR,
    Kind.EMBEDDING,
)
WEIGHTED = (*CHANNELS, Kind.NORMALIZATION)  # kinds that as a rule have parameters


@dataclass(frozen=True)
class Case:
    """A builder, its input and its choices: what a run needs, and what a trace does not hold."""

    build: Builder
    given: Any
    choices: Mapping
    ran: nn.Module | None = None  # the network of the run, where there was one
    made: Sequence[nn.Parameter] = ()  # the parameters that modules got while it was built

    @cached_property
    def net(self) -> nn.Module:
        """The network that ran, or it once more: half of a turn's time is in building."""
        ran = building.network(self.build, self.choices) if self.ran is None else self.ran
        return meta_copy.unwrapped(ran)

    @property
    def inputs(self) -> Inputs:
        """What the network is given, as meta tensors."""
        given = building.sized(self.given, self.choices.get("input_size"))
        return inputs.read(self.net, *building.arguments(given))

    @cached_property
    def discarded_weights(self) -> Counter[Shape]:
        """Shapes of the parameters that the builder made and that its network does not hold."""
        held = set(map(id, self.net.parameters()))
        lost = {id(p): p for p in self.made if id(p) not in held and not is_lazy(p)}
        return Counter(tuple(p.shape) for p in lost.values())


def quietly() -> contextlib.AbstractContextManager:
    """Drop what is printed; not in a thread, where two of these would put back each other's."""
    if threading.current_thread() is not threading.main_thread():
        return contextlib.nullcontext()
    return contextlib.redirect_stdout(StringIO())


class Run:
    """The steps of a run, and the ways between them."""

    def __init__(self, case: Case, trace: Trace | None) -> None:
        self.case, self.trace = case, trace
        self.steps: tuple[Step, ...] = trace.steps if trace else ()
        self.inputs: tuple[Shape, ...] = trace.inputs if trace else ()

    @property
    def given(self) -> Shape:
        """The shape of the (first) input; () where there is none."""
        return self.inputs[0] if self.inputs else ()

    def shape(self, index: int) -> Shape:
        """What the step made; the input's shape for INPUT."""
        return self.given if index == INPUT else self.steps[index].output

    def back(self, index: int) -> Iterator[int]:
        """`index`, the step it read, and so on to INPUT; of several, the first."""
        while index != INPUT:
            yield index
            sources = self.steps[index].sources
            index = sources[0] if sources else INPUT
        yield INPUT

    def ancestors(self, index: int) -> set[int]:
        """Every step that the result of `index` depends on, itself and the input included."""
        found, todo = {INPUT}, [index]
        while todo:
            at = todo.pop()
            if at not in found:
                found.add(at)
                todo += self.steps[at].sources
        return found

    def discarded(self, channels: int) -> int | None:
        """A step that made so many channels, and whose result nothing has read; None if none."""
        read = {source for step in self.steps for source in step.sources}
        lost = [s.index for s in self.steps if s.index not in read and s.output[1:2] == (channels,)]
        return lost[-1] if lost else None

    def last(self, index: int, decides: Callable[[Step], bool]) -> int:
        """The last step up to `index` that decides something; INPUT where none does."""
        return next(i for i in self.back(index) if i == INPUT or decides(self.steps[i]))

    def fork(self, sources: tuple[int, ...]) -> int:
        """The last step that all of `sources` come from."""
        return max(set.intersection(*map(self.ancestors, sources)))

    def branch(self, index: int, fork: int) -> list[Step]:
        """The steps from `fork`, not included, to `index`, in order."""
        inside = sorted(self.ancestors(index) - self.ancestors(fork))
        return [self.steps[i] for i in inside]


class Breakdown(Run):
    """A run that broke off."""

    def __init__(self, case: Case, trace: Trace | None, failure: Failure) -> None:
        super().__init__(case, trace)
        self.failure = failure

    @property
    def given(self) -> Shape:
        """The shape of the input that reached the failure, else of the first."""
        shape = self.arriving[0]
        return shape if shape in self.inputs else super().given

    @property
    def layer_kind(self) -> str:
        """Class of the layer that failed, or its class had it been a layer: "Conv2d"."""
        if self.failure.layer and not self.failure.block:
            return self.failure.layer
        return "".join(word.capitalize() for word in self.failure.function.split("_"))

    @property
    def entry(self) -> Operation:
        """The entry of the operation that failed, or of the layer where it came to none."""
        name = self.failure.function or ("" if self.failure.block else self.failure.layer)
        return find(name) or find(self.layer_kind) or Operation(name, Kind.OTHER)

    @property
    def axes(self) -> int:
        """Axes of the maps that the failing layer is for: 2 for Conv2d; 0 if it has no number."""
        return axes_of(self.layer_kind)

    @property
    def arriving(self) -> tuple[Shape, int]:
        """What reached the failure, and the step that it came from."""
        if self.failure.inputs:
            return self.failure.inputs[0], self.failure.sources[0]
        calls = self.trace.calls if self.trace else ()
        call = next((c for c in reversed(calls) if c.path == self.failure.path), None)
        shape = call.inputs[0] if call and call.inputs else ()
        last = len(self.steps) - 1
        return shape, last if self.steps and self.steps[-1].output == shape else INPUT

    @property
    def unbatched(self) -> bool:
        """Whether a layer of feature maps read the input as one image without a batch."""
        first = next((s for s in self.steps if "kernel_size" in s.settings), None)
        shape = first.inputs[0] if first else self.arriving[0]
        axes = len(first.settings["kernel_size"]) if first else self.axes
        if not first and axes == 1 and self.entry.name == "batch_norm":  # reads vectors too
            return False
        return bool(axes) and len(shape) == axes + 1 == len(self.given)

    @property
    def reads(self) -> int | None:
        """Channels or features that the failing layer is made for, None if that is not known."""
        kind, shapes, settings = self.entry.kind, self.failure.shapes, self.failure.settings
        weight = shapes[1] if len(shapes) > 1 else ()
        if kind is Kind.CONVOLUTION and len(weight) > 2:
            return weight[1] * settings.get("groups", 1)
        if kind is Kind.TRANSPOSED_CONVOLUTION and len(weight) > 2:
            return weight[0]
        if kind is Kind.LINEAR and len(weight) == 2:
            return weight[1]
        if kind is Kind.NORMALIZATION:
            return settings.get("num_features", weight[0] if len(weight) == 1 else None)
        return None

    @property
    def window(self) -> tuple[Shape, Shape, Shape] | None:
        """Kernel, padding and dilation of the failing layer, one number for each axis."""
        settings, shapes, axes = self.failure.settings, self.failure.shapes, self.axes
        kernel = settings.get("kernel_size")
        if kernel is None and self.entry.kind is Kind.CONVOLUTION and len(shapes) > 1:
            kernel = shapes[1][2:]
        if kernel is None or not axes or self.entry.kind not in (Kind.CONVOLUTION, Kind.POOLING):
            return None
        padding = settings.get("padding", 0)
        padding = 0 if isinstance(padding, str) else padding
        each = (kernel, padding, settings.get("dilation", 1))
        k, p, d = [per_axis(value, axes, "window", 0) for value in each]
        return k, p, d

    @property
    def numbers(self) -> tuple[Any, Any]:
        """The two numbers (or shapes) that the failure itself names."""
        return self.failure.expected, self.failure.got

    def why(self, maker: int | None, key: str) -> str:
        """The key of the sentence about the step behind it, or about the input."""
        return "input" if maker in (None, INPUT) else key

    def finding(
        self,
        kind: Cause,
        what: str,
        why: str = "",
        expected: object = None,
        got: object = None,
        maker: int | None = None,
        /,
        settled: bool = False,
        **details: Any,
    ) -> Finding:
        """A finding about the layer that failed."""
        about = (kind, what, why, self.failure.path, expected, got, maker)
        return Finding(*about, settled=settled, line=self.failure.line, details=details)


def axes_of(name: str) -> int:
    """The number of axes in the name of a layer or function: 2 of "Conv2d", 0 of "Linear"."""
    return int(name[-2]) if name[-2:] in ("1d", "2d", "3d") else 0


def makes_channels(step: Step) -> bool:
    """Whether the step decides how many channels come out."""
    if step.kind in CHANNELS or step.merge is Merge.CONCAT or not step.inputs:
        return True
    return step.output[1:2] != step.inputs[0][1:2]


def resizes(step: Step) -> bool:
    """Whether rows or columns change, or are no longer there."""
    return not step.inputs or step.output[2:] != step.inputs[0][2:]


def makes_shape(step: Step) -> bool:
    """Whether what comes out has another shape than what went in, or a window passed over it."""
    return step.inputs[:1] != (step.output,) or "kernel_size" in step.settings


def flattens(step: Step) -> bool:
    """Whether the step lays numbers out anew."""
    return step.function in ("flatten", "view", "reshape")

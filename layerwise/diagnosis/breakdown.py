"""A run that broke off, read backwards: which earlier step made what arrives at the failure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from layerwise.operations import rules
from layerwise.operations.shapes import Shape, times
from layerwise.tracing.records import Failure, Step, Trace
from layerwise.views.columns import describe

from . import layer_arguments as settings
from . import source_lines as places

INPUT = -1  # in place of the index of a step: the net's input


@dataclass(frozen=True)
class Finding:
    """A failure in words. `cause` is what the run itself says, before choices are looked at."""

    kind: str  # class of the cause: "in_features", "shrunk away", …
    layer: str  # path of the first layer that fails, "" for the net's own forward
    headline: str
    cause: str = ""
    expected: object = None
    got: object = None
    works: bool = False  # PyTorch runs it all the same
    line: tuple[str, int, str] | None = None  # (file or cell, line number, source)


class Story:
    """The steps up to a failure, and words for them."""

    def __init__(self, trace: Trace, error: Exception | None = None) -> None:
        self.trace, self.steps, self.error = trace, trace.steps, error
        self.path: str = getattr(error, "path", "")
        self.failure: Failure | None = getattr(error, "failure", None)
        self.net: nn.Module | None = getattr(error, "net", None)

    @property
    def module(self) -> nn.Module | None:
        """The module whose forward failed."""
        return self.net and self.net.get_submodule(self.path)

    @property
    def place(self) -> str:
        """Where it failed: "layer 14 (Linear)", "block 3 (Residual)", "the forward of Net"."""
        kind = type(self.module).__name__
        if not self.path:
            return f"the forward of {kind}" if _composite(self.module) else kind
        return f"{'block' if _composite(self.module) else 'layer'} {self.path} ({kind})"

    @property
    def operation(self) -> str:
        """Name of the operation that failed, "" where none was reached."""
        return self.failure.op if self.failure else ""

    @property
    def layer_kind(self) -> str:
        """Class of the layer that failed, or its class had it been a layer: "Conv2d"."""
        if self.module is not None and not _composite(self.module):
            return type(self.module).__name__
        return "".join(word.capitalize() for word in self.operation.split("_"))

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """What the failing operation read: shapes of every tensor, also of parameters."""
        if self.failure is None:
            return ()
        return tuple(tuple(a.shape) for a in self.failure.args if isinstance(a, torch.Tensor))

    @property
    def arriving(self) -> tuple[Shape, int]:
        """What reached the failure, and the step that it came from."""
        if self.failure and self.failure.inputs:
            return self.failure.inputs[0], self.failure.sources[0]
        call = next((c for c in reversed(self.trace.calls) if c.path == self.path), None)
        shape = call.inputs[0] if call and call.inputs else ()
        last = len(self.steps) - 1
        return shape, last if self.steps and self.steps[-1].output == shape else INPUT

    @property
    def unbatched(self) -> bool:
        """Whether a layer of feature maps read the input as one image without a batch."""
        first = next((s for s in self.steps if "kernel_size" in s.settings), None)
        shape = first.inputs[0] if first else self.arriving[0]
        kind = first.op if first else self.layer_kind
        axes = int(kind[-2]) if kind[-2:] in ("1d", "2d", "3d") else 0
        return bool(axes) and len(shape) == axes + 1 == len(self.trace.inputs[0])

    @property
    def numbers(self) -> tuple[object, object]:
        """The two numbers that the error names."""
        return getattr(self.error, "expected", None), getattr(self.error, "got", None)

    @cached_property
    def settings(self) -> Mapping:
        """The settings of the failing layer or call, as the student gave them."""
        return settings.in_use(self.module, self.failure, self.error)

    @property
    def window(self) -> tuple[Shape, Shape, Shape] | None:
        """Kernel, padding and dilation of the failing layer, one number for each axis."""
        names = self.settings
        kernel = names.get("kernel_size")
        if kernel is None and self.operation.startswith("conv") and len(self.shapes) > 1:
            kernel = self.shapes[1][2:]
        if kernel is None or self.operation[-2:] not in ("1d", "2d", "3d"):
            return None
        axes, padding = int(self.operation[-2]), names.get("padding", 0)
        padding = 0 if isinstance(padding, str) else padding
        each = (kernel, padding, names.get("dilation", 1))
        return tuple(rules.per_axis(value, axes, "window", 0) for value in each)

    def finding(
        self, kind: str, headline: str, cause: str, expected: object = None, got: object = None
    ) -> Finding:
        """A Finding about the layer that failed; both texts get a capital."""
        line = places.last_line(self.error)
        return Finding(kind, self.path, capital(headline), capital(cause), expected, got, line=line)

    @property
    def layer(self) -> str:
        """`place`, or the operation itself where a block's own forward called it."""
        called = self.operation and _composite(self.module)
        return f"the {self.operation} in {self.place}" if called else self.place

    def what(self, index: int) -> str:
        """A step in words, its window included: "layer 0 (Conv2d 11×11, stride 4)"."""
        if index == INPUT:
            return "the input"
        step = self.steps[index]
        if step.op[:1].isupper():
            return f"layer {step.path} ({describe(step)})" if step.path else f"the {describe(step)}"
        name = {"cat": "concat"}.get(step.op, step.op)
        window = describe(step).removeprefix(step.op) if "kernel_size" in step.settings else ""
        where = f"block {step.path}" if step.path else "the forward"
        return f"the {name} in {where}" + (f" ({window.strip()})" if window else "")

    def shape(self, index: int) -> Shape:
        """What the step made; the input's shape for INPUT."""
        return self.trace.inputs[0] if index == INPUT else self.steps[index].output

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

    def channel_maker(self, index: int) -> int:
        """The step that gave the result of `index` its channels (or features)."""
        return next(i for i in self.back(index) if i == INPUT or makes_channels(self.steps[i]))

    def size_maker(self, index: int) -> int:
        """The last step before `index`, itself included, that changed rows or columns."""
        return next(i for i in self.back(index) if i == INPUT or resizes(self.steps[i]))

    def shrinkers(self, index: int) -> list[Step]:
        """The steps that changed rows and columns on the way to `index`, in order."""
        way = [self.steps[i] for i in self.back(index) if i != INPUT]
        return [step for step in reversed(way) if resizes(step)]

    def fork(self, sources: tuple[int, ...]) -> int:
        """The last step that all of `sources` come from."""
        return max(set.intersection(*map(self.ancestors, sources)))

    def branch(self, index: int, fork: int) -> list[Step]:
        """The steps from `fork`, not included, to `index`, in order."""
        inside = sorted(i for i in self.ancestors(index) - self.ancestors(fork))
        return [self.steps[i] for i in inside]


def makes_channels(step: Step) -> bool:
    """Whether the step decides how many channels come out."""
    if {"out_channels", "out_features"} & step.settings.keys() or not step.inputs:
        return True
    return step.op == "cat" or step.output[1:2] != step.inputs[0][1:2]


def resizes(step: Step) -> bool:
    """Whether rows or columns change, or are no longer there."""
    return not step.inputs or step.output[2:] != step.inputs[0][2:]


def pixels(shape: Shape) -> str:
    """Rows and columns of a feature map: "54×54"."""
    return times(shape[2:])


def image(shape: Shape) -> str:
    """A shape without its batch: "96×54×54", "6,400"."""
    return f"{shape[1]:,}" if len(shape) == 2 else times(shape[1:])


def many(count: int, noun: str) -> str:
    """A count with its noun: "1 channel", "6,400 numbers"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def arrive(count: int) -> str:
    """A count with its verb: "1 arrives", "6,400 arrive"."""
    return f"{count:,} arrive{'s' if count == 1 else ''}"


def capital(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def _composite(module: nn.Module | None) -> bool:
    return module is not None and not type(module).__module__.startswith("torch.nn.modules")

"""What a run of a network leaves behind: steps, calls, a trace, and the failure that ended it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from torch import nn

from layerwise.operations.kinds import Kind, Merge
from layerwise.operations.registry import Operation, find
from layerwise.operations.shapes import Shape, times
from layerwise.operations.window import Window


@dataclass(frozen=True, slots=True)
class Step:
    """One tensor operation of the run."""

    index: int
    path: str  # the submodule that ran it, "" for the net's own forward
    op: str  # as it is shown: "Conv2d", "relu", "add", "cat", "flatten", …
    function: str  # PyTorch's name of it: "conv2d", "relu", "add", …
    kind: Kind
    inputs: tuple[Shape, ...]
    output: Shape  # of the first result where there are several
    params: int = 0  # parameters that this step is the first to use
    macs: int = 0  # multiply-accumulates for the whole input batch
    sources: tuple[int, ...] = ()  # the step each input came from; -1 for the net's input
    receptive_field: Shape | None = None  # (rows, cols) seen of the input; longest path
    stride: Shape | None = None  # effective stride, in input pixels
    settings: Mapping = field(default_factory=dict, compare=False)  # kernel_size, stride, …
    window: Window | str | None = None  # on the pixels: as the rule's `Effect` holds it

    @property
    def operation(self) -> Operation:
        """All that is known about the operation; an empty entry where nothing is."""
        return find(self.function) or Operation(self.function, Kind.OTHER)

    @property
    def merges(self) -> bool:
        """Whether branches meet here: what different steps made is added, joined, multiplied."""
        return self.kind.merges and len(set(self.sources)) > 1

    @property
    def merge(self) -> Merge | None:
        """How it merges, of the kind MERGE: add, concat or multiply."""
        return self.operation.merge


@dataclass(frozen=True, slots=True)
class Call:
    """One run of one submodule: what came in, what went out, and its steps start..stop-1."""

    path: str
    kind: str  # class name
    inputs: tuple[Shape, ...]
    output: Shape  # () also where it broke off
    start: int
    stop: int


@dataclass(frozen=True, repr=False)
class Trace:
    """The record of one run: every step in order, and the totals."""

    name: str  # class of the network
    inputs: tuple[Shape, ...]
    steps: tuple[Step, ...]
    calls: tuple[Call, ...]  # in the order in which they end; the net itself is last
    params: int  # every parameter once, as sum(p.numel()) counts them
    note: str = ""  # what a reader must know, "" if nothing
    # submodule -> parameters that the run did not use; that it read, and are not the net's own
    unused: Mapping[str, int] = field(default_factory=dict, hash=False)
    unregistered: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __repr__(self) -> str:
        shapes = " and ".join(map(times, self.inputs)) or "none"
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


class SourceLine(NamedTuple):
    """A line of the student's own code."""

    file: str  # a file's name, or "notebook cell"
    number: int
    text: str


@dataclass(frozen=True)
class Failure:
    """All that is known about what ended a run, read once from the error, where it was caught."""

    stage: Literal["input", "build", "run"]
    error: str  # class of the exception
    message: str  # what it says, in one line
    path: str = ""  # the submodule that failed, "" for the net's own forward
    layer: str = ""  # its class; of a layer that could not be built too
    block: bool = False  # whether it has a forward of its own, other than PyTorch's layers
    function: str = ""  # the operation, in PyTorch's name; "" where none was reached
    inputs: tuple[Shape, ...] = ()  # what it read that comes from the net's input, as in Step
    sources: tuple[int, ...] = ()
    shapes: tuple[Shape, ...] = ()  # of every tensor it read, parameters too
    dtypes: tuple[str, ...] = ()  # of the same tensors: "float32"
    arguments: tuple = ()  # the others that were given in order, such as the target of a view
    settings: Mapping = field(default_factory=dict)  # of the layer or call: kernel_size, groups, …
    expected: object = None  # the two numbers, shapes or words that disagree
    got: object = None
    line: SourceLine | None = None
    facts: Mapping = field(default_factory=dict)  # what else the exception knew: see `error_facts`


@dataclass(frozen=True)
class Outcome:
    """What a run gave: the trace, as far as it came, and what ended it; it unpacks into the two."""

    trace: Trace | None  # None where nothing ran
    failure: Failure | None
    net: nn.Module | None = field(default=None, repr=False, compare=False)  # that which ran
    # The parameters that modules got while it was built, also those that it does not hold.
    made: Sequence[nn.Parameter] = field(default=(), repr=False, compare=False)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.trace, self.failure))

"""The registry of operations: one entry holds all that this package knows about one of them.

A family of operations is a module of this package; each decorates its rules with `operation`. A
rule takes the arguments of the PyTorch function of the same name and returns an `Effect`, from
shapes alone, or NotImplemented where PyTorch's own kernel must decide: it gives the shape that
PyTorch gives and raises ShapeError where PyTorch raises.
The tests prove this for every entry, on random arguments, against the CPU.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib import import_module
from typing import NamedTuple, Protocol

from .kinds import Kind, Merge
from .shapes import Shape
from .window import Window

POINTWISE = "pointwise"  # each output pixel sees the same input pixel; the field is unchanged
FAMILIES = (
    "convolution pooling normalization linear products merging elementwise shaping other"
).split()


class Effect(NamedTuple):
    """What an operation does: output shape, MACs, window on the pixels, and its settings.

    MACs are multiply-accumulates for the whole batch: half of what `torch.utils.flop_counter`
    counts. `window` is a Window, POINTWISE, or None where pixels lose their place.
    """

    shape: Shape
    macs: int = 0
    window: Window | str | None = POINTWISE
    settings: Mapping = {}


class Applied(Protocol):
    """One use of an operation, as a sentence needs it; `tracing.Step` is one."""

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """Shapes of what it read."""

    @property
    def output(self) -> Shape:
        """Shape of what it made."""

    @property
    def settings(self) -> Mapping:
        """As the rule's `Effect` holds them."""


class MemoryFormat(Enum):
    """In which order a result lies in memory, where an input is not contiguous."""

    PRESERVE = "as the input's"
    CHANNELS_LAST = "channels last where the image or the weights are, else contiguous"
    CONTIGUOUS = "contiguous"
    KERNEL = "as PyTorch's own kernel makes it"


Rule = Callable[..., Effect]


@dataclass(frozen=True)
class Operation:
    """All that is known about one operation."""

    name: str  # of the PyTorch function: "conv2d", "cat"
    kind: Kind
    rule: Rule | None = None  # None: PyTorch's own kernel decides
    sentence: str | Callable[[Applied], str] = ""  # what it does, in words
    title: str = ""  # how prose calls it, where that is not its name: "ReLU"
    symbol: str = ""  # in a picture: "+"
    merge: Merge | None = None  # of the kind MERGE: how
    memory_format: MemoryFormat = MemoryFormat.KERNEL
    view: bool = False  # PyTorch rearranges it exactly on tensors without numbers
    limits: Mapping[str, object] = field(default_factory=dict)  # setting -> the lowest it can be

    def describe(self, step: Applied) -> str:
        """What one use of it does to the numbers, "" where nothing is known."""
        return self.sentence if isinstance(self.sentence, str) else self.sentence(step)


_ENTRIES: dict[str, Operation] = {}
_LAYERS: dict[str, str] = {}  # "maxpool2d" -> "max_pool2d"


def operation(names: str, kind: Kind, **facts: object) -> Callable[[Rule], Rule]:
    """Register the decorated rule for each of `names`, which white space separates."""

    def register(rule: Rule) -> Rule:
        declare(names, kind, rule=rule, **facts)
        return rule

    return register


def declare(names: str, kind: Kind, **facts: object) -> None:
    """Register operations of one kind; without a `rule`, PyTorch's own kernel decides."""
    for name in names.split():
        _ENTRIES[name] = Operation(name, kind, **facts)  # type: ignore[arg-type]
        _LAYERS.setdefault(name.replace("_", ""), name)


def entries() -> Iterator[Operation]:
    """Every entry, in the order of the families."""
    _load()
    return iter(_ENTRIES.values())


@cache
def find(name: str) -> Operation | None:
    """The entry of a function ("max_pool2d") or of a layer's class ("MaxPool2d"), if any."""
    _load()
    known = _ENTRIES.get(name)
    if known is None:
        plain = name.replace("_", "").lower()
        bare = plain[:-2] if plain[-2:] in ("1d", "2d", "3d") else plain
        known = next((_ENTRIES[_LAYERS[n]] for n in (plain, bare) if n in _LAYERS), None)
    return known


@cache
def _load() -> None:
    for family in FAMILIES:
        import_module(f".{family}", __package__)

"""The columns of a layer table: what each of them holds, and how that reads as text.

The table of one network and the comparison of two have the same columns and the same rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from layerwise.operations.kinds import Kind
from layerwise.operations.shapes import Shape, times
from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Step, Trace

Words = Sequence[tuple[str, str]]  # what leads to a value, and the value: (", stride ", "4")

_USUAL = {"stride": 1, "padding": 0, "dilation": 1}  # not told
_WINDOW = {"kernel_size", "groups", *_USUAL}
_SHAPED = set(  # these the other columns tell
    "in_channels out_channels in_features out_features channels normalized_shape "
    "output_size".split()
)


@dataclass(frozen=True)
class RowOperation:
    """What one row does: the name of an operation or of a block, and its own settings."""

    name: str
    settings: Mapping[str, Any]

    def words(self, also: Iterable[str] = ()) -> Words:
        """The name, the window, and the settings `also`, which are not told otherwise."""
        found = [("", self.name)]
        if "kernel_size" in self.settings:
            found.append((" ", times(self.settings["kernel_size"])))
            for name, usual in _USUAL.items():
                values = self.settings.get(name, (usual,))
                if set(values) != {usual}:
                    same = len(set(values)) == 1
                    found.append((f", {name} ", str(values[0]) if same else times(values)))
            if self.settings.get("groups", 1) != 1:
                found.append((", ", f"{self.settings['groups']} groups"))
        return [*found, *((f", {name} ", _setting(self.settings.get(name))) for name in also)]

    def untold(self, other: "RowOperation") -> list[str]:
        """The settings in which two operations of one name differ and that `words` leaves out."""
        names = {**self.settings, **other.settings} if self.name == other.name else {}
        return [
            n for n in names if n not in _WINDOW and self.settings.get(n) != other.settings.get(n)
        ]


class Clash(NamedTuple):
    """What a layer that failed expected, and what it got: two numbers or two shapes."""

    expected: object
    got: object


@dataclass(frozen=True)
class Row:
    """One row of a table, as data."""

    path: str
    operation: RowOperation
    output: Shape | Clash | str | None = None  # a word where the run never came to a shape
    params: int | str = 0
    macs: int | str = 0
    receptive_field: Shape | None = None
    merges: bool = False  # branches meet here
    unused: bool = False  # parameters that did not run


class Column(NamedTuple):
    """One column: its name, and what it holds of a row."""

    name: str
    value: Callable[[Row], Any]
    is_number: bool = False  # and stands on the right

    def text(self, row: Row) -> str:
        """The cell of this column."""
        return joined(words(self.value(row)))


COLUMNS = (
    Column("layer", lambda row: row.path or "(forward)"),
    Column("operation", lambda row: row.operation),
    Column("output", lambda row: row.output),
    Column("parameters", lambda row: row.params, is_number=True),
    Column("MACs", lambda row: row.macs, is_number=True),
    Column("receptive field", lambda row: row.receptive_field, is_number=True),
)


def words(value: object) -> Words:
    """What a column holds, in words; 0 and None are left blank."""
    if isinstance(value, RowOperation):
        return value.words()
    if isinstance(value, Clash):
        return (("", f"expects {_number(value.expected)}, gets {_number(value.got)}"),)
    return (("", "" if value is None or value == 0 else _number(value)),)


def _number(value: object) -> str:
    if isinstance(value, tuple):
        return times(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def row(part: Block | Step) -> Row:
    """The row of a step, or of a block as a whole."""
    if isinstance(part, Step):
        return Row(
            part.path, operation(part), part.output, part.params, part.macs, part.receptive_field,
            part.merges,
        )  # fmt: skip
    last, name = part.steps[-1], RowOperation(title(part), {})
    output = part.call.output or last.output
    return Row(part.id, name, output, part.params, part.macs, last.receptive_field)


def operation(step: Step) -> RowOperation:
    """The name of a step's operation as tables show it, and its settings."""
    own = {name: value for name, value in step.settings.items() if name not in _SHAPED}
    return RowOperation(title(step), own)


def title(part: Block | Step) -> str:
    """The name under which tables show a block or the operation of a step."""
    if isinstance(part, Block):
        return part.call.kind
    return f"{part.op} of {len(part.inputs)} branches" if part.merges else part.op


def describe(step: Step) -> str:
    """The operation and its window: "Conv2d 11×11, stride 4, padding 1"."""
    return joined(operation(step).words())


def shapes_of(given: Sequence[Shape]) -> str:
    """Shapes that come in, in words: "1×28×28 and 1×10"; "none"."""
    return " and ".join(map(times, given)) or "none"


def joined(words: Words) -> str:
    """The words as one text."""
    return "".join(lead + value for lead, value in words)


def aligned(lines: Iterable[Sequence[str]]) -> list[str]:
    """Lines of cells under each other, words on the left and numbers on the right."""
    table = [[column.name for column in COLUMNS], *lines]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    sides = [">" if column.is_number else "<" for column in COLUMNS]
    form = "  ".join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True))
    return [form.format(*cells).rstrip() for cells in table]


def images(t: Trace) -> int | None:
    """How many images or examples the run was for; None where the input is no batch."""
    first = t.inputs[0] if t.inputs else ()
    alone = next((found for step in t.steps if (found := _unbatched(t, step)) is not None), False)
    return None if alone or len(first) < 2 else first[0]


def _unbatched(t: Trace, step: Step) -> bool | None:
    """Whether a step reads one image or sequence without a batch; None where it takes anything."""
    if "kernel_size" in step.settings and step.inputs:
        return len(step.inputs[0]) == len(step.settings["kernel_size"]) + 1
    if step.kind is not Kind.RECURRENT or not step.sources:
        return None
    before = t.steps[max(step.sources[0], 0)]  # PyTorch's layer itself makes a batch of one
    return before.function == "unsqueeze" and before.path == step.path


def unit(t: Trace) -> str:
    """What the MACs are for: "one image", "the batch of 128"."""
    number = images(t)
    if number is None:
        return "the whole input"
    return "one image" if number == 1 else f"the batch of {number}"


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return times(value) if isinstance(value, tuple) else str(value)

"""A trace as a person reads it: print_shapes and table. The account in words is `explaining`."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import torch
from torch import nn

from layerwise.operations.shapes import Shape, times
from layerwise.tracing.records import Step, Trace
from layerwise.tracing.tracer import trace

HEADINGS = ("layer", "operation", "output", "parameters", "MACs", "receptive field")
_LEFT = 3  # so many columns hold words and stand on the left; the others hold numbers

# Sanitized HTML keeps style attributes but no style sheets. No colour of text is set, and the
# background is translucent, so that both of JupyterLab's themes stay readable.
_CELL = "padding: 2px 10px; white-space: nowrap; text-align: {}"
_MARK = "background-color: rgba(213, 94, 0, 0.16); font-weight: bold"
_FAINT = "opacity: 0.6; font-style: italic"
_TOTAL = "border-top: 2px solid; font-weight: bold"


class Row(NamedTuple):
    """One line of the table; `joins` marks where branches meet, `unused` what did not run."""

    path: str
    op: str
    output: Shape
    params: int
    macs: int
    receptive_field: Shape | None
    joins: bool = False
    unused: bool = False


def print_shapes(net: nn.Module, *inputs: Shape) -> None:
    r"""Print one line per top-level child, in the book's form, and per operation between them.

    `Conv2d output shape:\t torch.Size([1, 96, 54, 54])`. Raises what `trace` raises.
    """
    t = trace(net, *inputs)
    lines = [
        (call.stop - 0.5, call.kind, call.output)
        for call in t.calls
        if call.path and "." not in call.path
    ]
    lines += [(step.index, step.op, step.output) for step in t.by_path[""] if step.output]
    for _, name, shape in sorted(lines, key=lambda line: line[0]):
        print(name, "output shape:\t", torch.Size(shape))


def table(net: nn.Module | Trace, *inputs: Shape, depth: int | None = None) -> "Table":
    """Return a table of every operation: output, parameters, MACs, receptive field, totals.

    Takes a network and its input shapes, or a Trace. With `depth`, a submodule at that depth
    takes one row: 1 shows the top-level children. Raises what `trace` raises, TypeError where
    a Trace comes with shapes, and ValueError where `depth` is negative.
    """
    if isinstance(net, Trace):
        if inputs:
            raise TypeError("a Trace knows its input shapes: table(trace) takes no others")
        return Table(net, depth)
    return Table(trace(net, *inputs), depth)


def rows(t: Trace, depth: int | None = None) -> list[Row]:
    """One Row per step, or per submodule at `depth`."""
    if depth is None:
        return [_row(step) for step in t.steps]
    if depth < 0:
        raise ValueError(f"depth counts levels of submodules: 0, 1, 2, …, not {depth}")
    kinds = {call.path: call.kind for call in t.calls}
    begins = {(call.path, call.start) for call in t.calls}
    groups: list[tuple[str, list[Step]]] = []
    for step in t.steps:
        parts = step.path.split(".") if step.path else []
        head = ".".join(parts[:depth])
        goes_on = len(parts) >= depth and groups and groups[-1][0] == head
        if goes_on and step.op != "unused" and (head, step.index) not in begins:
            groups[-1][1].append(step)
        else:
            groups.append((head, [step]))
    return [_folded(head, steps, kinds.get(head, "")) for head, steps in groups]


def describe(step: Step) -> str:
    """The operation and its window: "Conv2d 11×11, stride 4, padding 1"."""
    if step.op == "unused":
        return "not used by this input"
    if joins(step):
        return f"{step.op} of {len(step.inputs)} branches"
    if "kernel_size" not in step.settings:
        return step.op
    words = [f"{step.op} {times(step.settings['kernel_size'])}"]
    for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1)):
        values = step.settings.get(name, (usual,))
        if set(values) != {usual}:
            words.append(f"{name} {values[0] if len(set(values)) == 1 else times(values)}")
    if step.settings.get("groups", 1) != 1:
        words.append(f"{step.settings['groups']} groups")
    return ", ".join(words)


def joins(step: Step) -> bool:
    """Whether branches meet here: an add or a concat of several feature maps."""
    return step.op in ("add", "cat") and len(step.inputs) > 1


class Table:
    """What `table` returns: aligned text in a terminal, HTML in a notebook."""

    def __init__(self, t: Trace, depth: int | None = None) -> None:
        self.trace = t
        self.rows = rows(t, depth)

    @property
    def caption(self) -> str:
        """The network, its input, and the unit of the MACs."""
        shapes = " and ".join(times(shape) for shape in self.trace.inputs)
        batch = self.trace.inputs[0][0] if self.trace.inputs and self.trace.inputs[0] else 1
        unit = "one image" if batch == 1 else f"the batch of {batch}"
        note = f" {self.trace.note}" if self.trace.note else ""
        return f"{self.trace.name}, input {shapes}. MACs for {unit}.{note}"

    def cells(self) -> list[tuple[str, ...]]:
        """The rows as text, the totals last."""
        total = ("total", "", "", f"{self.trace.params:,}", f"{self.trace.macs:,}", "")
        return [*map(_cells, self.rows), total]

    def __repr__(self) -> str:
        lines = [HEADINGS, *self.cells()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [_line(line, widths) for line in lines]
        ruler = "-" * max(map(len, text))
        return "\n".join([self.caption, ruler, text[0], ruler, *text[1:-1], ruler, text[-1]])

    def _repr_html_(self) -> str:
        *body, total = self.cells()
        lines = [_html_row(HEADINGS, "th", "")]
        for row, cells in zip(self.rows, body, strict=True):
            style = _MARK if row.joins else _FAINT if row.unused else ""
            lines.append(_html_row(cells, "td", style))
        lines.append(_html_row(total, "td", _TOTAL))
        return f"<p>{escape(self.caption)}</p>\n<table>\n" + "\n".join(lines) + "\n</table>"


def _row(step: Step) -> Row:
    return Row(
        step.path,
        describe(step),
        step.output,
        step.params,
        step.macs,
        step.receptive_field,
        joins(step),
        step.op == "unused",
    )


def _folded(path: str, steps: list[Step], kind: str) -> Row:
    if len(steps) == 1:
        return _row(steps[0])
    last = steps[-1]
    params, macs = sum(s.params for s in steps), sum(s.macs for s in steps)
    return Row(path, kind, last.output, params, macs, last.receptive_field)


def _cells(row: Row) -> tuple[str, ...]:
    field = times(row.receptive_field) if row.receptive_field else ""
    numbers = (f"{row.params:,}" if row.params else "", f"{row.macs:,}" if row.macs else "")
    return (row.path or "(forward)", row.op, times(row.output), *numbers, field)


def _line(cells: Sequence[str], widths: list[int]) -> str:
    left = [cell.ljust(width) for cell, width in zip(cells[:_LEFT], widths, strict=False)]
    right = [cell.rjust(width) for cell, width in zip(cells[_LEFT:], widths[_LEFT:], strict=True)]
    return "  ".join(left + right).rstrip()


def _html_row(cells: Sequence[str], tag: str, style: str) -> str:
    """One row; the style is on each cell, since JupyterLab colours cells, not rows."""
    parts = []
    for number, cell in enumerate(cells):
        own = _CELL.format("left" if number < _LEFT else "right")
        parts.append(f'<{tag} style="{own}{"; " + style if style else ""}">{escape(cell)}</{tag}>')
    return f"<tr>{''.join(parts)}</tr>"

"""A trace as a person reads it: print_shapes and table."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import torch
from torch import nn

from layerwise.tracing.module_tree import Block, outline
from layerwise.tracing.records import Call, Step, Trace
from layerwise.tracing.tracer import trace, traced

from .columns import COLUMNS, Row, RowOperation, aligned, row, shapes_of, unit

# Sanitized HTML keeps style attributes but no style sheets. No colour of text is set, and the
# background is translucent, so that both of JupyterLab's themes stay readable.
_CELL = "padding: 2px 10px; white-space: nowrap; text-align: {}"
_MARK = "background-color: rgba(213, 94, 0, 0.16); font-weight: bold"
_FAINT = "opacity: 0.6; font-style: italic"
_TOTAL = "border-top: 2px solid; font-weight: bold"


def print_shapes(net: nn.Module, *inputs: Any, **keywords: Any) -> None:
    r"""Print one line per outermost layer, in the book's form, and per operation between them.

    That is each child, and of a ModuleList, which itself never runs, each of its layers.
    `Conv2d output shape:\t torch.Size([1, 96, 54, 54])`. Raises what `trace` raises.
    """
    t = trace(net, *inputs, **keywords)
    lines = [(call.stop - 0.5, call.kind, call.output) for call in _outermost(t.calls)]
    lines += [(step.index, step.op, step.output) for step in t.by_path[""]]
    for _, name, shape in sorted(lines, key=lambda line: line[0]):
        print(name, "output shape:\t", torch.Size(shape))


def _outermost(calls: Sequence[Call]) -> Iterator[Call]:
    """The calls that lie in no other but the network's own."""
    for call in calls:
        names = call.path.split(".")
        above = {".".join(names[:n]) for n in range(1, len(names))}
        around = (c for c in calls if c.path in above and c.start <= call.start)
        if call.path and not any(call.stop <= c.stop for c in around):
            yield call


def table(
    net: nn.Module | Trace, *inputs: Any, depth: int | None = None, **keywords: Any
) -> "Table":
    """Return a table of every operation: output, parameters, MACs, receptive field, totals.

    Takes a network and its inputs as `trace` does, or a Trace. With `depth`, a submodule at that
    depth takes one row: 1 shows the top-level children. Raises what `trace` raises, TypeError
    where a Trace comes with shapes, and ValueError where `depth` is negative.
    """
    return Table(traced(net, inputs, keywords, "table"), depth)


def rows(t: Trace, depth: int | None = None) -> list[Row]:
    """One Row per step, or per submodule at `depth`; at the end the parameters not used."""
    if depth is not None and depth < 0:
        raise ValueError(f"depth counts levels of submodules: 0, 1, 2, …, not {depth}")
    parts = t.steps if depth is None else _parts(outline(t), depth)
    idle = RowOperation("not used by this input", {})
    unused = [Row(path, idle, params=count, unused=True) for path, count in t.unused.items()]
    return [*map(row, parts), *unused]


class Table:
    """What `table` returns: aligned text in a terminal, HTML in a notebook."""

    def __init__(self, t: Trace, depth: int | None = None) -> None:
        self.trace = t
        self.rows = rows(t, depth)

    @property
    def caption(self) -> str:
        """The network, its input, and the unit of the MACs."""
        t = self.trace
        said = f"{t.name}, input {shapes_of(t.inputs)}. MACs for {unit(t)}. {t.note}"
        return said.rstrip()

    def cells(self) -> list[tuple[str, ...]]:
        """The rows as text, the totals last."""
        total = ("total", "", "", f"{self.trace.params:,}", f"{self.trace.macs:,}", "")
        return [*(tuple(column.text(one) for column in COLUMNS) for one in self.rows), total]

    def __repr__(self) -> str:
        head, *body, total = aligned(self.cells())
        ruler = "-" * max(map(len, [head, *body, total]))
        return "\n".join([self.caption, ruler, head, ruler, *body, ruler, total])

    def _repr_html_(self) -> str:
        *body, total = self.cells()
        lines = [_html_row([column.name for column in COLUMNS], "th", "")]
        for one, cells in zip(self.rows, body, strict=True):
            style = _MARK if one.merges else _FAINT if one.unused else ""
            lines.append(_html_row(cells, "td", style))
        lines.append(_html_row(total, "td", _TOTAL))
        return f"<p>{escape(self.caption)}</p>\n<table>\n" + "\n".join(lines) + "\n</table>"


def _parts(block: Block, depth: int) -> Iterator[Block | Step]:
    """What takes one row: steps, and blocks whose path is at least `depth` names long."""
    path = block.call.path
    if (len(path.split(".")) if path else 0) >= depth:
        yield block
        return
    for part in block.parts:
        if isinstance(part, Block):
            yield from _parts(part, depth)
        else:
            yield part


def _html_row(cells: Sequence[str], tag: str, style: str) -> str:
    """One row; the style is on each cell, since JupyterLab colours cells, not rows."""
    parts = []
    for column, cell in zip(COLUMNS, cells, strict=True):
        own = _CELL.format("right" if column.is_number else "left")
        parts.append(f'<{tag} style="{own}{"; " + style if style else ""}">{escape(cell)}</{tag}>')
    return f"<tr>{''.join(parts)}</tr>"

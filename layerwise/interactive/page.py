"""What the lab says, as HTML and as text: totals, the line of code, the compared table."""

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from html import escape

from layerwise.operations.shapes import times
from layerwise.operations.sizes import sizes
from layerwise.views.columns import COLUMNS, Column, aligned, joined
from layerwise.views.comparison import Line, Status, folded, unfinished

from .figures import Total, totals
from .markup import Markup
from .state import State

_WIDTHS = (40, 228, 168, 110, 150, 104)  # pixels: room for an old value beside a new one
_FADED = (Status.GONE, Status.UNREACHED)
_LIVE, _STORED = Markup(live=True), Markup(live=False)


def head(state: State, repairs: Mapping[str, dict] | None, make: Markup = _LIVE) -> str:
    """Totals, the line of code, and what is wrong or which choices were turned.

    `repairs` are settings that work by the name that their button sends; None while they are
    sought.
    """
    told = _problem(make, state, repairs) if state.problem else _turned(make, state)
    return _totals(make, totals(state.trace, state.first)) + _code(make, state.code) + told


def table(state: State, unfolded: Collection[str], make: Markup = _LIVE) -> str:
    """The compared table; the old value stands beside the new one, struck through."""
    heads = "".join(
        make.element(
            "th", _look(column), make.element("div", "", column.name, style=f"min-width: {width}px")
        )
        for column, width in zip(COLUMNS, _WIDTHS, strict=True)
    )
    rows = [_row(make, line) for line in _shown(state, unfolded)]
    body = "\n".join([f"\n<tr>{heads}</tr>", *rows, ""])
    caption = make.element("p", "caption", escape(_caption(state)))
    return caption + make.element("table", "layers", body)


def stored(state: State, repairs: Sequence[dict], unfolded: Collection[str], svg: str) -> str:
    """All that is on show, as HTML that needs no style sheet and no kernel."""
    names = ", ".join(escape(_name(choice)) for choice in state.choices)
    invitation = f"Run this cell, and there is a control for each of these: {names}."
    parts = [f"<p><i>{invitation}</i></p>"]
    parts.append(head(state, {str(n): repair for n, repair in enumerate(repairs)}, _STORED))
    if svg:  # an image, since a notebook's sanitizer removes SVG that stands in the page
        data = b64encode(svg.encode()).decode()
        alt = escape(state.code)
        parts.append(f'<p><img src="data:image/svg+xml;base64,{data}" alt="{alt}"></p>')
    return "\n".join([*parts, table(state, unfolded, _STORED)])


def text(state: State, unfolded: Collection[str]) -> str:
    """The same for a terminal, without the picture; changed cells read `new (was old)`."""
    figures = "; ".join(
        f"{total.value.strip()} {total.name}" + (f" ({total.change})" if total.change else "")
        for total in totals(state.trace, state.first)
    )
    told = [str(state.problem)] if state.problem else []
    rows = aligned(map(_text_cells, _shown(state, unfolded)))
    return "\n\n".join([state.code, figures, *told, _caption(state), "\n".join(rows)])


def broken(state: State) -> str | None:
    """What stands where the run broke off, "Linear breaks here"; None if it did not."""
    failed = [line for line in state.lines if line.status is Status.FAILED]
    return failed[0].row.operation.name if failed else None


def _shown(state: State, unfolded: Collection[str]) -> list[Line]:
    """The lines on show; what broke is unfolded down to the layer."""
    return list(folded(state.lines, unfinished(state.lines).union(unfolded)))


def _caption(state: State) -> str:
    """What the table shows; the changed lines are marked, so they need no legend."""
    seen = state.partial or state.first
    if seen is None:
        return ""
    shapes = " and ".join(map(times, seen.inputs))
    return f"{seen.name}, input {shapes}." + (f" {seen.note}" if seen.note else "")


def _totals(make: Markup, found: Sequence[Total]) -> str:
    """One block for each figure, its change marked."""
    parts = []
    for total in found:
        mark = " " + make.element("span", "delta", total.change) if total.change else ""
        big = make.element("span", "big", total.value)
        small = make.element("span", "small", total.name)
        parts.append(make.element("div", "total", f"{big}{mark}<br>{small}"))
    return make.element("div", "totals", "".join(parts))


def _code(make: Markup, code: str) -> str:
    """The line of code that makes this network, with a button to copy it."""
    copy = make.button("", "Copy", data_copy=code, title="Copy this line") if make.live else ""
    return f"<p>{make.element('code', 'code', escape(code))} {copy}</p>"


def _turned(make: Markup, state: State) -> str:
    """Which choices are not those of the start."""
    told = ", ".join(
        f"{escape(_name(choice))} {_value(old)} → <b>{_value(new)}</b>"
        for choice, (old, new) in state.turned.items()
    )
    if not told:
        return make.element("p", "note", "This is the setting at the start. Turn one choice.")
    return make.element("p", "note", f"Changed: {told}. The network works.")


def _problem(make: Markup, state: State, repairs: Mapping[str, dict] | None) -> str:
    """The explanation, and a button for each setting that works."""
    assert state.problem is not None
    if repairs is None:
        offer = "Looking for settings that work …"
    elif not repairs:
        offer = "No setting near this one works."
    else:
        offer = "Works: " + " or ".join(
            make.button("", _difference(state.choices, repair), data_send=name)
            for name, repair in repairs.items()
        )
    return state.problem.html() + make.element("p", "note", offer)


def _difference(choices: Mapping, repair: Mapping) -> str:
    told = [
        f"{escape(_name(name))} = {_value(value)}"
        for name, value in repair.items()
        if name not in choices or choices[name] != value
    ]
    return " and ".join(told)


def _name(choice: str) -> str:
    return choice.replace("_", " ")


def _value(value: object) -> str:
    return escape(getattr(value, "__name__", None) or str(value))


def _look(column: Column) -> str:
    return "number" if column.is_number else "cell"


def _row(make: Markup, line: Line) -> str:
    row = {Status.FAILED: "failed", **dict.fromkeys(_FADED, "faded")}.get(line.status, "")
    cells = []
    for column in COLUMNS:
        marked = line.differs(column) or line.status is Status.NEW
        looks = f"{_look(column)} {'changed' if marked else ''} {row}"
        lead = _lead(make, line) if column is COLUMNS[0] else ""
        cells.append(make.element("td", looks, lead + _cell(make, line, column)))
    html = make.element("tr", "line", "".join(cells))
    if line.step and line.status not in _FADED and (told := sizes(line.step)):
        why = make.element("td", "why", escape(" ".join(told)), colspan=str(len(COLUMNS)))
        html += f"<tr>{why}</tr>"
    return html


def _cell(make: Markup, line: Line, column: Column) -> str:
    """The new value with the old one struck through; of a window, only the words that differ."""
    befores, nows = line.words(column)
    if not line.differs(column):
        return escape(joined(nows))
    if [lead for lead, _ in befores] != [lead for lead, _ in nows]:
        befores, nows = (("", joined(befores)),), (("", joined(nows)),)
    return "".join(
        escape(lead + new)
        if old == new
        else escape(lead) + make.element("span", "was", escape(old or "none")) + escape(new)
        for (_, old), (lead, new) in zip(befores, nows, strict=True)
    )


def _lead(make: Markup, line: Line) -> str:
    """Indentation, and the button that folds a block or unfolds it."""
    indent = make.element("span", "", "", style=f"padding-left: {16 * line.depth}px")
    indent = indent if line.depth else ""
    if line.folded is None:
        return indent
    sign, verb = ("▸", "Unfold") if line.folded else ("▾", "Fold")
    return indent + make.button(
        "fold",
        sign,
        data_send=f"fold:{line.row.path}",
        aria_expanded=str(not line.folded).lower(),
        aria_label=f"{verb} {line.row.path}",
    )


def _text_cells(line: Line) -> list[str]:
    cells = []
    for column in COLUMNS:
        old, new = map(joined, line.words(column))
        cells.append(f"{new or 'none'} (was {old or 'none'})" if line.differs(column) else new)
    mark = f"{line.status.value} " if line.status.value else ""
    sign = {True: "▸ ", False: "▾ ", None: ""}[line.folded]
    return [mark + "  " * line.depth + sign + cells[0], *cells[1:]]

"""What the lab says, as HTML and as text: totals, the line of code, the compared table."""

import re
from collections.abc import Collection, Mapping, Sequence
from html import escape

from layerwise.diagram.drawing import image
from layerwise.operations.axis_sentences import axis_sentences
from layerwise.operations.shapes import without_batch
from layerwise.views.columns import COLUMNS, Column, aligned, joined, shapes_of, words
from layerwise.views.comparison import Line, Status, folded, unfinished

from . import markup
from .controls import label
from .figures import Total, totals
from .markup import element
from .state import State

_COLUMN_WIDTHS = (40, 208, 156, 92, 140, 84)  # pixels: room for an old value beside a new one
_LEAST = 836  # px, of the width of a stored picture that is wider
_NEW_OR_OWN = (Status.NEW, Status.OWN)
_UNCHANGED = (Status.SAME, Status.UNREACHED)
_RAN = (Status.SAME, Status.NEW, Status.OWN, Status.DOWNSTREAM)
_ROW_LOOKS = {Status.FAILED: "failed", Status.GONE: "faded", Status.UNREACHED: "faded"}
_CELL_LOOKS = {Status.OWN: "changed", Status.DOWNSTREAM: "follows"}


def head(
    state: State,
    repairs: Mapping[str, dict] | None,
    *,
    hidden: bool = False,
    live: bool = True,
) -> str:
    """Totals, and what is wrong or which choices were turned; only a `live` lab can be turned.

    `repairs` are settings that work by the name that their button sends; None while they are
    sought. Where they are `hidden`, a button stands in their place, which sends "help".
    """
    figures = "".join(map(_total_html, totals(state.trace, state.first)))
    told = _problem(state, repairs, hidden=hidden) if state.problem else _turned(state, live=live)
    return element("div", "totals", figures) + told


def code(state: State) -> str:
    """The line that builds this very network, and a button that copies it."""
    copy = element("button", "", "Copy", data_copy=state.code, title="Copy this line")
    told = ", ".join(
        element("span", "", f"{name}={escape(value)}", data_choice=name)
        for name, value in state.arguments.items()
    )
    line = element("code", "code", f"{escape(state.builder)}({told})", **_lone_choice_data(state))
    return f"<p>{line} {copy}</p>"


def _lone_choice_data(state: State) -> dict[str, str]:
    """Where one choice alone is turned: its name, and the steps with other numbers of their own."""
    if len(state.turned) != 1:
        return {}
    own = [line for line in state.lines if line.status in _NEW_OR_OWN and line.step]
    return {"data_turned": min(state.turned), "data_steps": " ".join(map(_step_numbers, own))}


def _step_numbers(line: Line) -> str:
    """The numbers of its steps as the picture has them: "3", "7-9"; "" where it is gone."""
    return "-".join(map(str, dict.fromkeys([line.span[0], line.span[-1]]))) if line.span else ""


def table(state: State, unfolded: Collection[str], *, every: bool | None = None) -> str:
    """The compared table; the old value stands beside the new one, struck through.

    Without `every` it holds the lines that changed, where some did, and a button for the others;
    where it is None every line, and no button.
    """
    lines = _shown(state, unfolded)
    changed = [line for line in lines if line.status not in _UNCHANGED]
    asked = ""
    if every is not None and len(changed) not in (0, len(lines)):
        asked = _choice_of_rows(len(lines), every=every)
    heads = ""
    for column, width in zip(COLUMNS, _COLUMN_WIDTHS, strict=True):
        name = element("div", "", column.name, style=f"min-width: {width}px")
        heads += element("th", _look(column), name)
    rows = changed if every is False and changed else lines
    found = (_row_html(line, tab="-1" if n else "0") for n, line in enumerate(rows))
    body = "\n".join([f"\n<tr>{heads}</tr>", *found, ""])
    caption = element("p", "caption", escape(_caption(state)) + asked)
    return caption + element("table", "layers", body)


def _choice_of_rows(count: int, *, every: bool) -> str:
    words = "Only what changed" if every else f"All {count} rows"
    return " " + element("button", "", words, data_send="rows")


def stored(
    state: State, repairs: Sequence[dict], unfolded: Collection[str], svg: str, tasks: str
) -> str:
    """All that is on show, as HTML that needs no style sheet and no kernel; so are the `tasks`."""
    names = ", ".join(map(_label, state.choices))
    offered = {str(number): repair for number, repair in enumerate(repairs)}
    told = ", ".join(f"{label(name)} {state.say(name, v)}" for name, v in state.choices.items())
    parts = [
        f"<p><i>Run this cell, and there is a control for each of these: {names}.</i></p>",
        markup.stored(code(state)),
        markup.stored(head(state, offered, live=False)),
        _scrolling(svg, f"The network with {told}") if svg else "",
        tasks,
        markup.stored(table(state, unfolded)),
    ]
    return "\n".join(filter(None, parts))


def _scrolling(svg: str, alt: str) -> str:
    """A picture that a narrow window shrinks as far as its words can be read, and then scrolls."""
    found = re.search(r' width="(\d+)', svg)
    least = min(_LEAST, int(found[1]) if found else 0)
    shown = image(svg, alt).replace("<img ", f'<img style="min-width: {least}px" ', 1)
    return f'<div style="overflow-x: auto">{shown}</div>'


def text(state: State, unfolded: Collection[str]) -> str:
    """The same for a terminal, without the picture; changed cells read `new (was old)`."""
    figures = "; ".join(
        f"{total.value.strip()} {total.name}" + (f" ({total.change})" if total.change else "")
        for total in totals(state.trace, state.first)
    )
    told = [str(state.problem)] if state.problem else []
    shown = _shown(state, unfolded)
    signs = any(line.status.mark for line in shown)
    rows = aligned(_text_cells(line, signs) for line in shown)
    return "\n\n".join([state.code, figures, *told, _caption(state), "\n".join(rows)])


def sentence(state: State) -> str:
    """The outcome in one sentence, to be heard."""
    if state.problem:
        return state.problem.headline
    (params, macs, _) = totals(state.trace, state.first)
    told = " and ".join(
        f"{total.value} {total.name} {total.change}".strip() for total in (params, macs)
    )
    return f"The network works: {told}."


def broken(state: State) -> str:
    """What stands in the picture under what broke, in lines; "" if nothing did."""
    for line in state.lines:
        if line.status is not Status.FAILED or line.step is None:
            continue
        step, said = line.step, joined(words(line.row.output)).split(", ")
        if not step.merges:
            return "\n".join([step.op, *filter(None, said)])
        arms = list(map(without_batch, dict.fromkeys(step.inputs)))
        named = [] if step.operation.symbol else [step.op]
        return "\n".join([*named, *arms[:-1], "and", arms[-1]])
    return ""


def _shown(state: State, unfolded: Collection[str]) -> list[Line]:
    """The lines on show; what broke is unfolded down to the layer."""
    return list(folded(state.lines, unfinished(state.lines).union(unfolded)))


def _caption(state: State) -> str:
    """What the table shows, and what the signs before its lines say."""
    seen = state.partial or state.first
    if seen is None:
        return ""
    found = {line.status for line in state.lines}
    signs = ", ".join(f"{s.mark} {s.meaning}" for s in Status if s in found and s.mark)
    told = f"{seen.name}, input {shapes_of(seen.inputs)}. {seen.note}".rstrip()
    return f"{told} {_baseline(state)}: {signs}." if signs else told


def _baseline(state: State) -> str:
    """With what the lines are compared."""
    if not state.pinned:
        return "Since the start"
    turned = state.pinned.turned.items()
    told = ", ".join(f"{label(name)} {state.say(name, now)}" for name, (_, now) in turned)
    return f"Since the pinned setting ({told or 'the start'})"


def _total_html(total: Total) -> str:
    """A figure, its change marked."""
    mark = " " + element("span", "delta", total.change) if total.change else ""
    big, small = element("span", "big", total.value), element("span", "small", total.name)
    return element("div", "total", f"{big}{mark}<br>{small}")


def _turned(state: State, *, live: bool) -> str:
    """Which choices are not those of the baseline."""
    told = ", ".join(
        f"{_label(choice)} {_value(state, choice, old)} → <b>{_value(state, choice, new)}</b>"
        for choice, (old, new) in state.turned.items()
    )
    if not told:
        which = "the pinned setting" if state.pinned else "the setting at the start"
        ask = " Turn one choice." if live else ""
        return element("p", "note", f"This is {which}.{ask}")
    since = " from the pinned setting" if state.pinned else ""
    return element("p", "note", f"Changed{since}: {told}. The network works.")


def _problem(state: State, repairs: Mapping[str, dict] | None, *, hidden: bool) -> str:
    """The explanation, and a button for each setting that works."""
    assert state.problem is not None
    if hidden:
        offer = element("button", "", "Show what would help", data_send="help")
    elif repairs is None:
        offer = "Looking for settings that work …"
    elif not repairs:
        offer = "No setting near this one works."
    else:
        offer = "Works: " + " or ".join(
            element("button", "", _difference(state, repair), data_send=name)
            for name, repair in repairs.items()
        )
    return state.problem.html() + element("p", "note", offer)


def _difference(state: State, repair: Mapping) -> str:
    return " and ".join(
        f"{_label(name)} = {_value(state, name, value)}"
        for name, value in repair.items()
        if name not in state.choices or state.choices[name] != value
    )


def _label(choice: str) -> str:
    return escape(label(choice))


def _value(state: State, choice: str, value: object) -> str:
    return escape(state.say(choice, value))


def _look(column: Column) -> str:
    return "number" if column.is_number else "cell"


def _row_html(line: Line, tab: str) -> str:
    """A line; Tab reaches the first, the arrow keys the others."""
    row = (
        ""
        if line.folded is not None and line.status is Status.FAILED
        else _ROW_LOOKS.get(line.status, "")
    )
    cells = []
    for column in COLUMNS:
        marked = _CELL_LOOKS.get(line.status, "") if line.differs(column) else ""
        marked = "new" if line.status is Status.NEW else marked
        lead = _mark_and_fold(line) if column is COLUMNS[0] else ""
        cells.append(element("td", f"{_look(column)} {marked} {row}", lead + _cell(line, column)))
    html = element("tr", "line", "".join(cells), data_steps=_step_numbers(line), tabindex=tab)
    if line.step and line.status in _RAN and (told := axis_sentences(line.step)):
        why = element("td", "why", escape(" ".join(told)), colspan=str(len(COLUMNS)))
        html += f"<tr>{why}</tr>"
    return html


def _cell(line: Line, column: Column) -> str:
    """The new value with the old one struck through; of a window, only the words that differ."""
    befores, nows = line.words(column)
    if not line.differs(column):
        return escape(joined(nows))
    if [lead for lead, _ in befores] != [lead for lead, _ in nows]:
        befores, nows = (("", joined(befores)),), (("", joined(nows)),)
    return "".join(
        escape(lead + new)
        if old == new
        else escape(lead)
        + element("span", "was", escape(old or "none"))
        + " "
        + escape(new or "none")
        for (_, old), (lead, new) in zip(befores, nows, strict=True)
    )


def _mark_and_fold(line: Line) -> str:
    """What became of the line; indentation; the button that folds a block or unfolds it."""
    mark = element("span", "mark", line.status.mark, title=line.status.meaning)
    indent = element("span", "", "", style=f"padding-left: {16 * line.depth}px")
    indent = mark + " " + (indent if line.depth else "")
    if line.folded is None:
        return indent
    sign, verb = ("▸", "Unfold") if line.folded else ("▾", "Fold")
    told = {"aria_expanded": str(not line.folded).lower(), "aria_label": f"{verb} {line.row.path}"}
    return indent + element("button", "fold", sign, data_send=f"fold:{line.row.path}", **told)


def _text_cells(line: Line, signs: bool) -> list[str]:
    """The cells of a line, with room for its sign where the table has `signs`."""
    cells = []
    for column in COLUMNS:
        old, new = map(joined, line.words(column))
        cells.append(f"{new or 'none'} (was {old or 'none'})" if line.differs(column) else new)
    mark = f"{line.status.mark or ' '} " if signs else ""
    sign = {True: "▸ ", False: "▾ ", None: ""}[line.folded]
    return [mark + "  " * line.depth + sign + cells[0], *cells[1:]]

"""What the lab says, as HTML and as text: totals, the compared table, the line of code.

The HTML carries classes of panel.css. In a live lab the sheet gives them their look. In a stored
notebook, whose sanitizer removes sheets, `inlined` writes the look into each element.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

from layerwise.diagnosis.report import Diagnosis
from layerwise.operations.shapes import times
from layerwise.tracing.records import Trace
from layerwise.views.comparison import COLUMNS, Line, activation_bytes

_SHEET = Path(__file__).with_name("static") / "panel.css"
_RULE = re.compile(r"^\.(lab-[a-z]+) \{([^}]*)\}", re.MULTILINE)
_CLASSES = re.compile(r'class="([^"]*)"')
_COPIED = re.compile(r"<button data-copy[^>]*>.*?</button>")
_PRESSED = re.compile(r"<button [^>]*>(.*?)</button>")
_LEFT = 3  # so many columns hold words and stand on the left; the others hold numbers
_WIDTHS = (40, 228, 168, 110, 150, 104)  # pixels: room for an old value beside a new one
_FADED = ("gone", "unreached")


class Total(NamedTuple):
    """One figure about the whole network: "46.8 M", "parameters", "−38 %"."""

    value: str
    name: str
    change: str


def totals(now: Trace | None, start: Trace | None) -> list[Total]:
    """Parameters, MACs and memory of the activations; dashes where nothing could be built."""
    batch = now.inputs[0][0] if now and now.inputs[0] else 1
    per = "for one image" if batch == 1 else f"for {batch} images"
    figures = (
        ("parameters", "", lambda t: t.params),
        (f"MACs {per}", "", lambda t: t.macs),
        (f"activations {per}", "B", activation_bytes),
    )
    found = []
    for name, unit, figure in figures:
        value, first = (figure(t) if t else None for t in (now, start))
        shown = "–" if value is None else short(value) + unit
        found.append(Total(shown, name, change(value, first)))
    return found


def short(number: int) -> str:
    """Three digits and a power of a thousand: 46,764,746 -> "46.8 M"."""
    value, power = float(number), 0
    while value >= 999.5 and power < len(" kMGT") - 1:
        value, power = value / 1000, power + 1
    if power == 0:
        return f"{number} "
    digits = max(0, 2 - len(str(int(value))) + 1)
    return f"{value:.{digits}f} {'kMGT'[power - 1]}"


def change(value: int | None, first: int | None) -> str:
    """How far `value` is from `first`: "−38 %", "× 12", or "" where they are the same."""
    if value is None or first is None or value == first:
        return ""
    if not first or value >= 10 * first:
        return f"× {value / first:,.0f}" if first else f"+{short(value).strip()}"
    percent = 100 * (value - first) / first
    digits = 0 if abs(percent) >= 10 else 1
    shown = f"{abs(percent):.{digits}f}"
    return f"{'+' if percent > 0 else '−'}{'<0.1' if shown == '0.0' else shown} %"


def totals_html(found: Sequence[Total]) -> str:
    """One block for each figure, its change marked."""
    parts = []
    for total in found:
        mark = f' <span class="lab-delta">{total.change}</span>' if total.change else ""
        parts.append(
            f'<div class="lab-total"><span class="lab-big">{total.value}</span>{mark}<br>'
            f'<span class="lab-small">{total.name}</span></div>'
        )
    return f'<div class="lab-totals">{"".join(parts)}</div>'


def totals_text(found: Sequence[Total]) -> str:
    """The same in one line."""
    return "; ".join(
        f"{t.value.strip()} {t.name}" + (f" ({t.change})" if t.change else "") for t in found
    )


def code_html(code: str) -> str:
    """The line of code that makes this network, with a button to copy it."""
    kept = escape(code)
    return (
        f'<p><code class="lab-code">{kept}</code> '
        f'<button data-copy="{kept}" title="Copy this line">Copy</button></p>'
    )


def turned_html(turned: Mapping[str, tuple]) -> str:
    """Which choices are not those of the start: name -> (start, now)."""
    if not turned:
        return '<p class="lab-note">This is the setting at the start. Turn one choice.</p>'
    told = ", ".join(
        f"{escape(name.replace('_', ' '))} {_value(old)} → <b>{_value(new)}</b>"
        for name, (old, new) in turned.items()
    )
    return f'<p class="lab-note">Changed: {told}. The network works.</p>'


def problem_html(problem: Diagnosis, choices: Mapping, repairs: Sequence[dict] | None) -> str:
    """The explanation, and a button for each setting that works; None while they are sought."""
    if repairs is None:
        offer = '<p class="lab-note">Looking for settings that work …</p>'
    elif not repairs:
        offer = '<p class="lab-note">No setting near this one works.</p>'
    else:
        buttons = " or ".join(
            f'<button data-send="repair:{number}">{_difference(choices, repair)}</button>'
            for number, repair in enumerate(repairs)
        )
        offer = f'<p class="lab-note">Works: {buttons}</p>'
    return problem.html() + offer


def _difference(choices: Mapping, repair: Mapping) -> str:
    told = [
        f"{escape(name.replace('_', ' '))} = {_value(value)}"
        for name, value in repair.items()
        if name not in choices or choices[name] != value
    ]
    return " and ".join(told)


def _value(value: object) -> str:
    return escape(getattr(value, "__name__", None) or str(value))


def caption(now: Trace | None, start: Trace | None) -> str:
    """What the table below shows; the changed lines are marked, so they need no legend."""
    seen = now or start
    if seen is None:
        return ""
    shapes = " and ".join(map(times, seen.inputs))
    return f"{seen.name}, input {shapes}." + (f" {seen.note}" if seen.note else "")


def table_html(lines: Sequence[Line]) -> str:
    """The compared table; the old value stands beside the new one, struck through."""
    heads = "".join(
        f'<th class="{_kind(number)}"><div style="min-width: {width}px">{name}</div></th>'
        for number, (name, width) in enumerate(zip(COLUMNS, _WIDTHS, strict=True))
    )
    body = "\n".join(map(_line_html, lines))
    return f'<table class="lab-layers">\n<tr>{heads}</tr>\n{body}\n</table>'


def table_text(lines: Sequence[Line]) -> str:
    """The same table for a terminal: changed cells read `new (was old)`."""
    rows = [COLUMNS, *map(_line_text, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number < _LEFT else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def image_html(svg: str, told: str) -> str:
    """A picture as an image, since a notebook's sanitizer removes SVG that stands in the page."""
    data = b64encode(svg.encode()).decode()
    return f'<p><img src="data:image/svg+xml;base64,{data}" alt="{escape(told)}"></p>'


def invitation_html(names: Sequence[str]) -> str:
    """What a stored lab says in place of its controls."""
    told = ", ".join(escape(name.replace("_", " ")) for name in names)
    return f"<p><i>Run this cell, and there is a control for each of these: {told}.</i></p>"


def inlined(html: str) -> str:
    """The same HTML without a style sheet or a kernel: no classes, and nothing to press."""
    rules = _rules()
    html = _PRESSED.sub(r"\1", _COPIED.sub("", html))

    def style(found: re.Match) -> str:
        looks = [rules[name] for name in found[1].split() if name in rules]
        return f'style="{"; ".join(looks)}"' if looks else ""

    return _CLASSES.sub(style, html)


@cache
def _rules() -> dict[str, str]:
    return {name: look.strip() for name, look in _RULE.findall(_SHEET.read_text("utf-8"))}


def _kind(column: int) -> str:
    return "lab-cell" if column < _LEFT else "lab-number"


def _line_html(line: Line) -> str:
    row = {"failed": "lab-failed", **dict.fromkeys(_FADED, "lab-faded")}.get(line.status, "")
    cells = []
    for number, (text, old) in enumerate(zip(line.texts, line.before, strict=True)):
        marked = old is not None or line.status == "new"
        classes = " ".join(filter(None, (_kind(number), "lab-changed" if marked else "", row)))
        lead = _lead(line) if number == 0 else ""
        cells.append(f'<td class="{classes}">{lead}{_both(old, text)}</td>')
    html = f'<tr class="lab-line">{"".join(cells)}</tr>'
    if line.sizes and line.status not in _FADED:
        told = escape(" ".join(line.sizes))
        html += f'<tr><td class="lab-why" colspan="{len(COLUMNS)}">{told}</td></tr>'
    return html


def _both(old: str | None, new: str) -> str:
    """The new value with the old one struck through; of a window, only the words that differ."""
    if old is None:
        return escape(new)
    befores, nows = re.split("(,? )", old), re.split("(,? )", new)
    if len(befores) != len(nows):
        befores, nows = [old], [new]
    return "".join(
        escape(b) if a == b else f'<span class="lab-was">{escape(a)}</span>{escape(b)}'
        for a, b in zip(befores, nows, strict=True)
    )


def _lead(line: Line) -> str:
    """Indentation, and the button that folds a block or unfolds it."""
    indent = f'<span style="padding-left: {16 * line.depth}px"></span>' if line.depth else ""
    if line.folded is None:
        return indent
    sign, verb = ("▸", "Unfold") if line.folded else ("▾", "Fold")
    name = escape(line.id)
    return (
        f'{indent}<button class="lab-fold" data-send="fold:{name}" '
        f'aria-expanded="{str(not line.folded).lower()}" aria-label="{verb} {name}">{sign}</button>'
    )


def _line_text(line: Line) -> tuple[str, ...]:
    cells = [
        text if old is None else f"{text or 'none'} (was {old})"
        for text, old in zip(line.texts, line.before, strict=True)
    ]
    mark = {"new": "+ ", "gone": "- ", "failed": "! ", "unreached": "? "}.get(line.status, "")
    fold = {True: "▸ ", False: "▾ ", None: ""}[line.folded]
    return (mark + "  " * line.depth + fold + cells[0], *cells[1:])

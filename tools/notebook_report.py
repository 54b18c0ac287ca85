"""What differs between the outputs stored in a notebook and those that its cells print now.

The root `conftest.py` calls it for every cell that fails under nbval.
"""

from __future__ import annotations

import base64
import copy
import difflib
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbval.plugin import get_sanitize_patterns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nbformat import NotebookNode

EXECUTED = "build/notebooks"
SANITIZE = Path(__file__).with_name("nbval_sanitize.cfg")  # pytest gives it to nbval too

KINDS = {  # what nbval compares -> how a person calls it
    "stdout": "printed text",
    "stderr": "printed on stderr",
    "error": "the error",
    "text/plain": "the result as text",
    "text/html": "HTML, as the text that one sees",
    "text/markdown": "Markdown",
    "text/latex": "LaTeX",
    "image/svg+xml": "SVG, as the text that one sees",
}
MARKUP = {"text/html", "image/svg+xml"}

ANSI = re.compile(r"\x1b\[[0-9;]*m")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")
SVG_URI = re.compile(r"data:image/svg\+xml;base64,([\w+/=]+)")
CLOSE = 0.01  # relative: below it two floats differ in their last digits


# -- one cell ---------------------------------------------------------------------------


def report(
    lesson: str, cells: Sequence, number: int, outputs: Sequence, error: BaseException
) -> str:
    """The report on cell `number` (from 1) that printed `outputs`, or failed with `error`."""
    cell = cells[number - 1]
    place = f'{lesson}, cell {number}, under "{heading(cells, number)}"'
    lines = [place, f"    {first_line(cell.source)}", ""]
    differences = list(compared(cell.outputs, outputs))
    raised = errors(cell, outputs)
    if raised:
        lines += ["It raises an error.", "", *_traceback(raised[0])]
    elif differences:
        lines += ["It prints something else.", *differences]
    else:
        lines += [str(error)]
    hint = f"Executed notebook: {EXECUTED}/{lesson}.ipynb"
    if not raised and differences:
        hint += f". To store what it prints now: make accept LESSON={Path(lesson).name[:2]}"
    return "\n".join([*lines, "", hint])


def errors(cell: NotebookNode, outputs: Sequence) -> list[NotebookNode]:
    """The errors among its outputs, unless the cell is there to raise one."""
    meant = "raises-exception" in cell.metadata.get("tags", ())
    return [out for out in outputs if out.output_type == "error" and not meant]


def heading(cells: Sequence, number: int) -> str:
    """The last heading above cell `number`."""
    for cell in reversed(cells[: number - 1]):
        found = re.findall(r"^#+ +(.*)", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and found:
            return found[-1].strip()
    return "the start"


def first_line(source: str) -> str:
    """The first line of code that is not a comment."""
    lines = [line for line in source.splitlines() if line.strip()]
    code = [line for line in lines if not line.lstrip().startswith("#")]
    return next(iter(code or lines), "")


def _traceback(error: NotebookNode) -> list[str]:
    lines = ANSI.sub("", "\n".join(error.traceback)).splitlines()
    cut = ["    …"] if len(lines) > 25 else []
    return [*lines[:5], *cut, *lines[-20:]] if cut else lines


# -- what differs -----------------------------------------------------------------------


def compared(stored: Sequence, now: Sequence) -> Iterator[str]:
    """A unified diff for each kind of output that differs, under its name in KINDS.

    A result's text and its HTML say the same: where both differ, the diff that shows more stands.
    """
    old, new = by_kind(stored), by_kind(now)
    found = {
        kind: _unified(kind, old.get(kind, ""), new.get(kind, ""))
        for kind in KINDS
        if old.get(kind, "") != new.get(kind, "")
    }
    if found.keys() >= {"text/plain", "text/html"}:
        del found[min("text/html", "text/plain", key=lambda kind: len(found[kind]))]
    for kind, lines in found.items():
        extent = _extent(old.get(kind, ""), new.get(kind, ""))
        yield from ["", f"{KINDS[kind]}{extent}", *lines]


def by_kind(outputs: Sequence) -> dict[str, str]:
    """All that a cell printed and nbval compares, joined for each kind of output."""
    found: dict[str, list[str]] = {}
    for output in outputs:
        if output.output_type == "stream":
            found.setdefault(output.name, []).append(output.text)
        elif output.output_type == "error":
            found.setdefault("error", []).append(f"{output.ename}: {output.evalue}\n")
        for kind, content in output.get("data", {}).items():
            if kind in KINDS:
                found.setdefault(kind, []).append(f"{content}\n")
    return {kind: _sanitized("".join(parts)) for kind, parts in found.items()}


def _sanitized(text: str) -> str:
    for pattern, instead in _left_out():
        text = re.sub(pattern, instead, text)
    return text


@cache
def _left_out() -> list[tuple[str, str]]:
    """What nbval leaves out: patterns, and what stands in their place."""
    return get_sanitize_patterns(SANITIZE.read_text(encoding="utf-8"))


def _extent(before: str, after: str) -> str:
    if not before:
        return ": nothing is stored"
    if not after:
        return ": nothing is printed now"
    if largest := last_digits(before, after):
        return f": only the last digits of floats differ, by at most {largest:.2g} of the number"
    return ""


def last_digits(before: str, after: str) -> float | None:
    """The largest relative difference, where nothing but the last digits of floats differs."""
    if NUMBER.sub("#", before) != NUMBER.sub("#", after):
        return None
    pairs = zip(NUMBER.findall(before), NUMBER.findall(after), strict=True)
    differ = [(one, other) for one, other in pairs if one != other]
    if not all("." in one and "." in other for one, other in differ):
        return None
    sizes = [_apart(one, other) for one, other in differ]
    close = all(size < CLOSE or _is_a_unit(*pair) for size, pair in zip(sizes, differ, strict=True))
    return max(sizes) if sizes and close else None


def _apart(one: str, other: str) -> float:
    """Relative difference."""
    a, b = float(one), float(other)
    return abs(a - b) / max(abs(a), abs(b), 1e-12)


def _is_a_unit(one: str, other: str) -> bool:
    """Whether they differ by no more than one unit of the last digit."""
    unit = 10.0 ** -len(one.partition(".")[2])
    return "e" not in one and abs(float(one) - float(other)) <= 1.01 * unit


def _unified(kind: str, before: str, after: str) -> list[str]:
    if kind in MARKUP:
        seen = visible(before), visible(after)
        if seen[0] == seen[1]:  # the looks differ, not the words
            before, after = _tags(before), _tags(after)
        else:
            before, after = seen
    lines = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        "stored in the notebook",
        "printed now",
        n=2,
        lineterm="",
    )
    return [line[:400] for line in lines]


# -- HTML as a person sees it -----------------------------------------------------------


class _Visible(HTMLParser):
    """Collects the words of HTML or SVG: a table's row a line, its cells apart."""

    UNSEEN = ("style", "script", "defs")
    LINES = (
        "tr",
        "p",
        "div",
        "li",
        "br",
        "h1",
        "h2",
        "h3",
        "h4",
        "text",
        "summary",
        "pre",
        "table",
    )

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in self.UNSEEN
        if tag in self.LINES:
            self.words.append("\n")
        elif tag in ("td", "th"):
            self.words.append(" | ")
        if tag == "img":
            given = dict(attrs)
            self.words.append(
                f"\n[{given.get('alt') or 'image'}]\n{_drawn(given.get('src') or '')}\n"
            )

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in self.UNSEEN

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(re.sub(r"\s+", " ", data))


def visible(markup: str) -> str:
    """The text that a person sees in HTML or SVG, one line for each row or paragraph."""
    reader = _Visible()
    reader.feed(markup)
    lines = (line.strip().removeprefix("|").strip() for line in "".join(reader.words).splitlines())
    return "\n".join(line for line in lines if line)


def _drawn(address: str) -> str:
    """The words in a picture that stands in the page as data."""
    match = SVG_URI.match(address)
    return visible(base64.b64decode(match[1]).decode()) if match else ""


def _tags(markup: str) -> str:
    """Markup with a tag a line; pictures decoded."""
    plain = SVG_URI.sub(lambda match: base64.b64decode(match[1]).decode(), markup)
    return plain.replace("<", "\n<")


# -- the executed notebook --------------------------------------------------------------


def write(notebook: NotebookNode, ran: Mapping[int, Sequence | None], path: Path) -> None:
    """Write `notebook` with the outputs of the cells that ran, found by the id() of the cell."""
    executed = copy.copy(notebook)
    executed.cells = [_executed(cell, ran.get(id(cell))) for cell in notebook.cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(executed) + "\n", encoding="utf-8")


def _executed(cell: NotebookNode, outputs: Sequence | None) -> NotebookNode:
    if outputs is None:
        return cell
    made = copy.copy(cell)
    made.outputs = list(outputs)
    return made

"""What `grade.py` found as CSV, as an HTML page and as a few lines: who, and which mistakes."""

from __future__ import annotations

import csv
from collections import Counter
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from grade import Row

COLUMNS = ("student", "exercise", "outcome", "mistake", "notebook", "message")
SIGNS = {"right": "✓", "wrong": "✗", "not attempted": "–", "stopped": "!", "not read": "?"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; margin: 1em 0 2em; }
th, td { border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top; }
thead th { position: sticky; top: 0; background: #f4f4f4; }
td.right { background: #e3f4e6; } td.wrong { background: #fdecea; }
td.stopped, td.not-read { background: #fff3d6; } td.not-attempted { color: #666; }
small { display: block; color: #555; max-width: 40em; white-space: pre-line; }
"""


def write(rows: Sequence[Row], folder: Path) -> None:
    """Write grades.csv and grades.html."""
    with (folder / "grades.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows([_cell(getattr(row, name)) for name in COLUMNS] for row in rows)
    (folder / "grades.html").write_text(page(rows), encoding="utf-8")


def _cell(text: str) -> str:
    """Text that a spreadsheet takes for text, not for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def mistakes(rows: Sequence[Row]) -> list[tuple[str, str, int, str]]:
    """(exercise, mistake, how many students make it, a message), the commonest first."""
    made = {(row.student, row.exercise, row.mistake): row for row in rows if row.mistake}
    counted = Counter((exercise, mistake) for _, exercise, mistake in made)
    said = {(row.exercise, row.mistake): row.message for row in made.values()}
    return [(*key, many, said[key]) for key, many in counted.most_common()]


def summary(rows: Sequence[Row]) -> str:
    """Counts, and the commonest mistakes."""
    outcomes = Counter(row.outcome for row in rows)
    students = len({row.student for row in rows})
    counts = ", ".join(f"{many} {outcome}" for outcome, many in outcomes.most_common())
    lines = [f"{students} students, {len(rows)} answers: {counts or 'none'}"]
    lines += [f"{many:5} × {key}: {mistake}" for key, mistake, many, _ in mistakes(rows)[:10]]
    return "\n".join(lines)


# -- the page ---------------------------------------------------------------------------


def page(rows: Sequence[Row]) -> str:
    """Which mistakes a class makes, then who made them. All text of students is escaped."""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Exercises</title><style>{STYLE}</style></head>
<body><h1>Exercises</h1>
<p>{escape(summary(rows).partition(chr(10))[0])}</p>
<h2>Which mistakes</h2>
{_table(("exercise", "mistake", "students", "what the check says"), map(_mistake, mistakes(rows)))}
<h2>Who</h2>
{_who(rows)}
</body></html>
"""


def _mistake(found: tuple[str, str, int, str]) -> str:
    exercise, mistake, many, message = found
    told = f"<td><small>{escape(message)}</small></td>"
    return f"<td>{escape(exercise)}</td><td>{escape(mistake)}</td><td>{many}</td>{told}"


def _who(rows: Sequence[Row]) -> str:
    exercises = sorted({row.exercise for row in rows})
    lines = []
    for student in dict.fromkeys(row.student for row in rows):
        own = [row for row in rows if row.student == student]
        cells = "".join(_answers([r for r in own if r.exercise == e]) for e in exercises)
        lines.append(f'<th scope="row">{escape(student)}</th>{cells}')
    return _table(("student", *(name or "no exercise" for name in exercises)), lines)


def _answers(rows: Sequence[Row]) -> str:
    if not rows:
        return "<td></td>"
    best = min(rows, key=lambda row: list(SIGNS).index(row.outcome))
    told = "".join(
        f"{SIGNS[row.outcome]} {escape(row.outcome)}"
        f"{f': {escape(row.mistake)}' if row.mistake else ''}"
        f"<small>{escape(row.message) if row.outcome != 'right' else ''}</small>"
        for row in rows
    )
    return f'<td class="{best.outcome.replace(" ", "-")}">{told}</td>'


def _table(heads: Sequence[str], lines: object) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)  # type: ignore[attr-defined]
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"

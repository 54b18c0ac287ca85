"""Where you are: which exercises were right on this machine, kept in a file until you clear it."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from html import escape
from itertools import groupby
from pathlib import Path

from ._exercise import Exercise, Verdict

PLACE = "COURSE_PROGRESS"  # a variable of the environment: another file, or "" for none
RIGHT, OPEN = "✓", "○"


def place() -> Path | None:
    """The file that keeps which exercises were right, None where nothing is kept."""
    told = os.environ.get(PLACE)
    if told is None:
        return Path.home() / ".modern-cnns.json"
    return Path(told) if told else None


def kept() -> dict[str, str]:
    """Exercise, such as "02_vgg.block" -> the day on which it was first right."""
    file = place()
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def note(exercise: Exercise, verdict: Verdict) -> None:
    """Keep that an exercise was right. Where that cannot be written, it is not kept."""
    days = kept()
    key = _key(exercise)
    file = place()
    if file is None or verdict.outcome != "right" or key in days:
        return
    days[key] = date.today().isoformat()  # noqa: DTZ011  the student's own day
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        draft.write_text(json.dumps(days, indent=1), encoding="utf-8")
        os.replace(draft, file)


def forget() -> None:
    """Clear which exercises were right."""
    file = place()
    if file:
        file.unlink(missing_ok=True)
    print("Cleared: no exercise counts as right on this machine.")


def _key(exercise: Exercise) -> str:
    return f"{exercise.lesson}.{exercise.name}"


class WhereYouAre:
    """Every exercise with its lesson, and whether it was right: as text, and as HTML with links."""

    def __init__(self, exercises: Sequence[Exercise]) -> None:
        right = kept()
        self._lessons = [
            (lesson, [(_key(one) in right, one.title) for one in own])
            for lesson, own in groupby(exercises, lambda one: one.lesson)
        ]

    def __repr__(self) -> str:
        return "\n".join([self._head(), *self._rows(lambda lesson: lesson, "   ")])

    def _repr_html_(self) -> str:
        def link(lesson: str) -> str:
            return f'<a href="{lesson}.ipynb">{lesson}</a>'

        rows = "<br>\n".join(self._rows(link, " &nbsp; ", escape))
        return f"<p>{self._head()}</p>\n<p>{rows}</p>"

    def _head(self) -> str:
        marks = [right for _, own in self._lessons for right, _ in own]
        return f"{sum(marks)} of {len(marks)} exercises were right on this machine."

    def _rows(
        self, name: Callable[[str], str], space: str, words: Callable[[str], str] = str
    ) -> list[str]:
        return [
            space.join([name(lesson), *(f"{RIGHT if ok else OPEN} {words(t)}" for ok, t in own)])
            for lesson, own in self._lessons
        ]

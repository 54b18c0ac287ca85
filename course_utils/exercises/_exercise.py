"""An exercise: its task, its check, its hints and its solution."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from textwrap import fill
from typing import Any, Literal, Protocol

from . import _guard, _sources, _words
from ._attempted import is_attempted
from ._findings import Finding, Mistake

Outcome = Literal["right", "wrong", "not attempted"]
WIDTH = 90
_UNCALLED = ("called", "no function", "arguments")  # kinds: there is nothing to run


class Judge(Protocol):
    """How the answers of an exercise are judged."""

    def find(self, answer: Any, reference: Callable[[], Any]) -> Finding | None:
        """The first thing that is wrong with an answer, None if it is right."""

    def same(self, answer: Any, other: Any) -> bool:
        """Whether two answers do the same, right or wrong."""


@dataclass(frozen=True)
class Verdict:
    """What a check says: the outcome, the mistake's name ("" if there is none), the message."""

    outcome: Outcome
    mistake: str = ""
    message: str = ""

    def _ipython_display_(self) -> None:
        """Nothing: `check` has printed it."""


class Folded:
    """A text that a notebook shows when it is unfolded."""

    def __init__(self, summary: str, text: str, code: str = "") -> None:
        self._summary, self._text, self._code = summary, text, code

    def __repr__(self) -> str:
        return "\n".join(filter(None, (self._code, _filled(self._text))))

    def _repr_html_(self) -> str:
        code = f"<pre>{escape(self._code)}</pre>" if self._code else ""
        text = f"<p>{escape(self._text)}</p>" if self._text else ""
        return f"<details><summary>{escape(self._summary)}</summary>{code}{text}</details>"


Listener = Callable[["Exercise", Verdict], None]
LISTENERS: list[Listener] = []  # told of every verdict, such as the page "where you are"


@dataclass(eq=False)
class Exercise:
    """Something to write, and a check that names the mistake."""

    lesson: str  # "02_vgg"
    name: str  # "block", as in exercises.vgg.block
    title: str
    difficulty: str
    minutes: int
    task: str  # markdown
    code: str  # the cell, solved, with nbgrader's markers
    judge: Judge
    hints: Sequence[str]
    reason: str  # why the solution is so
    made: Sequence[Mistake]
    given: str = ""  # what the cell builds upon: definitions of the lesson
    _shown: int = field(default=0, init=False)

    def __repr__(self) -> str:
        return f"exercises.{self.lesson[3:]}.{self.name}: {self.title}"

    @property
    def stub(self) -> str:
        """The cell as the student gets it."""
        return _sources.stub(self.code)

    @property
    def reference(self) -> str:
        """Source code of a right answer."""
        return self._whole(_sources.without_markers(self.code))

    @property
    def mistakes(self) -> dict[str, str]:
        """The mistakes that have a name -> source code of an answer that makes it."""
        return {mistake.name: self._source(mistake) for mistake in self.made}

    def check(self, answer: Any = ...) -> Verdict:
        """Judge an answer, print what is found, and return it."""
        verdict = self._judged(answer)
        print("\n".join(map(_filled, verdict.message.split("\n"))))
        for listener in LISTENERS:
            listener(self, verdict)
        return verdict

    def hint(self) -> Folded:
        """The next hint, folded; after the last one, a word on where to go."""
        if self._shown == len(self.hints):
            return Folded("No more hints", "There are no more hints. Next: the solution().")
        self._shown += 1
        summary = f"Hint {self._shown} of {len(self.hints)}"
        return Folded(summary, self.hints[self._shown - 1])

    def solution(self) -> Folded:
        """Code of a right answer, and its reason, folded."""
        return Folded("Solution", self.reason, _sources.without_markers(self.code).strip())

    def _judged(self, answer: Any) -> Verdict:
        if not is_attempted(answer):
            return Verdict("not attempted", "", _words.NOT_ATTEMPTED)
        seconds = getattr(self.judge, "seconds", _guard.SECONDS)
        found, trouble = _guard.guarded(lambda: self._found(answer), seconds)
        if trouble is not None:
            found = _guard.finding(trouble, seconds)
        if found is None:
            return Verdict("right", "", _words.RIGHT)
        return Verdict("wrong", found.name, self._message(found))

    def _found(self, answer: Any) -> Finding | None:
        found = self.judge.find(answer, self._reference)
        if found is None or found.kind in _UNCALLED:
            return found
        for mistake in self.made:
            if mistake.says and self.judge.same(answer, self._answer(mistake)):
                return Finding("said", mistake.name, {"text": mistake.says})
        return found

    def _message(self, found: Finding) -> str:
        adds = next((m.adds for m in self.made if m.name == found.name), "")
        return "\n".join(filter(None, (_words.tell(found), adds)))

    def _whole(self, code: str) -> str:
        return "\n\n".join(filter(None, (_sources.IMPORTS + self.given, code.strip()))) + "\n"

    def _source(self, mistake: Mistake) -> str:
        code = mistake.code or _sources.changed(
            _sources.without_markers(self.code), mistake.changes
        )
        return self._whole(code)

    def _reference(self) -> Any:
        return _answer(self.reference)

    def _answer(self, mistake: Mistake) -> Any:
        return _answer(self._source(mistake))


@cache
def _answer(source: str) -> Any:
    return _sources.answer(source)


def _filled(line: str) -> str:
    indent = " " * (len(line) - len(line.lstrip()))
    return fill(line, WIDTH, subsequent_indent=indent) if line.strip() else line

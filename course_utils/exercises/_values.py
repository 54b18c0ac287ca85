"""Judge an answer that is a number, a row of numbers, or a function that returns one."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

from . import _guard
from ._calls import not_called
from ._findings import Finding


@dataclass(frozen=True)
class Numbers:
    """One number or several, as a number, a string, a tuple or a list."""

    what: Sequence[str]  # of each number: "rows after block 1"

    def find(self, answer: Any, reference: Callable[[], Any]) -> Finding | None:
        """The first number that is another one."""
        count = len(self.what)
        given, asked = numbers(answer, count), numbers(reference(), count)
        assert asked is not None
        if given is None:
            return Finding("no number", "no number", {"value": answer, "count": len(asked)})
        if len(given) != len(asked):
            return Finding("count", "count", {"given": len(given), "asked": len(asked)})
        wrong = [n for n, pair in enumerate(zip(given, asked, strict=True)) if pair[0] != pair[1]]
        if not wrong:
            return None
        facts = {"what": self.what[wrong[0]], "value": given[wrong[0]], "wrong": len(wrong)}
        return Finding("number", "number", {**facts, "count": len(asked)})

    def same(self, answer: Any, other: Any) -> bool:
        """Whether two answers hold the same numbers."""
        return numbers(answer, len(self.what)) == numbers(other, len(self.what))


def numbers(answer: Any, count: int = 1) -> list[float] | None:
    """The numbers of an answer; None if it holds none, or something else beside them.

    Where one is asked for, the commas in "25,088" stand between thousands.
    """
    if getattr(answer, "ndim", 0) == 1:  # an array, or a tensor
        answer = answer.tolist()
    if isinstance(answer, str):
        text = re.sub(r"^\s*[A-Za-z_]\w*\s*=", "", answer).strip().strip("()[]'\"")
        text = re.sub(r"(?<=\d)[,_ ](?=\d{3}\b)", "", text) if count == 1 else text
        try:
            return [float(word) for word in re.split(r"[\s,;]+", text) if word] or None
        except ValueError:
            return None
    if isinstance(answer, (tuple, list)):
        inner = [numbers(part) for part in answer]
        return None if None in inner or not inner else [n for part in inner for n in part or []]
    if hasattr(answer, "item") and getattr(answer, "ndim", 0) == 0:
        answer = answer.item()
    if isinstance(answer, Number) and not isinstance(answer, (bool, complex)):
        return [float(answer)]  # type: ignore[arg-type]
    return None


@dataclass(frozen=True)
class Function:
    """A function of numbers that returns a number."""

    cases: Sequence[tuple]
    called: str

    def find(self, answer: Any, reference: Callable[[], Any]) -> Finding | None:
        """The first case for which it returns another number."""
        uncalled = not_called(answer, self.cases[0], self.called)
        if uncalled is not None:
            return uncalled
        right = reference()
        for case in self.cases:
            given, asked = _result(answer, case), right(*case)
            if isinstance(given, _guard.Trouble):
                return _guard.finding(given)
            if given is None:
                return Finding("nothing", "returns nothing", {"called": self.called})
            if isinstance(given, (str, list, tuple)) or numbers(given) != [float(asked)]:
                facts = {"args": case, "value": given, "asked": asked}
                return Finding("call", "another number", facts)
        return None

    def same(self, answer: Any, other: Any) -> bool:
        """Whether two functions return the same for every case."""
        return all(_told(answer, case) == _told(other, case) for case in self.cases)


def _told(function: Callable, case: tuple) -> object:
    """What it returns, to be compared: a tensor of several numbers has no truth value."""
    found = _result(function, case)
    return numbers(found) or repr(found)


def _result(function: Callable, case: tuple) -> Any:
    try:
        return function(*case)
    except Exception as error:  # noqa: BLE001  a student's function may raise anything
        return _guard.trouble(error)

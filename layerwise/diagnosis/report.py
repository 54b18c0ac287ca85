"""Why a network does not work: the layer, the two numbers that disagree, the cause, the repairs.

`causes` reads the failure, `attribution` finds the choice behind it, `repairs` looks for settings
that work; `sentences` makes English of what they find.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from textwrap import fill
from typing import Any

from layerwise.tracing import building
from layerwise.tracing.building import Builder
from layerwise.tracing.records import Outcome

from . import sentences
from .attribution import Blame, choice_to_blame
from .breakdown import Breakdown, Run
from .findings import Cause, Finding
from .repairs import Search

WIDTH = 90
_TOLD_BY_BLAME = (Cause.IN_FEATURES, Cause.CHANNELS, Cause.SILENT_BROADCAST)
_BOX = "border-left: 4px solid #d55e00; padding: 4px 12px; margin: 4px 0; max-width: 60em"
_PART = "margin: 4px 0"
_LINE = "font-family: monospace; white-space: pre-wrap; margin: 4px 0"


class Diagnosis:
    """What is wrong with one setting of a builder, and what to do about it."""

    def __init__(
        self, finding: Finding, search: Search, outcome: Outcome, called: sentences.Called
    ) -> None:
        self._finding, self._search, self._called = finding, search, called
        case = search.case(search.choices)
        self._run = Run(case, outcome.trace)
        if outcome.failure is not None:
            self._run = Breakdown(case, outcome.trace, outcome.failure)
        self.kind = finding.kind.value  # class of the cause: "in_features", "shrunk away", …
        self.layer = finding.layer  # path of the first layer that fails, "" for the net's own
        self.expected, self.got = finding.expected, finding.got
        self.works = finding.works  # PyTorch runs it all the same
        self.line = finding.line  # (file or cell, line number, source) of the student's own code
        # What fails, with the two numbers; the layer behind it, also where a choice is the cause.
        self.headline, self.detail = sentences.tell(finding, self._run)

    @cached_property
    def cause(self) -> str:
        """One sentence that names the earlier choice or layer that made it so."""
        if self._blame is not None:
            return sentences.blamed(self._blame, self._run, self._search.choices, self._called)
        search = self._search
        return self.detail or sentences.unblamed(self._finding, search.changed, search.required)

    @cached_property
    def _blame(self) -> Blame | None:
        return None if self._finding.settled else choice_to_blame(self._search)

    @cached_property
    def repairs(self) -> list[dict]:
        """Settings that work, each verified by a trace, nearest first; [] if none is near."""
        return [] if self._finding.settled else self._search.repairs()

    def repairs_within(self, seconds: float) -> list[dict] | None:
        """`repairs`, or None where the search takes longer; the next call goes on from there."""
        return [] if self._finding.settled else self._search.repairs_within(seconds)

    def __str__(self) -> str:
        parts = [self.headline, sentences.code_line(self._finding), *self._why(), self._advice()]
        return "\n".join(_filled(part) for part in parts if part)

    __repr__ = __str__  # a notebook shows the last value of a cell by its repr

    def html(self) -> str:
        """The explanation without the repairs, as a fragment that needs no style sheet."""
        line = sentences.code_line(self._finding)
        parts = [f'<div style="{_PART}"><b>{_told(self.headline)}</b></div>']
        parts += [f'<div style="{_LINE}">{escape(line)}</div>'] if line else []
        parts += [f'<div style="{_PART}">{_told(text)}</div>' for text in self._why()]
        return f'<div style="{_BOX}">{"".join(parts)}</div>'

    def _why(self) -> list[str]:
        """The layer behind it, and the choice behind the layer, once where they are the same."""
        blame, finding = self._blame, self._finding
        same = blame is not None and blame.at is not None and blame.at == finding.maker
        if same and finding.kind in _TOLD_BY_BLAME:
            return [self.cause]
        return [text for text in dict.fromkeys((self.detail, self.cause)) if text]

    def _advice(self) -> str:
        in_code = self._finding.kind is Cause.CODE and self._blame is None
        pointless = in_code or not self._search.changeable
        if self._finding.settled or (pointless and not self.repairs):
            return ""
        now = {**self._search.defaults, **self._search.choices}
        return sentences.advice(self.repairs, now, self._called)


def _told(text: str) -> str:
    """A sentence as HTML in which no line ends inside a product or before an arrow."""
    return escape(text).replace(" × ", "\xa0×\xa0").replace(" → ", "\xa0→ ")


def _filled(text: str) -> str:
    indent = " " * (len(text) - len(text.lstrip()))
    return fill(text, WIDTH, subsequent_indent=indent)


def diagnose(build: Builder, given: Any = None, /, **choices: object) -> Diagnosis | None:
    """Explain why `build(**choices)` fails on the input `given`; None if it works.

    The input is what `trace` takes: a shape, a shape with its type, a tensor; a dict of these by
    keyword, or a list of several. A choice called `input_size` sets its rows and columns.
    Raises TypeError where `build` cannot be called, or `given` is no input.
    """
    if isinstance(build, type) and build.__module__.startswith("torch.nn"):
        name = f"nn.{build.__name__}"
        raise TypeError(f"diagnose needs a function, such as lambda: {name}(...), not {name}")
    building.check_call(build, given, "diagnose")
    return explained(build, given, choices, building.run(build, given, choices))


def explained(
    build: Builder,
    given: Any,
    choices: Mapping,
    outcome: Outcome,
    allowed: Mapping[str, Sequence] | None = None,
    called: sentences.Called = lambda *_: None,
    sound: tuple[Mapping, Outcome] | None = None,
) -> Diagnosis | None:
    """The diagnosis of what `building.run` gave; None if there is nothing to explain.

    With `allowed`, the values that each choice can take, repairs come from these alone. A value
    that is `called` something is told by that name. `sound` is a setting that works, and its run,
    which then need not be run again.
    """
    search = Search(build, given, choices, allowed)
    if sound:
        search.remember(*sound)
    finding = search.judge(choices, outcome)
    return None if finding is None else Diagnosis(finding, search, outcome, called)

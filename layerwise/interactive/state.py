"""What follows from one setting of a lab: the trace, the problem, the comparison with another.

No widget and no HTML: the page is made of these data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from layerwise.diagnosis.report import Diagnosis, explained
from layerwise.tracing import building
from layerwise.tracing.building import Builder
from layerwise.tracing.module_tree import Block, outline
from layerwise.tracing.records import Failure, Outcome, Trace
from layerwise.views.comparison import Line, Status, compare
from layerwise.views.merged_tree import INPUT, Statuses, merged

from .words import Words, literal


@dataclass(frozen=True, eq=False)
class State:
    """One setting, and all that follows from it."""

    choices: dict[str, Any]
    turned: dict[str, tuple]  # choices that are not those of the baseline -> (baseline, now)
    builder: str  # the name of the function that builds it
    arguments: dict[str, str]  # in that call, by name, as they are written in code
    partial: Trace | None  # as far as the run came; None where nothing could be built
    tree: Block | None
    problem: Diagnosis | None
    failure: Failure | None  # what ended the run
    trace: Trace | None  # None while the network is broken
    first: Trace | None  # the trace of the baseline
    lines: list[Line]  # compared with the baseline
    whole: Block | None  # what ran, and what was not reached; None where nothing ever ran
    statuses: Statuses  # of the steps and blocks of `whole`
    pinned: "State | None"  # the baseline, where it is not the start
    say: Callable[[str, Any], str]  # what the value of a choice is called

    @property
    def code(self) -> str:
        """The line that builds this very network."""
        return f"{self.builder}({', '.join(f'{n}={v}' for n, v in self.arguments.items())})"


class Experiment:
    """A builder and its input, the values that each choice can take, and the baseline.

    The baseline is the setting with which the others are compared: the start, or a pinned one.
    """

    def __init__(
        self,
        build: Builder,
        given: Any,
        allowed: Mapping[str, Sequence],
        words: Words,
    ) -> None:
        self.build, self.given, self.allowed, self.words = build, given, allowed, words
        self._start: State | None = None
        self._sound: tuple[dict[str, Any], Outcome] | None = None  # the start, where it works
        self.pinned: State | None = None

    def at(self, choices: dict[str, Any]) -> State:
        """The state with these choices. The first that is asked for is the start."""
        outcome = building.run(self.build, self.given, choices)
        problem = explained(
            self.build, self.given, choices, outcome, self.allowed, self.words.called, self._sound
        )
        if self._start is None and problem is None:
            self._sound = choices, outcome
        partial, failure = outcome.trace, outcome.failure
        trace = partial if failure is None else None
        if failure and problem:
            failure = replace(failure, expected=problem.expected, got=problem.got)
        tree = outline(partial) if partial else None
        base = self.pinned or self._start
        first = base.trace if base else trace
        before = base.choices if base else choices
        turned = {n: (before[n], now) for n, now in choices.items() if before[n] != now}
        known = (base.tree if base else tree) if first else None
        lines = compare(known, tree, failure)
        seen = tree or known
        whole, statuses = merged(lines, seen) if seen else (None, {})
        if partial and first and partial.inputs != first.inputs:
            statuses = {**statuses, INPUT: Status.OWN}
        ran = partial, tree, problem, outcome.failure, trace, first
        compared = lines, whole, statuses, self.pinned
        state = State(
            choices, turned, self._name, self._arguments(choices), *ran, *compared, self.words.say
        )
        self._start = self._start or state
        return state

    @property
    def _name(self) -> str:
        name = getattr(self.build, "__name__", type(self.build).__name__)
        return "build" if name == "<lambda>" else name

    def _arguments(self, choices: Mapping[str, Any]) -> dict[str, str]:
        given = building.accepted(self.build, choices)
        return {name: literal(value) for name, value in given.items()}

"""What follows from one setting of a lab: the trace, the problem, the comparison with the start.

No widget and no HTML: the page is made of these data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from layerwise.diagnosis.report import Diagnosis, explained
from layerwise.tracing import building
from layerwise.tracing.building import Builder
from layerwise.tracing.module_tree import Block, outline
from layerwise.tracing.records import Failure, Trace
from layerwise.views.comparison import Line, compare


@dataclass(frozen=True, eq=False)
class State:
    """One setting, and all that follows from it."""

    choices: dict[str, Any]
    turned: dict[str, tuple]  # choices that are not those of the start -> (start, now)
    code: str  # the line that builds this very network
    partial: Trace | None  # as far as the run came; None where nothing could be built
    tree: Block | None
    problem: Diagnosis | None
    failure: Failure | None  # what ended the run
    trace: Trace | None  # None while the network is broken
    first: Trace | None  # the trace of the start
    lines: list[Line]  # compared with the start


class Experiment:
    """A builder and its input, the values that each choice can take, and the start."""

    def __init__(self, build: Builder, given: Any, allowed: Mapping[str, Sequence]) -> None:
        self.build, self.given, self.allowed = build, given, allowed
        self._start: State | None = None

    def at(self, choices: dict[str, Any]) -> State:
        """The state with these choices. The first that is asked for is the start."""
        outcome = building.run(self.build, self.given, choices)
        problem = explained(self.build, self.given, choices, outcome, self.allowed)
        partial, failure = outcome
        trace = partial if failure is None else None
        if failure and problem:
            failure = replace(failure, expected=problem.expected, got=problem.got)
        tree = outline(partial) if partial else None
        start = self._start
        first = start.trace if start else trace
        started = start.choices if start else choices
        turned = {n: (started[n], now) for n, now in choices.items() if started[n] != now}
        lines = compare((start.tree if start else tree) if first else None, tree, failure)
        code, ended = self._code(choices), outcome.failure
        state = State(choices, turned, code, partial, tree, problem, ended, trace, first, lines)
        self._start = start or state
        return state

    def _code(self, choices: Mapping[str, Any]) -> str:
        name = getattr(self.build, "__name__", type(self.build).__name__)
        name = "build" if name == "<lambda>" else name
        given = building.accepted(self.build, choices)
        return f"{name}({', '.join(f'{key}={_literal(value)}' for key, value in given.items())})"


def _literal(value: Any) -> str:
    """A value as it is written in code: a class by its name, all else as Python prints it."""
    return getattr(value, "__qualname__", None) or repr(value)

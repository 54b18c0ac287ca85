"""Which of the student's choices made a network fail: put each back, and see whether it works."""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

from layerwise.operations.shapes import Shape
from layerwise.tracing.records import Trace

from . import candidates
from .breakdown import INPUT
from .repairs import Budget, Search

STEPS = 400  # traced at most before the sentence stands: it is part of the first paint
TRIED = 12  # values of a choice without default that are tried


class Blame(NamedTuple):
    """The choices that break a network, and the first step that they change."""

    right: Mapping  # each of these choices -> a value with which the network works
    at: int | None = (
        None  # the first step of another shape, -1 for the input, None if there is none
    )
    made: Shape = ()  # what it makes,
    due: Shape = ()  # and what it makes where the network works


def choice_to_blame(search: Search) -> Blame | None:
    """The choice whose change breaks the network, None if there is none."""
    budget = Budget(STEPS)
    turned = search.turned
    for count in (1, 2):
        culprits = [
            right
            for names in combinations(turned, count)
            if budget.left and search.works(right := {n: turned[n] for n in names}, budget)
        ]
        if culprits:
            return min(
                (_blame(search, right) for right in culprits), key=lambda it: _order(search, it)
            )
    if len(turned) > 2 and budget.left and search.works(turned, budget):
        return _blame(search, turned)
    return _required(search, budget)


def _order(search: Search, blame: Blame) -> tuple:
    """The earliest difference first."""
    trace = search.outcome(search.choices)[0].trace
    last = len(trace.steps) if trace else 0
    return last if blame.at is None else blame.at, repr(blame.right)


def _required(search: Search, budget: Budget) -> Blame | None:
    """The same for a choice without a default: values near it stand in for one."""
    for name in sorted(search.choices.keys() - search.defaults.keys()):
        value = search.choices[name]
        near = candidates.nearest(value, candidates.values(value, None))[:TRIED]
        right = next((v for v in near if budget.left and search.works({name: v}, budget)), None)
        if right is not None:
            return _blame(search, {name: right})
    return None


def _blame(search: Search, right: Mapping) -> Blame:
    """Where the choice first makes a difference."""
    broken = search.outcome(search.choices)[0].trace
    works = search.outcome({**search.choices, **right})[0].trace
    at = _first_difference(broken, works)
    if at is None or broken is None or works is None:
        return Blame(right)
    made, due = (t.inputs[0] if at == INPUT else t.steps[at].output for t in (broken, works))
    return Blame(right, at, made, due)


def _first_difference(broken: Trace | None, works: Trace | None) -> int | None:
    """The first step that gives another shape; -1 for the input, None if all are the same."""
    if broken is None or works is None or not works.steps:
        return None
    if broken.inputs != works.inputs:
        return INPUT
    for i, (a, b) in enumerate(zip(broken.steps, works.steps, strict=False)):
        if (a.path, a.op) != (b.path, b.op):
            return None
        if a.output != b.output:
            return i
    return None

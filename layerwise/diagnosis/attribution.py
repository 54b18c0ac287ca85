"""Which of the student's choices made a network fail: put each back, and see whether it works."""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

from layerwise.operations.shapes import Shape

from . import candidates
from .breakdown import INPUT
from .repairs import Budget, Search

STEPS = 400  # traced at most before the sentence stands: it is part of the first paint
TRIED = 12  # values of a choice without default that are tried


class Blame(NamedTuple):
    """The choices that break a network, and the first step that they change."""

    right: Mapping  # each of these choices -> a value with which the network works
    at: int | None = None  # the first step of another shape, -1: the input, None: there is none
    made: Shape = ()  # what it makes,
    due: Shape = ()  # and what it makes where the network works


def choice_to_blame(search: Search) -> Blame | None:
    """The choices whose change breaks the network, as few as do; None if there are none."""
    budget, changed = Budget(STEPS), search.changed
    for count in sorted({1, 2, max(len(changed), 1)}):
        culprits = [
            _blame(search, right)
            for names in combinations(changed, count)
            if budget.left and search.works(right := {n: changed[n] for n in names}, budget)
        ]
        if culprits:  # the earliest difference first
            return min(culprits, key=lambda it: (it.at is None, it.at, repr(it.right)))
    return _required(search, budget)


def _required(search: Search, budget: Budget) -> Blame | None:
    """The same for a choice without a default: values near it stand in for one."""
    for name in search.required:
        value = search.choices[name]
        near = candidates.nearest(value, candidates.values(value, None))[:TRIED]
        right = next((v for v in near if budget.left and search.works({name: v}, budget)), None)
        if right is not None:
            return _blame(search, {name: right})
    return None


def _blame(search: Search, right: Mapping) -> Blame:
    """Where the choices first make a difference."""
    settings = search.choices, {**search.choices, **right}
    broken, works = (search.outcome(setting)[0].trace for setting in settings)
    if broken is None or works is None or not works.steps:
        return Blame(right)
    if broken.inputs != works.inputs:
        return Blame(right, INPUT, broken.inputs[0], works.inputs[0])
    for made, due in zip(broken.steps, works.steps, strict=False):
        if (made.path, made.op) != (due.path, due.op):
            break
        if made.output != due.output:
            return Blame(right, made.index, made.output, due.output)
    return Blame(right)

"""Which settings near one that fails work: candidates in the order of their distance, each tried.

The search is bounded by the steps that it may trace, not by a clock, so that it finds the same
on every machine.
"""

import contextlib
import inspect
import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice, product
from typing import Any

from layerwise.tracing import building
from layerwise.tracing.building import Builder
from layerwise.tracing.records import Outcome

from . import candidates
from .breakdown import Case, quietly
from .candidates import same
from .causes import find
from .findings import Finding

RUNS = 120  # traces at most
STEPS = 2_000  # steps in all these traces at most, but LEAST traces in any case
LEAST = 16
FAR = 0.75  # once something works, a change of a number to more than its fourfold is not tried
PAIRS = 3  # repairs of two choices at once that are looked for
_WAYS = ("down", "up")
INPUT_SIZES = (28, 32, 64, 96, 128, 224, 256)


@dataclass
class Budget:
    """How much may still be traced; what is known already costs the same, whoever asked first."""

    steps: int
    runs: int = RUNS
    least: int = 0  # runs that may be made in any case

    def take(self, outcome: Outcome) -> None:
        """Pay for a run."""
        self.runs -= 1
        self.least -= 1
        self.steps -= len(outcome.trace.steps) if outcome.trace else 1

    @property
    def left(self) -> bool:
        """Whether one more may be run."""
        return self.runs > 0 and (self.steps > 0 or self.least > 0)


class PausedError(Exception):
    """The time for a search is over; what was run is known."""


class _Time(threading.local):
    """What a search may take; a search in pieces does not end that of another thread."""

    seconds = math.inf
    until = math.inf  # by time.monotonic()


class Search:
    """Tries settings around one that fails; each is run once."""

    def __init__(
        self,
        build: Builder,
        given: Any,
        choices: Mapping,
        allowed: Mapping[str, Sequence] | None = None,
    ) -> None:
        self.build, self.given, self.choices, self.allowed = build, given, dict(choices), allowed
        self._known: dict[str, tuple[Outcome, Finding | None]] = {}
        self._time = _Time()

    def case(self, setting: Mapping) -> Case:
        """The builder with a setting."""
        return Case(self.build, self.given, setting)

    def judge(self, setting: Mapping, outcome: Outcome) -> Finding | None:
        """What `causes` finds in a run of `setting`, which is then known."""
        finding = find(self.case(setting), outcome)
        self._known[_key(setting)] = outcome, finding
        return finding

    def remember(self, setting: Mapping, outcome: Outcome) -> None:
        """The run of a setting that works, without a warning."""
        self._known[_key(setting)] = outcome, None

    def outcome(self, setting: Mapping) -> tuple[Outcome, Finding | None]:
        """The run of a setting and its finding, which is None if it works."""
        if _key(setting) not in self._known:
            self._pause_in_time()
            with quietly():  # a `print` in a forward, a hundred times
                self.judge(setting, building.run(self.build, self.given, setting))
        return self._known[_key(setting)]

    def _pause_in_time(self) -> None:
        now = time.monotonic()
        if now > self._time.until:
            raise PausedError
        self._time.until = min(self._time.until, now + self._time.seconds)

    def works(self, changes: Mapping, budget: Budget) -> bool:
        """Whether the setting works with these choices changed, without a new warning."""
        outcome, finding = self.outcome({**self.choices, **changes})
        budget.take(outcome)
        return finding is None or (finding.works and finding.kind == self._usual_warning)

    @cached_property
    def _usual_warning(self) -> str:
        """The warning that the network brings with its defaults, "" if none: it may be meant."""
        finding = self.outcome({**self.choices, **self.changed})[1] if self.changed else None
        return finding.kind if finding and finding.works else ""

    @cached_property
    def defaults(self) -> dict:
        """The values that the student's function has by itself, and the input's own size."""
        found: dict = {}
        with contextlib.suppress(TypeError, ValueError):  # no signature, no rows and columns
            parameters = inspect.signature(self.build).parameters.values()
            found |= {p.name: p.default for p in parameters if p.default is not p.empty}
            building.sized(self.given, 1)
            sizes = building.shape_of(self.given)[2:]
            if len(sizes) > 1:
                found.setdefault("input_size", sizes[0] if len(set(sizes)) == 1 else sizes)
        return found

    @cached_property
    def changed(self) -> dict:
        """Choices that are not at their default -> that default."""
        return {
            name: self.defaults[name]
            for name, value in self.choices.items()
            if name in self.defaults and not same(value, self.defaults[name])
        }

    @property
    def required(self) -> list[str]:
        """Choices that have no default."""
        return sorted(self.choices.keys() - self.defaults.keys())

    def repairs(self) -> list[dict]:
        """Complete settings that work, each traced; one changed choice where that is enough."""
        budget = Budget(STEPS, RUNS, LEAST)
        found = self._singles(budget) or self._input_sizes(budget) or self._pairs(budget)
        if not found and len(self.changed) > 2 and self._may_reset:
            found = [self.changed] if self.works(self.changed, budget) else []
        return [{**self.choices, **changes} for changes in sorted(found, key=self._rank)]

    def repairs_within(self, seconds: float) -> list[dict] | None:
        """`repairs`, or None where that takes longer: the next call goes on from there.

        What was run before is only looked up again. The time counts from the first new run, so
        each call makes one at least.
        """
        self._time.seconds = seconds
        try:
            return self.repairs()
        except PausedError:
            return None
        finally:
            self._time.seconds, self._time.until = math.inf, math.inf

    @property
    def _may_reset(self) -> bool:
        """Whether each changed choice can go back to its default."""
        return self.allowed is None or all(
            any(same(default, value) for value in self.allowed.get(name, ()))
            for name, default in self.changed.items()
        )

    @cached_property
    def changeable(self) -> dict:
        """Each choice that may be changed -> its value now."""
        if self.allowed is not None:
            return {name: self.choices[name] for name in self.allowed if name in self.choices}
        given = {**self.defaults, **self.choices}
        if "input_size" not in self.choices:
            given.pop("input_size", None)
        return given

    def _singles(self, budget: Budget) -> list[dict]:
        """The nearest value of each choice, downwards and upwards, that works."""
        tries = [
            (name, value, self._way(name, value))
            for name in self.changeable
            for value in self._candidates(name)
        ]  # what may well be meant comes first, then numbers in the order of their distance
        tries.sort(key=lambda it: (it[2] in _WAYS, self._rank({it[0]: it[1]})[2:]))
        found: dict[tuple, dict] = {}
        for name, value, way in tries:
            if not budget.left or (found and way in _WAYS and self._far(name, value) > FAR):
                break
            if (name, way) not in found and self.works({name: value}, budget):
                found[name, way] = {name: value}
        return list(found.values())

    def _way(self, name: str, value: object) -> str:
        """Of all numbers below, and of all above, the nearest is enough; others stand alone."""
        likely = [self.defaults.get(name), *self._swapped(self.changeable[name])]
        if any(same(value, other) for other in likely):
            return repr(value)
        return candidates.direction(self.changeable[name], value)

    def _far(self, name: str, value: object) -> float:
        return candidates.distance(self.changeable[name], value)

    def _candidates(self, name: str) -> list:
        value, default = self.changeable[name], self.defaults.get(name)
        if self.allowed is not None:
            return [other for other in self.allowed[name] if not same(other, value)]
        low = 0 if "pad" in name or 0 in (value, default) else 1  # else 0 is no sensible setting
        near = candidates.values(value, default, low)
        return [*(v for v in self._swapped(value) if not any(same(v, n) for n in near)), *near]

    def _swapped(self, value: object) -> Iterator[object]:
        """The value with the number that was expected replaced by the one that arrives."""
        finding = self._known[_key(self.choices)][1]
        numbers = (finding.expected, finding.got) if finding else (None, None)
        for old, new in (numbers, numbers[::-1]):
            other = candidates.exchanged(value, old, new)
            if other is not None and not same(other, value):
                yield other

    def _input_sizes(self, budget: Budget) -> list[dict]:
        """Other images, where no choice of the builder helps."""
        here = self.defaults.get("input_size")
        if self.allowed is not None or "input_size" in self.choices or not isinstance(here, int):
            return []
        sizes = [size for size in candidates.nearest(here, INPUT_SIZES) if size != here]
        return self._working(({"input_size": size} for size in sizes), 1, budget)

    def _pairs(self, budget: Budget) -> list[dict]:
        """Two choices changed at once."""
        near = {
            name: candidates.nearest(value, self._candidates(name))[:6]
            for name, value in self.changeable.items()
        }
        tries = [
            {one: first, two: second}
            for one, two in combinations(near, 2)
            for first, second in product(near[one], near[two])
        ]
        return self._working(sorted(tries, key=self._rank), PAIRS, budget)

    def _working(self, tries: Iterable[dict], count: int, budget: Budget) -> list[dict]:
        """The first `count` changes that work."""
        works = (changes for changes in tries if budget.left and self.works(changes, budget))
        return list(islice(works, count))

    def _rank(self, changes: Mapping) -> tuple:
        """Fewest choices, given ones first, then the smallest relative change, then defaults."""
        far = sum(self._far(k, v) if k in self.changeable else 1 for k, v in changes.items())
        strange = sum(not same(self.defaults.get(k), v) for k, v in changes.items())
        not_given = len(changes.keys() - self.choices.keys())
        return len(changes), not_given, round(far, 6), strange, repr(changes)


def _key(setting: Mapping) -> str:
    return repr(sorted(setting.items()))

"""Which settings near one that fails work: found by trying, nearest first.

The search is bounded by the steps that it may trace, not by a clock, so that it finds the same
on every machine.
"""

import inspect
import io
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from functools import cached_property
from itertools import combinations, product

from layerwise.operations.shapes import Shape
from layerwise.tracing import building
from layerwise.tracing.building import Builder
from layerwise.tracing.records import Trace

from . import candidates as nearby
from .breakdown import Finding
from .causes import find, honest

RUNS = 120  # traces at most
STEPS = 2_000  # steps in all these traces at most, but LEAST traces in any case
LEAST = 16
SECONDS = 3.0  # for a network so slow that even these are too many
FAR = 0.75  # once something works, a change of a number to more than its fourfold is not tried
PAIRS = 3  # repairs of two choices at once that are looked for
INPUT_SIZES = (28, 32, 64, 96, 128, 224, 256)


class Search:
    """Tries settings around one that fails; each is run once."""

    def __init__(
        self,
        build: Builder,
        input_shape: Shape,
        choices: Mapping,
        allowed: Mapping[str, Sequence] | None = None,
    ) -> None:
        self.build, self.input_shape, self.choices = build, input_shape, dict(choices)
        self.allowed = allowed
        self._known: dict[str, tuple[Trace | None, Finding | None]] = {}
        self.runs = self.steps = 0  # traced so far
        self._until: float | None = None

    def judge(
        self, setting: Mapping, trace: Trace | None, error: Exception | None
    ) -> Finding | None:
        """What `causes` finds in a run of `setting`, which is then known."""
        try:
            finding = find(trace, error, self.build, lambda: building.network(self.build, setting))
        except Exception:  # noqa: BLE001  an explanation that fails must not hide what it explains
            finding = error and honest(error)
        self._known[_key(setting)] = trace, finding
        return finding

    def outcome(self, setting: Mapping) -> tuple[Trace | None, Finding | None]:
        """The trace and the finding of a setting; the finding is None if it works."""
        if _key(setting) not in self._known:
            with redirect_stdout(io.StringIO()):  # a `print` in a forward, a hundred times
                trace, error = building.run(self.build, self.input_shape, setting)
            self.runs += 1
            self.steps += len(trace.steps) if trace else 1
            self.judge(setting, trace, error)
        return self._known[_key(setting)]

    def works(self, /, **changes: object) -> bool:
        """Whether the setting works with these choices changed, without a new warning."""
        finding = self.outcome({**self.choices, **changes})[1]
        return finding is None or (finding.works and finding.kind == self._usual_warning)

    @cached_property
    def _usual_warning(self) -> str:
        """The warning that the network brings with its defaults, "" if none: it may be meant."""
        finding = self.outcome({**self.choices, **self.turned})[1]
        return finding.kind if self.turned and finding and finding.works else ""

    @cached_property
    def defaults(self) -> dict:
        """The values that the student's function has by itself, and the input's own size."""
        try:
            parameters = inspect.signature(self.build).parameters.values()
        except (TypeError, ValueError):
            return {}
        own = {p.name: p.default for p in parameters if p.default is not p.empty}
        sizes = self.input_shape[2:]
        if sizes and "input_size" not in own:
            own["input_size"] = sizes[0] if len(set(sizes)) == 1 else sizes
        return own

    @cached_property
    def turned(self) -> dict:
        """Choices that are not at their default -> that default."""
        return {
            name: self.defaults[name]
            for name, value in self.choices.items()
            if name in self.defaults and not nearby.same(value, self.defaults[name])
        }

    def repairs(self) -> list[dict]:
        """Complete settings that work, each traced; one changed choice where that is enough."""
        self._until = time.monotonic() + SECONDS
        names = [name for name in self._present if name != "input_size" or name in self.choices]
        found = self._singles(names) or self._input_sizes() or self._pairs(names)
        if not found and len(self.turned) > 2 and self._may_reset and self.works(**self.turned):
            found = [self.turned]
        found.sort(key=self._rank)
        return [{**self.choices, **changes} for changes in found]

    @property
    def _may_reset(self) -> bool:
        """Whether each changed choice can go back to its default."""
        return self.allowed is None or all(
            any(nearby.same(default, value) for value in self.allowed.get(name, ()))
            for name, default in self.turned.items()
        )

    @cached_property
    def _present(self) -> dict:
        """Each choice that may be changed -> its value now."""
        if self.allowed is not None:
            return {name: self.choices[name] for name in self.allowed if name in self.choices}
        return {**self.defaults, **self.choices}

    def _singles(self, names: Iterable[str]) -> list[dict]:
        """The nearest value of each choice, downwards and upwards, that works."""
        climbs = [(name, nearby.climb(ladder)) for name in names for ladder in self._ladders(name)]
        waiting = deque((name, walk, None) for name, walk in climbs)
        found: list[dict] = []
        while waiting and self._may_go_on:
            name, walk, result = waiting.popleft()
            try:
                value = walk.send(result)
            except StopIteration as end:
                if end.value is not None and {name: end.value} not in found:
                    found.append({name: end.value})
                continue
            if found and self._far(name, value) > FAR:
                continue
            waiting.append((name, walk, self.works(**{name: value})))
        return found

    def _far(self, name: str, value: object) -> float:
        return nearby.distance(self._present[name], value)

    def _ladders(self, name: str) -> list[nearby.Ladder]:
        value, default = self._present[name], self.defaults.get(name)
        if self.allowed is not None:
            return nearby.among(value, self.allowed[name])
        swaps = [[other] for other in self._swapped(value)]
        home = [[default]] if name in self.turned else []
        low = 0 if "pad" in name or 0 in (value, default) else 1  # else 0 is no sensible setting
        return home + swaps + nearby.ladders(value, default, low)

    def _swapped(self, value: object) -> Iterator[object]:
        """The value with the number that was expected replaced by the one that arrives."""
        finding = self._known[_key(self.choices)][1]
        for old, new in ((finding.expected, finding.got), (finding.got, finding.expected)):
            other = nearby.exchanged(value, old, new)
            if other is not None and not nearby.same(other, value):
                yield other

    def _input_sizes(self) -> list[dict]:
        """Other images, where no choice of the builder helps."""
        here = self.defaults.get("input_size")
        if self.allowed is not None or "input_size" in self.choices or not nearby.is_whole(here):
            return []
        sizes = sorted(INPUT_SIZES, key=lambda size: nearby.distance(size, here))
        works = (size for size in sizes if self._may_go_on and self.works(input_size=size))
        return [{"input_size": size} for size in list(works)[:1]]

    def _pairs(self, names: Sequence[str]) -> list[dict]:
        found: list[dict] = []
        for changes in sorted(self._two_at_once(names), key=self._rank):
            if len(found) == PAIRS or not self._may_go_on:
                break
            if self.works(**changes):
                found.append(changes)
        return found

    def _two_at_once(self, names: Sequence[str]) -> Iterator[dict]:
        near = {name: [ladder[:3] for ladder in self._ladders(name)] for name in names}
        for one, two in combinations(names, 2):
            for first, second in product(near[one], near[two]):
                for values in product(first, second):
                    yield dict(zip((one, two), values, strict=True))

    def _rank(self, changes: Mapping) -> tuple:
        """Fewest choices, given ones first, then the smallest relative change, then defaults."""
        far = sum(self._far(k, v) if k in self._present else 1 for k, v in changes.items())
        strange = sum(not nearby.same(self.defaults.get(k), v) for k, v in changes.items())
        not_given = len(changes.keys() - self.choices.keys())
        return len(changes), not_given, round(far, 6), strange, repr(changes)

    @property
    def _may_go_on(self) -> bool:
        enough = self.runs >= RUNS or (self.steps >= STEPS and self.runs >= LEAST)
        return not enough and time.monotonic() < self._until


def _key(setting: Mapping) -> str:
    return repr(sorted(setting.items()))

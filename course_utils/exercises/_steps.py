"""Two traces step by step: where an answer first differs from what is asked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from layerwise import Step, Trace

from ._findings import Finding

NAMES = {  # PyTorch's name of an operation -> what it is called here
    "conv2d": "convolution",
    "linear": "linear layer",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "log_softmax": "log-softmax",
    "max_pool2d": "max pooling",
    "avg_pool2d": "average pooling",
    "adaptive_avg_pool2d": "global average pooling",
    "adaptive_max_pool2d": "global max pooling",
    "batch_norm": "batch norm",
    "dropout": "dropout",
    "cat": "concat",
    "add": "add",
    "mul": "product",
}
LOOKED_AT = (
    ("out_channels", "output channels"),
    ("kernel_size", "kernel size"),
    ("stride", "stride"),
    ("padding", "padding"),
    ("ceil_mode", "ceil_mode"),
    ("dilation", "dilation"),
    ("groups", "groups"),
    ("bias", "bias"),
    ("output_size", "output size"),
    ("out_features", "output size"),
    ("p", "dropout rate"),
    ("dim", "axis"),
    ("joined", "number of joined maps"),
    ("eps", "epsilon"),
)
_PASSED_OVER = {"identity", "padding"}  # of kinds that make no step of their own


@dataclass(frozen=True)
class Part:
    """One step as the comparison sees it: what it is, and its own settings."""

    thing: str
    kind: str
    settings: Mapping
    input: tuple[int, ...]
    output: tuple[int, ...]

    def differs(self, other: "Part") -> list[str]:
        """The settings in which two parts of one thing differ, the first to look at first."""
        return [
            name for name, _ in LOOKED_AT if self.settings.get(name) != other.settings.get(name)
        ]


class Place(NamedTuple):
    """A part among those of an answer, and how many of its thing stand before it."""

    part: Part
    number: int  # 1 for the first of its thing
    of: int  # how many there are

    @classmethod
    def at(cls, parts: Sequence[Part], index: int) -> "Place":
        """The place of the part with this index."""
        same = [i for i, part in enumerate(parts) if part.thing == parts[index].thing]
        return cls(parts[index], same.index(index) + 1, len(same))


def parts(trace: Trace) -> tuple[Part, ...]:
    """The steps that the output depends on, each after what it reads.

    What two branches do is told branch by branch, so that the order in which they are computed
    does not matter: for an add the longer one first, for a concat in the order of the concat.
    """
    order: list[int] = []
    steps = trace.steps
    joined, read = _concats(steps)

    @cache
    def depth(index: int) -> int:
        if index < 0:
            return 0
        return 1 + max(depth(source) for source in steps[index].sources)

    def visit(index: int) -> None:
        if index < 0 or index in order:
            return
        if steps[index].function == "cat":
            sources = list(joined(index))
        else:
            sources = sorted(map(read, steps[index].sources), key=depth, reverse=True)
        for source in sources:
            visit(source)
        order.append(index)

    if steps:
        visit(read(len(steps) - 1))
    made = (_part(steps[i], len(joined(i)) if steps[i].function == "cat" else 0) for i in order)
    return _one_shaping(part for part in made if part is not None)


def _concats(
    steps: Sequence[Step],
) -> tuple[Callable[[int], tuple[int, ...]], Callable[[int], int]]:
    """(joined, read): what a concat sets beside one another, and what a step really reads."""

    @cache
    def joined(index: int) -> tuple[int, ...]:
        """The sources of a concat; a concat of concats is one."""
        inner = [source for one in steps[index].sources for source in unfolded(one, index)]
        return tuple(inner)

    def unfolded(index: int, outer: int) -> tuple[int, ...]:
        one = read(index)
        same = (
            one >= 0 and steps[one].function == "cat" and _axis(steps[one]) == _axis(steps[outer])
        )
        return joined(one) if same else (one,)

    @cache
    def read(index: int) -> int:
        """The step that really made something: a concat of one thing makes nothing."""
        if index < 0 or steps[index].function != "cat" or len(joined(index)) > 1:
            return index
        return joined(index)[0]

    return joined, read


def _axis(step: Step) -> int:
    return step.settings.get("dim", 0) % max(len(step.output), 1)


def _part(step: Step, joined: int) -> Part | None:
    kind = step.kind.value
    if kind in _PASSED_OVER:
        return None
    thing = NAMES.get(step.function, step.op)
    if kind == "shaping":
        thing = "flatten" if len(step.output) == 2 else "change of shape"
    settings = {"dim": _axis(step), "joined": joined} if joined else step.settings
    return Part(thing, kind, settings, (step.inputs or ((),))[0], step.output)


def _one_shaping(found: Iterable[Part]) -> tuple[Part, ...]:
    """Several changes of shape in a row count as one."""
    made: list[Part] = []
    for part in found:
        if part.kind == "shaping":
            if part.output == part.input:
                continue
            if made and made[-1].kind == "shaping":
                part = Part(part.thing, part.kind, {}, made[-1].input, part.output)  # noqa: PLW2901
                made.pop()
        made.append(part)
    return tuple(made)


# ------------------------------------------------------------------------------ where they differ

Pair = tuple[int | None, int | None]  # index in the reference, index in the answer


def first_difference(asked: Sequence[Part], given: Sequence[Part]) -> Finding | None:
    """The first step of `given` that is not as in `asked`; None if all are."""
    pairs = _aligned(asked, given)
    missing = [want for want, have in pairs if want is not None and have is None]
    extra = [have for want, have in pairs if want is None and have is not None]
    for n, (want, have) in enumerate(pairs):
        if want is not None and have is None:
            moved = [b for b in extra if given[b].thing == asked[want].thing]
            return (
                _moved(asked, given, want, moved[0]) if moved else _missing(pairs, n, asked, given)
            )
        if want is None and have is not None:
            moved = [a for a in missing if asked[a].thing == given[have].thing]
            return _moved(asked, given, moved[0], have) if moved else _extra(given, have)
        if want is not None and have is not None and (found := _setting(asked[want], given, have)):
            return found
    return None


def _missing(
    pairs: Sequence[Pair], n: int, asked: Sequence[Part], given: Sequence[Part]
) -> Finding:
    want, before = pairs[n][0], [b for _, b in pairs[:n] if b is not None]
    after = [b for _, b in pairs[n:] if b is not None]
    assert want is not None
    thing = asked[want].thing
    facts = {
        "thing": thing,
        "kind": asked[want].kind,
        "after": Place.at(given, before[-1]) if before else None,
        "before": Place.at(given, after[0]) if after else None,
        "has": sum(part.thing == thing for part in given),
        "needs": sum(part.thing == thing for part in asked),
    }
    return Finding("missing", f"missing {thing}", facts)


def _extra(given: Sequence[Part], have: int) -> Finding:
    place = Place.at(given, have)
    before = Place.at(given, have - 1) if have else None
    facts = {"place": place, "thing": place.part.thing, "after": before}
    return Finding("extra", f"extra {place.part.thing}", facts)


def _moved(asked: Sequence[Part], given: Sequence[Part], want: int, have: int) -> Finding:
    thing = given[have].thing
    after = Place.at(given, have - 1) if have else None
    facts = {
        "place": Place.at(given, have),
        "thing": thing,
        "after": after,
        "before": Place.at(given, have + 1) if have + 1 < len(given) else None,
        "should follow": asked[want - 1].thing if want else None,
    }
    return Finding("moved", f"order of {thing}", facts)


def _setting(asked: Part, given: Sequence[Part], have: int) -> Finding | None:
    place = Place.at(given, have)
    if place.part.thing != asked.thing:
        other = {"place": place, "asked": asked.thing, "kind": asked.kind}
        return Finding("other", f"{place.part.thing} in place of {asked.thing}", other)
    differs = asked.differs(place.part)
    if not differs:
        return None
    label = dict(LOOKED_AT)[differs[0]]
    value, wanted = place.part.settings.get(differs[0]), asked.settings.get(differs[0])
    facts: dict[str, Any] = {"place": place, "setting": label, "value": value, "asked": wanted}
    facts["sizes"] = place.part.input[2:], place.part.output[2:], asked.output[2:]
    facts["next"] = given[have + 1].thing if have + 1 < len(given) else ""
    name = label if asked.kind != "pooling" else f"{label} of the pooling"
    if label == "bias":
        name = "bias" if value else "no bias"
    return Finding("setting", name, facts)


def _aligned(asked: Sequence[Part], given: Sequence[Part]) -> list[Pair]:
    """The cheapest way to pair the parts: what is missing or too many costs 1.

    Of equally cheap ways, the one that agrees for longest.
    """
    rows, columns = len(asked), len(given)
    cost = [[float(rows - i + columns - j) for j in range(columns + 1)] for i in range(rows + 1)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            pair = cost[i + 1][j + 1] + _unlike(asked[i], given[j])
            cost[i][j] = min(pair, cost[i + 1][j] + 1, cost[i][j + 1] + 1)
    pairs: list[Pair] = []
    i = j = 0
    while i < rows or j < columns:
        both = i < rows and j < columns
        if both and cost[i][j] == cost[i + 1][j + 1] + _unlike(asked[i], given[j]):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif i < rows and cost[i][j] == cost[i + 1][j] + 1:
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs


def _unlike(asked: Part, given: Part) -> float:
    if asked.thing != given.thing:
        return 1.25 if asked.kind == given.kind else 9.0
    return min(0.9, 0.125 * len(asked.differs(given)))

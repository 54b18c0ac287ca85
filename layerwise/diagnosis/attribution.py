"""Which of the student's choices made a network fail: put each back, and see whether it works."""

from collections.abc import Mapping
from itertools import combinations

from layerwise.operations.shapes import times
from layerwise.tracing.records import Trace

from . import candidates as nearby
from .breakdown import Story, image
from .repairs import Search

STEPS = 400  # traced at most before the sentence stands: it is part of the first paint
TRIED = 12  # values of a choice without default that are tried


def choice_to_blame(search: Search) -> str:
    """One sentence about the choice whose change breaks the network, "" if there is none."""
    for count in (1, 2):
        culprits = [
            names
            for names in combinations(search.turned, count)
            if search.steps < STEPS and search.works(**{n: search.turned[n] for n in names})
        ]
        if culprits:
            sentences = [_sentence(search, {n: search.turned[n] for n in c}) for c in culprits]
            return min(sentences)[1]
    if len(search.turned) > 2 and search.steps < STEPS and search.works(**search.turned):
        return _sentence(search, search.turned)[1]
    return _required(search)


def _required(search: Search) -> str:
    """The same for a choice without a default: values near it stand in for one."""
    for name in search.choices.keys() - search.defaults.keys():
        value = search.choices[name]
        near = [v for ladder in nearby.ladders(value, None) for v in ladder[: TRIED // 2]]
        near.sort(key=lambda other: nearby.distance(value, other))
        right = next((v for v in near if search.works(**{name: v})), None)
        if right is not None:
            return _sentence(search, {name: right})[1]
    return ""


def _sentence(search: Search, right: Mapping) -> tuple[int, str]:
    """Where the choice first makes a difference, and the sentence that says so."""
    broken = search.outcome(search.choices)[0]
    works = search.outcome({**search.choices, **right})[0]
    lead, mend = _told(search.choices, right)
    at = _first_difference(broken, works)
    if at is None:
        return len(broken.steps) if broken else 0, f"{lead}: with {mend} the network works."
    made, due = (t.inputs[0] if at < 0 else t.steps[at].output for t in (broken, works))
    whole = times if made[:1] != due[:1] else image
    what = "the input is" if at < 0 else f"{Story(broken).what(at)} gives"
    then = f"with {mend} it {'is' if at < 0 else 'gives'} {whole(due)}, and the network works"
    return at, f"{lead}: {what} {whole(made)}; {then}."


def _told(choices: Mapping, right: Mapping) -> tuple[str, str]:
    """The choices that break it, as the beginning of a sentence, and those that do not."""
    pairs = [
        _counted(name, choices[name], value) or difference(name, choices[name], value)
        for name, value in right.items()
    ]
    wrong, mend = (" and ".join(part) for part in zip(*pairs, strict=True))
    return f"{wrong} {'makes it so' if len(pairs) == 1 else 'make it so together'}", mend


def _first_difference(broken: Trace | None, works: Trace) -> int | None:
    """The first step that gives another shape; -1 for the input, None if all are the same."""
    if broken is None or not works.steps:
        return None
    if broken.inputs != works.inputs:
        return -1
    for i, (a, b) in enumerate(zip(broken.steps, works.steps, strict=False)):
        if (a.path, a.op) != (b.path, b.op):
            return None
        if a.output != b.output and a.op != "unused":
            return i
    return None


def difference(name: str, old: object, new: object) -> tuple[str, str]:
    """The two settings as code, narrowed to the entry that differs: "arch[1]=64", "arch[1]=128"."""
    lists = isinstance(old, (tuple, list)) and isinstance(new, (tuple, list))
    if lists and len(old) == len(new):
        differ = [i for i, (m, n) in enumerate(zip(old, new, strict=True)) if not nearby.same(m, n)]
        if len(differ) == 1:
            return difference(f"{name}[{differ[0]}]", old[differ[0]], new[differ[0]])
    return f"{name}={shown(old)}", f"{name}={shown(new)}"


def _counted(name: str, old: object, new: object) -> tuple[str, str] | None:
    """Two long lists of different length in short: "arch of 5 entries", "3 entries"."""
    lists = isinstance(old, (tuple, list)) and isinstance(new, (tuple, list))
    if not lists or len(old) == len(new) or len(repr(old) + repr(new)) < 40:
        return None
    return f"{name} with {len(old)} entries", f"{len(new)}"


def shown(value: object) -> str:
    """A value as the student would write it."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return value.__name__
    return repr(value)

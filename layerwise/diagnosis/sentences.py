"""The English of a diagnosis: a finding's headline and cause, the choice to blame, the advice.

The sentences about findings stand in `texts`, as templates; here they are filled.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from math import prod
from string import Formatter
from typing import Any

from layerwise.operations.kinds import Merge
from layerwise.operations.shapes import Shape, times
from layerwise.operations.shapes import without_batch as image
from layerwise.views.columns import describe

from .attribution import Blame
from .breakdown import INPUT, Breakdown, Run
from .candidates import same
from .findings import Cause, Finding
from .texts import CAUSES, HEADLINES

Called = Callable[[str, Any], str | None]  # a choice and its value -> the value's own name, if any
SHOWN = 4  # repairs in the text
STOPS = 8  # sizes on the way that are told one by one
_SPACE = {1: "positions", 2: "rows, columns", 3: "planes, rows, columns"}
_VERBS = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}


def tell(finding: Finding, run: Run) -> tuple[str, str]:
    """Headline and cause of a finding, "" for a cause that the run alone does not show."""
    facts: dict[str, Any] = {**vars(finding), "given": run.given, "path": finding.layer}
    if finding.maker is not None:
        step = run.steps[finding.maker] if finding.maker != INPUT else None
        facts |= {"made": run.shape(finding.maker)}
        facts |= {"read": step.inputs[0] if step and step.inputs else ()}
    if isinstance(run, Breakdown):
        place, layer = _place(run), _layer(run)
        facts |= {"place": place, "Place": _capital(place), "Layer": _capital(layer)}
        facts |= {"function": run.failure.function, "message": run.failure.message}
    words = _Words(run)
    texts = HEADLINES[finding.what], CAUSES[finding.why]
    headline, cause = (words.vformat(text, (), {**facts, **finding.details}) for text in texts)
    return headline, cause


class _Words(Formatter):
    def __init__(self, run: Run) -> None:
        self.run = run

    def format_field(self, value: Any, spec: str) -> str:
        """A value in the words that its format asks for; another word is the noun of a count."""
        if spec in FORMATS:
            return FORMATS[spec](value)
        if spec in _OF_STEPS:
            return _OF_STEPS[spec](self.run, value)
        return _many(value, spec) if spec.isalpha() else format(value, spec)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _many(count: int, noun: str) -> str:
    """A count with its noun: "1 channel", "6,400 numbers"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _product(shape: Shape) -> str:
    """One image's numbers, multiplied: "256 × 6 × 6 = 9,216"."""
    parts = [n for n in shape[1:] if n != 1] or [1]
    total = f"{prod(parts):,}"
    return total if len(parts) == 1 else f"{_joined(' × ')(shape[1:])} = {total}"


def _joined(sign: str) -> Callable[[Sequence], str]:
    return lambda parts: sign.join(map(str, parts))


def _way(sizes: Sequence[int]) -> str:
    stops = list(map(str, sizes))
    return " → ".join(stops if len(stops) <= STOPS else [*stops[:3], "…", *stops[-3:]])


def _differing(pair: tuple[Shape, Shape]) -> str:
    """In words: "they differ in channels (128 and 64) and in size (28×28 and 56×56)"."""
    a, b = pair
    if len(a) != len(b):
        return f"one has {len(a)} dimensions, the other {len(b)}"
    unit = "channels" if len(a) > 2 else "features"
    names = {"the batch": (a[:1], b[:1]), unit: (a[1:2], b[1:2]), "size": (a[2:], b[2:])}
    parts = [f"in {n} ({times(m)} and {times(k)})" for n, (m, k) in names.items() if m != k]
    return f"they differ {' and '.join(parts)}"


def shown(value: object) -> str:
    """A value as the student would write it; a fraction with six digits, but 4.0 as it is."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return str(value.__name__)
    return f"{value:g}" if isinstance(value, float) and value % 1 else repr(value)


FORMATS: Mapping[str, Callable[[Any], str]] = {
    "times": times,
    "image": lambda shape: _many(shape, "image") if isinstance(shape, int) else image(shape),
    "images": lambda shapes: ", ".join(dict.fromkeys(map(image, shapes))),
    "pixels": lambda shape: times(shape[2:]),
    "product": _product,
    "factors": _joined(" × "),
    "sum": _joined(" + "),
    "or": _joined(" or "),
    "list": lambda names: ", ".join(names[:4]) + (", …" if len(names) > 4 else ""),
    "row": lambda n: _many(n, "row") if isinstance(n, int) else f"({_joined(', ')(n)})",
    "way": _way,
    "space": lambda axes: f"{axes + 2} dimensions (batch, channels, {_SPACE[axes]})",
    "has": lambda shape: f"{times(shape)} has {len(shape)}" if shape else "one number arrives",
    "arrive": lambda count: f"{count:,} arrive{'s' if count == 1 else ''}",
    "code": shown,
    "capital": _capital,
    "meant": lambda name: f" Is {name} meant?" if name else "",
    "verb": lambda function: _VERBS.get(function, "combine"),
    "differ": _differing,
    "forward": lambda path: f"block {path}" if path else "the forward",
}


# ------------------------------------------------------------------ steps and places


def _what(run: Run, index: int) -> str:
    """A step, its window included: "layer 0 (Conv2d 11×11, stride 4)", "the add in block 1"."""
    if index == INPUT:
        return "the input"
    step = run.steps[index]
    if step.op[:1].isupper():
        return f"layer {step.path} ({describe(step)})" if step.path else f"the {describe(step)}"
    name = "concat" if step.merge is Merge.CONCAT else step.op
    window = describe(step).removeprefix(step.op) if "kernel_size" in step.settings else ""
    where = f"block {step.path}" if step.path else "the forward"
    return f"the {name} in {where}" + (f" ({window.strip()})" if window else "")


def _changes(run: Run, indexes: Sequence[int]) -> str:
    steps = [run.steps[i] for i in indexes]
    return " and ".join(
        f"{_what(run, s.index)} makes {image(s.output)} out of {image(s.inputs[0])}" for s in steps
    )


_OF_STEPS: Mapping[str, Callable[[Run, Any], str]] = {
    "step": _what,
    "Step": lambda run, index: _capital(_what(run, index)),
    "Makes": lambda run, i: _capital(_what(run, i)) + (" has" if i == INPUT else " makes"),
    "Changes": lambda run, indexes: _capital(_changes(run, indexes)),
    "output": lambda run, index: image(run.shape(index)),
}


def _place(b: Breakdown) -> str:
    """Where it failed: "layer 14 (Linear)", "block 3 (Residual)", "the forward of Net"."""
    failure = b.failure
    if not failure.path:
        return f"the forward of {failure.layer}" if failure.block else failure.layer
    return f"{'block' if failure.block else 'layer'} {failure.path} ({failure.layer})"


def _layer(b: Breakdown) -> str:
    """The place, or the operation itself where a block's own forward called it."""
    called = b.failure.function and b.failure.block
    return f"the {b.failure.function} in {_place(b)}" if called else _place(b)


# ------------------------------------------------------------------ choices


def code_line(finding: Finding) -> str:
    """The line of the student's own code, "" if none is known."""
    line = finding.line
    return f"  {line.file}, line {line.number}:  {line.text}" if line else ""


def blamed(blame: Blame, run: Run, choices: Mapping, called: Called) -> str:
    """The choice whose change breaks the network, and the first step where that shows."""
    pairs = [
        _named(name, choices[name], value, called)
        or _counted(name, choices[name], value)
        or _difference(name, choices[name], value)
        for name, value in blame.right.items()
    ]
    wrong, mend = (" and ".join(part) for part in zip(*pairs, strict=True))
    lead = f"{wrong} {'makes it so' if len(pairs) == 1 else 'make it so together'}"
    if blame.at is None:
        return f"{lead}: with {mend} the network works."
    whole = times if blame.made[:1] != blame.due[:1] else image
    subject = "the input is" if blame.at == INPUT else f"{_what(run, blame.at)} gives"
    then = f"with {mend} it {'is' if blame.at == INPUT else 'gives'} {whole(blame.due)}"
    return f"{lead}: {subject} {whole(blame.made)}; {then}, and the network works."


def _named(name: str, old: object, new: object, called: Called) -> tuple[str, str] | None:
    """Two values that have names: "arch = VGG-16"."""
    names = called(name, old), called(name, new)
    return (f"{name} = {names[0]}", f"{name} = {names[1]}") if all(names) else None


def _counted(name: str, old: object, new: object) -> tuple[str, str] | None:
    """Two long lists of different length in short: "arch with 5 entries", "3 entries"."""
    if not (isinstance(old, (tuple, list)) and isinstance(new, (tuple, list))):
        return None
    if len(old) == len(new) or len(repr(old) + repr(new)) < 40:
        return None
    return f"{name} with {len(old)} entries", f"{len(new)}"


def _difference(name: str, old: object, new: object) -> tuple[str, str]:
    """The two settings as code, narrowed to the entry that differs: "arch[1]=64", "arch[1]=128"."""
    if isinstance(old, (tuple, list)) and isinstance(new, (tuple, list)) and len(old) == len(new):
        differ = [i for i, (m, n) in enumerate(zip(old, new, strict=True)) if not same(m, n)]
        if len(differ) == 1:
            return _difference(f"{name}[{differ[0]}]", old[differ[0]], new[differ[0]])
    return f"{name}={shown(old)}", f"{name}={shown(new)}"


def unblamed(finding: Finding, changed: Collection[str], required: Collection[str]) -> str:
    """The cause where neither the run nor a choice shows one; `required` have no default."""
    if finding.kind is Cause.CODE:
        where = "the line above" if finding.line else "the code"
        return f"It comes from {where}, not from a choice that was changed."
    if changed:
        return "Putting the choices back to their defaults does not help."
    if required:
        return f"There is no default of {' and '.join(required)} to go back to."
    return "No choice was changed: it fails with the defaults of the function."


def advice(repairs: Sequence[Mapping], now: Mapping, called: Called) -> str:
    """The settings that work, narrowed to what they change."""
    if not repairs:
        return "No setting near this one works."
    told = []
    for repair in repairs[:SHOWN]:
        pairs = [
            _named(name, now.get(name), value, called) or _difference(name, now.get(name), value)
            for name, value in repair.items()
        ]
        told.append(" and ".join(mended for old, mended in pairs if old != mended))
    return f"Works with {', or '.join(told)}."

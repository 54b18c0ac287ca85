"""What PyTorch runs without a word, although it is hardly meant.

Each function takes the Run of a network that came to its end, and gives a Finding where it is
sure, else None. The network is built again only where the steps give a reason to look at it.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

from torch import nn

from layerwise.operations.kinds import Kind, Merge
from layerwise.tracing import source_lines
from layerwise.tracing.records import SourceLine, Step

from .breakdown import INPUT, WEIGHTED, Breakdown, Run, flattens
from .findings import Cause, Finding
from .in_place import changed_before_read
from .ownership import iterators, made_in_forward, stowed, unread
from .source_code import first_line, mentioned, returns_a_value

_BY_CHANNEL = (Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION, Kind.LINEAR)
_GREY_OR_COLOUR = (1, 3)  # channels of an image; as a number of rows they are hardly meant
_HOLDERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def _warn(
    kind: Cause,
    what: str,
    path: str,
    expected: object = None,
    got: object = None,
    maker: int | None = None,
    /,
    line: SourceLine | None = None,
    settled: bool = False,
    why: str = "",
    **details: object,
) -> Finding:
    about = (kind, what, why or what, path, expected, got, maker)
    return Finding(*about, works=True, settled=settled, line=line, details=details)


def silent_broadcast(run: Run) -> Finding | None:
    """An add of two shapes of which one is repeated, and no axis of 1 was made on purpose."""
    for step in run.steps:
        if step.merge is not Merge.ADD or len(step.inputs) != 2 or step.inputs[0] == step.inputs[1]:
            continue
        small, large = sorted((0, 1), key=lambda i: (len(step.inputs[i]), prod(step.inputs[i])))
        if not _meant(run, step, small, large):
            one, two = step.inputs
            pairs = [(m, n) for m, n in zip(one, two, strict=False) if m != n]
            numbers = pairs[0] if pairs else (len(one), len(two))
            return _warn(
                Cause.SILENT_BROADCAST, "silent broadcast", step.path, *numbers,
                step.sources[small], why="two equal", op=step.op, one=one, two=two,
                small=step.inputs[small],
            )  # fmt: skip
    return None


def _meant(run: Run, step: Step, small: int, large: int) -> bool:
    """Whether a mean, a pooling or an added axis of 1 made the small one, to be repeated."""
    few, many = step.inputs[small], step.inputs[large]
    channels = len(few) == len(many) and few[1:2] != many[1:2]
    for index in run.back(step.sources[small]):
        if index == INPUT:
            return False
        maker = run.steps[index]
        if channels and maker.kind in _BY_CHANNEL:
            return False
        before = maker.inputs[0] if maker.inputs else ()
        pooled = maker.kind is Kind.POOLING and set(maker.output[2:]) == {1}
        if pooled or maker.kind is Kind.REDUCTION or len(maker.output) > len(before):
            return True
    return False


def returns_none(run: Run) -> Finding | None:
    """The forward of the whole network runs, and its output is None, or at least no tensor."""
    trace = run.trace
    if trace is None or not trace.calls or trace.output or any(s.output == () for s in run.steps):
        return None
    kind = type(run.case.net)
    what = "returns no tensor" if returns_a_value(kind.forward) else "returns none"
    line = source_lines.first_line(kind.forward)
    return _warn(Cause.CODE, what, "", "a tensor", None, line=line, owner=kind.__name__)


def unregistered(run: Run) -> Finding | None:
    """Layers or parameters in a plain list or attribute, or made in a forward: never trained."""
    read = run.trace.unregistered if run.trace else {}
    if not read and not any(map(_reads_constant, run.steps)):
        return None
    held = stowed(run.case.net)
    if held is not None:
        return _warn(
            Cause.CODE, held.what, held.path, held.numbers, 0, why=f"{held.holder} {held.what}",
            settled=True, line=first_line(held.owner, "__init__"), name=held.name,
            owner=held.owner.__name__, parts=held.parts,
        )  # fmt: skip
    for path, count in read.items():
        kind = type(run.case.net.get_submodule(path))
        made = made_in_forward(kind)
        what = "made in forward" if made else "from outside"
        details: dict[str, Any] = {"owner": kind.__name__, "line": first_line(kind, "forward")}
        details |= made._asdict() if made else {}
        return _warn(Cause.CODE, what, path, count, 0, settled=True, **details)
    return None


def _reads_constant(step: Step) -> bool:
    """Whether a plain tensor may stand beside what comes from the input."""
    alone = step.kind.merges and len(step.inputs) == 1
    called = step.kind in WEIGHTED and step.op == step.function
    return (alone or called) and step.params == 0


def kept_iterator(b: Breakdown) -> Finding | None:
    """A generator kept as layers, which is used up after one pass."""
    for path, owner, name, holds in iterators(b.case.net):
        line, details = first_line(owner, "__init__"), {"name": name, "owner": owner.__name__}
        about = (Cause.CODE, "used up", path)
        return _warn(*about, settled=True, line=line, holds=holds, **details)
    return None


def always_dropping(run: Run) -> Finding | None:
    """`F.dropout` without `training=self.training`: in eval it drops too."""
    evaluated = run.case.evaluated() if any(map(_drops, run.steps)) else None
    step = next((s for s in (evaluated.steps if evaluated else ()) if _drops(s)), None)
    if step is None:
        return None
    line = mentioned(type(run.case.net.get_submodule(step.path)), step.function)
    about = (Cause.DROPOUT, "dropout", step.path, False, True)
    return _warn(*about, line=line, function=step.function)


def _drops(step: Step) -> bool:
    """Whether it drops, and no Dropout layer ran it."""
    by_function = step.kind is Kind.DROPOUT and step.op == step.function
    return by_function and bool(step.settings.get("training")) and step.settings.get("p") != 0


def softmax_over_batch(run: Run) -> Finding | None:
    """Shares that sum to 1 over the images of a batch, not over the classes of one."""
    for step in run.steps:
        shape = step.inputs[0] if step.inputs else ()
        over_first = step.kind is Kind.ACTIVATION and step.settings.get("dim") == 0
        if over_first and len(shape) > 1 and shape[:1] == run.given[:1]:
            about = (Cause.SOFTMAX, "softmax", step.path, 1 if len(shape) == 2 else -1, 0)
            return _warn(*about, step=step.index, count=shape[0])
    return None


def shared(run: Run) -> Finding | None:
    """One layer in several places of a container, as `[layer] * 3` makes it."""
    first_runs = {step.path: step for step in reversed(run.steps)}.values()
    if not any(s.kind in WEIGHTED and s.op != s.function and not s.params for s in first_runs):
        return None
    for path, holder in run.case.net.named_modules():
        parts = vars(holder)["_modules"].items() if isinstance(holder, _HOLDERS) else ()
        for _, part in parts:
            names = [f"{path}.{other}" if path else other for other, one in parts if one is part]
            count = sum(p.numel() for p in part.parameters()) if len(names) > 1 else 0
            if count:
                about = (Cause.SHARED, "shared", names[0], len(names), 1)
                owner = type(part).__name__
                return _warn(*about, settled=True, places=names, owner=owner, count=count)
    return None


def in_place(run: Run) -> Finding | None:
    """A tensor is changed in place, and the shortcut reads it after that, changed."""
    for path in dict.fromkeys(_suspects(run)):
        module = run.case.net.get_submodule(path)
        found = changed_before_read(module)
        if found is not None:
            details = {**found._asdict(), "owner": type(module).__name__}
            return _warn(Cause.IN_PLACE, "in place", path, settled=True, **details)
    return None


def _suspects(run: Run) -> Iterator[str]:
    """Blocks in whose own forward branches meet of which one is what an activation made inside."""
    spans = [(c.path, c.start, c.stop) for c in run.trace.calls] if run.trace else []
    for step in run.steps:
        starts = [a for path, a, z in spans if path == step.path and a <= step.index < z]
        for source in step.sources if step.merges else ():
            made = run.steps[source]
            if source < max(starts, default=0) or made.kind is not Kind.ACTIVATION:
                continue
            before = made.sources[0] if made.sources else INPUT
            twice = before != INPUT and run.steps[before].function == made.function == "relu"
            if not twice and sum(source in other.sources for other in run.steps) > 1:
                yield step.path


def unused(run: Run) -> Finding | None:
    """A layer or parameter that no method of its owner reads, and that never ran."""
    last = next((step.path for step in reversed(run.steps) if step.params), "")
    for path, count in (run.trace.unused if run.trace else {}).items():
        found = unread(run.case.net, path)
        if found is not None:
            line, owner = first_line(found.owner, "forward"), found.owner.__name__
            about = (Cause.UNUSED, "unused", path, found.numbers or count, 0)
            return _warn(*about, settled=True, line=line, name=found.name, owner=owner, last=last)
    return None


def linear_on_maps(run: Run) -> Finding | None:
    """A Linear reads maps: it takes their columns for features."""
    for step in run.steps:
        if step.kind is not Kind.LINEAR or len(step.inputs[0]) != 4:
            continue
        source, shape = step.sources[0], step.inputs[0]
        maps = source != INPUT and run.steps[source].receptive_field is not None
        if maps or (run.shape_maker(source) == INPUT and shape[1] in _GREY_OR_COLOUR):
            about = (Cause.LINEAR_ON_MAPS, "linear on maps", step.path, prod(shape[1:]), shape[-1])
            return _warn(*about, source, step=step.index, shape=shape)
    return None


def mixed_batch(run: Run) -> Finding | None:
    """A flatten or view that lays several images in one row."""
    given = run.given
    if not run.trace or not run.trace.calls or run.trace.output[:1] == given[:1] or len(given) < 3:
        return None
    for step in run.steps:
        before = step.inputs[0] if step.inputs else ()
        flat = flattens(step) and len(step.output) <= 2
        if flat and len(before) == len(given) and before[:1] == given[:1] != step.output[:1]:
            about = (Cause.BATCH, "mixed batch", step.path, given[0], step.output[0], step.index)
            return _warn(*about, step=step.index)
    return None


SIGNS = (
    silent_broadcast, returns_none, unregistered, always_dropping, softmax_over_batch, shared,
    in_place, unused, linear_on_maps, mixed_batch,
)  # fmt: skip

"""What PyTorch runs without a word, although it is hardly meant.

Each function takes the Run of a network that came to its end, and gives a Finding where it is
sure, else None. The network is built again only where the steps give a reason to look at it.
More of these stand in `ownership` and `in_place`.
"""

from functools import wraps
from math import prod

from torch import nn

from layerwise.operations.kinds import Kind, Merge
from layerwise.tracing import building, source_lines
from layerwise.tracing.records import Step, Trace

from .branch_errors import clashing
from .breakdown import INPUT, Case, Run, flattens, makes_shape, quietly
from .findings import Cause, Finding, warning
from .in_place import in_place
from .ownership import shared, unregistered, unused
from .source_code import first_mention, returns_a_value

_BY_CHANNEL = (Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION, Kind.LINEAR)
_GREY_OR_COLOUR = (1, 3)  # channels of an image; as a number of rows they are hardly meant


def silent_broadcast(run: Run) -> Finding | None:
    """An add of two shapes of which one is repeated, and no axis of 1 was made on purpose."""
    for step in run.steps:
        if step.merge is not Merge.ADD or len(step.inputs) != 2 or step.inputs[0] == step.inputs[1]:
            continue
        small, large = sorted((0, 1), key=lambda i: (len(step.inputs[i]), prod(step.inputs[i])))
        if not _meant(run, step, small, large):
            one, two = step.inputs
            return warning(
                Cause.SILENT_BROADCAST, "silent broadcast", step.path, *clashing(one, two),
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
    return warning(Cause.CODE, what, "", "a tensor", None, line=line, owner=kind.__name__)


def always_dropping(run: Run) -> Finding | None:
    """`F.dropout` without `training=self.training`: in eval it drops too."""
    evaluated = _evaluated(run.case) if any(map(_drops, run.steps)) else None
    step = next((s for s in (evaluated.steps if evaluated else ()) if _drops(s)), None)
    if step is None:
        return None
    line = first_mention(type(run.case.net.get_submodule(step.path)), step.function)
    about = (Cause.DROPOUT, "dropout", step.path, False, True)
    return warning(*about, line=line, function=step.function)


def _evaluated(case: Case) -> Trace | None:
    """The trace of the network in eval mode."""

    @wraps(case.build)
    def build(**choices: object) -> nn.Module:
        return case.build(**choices).eval()

    with quietly():
        return building.run(build, case.given, case.choices).trace


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
            return warning(*about, step=step.index, count=shape[0])
    return None


def linear_on_maps(run: Run) -> Finding | None:
    """A Linear reads maps: it takes their columns for features."""
    for step in run.steps:
        if step.kind is not Kind.LINEAR or len(step.inputs[0]) != 4:
            continue
        source, shape = step.sources[0], step.inputs[0]
        maps = source != INPUT and run.steps[source].receptive_field is not None
        if maps or (run.last(source, makes_shape) == INPUT and shape[1] in _GREY_OR_COLOUR):
            about = (Cause.LINEAR_ON_MAPS, "linear on maps", step.path, prod(shape[1:]), shape[-1])
            return warning(*about, source, step=step.index, shape=shape)
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
            return warning(*about, step=step.index)
    return None


WARNING_SIGNS = (
    silent_broadcast, returns_none, unregistered, always_dropping, softmax_over_batch, shared,
    in_place, unused, linear_on_maps, mixed_batch,
)  # fmt: skip

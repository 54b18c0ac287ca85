"""A network explained step by step, in words, as a teacher would say it aloud."""

import re
from itertools import groupby
from textwrap import wrap

from torch import nn

from layerwise.operations.shapes import Shape, times
from layerwise.tracing.records import Call, Step
from layerwise.tracing.records import Trace
from layerwise.tracing.tracer import trace

from .columns import describe, joins, unit
from .wording import tell

WIDTH = 100  # JupyterLab breaks longer lines in the middle of a word
FOLD_FROM = 60  # steps; in longer networks a block that repeats the one before is folded
_NAMES = {"relu": "ReLU", "sigmoid": "Sigmoid", "tanh": "Tanh", "getitem": "indexing"}


def explain(net: nn.Module, *inputs: Shape) -> None:
    """Print every step of `net`, block by block, with the shape before and after, and why.

    Shapes are batch × channels × rows × columns. Ends with a summary. Raises what `trace` raises.
    """
    print("\n".join(account(trace(net, *inputs))))


def account(t: Trace) -> list[str]:
    """The lines that `explain` prints."""
    shapes = " and ".join(map(times, t.inputs))
    lines = [f"{t.name}, input {shapes} ({_axes_in_words(t.inputs[0])})."]
    if t.note:
        lines.append(t.note)
    ran = [step for step in t.steps if step.op != "unused"]
    owners = [_block(step, t.calls) for step in ran]
    told: dict[Call, _Block] = {}
    before: tuple[str, list] = ("", [])
    for call, group in groupby(ran, key=lambda step: owners[step.index]):
        steps = list(group)
        pattern = [(describe(s), s.inputs, s.output) for s in steps]
        goes_on = call in told
        block = told.setdefault(call, _Block(call, owners))
        block.number(steps)
        lines.append("")
        if len(ran) >= FOLD_FROM and pattern == before[1] and not goes_on:
            lines.append(f"{_title(call)} repeats {before[0] or 'the net'}, step for step.")
        else:
            lines += _block_lines(block, steps, goes_on)
        before = (call.path, pattern)
    return [short for line in [*lines, "", *_summary(t)] for short in _wrapped(line)]


class _Block:
    """One run of a block: the numbers its own steps carry, and where other values come from."""

    def __init__(self, call: Call, owners: list[Call]) -> None:
        self.call, self.owners = call, owners
        self.numbers: dict[int, int] = {}

    def number(self, steps: list[Step]) -> None:
        first = len(self.numbers) + 1
        self.numbers |= {step.index: place for place, step in enumerate(steps, start=first)}

    def origin(self, index: int) -> str:
        """Where the result of the step `index` of the net comes from, seen from here."""
        if index in self.numbers:
            return f"step {self.numbers[index]}"
        if self.call.path and index < self.call.start and len(self.call.inputs) == 1:
            return "the block's input"
        if index < 0:
            return "the net's input"
        path = self.owners[index].path
        return f"the result of {path}" if path else "an earlier step of the net"


def _block(step: Step, calls: tuple[Call, ...]) -> Call:
    """The run of the block a step belongs to.

    That is the nearest submodule with a forward of its own; where there are Sequentials only,
    the innermost of them. A step of a layer belongs to the block around the layer.
    """
    around = [c for c in calls if c.start <= step.index < c.stop and _holds(c.path, step.path)]
    is_layer = (
        len(around) > 1 and around[0].path == step.path and step.op in (around[0].kind, "Identity")
    )
    inner = around[1:] if is_layer else around
    own = (call for call in inner if call.kind not in ("Sequential", "ModuleList"))
    return next(own, inner[0])


def _holds(outer: str, path: str) -> bool:
    return not outer or path == outer or path.startswith(outer + ".")


def _title(call: Call) -> str:
    return f"Block {call.path} ({call.kind})" if call.path else f"The net ({call.kind})"


def _block_lines(block: _Block, steps: list[Step], goes_on: bool) -> list[str]:
    call, numbers = block.call, block.numbers
    given = " and ".join(map(times, call.inputs))
    lines = [f"{_title(call)} goes on" if goes_on else f"{_title(call)}, input {given}"]
    width = len(str(len(numbers) + 1)) + 2
    for step in steps:
        label = step.path.removeprefix(call.path).lstrip(".")
        head = f"{numbers[step.index]:>{width}}. {_name(step, label)}"
        lines.append(f"{head}:  {_change(step)}")
        lines += _packed(_reason(step, block), " " * (width + 2))
    if call.stop == steps[-1].index + 1:
        out = times(call.output)
        kept = "the shape that came in" if out == given else f"where {given} came in"
        lines.append(f"{len(numbers) + 1:>{width}}. Result:  {out}, {kept}.")
    return lines


def _packed(text: str, margin: str) -> list[str]:
    """As many whole sentences to a line as fit."""
    first, *rest = re.split(r"(?<=\.) ", text)
    lines = [margin + first]
    for sentence in rest:
        if len(lines[-1]) + 1 + len(sentence) > WIDTH:
            lines.append(margin + sentence)
        else:
            lines[-1] += f" {sentence}"
    return lines


def _wrapped(line: str) -> list[str]:
    """The line in pieces that fit, under each other behind the number of the step."""
    margin = re.match(r" *(\d+\. )?", line).end()
    return wrap(line, WIDTH, subsequent_indent=" " * margin) or [""]


def _name(step: Step, label: str) -> str:
    what = _NAMES.get(step.op, describe(step))
    if step.settings.get("bias") is False:
        what += ", no bias"
    return f"{label} ({what})" if label else what


def _change(step: Step) -> str:
    if joins(step):
        given = (" + " if step.op == "add" else ", ").join(map(times, step.inputs))
    else:
        given = " and ".join(map(times, dict.fromkeys(step.inputs)))
    return f"{given} → {times(step.output)}"


def _reason(step: Step, block: _Block) -> str:
    """What the step reads, what it does, and why the shape is what it is."""
    if step.op == "add" and joins(step):
        return _tell_add(step, block)
    if step.op == "cat" and joins(step):
        return _tell_cat(step, block)
    text = tell(step)
    if len(step.sources) == 1 and step.sources[0] != step.index - 1:
        text = f"Reads {block.origin(step.sources[0])}. {text}"
    return text


def _tell_add(step: Step, block: _Block) -> str:
    terms = " and ".join(map(block.origin, step.sources))
    if len(set(step.inputs)) > 1:
        shapes = " and ".join(map(times, step.inputs))
        return f"Adds {terms}. Their shapes differ ({shapes}): PyTorch repeats the smaller one."
    return f"Adds {terms}, number by number: both have the same shape."


def _tell_cat(step: Step, block: _Block) -> str:
    dim = step.settings["dim"]
    sizes = " + ".join(str(shape[dim]) for shape in step.inputs)
    what = "channels" if dim == 1 else f"along axis {dim}"
    *most, last = map(block.origin, step.sources)
    return f"Joins {', '.join(most)} and {last}: {sizes} = {step.output[dim]} {what}."


def _axes_in_words(shape: Shape) -> str:
    words = {
        2: "batch of {}, {} features",
        3: "batch of {}, {} channels, length {}",
        4: "batch of {}, {} channels, {} rows, {} columns",
    }
    text = words.get(len(shape), " by ".join(["{}"] * len(shape))).format(*shape)
    return text.replace(" 1 channels", " 1 channel")


def _summary(t: Trace) -> list[str]:
    adds = sum(step.op == "add" and joins(step) for step in t.steps)
    cats = sum(step.op == "cat" and joins(step) for step in t.steps)
    met = [
        f"{n} {what}{'s' if n > 1 else ''}" for n, what in ((adds, "add"), (cats, "concat")) if n
    ]
    batch = t.inputs[0][0] if t.inputs[0] else 1
    unit = "one image" if batch == 1 else f"the batch of {batch}"
    ran = sum(step.op != "unused" for step in t.steps)
    spare = [step for step in t.steps if step.op == "unused"]
    change = f"{' and '.join(map(times, t.inputs))} → {times(t.output)}"
    lines = [f"In all: {change} in {ran} operation{'s' if ran != 1 else ''}."]
    lines.append(f"{t.params:,} parameters, {t.macs:,} MACs for {unit}.")
    lines.append(f"Branches meet in {' and '.join(met)}." if met else "One path, no branches.")
    if spare:
        where = ", ".join(step.path or "the net itself" for step in spare)
        total = sum(step.params for step in spare)
        lines.append(f"Not used by this input: {total:,} parameters, in {where}.")
    return lines

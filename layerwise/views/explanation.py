"""A network explained step by step, in words, as a teacher would say it aloud."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from textwrap import wrap
from typing import Any

from torch import nn

from layerwise.operations.kinds import Kind, Merge
from layerwise.operations.shapes import times
from layerwise.tracing.records import Call, Step, Trace
from layerwise.tracing.tracer import trace

from .columns import describe, images, shapes_of, unit

WIDTH = 100  # JupyterLab breaks longer lines in the middle of a word
FOLD_FROM = 60  # steps; in longer networks what repeats the one before is folded
FOLDED_FROM = 6  # steps, with those that repeat them
_MEETINGS = {
    Merge.ADD: "add",
    Merge.CONCAT: "concat",
    Merge.MULTIPLY: "multiplication",
    Kind.PRODUCT: "matrix product",
}
_COMBINES = {
    "+": "Adds {} and {}",
    "−": "Subtracts {1} from {0}",
    "×": "Multiplies {} by {}",
    "÷": "Divides {} by {}",
}
_AXES = {
    2: ("batch of {}", "{} features"),
    3: ("batch of {}", "{} channels", "length {}"),
    4: ("batch of {}", "{} channels", "{} rows", "{} columns"),
}


def explain(net: nn.Module, *inputs: Any, **keywords: Any) -> None:
    """Print every step of `net`, block by block, with the shape before and after, and why.

    Shapes are batch × channels × rows × columns. Ends with a summary. Takes and raises what
    `trace` does.
    """
    print("\n".join(account(trace(net, *inputs, **keywords))))


def account(t: Trace) -> list[str]:
    """The lines that `explain` prints."""
    lines = wrap(f"{t.name}, {_inputs_in_words(t)}.", WIDTH) + (wrap(t.note, WIDTH) or [])
    owners = [_block_of(step, t.calls) for step in t.steps]
    told: dict[Call, _Block] = {}
    before: tuple[str, list[tuple]] = ("", [])
    for call, group in groupby(t.steps, key=lambda step: owners[step.index]):
        steps = list(group)
        pattern = [_pattern(step) for step in steps]
        goes_on = call in told
        block = told.setdefault(call, _Block(call, owners))
        block.number(steps)
        lines.append("")
        if len(t.steps) >= FOLD_FROM and pattern == before[1] and not goes_on:
            lines += wrap(f"{_title(call)} repeats {before[0] or 'the net'}, step for step.", WIDTH)
        else:
            lines += _block_lines(block, steps, goes_on, fold=len(t.steps) >= FOLD_FROM)
        before = (call.path, pattern)
    return [*lines, "", *(short for line in _summary(t) for short in wrap(line, WIDTH))]


def _pattern(step: Step) -> tuple:
    return describe(step), step.inputs, step.output


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


def _block_of(step: Step, calls: tuple[Call, ...]) -> Call:
    """The run of the block a step belongs to.

    That is the nearest submodule with a forward of its own; where there are Sequentials only,
    the innermost of them. A step of a layer belongs to the block around the layer.
    """
    around = [c for c in calls if c.start <= step.index < c.stop and _holds(c.path, step.path)]
    own = around[0].path == step.path and step.op in (around[0].kind, "Identity")
    inner = around[1:] if own and len(around) > 1 else around
    blocks = (call for call in inner if call.kind not in ("Sequential", "ModuleList"))
    return next(blocks, inner[0])


def _holds(outer: str, path: str) -> bool:
    return not outer or path == outer or path.startswith(outer + ".")


def _title(call: Call) -> str:
    return f"Block {call.path} ({call.kind})" if call.path else f"The net ({call.kind})"


def _block_lines(block: _Block, steps: list[Step], goes_on: bool, *, fold: bool) -> list[str]:
    call, count = block.call, len(block.numbers)
    given = shapes_of(call.inputs) if call.inputs else ""
    head = f"{_title(call)} goes on" if goes_on else _title(call)
    lines = wrap(head if goes_on or not given else f"{head}, input {given}", WIDTH)
    width = len(str(count + 1)) + 2
    margin = " " * (width + 2)
    for told, more in _stretches(steps) if fold else [(steps, 0)]:
        for step in told:
            label = step.path.removeprefix(call.path).lstrip(".")
            number = f"{block.numbers[step.index]:>{width}}. "
            lines += _indented(margin, f"{_name(step, label)}:  {_shape_change(step)}", number)
            lines += _sentence_lines(_reason(step, block), margin)
        if more:
            first, last = (block.numbers[step.index] for step in (told[0], told[-1]))
            again = f"Steps {last + 1} to {last + more * len(told)} repeat steps {first} to {last}."
            lines += _indented(margin, again)
    if call.stop == steps[-1].index + 1:
        out = times(call.output)
        kept = "the shape that came in" if out == given else f"where {given} came in"
        result = f"Result:  {out}, {kept}." if given else f"Result:  {out}."
        lines += _indented(margin, result, f"{count + 1:>{width}}. ")
    return lines


def _stretches(steps: list[Step]) -> Iterator[tuple[list[Step], int]]:
    """Steps to tell, and how often they repeat at once behind that."""
    patterns = [_pattern(step) for step in steps]
    at = 0
    while at < len(steps):
        length, more = 1, 0
        for period in range(1, (len(steps) - at) // 2 + 1):
            runs = 1
            while patterns[at : at + period] == patterns[at + runs * period :][:period]:
                runs += 1
            if runs > 1 and runs * period >= FOLDED_FROM:
                length, more = period, runs - 1
                break
        yield steps[at : at + length], more
        at += length * (more + 1)


def _indented(margin: str, text: str, lead: str = "") -> list[str]:
    """The text in lines that fit, under each other behind the `lead`."""
    return wrap(text, WIDTH, initial_indent=lead or margin, subsequent_indent=margin)


def _sentence_lines(text: str, margin: str) -> list[str]:
    """As many whole sentences to a line as fit."""
    first, *rest = re.split(r"(?<=\.) ", text)
    lines = [first]
    for sentence in rest:
        if len(margin) + len(lines[-1]) + 1 + len(sentence) > WIDTH:
            lines.append(sentence)
        else:
            lines[-1] += f" {sentence}"
    return [short for line in lines for short in _indented(margin, line)]


def _name(step: Step, label: str) -> str:
    title = step.operation.title if step.op == step.function and not step.merges else ""
    what = "indexing" if step.op == "getitem" else title or describe(step)
    if step.settings.get("bias") is False:
        what += ", no bias"
    return f"{label} ({what})" if label else what


def _shape_change(step: Step) -> str:
    between = f" {step.operation.symbol} " if step.merge is Merge.ADD else ", "
    shapes = step.inputs if step.merges else dict.fromkeys(step.inputs)
    given = (between if step.merges else " and ").join(map(times, shapes))
    return f"{given} → {times(step.output)}" if given else f"gives {times(step.output)}"


def _reason(step: Step, block: _Block) -> str:
    """What the step reads, what it does, and why the shape is what it is."""
    origins = list(map(block.origin, step.sources))
    if step.merges and step.merge in (Merge.ADD, Merge.MULTIPLY) and len(origins) == 2:
        told = _COMBINES.get(step.operation.symbol, "Combines {} and {}").format(*origins)
        if len(set(step.inputs)) > 1:
            shapes = shapes_of(step.inputs)
            return f"{told}. Their shapes differ ({shapes}): PyTorch repeats the smaller one."
        return f"{told}, number by number: both have the same shape."
    if len(step.inputs) > 1 and step.merge is not None:
        if step.merge is Merge.CONCAT and len(step.output) == len(step.inputs[0]):
            return _joins(step, origins)
        if len(set(origins)) == 1 and step.operation.symbol in _COMBINES:
            verb = _COMBINES[step.operation.symbol].partition(" ")[0]
            return f"{verb} two tensors that both come from {origins[0]}, number by number."
    same = "The shape stays." if step.output in step.inputs else "The shape changes."
    told = step.operation.describe(step) or same
    if step.sources in ((step.index - 1,), ()):
        return told
    return f"Reads {_listed(list(dict.fromkeys(origins)))}. {told}"


def _joins(step: Step, origins: list[str]) -> str:
    axes = [n for n, size in enumerate(step.output) if size != step.inputs[0][n]]
    dim = axes[0] if axes else 0
    sizes = [shape[dim] for shape in step.inputs]
    told = " + ".join(map(str, sizes))
    if more := step.output[dim] - sum(sizes):
        told += f" + {more} of a constant or a parameter"
    what = {(1, 2): "features", (1, 4): "channels"}.get((dim, len(step.output)))
    different = list(dict.fromkeys(origins))
    many = "" if len(different) == len(origins) else f"{len(origins)} tensors from "
    end = f"{step.output[dim]} {what or f'along axis {dim}'}"
    return f"Joins {many}{_listed(different)}: {told} = {end}."


def _listed(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _inputs_in_words(t: Trace) -> str:
    """The shapes that come in, and what the axes of the first stand for."""
    if not t.inputs:
        return "no input"
    shape, batched = t.inputs[0], images(t) is not None
    words = _AXES.get(len(shape)) if batched else _AXES.get(len(shape) + 1, ("",))[1:]
    told = ", ".join(words).format(*shape) if words else " by ".join(map(str, shape))
    told = told.replace(" 1 channels", " 1 channel")
    return f"input {shapes_of(t.inputs)} ({told})"


def _summary(t: Trace) -> list[str]:
    count = len(t.steps)
    change = f"{shapes_of(t.inputs) if t.inputs else 'no input'} → {times(t.output)}"
    several = len(t.inputs) > 1  # all of them are the source -1
    meet = [s for s in t.steps if len(set(s.sources)) > 1 or (several and s.sources[1:] == (-1,))]
    met = Counter(_MEETINGS.get(step.merge or step.kind, step.op) for step in meet)
    meetings = [f"{n} {what}{'s' if n > 1 else ''}" for what, n in met.most_common()]
    lines = [
        f"In all: {change} in {count} operation{'s' if count != 1 else ''}.",
        f"{t.params:,} parameters, {t.macs:,} MACs for {unit(t)}.",
        f"Branches meet in {_listed(meetings)}." if meetings else "One path, no branches.",
    ]
    if t.unused:
        where = ", ".join(path or "the net itself" for path in t.unused)
        lines.append(f"Not used by this input: {sum(t.unused.values()):,} parameters, in {where}.")
    return lines

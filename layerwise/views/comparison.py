"""Two traces side by side: which line of the layer table is new, changed, gone or not reached."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from math import prod

from layerwise.operations.shapes import times
from layerwise.tracing.module_tree import Block, outline
from layerwise.tracing.records import Step, Trace
from layerwise.views.layer_table import describe
from layerwise.views.wording import sizes

LONGEST = 40  # lines of a table before blocks are folded
COLUMNS = ("layer", "operation", "output", "parameters", "MACs", "receptive field")
BYTES = 4  # of a float32


@dataclass(frozen=True)
class Line:
    """One line of the compared table; texts by column, `before` where the start had another."""

    id: str  # of the block, or "path:op" of the step
    depth: int
    texts: tuple[str, ...]  # one for each of COLUMNS
    steps: tuple[Step, ...]
    before: tuple[str | None, ...] = (None,) * len(COLUMNS)
    status: str = ""  # "", "new", "gone", "failed" or "unreached"
    folded: bool | None = None  # None for a step, which cannot be folded

    @property
    def changed(self) -> bool:
        """Whether any column differs from the start."""
        return self.status == "new" or any(text is not None for text in self.before)

    @property
    def sizes(self) -> tuple[str, ...]:
        """How the window of a convolution or pooling makes its size, a sentence for each axis."""
        if self.folded is not None or len(self.steps) != 1 or not self.steps[0].inputs:
            return ()
        settings = self.steps[0].settings
        return tuple(sizes(self.steps[0])) if {"kernel_size", "dilation"} <= set(settings) else ()


def default_fold(tree: Block) -> frozenset[str]:
    """Ids of the blocks to unfold: from the outermost inwards while the table stays short."""
    unfolded: set[str] = set()
    level, lines = [tree], len(tree.parts)
    while level:
        inner = [part for block in level for part in block.parts if isinstance(part, Block)]
        lines += sum(len(block.parts) for block in inner)
        if lines > LONGEST:
            break
        unfolded |= {block.id for block in inner}
        level = inner
    return frozenset(unfolded)


def lines(tree: Block, unfolded: Collection[str]) -> list[Line]:
    """The lines of one trace, blocks not in `unfolded` as one line each."""
    return list(_lines(tree, unfolded, 0))


def compare(start: list[Line], now: list[Line], failed: Line | None = None) -> list[Line]:
    """The lines of `now`, marked where they differ from `start`.

    With `failed`, the run broke off: the line that failed follows, and what the start had
    behind it is not reached.
    """
    found: list[Line] = []
    matched = list(_matched(start, now))
    if failed is not None:
        while matched and matched[-1][1] is None:
            matched.pop()
    reached = 0
    for old, new in matched:
        if new is None:
            found.append(replace(old, status="gone"))
        elif old is None:
            found.append(replace(new, status="new"))
        else:
            found.append(replace(new, before=_differences(old, new)))
        reached += old is not None
    if failed is None:
        return found
    return [*found, failed, *unreached(start[reached + 1 :])]


def unreached(start: list[Line]) -> list[Line]:
    """Lines of the start that a broken network does not come to."""
    return [replace(line, status="unreached") for line in start]


def unfinished(tree: Block) -> frozenset[str]:
    """Ids of the blocks in which the run broke off; empty for a complete run."""
    inner = [part for part in tree.parts if isinstance(part, Block)]
    own = {part.id for part in inner if not part.call.output}
    return frozenset(own).union(*map(unfinished, inner))


def failed_line(t: Trace, layer: str, expected: object, got: object) -> Line:
    """The line of the layer at which a run broke off, with the two numbers that disagree."""
    depth = sum(1 for call in t.calls if not call.output and call.path not in ("", layer))
    kinds = {call.path: call.kind for call in t.calls}
    clash = "" if got is None else f"expects {_number(expected)}, gets {_number(got)}"
    texts = (layer or "(forward)", f"{kinds.get(layer, '')} breaks here".strip(), clash)
    return Line(f"{layer}:failed", depth, (*texts, "", "", ""), (), status="failed")


def changed_steps(start: Trace, now: Trace) -> frozenset[int]:
    """Indices of the steps of `now` that the start has not, or has with other numbers."""
    pairs = list(zip(start.steps, now.steps, strict=False))
    if len(now.steps) <= len(pairs) and all((a.path, a.op) == (b.path, b.op) for a, b in pairs):
        return frozenset(b.index for a, b in pairs if _facts(a) != _facts(b))
    trees = outline(start), outline(now)
    everything = block_ids(trees[0]) | block_ids(trees[1])
    found = compare(*(lines(tree, everything) for tree in trees))
    return frozenset(line.steps[0].index for line in found if line.changed and line.folded is None)


def _facts(step: Step) -> tuple:
    return step.output, step.params, step.macs, step.receptive_field, step.settings


def block_ids(tree: Block) -> frozenset[str]:
    """Ids of all blocks inside."""
    inner = [part for part in tree.parts if isinstance(part, Block)]
    return frozenset(part.id for part in inner).union(*map(block_ids, inner))


def activation_bytes(t: Trace) -> int:
    """Bytes of every step's output in float32: what a training step has to keep, about."""
    return BYTES * sum(prod(step.output) for step in t.steps if step.output)


def _number(value: object) -> str:
    if isinstance(value, tuple):
        return times(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _lines(block: Block, unfolded: Collection[str], depth: int) -> Iterator[Line]:
    for part in block.parts:
        if not isinstance(part, Block):
            yield _step_line(part, depth)
        else:
            opened = part.id in unfolded
            yield _block_line(part, depth, folded=not opened)
            if opened:
                yield from _lines(part, unfolded, depth + 1)


def _step_line(step: Step, depth: int) -> Line:
    texts = _texts(step.path or "(forward)", describe(step), step, step.params, step.macs)
    return Line(f"{step.path}:{step.op}", depth, texts, (step,))


def _block_line(block: Block, depth: int, *, folded: bool) -> Line:
    last = block.steps[-1]
    texts = _texts(block.id, block.call.kind, last, block.params, block.macs)
    return Line(block.id, depth, texts, block.steps, folded=folded)


def _texts(name: str, operation: str, last: Step, params: int, macs: int) -> tuple[str, ...]:
    field = times(last.receptive_field) if last.receptive_field else ""
    numbers = (f"{params:,}" if params else "", f"{macs:,}" if macs else "")
    return (name, operation, times(last.output), *numbers, field)


def _matched(start: list[Line], now: list[Line]) -> Iterator[tuple[Line | None, Line | None]]:
    """Pairs of lines that are the same layer; None stands for a line that one of them lacks."""
    old_ids, new_ids = [line.id for line in start], [line.id for line in now]
    if old_ids == new_ids:
        yield from zip(start, now, strict=True)
        return
    matcher = SequenceMatcher(None, list(map(_kind, start)), list(map(_kind, now)), False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and j - i == m - k):
            yield from zip(start[i:j], now[k:m], strict=True)
        else:
            yield from ((line, None) for line in start[i:j])
            yield from ((None, line) for line in now[k:m])


def _kind(line: Line) -> tuple[str, str]:
    """What makes two lines the same layer although their numbers changed: block and operation."""
    parent = line.id.rpartition(":")[0].rpartition(".")[0] if line.folded is None else line.id
    return parent, line.texts[1].partition(" ")[0]


def _differences(old: Line, new: Line) -> tuple[str | None, ...]:
    """The old text of each column that differs; the name of a layer may move."""
    pairs = zip(old.texts, new.texts, strict=True)
    return tuple(
        (a or "none") if number and a != b else None for number, (a, b) in enumerate(pairs)
    )

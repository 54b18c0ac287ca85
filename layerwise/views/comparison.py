"""Two traces side by side: which row of the layer table is new, changed, gone or not reached.

The rows of both are paired once, as trees. The table folds the result, the picture marks its
steps, so that both tell the same.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import Enum

from layerwise.operations.kinds import Kind
from layerwise.tracing.module_tree import Block, levels
from layerwise.tracing.records import Failure, Step

from .columns import COLUMNS, Clash, Column, Operation, Row, Words, row, words

LONGEST = 40  # lines of a table before blocks are folded
Part = Block | Step
Pair = tuple[Part | None, Part | None]  # None where a network has no such layer


class Status(Enum):
    """What became of a line since the start."""

    KEPT = ""
    NEW = "+"
    GONE = "-"
    FAILED = "!"
    UNREACHED = "?"


@dataclass(frozen=True)
class Line:
    """One line of the compared table, and the row that the start had in its place."""

    row: Row
    depth: int
    status: Status
    before: Row | None = None
    part: Part | None = None
    folded: bool | None = None  # None for a step, which cannot be folded

    def differs(self, column: Column) -> bool:
        """Whether the start had another value here; the name of a layer may move."""
        if self.before is None or column is COLUMNS[0]:
            return False
        return column.value(self.before) != column.value(self.row)

    @property
    def step(self) -> Step | None:
        """The step that the line stands for, None for a block."""
        return self.part if isinstance(self.part, Step) else None

    @property
    def changed(self) -> bool:
        """Whether the start has no such row, or any other value in it."""
        return self.status is Status.NEW or any(map(self.differs, COLUMNS))

    def words(self, column: Column) -> tuple[Words, Words]:
        """What stood in a column, and what stands there now; settings are told if they differ."""
        before = self.before or self.row
        old, new = column.value(before), column.value(self.row)
        if isinstance(old, Operation) and isinstance(new, Operation):
            told = new.untold(old)
            return old.words(told), new.words(told)
        return words(old), words(new)


def compare(start: Block | None, now: Block | None, failure: Failure | None = None) -> list[Line]:
    """Every line of `now`, marked where it differs from `start`; with no start, no line is marked.

    With `failure`, the run broke off: the line that failed follows, and what the start had
    behind it is not reached. None stands for a network that could not be built.
    """
    if now is None:
        return list(_all_lines(start.parts if start else (), Status.UNREACHED))
    return list(_merged((start or now).parts, now.parts, 0, failure))


def folded(lines: Sequence[Line], unfolded: Collection[str]) -> Iterator[Line]:
    """The lines that show while only the blocks with these ids are unfolded."""
    deepest = float("inf")
    for line in lines:
        if line.depth > deepest:
            continue
        deepest = float("inf")
        if isinstance(line.part, Block):
            shut = line.part.id not in unfolded
            deepest = line.depth if shut else deepest
            line = replace(line, folded=shut)  # noqa: PLW2901
        yield line


def default_fold(tree: Block) -> frozenset[str]:
    """Ids of the blocks to unfold: from the outermost inwards while the table stays short."""
    unfolded: set[str] = set()
    lines = len(tree.parts)
    for level in levels(tree):
        lines += sum(len(block.parts) for block in level)
        if lines > LONGEST:
            break
        unfolded |= {block.id for block in level}
    return frozenset(unfolded)


def unfinished(lines: Sequence[Line]) -> frozenset[str]:
    """Ids of the blocks in which the run broke off; empty for a complete run."""
    return frozenset(
        line.part.id for line in lines if isinstance(line.part, Block) and line.row.output is None
    )


def changed_steps(lines: Sequence[Line]) -> frozenset[int]:
    """Indices of the steps that the start has not, or has with other numbers or settings.

    An Identity has no picture of its own: it counts for the step that it follows too.
    """
    steps = [line.step for line in lines if line.step and line.changed]
    idle = [source for step in steps if step.kind is Kind.IDENTITY for source in step.sources]
    return frozenset([*(step.index for step in steps), *idle])


def _merged(
    old: Sequence[Part], new: Sequence[Part], depth: int, failure: Failure | None
) -> Iterator[Line]:
    """The lines of two lists of parts; a `failure` happened in the last of `new` or behind it."""
    old, new = _put_in_blocks(old, new), _put_in_blocks(new, old)
    known = list(map(_name, old)) == list(map(_name, new))
    pairs = list(_matched(old, new) if known else _matched(old, new, _own_values, _name))
    ran, tail = pairs, []
    if failure is not None:  # what is there now comes before what the start had behind it
        met = max((n for n, pair in enumerate(pairs, start=1) if None not in pair), default=0)
        ran = [pair for n, pair in enumerate(pairs) if n < met or pair[1] is not None]
        tail = [old for old, new in pairs[met:] if old is not None and new is None]
    broke_off = False
    for a, b in ran:
        last = failure is not None and b is ran[-1][1]
        broke_off = last and isinstance(b, Block) and not b.call.output
        yield _line(a, b, depth, broke_off)
        yield from _merged(_parts(a), _parts(b), depth + 1, failure if broke_off else None)
    if broke_off:
        yield from _all_lines(tail, Status.UNREACHED, depth)
    elif failure is not None:
        yield from _from_the_break(tail, failure, depth)


def _from_the_break(tail: Sequence[Part], failure: Failure, depth: int) -> Iterator[Line]:
    """What failed, and what the start had from the break on: before that layer, and after it."""
    same = [n for n, part in enumerate(tail) if _is_what_failed(part, failure, first=not n)]
    here = same[0] if same else -1
    yield from _all_lines(tail[: max(here, 0)], Status.GONE, depth)
    yield Line(_broken(failure), depth, Status.FAILED)
    yield from _all_lines(tail[here + 1 :], Status.UNREACHED, depth)


def _line(old: Part | None, new: Part | None, depth: int, broke_off: bool) -> Line:
    if new is None:
        assert old is not None
        return Line(row(old), depth, Status.GONE, part=old)
    if broke_off:  # part sums say nothing
        whole = row(new)
        return Line(Row(whole.path, whole.operation), depth, Status.KEPT, part=new)
    before = None if old is None else row(old)
    return Line(row(new), depth, Status.KEPT if before else Status.NEW, before, new)


def _broken(failure: Failure) -> Row:
    named = failure.function if failure.block and failure.function else failure.layer
    clash = None if failure.got is None else Clash(failure.expected, failure.got)
    return Row(failure.path, Operation(f"{named} breaks here", {}), clash)


def _all_lines(parts: Sequence[Part], status: Status, depth: int = 0) -> Iterator[Line]:
    """A line for each part, and for all inside."""
    for part in parts:
        yield Line(row(part), depth, status, part=part)
        yield from _all_lines(_parts(part), status, depth + 1)


def _parts(part: Part | None) -> tuple[Part, ...]:
    return part.parts if isinstance(part, Block) else ()


def _is_what_failed(part: Part, failure: Failure, *, first: bool) -> bool:
    """Whether a part of the start did what failed now; the first one may have moved."""
    if isinstance(part, Block) or not (first or part.path == failure.path):
        return False
    return part.function == failure.function if failure.block else part.op == failure.layer


def _put_in_blocks(parts: Sequence[Part], others: Sequence[Part]) -> list[Part]:
    """The parts; one that is alone in a block, of which `others` have more, stands in that block.

    A tree leaves out a block around one thing.
    """
    blocks = [part for part in others if isinstance(part, Block)]
    found: list[Part] = []
    for part in parts:
        path = row(part).path
        output = part.call.output if isinstance(part, Block) else part.output
        around = next((b for b in blocks if path.startswith(f"{b.call.path}.")), None)
        if around is None:
            found.append(part)
        else:
            found.append(Block(around.id, replace(around.call, output=output), (part,)))
    return found


def _matched(old: Sequence[Part], new: Sequence[Part], *keys: Callable) -> Iterator[Pair]:
    """Pairs of parts that are the same layer, in order: alike in the first key, else in the next.

    What no key pairs is in the same place, or new, or gone.
    """
    if keys:
        before, after = list(map(keys[0], old)), list(map(keys[0], new))
        matcher = SequenceMatcher(a=before, b=after, autojunk=False)
        for tag, i, j, k, m in matcher.get_opcodes():
            yield from _matched(old[i:j], new[k:m], *(keys[1:] if tag != "equal" else ()))
    elif list(map(type, old)) == list(map(type, new)):
        yield from zip(old, new, strict=True)
    else:
        yield from ((part, None) for part in old)
        yield from ((None, part) for part in new)


def _own_values(part: Part) -> str:
    """All that a part does by itself, wherever it stands."""
    own = row(part)
    return repr((own.operation, own.output, own.params, own.macs))


def _name(part: Part) -> tuple[type, str]:
    return type(part), row(part).operation.name

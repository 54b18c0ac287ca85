"""Two traces side by side: what became of each row of the layer table since the baseline.

The rows of both are paired once, as trees. The table folds the lines, the picture marks the same
steps, so that both tell the same.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from itertools import accumulate

from layerwise.operations.kinds import Kind
from layerwise.operations.registry import find
from layerwise.tracing.module_tree import Block, levels
from layerwise.tracing.records import Failure, Step

from .columns import COLUMNS, Clash, Column, Row, RowOperation, Words, row, title, words
from .matching import Part, in_blocks, matched, own_numbers
from .matching import kind as kind_of

MOST_LINES = 40  # lines of a table before blocks are folded
INCOMPLETE, NOT_REACHED = "incomplete", "not reached"


class Status(Enum):
    """What became of a line since the baseline: its mark, and what the mark says."""

    SAME = "", ""
    NEW = "+", "new"
    OWN = "≠", "own numbers changed"
    DOWNSTREAM = "↓", "only follows from a change before it"
    GONE = "−", "gone"
    FAILED = "✕", "breaks here"
    UNREACHED = "?", NOT_REACHED

    @property
    def mark(self) -> str:
        """The sign before a line and beside a box."""
        return self.value[0]

    @property
    def meaning(self) -> str:
        """The sign in words."""
        return self.value[1]


@dataclass(frozen=True)
class Line:
    """One line of the compared table, and what the baseline had in its place."""

    depth: int
    status: Status
    part: Part  # of this run; of the baseline where gone or not reached; made up where it failed
    baseline: Part | None = None
    told: Row | None = None  # what the table says in place of the row of the part
    span: range = range(0)  # the numbers of its steps in the picture; none where it is gone
    folded: bool | None = None  # None for a step, which cannot be folded

    @cached_property
    def row(self) -> Row:
        """What the table shows in this line."""
        return self.told or row(self.part)

    @property
    def step(self) -> Step | None:
        """The step that the line stands for, None for a block."""
        return self.part if isinstance(self.part, Step) else None

    @property
    def before(self) -> Row | None:
        """The row of the baseline, None where there is nothing to compare."""
        return self._baseline_row if self.status in _IN_BOTH else None

    @cached_property
    def _baseline_row(self) -> Row | None:
        return None if self.baseline is None else row(self.baseline)

    def differs(self, column: Column) -> bool:
        """Whether the baseline had another value here; the name of a layer may move."""
        if self.status not in (Status.OWN, Status.DOWNSTREAM) or column is COLUMNS[0]:
            return False
        assert self._baseline_row is not None
        return column.value(self._baseline_row) != column.value(self.row)

    def words(self, column: Column) -> tuple[Words, Words]:
        """What stood in a column, and what stands there now; settings are told if they differ."""
        old, new = column.value(self.before or self.row), column.value(self.row)
        if isinstance(old, RowOperation) and isinstance(new, RowOperation):
            told = new.untold(old)
            return old.words(told), new.words(told)
        return words(old), words(new)


_IN_BOTH = (Status.SAME, Status.OWN, Status.DOWNSTREAM)


def compare(
    baseline: Block | None, now: Block | None, failure: Failure | None = None
) -> list[Line]:
    """Every line of `now`, and of `baseline` what is gone, with its status; all same without one.

    With `failure`, the run broke off: the line that failed follows, and what the baseline had
    behind it is not reached. None stands for a network that could not be built.
    """
    if now is None:
        return _with_spans(
            list(_lines_of_status(baseline.parts if baseline else (), Status.UNREACHED))
        )
    return _with_spans(list(_lines((baseline or now).parts, now.parts, 0, failure)))


def _with_spans(lines: Sequence[Line]) -> list[Line]:
    """The lines with their spans: steps are counted in order, those that are gone left out."""
    counted = (isinstance(line.part, Step) and line.status is not Status.GONE for line in lines)
    begin = list(accumulate(counted, initial=0))
    made = []
    for i, line in enumerate(lines):
        behind = (n for n in range(i + 1, len(lines)) if lines[n].depth <= line.depth)
        span = range(begin[i], begin[next(behind, len(lines))])
        made.append(Line(line.depth, line.status, line.part, line.baseline, line.told, span))
    return made


def together(found: Iterable[Status]) -> Status:
    """The status of what holds parts with these."""
    seen = frozenset(found)
    if len(seen) == 1:
        return next(iter(seen))
    if Status.FAILED in seen:
        return Status.FAILED
    if seen & {Status.NEW, Status.OWN, Status.GONE}:
        return Status.OWN
    return Status.DOWNSTREAM if Status.DOWNSTREAM in seen else Status.SAME


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


def default_unfolded(tree: Block) -> frozenset[str]:
    """Ids of the blocks to unfold: from the outermost inwards while the table stays short."""
    unfolded: set[str] = set()
    lines = len(tree.parts)
    for level in levels(tree):
        lines += sum(len(block.parts) for block in level)
        if lines > MOST_LINES:
            break
        unfolded |= {block.id for block in level}
    return frozenset(unfolded)


def unfinished(lines: Sequence[Line]) -> frozenset[str]:
    """Ids of the blocks in which the run broke off; empty for a complete run."""
    return frozenset(
        line.part.id
        for line in lines
        if isinstance(line.part, Block) and line.status is Status.FAILED
    )


# ------------------------------------------------------------------------ a run that came through


def _lines(
    old: Sequence[Part], new: Sequence[Part], depth: int, failure: Failure | None = None
) -> Iterator[Line]:
    """The lines of two lists of parts; a `failure` happened in the last of `new` or behind it."""
    old, new = in_blocks(old, new), in_blocks(new, old)
    if failure is None:
        for pair in matched(old, new):
            yield from _lines_of_pair(*pair, depth)
    else:
        yield from _broken_off(old, new, depth, failure)


def _lines_of_pair(old: Part | None, new: Part | None, depth: int) -> Iterator[Line]:
    """The line of a layer, and those of all that is in it."""
    if new is None:
        assert old is not None
        yield from _lines_of_status([old], Status.GONE, depth)
    elif old is None:
        yield from _lines_of_status([new], Status.NEW, depth)
    elif isinstance(old, Step) and isinstance(new, Step):
        yield Line(depth, _status(old, new), new, old)
    else:
        inside = list(_lines(_parts(old), _parts(new), depth + 1))
        status = together(line.status for line in inside)
        if kind_of(old) != kind_of(new):
            status = Status.OWN
        yield Line(depth, status, new, old)
        yield from inside


def _status(old: Step, new: Step) -> Status:
    alike = old.settings == new.settings and old.params == new.params and title(old) == title(new)
    if not alike and own_numbers(old) != own_numbers(new):
        return Status.OWN
    if (old.output, old.macs) != (new.output, new.macs):
        return Status.OWN if old.inputs == new.inputs else Status.DOWNSTREAM
    same = old.receptive_field == new.receptive_field
    return Status.SAME if same else Status.DOWNSTREAM


def _lines_of_status(parts: Iterable[Part], status: Status, depth: int = 0) -> Iterator[Line]:
    """A line for each part, and for all inside."""
    for part in parts:
        told = None
        if status is Status.UNREACHED:
            usual = row(part)
            told = Row(usual.path, usual.operation, NOT_REACHED)
        yield Line(depth, status, part, told=told)
        yield from _lines_of_status(_parts(part), status, depth + 1)


def _parts(part: Part | None) -> tuple[Part, ...]:
    return part.parts if isinstance(part, Block) else ()


# --------------------------------------------------------------------------- a run that broke off


def _broken_off(
    old: Sequence[Part], new: Sequence[Part], depth: int, failure: Failure
) -> Iterator[Line]:
    """What ran, what failed and, from the baseline, what was not reached."""
    block = new[-1] if new and _stopped_in(new[-1], failure) else None
    ran = new[:-1] if block else new
    here = _index_at_break(old, ran, block, failure)
    if here is None:
        (pairs, rest), was = _up_to_the_break(old, ran), None
    else:
        pairs, rest, was = list(matched(old[:here], ran)), list(old[here + 1 :]), old[here]
    if block is None and isinstance(was, Block):  # nothing ran in it
        block = Block(was.id, replace(was.call, output=()), ())
    for pair in pairs:
        yield from _lines_of_pair(*pair, depth)
    if isinstance(block, Block):
        told = Row(block.id, RowOperation(block.call.kind, {}), None, INCOMPLETE, INCOMPLETE)
        yield Line(depth, Status.FAILED, block, was, told)
        yield from _lines(_parts(was), block.parts, depth + 1, failure)
    else:
        yield _failed_line(failure, was, depth)
    yield from _lines_of_status(rest, Status.UNREACHED, depth)


def _up_to_the_break(
    old: Sequence[Part], ran: Sequence[Part]
) -> tuple[list[tuple[Part | None, Part | None]], list[Part]]:
    """Pairs of what ran, and what the baseline had behind the last of them that it knows."""
    pairs = list(matched(old, ran, complete=False))
    met = max((n for n, pair in enumerate(pairs, start=1) if None not in pair), default=0)
    rest = [was for was, now in pairs[met:] if was is not None and now is None]
    return [pair for n, pair in enumerate(pairs) if n < met or pair[1] is not None], rest


def _index_at_break(
    old: Sequence[Part], ran: Sequence[Part], block: Part | None, failure: Failure
) -> int | None:
    """Where the baseline has what the run broke off in: of the same path if it can be.

    What ran several times before it failed, an add in a long forward, is counted.
    """

    def same_place(part: Part) -> bool:
        if isinstance(block, Block):
            return isinstance(part, Block) and part.id == block.id
        if isinstance(part, Block):
            return _is_in(failure, part)
        return same_kind(part) and part.path == failure.path

    def same_kind(part: Part) -> bool:
        if isinstance(block, Block) or isinstance(part, Block):
            return block is not None and kind_of(part) == kind_of(block)
        return part.function == failure.function if failure.block else part.op == failure.layer

    for same in (same_place, same_kind):
        found = [number for number, part in enumerate(old) if same(part)]
        done = sum(map(same, ran))
        if len(found) > done:
            return found[done]
    return None


def _stopped_in(part: Part, failure: Failure) -> bool:
    return isinstance(part, Block) and not part.call.output and _is_in(failure, part)


def _is_in(failure: Failure, block: Block) -> bool:
    """Whether a block is what failed, or holds it."""
    return f"{failure.path}.".startswith(f"{block.call.path}.")


def _failed_line(failure: Failure, was: Part | None, depth: int) -> Line:
    """What failed, with the output that the baseline had."""
    named = failure.function if failure.block and failure.function else failure.layer
    clash = None if failure.got is None else Clash(failure.expected, failure.got)
    told = Row(failure.path, RowOperation(f"{named} breaks here", {}), clash)
    entry = find(failure.function)
    kind = entry.kind if entry else Kind.OTHER
    step = Step(-1, failure.path, named, failure.function, kind, failure.inputs, (),
                sources=failure.sources)  # fmt: skip
    if isinstance(was, Step):
        step = replace(step, output=was.output)
    return Line(depth, Status.FAILED, step, was, told)

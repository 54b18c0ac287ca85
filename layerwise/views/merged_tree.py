"""The network that a picture shows beside the compared table: the run, and what it never reached.

A run that broke off is completed: behind the failed step stands what the baseline had there, joined
to what ran, so that nothing loses its place.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Step

from .comparison import Line, Status, together
from .matching import Part

INPUT = -1  # in place of the index of a step
Statuses = Mapping[int | str, Status]  # by the index of a step, and by the id of a block


def merged(lines: Sequence[Line], tree: Block) -> tuple[Block, Statuses]:
    """The tree to draw and the status of its steps and blocks, from the lines of `compare`.

    `tree` is that of the run, or of the baseline where nothing ran.
    """
    places = _Places(lines)
    statuses: dict[int | str, Status] = {}
    for line in lines:
        if line.status is Status.GONE:
            places.mark_gone(line.part, statuses)
        elif isinstance(line.part, Block):
            statuses[line.part.id] = line.status
        else:
            statuses[line.span.start] = line.status
    if not {Status.FAILED, Status.UNREACHED}.isdisjoint(statuses.values()):
        parts = _parts(deque(line for line in lines if line.status is not Status.GONE), 0, places)
        tree = replace(tree, parts=parts)
    return tree, statuses


class _Places:
    """Where each step stands in the merged tree, by its index in the run or in the baseline."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._now, self._baseline = {-1: -1}, {-1: -1}
        for line in lines:
            if not isinstance(line.part, Step):
                continue
            number = line.span.start
            if line.status is Status.GONE:  # what it made is what came in
                self._baseline[line.part.index] = self._source(line.part)
                continue
            if line.status is Status.UNREACHED:
                self._baseline[line.part.index] = number
            elif line.status is not Status.FAILED:
                self._now[line.part.index] = number
            if isinstance(line.baseline, Step):
                self._baseline[line.baseline.index] = number

    def moved(self, line: Line) -> Step:
        """The step of a line, at its new place, fed from new places."""
        step, here = line.part, line.span.start
        assert isinstance(step, Step)
        indices = self._baseline if line.status is Status.UNREACHED else self._now
        sources = tuple(indices.get(source, -1) for source in step.sources)
        if line.status is Status.FAILED and not sources:  # it read nothing that is known
            sources = (here - 1,)
        return replace(step, index=here, sources=sources)

    def mark_gone(self, part: Part, statuses: dict[int | str, Status]) -> None:
        """What changed numbers one by one stood in the box of the step before it, which changed."""
        if isinstance(part, Step) and part.inputs[:1] == (part.output,) and not part.macs:
            before = self._source(part)
            if before in statuses:
                statuses[before] = together([statuses[before], Status.GONE])

    def _source(self, step: Step) -> int:
        return self._baseline.get(step.sources[0], -1) if step.sources else -1


def _parts(lines: deque[Line], depth: int, places: _Places) -> tuple[Part, ...]:
    """The parts that the lines in front stand for, as far as they are this deep."""
    parts: list[Part] = []
    while lines and lines[0].depth == depth:
        line = lines.popleft()
        if isinstance(line.part, Step):
            parts.append(places.moved(line))
            continue
        inside = _parts(lines, depth + 1, places)
        if inside:
            parts.append(_block(line.part, inside))
    return tuple(parts)


def _block(block: Block, inside: tuple[Part, ...]) -> Block:
    moved = Block(block.id, block.call, inside)
    first, last = moved.steps[0].index, moved.steps[-1].index
    return replace(moved, call=replace(block.call, start=first, stop=last + 1))

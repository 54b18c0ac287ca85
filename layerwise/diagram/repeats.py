"""Parts that repeat one after the other, gathered in a block: a long forward becomes readable.

A loop in `forward` leaves its body many times in one frame. Where a frame has too many boxes to be
read, the longest run of like rounds becomes one block, "12 × 60 steps", that holds a block for
each round. Rounds are alike if their parts do the same to the same shapes.
"""

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from itertools import accumulate
from operator import eq

from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Call, Step

from .graph import is_named, is_one_box, keeps_shape, uses_of

MOST_BOXES = 28  # in a picture or a frame that can still be read
_FEWEST = 4  # boxes that a run must hold to be worth a block
_LONGEST = 400  # parts of a round

Parts = tuple[Block | Step, ...]


def foldable(tree: Block) -> Block:
    """The same tree with only those blocks that can be folded, and with what repeats in blocks.

    A block whose steps share one box is no block in a picture. Ids of runs begin with "@".
    """
    return _foldable(tree, uses_of(tree.steps))


def _foldable(block: Block, uses: Counter[int]) -> Block:
    if not is_named(block):  # made here
        return block
    inside: list[Block | Step] = []
    for part in block.parts:
        if isinstance(part, Step):
            inside.append(part)
        else:
            inside += part.steps if is_one_box(part, uses) else [_foldable(part, uses)]
    parts = _repeats_in_blocks(tuple(inside), uses)
    return block if parts == block.parts else replace(block, parts=parts)


def _repeats_in_blocks(parts: Parts, uses: Counter[int]) -> Parts:
    """Parts of a frame that can be read, as long as enough of them repeat."""
    while _is_long(parts):
        size, runs = _longest_runs(parts)
        if not runs or sum(map(_is_box, parts[slice(*runs[0])])) < _FEWEST:
            break
        for start, stop in runs:  # from the last: those before it stay where they are
            if _is_long(parts):
                block = _block_of_rounds(parts[start:stop], size, uses)
                parts = (*parts[:start], block, *parts[stop:])
    return parts


def _is_long(parts: Parts) -> bool:
    return len(parts) > MOST_BOXES and sum(map(_is_box, parts)) > MOST_BOXES


def _is_box(part: Block | Step) -> bool:
    return isinstance(part, Block) or not keeps_shape(part)


def _longest_runs(parts: Parts) -> tuple[int, list[tuple[int, int]]]:
    """The parts of a round, and start and stop of the runs with the most boxes, the last first.

    Of rounds of several sizes it takes the shortest, of runs that overlap the last. A first round
    often lacks something, so what is left over stands before the run.
    """
    numbers: dict[Hashable, int] = {}
    codes = [numbers.setdefault(_signature(part), len(numbers)) for part in parts]
    boxes = list(accumulate(map(_is_box, parts), initial=0))
    most, best = 0, 0
    runs: list[tuple[int, int]] = []
    for size in range(1, min(len(codes) // 2, _LONGEST) + 1):
        same = bytes(map(eq, codes, codes[size:]))  # 1 where a part is like that a round later
        for run in re.finditer(rb"\x01{%d,}" % size, same):
            stop = run.end() + size
            start = stop - ((run.end() - run.start()) // size + 1) * size
            found = boxes[stop] - boxes[start]
            if found > most:
                most, best, runs = found, size, []
            if (found, size) == (most, best):
                runs.append((start, stop))
    return best, _apart(runs)


def _apart(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs that do not overlap, from the last to the first."""
    kept: list[tuple[int, int]] = []
    for start, stop in reversed(runs):
        if not kept or stop <= kept[-1][0]:
            kept.append((start, stop))
    return kept


def _signature(part: Block | Step) -> Hashable:
    if isinstance(part, Step):
        return part.op, part.inputs, part.output, part.macs
    return part.call.kind, part.call.inputs, part.call.output, tuple(map(_signature, part.parts))


def _block_of_rounds(parts: Parts, size: int, uses: Counter[int]) -> Block:
    """A block for all rounds, with a block for each in it unless a round is one box."""
    count, first = len(parts) // size, parts[0]
    if size == 1:
        name = first.call.kind if isinstance(first, Block) else first.op
        return _block_of(f"{count} × {name}", parts)
    inside: list[Block | Step] = []
    for i in range(count):
        one = parts[i * size : (i + 1) * size]
        block = _block_of(f"round {i + 1}", _repeats_in_blocks(one, uses))
        inside += one if is_one_box(block, uses) else [block]
    return _block_of(f"{count} × {len(block.steps)} steps", tuple(inside))


def _block_of(kind: str, parts: Parts) -> Block:
    first, last = parts[0], parts[-1]
    start = first.call.start if isinstance(first, Block) else first.index
    stop = last.call.stop if isinstance(last, Block) else last.index + 1
    output = last.call.output if isinstance(last, Block) else last.output
    return Block(f"@{start}-{stop - 1}", Call("", kind, (), output, start, stop), parts)

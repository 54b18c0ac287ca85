"""Parts that repeat one after the other, gathered in a block: a long forward becomes readable.

A loop in `forward` leaves its body many times in one frame. Where a frame has too many boxes to be
read, the longest run of like rounds becomes one block, "12 × 60 steps", that holds a block for
each round. Rounds are alike if their parts do the same to the same shapes.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from itertools import accumulate, groupby
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
    while len(parts) > MOST_BOXES and sum(map(_is_box, parts)) > MOST_BOXES:
        start, stop, size = _longest_run(parts)
        if sum(map(_is_box, parts[start:stop])) < _FEWEST:
            break
        parts = (*parts[:start], _block_of_rounds(parts[start:stop], size, uses), *parts[stop:])
    return parts


def _is_box(part: Block | Step) -> bool:
    return isinstance(part, Block) or not keeps_shape(part)


def _longest_run(parts: Parts) -> tuple[int, int, int]:
    """Start and stop of the run with the most boxes, and the parts of its shortest round.

    A first round often lacks something, so what is left over stands before the run.
    """
    numbers: dict[Hashable, int] = {}
    codes = [numbers.setdefault(_signature(part), len(numbers)) for part in parts]
    boxes = list(accumulate(map(_is_box, parts), initial=0))
    best = (0, 0, 0, 0)
    for size in range(1, min(len(codes) // 2, _LONGEST) + 1):
        stop = size
        for same, run in groupby(map(eq, codes, codes[size:])):
            length = sum(1 for _ in run)
            stop += length
            if same and length >= size:
                start = stop - (length // size + 1) * size
                best = max(best, (boxes[stop] - boxes[start], -size, start, stop))
    return best[2], best[3], -best[1]


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

"""Which layers of two networks are the same one: rows that agree in all first, then like ones."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Step

from .columns import operation, row, title

Part = Block | Step
Pair = tuple[Part | None, Part | None]  # None where a network has no such layer
Key = Callable[[Part], Hashable]


def matched(old: Sequence[Part], new: Sequence[Part], *, complete: bool = True) -> Iterator[Pair]:
    """Pairs of parts that are the same layer, in order.

    Where both have the same kinds in the same order, each is the other's. Elsewhere rows that
    agree in every column find each other, then layers with the same settings and parameters, then
    those of one kind, always from the front; what is left is in the same place, or new, or gone.
    A `new` that is not `complete` broke off: its last part need not be the last of `old`.
    """
    known = list(map(kind, old)) == list(map(kind, new))
    keys: Sequence[Key] = () if known else (_columns, own_numbers, kind)
    yield from _paired(old, new, keys, complete)


def own_numbers(part: Part) -> Hashable:
    """What a part does by itself, whatever arrives at it: its operation, settings, parameters."""
    if isinstance(part, Block):
        return kind(part), part.params
    own = operation(part)
    settings = {**own.settings, "output_size": part.settings.get("output_size")}
    return kind(part), repr(sorted(settings.items())), part.params


def kind(part: Part) -> Hashable:
    """The name under which a table shows a part."""
    return type(part), title(part)


def in_blocks(parts: Sequence[Part], others: Sequence[Part]) -> list[Part]:
    """The parts; one that is alone in a block, of which `others` have more, stands in that block.

    A tree leaves out a block around one thing.
    """
    blocks = [part for part in others if isinstance(part, Block)]
    if not blocks:
        return list(parts)
    found: list[Part] = []
    for part in parts:
        path, output = (
            (part.id, part.call.output) if isinstance(part, Block) else (part.path, part.output)
        )
        around = next((b for b in blocks if path.startswith(f"{b.call.path}.")), None)
        if around is None:
            found.append(part)
        else:
            found.append(Block(around.id, replace(around.call, output=output), (part,)))
    return found


def _columns(part: Part) -> Hashable:
    told = row(part)
    return own_numbers(part), told.output, told.macs


def _paired(
    old: Sequence[Part], new: Sequence[Part], keys: Sequence[Key], complete: bool
) -> Iterator[Pair]:
    """Pairs alike in the first key, and between them those alike in the next."""
    if not (keys and old and new):
        yield from _in_their_places(old, new)
        return
    before, after = list(map(keys[0], old)), list(map(keys[0], new))
    i = k = 0
    for a, b, size in _runs(before, after, complete):
        yield from _paired(old[i:a], new[k:b], keys[1:], True)
        yield from zip(old[a : a + size], new[b : b + size], strict=True)
        i, k = a + size, b + size
    yield from _paired(old[i:], new[k:], keys[1:], complete)


def _runs(
    old: Sequence[Hashable], new: Sequence[Hashable], complete: bool
) -> Iterator[tuple[int, int, int]]:
    """Runs of equal keys, from the front: where each starts in both, and its length."""
    front = _alike(old, new)
    behind = _alike(old[front:][::-1], new[front:][::-1]) if complete else 0
    yield 0, 0, front
    a, b = len(old) - behind, len(new) - behind
    between = SequenceMatcher(a=old[front:a], b=new[front:b], autojunk=False)
    for i, k, size in between.get_matching_blocks():
        yield front + i, front + k, size
    yield a, b, behind


def _alike(old: Sequence[Hashable], new: Sequence[Hashable]) -> int:
    """How many keys at the front are the same."""
    differ = (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    return next(differ, min(len(old), len(new)))


def _in_their_places(old: Sequence[Part], new: Sequence[Part]) -> Iterator[Pair]:
    if list(map(type, old)) == list(map(type, new)):
        yield from zip(old, new, strict=True)
    else:
        yield from ((part, None) for part in old)
        yield from ((None, part) for part in new)

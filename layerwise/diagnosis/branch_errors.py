"""Branches that meet and do not fit: at an add, at a product, at a concat.

Each function takes the Breakdown of a run that ended there, and gives a Finding or None.
"""

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any

from layerwise.operations.kinds import Merge
from layerwise.operations.shapes import Shape, ShapeError, broadcast
from layerwise.tracing.records import Step

from .breakdown import Breakdown, makes_channels, resizes
from .findings import Cause, Finding


def shortcut(b: Breakdown) -> Finding | None:
    """Two shapes at an add that differ: in channels, in size, or both."""
    inputs, sources = b.failure.inputs, b.failure.sources
    if b.entry.merge not in (Merge.ADD, Merge.MULTIPLY) or len(b.failure.shapes) != 2:
        return None
    if _broadcast(*b.failure.shapes):
        return None
    if len(sources) < 2:
        one, two = b.failure.shapes
        return b.finding(Cause.SHORTCUT, "constant", "constant", *b.numbers, one=one, two=two)
    if b.entry.merge is Merge.MULTIPLY:
        return _product(b)
    fork = b.fork(sources)
    ways = [b.branch(source, fork) for source in sources]
    long, short = (0, 1) if len(ways[0]) >= len(ways[1]) else (1, 0)
    block, skip = inputs[long], inputs[short]
    changes, why = _changes(ways[long]), "another shortcut" if ways[short] else "unchanged"
    if not changes:
        changes, why = _changes(ways[short]), "on the shortcut"
    return b.finding(
        Cause.SHORTCUT, "shortcut", why if changes else "fork", *clashing(block, skip),
        changes[0] if changes else None,
        block=block, skip=skip, differ=(block, skip), changes=changes[:2], fork=fork,
        kept=b.shape(fork), last=ways[short][-1].index if ways[short] else None,
    )  # fmt: skip


def _broadcast(a: Shape, b: Shape) -> bool:
    """Whether both shapes go together: then types, or a write in place, ended the run."""
    try:
        return bool(broadcast(a, b)) or a == b
    except ShapeError:
        return False


def _join(b: Breakdown, shapes: Sequence[Shape]) -> bool:
    """Whether the shapes are not to blame: they agree, or there is no axis to join them along."""
    along, axes = b.failure.settings.get("dim", 0), min(map(len, shapes))
    if b.failure.function == "stack":
        return len(set(shapes)) == 1
    return len(set(shapes)) == 1 or not -axes <= along < axes


def clashing(a: Shape, b: Shape, joined: int = -1) -> tuple[int, int]:
    """The first two numbers that differ, in an axis that is not joined if there is one.

    The counts of axes where these differ.
    """
    if len(a) != len(b):
        return len(a), len(b)
    pairs = {i: (m, n) for i, (m, n) in enumerate(zip(a, b, strict=True)) if m != n}
    return next((pairs[i] for i in pairs if i != joined), next(iter(pairs.values())))


def _changes(way: list[Step]) -> list[int]:
    """The steps of a way that change the shape of an image."""
    return [s.index for s in way if s.inputs and s.inputs[0][1:] != s.output[1:]]


def _product(b: Breakdown) -> Finding:
    """A product of a map and of one number for each channel, of other channels."""
    ways = zip(b.failure.inputs, b.failure.sources, strict=True)
    (small, source), (large, _) = sorted(ways, key=lambda way: prod(way[0]))
    pairs = zip(reversed(large), reversed(small), strict=False)
    pair = next((m, n) for m, n in pairs if m != n and 1 not in (m, n))
    maker = b.last(source, makes_channels)
    why = b.why(maker, "makes this")
    return b.finding(Cause.BRANCHES, "gate", why, *pair, maker, large=large, small=small)


def branches(b: Breakdown) -> Finding | None:
    """Feature maps at a concat that differ in more than the axis they are joined along."""
    shapes, sources = b.failure.inputs, b.failure.sources
    if b.entry.merge is not Merge.CONCAT or len(shapes) < 2 or _join(b, shapes):
        return None
    odd = _odd_one(shapes)
    others = [shape for i, shape in enumerate(shapes) if i != odd]
    what = "branches" if len(others) > 1 else "two branches"
    about: dict[str, Any] = {
        "number": odd + 1,
        "count": len(shapes),
        "odd": shapes[odd],
        "others": others,
    }
    numbers = clashing(others[0], shapes[odd], joined=1)
    axes = {len(shape) for shape in shapes}
    if len(axes) == 1 < min(axes) and len({(s[0], *s[2:]) for s in shapes}) == 1:
        why = "stacked" if b.failure.function == "stack" else "along"  # dim=1 would join them
        about["along"] = b.failure.settings.get("dim", 0) % min(axes)
        about["unit"] = "channels" if min(axes) > 2 else "features"
        total = sum(shape[1] for shape in shapes)
        return b.finding(Cause.BRANCHES, what, why, *numbers, total=total, **about)
    fork = b.fork(sources)
    ways = [[s for s in b.branch(i, fork) if resizes(s)] for i in sources]
    mine = [s for s in ways[odd] if _moves_by_one(s)] or ways[odd]
    step = mine[-1] if mine else next((way[-1] for way in ways if way), None)
    padding = _keeping_padding(mine[-1]) if mine else None
    why = ("inside" if padding is None else "inside padding") if mine else "keeps, another"
    return b.finding(
        Cause.BRANCHES, what, why if step else "keeps", *numbers, step.index if step else None,
        kept=b.shape(fork), padding=padding, **about,
    )  # fmt: skip


def _odd_one(shapes: tuple[Shape, ...]) -> int:
    """The branch whose rows and columns the others do not have."""
    common = Counter(shape[2:] for shape in shapes).most_common(1)[0][0]
    odd = (i for i, shape in enumerate(shapes) if shape[2:] != common)
    return next(odd, len(shapes) - 1)


def _moves_by_one(step: Step) -> bool:
    """Whether its window moves on by 1, so that the right padding would keep the size."""
    return set(step.settings.get("stride", ())) == {1}


def _keeping_padding(step: Step) -> int | None:
    """The padding that would keep the size, where one does."""
    kernel, dilation = step.settings.get("kernel_size", ()), step.settings.get("dilation", 1)
    spread = dilation[0] if isinstance(dilation, tuple) else dilation
    if len(set(kernel)) != 1 or not _moves_by_one(step) or spread * (kernel[0] - 1) % 2:
        return None
    return int(spread * (kernel[0] - 1) // 2)


BRANCH_CHECKS = (shortcut, branches)

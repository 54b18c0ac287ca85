"""Branches that meet and do not fit: at an add, at a product, at a concat.

Each function takes the Story of a run that ended there, and gives a Finding or None.
"""

from collections import Counter
from math import prod

from layerwise.operations.shapes import Shape, times
from layerwise.tracing.records import Step

from .breakdown import Finding, Story, image, pixels, resizes


def shortcut(story: Story) -> Finding | None:
    """Two shapes at an add that differ: in channels, in size, or both."""
    if story.operation not in _VERBS or len(story.shapes) != 2:
        return None
    inputs, sources = story.failure.inputs, story.failure.sources
    if len(sources) < 2:
        return _constant(story)
    if story.operation in ("mul", "div"):
        return _gate(story)
    fork = story.fork(sources)
    ways = [story.branch(source, fork) for source in sources]
    long, short = (0, 1) if len(ways[0]) >= len(ways[1]) else (1, 0)
    block, skip = inputs[long], inputs[short]
    headline = f"{story.place} cannot {_VERBS[story.operation]} {image(block)} and {image(skip)}: "
    headline += f"{_difference(block, skip)}."
    cause = _skipping(story, ways[long], ways[short], fork)
    return story.finding("shortcut", headline, cause, *clashing(block, skip))


_VERBS = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}


def clashing(a: Shape, b: Shape) -> tuple[int, int]:
    """The first two numbers that differ; the counts of axes where these do."""
    if len(a) != len(b):
        return len(a), len(b)
    return next((m, n) for m, n in zip(a, b, strict=True) if m != n)


def _gate(story: Story) -> Finding:
    """A product of a map and of one number for each channel, of other channels."""
    ways = zip(story.failure.inputs, story.failure.sources, strict=True)
    (small, source), (large, _) = sorted(ways, key=lambda way: prod(way[0]))
    pairs = zip(reversed(large), reversed(small), strict=False)
    pair = next((m, n) for m, n in pairs if m != n and 1 not in (m, n))
    headline = (
        f"{story.place} cannot {_VERBS[story.operation]} {image(large)} and {image(small)}: "
        f"{pair[0]} against {pair[1]}."
    )
    cause = f"{story.what(story.channel_maker(source))} makes {pair[1]}."
    return story.finding("branches", headline, cause, *pair)


def _difference(a: Shape, b: Shape) -> str:
    """In words: "they differ in channels (128 and 64) and in size (28×28 and 56×56)"."""
    if len(a) != len(b):
        return f"one has {len(a)} dimensions, the other {len(b)}"
    parts = []
    if a[0] != b[0]:
        parts.append(f"in the batch ({a[0]} and {b[0]})")
    if a[1:2] != b[1:2]:
        parts.append(f"in {'channels' if len(a) > 2 else 'features'} ({a[1]} and {b[1]})")
    if a[2:] != b[2:]:
        parts.append(f"in size ({pixels(a)} and {pixels(b)})")
    return f"they differ {' and '.join(parts)}"


def _skipping(story: Story, block: list[Step], skip: list[Step], fork: int) -> str:
    """What the block changes that the shortcut does not."""
    changes = [s for s in block if s.inputs and s.inputs[0][1:] != s.output[1:]]
    if not changes:
        changes = [s for s in skip if s.inputs and s.inputs[0][1:] != s.output[1:]]
    if not changes:
        return f"Both come from {story.what(fork)}."
    told = " and ".join(
        f"{story.what(s.index)} makes {image(s.output)} out of {image(s.inputs[0])}"
        for s in changes[:2]
    )
    if skip and changes[0] in block:
        last = skip[-1]
        return f"{told}, but on the shortcut {story.what(last.index)} makes {image(last.output)}."
    if changes[0] in block:
        return f"{told}, but the shortcut passes {image(story.shape(fork))} on unchanged."
    return f"{told} on the shortcut, but the block keeps {image(story.shape(fork))}."


def _constant(story: Story) -> Finding:
    mine, other = story.shapes
    headline = f"{story.place} cannot combine {times(mine)} and {times(other)}."
    cause = "One of the two is a parameter or a constant of the network, made for another shape."
    return story.finding("shortcut", headline, cause, *story.numbers)


def branches(story: Story) -> Finding | None:
    """Feature maps at a concat that differ in more than the axis they are joined along."""
    if story.operation not in ("cat", "concat", "concatenate", "stack"):
        return None
    shapes, sources = story.failure.inputs, story.failure.sources
    if len(shapes) < 2:
        return None
    odd = _odd_one(shapes)
    others = [shape for i, shape in enumerate(shapes) if i != odd]
    rest = ", ".join(dict.fromkeys(map(image, others)))
    headline = (
        f"{story.place} cannot join its branches: branch {odd + 1} of {len(shapes)} is "
        f"{image(shapes[odd])}, the {'others are' if len(others) > 1 else 'other is'} {rest}."
    )
    fork = story.fork(sources)
    ways = [[s for s in story.branch(i, fork) if resizes(s)] for i in sources]
    numbers = _unequal(others[0], shapes[odd])
    return story.finding("branches", headline, _resized(story, ways, odd, fork), *numbers)


def _odd_one(shapes: tuple[Shape, ...]) -> int:
    """The branch whose rows and columns the others do not have."""
    common = Counter(shape[2:] for shape in shapes).most_common(1)[0][0]
    odd = (i for i, shape in enumerate(shapes) if shape[2:] != common)
    return next(odd, len(shapes) - 1)


def _unequal(a: Shape, b: Shape) -> tuple[int, int]:
    """The first two numbers that differ beside the channels, which a concat may join."""
    if len(a) != len(b):
        return len(a), len(b)
    pairs = [(m, n) for i, (m, n) in enumerate(zip(a, b, strict=True)) if m != n and i != 1]
    return pairs[0] if pairs else clashing(a, b)


def _resized(story: Story, ways: list[list[Step]], odd: int, fork: int) -> str:
    """The layer in the odd branch that changed its size; or that it changed none."""
    mine = [s for s in ways[odd] if _stands(s)] or ways[odd]
    if mine:
        step = mine[-1]
        made, read = pixels(step.output), pixels(step.inputs[0])
        text = f"in branch {odd + 1}, {story.what(step.index)} makes {made} out of {read}"
        return text + _keeping(step) + "."
    text = f"branch {odd + 1} keeps {image(story.shape(fork))}"
    other = next((way[-1] for way in ways if way), None)
    if other is None:
        return text + "."
    return f"{text}, but {story.what(other.index)} makes {pixels(other.output)}."


def _stands(step: Step) -> bool:
    """Whether its window moves on by 1, so that the right padding would keep the size."""
    return set(step.settings.get("stride", ())) == {1}


def _keeping(step: Step) -> str:
    """The padding that would keep the size, where one does."""
    kernel, dilation = step.settings.get("kernel_size", ()), step.settings.get("dilation", 1)
    spread = dilation[0] if isinstance(dilation, tuple) else dilation
    if len(set(kernel)) != 1 or not _stands(step) or spread * (kernel[0] - 1) % 2:
        return ""
    return f"; padding {spread * (kernel[0] - 1) // 2} would keep {pixels(step.inputs[0])}"


MEETINGS = (shortcut, branches)

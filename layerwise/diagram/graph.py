"""What a picture shows of a trace: boxes, the frames around them, and who feeds whom.

A block is one box while it is folded and a frame around its parts when it is unfolded. A step
that keeps the shape (ReLU, batch norm, dropout) has no box: it belongs to the box it acts on.
An Identity has none either: what leaves it is what came in.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from layerwise.operations.kinds import Kind, Merge
from layerwise.operations.shapes import Shape
from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Step


@dataclass(slots=True, eq=False)
class Item:
    """One box: its place in the order, what it stands for, and the shape that leaves it.

    `kind` is "input", "map", "slab" (keeps the shape, alone in its frame), "cat", "join" (an
    add, a product: feature maps of one shape meet), "block" or "broken".
    """

    number: int
    kind: str
    id: str  # a block's own id, "@17" for step 17, "@input", "@broken"
    shape: Shape
    steps: list[Step] = field(default_factory=list)
    block: Block | None = None
    text: str = ""  # what the failed step says; "input", or how many there are


@dataclass(slots=True, eq=False)
class Frame:
    """An unfolded block and its parts; the outermost frame is the whole network."""

    block: Block
    parts: "list[Item | Frame]"


@dataclass(frozen=True)
class View:
    """The tree of what is visible, its boxes in order, and who feeds whom."""

    root: Frame
    items: list[Item]
    sources: list[list[int]]  # for each box: the numbers of the boxes that feed it, in order

    @cached_property
    def reaches(self) -> list[int]:
        """For each box: the last box that it feeds, itself if none."""
        last = list(range(len(self.items)))
        for number, sources in enumerate(self.sources):
            for source in sources:
                last[source] = max(last[source], number)
        return last


_IDENTITY = Kind.IDENTITY  # a member is slow to look up, and every step is asked
_INPUT = {0: "no input", 1: "input"}


def view(tree: Block, unfolded: Collection[str], failed: str | None = None) -> View:
    """What is visible of a foldable tree when the blocks `unfolded` are.

    `failed` is what stands under a broken box behind all others.
    """
    viewer = _Viewer(frozenset(unfolded), uses_of(tree.steps))
    root = Frame(tree, [])
    inputs = tree.call.inputs
    first = viewer.item(root, "input", "@input", inputs[0] if inputs else ())
    first.text = _INPUT.get(len(inputs), f"{len(inputs)} inputs")
    viewer.owner[-1] = first
    viewer.fill(root, tree)
    items, sources = viewer.items, viewer.sources()
    if failed is not None:
        sources.append([items[-1].number])
        viewer.item(root, "broken", "@broken", items[-1].shape).text = failed
    return View(root, items, sources)


def levels(tree: Block) -> list[list[Block]]:
    """The blocks that a picture can fold and unfold: the outermost first, level by level."""
    found, level = [], [tree]
    while level:
        level = [part for block in level for part in block.parts if isinstance(part, Block)]
        found += [level] if level else []
    return found


def keeps_shape(step: Step) -> bool:
    """Whether a step changes numbers one by one, or within a channel, and no shape."""
    return (
        len(set(step.sources)) == 1
        and step.output == step.inputs[0]
        and not step.macs
        and "kernel_size" not in step.settings
    )


def is_named(block: Block) -> bool:
    """Whether a block is a submodule, with its path for an id, or a run of parts that repeat."""
    return not block.id.startswith("@")


def title(block: Block, gap: str = "  ") -> str:
    """What stands over an unfolded block: its kind and its path, where it has one."""
    return f"{block.call.kind}{gap}{block.id}" if is_named(block) else block.call.kind


class _Viewer:
    """Makes the boxes of one view."""

    def __init__(self, unfolded: frozenset[str], uses: Counter[int]) -> None:
        self.unfolded, self.uses = unfolded, uses
        self.items: list[Item] = []
        self.owner: dict[int, Item] = {}  # step -> the box that stands for it

    def item(self, frame: Frame, kind: str, name: str, shape: Shape) -> Item:
        item = Item(len(self.items), kind, name, shape)
        self.items.append(item)
        frame.parts.append(item)
        return item

    def fill(self, frame: Frame, block: Block) -> None:
        for part in block.parts:
            if isinstance(part, Step):
                self._add(frame, part)
            elif part.id in self.unfolded:
                inner = Frame(part, [])
                frame.parts.append(inner)
                self.fill(inner, part)
            else:
                item = self.item(frame, "block", part.id, part.call.output)
                item.block, item.steps = part, list(part.steps)
                self.owner.update(dict.fromkeys([step.index for step in item.steps], item))

    def _add(self, frame: Frame, step: Step) -> None:
        before = self.owner[step.sources[0]] if step.sources else None
        if before and _is_idle(step):
            self.owner[step.index] = before
            return
        keeps = keeps_shape(step)
        if before and keeps and self.uses[step.sources[0]] == 1:
            ends = before.steps and before.steps[-1].index == step.sources[0]
            if ends and before.kind != "block" and before in frame.parts:
                before.steps.append(step)
                self.owner[step.index] = before
                return
        kind = "slab" if keeps else _kind(step)
        item = self.item(frame, kind, f"@{step.index}", step.output)
        item.steps.append(step)
        self.owner[step.index] = item

    def sources(self) -> list[list[int]]:
        found: list[set[int]] = [set() for _ in self.items]
        for item in self.items:
            for step in item.steps:
                found[item.number].update([self.owner[source].number for source in step.sources])
            found[item.number].discard(item.number)
        return [sorted(numbers) for numbers in found]


def _kind(step: Step) -> str:
    if len(set(step.sources)) < 2:
        return "map"
    if step.merge is Merge.CONCAT:
        return "cat"
    return "map" if step.macs or step.params else "join"


def _is_idle(step: Step) -> bool:
    return step.kind is _IDENTITY and len(set(step.sources)) == 1


def uses_of(steps: Iterable[Step]) -> Counter[int]:
    """How many steps read each step's output; what an Identity passes on has one reader more."""
    return Counter([source for step in steps for source in set(step.sources)])


def is_one_box(block: Block, uses: Counter[int]) -> bool:
    """Whether all steps of a block share one box, so that there is nothing to unfold."""
    steps = [step for step in block.steps if not _is_idle(step)]
    return all(
        keeps_shape(step) and step.sources[0] == before.index and uses[before.index] == 1
        for before, step in pairwise(steps)
    )

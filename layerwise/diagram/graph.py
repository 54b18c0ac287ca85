"""What a picture shows of a trace: boxes, the frames around them, and who feeds whom.

A block is one box while it is folded and a frame around its parts when it is unfolded. A step
that keeps the shape (ReLU, batch norm, dropout) has no box: it belongs to the box it acts on.
An Identity has none either: what leaves it is what came in.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from layerwise.operations.kinds import Kind, Merge
from layerwise.operations.shapes import Shape
from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Step
from layerwise.views.comparison import Status, together
from layerwise.views.merged_tree import INPUT, Statuses

_IDENTITY = Kind.IDENTITY  # a member is slow to look up, and every step is asked


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
    text: str = ""  # what the failed step says, in lines; "input", or how many there are
    status: Status = Status.SAME  # since the start, of all that it stands for


@dataclass(slots=True, eq=False)
class Frame:
    """An unfolded block and its parts; the outermost frame is the whole network."""

    block: Block
    parts: "list[Item | Frame]" = field(default_factory=list)


class View:
    """What is visible of a foldable tree when the blocks `unfolded` are.

    `root` is the tree of frames and boxes, `items` the boxes in order. For each box, `sources`
    are the numbers of those that feed it, and `reaches` is the last that it feeds, itself if none.
    """

    def __init__(
        self,
        tree: Block,
        unfolded: Collection[str],
        statuses: Statuses | None = None,
        failed: str = "",
    ) -> None:
        """`statuses` say what became of steps and blocks, and `failed` what stands at the break.

        The input's is that of INPUT.
        """
        self._unfolded, self._uses = frozenset(unfolded), uses_of(tree.steps)
        self._statuses, self._failed = statuses or {}, failed
        self.root, self.items = Frame(tree), list[Item]()
        inputs = tree.call.inputs
        text = {0: "no input", 1: "input"}.get(len(inputs), f"{len(inputs)} inputs")
        first = self._item(self.root, "input", "@input", inputs[0] if inputs else (), text=text)
        self._owner = {INPUT: first}  # step -> the box that stands for it
        self._fill(self.root)
        self._set_statuses()
        self.sources = list(map(self._sources, self.items))
        self.reaches = list(range(len(self.items)))
        for number, sources in enumerate(self.sources):
            for source in sources:
                self.reaches[source] = number

    def status(self, block: Block) -> Status:
        """What became of a block; of one that the comparison does not know, of its steps."""
        if block.id in self._statuses:
            return self._statuses[block.id]
        return together(self._statuses.get(step.index, Status.SAME) for step in block.steps)

    def _set_statuses(self) -> None:
        """Of each box; an Identity counts for the box whose output it passes on."""
        inside: defaultdict[int, list[Status]] = defaultdict(list)
        for index, item in self._owner.items():
            inside[item.number].append(self._statuses.get(index, Status.SAME))
        self.items[0].status = self._statuses.get(INPUT, Status.SAME)
        for item in self.items[1:]:
            item.status = self.status(item.block) if item.block else together(inside[item.number])

    def _item(
        self, frame: Frame, kind: str, name: str, shape: Shape, *steps: Step, text: str = ""
    ) -> Item:
        item = Item(len(self.items), kind, name, shape, list(steps), text=text)
        self.items.append(item)
        frame.parts.append(item)
        return item

    def _fill(self, frame: Frame) -> None:
        for part in frame.block.parts:
            if isinstance(part, Step):
                self._owner[part.index] = self._box_of(frame, part)
            elif part.id in self._unfolded:
                inner = Frame(part)
                frame.parts.append(inner)
                self._fill(inner)
            else:
                item = self._item(frame, "block", part.id, part.call.output, *part.steps)
                item.block = part
                self._owner.update(dict.fromkeys([step.index for step in part.steps], item))

    def _box_of(self, frame: Frame, step: Step) -> Item:
        """The box that a step belongs to: that of the step before it, or one of its own."""
        if self._statuses.get(step.index) is Status.FAILED:
            return self._item(frame, "broken", "@broken", step.output, step, text=self._failed)
        before = self._owner[step.sources[0]] if step.sources else None
        if before and _is_idle(step):
            return before
        keeps = keeps_shape(step)
        if before and keeps and self._uses[step.sources[0]] == 1:
            ends = before.steps and before.steps[-1].index == step.sources[0]
            if ends and before.kind != "block" and before in frame.parts:
                before.steps.append(step)
                return before
        kind = "slab" if keeps else _kind(step)
        return self._item(frame, kind, f"@{step.index}", step.output, step)

    def _sources(self, item: Item) -> list[int]:
        feeding = {self._owner[n].number for step in item.steps for n in step.sources}
        return sorted(feeding - {item.number})


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

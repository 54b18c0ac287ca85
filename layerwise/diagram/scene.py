"""What a layout makes and a painter paints: boxes, frames and wires, in pixels, y downwards."""

from dataclasses import dataclass, field

from layerwise.tracing.module_tree import Block

from .box_sizes import Solid
from .graph import Item, View


@dataclass(slots=True)
class Box:
    """One box: its outer rectangle with the words, and its front face at (left, middle)."""

    item: Item
    x: float
    y: float
    width: float
    height: float
    left: float
    middle: float
    solid: Solid
    lines: list[str]
    title: str  # the shape over it, "" where it says nothing new


@dataclass(slots=True)
class Group:
    """The frame of an unfolded block."""

    block: Block
    x: float
    y: float
    width: float
    height: float


@dataclass(slots=True)
class Wire:
    """A piece of the way of one box's output; `target` is the box that it ends at, if any.

    Between two points that differ in x and y it is an S-shaped curve; a wire that `turns` has
    rounded corners instead. `skips` tells a way past other boxes.
    """

    source: int
    points: list[tuple[float, float]]
    target: int | None = None
    turns: bool = False
    skips: bool = False


@dataclass(slots=True)
class Scene:
    """Everything that a picture draws, in the order in which it runs, and its size."""

    view: View
    things: list[Box | Group] = field(default_factory=list)  # a frame before what is in it
    wires: list[Wire] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0

    @property
    def boxes(self) -> list[Box]:
        """What stands for steps and for folded blocks."""
        return [thing for thing in self.things if isinstance(thing, Box)]

    @property
    def groups(self) -> list[Group]:
        """The frames of unfolded blocks, outer ones first."""
        return [thing for thing in self.things if isinstance(thing, Group)]

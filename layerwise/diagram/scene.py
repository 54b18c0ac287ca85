"""What a layout makes and a painter paints: boxes, frames and wires, in pixels, y downwards."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from layerwise.tracing.module_tree import Block

from .box_sizes import BoxSize
from .graph import Item, View
from .svg_text import Area

Points = list[tuple[float, float]]


class Box(NamedTuple):
    """One box: its area with the words, and its front face, whose left end is at (left, middle)."""

    item: Item
    area: Area
    left: float
    middle: float
    size: BoxSize
    lines: Sequence[str]  # under it
    title: str  # the shape over it, "" where it says nothing new

    @property
    def face(self) -> Area:
        """The front face."""
        top = self.middle - self.size.height / 2
        return Area(self.left, top, self.size.length, self.size.height)


class Group(NamedTuple):
    """The frame of an unfolded block."""

    block: Block
    area: Area


class Wire(NamedTuple):
    """A piece of the way of one box's output; `target` is the box that it ends at, if any.

    Between two points that differ in x and y it is an S-shaped curve; a wire that `turns` has
    rounded corners instead. `skips` marks a wire that runs past other boxes.
    """

    source: int
    points: Points
    target: int | None = None
    turns: bool = False
    skips: bool = False


Thing = Box | Group | Wire


@dataclass(frozen=True, kw_only=True)
class Part:
    """What stands in a row, measured: a box, or an unfolded block with all that is in it.

    Its anchor is the height at which a plain chain of boxes is connected.
    """

    boxes: range  # those that it holds
    needs: Sequence[int]  # the boxes before it that feed it
    width: float
    up: float  # what it takes above its anchor
    down: float
    left: float  # where wires end
    right: float  # and begin
    face: float = 0.0  # height of the front face at which they end; 0: they go on inside
    enters: Mapping[int, float] = field(default_factory=dict)  # heights from the anchor, or 0
    leaves: Mapping[int, float] = field(default_factory=dict)
    placed: Callable[[float, float], Iterator[Thing]]  # with its left end and anchor at (x, y)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a picture draws, in the order in which it runs, and its size."""

    view: View
    things: Sequence[Box | Group]  # a frame before what is in it
    wires: Sequence[Wire]
    width: float
    height: float

    @property
    def boxes(self) -> list[Box]:
        """What stands for steps and for folded blocks."""
        return [thing for thing in self.things if isinstance(thing, Box)]

    @property
    def groups(self) -> list[Group]:
        """The frames of unfolded blocks, outer ones first."""
        return [thing for thing in self.things if isinstance(thing, Group)]

"""`look`: what really flows through a network for one image, box by box."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import traitlets
from ipywidgets import Layout, VBox
from torch import Tensor, nn

from layerwise.diagram import drawing as diagram
from layerwise.diagram.graph import Item, View
from layerwise.diagram.repeats import foldable
from layerwise.tracing.module_tree import Block, levels, outline
from layerwise.tracing.records import Step, Trace

from . import cells
from . import look_page as page
from .feature_maps import Inside
from .showing import Shown
from .widgets import STATIC, Figure, Part


def look(net: nn.Module, image: Tensor) -> "Look":
    """Show what `image` does inside `net`: a click on a box shows its feature maps.

    `image` is a float tensor (C, H, W) or (1, C, H, W), prepared as the network wants it. The
    network runs once, in eval mode, with its own weights, and stays as it was. A pixel of a map
    shows the part of the image that it sees, a convolution its filters.

    Raises TypeError and ValueError where the network or the image do not fit, and whatever the
    network raises.
    """
    made = Look(net, image)
    made.show()
    return made


class Look(Shown):
    """What `look` returns. `inside` holds the maps, the filters, and what each pixel sees."""

    def __init__(self, net: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.inside = Inside(net, image)
        self.trace: Trace = self.inside.trace
        self.maps = MapsView()
        self._tree = foldable(outline(self.trace))
        unfolded = diagram.default_unfolded(self._tree)
        self._figure = Figure(unfolded=unfolded, choosing=True, tallest=300)
        self.page = VBox([self._figure, self.maps], layout=Layout(width="100%"))
        self.page.add_class("course-lab")
        self._draw()
        self._figure.observe(lambda _: self._draw(), ["unfolded", "room"])
        self._figure.observe(lambda change: self.choose(change["new"]), "chosen")
        self.choose(first_box(list, View(self._tree, self._figure.unfolded).items))
        cells.close_at_next_run(self._close)

    def choose(self, box: str) -> None:
        """Show the maps of a box, by its id: a block's path, "@17" for step 17, "@input"."""
        self._figure.chosen = box
        steps = steps_of(self._tree, self._figure.unfolded, box)
        if steps is not None:
            self.maps.show(self.inside, steps)

    def _draw(self) -> None:
        width = self._figure.room or diagram.WIDTH
        self._figure.svg = diagram.svg(self.trace, self._figure.unfolded, width=width)

    @property
    def html(self) -> str:
        """The image and the strongest maps of some steps, as HTML that needs no kernel."""
        return page.stored(self.inside)

    @property
    def text(self) -> str:
        """The same for a terminal, without the pictures."""
        return page.text(self.inside)

    def _close(self) -> None:
        for widget in (self.page, self._figure, self.maps):
            widget.layout.close()
            widget.close()


def steps_of(tree: Block, unfolded: Collection[str], box: str) -> Sequence[Step] | None:
    """The steps of a box that can be shown, of a block its last; None for an unknown box.

    `tree` is foldable; the image itself has none.
    """
    blocks = {block.id: block for level in levels(tree) for block in level}
    if box in blocks:
        return blocks[box].steps[-1:]
    items = View(tree, unfolded).items
    return next((item.steps for item in items if item.id == box), None)


def first_box(own: Callable[[Sequence[Step]], Sequence[Step]], items: Sequence[Item]) -> str:
    """The first box behind the image of whose steps some are the run's `own`."""
    return next((item.id for item in items if own(item.steps)), items[0].id)


class MapsView(Part):
    """The maps of one box for the image. Walk them with the arrow keys, their pixels too.

    `show` is all that its owner needs; `step` is the step on show, for whoever wants to mark its
    row of a table.
    """

    _esm = STATIC / "look.js"
    _css = STATIC / "look.css"
    picture = traitlets.Dict().tag(sync=True)  # the image: see look_page.picture
    view = traitlets.Dict().tag(sync=True)  # one step: see look_page.view
    note = traitlets.Unicode().tag(sync=True)  # what holds of all that is shown
    waiting = traitlets.Bool(default_value=False).tag(sync=True)  # for those of another setting
    step = traitlets.Int(-1).tag(sync=True)  # its index; the page asks for another of the same box

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._inside: Inside | None = None
        self._steps: Sequence[Step] = ()
        self.observe(lambda _: self._refresh(), "step")
        self.on_msg(lambda _, content, __: self._answer(content["step"], content["map"]))

    def show(self, inside: Inside, steps: Sequence[Step]) -> None:
        """Show the maps that left the last of these steps of a box; no steps are the image."""
        if inside is not self._inside:
            self._inside = inside
            self.picture = page.picture(inside)
        self._steps = steps
        self.step, before = steps[-1].index if steps else -1, self.step
        if self.step == before:
            self._refresh()
        self.waiting = False  # last: who waits on the page waits for the maps themselves

    def say(self, words: str) -> None:
        """Show a sentence in the place of maps, such as why nothing flows."""
        self._inside, self._steps, self.step = None, (), -1
        self.picture, self.view, self.waiting = {}, page.said(words), False

    def _refresh(self) -> None:
        if self._inside is None:
            return
        step = next((step for step in self._steps if step.index == self.step), None)
        shown = page.view(self._inside, self._steps, step) if step else page.image_view()
        self.view = shown

    def _answer(self, step: int, which: int) -> None:
        """Send the numbers of one map, which the page asks for when it shows it in large."""
        if self._inside is not None and step == self.step:
            found = page.numbers(self._inside, step, which)
            self.send({"step": step, "map": which}, [found])

"""One image in a lab: when the hand rests, it flows through the present setting."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from torch import Tensor
from torch.nn.functional import interpolate

from layerwise.diagram.graph import View
from layerwise.diagram.repeats import foldable
from layerwise.operations.shapes import times
from layerwise.tracing import building
from layerwise.tracing.building import Builder
from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Step, Trace

from . import look_page
from .feature_maps import Inside, check_pixels
from .live_look import MapsView, first_box, steps_of
from .resting import Wanted, WhenAtRest
from .state import State
from .turning import one_at_a_time
from .widgets import Figure

NOTE = "Weights as initialized, not trained."


class ImageInLab:
    """What an image does in the present setting of a lab: `maps` belongs on the lab's page.

    The lab calls `follow` with each state. The network is then built with weights and run in a
    thread, so that no turn waits. What is shown is the box that was chosen in the lab's figure.
    """

    def __init__(
        self,
        build: Builder,
        image: Tensor,
        figure: Figure,
        rest: float,
        came: Callable[[], None] = lambda: None,
    ) -> None:
        """`image` is 1×C×H×W; `came` is called when its maps are on show, or why there are none."""
        self.maps = MapsView(note=NOTE)
        self._build, self._image, self._figure = build, image, figure
        self._told = came
        self._rest = WhenAtRest(rest)
        self._state: State | None = None
        self._inside: Inside | None = None  # of the present state, once it is there
        self._layer = ""  # the path of the layer that is on show
        figure.choosing = True
        figure.observe(lambda _: self._show(), "chosen")

    @property
    def stored(self) -> str:
        """A strip of maps of the present setting, HTML without a kernel; "" before it is ready."""
        return f"\n{look_page.stored(self._inside)}" if self._inside else ""

    def give_up(self) -> None:
        """The lab turns: what still runs for the setting before would only slow it down."""
        self._rest.forget()

    def follow(self, state: State, *, at_once: bool = False) -> None:
        """The lab has turned to this state; `at_once` the maps come before this returns."""
        self._state, self._inside = state, None
        if state.trace is None:
            self._rest.forget()
            self.maps.say("The network is broken at this setting: no image flows through it.")
            return
        self.maps.waiting = True
        image = _sized(self._image, state.choices.get("input_size"))
        ask = self._rest.now if at_once else self._rest.ask
        ask(partial(self._run, state, image), self._came, self._failed)

    def _run(self, state: State, image: Tensor, wanted: Wanted) -> Inside:
        return Inside(building.with_weights(self._build, state.choices), image, wanted)

    @one_at_a_time
    def _came(self, inside: Inside) -> None:
        self._inside = inside
        state = self._state
        if state is None or state.tree is None or state.trace is None:
            return
        tree, chosen = foldable(state.tree), self._figure.chosen
        now = found(tree, self._figure.unfolded, self._layer)
        if now is None:
            items = View(tree, self._figure.unfolded).items
            image_itself = any(item.id == chosen and not item.steps for item in items)
            own = partial(own_steps, inside, state.trace)
            now = chosen if image_itself else first_box(own, items)
        if now == chosen:
            self._show()
        else:
            self._figure.chosen = now
        self._told()

    @one_at_a_time
    def _failed(self, error: Exception) -> None:
        self.maps.say(f"No image flows through it: {error}")
        self._told()

    @one_at_a_time
    def _show(self) -> None:
        """Show the chosen box; while a new setting is on its way, the old maps wait for it."""
        state, inside = self._state, self._inside
        if state is None or state.tree is None or state.trace is None:
            return
        steps = steps_of(foldable(state.tree), self._figure.unfolded, self._figure.chosen)
        if steps is None:
            return
        self._layer = steps[0].path if steps else ""  # also of a box chosen before the maps came
        if inside is None:
            return
        own = own_steps(inside, state.trace, steps)
        if steps and not own:
            self.maps.say("This step runs in training mode only: no image flows through it.")
        else:
            self.maps.show(inside, own)


def checked(image: Any, given: Any) -> Tensor:
    """The image as 1×C×H×W. Raises TypeError or ValueError where the lab's input is another."""
    check_pixels(image)
    shape = building.shape_of(given)
    several = sum(map(len, building.arguments(given))) != 1
    if several or len(shape) != 4:
        what = "several inputs" if several else f"the input {times(shape)}"
        raise ValueError(
            f"image= needs a lab of one input, batch × channels × rows × columns: this has {what}"
        )
    if tuple(image.shape) not in (shape[1:], (1, *shape[1:])):
        raise ValueError(
            f"the lab's input is {times(shape)}, and the image {times(tuple(image.shape))}: "
            "give one image of the same channels, rows and columns"
        )
    return image.detach().reshape(1, *shape[1:])


def own_steps(inside: Inside, of: Trace, steps: Collection[Step]) -> list[Step]:
    """Those steps of the run with the image that are `steps` of the lab's trace."""
    own = [inside.counterpart(step, of) for step in steps]
    return [step for step in own if step is not None]


def found(tree: Block, unfolded: Collection[str], layer: str) -> str | None:
    """The box that holds the first step of a layer, by its id, where there is one."""
    items = View(tree, unfolded).items
    return next(
        (item.id for item in items if layer and any(step.path == layer for step in item.steps)),
        None,
    )


def _sized(image: Tensor, size: int | tuple[int, int] | None) -> Tensor:
    """The image with other rows and columns."""
    if size is None:
        return image
    rows, columns = building.sized(tuple(image.shape), size)[-2:]
    if (rows, columns) == tuple(image.shape[-2:]):
        return image
    return interpolate(image, (rows, columns), mode="bilinear", antialias=True)

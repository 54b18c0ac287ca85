"""What one image does inside a network: its maps, the filters that made them, what a pixel sees."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from layerwise.diagram.graph import keeps_shape
from layerwise.operations.shapes import ShapeError, times
from layerwise.tracing import inputs
from layerwise.tracing.activations import Filters, Kept, Units, activations
from layerwise.tracing.receptive_bounds import Bounds
from layerwise.tracing.records import Step, Trace


class Part(NamedTuple):
    """A part of the image, in whole pixels: the first and the last row, and column."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def words(self) -> str:
        """What it is, for a person."""
        (top, bottom), (left, right) = self
        if top > bottom or left > right:
            return "sees padding alone"
        size = f"{bottom - top + 1}×{right - left + 1}"
        return f"sees rows {top}–{bottom}, columns {left}–{right} of the image: {size} pixels"


class Inside:
    """What `image` does inside `net`, by the index of a step of `trace`.

    The network runs once, in eval mode, with its own weights; it stays as it was.
    """

    def __init__(
        self, net: nn.Module, image: Tensor, wanted: Callable[[], bool] = lambda: True
    ) -> None:
        """Raise TypeError or ValueError for an image or a network that do not fit.

        `wanted` is asked at each step; AbandonedError is raised as soon as it says no.
        """
        self.image = checked_image(net, image)
        try:
            self._found = activations(net, self.image, wanted)
        except ShapeError as error:
            raise ValueError(
                f"{type(net).__name__} does not take an image of {times(self.image.shape[1:])}: "
                f"{error}"
            ) from error
        self.trace: Trace = self._found.trace

    def maps(self, step: int) -> Kept | Units | None:
        """The strongest maps that left this step; of a vector its largest numbers; else None."""
        return self._found.outputs[step]

    def filters(self, step: int) -> Filters | None:
        """The filters of the convolution that made these maps, perhaps a few steps before."""
        at = self.trace.steps[step]
        while self._found.filters[at.index] is None and keeps_shape(at) and at.sources[0] >= 0:
            at = self.trace.steps[at.sources[0]]
        return self._found.filters[at.index]

    def bounds(self, step: int) -> Bounds | None:
        """For each row and each column of this step's maps the part of the image that it sees."""
        return self._found.bounds[step]

    def seen(self, step: int, row: int, column: int) -> Part | None:
        """The part of the image that one pixel of this step's maps sees, None if not known.

        Raises IndexError for a pixel that the maps do not have.
        """
        bounds = self._found.bounds[step]
        if bounds is None:
            return None
        rows, columns = bounds
        return Part(rows.ends[row], columns.ends[column])

    def counterpart(self, step: Step, of: Trace) -> Step | None:
        """The step of this run that is `step` of another trace of the network, in training mode.

        That has dropout where this one has none, so their numbers differ.
        """
        before = sum(_who(one) == _who(step) for one in of.steps[: step.index])
        own = [one for one in self.trace.steps if _who(one) == _who(step)]
        return own[before] if before < len(own) else None


def _who(step: Step) -> tuple:
    return step.path, step.function, step.output[1:]  # that run may have been of a batch


def checked_image(net: Any, image: Any) -> Tensor:
    """The image as 1×C×H×W. Raises TypeError or ValueError, saying what to give."""
    inputs.checked_net(net)
    _check_forward(net)
    if any(parameter.is_meta for parameter in net.parameters()):
        raise ValueError(
            f"this {type(net).__name__} is on the meta device and has no weights: build it "
            "without torch.device('meta')"
        )
    check_pixels(image)
    _check_shape(tuple(image.shape))
    return image.detach().reshape(1, *image.shape[-3:])


def check_pixels(image: Any) -> None:
    """Raise TypeError or ValueError where these are no finite floats, saying what to give."""
    if not isinstance(image, Tensor):
        raise TypeError(
            f"the image is of type {type(image).__name__}: give a tensor of channels × rows × "
            "columns, such as torchvision.transforms.functional.to_tensor(image)"
        )
    if not image.is_floating_point():
        raise TypeError(
            f"the image holds {image.dtype}: give floats, as the network was trained with, such "
            "as image.float() / 255"
        )
    if image.is_meta or not image.isfinite().all():
        raise ValueError("the image holds no numbers, or some that are infinite or not a number")


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 2:
        raise ValueError(
            f"the image is {times(shape)}: give its channels too; image[None] is 1×{times(shape)}"
        )
    if len(shape) == 4 and shape[0] != 1:
        raise ValueError(
            f"{times(shape)} is a batch of {shape[0]} images, and look shows one: give images[0]"
        )
    if len(shape) not in (3, 4) or 0 in shape:
        raise ValueError(f"an image is channels × rows × columns, and not {times(shape)}")


def _check_forward(net: nn.Module) -> None:
    """Raise TypeError where the network reads more than one image."""
    try:
        parameters = list(inspect.signature(net.forward).parameters.values())
    except ValueError:
        return
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in variable]
    if len(needed) > 1:
        raise TypeError(
            f"the forward of {type(net).__name__} reads {' and '.join(needed)}, and look gives a "
            "network one image: wrap it in a module that makes the others"
        )

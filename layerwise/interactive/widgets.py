"""The live parts of the lab's page. What the browser does and how it looks stands in `static`."""

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

from .markup import SHEET

STATIC = Path(__file__).with_name("static")


class Panel(anywidget.AnyWidget):
    """Shows `html`. A button with `data-send` calls `on_press`, one with `data-copy` copies."""

    _esm = STATIC / "panel.js"
    _css = SHEET + (STATIC / "panel.css").read_text(encoding="utf-8")
    html = traitlets.Unicode().tag(sync=True)
    spoken = traitlets.Bool(default_value=False).tag(sync=True)  # read out by screen readers
    steady = traitlets.Bool(default_value=False).tag(sync=True)  # keeps the height it once had

    def __init__(self, on_press: Callable[[str], None], **traits: object) -> None:
        super().__init__(**traits)
        self.on_msg(lambda _, content, __: on_press(content["pressed"]))


class Figure(anywidget.AnyWidget):
    """Shows `svg` (as `diagram.svg` makes it); a click on a block changes `unfolded`.

    Whoever owns the figure observes `unfolded` and answers with a new `svg`.
    """

    _esm = STATIC / "figure.js"
    _css = STATIC / "figure.css"

    svg = traitlets.Unicode().tag(sync=True)
    unfolded = traitlets.List(traitlets.Unicode()).tag(sync=True)
    choosing = traitlets.Bool(default_value=False).tag(sync=True)  # a click also chooses a box
    chosen = traitlets.Unicode().tag(sync=True)  # the id of the box that was chosen


class Pixels(anywidget.AnyWidget):
    """The live picture: point at an output pixel, or walk with Tab and the arrow keys."""

    _esm = STATIC / "pixels.js"
    _css = STATIC / "pixels.css"
    svg = traitlets.Unicode().tag(sync=True)

"""A live piece of HTML in the lab's page, whose buttons report to the kernel."""

from collections.abc import Callable
from pathlib import Path

import traitlets
from anywidget import AnyWidget

_HERE = Path(__file__).parent


class Panel(AnyWidget):
    """Shows `html`. A button with `data-send` calls `on_press`, one with `data-copy` copies."""

    _esm = _HERE / "panel.js"
    _css = _HERE / "panel.css"
    html = traitlets.Unicode().tag(sync=True)
    spoken = traitlets.Bool(default_value=False).tag(sync=True)  # read out by screen readers
    steady = traitlets.Bool(default_value=False).tag(sync=True)  # keeps the height it once had

    def __init__(self, on_press: Callable[[str], None], **traits: object) -> None:
        super().__init__(**traits)
        self.on_msg(lambda _, content, __: on_press(content["pressed"]))

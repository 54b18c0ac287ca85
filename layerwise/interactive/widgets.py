"""The live parts of the lab's page. What the browser does and how it looks stands in `static`."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from .markup import SHEET
from .turning import one_at_a_time

STATIC = Path(__file__).with_name("static")
_PANEL = (STATIC / "panel.js").read_text(encoding="utf-8")
_FRAME = (STATIC / "frame.js").read_text(encoding="utf-8")
_LINKS = (STATIC / "links.js").read_text(encoding="utf-8")
_SHEET = SHEET + (STATIC / "panel.css").read_text(encoding="utf-8")


class Part(anywidget.AnyWidget):
    """A part of a page. What one turn changes in all of them reaches the browser in one message."""

    lead: "Lead | None" = None  # of the page that the part stands on

    def send_state(self, key: Any = None) -> None:
        """Send these traits, or leave them to the message of the turn."""
        if self.lead is not None:
            if self.lead.gather(self, key):
                return
            self.lead.forget(self, key)
        super().send_state(key)


class Panel(Part):
    """Shows `html`. What has `data-send` calls `on_press`, a button with `data-copy` copies."""

    _esm = _PANEL + "export default { render };\n"
    _css = _SHEET
    html = traitlets.Unicode().tag(sync=True)
    steady = traitlets.Bool(default_value=False).tag(sync=True)  # no jumps while a hand moves

    def __init__(self, on_press: Callable[[str], None], **traits: object) -> None:
        super().__init__(**traits)
        self._on_press = on_press
        self.on_msg(lambda _, content, __: self._press(content["pressed"]))

    @one_at_a_time
    def _press(self, sent: str) -> None:
        """Answer, also where nothing changes: the page waits to be told that it was heard."""
        with self.lead.one_message() if self.lead else nullcontext():
            self._on_press(sent)


class Lead(Panel):
    """The panel that leads a page: it brings the turns, hears keys, and speaks.

    Its browser side also gives each control of the page a name and its value in words, and lights
    up together what tells of the same.
    """

    _esm = _PANEL + _LINKS + _FRAME
    _css = _SHEET + (STATIC / "links.css").read_text(encoding="utf-8")
    said = traitlets.Unicode().tag(sync=True)  # one sentence, read out by screen readers
    turn = traitlets.Dict().tag(sync=True)  # "number", and "parts": model id -> traits
    _gathered: dict[str, dict] | None = None
    _gathers: int | None = None  # the thread that does

    def __init__(self, on_press: Callable[[str], None], **traits: object) -> None:
        super().__init__(on_press, **traits)
        self.lead = self

    def gather(self, part: Part, key: Any) -> bool:
        """Keep the traits of a part for the message of the turn; False where none is going on."""
        if self._gathered is None or part is self or threading.get_ident() != self._gathers:
            return False
        self._gathered.setdefault(part.model_id, {}).update(part.get_state(key))
        return True

    def forget(self, part: Part, key: Any) -> None:
        """A page that is loaded anew reads the last turn; what a part sent by itself is newer."""
        if part is self or part.comm is None:
            return
        old = self.turn.get("parts", {}).get(part.model_id, {})
        for name in part.get_state(key) if old else ():
            old.pop(name, None)

    @contextmanager
    def one_message(self) -> Iterator[None]:
        """Send what changes inside, here and in the parts, in one message at the end."""
        if self._gathered is not None and threading.get_ident() == self._gathers:
            yield  # a turn within the answer to a button
            return
        with self.hold_sync():
            self._gathered, self._gathers = {}, threading.get_ident()
            try:
                yield
            finally:
                parts, self._gathered = self._gathered, None
                self.turn = {"number": self.turn.get("number", 0) + 1, "parts": parts}


class Figure(Part):
    """Shows `svg` (as `diagram.svg` makes it); a click on a block changes `unfolded`.

    Whoever owns the figure observes `unfolded` and `room`, and answers with a new `svg`.
    """

    _esm = STATIC / "figure.js"
    _css = STATIC / "figure.css"

    svg = traitlets.Unicode().tag(sync=True)
    unfolded = traitlets.List(traitlets.Unicode()).tag(sync=True)
    room = traitlets.Int(0).tag(sync=True)  # px between the edges of the page, 0 until it tells
    tallest = traitlets.Int(340).tag(sync=True)  # px; a taller picture scrolls
    choosing = traitlets.Bool(default_value=False).tag(sync=True)  # a click also chooses a box
    chosen = traitlets.Unicode().tag(sync=True)  # the id of the box that was chosen


class Pixels(Part):
    """The live picture: point at an output pixel, or walk with Tab and the arrow keys."""

    _esm = STATIC / "pixels.js"
    _css = STATIC / "pixels.css"
    svg = traitlets.Unicode().tag(sync=True)

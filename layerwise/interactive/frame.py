"""The page of a lab as widgets: what stands where, and how all of it is closed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ipywidgets import HBox, Layout, VBox, Widget

from .controls import Control
from .widgets import Figure, Lead, Panel, Part, Pixels


class Frame:
    """Controls on the left, the words beside them; below both the picture, then the table."""

    def __init__(self, controls: Mapping[str, Control], on_press: Callable[[str], None]) -> None:
        self.lead = Lead(on_press)
        self.head = Panel(on_press, steady=True)
        self.head.add_class("lab-head")
        self.code, self.table = Panel(on_press), Panel(on_press)
        self.figure, self.pixels = Figure(), Pixels()
        for part in (self.head, self.code, self.table, self.figure, self.pixels):
            part.lead = self.lead
        self._sliders = [control for control in controls.values() if isinstance(control, Widget)]
        self._hand = VBox(
            [*self._sliders, self.lead, self.code],
            layout=Layout(width="310px", flex="0 0 auto", margin="0 20px 0 0"),
        )
        self._hand.add_class("lab-hand")
        self._words = VBox([self.head], layout=Layout(flex="1 1 280px", width="auto"))
        self._words.add_class("lab-words")
        self._picture = VBox(layout=Layout(width="100%", overflow="visible"))
        top = HBox([self._hand, self._words], layout=Layout(flex_flow="row wrap", width="100%"))
        self.page = VBox([top, self._picture, self.table], layout=Layout(width="100%"))
        self.page.add_class("course-lab")

    @property
    def picture(self) -> Part:
        """The picture that is on show."""
        return self._picture.children[0]

    @picture.setter
    def picture(self, part: Part) -> None:
        self._picture.children = (part, *self._picture.children[1:])

    def add(self, widget: Widget, place: Literal["above", "beside", "below"]) -> None:
        """Put a widget above the words, under the controls beside them, or below the picture."""
        if isinstance(widget, Part):
            widget.lead = self.lead
        box = {"above": self._words, "beside": self._hand, "below": self._picture}[place]
        box.children = (widget, *box.children) if place == "above" else (*box.children, widget)

    def close(self, yours: Sequence[Widget]) -> None:
        """Close every widget of the page but `yours`, which the caller of the lab gave."""
        for widget in [
            *_inside(self.page, yours),
            *_inside(self.figure, ()),
            *_inside(self.pixels, ()),
        ]:
            widget.close()


def _inside(widget: Widget, but: Sequence[Widget]) -> list[Widget]:
    """A widget, its layout and style, and all in its boxes."""
    found = [widget]
    for name in widget.keys:
        value = getattr(widget, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Widget) and one not in but:
                found += _inside(one, but)
    return found

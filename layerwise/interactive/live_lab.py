"""The live lab: turn any choice of a network, and see at once what changes and what breaks."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ipywidgets import Button, HBox, Layout, VBox, Widget
from torch import nn

from layerwise.diagnosis.report import Diagnosis
from layerwise.diagram import drawing as diagram
from layerwise.diagram import sliding_window as pixels
from layerwise.tracing import building
from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Trace
from layerwise.views import comparison

from . import controls, page
from .controls import Control
from .state import Experiment
from .widgets import Figure, Panel, Pixels

SETTLE = 0.15  # seconds without a further change before repairs are searched
VIEW = "application/vnd.jupyter.widget-view+json"


def lab(build: Callable[..., nn.Module], given: Any, /, **forms: object) -> "Lab":
    """Show `build(**choices)` with a control for each choice, and all that follows from it.

    `given` is the input: a shape, (shape, dtype), a tensor, or a dict (keywords) or list of these.
    Controls are given as in `ipywidgets.interact`: a list or dict of choices, (low, high) or
    (low, high, step) for a slider, True or False for a box to tick, or a widget. A control called
    `input_size` changes the rows and columns of the input. The lab starts from the builder's
    own defaults.

    Raises TypeError and ValueError where the lab itself is called wrongly. A choice that breaks
    the network raises nothing: the lab explains it.
    """
    made = Lab(build, given, forms)
    made.show()
    return made


class Lab:
    """What `lab` returns. Setting `controls[name].value` in code acts like moving the control."""

    controls: dict[str, Control]

    def __init__(
        self, build: Callable[..., nn.Module], given: Any, forms: Mapping[str, object]
    ) -> None:
        building.check_call(build, given, "lab")
        self.build = build
        self.given = given
        self.controls = controls.make(build, building.shape_of(given), forms)
        allowed = {name: controls.values(control) for name, control in self.controls.items()}
        self._experiment = Experiment(build, given, allowed)
        self._start = self.choices
        self._state = self._experiment.at(self.choices)
        self._unfolded: frozenset[str] = frozenset()  # blocks in the table
        self._met_blocks = False
        self._shown_in: object = None  # the run of a cell that has displayed it
        self._turns = 0
        self._lay_out()
        self._watch()

    # ------------------------------------------------------------------ what a student reads

    @property
    def choices(self) -> dict[str, Any]:
        """The present settings, by name."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def trace(self) -> Trace | None:
        """The trace of the present setting; None while the network is broken."""
        return self._state.trace

    @property
    def problem(self) -> Diagnosis | None:
        """What is wrong with the present setting; None if it works."""
        return self._state.problem

    @property
    def code(self) -> str:
        """The line that builds this very network."""
        return self._state.code

    def set(self, **choices: object) -> None:
        """Set several controls as one turn; each must take a value that it can reach.

        Raises KeyError for a name that no control has.
        """
        if unknown := choices.keys() - self.controls.keys():
            names = ", ".join(self.controls)
            raise KeyError(f"no control is called {min(unknown)}; there are {names}")
        for control in self.controls.values():
            control.unobserve(self._turned, "value")
        try:
            for name, value in choices.items():
                self.controls[name].value = value
        finally:
            self._watch()
            self._turned()

    def states(self) -> Iterator[dict]:
        """Every setting that the controls can reach."""
        return controls.states(self.controls)

    @property
    def html(self) -> str:
        """All that is on show, as HTML that needs no style sheet and no kernel."""
        repairs = self.problem.repairs if self.problem else []
        return page.stored(self._state, repairs, self._unfolded, self._drawing(card=True))

    @property
    def text(self) -> str:
        """The same for a terminal, without the picture."""
        return page.text(self._state, self._unfolded)

    def __repr__(self) -> str:
        return self.text

    # ------------------------------------------------------------------ showing it

    def show(self) -> None:
        """Display the lab in a notebook; elsewhere do nothing."""
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            self._shown_in = _cell()
            view = {"version_major": 2, "version_minor": 0, "model_id": self._page.model_id}
            bundle = {VIEW: view, "text/html": self.html, "text/plain": self.text}
            display(bundle, raw=True)

    def _ipython_display_(self) -> None:
        if self._shown_in != _cell():  # as the last line of the cell that made it: shown already
            self.show()

    def _lay_out(self) -> None:
        """Controls on the left of the totals; below them the picture, then the table."""
        self._reset = Button(description="Reset", tooltip="Back to the setting at the start")
        self._reset.on_click(lambda _: self.set(**self._start))
        sliders = [control for control in self.controls.values() if isinstance(control, Widget)]
        left = VBox(
            [*sliders, self._reset],
            layout=Layout(width="340px", flex="0 0 auto", margin="0 24px 0 0"),
        )
        self._top = Panel(self._pressed, spoken=True, steady=True)
        self._top.layout = Layout(flex="1 1 420px", width="auto")
        self._bottom = Panel(self._pressed)
        self.panels = self._top, self._bottom
        self._pixels, self._figure = Pixels(), Figure()
        self._picture = VBox(layout=Layout(width="100%", overflow="visible"))
        top = HBox([left, self._top], layout=Layout(flex_flow="row wrap", width="100%"))
        self._page = VBox([top, self._picture, self._bottom], layout=Layout(width="100%"))
        self._page.add_class("course-lab")
        self._refresh()
        self._figure.observe(lambda _: self._draw(), "unfolded")

    # ------------------------------------------------------------------ what happens at a turn

    def _watch(self) -> None:
        for control in self.controls.values():
            control.observe(self._turned, "value")

    def _turned(self, _: object = None) -> None:
        self._turns += 1
        self._state = self._experiment.at(self.choices)
        self._refresh()

    def _refresh(self) -> None:
        tree = self._state.tree
        if not self._met_blocks and tree and any(isinstance(p, Block) for p in tree.parts):
            self._met_blocks = True
            self._unfolded = comparison.default_fold(tree)
            self._figure.unfolded = diagram.default_unfolded(tree)
        self._reset.disabled = self.choices == self._start
        self._top.html = page.head(self._state, None)
        self._draw()
        self._list_layers()
        if self.problem:
            after(SETTLE, partial(self._settle, self._turns))

    def _settle(self, turn: int) -> None:
        """Add the repairs, whose search takes longer than a turn may, once the hand rests."""
        if turn == self._turns:
            self._top.html = page.head(self._state, self._repairs())

    def _repairs(self) -> dict[str, dict]:
        """What a button sends -> the setting that it stands for, of this very turn."""
        found = self.problem.repairs if self.problem else []
        return {f"repair:{self._turns}.{number}": repair for number, repair in enumerate(found)}

    def _draw(self) -> None:
        """Show one window pixel by pixel, and any other network as boxes."""
        small = self.trace is not None and pixels.fits(self.trace)
        picture = self._pixels if small else self._figure
        picture.svg = self._drawing(card=False)
        if self._picture.children != (picture,):
            self._picture.children = (picture,)

    def _list_layers(self) -> None:
        self._bottom.html = page.table(self._state, self._unfolded)

    def _pressed(self, sent: str) -> None:
        """Answer a button; one of an earlier turn does nothing."""
        action, _, value = sent.partition(":")
        if action == "fold":
            self._unfolded = self._unfolded ^ {value}
            self._list_layers()
        elif action == "repair" and (repair := self._repairs().get(sent)):
            self.set(**repair)

    def _drawing(self, *, card: bool) -> str:
        state = self._state
        if state.trace is not None and pixels.fits(state.trace):
            return pixels.svg(state.trace, card=card)
        if state.partial is None:
            return ""
        changed, failed = comparison.changed_steps(state.lines), page.broken(state)
        opened = self._figure.unfolded
        return diagram.svg(state.partial, opened, changed=changed, failed=failed, card=card)


def after(seconds: float, action: Callable[[], None]) -> None:
    """Call `action` so much later, or at once where no event loop runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        action()
    else:
        loop.call_later(seconds, action)


def _cell() -> object:
    """What tells one run of a notebook's cell from the next."""
    from IPython.core.getipython import get_ipython

    ip = get_ipython()
    parent = getattr(ip, "parent_header", None) or {}
    return parent.get("msg_id") or getattr(ip, "execution_count", None)

"""The live lab: turn any choice of a network, and see at once what changes and what breaks."""

import asyncio
import atexit
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from ipywidgets import Button, HBox, Layout, ValueWidget, VBox
from torch import nn

from layerwise.diagnosis.report import Diagnosis, explained
from layerwise.diagram import drawing as diagram
from layerwise.diagram import sliding_window as pixels
from layerwise.operations.shapes import Shape
from layerwise.tracing import building
from layerwise.tracing.module_tree import outline
from layerwise.tracing.records import Trace
from layerwise.views import comparison as comparing

from . import controls, page
from .widgets import Figure, Panel, Pixels

SETTLE = 0.15  # seconds without a further change before repairs are searched
VIEW = "application/vnd.jupyter.widget-view+json"


def lab(build: Callable[..., nn.Module], input_shape: Shape, /, **forms: object) -> "Lab":
    """Show `build(**choices)` with a control for each choice, and all that follows from it.

    Controls are given as in `ipywidgets.interact`: a list or dict of choices, (low, high) or
    (low, high, step) for a slider, True or False for a box to tick, or a widget. A control called
    `input_size` changes the rows and columns of `input_shape`. The lab starts from the builder's
    own defaults.

    Raises TypeError and ValueError where the lab itself is called wrongly. A choice that breaks
    the network raises nothing: the lab explains it.
    """
    made = Lab(build, input_shape, forms)
    _keep_collections_short()
    made.show()
    return made


class Lab:
    """What `lab` returns. Setting `controls[name].value` in code acts as the student's hand."""

    controls: dict[str, ValueWidget]
    trace: Trace | None  # None while the network is broken
    problem: Diagnosis | None

    def __init__(
        self, build: Callable[..., nn.Module], input_shape: Shape, forms: Mapping[str, object]
    ) -> None:
        _check(build, input_shape)
        self.build, self.input_shape = build, tuple(input_shape)
        self.controls = controls.make(build, self.input_shape, forms)
        self._start = self.choices
        self._shown_in: object = None  # the run of a cell that has displayed it
        self._turns = 0
        self._run()
        self._first = self.trace
        self._first_tree = self._tree
        self._unfolded = comparing.default_fold(self._tree) if self._tree else frozenset()
        self._lay_out()
        for widget in self.controls.values():
            widget.observe(self._turned, "value")

    # ------------------------------------------------------------------ what a student reads

    @property
    def choices(self) -> dict:
        """The present settings, by name."""
        return {name: widget.value for name, widget in self.controls.items()}

    @property
    def code(self) -> str:
        """The line that builds this very network."""
        name = getattr(self.build, "__name__", type(self.build).__name__)
        name = "build" if name == "<lambda>" else name
        given = building.accepted(self.build, self.choices)
        return f"{name}({', '.join(f'{key}={_literal(value)}' for key, value in given.items())})"

    def set(self, **choices: object) -> None:
        """Set several controls as one turn; each must take a value that it can reach.

        Raises KeyError for a name that no control has.
        """
        if unknown := choices.keys() - self.controls.keys():
            names = ", ".join(self.controls)
            raise KeyError(f"no control is called {min(unknown)}; there are {names}")
        for widget in self.controls.values():
            widget.unobserve(self._turned, "value")
        try:
            for name, value in choices.items():
                self.controls[name].value = value
        finally:
            for widget in self.controls.values():
                widget.observe(self._turned, "value")
            self._turned()

    @property
    def panels(self) -> tuple[Panel, Panel]:
        """The live page above and below the picture."""
        return self._top, self._bottom

    def states(self) -> Iterator[dict]:
        """Every setting that the controls can reach."""
        return controls.states(self.controls)

    @property
    def html(self) -> str:
        """All that is on show, as HTML that needs no style sheet and no kernel."""
        invitation = page.invitation_html(list(self.controls))
        parts = [invitation, page.inlined(self._head(self._told(repairs=True)))]
        drawn = self._drawing(card=True)
        if drawn:
            parts.append(page.image_html(drawn, self.code))
        return "\n".join([*parts, page.inlined(self._table())])

    @property
    def text(self) -> str:
        """The same for a terminal, without the picture."""
        told = [str(self.problem)] if self.problem else []
        figures = page.totals_text(page.totals(self._seen if self.trace else None, self._first))
        caption = page.caption(self._seen, self._first)
        return "\n\n".join([self.code, figures, *told, caption, page.table_text(self._lines())])

    def __repr__(self) -> str:
        return self.text

    # ------------------------------------------------------------------ showing it

    def show(self) -> None:
        """Display the lab in a notebook; elsewhere do nothing."""
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            self._shown_in = _cell()
            display(self._bundle(), raw=True)

    def _ipython_display_(self) -> None:
        if self._shown_in != _cell():  # as the last line of the cell that made it: shown already
            self.show()

    def _bundle(self) -> dict:
        view = {"version_major": 2, "version_minor": 0, "model_id": self._page.model_id}
        return {VIEW: view, "text/html": self.html, "text/plain": self.text}

    def _lay_out(self) -> None:
        """Controls on the left of the totals; below them the picture, then the table."""
        self._reset = Button(description="Reset", tooltip="Back to the setting at the start")
        self._reset.on_click(lambda _: self.set(**self._start))
        left = VBox(
            [*self.controls.values(), self._reset],
            layout=Layout(width="340px", flex="0 0 auto", margin="0 24px 0 0"),
        )
        self._top = Panel(self._pressed, spoken=True, steady=True)
        self._top.layout = Layout(flex="1 1 420px", width="auto")
        self._bottom = Panel(self._pressed)
        small = self.trace is not None and pixels.fits(self.trace)
        self._picture = Pixels() if small else Figure()
        if not small:
            self._picture.unfolded = diagram.default_unfolded(self._tree) if self._tree else []
            self._picture.observe(lambda _: self._draw(), "unfolded")
        top = HBox([left, self._top], layout=Layout(flex_flow="row wrap", width="100%"))
        self._page = VBox([top, self._picture, self._bottom], layout=Layout(width="100%"))
        self._page.add_class("course-lab")
        self._refresh()

    # ------------------------------------------------------------------ what happens at a turn

    def _turned(self, _: object = None) -> None:
        self._turns += 1
        self._run()
        self._refresh()

    def _run(self) -> None:
        """Build and trace with the present choices; `_seen` is how far that came."""
        choices = self.choices
        self._seen, self._error = building.run(self.build, self.input_shape, choices)
        self._tree = self._seen and outline(self._seen)
        self.trace = self._seen if self._error is None else None
        allowed = {name: controls.values(widget) for name, widget in self.controls.items()}
        self.problem = explained(
            self.build, self.input_shape, choices, self._seen, self._error, allowed
        )

    def _refresh(self) -> None:
        self._reset.disabled = self.choices == self._start
        self._top.html = self._head(self._told(repairs=False))
        self._draw()
        self._bottom.html = self._table()
        if self.problem:
            turn = self._turns
            with suppress(RuntimeError):  # no loop runs: then nobody looks at a browser either
                asyncio.get_running_loop().call_later(SETTLE, self._settle, turn)

    def _settle(self, turn: int) -> None:
        """Add the repairs, whose search takes longer than a turn may, once the hand rests."""
        if turn == self._turns and self.problem:
            self._top.html = self._head(self._told(repairs=True))

    def _draw(self) -> None:
        self._picture.svg = self._drawing(card=False)

    def _pressed(self, what: str) -> None:
        action, _, value = what.partition(":")
        if action == "fold":
            self._unfolded = self._unfolded ^ {value}
            self._bottom.html = self._table()
        elif action == "repair" and self.problem:
            self.set(**self.problem.repairs[int(value)])

    # ------------------------------------------------------------------ the parts of the page

    def _head(self, told: str) -> str:
        figures = page.totals(self._seen if self.trace else None, self._first)
        return page.totals_html(figures) + page.code_html(self.code) + told

    def _told(self, *, repairs: bool) -> str:
        """What is wrong and what would mend it, or which choices are not those of the start."""
        if not self.problem:
            now, start = self.choices, self._start
            return page.turned_html({n: (start[n], now[n]) for n in now if now[n] != start[n]})
        found = self.problem.repairs if repairs else None
        return page.problem_html(self.problem, self.choices, found)

    def _table(self) -> str:
        caption = page.caption(self._seen, self._first)
        return f'<p class="lab-caption">{caption}</p>{page.table_html(self._lines())}'

    def _lines(self) -> list[comparing.Line]:
        """The table's lines, compared with the start; what broke is unfolded down to the layer."""
        broken = comparing.unfinished(self._tree) if self._error and self._tree else frozenset()
        unfolded = self._unfolded | broken
        start = comparing.lines(self._first_tree, unfolded) if self._first else []
        if self._tree is None:
            return comparing.unreached(start)
        now = comparing.lines(self._tree, unfolded)
        return comparing.compare(start if self._first else now, now, self._failed())

    def _failed(self) -> comparing.Line | None:
        found = self.problem
        if self._error is None or self._seen is None:
            return None
        return comparing.failed_line(self._seen, found.layer, found.expected, found.got)

    def _drawing(self, *, card: bool) -> str:
        if isinstance(self._picture, Pixels):
            small = self.trace is not None and pixels.fits(self.trace)
            return pixels.svg(self.trace, card=card) if small else ""
        if self._seen is None:
            return ""
        changed = comparing.changed_steps(self._first, self._seen) if self._first else frozenset()
        broken = self._failed()
        failed = broken and broken.texts[1]
        opened = self._picture.unfolded
        return diagram.svg(self._seen, opened, changed=changed, failed=failed, card=card)


def _keep_collections_short() -> None:
    """Exempt all that exists from garbage collection, which under torch takes 0.1 s and more.

    A turn of a slider leaves a network behind, and a collection that looks at the modules of
    torch as well would be a pause that the hand can feel.
    """
    gc.collect()
    gc.freeze()
    atexit.unregister(gc.unfreeze)
    atexit.register(gc.unfreeze)


def _check(build: object, input_shape: object) -> None:
    if isinstance(build, nn.Module):
        raise TypeError(
            "lab needs the function that builds the network, not the network: "
            "lab(lambda: net, …), or better a function whose parameters are its choices"
        )
    if not callable(build):
        raise TypeError(f"lab needs a function that builds a network, not {build!r:.60}")
    whole = isinstance(input_shape, (tuple, list)) and all(type(n) is int for n in input_shape)
    if not whole or len(input_shape) < 1:
        raise TypeError(
            f"lab needs the shape of an input, such as (1, 1, 224, 224), not {input_shape!r:.60}"
        )


def _literal(value: object) -> str:
    """A value as it is written in code: a class by its name, all else as Python prints it."""
    return getattr(value, "__qualname__", None) or repr(value)


def _cell() -> object:
    """What tells one run of a notebook's cell from the next."""
    from IPython import get_ipython

    ip = get_ipython()
    parent = getattr(ip, "parent_header", None) or {}
    return parent.get("msg_id") or getattr(ip, "execution_count", None)

"""The live lab: turn any choice of a network, and see at once what changes and what breaks."""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from layerwise.diagnosis.report import Diagnosis
from layerwise.tracing import building
from layerwise.tracing.module_tree import Block
from layerwise.tracing.records import Trace
from layerwise.views import comparison

from . import cells, controls, page, task_page, toolbar
from .controls import Control
from .frame import Frame
from .history import History, Setting
from .lab_image import ImageInLab, checked
from .picture import Picture
from .resting import after, loop
from .showing import Shown
from .state import Experiment, State
from .task_board import TaskBoard
from .tasks import Task, checked_tasks
from .turning import one_at_a_time
from .words import Words

SETTLE = 0.3  # seconds without a further change before an image flows
# The same before repairs are searched, and once more before the stored output follows. A hand that
# goes on sooner is one turn to undo. Shorter, and a hand at its usual pace meets the search.
REST = 0.5
PIECE = 0.01  # seconds of search, then as many in which a turn may begin


def lab(
    build: Callable[..., nn.Module],
    given: Any,
    /,
    *,
    presets: Mapping[str, Setting] | None = None,
    image: Tensor | None = None,
    tasks: Sequence[Task] = (),
    **forms: object,
) -> "Lab":
    """Show `build(**choices)` with a control for each choice, and all that follows from it.

    `given` is the input: a shape, (shape, dtype), a tensor, or a dict (keywords) or list of these.
    Controls are given as in `ipywidgets.interact`: a list or dict of choices, (low, high) or
    (low, high, step) for a slider, True or False for a box to tick, or a widget. A control called
    `input_size` changes the rows and columns of the input. The lab starts from the builder's
    own defaults.

    `image` is a float tensor (C, H, W) of the input's shape, prepared as the network wants it.
    Whenever the hand rests it flows through the present setting, with weights as initialized; a
    click on a box of the picture shows its maps.

    `presets` are settings by name, such as {"as in the paper": dict(channels=96)}; choices that
    one does not name are those of the start. `tasks` stand beside the controls, one at a time. No
    parameter of the builder that is called `presets`, `image` or `tasks` can have a control.

    Raises TypeError and ValueError where the lab itself is called wrongly. A choice that breaks
    the network raises nothing: the lab explains it.
    """
    made = Lab(build, given, forms, presets or {}, image, tasks)
    made.show()
    return made


class Lab(Shown):
    """What `lab` returns. Setting `controls[name].value` in code acts like moving the control."""

    controls: dict[str, Control]

    def __init__(
        self,
        build: Callable[..., nn.Module],
        given: Any,
        forms: Mapping[str, object],
        presets: Mapping[str, Setting],
        image: Tensor | None = None,
        tasks: Sequence[Task] = (),
    ) -> None:
        building.check_call(build, given, "lab")
        image = None if image is None else checked(image, given)
        super().__init__()
        self.build = build
        self.given = given
        self.controls = controls.make(build, building.shape_of(given), forms)
        self._words = Words(self.controls)
        self._presets = controls.presets(self.controls, presets, self._words)
        allowed = {name: controls.values(control) for name, control in self.controls.items()}
        self.tasks = checked_tasks(tasks, allowed, self._words.meant)
        self._experiment = Experiment(build, given, allowed, self._words)
        self._state = self._experiment.at(self.choices)
        self._history = History(self.choices)
        self._unfolded: frozenset[str] = frozenset()  # blocks in the table
        self._met_blocks = False
        self._every_row = False  # of the table, also those that did not change
        self._turns = 0
        self._moved: tuple[object, float] = (None, 0.0)  # the control turned last, and when
        self._followers: list[Callable[[State], None]] = []
        self.repairs_hidden = False  # behind a button, at every turn anew
        self._helped = False
        self._frame = Frame(self.controls, self._pressed)
        self.page = self._frame.page
        self._picture = Picture(self._frame)
        self._refresh()
        if self.tasks:
            TaskBoard(self.tasks, self, self._frame)
        self._image = None if image is None else self._with(image)
        controls.watch(self.controls, self._turned)
        self._yours = [control for name, control in self.controls.items() if control is forms[name]]
        cells.close_at_next_run(self._close)

    def _close(self) -> None:
        """End; what the caller gave lives on, and may be a control of another lab."""
        controls.unwatch(self.controls, self._turned)
        self._turns += 1  # for what was to come once the hand rests
        if self._image:
            self._image.give_up()
        self._frame.close(self._yours)

    def _with(self, image: Tensor) -> ImageInLab:
        """Show what an image does in each setting, below the picture."""
        made = ImageInLab(self.build, image, self._frame.figure, SETTLE, self._store)
        self._frame.add(made.maps, "below")
        self.after_turn(made.follow)
        made.follow(self._state, at_once=True)  # what is stored first holds them too
        return made

    # ------------------------------------------------------------------ what a student reads

    @property
    def choices(self) -> dict[str, Any]:
        """The present settings, by name."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def state(self) -> State:
        """The present setting, and all that follows from it."""
        return self._state

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

    @property
    def setting(self) -> str:
        """The line that brings the lab back to this setting, behind the lab's name."""
        told = (f"{name}={self._words.code(name, value)}" for name, value in self.choices.items())
        return f"{cells.name_of(self)}.set({', '.join(told)})"

    @one_at_a_time
    def set(self, **choices: object) -> None:
        """Set several controls as one turn; each must take a value that it can reach.

        Of a menu, the name of a choice will do. Raises KeyError for a name that no control has.
        """
        if unknown := choices.keys() - self.controls.keys():
            names = ", ".join(self.controls)
            raise KeyError(f"no control is called {min(unknown)}; there are {names}")
        controls.unwatch(self.controls, self._turned)
        try:
            for name, value in choices.items():
                self.controls[name].value = self._words.meant(name, value)
        finally:
            controls.watch(self.controls, self._turned)
            self._turned()

    @one_at_a_time
    def undo(self) -> None:
        """Go back to the setting before; where there is none, do nothing."""
        if before := self._history.before():
            self.set(**before)

    @one_at_a_time
    def redo(self) -> None:
        """Take back the last `undo`."""
        if after := self._history.after():
            self.set(**after)

    @one_at_a_time
    def pin(self) -> None:
        """Compare with the present setting from now on, or with the start where one is pinned.

        A setting that breaks the network is not pinned.
        """
        if self._experiment.pinned or self.trace:
            self._experiment.pinned = None if self._experiment.pinned else self._state
            self._turned()

    def states(self) -> Iterator[dict]:
        """Every setting that the controls can reach."""
        return controls.states(self.controls)

    @property
    def html(self) -> str:
        """All that is on show, as HTML that needs no style sheet and no kernel."""
        repairs = [] if self._hides else self.problem.repairs if self.problem else []
        picture = self._picture.svg(self._state, card=True)
        tasks = task_page.stored(self.tasks)
        told = page.stored(self._state, repairs, self._unfolded, picture, tasks)
        return told + (self._image.stored if self._image else "")

    @property
    def text(self) -> str:
        """The same for a terminal, without the picture."""
        return task_page.text(self.tasks) + page.text(self._state, self._unfolded)

    @property
    def panels(self) -> tuple:
        """The parts that hold words: what is wrong or was turned, and the table."""
        return self._frame.head, self._frame.table

    @one_at_a_time
    def hide_repairs(self, hide: bool) -> None:
        """Keep the repairs of a broken network behind a button from now on, or show them."""
        self.repairs_hidden = hide
        if self.problem:
            self._send(partial(self._say, None if hide else self._repairs()))

    def after_turn(self, follow: Callable[[State], None]) -> None:
        """Call `follow` with the state after each turn, before the turn goes to the page."""
        self._followers.append(follow)

    # ------------------------------------------------------------------ what happens at a turn

    @one_at_a_time
    def _turned(self, change: Any = None) -> None:
        if self._image:
            self._image.give_up()
        control = change.owner if change else None
        last, when = self._moved
        self._moved = control, time.monotonic()
        moving = control is not None and control is last and self._moved[1] - when < REST
        self._turns += 1
        self._helped = False
        self._history.take(self.choices, moving=moving)
        self._state = self._experiment.at(self.choices)
        self._refresh()

    def _refresh(self) -> None:
        drawn = partial(self._picture.show, self._state)
        followers = [partial(follow, self._state) for follow in self._followers]
        self._send(
            self._meet_blocks, self._show_tools, self._say, drawn, self._list_layers, *followers
        )
        after(REST, partial(self._settle, self._turns))

    def _send(self, *shown: Callable[[], None]) -> None:
        """Bring what these change to the page, in one message."""
        with self._frame.lead.one_message():
            for show in shown:
                show()

    def _meet_blocks(self) -> None:
        """Choose what is unfolded in the table once there are blocks."""
        tree = self._state.tree
        if not self._met_blocks and tree and any(isinstance(p, Block) for p in tree.parts):
            self._met_blocks = True
            self._unfolded = comparison.default_unfolded(tree)

    @one_at_a_time
    def _settle(self, turn: int) -> None:
        """Add the repairs once the hand rests, found in pieces between which a turn may come."""
        if turn != self._turns:
            return
        if self.problem and not self._hides:
            if self.problem.repairs_within(PIECE if loop() else math.inf) is None:
                after(PIECE, partial(self._settle, turn))
                return
            self._send(partial(self._say, self._repairs()))
        after(REST, partial(self._store, turn))

    @one_at_a_time
    def _store(self, turn: int | None = None) -> None:
        """Let the notebook's file follow, unless there was a turn after `turn`."""
        if turn in (None, self._turns) and self._stored.shown:
            self._stored.update(self.html, self.text)
            gc.collect()  # while the hand rests: at a turn it would take a tenth of a second

    def _repairs(self) -> dict[str, dict]:
        """What a button sends -> the setting that it stands for, of this very turn."""
        found = self.problem.repairs if self.problem else []
        return {f"repair:{self._turns}.{number}": repair for number, repair in enumerate(found)}

    @property
    def _hides(self) -> bool:
        return self.repairs_hidden and not self._helped

    def _say(self, repairs: Mapping[str, dict] | None = None) -> None:
        self._frame.code.html = page.code(self._state)
        self._frame.head.html = page.head(self._state, repairs, hidden=self._hides)
        self._frame.lead.said = page.sentence(self._state) if self._turns else ""

    def _show_tools(self) -> None:
        now, history = self.choices, self._history
        ways = {"undo": history.has(-1), "redo": history.has(1), "reset": now != history.start}
        self._frame.lead.html = toolbar.html(
            ways | {"pin": self.trace is not None},
            pinned=self._experiment.pinned is not None,
            preset=next((name for name, kept in self._presets.items() if kept == now), ""),
            presets=self._presets,
            line=self.setting,
        )

    def _list_layers(self) -> None:
        self._frame.table.html = page.table(self._state, self._unfolded, every=self._every_row)

    @one_at_a_time
    def _pressed(self, sent: str) -> None:
        """Answer a button; one of an earlier turn does nothing."""
        action, _, value = sent.partition(":")
        if action == "fold":
            self._unfolded = self._unfolded ^ {value}
            self._send(self._list_layers)
        elif action == "rows":
            self._every_row = not self._every_row
            self._send(self._list_layers)
        elif action == "repair" and (repair := self._repairs().get(sent)):
            self.set(**repair)
        elif action == "help":
            self._helped = True
            self._send(partial(self._say, self._repairs()))
        elif action == "preset" and value in self._presets:
            self.set(**self._presets[value])
        elif action == "typed":
            name, _, typed = value.partition(":")
            if (near := controls.nearest(self.controls[name], typed)) is not None:
                self.set(**{name: near})
        elif action == "reset":
            self.set(**self._history.start)
        elif action in {"undo", "redo", "pin"}:
            getattr(self, action)()

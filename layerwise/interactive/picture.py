"""The picture of a lab: one window pixel by pixel, or boxes as wide as the page, folded or not."""

from layerwise.diagram import drawing as diagram
from layerwise.diagram import sliding_window as pixels
from layerwise.diagram.repeats import foldable
from layerwise.tracing.module_tree import Block, levels
from layerwise.tracing.records import Step
from layerwise.views.comparison import Status

from . import page
from .frame import Frame
from .state import State
from .turning import one_at_a_time

_CHANGED_ITSELF = {Status.NEW, Status.OWN, Status.FAILED}


class Picture:
    """Shows the states of a lab in its frame.

    While nothing was folded by hand, it folds at each turn what has no change of its own.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame, self._figure = frame, frame.figure
        self._state: State | None = None
        self._begins_with: list[str] = []  # what is unfolded at the start
        self._folded_last: list[str] = []  # what this class unfolded, and not the hand
        self._figure.observe(lambda _: self._redraw(), ["unfolded", "room"])

    def show(self, state: State) -> None:
        """Draw a state, folded to what has changed."""
        self._state = None  # no drawing in between
        if state.whole is not None:
            self._fold(state, foldable(state.whole))
        self._state = state
        self._draw(state)

    def svg(self, state: State, *, card: bool) -> str:
        """The picture as SVG; with `card` for a file, on a light card."""
        if window := _window(state):
            return pixels.svg(window, card=card)
        if state.whole is None:
            return ""
        return diagram.svg(
            state.trace or state.whole,
            self._figure.unfolded,
            statuses=state.statuses,
            failed=page.broken(state),
            width=diagram.WIDTH if card else self._figure.room or diagram.WIDTH,
            card=card,
        )

    def _fold(self, state: State, tree: Block) -> None:
        if self._figure.unfolded != self._folded_last:  # the hand has folded
            return
        if not self._begins_with:
            self._begins_with = diagram.default_unfolded(tree)
        shown = self._begins_with
        if state.turned:
            own = {block.id for level in levels(tree) for block in level if _changed(state, block)}
            shown = [name for name in shown if name in own]
        self._figure.unfolded = self._folded_last = shown

    def _draw(self, state: State) -> None:
        part = self._frame.pixels if _window(state) else self._figure
        part.svg = self.svg(state, card=False)
        self._frame.picture = part

    @one_at_a_time
    def _redraw(self) -> None:
        if self._state is not None:
            with self._frame.lead.one_message():
                self._draw(self._state)


def _changed(state: State, block: Block) -> bool:
    """Whether something in a block changed of itself."""
    return any(state.statuses.get(step.index) in _CHANGED_ITSELF for step in block.steps)


def _window(state: State) -> Step | None:
    """The one window that the network is; also one without room, where the start is one."""
    began = state.first is None or pixels.drawable(state.first)
    return pixels.drawable(state.trace, state.failure) if began else None

"""The tasks of one lab, on show beside its controls."""

from collections.abc import Callable, Sequence
from typing import Any

from . import task_page
from .tasks import Progress, Task
from .widgets import Panel


class TaskBoard:
    """A panel with one task at a time, which watches whether the lab reaches its state.

    `follow` is called with each step that was made, before and after.
    """

    def __init__(
        self, tasks: Sequence[Task], lab: Any, follow: Callable[[Progress, Progress], None]
    ) -> None:
        self._lab, self._follow = lab, follow
        self._progress = Progress(tuple(tasks), lab.choices)
        self.panel = Panel(self.press)
        self.check()

    @property
    def hides_repairs(self) -> bool:
        """Whether the repairs of a broken network wait behind a button."""
        return self._progress.hides_repairs

    def check(self) -> None:
        """See whether the lab now shows the state that the task asks for."""
        self._become(self._progress.checked(self._lab))

    def press(self, sent: str) -> None:
        """Answer a button of the panel, or the box for a prediction."""
        action, _, value = sent.partition(":")
        now = self._progress
        if action == "task":
            self._become(now.moved({"next": 1, "back": -1}[value]).checked(self._lab))
        elif action == "predict":
            self._become(now.predicted(value))
        elif action == "explain":
            self._become(now.toggled())

    def _become(self, after: Progress) -> None:
        before, self._progress = self._progress, after
        self.panel.html = task_page.live(after)
        self._follow(before, after)

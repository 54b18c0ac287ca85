"""The tasks of one lab, on show beside its controls."""

from collections.abc import Sequence
from typing import Any

from . import task_page
from .frame import Frame
from .tasks import Progress, Task
from .turning import one_at_a_time
from .widgets import Panel


class TaskBoard:
    """A panel with one task at a time, which watches whether the lab reaches its state."""

    def __init__(self, tasks: Sequence[Task], lab: Any, frame: Frame) -> None:
        self._lab, self._lead = lab, frame.lead
        self._progress = Progress(tuple(tasks), lab.choices)
        self.panel = Panel(self.press)
        frame.add(self.panel, "above")
        self._check()
        lab.after_turn(lambda _: self._check())

    @one_at_a_time
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

    def _check(self) -> None:
        """See whether the lab now shows the state that the task asks for."""
        self._become(self._progress.checked(self._lab), self._lead.said)

    def _become(self, after: Progress, said: str = "") -> None:
        """Show a step; what is `said` of the turn is heard before it."""
        before, self._progress = self._progress, after
        self.panel.html = task_page.live(after)
        if self._lab.repairs_hidden != after.hides_repairs:
            self._lab.hide_repairs(after.hides_repairs)
        if told := task_page.news(before, after):
            self._lead.said = f"{said} {told}".strip()

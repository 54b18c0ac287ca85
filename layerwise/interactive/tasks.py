"""Tasks beside the lab: what a student is asked to do there, and how far it is done.

Data and questions about them; `task_page` makes words of them, `task_board` puts them on show.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from layerwise.tracing import source_lines
from layerwise.tracing.records import SourceLine


@dataclass(frozen=True)
class Task:
    """Something to set in a lab, and what there is to understand about it.

    `reached` says which state the task asks for: settings by name, such as `{"padding": 2}`, with
    all others as at the start; or a function of the lab that is true there. Only then
    `explanation` is offered. `predict` is the answer to a question in `text`, or a function of
    the lab that reads it where the state is reached: the student is asked for it before. With
    `hides_repairs` the settings that would mend a broken network wait behind a button. Words
    between backticks are code.
    """

    text: str
    reached: Mapping[str, object] | Callable[[Any], object]
    explanation: str
    predict: object = None
    hides_repairs: bool = False


@dataclass(frozen=True)
class Fault:
    """Why the check of a task failed; that is the task's mistake, not the student's."""

    error: str  # class of the exception
    message: str
    line: SourceLine | None


@dataclass(frozen=True)
class Progress:
    """How far a student has come with the tasks of a lab, which are counted from 0."""

    tasks: tuple[Task, ...]
    start: Mapping[str, object]  # the settings that the lab began with
    at: int = 0  # the task on show
    predictions: Mapping[int, str] = field(default_factory=dict)
    answers: Mapping[int, object] = field(default_factory=dict)  # of every task that is reached
    explained: frozenset[int] = frozenset()  # tasks whose explanation is unfolded
    strayed: tuple[str, ...] = ()  # what alone still differs from the state that is asked for
    fault: Fault | None = None  # of the task on show

    @property
    def task(self) -> Task:
        """The task on show."""
        return self.tasks[self.at]

    @property
    def reached(self) -> bool:
        """Whether the task on show is reached, now or earlier."""
        return self.at in self.answers

    @property
    def hides_repairs(self) -> bool:
        """Whether the repairs of a broken network wait: not once the explanation was opened."""
        return self.task.hides_repairs and self.at not in self.explained

    def moved(self, by: int) -> "Progress":
        """With the task on show that stands so much further, or where it is at an end."""
        at = self.at + by
        if not 0 <= at < len(self.tasks):
            return self
        return replace(self, at=at, strayed=(), fault=None)

    def predicted(self, text: str) -> "Progress":
        """With what the student foretells; once the task is reached it is too late."""
        if self.reached:
            return self
        return replace(self, predictions={**self.predictions, self.at: text.strip()})

    def toggled(self) -> "Progress":
        """With the explanation unfolded, or folded again; not before the task is reached."""
        return replace(self, explained=self.explained ^ {self.at}) if self.reached else self

    def checked(self, lab: Any) -> "Progress":
        """With the task on show reached, if the lab shows the state that it asks for."""
        if self.reached:
            return self
        now = replace(self, strayed=self._strayed(lab.choices), fault=None)
        try:
            if not self._holds(lab):
                return now
            answer = self.task.predict
            answer = answer(lab) if callable(answer) else answer
        except Exception as error:  # noqa: BLE001  a task must not break the lab
            line = source_lines.last_line(error)
            return replace(now, fault=Fault(type(error).__name__, str(error), line))
        return replace(now, answers={**self.answers, self.at: answer})

    def _holds(self, lab: Any) -> bool:
        asked = self.task.reached
        return bool(asked(lab)) if callable(asked) else lab.choices == {**self.start, **asked}

    def _strayed(self, choices: Mapping[str, object]) -> tuple[str, ...]:
        """The settings that are not those of the start, where all that the task names are set."""
        asked = self.task.reached
        if callable(asked) or any(choices[name] != value for name, value in asked.items()):
            return ()
        return tuple(n for n in choices if n not in asked and choices[n] != self.start[n])


def agrees(prediction: str, answer: object) -> bool:
    """Whether a student's words mean the answer: "9216 ", "9,216" and 9216 are the same."""
    told, right = _plain(prediction), _plain(str(answer))
    try:
        return float(told) == float(right)
    except ValueError:
        return told == right


def _plain(text: str) -> str:
    return re.sub(r"[\s,]", "", text).casefold()


def checked_tasks(
    tasks: Sequence[Task],
    allowed: Mapping[str, Sequence],
    meant: Callable[[str, object], object],
) -> tuple[Task, ...]:
    """The tasks of a lab whose controls allow these values, `meant` by their names.

    Raises TypeError for what is no task, and ValueError for a task that asks for a control or a
    value that the lab does not have.
    """
    if not isinstance(tasks, (list, tuple)):
        raise TypeError(f"tasks are a list of layerwise.Task, not {tasks!r:.60}")
    return tuple(_checked(f"task {n}", task, allowed, meant) for n, task in enumerate(tasks, 1))


def _checked(
    which: str,
    task: object,
    allowed: Mapping[str, Sequence],
    meant: Callable[[str, object], object],
) -> Task:
    if not isinstance(task, Task):
        raise TypeError(f"{which} is no layerwise.Task(text, reached, explanation): {task!r:.60}")
    if callable(task.reached):
        return task
    if not isinstance(task.reached, Mapping):
        raise TypeError(
            f"{which}: reached={task.reached!r:.60} is neither a function of the lab nor "
            'settings by name, such as {"padding": 2}'
        )
    reached = {name: meant(name, value) for name, value in task.reached.items()}
    for name, value in reached.items():
        if name not in allowed or value not in allowed[name]:
            raise ValueError(f"{which} cannot be reached: no control has {name}={value!r:.60}")
    return replace(task, reached=reached)

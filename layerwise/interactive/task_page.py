"""The tasks of a lab in words: one of them as a live page, all of them where nothing is live."""

import re
from collections.abc import Sequence
from html import escape

from . import markup
from .controls import label
from .markup import element
from .tasks import Fault, Progress, Task, agrees


def live(progress: Progress) -> str:
    """The task on show, with the buttons that lead to the others, as HTML."""
    foot = _reached(progress) if progress.reached else _prediction(progress) + _hint(progress)
    explained = _words(progress.task.explanation) if progress.at in progress.explained else ""
    parts = [
        _head(progress),
        element("p", "", _words(progress.task.text)),
        element("div", "taskfoot", foot),  # as high as it may become: what stands below stays
        element("p", "", explained) if explained else "",
    ]
    return element("div", "task", "".join(parts), role="group", aria_label="Tasks")


def news(before: Progress, after: Progress) -> str:
    """What is heard of a step: the task that is now on show, and that it is reached."""
    told = [f"{_title(after)}. {after.task.text}"] if after.at != before.at else []
    if len(after.answers) > len(before.answers):
        told.append(f"Task {after.at + 1} reached.")
    return " ".join(told)


def stored(tasks: Sequence[Task]) -> str:
    """Every task, each with its explanation folded, as HTML that needs no kernel; "" for none."""
    items = "".join(element("li", "", _folded(task)) for task in tasks)
    told = element("div", "task", "<b>Tasks</b>" + element("ol", "", items))
    return markup.stored(told) if items else ""


def text(tasks: Sequence[Task]) -> str:
    """Every task for a terminal, without the explanations, and an empty line; "" for none."""
    told = "".join(f"Task {number}: {task.text}\n" for number, task in enumerate(tasks, 1))
    return f"{told}\n" if told else ""


def _head(progress: Progress) -> str:
    last = len(progress.tasks) - 1
    back = _button("Back", "task:back", dead=progress.at == 0)
    forth = _button("Next", "task:next", dead=progress.at == last)
    marks = "".join("✓" if n in progress.answers else "○" for n in range(last + 1))
    told = f"{len(progress.answers)} of {last + 1} reached"
    shown = element("span", "marks", marks, role="img", aria_label=told, title=told)
    title = element("b", "", _title(progress))
    return element("div", "", f"{title} {shown} {back}{forth}")


def _title(progress: Progress) -> str:
    return f"Task {progress.at + 1} of {len(progress.tasks)}"


def _button(name: str, sent: str, *, dead: bool = False) -> str:
    """A button; a dead one does nothing, and keeps the focus that it has."""
    told = {"aria_disabled": "true"} if dead else {}
    return element("button", "", name, data_send=sent, **told)


def _prediction(progress: Progress) -> str:
    """A box to type a prediction in, where the task asks for one."""
    if progress.task.predict is None:
        return ""
    told = progress.predictions.get(progress.at, "")
    box = f'<input type="text" size="14" data-send="predict" value="{escape(told)}">'
    noted = "Noted." if told else "Press Enter to note it."
    return element("label", "", f"Your prediction: {box}") + f" {noted} "


def _hint(progress: Progress) -> str:
    """What keeps the task from being reached, where that is known."""
    if progress.fault:
        return _words(_fault(progress.fault))
    if not progress.strayed:
        return ""
    told = escape(" and ".join(map(label, progress.strayed)))
    return f"Not yet: {told} must be as at the start. <i>Reset</i> sets all back."


def _fault(fault: Fault) -> str:
    line = fault.line
    where = f" It is line {line.number} of the {line.file}: `{line.text}`" if line else ""
    told = f"Whether this task is reached cannot be told: its own check failed with {fault.error}"
    return f"{told}, {fault.message}.{where}"


def _reached(progress: Progress) -> str:
    """What came true, and the button of the explanation."""
    told = element("b", "", "✓ Reached.") + " " + escape(_verdict(progress))
    expanded = {"aria_expanded": str(progress.at in progress.explained).lower()}
    return f"{told} " + element("button", "", "Explanation", data_send="explain", **expanded)


def _verdict(progress: Progress) -> str:
    answer, told = progress.answers[progress.at], progress.predictions.get(progress.at)
    if answer is None:
        return ""
    if not told:
        return f"It is {_number(answer)}."
    if agrees(told, answer):
        return f"You predicted {told}, and so it is."
    return f"You predicted {told}; it is {_number(answer)}."


def _number(answer: object) -> str:
    return f"{answer:,}" if isinstance(answer, (int, float)) else str(answer)


def _folded(task: Task) -> str:
    told = element("summary", "", "Explanation") + _words(task.explanation)
    return _words(task.text) + element("details", "", told)


def _words(text: str) -> str:
    """Text as HTML; what stands between backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))

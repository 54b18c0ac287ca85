"""Every exercise: its reference is right, its stub no answer, each mistake told by its name."""

import re
import time
from functools import cache
from itertools import pairwise

import build_notebooks
import lessons
import pytest
import torch

from course_utils import exercises
from course_utils.exercises import _sources

ALL = exercises.all()
GOALS = [one for one in ALL if hasattr(one.judge, "seconds")]
QUICK = [one for one in ALL if one not in GOALS]


def named(one):
    return f"{one.lesson[3:]}.{one.name}"


MISTAKES = [
    pytest.param(one, name, id=f"{named(one)}-{name}") for one in ALL for name in one.mistakes
]
EACH = pytest.mark.parametrize("one", ALL, ids=named)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def source_of_stub(one):
    return _sources.IMPORTS + one.given + "\n\n" + one.stub


@cache
def reference(one):
    return _sources.answer(one.reference)


@EACH
def test_the_reference_is_right(one, capsys):
    verdict = one.check(reference(one))
    assert (verdict.outcome, verdict.mistake) == ("right", ""), verdict.message
    assert capsys.readouterr().out.startswith("Right.")


@EACH
def test_the_stub_is_not_attempted(one):
    assert one.check(_sources.answer(source_of_stub(one))).outcome == "not attempted"
    assert "SOLUTION" not in one.stub


@cache
def verdict_of(one, name):
    return one.check(_sources.answer(one.mistakes[name]))


@pytest.mark.parametrize(("one", "name"), MISTAKES)
def test_a_mistake_is_told_by_its_name(one, name):
    verdict = verdict_of(one, name)
    assert (verdict.outcome, verdict.mistake) == ("wrong", name), verdict.message


@EACH
def test_mistakes_are_many_and_each_has_its_own_message(one):
    messages = [verdict_of(one, name).message for name in one.mistakes]
    assert len(set(messages)) == len(messages) >= 5
    assert len({mistake.name for mistake in one.made}) == len(one.made)


@EACH
def test_what_a_student_reads_is_complete(one):
    assert one.difficulty in {"easy", "medium", "hard"} and 5 <= one.minutes <= 60
    assert one.task.strip() and one.reason.strip() and len(one.hints) >= 2
    assert re.fullmatch(r"\d\d_\w+", one.lesson)
    module = getattr(exercises, one.lesson[3:])
    assert getattr(module, one.name) is one


@EACH
def test_what_a_student_reads_is_what_was_read(one, golden):
    told = [f"{one.title} ({one.difficulty}, {one.minutes} minutes)", one.task]
    told += [f"Hint: {hint}" for hint in one.hints]
    told += [f"Solution:\n{one.reference}", f"Reason: {one.reason}"]
    for mistake in one.made:
        measured = one in GOALS  # then the message has numbers of a training
        message = mistake.says if measured else verdict_of(one, mistake.name).message
        told.append(f"{mistake.name}: {message}" if message else mistake.name)
    told.append(f"Checked with:\n{looked_at(one.judge)}")
    golden(f"{named(one)}.txt", "\n\n".join(told) + "\n")


def looked_at(judge):
    """What an answer is called with, or has to reach."""
    cases = getattr(judge, "cases", None) or getattr(judge, "what", None) or [judge]
    return "\n".join(re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", repr(case)) for case in cases)


@EACH
def test_no_answer_is_not_attempted(one):
    assert {one.check(nothing).outcome for nothing in (..., None)} == {"not attempted"}


@EACH
def test_a_message_does_not_tell_the_solution(one):
    secret = [line.strip() for line in one.solution()._code.splitlines() if len(line.strip()) > 24]
    for mistake in one.made:
        assert not any(line in mistake.says + mistake.adds for line in secret)


@pytest.mark.parametrize("one", QUICK, ids=named)
def test_a_check_takes_less_than_half_a_second_of_work(one):
    answer = _sources.answer(next(iter(one.mistakes.values())))
    assert min(work(one, reference(one)) for _ in range(3)) < 0.5
    assert min(work(one, answer) for _ in range(3)) < 0.5


def work(one, answer):
    start = time.process_time()
    one.check(answer)
    return time.process_time() - start


def test_all_lessons_have_two_exercises_at_least():
    by_lesson = [one.lesson for one in ALL]
    assert {lesson[3:] for lesson in by_lesson} == set(exercises.LESSONS)
    assert min(by_lesson.count(lesson) for lesson in by_lesson) >= 2
    assert by_lesson == sorted(by_lesson)


def cells():
    """Cells tagged `exercise` of the lessons' sources, each with the cell after it."""
    for lesson, (source, _) in build_notebooks.lessons().items():
        found = [c for c in lessons.cells(source) if c.cell_type == "code"]
        for cell, after in pairwise(found):
            if "exercise" in cell.metadata.get("tags", []):
                yield pytest.param(lesson, cell.source, after.source, id=after.source)


@pytest.mark.parametrize(("lesson", "cell", "after"), list(cells()))
def test_the_cell_of_a_lesson_is_its_exercises_solution(lesson, cell, after):
    one = next(one for one in ALL if f"exercises.{named(one)}.check" in after)
    assert one.lesson == lesson
    assert cell.strip() == one.code.strip()

"""Tasks beside the lab: what counts as reached, what is said of it, and what waits until then."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from layerwise import Task
from layerwise.interactive import task_page, tasks
from layerwise.interactive.task_board import TaskBoard
from layerwise.interactive.tasks import Progress

START = {"padding": 1, "stride": 4}
BREAKS = Task(
    "How many rows come out? Set the `padding` to 2.",
    reached={"padding": 2},
    explanation="9 rows & more.",
    predict=lambda lab: lab.rows,
    hides_repairs=True,
)
SMALL = Task("Under 10.", reached=lambda lab: lab.rows < 10, explanation="Few rows.")


class Lab(SimpleNamespace):
    """What a task sees of a lab."""

    def __init__(self, rows=9216, **choices):
        super().__init__(choices=START | choices, rows=rows)


def progress(*given):
    return Progress(given or (BREAKS, SMALL), START)


def words(html):
    return re.sub("<[^>]+>", "", html)


# -- what counts as reached


def test_settings_are_reached_with_all_others_as_at_the_start():
    assert not progress().checked(Lab()).reached
    assert progress().checked(Lab(padding=2)).reached
    strayed = progress().checked(Lab(padding=2, stride=8))
    assert not strayed.reached and strayed.strayed == ("stride",)
    assert progress().checked(Lab(stride=8)).strayed == ()  # the padding is still to be set


def test_a_function_of_the_lab_tells_what_is_reached():
    assert not progress(SMALL).checked(Lab(rows=10)).reached
    assert progress(SMALL).checked(Lab(rows=9)).reached


def test_what_is_reached_stays_so_with_the_answer_of_that_moment():
    later = progress().checked(Lab(padding=2)).checked(Lab(rows=7)).checked(Lab(7, padding=2))
    assert later.answers == {0: 9216}


def test_only_the_task_on_show_is_checked():
    done = progress().checked(Lab(rows=3))
    assert done.answers == {}
    assert done.moved(1).checked(Lab(rows=3)).answers == {1: None}


def test_there_is_no_task_before_the_first_or_behind_the_last():
    now = progress()
    assert now.moved(-1) == now and now.moved(1).at == 1 and now.moved(1).moved(1).at == 1


@pytest.mark.parametrize(
    "broken",
    [
        Task("?", reached=lambda lab: lab.rowz < 10, explanation="-"),
        Task("?", reached={"padding": 1}, explanation="-", predict=lambda lab: lab.rowz),
    ],
)
def test_a_check_that_fails_is_told_with_its_line(broken):
    failed = progress(broken, SMALL).checked(Lab())
    assert not failed.reached
    told = words(task_page.live(failed))
    assert "its own check failed with AttributeError" in told and "rowz" in told
    assert re.search(r"line \d+ of the test_tasks.py: .*lab\.rowz", told)
    assert failed.moved(1).fault is None


# -- what waits


def test_a_prediction_is_taken_until_the_task_is_reached():
    now = progress().predicted(" 9,000 ").predicted("9,100")
    assert now.predictions == {0: "9,100"}
    late = now.checked(Lab(padding=2)).predicted("9,216")
    assert late.predictions == {0: "9,100"}


def test_the_explanation_can_be_opened_only_once_the_task_is_reached():
    early = progress().toggled()
    assert early == progress() and "Explanation" not in task_page.live(early)
    done = progress().checked(Lab(padding=2))
    shut, opened = task_page.live(done), task_page.live(done.toggled())
    assert 'aria-expanded="false"' in shut and "9 rows" not in shut
    assert 'aria-expanded="true"' in opened and "9 rows &amp; more." in opened
    assert done.toggled().toggled() == done


def test_repairs_wait_until_all_is_explained():
    now = progress()
    assert now.hides_repairs and not now.moved(1).hides_repairs
    done = now.checked(Lab(padding=2))
    assert done.hides_repairs and not done.toggled().hides_repairs


# -- what is said


@pytest.mark.parametrize(
    ("told", "answer", "verdict"),
    [
        ("9,000", 9216, "You predicted 9,000; it is 9,216."),
        ("9216", 9216, "You predicted 9216, and so it is."),
        ("9 216.0", 9216, "You predicted 9 216.0, and so it is."),
        ("Cheaper", "cheaper", "You predicted Cheaper, and so it is."),
        ("<b>", "cheaper", "You predicted &lt;b&gt;; it is cheaper."),
        ("", 9216, "It is 9,216."),
    ],
)
def test_a_prediction_is_compared_with_what_came_true(told, answer, verdict):
    asked = Task("?", {"padding": 2}, "Because.", predict=answer)
    done = progress(asked).predicted(told).checked(Lab(padding=2))
    assert f"✓ Reached. {verdict} Explanation" in words(task_page.live(done))


def test_the_page_asks_only_where_the_task_asks():
    first = task_page.live(progress().predicted('9"'))
    assert 'data-send="predict" value="9&quot;"' in first and "Noted." in first
    assert "<input" not in task_page.live(progress().moved(1))
    assert "<input" not in task_page.live(progress().checked(Lab(padding=2)))


def test_the_page_tells_where_one_stands():
    shown = task_page.live(progress().checked(Lab(padding=2)).moved(1))
    assert "Task 2 of 2 ✓○" in words(shown) and 'aria-label="1 of 2 reached"' in shown
    assert re.findall(r'data-send="task:(\w+)" aria-disabled', shown) == ["next"]


def test_what_keeps_a_task_from_being_reached_is_named():
    told = words(task_page.live(progress().checked(Lab(padding=2, stride=8))))
    assert "Not yet: stride must be as at the start." in told


def test_a_screen_reader_hears_one_sentence_or_the_next_task():
    now = progress()
    done = now.checked(Lab(padding=2))
    assert task_page.news(now, done) == "Task 1 reached."
    assert task_page.news(done, done.toggled()) == ""
    assert task_page.news(done, done.moved(1)) == "Task 2 of 2. Under 10."


def test_without_a_kernel_every_task_stands_there_with_its_explanation_folded():
    html = task_page.stored((BREAKS, SMALL))
    assert html.count("<li>") == html.count("<details>") == 2
    assert "Set the <code>padding</code> to 2." in html and "9 rows &amp; more." in html
    assert "<button" not in html and 'class="' not in html
    text = task_page.text((BREAKS, SMALL))
    assert text.splitlines()[1] == "Task 2: Under 10." and "Few rows" not in text


# -- on show


def test_the_board_follows_the_lab_and_the_hand():
    lab, steps = Lab(), []
    board = TaskBoard((BREAKS, SMALL), lab, lambda *step: steps.append(step))
    board.press("predict:9,000")
    board.check()
    assert "Reached" not in board.panel.html
    lab.choices["padding"] = 2
    board.check()
    assert "You predicted 9,000; it is 9,216." in board.panel.html
    assert task_page.news(*steps[-1]) == "Task 1 reached." and board.hides_repairs
    board.press("task:next")
    assert "Task 2 of 2" in board.panel.html and not board.hides_repairs
    board.press("task:back")
    board.press("explain")
    assert "9 rows" in board.panel.html and not board.hides_repairs


def test_a_prediction_may_hold_a_colon():
    board = TaskBoard((BREAKS,), Lab(), lambda *_: None)
    board.press("predict:a:b")
    assert 'value="a:b"' in board.panel.html


# -- what is no task


ALLOWED = {"padding": [0, 1, 2], "stride": [4, 8]}


def meant(name, value):
    """The value that is called so, as a menu has it."""
    return {("padding", "two"): 2}.get((name, value), value)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("Set it.", TypeError, r"task 2 is no layerwise\.Task\(.*\): 'Set it.'"),
        (Task("?", 5, "-"), TypeError, "task 2: reached=5 is neither a function of the lab"),
        (Task("?", {"pad": 2}, "-"), ValueError, "task 2 cannot be reached: no control has pad=2"),
        (Task("?", {"stride": 5}, "-"), ValueError, "no control has stride=5"),
    ],
)
def test_what_is_no_task_of_this_lab_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        tasks.check((SMALL, given), ALLOWED, meant)


def test_tasks_of_this_lab_are_taken_with_the_values_that_are_meant():
    named = replace(BREAKS, reached={"padding": "two"})
    assert tasks.check([named, SMALL], ALLOWED, meant) == (BREAKS, SMALL)

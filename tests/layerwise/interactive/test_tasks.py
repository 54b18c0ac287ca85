"""Tasks beside the lab: what counts as reached, what is said of it, and what waits until then."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from torch import nn

from layerwise import Task, lab
from layerwise.interactive import task_page
from layerwise.interactive.tasks import Progress, checked_tasks

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
    at_once = done.moved(1).checked(Lab(rows=3))
    assert task_page.news(done, at_once) == "Task 2 of 2. Under 10. Task 2 reached."


def test_without_a_kernel_every_task_stands_there_with_its_explanation_folded():
    html = task_page.stored((BREAKS, SMALL))
    assert html.count("<li>") == html.count("<details>") == 2
    assert "Set the <code>padding</code> to 2." in html and "9 rows &amp; more." in html
    assert "<button" not in html and 'class="' not in html
    text = task_page.text((BREAKS, SMALL))
    assert text.splitlines()[1] == "Task 2: Under 10." and "Few rows" not in text


# -- on show


def flat(padding=1, features=9):
    return nn.Sequential(nn.Conv2d(1, 1, 3, padding=padding), nn.Flatten(), nn.Linear(features, 2))


@pytest.fixture
def small():
    """A lab that breaks with padding 2, where 25 numbers reach a layer for 9."""
    breaks = replace(BREAKS, predict=lambda lab: lab.problem.got)
    works = Task("Mend it.", reached=lambda lab: lab.trace and lab.choices["padding"] == 2,
                 explanation="25 features.", hides_repairs=True)  # fmt: skip
    free = Task("Look.", reached={"padding": 0}, explanation="1 number.")
    return lab(flat, (1, 1, 3, 3), padding=(0, 2), features=[9, 25], tasks=[breaks, works, free])


def board(made):
    """The panel of the tasks, and all that is said there."""
    panel = made._frame._words.children[0]
    return panel, lambda: words(panel.html)


def press(panel, sent):
    panel._handle_custom_msg({"pressed": sent}, [])


def test_the_tasks_follow_the_lab_and_the_hand(small):
    panel, told = board(small)
    press(panel, "predict:9:00")
    assert 'value="9:00"' in panel.html and "Reached" not in told()
    small.set(padding=2)
    assert "✓ Reached. You predicted 9:00; it is 25." in told()
    press(panel, "explain")
    assert "9 rows" in told()
    press(panel, "task:next")
    assert told().startswith("Task 2 of 3") and "Mend it." in told()
    small.set(features=25)
    assert "✓ Reached." in told()
    press(panel, "task:back")
    assert "9 rows" in told()


def test_repairs_wait_while_a_task_asks_what_is_wrong(small):
    panel, _ = board(small)
    small.set(padding=2)
    assert "Works: " not in small.panels[0].html and "Show what would help" in small.panels[0].html
    small._pressed("help")
    assert "Works: " in small.panels[0].html
    small.set(padding=1)
    small.set(padding=2)
    assert "Works: " not in small.panels[0].html
    press(panel, "explain")
    assert "Works: " in small.panels[0].html
    press(panel, "task:next")
    assert "Works: " not in small.panels[0].html
    press(panel, "task:next")
    assert "Works: " in small.panels[0].html


def test_one_sentence_is_heard_for_a_turn_and_its_task(small):
    panel, _ = board(small)
    small.set(padding=2)
    assert small._frame.lead.said == f"{small.problem.headline} Task 1 reached."
    press(panel, "task:next")
    assert small._frame.lead.said == "Task 2 of 3. Mend it."


def test_a_check_that_fails_leaves_the_lab_alive():
    broken = Task("?", reached=lambda lab: lab.trace.params < 9, explanation="-")
    made = lab(flat, (1, 1, 3, 3), padding=(0, 2), tasks=[broken])
    made.set(padding=2)
    assert "NoneType" in board(made)[1]() and "lab.trace.params" in board(made)[1]()
    made.set(padding=1)
    assert "failed" not in board(made)[1]() and made.trace


def test_a_lab_without_a_kernel_shows_its_tasks(small):
    assert small.html.count("<details>") == 3 and small.text.startswith("Task 1: How many rows")
    assert "Task" not in lab(flat, (1, 1, 3, 3), padding=(0, 2)).text


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
        checked_tasks((SMALL, given), ALLOWED, meant)


def test_one_task_alone_is_no_list():
    with pytest.raises(TypeError, match=r"tasks are a list of layerwise\.Task, not Task"):
        checked_tasks(SMALL, ALLOWED, meant)


def test_tasks_of_this_lab_are_taken_with_the_values_that_are_meant():
    named = replace(BREAKS, reached={"padding": "two"})
    assert checked_tasks([named, SMALL], ALLOWED, meant) == (BREAKS, SMALL)


def test_the_tasks_are_a_group_with_a_name():
    assert task_page.live(progress()).startswith(
        '<div class="lab-task" role="group" aria-label="Tasks">'
    )

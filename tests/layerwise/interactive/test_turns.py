"""Turns of a lab: undo, redo, presets, the pinned setting, choices in words, and what they send."""

import gc
import re
import threading
from types import SimpleNamespace

import ipywidgets as ui
import pytest
from torch import nn

from course_utils import nets
from layerwise import Task, lab
from layerwise.interactive import cells
from layerwise.interactive.history import History
from layerwise.interactive.stored import StoredOutput
from layerwise.interactive.widgets import Figure, Panel

ARCHS = {"one": ((1, 8),), "two": ((1, 8), (1, 16)), "three": ((1, 8), (1, 16), (1, 32))}


def alexnet(channels=96, stride=4, padding=1):
    return nets.alexnet(
        channels=(channels, 256, 384, 384, 256),
        strides=(stride, 1, 1, 1, 1),
        paddings=(padding, 2, 1, 1, 1),
    )


def vgg(arch=ARCHS["two"], features=16 * 8 * 8):
    layers, channels = [], 1
    for convs, width in arch:
        layers += [nn.Conv2d(channels, width, 3, padding=convs), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 10))


PAPER = {"as in the paper": {"channels": 96, "stride": 4}, "narrow": {"channels": 48}}


@pytest.fixture
def small():
    forms = {"channels": [48, 64, 96], "stride": (1, 8), "padding": (0, 3)}
    return lab(alexnet, (1, 1, 224, 224), presets=PAPER, **forms, input_size=[96, 224])


@pytest.fixture
def blocks():
    return lab(vgg, (1, 1, 32, 32), arch=ARCHS, features=[1024, 2048])


def head(made):
    return made.panels[0].html


def tools(made):
    return made._frame.lead.html


# -- undo and redo


def test_history_goes_back_and_forth_and_forgets_what_was_undone():
    history = History({"a": 1})
    for a in (2, 3):
        history.take({"a": a})
    assert history.before() == {"a": 2} and history.before() == {"a": 1}
    assert history.before() is None and history.after() == {"a": 2}
    history.take({"a": 5})
    assert history.after() is None and history.before() == {"a": 2}


def test_a_moving_hand_is_one_step():
    history = History({"a": 1})
    history.take({"a": 2})
    for a in (3, 4, 5):
        history.take({"a": a}, moving=True)
    assert history.before() == {"a": 1} and history.after() == {"a": 5}
    history.take({"a": 1}, moving=True)  # and back where it came from
    assert history.before() is None


def test_undo_and_redo_walk_through_the_turns(small):
    small.set(channels=48, stride=5)
    small.set(padding=2)
    small.undo()
    assert small.choices["padding"] == 1 and small.choices["stride"] == 5
    small._pressed("undo")
    assert small.choices == small._history.start and 'data-send="undo"' in tools(small)
    small.undo()
    small._pressed("redo")
    small.redo()
    small.redo()
    assert small.choices["padding"] == 2


def test_a_button_that_leads_nowhere_says_so(small):
    def off(name):
        tag = next(part for part in tools(small).split("<button") if f'"{name}"' in part)
        return "aria-disabled" in tag

    assert [off(name) for name in ("undo", "redo", "reset", "pin")] == [True, True, True, False]
    small.set(padding=3, stride=8)
    assert [off(name) for name in ("undo", "redo", "reset", "pin")] == [False, True, False, True]
    small.undo()
    assert [off(name) for name in ("undo", "redo", "reset")] == [True, False, True]


# -- presets


def test_a_preset_is_a_whole_setting_by_its_name(small):
    small.set(stride=7, input_size=96)
    small._pressed("preset:narrow")
    assert small.choices == {"channels": 48, "stride": 4, "padding": 1, "input_size": 224}
    assert '<option value="narrow" selected="">' in tools(small)
    small.set(padding=2)
    assert '<option value="" selected="">' in tools(small)
    small.undo()
    small.undo()
    assert small.choices["stride"] == 7


def test_a_preset_may_name_a_choice_in_words():
    presets = {"deep": {"arch": "three"}}
    made = lab(vgg, (1, 1, 32, 32), arch=ARCHS, presets=presets)
    made._pressed("preset:deep")
    assert made.choices["arch"] == ARCHS["three"]


@pytest.mark.parametrize(
    ("presets", "error", "says"),
    [
        (
            {"odd": {"chanels": 48}},
            ValueError,
            "'odd' cannot be reached: no control has chanels=48",
        ),
        ({"odd": {"channels": 47}}, ValueError, "no control has channels=47"),
        ({"odd": 48}, TypeError, "settings by name"),
        ((1, 8), TypeError, "settings by name"),
    ],
)
def test_presets_that_cannot_be_reached_are_refused(presets, error, says):
    with pytest.raises(error, match=says):
        lab(alexnet, (1, 1, 224, 224), channels=[48, 96], presets=presets)


def test_a_parameter_with_the_name_of_a_keyword_keeps_its_default_or_is_named():
    def build(presets=3, width=2):
        return nn.Linear(presets, width)

    made = lab(build, (1, 3), width=(1, 4), presets={"wide": {"width": 4}})
    made._pressed("preset:wide")
    assert made.trace.output == (1, 4)
    with pytest.raises(TypeError, match="'presets', a word of the lab itself"):
        lab(lambda presets, width=2: nn.Linear(presets, width), (1, 3), width=(1, 4))


# -- the pinned setting


def test_a_pinned_setting_is_what_the_page_compares_with(small):
    small.set(channels=48)
    small.pin()
    assert "This is the pinned setting" in head(small) and "was" not in small.text
    small.set(stride=5, padding=2)
    small.set(stride=4, padding=0)
    assert "Changed from the pinned setting: padding 1 → <b>0</b>" in head(small)
    assert "Since the pinned setting (channels 48)" in small.text
    small._pressed("pin")
    assert "Changed: channels 96 → <b>48</b>, padding 1 → <b>0</b>" in head(small)
    assert "Since the start" in small.text and "Unpin" not in tools(small)


def test_a_broken_setting_is_not_pinned(small):
    small.set(padding=3, stride=8)
    small.pin()
    assert "Unpin" not in tools(small)


# -- choices in words


def test_choices_are_told_by_name(blocks):
    blocks.set(arch="three", features=2048)
    told = head(blocks) + blocks.text.partition("\n\n")[2] + blocks.html.partition("</code>")[2]
    assert "arch two → <b>three</b>" not in told  # it is broken
    assert "arch = three" in told and "arch = two" in told
    blocks.set(arch="one", features=2048)
    told += head(blocks) + blocks.text.partition("\n\n")[2]
    assert "arch two → <b>one</b>" in told
    assert "((1, " not in re.sub(r'<code.*?</code>|data-copy="[^"]*"', "", told)


def test_a_tick_is_on_or_off():
    made = lab(lambda bias=True: nn.Linear(1, 1, bias=bias), (1, 1), bias=True)
    made.set(bias=False)
    assert "bias on → <b>off</b>" in head(made)


def test_a_line_restores_the_whole_setting(blocks, small, monkeypatch):
    small.set(channels=64, input_size=96)
    assert small.setting == ".set(channels=64, stride=4, padding=1, input_size=96)"
    blocks.set(arch="one")
    monkeypatch.setattr(cells, "name_of", lambda _: "blocks")
    line = blocks.setting
    assert line == "blocks.set(arch='one', features=1024)" and "((" not in line
    blocks.set(arch="two")
    eval(line)  # noqa: S307  what the student copied
    assert blocks.choices["arch"] == ARCHS["one"]


def test_the_line_that_restores_names_a_class():
    made = lab(lambda f=nn.ReLU: nn.Sequential(f()), (1, 2), f={"ReLU": nn.ReLU, "tanh": nn.Tanh})
    made.set(f=nn.Tanh)
    assert made.setting == ".set(f='tanh')"
    made.set(f="ReLU")
    assert made.setting == ".set(f='ReLU')"


@pytest.mark.parametrize(
    ("typed", "value"), [("50", 48), ("1,000", 96), ("-3", 48), ("sixty", 96), ("", 96)]
)
def test_what_is_typed_sets_the_nearest_value_or_nothing(small, typed, value):
    small._pressed(f"typed:channels:{typed}")
    assert small.choices["channels"] == value


# -- what a turn sends


def sent(made, action):
    """The messages of an action: which widget, which traits."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for widget in (made._frame.lead, *made.panels, made._frame.figure, made._frame.pixels):
            patch.setattr(
                widget,
                "_send",
                lambda msg, widget=widget, **_: found.append((widget, msg["state"])),
            )
        action()
    return found


def test_a_turn_is_one_message(small):
    ((lead, state),) = sent(small, lambda: setattr(small.controls["channels"], "value", 48))
    parts = state["turn"]["parts"]
    assert lead is small._frame.lead and {"html", "said", "turn"} <= set(state)
    frame = small._frame
    told = [part.model_id for part in (frame.head, frame.code, frame.table, frame.figure)]
    assert set(parts) == set(told) and "channels=48" in parts[told[1]]["html"]


def test_every_answer_counts_so_that_the_page_knows_that_it_is_heard(small):
    numbers = []
    for action in ("fold:5", "pin", "pin", "preset:none of these", "typed:channels:abc"):
        ((_, state),) = sent(small, lambda action=action: press(small._frame.lead, action))
        numbers.append(state["turn"]["number"])
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def press(panel, action):
    """As the page does it."""
    panel._handle_custom_msg({"pressed": action}, [])


def test_a_prediction_counts_too_and_the_last_turn_holds_what_is_shown_of_a_task():
    tasks = [Task(text, {"channels": 48}, "So.", predict="5") for text in ("Five?", "Six?")]
    made = lab(alexnet, (1, 1, 224, 224), channels=[48, 96], tasks=tasks)
    panel = made._frame._words.children[0]
    before = made._frame.lead.turn["number"]
    for number, action in enumerate(("predict:60", "task:next"), before + 1):
        ((lead, state),) = sent(made, lambda action=action: press(panel, action))
        assert lead is made._frame.lead and state["turn"]["number"] == number
        assert state["turn"]["parts"][panel.model_id] == {"html": panel.html}
    assert "Six?" in panel.html


def test_what_a_part_sends_by_itself_is_no_more_in_the_last_turn(small):
    frame = small._frame
    small.set(channels=48)
    assert "channels=48" in frame.lead.turn["parts"][frame.code.model_id]["html"]
    frame.code.html = "newer"
    assert "html" not in frame.lead.turn["parts"][frame.code.model_id]
    assert "html" in frame.lead.turn["parts"][frame.table.model_id]


def test_a_closed_lab_leaves_a_control_of_the_caller_alone(monkeypatch):
    ends = []
    monkeypatch.setattr(cells, "close_at_next_run", ends.append)
    mine = ui.IntSlider(min=1, max=4)
    first = lab(lambda b=2: nn.Linear(1, b), (1, 1), b=mine)
    ends.pop()()
    second = lab(lambda b=2: nn.Linear(1, b), (1, 1), b=mine)
    mine.value = 4
    assert first.choices == second.choices == {"b": 4}
    assert first.trace.output == (1, 1) and second.trace.output == (1, 4)


def test_one_sentence_is_said_for_a_turn(small):
    assert small._frame.lead.said == ""
    small.set(channels=48)
    assert small._frame.lead.said == (
        "The network works: 46.5 M parameters −0.7 % and 714 M MACs for one image −24 %."
    )
    small.set(padding=2)
    assert small._frame.lead.said == small.problem.headline


# -- what stands beside the lab


def test_what_stands_beside_the_lab_hears_each_turn_and_travels_with_it(small):
    beside = Panel(lambda _: None)
    small._frame.add(beside, "beside")
    small.after_turn(lambda state: setattr(beside, "html", state.code))
    ((_, state),) = sent(small, lambda: small.set(channels=48))
    assert state["turn"]["parts"][beside.model_id] == {"html": small.code}
    words, picture = small._frame._words, small._frame._picture
    for place in ("above", "below"):
        small._frame.add(ui.HTML(place), place)
    assert (words.children[0].value, picture.children[-1].value) == ("above", "below")
    small.set(channels=96)
    assert picture.children[-1].value == "below"


def test_repairs_stand_behind_a_button_where_that_is_asked_for(small):
    small.repairs_hidden = True
    small.set(padding=3, stride=8)
    assert "Works: " not in head(small) and "Works: " not in small.html
    assert "Show what would help" in head(small)
    small._pressed("help")
    assert "Works: " in head(small)
    small.set(padding=2)
    assert "Works: " not in head(small)


# -- closing


def widgets():
    return len(ui.widgets.widget._instances)


def test_a_cell_that_runs_again_leaves_no_widget_behind(monkeypatch):
    told, begins = {"cellId": "a"}, {}
    shell = SimpleNamespace(events=SimpleNamespace(register=begins.__setitem__), user_ns={})
    monkeypatch.setattr(cells, "_told", lambda: told)
    monkeypatch.setattr(cells, "_shell", lambda: shell)
    monkeypatch.setattr(cells, "_closers", {})
    monkeypatch.setattr(cells, "in_notebook", lambda: False)
    mine = ui.IntSlider(min=1, max=4)
    before = widgets()

    def run(cell, deleted=()):
        told.update(cellId=cell, deletedCells=deleted)
        begins.get("pre_run_cell", lambda: None)()
        return lab(lambda a=1, b=2: nn.Linear(a, b), (1, 1), a=(1, 3), b=mine)

    first = run("a")
    once = widgets()
    assert once - before > 10
    run("a")
    assert widgets() == once
    first.set(b=3)  # a name that the student kept still works
    assert first.trace.output == (1, 3)
    run("b")
    assert widgets() > once + 10
    run("b", deleted=["a"])
    assert widgets() == once and mine.comm is not None


def test_garbage_is_collected_where_the_hand_rests_and_not_at_a_turn(small, monkeypatch):
    collected = []
    monkeypatch.setattr(gc, "collect", lambda *_: collected.append(small.choices["channels"]))
    small.set(channels=48)
    assert collected == []  # on no page: nothing rests
    monkeypatch.setattr(StoredOutput, "shown", property(lambda _: True))
    monkeypatch.setattr(StoredOutput, "update", lambda *_: None)
    small._store(small._turns - 1)  # a turn came after this one
    assert collected == []
    small._store(small._turns)
    assert collected == [48]


def test_two_threads_that_change_one_page_come_one_after_the_other(small, monkeypatch):
    """In JupyterLab the width of the page may come in a subshell while a cell or a hand turns."""
    show, frame = small._picture.show, small._frame
    width = threading.Thread(target=lambda: setattr(frame.figure, "room", 700))

    def show_meanwhile(state):
        width.start()
        width.join(0.3)  # where it need not wait, it is through by then
        show(state)

    monkeypatch.setattr(small._picture, "show", show_meanwhile)
    messages = sent(small, lambda: (small.set(channels=48), width.join()))
    turn, _ = (state["turn"]["parts"] for _, state in messages if "turn" in state)
    assert "channels=48" in turn[frame.code.model_id]["html"]


def test_the_start_is_not_run_again_to_find_what_broke_it(monkeypatch):
    built = []

    def net(width=8):
        built.append(width)
        return nn.Sequential(nn.Linear(4, 8), nn.Linear(width, 2))

    made = lab(net, (1, 4), width=(1, 16))
    monkeypatch.setattr("layerwise.interactive.live_lab.after", lambda *_: None)
    built.clear()
    made.set(width=9)
    assert set(built) == {9} and "width=9 makes it so" in made._frame.head.html


def test_a_picture_chooses_no_box_unless_it_is_asked_to():
    assert not Figure().choosing

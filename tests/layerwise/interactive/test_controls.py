"""The controls that the short forms of `interact` make, and the values that each can take."""

import pytest
from ipywidgets import (
    Checkbox,
    Dropdown,
    IntSlider,
    SelectionRangeSlider,
    SelectionSlider,
    SelectMultiple,
    fixed,
)
from torch import nn

from layerwise import lab
from layerwise.interactive import controls

IMAGE = (1, 1, 224, 224)


def alexnet(channels=96, stride=4):
    """Never called here."""


def kinds(build, **forms):
    return {name: type(w) for name, w in controls.make(build, IMAGE, forms).items()}


def test_each_short_form_makes_its_control():
    def build(channels=96, stride=4, bias=True, arch=((1, 64),), activation=nn.ReLU):
        """Never called here."""

    forms = {
        "channels": [48, 96],
        "stride": (1, 8),
        "bias": True,
        "arch": [((1, 64),), ((2, 64),)],
        "activation": {"ReLU": nn.ReLU, "tanh": nn.Tanh},
        "input_size": [96, 224],
    }
    assert kinds(build, **forms) == {
        "channels": SelectionSlider,
        "stride": IntSlider,
        "bias": Checkbox,
        "arch": Dropdown,
        "activation": Dropdown,
        "input_size": SelectionSlider,
    }
    made = controls.make(build, IMAGE, forms)
    assert [widget.value for widget in made.values()] == [96, 4, True, ((1, 64),), nn.ReLU, 224]


def test_a_list_of_tuples_is_found_in_the_default_given_as_lists():
    def build(arch=[[2, 64], [2, 128]]):  # noqa: B006  never changed
        """Never called here."""

    made = controls.make(build, IMAGE, {"arch": [((1, 64), (1, 128)), ((2, 64), (2, 128))]})
    assert made["arch"].value == ((2, 64), (2, 128))


def test_states_are_every_combination_of_values():
    made = controls.make(alexnet, IMAGE, {"channels": [48, 96], "stride": (1, 8)})
    found = list(controls.states(made))
    assert len(found) == 2 * 8
    assert found[0] == {"channels": 48, "stride": 1}
    assert len({tuple(state.values()) for state in found}) == len(found)


@pytest.mark.parametrize(
    ("widget", "found"),
    [
        (fixed(4), [4]),
        (SelectMultiple(options=[1, 2, 3], value=(2, 3)), [(1,), (2,), (3,), (2, 3)]),
        (SelectMultiple(options=[1, 2], value=(2,)), [(1,), (2,)]),
        (SelectionRangeSlider(options=[1, 2]), [(1, 1), (1, 2), (2, 2)]),
    ],
)
def test_a_state_holds_what_the_widget_would_give(widget, found):
    assert controls.values(controls.make(alexnet, IMAGE, {"stride": widget})["stride"]) == found


@pytest.mark.parametrize("form", [[8, 4, 2], [False, True], ["a", "b"]])
def test_what_does_not_rise_is_a_menu(form):
    assert kinds(alexnet, stride=form) == {"stride": Dropdown}


def test_a_menu_shows_pairs_as_a_person_writes_them():
    made = controls.make(alexnet, IMAGE, {"stride": [((1, 64), (2, 128)), (3, 4)]})["stride"]
    assert [shown for shown, _ in made.options] == ["1×64, 2×128", "3, 4"]


def test_true_is_not_one():
    def build(choice=True):
        """Never called here."""

    assert controls.make(build, IMAGE, {"choice": [0, 1]})["choice"].value == 0


def test_a_builder_that_takes_any_keyword_takes_any_control():
    def build(**choices):
        """Never called here."""

    assert kinds(build, anything=(1, 3)) == {"anything": IntSlider}


def test_a_choice_without_a_slider():
    made = lab(lambda a=1, c=2: nn.Linear(a, c), (1, 1), a=[1], c=fixed(4))
    assert made.choices == {"a": 1, "c": 4} and list(made.states()) == [{"a": 1, "c": 4}]
    assert made.trace.output == (1, 4)


def test_a_float_slider_reaches_its_top_and_its_values_are_round():
    def build(dropout=0.5):
        """Never called here."""

    made = controls.make(build, IMAGE, {"dropout": (0.0, 1.0, 0.1)})
    assert controls.values(made["dropout"]) == [round(i / 10, 1) for i in range(11)]


@pytest.mark.parametrize(
    ("forms", "error", "says"),
    [
        ({"chanels": (1, 8)}, TypeError, "did you mean 'channels'"),
        ({"channels": (8, 1)}, ValueError, "channels"),
        ({"channels": []}, ValueError, "no choices"),
        ({"channels": [8, None]}, ValueError, "cannot offer None"),
        ({"channels": object()}, ValueError, "not understood"),
    ],
)
def test_a_lab_called_wrongly_says_how(forms, error, says):
    with pytest.raises(error, match=says):
        lab(alexnet, IMAGE, **forms)


def test_a_parameter_without_a_value_is_named():
    with pytest.raises(TypeError, match="needs a value for 'width'"):
        lab(lambda width, depth=1: nn.Linear(width, depth), (1, 8), depth=(1, 8))


@pytest.mark.parametrize("build", [nn.Linear(2, 2), "alexnet"])
def test_lab_wants_a_function(build):
    with pytest.raises(TypeError, match="function"):
        lab(build, IMAGE)


@pytest.mark.parametrize("word", ["presets", "image", "tasks"])
def test_a_parameter_with_a_word_of_the_lab_is_told_so(word):
    given = {}
    exec(f"def build({word}): pass", given)  # noqa: S102  the line above
    with pytest.raises(TypeError, match=f"'{word}', a word of the lab itself"):
        controls.make(given["build"], IMAGE, {})


def test_without_forms_there_are_no_controls():
    assert controls.make(alexnet, IMAGE, {}) == {}


def test_one_number_alone_is_a_menu_and_no_tooltip_says_null():
    made = controls.make(alexnet, IMAGE, {"channels": [96], "stride": (1, 8)})
    assert type(made["channels"]) is Dropdown
    assert [control.tooltip for control in made.values()] == ["", ""]

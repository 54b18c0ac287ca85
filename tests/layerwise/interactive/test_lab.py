"""The lab without a browser: its controls, what it shows, and what it does with mistakes."""

import subprocess
import sys

import nbformat
import pytest
from ipywidgets import Checkbox, Dropdown, IntSlider, SelectionSlider
from nbclient import NotebookClient
from torch import nn

from course_utils import nets
from layerwise import lab
from layerwise.diagram.drawing import svg
from layerwise.interactive import controls, page
from layerwise.interactive.widgets import Figure, Pixels
from layerwise.tracing.module_tree import outline
from layerwise.tracing.tracer import attempt, trace
from layerwise.views import comparison as comparing

IMAGE = (1, 1, 224, 224)


def alexnet(channels=96, stride=4, padding=1, in_features=6400):
    return nets.alexnet(
        channels=(channels, 256, 384, 384, 256),
        strides=(stride, 1, 1, 1, 1),
        paddings=(padding, 2, 1, 1, 1),
        in_features=in_features,
    )


@pytest.fixture
def small():
    return lab(alexnet, IMAGE, channels=[48, 96], stride=(1, 8), padding=(0, 3))


# -- controls


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


def test_states_are_every_combination_of_values(small):
    found = list(small.states())
    assert len(found) == 2 * 8 * 4
    assert found[0] == {"channels": 48, "stride": 1, "padding": 0}
    assert len({tuple(state.values()) for state in found}) == len(found)


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


# -- what it shows


def test_the_code_builds_this_very_network(small):
    small.controls["stride"].value = 8
    assert small.code == "alexnet(channels=96, stride=8, padding=1)"
    assert "input_size" not in lab(alexnet, IMAGE, input_size=[96, 224]).code
    assert lab(lambda width=1: nn.Linear(2, width), (1, 2), width=(1, 2)).code == "build(width=1)"


def test_a_change_is_marked_beside_what_was(small):
    small.controls["channels"].value = 48
    assert "48×54×54 (was 1×96×54×54)" in small.text
    assert "5,856 (was 11,712)" in small.text
    total = page.totals(small.trace, trace(alexnet(), IMAGE))[1]
    assert total.value == "714 M" and total.change == "−24 %"


def test_a_broken_setting_is_explained_and_its_repairs_work(small):
    small.controls["padding"].value = 2
    assert small.trace is None and not small.problem.works
    assert "9,216" in small.text and "expects 6,400, gets 9,216" in small.text
    assert "? 15" in small.text  # what is not reached stays in the table
    small._pressed("repair:0")
    assert small.problem is None and small.trace is not None


def test_a_control_that_does_not_exist_is_named(small):
    with pytest.raises(KeyError, match="no control is called chanels; there are channels, "):
        small.set(chanels=48)


def test_reset_goes_back(small):
    before = small.html
    small.set(channels=48, stride=8)
    assert small.html != before
    small._reset.click()
    assert small.html == before


def test_a_lab_that_starts_broken_can_be_mended():
    started = lab(lambda padding=2: alexnet(padding=padding), IMAGE, padding=(0, 3))
    assert started.trace is None and started.problem
    started.controls["padding"].value = 1
    assert started.problem is None and "was" not in started.text


def test_the_stored_html_needs_no_style_sheet(small):
    small.controls["padding"].value = 2
    assert 'class="' not in small.html and "<button" not in small.html
    assert "Run this cell" in small.html
    assert "<svg" not in small.html and "data:image/svg+xml;base64," in small.html
    assert "<script" not in small.html


def test_a_single_window_is_drawn_pixel_by_pixel():
    made = lab(lambda stride=1: nn.Conv2d(1, 1, 3, stride), (1, 1, 6, 6), stride=(1, 4))
    assert isinstance(made._picture, Pixels)
    assert isinstance(lab(alexnet, IMAGE, stride=(1, 8))._picture, Figure)


def test_the_picture_redraws_itself_when_a_block_is_toggled():
    made = lab(lambda classes=10: nets.resnet18(num_classes=classes), IMAGE, classes=(2, 10))
    assert made._picture.svg == svg(made.trace)
    opened = made._picture.unfolded[:1]
    made._picture.unfolded = opened
    assert made._picture.svg == svg(made.trace, opened) != svg(made.trace)


def test_input_size_changes_the_input_and_reaches_a_builder_that_asks_for_it():
    def flat(input_size=8):
        return nn.Sequential(nn.Flatten(), nn.Linear(input_size**2, 10))

    made = lab(flat, (1, 1, 8, 8), input_size=[8, 16])
    made.controls["input_size"].value = 16
    assert made.trace.inputs == ((1, 1, 16, 16),) and made.code == "flat(input_size=16)"


def test_blocks_fold_and_unfold_in_the_table():
    made = lab(lambda classes=10: nets.resnet18(num_classes=classes), IMAGE, classes=(2, 10))
    block = next(line.id for line in made._lines() if line.folded)
    before = len(made._lines())
    made._pressed(f"fold:{block}")
    assert len(made._lines()) > before
    made._pressed(f"fold:{block}")
    assert len(made._lines()) == before


def test_the_student_own_mistake_is_shown_with_its_line():
    def net(width=8):
        return nn.Sequential(nn.Linear(width, wdith), nn.ReLU())  # noqa: F821  the mistake

    made = lab(net, (1, 8), width=(1, 8))
    assert made.trace is None and "wdith" in made.text and "nn.Linear(width, wdith)" in made.text


# -- comparing


def test_a_block_with_one_more_layer_keeps_the_others_matched():
    def block(convs):
        layers = [nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1) for _ in range(convs)], nn.ReLU())]
        return outline(trace(nn.Sequential(*layers, nn.Flatten()), (1, 1, 8, 8)))

    found = comparing.compare(*(comparing.lines(block(n), {"0"}) for n in (2, 3)))
    assert [line.texts[1].split()[0] for line in found if line.status == "new"] == ["Conv2d"]
    assert not [line for line in found if line.status == "gone"]


def test_a_changed_step_is_found_also_in_a_run_that_broke_off():
    whole = trace(alexnet(), IMAGE)
    part, error = attempt(alexnet(padding=2), IMAGE)
    assert error is not None
    assert comparing.changed_steps(whole, whole) == frozenset()
    assert comparing.changed_steps(whole, part) == {step.index for step in part.steps}


def test_activations_are_counted_in_float32():
    t = trace(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), (2, 8))
    assert comparing.activation_bytes(t) == 4 * (2 * 4 + 2 * 4)


# -- figures in words


@pytest.mark.parametrize(
    ("number", "shown"),
    [(10, "10 "), (999, "999 "), (1000, "1.00 k"), (61_706, "61.7 k"), (46_764_746, "46.8 M"),
     (999_600, "1.00 M"), (7_547_200_000, "7.55 G")],
)  # fmt: skip
def test_three_digits_and_a_power(number, shown):
    assert page.short(number) == shown


@pytest.mark.parametrize(
    ("value", "first", "shown"),
    [(5, 5, ""), (62, 100, "−38 %"), (1024, 1000, "+2.4 %"), (100_001, 100_000, "+<0.1 %"),
     (1200, 100, "× 12"), (7, 0, "+7"), (None, 5, ""), (5, None, "")],
)  # fmt: skip
def test_a_change_in_words(value, first, shown):
    assert page.change(value, first) == shown


# -- display


def run(*cells):
    """Return the outputs of each cell, run in a kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_lab_displays_itself_once_in_the_cell_that_makes_it_and_again_where_named():
    setup = "from layerwise import lab\nfrom torch import nn\nfrom operator import attrgetter"
    call = "lab(lambda width=1: nn.Linear(2, width), (1, 2), width=(1, 3))"
    first, assigned, bare, named = run(setup, f"made = {call}", call, "made")
    assert first == []
    for outputs in (assigned, bare, named):
        (output,) = outputs
        assert {"text/html", "text/plain"} <= set(output.data)
        assert "application/vnd.jupyter.widget-view+json" in output.data


def test_the_lab_module_does_not_hide_the_function():
    code = "import layerwise.interactive.live_lab; from layerwise import lab; assert callable(lab)"
    subprocess.run([sys.executable, "-c", code], check=True)

"""The lab without a browser: what it shows, and what it does with mistakes."""

import asyncio
import re
import subprocess
import sys

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from torch import nn

from course_utils import nets
from layerwise import lab, trace
from layerwise.diagram.drawing import svg
from layerwise.interactive import figures, page
from layerwise.interactive.live_lab import SETTLE
from layerwise.interactive.stored import VIEW
from layerwise.interactive.widgets import Figure, Pixels

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


# -- what it shows


def test_the_code_builds_this_very_network(small):
    small.controls["stride"].value = 8
    assert small.code == "alexnet(channels=96, stride=8, padding=1)"
    assert "input_size" not in lab(alexnet, IMAGE, input_size=[96, 224]).code
    assert lab(lambda width=1: nn.Linear(2, width), (1, 2), width=(1, 2)).code == "build(width=1)"


@pytest.mark.parametrize(
    "choices", [{}, {"channels": 48}, {"padding": 2}, {"stride": 8, "padding": 3}]
)
def test_the_table_is_the_one_that_was_read(small, choices, golden):
    small.set(**choices)
    name = "_".join(f"{key}_{value}" for key, value in choices.items()) or "start"
    golden(f"alexnet_{name}.txt", small.text.rpartition("\n\n")[2] + "\n")


def test_a_change_is_marked_beside_what_was(small):
    small.controls["channels"].value = 48
    assert "48×54×54 (was 1×96×54×54)" in small.text
    assert "5,856 (was 11,712)" in small.text
    total = figures.totals(small.trace, trace(alexnet(), IMAGE))[1]
    assert total.value == "714 M" and total.change == "−24 %"


def test_a_broken_setting_is_explained_and_its_repairs_work(small):
    small.controls["padding"].value = 2
    assert small.trace is None and not small.problem.works
    assert "9,216" in small.text and "expects 6,400, gets 9,216" in small.text
    assert "? 15" in small.text  # what is not reached stays in the table
    (button, *_) = re.findall(r'data-send="(repair:[^"]+)"', small.panels[0].html)
    small._pressed(button)
    assert small.problem is None and small.trace is not None


def test_a_click_that_comes_too_late_does_nothing(small):
    small.controls["padding"].value = 2
    (button, *_) = re.findall(r'data-send="(repair:[^"]+)"', small.panels[0].html)
    small.set(padding=3)
    small._pressed(button)
    small._pressed("repair:99.99")
    assert small.choices["padding"] == 3
    small.set(padding=1)
    small._pressed(button)
    assert small.choices["padding"] == 1


def test_repairs_are_sought_at_once_where_no_loop_runs_and_later_where_one_does(small):
    small.controls["padding"].value = 2
    assert "Works: " in small.panels[0].html

    async def turn():
        small.controls["padding"].value = 3
        small.controls["padding"].value = 2
        small._settle(small._turns - 1)  # for a setting that is no more
        assert "Looking for settings" in small.panels[0].html
        while "Looking for settings" in small.panels[0].html:
            await asyncio.sleep(SETTLE)
        return small.panels[0].html

    assert "Works: " in asyncio.run(asyncio.wait_for(turn(), 60))


def test_a_problem_without_a_repair_says_so():
    made = lab(lambda a=1: nn.Linear(a, 2), (1, 3), a=(1, 2))
    assert "No setting near this one works." in made.panels[0].html
    assert "No setting near this one works." in made.html


def test_the_totals_of_a_broken_network_are_not_known(small):
    small.controls["padding"].value = 2
    assert "– parameters; – MACs for one image; –" in small.text
    assert small.panels[0].html.count('<span class="lab-big">–</span>') == 3


def test_a_set_that_fails_leaves_the_controls_alive(small):
    with pytest.raises(Exception, match="Invalid selection"):
        small.set(stride=5, channels=47)
    assert small.code == "alexnet(channels=96, stride=5, padding=1)"
    small.controls["stride"].value = 4
    assert small.code == "alexnet(channels=96, stride=4, padding=1)"


def test_a_class_among_the_choices_is_written_by_its_name():
    made = lab(lambda f=nn.ReLU: nn.Sequential(f()), (1, 2), f={"ReLU": nn.ReLU, "tanh": nn.Tanh})
    assert made.code == "build(f=ReLU)"


def test_a_control_that_does_not_exist_is_named(small):
    with pytest.raises(KeyError, match="no control is called chanels; there are channels, "):
        small.set(chanels=48)


def test_reset_goes_back(small):
    before = small.html
    small.set(channels=48, stride=8)
    assert small.html != before
    small._pressed("reset")
    assert small.html == before


def test_a_lab_that_starts_broken_can_be_mended():
    started = lab(lambda padding=2: alexnet(padding=padding), IMAGE, padding=(0, 3))
    assert started.trace is None and started.problem
    started.controls["padding"].value = 1
    assert started.problem is None and "was" not in started.text


def test_a_stored_picture_is_never_made_larger(small):
    def one(width=2):
        return nn.Sequential(nn.Conv2d(1, width, 3), nn.Flatten(), nn.Linear(width * 16, 2))

    for made, most in ((small, 836), (lab(one, (1, 1, 6, 6), width=(1, 4)), 500)):
        (least,) = map(int, re.findall(r'<img style="min-width: (\d+)px"', made.html))
        drawn = re.match(r'<svg[^>]* width="(\d+)', made._picture.svg(made.state, card=True))
        assert least == min(int(drawn[1]), 836) <= most


def test_only_a_live_lab_asks_for_a_turn(small):
    assert "Turn one choice" in small.panels[0].html and "Turn one choice" not in small.html


def test_the_stored_html_needs_no_style_sheet(small):
    small.controls["padding"].value = 2
    assert 'class="' not in small.html and "<button" not in small.html
    assert small.html.startswith("<p><i>Run this cell")
    assert "<svg" not in small.html and "data:image/svg+xml;base64," in small.html
    assert "<script" not in small.html


def picture(made):
    return made._frame.picture


def test_the_picture_follows_the_network():
    def build(layers=1, kernel=3):
        return nn.Sequential(*[nn.Conv2d(1, 1, kernel) for _ in range(layers)])

    made = lab(build, (1, 1, 6, 6), layers=(1, 3), kernel=(3, 9))
    assert isinstance(picture(made), Pixels) and "data-window" in picture(made).svg
    made.set(layers=2)
    assert isinstance(picture(made), Figure) and 'data-status="new"' in picture(made).svg
    made.set(layers=1, kernel=9)  # broken: not the picture of the state before
    assert isinstance(picture(made), Pixels) and "no output" in picture(made).svg
    assert "3 rows and 3 columns are missing" in picture(made).svg
    made.set(kernel=3)
    assert isinstance(picture(made), Pixels)


def test_changed_layers_are_marked_in_the_picture(small):
    before = picture(small).svg
    small.controls["channels"].value = 48
    assert ", own numbers changed" in picture(small).svg and "changed" not in before


def test_the_picture_redraws_itself_when_a_block_is_toggled():
    made = lab(lambda classes=10: nets.resnet18(num_classes=classes), IMAGE, classes=(2, 10))
    assert picture(made).svg == svg(made.trace)
    opened = picture(made).unfolded[:1]
    picture(made).unfolded = opened
    assert picture(made).svg == svg(made.trace, opened) != svg(made.trace)


def test_another_input_is_marked_as_what_changed_of_itself():
    made = lab(alexnet, IMAGE, input_size=[96, 224], channels=[64, 96])
    marked = r'class="box input"[^>]*data-status="own numbers changed"'
    made.set(input_size=96)
    assert re.search(marked, made._frame.figure.svg) and "≠ own numbers" in made._frame.figure.svg
    made.set(input_size=224, channels=64)
    assert not re.search(marked, made._frame.figure.svg)


def test_input_size_changes_the_input_and_reaches_a_builder_that_asks_for_it():
    def flat(input_size=8):
        return nn.Sequential(nn.Flatten(), nn.Linear(input_size**2, 10))

    made = lab(flat, (1, 1, 8, 8), input_size=[8, 16])
    made.controls["input_size"].value = 16
    assert made.trace.inputs == ((1, 1, 16, 16),) and made.code == "flat(input_size=16)"


def rows(made):
    """The rows of the table below the picture: looks of the first cell, and the cells' text."""
    found = re.findall(r'<tr class="lab-line"[^>]*>(.*?)</tr>', made.panels[1].html)
    cells = [re.findall(r'<td class="([^"]*)">(.*?)</td>', row) for row in found]
    return [
        [row[0][0], *(re.sub("(<[^>]+>)+", "|", text).strip("|") for _, text in row)]
        for row in cells
    ]


def test_blocks_fold_and_unfold_in_the_table():
    made = lab(lambda classes=10: nets.resnet18(num_classes=classes), IMAGE, classes=(2, 10))
    shut = re.search(r'data-send="(fold:[^"]+)" aria-expanded="false"', made.panels[1].html)[1]
    before = len(rows(made))
    made._pressed(shut)
    assert len(rows(made)) > before and f'{shut}" aria-expanded="true"' in made.panels[1].html
    made._pressed(shut)
    assert len(rows(made)) == before
    made._pressed(shut)
    made.set(classes=5)
    made._pressed("rows")
    assert len(rows(made)) > before  # what was unfolded by hand stays so


def test_the_table_holds_the_rows_that_changed_and_all_on_demand(small):
    every = len(rows(small))
    assert 'data-send="rows"' not in small.panels[1].html  # nothing has changed yet
    small.set(channels=48)
    changed = [row[1] for row in rows(small)]
    assert 0 < len(changed) < every and all(name[0] in "+≠↓" for name in changed)
    assert f">All {every} rows</button>" in small.panels[1].html
    small._pressed("rows")
    assert len(rows(small)) == every and ">Only what changed</button>" in small.panels[1].html
    small.set(padding=0)
    assert len(rows(small)) == every  # as the hand has chosen
    assert small.text.count("\n") > every  # the text holds all of them


def test_the_picture_folds_what_did_not_change_until_a_hand_folds():
    def build(width=64, last=512):
        return nets.resnet18(channels=(width, 128, 256, last))

    made = lab(build, IMAGE, width=[32, 64], last=[256, 512])
    figure = made._frame.figure
    start = figure.unfolded
    assert {"1", "4"} <= set(start)
    made.set(last=256)
    assert "4" in figure.unfolded and "1" not in figure.unfolded
    made.set(last=512)
    assert figure.unfolded == start
    figure.unfolded = by_hand = ["1"]
    made.set(last=256)
    assert figure.unfolded == by_hand


def test_the_picture_is_as_wide_as_the_page():
    made = lab(lambda width=64: nets.resnet18(channels=(width, 128, 256, 512)), IMAGE, width=[64])
    wide = [float(re.search(r'width="([\d.]+)"', made._frame.figure.svg)[1])]
    for room in (700, 1500):
        made._frame.figure.room = room
        wide.append(float(re.search(r'width="([\d.]+)"', made._frame.figure.svg)[1]))
    assert wide[1] <= 700 < wide[0] < wide[2] <= 1500


def test_a_lab_that_grows_its_first_block_unfolds_it():
    def build(blocks=0):
        return nn.Sequential(nn.Conv2d(1, 1, 3), *[nets.BasicBlock(1, 1) for _ in range(blocks)])

    made = lab(build, (1, 1, 8, 8), blocks=(0, 2))
    made.set(blocks=1)
    assert "1.conv1" in made.text


def test_the_old_value_is_struck_through_beside_the_new_one(small):
    small.controls["stride"].value = 2
    look, name, operation, output, *_ = rows(small)[0]
    assert (name, operation) == ("≠| 0", "Conv2d 11×11, stride |4| 2, padding 1")
    assert output == "1×96×54×54| 1×96×108×108" and look == "lab-cell"
    struck = re.findall(r'<span class="lab-was">([^<]+)</span>', small.panels[1].html)
    assert struck[:2] == ["4", "1×96×54×54"]


def test_settings_that_come_and_go_do_not_run_into_each_other():
    def build(stride=2, padding=0):
        return nn.Sequential(nn.Conv2d(1, 1, 3, stride, padding), nn.ReLU())

    made = lab(build, (1, 1, 8, 8), stride=(1, 2), padding=(0, 3))
    made.set(stride=1, padding=3)
    assert rows(made)[0][2] == "Conv2d 3×3, stride 2| Conv2d 3×3, padding 3"


def test_sizes_are_explained_where_the_network_came_to(small):
    small.controls["padding"].value = 2
    small._pressed("rows")
    table = small.panels[1].html
    assert table.count('class="lab-why"') == 8 and "lab-faded" in table  # 5 convolutions, 3 pools
    small.controls["channels"].value = 48
    made = lab(lambda a=9: nn.Sequential(nn.Flatten(), nn.Linear(a, 9), nn.Unflatten(1, (1, 3, 3)),
                                         nn.Conv2d(1, 1, 2)), (1, 9), a=(8, 9))  # fmt: skip
    assert 'class="lab-why"' in made.panels[1].html
    made.set(a=8)
    assert 'class="lab-why"' not in made.panels[1].html


def test_a_repair_names_only_what_it_changes(small):
    small.controls["padding"].value = 2
    repairs = {"a": small.choices | {"padding": 1}, "b": {"channels": 48, "padding": 0}}
    shown = page.head(small._state, repairs)
    told = re.findall(r'<button data-send="(.)">([^<]+)</button>', shown)
    assert told == [("a", "padding = 1"), ("b", "channels = 48 and padding = 0")]
    assert "</button> or <button" in shown


def test_the_student_own_mistake_is_shown_with_its_line():
    def net(width=8):
        return nn.Sequential(nn.Linear(width, wdith), nn.ReLU())  # noqa: F821  the mistake

    made = lab(net, (1, 8), width=(1, 8))
    assert made.trace is None and "wdith" in made.text and "nn.Linear(width, wdith)" in made.text


# -- figures in words


@pytest.mark.parametrize(
    ("number", "shown"),
    [(10, "10 "), (999, "999 "), (1000, "1.00 k"), (61_706, "61.7 k"), (46_764_746, "46.8 M"),
     (999_600, "1.00 M"), (7_547_200_000, "7.55 G")],
)  # fmt: skip
def test_three_digits_and_a_power(number, shown):
    assert figures.short(number) == shown


@pytest.mark.parametrize(
    ("value", "first", "shown"),
    [(5, 5, ""), (62, 100, "−38 %"), (1024, 1000, "+2.4 %"), (100_001, 100_000, "+<0.1 %"),
     (1200, 100, "× 12"), (1000, 100, "× 10"), (7, 0, "+7"), (None, 5, ""), (5, None, "")],
)  # fmt: skip
def test_a_change_in_words(value, first, shown):
    assert figures.change(value, first) == shown


@pytest.mark.parametrize(
    ("shape", "per"),
    [((1, 4), "for one image"), ((128, 4), "for 128 images"), ((4,), "for the whole input")],
)
def test_totals_say_for_how_many_images(shape, per):
    _, macs, activations = figures.totals(trace(nn.Linear(4, 2), shape), None)
    assert macs.name == f"MACs {per}" and activations.name == f"activations {per}"


def test_activations_are_counted_in_float32():
    t = trace(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), (2, 8))
    assert figures.activation_bytes(t) == 4 * (2 * 4 + 2 * 4)


# -- what it takes


@pytest.mark.parametrize(
    ("net", "given"),
    [
        (lambda n=5: nn.Embedding(n, 2), torch.zeros(1, 3, dtype=torch.int64)),
        (lambda n=5: nn.Embedding(n, 2), ((1, 3), torch.int64)),
        (lambda n=5: nn.Bilinear(n, 4, 2), [(1, 5), (1, 4)]),
        (lambda n=5: nn.Bilinear(n, 4, 2), {"input1": (1, 5), "input2": (1, 4)}),
        (lambda n=5: nn.Linear(n, 2), [1, 5]),
    ],
)
def test_a_lab_takes_what_trace_takes(net, given):
    made = lab(net, given, n=(5, 6))
    assert made.trace is not None and made.trace.steps and made.problem is None


@pytest.mark.parametrize("given", [(1.0, 2.0), (), 224, "image", (1, -3)])
def test_what_is_no_input_is_refused_with_what_is_one(given):
    with pytest.raises(TypeError, match="a shape, such as"):
        lab(alexnet, given, stride=(1, 8))


def test_a_class_is_a_builder():
    class Net(nn.Linear):
        def __init__(self, width=3):
            super().__init__(2, width)

    assert lab(Net, (1, 2), width=(1, 4)).code == "Net(width=3)"


def test_a_lab_freezes_no_memory_and_its_module_does_not_hide_the_function():
    code = """import gc
import layerwise.interactive.live_lab
from layerwise import lab
from torch import nn
lab(lambda a=1: nn.Linear(1, a), (1, 1), a=(1, 2)).set(a=2)
print(gc.get_freeze_count(), gc.isenabled())"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "0 True\n"


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
    for live, stored in (assigned, bare, named):
        assert VIEW in live.data and live.data["text/html"] == ""
        assert VIEW not in stored.data and "Run this cell" in stored.data["text/html"]
        assert "Linear" in stored.data["text/plain"]


def test_under_what_broke_stand_all_shapes_that_meet():
    class Adds(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.one, self.other = nn.Conv2d(1, width, 3), nn.Conv2d(1, 4, 3)

        def forward(self, x):
            return self.one(x) + self.other(x)

    class Concatenates(Adds):
        def forward(self, x):
            return torch.cat([self.one(x), self.other(x)[..., :3]], dim=1)

    made = lab(Adds, (1, 1, 8, 8), width=[4, 5])
    assert page.broken(made.state) == ""
    made.set(width=5)
    assert page.broken(made.state) == "5×6×6\nand\n4×6×6"
    assert page.broken(lab(Concatenates, (1, 1, 8, 8), width=4).state) == "cat\n4×6×6\nand\n4×6×3"


def test_the_row_of_a_layer_that_refuses_in_words_of_its_own_tells_both_numbers():
    def normed(norm=nn.Identity):
        return nn.Sequential(nn.Conv2d(1, 4, 3), norm(4))

    made = lab(normed, (2, 1, 3, 3), norm=[nn.Identity, nn.InstanceNorm2d])
    made.set(norm=nn.InstanceNorm2d)
    assert re.search(r"✕ 1 +InstanceNorm2d breaks here +expects 2, gets 1", made.text)
    made = lab(normed, (2, 1, 4, 4), norm=[nn.Identity, nn.BatchNorm1d])
    made.set(norm=nn.BatchNorm1d)
    assert re.search(r"✕ 1 +BatchNorm1d breaks here +expects 2, gets 4", made.text)

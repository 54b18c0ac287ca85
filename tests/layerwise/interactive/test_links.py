"""Which steps rows, boxes and the line of code tell of, so that they light up together."""

import re

import pytest
import torch
from torch import nn

from layerwise import lab
from layerwise.diagram.drawing import draw


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
        self.right = nn.Conv2d(width, width, 1)

    def forward(self, x):
        one, other = self.left[0](x), self.right(x)
        return self.left[1](one) + other


def build(width=4, kernel=3, noise=True, features=4 * 64):
    layers = [nn.Conv2d(1, width, kernel), nn.ReLU(), nn.Dropout() if noise else None]
    return nn.Sequential(
        *filter(None, layers), Block(width), nn.Flatten(), nn.Linear(features, width)
    )


@pytest.fixture
def made():
    return lab(
        build, (1, 1, 10, 10), width=(2, 8), kernel=[3, 5], noise=True, features=[256, 512],
        input_size=[10, 12],
    )  # fmt: skip


def boxes(made):
    """What each box says that it does -> the steps that it says it stands for."""
    found = re.findall(r'data-operation="([^"]*)".*? data-steps="([^"]*)"', made._frame.figure.svg)
    return dict(found)


def rows(made):
    found = re.findall(r'<tr class="lab-line" data-steps="([^"]*)".*?</tr>', made.panels[1].html)
    texts = re.findall(r'<tr class="lab-line".*?</tr>', made.panels[1].html)
    names = [re.sub("<[^>]*>", " ", text).split()[:3] for text in texts]
    return [(" ".join(name), steps) for name, steps in zip(names, found, strict=True)]


def test_boxes_and_rows_number_the_same_steps(made):
    assert boxes(made) == {
        "Conv2d 3×3, then ReLU, then Dropout": "0-2", "Block  3": "3-6",
        "Conv2d 3×3, padding 1, then ReLU": "3 5",  # the other branch runs between them
        "Conv2d 1×1": "4", "add of 2 branches": "6", "Flatten": "7", "Linear": "8",
    }  # fmt: skip
    made._pressed("rows")
    found = {steps: name for name, steps in rows(made)}
    assert found["0"].startswith("0 Conv2d") and found["3-6"].endswith("Block")
    assert found["8"].startswith("5 Linear")


def test_numbers_agree_where_a_step_is_gone_and_where_the_run_broke_off(made):
    made.set(noise=False)
    made._pressed("rows")
    gone = [steps for name, steps in rows(made) if name.startswith("−")]
    assert gone == [""] and boxes(made)["Linear"] == "7"
    made.set(noise=True, features=512)
    (failed,) = [steps for name, steps in rows(made) if name.startswith("✕")]
    assert f'data-steps="{failed}" aria-label="Linear breaks here' in made._frame.figure.svg


def test_one_choice_alone_names_the_steps_with_other_numbers_of_their_own(made):
    code = lambda: re.search(r"<code([^>]*)>(.*?)</code>", made._frame.code.html)  # noqa: E731
    assert "data-turned" not in code()[1]
    made.set(kernel=5, input_size=12)
    assert "data-turned" not in code()[1]
    made.set(kernel=3, input_size=10, noise=False)
    assert 'data-turned="noise" data-steps=""' in code()[1]
    made.set(noise=True, width=5, features=256)
    assert 'data-turned="width"' in code()[1]
    assert '<span data-choice="width">width=5</span>' in code()[2]
    assert re.sub("<[^>]*>", "", code()[2]) == made.code


def test_each_control_bears_the_name_of_its_choice(made):
    for name, control in made.controls.items():
        assert f"lab-control-{name}" in control._dom_classes


def test_a_file_holds_nothing_of_it(made):
    assert "data-" not in re.sub("data:image", "", made.html) and "tabindex" not in made.html
    assert "data-steps" not in draw(nn.Conv2d(1, 1, 3), torch.empty(1, 1, 8, 8)).svg

"""An image in a lab: it flows through the present setting, and shows the box that was chosen."""

import pytest
import torch
from torch import nn

from layerwise import lab
from layerwise.interactive.lab_image import ImageInLab
from layerwise.interactive.widgets import Figure

IMAGE = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
GIVEN = (1, 1, 16, 16)


def build(width=4, kernel=3, noise=True):
    layers = [nn.Conv2d(1, width, kernel), nn.ReLU(), nn.Dropout(), nn.Conv2d(width, 2, 3)]
    return nn.Sequential(*(layers if noise else [layers[0], layers[1], layers[3]]))


class Bench:
    """A lab with an image, without a loop: the work is done at once."""

    def __init__(self, given=GIVEN, image=IMAGE):
        choices = {"width": (1, 8), "kernel": [3, 5, 17], "noise": True, "input_size": [16, 24]}
        self.lab = lab(build, given, **choices)
        self.figure = self.lab._frame.figure
        self.image = ImageInLab(build, given, image, self.figure, 0.1)
        self.lab.after_turn(self.image.follow)
        self.image.follow(self.lab.state)

    def turn(self, **choices):
        self.lab.set(**choices)
        return self.image.maps.view


def test_the_image_flows_through_the_present_setting():
    bench = Bench()
    assert bench.turn(width=4)["words"].startswith("4 maps of 14×14")
    assert bench.turn(width=5, kernel=5)["words"].startswith("5 maps of 12×12")
    assert not bench.image.maps.waiting and "not trained" in bench.image.maps.note


def test_the_same_setting_has_the_same_weights():
    bench = Bench()
    first = bench.turn(width=4)
    bench.turn(width=5)
    assert bench.turn(width=4) == first


def test_a_chosen_layer_stays_chosen_where_its_number_changes():
    bench = Bench()
    bench.turn(noise=False)
    bench.figure.chosen = "@2"
    assert bench.image.maps.view["title"] == "2"
    bench.turn(noise=True)
    assert bench.figure.chosen == "@0"  # 2 is the dropout now, in the box of the first layer
    bench.figure.chosen = "@3"
    assert bench.turn(width=5)["title"] == "3" and bench.figure.chosen == "@3"


def test_a_broken_setting_says_that_nothing_flows_and_a_repair_brings_it_back():
    bench = Bench()
    bench.turn(width=4)
    assert "broken at this setting" in bench.turn(kernel=17)["words"]
    assert bench.image.maps.picture == {}
    assert bench.turn(kernel=3)["maps"] and bench.image.maps.picture["src"]


def test_another_input_size_resizes_the_image():
    bench = Bench()
    assert bench.turn(input_size=24)["words"].startswith("4 maps of 22×22")
    assert (bench.image.maps.picture["rows"], bench.image.maps.picture["columns"]) == (24, 24)


@pytest.mark.parametrize("given", [(1, 1, 16, 17), (1, 3, 16, 16), (16, 16), (1, 16, 16)])
def test_an_image_of_another_shape_is_refused(given):
    with pytest.raises(ValueError, match="give both the same channels, rows and columns"):
        ImageInLab(build, given, IMAGE, Figure(), 0.1)

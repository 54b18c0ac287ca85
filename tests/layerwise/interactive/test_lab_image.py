"""An image in a lab: it flows through the present setting, and shows the box that was chosen."""

import asyncio
import re
import threading

import pytest
import torch
from torch import nn

from layerwise import lab
from layerwise.interactive import lab_image
from layerwise.interactive.lab_image import ImageInLab
from layerwise.interactive.stored import StoredOutput
from layerwise.tracing import building

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
        self.image = ImageInLab(build, image[None], self.figure, 0.1)
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


def test_who_waits_for_the_maps_is_told_when_they_are_there():
    bench = Bench()
    seen = []
    bench.image.maps.observe(
        lambda change: seen.append((change["new"], bench.image.maps.view["words"][:6])), "waiting"
    )
    bench.turn(width=5)
    bench.turn(kernel=17)
    bench.turn(kernel=3)
    assert [words for waiting, words in seen if not waiting] == ["5 maps", "5 maps"]


def test_another_input_size_resizes_the_image():
    bench = Bench()
    assert bench.turn(input_size=24)["words"].startswith("4 maps of 22×22")
    assert (bench.image.maps.picture["rows"], bench.image.maps.picture["columns"]) == (24, 24)


@pytest.mark.parametrize(
    ("given", "image", "said"),
    [
        ((1, 1, 16, 17), IMAGE, "the lab's input is 1×1×16×17, and the image 1×16×16: give one"),
        ((1, 3, 16, 16), IMAGE, "the same channels, rows and columns"),
        (GIVEN, IMAGE[0], "and the image 16×16"),
        (GIVEN, IMAGE.repeat(2, 1, 1, 1), "and the image 2×1×16×16"),
        ((1, 16, 16), IMAGE, "this has the input 1×16×16"),
        ([GIVEN, GIVEN], IMAGE, "this has several inputs"),
        (GIVEN, [[0.0]], "the image is of type list"),
        (GIVEN, IMAGE.to(torch.uint8), "give floats"),
        (GIVEN, IMAGE / 0, "infinite or not a number"),
    ],
)
def test_an_image_that_does_not_fit_is_refused_in_a_sentence(given, image, said):
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        lab(build, given, width=(1, 8), image=image)


def test_a_batch_may_be_any_and_the_image_may_have_one():
    assert lab(build, (64, 1, 16, 16), width=(1, 8), image=IMAGE[None])._image.maps.view["maps"]


def test_a_lab_of_one_window_shows_the_maps_of_its_layer_under_the_pixels():
    made = lab(lambda kernel=3: nn.Conv2d(1, 2, kernel), (1, 1, 8, 8), kernel=(2, 9),
               image=IMAGE[:, :8, :8])  # fmt: skip
    picture = made._frame._picture.children
    assert picture == (made._frame.pixels, made._image.maps)
    assert made._image.maps.view["words"].startswith("2 maps of 6×6")
    made.set(kernel=9)
    assert "broken at this setting" in made._image.maps.view["words"]
    assert made._frame._picture.children[1] is made._image.maps


def test_an_error_of_the_run_is_told():
    def fragile(width=4):
        net = nn.Sequential(nn.Conv2d(1, width, 3))
        if width == 5 and not net[0].weight.is_meta:
            raise OverflowError("no weights for five")
        return net

    made = lab(fragile, GIVEN, width=(1, 8), image=IMAGE)
    made.set(width=5)
    assert made.trace and made._image.maps.view["words"].endswith("no weights for five")
    assert 'alt="the image"' not in made.html


# -- in a notebook: with a loop


def stored(monkeypatch):
    """What the notebook's file holds from now on, one after another."""
    found = []
    monkeypatch.setattr(StoredOutput, "shown", property(lambda _: True))
    monkeypatch.setattr(StoredOutput, "update", lambda _, html, __: found.append(html))
    return found


def with_image():
    return lab(build, GIVEN, width=(1, 8), kernel=[3, 5, 17], image=IMAGE)


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


def test_what_is_stored_first_holds_the_maps():
    async def cell():
        return with_image().html

    assert "4 maps of 14×14" in asyncio.run(cell())


def test_a_turn_does_not_wait_for_the_run_and_the_file_follows_it(monkeypatch):
    at_work, go = threading.Event(), threading.Event()
    made = building.with_weights

    def slow(*given):
        at_work.set()
        assert go.wait(30)
        return made(*given)

    async def turns():
        bench = with_image()
        kept = stored(monkeypatch)
        monkeypatch.setattr(building, "with_weights", slow)
        bench.set(width=5)
        await until(at_work.is_set)
        bench.set(width=6)  # while the thread works
        assert "width=6" in bench.code and bench._image.maps.waiting
        await until(lambda: kept)
        assert "width=6" in _words(kept[-1]) and "maps of" not in kept[-1]
        go.set()
        await until(lambda: not bench._image.maps.waiting)
        assert bench._image.maps.view["words"].startswith("6 maps of 14×14")
        assert "6 maps of 14×14" in kept[-1]

    asyncio.run(turns())


def test_a_box_that_is_chosen_before_the_maps_come_is_shown():
    async def turns():
        bench = with_image()
        assert bench._image.maps.view["title"] != "3"
        bench.set(width=5)
        assert bench._image.maps.waiting
        bench._frame.figure.chosen = "@3"
        await until(lambda: not bench._image.maps.waiting)
        assert bench._image.maps.view["title"] == "3"
        bench.set(width=6)
        bench._frame.figure.chosen = "@input"
        await until(lambda: not bench._image.maps.waiting)
        assert bench._frame.figure.chosen == "@input" and not bench._image.maps.view["maps"]

    asyncio.run(turns())


def test_a_turn_begins_by_giving_up_the_run_before_it(monkeypatch):
    asked, wanted_at_the_turn = [], []

    async def turns():
        bench = with_image()
        monkeypatch.setattr(lab_image, "Inside", lambda *given: asked.append(given[-1]))
        bench.set(width=5)
        await until(lambda: asked)
        at = bench._experiment.at
        look = lambda choices: wanted_at_the_turn.append(asked[0]()) or at(choices)  # noqa: E731
        monkeypatch.setattr(bench._experiment, "at", look)
        assert asked[0]()
        bench.set(width=6)

    asyncio.run(turns())
    assert wanted_at_the_turn == [False]


def _words(html):
    return re.sub("<[^>]*>", "", html)

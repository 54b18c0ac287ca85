"""`look` without a browser: which maps, which colours, which words, and what it refuses."""

import re
from itertools import pairwise

import pytest
import torch
from pictures import colours, pixels
from torch import nn

from course_utils import nets
from layerwise import look, trace
from layerwise.diagram import drawing
from layerwise.diagram.drawing import default_unfolded
from layerwise.diagram.repeats import foldable
from layerwise.interactive import look_page
from layerwise.interactive.feature_maps import Inside, Part
from layerwise.interactive.live_look import MapsView
from layerwise.interactive.pixmaps import (
    number,
    scale,
)
from layerwise.tracing.module_tree import outline


def image(channels=1, size=28):
    return torch.rand(channels, size, size, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def lenet():
    torch.manual_seed(0)
    return look(nets.lenet(activation=nn.ReLU), image())


# -- what is shown


def test_one_view_has_one_scale_and_the_strongest_map_first(lenet):
    step = lenet.trace.steps[0]
    shown = look_page.view(lenet.inside, [step], step)
    kept = lenet.inside.maps(0)
    assert [one["name"] for one in shown["maps"]] == [f"channel {c}" for c in kept.channels]
    assert shown["words"] == "6 maps of 28×28, the strongest first"
    top = number(scale(kept.values, signed=True).limit)
    assert (shown["scale"]["low"], shown["scale"]["high"]) == (f"−{top}", top)
    assert (shown["rows"], shown["columns"]) == pixels(shown["maps"][0]["src"]).size


def test_what_a_pixel_sees_is_clipped_to_the_image(lenet):
    assert lenet.inside.seen(0, 0, 27) == Part((0, 2), (25, 27))  # 5×5 with padding 2
    assert Part((0, 2), (25, 27)).words == "sees rows 0–2, columns 25–27 of the image: 3×3 pixels"
    assert Part((1, 0), (0, 0)).words == "sees padding alone"
    with pytest.raises(IndexError):
        lenet.inside.seen(0, 28, 0)


def test_the_filter_is_that_of_the_convolution_before(lenet):
    relu = lenet.trace.steps[1]
    assert relu.op == "ReLU"
    assert lenet.inside.filters(1) is lenet.inside.filters(0) is not None
    pooled = next(step for step in lenet.trace.steps if "pool" in step.function)
    assert lenet.inside.filters(pooled.index) is None


def test_filters_over_red_green_and_blue_are_shown_in_colour():
    seen = Inside(nn.Sequential(nn.Conv2d(3, 4, 5), nn.Conv2d(4, 20, 3)), image(3))
    first, second = (look_page.view(seen, [step], step)["maps"][0] for step in seen.trace.steps)
    assert [one["name"] for one in first["filter"]["slices"]] == ["in colour"]
    assert "red, green and blue" in first["filter"]["words"]
    assert len(second["filter"]["slices"]) == 4
    assert "4 strongest input channels: blue −" in second["filter"]["words"]


def test_a_vector_shows_its_largest_numbers(lenet):
    last = lenet.trace.steps[-1]
    shown = look_page.view(lenet.inside, [last], last)
    assert len(shown["units"]) == 10 and not shown["maps"]
    assert shown["words"] == "10 numbers in a row: no map any more. The 10 largest"


def test_tokens_are_said_to_have_no_maps():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.mix = nn.Conv2d(3, 8, 7, stride=7), nn.Linear(8, 8)

        def forward(self, x):
            return self.mix(self.patches(x).flatten(2).transpose(1, 2))

    seen = Inside(Tokens(), image(3))
    last = seen.trace.steps[-1]
    assert "are not known to lie as rows and columns" in look_page.view(seen, [last], last)["words"]


def test_a_box_that_is_chosen_is_on_show(lenet):
    shown = []
    lenet.maps.observe(lambda change: shown.append(change["new"]["title"]), "view")
    boxes = re.findall('data-id="([^"]*)"', lenet._figure.svg)
    for box in boxes:
        lenet.choose(box)
    assert lenet._figure.chosen == boxes[-1]
    assert shown[-1] == lenet.trace.steps[-1].path
    lenet.choose("@input")
    assert lenet.maps.view["maps"] == [] and "Choose a box" in lenet.maps.view["words"]


def test_a_block_shows_what_leaves_it_folded_or_not():
    made = look(nets.resnet18(channels=(4, 4, 4, 4)), image(1, 64))
    folded = made._figure.svg.count('aria-expanded="false"')
    block = re.findall('data-id="([^"]*)"[^>]*aria-expanded="false"', made._figure.svg)[0]
    made.choose(block)
    first = made.maps.view
    made._figure.unfolded = [*made._figure.unfolded, block]
    assert made._figure.svg.count('aria-expanded="false"') != folded
    made.choose("@input")
    made.choose(block)
    assert made.maps.view == first and first["maps"]


def test_the_page_may_ask_for_another_step_of_a_box(lenet):
    lenet.choose("@0")
    assert [one["name"] for one in lenet.maps.view["steps"]] == ["Conv2d", "ReLU"]
    assert lenet.maps.view["step"] == 1
    lenet.maps.step = 0
    assert lenet.maps.view["step"] == 0 and lenet.maps.view["does"].startswith("Conv2d")


def test_the_numbers_of_a_map_come_when_they_are_asked_for(lenet, monkeypatch):
    sent = []
    monkeypatch.setattr(lenet.maps, "send", lambda *given: sent.append(given))
    lenet.choose("@0")
    lenet.maps._answer(1, 2)
    lenet.maps._answer(0, 2)  # of a step that is not on show any more
    ((content, (buffer,)),) = sent
    assert content == {"step": 1, "map": 2}
    numbers = torch.frombuffer(bytearray(buffer), dtype=torch.float32).reshape(28, 28)
    assert torch.equal(numbers, lenet.inside.maps(1).values[2])


def test_a_view_can_say_why_there_is_nothing(lenet):
    view = MapsView()
    view.show(lenet.inside, lenet.trace.steps[:1])
    view.say("The network is broken: nothing flows.")
    assert view.view["words"] == "The network is broken: nothing flows." and not view.picture


def test_a_step_of_a_trace_in_training_mode_is_found_again():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x):
            if self.training:
                x = x + torch.rand(1, 1, 28, 28)
            return self.conv(self.conv(x).relu()).relu()

    t, seen = trace(Noisy(), (1, 1, 28, 28)), Inside(Noisy(), image())
    assert len(t.steps) == 5 and len(seen.trace.steps) == 4
    assert [seen.counterpart(step, t) for step in t.steps] == [None, *seen.trace.steps]


# -- stored


def test_the_stored_page_shows_a_strip_for_each_size_of_map(lenet):
    html, lines = lenet.html, lenet.text.splitlines()
    assert html.count("<img") == 1 + 6 + 6 + 8 + 8
    assert html.count("alt=") == html.count("<img") and "<svg" not in html
    assert "Run this cell" in html
    assert repr(lenet) == lenet.text and len(lines) == 5
    assert lines[0] == "Sequential in eval mode, input 1×1×28×28."
    assert "16 maps of 5×5, the 8 strongest: " in lines[-1]
    assert [line.partition(" maps of ")[2].partition(",")[0] for line in lines[1:]] == [
        "28×28", "14×14", "10×10", "5×5",
    ]  # fmt: skip


# -- what is refused


class TwoInputs(nn.Module):
    def forward(self, photo, mask):
        return photo * mask


CONV = nn.Conv2d(1, 2, 3)
REFUSED = [
    (CONV, [[1.0]], TypeError, "the image is of type list: give a tensor"),
    (CONV, torch.zeros(28, 28), ValueError, r"image\[None\] is 1×28×28"),
    (CONV, torch.zeros(8, 1, 28, 28), ValueError, r"a batch of 8 images.* give images\[0\]"),
    (CONV, torch.zeros(1, 0, 28), ValueError, "channels × rows × columns, and not 1×0×28"),
    (CONV, torch.zeros(1, 1, 1, 28, 28), ValueError, "and not 1×1×1×28×28"),
    (CONV, torch.zeros(1, 28, 28).byte(), TypeError, r"image\.float\(\) / 255"),
    (CONV, torch.full((1, 28, 28), torch.nan), ValueError, "not a number"),
    (CONV, torch.zeros(3, 28, 28), ValueError, "does not take an image of 3×28×28.* expects 1"),
    (nn.Conv2d(1, 2, 3, device="meta"), torch.zeros(1, 9, 9), ValueError, "has no weights"),
    (TwoInputs(), torch.zeros(1, 9, 9), TypeError, "reads photo and mask"),
    (nets.lenet, torch.zeros(1, 28, 28), TypeError, "is a function, not a network"),
]


@pytest.mark.parametrize(("net", "given", "error", "says"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(net, given, error, says):
    with pytest.raises(error, match=says):
        look(net, given)


def test_an_image_with_its_batch_axis_is_the_same_image(lenet):
    again = look(nets.lenet(activation=nn.ReLU), image()[None])
    assert again.inside.image.shape == lenet.inside.image.shape == (1, 1, 28, 28)


# -- the figure and the strips


def test_the_picture_begins_as_a_drawing_does_and_is_as_wide_as_its_room():
    made = look(nets.resnet18(channels=(4, 4, 4, 4)), image(1, 64))
    assert made._figure.unfolded == default_unfolded(foldable(outline(made.trace)))
    assert made._figure.unfolded
    assert made._figure.svg == drawing.svg(made.trace, made._figure.unfolded, width=drawing.WIDTH)
    made._figure.room = 500
    assert made._figure.svg == drawing.svg(made.trace, made._figure.unfolded, width=500)


def test_the_image_and_a_sentence_are_no_step(lenet):
    lenet.choose("@0")
    assert lenet.maps.step == 1
    lenet.choose("@input")
    assert lenet.maps.step == -1
    lenet.choose("@0")
    lenet.maps.say("Nothing flows.")
    assert lenet.maps.step == -1
    lenet.choose("@0")


def test_a_filter_in_colour_is_grey_where_it_is_zero():
    net = nn.Sequential(nn.Conv2d(3, 1, (1, 3), bias=False))
    net[0].weight.data = torch.tensor([-2.0, 0.0, 2.0]).expand(1, 3, 1, 3).clone()
    inside = Inside(net, image(3))
    filter_ = look_page.view(inside, [inside.trace.steps[0]], inside.trace.steps[0])["maps"][0]
    shown = colours(filter_["filter"]["slices"][0]["src"])[0]
    assert shown.tolist() == [[0] * 3, [128] * 3, [255] * 3]
    assert "grey 0, black −2, full 2" in filter_["filter"]["words"]


def test_of_many_sizes_of_maps_strips_are_shown_from_the_first_to_the_last():
    def shrinking(count):
        return nn.Sequential(*[nn.Conv2d(1, 1, 2) for _ in range(count)])

    def sizes(count):
        shown = look_page.strips(Inside(shrinking(count), image(size=21)))
        return [kept.values.shape[1] for _, kept in shown]

    assert sizes(3) == [20, 19, 18]
    assert sizes(look_page.STRIPS) == list(range(20, 20 - look_page.STRIPS, -1))
    many = sizes(17)
    assert len(many) == look_page.STRIPS
    assert (many[0], many[-1]) == (20, 4)
    assert many == sorted(set(many), reverse=True)
    assert max(a - b for a, b in pairwise(many)) - min(a - b for a, b in pairwise(many)) <= 1
    assert sizes(20)[-1] == 2  # of one pixel there is nothing to see

"""The live picture's own JavaScript in a plain page, with a model that stands in for the kernel."""

import json
import re

import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from layerwise import trace
from layerwise.diagram.drawing import svg
from layerwise.interactive import widgets

ADDRESS = "http://figure.test/"
PAGE = """<!doctype html><style>%s</style><div id="root"></div><button>after</button>
<script type="module">
import figure from "./figure.js";
const heard = {};
window.model = {
  state: %s,
  get: (name) => model.state[name],
  set: (name, value) => { model.state[name] = value; },
  save_changes: () => {},
  on: (event, listener) => { heard[event] = listener; },
  change: (svg) => { model.state.svg = svg; heard["change:svg"](); },
};
figure.render({ model, el: document.getElementById("root") });
</script>"""


# What a change leaves is told in the frame behind it, to whom observes it in the one after. In one
# call: between two, a busy machine may let the hand's rest pass.
CHANGE = """async (svg) => {
  const frame = () => new Promise(requestAnimationFrame);
  if (svg) model.change(svg);
  await frame();
  await frame();
  return document.querySelector(".course-figure").getBoundingClientRect().height;
}"""


class Branches(nn.Module):
    """Two ways, one above the other, to a concat."""

    def __init__(self):
        super().__init__()
        self.one, self.three = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x)], dim=1)


T = trace(nn.Sequential(nn.Conv2d(3, 8, 3), Branches(), Branches()), (1, 3, 32, 32))
STEM, FRAME, ONE, THREE, CAT, SHUT = "@0", "1", "@1", "@2", "@3", "2"  # the block 1 is open


@pytest.fixture(scope="module")
def window(desk):
    page = desk.page.context.new_page()  # JupyterLab stays where it is, with its kernel
    page.set_viewport_size({"width": 1280, "height": 720})
    yield page
    page.close()


class Picture:
    """The picture on the page, as hand and eye find it."""

    def __init__(self, page):
        self.page, self.tip = page, page.locator("[role=tooltip]")

    def box(self, name):
        return self.page.locator(f'.box[data-id="{name}"]')

    def hover(self, name):
        place = self.box(name).locator(".hit").bounding_box()
        self.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        return self.focused

    @property
    def focused(self):
        return self.page.evaluate("document.activeElement.dataset.id")

    @property
    def unfolded(self):
        return self.page.evaluate("model.state.unfolded")

    def change(self, unfolded):
        """Show another picture; its height as soon as it is laid out."""
        return self.page.evaluate(CHANGE, svg(T, unfolded))


@pytest.fixture
def picture(window):
    static, state = widgets.STATIC, {"svg": svg(T, [FRAME]), "unfolded": [FRAME], "tallest": 340}
    files = {
        "": PAGE % ((static / "figure.css").read_text("utf-8"), json.dumps(state)),
        "figure.js": (static / "figure.js").read_text("utf-8"),
    }

    def serve(route):
        name = route.request.url.removeprefix(ADDRESS)
        kind = "text/javascript" if name else "text/html"
        route.fulfill(content_type=f"{kind}; charset=utf-8", body=files.get(name, ""))

    window.route(f"{ADDRESS}**", serve)
    window.goto(ADDRESS)
    window.locator(".box").first.wait_for()
    yield Picture(window)
    window.unroute(f"{ADDRESS}**")


def test_the_arrows_walk_from_box_to_box(picture):
    picture.box(STEM).focus()
    walked = [picture.press("ArrowRight") for _ in range(3)]
    assert walked == [FRAME, ONE, THREE]
    assert picture.press("ArrowUp") == ONE and picture.press("ArrowDown") == THREE
    assert picture.press("ArrowLeft", "ArrowLeft", "ArrowLeft") == STEM
    assert picture.press("End") == SHUT == picture.press("ArrowRight")
    assert picture.press("Home") == "@input" == picture.press("ArrowLeft")


def test_tab_reaches_one_box_the_last_that_was_in_focus(picture):
    stops = picture.page.locator('.box[tabindex="0"]')
    assert stops.count() == 1
    picture.box(CAT).focus()
    assert [stop.get_attribute("data-id") for stop in stops.all()] == [CAT]
    picture.press("Tab")
    assert picture.focused is None
    assert picture.press("Shift+Tab") == CAT


@pytest.mark.parametrize("key", ["Enter", " "])
def test_a_key_opens_and_shuts_a_block(picture, key):
    picture.box(SHUT).focus()
    picture.press(key)
    assert picture.unfolded == [FRAME, SHUT]
    picture.box(STEM).focus()
    picture.press(key)
    assert picture.unfolded == [FRAME, SHUT]  # no block


def test_a_click_opens_and_shuts_a_block(picture):
    picture.box(SHUT).locator(".hit").click()
    assert (picture.focused, picture.unfolded) == (SHUT, [FRAME, SHUT])
    picture.box(FRAME).locator(".hit").click()
    assert picture.unfolded == [SHUT]


def test_a_box_tells_its_own_numbers(picture):
    step = T.steps[0]
    picture.hover(STEM)
    assert picture.tip.locator("div").all_inner_texts() == [
        "Conv2d 3×3",
        "layer 0",
        "output: 1×8×30×30",
        f"parameters: {step.params:,}",
        f"MACs: {step.macs:,}",
        "receptive field: 3×3",
    ]
    picture.hover(SHUT)
    assert picture.tip.locator("div").all_inner_texts()[-1] == "Enter or click: unfold"
    assert picture.box(SHUT).get_attribute("aria-describedby") == picture.tip.get_attribute("id")


@pytest.mark.parametrize("name", ["@input", STEM, THREE, SHUT])
def test_what_a_box_tells_stands_beside_it(picture, name):
    picture.hover(name)
    tip, box = picture.tip.bounding_box(), picture.box(name).locator(".hit").bounding_box()
    assert tip["y"] >= box["y"] + box["height"] or tip["y"] + tip["height"] <= box["y"]
    assert (
        tip["x"] >= 0 and tip["x"] < box["x"] + box["width"] and box["x"] < tip["x"] + tip["width"]
    )


def test_what_a_box_tells_is_not_cut_off_by_the_window(picture):
    box = picture.box(ONE).locator(".hit").bounding_box()
    low = round(box["y"] + box["height"] + 60)  # less than it is high
    picture.page.evaluate("document.body.style.paddingTop = '150px'")
    picture.page.set_viewport_size({"width": 1280, "height": 150 + low})
    picture.hover(ONE)
    tip = picture.tip.bounding_box()
    picture.page.set_viewport_size({"width": 1280, "height": 720})
    assert tip["y"] >= 0 and tip["y"] + tip["height"] <= 150 + low


def test_what_a_box_tells_goes_away(picture):
    picture.box(STEM).focus()
    assert picture.tip.is_visible()
    picture.press("Escape")
    assert picture.tip.is_hidden() and picture.focused == STEM
    for leave in (
        lambda: picture.page.mouse.move(600, 700),
        lambda: picture.page.locator("button").focus(),
    ):
        picture.box(STEM).focus()
        picture.hover(STEM)
        assert picture.tip.is_visible()
        leave()
        assert picture.tip.is_hidden()
        assert picture.page.locator("[aria-describedby]").count() == 0


def test_the_focus_stays_on_its_box_in_a_new_picture(picture):
    picture.box(CAT).focus()
    picture.change([FRAME, SHUT])
    assert picture.focused == CAT
    picture.change([])  # no such box
    assert picture.focused == "@input"
    picture.page.locator("button").focus()
    picture.change([FRAME])
    assert picture.focused is None  # a picture never takes the focus from elsewhere


def test_the_page_does_not_jump_when_the_picture_shrinks(picture):
    before = picture.change([FRAME, SHUT])
    assert picture.change([]) == pytest.approx(before, abs=1)  # whole pixels are kept
    rested = "least => document.querySelector('.course-figure').offsetHeight < least"
    picture.page.wait_for_function(rested, arg=before)  # no gap stays when the hand rests


def test_a_picture_for_another_window_leaves_no_gap(picture):
    before = picture.change([FRAME, SHUT])
    picture.page.evaluate("model.state.room = 600")
    assert picture.change([]) < before


SEEN = """path => {
  const room = document.querySelector(".course-figure-page").getBoundingClientRect();
  const parts = [...document.querySelectorAll(`.box[data-path^="${path}"]`)];
  return parts.length > 3 && parts.every((part) => {
    const { left, right, top, bottom } = part.querySelector(".hit").getBoundingClientRect();
    return left >= room.left && right <= room.right && top >= room.top && bottom <= room.bottom;
  });
}"""


@pytest.fixture
def narrow(picture):
    """With both blocks open, the picture is wider than the window."""
    picture.page.set_viewport_size({"width": 480, "height": 720})
    yield picture
    picture.page.set_viewport_size({"width": 1280, "height": 720})


def test_a_block_that_is_opened_comes_into_sight_with_all_that_is_in_it(narrow):
    narrow.box(SHUT).focus()
    narrow.press("Enter")
    narrow.page.evaluate("document.querySelector('.course-figure-page').scrollLeft = 0")
    assert not narrow.page.evaluate(SEEN, SHUT)
    narrow.change([FRAME, SHUT])
    narrow.page.wait_for_function(SEEN, arg=SHUT)


def test_a_shadow_says_that_there_is_more_on_the_right(narrow):
    page = narrow.page.locator(".course-figure-page")
    expect(page).not_to_have_class(re.compile("more-right"))
    narrow.change([FRAME, SHUT])
    expect(page).to_have_class(re.compile("more-right"))
    page.evaluate("page => { page.scrollLeft = page.scrollWidth; }")
    expect(page).not_to_have_class(re.compile("more-right"))


def test_letters_are_no_commands_of_jupyterlab(picture):
    kept = picture.page.locator('.box[data-lm-suppress-shortcuts="true"]')
    assert kept.count() == picture.page.locator(".box").count()


def test_a_picture_under_the_pointer_stays_where_it_was_scrolled_to(picture):
    page = picture.page.locator(".course-figure-page")
    picture.page.evaluate("model.state.tallest = 120")
    picture.change([FRAME, SHUT])
    box = page.bounding_box()
    picture.page.mouse.move(box["x"] + 5, box["y"] + 60)
    picture.page.evaluate(CHANGE)
    page.evaluate("page => { page.scrollTop = 40; }")
    picture.change([FRAME])
    assert page.evaluate("page => page.scrollTop") == 40

"""The pixel lab in a real JupyterLab: window, numbers, play button, and the window without room."""

import re

import pytest
from playwright.sync_api import expect

ROOM = 599 - 212  # pixels: a notebook's height in a window of 1280×720, less five controls

SOURCE = """
from torch import nn
from layerwise import lab
def window(layer="convolution", kernel=3, stride=2, padding=0):
    if layer == "max":
        return nn.MaxPool2d(kernel, stride, padding)
    if layer == "average":
        return nn.AvgPool2d(kernel, stride, padding)
    return nn.Conv2d(1, 1, kernel, stride, padding)
made = lab(window, (1, 1, 6, 6), layer=["convolution", "max", "average"], kernel=(1, 7),
           stride=(1, 4), padding=(0, 3), input_size=(3, 12))
"""

AT = """([root, row, column]) => {
  const pressed = root.querySelectorAll('[aria-pressed="true"]');
  const { row: i, col: j, window, at } = pressed[0].dataset;
  if (pressed.length !== 1 || i !== String(row) || j !== String(column)) return false;
  const part = (name) => root.querySelector(name);
  const [x, y, u, v] = `${window} ${at}`.split(" ").map(Number);
  const frame = part(".window > :last-child"), mark = part(".mark > :last-child");
  const [width, height] = ["width", "height"].map((name) => Number(frame.getAttribute(name)));
  const ends = [...root.querySelectorAll(".ray")].map((ray) =>
    ["x1", "y1", "x2", "y2"].map((name) => ray.getAttribute(name)).join(" "));
  const below = v + Number(mark.getAttribute("height"));
  const right = x + width;
  return (
    part(".window").getAttribute("transform") === `translate(${x} ${y})` &&
    part(".mark").getAttribute("transform") === `translate(${u} ${v})` &&
    ends.join() === `${right} ${y} ${u} ${v},${right} ${y + height} ${u} ${below}`
  );
}"""


@pytest.fixture(scope="module")
def notebook(desk):
    opened = desk.run("pixels", SOURCE)
    expect(opened.page.locator("svg g.cell").first).to_be_visible()
    yield opened
    assert opened.errors() == []


class Picture:
    """The pixel lab on the page."""

    def __init__(self, notebook):
        self.notebook, self.page = notebook, notebook.page
        page = self.page
        self.root = page.locator(".course-pixels")
        self.told, self.result = page.locator(".told"), page.locator(".result")

    def turn(self, **choices):
        """Set the lab from the kernel, and wait for the head of the picture."""
        self.notebook.execute(f"made.set(**{choices!r})")

    def cell(self, row, column):
        return self.root.locator(f'g.cell[data-row="{row}"][data-col="{column}"]')

    def expect_at(self, row, column):
        """The window, the mark and both rays come to this output, all at once."""
        self.page.wait_for_function(AT, arg=[self.root.element_handle(), row, column])

    def button(self, name):
        return self.root.get_by_role("button", name=name, exact=True)


@pytest.fixture
def picture(notebook):
    made = Picture(notebook)
    made.turn(layer="convolution", kernel=3, stride=2, padding=0, input_size=6)
    expect(made.root.locator("svg")).to_contain_text("Conv2d 3×3, stride 2")
    expect(made.root.locator("g.cell")).to_have_count(4)
    made.cell(0, 0).hover()
    yield made
    made.page.emulate_media(reduced_motion="no-preference")


def number(text):
    return int(text.replace("−", "-"))


def test_the_products_and_their_sum_are_those_of_the_pixel_under_the_pointer(picture):
    sums = set()
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        picture.cell(row, column).hover()
        picture.expect_at(row, column)
        products = 0
        pixels = picture.root.locator("rect.pixel")
        for n, term in enumerate(picture.root.locator(".term").all()):
            factors, product = term.locator("text").all_text_contents()
            pixel, weight = map(number, factors.split("·"))
            assert number(product) == pixel * weight
            place = 6 * (2 * row + n // 3) + 2 * column + n % 3
            assert f"ink {pixel}," in pixels.nth(place).get_attribute("aria-label")
            products += number(product)
        expect(picture.result).to_have_text(re.compile(r"^sum of 9 products: "))
        assert number(picture.result.text_content().split()[-1]) == products
        expect(picture.told).to_have_text(re.compile(f"{picture.result.text_content()}[.]$"))
        sums.add(products)
    assert len(sums) == 4  # so that a panel that stands still is seen


def test_arrows_home_and_end_walk_over_the_output(picture):
    picture.turn(stride=1)
    expect(picture.root.locator("g.cell")).to_have_count(16)
    picture.cell(0, 0).focus()
    for key, at in (
        ("ArrowRight", (0, 1)),
        ("ArrowDown", (1, 1)),
        ("End", (1, 3)),
        ("ArrowRight", (1, 3)),
        ("ArrowUp", (0, 3)),
        ("Home", (0, 0)),
    ):
        picture.page.keyboard.press(key)
        picture.expect_at(*at)
        expect(picture.cell(*at)).to_be_focused()
        assert picture.root.locator('g.cell[tabindex="0"]').count() == 1
    picture.page.keyboard.press("End")
    picture.turn(stride=2)  # the pixel is gone: the first one is selected
    expect(picture.root.locator("g.cell")).to_have_count(4)
    picture.expect_at(0, 0)


def test_an_input_pixel_shows_its_readers(picture):
    picture.turn(stride=1)
    expect(picture.root.locator("g.cell")).to_have_count(16)
    picture.root.locator('rect.pixel[data-row="1"][data-col="2"]').focus()
    expect(picture.told).to_have_text("Input row 1, column 2, ink 7, is read by 6 windows.")
    expect(picture.root.locator("g.reader")).to_have_count(6)
    picture.cell(2, 2).focus()
    expect(picture.root.locator("g.reader")).to_have_count(0)
    picture.expect_at(2, 2)


def test_play_moves_the_window_until_the_hand_takes_over(picture):
    picture.turn(stride=1)  # 16 places: it does not end by itself
    expect(picture.root.locator("g.cell")).to_have_count(16)
    picture.button("Play").click()
    picture.expect_at(0, 1)
    picture.button("Pause").click()
    at = picture.root.locator('[aria-pressed="true"]').get_attribute("aria-label")
    picture.page.clock.fast_forward(1200)
    assert picture.root.locator('[aria-pressed="true"]').get_attribute("aria-label") == at
    for stop in (
        lambda: picture.cell(0, 0).hover(),
        lambda: picture.turn(padding=1),
        lambda: picture.page.locator("button", has_text="Pause").evaluate("b => b.blur()"),
    ):
        picture.button("Play").click()
        expect(picture.button("Pause")).to_be_visible()
        stop()
        expect(picture.button("Play")).to_be_visible(timeout=3000)


def test_play_ends_at_the_last_place_and_starts_anew(picture):
    picture.cell(1, 0).hover()
    picture.button("Play").click()
    picture.expect_at(1, 1)
    expect(picture.button("Play")).to_be_visible()
    picture.button("Play").click()
    picture.expect_at(0, 0)
    picture.button("Pause").click()


def test_who_wants_no_motion_steps_by_hand(picture):
    picture.page.emulate_media(reduced_motion="reduce")
    expect(picture.button("Play")).to_have_count(0)
    for name, at in (
        ("Step", (0, 1)),
        ("Step", (1, 0)),
        ("Step back", (0, 1)),
        ("Step back", (0, 0)),
    ):
        picture.button(name).press("Enter")
        picture.expect_at(*at)


def test_motion_stops_where_it_is_switched_off(picture):
    picture.turn(stride=1)
    picture.button("Play").click()
    picture.page.emulate_media(reduced_motion="reduce")
    expect(picture.button("Pause")).to_have_count(0)
    picture.page.clock.fast_forward(1200)
    picture.expect_at(0, 0)


def test_only_what_the_person_asks_for_is_spoken(picture):
    live = "aria-live"
    expect(picture.told).to_have_attribute("role", "status")
    picture.turn(stride=1)
    expect(picture.told).to_have_attribute(live, "off")  # the lab speaks at a turn
    picture.button("Step").click()
    expect(picture.told).to_have_attribute(live, "polite")
    picture.button("Play").click()
    picture.expect_at(0, 2)
    expect(picture.told).to_have_attribute(live, "off")
    picture.cell(0, 0).focus()
    expect(picture.told).to_have_attribute(live, "polite")


def test_pooling_shows_the_largest_and_the_average(picture):
    picture.turn(layer="max", padding=1)
    expect(picture.result).to_have_text("largest: 7")
    expect(picture.root.locator(".terms")).to_contain_text("−∞")
    largest = picture.root.locator(".term", has_text="largest")
    assert largest.locator("text").last.text_content() == "7"
    picture.turn(layer="average", kernel=2, padding=0)
    expect(picture.result).to_have_text(re.compile(r"sum \d+, divided by 4: "))


def test_a_window_without_room_is_drawn(picture):
    picture.turn(input_size=3, kernel=4)
    missing = "The window spans 4×4, the input 3×3: 1 row and 1 column are missing."
    expect(picture.told).to_have_text(missing)
    expect(picture.root.locator("svg")).to_contain_text("no output")
    assert picture.root.locator("rect.pixel").count() == 9
    assert picture.root.locator(".mark, .ray, g.cell").count() == 0
    for name in ("Step back", "Play", "Step"):
        expect(picture.button(name)).to_be_disabled()
    picture.root.locator("rect.pixel").last.focus()
    picture.page.keyboard.press("Home")
    expect(picture.told).to_have_text("Input row 2, column 0, ink 0, is never read.")
    picture.turn(kernel=3)
    expect(picture.root.locator("g.cell")).to_have_count(1)
    picture.expect_at(0, 0)


def test_picture_and_numbers_leave_room_for_the_controls(picture):
    for choices in ({}, {"kernel": 5, "padding": 3, "input_size": 12, "stride": 4}):
        picture.turn(**choices)
        assert picture.root.bounding_box()["height"] <= ROOM
    for button in picture.root.locator("button").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 24


def test_the_numbers_stand_below_the_maps_where_the_page_is_narrow(picture):
    panel = picture.root.locator(".panel")
    wide = panel.bounding_box()
    picture.page.set_viewport_size({"width": 800, "height": 720})
    try:
        expect(panel).to_have_attribute("transform", re.compile("^translate[(]16 "))
        narrow, maps = panel.bounding_box(), picture.root.locator("g.input").bounding_box()
        assert narrow["y"] > maps["y"] + maps["height"]
        assert narrow["width"] > 0.8 * wide["width"]  # still to be read
    finally:
        picture.page.set_viewport_size({"width": 1280, "height": 720})

"""`look` in a real JupyterLab, worked with the mouse and the keyboard."""

import pytest
from playwright.sync_api import expect

CELL = """
import torch
from torch import nn
from layerwise import look

class Stranger(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 20, 5, stride=2, padding=2), nn.ReLU())
        self.left, self.right = nn.Conv2d(20, 8, 3, padding=1), nn.Conv2d(20, 8, 1)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = self.stem(x)
        x = torch.cat([self.left(x), self.right(x)], 1)
        return self.head(x.mean((2, 3)))

torch.manual_seed(0)
rows, columns = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 60), indexing="ij")
look(Stranger(), torch.stack([rows, columns, (rows * 9).sin() ** 2]))
"""


@pytest.fixture(scope="module")
def opened(desk):
    notebook = desk.run("look", CELL)
    expect(notebook.page.locator(".look")).to_be_visible()
    return notebook


@pytest.fixture
def page(opened):
    """The ReLU behind the first convolution is on show."""
    opened.page.locator("svg g.box").nth(1).click()
    opened.page.locator(".look-step", has_text="ReLU").click()
    expect(opened.page.locator(".look-title b")).to_have_text("stem.1")
    return opened.page


def told(page):
    return page.locator(".look-told")


def part(page):
    return page.locator("figure").first.locator(".look-mark")


def test_it_runs_without_an_error(opened):
    assert opened.errors() == []


def test_what_is_stored_hides_while_the_page_lives(opened):
    stored = opened.page.locator(".lab-stored")
    expect(stored).to_have_count(1)
    expect(stored).to_be_hidden()
    opened.page.locator(".look").evaluate("live => live.closest('.course-lab').remove()")
    expect(stored.locator("img").first).to_be_visible()
    opened.run_all()
    expect(opened.page.locator(".look")).to_be_visible()


def test_a_click_on_a_box_shows_its_maps(opened, page):
    expect(page.locator(".look-map")).to_have_count(16)
    expect(page.locator(".look-words")).to_have_text("20 maps of 20×30, the 16 strongest")
    expect(page.locator("svg g.box[aria-current]")).to_have_count(1)
    opened.shot("look", page.locator(".jp-OutputArea-output:has(.look)"))
    page.locator(".look-step", has_text="Conv2d").click()
    expect(page.locator(".look-title b")).to_have_text("stem.0")
    expect(page.locator(".look-slice")).to_have_count(1)


def test_boxes_are_chosen_by_keyboard_and_the_focus_stays(page):
    page.locator("svg g.box").nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".look-title b")).to_have_text("left")
    current = "document.activeElement.getAttribute('aria-current')"
    assert page.evaluate(current) == "true"


def test_maps_and_pixels_are_walked_by_keyboard(page):
    maps = page.locator(".look-map")
    maps.first.focus()
    page.keyboard.press("ArrowRight")
    expect(maps.nth(1)).to_be_focused()
    expect(maps.nth(1)).to_have_attribute("aria-pressed", "true")
    page.locator('.look-frame[role="application"]').focus()
    page.keyboard.press("Home")
    for _ in range(30):
        page.keyboard.press("ArrowUp")
    expect(told(page)).to_contain_text("Row 0, column 0: ")
    expect(told(page)).to_contain_text("sees rows 0–2, columns 0–2 of the image: 3×3 pixels")
    before = part(page).bounding_box()
    page.keyboard.press("ArrowRight")
    expect(told(page)).to_contain_text("columns 0–4 of the image: 3×5 pixels")
    assert part(page).bounding_box()["width"] > before["width"] + 3


def test_pointing_at_a_pixel_shows_its_number_and_what_it_sees(page):
    frame = page.locator('.look-frame[role="application"]')
    box = frame.bounding_box()
    frame.hover(position={"x": box["width"] - 2, "y": box["height"] - 2})
    expect(told(page)).to_contain_text("Row 19, column 29: ")
    expect(told(page)).to_contain_text("sees rows 36–39, columns 56–59")


def test_a_vector_is_a_table_of_its_largest_numbers(page):
    page.locator("svg g.box").last.click()
    expect(page.locator(".look-units tr")).to_have_count(5)


def test_everything_has_a_name_and_can_be_hit(page):
    unnamed = """[...document.querySelectorAll('.look button, .look [tabindex]')]
        .filter(one => !(one.getAttribute('aria-label') || one.textContent.trim())).length"""
    assert page.evaluate(unnamed) == 0
    without_alt = "[...document.querySelectorAll('.look img')].filter(i => !i.hasAttribute('alt'))"
    assert page.evaluate(f"{without_alt}.length") == 0
    small = """[...document.querySelectorAll('.look button')].filter(one => {
        const {width, height} = one.getBoundingClientRect(); return width < 24 || height < 24})"""
    assert page.evaluate(f"{small}.length") == 0

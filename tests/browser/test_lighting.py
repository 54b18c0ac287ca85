"""What tells of the same lights up together, and an image flows through the lab; in JupyterLab."""

import re

import pytest
from playwright.sync_api import expect

CELL = """
import torch
from torch import nn
from layerwise import lab

def net(width=8, kernel=3, blocks=2):
    layers = [nn.Conv2d(1, width, kernel), nn.ReLU()]
    for _ in range(blocks):
        layers += [nn.Sequential(nn.Conv2d(width, 8, 3), nn.ReLU(), nn.MaxPool2d(2))]
        width = 8
    return nn.Sequential(*layers)

rows, columns = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 40), indexing="ij")
lab(net, (1, 1, 40, 40), width=(4, 16, 4), kernel=[3, 5, 41], blocks=(1, 3),
    image=((rows * columns * 9).sin() ** 2)[None])
"""


@pytest.fixture(scope="module")
def opened(desk):
    notebook = desk.run("links", CELL)
    expect(notebook.page.locator(".course-figure .box").first).to_be_visible()
    expect(notebook.page.locator(".look-map").first).to_be_visible()
    return notebook


@pytest.fixture
def page(opened):
    """The lab at its start, and the pointer beside it."""
    page = opened.page
    page.evaluate("document.querySelector('[data-send=reset]').click()")
    expect(page.locator(".lab-head")).to_contain_text("setting at the start")
    page.mouse.move(2, 2)
    page.evaluate("document.activeElement.blur()")
    expect(page.locator(".lab-lit")).to_have_count(0)
    return page


def row(page, steps):
    return page.locator(f'tr[data-steps="{steps}"]')


def box(page, steps):
    return page.locator(f'.box[data-steps="{steps}"]')


def handle(page, name):
    return page.locator(f".lab-control-{name} .noUi-handle")


LIT = re.compile(r"\blab-lit\b")


def expect_lit(page, *these):
    """These are lit, and nothing else."""
    for one in these:
        expect(one).to_have_class(LIT)
    expect(page.locator(".lab-lit")).to_have_count(len(these))


def test_a_row_lights_its_box_and_a_box_its_rows(page):
    row(page, "2").hover()
    expect_lit(page, row(page, "2"), box(page, "2-3"))  # the box holds the ReLU too
    outline = "one => getComputedStyle(one).outlineStyle"
    assert row(page, "2").evaluate(outline) == "solid"
    box(page, "0-1").hover()
    expect_lit(page, box(page, "0-1"), row(page, "0"), row(page, "1"))
    page.mouse.move(2, 2)
    expect_lit(page)


def test_what_is_folded_lights_what_holds_it(page):
    inner = row(page, "6")
    page.locator('.box.frame[data-id="3"]').click()
    expect(page.locator('.box.block[data-id="3"]')).to_be_visible()
    inner.hover()
    expect_lit(page, inner, page.locator('.box.block[data-id="3"]'))
    page.locator('[data-send="fold:2"]').click()
    expect(row(page, "2")).to_have_count(0)
    box(page, "4").hover()
    expect_lit(page, box(page, "4"), row(page, "2-4"))
    page.locator('[data-send="fold:2"]').click()
    page.locator('.box.block[data-id="3"]').click()
    expect(page.locator('.box.frame[data-id="3"]')).to_be_visible()


def test_rows_and_boxes_light_up_in_focus_by_keyboard(page):
    first = page.locator('tr.lab-line[tabindex="0"]')
    page.locator(".look-map").first.focus()
    page.keyboard.press("Shift+Tab")
    for _ in range(40):
        if page.evaluate("document.activeElement.matches('tr.lab-line, .box')"):
            break
        page.keyboard.press("Shift+Tab")
    expect(page.locator(".box.lab-lit")).not_to_have_count(0)
    first.focus()
    page.keyboard.press("ArrowDown")
    expect_lit(page, row(page, "1"), box(page, "0-1"))


def test_a_control_lights_its_argument_and_the_layers_that_it_changed(page):
    handle(page, "width").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("code.lab-code")).to_contain_text("width=12")
    control, argument = page.locator(".lab-control-width"), page.locator("[data-choice=width]")
    expect_lit(page, control, argument, row(page, "0"), row(page, "2"),
               box(page, "0-1"), box(page, "2-3"))  # fmt: skip
    handle(page, "kernel").focus()
    expect_lit(page, page.locator(".lab-control-kernel"), page.locator("[data-choice=kernel]"))
    page.keyboard.press("ArrowRight")
    expect(page.locator("code.lab-code")).to_contain_text("kernel=5")
    expect_lit(page, page.locator(".lab-control-kernel"), page.locator("[data-choice=kernel]"))


def test_an_argument_of_the_code_lights_its_control(page):
    argument = page.locator("[data-choice=blocks]")
    argument.hover()
    expect_lit(page, argument, page.locator(".lab-control-blocks"))


def test_the_maps_follow_the_setting_and_the_chosen_box_stays(opened, page):
    box(page, "2-3").click()
    expect(page.locator(".look-title b")).to_have_text("2.1")
    handle(page, "width").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("code.lab-code")).to_contain_text("width=12")
    expect(page.locator(".look-waiting")).to_have_count(0)
    expect(page.locator(".look-title b")).to_have_text("2.1")
    opened.shot("lab_with_an_image")


def test_a_broken_setting_says_so_and_the_stored_output_follows(page):
    stored = page.locator(".lab-stored")
    expect(stored.locator('img[alt^="map of channel"]')).not_to_have_count(0)
    handle(page, "kernel").focus()
    page.keyboard.press("End")
    expect(page.locator(".look-words")).to_contain_text("broken at this setting")
    expect(stored.locator('img[alt^="map of channel"]')).to_have_count(0)
    page.keyboard.press("Home")
    expect(page.locator(".look-map").first).to_be_visible()
    expect(stored.locator('img[alt^="map of channel"]')).not_to_have_count(0)


def test_it_runs_without_an_error(opened):
    assert opened.errors() == []

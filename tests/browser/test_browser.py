"""The labs of lesson 1 in a real JupyterLab, worked with the mouse and the keyboard."""

import re

import lessons
import pytest
from playwright.sync_api import expect

LESSON = "01_alexnet"
LABS = ".jp-OutputArea-output:has(.lab-panel)"

BLOCKS = """
from course_utils import nets
from layerwise import lab
def resnet(width=64):
    return nets.resnet18(channels=(width, 128, 256, 512)).eval()
lab(resnet, (1, 1, 224, 224), width=(32, 96, 32))
"""

GROWS = """
from torch import nn
from layerwise import lab
def net(layers=1, kernel=3):
    return nn.Sequential(*[nn.Conv2d(1, 1, kernel) for _ in range(layers)])
lab(net, (1, 1, 6, 6), layers=(1, 2), kernel=(3, 7))
"""


@pytest.fixture(scope="module")
def lesson(desk):
    opened = desk.run(LESSON, *lessons.lab_cells(LESSON), width=1400, height=1100)
    expect(opened.page.locator(LABS)).to_have_count(2)
    return opened


class Bench:
    """One lab on the page, as the hand reaches it."""

    def __init__(self, output):
        self.output, self.page = output, output.page
        output.scroll_into_view_if_needed()

    def slider(self, label):
        return self.output.locator(f'.widget-inline-hbox:has(label:text-is("{label}"))')

    def handle(self, label):
        return self.slider(label).locator(".noUi-handle")

    def press(self, label, key, times=1):
        self.handle(label).focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def readout(self, label):
        return self.slider(label).locator(".widget-readout")

    def picture(self):
        return self.output.locator("svg").inner_html()

    def expect(self, *, code=None, says=None):
        """Wait until the line of code, or the words above the picture, hold this."""
        if code:
            expect(self.output.locator("code.lab-code")).to_contain_text(code)
        if says:
            expect(self.output.locator(".lab-head")).to_contain_text(re.compile(says))

    def expect_picture(self, *, unlike):
        """Wait until the picture is another one."""
        changed = "([lab, old]) => lab.querySelector('svg')?.innerHTML !== old"
        self.page.wait_for_function(changed, arg=[self.output.element_handle(), unlike])

    def reset(self):
        """Back to the start; where the lab stands there, the button does nothing."""
        # In one go: a turn puts new buttons in the place of the old ones.
        press = "output => output.querySelector('[data-send=reset]').click()"
        self.output.evaluate(press)
        self.expect(says="setting at the start")


@pytest.fixture
def alexnet(lesson):
    bench = Bench(lesson.page.locator(LABS).nth(1))
    yield bench
    bench.reset()


@pytest.fixture
def convolution(lesson):
    bench = Bench(lesson.page.locator(LABS).nth(0))
    yield bench
    bench.reset()


def test_the_labs_run_without_an_error(lesson):
    assert lesson.errors() == []


def test_a_key_changes_table_totals_and_picture(lesson, alexnet):
    lesson.shot("alexnet-start", alexnet.output)
    totals = alexnet.output.locator(".lab-totals")
    before, picture = totals.inner_text(), alexnet.picture()
    alexnet.press("channels", "ArrowLeft", 3)
    alexnet.expect(code="channels=48", says="channels 96 → 48")
    row = alexnet.output.locator("tr.lab-line").first
    expect(row).to_contain_text("1×96×54×54")
    expect(row).to_contain_text("1×48×54×54")
    expect(totals).not_to_have_text(before, use_inner_text=True)
    alexnet.expect_picture(unlike=picture)
    lesson.shot("alexnet-changed", alexnet.output)


def test_a_drag_ends_at_the_last_value(alexnet):
    box = alexnet.handle("kernel size").bounding_box()
    mouse, middle = alexnet.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + box["width"] / 2, middle)
    mouse.down()
    for step in range(60):
        mouse.move(box["x"] - 4 * step, middle)
    mouse.up()
    alexnet.expect(code="kernel_size=3,")
    expect(alexnet.readout("kernel size")).to_have_text("3")


def test_a_typed_number_counts(alexnet):
    readout = alexnet.readout("kernel size")
    readout.click()
    alexnet.page.keyboard.press("Control+A")
    alexnet.page.keyboard.type("14\n")
    alexnet.expect(code="kernel_size=14")


def test_a_broken_setting_is_explained_and_repaired_by_keyboard(lesson, alexnet):
    alexnet.press("padding", "ArrowRight")
    alexnet.expect(says=r"256\s×\s6\s×\s6 = 9,216")
    repair = alexnet.output.locator('button[data-send^="repair"]', has_text="9216")
    repair.wait_for()
    broken = alexnet.output.locator("tr.lab-line:has(td.lab-failed)")
    expect(broken).to_contain_text("expects 6,400, gets 9,216")
    lesson.shot("alexnet-broken", alexnet.output)
    repair.focus()
    alexnet.page.keyboard.press("Enter")
    alexnet.expect(code="padding=2, features=9216", says="The network works")


def test_the_line_of_code_can_be_copied(alexnet):
    alexnet.output.locator("button[data-copy^='alexnet(']").click()
    alexnet.output.locator("button", has_text="Copied").wait_for()
    line = alexnet.output.locator("code.lab-code").inner_text()
    assert alexnet.page.evaluate("navigator.clipboard.readText()") == line


def test_letters_in_a_lab_are_not_commands_of_jupyterlab(lesson, alexnet):
    cells = lesson.page.locator(".jp-Cell").count()
    places = "button[data-copy]", "svg g.box", ".noUi-handle", "button:text-is('Reset')"
    alexnet.press("stride", "ArrowLeft")  # so that Reset can be reached
    alexnet.expect(code="stride=3")
    for place in places:
        alexnet.output.locator(place).first.focus()
        alexnet.page.keyboard.type("ab")  # to JupyterLab: a cell above, a cell below
    lesson.page.clock.fast_forward(300)
    assert lesson.page.locator(".jp-Cell").count() == cells


def test_pointing_at_an_output_pixel_shows_what_it_reads(lesson, convolution):
    first = convolution.picture()
    convolution.output.locator("svg g.cell").last.hover()
    convolution.expect_picture(unlike=first)
    lesson.shot("convolution", convolution.output)


def test_a_box_tells_its_numbers(lesson, alexnet):
    box = alexnet.output.locator("svg g.box").nth(1)
    box.scroll_into_view_if_needed()
    lesson.execute("")  # a scroll or a picture that is still on its way would hide what it tells
    box.hover()
    tip = alexnet.page.locator('[role="tooltip"]:visible, .figure-tip:visible').first
    expect(tip).to_contain_text("11,712")


def test_a_block_unfolds_by_mouse_and_by_keyboard(desk):
    opened = desk.run("blocks", BLOCKS, width=1400, height=1100)
    page = opened.page
    bench = Bench(page.locator(LABS))
    boxes = bench.output.locator("svg g.box")
    expect(boxes.first).to_be_visible()
    folded = boxes.count()
    bench.output.locator('svg g.box[role="button"]').first.click()
    page.wait_for_function(f"document.querySelectorAll('svg g.box').length !== {folded}")
    opened.shot("resnet-unfolded", bench.output)
    changed = boxes.count()
    bench.output.locator('svg [role="button"]').last.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelectorAll('svg g.box').length !== {changed}")
    lines = bench.output.locator("tr.lab-line").count()
    bench.output.locator("button.lab-fold").first.click()
    page.wait_for_function(f"document.querySelectorAll('tr.lab-line').length !== {lines}")
    assert opened.errors() == []


def test_the_picture_is_that_of_the_present_network(desk):
    opened = desk.run("grows", GROWS, width=1400, height=1100)
    bench = Bench(opened.page.locator(LABS))
    pixels, boxes = bench.output.locator("svg g.cell"), bench.output.locator("svg g.box")
    expect(pixels.first).to_be_visible()
    bench.press("layers", "ArrowRight")
    expect(boxes).to_have_count(3)
    expect(pixels).to_have_count(0)
    bench.press("layers", "ArrowLeft")
    expect(pixels.first).to_be_visible()
    bench.press("kernel", "End")
    expect(bench.output.locator("svg")).to_contain_text("no output")
    expect(pixels).to_have_count(0)
    opened.shot("grows-broken", bench.output)
    assert opened.errors() == []

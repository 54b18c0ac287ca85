"""The labs of the lessons and one of a pasted network, for every eye, hand and window.

axe finds nothing in our elements; what a key does is in sight; nothing is cut off, no blank stays.
"""

from importlib import resources
from typing import NamedTuple

import lessons
import pytest
from playwright.sync_api import expect


class Turn(NamedTuple):
    """A control, and the key that is pressed there."""

    label: str
    key: str


PASTED = """
import torch
import torchvision
from layerwise import Task, lab
def net(features=512, classes=10):
    net = torchvision.models.resnet18(num_classes=classes)
    net.fc = torch.nn.Linear(features, classes)
    return net
lab(net, (1, 3, 64, 64), features=[256, 512], classes=(2, 20),
    image=torch.linspace(0, 1, 3 * 64 * 64).reshape(3, 64, 64),
    presets={"ten": dict(classes=10), "two": dict(classes=2)},
    tasks=[Task("How many?", {"classes": 9}, "Fewer.", predict=lambda lab: lab.trace.params)])
"""
LOOK = """
import torch
from torch import nn
from layerwise import look
net = nn.Sequential(nn.Conv2d(3, 20, 5, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
look(net, torch.linspace(0, 1, 3 * 40 * 60).reshape(3, 40, 60))
"""
CASES = {
    "02_vgg": (Turn("conv arch", "ArrowDown"), Turn("rows", "ArrowLeft")),
    "04_googlenet": (Turn("c1", "ArrowRight"), Turn("padding", "ArrowLeft")),
    "06_resnet": (Turn("channels", "ArrowLeft"), Turn("shortcut stride", "ArrowLeft")),
    "pasted": (Turn("classes", "ArrowLeft"), Turn("features", "ArrowLeft")),
}
# The kernel waits for the hand to rest; other tests of the page wait with it.
AT_ONCE = """
from layerwise.interactive import live_lab
patience = live_lab.SETTLE, live_lab.REST
live_lab.SETTLE = live_lab.REST = 0
"""
AS_EVER = "live_lab.SETTLE, live_lab.REST = patience"
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
FILES = "void jupyterapp.commands.execute('application:toggle-left-area')"
LIGHT, *DARK = "JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"
NARROW = (853, 480), (800, 720)  # a window of 1280×720 at 150 %, and a narrow one


VIOLATIONS = """async (rules) => {
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  only.resultTypes = ["violations"];  // else it describes each element that passes
  // The body of JupyterLab is 0 pixels high and hides what overflows: axe would see no text.
  document.body.style.overflow = "visible";
  const { violations } = await axe.run(".course-lab, .lab-stored", only);
  document.body.style.overflow = "";
  const told = ({ html, failureSummary }) => `${html.slice(0, 300)}: ${failureSummary}`;
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${told(node)}`));
}"""

# Text with less contrast than 4.5:1 (WCAG 2.2, 1.4.3); what is disabled is exempt. axe leaves most
# of it open, because elements overlap there. In a picture, text stands on the ground of the page.
FAINT = """() => {
  const numbers = (colour) => {
    if (!/^rgb/.test(colour)) throw new Error(`this cannot be judged: ${colour}`);
    return colour.match(/[\\d.]+/g).map(Number);
  };
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((v, i) => a * v + (1 - a) * under[i]);
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (...colours) => {
    const [low, high] = colours.map(luminance).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const contrast = (element) => {
    const above = [];
    for (let one = element; one; one = one.parentElement) above.unshift(getComputedStyle(one));
    const ground = above.reduce((g, one) => over(numbers(one.backgroundColor), g), [255, 255, 255]);
    const shown = above.reduce((product, one) => product * one.opacity, 1);
    const { fill, color } = above.at(-1);
    const [r, g, b, a = 1] = numbers(element.closest("svg") ? fill : color);
    return ratio(over([r, g, b, a * shown], ground), ground);
  };
  const exempt = "style, script, option, [aria-disabled=true], :disabled";
  const ours = [...document.querySelectorAll(":is(.course-lab, .lab-stored) *")];
  const texts = ours.filter((one) => one.checkVisibility() && !one.closest(exempt)
    && [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  if (!texts.length) return ["no text was seen"];
  return texts.map((one) => [contrast(one), one.outerHTML.slice(0, 200)])
    .filter(([value]) => value < 4.5).map(([value, html]) => `${value.toFixed(1)}: ${html}`);
}"""

TO_THE_TOP = "lab => lab.scrollIntoView({ block: 'start' })"

# Of these parts of a lab, those that cannot be seen whole. A box may lie in a part that scrolls.
UNSEEN = """(lab, parts) => {
  const inside = (a, b) =>
    a.top >= b.top - 1 && a.left >= b.left - 1 &&
    a.right <= b.right + 1 && a.bottom <= b.bottom + 1;
  const scrolls = (one) => /auto|scroll/.test(getComputedStyle(one).overflowY);
  const seen = (part) => {
    const at = part.getBoundingClientRect();
    const window_ = { top: 0, left: 0, right: innerWidth, bottom: innerHeight };
    if (!inside(at, window_)) return false;
    for (let one = part.parentElement; one; one = one.parentElement) {
      if (scrolls(one) && !inside(at, one.getBoundingClientRect())) return false;
    }
    return true;
  };
  return parts.filter((part) => {
    const found = [...lab.querySelectorAll(part)].find((one) => !one.matches(".frame"));
    return !found || !seen(found);
  });
}"""

# What stands out of the lab to the right and cannot be scrolled to, and words that are cut off.
CUT_OFF = """(lab) => {
  const edge = lab.getBoundingClientRect().right + 1;
  const look = (one) => getComputedStyle(one);
  const scrolls = (one) => one.closest(".lab-said") || /auto|scroll/.test(look(one).overflowX);
  const reachable = (one) => {
    for (let up = one; up !== lab; up = up.parentElement) if (scrolls(up)) return true;
    return false;
  };
  const wide = (one) => one.getBoundingClientRect().right > edge && !reachable(one.parentElement);
  const cut = (one) => look(one).overflowX === "hidden" && one.scrollWidth > one.clientWidth + 1
    && !reachable(one);
  const all = [...lab.querySelectorAll("*")].filter((one) => one.parentElement !== lab);
  return all.filter((one) => one.checkVisibility() && (wide(one) || cut(one)))
    .map((one) => one.outerHTML.slice(0, 200));
}"""


def turn_lights(page, theme):
    page.evaluate(
        "(theme) => void jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
    page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=theme)
    page.clock.fast_forward(1000)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)  # it would hide all from axe


def axe(page, *rules):
    """What axe says of our elements, a line for each violation."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{AXE}; undefined")
    return page.evaluate(VIOLATIONS, rules)


class Bench:
    """A notebook with one lab, or the last of several."""

    def __init__(self, notebook, changes, breaks):
        self.notebook, self.page = notebook, notebook.page
        self.changes, self.breaks = changes, breaks
        self.lab = self.page.locator(".course-lab").last
        expect(self.page.locator("code.lab-code").last).to_be_visible()
        self.rest()

    def rest(self):
        """Wait until page and kernel have done all that they ask of each other."""
        frame = "async () => void (await new Promise((done) => requestAnimationFrame(done)))"
        for _ in range(2):
            self.page.evaluate(frame)
            self.page.clock.fast_forward(2000)  # the patience of the parts with hand and window
            self.notebook.execute("")
        self.page.evaluate(frame)
        expect(self.lab.locator(".look-waiting")).to_have_count(0)  # for what flows through it

    def turn(self, turn):
        self.lab.evaluate(TO_THE_TOP)
        control = self.lab.get_by_label(turn.label, exact=True)
        control.evaluate("control => control.focus({ preventScroll: true })")
        self.page.keyboard.press(turn.key)
        expect(self.lab.locator(".lab-note")).not_to_contain_text("at the start")
        expect(self.lab.locator(".lab-note")).not_to_contain_text("Looking for")
        self.rest()

    def reset(self):
        # In one go: a turn puts new buttons in the place of the old ones.
        self.lab.evaluate("lab => lab.querySelector('[data-send=reset]').click()")
        expect(self.lab.locator(".lab-note")).to_contain_text("setting at the start")
        self.rest()

    def stands_below(self, lower, upper):
        """How far the top of one part is below the bottom of the other, in pixels."""
        lower, upper = (self.lab.locator(part).first.bounding_box() for part in (lower, upper))
        return lower["y"] - upper["y"] - upper["height"]

    def size(self, width, height):
        if self.page.viewport_size != {"width": width, "height": height}:
            self.page.set_viewport_size({"width": width, "height": height})
            self.rest()

    def unseen(self, turn, first):
        """What of a turn's effect is out of sight: the control, the words, the first such box."""
        control = f'[aria-label="{turn.label}"], select'
        self.notebook.shot(f"in-sight-{turn.label.replace(' ', '-')}")
        return self.lab.evaluate(UNSEEN, [control, ".lab-totals", ".lab-head", first])

    @property
    def height(self):
        return self.lab.bounding_box()["height"]


class Tour:
    """One way through the states of a lab; what was found on it, by what was looked for.

    A turn takes as long as many looks: the tests below share those of one way.
    """

    def __init__(self, bench):
        self.bench = bench
        self.violations, self.faint, self.unseen, self.cut_off, self.blanks = {}, {}, {}, {}, {}
        self.task_below = {}
        bench.page.evaluate(FILES)
        bench.rest()
        self._look("start")
        bench.turn(bench.changes)
        self._look("changed")
        changed = '.box:is([data-status="own numbers changed"], [data-status="new"])'
        self.unseen["changed"] = bench.unseen(bench.changes, changed)
        bench.reset()
        bench.turn(bench.breaks)
        self._look("broken")
        self.unseen["broken"] = bench.unseen(bench.breaks, ".box.broken")
        for theme in (*DARK, LIGHT):
            turn_lights(bench.page, theme)
            self.faint[f"broken, {theme}"] = bench.page.evaluate(FAINT)
        bench.page.evaluate(FILES)
        bench.reset()
        self._narrow()
        self.errors = bench.notebook.errors()

    def _look(self, state):
        self.violations[state] = axe(self.bench.page)
        self.faint[state] = self.bench.page.evaluate(FAINT)

    def _narrow(self):
        bench, before = self.bench, {}
        for size in NARROW:
            bench.size(*size)
            before[size] = bench.height
            self.cut_off["start", size] = bench.lab.evaluate(CUT_OFF)
            self.violations["start", size] = axe(bench.page, "scrollable-region-focusable")
        bench.turn(bench.breaks)
        for size in reversed(NARROW):
            bench.size(*size)
            self.cut_off["broken", size] = bench.lab.evaluate(CUT_OFF)
            self.task_below[size] = round(bench.stands_below(".lab-task", ".lab-head"))
        bench.reset()
        for size in NARROW:
            bench.size(*size)
            self.blanks[size] = round(bench.height - before[size])


@pytest.fixture(scope="module", params=CASES)
def tour(desk, request):
    cells = [PASTED] if request.param == "pasted" else lessons.lab_cells(request.param)
    notebook = desk.open(request.param, *cells)
    notebook.execute(AT_ONCE)
    try:
        notebook.run_all()
        return Tour(Bench(notebook, *CASES[request.param]))
    finally:
        notebook.execute(AS_EVER)  # the next tests have the same kernel


def found(looks):
    """Of the looks, those that found something."""
    assert looks
    return {where: what for where, what in looks.items() if what}


def test_axe_finds_nothing(tour):
    assert found(tour.violations) == {}


def test_every_text_can_be_read(tour):
    assert found(tour.faint) == {}


def test_what_a_key_does_is_in_sight(tour):
    assert found(tour.unseen) == {}


def test_nothing_is_cut_off_and_no_blank_stays(tour):
    assert found(tour.cut_off) == {}
    assert all(abs(pixels) < 2 for pixels in tour.blanks.values()), tour.blanks


def test_in_a_narrow_window_the_task_stands_below_what_a_turn_changes(tour):
    assert all(pixels >= 0 for pixels in tour.task_below.values()), tour.task_below


def test_it_runs_without_an_error(tour):
    assert tour.errors == []


def test_axe_finds_nothing_where_one_looks_inside(desk):
    page = desk.run("look", LOOK, height=1400).page
    expect(page.locator(".look-map").first).to_be_visible()
    assert axe(page) == []
    for theme in DARK:
        turn_lights(page, theme)
        assert page.evaluate(FAINT) == []
    turn_lights(page, LIGHT)

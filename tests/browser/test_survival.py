"""What becomes of a lab when it is saved, opened again, restarted, run twice, undone and heard."""

import re

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

LAB = """
from course_utils import nets
from layerwise import lab
WIDTHS = {"narrow": (64, 256, 384, 384, 256), "wide": (96, 256, 384, 384, 256)}
def alexnet(widths=WIDTHS["wide"], stride=4, padding=1, features=6400):
    rest = dict(strides=(stride, 1, 1, 1, 1), paddings=(padding, 2, 1, 1, 1))
    return nets.alexnet(channels=widths, in_features=features, **rest)
made = lab(alexnet, (1, 1, 224, 224), widths=WIDTHS, stride=(1, 8), padding=(0, 3),
           features=[1024, 6400, 9216], input_size=[96, 224],
           presets={"as in the paper": dict(stride=4), "coarse": dict(stride=8, features=1024)})
"""
COUNT = "from ipywidgets.widgets.widget import _instances; print(len(_instances))"
SAVE = "async () => { await jupyterapp.commands.execute('docmanager:save') }"
SESSION = "jupyterapp.shell.currentWidget.sessionContext"
LIVE, STORED = ".course-lab", ".lab-stored"


# In one go: a turn puts new buttons in the place of the old ones.
TOO_SMALL = """(least) => [...document.querySelectorAll(".course-lab button, .noUi-touch-area")]
  .filter((one) => one.checkVisibility())
  .filter((one) => {
    const { width, height } = one.getBoundingClientRect();
    return Math.min(width, height) < least - 0.05;
  })
  .map((one) => one.outerHTML)"""


def made(desk, name):
    """A notebook with a lab that has run."""
    notebook = desk.run(name, LAB, COUNT)
    expect(notebook.page.locator(".noUi-handle")).to_have_count(4)
    expect(notebook.page.locator("code.lab-code")).to_be_visible()
    return notebook


@pytest.fixture(scope="module")
def shared(desk):
    """One notebook for the tests that leave its kernel alone; they stand first."""
    return made(desk, "shared")


@pytest.fixture
def lab(shared):
    """The page with the lab at its start."""
    yield shared.page
    # In one go: a turn puts new buttons in the place of the old ones. At the start it does nothing.
    shared.page.evaluate("document.querySelector('[data-send=reset]').click()")
    expect(shared.page.locator(".lab-note")).to_contain_text("Turn one choice")
    assert shared.errors() == []


@pytest.fixture
def opened(desk, request):
    """A notebook for one test, which may end its kernel."""
    notebook = made(desk, request.node.name[:40])
    yield notebook
    assert notebook.errors() == []


@pytest.fixture
def page(opened):
    return opened.page


def handle(page, label):
    return page.locator(f'.noUi-handle[aria-label="{label}"]')


def button(page, name):
    return page.locator(f'button[data-send="{name}"]')


def says(page, text):
    expect(page.locator("code.lab-code").first).to_contain_text(text)


def focused(page):
    return page.evaluate("document.activeElement.dataset.send || document.activeElement.className")


def reopened(page, address, name):
    """Open a notebook again, as its file has it."""
    page.goto("about:blank")
    page.goto(f"{address}/lab/workspaces/again/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.clock.fast_forward(3000)  # after 2 s a view says that its model is not found


def test_undo_and_redo_by_keys_and_buttons(shared, lab):
    handle(lab, "stride").focus()
    lab.keyboard.press("ArrowLeft")
    says(lab, "stride=3")
    lab.keyboard.press("Control+z")
    says(lab, "stride=4")
    lab.keyboard.press("Control+Shift+Z")
    says(lab, "stride=3")
    button(lab, "undo").click()
    says(lab, "stride=4")
    expect(button(lab, "undo")).to_have_attribute("aria-disabled", "true")
    assert focused(lab) == "undo"
    lab.keyboard.press("Control+z")  # nothing left; and no cell of the notebook comes or goes
    button(lab, "redo").focus()
    lab.keyboard.press("Enter")
    says(lab, "stride=3")
    readout = lab.locator(".lab-choice-features .widget-readout")
    readout.click()
    lab.keyboard.type("5")
    lab.keyboard.press("Control+z")  # belongs to the text
    shared.execute("")
    says(lab, "stride=3")


def test_presets_pin_and_the_line_that_restores(shared, lab):
    menu = lab.get_by_label("Preset", exact=True)
    assert menu.input_value() == "as in the paper"
    menu.focus()
    menu.select_option("coarse")
    says(lab, "stride=8")
    assert focused(lab) == "preset"
    button(lab, "pin").click()
    expect(lab.locator(".lab-note")).to_contain_text("This is the pinned setting")
    lab.get_by_label("widths").select_option("narrow")
    expect(lab.locator(".lab-note")).to_contain_text(
        "from the pinned setting: widths wide → narrow"
    )
    expect(lab.locator(".lab-caption")).to_contain_text("stride 8, features 1024")
    assert menu.input_value() == ""
    shared.shot("lab-pinned")
    lab.get_by_role("button", name="Copy setting").click()
    button(lab, "pin").click()
    line = "made.set(widths='narrow', stride=8, padding=1, features=1024, input_size=224)"
    assert lab.evaluate("navigator.clipboard.readText()") == line


@pytest.mark.parametrize(("typed", "stands"), [("9000", "9216"), ("word", "6400")])
def test_a_typed_value_of_a_list_is_the_nearest_or_the_old_one(lab, typed, stands):
    readout = lab.locator(".lab-choice-features .widget-readout")
    readout.click()
    lab.keyboard.press("Control+A")
    lab.keyboard.type(typed + "\n")
    expect(readout).to_have_text(stands)
    says(lab, f"features={stands}")
    lab.keyboard.press("Control+A")
    lab.keyboard.type("1500")
    handle(lab, "stride").focus()  # leaving is as good as Enter
    says(lab, "features=1024")
    expect(readout).to_have_text("1024")


def test_every_control_has_a_name_and_tells_its_value_in_words(lab):
    said = "(handle) => [handle.getAttribute('aria-label'), handle.getAttribute('aria-valuetext')]"
    names = [one.evaluate(said) for one in lab.locator(".noUi-handle").all()]
    assert names == [["stride", "4"], ["padding", "1"], ["features", "6400"], ["input size", "224"]]
    handle(lab, "features").focus()
    lab.keyboard.press("ArrowRight")
    expect(handle(lab, "features")).to_have_attribute("aria-valuetext", "9216")
    says(lab, "features=9216")  # the turn has come to the page, with its buttons
    assert lab.get_by_label("widths").input_value() == "wide"
    assert lab.locator(".course-lab [title=null]").count() == 0
    assert lab.evaluate(TOO_SMALL, 24) == []


def test_focus_stays_where_the_hand_was(lab):
    handle(lab, "stride").focus()
    lab.keyboard.press("ArrowRight")
    repair = lab.locator('button[data-send^="repair"]').first
    repair.focus()
    lab.keyboard.press("Enter")
    expect(lab.locator(".lab-note")).to_contain_text("Turn one choice")
    assert "lab-panel" in focused(lab)
    button(lab, "undo").focus()
    lab.keyboard.press("Enter")
    says(lab, "stride=5")
    button(lab, "reset").focus()
    lab.keyboard.press("Enter")
    says(lab, "stride=4")
    assert focused(lab) == "reset"


def test_a_turn_is_told_in_one_sentence(shared, lab):
    lab.evaluate(
        """() => {
          window.told = [];
          const spoken = ".course-lab :is([aria-live], [role=status], [role=alert])";
          for (const one of document.querySelectorAll(spoken))
            new MutationObserver(() => told.push(one.textContent)).observe(one, {childList: true});
        }"""
    )
    handle(lab, "stride").focus()
    lab.keyboard.press("ArrowRight")
    lab.locator('button[data-send^="repair"]').first.wait_for()
    shared.execute("")
    (told,) = lab.evaluate("window.told")
    assert told.startswith("Layer 14 (Linear) expects 6,400 numbers") and len(told) < 130
    assert not re.search(r"Works|Copy", told)


def test_a_saved_notebook_has_the_state_at_saving_when_it_is_opened_again(opened, page, desk):
    expect(page.locator(STORED)).to_be_hidden()
    handle(page, "stride").focus()
    page.keyboard.press("ArrowRight")
    says(page, "stride=5")
    file, stored = opened.file, "alexnet(widths=(96, 256, 384, 384, 256), stride=5"
    page.wait_for_function(
        "() => document.querySelector('.lab-stored').textContent.includes('stride=5')"
    )
    page.keyboard.press("Control+s")  # the focus is still on the slider
    page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")
    outputs = nbformat.read(file, 4).cells[0].outputs
    assert stored in re.sub("<[^>]+>", "", outputs[1].data["text/html"])
    page.evaluate(f"{SESSION}.shutdown()")
    reopened(page, desk.address, file.name)
    output = page.locator(".jp-OutputArea").first
    expect(page.locator(STORED)).to_be_visible()
    expect(output).to_contain_text("Run this cell, and there is a control for each of these")
    expect(output).to_contain_text("Layer 14 (Linear) expects 6,400 numbers")
    expect(output.get_by_text("model not found")).to_be_hidden()
    expect(output.locator("img")).to_be_visible()
    expect(output.locator("table tr").nth(8)).to_be_visible()
    opened.shot("lab-reopened")
    opened.await_kernel()
    opened.run_all()  # and the controls are back
    expect(page.locator(LIVE)).to_be_visible()
    expect(page.locator(STORED)).to_be_hidden()


def test_a_notebook_that_is_not_trusted_and_a_page_of_nbconvert_show_the_state_once(
    opened, page, desk
):
    page.evaluate(SAVE)
    notebook = nbformat.read(opened.file, 4)
    strange = opened.file.with_name("strange.ipynb")
    notebook.cells[0].outputs[1].data["text/html"] += "<p>by another hand</p>"
    nbformat.write(notebook, strange)
    exported, _ = HTMLExporter().from_notebook_node(notebook)
    strange.with_suffix(".html").write_text(exported, encoding="utf-8")
    page.evaluate(f"{SESSION}.shutdown()")
    for where in (f"file://{strange.with_suffix('.html')}", None):
        if where:
            page.goto(where)
        else:
            reopened(page, desk.address, strange.name)
        expect(page.get_by_text("Run this cell, and there is a control")).to_have_count(1)
        expect(page.locator("img[alt^='The network with']")).to_be_visible()
        assert page.get_by_text("46.8 M", exact=True).count() == 1
        assert page.get_by_text("model not found").count() == 0
    opened.shot("lab-untrusted")


def test_a_restarted_kernel_is_told_in_words(opened, page):
    page.evaluate(f"{SESSION}.session.kernel.restart()")
    told = page.locator(".lab-stale")
    expect(told).to_contain_text("The kernel was restarted")
    expect(told).to_contain_text("Run this cell again")
    opened.shot("lab-restarted")
    opened.run_all()
    expect(page.locator(".lab-stale")).to_be_empty()
    handle(page, "stride").focus()
    page.keyboard.press("ArrowLeft")
    says(page, "stride=3")


def test_a_kernel_that_does_not_answer_is_told_in_words(opened, page):
    told = page.locator(".lab-stale")
    page.clock.fast_forward(6000)
    expect(told).to_be_empty()  # nobody has asked anything
    page.evaluate(f"{SESSION}.shutdown()")
    handle(page, "stride").focus()
    page.keyboard.press("ArrowLeft")
    page.clock.fast_forward(6000)
    expect(told).to_contain_text("The kernel does not answer")
    opened.run_all()


def test_running_a_cell_again_leaves_no_widget_behind(opened, page):
    count = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    once = count.inner_text()
    for _ in range(2):
        opened.run_all()
        expect(page.locator(LIVE)).to_have_count(1)
        assert count.inner_text() == once

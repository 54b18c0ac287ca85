"""Photograph the AlexNet lab of lesson 1 in a real JupyterLab, where padding 2 has broken it.

python tools/draw_screenshot.py         writes images/screenshot.png; needs a Chromium

Make it anew when the page of a lab changes, and look at it: no test compares it.
"""

import sys
import tempfile
from pathlib import Path

import browser
import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
WIDTH, HEIGHT, MARGIN = 1280, 1100, 10  # pixels of the window, and of white around the lab
ROWS = 4  # of the table, below the picture
LAB = ".jp-OutputArea-output:has(.lab-panel)"


def write_notebook(file: Path) -> None:
    """The second lab of lesson 1, and what it needs in a folded cell before it."""
    import lessons

    needed, _, alexnet = map(nbformat.v4.new_code_cell, lessons.lab_cells("01_alexnet"))
    needed.metadata["jupyter"] = {"source_hidden": True}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[needed, alexnet], metadata=kernel), file)


def break_alexnet(page: object) -> None:
    """Predict what task 3 asks for, set the padding to 2, and ask for the repairs."""
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)
    task, padding = page.locator(".lab-task"), page.get_by_role("slider", name="padding")
    for number in (2, 3):
        task.get_by_text("Next").press("Enter")
        expect(task).to_contain_text(f"Task {number}")
    task.locator("input").fill("7,200")
    task.locator("input").press("Enter")
    expect(task).to_contain_text("Noted.")
    padding.press("ArrowRight")
    expect(task).to_contain_text("Reached.")
    page.get_by_text("Show what would help").press("Enter")
    expect(page.locator('button[data-send^="repair"]').first).to_be_visible()
    padding.focus()


def photograph(page: object, file: Path) -> None:
    """The lab as far as the first rows of its table, once the picture of the turn is there."""
    page.locator("svg", has_text="gets").wait_for()
    page.mouse.move(0, 0)
    lab = page.locator(LAB).bounding_box()
    end = page.locator("tr.lab-line").nth(ROWS).bounding_box()["y"]
    left, top = lab["x"] - MARGIN, lab["y"]
    size = {"width": lab["width"] + MARGIN, "height": end - top}
    page.screenshot(path=file, clip={"x": left, "y": top, **size}, animations="disabled")


def main() -> None:
    """Run the lab, break it, and write the picture."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_notebook(folder / "lab.ipynb")
        with browser.jupyterlab(folder) as address, browser.browser_page(WIDTH, HEIGHT) as page:
            browser.Notebook(page, address, "lab.ipynb").run_all()
            break_alexnet(page)
            photograph(page, ROOT / "images" / "screenshot.png")


if __name__ == "__main__":
    main()

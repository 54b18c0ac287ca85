"""Every committed notebook is what its source says, and holds nothing it must not.

That its outputs come out again is nbval's part, in the same run of pytest.
"""

import json
import re
from pathlib import Path

import build_notebooks
import nbformat
import pytest

LESSONS = build_notebooks.lessons()
SHAPES = Path(__file__).parents[1] / "support" / "shapes.json"

each_lesson = pytest.mark.parametrize(("source", "target"), LESSONS.values(), ids=LESSONS.keys())


@each_lesson
def test_notebook_is_what_its_source_says(source, target):
    assert source.exists(), f"{target.name} has no source"
    difference = build_notebooks.drift(source, target)
    assert difference is None, f"{target.name}: {difference}\nRun: make notebooks"


@each_lesson
def test_notebook_holds_nothing_it_must_not(source, target):
    assert target.exists(), f"{source.name} was never built; run: make notebooks"
    assert build_notebooks.problems(nbformat.read(target, as_version=4)) == []


@each_lesson
def test_no_year_begins_a_list(source, target):  # noqa: ARG001  the notebook holds the same prose
    years = re.findall(r"^# +\d{4}\. .*", source.read_text(encoding="utf-8"), re.MULTILINE)
    assert years == [], "Markdown makes a numbered list of these lines: break them elsewhere"


def stored_text(target):
    """Return all text that the cells of a notebook print."""
    cells = nbformat.read(target, as_version=4).cells
    outputs = [out for cell in cells if cell.cell_type == "code" for out in cell.outputs]
    return "".join(out.text for out in outputs if out.output_type == "stream")


@pytest.mark.parametrize(
    ("network", "lesson"),
    [
        ("alexnet", "01_alexnet"),
        ("vgg", "02_vgg"),
        ("nin", "03_nin"),
        ("googlenet", "04_googlenet"),
        ("resnet18", "06_resnet"),
    ],
)
def test_the_lesson_prints_the_rows_of_the_notes(network, lesson):
    shapes = json.loads(SHAPES.read_text("utf-8"))
    assert "\n".join(shapes[network]["rows"]) in stored_text(LESSONS[lesson][1])

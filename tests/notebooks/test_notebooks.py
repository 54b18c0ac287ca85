"""Every committed notebook is what its source says, and holds nothing it must not.

That its outputs come out again is nbval's part, in the same run of pytest.
"""

import json
import re
from pathlib import Path

import build_notebooks
import lessons
import nbformat
import pytest
import stubs

LESSONS = build_notebooks.lessons()
README = Path(__file__).parents[2] / "README.md"
CHECK = re.compile(r"\bexercises\.\w+\.\w+\.check\(")
SHAPES = Path(__file__).parents[1] / "support" / "shapes.json"

each_lesson = pytest.mark.parametrize(("source", "target"), LESSONS.values(), ids=LESSONS.keys())
NOTEBOOKS = [pair for lesson in LESSONS.values() for pair in build_notebooks.pairs(*lesson)]
each_notebook = pytest.mark.parametrize(
    ("source", "target"), NOTEBOOKS, ids=[f"{t.parent.name}-{t.stem}" for _, t in NOTEBOOKS]
)


@each_notebook
def test_notebook_is_what_its_source_says(source, target):
    assert source.exists(), f"{target.name} has no source"
    difference = build_notebooks.drift(source, target)
    assert difference is None, f"{target.name}: {difference}\nRun: make notebooks"


@each_notebook
def test_notebook_holds_nothing_it_must_not(source, target):
    assert target.exists(), f"{source.name} was never built; run: make notebooks"
    assert build_notebooks.problems(nbformat.read(target, as_version=4)) == []


@each_lesson
def test_checks_of_a_lesson_await_an_answer_and_those_of_its_solutions_are_right(source, target):
    for _, notebook in build_notebooks.pairs(source, target):
        solved = notebook.parent.name == build_notebooks.SOLUTIONS
        word = "Right." if solved else "Not attempted"
        cells = nbformat.read(notebook, as_version=4).cells
        checks = [c for c in cells if c.cell_type == "code" and CHECK.search(c.source)]
        told = {c.source: "".join(out.get("text", "") for out in c.outputs) for c in checks}
        assert {code: text for code, text in told.items() if word not in text} == {}


@each_lesson
def test_no_year_begins_a_list(source, target):  # noqa: ARG001  the notebook holds the same prose
    years = re.findall(r"^# +\d{4}\. .*", source.read_text(encoding="utf-8"), re.MULTILINE)
    assert years == [], "Markdown makes a numbered list of these lines: break them elsewhere"


BEGINS_A_LIST = re.compile(r"([-+*]|\d+[.)]) ")


def list_amid_a_sentence(prose):
    """Return the lines that Markdown takes for a list, though a sentence runs into them."""
    found, before = [], ""
    for line in prose.splitlines():
        runs_on = before and not before.startswith((" ", "#")) and not BEGINS_A_LIST.match(before)
        if runs_on and BEGINS_A_LIST.match(line):
            found.append(line)
        before = line
    return found


@each_lesson
def test_no_sentence_becomes_a_list(source, target):  # noqa: ARG001  the notebook holds the same prose
    cells = lessons.cells(source)
    found = [x for c in cells if c.cell_type == "markdown" for x in list_amid_a_sentence(c.source)]
    assert found == [], "Markdown makes a list of these lines: break them elsewhere"


def _left_out(cell):
    """A hidden cell, and those of an exercise, which says its own minutes."""
    return "jupyter" in cell.metadata or stubs.is_exercise(cell) or "exercises." in cell.source


def minutes(source):
    """(for the lesson, for questions and exercises): 200 words a minute, 1.5 minutes a code cell.

    An exercise says its own minutes; the questions before them take ten.
    """
    cells = lessons.cells(source)
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    lesson, _, exercises = prose.partition("## Questions")
    code = sum(c.cell_type == "code" and not _left_out(c) for c in cells)
    told = re.findall(r"^\*\w+, (\d+) minutes\*$", exercises, re.MULTILINE)
    return len(lesson.split()) / 200 + 1.5 * code, 10 + sum(map(int, told))


@pytest.mark.parametrize("lesson", [name for name in LESSONS if not name.startswith("00")])
def test_a_lesson_says_how_long_it_takes(lesson):
    source, target = LESSONS[lesson]
    title = source.read_text("utf-8").partition("## Setup")[0]
    told = re.search(r"(\d+) minutes, and (\d+)\s+(?:# )?for questions and exercises", title)
    reading, exercises = minutes(source)
    assert abs(int(told[1]) - reading) < 6, reading
    assert abs(int(told[2]) - exercises) < 6, exercises
    row = re.search(rf"\({re.escape(f'notebooks/{target.name}')}\).*", README.read_text("utf-8"))
    assert f" {int(told[1]) + int(told[2])} |" in row[0]


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

"""The notebook builder, on lessons of a few cells."""

import build_notebooks
import nbformat
import pytest
from build_notebooks import WIDGET, BuildError, build, drift, lessons, planned, problems
from nbformat.v4 import new_code_cell, new_notebook, new_output

LESSON = """\
# %% [markdown]
# # A lesson

# %%
import sys
from pathlib import Path

print("one", end=" ", flush=True)
print("line")

# %% tags=["nbval-ignore-output"]
Path.cwd().name

# %%
print("one", end=" ")

# %%
print("one", end=" ")
"""

WIDGETS = """\
# %%
import ipywidgets
from IPython.display import display

slider = ipywidgets.IntSlider(3)
bundle = {**slider._repr_mimebundle_(), "text/html": "<b>3</b>", "text/plain": "3"}
display(bundle, raw=True)
display(bundle, raw=True)
"""


@pytest.fixture
def lesson(tmp_path):
    """Return a function that writes a lesson and returns its (source, notebook)."""

    def write(text, name="01_lesson"):
        folder = tmp_path / "notebooks"
        (folder / "source").mkdir(parents=True, exist_ok=True)
        source = folder / "source" / f"{name}.py"
        source.write_text(text)
        return source, folder / f"{name}.ipynb"

    return write


# -- building


def test_two_builds_are_the_same_bytes(lesson):
    source, target = lesson(LESSON + WIDGETS)
    build(source, target)
    first = target.read_bytes()
    build(source, target)
    assert target.read_bytes() == first


def test_what_a_built_notebook_holds(lesson):
    source, target = lesson(LESSON)
    build(source, target)
    notebook = nbformat.read(target, as_version=4)
    nbformat.validate(notebook)
    _, printing, folder, *same = notebook.cells
    assert [output.text for output in printing.outputs] == ["one line\n"]
    assert folder.metadata == {"tags": ["nbval-ignore-output"]}
    assert folder.outputs[0].data["text/plain"] == "'notebooks'"
    assert [cell.execution_count for cell in (printing, folder, *same)] == [1, 2, 3, 4]
    assert len({cell.id for cell in notebook.cells}) == 5
    assert "version" not in notebook.metadata.language_info
    assert drift(source, target) is None


def test_widgets_are_numbered_as_they_appear(lesson):
    source, target = lesson(WIDGETS + WIDGETS.replace("3", "4"))
    build(source, target)
    cells = nbformat.read(target, as_version=4).cells
    ids = [output.data[WIDGET]["model_id"] for cell in cells for output in cell.outputs]
    assert [int(name, 16) for name in ids] == [0, 0, 1, 1]


def test_a_failing_cell_is_named_and_the_old_notebook_kept(lesson, capsys):
    source, target = lesson(LESSON)
    build(source, target)
    before = target.read_bytes()
    lesson(LESSON.replace("Path.cwd().name", "Path.cwd().mane"))
    assert build_notebooks.main([], source.parent.parent) == 1
    printed = capsys.readouterr().out
    assert f"{source}:11, cell 3 failed" in printed
    assert "AttributeError" in printed
    assert "\x1b" not in printed
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.glob("*.ipynb*")] == [target.name]


def test_a_problem_keeps_the_old_notebook_too(lesson):
    source, target = lesson("# %%\nobject()\n")
    with pytest.raises(BuildError, match="address"):
        build(source, target)
    assert not target.exists()


def test_an_error_that_is_meant_is_stored(lesson):
    source, target = lesson('# %% tags=["raises-exception"]\n1 / 0\n')
    build(source, target)
    assert nbformat.read(target, as_version=4).cells[0].outputs[0].ename == "ZeroDivisionError"


def test_what_is_stored_was_trained_from_every_seed(lesson, monkeypatch):
    monkeypatch.setenv("COURSE_SEEDS", "1")
    source, target = lesson('# %%\nimport os\nprint(os.environ.get("COURSE_SEEDS"))')
    assert build_notebooks.main([], source.parent.parent) == 0
    assert nbformat.read(target, as_version=4).cells[0].outputs[0].text == "None\n"


def test_only_the_chosen_lessons_are_built(lesson):
    _, one = lesson(LESSON, "01_one")
    source, two = lesson(LESSON, "02_two")
    assert build_notebooks.main(["02_two"], source.parent.parent) == 0
    assert two.exists()
    assert not one.exists()
    with pytest.raises(SystemExit):
        build_notebooks.main(["03_three"], source.parent.parent)


# -- drift


def write_planned(source, target):
    nbformat.write(planned(source), target)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("# A lesson", "# Another", "source"),
        ("nbval-ignore-output", "nbval-skip", "metadata"),
        ('"line"', '"lines"', "source"),
        ("# %% [markdown]", "# %%", "cell type"),
        ("# %%\nimport sys", "# %%\n1\n\n# %%\nimport sys", "source"),
        ('# %%\nprint("one", end=" ")\n\n', "", "the notebook 5"),
    ],
)
def test_drift_is_named(lesson, old, new, word):
    source, target = lesson(LESSON)
    write_planned(source, target)
    assert old in LESSON
    lesson(LESSON.replace(old, new, 1))
    assert word in drift(source, target)


@pytest.mark.parametrize("part", ["metadata", "id"])
def test_drift_of_the_notebook_alone(lesson, part):
    source, target = lesson(LESSON)
    write_planned(source, target)
    notebook = nbformat.read(target, as_version=4)
    if part == "id":
        notebook.cells[2].id = "other"
    else:
        notebook.metadata.language_info["version"] = "3.11.0"
    nbformat.write(notebook, target)
    assert part in drift(source, target)


def test_check_reports_every_lesson_at_fault(lesson, capsys):
    source, target = lesson(LESSON)
    folder = source.parent.parent
    build(source, target)
    assert build_notebooks.main(["--check"], folder) == 0
    lesson(LESSON, "02_never_built")
    target.rename(folder / "03_without_source.ipynb")
    assert build_notebooks.main(["--check"], folder) == 1
    printed = capsys.readouterr().out
    assert "01_lesson.ipynb: the notebook is missing" in printed
    assert "02_never_built.ipynb: the notebook is missing" in printed
    assert "03_without_source.ipynb has no source" in printed
    assert "3 notebooks checked, 3 at fault" in printed
    assert list(lessons(folder)) == ["01_lesson", "02_never_built", "03_without_source"]


# -- problems


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(**data):
    return new_output("display_data", data={k.replace("_", "/", 1): v for k, v in data.items()})


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[31mno"])
HOME_PATH = "/".join(["", "home", "ada"])

DEFECTS = {
    "raises ValueError: no": {"outputs": [ERROR]},
    "stderr: UserWarning": {"outputs": [stream("UserWarning: old", "stderr")]},
    "address": {"outputs": [shown(text_plain="<Net object at 0x7f00aa11bb22>")]},
    f"machine it was built on: {HOME_PATH}": {"outputs": [stream(f"in {HOME_PATH}/course/a.py\n")]},
    "built on: lib/python3.11/site-packages/": {
        "outputs": [shown(text_html="<p>lib/python3.11/site-packages/torch/a.py</p>")]
    },
    "a widget without text/html": {
        "outputs": [new_output("display_data", data={WIDGET: {"model_id": "0"}})]
    },
    "never executed": {"execution_count": None},
    "no output is stored": {"outputs": []},
    "times of execution": {"metadata": {"execution": {"iopub.status.busy": "2026"}}},
    "more than 1,000,000": {"outputs": [shown(image_png="A" * 1_000_000)]},
}
GOOD = {"source": 'for i in range(2):\n    print("x")', "execution_count": 1}


def notebook_with(**changes):
    return new_notebook(cells=[new_code_cell(**{**GOOD, "outputs": [stream("x\n")], **changes})])


@pytest.mark.parametrize("sentence", DEFECTS)
def test_each_problem_is_named_and_no_other(sentence):
    (found,) = problems(notebook_with(**DEFECTS[sentence]))
    assert sentence in found


def test_widget_state_is_a_problem():
    notebook = notebook_with()
    notebook.metadata["widgets"] = {}
    assert problems(notebook) == ["the notebook holds widget state"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"source": "", "execution_count": None, "outputs": []},
        {"source": "if False:\n    print(1)", "outputs": []},
        {"execution_count": None, "outputs": [], "metadata": {"tags": ["nbval-skip"]}},
        {"outputs": [ERROR], "metadata": {"tags": ["raises-exception"]}},
        {"outputs": [shown(image_png=HOME_PATH, text_plain="<Figure>")]},
        {"outputs": [shown(text_html="https://distill.pub/home/page and 1/2 and img/tmp/x")]},
        {"outputs": [shown(text_html=f'<img src="data:image/png;base64,{HOME_PATH}">')]},
    ],
)
def test_a_good_notebook_has_no_problems(changes):
    assert problems(notebook_with(**changes)) == []

"""Every committed notebook is what its source says, and holds nothing it must not.

That its outputs come out again is nbval's part, in the same run of pytest.
"""

import build_notebooks
import nbformat
import pytest

LESSONS = build_notebooks.lessons()

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

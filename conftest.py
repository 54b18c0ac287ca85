"""Notebooks under nbval: a report that one reads, and the executed notebook in build/notebooks.

Run side by side, the tests of a file stay together; those of the lessons, the tests of a lesson.
"""

import os
from collections.abc import Generator
from pathlib import Path

import notebook_report
import pytest
from xdist.scheduler import LoadScopeScheduling

os.environ["COURSE_PROGRESS"] = ""  # what a test has right is nobody's progress
FEWER_SEEDS = "COURSE_SEEDS"

FIRST_ERROR = pytest.StashKey[int]()  # of a notebook: the number of the first cell that raised


BY_LESSON = "test_lab_states.py"  # one lesson takes as long as a whole file
TOGETHER = "tests/browser/"  # a second JupyterLab would cost more than its worker saves


class _ByFileOrLesson(LoadScopeScheduling):
    """A worker may take the tests of a file; of a long one those of a lesson; all of a browser."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if file.startswith(TOGETHER):
            return TOGETHER
        return f"{file}{_lesson(test)}" if file.endswith(BY_LESSON) else file


def _lesson(test: str) -> str:
    """Such as 02_vgg, of test_it[02_vgg] and of test_more[02_vgg-800]; "" where it names none."""
    return test.partition("[")[2].rstrip("]").partition("-")[0]


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """One more than cores: a worker waits for a browser, or for the kernel of a notebook."""
    return (yield) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Take the place of `--dist=loadfile`."""
    return _ByFileOrLesson(config, log)


def _is_cell(item: pytest.Item) -> bool:
    return hasattr(item, "cell_num") and hasattr(item, "test_outputs")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Start the kernel of a notebook with one seed for each training.

    What was trained is not compared: that it runs, one seed shows in a third of the time. What the
    lessons say of their runs has tests of its own.
    """
    if not _is_cell(item) or FEWER_SEEDS in os.environ:
        return (yield)
    os.environ[FEWER_SEEDS] = "1"
    try:
        return (yield)
    finally:
        del os.environ[FEWER_SEEDS]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what differs; cells that fail after one that raised count as skipped, not as failed."""
    report = yield
    if not (_is_cell(item) and report.when == "call" and report.failed):
        return report
    notebook = item.parent
    if (first := notebook.stash.get(FIRST_ERROR, None)) is not None:
        report.outcome = "skipped"
        report.longrepr = str(item.path), 0, f"follows from the error in cell {first}"
        report.user_properties.append(("follows", [_name(notebook.path), first]))
        return report
    cells = notebook.nb.cells
    number = next(n for n, cell in enumerate(cells, 1) if cell is item.cell)
    if _raised(item, call):
        notebook.stash[FIRST_ERROR] = number
    report.longrepr = notebook_report.report(
        _name(notebook.path), cells, number, item.test_outputs or [], call.excinfo.value
    )
    return report


def _raised(item: pytest.Item, call: pytest.CallInfo) -> bool:
    told_by_nbval = hasattr(call.excinfo.value, "cell_num")
    return bool(notebook_report.errors(item.cell, item.test_outputs or [])) or not told_by_nbval


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last cell of a notebook, write it with what its cells printed."""
    if _is_cell(item) and (nextitem is None or nextitem.parent is not item.parent):
        ran = {id(one.cell): one.test_outputs for one in item.session.items if _is_cell(one)}
        folder = item.config.rootpath / notebook_report.EXECUTED
        notebook_report.write(item.parent.nb, ran, folder / f"{_name(item.path)}.ipynb")


def _name(notebook: Path) -> str:
    """Such as 02_vgg; of the notebook that solves its exercises, solutions/02_vgg."""
    solved = notebook.parent.name == "solutions"
    return f"{notebook.parent.name}/{notebook.stem}" if solved else notebook.stem


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many cells failed only because one before them raised."""
    reports = terminalreporter.getreports("skipped")
    found = [
        value for report in reports for name, value in report.user_properties if name == "follows"
    ]
    if found:
        terminalreporter.section("cells that fail because one before them raised")
        for stem, first in sorted({tuple(pair) for pair in found}):
            many = found.count([stem, first])
            terminalreporter.write_line(f"{stem}: {many} after cell {first}, counted as skipped")

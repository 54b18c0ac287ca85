"""What a lab asks of the notebook: which cell runs, what a thing is called, when to close."""

from types import SimpleNamespace

import pytest

from layerwise.interactive import cells


class Notebook:
    """A shell as JupyterLab's, which tells with each message which cell runs."""

    def __init__(self):
        self.parent_header = {}
        self.execution_count = 7
        self.user_ns = {}
        self.kernel = SimpleNamespace(get_parent=lambda: self.told)
        self.events = SimpleNamespace(register=self.register)
        self.heard = []

    def register(self, event, function):
        assert event == "pre_run_cell"
        if function not in self.heard:
            self.heard.append(function)

    def runs(self, cell, *deleted):
        """Begin to run a cell."""
        self.told = {"metadata": {"cellId": cell, "deletedCells": list(deleted)}}
        for function in self.heard:
            function(SimpleNamespace())


@pytest.fixture
def notebook(monkeypatch):
    shell = Notebook()
    monkeypatch.setattr(cells, "_shell", lambda: shell)
    monkeypatch.setattr(cells, "_closers", {})
    return shell


def test_a_run_is_told_by_its_message_and_elsewhere_by_its_number(notebook):
    assert cells.run() == 7
    notebook.parent_header = None
    assert cells.run() == 7
    notebook.parent_header = {"msg_id": "a message"}
    assert cells.run() == "a message"


def test_a_thing_is_called_as_the_student_calls_it(notebook):
    thing = object()
    notebook.user_ns = {"_": thing, "_7": thing, "other": object()}
    assert cells.name_of(thing) == ""
    notebook.user_ns["mine"] = thing
    assert cells.name_of(thing) == "mine"


def test_what_a_cell_made_is_closed_when_it_runs_again_or_is_deleted(notebook):
    closed = []
    for cell in "abc":
        notebook.runs(cell)
        cells.close_at_next_run(lambda cell=cell: closed.append(cell))
        cells.close_at_next_run(lambda cell=cell: closed.append(cell.upper()))
    assert closed == []
    notebook.runs("b")
    assert closed == ["b", "B"]
    notebook.runs("b")
    assert closed == ["b", "B"]
    notebook.runs("d", "a", "x")
    assert closed == ["b", "B", "a", "A"]


@pytest.mark.parametrize("parent", [None, {}, {"metadata": None}, {"metadata": {}}])
def test_where_no_cell_is_told_nothing_is_closed(notebook, parent):
    notebook.told = parent
    cells.close_at_next_run(lambda: pytest.fail("closed"))
    assert notebook.heard == []
    notebook.runs(None)


def test_outside_a_notebook_there_is_no_cell(monkeypatch):
    monkeypatch.setattr(cells, "_closers", {})
    monkeypatch.setattr(cells, "_shell", lambda: None)
    assert not cells.in_notebook()
    assert cells.run() is None
    assert cells.name_of(object()) == ""
    cells.close_at_next_run(lambda: pytest.fail("closed"))
    monkeypatch.setattr(cells, "_shell", SimpleNamespace)  # IPython in a terminal
    assert cells.in_notebook()
    cells.close_at_next_run(lambda: pytest.fail("closed"))
    assert cells._closers == {}

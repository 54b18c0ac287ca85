"""One JupyterLab and one page of Chromium for all tests of this folder that a worker runs.

They are skipped where there is no Chromium, unless COURSE_BROWSER=required.
"""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import browser
import nbformat
import pytest
from playwright.sync_api import expect

HERE = Path(__file__).parent
REQUIRED = os.environ.get("COURSE_BROWSER") == "required"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
DESK = pytest.StashKey()


class Desk:
    """What the tests share: a folder that is served, and a page that shows it."""

    def __init__(self):
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.address = self._stack.enter_context(browser.jupyterlab(self.folder))
        self.page = self._stack.enter_context(browser.browser_page())
        self.page.clock.install()  # the tests put it forward, in the place of waiting
        self.close = self._stack.close
        # The parts of a lab come one after another: every look waits for what it expects.
        expect.set_options(timeout=30_000)

    def open(self, name, *sources, width=1280, height=720):
        """A new notebook with these cells, open in a window of this size; `file` is its path."""
        cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
        made = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
        file = self.folder / f"{name}.ipynb"
        nbformat.write(made, file)
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.mouse.move(0, 0)  # away from where the last test had it
        notebook = browser.Notebook(self.page, self.address, file.name)
        notebook.file = file
        return notebook

    def run(self, name, *sources, **size):
        """The same, and every cell has run."""
        notebook = self.open(name, *sources, **size)
        notebook.run_all()
        return notebook


@pytest.fixture(scope="module")
def desk(request):
    if not browser.chromium() and not REQUIRED:
        pytest.skip("there is no Chromium on this machine")
    stash = request.config.stash
    if DESK not in stash:
        stash[DESK] = Desk()
    return stash[DESK]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    # While playwright runs, an event loop does: no test of another folder may see it.
    if (nextitem is None or HERE not in nextitem.path.parents) and DESK in item.config.stash:
        item.config.stash[DESK].close()
        del item.config.stash[DESK]

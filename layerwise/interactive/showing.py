"""Display a live page in a notebook once, with the HTML that is left of it without a kernel."""

from ipywidgets import Widget

from . import cells
from .stored import StoredOutput


class Shown:
    """Something with a live `page`, `html` and `text`."""

    page: Widget

    def __init__(self) -> None:
        self._stored = StoredOutput()
        self._shown_in: object = None  # the run of a cell that has displayed it

    @property
    def html(self) -> str:
        """What is left of it without a kernel."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The same for a terminal."""
        raise NotImplementedError

    def show(self) -> None:
        """Display it in a notebook; elsewhere do nothing."""
        if cells.in_notebook():
            self._shown_in = cells.run()
            self._stored.show(self.page.model_id, self.html, self.text)

    def _ipython_display_(self) -> None:
        if (
            self._shown_in != cells.run()
        ):  # as the last line of the cell that made it: shown already
            self.show()

    def __repr__(self) -> str:
        return self.text

"""Display a live page in a notebook once, with the HTML that is left of it without a kernel."""

from ipywidgets import Widget

from .live_lab import VIEW, cell


class Shown:
    """Something with a live `page`, `html` and `text`."""

    page: Widget
    _shown_in: object = None  # the run of a cell that has displayed it

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
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            self._shown_in = cell()
            view = {"version_major": 2, "version_minor": 0, "model_id": self.page.model_id}
            display({VIEW: view, "text/html": self.html, "text/plain": self.text}, raw=True)

    def _ipython_display_(self) -> None:
        if self._shown_in != cell():  # as the last line of the cell that made it: shown already
            self.show()

    def __repr__(self) -> str:
        return self.text

"""A progress bar that a person sees and a stored notebook does not."""

import sys
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(epochs: int, done: int, batches: int, *, shown: bool) -> "tqdm":
    """A bar over all batches of a run, on the page or the terminal, or nowhere."""
    from tqdm import tqdm

    screen = _screen() if shown else None
    total, initial = epochs * batches, min(done, epochs) * batches
    return tqdm(
        total=total, initial=initial, unit="batch", file=screen, disable=screen is None, ncols=90
    )


def _screen() -> Any:
    """Where a person is looking: a notebook's page, a terminal, or None if nobody is.

    Front ends for people let code ask questions (allow_stdin); nbclient and nbval do not. In
    a notebook stored or checked by a program, a bar would be output that differs each time.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    kernel = getattr(shell, "kernel", None)
    if shell is not None and kernel is not None:
        return _Page(shell.execution_count) if getattr(kernel, "_allow_stdin", False) else None
    return sys.stderr if sys.stderr.isatty() else None


class _Page:
    """A file for tqdm that keeps one line on a notebook's page up to date.

    Not stderr, which is red and kept line by line; not tqdm's widget, which a saved notebook
    cannot show. All runs of one cell share the line: twelve finished bars tell nobody anything.
    """

    encoding = "utf-8"
    shared: ClassVar[dict] = {}  # the cell that ran last -> its line

    def __init__(self, cell: int) -> None:
        self.cell = cell

    def write(self, text: str) -> None:
        """Show `text` in place of the line before."""
        from IPython.display import display

        line = {"text/plain": text.strip("\r\n")}
        if self.cell not in self.shared:
            self.shared.clear()
            self.shared[self.cell] = display(line, raw=True, display_id=True)
        elif line["text/plain"].strip():
            self.shared[self.cell].update(line, raw=True)

    def flush(self) -> None:
        """Do nothing: write() has shown it."""

"""The cell of a notebook that is running, and what is to be closed when it runs again."""

from collections.abc import Callable
from typing import Any

_closers: dict[str, list[Callable[[], None]]] = {}  # cell -> what closes that which its run made


def run() -> object:
    """What tells one run of a cell from the next."""
    header = getattr(_shell(), "parent_header", None) or {}
    return header.get("msg_id") or getattr(_shell(), "execution_count", None)


def in_notebook() -> bool:
    """Whether there is a place to display something."""
    return _shell() is not None


def name_of(thing: object) -> str:
    """What the notebook calls a thing, "" if it has no name for it."""
    names = getattr(_shell(), "user_ns", {})
    return next((n for n, one in names.items() if one is thing and not n.startswith("_")), "")


def close_at_next_run(close: Callable[[], None]) -> None:
    """Call `close` when the cell that is running now runs again, or is deleted.

    Only JupyterLab and Notebook tell which cell runs; elsewhere nothing is closed.
    """
    if cell := _told().get("cellId"):
        _shell().events.register("pre_run_cell", _close_last_run)
        _closers.setdefault(cell, []).append(close)


def _close_last_run(*_: object) -> None:
    told = _told()
    for cell in (told.get("cellId"), *told.get("deletedCells", ())):
        for close in _closers.pop(cell, ()):
            close()


def _told() -> dict[str, Any]:
    """What the notebook told with the message that is being answered."""
    kernel = getattr(_shell(), "kernel", None)
    parent = kernel.get_parent() if kernel else None
    return (parent or {}).get("metadata") or {}


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()

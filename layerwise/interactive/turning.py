"""One change of a page at a time.

JupyterLab delivers the messages of widgets to subshells, threads of the kernel beside that of the
cells. Two messages of one lab may arrive at once, and a cell may turn the lab meanwhile.
"""

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_TURNING = threading.RLock()


def one_at_a_time(change: Callable[P, T]) -> Callable[P, T]:
    """The same function, which waits until no other thread is in a function made so."""

    @wraps(change)
    def alone(*args: P.args, **named: P.kwargs) -> T:
        with _TURNING:
            return change(*args, **named)

    return alone

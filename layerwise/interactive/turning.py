"""One change of a page at a time, and no garbage collected meanwhile.

JupyterLab delivers the messages of widgets to subshells, threads of the kernel beside that of the
cells. Two messages of one lab may arrive at once, and a cell may turn the lab meanwhile. A full
collection takes as long as several turns; it comes when the hand rests.
"""

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from layerwise.tracing.tracer import uncollected

P = ParamSpec("P")
T = TypeVar("T")

_TURNING = threading.RLock()


def one_at_a_time(change: Callable[P, T]) -> Callable[P, T]:
    """The same function, which waits until no other thread is in a function made so."""

    @wraps(change)
    def alone(*args: P.args, **named: P.kwargs) -> T:
        with _TURNING, uncollected():
            return change(*args, **named)

    return alone

"""Work that begins when the hand rests, beside the kernel: it never delays a turn."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from layerwise.tracing.activations import AbandonedError

T = TypeVar("T")
Wanted = Callable[[], bool]


def after(seconds: float, action: Callable[[], None]) -> None:
    """Call `action` so much later, or at once where no event loop runs."""
    if now := loop():
        now.call_later(seconds, action)
    else:
        action()


def loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of this thread, None where none runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class WhenAtRest:
    """Does the last piece of work that it was asked for, `rest` seconds after it was asked.

    A new piece takes the place of the one before, which is told so and whose result is dropped.
    Where no event loop runs, the work is done at once.
    """

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._asked = 0

    def ask(
        self,
        work: Callable[[Wanted], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], Any],
    ) -> None:
        """Call `work` in a thread, then `done` with its result, or `failed`, where it was asked.

        `work` gets a function that says whether its result is still wanted; it may raise
        AbandonedError.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.now(work, done, failed)
            return
        self.forget()
        mine = self._asked

        def wanted() -> bool:
            return self._asked == mine

        def told(answer: Callable[[], None]) -> None:
            if wanted():
                answer()

        def begin() -> None:
            if wanted():
                run = threading.Thread(target=in_thread, daemon=True)
                run.start()

        def in_thread() -> None:
            answer = _done(work, wanted, done, failed)
            loop.call_soon_threadsafe(told, answer)

        loop.call_later(self._rest, begin)

    def now(
        self,
        work: Callable[[Wanted], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], Any],
    ) -> None:
        """The same at once, and not in a thread."""
        self.forget()
        _done(work, lambda: True, done, failed)()

    def forget(self) -> None:
        """Nobody wants the present piece of work any more."""
        self._asked += 1


def _done(
    work: Callable[[Wanted], T],
    wanted: Wanted,
    done: Callable[[T], None],
    failed: Callable[[Exception], Any],
) -> Callable[[], None]:
    """Do the work; what is to be called with its result."""
    try:
        result = work(wanted)
    except AbandonedError:
        return lambda: None
    except Exception as error:  # noqa: BLE001  the student's own, whatever it is
        problem = error
        return lambda: failed(problem)
    return lambda: done(result)

"""End code whose time is over, where ending it leaves nothing half done."""

import contextlib
import ctypes
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

WAITING = 6  # times as long, where it does nothing:
RESTING = 0.1  # that is, less than this share of the time that it may work
AGAIN = 0.5  # seconds: a bare `except` may have swallowed the first
SOON = 0.01  # seconds, until what is being opened or closed is done
PATIENCE = 1.0  # seconds that it may take: an `__exit__` may be endless itself


class OutOfTime(BaseException):
    """The time of a check is over. `except Exception` in an answer lets it pass."""


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in this thread when the time is over.

    A signal also ends a sleep; where there is none (Windows, another thread) the interpreter
    raises at the next line of Python, and there a `with` may still be cut off on its way out.
    """
    main = threading.current_thread() is threading.main_thread()
    ring = _alarm if main and hasattr(signal, "setitimer") else _from_beside
    with ring(seconds):
        yield


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    # Busy for so long, or waiting for much longer: a loaded machine may be slow without a loop.
    clocks = {
        signal.SIGPROF: (signal.ITIMER_PROF, seconds),
        signal.SIGALRM: (signal.ITIMER_REAL, WAITING * seconds),
    }
    first, raised, ended, worked = math.inf, -math.inf, False, time.process_time()

    def over(number: int, frame: FrameType | None) -> None:
        nonlocal first, raised, worked
        timer, end = clocks[signal.Signals(number)]
        now, before, worked = time.monotonic(), worked, time.process_time()
        if ended:  # without this handler the next ring would kill the process
            return
        if number == signal.SIGALRM and first == math.inf and worked - before > RESTING * seconds:
            signal.setitimer(timer, end, AGAIN)
            return
        first = min(first, now)
        on_its_way = now < raised + AGAIN / 2  # both clocks may end at once
        if _imports(frame):
            signal.setitimer(timer, end, AGAIN)
        elif on_its_way or (now < first + PATIENCE and _opens_or_closes(frame)):
            signal.setitimer(timer, SOON, AGAIN)
        else:
            raised = now
            raise OutOfTime

    handlers = [signal.signal(number, over) for number in clocks]
    timers = [signal.setitimer(timer, end, AGAIN) for timer, end in clocks.values()]
    try:
        yield
    finally:
        ended = True
        for (timer, _), before in zip(clocks.values(), timers, strict=True):
            signal.setitimer(timer, *before)
        for number, handler in zip(clocks, handlers, strict=True):
            signal.signal(number, handler)


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported, as PyTorch does at some first calls.

    Half of a module would be broken for good.
    """
    while frame is not None:
        if "importlib._bootstrap" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def _opens_or_closes(frame: FrameType | None) -> bool:
    """Whether a `with` is on its way in or out: `no_grad` or a device could stay for good."""
    while frame is not None:
        if frame.f_code.co_name in ("__enter__", "__exit__"):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _from_beside(seconds: float) -> Iterator[None]:
    thread, done = threading.get_ident(), threading.Event()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def frame() -> FrameType | None:
        return sys._current_frames().get(thread)  # noqa: SLF001

    def wait() -> None:
        while not done.wait(WAITING * seconds):
            latest = time.monotonic() + PATIENCE
            while _opens_or_closes(frame()) and time.monotonic() < latest:
                if done.wait(SOON):
                    return
            if not _imports(frame()):
                raise_in(ctypes.c_ulong(thread), ctypes.py_object(OutOfTime))

    timer = threading.Thread(target=wait, daemon=True)
    timer.start()
    try:
        yield
    finally:
        done.set()
        timer.join()

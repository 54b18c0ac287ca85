"""Run a student's code with an end: of time, of memory, of what it prints."""

import contextlib
import ctypes
import linecache
import random
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

import torch

from ._findings import Finding

SECONDS = 10.0  # of work
WAITING = 6  # times as long, where it does nothing
GIGABYTES = 4  # more than the process holds already
COURSE = Path(__file__).resolve().parents[2]
LIBRARIES = (
    *(COURSE / "course_utils", COURSE / "layerwise", Path(torch.__file__).resolve().parent),
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")),
)


class OutOfTime(BaseException):
    """The time of a check is over. `except Exception` in an answer lets it pass."""


class Trouble(NamedTuple):
    """What ended a student's code, and the line of theirs where it happened."""

    error: str  # class of the exception; "OutOfTime" and "MemoryError" too
    message: str
    line: str = ""


def guarded(work: Callable[[], Any], seconds: float) -> tuple[Any, Trouble | None]:
    """What `work` returns, or what ended it. Random states are as before, what it printed is lost.

    Interrupting the kernel still does.
    """
    try:
        with _undisturbed(), _memory(GIGABYTES), deadline(seconds):
            return work(), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  a student's code may raise anything, SystemExit too
        return None, trouble(error)


def trouble(error: BaseException) -> Trouble:
    """What ended a student's code, in data."""
    name, message = type(error).__name__, str(error).strip().split("\n", maxsplit=1)[0]
    if isinstance(error, RuntimeError) and "allocate memory" in message:
        name = "MemoryError"
    return Trouble(name, message, own_line(error.__traceback__))


def own_line(traceback: TracebackType | None) -> str:
    """The innermost line of the student's own; "" where its text is not known."""
    found = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        parents = Path(code.co_filename).resolve().parents
        if not any(home in parents for home in LIBRARIES):
            found = linecache.getline(code.co_filename, traceback.tb_lineno).strip() or found
        traceback = traceback.tb_next
    return found


def finding(ended: Trouble, seconds: float | None = None) -> Finding:
    """The same as a finding."""
    facts = {**ended._asdict(), "seconds": seconds}
    kind = {"OutOfTime": "endless", "MemoryError": "memory"}.get(ended.error, "stops")
    return Finding(kind, kind, facts)


class _Sink:
    """Takes what is printed, and keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    state = random.getstate()
    try:
        with (
            torch.random.fork_rng(devices=[]),
            contextlib.redirect_stdout(_Sink()),
            contextlib.redirect_stderr(_Sink()),
        ):
            yield
    finally:
        random.setstate(state)


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in this thread when the time is over.

    A signal also ends a sleep; where there is none (Windows, another thread) the interpreter
    raises at the next line of Python.
    """
    main = threading.current_thread() is threading.main_thread()
    ring = _alarm if main and hasattr(signal, "setitimer") else _from_beside
    with ring(seconds):
        yield


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def over(number: int, frame: FrameType | None) -> None:
        if not _imports(frame):
            raise OutOfTime
        for own, timer, end in limits:  # half of a module would be broken for good
            if own == number:
                signal.setitimer(timer, end, 0.5)

    # Busy for so long, or waiting for much longer: a loaded machine may be slow without a loop.
    limits = (
        (signal.SIGPROF, signal.ITIMER_PROF, seconds),
        (signal.SIGALRM, signal.ITIMER_REAL, WAITING * seconds),
    )
    handlers = [signal.signal(number, over) for number, _, _ in limits]
    # Again and again: a bare `except` may have swallowed the first.
    timers = [signal.setitimer(timer, end, 0.5) for _, timer, end in limits]
    try:
        yield
    finally:
        for (_, timer, _), before in zip(limits, timers, strict=True):
            signal.setitimer(timer, *before)
        for (number, _, _), handler in zip(limits, handlers, strict=True):
            signal.signal(number, handler)


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported, as PyTorch does at some first calls."""
    while frame is not None:
        if "importlib._bootstrap" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _from_beside(seconds: float) -> Iterator[None]:
    thread, done = threading.get_ident(), threading.Event()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def wait() -> None:
        while not done.wait(WAITING * seconds):
            if _imports(sys._current_frames().get(thread)):  # noqa: SLF001
                continue
            raise_in(ctypes.c_ulong(thread), ctypes.py_object(OutOfTime))

    timer = threading.Thread(target=wait, daemon=True)
    timer.start()
    try:
        yield
    finally:
        done.set()
        timer.join()


@contextlib.contextmanager
def _memory(gigabytes: int) -> Iterator[None]:
    """Refuse larger allocations, where the system can (Linux)."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    wanted = pages * resource.getpagesize() + gigabytes * 2**30
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

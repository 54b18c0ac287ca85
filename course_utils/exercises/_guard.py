"""Run a student's code with an end: of time, of memory, of what it prints."""

import contextlib
import io
import linecache
import random
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import overrides

from ._deadline import deadline
from ._findings import Finding

SECONDS = 10.0  # of work
GIGABYTES = 4  # more than the process holds already
COURSE = Path(__file__).resolve().parents[2]
LIBRARIES = (
    *(COURSE / "course_utils", COURSE / "layerwise", Path(torch.__file__).resolve().parent),
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")),
)


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
    name, message = type(error).__name__, str(error).strip().partition("\n")[0]
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


class _Sink(io.TextIOBase):
    """Takes what is printed, and keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    state, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002  a student's may be the old one
    try:
        with (
            torch.random.fork_rng(devices=[]),
            _modes_kept(),
            contextlib.redirect_stdout(_Sink()),
            contextlib.redirect_stderr(_Sink()),
        ):
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numpys)  # noqa: NPY002


@contextlib.contextmanager
def _modes_kept() -> Iterator[None]:
    """Take back what was opened and not closed: `no_grad`, a default device."""
    grad, modes = torch.is_grad_enabled(), overrides._get_current_function_mode_stack()  # noqa: SLF001
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        for _ in overrides._get_current_function_mode_stack():  # noqa: SLF001
            overrides._pop_mode()  # noqa: SLF001
        for mode in modes:
            overrides._push_mode(mode)  # noqa: SLF001


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

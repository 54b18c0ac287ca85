"""Where in the student's own code an error arose: not in PyTorch, not in this package."""

import linecache
import os
import sysconfig
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

import torch

Line = tuple[str, int, str]  # file or cell, line number, source text

_NOT_THEIRS = tuple(
    {
        str(Path(torch.__file__).parent) + os.sep,
        str(Path(__file__).parents[1]) + os.sep,
        str(Path(__file__).parents[2] / "course_utils") + os.sep,
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
        "<frozen",
    }
)


def frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Every frame that the error passed through, outermost first, with its line number."""
    found, trail = [], error.__traceback__
    while trail is not None:
        found.append((trail.tb_frame, trail.tb_lineno))
        trail = trail.tb_next
    return found


def ours(error: BaseException) -> bool:
    """Whether this package refused the input before it built or ran anything."""
    last = frames(error)[-1:]
    return any(Path(f.f_code.co_filename).name in ("building.py", "tracer.py") for f, _ in last)


def theirs(code: CodeType) -> bool:
    """Whether a function is the student's own."""
    return not code.co_filename.startswith(_NOT_THEIRS)


def last_line(error: BaseException) -> Line | None:
    """The line of the student's own code that the error came from, if there is one."""
    found = innermost(error)
    return found and line(found[0].co_filename, found[1])


def innermost(error: BaseException) -> tuple[CodeType, int] | None:
    """The student's own function in which the error arose, if there is one, and the line."""
    own = [(frame.f_code, n) for frame, n in frames(error) if theirs(frame.f_code)]
    if isinstance(error, RecursionError):  # it may break off anywhere in the circle
        own = [place for place, _ in Counter(own).most_common(1)]
    return own[-1] if own else None


def first_line(function: object) -> Line | None:
    """The line with the `def` of a function, if it is the student's own."""
    code = getattr(function, "__code__", None)
    if code is None or not theirs(code):
        return None
    return line(code.co_filename, code.co_firstlineno)


def line(filename: str, number: int) -> Line:
    """A line of a file or of a notebook cell; linecache knows the source of both."""
    cell = "ipykernel" in filename or filename.startswith(("<ipython", "<stdin"))
    name = "notebook cell" if cell else Path(filename).name
    return name, number, linecache.getline(filename, number).strip()

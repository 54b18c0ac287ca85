"""Where in the student's own code an error arose: not in PyTorch, not in this package."""

import linecache
import os
import sysconfig
import traceback
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

import torch

from .records import SourceLine

TORCH = str(Path(torch.__file__).parent) + os.sep
_NOT_THEIRS = (
    TORCH,
    str(Path(__file__).parents[1]) + os.sep,
    sysconfig.get_path("stdlib"),
    sysconfig.get_path("purelib"),
    "<frozen",
)


def frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Every frame that the error passed through, outermost first, with its line number."""
    return list(traceback.walk_tb(error.__traceback__))


def theirs(code: CodeType) -> bool:
    """Whether a function is the student's own."""
    return not code.co_filename.startswith(_NOT_THEIRS)


def innermost(error: BaseException) -> tuple[CodeType, int] | None:
    """The student's own function in which the error arose, if there is one, and the line."""
    own = [(frame.f_code, n) for frame, n in frames(error) if theirs(frame.f_code)]
    if isinstance(error, RecursionError):  # it may break off anywhere in the circle
        own = [place for place, _ in Counter(own).most_common(1)]
    return own[-1] if own else None


def last_line(error: BaseException) -> SourceLine | None:
    """The line of the student's own code that the error came from, if there is one."""
    found = innermost(error)
    return found and line(found[0].co_filename, found[1])


def first_line(function: object) -> SourceLine | None:
    """The line with the `def` of a function, if it is the student's own."""
    code = getattr(function, "__code__", None)
    return line(code.co_filename, code.co_firstlineno) if code and theirs(code) else None


def line(filename: str, number: int) -> SourceLine:
    """A line of a file or of a notebook cell; linecache knows the source of both."""
    cell = "ipykernel" in filename or filename.startswith(("<ipython", "<stdin"))
    name = "notebook cell" if cell else Path(filename).name
    return SourceLine(name, number, linecache.getline(filename, number).strip())

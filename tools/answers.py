"""One answer of a submitted notebook, judged in a process of its own that may do nothing else.

`grade.py` starts one for each student and exercise, from a process that has imported what stands
here once. Nothing that comes back is trusted: it is read as text of limited length.
"""

from __future__ import annotations

import ast
import builtins
import json
import linecache
import os
import re
import sys
import tempfile
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt  # noqa: F401  imported once, for all
import sandbox
import sklearn.datasets  # noqa: F401  as above
import torch
from needed import needed, statements, without_magics

import course_utils
import layerwise
from course_utils import exercises

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LONGEST = {"outcome": 40, "mistake": 100, "message": 2_000}  # characters: a pipe holds 64 kB

mpl.get_cachedir()  # while it can still make that folder
torch.empty(2, 2, device="meta").var(0)  # imports what takes it two seconds
EXERCISES = {(one.lesson, one.name): one for one in exercises.all()}
CHECKED = {key: type(one).check for key, one in EXERCISES.items()}  # whatever becomes of it later

HERE = Path(course_utils.__file__).resolve().parent
READABLE = [
    *(Path(path) for path in (sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64")),
    *(HERE, Path(layerwise.__file__).resolve().parent, HERE.parent / "notebooks" / "recorded"),
    *(HERE.parent / "images" / "cat.jpg", Path("/etc/localtime")),
    *(Path(f"/proc/{name}") for name in ("cpuinfo", "meminfo", "stat")),
    *(Path(path) for path in ("/sys/devices/system", "/dev/zero", "/dev/urandom")),
]


class Job(NamedTuple):
    """An answer to judge: which, where it stands, and what its process may take."""

    lesson: str  # "02_vgg"
    name: str  # "block"
    notebook: bytes
    expression: str  # what the lesson hands to the check, where the notebook does not say
    folder: str  # empty, to run in
    memory: int  # bytes
    seconds: int  # of CPU


class Told(NamedTuple):
    """What a table says of an answer."""

    outcome: str
    mistake: str = ""
    message: str = ""


def run(job: Job, out: Connection) -> None:
    """Judge, write what came of it to `out`, and end this process without any further word."""
    _close_all_but(out.fileno())
    os.set_blocking(out.fileno(), False)  # an answer may have filled it
    os.chdir(job.folder)
    tempfile.tempdir = job.folder  # found without trying to write
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = job.folder  # so is PyTorch's own
    readable = [*READABLE, Path(job.folder), Path(f"/proc/{os.getpid()}")]
    held = sandbox.restrict(readable, job.memory, job.seconds)
    told = judged(job)
    parts = {name: getattr(told, name)[:longest] for name, longest in LONGEST.items()}
    os.write(out.fileno(), json.dumps({"held": held, **parts}).encode())
    os._exit(0)


def _close_all_but(kept: int) -> None:
    """What is printed is lost; no file of the processes before this one stays open."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    if os.name == "posix":
        os.closerange(3, kept)
        os.closerange(kept + 1, 65_536)


# -- one answer -------------------------------------------------------------------------


def judged(job: Job) -> Told:
    """What the exercise's check says of the answer in a notebook, or why it cannot be asked."""
    try:
        return _judged(job)
    except SystemExit:
        return Told("stopped", "ends Python", "It calls exit() or sys.exit().")
    except MemoryError:
        return Told("stopped", "memory", "It asks for more memory than it may have.")
    except BaseException as error:  # noqa: BLE001  whatever a stranger's code raises
        return Told("wrong", "stops", f"It stops with {type(error).__name__}: {_text(error)}")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001  an exception of a stranger
        return "no message"


def _judged(job: Job) -> Told:
    try:
        cells = code_cells(job.notebook)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Told("not read", "", "The file is no notebook.")
    key = job.lesson, job.name
    expression = handed_over(cells, *key) or job.expression
    if not expression:
        return Told("not attempted", "", "The notebook does not check it.")
    value, missing = _value(cells, expression)
    if missing:
        return _broken(cells, missing) or Told(
            "not attempted", "", f"{', '.join(sorted(missing))} is not defined in the notebook."
        )
    verdict = CHECKED[key](EXERCISES[key], value)
    return Told(str(verdict.outcome), str(verdict.mistake), str(verdict.message))


def code_cells(notebook: bytes) -> list[str]:
    """The code of a notebook, a cell each. ValueError, KeyError, …: it is none."""
    cells = json.loads(notebook)["cells"]
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    return [source if isinstance(source, str) else "".join(source) for source in code]


def handed_over(cells: list[str], lesson: str, name: str) -> str:
    """What the last check of this exercise is called with, "" where there is none."""
    found = ""
    for source in cells:
        try:
            tree = ast.parse(without_magics(source))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Attribute(value=owner, attr=exercise), attr="check"
                    ),
                    args=[answer],
                ) if exercise == name and _last_name(owner) == lesson.partition("_")[2]:
                    found = ast.unparse(answer)
    return found


def _last_name(owner: ast.expr) -> str:
    return owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")


def _value(cells: list[str], expression: str) -> tuple[Any, set[str]]:
    """The expression's value after what it needs of the cells has run, or the names it lacks."""
    wanted = next(statements([expression]))
    present = list(statements(cells))
    space = types.ModuleType("__main__")
    sys.modules["__main__"] = space
    bound = {name for one in present for name in one.binds}
    missing = {n for n in wanted.reads if n not in bound and not hasattr(builtins, n)}
    if missing and "*" not in bound:
        return None, missing
    for number, source in enumerate(cells):
        linecache.cache[_file(number)] = (len(source), None, source.splitlines(True), _file(number))
    for one in needed(present, wanted.reads | wanted.later):
        code = compile(ast.Module([one.node], []), _file(one.cell), "exec")
        exec(code, vars(space))  # noqa: S102  what this process is for
    return eval(expression, vars(space)), set()  # noqa: S307  as above


def _file(number: int) -> str:
    return f"<cell {number + 1}>"


def _broken(cells: list[str], names: set[str]) -> Told | None:
    """The first cell that is no Python and would define one of the names."""
    for source in cells:
        try:
            ast.parse(without_magics(source))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if any(re.search(rf"\b{re.escape(name)}\b", source) for name in names):
                line = getattr(error, "lineno", None)
                where = f", line {line} of its cell" if line else ""
                return Told("wrong", "no Python", f"{type(error).__name__}: {_text(error)}{where}")
    return None

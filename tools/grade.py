"""Run a folder of submitted notebooks through the checks, and write which mistakes a class makes.

    python tools/grade.py FOLDER                in it ada/02_vgg.ipynb or ada_02_vgg.ipynb
    python tools/grade.py FOLDER --lesson 02    one lesson
    python tools/grade.py FOLDER --seconds 60   of work for an answer, else 30

Writes grades.csv and grades.html into FOLDER. Each answer runs in a process of its own, with limits
of time and memory; on Linux it reads no file but Python's and the course's, writes none, and has no
network and no other process (`sandbox.py`). An answer that deceives the check in its own process
can do so for itself alone. Of a notebook, what the answer needs is run, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grade_report
import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import BaseContext

    from answers import Job

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(__file__).resolve().parent
LARGEST = 20_000_000  # bytes of a notebook
MEMORY = 4 * 2**30  # bytes beside those of a process that has imported PyTorch
SECONDS = 30  # of CPU
WAITING = 4  # times as long, where it does nothing or the machine is busy
OUTCOMES = ("right", "wrong", "not attempted", "stopped", "not read")
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "COURSE_PROGRESS": "",
}
CHECK = re.compile(rb"exercises\.(\w+)\.\w+\.check\b")


class Row(NamedTuple):
    """A line of the table."""

    student: str
    notebook: str
    exercise: str  # "02_vgg.block"
    outcome: str
    mistake: str = ""
    message: str = ""


# -- what was submitted -----------------------------------------------------------------


def submitted(folder: Path, lessons: list[str]) -> Iterator[tuple[str, Path]]:
    """(student, notebook) of each notebook: its folder's name, or its own without the lesson's."""
    lesson = re.compile("|".join(map(re.escape, lessons)))
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith("."):
            for where, folders, files in os.walk(entry):
                folders[:] = sorted(set(folders) - {".ipynb_checkpoints"})
                for name in sorted(files):
                    if name.endswith(".ipynb"):
                        yield entry.name, Path(where, name)
        elif entry.suffix == ".ipynb":
            yield lesson.sub("", entry.stem).strip("_- .") or entry.stem, entry


def contents(notebook: Path) -> tuple[bytes, str]:
    """The bytes of a notebook, or why they are not read."""
    if notebook.is_symlink() or not notebook.is_file():
        return b"", "It is no file of its own."
    if notebook.stat().st_size > LARGEST:
        return b"", f"It has more than {LARGEST / 1e6:.0f} MB."
    try:
        return notebook.read_bytes(), ""
    except OSError as error:
        return b"", f"It cannot be opened: {error.strerror}."


def lessons_of(notebook: Path, code: bytes, lessons: list[str]) -> list[str]:
    """The lessons whose exercises a notebook checks, or whose name it bears."""
    named = {found.decode() for found in CHECK.findall(code)}
    return [one for one in lessons if one in notebook.stem or one.partition("_")[2] in named]


def handed_over_in_the_course() -> dict[tuple[str, str], str]:
    """What the lessons hand to each check, for notebooks whose cell of the check is gone."""
    import answers

    found = {}
    for lesson, name in answers.EXERCISES:
        path = ROOT / "notebooks" / f"{lesson}.ipynb"
        cells = answers.code_cells(path.read_bytes()) if path.exists() else []
        found[lesson, name] = answers.handed_over(cells, lesson, name)
    return found


# -- one process for one answer ---------------------------------------------------------


class Graders:
    """Starts the processes. They come from one that has imported PyTorch and holds nothing else."""

    def __init__(self, memory: int = MEMORY, seconds: int = SECONDS) -> None:
        self.memory, self.seconds = memory, seconds
        self.held: set[str] | None = None
        self._lock = threading.Lock()
        os.environ.update(ENVIRONMENT)
        paths = [str(TOOLS), *filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        self._context: BaseContext
        if "forkserver" in multiprocessing.get_all_start_methods():
            self._context = multiprocessing.get_context("forkserver")
            self._context.set_forkserver_preload(["answers"])
        else:
            self._context = multiprocessing.get_context("spawn")

    def judge(self, lesson: str, name: str, notebook: bytes, expression: str = "") -> tuple:
        """(outcome, mistake, message) of one answer, whatever its process does."""
        import answers

        with tempfile.TemporaryDirectory() as folder:
            job = answers.Job(lesson, name, notebook, expression, folder, self.memory, self.seconds)
            code, text = self._run(job)
        return self._told(code, text)

    def _run(self, job: Job) -> tuple[int | None, bytes]:
        """How its process ended, None if it had to be stopped, and the text that came back."""
        import answers

        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(target=answers.run, args=(job, writer), daemon=True)
        with self._lock:
            process.start()
        writer.close()
        process.join(WAITING * self.seconds)
        code = process.exitcode
        sandbox.stop(process.pid)
        process.kill()
        process.join()
        os.set_blocking(reader.fileno(), False)
        try:
            text = os.read(reader.fileno(), 65_536)
        except BlockingIOError:
            text = b""
        reader.close()
        return code, text

    def _told(self, code: int | None, text: bytes) -> tuple:
        if code is None or code in (-signal.SIGKILL, -signal.SIGXCPU):
            return "stopped", "time", f"It was still running after {self.seconds} seconds of work."
        if code < 0:
            return "stopped", "crashes", f"Python crashes with signal {-code}."
        try:
            told = json.loads(text)
            found = [_plain(told[part]) for part in ("outcome", "mistake", "message")]
            self.held = set(told["held"]) & (self.held or set(told["held"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return "stopped", "ends Python", "It ends Python instead of answering."
        if found[0] not in OUTCOMES:
            return "stopped", "ends Python", "It ends Python instead of answering."
        return tuple(found)


def _plain(text: str) -> str:
    """Text that any file can hold."""
    return text.encode("utf-8", "replace").decode()


# -- a folder ---------------------------------------------------------------------------


def grade(folder: Path, graders: Graders, lesson: str = "", workers: int = 2) -> list[Row]:
    """A row for each student and exercise, in order."""
    import answers

    chosen = [key for key in answers.EXERCISES if key[0].startswith(lesson)]
    lessons = list(dict.fromkeys(found for found, _ in chosen))
    expressions = handed_over_in_the_course()
    work = []
    for student, path in submitted(folder, lessons):
        row = partial(Row, _plain(student), _plain(str(path.relative_to(folder))))
        code, trouble = contents(path)
        found = lessons_of(path, code, lessons)
        if trouble or not (found or lesson):
            work.append(partial(row, "", "not read", "", trouble or "It checks no exercise."))
            continue
        keys = [key for key in chosen if key[0] in found]
        work += [partial(_row, row, graders, key, code, expressions[key]) for key in keys]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda one: one(), work))


def _row(row: partial, graders: Graders, key: tuple[str, str], code: bytes, asked: str) -> Row:
    return row(".".join(key), *graders.judge(*key, code, asked))


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder for each student, or their notebooks")
    parser.add_argument("--lesson", default="", help="such as 02: only its exercises")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of work for an answer")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="side by side")
    options = parser.parse_args(arguments)
    if options.folder.resolve() == ROOT or not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder of submitted notebooks")
    graders = Graders(seconds=options.seconds)
    rows = grade(options.folder, graders, options.lesson, options.workers)
    grade_report.write(rows, options.folder)
    print(grade_report.summary(rows))
    free = {"time", "memory", "files", "network", "processes"} - (graders.held or set())
    if rows and graders.held is not None and free:
        print(f"This system does not hold answers back from: {', '.join(sorted(free))}.")
    print(f"Written: {options.folder / 'grades.csv'}, {options.folder / 'grades.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Plant small faults in a module, one at a time, and see which of them the tests near it notice.

    make mutants MODULE=layerwise/views/columns.py COUNT=20

A module, or a folder of modules; without one, every module of the course. Everything happens in a
copy of the course: the files here stay as they are. `mutants.txt` lists the faults that
may survive, each with its reason; they are not counted. Exit status 1 if a module's tests notice
less than 85 of 100. Python only: the pictures' JavaScript is tested in `tests/browser`.
"""

import argparse
import atexit
import gc
import importlib
import json
import math
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import faults
import pytest

ROOT = Path(__file__).resolve().parent.parent
SHOULD = 85  # of 100 faults
LEFT_OUT = (".git", ".venv", ".uv", "build", "data", "__pycache__", ".*_cache", ".hypothesis")
FORK = multiprocessing.get_context("fork")  # a test run starts with what is imported here

# Where the proof of a module or a folder lies, if not in the folder of `tests` that lies likewise.
NEAREST = {
    "layerwise/__init__.py": ["test_structure.py"],
    "course_utils/__init__.py": ["test_structure.py"],
    "course_utils/nets.py": ["course_utils/test_nets.py"],
    "course_utils/residual_nets.py": ["course_utils/test_residual_nets.py"],
    "course_utils/data.py": ["course_utils/test_data.py"],
    "course_utils/training.py": ["course_utils/test_training.py"],
    "course_utils/progress.py": ["course_utils/test_training.py"],
    "course_utils/tasks": ["notebooks/test_lab_tasks.py"],
    "layerwise/tracing/dispatch.py": [
        "layerwise/tracing/test_*.py",
        "layerwise/operations/test_registry.py",
    ],
    "layerwise/tracing/error_facts.py": ["layerwise/diagnosis/test_*.py"],
    "layerwise/tracing/failures.py": [
        "layerwise/tracing/test_failures.py",
        "layerwise/diagnosis/test_*.py",
    ],
    "layerwise/tracing/source_lines.py": ["layerwise/diagnosis/test_*.py"],
}


@dataclass
class Survey:
    """What became of the faults of one module."""

    module: str
    noticed: int = 0
    survivors: list[faults.Fault] = field(default_factory=list)

    @property
    def planted(self) -> int:
        """How many faults count."""
        return self.noticed + len(self.survivors)

    @property
    def percent(self) -> int:
        """How many of 100 were noticed."""
        return 100 * self.noticed // self.planted if self.planted else 100

    @property
    def row(self) -> str:
        """A line of the table."""
        return f"| {self.module} | {self.planted} | {self.noticed} | {self.percent} |"

    def __str__(self) -> str:
        return "\n".join(
            f"{self.module}:{fault.line} ({fault.kind})\n- {fault.old}\n+ {fault.new}\n"
            for fault in self.survivors
        )


class Watch:
    """In the process that tests: what it tells the one that waits."""

    def __init__(self, report: Path, log: Path) -> None:
        self.report, self.log, self.seconds, self.failed = report, log, Counter[str](), ""

    def pytest_sessionstart(self) -> None:
        """A counterexample is enough: none is made small."""
        if hypothesis := sys.modules.get("hypothesis"):
            phases = set(hypothesis.Phase) - {hypothesis.Phase.shrink, hypothesis.Phase.explain}
            hypothesis.settings.register_profile("mutants", hypothesis.settings(), phases=phases)
            hypothesis.settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the seconds of each file, and keep the one where the first test failed."""
        self.seconds[_file(report)] += report.duration
        self.pytest_collectreport(report)

    def pytest_collectreport(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        """Keep why it failed: the summary comes too late."""
        if report.failed:
            self.failed = self.failed or _file(report)
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"\n{report.nodeid}\n{report.longreprtext}\n")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Tell it, and end at once: tidying up takes longer than most tests."""
        self.report.write_text(json.dumps([self.seconds, self.failed, [*sys.modules]]), "utf-8")
        os._exit(exitstatus)


def _file(report: pytest.CollectReport | pytest.TestReport) -> str:
    return report.nodeid.partition("::")[0]


class Proof:
    """The tests near one module, to be run again and again; what notices most comes first."""

    def __init__(self, course: Path, files: Sequence[str], patience: int) -> None:
        self.course, self.files, self.limit = course, list(files), 3600
        self.report, self.log = course.parent / "report.json", course.parent / "log.txt"
        before = _seconds()
        if self.fails():
            raise SystemExit(f"Without any fault:\n{self.log.read_text('utf-8')}")
        self.limit = patience + math.ceil(3 * (_seconds() - before))
        seconds, _, modules = json.loads(self.report.read_text("utf-8"))
        self.files.sort(key=lambda file: seconds.get(file, 0))
        _import_what_stays(modules, course)

    def fails(self) -> bool:
        """Run them up to the first that fails, in a process of their own."""
        self.report.unlink(missing_ok=True)
        process = FORK.Process(target=self._run)
        process.start()
        try:
            process.join(20 * self.limit)  # on a busy machine; what waits for ever ends here
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
        if self.report.exists():
            _, failed, _ = json.loads(self.report.read_text("utf-8"))
            self.files.sort(key=lambda file: file != failed)
        return process.exitcode != 0

    def _run(self) -> None:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (self.limit, self.limit + 1))
        os.chdir(self.course)
        os.environ["PYTHONPATH"] = str(self.course)
        sys.path.insert(0, str(self.course))
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        options = ["-x", "-q", "-n0", "-p", "no:cacheprovider", f"--rootdir={self.course}"]
        sys.exit(pytest.main([*options, *self.files], plugins=[Watch(self.report, self.log)]))


def _seconds() -> float:
    """What all processes that ended have taken of the processor."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def _import_what_stays(modules: list[str], course: Path) -> None:
    """Import what the tests import and no fault can change, so that every run begins with it."""
    own = {path.stem for path in course.rglob("*.py")} | {path.name for path in course.iterdir()}
    for name in modules:
        if name.partition(".")[0] not in own | {"__main__"}:
            with suppress(Exception):
                importlib.import_module(name)
    gc.freeze()  # a fork then copies less
    atexit.register(gc.unfreeze)


@cache
def proof(course: Path, files: tuple[str, ...], patience: int) -> Proof:
    """The same for every module that these files prove."""
    return Proof(course, files, patience)


def nearest(course: Path, module: str) -> tuple[str, ...]:
    """The files of tests in which the proof of a module lies."""
    folder = str(Path(module).parent)
    named = NEAREST.get(module) or NEAREST.get(folder) or [f"{folder}/test_*.py"]
    found = [path for name in named for path in sorted(course.glob(f"tests/{name}"))]
    if not found:
        raise SystemExit(f"{module} has no tests near it: name them in tools/mutants.py")
    return tuple(str(path.relative_to(course)) for path in found)


def allowed(file: Path) -> set[tuple[str, str, str]]:
    """Module, line before and line after of each fault that may survive; the file says how."""
    found = set()
    for entry in file.read_text("utf-8").strip().split("\n\n") if file.exists() else []:
        if entry and not entry.startswith("#"):
            module, old, new, _reason = entry.splitlines()
            found.add((module, old.removeprefix("- "), new.removeprefix("+ ")))
    return found


def survey(course: Path, module: str, count: int, patience: int) -> Survey:
    """Plant `count` faults in a module of a copy of the course, and test each."""
    path, may = course / module, allowed(course / "tools" / "mutants.txt")
    source = path.read_text("utf-8")
    found = Survey(module)
    counted = (f for f in faults.drawn(source, count) if (module, f.old, f.new) not in may)
    for fault in counted:
        tests = proof(course, nearest(course, module), patience)
        _write(path, fault.source)
        if tests.fails():
            found.noticed += 1
        else:
            found.survivors.append(fault)
    _write(path, source)
    return found


def _write(path: Path, source: str) -> None:
    """Python may take a file of the same length and second for the one it has compiled."""
    for stale in path.parent.glob(f"__pycache__/{path.stem}.*"):
        stale.unlink()
    path.write_text(source, "utf-8")


def modules(course: Path, given: str) -> list[str]:
    """The modules that a name stands for: a file, a folder, or "" for all of the course."""
    if given.endswith(".py") and (course / given).is_file():
        return [given]
    folders = [given] if given else ["course_utils", "layerwise"]
    found = [path for folder in folders for path in sorted(course.glob(f"{folder}/**/*.py"))]
    if not found:
        raise SystemExit(f"{given} is no module and no folder of modules")
    return [str(p.relative_to(course)) for p in found if faults.faults(p.read_text("utf-8"))]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", nargs="?", default="", help="a module or a folder; else all")
    parser.add_argument("--count", type=int, default=20, help="faults in each module")
    parser.add_argument("--root", type=Path, default=ROOT, help="another folder than the course")
    parser.add_argument(
        "--patience", type=int, default=10, help="seconds beyond three times those of the tests"
    )
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder) / "course"
        shutil.copytree(given.root, course, ignore=shutil.ignore_patterns(*LEFT_OUT))
        found = []
        for module in modules(course, given.module.rstrip("/")):
            found.append(survey(course, module, given.count, given.patience))
            print(found[-1].row, found[-1], sep="\n", flush=True)
    rows = [one.row for one in found]
    print("| module | planted | noticed | of 100 |", "|---|---|---|---|", *rows, sep="\n")
    weak = [one.module for one in found if one.percent < SHOULD]
    if weak:
        raise SystemExit(f"Under {SHOULD} of 100: {', '.join(weak)}")


if __name__ == "__main__":
    main()

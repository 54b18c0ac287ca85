"""Run the lessons on the stacks of other machines, each in a virtual environment of its own.

    python tools/compat.py                                      every lesson on each stack
    python tools/compat.py conda                                one of them
    python tools/compat.py conda --lesson notebooks/01_alexnet.ipynb

conda: environment.yml, with d2l's own pins. colab: tools/compat/colab.txt, and on top of it what
the first cell of a lesson installs there. The environments lie in build/compat/, some 6 GB each.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / "build" / "compat"
SHOWN = "d2l|ipython|ipywidgets|anywidget|jupyterlab|matplotlib|numpy|torch|torchvision"


class MissingPythonError(Exception):
    """No interpreter of the version that a stack stands on."""


@dataclass(frozen=True)
class Stack:
    """A version of Python, and the arguments of each `pip install` in turn."""

    python: str
    installs: tuple[tuple[str, ...], ...]


def conda() -> Stack:
    """Return what environment.yml asks for; conda gives its pip section to pip as we do."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    (python,) = [entry for entry in entries if str(entry).startswith("python=")]
    (lines,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    asked = tuple(word for line in lines for word in line.split())
    return Stack(python.removeprefix("python="), (asked,))


def colab() -> Stack:
    """Return what Colab has, and what a lesson's first cell adds: here this checkout."""
    has = ROOT / "tools" / "compat" / "colab.txt"
    (python,) = re.findall(r"Python (3[.]\d+)", has.read_text("utf-8"))
    return Stack(python, (("-r", str(has)), ("--no-deps", ".", "d2l==1.0.3")))


STACKS = {"conda": conda, "colab": colab}


def interpreter(version: str) -> str:
    """Return the path of a Python of this version, such as "3.13", or raise MissingPythonError."""
    check = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    for name in (sys.executable, f"python{version}", "python3"):
        if not (found := shutil.which(name)):
            continue
        if subprocess.run([found, "-c", check], check=False, capture_output=True).returncode == 0:
            return found
    raise MissingPythonError(f"it needs Python {version}, and the PATH has no python{version}")


def environment(name: str, stack: Stack) -> str:
    """Install a stack into build/compat/NAME and return the path of its Python."""
    folder = ENVIRONMENTS / name
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    subprocess.run([interpreter(stack.python), "-m", "venv", str(folder)], check=True)
    for arguments in (("--upgrade", "pip"), *stack.installs, ("--group", "test")):
        print("pip install", *arguments, flush=True)
        command = [python, "-m", "pip", "install", "--quiet", *arguments]
        subprocess.run(command, cwd=ROOT, check=True)
    return python


def versions(python: str) -> str:
    """Return what an environment holds of what a lesson's outputs could depend on."""
    command = [python, "-m", "pip", "list", "--format=freeze"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return " ".join(re.findall(rf"^(?:{SHOWN})==.*", listed, re.MULTILINE))


def passes(name: str, lessons: list[str]) -> bool:
    """Run lessons on a stack under nbval, and tell whether every cell printed what is stored."""
    stack = STACKS[name]()
    print(f"== {name}: Python {stack.python}", flush=True)
    try:
        python = environment(name, stack)
    except (MissingPythonError, subprocess.CalledProcessError) as error:
        print(f"{name} was not tried: {error}", flush=True)
        return False
    print(versions(python), flush=True)
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run = subprocess.run([python, "-m", "pytest", *lessons], cwd=ROOT, env=clean, check=False)
    return run.returncode == 0


def main() -> int:
    """Run what the command line asks for and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stack", nargs="?", choices=STACKS, help="both if none is given")
    parser.add_argument("--lesson", nargs="+", default=["notebooks"], help="notebooks to run")
    wishes = parser.parse_args()
    chosen = [wishes.stack] if wishes.stack else STACKS
    results = {name: passes(name, wishes.lesson) for name in chosen}
    print("==", *(f"{name}: {'passed' if ok else 'FAILED'}" for name, ok in results.items()))
    return int(not all(results.values()))


if __name__ == "__main__":
    sys.exit(main())

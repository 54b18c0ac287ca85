"""Write a folder for a class: the lessons with their stubs, and all that runs them.

    python tools/lesson_kit.py                 into build/lesson-kit
    python tools/lesson_kit.py FOLDER

Each lesson goes out as it was built; one that was worked in is named, and nothing is written. No
solved notebook, no source and no tool of a maintainer is in it. The checks are, and each holds a
right answer: who opens their files finds it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

import build_notebooks

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "lesson-kit"
COPIED = (
    *("layerwise", "course_utils", "images", "notebooks/recorded"),
    *("LICENSE", "environment.yml", ".gitignore"),
)
UNWANTED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
COMMANDS = ("help", "lab", "clean")  # of the Makefile
VARIABLES = ("PYTHON", "LAB_ARGS", "LESSON")
SECTIONS = ("project", "build-system", "tool.hatch", "tool.uv")  # of pyproject.toml
README = """\
# {title}

```bash
make lab     # opens the contents of the course in JupyterLab
```

It needs only Python 3.11 or later with venv, and make. The first call fetches a few GB, PyTorch
above all, into the folder `.venv`, and takes some minutes. With conda: `conda env create -f
environment.yml`, then open `notebooks/00_contents.ipynb`.

Each lesson ends with exercises. Write your answer in place of `...`, run the cell and the one with
its check, and read what it says. `hint()` gives one hint at a time. Hand in the notebook.

{lessons}
"""


def write(folder: Path) -> None:
    """Write the kit. A folder that is there is replaced only in build.

    SystemExit where a notebook is not what its source says, as with answers written into it.
    """
    notebooks = built(ROOT / "notebooks")
    if folder.exists():
        if folder != FOLDER:
            raise SystemExit(f"{folder} is there already: name a new folder.")
        shutil.rmtree(folder)
    for name in COPIED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=UNWANTED)
        else:
            shutil.copy(ROOT / name, target)
    for notebook in notebooks:
        shutil.copy(notebook, folder / "notebooks")
    for name, made in (("README.md", readme), ("Makefile", makefile), ("pyproject.toml", project)):
        (folder / name).write_text(made((ROOT / name).read_text(encoding="utf-8")), "utf-8")


def built(folder: Path) -> list[Path]:
    """The notebooks of the lessons; SystemExit where one is not as it was built."""
    lessons = build_notebooks.lessons(folder).values()
    if faults := [fault for lesson in lessons if (fault := build_notebooks.complaint(*lesson))]:
        raise SystemExit("\n".join([*faults, "No kit was written."]))
    return [target for _, target in lessons]


def readme(text: str) -> str:
    """The README of the kit, with the table of lessons."""
    rows = re.findall(r"^(\| \d+ \| .+? \| .+? \| \d+ \|)", text, re.MULTILINE)
    head = ["| | lesson | the question | minutes |", "|---|---|---|---|"]
    title = re.search(r"^# (.+)", text)[1]
    return README.format(title=title, lessons="\n".join([*head, *rows]))


def makefile(text: str) -> str:
    """The Makefile with the commands that a student needs."""
    rule = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
    parts = [re.sub(r"^\.PHONY:.*", _phony(), part) for part in text.split("\n\n")]
    kept = [part for part in parts if not (found := rule.search(part)) or found[1] in COMMANDS]
    kept[1] = "\n".join(line for line in kept[1].split("\n") if line.startswith(VARIABLES))
    first = "# `make lab` opens the course; `make lab LESSON=03` opens a lesson.\n"
    return first + "\n\n".join(kept[1:])


def _phony() -> str:
    return f".PHONY: {' '.join(COMMANDS)}"


def project(text: str) -> str:
    """The project without what only maintainers install."""
    parts = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    return "".join(part for part in parts if part.lstrip("[").startswith(SECTIONS))


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder = parser.parse_args(arguments).folder
    write(folder)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{folder}: {len(list(folder.glob('notebooks/*.ipynb')))} notebooks, {size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

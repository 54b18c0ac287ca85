"""Write the address of your fork wherever the course names its own: once, after forking.

    make fork REPOSITORY=you/your-course

That is pyproject.toml, the badges of the README, and the cell with which a lesson installs the
course on Colab, in the sources, in the notebooks and in those that hold the exercises solved;
nothing is executed again.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

import build_notebooks
import nbformat
from build_notebooks import drift, pairs, planned

ROOT = Path(__file__).resolve().parent.parent


def repository(root: Path = ROOT) -> str:
    """Return the owner and name in pyproject.toml, such as "you/your-course"."""
    urls = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    return urls["Repository"].removeprefix("https://github.com/")


def rename(new: str, root: Path = ROOT) -> None:
    """Write `new` in place of the present owner and name, in text and in notebooks.

    SystemExit if a notebook is not what its source says: its outputs might be another's.
    """
    old = re.compile(rf"(github(?:[.]com)?/){re.escape(repository(root))}(?![\w-])")
    folder = root / "notebooks"
    every = [p for lesson in build_notebooks.lessons(folder).values() for p in pairs(*lesson)]
    if stale := [str(made.relative_to(folder)) for source, made in every if drift(source, made)]:
        raise SystemExit(f"{', '.join(stale)} must be built first: make notebooks")
    for path in {root / "pyproject.toml", root / "README.md", *(source for source, _ in every)}:
        text = path.read_text("utf-8")
        path.write_text(old.sub(rf"\g<1>{new}", text), "utf-8")
    for source, made in every:
        carry(source, made)


def carry(source: Path, target: Path) -> None:
    """Give a notebook the cells of its source; its outputs stay."""
    notebook = nbformat.read(target, as_version=4)
    for cell, plan in zip(notebook.cells, planned(source, target).cells, strict=True):
        cell.source, cell.id = plan.source, plan.id
    target.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", help="owner and name on GitHub, such as you/your-course")
    new = parser.parse_args().repository
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", new):
        parser.error(f"{new} is not an owner and a name, such as you/your-course")
    rename(new)


if __name__ == "__main__":
    main()

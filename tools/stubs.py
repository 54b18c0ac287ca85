"""What becomes of the exercises of a source: stubs for the lesson, and a notebook that solves them.

The markers are nbgrader's, and a stub is what its preprocessor ClearSolutions leaves.
"""

from __future__ import annotations

import ast
import copy
import re
from typing import TYPE_CHECKING

from nbformat.v4 import new_code_cell, new_markdown_cell
from needed import Statement, needed, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbformat import NotebookNode

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
TAG = "exercise"
STUB = "..."


class MarkerError(ValueError):
    """Markers of a solution that do not pair, or stand where no exercise is."""


def is_exercise(cell: NotebookNode) -> bool:
    """Tell whether a student writes in this cell."""
    return cell.cell_type == "code" and TAG in cell.metadata.get("tags", ())


def stub(source: str) -> str:
    """A cell's source with `...` in place of each solution, indented as its first marker is."""
    lines, inside = [], False
    for line in source.split("\n"):
        if BEGIN in line:
            if inside:
                raise MarkerError(f"{BEGIN} inside a solution")
            inside = True
            lines.append(line[: re.match(r"\s*", line).end()] + STUB)
        elif END in line:
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise MarkerError(f"no {END} after {BEGIN}")
    return "\n".join(lines)


def solved(source: str) -> str:
    """A cell's source with its solutions, without the markers."""
    return "\n".join(line for line in source.split("\n") if BEGIN not in line and END not in line)


def with_stubs(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells of a lesson as a student gets them."""
    made = copy.deepcopy(cells)
    for cell in made:
        text = stub(cell.source)
        if text != cell.source and not is_exercise(cell):
            raise MarkerError(f"a solution in a cell without the tag {TAG!r}: {_first(cell)}")
        if text == cell.source and is_exercise(cell):
            raise MarkerError(f"an exercise without {BEGIN}: {_first(cell)}")
        cell.source = text
    return made


def _first(cell: NotebookNode) -> str:
    return cell.source.partition("\n")[0]


# -- the notebook that solves them ------------------------------------------------------


def solutions(cells: list[NotebookNode], lesson: str) -> list[NotebookNode]:
    """The exercises of a lesson solved, each with its task and its check, and what they need.

    Empty if the lesson has none.
    """
    groups = list(_groups(cells))
    if not groups:
        return []
    shown = {index for group in groups for index in group}
    texts = [solved(c.source) if c.cell_type == "code" else "" for c in cells]
    support = [one for one in _support(texts, shown) if one.cell not in shown]
    title = next(c.source for c in cells if c.source.startswith("# ")).split("\n")[0]
    made = [new_markdown_cell(_head(title, lesson))]
    made += [copy.deepcopy(c) for c in cells if "google.colab" in c.source]
    done = -1
    for group in groups:
        before = [one.text for one in support if done < one.cell < group[-1]]
        if before:
            made.append(new_code_cell(_joined(before)))
        for index in group:
            cell = copy.deepcopy(cells[index])
            cell.source = solved(cell.source)
            made.append(cell)
        done = group[-1]
    return made


def _head(title: str, lesson: str) -> str:
    return (
        f"{title}: solutions\n\nOne way to solve each exercise of [the lesson](../{lesson}.ipynb). "
        "Yours may look different and be right: a check asks what your code does."
    )


def _groups(cells: list[NotebookNode]) -> Iterator[list[int]]:
    """Indexes of the cells of each exercise: its task, the cells to write in, its check."""
    index = 0
    while index < len(cells):
        if not is_exercise(cells[index]):
            index += 1
            continue
        group = [index - 1] if index and cells[index - 1].cell_type == "markdown" else []
        while index < len(cells) and cells[index].cell_type == "code":
            if is_exercise(cells[index]) or ".check(" in cells[index].source:
                group.append(index)
            index += 1
        yield group


def _support(texts: list[str], shown: set[int]) -> list[Statement]:
    """The statements outside the shown cells that the shown ones need."""
    present = list(statements(texts))
    found: list[Statement] = []
    for index in sorted(shown):
        so_far = [one for one in present if one.cell <= index]
        own = [one for one in so_far if one.cell == index]
        found += needed(so_far, {name for one in own for name in one.reads | one.later})
    kept = {id(one): one for one in found}
    return [one for one in present if id(one) in kept]


def _joined(texts: list[str]) -> str:
    """Statements as one cell: imports first as they came, two lines above a function or class."""
    out = ""
    for text in texts:
        node = ast.parse(text).body[0]
        tall = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        out += ("\n\n" if tall and out else "") + text + ("\n\n" if tall else "") + "\n"
    return re.sub(r"\n{3,}", "\n\n\n", out).strip("\n")

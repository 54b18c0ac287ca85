"""The labs and networks of the lessons, without running the experiments around them."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import build_notebooks
import jupytext
import nbformat
import stubs

from layerwise.interactive.live_lab import Lab

LESSONS = build_notebooks.lessons()


def module(lesson: str) -> ModuleType:
    """The imports, functions, classes and CAPITAL constants of a lesson, executed."""
    made = ModuleType(lesson)
    sys.modules[lesson] = made  # classes look up their own module
    for statement in _statements(LESSONS[lesson][0]):
        if _defines(statement):
            _execute(statement, made)
    return made


def value(lesson: str, name: str) -> object:
    """What a lesson first calls `name`: its cells run, but only the statements that it needs."""
    statements = list(_statements(LESSONS[lesson][0]))
    end = next(i for i, statement in enumerate(statements) if name in _names(statement, ast.Store))
    wanted, needed = {name}, []
    for statement in reversed(statements[: end + 1]):
        if wanted & _names(statement, ast.Store):
            needed.insert(0, statement)
            wanted |= _names(statement, ast.Load)
    made = ModuleType(lesson)
    sys.modules[lesson] = made
    for statement in needed:
        _execute(statement, made)
    return getattr(made, name)


def labs(lesson: str) -> list[Lab]:
    """Every lab that a lesson calls, in order."""
    made = module(lesson)
    found = []
    for statement in _statements(LESSONS[lesson][0]):
        calls = [node for node in ast.walk(statement) if _is_call_of_lab(node)]
        for call in calls:
            value = eval(compile(ast.Expression(call), lesson, "eval"), vars(made))  # noqa: S307  our own lesson
            found.append(value)
    return found


def lab_cells(lesson: str) -> list[str]:
    """The source of cells that show a lesson's labs: what they need, then a cell for each lab."""
    needed, shown = [], []
    for statement in _statements(LESSONS[lesson][0]):
        if any(_is_call_of_lab(node) for node in ast.walk(statement)):
            shown.append(ast.unparse(statement))
        elif _defines(statement):
            needed.append(ast.unparse(statement))
    return ["\n".join(needed), *shown]


@cache
def cells(source: Path) -> list[nbformat.NotebookNode]:
    """Of a lesson's source, read once: several tests ask for them while they are collected."""
    return jupytext.read(source, fmt="py:percent").cells


def _statements(source: Path) -> Iterator[ast.stmt]:
    for cell in cells(source):
        # An exercise defines names of its lesson anew.
        if cell.cell_type == "code" and not stubs.is_exercise(cell):
            yield from ast.parse(cell.source).body


def _names(statement: ast.stmt, kind: type) -> set[str]:
    """The names that a statement reads (ast.Load), or binds for the statements behind it."""
    inside = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    if kind is ast.Load:
        return inside
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _defines(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
        return True
    if not isinstance(statement, ast.Assign):
        return False
    names = [node.id for node in ast.walk(statement.targets[0]) if isinstance(node, ast.Name)]
    called = any(isinstance(node, ast.Call) for node in ast.walk(statement.value))
    return all(name.isupper() for name in names) and not called


def _execute(statement: ast.stmt, made: ModuleType) -> None:
    exec(compile(ast.Module([statement], []), made.__name__, "exec"), vars(made))  # noqa: S102  our own lesson


def _is_call_of_lab(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lab"

"""The source of the student's functions as a tree, and what can be told from it."""

import ast
import inspect
from collections.abc import Callable, Iterator
from textwrap import dedent
from types import CodeType

from torch import nn

from layerwise.tracing import source_lines
from layerwise.tracing.records import SourceLine


def tree_of(function: Callable) -> ast.FunctionDef | None:
    """The definition of a function, None where its source is not known."""
    try:
        module = ast.parse(dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    first = module.body[0] if module.body else None
    return first if isinstance(first, ast.FunctionDef) else None


def returns_a_value(function: Callable) -> bool:
    """Whether its source returns a value anywhere."""
    tree = tree_of(function)
    parts = ast.walk(tree) if tree else ()
    return any(isinstance(part, ast.Return) and part.value for part in parts)


def first_line(kind: type, method: str) -> SourceLine | None:
    """The line with the `def` of a method, if it is the student's own."""
    return source_lines.first_line(getattr(kind, method, None))


def line_of(function: Callable, node: ast.expr) -> SourceLine | None:
    """The line of a part of `tree_of(function)`."""
    code: CodeType | None = getattr(function, "__code__", None)
    if code is None or not source_lines.theirs(code):
        return None
    return source_lines.line(code.co_filename, code.co_firstlineno + node.lineno - 1)


def methods(kind: type) -> Iterator[tuple[str, Callable]]:
    """The methods that the classes of a module add to nn.Module's, but not `__init__`."""
    for owner in kind.__mro__:
        if owner is nn.Module:
            return
        for name, value in vars(owner).items():
            found = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if inspect.isfunction(found) and name != "__init__":
                yield name, found


def expressions(function: Callable) -> Iterator[ast.expr]:
    """Every expression in the source of a function."""
    tree = tree_of(function)
    yield from (part for part in (ast.walk(tree) if tree else ()) if isinstance(part, ast.expr))


def names_read(kind: type) -> set[str]:
    """Every name and word that these methods mention, also in functions inside them."""
    found: set[str] = set()
    todo: list[CodeType] = [function.__code__ for _, function in methods(kind)]
    while todo:
        code = todo.pop()
        found |= {*code.co_names} | {word for word in code.co_consts if isinstance(word, str)}
        todo += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    return found


def mentioned(kind: type, name: str) -> SourceLine | None:
    """The first line in these methods that names `name`, by itself or after a dot."""
    for _, function in methods(kind):
        for part in expressions(function):
            if name in (getattr(part, "attr", ""), getattr(part, "id", "")):
                return line_of(function, part)
    return None

"""What the source of the student's functions tells."""

import ast
import inspect
from collections.abc import Callable, Iterator
from textwrap import dedent
from types import CodeType

from torch import nn

from layerwise.tracing import source_lines
from layerwise.tracing.records import SourceLine


def returns_a_value(function: Callable) -> bool:
    """Whether its source returns a value anywhere."""
    return any(isinstance(part, ast.Return) and part.value for part in _parts(function))


def _parts(function: Callable) -> list[ast.AST]:
    """Every part of the definition of a function; none where its source is not known."""
    try:
        first = ast.parse(dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError):
        return []
    return list(ast.walk(first)) if isinstance(first, ast.FunctionDef) else []


def methods(kind: type) -> Iterator[tuple[str, Callable]]:
    """The methods that the classes of a module add to nn.Module's, but not `__init__`."""
    for owner in kind.__mro__:
        if owner is nn.Module:
            return
        for name, value in vars(owner).items():
            found = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if inspect.isfunction(found) and name != "__init__":
                yield name, found


def expressions(kind: type) -> Iterator[tuple[str, Callable, ast.expr]]:
    """Every expression in these methods, with the name of its method and the method."""
    for name, function in methods(kind):
        yield from ((name, function, p) for p in _parts(function) if isinstance(p, ast.expr))


def line_of(function: Callable, part: ast.expr) -> SourceLine | None:
    """The line of an expression, if the function is the student's own."""
    code: CodeType | None = getattr(function, "__code__", None)
    if code is None or not source_lines.theirs(code):
        return None
    return source_lines.line(code.co_filename, code.co_firstlineno + part.lineno - 1)


def names_read(kind: type) -> set[str]:
    """Every name and word that these methods mention, also in functions inside them."""
    found: set[str] = set()
    todo: list[CodeType] = [function.__code__ for _, function in methods(kind)]
    while todo:
        code = todo.pop()
        found |= {*code.co_names} | {word for word in code.co_consts if isinstance(word, str)}
        todo += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    return found


def first_mention(kind: type, name: str) -> SourceLine | None:
    """The first line in these methods that names `name`, by itself or after a dot."""
    for _, function, part in expressions(kind):
        if name in (getattr(part, "attr", ""), getattr(part, "id", "")):
            return line_of(function, part)
    return None

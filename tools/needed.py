"""Which statements of a notebook an answer needs: those that bind the names it reads."""

from __future__ import annotations

import ast
import symtable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FUNCTION_LIKE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Statement:
    """One statement of a cell, and its names.

    `later` are the names that its functions read when they are called. `rebinds` are those of
    `binds` of which nothing that was there before is left.
    """

    cell: int
    node: ast.stmt
    text: str
    binds: frozenset[str]
    rebinds: frozenset[str]
    reads: frozenset[str]
    later: frozenset[str]


def statements(cells: Iterable[str]) -> Iterator[Statement]:
    """The statements of the cells in order. A cell that is no Python has none."""
    found = [
        (cell, node, text) for cell, source in enumerate(cells) for node, text in _parts(source)
    ]
    imported = {
        name
        for _, node, _ in found
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in _imports(node)
    }
    for cell, node, text in found:
        yield _statement(cell, node, text, imported)


def needed(present: Sequence[Statement], names: Iterable[str]) -> list[Statement]:
    """Those of the statements that `names` need, in order.

    A function may call what is defined after it: the last binding of such a name is needed too.
    """
    at_the_end = set(names)
    while True:
        wanted, later = set(at_the_end), set()
        taken = []
        for one in reversed(present):
            if one.binds & wanted or "*" in one.binds:
                taken.insert(0, one)
                wanted = wanted - one.rebinds | one.reads | one.later
                later |= one.later
        if later <= at_the_end:
            return taken
        at_the_end |= later


def without_magics(source: str) -> str:
    """A cell's source without the lines of IPython's own syntax."""
    lines = source.split("\n")
    return "\n".join("" if line.startswith(("%", "!")) else line for line in lines)


def _parts(source: str) -> Iterator[tuple[ast.stmt, str]]:
    plain = without_magics(source)
    try:
        body = ast.parse(plain).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    lines = plain.split("\n")
    for node in body:
        decorated = node.decorator_list if isinstance(node, FUNCTION_LIKE) else []
        first = min([node.lineno, *(one.lineno for one in decorated)])
        yield node, "\n".join(lines[first - 1 : node.end_lineno])


def _statement(cell: int, node: ast.stmt, text: str, imported: set[str]) -> Statement:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        bound = frozenset(_imports(node))
        return Statement(cell, node, text, bound, bound, frozenset(), frozenset())
    table = symtable.symtable(ast.unparse(node), "cell", "exec")
    symbols = table.get_symbols()
    reads = {one.get_name() for one in symbols if one.is_referenced()}
    assigned = {one.get_name() for one in symbols if one.is_assigned()}
    plain = isinstance(node, (ast.Assign, ast.AnnAssign, *FUNCTION_LIKE))
    later: set[str] = set()
    for child in table.get_children():
        in_class = child.get_type() == "class"
        _globals(child, reads if in_class else later, later)
    return Statement(
        cell,
        node,
        text,
        frozenset(assigned | (_changed(node) - imported)),
        frozenset(assigned if plain else ()),
        frozenset(reads),
        frozenset(later),
    )


def _globals(table: symtable.SymbolTable, now: set[str], later: set[str]) -> None:
    """Add the global names that a function or class reads: a class at once, a function later."""
    for one in table.get_symbols():
        if one.is_referenced() and (one.is_global() or table.get_type() == "class"):
            now.add(one.get_name())
    for child in table.get_children():
        _globals(child, now if child.get_type() == "class" else later, later)


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        yield alias.asname or alias.name.partition(".")[0]


def _changed(node: ast.stmt) -> set[str]:
    """The names whose objects a statement changes: `x.append(1)`, `x[0] = 1`, `x.bias = None`."""
    found: list[ast.expr] = []
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner))):
            found.append(owner)
        case ast.Assign(targets=targets):
            found += [t for t in targets if isinstance(t, (ast.Attribute, ast.Subscript))]
        case ast.AugAssign(target=target):
            found.append(target)
    return {base.id for target in found if isinstance(base := _base(target), ast.Name)}


def _base(target: ast.expr) -> ast.expr:
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Call)):
        target = target.func if isinstance(target, ast.Call) else target.value
    return target

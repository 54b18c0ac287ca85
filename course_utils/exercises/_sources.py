"""Source code of answers: markers, stubs, changes, and what it defines when it is run."""

import ast
import linecache
from itertools import count
from typing import Any

IMPORTS = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_number = count(1)


def without_markers(code: str) -> str:
    """A solved cell as a student would have written it."""
    return "".join(line for line in code.splitlines(True) if line.strip() not in (BEGIN, END))


def stub(code: str) -> str:
    """The cell that the student gets: `...` in place of what stands between the markers."""
    lines, inside = [], False
    for line in code.splitlines(True):
        if line.strip() == BEGIN:
            lines.append(line.replace(BEGIN, "..."))
            inside = True
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    return "".join(lines)


def changed(code: str, changes: tuple[tuple[str, str], ...]) -> str:
    """Code in which each old text, which must be there, is replaced by the new one."""
    for old, new in changes:
        if old not in code:
            raise ValueError(f"{old!r} is not in the reference:\n{code}")
        code = code.replace(old, new)
    return code


def answer(source: str) -> Any:
    """What the last statement of `source` defines or is worth."""
    name = f"<answer {next(_number)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    tree, scope = ast.parse(source), {"__name__": "answer"}
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        exec(compile(ast.Module(tree.body[:-1], []), name, "exec"), scope)  # noqa: S102
        return eval(compile(ast.Expression(last.value), name, "eval"), scope)  # noqa: S307
    exec(compile(tree, name, "exec"), scope)  # noqa: S102
    return scope[defined(last)]


def defined(statement: ast.stmt) -> str:
    """The name that a statement binds."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return statement.name
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    raise ValueError(f"An answer ends with what defines it, not with {ast.unparse(statement)!r}.")

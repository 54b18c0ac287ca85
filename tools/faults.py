"""Small faults in Python source, one at a time: what a slip of the hand could make of a line."""

import ast
import copy
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SWAPS = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Lt: (ast.GtE, ast.LtE),
    ast.LtE: (ast.Gt, ast.Lt), ast.Gt: (ast.LtE, ast.GtE), ast.GtE: (ast.Lt, ast.Gt),
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.FloorDiv,), ast.Pow: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,), ast.Div: (ast.Mult,), ast.Mod: (ast.Mult,),
    ast.BitOr: (ast.BitAnd,), ast.BitAnd: (ast.BitOr,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip
_GUARDS = {"strict", "encoding", "maxsize", "autojunk"}  # without them the same, or an error
_UNTYPED = {"annotation", "returns"}
Edit = tuple[ast.AST, ast.AST]  # a node, and what takes its place


@dataclass(frozen=True)
class Fault:
    """One edit of a module: its class, its line, the lines before and after, the whole text."""

    kind: str
    line: int
    old: str
    new: str
    source: str


def faults(source: str) -> list[Fault]:
    """Every fault that can be planted in a source, in the order of its lines."""
    found = {
        (fault.old, fault.new): fault
        for node, text in _nodes(ast.parse(source))
        for kind, edits in KINDS.items()
        for target, changed in edits(node)
        if (fault := _planted(source, kind, target, changed, text))
    }
    return sorted(found.values(), key=lambda fault: fault.line)


def drawn(source: str, count: int) -> list[Fault]:
    """`count` faults at random, of each class in turn; for the same source always the same."""
    waiting: dict[str, list[Fault]] = {kind: [] for kind in KINDS}
    for fault in faults(source):
        waiting[fault.kind].append(fault)
    for kind, found in waiting.items():
        random.Random(kind).shuffle(found)  # noqa: S311
    chosen: list[Fault] = []
    while any(waiting.values()):
        chosen += [found.pop() for found in waiting.values() if found]
    return sorted(chosen[:count], key=lambda fault: fault.line)


def _nodes(
    node: ast.AST, text: ast.JoinedStr | None = None
) -> Iterator[tuple[ast.AST, ast.JoinedStr | None]]:
    """What a test could notice, and the f-string around it."""
    text = text or (node if isinstance(node, ast.JoinedStr) else None)
    yield node, text
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and name not in _UNTYPED and not _is_silent(child):
                yield from _nodes(child, text)


def _is_silent(node: ast.AST) -> bool:
    """Docstrings, and what states or guards only."""
    match node:
        case ast.Expr(ast.Constant()) | ast.Assert() | ast.Import() | ast.ImportFrom():
            return True
        case ast.If(ast.Name("TYPE_CHECKING")) | ast.Call(ast.Name("dataclass")):
            return True
        case ast.keyword():
            return node.arg in _GUARDS
    return False


def _comparisons(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Compare):
        for n, op in enumerate(node.ops):
            for other in _SWAPS[type(op)]:
                ops = [*node.ops[:n], other(), *node.ops[n + 1 :]]
                yield node, ast.Compare(node.left, ops, node.comparators)


def _arithmetic(node: ast.AST) -> Iterator[Edit]:
    for other in _SWAPS.get(type(getattr(node, "op", None)), ()):
        match node:
            case ast.BinOp(left, _, right):
                yield node, ast.BinOp(left, other(), right)
            case ast.AugAssign(target, _, value):
                yield node, ast.AugAssign(target, other(), value)


def _connectives(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.BoolOp):
        yield node, ast.BoolOp(_SWAPS[type(node.op)][0](), node.values)


def _constants(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Constant(bool(value)):
            yield node, ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield node, ast.Constant(value + 1)
            if value >= 1:
                yield node, ast.Constant(value - 1)


def _words(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found = re.findall(r"[A-Za-z]{3,}", node.value)
        words = [word for word in found if word != word[::-1]]
        if words:
            longest = max(words, key=len)
            turned = node.value.replace(longest, longest[::-1], 1)
            yield node, ast.Constant(turned)


def _negations(node: ast.AST) -> Iterator[Edit]:
    tests: list[ast.expr] = []
    match node:
        case ast.UnaryOp(ast.Not(), operand):
            yield node, operand
        case ast.If() | ast.IfExp():
            tests = [node.test]
        case ast.comprehension():
            tests = node.ifs
    for test in tests:
        if not isinstance(test, ast.Compare | ast.UnaryOp):  # another class has this edit
            yield test, ast.UnaryOp(ast.Not(), test)


def _returns(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Return(None | ast.Constant(None)):
            return
        case ast.Return():
            yield node, ast.Return(ast.Constant(None))


def _keywords(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg and keyword.arg not in _GUARDS:
                rest = [other for other in node.keywords if other is not keyword]
                yield node, ast.Call(node.func, node.args, rest)


def _statements(node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Assign([ast.Attribute() | ast.Subscript()]) | ast.Expr(ast.Call()):
            yield node, ast.Pass()
        case ast.AugAssign() | ast.Delete() | ast.Raise() | ast.Continue() | ast.Break():
            yield node, ast.Pass()


KINDS = {
    "comparison": _comparisons,
    "arithmetic": _arithmetic,
    "and, or": _connectives,
    "constant": _constants,
    "words": _words,
    "not": _negations,
    "return": _returns,
    "keyword": _keywords,
    "statement": _statements,
}


def _planted(
    source: str, kind: str, target: ast.AST, changed: ast.AST, text: ast.JoinedStr | None
) -> Fault | None:
    """The fault in its place, None where it cannot be written.

    An f-string is replaced whole: before Python 3.12 its parts do not know where they stand.
    """
    place = text or target
    new = changed if text is None else copy.deepcopy(text, {id(target): changed})
    try:
        written = ast.unparse(new)
    except ValueError:  # before Python 3.12 no backslash stands inside an f-string
        return None
    if isinstance(new, ast.BinOp | ast.BoolOp | ast.Compare | ast.UnaryOp):
        written = f"({written})"
    lines = source.encode().splitlines(keepends=True)
    first, stop = place.lineno - 1, place.end_lineno
    head, tail = lines[first][: place.col_offset], lines[stop - 1][place.end_col_offset :]
    after = head + written.encode() + tail
    old, new = (b" ".join(part.split()).decode() for part in (b"".join(lines[first:stop]), after))
    whole = b"".join([*lines[:first], after, *lines[stop:]]).decode()
    return Fault(kind, first + 1, old, new, whole)

"""A forward that reads a tensor after an operation in place has changed it, told from its source.

Values are followed by name, statement by statement: an operation in place gives a new value, and
the old one is spoilt. Reading a spoilt value is the mistake.
"""

import ast
from typing import NamedTuple

from torch import nn

from layerwise.tracing.records import SourceLine

from .source_code import line_of, tree_of

_PASSES = (nn.Dropout, nn.Identity)  # in front of an operation in place they may change nothing
_ASKS = frozenset({"shape", "size", "dim", "dtype", "device", "ndim"})  # read no numbers


class Changed(NamedTuple):
    """A name that is read after its tensor was changed, and what changed it."""

    name: str
    code: str
    line: SourceLine | None


def changed_before_read(module: nn.Module) -> Changed | None:
    """The first spoilt value that the forward of the module reads, if it does."""
    function = type(module).forward
    tree = tree_of(function)
    if tree is None:
        return None
    if not tree.args.args:
        return None
    reader = _Reader(module, tree.args.args[0].arg)
    for argument in tree.args.args:
        reader.names[argument.arg] = reader.fresh()
    reader.run(tree.body)
    if reader.found is None:
        return None
    name, change = reader.found
    return Changed(name, ast.unparse(change), line_of(function, change))


class _Reader:
    def __init__(self, module: nn.Module, me: str) -> None:
        self.module, self.me = module, me  # me: the name of self
        self.names: dict[str, int] = {}  # what each name stands for now
        self.spoilt: dict[int, ast.Call] = {}  # value -> the call that changed it
        self.held: dict[int, list[int]] = {}  # list -> the values in it
        self.found: tuple[str, ast.Call] | None = None
        self._count = 0

    def fresh(self) -> int:
        """A value that nothing else stands for."""
        self._count += 1
        return self._count

    def run(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.If):
            self._value(node.test)
            before = dict(self.names)
            self.run(node.body)
            after, self.names = self.names, before
            self.run(node.orelse)
            both = self.names.keys() & after.keys()
            self.names = {n: self.names[n] for n in both if self.names[n] == after[n]}
        elif isinstance(node, ast.AugAssign):
            self._use([node.value, node.target])
            if isinstance(node.target, ast.Name):
                self.names[node.target.id] = self.fresh()
        elif isinstance(node, ast.Assign):
            self._assign(node)
        elif isinstance(node, (ast.Return, ast.Expr)) and node.value is not None:
            self._value(node.value)
        elif isinstance(node, (ast.For, ast.With, ast.While)):
            self.run(node.body)

    def _assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            values = [self._value(part) for part in node.value.elts]
            pairs = list(zip(target.elts, values, strict=False))
        else:
            value = self._value(node.value)
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            pairs = [(part, value if len(parts) == 1 else self.fresh()) for part in parts]
        for name, value in pairs:
            if isinstance(name, ast.Name):
                self.names[name.id] = value

    def _value(self, node: ast.expr) -> int:
        """The value of an expression; reading what is spoilt is noted."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id) or self.fresh()
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute) and node.attr in _ASKS:
            return self.fresh()
        parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
        if isinstance(node, (ast.List, ast.Tuple)):
            made = self.fresh()
            self.held[made] = [self._value(part) for part in parts]
            return made
        self._use(parts)
        return self.fresh()

    def _use(self, parts: list[ast.expr]) -> None:
        """All parts are evaluated first, and their numbers read together after that."""
        values = [(part, self._value(part)) for part in parts]
        for part, value in values:
            for one in (value, *self.held.get(value, ())):
                if one in self.spoilt and self.found is None:
                    self.found = self._called(one) or ast.unparse(part), self.spoilt[one]

    def _called(self, value: int) -> str:
        """A name of a value, "" if it has none."""
        return next((name for name, known in self.names.items() if known == value), "")

    def _call(self, node: ast.Call) -> int:
        method = node.func if isinstance(node.func, ast.Attribute) else None
        if method is not None and method.attr in _ASKS:
            return self.fresh()
        operands = [*node.args, *[k.value for k in node.keywords]]
        owner = method.value if method is not None else None
        if isinstance(owner, ast.Name) and owner.id in self.names and owner.id != self.me:
            if method is not None and method.attr in ("append", "extend", "insert"):
                kept = self.held.setdefault(self.names[owner.id], [])
                kept += [self._value(part) for part in node.args]
                return self.fresh()
            operands.insert(0, owner)
        elif isinstance(owner, (ast.Call, ast.BinOp)):
            operands.insert(0, owner)
        self._use(operands)
        if operands and self._in_place(node):
            target = operands[0]
            if isinstance(target, ast.Name) and target.id in self.names:
                self.spoilt[self.names[target.id]] = node
        return self.fresh()

    def _in_place(self, node: ast.Call) -> bool:
        """Whether the call changes its first operand."""
        for keyword in node.keywords:
            if keyword.arg == "inplace":
                return isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        if not isinstance(node.func, ast.Attribute):
            return False
        name = node.func.attr
        if name.endswith("_") and not name.endswith("__"):
            return True
        owner = node.func.value
        mine = isinstance(owner, ast.Name) and owner.id == self.me
        return mine and _begins_in_place(getattr(self.module, name, None))


def _begins_in_place(module: object) -> bool:
    """Whether the first thing that a layer or Sequential does changes its input."""
    while isinstance(module, nn.Sequential) and len(module):
        module = next((m for m in module if not isinstance(m, _PASSES)), None)
    return isinstance(module, nn.Module) and getattr(module, "inplace", False) is True

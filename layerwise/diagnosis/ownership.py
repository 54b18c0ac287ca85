"""Layers and parameters that a network holds but does not own, owns twice, or does not use.

Each function takes the Run of a network, and gives a Finding or None.
"""

import ast
from collections.abc import Callable, Iterator, Mapping

from torch import Tensor, nn

from layerwise.tracing.meta_copy import ONE_PASS
from layerwise.tracing.module_tree import is_layer
from layerwise.tracing.records import Step
from layerwise.tracing.source_lines import first_line

from .breakdown import WEIGHTED, Run
from .findings import Cause, Finding, warning
from .source_code import expressions, line_of, names_read

# A method that mentions one of these can reach any layer without its name.
_BY_ANY_NAME = frozenset(
    """getattr __getattr__ _modules _parameters __dict__ vars children named_children modules
    named_modules get_submodule parameters named_parameters""".split()
)
_HOLDERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def unregistered(run: Run) -> Finding | None:
    """Layers or parameters in a plain list or attribute, or made in a forward: never trained."""
    read = run.trace.unregistered if run.trace else {}
    if not read and not any(map(_reads_constant, run.steps)):
        return None
    held = _held_unseen(run.case.net)
    if held is not None or not read:
        return held
    path, count = next(iter(read.items()))
    kind = type(run.case.net.get_submodule(path))
    made = _made_in_forward(kind, path, count)
    if made is not None:
        return made
    owner, line = kind.__name__, first_line(kind.forward)
    return warning(Cause.CODE, "from outside", path, count, 0, settled=True, owner=owner, line=line)


def _reads_constant(step: Step) -> bool:
    """Whether a plain tensor may stand beside what comes from the input."""
    alone = step.kind.merges and len(step.inputs) == 1
    called = step.kind in WEIGHTED and step.op == step.function
    return (alone or called) and step.params == 0


def _held_unseen(net: nn.Module) -> Finding | None:
    """The first attribute that holds parameters in a way that the network does not see."""
    own = {id(p) for p in net.parameters()}
    for path, module in net.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_") or is_layer(module):
                continue
            parts = [part for part in _parts(value) if _missing(part, own)]
            if parts:
                what, kind = _sort(parts), type(module)
                holder = "dict of" if isinstance(value, Mapping) else "list of"
                holder = "plain" if isinstance(value, Tensor) else holder
                return warning(
                    Cause.CODE, what, path, sum(_missing(part, own) for part in parts), 0,
                    why=f"{holder} {what}", settled=True, line=first_line(kind.__init__),
                    name=name, owner=kind.__name__, parts=len(parts),
                )  # fmt: skip
    return None


def _parts(value: object) -> Iterator[nn.Module | Tensor]:
    """The layers and tensors in an attribute, at any depth."""
    if isinstance(value, (Tensor, nn.Module)):
        yield value
    elif isinstance(value, (list, tuple, set, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _parts(part)


def _missing(part: nn.Module | Tensor, own: set[int]) -> int:
    """How many numbers to be trained a part holds that the network does not own."""
    held = part.parameters() if isinstance(part, nn.Module) else [part]
    return sum(t.numel() for t in held if t.requires_grad and id(t) not in own)


def _sort(parts: list[nn.Module | Tensor]) -> str:
    if any(isinstance(part, nn.Module) for part in parts):
        return "layers"
    return "parameters" if all(isinstance(part, nn.Parameter) for part in parts) else "tensors"


def _made_in_forward(kind: type, path: str, count: int) -> Finding | None:
    """The first call in a method of the class, other than `__init__`, that makes a layer."""
    for method, function, part in expressions(kind):
        made = _class_made(part, function) if isinstance(part, ast.Call) else ""
        if made:
            return warning(
                Cause.CODE, "made in forward", path, count, 0, settled=True,
                owner=kind.__name__, method=method, made=made, line=line_of(function, part),
            )  # fmt: skip
    return None


def _class_made(call: ast.Call, function: Callable) -> str:
    """The class that a call makes, if it is one of layers or parameters, else ""."""
    source = ast.unparse(call.func)
    first, *rest = source.split(".")
    value = getattr(function, "__globals__", {}).get(first)
    for part in rest:
        value = getattr(value, part, None)
    makes = isinstance(value, type) and issubclass(value, (nn.Module, nn.Parameter))
    return source if makes and value not in (nn.Sequential, nn.ModuleList) else ""


def kept_iterator(run: Run) -> Finding | None:
    """A generator kept as layers, which is used up after one pass."""
    for path, module in run.case.net.named_modules():
        for name, value in vars(module).items():
            if type(value) in ONE_PASS:
                owner, line = type(module).__name__, first_line(type(module).__init__)
                return warning(
                    Cause.CODE, "used up", path, settled=True, line=line,
                    name=name, owner=owner, holds=type(value).__name__,
                )  # fmt: skip
    return None


def shared(run: Run) -> Finding | None:
    """One layer in several places of a container, as `[layer] * 3` makes it."""
    first_runs = {step.path: step for step in reversed(run.steps)}.values()
    if not any(s.kind in WEIGHTED and s.op != s.function and not s.params for s in first_runs):
        return None
    for path, holder in run.case.net.named_modules():
        parts = vars(holder)["_modules"].items() if isinstance(holder, _HOLDERS) else ()
        for _, part in parts:
            names = [f"{path}.{other}" if path else other for other, one in parts if one is part]
            count = sum(p.numel() for p in part.parameters()) if len(names) > 1 else 0
            if count:
                about = (Cause.SHARED, "shared", names[0], len(names), 1)
                owner = type(part).__name__
                return warning(*about, settled=True, places=names, owner=owner, count=count)
    return None


def unused(run: Run) -> Finding | None:
    """A layer or parameter that no method of its owner reads, and that never ran."""
    net, last = run.case.net, next((s.path for s in reversed(run.steps) if s.params), "")
    for path, count in (run.trace.unused if run.trace else {}).items():
        lead, _, name = path.rpartition(".")
        module = net.get_submodule(path)
        own = vars(module)["_parameters"].items()
        parts = [(net.get_submodule(lead), name, count)] if path else []
        parts += [(module, name, p.numel()) for name, p in own if p is not None]
        for owner, name, numbers in parts:
            if not _may_read(owner, name):
                about = (Cause.UNUSED, "unused", path, numbers, 0)
                line, kind = first_line(type(owner).forward), type(owner).__name__
                return warning(*about, settled=True, line=line, name=name, owner=kind, last=last)
    return None


def _may_read(owner: nn.Module, name: str) -> bool:
    """Whether a method of the owner may read its attribute of this name."""
    if is_layer(owner) or "forward" in vars(owner):
        return True
    read = names_read(type(owner))
    return name in read or not read.isdisjoint(_BY_ANY_NAME)

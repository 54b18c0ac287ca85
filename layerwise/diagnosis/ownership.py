"""Layers and parameters that a network holds but does not own, or owns but does not use."""

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from layerwise.tracing.meta_copy import ONE_PASS
from layerwise.tracing.module_tree import is_layer
from layerwise.tracing.records import SourceLine

from .source_code import expressions, line_of, methods, names_read

# A method that mentions one of these can reach any layer without its name.
_BY_ANY_NAME = frozenset(
    """getattr __getattr__ _modules _parameters __dict__ vars children named_children modules
    named_modules get_submodule parameters named_parameters""".split()
)


class Stowed(NamedTuple):
    """Where parameters are that the network does not own."""

    what: str  # "layers", "parameters" or "tensors"
    holder: str  # "list of", "dict of", or "plain" for an attribute itself
    path: str
    owner: type
    name: str  # of the attribute
    parts: int  # layers or parameters there
    numbers: int  # in them


def stowed(net: nn.Module) -> Stowed | None:
    """The first attribute that holds parameters in a way that the network does not see."""
    own = {id(p) for p in net.parameters()}
    for path, module in net.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_") or is_layer(module):
                continue
            parts = [part for part in _parts(value) if _missing(part, own)]
            if parts:
                count = sum(_missing(part, own) for part in parts)
                holder = "dict of" if isinstance(value, Mapping) else "list of"
                holder = "plain" if isinstance(value, Tensor) else holder
                return Stowed(_sort(parts), holder, path, type(module), name, len(parts), count)
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


def iterators(net: nn.Module) -> Iterator[tuple[str, type, str, str]]:
    """Attributes that can be gone through once: path and class of the owner, name, class."""
    for path, module in net.named_modules():
        for name, value in vars(module).items():
            if type(value) in ONE_PASS:
                yield path, type(module), name, type(value).__name__


class Made(NamedTuple):
    """A layer or parameter that a method makes anew at each run."""

    made: str  # its class, as it is written
    method: str
    line: SourceLine | None


def made_in_forward(kind: type) -> Made | None:
    """The first call in a method of the class, other than `__init__`, that makes a layer."""
    for name, function in methods(kind):
        for part in expressions(function):
            made = _made(part, function) if isinstance(part, ast.Call) else ""
            if made:
                return Made(made, name, line_of(function, part))
    return None


def _made(call: ast.Call, function: Callable) -> str:
    """The class that a call makes, if it is one of layers or parameters, else ""."""
    source = ast.unparse(call.func)
    first, *rest = source.split(".")
    value = getattr(function, "__globals__", {}).get(first)
    for part in rest:
        value = getattr(value, part, None)
    makes = isinstance(value, type) and issubclass(value, (nn.Module, nn.Parameter))
    return source if makes and value not in (nn.Sequential, nn.ModuleList) else ""


class Unread(NamedTuple):
    """A layer or parameter that no method reads."""

    owner: type
    name: str
    numbers: int  # in a parameter; 0 for a layer


def unread(net: nn.Module, path: str) -> Unread | None:
    """What no method of its owner reads, at or under `path`; None where one may."""
    lead, _, name = path.rpartition(".")
    owner, module = net.get_submodule(lead), net.get_submodule(path)
    if path and not _read(owner, name):
        return Unread(type(owner), name, 0)
    for own, parameter in vars(module)["_parameters"].items():
        if parameter is not None and not _read(module, own):
            return Unread(type(module), own, parameter.numel())
    return None


def _read(owner: nn.Module, name: str) -> bool:
    """Whether a method of the owner may read its attribute of this name."""
    if is_layer(owner) or "forward" in vars(owner):
        return True
    read = names_read(type(owner))
    return name in read or not read.isdisjoint(_BY_ANY_NAME)

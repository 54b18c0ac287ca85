"""A copy of a network that can be run and changed at will; the network itself is only read."""

import copy
import functools
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_PLAIN = frozenset({int, float, str, bool, type(None), torch.Size, torch.dtype, torch.device})
_DICTS = (dict, OrderedDict)
_HOLDERS = frozenset({dict, OrderedDict, set, list, tuple})

_BUILT_IN = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE: a class that is written in C
# Iterators over what they were made of, used up after one pass.
_ITERATORS: tuple = (iter([]), iter(()), iter({}), iter({}.values()), iter({}.items()), iter(set()))
ONE_PASS = frozenset({
    types.GeneratorType, map, zip, filter, enumerate, reversed, type(reversed([])),
    *map(type, _ITERATORS),
})  # fmt: skip

Memo = dict[int, Any]  # id of an original -> its copy


class TraceError(RuntimeError):
    """A network cannot be traced; the message names what it is and what to do."""


def copied(net: nn.Module, *, numbers: bool) -> tuple[nn.Module, Memo]:
    """A structural copy of `net`, and who became what; without `numbers` of meta tensors alone.

    A submodule registered under two names becomes two, so that each run has its own path;
    their parameters stay one. Hooks that a user registered are left out, and so is what
    `torch.compile` wraps around a module. Raises TraceError for a TorchScript module inside.
    """
    copier = _Copier(_with_numbers if numbers else without_numbers)
    made = copier.skeleton(net, {})
    for module, double in copier.pairs if copier.met_again else ():
        double.__dict__["named_modules"] = functools.partial(_as_named, module, double)
    for module, double in copier.pairs:  # grows while modules in plain lists are found
        own = double.__dict__
        for name, value in module.__dict__.items():
            if name in own:
                continue
            kind = type(value)  # first the common cases: a network has thousands of these
            if kind in _PLAIN:
                own[name] = value
            elif kind in _HOLDERS and not value:
                own[name] = kind()
            elif name != "_compiled_call_impl":  # what net.compile() left
                own[name] = copier.copied(value)
    return made, copier.memo


def unwrapped(module: nn.Module) -> nn.Module:
    """The module itself, without what `torch.compile` wraps around it."""
    inside = vars(module).get("_modules")  # of a TorchScript module no dict
    if isinstance(inside, dict) and "_orig_mod" in inside:
        return unwrapped(inside["_orig_mod"])
    return module


def named_modules(net: nn.Module, path: str = "", above: tuple = ()) -> Iterator:
    """Yield (path, module) for every registered name, the net first; a cycle ends."""
    yield path, net
    for name, child in vars(net)["_modules"].items():
        if child is not None and all(child is not module for module in (net, *above)):
            yield from named_modules(child, f"{path}.{name}" if path else name, (net, *above))


def _first_names(inside: Mapping, made: Mapping) -> Iterator[tuple[str, nn.Module]]:
    """What `named_children` yields of the original: what has two names, under the first.

    Each name has a copy of its own, so that each use of a shared module is told by its name.
    """
    seen = set()
    for name, module in inside.items():
        if module is not None and id(module) not in seen:
            seen.add(id(module))
            yield name, made[name]


def _as_named(
    module: nn.Module,
    double: nn.Module,
    memo: None = None,  # noqa: ARG001  PyTorch's own, for its recursion
    prefix: str = "",
    remove_duplicate: bool = True,
) -> Iterator[tuple[str, nn.Module]]:
    """What `named_modules` yields of the original, where a module has two names: copies."""
    for path, _ in module.named_modules(None, "", remove_duplicate):
        yield f"{prefix}.{path}".strip("."), double.get_submodule(path)


class _Copier:
    def __init__(self, tensor: Callable[[Tensor], Tensor]) -> None:
        self.tensor = tensor
        self.memo: Memo = {}
        self.pairs: list[tuple[nn.Module, nn.Module]] = []
        self.met_again = False  # whether a module has two names

    def skeleton(self, module: nn.Module, above: dict[int, nn.Module]) -> nn.Module:
        """The tree of copies with their tensors; `above` holds ancestors, so that a cycle ends."""
        if id(module) in above:
            return above[id(module)]
        old = module.__dict__
        inside: Any = old.get("_modules")
        if type(inside) not in _DICTS:
            raise TraceError(
                f"{type(module).__name__} is TorchScript, which runs outside Python, where nothing "
                "can be watched. Trace the Python module that it was made from."
            )
        if "_orig_mod" in inside:  # torch.compile has wrapped it
            return self.skeleton(inside["_orig_mod"], above)
        double = object.__new__(module.__class__)  # a class may make others in its own
        self.met_again |= self.memo.setdefault(id(module), double) is not double
        self.pairs.append((module, double))
        above[id(module)] = double
        own = double.__dict__
        for group in ("_parameters", "_buffers"):
            own[group] = {n: t if t is None else self.double(t) for n, t in old[group].items()}
        children = inside.items()
        made = {n: c if c is None else self.skeleton(c, above) for n, c in children}
        own["_modules"] = made
        if len(set(map(id, inside.values()))) < len(made):
            own["named_children"] = functools.partial(_first_names, inside, made)
        for hooks in _HOOKS:
            if old[hooks]:
                kept = _torch_hooks(old[hooks])
                own[hooks] = copy.deepcopy(kept, self.memo)
                self.memo[id(old[hooks])] = own[hooks]  # a handle removes its hook from here
        del above[id(module)]
        return double

    def double(self, tensor: Tensor) -> Tensor:
        """The copy of a parameter or buffer: `copied` without its questions."""
        known = self.memo.get(id(tensor))
        if known is None:
            known = self.memo[id(tensor)] = self.tensor(tensor)
        return known

    def copied(self, value: Any) -> Any:
        """A copy that shares nothing changeable with the original, the same each time."""
        kind = type(value)
        if kind in _PLAIN or (kind is tuple and _PLAIN.issuperset(map(type, value))):
            return value
        known = self.memo.get(id(value))
        if known is None:
            known = self.memo[id(value)] = self._new(value, kind)
        return known

    def _new(self, value: Any, kind: type) -> Any:  # noqa: PLR0911  one way for each kind
        if kind in _HOLDERS and not value:
            return kind()
        if isinstance(value, Tensor):
            return self.tensor(value)
        if isinstance(value, nn.Module):  # in a plain list, say: the network does not own it
            return self.skeleton(value, {})
        if kind in _HOLDERS:
            return self._holder(value, kind)
        if kind is types.FunctionType:
            return self._function(value)
        if kind is types.MethodType:
            return types.MethodType(value.__func__, self.copied(value.__self__))
        if kind is functools.partial:
            keywords = {name: self.copied(part) for name, part in value.keywords.items()}
            return kind(self.copied(value.func), *map(self.copied, value.args), **keywords)
        if kind in ONE_PASS:
            return _UsedUp()
        return self._object(value)

    def _holder(self, value: Any, kind: type) -> Any:
        if kind in (set, tuple):
            return kind(map(self.copied, value))
        made = self.memo[id(value)] = kind()  # before its parts, which may hold it
        if kind is list:
            made.extend(map(self.copied, value))
        else:
            made.update({name: self.copied(part) for name, part in value.items()})
        return made

    def _function(self, function: types.FunctionType) -> Callable:
        """The same function over copies of the modules and tensors that it closes over.

        What `torch.compile` made of one is the one itself: the compiler would compile the watch.
        """
        if compiled := getattr(function, "_torchdynamo_orig_callable", None):
            return self.copied(compiled)
        cells, defaults = function.__closure__ or (), function.__defaults__ or ()
        if not any(map(_is_changeable, (*map(content, cells), *defaults))):
            return function
        made = types.FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            tuple(map(self.copied, defaults)),
            tuple(map(self._cell, cells)),
        )
        made.__kwdefaults__ = function.__kwdefaults__
        return made

    def _cell(self, cell: types.CellType) -> types.CellType:
        held = content(cell)
        return types.CellType(self.copied(held)) if _is_changeable(held) else cell

    def _object(self, value: Any) -> Any:
        """A copy; what cannot be copied, an open file or a lock, stays shared."""
        known = self.memo.copy()
        with suppress(Exception):
            return copy.deepcopy(value, self.memo)
        self.memo.clear()  # of what it had copied before it met what it could not
        self.memo.update(known)
        if type(value).__flags__ & _BUILT_IN or isinstance(value, types.ModuleType):
            return value
        try:
            made = object.__new__(type(value))
            own, old = made.__dict__, value.__dict__
        except (TypeError, AttributeError):
            return value
        self.memo[id(value)] = made
        own.update({name: self.copied(part) for name, part in old.items()})
        return made


class _UsedUp:
    """In place of a generator or another iterator, whose one pass belongs to the network."""

    def __iter__(self) -> Iterator:
        raise TraceError(
            "The network keeps a generator, which is used up after one pass: make a list of it, "
            "such as nn.ModuleList([...])."
        )

    __next__ = __iter__


def _is_changeable(value: Any) -> bool:
    if type(value) is types.MethodType:
        return _is_changeable(value.__self__)
    return isinstance(value, (nn.Module, Tensor)) or type(value) in (list, tuple, dict)


def content(cell: types.CellType) -> Any:
    """What a function's closure holds in this cell, None while it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _torch_hooks(hooks: Mapping) -> Any:
    """Keep hooks that make torch's own layers work (lazy, weight norm); a user's only watch."""
    kept = type(hooks)()
    for key, hook in hooks.items():
        home = getattr(hook, "__module__", None) or type(hook).__module__
        if home.startswith("torch."):
            kept[key] = hook  # type: ignore[index]
    return kept


def _with_numbers(tensor: Tensor) -> Tensor:
    return copy.deepcopy(tensor) if tensor.is_leaf else tensor.detach().clone()


def without_numbers(tensor: Tensor) -> Tensor:
    """A tensor of the same shape, dtype and role that holds no numbers."""
    kind = type(tensor)
    if kind is Tensor:  # isinstance is slow for parameters: first the common cases
        return like(tensor)
    if kind is not nn.Parameter and is_lazy(tensor):
        made: Any = kind
        return made(device="meta", dtype=tensor.dtype)
    empty = like(tensor)
    if kind is nn.Parameter or isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty


def like(tensor: Tensor) -> Tensor:
    """A new meta tensor of the same shape, dtype and layout.

    Strides are compared one by one: a grey image that was permuted is contiguous and channels
    last as well, and a convolution follows its strides.
    """
    made = blank(tensor.shape, tensor.dtype)
    if tensor.layout is not torch.strided or made.stride() == tensor.stride():
        return made
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def blank(shape: torch.Size | tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A new meta tensor, as a view of one made before: a quarter of the time of making it."""
    return _original(shape, dtype).detach()


@lru_cache(4096)
def _original(shape: torch.Size | tuple[int, ...], dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # kept, so it must serve outside inference too
        return torch.empty(shape, dtype=dtype, device="meta")

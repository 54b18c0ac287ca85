"""A double of a network whose tensors hold no numbers: safe to run, cheap to make.

The double can be run and changed at will; the network itself is only read.
"""

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import lru_cache

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_PLAIN = frozenset({int, float, str, bool, type(None), torch.Size, torch.dtype, torch.device})
_HOLDERS = frozenset({dict, OrderedDict, set, list})


def meta_twin(net: nn.Module) -> nn.Module:
    """Return a structural copy of `net` in which every tensor is a meta tensor.

    A submodule registered under two names becomes two, so that each run has its own path;
    their parameters stay one. Hooks that a user registered are left out.
    """
    memo: dict[int, object] = {}  # id of an original -> its double
    pairs: list[tuple[nn.Module, nn.Module]] = []
    twin = _skeleton(net, memo, pairs, {})
    for module, double in pairs:
        own = double.__dict__
        for name, value in module.__dict__.items():
            if name in own:
                continue
            kind = type(value)
            if kind in _PLAIN:
                own[name] = value
            elif kind in _HOLDERS and not value:
                own[name] = kind()
            else:
                own[name] = _double(value, memo)
    return twin


def real_twin(net: nn.Module) -> nn.Module:
    """Return a copy of `net`, weights and all, without the hooks that a user registered."""
    twin = copy.deepcopy(net)
    for module in twin.modules():
        for hooks in _HOOKS:
            vars(module)[hooks] = _torch_hooks(vars(module)[hooks])
    return twin


def named_modules(net: nn.Module, path: str = "", above: tuple = ()) -> Iterator:
    """Yield (path, module) for every registered name, the net first; a cycle ends."""
    yield path, net
    for name, child in vars(net)["_modules"].items():
        if child is not None and all(child is not module for module in (net, *above)):
            yield from named_modules(child, f"{path}.{name}" if path else name, (net, *above))


def _skeleton(module: nn.Module, memo: dict, pairs: list, above: dict) -> nn.Module:
    """The tree of twins with their tensors; `above` holds the ancestors, so that a cycle ends."""
    old = module.__dict__
    double = module.__class__.__new__(module.__class__)
    memo.setdefault(id(module), double)
    pairs.append((module, double))
    above[id(module)] = double
    own = double.__dict__
    for group in ("_parameters", "_buffers"):
        own[group] = {name: _double(tensor, memo) for name, tensor in old[group].items()}
    own["_modules"] = {
        name: child and (above.get(id(child)) or _skeleton(child, memo, pairs, above))
        for name, child in old["_modules"].items()
    }
    for hooks in _HOOKS:
        if old[hooks]:
            own[hooks] = copy.deepcopy(_torch_hooks(old[hooks]), memo)
    del above[id(module)]
    return double


def _torch_hooks(hooks: Mapping) -> Mapping:
    """Keep hooks that make torch's own layers work (lazy, weight norm); a user's only watch."""
    kept = type(hooks)()
    for key, hook in hooks.items():
        home = getattr(hook, "__module__", None) or type(hook).__module__
        if home.startswith("torch."):
            kept[key] = hook
    return kept


def _double(value: object, memo: dict) -> object:
    """A copy of an attribute that shares nothing changeable with the original."""
    if isinstance(value, torch.Tensor):
        known = memo.get(id(value))
        if known is None:
            known = memo[id(value)] = _meta(value)
        return known
    if type(value) in (tuple, list) and set(map(type, value)) <= _PLAIN:
        return type(value)(value)
    try:
        return copy.deepcopy(value, memo)
    except Exception:  # noqa: BLE001  an open file, a lock: not copyable, and no part of the shapes
        return value


def _meta(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the same shape, dtype and role that holds no numbers."""
    kind = type(tensor)
    if kind is torch.Tensor:  # isinstance is slow for parameters: first the common cases
        return blank(tensor.shape, tensor.dtype)
    if kind is not nn.Parameter and isinstance(tensor, UninitializedTensorMixin):
        return kind(device="meta", dtype=tensor.dtype)
    empty = blank(tensor.shape, tensor.dtype)
    if kind is nn.Parameter or isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty


def blank(shape: torch.Size | tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A new meta tensor, as a view of one made before: a quarter of the time of making it."""
    return _original(shape, dtype).detach()


@lru_cache(4096)
def _original(shape: torch.Size | tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    with torch.inference_mode(False):  # kept, so it must serve outside inference too
        return torch.empty(shape, dtype=dtype, device="meta")

"""What a forward can change outside its network: attributes of classes, globals, defaults.

A copy of the network cannot separate these. A cache that a run on shapes alone fills would hold
tensors without numbers, and the network's next real run would read them.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import is_
from types import FunctionType, ModuleType
from typing import Any

from .meta_copy import content

_MISSING = object()
_HOLDERS = (dict, list, set, OrderedDict, defaultdict)
_FIXED = (FunctionType, ModuleType, type, property, classmethod, staticmethod)


@contextmanager
def restored(classes: Iterable[type]) -> Iterator[None]:
    """Afterwards, all that methods of these classes can write to outside is as it was."""
    own = {base for kind in classes for base in kind.__mro__ if not _is_torchs(base)}
    functions = [f for base in own for f in vars(base).values() if isinstance(f, FunctionType)]
    attributes = {base: _data(base) for base in own}
    globals_ = {
        (id(f.__globals__), name): (f.__globals__, name, f.__globals__.get(name, _MISSING))
        for f in functions
        for name in f.__code__.co_names
    }
    held = [value for data in attributes.values() for value in data.values()]
    held += [value for *_, value in globals_.values()]
    held += [value for f in functions for value in (f.__defaults__ or ())]
    held += [content(cell) for f in functions for cell in f.__closure__ or ()]
    contents = [(value, value.copy()) for value in held if type(value) in _HOLDERS]
    try:
        yield
    finally:
        for value, before in contents:
            _refill(value, before)
        for space, name, value in globals_.values():
            _reset_global(space, name, value)
        for base, data in attributes.items():
            _reset_class(base, data)


def _is_torchs(kind: type) -> bool:
    return kind is object or kind.__module__.partition(".")[0] == "torch"


def _data(kind: type) -> dict[str, Any]:
    """The attributes of a class that are neither methods nor Python's own."""
    return {
        name: value
        for name, value in vars(kind).items()
        if not name.startswith("__") and not isinstance(value, _FIXED)
    }


def _refill(value: Any, before: Any) -> None:
    """Give a dict, list or set its former contents back; identity tells, tensors have no equal."""
    if isinstance(value, dict):
        same = [*value] == [*before] and all(value[key] is before[key] for key in before)
    else:
        same = len(value) == len(before) and all(map(is_, value, before))
    if not same:
        value.clear()
        (value.extend if isinstance(value, list) else value.update)(before)


def _reset_global(space: dict[str, Any], name: str, value: Any) -> None:
    now = space.get(name, _MISSING)
    if now is value or isinstance(now, _FIXED):
        return
    if value is _MISSING:
        del space[name]
    else:
        space[name] = value


def _reset_class(kind: type, before: dict[str, Any]) -> None:
    for name, value in _data(kind).items():
        if name not in before:
            delattr(kind, name)
        elif value is not before[name]:
            setattr(kind, name, before[name])

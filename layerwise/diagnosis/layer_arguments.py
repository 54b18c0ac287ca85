"""Settings that no layer can have: stride 0, a kernel of 2.5, padding over half a window."""

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from layerwise.operations import effects as operations
from layerwise.tracing.records import Failure

from . import source_lines as places

LOWEST = {
    **dict.fromkeys(("in_channels", "out_channels", "in_features", "out_features"), 1),
    **dict.fromkeys(("kernel_size", "stride", "dilation", "groups", "num_groups"), 1),
    **dict.fromkeys(("num_features", "num_channels", "num_embeddings", "embedding_dim"), 1),
    **dict.fromkeys(("padding", "output_padding", "output_size"), 0),
}
_PER_AXIS = {"kernel_size", "stride", "padding", "dilation", "output_padding", "output_size"}
_MAY_BE_NONE = {"output_size"}
_TORCH = str(Path(torch.__file__).parent) + os.sep


class Fault(NamedTuple):
    """A setting, its value, what it must be, and which kind of cause that is."""

    name: str
    value: object
    must: str
    kind: str = "setting"
    expected: object = None


def construction(error: BaseException) -> tuple[str, dict] | None:
    """Class and arguments of the torch layer whose constructor raised `error`, if one did."""
    for frame, _ in places.frames(error):
        code, names = frame.f_code, frame.f_locals
        made = names.get("self")
        torchs = code.co_name == "__init__" and code.co_filename.startswith(_TORCH)
        if torchs and isinstance(made, nn.Module) and code is not nn.Module.__init__.__code__:
            count = code.co_argcount + code.co_kwonlyargcount
            given = {name: names[name] for name in code.co_varnames[1:count] if name in names}
            return type(made).__name__, given
    return None


def in_use(module: nn.Module | None, failure: Failure | None, error: BaseException) -> Mapping:
    """The settings with which the failing operation was called."""
    if module is not None and type(module).__module__.startswith("torch.nn.modules"):
        return vars(module)
    rule = failure and operations.EFFECTS.get(failure.op)
    if not rule:
        return _functional_arguments(error)
    try:
        return inspect.signature(rule).bind(*failure.args, **failure.kwargs).arguments
    except TypeError:
        return {}


def _functional_arguments(error: BaseException) -> Mapping:
    """The arguments of the last function of torch.nn.functional that was running."""
    running = [f for f, _ in places.frames(error) if f.f_code.co_filename.endswith("functional.py")]
    return dict(running[-1].f_locals) if running else {}


def fault(kind: str, settings: Mapping) -> Fault | None:
    """The first setting of a layer of class `kind` that cannot be; None if each can."""
    for name, low in LOWEST.items():
        if name in settings and not (settings[name] is None and _optional(kind, name)):
            must = _must(name, settings[name], low)
            if must:
                return Fault(name, plain(settings[name]), must, expected=low)
    share = settings.get("p", 0)
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        return Fault("p", share, "a probability from 0 to 1", expected="0 to 1")
    return _counts(kind, settings) or _mismatch(kind, settings)


def _must(name: str, value: object, low: int) -> str:
    """What `value` must be, "" if it is."""
    if isinstance(value, str) and name == "padding":
        return "" if value in ("same", "valid") else 'a number, "same" or "valid"'
    for number in _all(value) if name in _PER_AXIS else (value,):
        if number is None and name in _MAY_BE_NONE:
            continue
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            return "a whole number"
        if number < low:
            return f"{low} or more"
    return ""


def _optional(kind: str, name: str) -> bool:
    return name in _MAY_BE_NONE or (name == "stride" and "pool" in kind.lower())


def _mismatch(kind: str, settings: Mapping) -> Fault | None:
    """Settings that are possible one by one, but not together."""
    groups = settings.get("groups", 1)
    for name in ("in_channels", "out_channels"):
        if settings.get(name, groups) % groups:
            return Fault(name, settings[name], f"a multiple of groups={groups}", "groups", groups)
    parts, channels = settings.get("num_groups", 1), settings.get("num_channels", 0)
    if channels % parts:
        return Fault("num_channels", channels, f"a multiple of num_groups={parts}", "groups", parts)
    stride, padding = settings.get("stride", 1), settings.get("padding", 0)
    if padding == "same" and max(_all(stride)) > 1:
        return Fault("stride", plain(stride), '1 with padding="same"', expected=1)
    if "pool" in kind.lower() and "kernel_size" in settings:
        kernel = settings["kernel_size"]
        room = min(_all(kernel)) // 2
        if max(_all(padding)) > room:
            must = f"at most {room}, half of the kernel of {kernel}"
            return Fault("padding", plain(padding), must, expected=room)
    return None


def _counts(kind: str, settings: Mapping) -> Fault | None:
    """A tuple of as many numbers as there are axes."""
    axes = int(kind[-2]) if kind[-2:] in ("1d", "2d", "3d") else None
    for name in ("kernel_size", "stride", "padding", "dilation", "output_size"):
        numbers = settings.get(name, 0)
        if axes and isinstance(numbers, (tuple, list)) and len(numbers) not in (1, axes):
            must = f"one number, or {axes}" if axes > 1 else "one number"
            return Fault(name, numbers, must, expected=axes)
    return None


def plain(value: object) -> object:
    """(2, 2) -> 2: PyTorch keeps a number for each axis where the student gave one."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def shown(value: object) -> str:
    """A value as the student would write it; a fraction with six digits, but 4.0 as it is."""
    return f"{value:g}" if isinstance(value, float) and value % 1 else repr(value)


def _all(value: object) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)

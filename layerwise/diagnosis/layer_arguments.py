"""Settings that no layer can have: stride 0, a kernel of 2.5, padding over half a window."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from layerwise.operations.kinds import Kind
from layerwise.operations.registry import Operation, find

from .breakdown import axes_of
from .findings import Cause

_MAY_BE_NONE = {"output_size"}
_PER_AXIS = frozenset(
    """kernel_size stride padding dilation output_padding output_size normalized_shape""".split()
)
_PARTS = {  # features -> into how many equal parts they are divided
    "in_channels": "groups",
    "out_channels": "groups",
    "num_channels": "num_groups",
    "embed_dim": "num_heads",
    "d_model": "nhead",
}


class Fault(NamedTuple):
    """A setting, its value, what it must be (a key of `sentences`), and the numbers of that."""

    name: str
    value: object
    must: str
    kind: Cause = Cause.SETTING
    expected: Any = None
    of: str = ""  # the other setting that it must fit


def fault(kind: str, settings: Mapping) -> Fault | None:
    """The first setting of a layer or function that cannot be; None if each can."""
    entry = find(kind) or Operation(kind, Kind.OTHER)
    pools = entry.kind is Kind.POOLING
    for name, low in entry.limits.items():
        optional = name in _MAY_BE_NONE or (name == "stride" and pools)
        if name in settings and not (settings[name] is None and optional):
            must = _must(name, settings[name], int(str(low)))
            if must:
                value = settings[name]
                return Fault(name, plain(value) if name in _PER_AXIS else value, must, expected=low)
    share = settings.get("p", 0) if entry.kind is Kind.DROPOUT else 0
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        return Fault("p", share, "probability", expected="0 to 1")
    return _counts(kind, settings) or _undivided(settings) or _unfitting(pools, settings)


def _must(name: str, value: object, low: int) -> str:
    """What `value` must be, "" if it is."""
    if isinstance(value, str) and name == "padding":
        return "" if value in ("same", "valid") else "padding"
    for number in _all(value) if name in _PER_AXIS else (value,):
        if number is None and name in _MAY_BE_NONE:
            continue
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            return "whole"
        if number < low:
            return "least"
    return ""


def _counts(kind: str, settings: Mapping) -> Fault | None:
    """A tuple of as many numbers as there are axes."""
    axes = axes_of(kind)
    for name in ("kernel_size", "stride", "padding", "dilation", "output_size"):
        numbers = settings.get(name, 0)
        if axes and isinstance(numbers, (tuple, list)) and len(numbers) not in (1, axes):
            return Fault(name, numbers, "count" if axes > 1 else "one", expected=axes)
    return None


def _undivided(settings: Mapping) -> Fault | None:
    """Features that do not divide into equal parts: groups, heads."""
    for name, divisor in _PARTS.items():
        count, parts = settings.get(name), settings.get(divisor)
        if isinstance(count, int) and isinstance(parts, int) and parts > 0 and count % parts:
            kind = Cause.GROUPS if divisor.endswith("groups") else Cause.SETTING
            return Fault(name, count, "multiple", kind, parts, divisor)
    return None


def _unfitting(pools: bool, settings: Mapping) -> Fault | None:
    """Settings that are possible one by one, but not together."""
    stride, padding = settings.get("stride", 1), settings.get("padding", 0)
    if padding == "same" and max(_all(stride)) > 1:
        return Fault("stride", plain(stride), "same", expected=1)
    if pools and "kernel_size" in settings:
        kernel = settings["kernel_size"]
        room = min(_all(kernel)) // 2
        if max(_all(padding)) > room:
            return Fault("padding", plain(padding), "half", expected=room, of=str(kernel))
    return None


def plain(value: object) -> object:
    """(2, 2) -> 2: PyTorch keeps a number for each axis where the student gave one."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _all(value: object) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)

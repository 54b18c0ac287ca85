"""Settings that no layer can have: stride 0, a kernel of 2.5, padding over half a window."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from layerwise.operations.kinds import Kind
from layerwise.operations.registry import Operation, find

from .breakdown import Breakdown, axes_of
from .findings import Cause, Finding

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


class _Fault(NamedTuple):
    name: str
    value: Any
    must: str  # what it must be: the end of a key of `texts.HEADLINES`
    expected: Any = None
    of: str = ""  # the other setting that it must fit
    kind: Cause = Cause.SETTING


def impossible_setting(b: Breakdown) -> Finding | None:
    """The first setting of the failing layer or function that cannot be."""
    fault = next(_faults(b.layer_kind, b.failure.settings), None)
    return fault and _finding(b, fault)


def quotient(b: Breakdown) -> Finding | None:
    """A setting that a division made a float, where a type is refused."""
    for name, value in b.failure.settings.items():
        if b.failure.error == "TypeError" and isinstance(value, float) and 1 <= value == value // 1:
            return _finding(b, _Fault(name, value, "whole"))
    return None


def _finding(b: Breakdown, fault: _Fault) -> Finding:
    value, why = fault.value, ""
    if fault.must == "whole" and isinstance(value, float) and value % 1 == 0:
        why = "divide"
    elif fault.must == "whole" and isinstance(value, tuple) and len(value) == 1:
        why = "a comma"
    about = (fault.kind, f"setting {fault.must}", why, fault.expected, value)
    return b.finding(*about, name=fault.name, of=fault.of)


def _faults(kind: str, settings: Mapping) -> Iterator[_Fault]:
    entry = find(kind) or Operation(kind, Kind.OTHER)
    pools, axes = entry.kind is Kind.POOLING, axes_of(kind)
    for name, low in entry.limits.items():
        value = settings.get(name)
        must = _must(name, value, int(str(low))) if name in settings else ""
        by_default = value is None and (name == "output_size" or (name == "stride" and pools))
        if must and not by_default:
            yield _Fault(name, _plain(value) if name in _PER_AXIS else value, must, low)
    share = settings.get("p", 0) if entry.kind is Kind.DROPOUT else 0
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        yield _Fault("p", share, "probability", "0 to 1")
    for name in ("kernel_size", "stride", "padding", "dilation", "output_size"):
        numbers = settings.get(name, 0)
        if axes and isinstance(numbers, (tuple, list)) and len(numbers) not in (1, axes):
            yield _Fault(name, numbers, "count" if axes > 1 else "one", axes)
    for name, divisor in _PARTS.items():
        count, parts = settings.get(name), settings.get(divisor)
        if isinstance(count, int) and isinstance(parts, int) and parts > 0 and count % parts:
            cause = Cause.GROUPS if divisor.endswith("groups") else Cause.SETTING
            yield _Fault(name, count, "multiple", parts, divisor, cause)
    yield from _unfitting(pools, settings)


def _must(name: str, value: object, low: int) -> str:
    """What `value` must be, "" if it is."""
    if isinstance(value, str) and name == "padding":
        return "" if value in ("same", "valid") else "padding"
    for number in _all(value) if name in _PER_AXIS else (value,):
        if number is None and name == "output_size":
            continue
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            return "whole"
        if number < low:
            return "least"
    return ""


def _unfitting(pools: bool, settings: Mapping) -> Iterator[_Fault]:
    """Settings that are possible one by one, but not together."""
    stride, padding = settings.get("stride", 1), settings.get("padding", 0)
    if padding == "same" and max(_all(stride)) > 1:
        yield _Fault("stride", _plain(stride), "same", 1)
    if pools and "kernel_size" in settings:
        kernel = settings["kernel_size"]
        for size, added in _paired(_all(kernel), _all(padding)):
            if added > size // 2:
                yield _Fault("padding", _plain(padding), "half", size // 2, str(kernel))
                return


def _paired(some: tuple, others: tuple) -> Iterator[tuple]:
    """Two settings axis by axis, where one number stands for every axis."""
    axes = max(len(some), len(others))
    return zip(*(one * axes if len(one) == 1 else one for one in (some, others)), strict=False)


def _plain(value: object) -> object:
    """(2, 2) -> 2: PyTorch keeps a number for each axis where the student gave one."""
    if isinstance(value, tuple) and value and all(number == value[0] for number in value):
        return value[0]
    return value


def _all(value: object) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)

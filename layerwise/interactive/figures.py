"""Figures about a whole network, short enough to be read while a slider moves."""

from math import prod
from typing import NamedTuple

from layerwise.tracing.records import Trace
from layerwise.views.columns import images

BYTES = 4  # of a float32


class Total(NamedTuple):
    """One figure about the whole network: "46.8 M", "parameters", "−38 %"."""

    value: str
    name: str
    change: str


def totals(now: Trace | None, baseline: Trace | None) -> list[Total]:
    """Parameters, MACs and memory of the activations; dashes where nothing could be built."""
    batch = images(now) if now else 1
    per = "for the whole input" if batch is None else f"for {batch} images"
    per = "for one image" if batch == 1 else per
    names = ("parameters", ""), (f"MACs {per}", ""), (f"activations {per}", "B")
    return [
        Total("–" if value is None else short(value) + unit, name, change(value, first))
        for (name, unit), value, first in zip(names, _numbers(now), _numbers(baseline), strict=True)
    ]


def _numbers(t: Trace | None) -> tuple[int | None, ...]:
    return (t.params, t.macs, activation_bytes(t)) if t else (None, None, None)


def activation_bytes(t: Trace) -> int:
    """Bytes of every step's output in float32: what a training step has to keep, about."""
    return BYTES * sum(prod(step.output) for step in t.steps if step.output)


def short(number: int) -> str:
    """Three digits and a power of a thousand: 46,764,746 -> "46.8 M"."""
    value, power = float(number), 0
    while value >= 999.5 and power < len(" kMGT") - 1:
        value, power = value / 1000, power + 1
    if power == 0:
        return f"{number} "
    digits = max(0, 2 - len(str(int(value))) + 1)
    return f"{value:.{digits}f} {'kMGT'[power - 1]}"


def change(value: int | None, first: int | None) -> str:
    """How far `value` is from `first`: "−38 %", "× 12", or "" where they are the same."""
    if value is None or first is None or value == first:
        return ""
    if not first or value >= 10 * first:
        return f"× {value / first:,.0f}" if first else f"+{short(value).strip()}"
    percent = 100 * (value - first) / first
    digits = 0 if abs(percent) >= 10 else 1
    shown = f"{abs(percent):.{digits}f}"
    sign = "+" if percent > 0 else "−"
    return f"{sign}{'<0.1' if shown == '0.0' else shown} %"

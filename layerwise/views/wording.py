"""The sentences of `explain`: what one operation does to its numbers and to its shape."""

from math import prod

from layerwise.operations.shapes import Shape, times
from layerwise.operations.window import window_formula
from layerwise.tracing.records import Step

_AXES = {1: ("position",), 2: ("row", "column"), 3: ("plane", "row", "column")}
_WORDS = {
    "add": "Adds a constant or a parameter.",
    "relu": "Negative numbers become 0.",
    "sigmoid": "Squeezes each number into 0 to 1.",
    "tanh": "Squeezes each number into -1 to 1.",
    "batchnorm2d": "Normalizes each channel over the batch, then scales and shifts it.",
    "batchnorm1d": "Normalizes each feature over the batch, then scales and shifts it.",
    "identity": "Has no layer in it: passes its input on unchanged.",
    "softmax": "Turns scores into shares that sum to 1.",
}


def tell(step: Step) -> str:
    """What one step does, and why its output has the shape it has."""
    op, s = step.op.lower(), step.settings
    if op == "linear" and "in_features" in s:
        return f"Each of the {s['out_features']:,} outputs reads all {s['in_features']:,} inputs."
    if op == "dropout":
        return _tell_dropout(step)
    if "kernel_size" in s:
        return _tell_window(step)
    if "output_size" in s:
        kind = "average" if "avg" in op else "maximum"
        size = times(s["output_size"])
        return f"The {kind} over each part of the map: {size} remain of each channel."
    if op == "flatten":
        return f"Lays the {_product(step.inputs[0][1:])} numbers of each image in one row."
    same = "The shape stays." if step.inputs[0] == step.output else "The shape changes."
    return f"{_WORDS.get(op, '')} {same}".strip()


def _tell_window(step: Step) -> str:
    s = step.settings
    if "out_channels" not in s:
        kind = "largest number" if "max" in step.op.lower() else "average"
        lead = f"The {kind} of each {times(s['kernel_size'])} window, channel by channel."
    else:
        reads = s["in_channels"] // s.get("groups", 1)
        plural = "s" if reads > 1 else ""
        lead = f"{s['out_channels']} filters, each over {reads} channel{plural}."
    if "dilation" not in s:  # a transposed convolution
        return lead
    return f"{lead} {' '.join(sizes(step))}"


def sizes(step: Step) -> list[str]:
    """How a window makes each axis of its output, in a sentence with the numbers.

    Axes that are alike share one sentence. Rows and columns that no window reaches are named.
    """
    s, axes = step.settings, len(step.settings["kernel_size"])
    columns = (step.inputs[0][-axes:], step.output[-axes:])
    columns += (s["kernel_size"], s["stride"], s["padding"], _per_axis(s["dilation"], axes))
    alike: dict[tuple, list[str]] = {}
    for name, *numbers in zip(_AXES[axes], *columns, strict=True):
        alike.setdefault(tuple(numbers), []).append(name)
    ceil = s.get("ceil_mode", False)
    return [_size(names, *numbers, ceil=ceil) for numbers, names in alike.items()]


def _size(axes: list[str], n: int, m: int, k: int, s: int, p: int, d: int, *, ceil: bool) -> str:
    extent = d * (k - 1) + 1
    room = n + 2 * p - extent
    text, count = window_formula(n, k, s, p, d), room // s + 1
    if ceil:
        text, count = text.replace("floor", "ceil"), -(-room // s) + 1
    if count != m:  # padding on one side only, or a last window that would start in the padding
        text = f"{n} → {m}"
    else:
        text += f" = {m}"
    told = f"{_many(axes).capitalize()}: {text}."
    left = 0 if ceil or count != m else room % s
    return told + _gap(axes, extent, s) + _left_out(axes, left, extent, s, p)


def _gap(axes: list[str], extent: int, stride: int) -> str:
    if extent >= stride:
        return ""
    verb = "is" if extent == 1 else "are"
    return f" Of every {stride} {_many(axes)}, {extent} {verb} read."


def _left_out(axes: list[str], left: int, extent: int, stride: int, padding: int) -> str:
    """Name what the division drops; a gap between windows at the end is not dropped by it."""
    if left <= max(0, stride - extent):
        return ""
    last = f"{left} {_many(axes)}" if left > 1 else " and ".join(axes)
    share = ", only padding" if left <= padding else f", {padding} of them padding"
    verb = "is" if left == len(axes) == 1 else "are"
    return f" The last {last} {verb} left out{share if padding else ''}."


def _many(axes: list[str]) -> str:
    return " and ".join(f"{axis}s" for axis in axes)


def _per_axis(value: int | tuple, axes: int) -> tuple:
    return value if isinstance(value, tuple) else (value,) * axes


def _tell_dropout(step: Step) -> str:
    share = step.settings.get("p", 0.5)
    if step.settings.get("training"):
        return f"Training: sets numbers to 0 with probability {share}. The shape stays."
    return "Does nothing in eval mode. The shape stays."


def _product(shape: Shape) -> str:
    return f"{' · '.join(map(str, shape))} = {prod(shape):,}" if len(shape) > 1 else str(shape[0])

"""A network explained step by step, in words, as a teacher would say it aloud."""

from itertools import groupby
from math import prod

from torch import nn

from .recording import Call, Step
from .rules import Shape, times, window_formula
from .tracing import Trace, trace
from .views import describe, joins

FOLD_FROM = 60  # steps; in longer networks a block that repeats the one before is folded
_NAMES = {"relu": "ReLU", "sigmoid": "Sigmoid", "tanh": "Tanh", "getitem": "indexing"}


def explain(net: nn.Module, *inputs: Shape) -> None:
    """Print every step of `net`, block by block, with the shape before and after, and why.

    Shapes are batch × channels × rows × columns. Ends with a summary. Raises what `trace` raises.
    """
    print("\n".join(account(trace(net, *inputs))))


def account(t: Trace) -> list[str]:
    """The lines that `explain` prints."""
    shapes = " and ".join(map(times, t.inputs))
    lines = [f"{t.name}, input {shapes} ({_axes_in_words(t.inputs[0])})."]
    if t.note:
        lines.append(t.note)
    calls = {call.path: call for call in t.calls}
    ran = [step for step in t.steps if step.op != "unused"]
    before: tuple[str, list] = ("", [])
    for path, group in groupby(ran, key=lambda step: _block(step, calls)):
        steps = list(group)
        shape = [(describe(s), s.inputs, s.output) for s in steps]
        lines.append("")
        if len(ran) >= FOLD_FROM and shape == before[1]:
            lines.append(f"{_title(path, calls)} repeats {before[0] or 'the net'}, step for step.")
        else:
            lines += _block_lines(path, steps, calls[path])
        before = (path, shape)
    return [*lines, "", *_summary(t)]


def _block(step: Step, calls: dict[str, Call]) -> str:
    """The path of the block a step belongs to.

    That is the nearest submodule with a forward of its own; where there are Sequentials only,
    the innermost of them.
    """
    parts = step.path.split(".") if step.path else []
    is_layer = bool(parts) and calls[step.path].kind == step.op
    is_idle = step.op == "Identity"
    inner = parts[:-1] if is_layer or is_idle else parts
    for length in range(len(inner), -1, -1):
        path = ".".join(inner[:length])
        if calls[path].kind not in ("Sequential", "ModuleList"):
            return path
    return ".".join(inner)


def _title(path: str, calls: dict[str, Call]) -> str:
    return f"Block {path} ({calls[path].kind})" if path else f"The net ({calls[path].kind})"


def _block_lines(path: str, steps: list[Step], call: Call) -> list[str]:
    first = steps[0].inputs[0]
    lines = [f"{_title(path, {path: call})}, input {times(first)}"]
    numbers = {step.index: place for place, step in enumerate(steps, start=1)}
    width = len(str(len(steps) + 1))
    for step in steps:
        label = step.path.removeprefix(path).lstrip(".")
        head = f"{numbers[step.index]:>{width + 2}}. {_name(step, label)}"
        change = f"{times(step.inputs[0])} → {times(step.output)}"
        lines += [f"{head}:  {change}", " " * (width + 4) + _reason(step, numbers)]
    if call.stop == steps[-1].index + 1:
        out, place = steps[-1].output, len(steps) + 1
        kept = "the shape that came in" if out == first else f"where {times(first)} came in"
        lines.append(f"{place:>{width + 2}}. Result:  {times(out)}, {kept}.")
    return lines


def _name(step: Step, label: str) -> str:
    what = _NAMES.get(step.op, describe(step))
    if step.settings.get("bias") is False:
        what += ", no bias"
    return f"{label} ({what})" if label else what


def _reason(step: Step, numbers: dict[int, int]) -> str:
    """One or two sentences: what the step does, and why the shape is what it is."""
    tell = {
        "add": _tell_add,
        "cat": _tell_cat,
        "Linear": _tell_linear,
        "linear": _tell_linear,
        "Dropout": _tell_dropout,
        "dropout": _tell_dropout,
    }.get(step.op)
    if tell:
        return tell(step, numbers)
    if "kernel_size" in step.settings:
        return _tell_window(step)
    if "output_size" in step.settings:
        size = times(step.settings["output_size"])
        kind = "average" if "avg" in step.op.lower() else "maximum"
        return f"The {kind} over each part of the map: {size} remain of each channel."
    if step.op.lower() == "flatten":
        return f"Lays the {_product(step.inputs[0][1:])} numbers of each image in one row."
    words = _WORDS.get(step.op.lower(), "")
    same = "The shape stays." if step.inputs[0] == step.output else "The shape changes."
    return f"{words} {same}".strip()


_WORDS = {
    "relu": "Negative numbers become 0.",
    "sigmoid": "Squeezes each number into 0 to 1.",
    "tanh": "Squeezes each number into -1 to 1.",
    "batchnorm2d": "Normalizes each channel over the batch, then scales and shifts it.",
    "batchnorm1d": "Normalizes each feature over the batch, then scales and shifts it.",
    "identity": "Has no layer in it: passes its input on unchanged.",
    "softmax": "Turns scores into shares that sum to 1.",
}


def _tell_window(step: Step) -> str:
    given, made, s = step.inputs[0], step.output, step.settings
    if "out_channels" not in s:
        kind = "largest number" if "max" in step.op.lower() else "average"
        lead = f"The {kind} of each {times(s['kernel_size'])} window, channel by channel."
    else:
        reads = s["in_channels"] // s.get("groups", 1)
        plural = "s" if reads > 1 else ""
        lead = f"{s['out_channels']} filters, each over {reads} channel{plural}."
    if "dilation" not in s:  # a transposed convolution
        return lead
    axes = len(s["kernel_size"])
    size, kernel, stride = given[-axes], s["kernel_size"][0], s["stride"][0]
    padding, dilation = s["padding"][0], s["dilation"][0]
    formula = window_formula(size, kernel, stride, padding, dilation)
    text = f"{lead} Rows: {formula} = {made[-axes]}."
    left = (size + 2 * padding - dilation * (kernel - 1) - 1) % stride
    if left and not s.get("ceil_mode"):
        where = "padded map" if padding else "map"
        text += f" The last {left} rows and columns of the {where} are left out."
        text = text.replace("last 1 rows and columns", "last row and column")
    return text


def _tell_add(step: Step, numbers: dict[int, int]) -> str:
    if not joins(step):
        return "Adds a constant to each number. The shape stays."
    terms = " and ".join(_origin(i, numbers) for i in step.sources)
    if len(set(step.inputs)) > 1:
        shapes = " and ".join(map(times, step.inputs))
        return f"Adds {terms}. Their shapes differ ({shapes}): PyTorch repeats the smaller one."
    return f"Adds {terms}, number by number: both have the same shape."


def _tell_cat(step: Step, numbers: dict[int, int]) -> str:
    dim = step.settings["dim"]
    sizes = " + ".join(str(shape[dim]) for shape in step.inputs)
    what = "channels" if dim == 1 else f"along axis {dim}"
    terms = ", ".join(_origin(i, numbers) for i in step.sources)
    return f"Joins {terms}: {sizes} = {step.output[dim]} {what}."


def _tell_linear(step: Step, _: dict[int, int]) -> str:
    fan_in, out = step.settings["in_features"], step.settings["out_features"]
    return f"Each of the {out:,} outputs reads all {fan_in:,} inputs."


def _tell_dropout(step: Step, _: dict[int, int]) -> str:
    share = step.settings.get("p", 0.5)
    if step.settings.get("training"):
        return f"Training: sets numbers to 0 with probability {share}. The shape stays."
    return "Does nothing in eval mode. The shape stays."


def _origin(index: int, numbers: dict[int, int]) -> str:
    return f"step {numbers[index]}" if index in numbers else "the block's input"


def _product(shape: Shape) -> str:
    return f"{' · '.join(map(str, shape))} = {prod(shape):,}" if len(shape) > 1 else str(shape[0])


def _axes_in_words(shape: Shape) -> str:
    words = {
        2: "batch of {}, {} features",
        3: "batch of {}, {} channels, length {}",
        4: "batch of {}, {} channels, {} rows, {} columns",
    }
    text = words.get(len(shape), " by ".join(["{}"] * len(shape))).format(*shape)
    return text.replace(" 1 channels", " 1 channel")


def _summary(t: Trace) -> list[str]:
    adds = sum(step.op == "add" and joins(step) for step in t.steps)
    cats = sum(step.op == "cat" and joins(step) for step in t.steps)
    met = [
        f"{n} {what}{'s' if n > 1 else ''}" for n, what in ((adds, "add"), (cats, "concat")) if n
    ]
    batch = t.inputs[0][0] if t.inputs[0] else 1
    unit = "one image" if batch == 1 else f"the batch of {batch}"
    operations = sum(step.op != "unused" for step in t.steps)
    change = f"{' and '.join(map(times, t.inputs))} → {times(t.output)}"
    costs = f"{t.params:,} parameters, {t.macs:,} MACs for {unit}"
    paths = f"Branches meet in {' and '.join(met)}." if met else "One path, without branches."
    return [f"In all: {change} in {operations} operations. {costs}.", paths]

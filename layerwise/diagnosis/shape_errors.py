"""A layer and what arrives at it do not fit: one function for each way in which they clash.

Each takes the Story of a run that an operation ended, and gives a Finding, or None where the
failure is of another kind. The numbers in the sentences are those of the run.
"""

from math import isqrt, prod

from layerwise.operations.shapes import Shape, times
from layerwise.tracing.records import Step

from .breakdown import INPUT, Finding, Story, arrive, image, many, pixels

_FLATTENING = ("Flatten", "flatten", "view", "reshape")
_SPACE = {1: ("positions",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}


def dimensions(story: Story) -> Finding | None:
    """A layer gets more or fewer axes than it reads: a vector for an image, no batch."""
    shape, source = story.arriving
    kind = story.layer_kind
    axes = int(kind[-2]) if kind[-2:] in ("1d", "2d", "3d") else 0
    if not axes or "dropout" in kind.lower():
        return None
    wanted, legal = axes + 2, (axes + 1, axes + 2)
    reads = f"{wanted} dimensions (batch, channels, {', '.join(_SPACE[axes])})"
    if "BatchNorm" in kind:
        legal = (2, 3) if axes == 1 else (wanted,)
        reads = f"{' or '.join(map(str, legal))} dimensions"
    if len(shape) in legal:
        return None
    arrived = f"{times(shape)} has {len(shape)}" if shape else "one number arrives"
    headline = f"{story.layer} needs {reads}, but {arrived}."
    numbers = legal[0] if "BatchNorm" in kind else wanted, len(shape)
    if story.unbatched:
        return story.finding("input", headline, _no_batch(story), *numbers)
    makers = [i for i in story.back(source) if i != INPUT and not _keeps(story.steps[i])]
    if not makers:
        given = story.trace.inputs[0]
        cause = f"The input shape {given} has {len(given)} numbers where {wanted} are needed."
        return story.finding("input", headline, cause, *numbers)
    step = story.steps[makers[0]]
    made = times(step.output) or "one number"
    cause = f"{story.what(step.index)} makes {made} out of {times(step.inputs[0])}."
    return story.finding("dimensions", headline, cause, *numbers)


def channels(story: Story) -> Finding | None:
    """A convolution or normalization reads another number of channels than arrive."""
    expected, got = story.numbers
    _, source = story.arriving
    # The numbers alone may as well be those of a window and a map.
    if not isinstance(got, int) or "channels, but" not in str(story.error):
        return None
    maker = story.channel_maker(source)
    headline = f"{story.layer} reads {many(expected, 'channel')}, but {arrive(got)}."
    if story.unbatched:
        return story.finding("input", headline, _no_batch(story), expected, got)
    if maker == INPUT:
        return story.finding("input", headline, _input_channels(story, expected), expected, got)
    made = story.steps[maker]
    cause = f"{story.what(maker)} makes {got} channels."
    if made.op == "cat":
        parts = " + ".join(str(part[1]) for part in made.inputs)
        cause = f"{story.what(maker)} makes {parts} = {got} channels."
    return story.finding("channels", headline, cause, expected, got)


def _no_batch(story: Story) -> str:
    given = story.trace.inputs[0]
    return f"The input shape {given} has no batch; a batch of one image is {(1, *given)}."


def _input_channels(story: Story, expected: int) -> str:
    """What the input's second number means, and what to write in the layer or for the input."""
    shape = story.trace.inputs[0]
    if shape[-1] == expected and len(shape) == 4:
        right = (shape[0], shape[3], shape[1], shape[2])
        return f"The input shape {shape} has its channels last; PyTorch reads {right}."
    own = vars(story.module)
    name = next((n for n in ("in_channels", "num_features") if n in own), None)
    fits = name and shape[1] > 0 and shape[1] % own.get("groups", 1) == 0
    write = f"write {name}={shape[1]} in this layer, or " if fits else ""
    return (
        f"The input shape {shape} means {many(shape[1], 'channel')}, the second number: "
        f"{write}give an input of {many(expected, 'channel')}."
    )


def shrunk(story: Story) -> Finding | None:
    """A window does not fit into what is left of the map."""
    shape, source = story.arriving
    window = story.window
    if window is None:
        return None
    kernel, padding, dilation = window
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    sizes = shape[-len(kernel) :]
    padded = tuple(n + 2 * p for n, p in zip(sizes, padding, strict=True))
    short = [i for i, (n, k) in enumerate(zip(padded, reach, strict=True)) if n < k]
    if not short:
        return None
    headline = f"{story.layer} has a window of {times(reach)}, but a map of {times(sizes)} arrives"
    headline += f", {times(padded)} with its padding." if any(padding) else "."
    cause = _shrinking(story, source, short[0] - len(kernel))
    return story.finding("shrunk away", headline, cause, reach[short[0]], padded[short[0]])


def _shrinking(story: Story, source: int, axis: int) -> str:
    """Which step shrinks the map most, and the sizes on the way."""
    steps = [s for s in story.shrinkers(source) if len(s.output) > 2 and s.inputs[0][axis]]
    if not steps:
        return f"The input has no more: its shape is {story.trace.inputs[0]}."
    most = max(steps, key=lambda s: s.inputs[0][axis] / max(s.output[axis], 1))
    way = " → ".join(str(n) for n in (steps[0].inputs[0][axis], *(s.output[axis] for s in steps)))
    shrinks = f"makes {pixels(most.output)} out of {pixels(most.inputs[0])}"
    if len(steps) == 1:
        return f"{story.what(most.index)} {shrinks}."
    return f"{story.what(most.index)} shrinks the map most: it {shrinks}, on the way {way}."


def in_features(story: Story) -> Finding | None:
    """A Linear is made for another count of numbers than arrive."""
    expected, got = story.numbers
    shape, source = story.arriving
    if story.operation != "linear" or not isinstance(expected, int):
        return None
    lead = f"{story.layer} expects {expected:,} numbers, but"
    if len(shape) > 3 or (len(shape) == 3 and prod(shape[1:]) == expected):
        return _not_flattened(story, shape, source, expected)
    if story.unbatched:
        headline = f"{lead} {arrive(got)}."
        return story.finding("input", headline, _no_batch(story), expected, got)
    made = next(i for i in story.back(source) if i == INPUT or not _keeps(story.steps[i]))
    step = None if made == INPUT else story.steps[made]
    if step is None or step.op not in _FLATTENING:
        cause = _makes(story, made, image(step.output) if step else "")
        return story.finding("in_features", f"{lead} {arrive(got)}.", cause, expected, got)
    if len(step.inputs[0]) > 2 and len(step.output) != 2:
        return _flattened_wrong(story, step, lead, expected, got)
    headline = f"{lead} {_product(step.inputs[0])} arrive."
    headline += _made_for(step.inputs[0], expected)
    return story.finding("in_features", headline, _map_maker(story, step), expected, got)


def _not_flattened(story: Story, shape: Shape, source: int, expected: int) -> Finding:
    headline = (
        f"{story.layer} expects {expected:,} numbers, but {image(shape)} arrives, which is not "
        f"flattened: Linear reads its last axis, {shape[-1]}."
    )
    made = "is" if source == INPUT else "makes"
    cause = f"{story.what(source)} {made} {image(shape)}; "
    cause += f"nn.Flatten() would make it {_product(shape)}."
    return story.finding("in_features", headline, cause, expected, shape[-1])


def _flattened_wrong(story: Story, step: Step, lead: str, expected: int, got: int) -> Finding:
    before, after = step.inputs[0], step.output
    headline = f"{lead} {got:,} arrive: {times(before)} became {times(after)}."
    what = story.what(step.index)
    if len(after) == 1:
        cause = f"{what} also lays the {many(before[0], 'image')} of the batch in the row: "
        cause += "it starts at axis 0, and must start at axis 1."
    else:
        start = next(i for i, (m, n) in enumerate(zip(before, after, strict=False)) if m != n)
        cause = f"{what} starts at axis {start} and leaves {times(after[1:])}: "
        cause += "it must start at axis 1."
    return story.finding("in_features", headline, cause, expected, got)


def _product(shape: Shape) -> str:
    """One image's numbers, multiplied: "256 × 6 × 6 = 9,216"."""
    parts = [n for n in shape[1:] if n != 1] or [1]
    if len(parts) == 1:
        return f"{prod(shape[1:]):,}"
    return f"{' × '.join(map(str, shape[1:]))} = {prod(shape[1:]):,}"


def _made_for(shape: Shape, expected: int) -> str:
    """What maps the layer was made for, if its number tells: "6,400 = 256 × 5 × 5: …"."""
    if len(shape) != 4:
        return ""
    count, area = shape[1], prod(shape[2:])
    side = isqrt(expected // count) if count else 0
    if side and count * side * side == expected and side * side != area:
        return f" {expected:,} = {count} × {side} × {side}: that would be maps of {side}×{side}."
    if area and expected % area == 0:
        fits = " × ".join(map(str, (expected // area, *shape[2:])))
        return f" {expected:,} = {fits}: that would be {many(expected // area, 'channel')}."
    return ""


def _map_maker(story: Story, flat: Step) -> str:
    maker = story.size_maker(flat.sources[0])
    if maker == INPUT:
        return _input_is(story)
    step = story.steps[maker]
    made, read = pixels(step.output), pixels(step.inputs[0])
    return f"{story.what(maker)} makes maps of {made} out of {read}."


def _makes(story: Story, index: int, what: str) -> str:
    return _input_is(story) if index == INPUT else f"{story.what(index)} makes {what}."


def _input_is(story: Story) -> str:
    return f"The input shape is {story.trace.inputs[0]}."


def one_value(story: Story) -> Finding | None:
    """A norm in training with one value per channel, whose variance would be zero."""
    shape, source = story.arriving
    if story.operation not in ("batch_norm", "instance_norm") or len(shape) < 2:
        return None
    if prod(shape) // max(shape[1], 1) != 1 and story.operation == "batch_norm":
        return None
    headline = (
        f"{story.place} in training needs more than one value per channel, "
        f"but {times(shape)} holds one."
    )
    maker = story.size_maker(source)
    left = ""
    if maker != INPUT and len(shape) > 2:
        before = pixels(story.steps[maker].inputs[0])
        left = f", and {story.what(maker)} leaves 1 pixel of {before}"
    cause = f"The batch holds 1 image{left}: a batch of 2 works, and so does net.eval()."
    if story.operation == "instance_norm":
        cause = f"Each image is normalized by itself{left}: a larger batch does not help."
    return story.finding("batch norm", headline, cause, 2, 1)


def reshaped(story: Story) -> Finding | None:
    """A view or reshape into a shape that does not hold as many numbers."""
    if story.operation not in ("view", "reshape") or not story.shapes:
        return None
    shape, source = story.arriving
    target = story.failure.args[1:]
    if len(target) == 1 and isinstance(target[0], (tuple, list)):
        target = tuple(target[0])
    headline = (
        f"{story.place} cannot lay {times(shape)} = {prod(shape):,} numbers out as "
        f"({', '.join(map(str, target))})."
    )
    known = prod(n for n in target if isinstance(n, int) and n > 0)
    maker = story.size_maker(source)
    cause = f"{story.what(maker)} makes {_product(story.shape(maker))} numbers for each image; "
    cause += "nn.Flatten() takes any number."
    return story.finding("reshape", headline, cause, known, prod(shape))


def matrices(story: Story) -> Finding | None:
    """A matrix product whose inner axes differ."""
    if story.operation not in ("matmul", "bmm", "mm") or len(story.shapes) != 2:
        return None
    a, b = story.shapes
    headline = (
        f"{story.place} cannot multiply {times(a)} by {times(b)}: the first has rows of {a[-1]}, "
        f"the second columns of {b[-2] if len(b) > 1 else b[-1]}."
    )
    shape, source = story.arriving
    cause = _makes(story, source, times(shape))
    return story.finding("matmul", headline, cause, *story.numbers)


def normalized(story: Story) -> Finding | None:
    """A layer norm made for other last axes, a group norm whose groups do not divide."""
    shape, source = story.arriving
    maker = story.channel_maker(source)
    if story.operation == "layer_norm":
        expected, got = story.numbers
        headline = f"{story.place} is made for {times(expected)}, but {times(got)} arrives."
        cause = _makes(story, maker, times(shape))
        return story.finding("layer norm", headline, cause, expected, got)
    if story.operation == "group_norm" and len(shape) > 1:
        parts = vars(story.module).get("num_groups") if story.module else None
        headline = f"{story.place} cannot divide {shape[1]} channels into {parts} groups."
        cause = _makes(story, maker, f"{shape[1]} channels")
        return story.finding("groups", headline, cause, parts, shape[1])
    return None


def _keeps(step: Step) -> bool:
    """Whether what comes out has the shape of what went in, and no window passed over it."""
    return step.inputs[:1] == (step.output,) and "kernel_size" not in step.settings


CLASHES = (
    dimensions,
    one_value,
    channels,
    shrunk,
    in_features,
    reshaped,
    matrices,
    normalized,
)

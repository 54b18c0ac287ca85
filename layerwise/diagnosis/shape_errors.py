"""A layer and what arrives at it do not fit: one function for each way in which they clash.

Each takes the Breakdown of a run that an operation ended, and gives a Finding, or None where the
failure is of another kind.
"""

from collections.abc import Mapping
from math import isqrt, prod

import torch

from layerwise.operations.kinds import Kind, Merge
from layerwise.operations.shapes import ShapeError, broadcast
from layerwise.tracing.records import Step

from .breakdown import INPUT, Breakdown, flattens, makes_channels, makes_shape, resizes
from .findings import Cause, Finding
from .reshape_errors import reshaped

_ON_MAPS = (Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION, Kind.POOLING, Kind.NORMALIZATION)
_NUMBER = {2: "1d", 3: "1d", 4: "2d", 5: "3d"}  # in the name of the norm for so many dimensions


def types(b: Breakdown) -> Finding | None:
    """Numbers of a type that the layer does not take: bytes, whole numbers, doubles."""
    dtypes, (expected, got) = b.failure.dtypes, b.numbers
    if b.entry.kind is not Kind.EMBEDDING or not isinstance(got, str):
        layer = b.entry.kind in (*_ON_MAPS, Kind.LINEAR, Kind.PRODUCT)
        if (
            not layer
            or len(dtypes) < 2
            or dtypes[0] == dtypes[1]
            or b.failure.error == "ShapeError"
        ):
            return None
        got, expected = dtypes[:2]
    source = next(i for i in b.back(b.arriving[1]) if i < 0 or b.steps[i].kind is not Kind.SHAPING)
    if source != INPUT:
        return b.finding(Cause.TYPE, "type", "makes type", expected, got, source)
    given = _types(b.case.given)
    if got in given or (not given and got.startswith("float")):
        return b.finding(Cause.INPUT, "type", "type", expected, got, INPUT)
    return b.finding(Cause.TYPE, "type", "cast", expected, got, INPUT)


def _types(given: object) -> list[str]:
    """The types that were given with the input: those of tensors, or beside a shape."""
    if isinstance(given, Mapping):
        given = list(given.values())
    dtype = getattr(given, "dtype", given)
    if isinstance(dtype, torch.dtype):
        return [str(dtype).removeprefix("torch.")]
    parts = given if isinstance(given, (tuple, list)) else ()
    return [name for part in parts for name in _types(part)]


def dimensions(b: Breakdown) -> Finding | None:
    """A layer gets more or fewer axes than it reads: a vector for an image, no batch."""
    shape, source = b.arriving
    axes = b.axes
    if not axes or b.entry.kind not in _ON_MAPS:
        return None
    strict = b.entry.name == "batch_norm"
    legal = (
        ((2, 3) if axes == 1 else (4,) if axes == 2 else (5,)) if strict else (axes + 1, axes + 2)
    )
    if len(shape) in legal:
        return None
    what = "dimensions of a norm" if strict else "dimensions"
    numbers = legal[0] if strict else axes + 2, len(shape)
    maker = b.last(source, makes_shape)
    norm = b.entry.kind is Kind.NORMALIZATION and len(shape) in _NUMBER
    details = {
        "shape": shape,
        "axes": axes,
        "legal": legal,
        "wanted": axes + 2,
        "right": b.layer_kind[:-2] + _NUMBER[len(shape)] if norm else "",
    }
    if b.unbatched:
        return _unbatched(b, what, *numbers, **details)
    if maker == INPUT:
        why = "axes, another norm" if norm else "axes"
        return b.finding(Cause.INPUT, what, why, *numbers, INPUT, **details)
    why = "another norm" if norm else "makes shape"
    return b.finding(Cause.DIMENSIONS, what, why, *numbers, maker, **details)


def _unbatched(
    b: Breakdown, what: str, expected: object, got: object, **details: object
) -> Finding:
    """One image without a batch, or a batch of grey images without channels."""
    first = next((s.settings["in_channels"] for s in b.steps if "in_channels" in s.settings), None)
    settings = b.failure.settings
    reads = first or b.reads or settings.get("in_channels") or settings.get("num_features")
    count, *sizes = b.given
    flat = bool(reads) and reads != count
    details |= {"right": (count, reads, *sizes) if flat else (1, *b.given), "reads": reads}
    why = "no channels" if flat else "no batch"
    return b.finding(Cause.INPUT, what, why, expected, got, INPUT, count=count, **details)


def slopes(b: Breakdown) -> Finding | None:
    """A PReLU with a slope for each channel, and other channels."""
    if b.entry.name != "prelu" or not isinstance(b.failure.expected, int):
        return None
    maker = b.last(b.arriving[1], makes_channels)
    return b.finding(Cause.CHANNELS, "slopes", b.why(maker, "makes channels"), *b.numbers, maker)


def channels(b: Breakdown) -> Finding | None:
    """A convolution or normalization reads another number of channels than arrive."""
    shape, source = b.arriving
    reads, kind = b.reads, b.entry.kind
    if reads is None or kind is Kind.LINEAR or b.entry.name == "layer_norm" or len(shape) < 2:
        return None
    single = b.axes and len(shape) == b.axes + 1 and kind is not Kind.NORMALIZATION
    got = shape[0 if single else 1]
    if got == reads:
        return None
    if b.unbatched:
        return _unbatched(b, "channels", reads, got)
    for check in (_tied, _lost, _joined):
        found = check(b, "channels", reads, got, source)
        if found is not None:
            return found
    maker = b.last(source, makes_channels)
    if maker == INPUT:
        return _input_channels(b, reads, got)
    step = b.steps[maker]
    counts = [part[1] for part in step.inputs] if step.merge is Merge.CONCAT else []
    why = "makes joined" if counts else "makes channels"
    return b.finding(Cause.CHANNELS, "channels", why, reads, got, maker, parts=counts)


def _input_channels(b: Breakdown, reads: int, got: int) -> Finding:
    """What the input's second number means, and what to write in the layer or for the input."""
    shape, settings = b.given, b.failure.settings
    right = (shape[0], shape[3], shape[1], shape[2]) if len(shape) == 4 else ()
    name = next((n for n in ("in_channels", "num_features") if n in settings), "")
    fits = name and got > 0 and got % settings.get("groups", 1) == 0
    why = "input or layer" if fits else "input channels"
    lost = b.discarded(reads)
    if lost is not None:
        return b.finding(Cause.CODE, "channels", "discarded", reads, got, lost, settled=True)
    if right and shape[-1] == reads:
        why = "channels last"
    return b.finding(Cause.INPUT, "channels", why, reads, got, INPUT, right=right, name=name)


def _tied(b: Breakdown, _: str, reads: int, __: int, source: int) -> Finding | None:
    """A layer whose weight is that of another, which goes the other way."""
    settings = b.failure.settings
    own = settings.get("in_features", settings.get("in_channels", reads))
    if own == reads or b.entry.kind not in (Kind.LINEAR, Kind.CONVOLUTION):
        return None
    why = "tied" if b.entry.kind is Kind.LINEAR else "tied convolution"
    right = b.failure.layer.replace("Conv", "ConvTranspose")
    return b.finding(
        Cause.CODE, "tied", why, own, reads, source,
        settled=True, weight=b.failure.shapes[1], right=right,
    )  # fmt: skip


def _lost(b: Breakdown, what: str, reads: int, got: int, source: int) -> Finding | None:
    """Layers that make what is read here out of what arrives were built, and are lost."""
    if b.failure.block or not b.failure.path or len(b.failure.shapes) < 2:
        return None
    axes = len(b.failure.shapes[1])
    lost = [weight for weight in b.case.discarded_weights if len(weight) == axes > 1]
    reached, more = set(), {got}
    while more:
        reached |= more
        more = {weight[0] for weight in lost if weight[1] in reached} - reached
    norm = (
        b.entry.kind is Kind.NORMALIZATION and b.case.discarded_weights[(got,)] > 1
    )  # weight and bias
    if not norm and reads not in reached:
        return None
    maker = b.last(source, makes_shape)
    return b.finding(
        Cause.CODE, what, "lost", reads, got, maker, settled=True, kind=b.failure.layer
    )


def _joined(b: Breakdown, what: str, reads: int, got: int, source: int) -> Finding | None:
    """What arrives was joined along another axis than that of the channels or features."""
    maker = b.last(source, makes_channels)
    step = b.steps[maker] if maker != INPUT else None
    if step is None or step.merge is not Merge.CONCAT or step.function == "stack":
        return None
    axis = len(step.output) - 1 if b.entry.kind is Kind.LINEAR else 1
    counts = [shape[axis] for shape in step.inputs if len(shape) > axis]
    along = step.settings.get("dim", 0)
    if along == axis or len(counts) < 2:
        return None
    details = {"parts": counts, "total": sum(counts), "axis": axis, "along": along}
    return b.finding(Cause.CHANNELS, what, "joined", reads, got, maker, **details)


def shrunk(b: Breakdown) -> Finding | None:
    """A window does not fit into what is left of the map."""
    shape, source = b.arriving
    if b.window is None:
        return None
    kernel, padding, dilation = b.window
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    sizes = shape[-len(kernel) :]
    padded = tuple(n + 2 * p for n, p in zip(sizes, padding, strict=True))
    short = [i for i, (n, k) in enumerate(zip(padded, reach, strict=True)) if n < k]
    if not short:
        return None
    axis = short[0] - len(kernel)
    way = [b.steps[i] for i in b.back(source) if i != INPUT and resizes(b.steps[i])]
    steps = [s for s in reversed(way) if len(s.output) > 2 and s.inputs[0][axis]]
    steps = [s for s in steps if s.inputs[0][axis] != s.output[axis]] or steps
    most = max(steps, key=lambda s: s.inputs[0][axis] / max(s.output[axis], 1), default=None)
    sizes_on_the_way = [s.inputs[0][axis] for s in steps[:1]] + [s.output[axis] for s in steps]
    why = ("no more", "shrinks", "shrinks most")[min(len(steps), 2)]
    return b.finding(
        Cause.SHRUNK, "shrunk padded" if padded != sizes else "shrunk", why,
        reach[short[0]], padded[short[0]], most.index if most else INPUT,
        reach=reach, sizes=sizes, padded=padded, way=sizes_on_the_way,
    )  # fmt: skip


def in_features(b: Breakdown) -> Finding | None:
    """A Linear is made for another count of numbers than arrive."""
    shape, source = b.arriving
    reads = b.reads
    if b.entry.kind is not Kind.LINEAR or reads is None or not shape or shape[-1] == reads:
        return None
    got = shape[-1]
    for check in (_tied, _lost, _joined):
        found = check(b, "in_features", reads, got, source)
        if found is not None:
            return found
    if len(shape) > 3 or (len(shape) == 3 and prod(shape[1:]) == reads):
        why = "flatten input" if source == INPUT else "flatten"
        return b.finding(Cause.IN_FEATURES, "not flattened", why, reads, got, source, shape=shape)
    if b.unbatched:
        return _unbatched(b, "in_features", reads, got)
    return _laid_out(b, reads, got, b.last(source, makes_shape))


def _laid_out(b: Breakdown, reads: int, got: int, maker: int) -> Finding:
    """What made the row that a Linear reads: a flatten, rightly or wrongly, or another layer."""
    step = b.steps[maker] if maker != INPUT else None
    if step is None or not flattens(step):
        why = b.why(maker, "makes")
        return b.finding(Cause.IN_FEATURES, "in_features", why, reads, got, maker)
    before, after = step.inputs[0], step.output
    if len(before) < 3 or (len(after) == 2 and before[0] == after[0]):
        return _flattened(b, step, reads, got)
    why = {1: "flat all", 2: "flat rows"}.get(len(after), "flat late")
    start = next((i for i, (m, n) in enumerate(zip(before, after, strict=False)) if m != n), 0)
    details = {"count": before[0], "rows": after[0], "start": start, "left": after[1:]}
    return b.finding(Cause.IN_FEATURES, "flattened wrongly", why, reads, got, maker, **details)


def _flattened(b: Breakdown, flat: Step, reads: int, got: int) -> Finding:
    """Maps were laid in a row as they should, but the layer was made for other maps."""
    before, maker = flat.inputs[0], b.last(flat.sources[0], resizes)
    step = b.steps[maker] if maker != INPUT else None
    details: dict[str, object] = {"before": before}
    if step is not None and (
        step.kind is Kind.REDUCTION or set(step.settings.get("output_size", (0,))) == {1}
    ):
        return b.finding(
            Cause.IN_FEATURES, "flattened", "pooled", reads, got, maker, count=before[1], **details
        )
    what, count = "flattened", before[1] if len(before) == 4 else 0
    area, side = prod(before[2:]), isqrt(reads // count) if count else 0
    if side and count * side * side == reads and side * side != area:
        what, details = "flattened maps", {**details, "count": count, "side": side}
    elif count and area > 1 and reads % area == 0:
        fits = (reads // area, *before[2:])
        what, details = "flattened channels", {**details, "count": fits[0], "fits": fits}
    why = b.why(maker, "makes maps")
    return b.finding(Cause.IN_FEATURES, what, why, reads, got, maker, **details)


def one_value(b: Breakdown) -> Finding | None:
    """A norm in training with one value per channel, whose variance would be zero."""
    shape, source = b.arriving
    alone = b.entry.name == "instance_norm"
    if not (alone or b.entry.name == "batch_norm") or len(shape) < 2:
        return None
    if prod(shape) // max(shape[1], 1) != 1 and not alone:
        return None
    maker = b.last(source, resizes)
    left = maker != INPUT and len(shape) > 2
    why = (
        ("alone, one pixel" if left else "alone") if alone else "one pixel" if left else "one image"
    )
    return b.finding(Cause.BATCH_NORM, "one value", why, 2, 1, maker, shape=shape)


def matrices(b: Breakdown) -> Finding | None:
    """A matrix product whose inner axes differ, or of too many or too few axes."""
    if b.entry.name not in ("matmul", "bmm", "mm") or len(b.failure.shapes) != 2:
        return None
    one, two = b.failure.shapes
    if not one or not two or b.numbers != (two[max(len(two) - 2, 0)], one[-1]):
        return b.finding(Cause.MATMUL, "stated", "", *b.numbers)
    maker = b.arriving[1]
    why = b.why(maker, "makes all")
    return b.finding(Cause.MATMUL, "matmul", why, *b.numbers, maker, one=one, two=two)


def normalized(b: Breakdown) -> Finding | None:
    """A layer norm made for other last axes, a group norm whose groups do not divide."""
    shape, source = b.arriving
    maker = b.last(source, makes_channels)
    if b.entry.name == "layer_norm" and isinstance(b.failure.got, tuple):
        return b.finding(
            Cause.LAYER_NORM, "layer norm", b.why(maker, "makes all"), *b.numbers, maker
        )
    parts = b.failure.settings.get("num_groups")
    if b.entry.name == "group_norm" and len(shape) > 1 and parts and shape[1] % parts:
        why = b.why(maker, "makes channels")
        return b.finding(Cause.GROUPS, "group norm", why, parts, shape[1], maker)
    return None


def combined(b: Breakdown) -> Finding | None:
    """An operation on two tensors, number by number, whose shapes do not fit."""
    shapes = b.failure.shapes
    if len(shapes) != 2 or b.entry.kind in (*_ON_MAPS, Kind.LINEAR, Kind.PRODUCT, Kind.EMBEDDING):
        return None
    try:
        broadcast(*shapes)
    except ShapeError as error:
        numbers, maker = (error.expected, error.got), b.arriving[1]
        why = b.why(maker, "makes all")
        one, two = shapes
        return b.finding(Cause.SHORTCUT, "combined", why, *numbers, maker, one=one, two=two)
    return None


CLASHES = (
    types, dimensions, one_value, slopes, channels, shrunk, in_features, reshaped, matrices,
    normalized,
)  # fmt: skip

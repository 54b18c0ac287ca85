"""A layer and what arrives at it do not fit: one function for each way in which they clash.

Each takes the Breakdown of a run that an operation ended, and gives a Finding, or None where the
failure is of another kind.
"""

from math import isqrt, prod
from typing import Any

from layerwise.operations.kinds import Kind, Merge
from layerwise.operations.shapes import ShapeError, broadcast
from layerwise.tracing.dispatch import tensors_in
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
        if b.entry.kind not in (*_ON_MAPS, Kind.LINEAR, Kind.PRODUCT) or len(dtypes) < 2:
            return None
        got, expected = dtypes[:2]
        if got == expected or b.failure.error == "ShapeError":
            return None
    source = b.last(b.arriving[1], lambda step: step.kind is not Kind.SHAPING)
    if source != INPUT:
        return b.finding(Cause.TYPE, "type", "makes type", expected, got, source)
    if got in {str(tensor.dtype).removeprefix("torch.") for tensor in tensors_in(b.case.inputs)}:
        return b.finding(Cause.INPUT, "type", "type", expected, got, INPUT)
    return b.finding(Cause.TYPE, "type", "cast", expected, got, INPUT)


def dimensions(b: Breakdown) -> Finding | None:
    """A layer gets more or fewer axes than it reads: a vector for an image, no batch."""
    shape, source = b.arriving
    axes, strict = b.axes, b.entry.name == "batch_norm"
    legal = (axes + 2,) if strict and axes > 1 else (axes + 1, axes + 2)
    if not axes or b.entry.kind not in _ON_MAPS or len(shape) in legal:
        return None
    what = "dimensions of a norm" if strict else "dimensions"
    numbers = legal[0] if strict else axes + 2, len(shape)
    maker = b.last(source, makes_shape)
    norm = b.entry.kind is Kind.NORMALIZATION and len(shape) in _NUMBER
    details: dict[str, Any] = {"shape": shape, "axes": axes, "legal": legal, "wanted": axes + 2}
    details["right"] = b.layer_kind[:-2] + _NUMBER[len(shape)] if norm else ""
    if b.unbatched:
        return _unbatched(b, what, *numbers, **details)
    if maker == INPUT:
        why = "axes, another norm" if norm else "axes"
        return b.finding(Cause.INPUT, what, why, *numbers, INPUT, **details)
    why = "another norm" if norm else "makes shape"
    return b.finding(Cause.DIMENSIONS, what, why, *numbers, maker, **details)


def _unbatched(b: Breakdown, what: str, expected: object, got: object, **details: Any) -> Finding:
    """One image without a batch, or a batch of grey images without channels."""
    first = next((s.settings["in_channels"] for s in b.steps if "in_channels" in s.settings), None)
    settings = b.failure.settings
    reads = first or b.reads or settings.get("in_channels") or settings.get("num_features")
    count, *sizes = b.given
    flat = bool(reads) and reads != count
    details |= {"right": (count, reads, *sizes) if flat else (1, *b.given), "reads": reads}
    why = "no channels" if flat else "no batch"
    return b.finding(Cause.INPUT, what, why, expected, got, INPUT, count=count, **details)


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
    found = _wrongly_wired(b, "channels", reads, got)
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
    discarded = b.discarded(reads)
    if discarded is not None:
        return b.finding(Cause.CODE, "channels", "discarded", reads, got, discarded, settled=True)
    shape, settings = b.given, b.failure.settings
    right = (shape[0], shape[3], shape[1], shape[2]) if len(shape) == 4 else ()
    name = next((n for n in ("in_channels", "num_features") if n in settings), "")
    fits = name and got > 0 and got % settings.get("groups", 1) == 0
    why = "input or layer" if fits else "input channels"
    if right and shape[-1] == reads:
        why = "channels last"
    return b.finding(Cause.INPUT, "channels", why, reads, got, INPUT, right=right, name=name)


def _wrongly_wired(b: Breakdown, what: str, reads: int, got: int) -> Finding | None:
    """The layer may be right: its weight is another's, another was lost, a concat is at fault."""
    return _tied(b, reads) or _overwritten(b, what, reads, got) or _joined(b, what, reads, got)


def _tied(b: Breakdown, reads: int) -> Finding | None:
    """A layer whose weight is that of another, which goes the other way."""
    settings = b.failure.settings
    own = settings.get("in_features", settings.get("in_channels", reads))
    if own == reads or b.entry.kind not in (Kind.LINEAR, Kind.CONVOLUTION):
        return None
    return b.finding(
        Cause.CODE, "tied", "tied" if b.entry.kind is Kind.LINEAR else "tied convolution",
        own, reads, b.arriving[1], settled=True, weight=b.failure.shapes[1],
        right=b.failure.layer.replace("Conv", "ConvTranspose"),
    )  # fmt: skip


def _overwritten(b: Breakdown, what: str, reads: int, got: int) -> Finding | None:
    """Layers that make what is read here out of what arrives were built, and discarded."""
    if b.failure.block or not b.failure.path or len(b.failure.shapes) < 2:
        return None
    axes, discarded = len(b.failure.shapes[1]), b.case.discarded_weights
    weights = [weight for weight in discarded if len(weight) == axes > 1]
    reached, more = set(), {got}
    while more:
        reached |= more
        more = {weight[0] for weight in weights if weight[1] in reached} - reached
    norm = b.entry.kind is Kind.NORMALIZATION and discarded[(got,)] > 1  # weight and bias
    if not norm and reads not in reached:
        return None
    about = (Cause.CODE, what, "overwritten", reads, got, b.last(b.arriving[1], makes_shape))
    return b.finding(*about, settled=True, kind=b.failure.layer)


def _joined(b: Breakdown, what: str, reads: int, got: int) -> Finding | None:
    """What arrives was joined along another axis than that of the channels or features."""
    maker = b.last(b.arriving[1], makes_channels)
    step = b.steps[maker] if maker != INPUT else None
    if step is None or step.merge is not Merge.CONCAT or step.function == "stack":
        return None
    axis = len(step.output) - 1 if b.entry.kind is Kind.LINEAR else 1
    counts = [shape[axis] for shape in step.inputs if len(shape) > axis]
    along = step.settings.get("dim", 0)
    if along == axis or len(counts) < 2:
        return None
    details: dict[str, Any] = {"parts": counts, "total": sum(counts), "axis": axis, "along": along}
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
    maps = [s for s in reversed(way) if len(s.inputs[0]) == len(s.output) > 2]
    steps = [s for s in maps if s.inputs[0][axis]]
    steps = [s for s in steps if s.inputs[0][axis] != s.output[axis]] or steps
    steepest = lambda s: s.inputs[0][axis] / max(s.output[axis], 1)  # noqa: E731
    most = max(steps, key=steepest, default=way[0] if way else None)
    sizes_on_the_way = [s.inputs[0][axis] for s in steps[:1]] + [s.output[axis] for s in steps]
    unmapped = "makes shape" if way else "no more"
    why = (unmapped, "shrinks", "shrinks most")[min(len(steps), 2)]
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
    found = _wrongly_wired(b, "in_features", reads, got)
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
    sizes = enumerate(zip(before, after, strict=False))
    start = next((i for i, (m, n) in sizes if m != n), len(after) - 1)
    late = "flat short" if start == 1 else "flat late"
    why = {1: "flat all", 2: "flat rows"}.get(len(after), late)
    return b.finding(
        Cause.IN_FEATURES, "flattened wrongly", why, reads, got, maker,
        count=before[0], rows=after[0], start=start, left=after[1:],
    )  # fmt: skip


def _flattened(b: Breakdown, flat: Step, reads: int, got: int) -> Finding:
    """Maps were laid in a row as they should, but the layer was made for other maps."""
    before, maker = flat.inputs[0], b.last(flat.sources[0], resizes)
    step = b.steps[maker] if maker != INPUT else None
    about = (reads, got, maker)
    if step is not None and (
        step.kind is Kind.REDUCTION or set(step.settings.get("output_size", (0,))) == {1}
    ):
        return b.finding(
            Cause.IN_FEATURES, "flattened", "pooled", *about, count=before[1], before=before
        )
    what, details, why = "flattened", dict[str, Any](before=before), b.why(maker, "makes maps")
    area, count = prod(before[2:]), before[1] if len(before) == 4 else 0
    side = isqrt(reads // count) if count else 0
    if side and count * side * side == reads and side * side != area:
        what = "flattened maps"
        details |= {"count": count, "side": side}
    elif count and area > 1 and reads % area == 0:
        fits = (reads // area, *before[2:])
        what = "flattened channels"
        details |= {"count": fits[0], "fits": fits}
    return b.finding(Cause.IN_FEATURES, what, why, *about, **details)


def one_value(b: Breakdown) -> Finding | None:
    """A norm in training with one value per channel, whose variance would be zero."""
    shape, source = b.arriving
    alone = b.entry.name == "instance_norm"
    if not (alone or b.entry.name == "batch_norm") or len(shape) < 2:
        return None
    if (prod(shape[2:]) if alone else prod(shape) // max(shape[1], 1)) != 1:
        return None
    maker = b.last(source, resizes)
    why = "alone" if alone else "one image"
    why += ", one pixel" if maker != INPUT and len(shape) > 2 else ""
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
    """Parameters of a norm or a PReLU for other channels, or groups that do not divide them."""
    (shape, source), name = b.arriving, b.entry.name
    maker, parts = b.last(source, makes_channels), b.failure.settings.get("num_groups")
    why = b.why(maker, "makes channels")
    if name == "prelu" and isinstance(b.failure.expected, int):
        return b.finding(Cause.CHANNELS, "slopes", why, *b.numbers, maker)
    if name == "group_norm" and len(shape) > 1 and parts and shape[1] % parts:
        return b.finding(Cause.GROUPS, "group norm", why, parts, shape[1], maker)
    if name == "layer_norm" and isinstance(b.failure.got, tuple):
        why = b.why(maker, "makes all")
        return b.finding(Cause.LAYER_NORM, "layer norm", why, *b.numbers, maker)
    return None


def combined(b: Breakdown) -> Finding | None:
    """An operation on two tensors, number by number, whose shapes do not fit."""
    shapes = b.failure.shapes
    if b.entry.kind in (*_ON_MAPS, Kind.LINEAR, Kind.PRODUCT, Kind.EMBEDDING):
        return None
    if len(shapes) != 2 or b.entry.merge is Merge.CONCAT:
        return None
    try:
        broadcast(*shapes)
    except ShapeError as error:
        one, two, maker = *shapes, b.arriving[1]
        why, numbers = b.why(maker, "makes all"), (error.expected, error.got)
        return b.finding(Cause.SHORTCUT, "combined", why, *numbers, maker, one=one, two=two)
    return None


SHAPE_CHECKS = (
    types, dimensions, one_value, channels, shrunk, in_features, reshaped, matrices, normalized,
)  # fmt: skip

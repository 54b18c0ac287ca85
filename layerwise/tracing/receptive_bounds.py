"""Exactly which part of the input each place of a feature map sees, clipped to the input.

Araujo, Norris and Sim (Distill, 2019) give the size of a receptive field; this walks the same way
forwards with the first and the last input pixel of every place instead, so that padding, the edges
and the short path of a shortcut count as they truly are. Rows and columns are followed apart: the
part is the smallest rectangle that holds every pixel which can reach the place.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from layerwise.operations.kinds import Kind
from layerwise.operations.registry import POINTWISE
from layerwise.operations.shapes import Shape
from layerwise.operations.window import Window

from .records import Step, Trace

Ends = tuple[tuple[int, int], ...]  # place -> the first and the last pixel that it sees

_SAME = frozenset("contiguous clone detach to float half double bfloat16".split())


class Along(NamedTuple):
    """What the places along one axis of a tensor see of one axis of the input.

    A place that sees padding alone has a first pixel behind its last.
    """

    axis: int  # of the tensor, counted from its end: -1 is the last
    ends: Ends


Bounds = tuple[Along, ...]  # one for each axis of the image: rows, columns


def bounds(t: Trace) -> tuple[Bounds | None, ...]:
    """What the places of every step's output see of the network's first input."""
    follower = Follower(t.inputs[0] if t.inputs else ())
    return tuple(follower.add(step) for step in t.steps)


class Follower:
    """Goes along with a run; `found` holds the bounds of each step.

    None for a step whose output is no map any more, and where that is not known.
    """

    def __init__(self, shape: Shape) -> None:
        """`shape` is that of the input: batch, channels, and the axes that are followed."""
        sizes = shape[2:]
        self._start = tuple(
            Along(number - len(sizes), tuple((i, i) for i in range(size)))
            for number, size in enumerate(sizes)
        )
        self.found: list[Bounds | None] = []

    def add(self, step: Step) -> Bounds | None:
        """The bounds of the next step."""
        read = [self._start if source < 0 else self.found[source] for source in step.sources]
        known = [one for one in read if one]
        self.found.append(_behind(step, known) if known and len(known) == len(read) else None)
        return self.found[-1]


def _behind(step: Step, read: list[Bounds]) -> Bounds | None:
    """The bounds of a step's output, from those of all that it reads."""
    first, shape = read[0], step.output
    if "pad" in step.settings:
        return _padded(step, first) if _is_image(first) else None
    if isinstance(step.window, Window):
        return _windowed(step, step.window, first) if _is_image(first) else None
    if step.window == POINTWISE or step.function in _SAME:
        plain = step.kind is not Kind.SHAPING or step.inputs[0] == shape
        made = _united(step, read) if plain or _is_image(first) else None
        return _normalized(step, made) if made else None
    if step.function == "permute" and step.settings["dims"]:
        return _permuted(step.settings["dims"], first)
    if step.function in _MIXES and step.inputs[0][:-1] == shape[:-1]:
        return _mixed(first, _MIXES[step.function](step), shape)
    return None


def _is_image(seen: Bounds) -> bool:
    """Whether rows and columns are the last axes, as windows need them."""
    return [along.axis for along in seen] == list(range(-len(seen), 0))


def _windowed(step: Step, window: Window, seen: Bounds) -> Bounds | None:
    of = step.settings
    if len(window.size) != len(seen):
        return None
    made = []
    for number, along in enumerate(seen):
        outputs, inputs = step.output[along.axis], len(along.ends)
        if "output_size" in of:
            spans = _adaptive_spans(inputs, outputs)
        else:
            padding = of["padding"][number] if "padding" in of else 0
            dilation = of["dilation"][number] if "dilation" in of else 1
            stride, size = window.stride[number], window.size[number]
            spans = _spans(inputs, outputs, size, stride, padding, dilation)
        made.append(Along(along.axis, _joined(along.ends, spans)))
    return tuple(made)


Spans = tuple[tuple[int, ...], ...]  # output -> the inputs that it reads


@lru_cache(256)
def _spans(n: int, count: int, size: int, stride: int, padding: int, dilation: int) -> Spans:
    starts = [i * stride - padding for i in range(count)]
    return tuple(
        tuple(at for at in range(start, start + size, dilation) if 0 <= at < n) for start in starts
    )


@lru_cache(256)
def _adaptive_spans(n: int, count: int) -> Spans:
    """As adaptive pooling cuts the axis: see `adaptive_window`."""
    return tuple(tuple(range(i * n // count, -(-(i + 1) * n // count))) for i in range(count))


@lru_cache(1024)  # rows and columns are mostly alike, and so are blocks
def _joined(ends: Ends, spans: Spans) -> Ends:
    return tuple(_hull([ends[i] for i in span]) for span in spans)


def _hull(parts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The smallest part that holds all these; empty parts count for nothing."""
    full = [part for part in parts if part[0] <= part[1]]
    if not full:
        return 0, -1
    return min(first for first, _ in full), max(last for _, last in full)


def _united(step: Step, read: list[Bounds]) -> Bounds | None:
    """Where maps meet, place by place: the union; one of a single place is seen everywhere."""
    if len({tuple(along.axis for along in seen) for seen in read}) != 1:
        return None
    made = []
    for alongs in zip(*read, strict=True):
        axis = alongs[0].axis
        if -axis > len(step.output):
            return None
        size = step.output[axis]
        if any(len(along.ends) not in (1, size) for along in alongs):
            return None
        spread = [along.ends * (size if len(along.ends) == 1 else 1) for along in alongs]
        made.append(Along(axis, tuple(map(_hull, zip(*spread, strict=True)))))
    return tuple(made)


def _normalized(step: Step, seen: Bounds) -> Bounds:
    """A batch norm that measures this very image looks at all of it."""
    if step.function == "batch_norm" and step.settings.get("training"):
        return _mixed(seen, [along.axis for along in seen], step.output)
    return seen


def _permuted(dims: Sequence[int], seen: Bounds) -> Bounds:
    count = len(dims)
    places = [dim % count for dim in dims]
    return tuple(Along(places.index(along.axis + count) - count, along.ends) for along in seen)


def _padded(step: Step, seen: Bounds) -> Bounds:
    """A constant border shows nothing of the input; a negative amount crops."""
    amounts, made = step.settings["pad"], []
    for along in seen:
        at = 2 * (-along.axis - 1)
        before = amounts[at] if at < len(amounts) else 0
        inputs = range(len(along.ends))
        places = [i - before for i in range(step.output[along.axis])]
        made.append(
            Along(along.axis, tuple(along.ends[i] if i in inputs else (0, -1) for i in places))
        )
    return tuple(made)


def _mixed(seen: Bounds, axes: Iterable[int], shape: Shape) -> Bounds:
    """Along these axes every place reads all others."""
    mixed = set(axes)
    return tuple(
        Along(axis, (_hull(ends),) * shape[axis] if axis in mixed else ends) for axis, ends in seen
    )


def _over_last(step: Step) -> range:
    return range(-len(step.settings["normalized_shape"]), 0)


def _over_dim(step: Step) -> list[int]:
    return [step.settings["dim"] - len(step.output)]


def _over_all(step: Step) -> range:
    return range(2 - len(step.output), 0)


_MIXES: dict[str, Callable[[Step], Iterable[int]]] = {  # function -> the axes along which it mixes
    "linear": lambda _: [-1],
    "layer_norm": _over_last,
    "softmax": _over_dim,
    "log_softmax": _over_dim,
    "group_norm": _over_all,
    "instance_norm": _over_all,
}

"""How large a box is drawn, and the words under it: sizes in pixels from shapes.

A feature map is a volume. Its height follows the rows, its depth (drawn slanting) the columns and
its length, left to right, the channels, each by the square root: from 7 to 224 rows a picture
keeps both visible. A vector is a bar, its height the logarithm of its features. `SCALE` says so.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import log2, sqrt
from typing import NamedTuple

from layerwise.operations.shapes import times
from layerwise.tracing.records import Step

from .graph import Item, is_named

SCALE = "Height: √rows. Length: √channels."
SCALE_OF_BARS = "Thin bars: log of the features."
SCALE_OF_SKIPS = "Blue lines run past other boxes."
FONT = 11  # px, of every label
LINE = 13  # px, from one line of text to the next


class BoxSize(NamedTuple):
    """The drawn size: front face `length` × `height`, slanting off by `right` and `up`."""

    length: float
    height: float
    right: float = 0.0
    up: float = 0.0


_PER_ROOT_ROW, _PER_ROOT_CHANNEL, _PER_DOUBLING = 7.0, 1.6, 8.0
_SLANT = (0.22, 0.15)  # how far the depth goes right and up, of the height of as many rows
_LARGEST = 240  # px: nothing is drawn larger, whatever its shape
_SMALLEST = 2.5
_BAR = 7
_SLAB = 5
_CARD = BoxSize(44, 40, 5, 5)  # a folded block, at least
_RING, _CROSSED = BoxSize(17, 17), BoxSize(44, 40)  # a join; what broke
MOST_LINES = 9  # under a box
_WIDEST_WORD = 12  # letters; longer names break at a capital
# Widths in hundredths of the font size, of DejaVu Sans, the widest of the usual fonts.
_WIDTHS = {
    **dict.fromkeys("ijl.,·:;'|I ", 34),
    **dict.fromkeys("ftr()-/", 42),
    **dict.fromkeys("0123456789", 64),
    **dict.fromkeys("×+−=", 84),
    **dict.fromkeys("mMW%@", 100),
    **dict.fromkeys("wGOQD", 81),
}


def box_size(item: Item) -> BoxSize:
    """The size in which a box is drawn: that of its feature map or vector, unless it is a sign."""
    if item.kind == "join" or broken_join(item):
        return _RING
    if item.kind == "broken":
        return _CROSSED
    rows, columns, channels = extents(item)
    bar = _PER_DOUBLING * log2(max(channels, 1))
    height = _bounded(bar if rows is None else _PER_ROOT_ROW * sqrt(rows))
    if item.kind == "block":
        return _CARD._replace(height=max(_CARD.height, height))
    if rows is None:
        return BoxSize(_BAR, height)
    depth = min(_PER_ROOT_ROW * sqrt(columns), _LARGEST) if columns > 1 else 0.0
    slant = [depth * share for share in _SLANT]
    length = _SLAB if item.kind == "slab" else _PER_ROOT_CHANNEL * sqrt(channels)
    return BoxSize(_bounded(length), height, *slant)


def broken_join(item: Item) -> str:
    """The sign of an add or a product that failed: it is drawn as a join; else ""."""
    if item.kind != "broken" or len(set(item.steps[0].sources)) < 2:
        return ""
    return item.steps[0].operation.symbol


def extents(item: Item) -> tuple[int | None, int, int]:
    """Rows (None for a vector), columns, and channels or features of what leaves a box.

    The shape alone does not tell which axis is which. Three axes are (batch, channels, length)
    while pixels keep their place, as behind a Conv1d, and (batch, tokens, features) otherwise.
    """
    shape = item.shape[1:]
    if len(shape) < 2:
        return None, 1, shape[0] if shape else 1
    if len(shape) == 2:
        signal = item.steps and item.steps[-1].receptive_field is not None
        return (shape[1], 1, shape[0]) if signal else (shape[0], 1, shape[1])
    return shape[-2], shape[-1], shape[0]


def caption(item: Item) -> Sequence[str]:
    """The words under a box, a line each: the operation, its window, then what follows it."""
    if item.kind == "broken":
        return list(_narrow(item.text))
    if item.kind == "input":
        return [item.text]
    if item.block:
        kind, name = item.block.call.kind, item.block.id.rpartition(".")[2]
        if not is_named(item.block):
            return _words(kind)
        *lines, last = _words(kind)
        return [*lines, f"{last} {name}"] if name.isdigit() else [*lines, last, *_words(name)]
    first, *others = item.steps
    symbol = item.kind == "join" and first.operation.symbol
    lines = [*([] if symbol else _words(first.op)), *_window(first)]
    for step in others:  # behind a Conv2d, BatchNorm says enough
        lines += _words(re.sub(r"(?<=\D)\dd$", "", step.op))
    return shortened(lines, f"… {len(lines) - MOST_LINES} more")


def shortened(lines: Sequence[str], rest: str) -> Sequence[str]:
    """The lines, or where they are too many the first of them and then `rest`."""
    return lines if len(lines) <= MOST_LINES + 1 else [*lines[:MOST_LINES], rest]


@lru_cache(4096)
def text_width(text: str) -> float:
    """Pixels that a line of text takes at most."""
    hundredths = sum([_WIDTHS.get(letter, 66) for letter in text])
    return hundredths * FONT / 100 + 1


def _window(step: Step) -> list[str]:
    """A window and its stride: "11×11 /4"."""
    if "kernel_size" not in step.settings:
        return []
    stride, window = step.settings["stride"], times(step.settings["kernel_size"])
    if set(stride) == {1}:
        return [window]
    return [f"{window} /{stride[0] if len(set(stride)) == 1 else times(stride)}"]


def _narrow(text: str) -> Iterator[str]:
    """Lines no wider than a card or the longest word: what broke keeps its place in the row."""
    room = max(_CROSSED.length, *map(text_width, text.split()))
    for given in text.splitlines():
        line, *others = given.split()
        for word in others:
            if text_width(f"{line} {word}") <= room:
                line = f"{line} {word}"
            else:
                yield line
                line = word
        yield line


@lru_cache(1024)
def _words(name: str) -> tuple[str, ...]:
    """A name in lines of a readable width: "AdaptiveAvgPool2d" -> "AdaptiveAvg", "Pool2d"."""
    lines = [""]
    for part in re.findall(r"[A-Z]?[^A-Z_]+_?|[A-Z_]+", name) or [name]:
        if lines[-1] and len(lines[-1]) + len(part) > _WIDEST_WORD:
            lines.append("")
        lines[-1] += part
    return tuple(line if len(line) <= 2 * _WIDEST_WORD else line[:23] + "…" for line in lines)


def _bounded(pixels: float) -> float:
    return min(max(pixels, _SMALLEST), _LARGEST)

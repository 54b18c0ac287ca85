"""Numbers as small pictures: colours for signed and unsigned numbers, and PNG without a library.

The colours are those of Okabe and Ito (2008). A picture is a data URI, which a stored notebook
keeps.
"""

import struct
import zlib
from base64 import b64encode
from functools import cache
from math import ceil, floor, log10
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

_SIGNED = ("#0072b2", "#ffffff", "#d55e00")  # below 0, 0, above 0
_UNSIGNED = ("#000000", "#d55e00", "#f0e442", "#ffffff")  # from 0 upwards
_UNKNOWN = 128  # grey: what is no number
LEVELS = 63  # an odd number, so that one of them is 0
FEW = 100  # pixels, for which a list of colours takes more bytes than the colours themselves


class Scale(NamedTuple):
    """The one scale of several maps: colours run to `limit`, from −limit where they are signed."""

    limit: float
    signed: bool

    @property
    def words(self) -> str:
        """What the colours mean."""
        top = number(self.limit)
        if self.signed:
            return f"blue −{top}, white 0, orange {top}"
        third, most = number(self.limit / 3), number(self.limit * 2 / 3)
        return f"black 0, orange {third}, yellow {most}, white {top}"


def scale(values: Tensor, signed: bool) -> Scale:
    """The scale that holds all these numbers, its end rounded up to two digits."""
    known = values[values.isfinite()]
    most = float(known.abs().max()) if known.numel() else 0.0
    if not most:
        return Scale(1.0, signed)
    unit = 10.0 ** (floor(log10(most)) - 1)
    return Scale(float(f"{ceil(most / unit - 1e-6) * unit:.1e}"), signed)


def number(value: float) -> str:
    """A number as a person reads it: three digits, a true minus."""
    return f"{value:.3g}".replace("-", "−")


def coloured(values: Tensor, scale: Scale, least: int = 0) -> str:
    """The picture of (rows, columns) numbers; see `enlarged` for `least`."""
    share = (values / scale.limit).clamp(-1 if scale.signed else 0, 1)
    share = (share + 1) / 2 if scale.signed else share
    levels = (share * (LEVELS - 1)).round().nan_to_num(LEVELS).to(torch.uint8)
    return png(enlarged(levels, least), _palette(scale.signed))


@cache
def _palette(signed: bool) -> Tensor:
    """A colour for each level, and behind them that of what is no number."""
    stops = torch.tensor([
        [int(stop[at : at + 2], 16) for at in (1, 3, 5)]
        for stop in (_SIGNED if signed else _UNSIGNED)
    ]).float()  # fmt: skip
    parts = len(stops) - 1
    at = torch.linspace(0, parts, LEVELS)
    low = at.floor().clamp(max=parts - 1).long()
    share = (at - low)[:, None]
    colours = stops[low] * (1 - share) + stops[low + 1] * share
    return torch.cat([colours, torch.full((1, 3), _UNKNOWN)]).round().to(torch.uint8)


def ramp(scale: Scale) -> str:
    """The colours of a scale from its low to its high end, as CSS."""
    return f"linear-gradient(to right, {', '.join(_SIGNED if scale.signed else _UNSIGNED)})"


def photo(image: Tensor) -> str:
    """The picture of (C, rows, columns) numbers, in colour where there are three channels."""
    shown = _seen(image)
    low, high = _ends(shown)
    bytes_ = ((shown - low) / (high - low) * 255).round().to(torch.uint8)
    return png(bytes_.expand(3, -1, -1).permute(1, 2, 0))


def photo_words(image: Tensor) -> str:
    """How `photo` shows this image."""
    low, high = _ends(_seen(image))
    of = "" if image.shape[0] in (1, 3) else f", the mean of its {image.shape[0]} channels"
    return f"black {number(low)}, white {number(high)}{of}"


def _seen(image: Tensor) -> Tensor:
    return image if image.shape[0] in (1, 3) else image.mean(0, keepdim=True)


def _ends(image: Tensor) -> tuple[float, float]:
    """What is black and what is white: 0 and 1 where the numbers lie between them."""
    low, high = float(image.min()), float(image.max())
    if low >= -1e-5 and high <= 1 + 1e-5:
        return 0.0, 1.0
    return (low, high) if high > low else (low, low + 1)


def shrunk(values: Tensor, most: int) -> Tensor:
    """(…, rows, columns) numbers averaged until no side is longer than `most`."""
    rows, columns = values.shape[-2:]
    share = min(1.0, most / max(rows, columns))
    size = max(1, round(rows * share)), max(1, round(columns * share))
    return values if share == 1.0 else adaptive_avg_pool2d(values[None], size)[0]


def enlarged(pixels: Tensor, least: int) -> Tensor:
    """The same picture, each pixel repeated until the longer side has at least `least` of them."""
    times = max(1, ceil(least / max(pixels.shape[:2])))
    return pixels.repeat_interleave(times, 0).repeat_interleave(times, 1)


def png(pixels: Tensor, palette: Tensor | None = None) -> str:
    """A PNG as a data URI: bytes (rows, columns, 3), or (rows, columns) with their colours."""
    rows, columns = pixels.shape[:2]
    if palette is not None and pixels.numel() < FEW:
        pixels, palette = palette[pixels.long()], None
    kind = 2 if palette is None else 3
    lines = torch.cat([torch.zeros(rows, 1, dtype=torch.uint8), pixels.reshape(rows, -1)], 1)
    head = struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines.numpy().tobytes(), 6)), (b"IEND", b"")]
    if palette is not None:
        parts.insert(1, (b"PLTE", palette.numpy().tobytes()))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)
    return f"data:image/png;base64,{b64encode(data).decode()}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check

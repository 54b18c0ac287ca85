"""What all pictures share: how a number, a rectangle, the head of an SVG and its colours are told.

Text and lines take JupyterLab's own colours where a picture stands in its page, so that both
themes can be read; elsewhere, and in a file, the dark fallback holds.
"""

import re
from html import escape
from typing import NamedTuple

INK = "var(--jp-ui-font-color1, #222222)"
PAPER = "var(--jp-layout-color1, #ffffff)"
_OF_THE_PAGE = re.compile(r"var\(--[a-z0-9-]+, ([^)]+)\)")


class Area(NamedTuple):
    """A rectangle: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


def px(value: float) -> str:
    """A coordinate to a tenth of a pixel, without needless zeros."""
    return f"{value:.1f}".removesuffix(".0")


def rect(area: Area) -> str:
    """The attributes of a rectangle."""
    x, y, width, height = map(px, area)
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'


def whole(area: Area, name: str, looks: str, body: str, *, card: bool) -> str:
    """A picture from what is in it; with `card` it is for a file, and names no page colours."""
    x, y, width, height = map(px, area)
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="{x} {y} {width} {height}" role="{"img" if card else "group"}" '
        f'aria-label="{escape(name)}" {looks}>{body}</svg>'
    )
    return _OF_THE_PAGE.sub(r"\1", text) if card else text

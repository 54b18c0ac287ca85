"""How the marks of the picture of one window look, and the small parts of its SVG."""

from html import escape

from .window_plan import Corner

INK, FAINT = "var(--jp-ui-font-color1, #222)", "var(--jp-ui-font-color2, #616161)"
FONTS = "var(--jp-ui-font-family, system-ui, sans-serif)"
WINDOW, _PIXEL, _NEGATIVE = "#d55e00", "#56b4e9", "#e69f00"  # Okabe and Ito's

UNREAD = f'fill="{FAINT}" fill-opacity="0.16"'
PADDING = f'fill="none" stroke="{FAINT}" stroke-dasharray="3 2" stroke-opacity="0.75"'
PAST = PADDING.replace("3 2", "1 3")
FRAME = f'fill="none" stroke="{FAINT}" stroke-opacity="0.5"'
MARK = f'fill="none" stroke="{WINDOW}" stroke-width="3"'
READ = f'fill="{WINDOW}" fill-opacity="0.3"'
RAY = f'class="ray" stroke="{WINDOW}" stroke-opacity="0.75"'
HEAD = 'font-size="14" font-weight="600"'
SMALL = f'font-size="11" fill="{FAINT}"'
MIDDLE = 'text-anchor="middle"'

# JupyterLab takes single letters as shortcuts where an element does not say otherwise.
FOCUSABLE = 'tabindex="-1" data-lm-suppress-shortcuts="true"'
STOP = FOCUSABLE.replace("-1", "0")


def shade(value: float, most: float) -> str:
    """The fill of a pixel: the more ink the larger the number; of another colour below 0."""
    share = min(abs(value) / most, 1) if most else 0
    color = _NEGATIVE if value < 0 else _PIXEL
    return f'fill="{color}" fill-opacity="{0.1 + 0.45 * share:.2f}"'


def tile(corner: Corner, side: int, look: str) -> str:
    """A pixel, a little smaller than its place."""
    (x, y), inner = corner, side - 2
    return f'<rect x="{x + 1}" y="{y + 1}" width="{inner}" height="{inner}" rx="2" {look}/>'


def box(x: float, y: float, width: float, height: float, look: str) -> str:
    """A rectangle."""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" {look}/>'


def text(x: float, y: float, words: str, more: str = "") -> str:
    """A line of words that begins, ends or has its middle at x."""
    return f'<text x="{x}" y="{y}" {more}>{escape(words)}</text>'


def hatch(x: int, y: int, side: int) -> str:
    """The path of three diagonals in a square."""
    half = side // 2
    rest = side - half
    return (
        f"M{x} {y + half}l{half} {-half}M{x} {y + side}l{side} {-side}"
        f"M{x + half} {y + side}l{rest} {-rest}"
    )

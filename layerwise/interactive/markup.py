"""HTML for two places: a live page, whose looks a style sheet gives, and a stored notebook.

A notebook's sanitizer removes style sheets and keeps style attributes, so there each element
carries its own look, and nothing can be pressed. Looks use no variables, backgrounds are
translucent and text has no colour: both of JupyterLab's themes stay readable.
"""

from dataclasses import dataclass
from html import escape

_CELL = "padding: 2px 10px; white-space: nowrap; text-align: {}; vertical-align: top"
LOOKS = {
    "totals": "display: flex; flex-wrap: wrap; gap: 6px 32px; margin: 0 0 10px",
    "total": "display: inline-block; min-width: 9.5em; margin: 0 12px 0 0; line-height: 1.35",
    "big": "font-size: 19px; font-weight: 600; white-space: nowrap",
    "small": "font-size: 12px; white-space: nowrap; opacity: 0.85",
    "delta": "background-color: rgba(213, 94, 0, 0.18); padding: 0 5px; border-radius: 3px",
    "code": "font-family: monospace; font-size: 13px; padding: 4px 8px; border-radius: 3px; "
    "background-color: rgba(128, 128, 128, 0.16); overflow-wrap: anywhere",
    "note": "margin: 8px 0; max-width: 48em; line-height: 1.5",
    "caption": "margin: 0 0 4px; font-size: 13px; opacity: 0.85",
    "layers": "border-collapse: collapse; font-size: 13px; margin: 0",
    "cell": _CELL.format("left"),
    "number": _CELL.format("right"),
    "why": "padding: 0 10px 4px 26px; font-size: 12px; text-align: left; white-space: normal; "
    "opacity: 0.85",
    "was": "opacity: 0.65; text-decoration: line-through; margin-right: 6px",
    "changed": "background-color: rgba(213, 94, 0, 0.18)",
    "failed": "background-color: rgba(204, 51, 17, 0.22); font-weight: 600",
    "faded": "opacity: 0.45",
}


def sheet() -> str:
    """The looks as rules of a style sheet."""
    return "".join(f".lab-{name} {{ {look} }}\n" for name, look in LOOKS.items())


@dataclass(frozen=True)
class Markup:
    """Makes elements, for a live page or for a stored notebook."""

    live: bool

    def element(self, tag: str, looks: str, content: str, **attributes: str) -> str:
        """An element with the `looks` of these names; `data_send` stands for data-send.

        `content` is HTML, the attributes are text.
        """
        names = looks.split()
        if self.live:
            look = {"class": " ".join(f"lab-{name}" for name in names)}
        else:
            look = {"style": "; ".join(LOOKS[name] for name in names if name in LOOKS)}
        told = {name: value for name, value in look.items() if value} | attributes
        text = "".join(f' {k.replace("_", "-")}="{escape(v)}"' for k, v in told.items())
        return f"<{tag}{text}>{content}</{tag}>"

    def button(self, looks: str, content: str, **attributes: str) -> str:
        """A button, or what stands on it where there is nothing to press."""
        return self.element("button", looks, content, **attributes) if self.live else content

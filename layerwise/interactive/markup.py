"""HTML for two places: a live page, whose looks a style sheet gives, and a stored notebook.

A notebook's sanitizer removes style sheets and keeps style attributes, so there each element
carries its own look, and nothing can be pressed.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path

SHEET = (Path(__file__).with_name("static") / "looks.css").read_text(encoding="utf-8")
_RULES = (line.partition(" { ") for line in SHEET.splitlines() if line.startswith(".lab-"))
_LOOKS = {name.removeprefix(".lab-"): look.removesuffix(" }") for name, _, look in _RULES}


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
            look = {"style": "; ".join(_LOOKS[name] for name in names if name in _LOOKS)}
        told = {name: value for name, value in look.items() if value} | attributes
        text = "".join(f' {k.replace("_", "-")}="{escape(v)}"' for k, v in told.items())
        return f"<{tag}{text}>{content}</{tag}>"

    def button(self, looks: str, content: str, **attributes: str) -> str:
        """A button, or what stands on it where there is nothing to press."""
        return self.element("button", looks, content, **attributes) if self.live else content

"""HTML for two places: a live page, whose looks a style sheet gives, and a stored notebook.

A notebook's sanitizer removes style sheets and keeps style attributes, so there each element
carries its own look, and nothing can be pressed.
"""

import re
from functools import lru_cache
from html import escape
from pathlib import Path

SHEET = (Path(__file__).with_name("static") / "looks.css").read_text(encoding="utf-8")
_LOOKS = dict(re.findall(r"^\.(lab-\w+) { (.*) }$", SHEET, re.MULTILINE))
_CLASSES = re.compile(' class="([^"]*)"')
_LIVE = re.compile(' (?:data-[a-z]+|tabindex)="[^"]*"')
_BUTTON = re.compile("<button( data-copy)?[^>]*>(.*?)</button>")


def element(tag: str, looks: str, content: str, **attributes: str) -> str:
    """An element with the `looks` of these names; `data_send` stands for data-send.

    `content` is HTML, the attributes are text.
    """
    classes = " ".join(f"lab-{name}" for name in looks.split())
    told = ({"class": classes} if classes else {}) | attributes
    text = "".join(f' {k.replace("_", "-")}="{escape(v)}"' for k, v in told.items())
    return f"<{tag}{text}>{content}</{tag}>"


def stored(html: str) -> str:
    """A live page as a notebook's file keeps it: no buttons, and each look in its element."""
    words = _BUTTON.sub(lambda found: "" if found[1] else found[2], html)
    return _CLASSES.sub(lambda found: _style(found[1]), _LIVE.sub("", words))


@lru_cache(256)
def _style(classes: str) -> str:
    looks = [_LOOKS[name] for name in classes.split() if name in _LOOKS]
    return f' style="{"; ".join(looks)}"' if looks else ""

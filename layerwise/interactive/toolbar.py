"""The buttons under the controls: undo, redo, reset, pin, the line that restores, the presets."""

from collections.abc import Iterable
from html import escape

from .markup import element


def html(
    ways: dict[str, bool], *, pinned: bool, preset: str, presets: Iterable[str], line: str
) -> str:
    """The buttons; `ways` tells which of undo, redo, reset and pin lead anywhere.

    `preset` is the name of the present setting, "" if it has none, and `line` the code that
    restores it.
    """
    buttons = [
        _button("undo", "Undo", "Back to the setting before (Ctrl+Z)", ways["undo"]),
        _button("redo", "Redo", "Forth again (Ctrl+Shift+Z)", ways["redo"]),
        _button("reset", "Reset", "Back to the setting at the start", ways["reset"]),
        _pin(pinned=pinned, works=ways["pin"]),
        element("button", "", "Copy setting", data_copy=line, title=f"Copy the line {line}"),
    ]
    return f"<div>{''.join(buttons)}</div>" + _menu(preset, list(presets))


def _button(sent: str, words: str, told: str, works: bool, **more: str) -> str:
    off = {} if works else {"aria_disabled": "true"}
    return element("button", "", words, data_send=sent, title=told, **off, **more)


def _pin(*, pinned: bool, works: bool) -> str:
    if pinned:
        return _button("pin", "Unpin", "Compare with the start again", works=True)
    return _button("pin", "Pin", "Compare what you do next with this setting", works)


def _menu(preset: str, presets: list[str]) -> str:
    """A menu of the presets; nothing where there are none."""
    if not presets:
        return ""
    named = [_option(name, chosen=name == preset) for name in presets]
    options = _option("", chosen=not preset) + "".join(named)
    return "Preset " + element("select", "", options, data_send="preset", aria_label="Preset")


def _option(name: str, *, chosen: bool) -> str:
    told = {"selected": ""} if chosen else {}
    return element("option", "", escape(name or "–"), value=name, **told)

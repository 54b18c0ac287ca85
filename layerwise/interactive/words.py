"""A choice in words: "VGG-16", not ((2, 64), (2, 128), …)."""

from collections.abc import Mapping
from typing import Any

from ipywidgets import fixed

Named = list[tuple[str, object]]  # the options of a control: what it is called, and what it is


class Words:
    """What the values of each choice are called."""

    def __init__(self, controls: Mapping[str, Any]) -> None:
        self._options: dict[str, Named] = {
            name: list(control._options_full)  # noqa: SLF001  ipywidgets has no public name for it
            for name, control in controls.items()
            if not isinstance(control, fixed) and hasattr(control, "_options_full")
        }

    def say(self, name: str, value: object) -> str:
        """What a value of a choice is called."""
        options = self._options.get(name, [])
        return next((said for said, option in options if _same(option, value)), shown(value))

    def meant(self, name: str, given: object) -> object:
        """The value that `given` stands for: itself, or the one that is called so."""
        options = self._options.get(name, [])
        if any(_same(option, given) for _, option in options):
            return given
        return next((option for said, option in options if said == given), given)

    def called(self, name: str, value: object) -> str | None:
        """The name that the caller of the lab gave to a value; None if it has none of its own."""
        said = self.say(name, value)
        return said if said not in {shown(value), repr(value)} else None

    def code(self, name: str, value: object) -> str:
        """What `Lab.set` takes for a value: its name where it has one, else the value."""
        named = self.called(name, value) is not None or hasattr(value, "__qualname__")
        return repr(self.say(name, value)) if named else repr(value)


def shown(value: object) -> str:
    """A value as a person reads it: ((1, 64), (2, 128)) -> "1×64, 2×128", True -> "on"."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (tuple, list)):
        if value and all(isinstance(part, (tuple, list)) for part in value):
            return ", ".join("×".join(map(str, part)) for part in value)
        return ", ".join(map(str, value))
    return getattr(value, "__name__", None) or str(value)


def literal(value: Any) -> str:
    """A value as it is written in code: a class by its name, all else as Python prints it."""
    return getattr(value, "__qualname__", None) or repr(value)


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other

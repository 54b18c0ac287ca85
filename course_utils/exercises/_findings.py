"""What a check finds, as data; `_words` makes sentences of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what kind of thing, its name for a class's table, and the facts."""

    kind: str  # which template of `_words` tells it
    name: str  # "missing ReLU", "padding", …
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make.

    `says` is told where an answer does exactly what this one does; without it, the comparison
    with the reference has to find the mistake by itself, and `adds` follows what it says.
    """

    name: str
    changes: tuple[tuple[str, str], ...] = ()  # of the reference: old text, new text
    code: str = ""  # in place of changes
    says: str = ""
    adds: str = ""

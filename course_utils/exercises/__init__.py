"""Exercises that answer: a check names the mistake. Lessons are imported on first use."""
# ruff: noqa: F401, PLE0604

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from ._exercise import LISTENERS, Exercise, Verdict
from ._record import WhereYouAre, forget, note

if TYPE_CHECKING:  # so that an editor completes them
    from . import (
        after_resnet,
        alexnet,
        batch_norm,
        googlenet,
        nin,
        resnet,
        resnet_family,
        vgg,
    )

LESSONS = (
    *("alexnet", "vgg", "nin", "googlenet", "batch_norm"),
    *("resnet", "resnet_family", "after_resnet"),
)
__all__ = [
    *("LESSONS", "LISTENERS", "Exercise", "Verdict", "all", "forget", "where_you_are"),
    *LESSONS,
]
LISTENERS.append(note)


def all() -> list[Exercise]:  # noqa: A001  its name is part of the contract
    """Every exercise, in the order of the lessons."""
    modules = (import_module(f".{lesson}", __name__) for lesson in LESSONS)
    return [one for module in modules for one in vars(module).values() if isinstance(one, Exercise)]


def where_you_are() -> WhereYouAre:
    """Which exercises were right on this machine; `forget()` clears it."""
    return WhereYouAre(all())


def __getattr__(name: str) -> ModuleType:
    if name not in LESSONS:
        raise AttributeError(f"exercises has no {name!r}; it has {', '.join(LESSONS)}")
    return import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted(__all__)

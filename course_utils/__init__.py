"""What the lessons share: networks, data, training. Names are imported on first use."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that an editor completes them
    from . import nets
    from .data import best_device, digits, fashion_mnist
    from .training import evaluate, fit

_HOME = {
    "digits": "data",
    "fashion_mnist": "data",
    "best_device": "data",
    "fit": "training",
    "evaluate": "training",
}
__all__ = ["best_device", "digits", "evaluate", "fashion_mnist", "fit", "nets"]


def __getattr__(name: str) -> object:
    if name == "nets":
        return import_module(".nets", __name__)
    if name not in _HOME:
        raise AttributeError(f"course_utils has no {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

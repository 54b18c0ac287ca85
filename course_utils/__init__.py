"""Modern CNNs, layer by layer: the tools behind the lessons. Names are imported on first use."""

from importlib import import_module

_HOME = {
    "trace": "tracing",
    "Trace": "tracing",
    "Step": "tracing",
    "TraceError": "tracing",
    "ShapeError": "rules",
    "print_shapes": "views",
    "explain": "explaining",
    "table": "views",
    "draw": "diagram",
    "lab": "live.lab",
    "diagnose": "diagnosis",
    "digits": "data",
    "fashion_mnist": "data",
    "fit": "training",
    "evaluate": "training",
    "best_device": "training",
}
_MODULES = {"nets", "rules"}

__all__ = [*_HOME, "nets"]  # noqa: PLE0604  names and homes stand in one place


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"course_utils has no {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

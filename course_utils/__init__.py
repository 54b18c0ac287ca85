"""What the lessons share: networks, data, training, figures. Names are imported on first use."""
# ruff: noqa: F401, PLE0605

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that an editor completes them
    from . import exercises, nets, recorded, tasks
    from .data import best_device, digits, fashion_mnist, photograph
    from .experiments import at_full_size, initialize, print_runs, runs
    from .plotting import (
        plot_confusion,
        plot_costs,
        plot_lines,
        plot_runs,
        show,
        show_images,
        use_style,
    )
    from .prediction import predict
    from .training import evaluate, fit

_NAMES = {  # module -> its public names; a module with none is one itself
    "data": "best_device digits fashion_mnist photograph",
    "experiments": "at_full_size initialize print_runs runs",
    "exercises": "",
    "nets": "",
    "plotting": "plot_confusion plot_costs plot_lines plot_runs show show_images use_style",
    "prediction": "predict",
    "recorded": "",
    "tasks": "",
    "training": "evaluate fit",
}
_HOME = {name: module for module, names in _NAMES.items() for name in (names or module).split()}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"course_utils has no {name!r}; it has {', '.join(__all__)}")
    module = import_module(f".{_HOME[name]}", __name__)
    value = module if name == _HOME[name] else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

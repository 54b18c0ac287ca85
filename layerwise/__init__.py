"""See through any PyTorch network, layer by layer. Names are imported on first use."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that an editor completes them
    from .diagnosis.report import diagnose
    from .diagram.drawing import draw
    from .interactive.live_lab import lab
    from .interactive.live_look import look
    from .interactive.tasks import Task
    from .operations.shapes import ShapeError
    from .tracing.meta_copy import TraceError
    from .tracing.records import Step, Trace
    from .tracing.tracer import trace
    from .views.explanation import explain
    from .views.layer_table import print_shapes, table

_HOME = {
    "trace": "tracing.tracer",
    "Trace": "tracing.records",
    "Step": "tracing.records",
    "TraceError": "tracing.meta_copy",
    "ShapeError": "operations.shapes",
    "print_shapes": "views.layer_table",
    "explain": "views.explanation",
    "table": "views.layer_table",
    "draw": "diagram.drawing",
    "lab": "interactive.live_lab",
    "look": "interactive.live_look",
    "Task": "interactive.tasks",
    "diagnose": "diagnosis.report",
}
__all__ = [
    "ShapeError",
    "Step",
    "Task",
    "Trace",
    "TraceError",
    "diagnose",
    "draw",
    "explain",
    "lab",
    "look",
    "print_shapes",
    "table",
    "trace",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"layerwise has no {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

"""An error read once, where it is caught, into a `Failure`; nobody touches the error after that."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from layerwise.operations.kinds import Merge
from layerwise.operations.registry import find

from . import error_facts, source_lines
from .module_tree import is_layer
from .recorder import FailedOperation, RunError
from .records import Failure


def of_input(error: Exception) -> Failure:
    """What was given as the input, or as a choice, cannot be used."""
    return Failure("input", type(error).__name__, _message(error))


def of_build(error: Exception, build: Callable) -> Failure:
    """The builder itself failed: in the constructor of a layer of PyTorch's, or elsewhere."""
    with _read(error):
        layer, settings = _failed_constructor(error)
        return Failure(
            "build",
            type(error).__name__,
            _message(error),
            layer=layer,
            settings=settings,
            line=source_lines.last_line(error) or source_lines.first_line(build),
            facts=error_facts.read(error, build),
        )


def of_run(failed: RunError) -> Failure:
    """The forward failed, in a layer or in the student's own code."""
    error, module, attempt = failed.error, failed.module, failed.attempt
    with _read(error):
        return Failure(
            "run",
            type(error).__name__,
            _message(error),
            failed.path,
            type(module).__name__,
            not is_layer(module),
            settings=_settings(module, attempt, error),
            expected=getattr(error, "expected", None),
            got=getattr(error, "got", None),
            line=source_lines.last_line(error) or source_lines.first_line(type(module).forward),
            facts=error_facts.read(error) | _no_tensor_facts(error, module, attempt),
            **(_attempt_fields(attempt) if attempt else {}),
        )


@contextmanager
def _read(error: Exception) -> Iterator[None]:
    """Afterwards the error lets go of the frames it came through, and of the networks in them.

    They hold the error in turn: in a ring, only a collection of garbage would free them. Its
    `__context__` may be an error that the caller is handling, and stays as it is.
    """
    yield
    error.__traceback__ = None


def _attempt_fields(attempt: FailedOperation) -> dict[str, Any]:
    return {
        "function": attempt.function,
        "inputs": attempt.inputs,
        "sources": attempt.sources,
        "shapes": tuple(tuple(tensor.shape) for tensor in attempt.tensors),
        "dtypes": tuple(str(t.dtype).removeprefix("torch.") for t in attempt.tensors),
        "arguments": tuple(_setting_or_class_name(argument) for argument in attempt.args[1:]),
    }


def _no_tensor_facts(
    error: Exception, module: nn.Module, attempt: FailedOperation | None
) -> dict[str, Any]:
    """The facts of what stands where a tensor is due, as in `error_facts.value`; {} if none."""
    given = _first_argument(error, module)
    entry = attempt and find(attempt.function)
    if attempt and isinstance(given, Tensor) and not (entry and entry.merge is Merge.CONCAT):
        operands = attempt.args[: 2 if entry and entry.kind.merges else 1]
        odd = (a for a in operands if not isinstance(a, (Tensor, int, float, complex, str)))
        given = next(odd, given)
    if isinstance(given, Tensor):
        return {}
    return {"mistake": "no tensor", "none": given is None} | error_facts.value(error, given)


def _first_argument(error: Exception, module: nn.Module) -> object:
    """The first argument of the forward of a layer, a tensor if no layer's was reached."""
    code = getattr(type(module).forward, "__code__", None) if is_layer(module) else None
    for frame, _ in source_lines.frames(error):
        mine = frame.f_code is code and frame.f_locals.get("self") is module
        if code and mine and code.co_argcount > 1:
            return frame.f_locals.get(code.co_varnames[1])
    return Tensor()


def _setting_or_class_name(value: Any) -> Any:
    """A setting as it is; of anything larger, its class."""
    if isinstance(value, (int, float, str, bool)) or value is None:
        return value
    if isinstance(value, (tuple, list)):
        return tuple(map(_setting_or_class_name, value))
    return type(value).__name__


def _settings(module: nn.Module, attempt: FailedOperation | None, error: Exception) -> Mapping:
    """The settings with which the failing layer or operation was called."""
    if is_layer(module):
        return {name: value for name, value in vars(module).items() if _is_setting(value)}
    entry = attempt and find(attempt.function)
    if entry and attempt and entry.rule:
        try:
            given = inspect.signature(entry.rule).bind(*attempt.args, **attempt.kwargs).arguments
        except TypeError:
            return {}
        return {name: value for name, value in given.items() if _is_setting(value)}
    for frame, _ in reversed(source_lines.frames(error)):  # as PyTorch's own function had them
        if frame.f_globals.get("__name__") == "torch.nn.functional":
            return {name: v for name, v in frame.f_locals.items() if _is_setting(v)}
    return {}


def _is_setting(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_setting, value))
    return value is None or isinstance(value, (int, float, str, bool))


def _failed_constructor(error: Exception) -> tuple[str, Mapping]:
    """Class and arguments of the torch layer whose constructor raised `error`, if one did."""
    found: list[tuple[str, Mapping]] = []
    for frame, _ in source_lines.frames(error):
        code, names = frame.f_code, frame.f_locals
        made = names.get("self")
        in_torch = code.co_name == "__init__" and code.co_filename.startswith(source_lines.TORCH)
        if in_torch and isinstance(made, nn.Module) and code is not nn.Module.__init__.__code__:
            count = code.co_argcount + code.co_kwonlyargcount
            given = {name: names[name] for name in code.co_varnames[1:count] if name in names}
            found.append((type(made).__name__, given))
    told = [(kind, given) for kind, given in found if given]  # LSTM passes all on to RNNBase
    return (told or found or [("", {})])[0]


def _message(error: Exception) -> str:
    """The first line of what it says, without PyTorch's list of all else that it could take."""
    if isinstance(error, KeyError) and error.args and " " not in str(error.args[0]):
        return f"there is no {error.args[0]!r}"
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    text = text.strip().split("\n")[0].split(", but expected one of")[0]
    return text.rstrip(".!: ") or "it has no message"

"""Call a student's builder and trace what it returns, as fast as a slider moves.

Only shapes matter here, so the network is built on the meta device and its weights are not
initialized. A builder or a forward that reads values gets a network with numbers, built again
on the CPU.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from layerwise.operations.rules import Shape

from .tracer import Trace, TraceError, attempt, undisturbed

Builder = Callable[..., nn.Module]

_FILLS = frozenset({"uniform_", "normal_", "trunc_normal_", "fill_", "zero_", "copy_"})


class NotANetworkError(TypeError):
    """A builder returned something else than an nn.Module."""


def run(
    build: Builder, input_shape: Shape, choices: Mapping
) -> tuple[Trace | None, Exception | None]:
    """Build with `choices` and trace on `input_shape`: the trace as far as it came, and the error.

    A choice called `input_size` sets the rows and columns of the input; the builder gets it too
    if it has a parameter of that name. The trace is None where the builder itself failed.
    """
    try:
        shape = sized(input_shape, choices.get("input_size"))
        arguments = accepted(build, choices)
    except (TypeError, ValueError) as error:
        return None, error
    for maker in (_on_meta, _on_cpu):  # on meta it may fail only for want of numbers
        try:
            return attempt(maker(build, arguments), shape)
        except Exception as error:  # noqa: BLE001  the student's own, whatever it is
            problem = error
        if not _for_want_of_numbers(problem):
            break
    return None, problem


def network(build: Builder, choices: Mapping) -> nn.Module:
    """The network alone, on the meta device unless its builder reads values."""
    arguments = accepted(build, choices)
    try:
        return _on_meta(build, arguments)
    except Exception as error:
        if not _for_want_of_numbers(error):
            raise
    return _on_cpu(build, arguments)


def _for_want_of_numbers(error: BaseException) -> bool:
    """Whether it can be the fault of the meta device, which PyTorch's messages then name."""
    while error is not None:
        if isinstance(error, (TraceError, NotImplementedError)) or "meta" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def sized(input_shape: Shape, size: int | tuple[int, int] | None) -> Shape:
    """`input_shape` with its rows and columns set to `size`; None leaves it as it is."""
    if size is None:
        return input_shape
    axes = len(input_shape) - 2
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * axes
    if axes < 1 or len(sizes) != axes:
        raise ValueError(
            f"an input_size of {size} sets the last axes of the input, but the input shape is "
            f"{input_shape}: give one of batch, channels, rows and columns"
        )
    return (*input_shape[:2], *sizes)


def accepted(build: Builder, choices: Mapping) -> dict:
    """The choices that go to the builder: all but an `input_size` that it does not ask for."""
    given = dict(choices)
    if "input_size" in given:
        parameters = inspect.signature(build).parameters.values()
        if not any(p.name == "input_size" or p.kind is p.VAR_KEYWORD for p in parameters):
            del given["input_size"]
    return given


def _on_meta(build: Builder, arguments: dict) -> nn.Module:
    with undisturbed(), torch.device("meta"), Unfilled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element")  # a layer of 0 channels
        return _checked(build(**arguments), build)


def _on_cpu(build: Builder, arguments: dict) -> nn.Module:
    with undisturbed():
        return _checked(build(**arguments), build)


def _checked(made: object, build: Builder) -> nn.Module:
    name = getattr(build, "__name__", "The builder")
    if isinstance(made, nn.Module):
        return made
    if made is None:
        raise NotANetworkError(f"{name} returns nothing: its last line must be `return net`")
    if isinstance(made, type) and issubclass(made, nn.Module):
        raise NotANetworkError(
            f"{name} returns the class {made.__name__}, not a network: call it, {made.__name__}()"
        )
    raise NotANetworkError(f"{name} must return a network (nn.Module), not {made!r:.60}")


class Unfilled(TorchFunctionMode):
    """Skips the initialization of weights, which a run on shapes never reads."""

    def __torch_function__(self, func: Callable, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        if getattr(func, "__name__", "") in _FILLS and isinstance(args[0], torch.Tensor):
            return args[0]
        return func(*args, **(kwargs or {}))

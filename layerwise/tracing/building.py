"""Call a student's builder and trace what it returns, as fast as a slider moves.

Only shapes matter here, so the network is built on the meta device and its weights are not
initialized. A builder or a forward that reads values gets a network with numbers, built again
on the CPU.
"""

import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.utils._device import DeviceContext
from torch.utils.hooks import RemovableHandle

from layerwise.operations.shapes import Shape

from . import failures, inputs
from .meta_copy import TraceError, unwrapped
from .operands import Seeded
from .records import Outcome
from .tracer import trace_or_fail, undisturbed

Builder = Callable[..., nn.Module]

_METHODS = "uniform_", "normal_", "fill_", "zero_", "copy_"
_FILLS = frozenset(
    [value for name, value in vars(nn.init).items() if name.endswith("_") and callable(value)]
    + [getattr(Tensor, name) for name in _METHODS]
)


class NotANetworkError(TypeError):
    """A builder returned something else than an nn.Module."""


def run(build: Builder, given: Any, choices: Mapping) -> Outcome:
    """Build with `choices` and trace on the input `given`; nothing that goes wrong is raised.

    A choice called `input_size` sets the rows and columns of the input; the builder gets it too
    if it has a parameter of that name. The trace is None where the builder itself failed.
    """
    try:
        given = sized(given, choices.get("input_size"))
        passed = accepted(build, choices)
    except (TypeError, ValueError) as error:
        return Outcome(None, failures.of_input(error))
    with undisturbed(torchs=False):
        outcome, retry = _tried(_on_meta, build, given, passed)
    return _tried(_on_cpu, build, given, passed)[0] if retry else outcome


def _tried(maker: Callable, build: Builder, given: Any, passed: dict) -> tuple[Outcome, bool]:
    """What it came to, and whether it failed for want of numbers."""
    parameters: list[nn.Parameter] = []
    try:
        with _noted(parameters):
            net = maker(build, passed)
    except Exception as error:  # noqa: BLE001  the student's own, whatever it is
        return Outcome(None, failures.of_build(error, build)), _wants_numbers(error)
    try:
        made = inputs.read(unwrapped(net), *arguments(given))
    except TypeError as error:
        return Outcome(None, failures.of_input(error)), False
    try:
        return replace(trace_or_fail(net, made), net=net, made=parameters), False
    except TraceError as error:
        return Outcome(None, failures.of_build(error, build)), True


def _noted(parameters: list[nn.Parameter]) -> RemovableHandle:
    """In a `with`: append each parameter that a module gets in this thread."""
    here = threading.get_ident()

    def note(_module: nn.Module, _name: str, new: nn.Parameter) -> None:
        if threading.get_ident() == here:
            parameters.append(new)

    return register_module_parameter_registration_hook(note)


def check_call(build: object, given: Any, caller: str) -> None:
    """Raise TypeError, in the name of `caller`, for what builds no network or is no input."""
    needs = f"{caller} needs a function that builds a network"
    if isinstance(build, nn.Module):
        name = type(build).__name__
        raise TypeError(f"{needs}, such as lambda: {name}(...), not the network itself")
    if not callable(build):
        raise TypeError(f"{needs}, not {build!r:.60}")
    if isinstance(given, (int, tuple)) and not shape_of(given):
        raise TypeError(f"{inputs.FORMS}, not {given}")
    if hasattr(given, "dtype") and not isinstance(given, Tensor):
        right = f"give its shape, {tuple(given.shape)}, or torch.from_numpy(it)"
        raise TypeError(f"the input is of type {type(given).__name__}: {right}")
    args, kwargs = arguments(given)
    inputs.read(nn.Identity(), args, kwargs)


def arguments(given: Any) -> tuple[tuple, dict]:
    """Positional and keyword arguments: a dict is keywords, a list of inputs several."""
    if isinstance(given, dict):
        return (), given
    several = isinstance(given, list) and not inputs.is_shape(given)
    return (tuple(given) if several else (given,)), {}


def network(build: Builder, choices: Mapping) -> nn.Module:
    """The network alone, on the meta device unless its builder reads values."""
    passed = accepted(build, choices)
    try:
        return _on_meta(build, passed)
    except Exception as error:
        if not _wants_numbers(error):
            raise
    return _on_cpu(build, passed)


def with_weights(build: Builder, choices: Mapping, seed: int = 0) -> nn.Module:
    """The network on the CPU, its weights initialized; the same each time, for the same choices.

    PyTorch's own random state is not touched, so that this may run beside a student's cells.
    """
    with Seeded(seed):
        return _checked(build(**accepted(build, choices)), build)


def _wants_numbers(error: BaseException | None) -> bool:
    """Whether it can be the fault of the meta device, which PyTorch's messages then name."""
    while error is not None:
        if isinstance(error, (TraceError, NotImplementedError)) or "meta" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def shape_of(given: Any) -> Shape:
    """The shape of the input, of the first where there are several; () where it has none."""
    if inputs.is_shape(given):
        return tuple(given)
    if isinstance(given, Tensor):
        return tuple(given.shape)
    parts = list(given.values()) if isinstance(given, Mapping) else given
    return shape_of(parts[0]) if isinstance(parts, (tuple, list)) and parts else ()


def sized(given: Any, size: int | tuple[int, int] | None) -> Any:
    """The input with its rows and columns set to `size`; None leaves it as it is."""
    if size is None:
        return given
    if isinstance(given, Tensor):
        return torch.empty(sized(tuple(given.shape), size), dtype=given.dtype, device="meta")
    if not inputs.is_shape(given):
        if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], torch.dtype):
            return (sized(given[0], size), given[1])
        raise ValueError("an input_size can change one input only, given as a shape or a tensor")
    axes = len(given) - 2
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * axes
    if not inputs.is_shape(sizes):
        raise ValueError(f"an input_size is a whole number, or one for each axis, not {size!r:.60}")
    if axes < 1 or len(sizes) != axes:
        raise ValueError(
            f"an input_size of {size} sets the last axes of the input, but the input shape is "
            f"{given}: give one of batch, channels, rows and columns"
        )
    return (*given[:2], *sizes)


def accepted(build: Builder, choices: Mapping) -> dict:
    """The choices that go to the builder: all but an `input_size` that it does not ask for."""
    given = dict(choices)
    if "input_size" in given:
        parameters = inspect.signature(build).parameters.values()
        if not any(p.name == "input_size" or p.kind is p.VAR_KEYWORD for p in parameters):
            del given["input_size"]
    return given


def _on_meta(build: Builder, passed: dict) -> nn.Module:
    with undisturbed(torchs=False), Unfilled("meta"):
        return _checked(build(**passed), build)


def _on_cpu(build: Builder, passed: dict) -> nn.Module:
    with undisturbed():
        return _checked(build(**passed), build)


def _checked(made: object, build: Builder) -> nn.Module:
    name = getattr(build, "__name__", "The builder")
    if isinstance(made, nn.Module):
        list(made.modules())  # raises where a module has not called super().__init__()
        return made
    if made is None:
        raise NotANetworkError(f"{name} returns nothing: its last line must be `return net`")
    if isinstance(made, type) and issubclass(made, nn.Module):
        raise NotANetworkError(
            f"{name} returns the class {made.__name__}, not a network: call it, {made.__name__}()"
        )
    raise NotANetworkError(f"{name} must return a network (nn.Module), not {made!r:.60}")


class Unfilled(DeviceContext):
    """As `with torch.device(...)`, but weights are not initialized: a run on shapes reads none.

    One mode for both: PyTorch asks it at some thousand calls while a network is built.
    """

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in _FILLS:
            return args[0] if args else (kwargs or {})["tensor"]
        return super().__torch_function__(func, types, args, kwargs)

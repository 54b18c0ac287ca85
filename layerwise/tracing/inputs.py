"""What a caller gives as the input of a network, and the tensors that stand for it."""

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from layerwise.operations.shapes import Shape

from .dispatch import mapped, tensors_in
from .meta_copy import like

FORMS = (
    "an input is a shape, such as (1, 3, 224, 224), a shape with its type, such as "
    "((1, 20), torch.int64), a tensor, or a dict or list of these"
)


class Inputs(NamedTuple):
    """Positional and keyword arguments for a network, every tensor on the meta device."""

    args: tuple
    kwargs: dict

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shapes of every tensor among them, in order."""
        return tuple(tuple(tensor.shape) for tensor in tensors_in((self.args, self.kwargs)))

    def real(self, device: torch.device) -> "Inputs":
        """The same with numbers: random, or zeros for whole numbers."""
        source = torch.Generator().manual_seed(0)

        def filled(tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point():
                return torch.zeros(tensor.shape, dtype=tensor.dtype, device=device)
            return torch.rand(tensor.shape, generator=source).to(device, tensor.dtype)

        return Inputs(mapped(filled, self.args), mapped(filled, self.kwargs))


def is_shape(given: object) -> bool:
    """Whether it is a tuple or list of sizes."""
    return isinstance(given, (tuple, list)) and all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in given
    )


def checked_net(net: object) -> None:
    """Raise TypeError for what is no network, saying what to write."""
    if isinstance(net, nn.Module):
        return
    name = getattr(net, "__name__", "")
    if isinstance(net, type) and issubclass(net, nn.Module):
        raise TypeError(f"{name} is a class, not a network (nn.Module): call it, {name}()")
    if callable(net):
        raise TypeError(
            f"{name or 'this'} is a function, not a network (nn.Module): if it builds one, trace "
            f"what it returns, {name}()"
        )
    raise TypeError(f"a network (nn.Module) is needed, not {type(net).__name__}")


def read(net: nn.Module, args: tuple, kwargs: Mapping) -> Inputs:
    """The inputs as meta tensors. Raises TypeError for what is no input, and for too few."""
    if args and all(type(given) is int for given in args):
        raise TypeError(f"write the shape as one tuple: {args}, not its numbers one by one")
    floating = (p.dtype for p in net.parameters() if p.is_floating_point())
    dtype = next(floating, torch.float32)
    made = Inputs(
        tuple([_standing(given, dtype) for given in args]),
        {name: _keyword(given, dtype) for name, given in kwargs.items()},
    )
    _check_count(net, made)
    return made


def _keyword(given: object, dtype: torch.dtype) -> Any:
    """A keyword may also be a setting: a number, a name, True, None."""
    if given is None or isinstance(given, (bool, int, float, str)):
        return given
    return _standing(given, dtype)


def _standing(given: object, dtype: torch.dtype) -> Any:
    """What stands for one input in a run on shapes alone."""
    if isinstance(given, Tensor):
        return like(given)
    if is_shape(given):
        return torch.empty(tuple(given), dtype=dtype, device="meta")  # type: ignore[arg-type]
    if isinstance(given, (tuple, list)):
        if 0 < len(given) < 9 and all(isinstance(n, (int, float)) for n in given):
            raise TypeError(f"{FORMS}, not {tuple(given)}: sizes are whole numbers from 0 up")
        if len(given) == 2 and isinstance(given[1], torch.dtype) and is_shape(given[0]):
            return torch.empty(tuple(given[0]), dtype=given[1], device="meta")
        return type(given)([_standing(part, dtype) for part in given])
    if isinstance(given, Mapping):
        return {name: _standing(part, dtype) for name, part in given.items()}
    raise TypeError(f"{FORMS}, not {_described(given)}")


def _described(given: object) -> str:
    kind = type(given).__name__
    if hasattr(given, "shape") and hasattr(given, "dtype"):
        return f"a {kind}: give its shape, {tuple(given.shape)}, or torch.from_numpy(it)"
    if isinstance(given, (int, float, str, bool)) or given is None:
        return repr(given)[:60]
    return f"a {kind}"


def _check_count(net: nn.Module, made: Inputs) -> None:
    """Raise TypeError where nothing was given and the forward of the network asks for it."""
    if made.args or made.kwargs:
        return
    parameters = list(inspect.signature(type(net).forward).parameters.values())[1:]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p.name for p in parameters if p.kind in positional and p.default is p.empty]
    if needed:
        example = ", ".join(["(1, 3, 224, 224)"] * len(needed))
        raise TypeError(
            f"the forward of {type(net).__name__} reads {' and '.join(needed)}: give the shape of "
            f"each input, such as trace(net, {example})"
        )

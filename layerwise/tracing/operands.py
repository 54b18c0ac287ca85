"""The tensors of a run that are not its own: made by the forward, or reached behind its back.

A forward may make tensors (`torch.zeros(4)`), fill them, and reach the network itself or others
through a lambda or a global. In a run on shapes alone all of these have to meet meta tensors, and
nothing that existed before may change.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

from layerwise.operations.registry import find

from . import dispatch
from .accounting import Accounts
from .dispatch import public, tensors_in
from .meta_copy import Memo, without_numbers

FEW = 4096  # numbers; a tensor that a forward makes with more is made without them
_RANDOM = frozenset({torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal})
_DRAWS = frozenset({"uniform_", "normal_", "bernoulli_", "exponential_", "random_"})
_factories = cache(_device_constructors)


class Operands:
    """What a run reads and writes beside its inputs.

    `copies` tells what became of each object of the network, which is never touched itself.
    """

    def __init__(self, net: nn.Module, copies: Memo, accounts: Accounts, real: bool) -> None:
        self._copies, self._accounts, self._real = copies, accounts, real
        self._own: dict[int, Tensor] = {}  # what this run itself made, and may write to
        self._metas: dict[int, tuple[Tensor, Tensor]] = {}  # of tensors that are not meta
        self._generator: torch.Generator | None = None
        if real:
            self._own = {id(t): t for t in (*net.parameters(), *net.buffers())}

    def new(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        """What an operation without a tensor makes: `torch.zeros(4)`."""
        if self._real:
            return self.remember(func(*args, **kwargs))
        if func in _factories() and kwargs.get("device") is None:
            made = func(*args, **{**kwargs, "device": "meta"})
            if made.numel() > FEW:
                return made
        if func in _RANDOM and kwargs.get("generator") is None:
            self._generator = self._generator or torch.Generator().manual_seed(0)
            kwargs = {**kwargs, "generator": self._generator}  # PyTorch's own is everybody's
        return self.remember(func(*args, **kwargs))

    def remember(self, result: Any) -> Any:
        """The result, remembered as made in this run."""
        self._own.update({id(tensor): tensor for tensor in tensors_in((result,))})
        return result

    def may_write(self, target: object) -> bool:
        """Whether it was made in this run, or is a view of such."""
        return id(target) in self._own or id(getattr(target, "_base", None)) in self._own

    def on_numbers(
        self, func: Callable, name: str, args: tuple, kwargs: dict, tensors: list[Tensor]
    ) -> Any:
        """An operation on tensors with numbers, in a run on shapes alone."""
        entry = find(public(name))
        with dispatch.rng_kept():  # a list of the operations that draw would never be complete
            if entry and entry.kind in dispatch.MULTIPLYING:
                output, macs = dispatch.counted(func, args, kwargs)
                self._accounts.pass_on(tensors, tensors_in((output,)), macs)
                return self.remember(output)
            return self.remember(func(*args, **kwargs))

    def joined(
        self, name: str, args: tuple, kwargs: dict, tensors: list, made: dict
    ) -> tuple[tuple, dict, list]:
        """The arguments with the copy's tensors for the network's, and meta ones for all.

        Where no meta tensor is among them, they stay as they are; `made` holds what comes from
        the input.
        """
        ours = [self._copies.get(id(tensor), tensor) for tensor in tensors]
        if self._real:
            swapped = {id(a): b for a, b in zip(tensors, ours, strict=True)}
        elif any(tensor.is_meta or self._is_filled(tensor, made) for tensor in ours):
            swapped = {id(a): self.meta_of(b) for a, b in zip(tensors, ours, strict=True)}
        else:
            return args, kwargs, tensors
        for index in tensors_in(args[1:2]) if name in ("__getitem__", "__setitem__") else ():
            if not self._is_filled(index, made):
                swapped[id(index)] = index  # its numbers are known, and name the places
        args = dispatch.mapped(lambda tensor: swapped[id(tensor)], args)
        kwargs = dispatch.mapped(lambda tensor: swapped[id(tensor)], kwargs)
        return args, kwargs, tensors_in((args, kwargs))

    def _is_filled(self, tensor: Tensor, made: dict) -> bool:
        """Whether what comes from the input was written into this tensor."""
        meta = self._metas.get(id(tensor))
        return meta is not None and id(meta[1]) in made

    def meta_of(self, tensor: Tensor) -> Tensor:
        """The meta tensor that stands for a tensor with numbers, the same each time."""
        if tensor.is_meta:
            return tensor
        if id(tensor) not in self._metas:
            self._metas[id(tensor)] = tensor, without_numbers(tensor)
            self._accounts.hand_over(*self._metas[id(tensor)])
        return self._metas[id(tensor)][1]

    def bases(self, target: Tensor) -> list[Tensor]:
        """What `target` is a view of, and so was written to with it."""
        shown = [target, *(tensor for tensor, meta in self._metas.values() if meta is target)]
        bases = [tensor._base for tensor in shown]  # noqa: SLF001  documented, though underscored
        return [base if self._real else self.meta_of(base) for base in bases if base is not None]


class Seeded(TorchFunctionMode):
    """Draws random numbers from a generator of its own: PyTorch's own is everybody's."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._source = torch.Generator().manual_seed(seed)

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("generator") is None and _draws(func):
            kwargs = {**kwargs, "generator": self._source}
        return func(*args, **kwargs)


def _draws(func: Callable) -> bool:
    """Whether a function draws random numbers, and takes the generator to draw them from."""
    if getattr(func, "__module__", None) == "torch.nn.init":
        return "generator" in inspect.signature(func).parameters
    return func in _RANDOM or getattr(func, "__name__", "") in _DRAWS

"""One operation without numbers: by its rule where the rule's conditions hold, else by PyTorch.

A rule holds where all tensors have one floating type and the entry's memory format tells how the
result lies in memory. Elsewhere PyTorch's own kernels decide, slower and right.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch._prims_common import suggest_memory_format

from layerwise.operations.kinds import Kind
from layerwise.operations.registry import Effect, MemoryFormat, Operation, find
from layerwise.operations.shapes import Shape, ShapeError, times

from .meta_copy import blank, like

CASTS: Mapping[str, torch.dtype | None] = {
    **dict.fromkeys(("to", "cpu", "cuda")),
    **{name: getattr(torch, name) for name in "float half double bfloat16 long int bool".split()},
}
MOST, MOST_MACS = 2**20, 2**25  # what a kernel may really compute, to tell types and layout
MULTIPLYING = frozenset(
    {Kind.PRODUCT, Kind.LINEAR, Kind.RECURRENT, Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION}
)
_LEAVES = frozenset({int, float, bool, str, type(None), torch.dtype})


class NeedsValues(Exception):  # noqa: N818  no error: a reason to run for real
    """The forward asks for numbers that a shape does not have."""


@cache
def public(name: str) -> str:
    """`add_`, `__iadd__`, `__radd__` -> "add"; `__getitem__` -> "getitem"."""
    bare = name.strip("_")
    if name.startswith("__"):
        for lead in ("i", "r"):
            if bare.startswith(lead) and find(bare[1:]) and bare[1:] != "t":
                return bare if bare in ("rsub", "rdiv", "rpow") else bare[1:]
    return bare


@cache
def writes(name: str) -> bool:
    """Whether an operation of this name changes its first argument."""
    if name == "__setitem__" or (name.startswith("__i") and find(name.strip("_")[1:]) is not None):
        return True
    return name.endswith("_") and not name.endswith("__")


def perform(
    func: Callable, name: str, args: tuple, kwargs: dict, tensors: list[Tensor]
) -> tuple[Any, Effect]:
    """Output and effect of one operation on meta tensors. Raises what PyTorch raises."""
    entry = find(public(name))
    effect = rule_effect(entry, args, kwargs)
    if entry is not None and effect is not NotImplemented:
        mixing = torch.is_autocast_enabled("cpu")  # it chooses types for itself
        mixing = mixing or any(type(one) is torch.dtype for one in (*args, *kwargs.values()))
        one_type = not mixing and (entry.kind is Kind.EMBEDDING or _of_one_type(tensors))
        made = _by_rule(entry, name, args, kwargs, tensors, effect) if one_type else None
        if made is None:
            small = _size(tensors) + prod(effect.shape) <= MOST and effect.macs <= MOST_MACS
            tried = small or mixing or _differ(entry, tensors)
            made = _on_zeros(func, name, args, kwargs) if tried else func(*args, **kwargs)
        return made, effect
    if public(name) in CASTS:
        return _cast(public(name), args, kwargs), NotImplemented
    if entry is not None and entry.view:
        return _view(func, name, args, kwargs), NotImplemented
    return _by_kernels(func, name, args, kwargs, tensors)


def rule_effect(entry: Operation | None, args: tuple, kwargs: dict) -> Effect:
    """What the rule says, NotImplemented where it says nothing. Raises ShapeError."""
    if entry is None or entry.rule is None or kwargs.get("out") is not None:
        return NotImplemented
    if "inplace" in kwargs:
        kwargs = {key: kwargs[key] for key in kwargs if key != "inplace"}
    try:
        return entry.rule(*args, **kwargs)
    except (TypeError, AttributeError, ValueError):  # odd arguments: PyTorch's error is better
        return NotImplemented


def _of_one_type(tensors: list[Tensor]) -> bool:
    first = tensors[0].dtype
    return first.is_floating_point and (
        len(tensors) == 1 or all([tensor.dtype is first for tensor in tensors])
    )


def _differ(entry: Operation | None, tensors: list[Tensor]) -> bool:
    """Whether two types are multiplied, which a kernel refuses at once and a meta kernel takes."""
    types = {tensor.dtype for tensor in tensors} - {torch.bool}
    return entry is not None and entry.kind in MULTIPLYING and len(types) > 1


def _by_rule(
    entry: Operation, name: str, args: tuple, kwargs: dict, tensors: list[Tensor], effect: Effect
) -> Tensor | None:
    """The result; None where only PyTorch knows how it lies in memory."""
    first = tensors[0]
    if kwargs.get("inplace") or writes(name):
        target = args[0] if args and isinstance(args[0], Tensor) else first
        if tuple(target.shape) != effect.shape:
            raise ShapeError(
                f"{public(name)} in place: the result is {times(effect.shape)}, but it must "
                f"fit into {times(tuple(target.shape))}",
                tuple(target.shape),
                effect.shape,
            )
        return target
    if all([tensor.is_contiguous() for tensor in tensors]) and not _is_ambiguous(first):
        same = tuple(first.shape) == effect.shape and first.dtype.is_floating_point
        return first.detach() if same else blank(effect.shape, tensors[-1].dtype)
    if entry.memory_format is MemoryFormat.CHANNELS_LAST:
        if entry.kind is Kind.NORMALIZATION:
            return _normalized(first, effect.shape)
        return _convolved(first, tensors[1], effect.shape)
    if entry.memory_format is MemoryFormat.CONTIGUOUS:
        return blank(effect.shape, first.dtype)
    made = torch.empty_like(first)
    dense = made.stride() == first.stride()
    return made if dense and entry.memory_format is MemoryFormat.PRESERVE else None


def _is_ambiguous(image: Tensor) -> bool:
    """Whether a contiguous map may be channels last as well, as a grey one that was permuted."""
    return image.stride() != blank(image.shape, image.dtype).stride()


def _convolved(image: Tensor, weight: Tensor, shape: Shape) -> Tensor:
    """The result of a convolution, which PyTorch runs on a batch, and rows as images of one row."""
    alone, rows = image.dim() < weight.dim(), weight.dim() == 3
    if alone:
        image, shape = image.unsqueeze(0), (1, *shape)
    if rows:
        image, weight = image.contiguous().unsqueeze(2), weight.unsqueeze(2)
        shape = (*shape[:2], 1, shape[2])
    made = _imaged(image, shape, {suggest_memory_format(image), suggest_memory_format(weight)})
    made = made.squeeze(2) if rows else made
    return made.squeeze(0) if alone else made


def _normalized(image: Tensor, shape: Shape) -> Tensor:
    """The result of a batch norm: strides of an axis of one pixel say nothing where others do."""
    last = torch.channels_last
    if image.dim() == 4 and not image.is_contiguous() and image.is_contiguous(memory_format=last):
        return _imaged(image, shape, {last})
    return _imaged(image, shape, {suggest_memory_format(image)})


def _imaged(image: Tensor, shape: Shape, formats: set[torch.memory_format]) -> Tensor:
    """A result in the order of what was read: channels last if any of it is."""
    others = formats - {torch.contiguous_format}
    if not others:
        return blank(shape, image.dtype)
    return torch.empty(shape, dtype=image.dtype, device="meta", memory_format=others.pop())


def _by_kernels(
    func: Callable, name: str, args: tuple, kwargs: dict, tensors: list[Tensor]
) -> tuple[Any, Effect]:
    """Result and MACs of an operation without a rule, by PyTorch's kernels.

    The meta kernel tells whether shapes are enough, and counts. What types it takes, and how the
    result lies in memory, only the kernel for the CPU knows, where that is not too much work.
    """
    output, macs, error = None, 0, None
    try:
        output, macs = counted(func, args, kwargs)
    except (NotImplementedError, RuntimeError, AssertionError) as problem:  # 2.11 asserts shapes
        wants = f"{type(problem).__name__} {problem}".lower()
        if any(word in wants for word in ("meta", "notimplemented", "dynamicoutput")):
            raise NeedsValues(name) from problem
        error = problem
    small = _size(tensors) <= MOST and macs <= MOST_MACS
    if small or _differ(find(public(name)), tensors):
        try:
            made = _on_zeros(func, name, args, kwargs)
        except RuntimeError as problem:
            singular = isinstance(problem, torch.linalg.LinAlgError)
            if not singular and "ZeroDivision" not in str(problem):  # other numbers would not do
                raise
        else:
            return made, effect_of(made, macs)
    if error is not None:
        raise error
    return output, effect_of(output, macs)


def _on_zeros(func: Callable, name: str, args: tuple, kwargs: dict) -> Any:
    """What PyTorch's kernel for the CPU gives, without its numbers. Raises what it raises."""
    with rng_kept():
        made = func(*mapped(_zeros, args), **mapped(_zeros, kwargs))
    if writes(name) or kwargs.get("inplace"):
        return args[0] if args else tensors_in(kwargs.values())[0]
    return mapped(_emptied, made) if kwargs.get("out") is None else kwargs["out"]


def _size(tensors: list[Tensor]) -> int:
    return sum(prod(tensor.shape) for tensor in tensors)


@contextmanager
def rng_kept() -> Iterator[None]:
    """PyTorch's stream of random numbers is afterwards where it was."""
    before = torch.get_rng_state()
    try:
        yield
    finally:
        if not torch.equal(before, torch.get_rng_state()):
            torch.set_rng_state(before)


def _view(func: Callable, name: str, args: tuple, kwargs: dict) -> Any:
    if name == "__getitem__" and _by_known_indices(args[1]) and args[0].numel() <= MOST:
        return _on_zeros(func, name, args, kwargs)
    try:
        return func(*args, **kwargs)
    except NotImplementedError as problem:  # x[x > 0]: the shape depends on the numbers
        raise NeedsValues(name) from problem


def _by_known_indices(index: Any) -> bool:
    """Whether an index picks elements one by one, by numbers that are known."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(part, list) or (isinstance(part, Tensor) and not part.is_meta) for part in parts
    )


def _zeros(tensor: Tensor) -> Tensor:
    if not tensor.is_meta:
        return tensor  # an index whose numbers are known
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).zero_()


def _emptied(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _cast(name: str, args: tuple, kwargs: dict) -> Tensor:
    """`x.to(...)` without leaving the meta device; the same tensor where the type stays."""
    first, *rest = args
    others = [getattr(value, "dtype", value) for value in (*rest, *kwargs.values())]
    dtype = next((d for d in others if isinstance(d, torch.dtype)), None) or CASTS[name]
    memory = next((m for m in others if isinstance(m, torch.memory_format)), None)
    if memory is not None:
        return torch.empty_like(first, dtype=dtype, memory_format=memory)
    return first if dtype in (None, first.dtype) else torch.empty_like(first, dtype=dtype)


def counted(func: Callable, args: tuple, kwargs: dict) -> tuple[Any, int]:
    """The result of running it, and its MACs as PyTorch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = func(*args, **kwargs)
    return output, counter.get_total_flops() // 2


def macs_of(func: Callable, args: tuple, kwargs: dict) -> int:
    """The MACs of an operation on numbers: fused kernels are counted on the meta device only."""
    try:
        return counted(func, mapped(like, args), mapped(like, kwargs))[1]
    except Exception:  # noqa: BLE001  PyTorch's, for want of a meta kernel, of whatever kind
        return counted(func, args, kwargs)[1]


def effect_of(output: Any, macs: int, window: object = None) -> Effect:
    """The effect of an operation without a rule, from what came out."""
    results = tensors_in((output,))
    return Effect(tuple(results[0].shape) if results else (), macs, window)  # type: ignore[arg-type]


def keeps_pixels(old: Tensor, new: Tensor, axes: int) -> bool:
    """Whether the last `axes` axes are still the image's rows and columns after a view."""
    return bool(
        axes
        and min(old.dim(), new.dim()) > axes
        and old.shape[-axes:] == new.shape[-axes:]
        and old.stride()[-axes:] == new.stride()[-axes:]
    )


def tensors_in(values: Iterable) -> list[Tensor]:
    """The tensors among `values`, looking into lists, tuples, dicts and dataclasses."""
    if type(values) is tuple and len(values) == 1 and isinstance(values[0], Tensor):
        return [values[0]]  # by far the most common, in a function called at every operation
    found: list[Tensor] = []
    for value in values:
        if type(value) in _LEAVES:
            continue
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            if not _LEAVES.issuperset(map(type, value)):
                found += tensors_in(value)
        elif isinstance(value, Mapping):
            found += tensors_in(value.values())
        elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
            found += tensors_in(vars(value).values())
    return found


def mapped(function: Callable[[Tensor], Any], value: Any) -> Any:
    """The same arguments with each tensor in them replaced."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        parts = [mapped(function, part) for part in value]
        return value._make(parts) if hasattr(value, "_make") else type(value)(parts)
    if type(value) is dict:
        return {key: mapped(function, part) for key, part in value.items()}
    return value

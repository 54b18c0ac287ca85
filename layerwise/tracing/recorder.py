"""Watch one run of a network and write down every tensor operation.

One `TorchFunctionMode` sees each operation by its public name, also those that no module owns
(`F.relu`, `Y += X`, `torch.cat`). Each module says when it starts and stops. Shapes come from
`operations.EFFECTS`; what that table lacks runs on PyTorch's own meta kernels, of which the
first imports sympy and takes a second.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.overrides import TorchFunctionMode

from layerwise.operations import effects as operations
from layerwise.operations.effects import POINTWISE, Effect
from layerwise.operations.rules import Shape, ShapeError, times

from . import receptive_field as receptive
from .meta_copy import blank, named_modules

# They answer from the shape or change nothing: no step of a network.
_QUERIES = frozenset(
    """size dim numel stride is_contiguous __len__ ndimension is_floating_point
    is_complex get_device element_size type storage_offset _set_grad_enabled requires_grad_
    __hash__ __repr__ __format__""".split()
)
# These need the numbers that a meta tensor does not have.
_READS_VALUES = frozenset(
    """item tolist numpy __bool__ __int__ __float__ __index__ __complex__ __format__
    __array__ __contains__ nonzero argwhere is_nonzero equal allclose masked_select
    unique""".split()
)
# On meta tensors PyTorch rearranges the view exactly and quickly, without arithmetic.
_VIEWS = frozenset(
    """view reshape permute transpose unsqueeze squeeze expand getitem chunk split
    unbind detach contiguous clone expand_as view_as t movedim narrow unflatten swapaxes select
    data T mT""".split()
)
# In place and elementwise: the shape stays.
_UPDATES = frozenset({"add_", "sub_", "mul_", "div_", "zero_", "fill_"})
_CASTS = {
    "to": None,
    "cpu": None,
    "cuda": None,
    "float": torch.float32,
    "half": torch.float16,
    "double": torch.float64,
    "long": torch.int64,
    "int": torch.int32,
    "bool": torch.bool,
}


_unwatched = torch._C.DisableTorchFunction  # noqa: SLF001  documented under "Extending PyTorch"


class NeedsValues(Exception):  # noqa: N818  no error: a reason to run for real
    """The forward asks for numbers that a shape does not have."""


@dataclass(frozen=True, slots=True)
class Step:
    """One tensor operation of the run."""

    index: int
    path: str  # the submodule that ran it, "" for the net's own forward
    op: str  # "Conv2d", "relu", "add", "cat", "flatten", …
    inputs: tuple[Shape, ...]
    output: Shape  # of the first result where there are several
    params: int = 0  # parameters that this step is the first to use
    macs: int = 0  # multiply-accumulates for the whole input batch
    sources: tuple[int, ...] = ()  # the step each input came from; -1 for the net's input
    receptive_field: Shape | None = None  # (rows, cols) seen of the input; longest path
    stride: Shape | None = None  # effective stride, in input pixels
    settings: Mapping = field(default_factory=dict, compare=False)  # kernel_size, stride, …


@dataclass(frozen=True, slots=True)
class Call:
    """One run of one submodule: what came in, what went out, and its steps start..stop-1."""

    path: str
    kind: str  # class name
    inputs: tuple[Shape, ...]
    output: Shape
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Failure:
    """The operation that ended a run, with what it read; hangs on the error as `failure`."""

    op: str
    inputs: tuple[Shape, ...]  # only those that come from the net's input, as in Step
    sources: tuple[int, ...]
    args: tuple = field(default=(), compare=False, repr=False)
    kwargs: Mapping = field(default_factory=dict, compare=False, repr=False)


class Recorder(TorchFunctionMode):
    """Watches one run of `net`, which belongs to it and may be changed."""

    def __init__(self, net: nn.Module, real: bool = False) -> None:
        super().__init__()
        self.net, self.real = net, real
        self.calls: list[Call] = []
        self._rows: list[dict] = []  # the fields of each Step
        self._stack: list[str] = []
        self._failed: str | None = None
        # tensors that depend on the input: id -> (step that made it, shape, the tensor itself)
        self._made: dict[int, tuple[int, Shape, torch.Tensor]] = {}
        self._origin: receptive.Field | None = None
        self._fields: list[receptive.Field | None] = []
        self._costs = _Costs(net)
        for path, module in named_modules(net):
            vars(module)["forward"] = self._watched(path, module, module.forward)

    def run(self, samples: list[torch.Tensor]) -> Exception | None:
        """Run the network; return the error that ended the run, saying in which layer."""
        for sample in samples:
            self._made[id(sample)] = (-1, tuple(sample.shape), sample)
            if sample.dim() > 2 and self._origin is None:
                self._origin = receptive.start(sample.dim() - 2)
        try:
            with self:
                self.net(*samples)
        except NeedsValues:
            raise
        except Exception as problem:  # noqa: BLE001  the network's own, whatever it is
            return self._located(problem)
        return None

    def steps(self, complete: bool) -> tuple[Step, ...]:
        """The steps so far; a complete run ends with the parameters that it did not use."""
        ran = {call.path for call in self.calls}
        spare = self._costs.unused(ran) if complete else {}
        last = [
            Step(len(self._rows) + i, path, "unused", (), (), params)
            for i, (path, params) in enumerate(spare.items())
        ]
        return (*(Step(**row) for row in self._rows), *last)

    @property
    def params(self) -> int:
        """Every parameter of the network once."""
        return self._costs.total()

    # ------------------------------------------------------------------ modules

    def _watched(self, path: str, module: nn.Module, forward: Callable) -> Callable:
        def run(*args: object, **kwargs: object) -> object:
            start, first_call = len(self._rows), len(self.calls)
            self._stack.append(path)
            try:
                output = forward(*args, **kwargs)
            except Exception:
                if self._failed is None:
                    self._failed = path
                self._broke_off(path, module, args, start)
                raise
            finally:
                self._stack.pop()
            with _unwatched():
                self._ended(path, module, args, output, start, first_call)
            return output

        return run

    def _ended(
        self, path: str, module: nn.Module, args: tuple, output: object, start: int, first: int
    ) -> None:
        """Name the module's step after it, and write down the call."""
        kind = type(module).__name__
        if start + 1 == len(self._rows) and first == len(self.calls) and _is_layer(type(module)):
            row = self._rows[start]  # a layer of one operation: by far the most common
            row["op"] = kind
            self.calls.append(Call(path, kind, row["inputs"], row["output"], start, start + 1))
            return
        given, results = _tensors(args), _tensors((output,))
        if start == len(self._rows) and results and id(results[0]) in self._made:
            idle = "Identity" if isinstance(module, nn.Sequential) else kind
            self._record(path, idle, given, results[0], Effect(tuple(results[0].shape)))
        elif first == len(self.calls) and start < len(self._rows) and _is_layer(type(module)):
            costliest = max(self._rows[start:], key=lambda r: (r["params"], r["macs"], r["index"]))
            costliest["op"] = kind
        shape = tuple(results[0].shape) if results else ()
        shapes = tuple(tuple(t.shape) for t in given)
        self.calls.append(Call(path, kind, shapes, shape, start, len(self._rows)))

    def _broke_off(self, path: str, module: nn.Module, args: tuple, start: int) -> None:
        """Write down a call that raised: it has no output, and the steps that it came to."""
        shapes = tuple(tuple(t.shape) for t in _tensors(args))
        kind = type(module).__name__
        self.calls.append(Call(path, kind, shapes, (), start, len(self._rows)))

    def _located(self, problem: Exception) -> Exception:
        """The same error, saying in which layer it happened."""
        path = self._failed or ""
        module = self.net.get_submodule(path)
        where = f"{path} ({type(module).__name__})" if path else type(module).__name__
        if isinstance(problem, ShapeError):
            bare = problem
            problem = ShapeError(f"{where}: {bare}", bare.expected, bare.got)
            problem = problem.with_traceback(bare.__traceback__)
            problem.failure, problem.sentence = getattr(bare, "failure", None), str(bare)
        else:
            problem.add_note(f"In layer {where}, while tracing {type(self.net).__name__}.")
        problem.path, problem.net = path, self.net
        return problem

    def _failure(self, op: str, args: tuple, kwargs: dict, tensors: list) -> "Failure":
        """What an operation was given that could not be done."""
        live = [self._made[id(tensor)] for tensor in tensors if id(tensor) in self._made]
        return Failure(op, tuple(m[1] for m in live), tuple(m[0] for m in live), args, kwargs)

    # --------------------------------------------------------------- operations

    def __torch_function__(self, func: Callable, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":  # x.shape is no step, x.T is one
            found = func(*args, **kwargs)
            if not isinstance(found, torch.Tensor) or isinstance(args[0], UninitializedTensorMixin):
                return found
            name, func = func.__self__.__name__, lambda *_: found
        elif name in _QUERIES and not (name == "__format__" and args[1]):  # f"{x:.3f}"
            return func(*args, **kwargs)
        tensors = _tensors(args) + _tensors(kwargs.values()) if kwargs else _tensors(args)
        if not self.real:
            if not tensors or not (tensors[0].is_meta or any(t.is_meta for t in tensors)):
                return func(*args, **kwargs)
            if name in _READS_VALUES:
                raise NeedsValues(f"The forward of {self._here()} reads values ({name})")
            if getattr(func, "__module__", None) == "torch.nn.init":
                return tensors[0]
            if name in _UPDATES and len(tensors) == 1 and id(tensors[0]) not in self._made:
                return tensors[0]  # a counter or a statistic; nothing that comes from the input
        try:
            output, effect = self._apply(func, name, args, kwargs, tensors)
        except Exception as problem:
            problem.failure = self._failure(_public(name), args, kwargs, tensors)
            raise
        self._follow(_public(name), tensors, output, effect)
        return output

    def _follow(self, op: str, tensors: list, output: object, effect: Effect) -> None:
        """A step, if the operation reads what came from the input; else a cost to pass on."""
        results = _tensors((output,))
        if self._made.keys().isdisjoint(map(id, tensors)):
            self._costs.pass_on(tensors, results, effect.macs)
        elif results and not (op in _CASTS and output is tensors[0]):
            self._record(self._stack[-1] if self._stack else "", op, tensors, results[0], effect)
            for result in results[1:]:
                self._made[id(result)] = (len(self._rows) - 1, tuple(result.shape), result)

    def _apply(
        self, func: Callable, name: str, args: tuple, kwargs: dict, tensors: list
    ) -> tuple[object, Effect]:
        """Output and effect of one operation: by rule, or by PyTorch itself."""
        public = _public(name)
        effect = _effect(public, args, kwargs)
        if effect is not NotImplemented and not self.real:
            return _by_rule(name, kwargs, tensors, effect), effect
        macs = 0
        if self.real:
            output = func(*args, **kwargs)
        elif public in _CASTS:
            output = _cast(public, args, kwargs)
        elif public in _VIEWS:
            if public in ("view", "reshape"):
                operations.check_reshape(*args, **kwargs)
            try:
                output = func(*args, **kwargs)
            except NotImplementedError as problem:  # x[x > 0]: the shape depends on the numbers
                raise NeedsValues(f"{public} in {self._here()} needs values") from problem
        else:
            output, macs = self._by_meta_kernel(func, name, args, kwargs)
        if effect is NotImplemented:
            effect = self._seen(public, tensors, output, macs)
        return output, effect

    def _by_meta_kernel(
        self, func: Callable, name: str, args: tuple, kwargs: dict
    ) -> tuple[object, int]:
        """Output and MACs by PyTorch's own meta kernel, for what the table of rules lacks."""
        from torch.utils._pytree import tree_map
        from torch.utils.flop_counter import FlopCounterMode

        args, kwargs = tree_map(_to_meta, (args, kwargs))
        try:
            with FlopCounterMode(display=False) as counter:
                output = func(*args, **kwargs)
        except (NotImplementedError, RuntimeError) as problem:
            wants = f"{type(problem).__name__} {problem}".lower()
            if any(word in wants for word in ("meta", "notimplemented", "dynamicoutput")):
                raise NeedsValues(f"{name} in {self._here()} needs values") from problem
            raise
        return output, counter.get_total_flops() // 2

    def _seen(self, public: str, tensors: list, output: object, macs: int) -> Effect:
        """The effect of an operation without a rule, from what came out."""
        results = _tensors((output,))
        if not results:
            return Effect((), macs, None)
        axes = len(self._origin.size) if self._origin else 0
        keeps = public in _CASTS or (public in _VIEWS and _keeps(tensors[0], results[0], axes))
        return Effect(tuple(results[0].shape), macs, POINTWISE if keeps else None)

    def _record(
        self, path: str, op: str, tensors: list, result: torch.Tensor, effect: Effect
    ) -> None:
        index, output = len(self._rows), tuple(result.shape)
        live = [self._made[id(tensor)] for tensor in tensors if id(tensor) in self._made]
        sources = tuple([made[0] for made in live])
        seen = self._field(sources, effect)
        params, macs = self._costs.claim(tensors) if len(live) < len(tensors) else (0, 0)
        self._rows.append(
            {
                "index": index,
                "path": path,
                "op": op,
                "inputs": tuple([made[1] for made in live]),
                "output": output,
                "params": params,
                "macs": effect.macs + macs,
                "sources": sources,
                "receptive_field": seen and seen.size,
                "stride": seen and seen.stride,
                "settings": effect.settings,
            }
        )
        self._fields.append(seen)
        self._made[id(result)] = (index, output, result)

    def _field(self, sources: tuple[int, ...], effect: Effect) -> receptive.Field | None:
        if effect.window is None:
            return None
        fields = [self._origin if i < 0 else self._fields[i] for i in sources]
        met = fields[0] if len(fields) == 1 else receptive.meet(fields)
        if met is None or effect.window is POINTWISE:
            return met
        if len(effect.window.size) != len(met.size):
            return None
        return receptive.through(met, effect.window)

    def _here(self) -> str:
        path = self._stack[-1] if self._stack else ""
        return f"layer '{path}'" if path else type(self.net).__name__


class _Costs:
    """Who pays for a parameter: the first step that uses it, or something made of it."""

    def __init__(self, net: nn.Module) -> None:
        self._free = {id(p): (name, p) for name, p in net.named_parameters()}
        self._all = [parameter for _, parameter in self._free.values()]
        self._macs: dict[int, int] = {}  # debt -> MACs spent on parameters alone
        self._debts: dict[int, set[int]] = {}  # tensor made of parameters alone -> what it owes
        self._alive: list[torch.Tensor] = []  # ids stay unique while these live

    def total(self) -> int:
        return sum(p.numel() for p in self._all if not isinstance(p, UninitializedTensorMixin))

    def claim(self, tensors: list) -> tuple[int, int]:
        """Parameters and MACs that these tensors bring and no earlier step has counted."""
        params = macs = 0
        for key in self._owed(tensors):
            if key in self._free:
                params += self._free.pop(key)[1].numel()
            else:
                macs += self._macs.pop(key, 0)
        return params, macs

    def pass_on(self, tensors: list, results: list, macs: int) -> None:
        """An operation on parameters alone: its cost falls to the step that uses its result."""
        debts = self._owed(tensors)
        if macs:
            key = -len(self._alive) - 1  # no id of a tensor is negative
            self._macs[key] = macs
            debts.add(key)
        for result in results if debts else ():
            self._debts[id(result)] = debts
            self._alive.append(result)

    def unused(self, ran: set[str]) -> dict[str, int]:
        """Path of each submodule whose parameters no step used -> how many."""
        owners: dict[str, int] = {}
        for name, parameter in self._free.values():
            if not isinstance(parameter, UninitializedTensorMixin):
                parts = name.split(".")[:-1]
                outer = (".".join(parts[: i + 1]) for i in range(len(parts)))
                owner = next((path for path in outer if path not in ran), ".".join(parts))
                owners[owner] = owners.get(owner, 0) + parameter.numel()
        return owners

    def _owed(self, tensors: list) -> set[int]:
        keys = {key for key in map(id, tensors) if key in self._free}
        if self._debts:
            keys = keys.union(*(self._debts.get(id(tensor), ()) for tensor in tensors))
        return keys


def _effect(public: str, args: tuple, kwargs: dict) -> Effect:
    """What the table of rules says, NotImplemented where it says nothing."""
    rule = operations.EFFECTS.get(public)
    if rule is None or "out" in kwargs:
        return NotImplemented
    try:
        if "inplace" in kwargs:
            kwargs = {key: kwargs[key] for key in kwargs if key != "inplace"}
        return rule(*args, **kwargs)
    except (TypeError, AttributeError, ValueError):  # odd arguments: PyTorch's own error is better
        return NotImplemented


def _by_rule(name: str, kwargs: dict, tensors: list, effect: Effect) -> torch.Tensor:
    first = tensors[0]
    if kwargs.get("inplace") or (name.endswith("_") and not name.endswith("__")):
        if tuple(first.shape) != effect.shape:
            raise ShapeError(
                f"{_public(name)} in place: the result is {times(effect.shape)}, but it must "
                f"fit into {times(first.shape)}",
                tuple(first.shape),
                effect.shape,
            )
        return first
    if tuple(first.shape) == effect.shape:
        return first.detach()  # a new tensor with the same strides
    return blank(effect.shape, first.dtype)


def _cast(public: str, args: tuple, kwargs: dict) -> torch.Tensor:
    """`x.to(...)` without leaving the meta device; the same tensor where the dtype stays."""
    first, *rest = args
    others = [getattr(value, "dtype", value) for value in (*rest, *kwargs.values())]
    dtype = next((d for d in others if isinstance(d, torch.dtype)), None) or _CASTS[public]
    if dtype in (None, first.dtype):
        return first
    return torch.empty_strided(first.shape, first.stride(), dtype=dtype, device="meta")


def _keeps(old: torch.Tensor, new: torch.Tensor, axes: int) -> bool:
    """Whether the last `axes` axes are still the image's rows and columns after a view."""
    return bool(
        axes
        and min(old.dim(), new.dim()) > axes
        and old.shape[-axes:] == new.shape[-axes:]
        and old.stride()[-axes:] == new.stride()[-axes:]
    )


@cache
def _is_layer(kind: type) -> bool:
    return kind.__module__.startswith("torch.nn.modules")


def _to_meta(value: object) -> object:
    return value.to("meta") if isinstance(value, torch.Tensor) and not value.is_meta else value


def _tensors(values: Iterable) -> list[torch.Tensor]:
    """The tensors among `values`, looking into lists, tuples and dicts."""
    if type(values) is tuple and len(values) == 1 and isinstance(values[0], torch.Tensor):
        return [values[0]]  # by far the most common, in a function called at every operation
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            if value and not isinstance(value[0], int):
                found += _tensors(value)
        elif isinstance(value, dict):
            found += _tensors(value.values())
    return found


@cache
def _public(name: str) -> str:
    """`add_`, `__iadd__` -> "add"; `__getitem__` -> "getitem"."""
    bare = name.strip("_")
    return bare[1:] if name.startswith("__i") and bare[1:] in operations.EFFECTS else bare

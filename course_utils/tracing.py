"""Run a network once on shapes alone and write down every tensor operation.

One `TorchFunctionMode` sees each operation by its public name, also those that no module owns
(`F.relu`, `Y += X`, `torch.cat`). Each module of a twin, made of meta tensors that hold no
numbers, says when it starts and stops. Shapes come from `operations.EFFECTS`; what that table
lacks runs on PyTorch's own meta kernels.
"""

import copy
import gc
import random
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.overrides import TorchFunctionMode

from . import operations, receptive, rules
from .operations import POINTWISE, Effect
from .rules import Shape, ShapeError

# They answer from a shape, move no numbers, and are no step of a network.
_QUERIES = {"__get__", "size", "dim", "numel", "stride", "is_contiguous", "__len__", "ndimension",
            "is_floating_point", "is_complex", "get_device", "element_size", "type",
            "storage_offset", "_set_grad_enabled", "requires_grad_", "is_nonzero", "__hash__",
            "__repr__", "__format__"}
# These need the numbers that a meta tensor does not have.
_READS_VALUES = {"item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__",
                 "__array__", "nonzero", "argwhere", "is_nonzero", "equal", "allclose",
                 "masked_select", "unique", "__contains__", "cpu", "cuda", "__complex__"}
# On meta tensors these only rearrange the view: exact, quick, without arithmetic.
_VIEWS = {"view", "reshape", "permute", "transpose", "unsqueeze", "squeeze", "expand", "getitem",
          "chunk", "split", "unbind", "detach", "contiguous", "clone", "expand_as", "view_as",
          "t", "movedim", "narrow", "unflatten", "swapaxes", "to", "float", "select"}


_OP = 2   # the place of `op` among the fields of a Step


class TraceError(RuntimeError):
    """A network cannot be traced; the message names the operation and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One tensor operation of the run."""

    index: int
    path: str                      # the submodule that ran it, "" for the net's own forward
    op: str                        # "Conv2d", "relu", "add", "cat", "flatten", …
    inputs: tuple[Shape, ...]
    output: Shape                  # of the first result where there are several
    params: int = 0                # parameters that this step is the first to use
    macs: int = 0                  # multiply-accumulates for the whole input batch
    sources: tuple[int, ...] = ()  # the step each input came from; -1 for the net's input
    receptive_field: Shape | None = None   # (rows, cols) seen of the input; longest path
    stride: Shape | None = None            # effective stride, in input pixels
    settings: Mapping = field(default_factory=dict, compare=False)  # kernel_size, stride, …


@dataclass(frozen=True, slots=True)
class Call:
    """One run of one submodule: what came in, what went out, and its steps start..stop-1."""

    path: str
    kind: str                      # class name
    inputs: tuple[Shape, ...]
    output: Shape
    start: int
    stop: int


@dataclass(frozen=True)
class Trace:
    """The record of one run: every step in order, and the totals."""

    name: str                      # class of the network
    inputs: tuple[Shape, ...]
    steps: tuple[Step, ...]
    calls: tuple[Call, ...]        # in the order in which they end; the net itself is last
    params: int                    # every parameter once, as sum(p.numel()) counts them
    note: str = ""                 # what a reader must know, "" if nothing

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the whole input batch."""
        return sum(step.macs for step in self.steps)

    @property
    def output(self) -> Shape:
        """Shape of the network's (first) output."""
        return self.calls[-1].output

    @cached_property
    def by_path(self) -> dict[str, tuple[Step, ...]]:
        """Path of each submodule that ran -> the steps it ran itself, in order."""
        own: dict[str, list[Step]] = {call.path: [] for call in self.calls}
        for step in self.steps:
            own.setdefault(step.path, []).append(step)
        return {path: tuple(steps) for path, steps in own.items()}


def trace(net: nn.Module, *inputs: Shape | torch.Tensor) -> Trace:
    """Run `net` on shapes alone and return what it did, step by step.

    Each input is a shape such as (1, 1, 224, 224), or a tensor where the dtype matters. The
    network keeps its device, mode, weights, statistics, hooks and the random state. Hooks that
    a user registered do not run. A forward that reads values (`if x.sum() > 0`) cannot be run
    on shapes: it is run for real, once, with a batch of one, and `Trace.note` says so.

    Raises ShapeError where an operation does not fit its input, TypeError for an input that is
    no shape, TraceError where the network cannot be traced.
    """
    result, error = attempt(net, *inputs)
    if error is not None:
        raise error
    return result


def attempt(net: nn.Module, *inputs: Shape | torch.Tensor) -> tuple[Trace, Exception | None]:
    """Like `trace`, but a failure gives the steps up to it, and the error."""
    if not isinstance(net, nn.Module):
        raise TypeError(f"trace needs a network (nn.Module), not {type(net).__name__}")
    if isinstance(net, torch.jit.ScriptModule):
        raise TraceError("a compiled TorchScript module runs outside Python: "
                         "trace the Python module it was made from")
    samples = [_sample(given, net) for given in inputs]
    with _quiet():
        try:
            return _Recorder(_twin(net)).run(samples)
        except _NeedsValues as reason:
            real = [_numbers(sample, net) for sample in samples]
            result, error = _Recorder(_copy(net), real=True).run(real)
            note = f"{reason}, so the network ran for real on a batch of one."
            return replace(result, note=note), error


class _NeedsValues(Exception):
    """The forward asks for numbers that a shape does not have."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave the random states as they were, and keep garbage collection out of the run.

    A collection under torch takes up to 0.6 s.
    """
    collecting, numpy = gc.isenabled(), sys.modules.get("numpy")
    states = random.getstate(), torch.get_rng_state(), numpy and numpy.random.get_state()
    gc.disable()
    try:
        yield
    finally:
        random.setstate(states[0])
        torch.set_rng_state(states[1])
        if numpy:
            numpy.random.set_state(states[2])
        if collecting:
            gc.enable()


def _sample(given, net: nn.Module) -> torch.Tensor:
    """A meta tensor for a shape, or for a tensor's shape and dtype."""
    if isinstance(given, torch.Tensor):
        return torch.empty(given.shape, dtype=given.dtype, device="meta")
    if not isinstance(given, (tuple, list)) or not all(
            isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in given):
        raise TypeError("an input is a shape, such as (1, 1, 224, 224), or a tensor, "
                        f"not {given!r}")
    dtypes = (p.dtype for p in net.parameters() if p.is_floating_point())
    return torch.empty(tuple(given), dtype=next(dtypes, torch.float32), device="meta")


def _numbers(sample: torch.Tensor, net: nn.Module) -> torch.Tensor:
    """A real batch of one for the fallback run, on the network's device."""
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    shape = (min(sample.shape[0], 1), *sample.shape[1:]) if sample.dim() else ()
    if not sample.is_floating_point():
        return torch.zeros(shape, dtype=sample.dtype, device=device)
    source = torch.Generator().manual_seed(0)
    return torch.rand(shape, generator=source).to(device, sample.dtype)


# ---------------------------------------------------------------------------- the twin

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_PLAIN = frozenset({int, float, str, bool, type(None), torch.Size, torch.dtype, torch.device})


def _copy(net: nn.Module) -> nn.Module:
    """A real copy, weights and all, without the user's hooks."""
    twin = copy.deepcopy(net)
    for module in twin.modules():
        for hooks in _HOOKS:
            vars(module)[hooks] = _torch_hooks(vars(module)[hooks])
    return twin


def _torch_hooks(hooks: Mapping) -> Mapping:
    """Keep hooks that make torch's own layers work (lazy, weight norm); a user's only watch."""
    kept = type(hooks)()
    for key, hook in hooks.items():
        home = getattr(hook, "__module__", None) or type(hook).__module__
        if home.startswith("torch."):
            kept[key] = hook
    return kept


def _meta(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the same shape, dtype and role that holds no numbers."""
    if isinstance(tensor, UninitializedTensorMixin):
        lazy = type(tensor)(device="meta", dtype=tensor.dtype)
        return lazy.requires_grad_(tensor.requires_grad) if isinstance(tensor, nn.Parameter) else lazy
    empty = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty


def _twin(net: nn.Module) -> nn.Module:
    """A structural copy of `net` in which every tensor is a meta tensor.

    A submodule registered under two names becomes two, so that each run has its own path;
    their parameters stay one.
    """
    memo: dict[int, object] = {}   # id of an original -> its double
    pairs: list[tuple[nn.Module, nn.Module]] = []
    twin = _skeleton(net, memo, pairs, {})
    for module, double in pairs:
        own = double.__dict__
        for name, value in module.__dict__.items():
            if name not in own:
                own[name] = value if type(value) in _PLAIN else _double(value, memo)
    return twin


def _skeleton(module: nn.Module, memo: dict, pairs: list, above: dict) -> nn.Module:
    """The tree of twins with their tensors; `above` holds the ancestors, so that a cycle ends."""
    old = module.__dict__
    double = module.__class__.__new__(module.__class__)
    memo.setdefault(id(module), double)
    pairs.append((module, double))
    above = {**above, id(module): double}
    own = double.__dict__
    for group in ("_parameters", "_buffers"):
        own[group] = {name: _double(tensor, memo) for name, tensor in old[group].items()}
    own["_modules"] = {name: child and (above.get(id(child)) or
                                        _skeleton(child, memo, pairs, above))
                       for name, child in old["_modules"].items()}
    for hooks in _HOOKS:
        if old[hooks]:
            own[hooks] = copy.deepcopy(_torch_hooks(old[hooks]), memo)
    return double


def _double(value, memo: dict):
    """A copy of an attribute that shares nothing changeable with the original."""
    if isinstance(value, torch.Tensor):
        known = memo.get(id(value))
        if known is None:
            known = memo[id(value)] = _meta(value)
        return known
    if type(value) is tuple and all(type(v) in _PLAIN for v in value):
        return value
    if type(value) in (dict, OrderedDict) and not value:
        return type(value)()
    return copy.deepcopy(value, memo)


# ------------------------------------------------------------------------- the recorder

class _Recorder(TorchFunctionMode):
    """Watches one run of `net`, which belongs to it and may be changed."""

    def __init__(self, net: nn.Module, real: bool = False) -> None:
        super().__init__()
        self.net, self.real = net, real
        self.steps: list[list] = []          # the fields of each Step, until it is complete
        self.calls: list[Call] = []
        self.stack: list[str] = []
        self.failed: str | None = None
        self.made: dict[int, tuple[int, torch.Tensor]] = {}   # tensors that depend on the input
        self.fields: list[receptive.Field | None] = []
        self.pending: dict[int, set[int]] = {}                # tensor -> parameters inside it
        self.unused = {id(p): (name, p) for name, p in net.named_parameters()}
        self.parameters = [p for _, p in self.unused.values()]
        self.alive: list[torch.Tensor] = []                   # ids stay unique while these live
        for path, module in _named_modules(net):
            vars(module)["forward"] = self._watched(path, module, module.forward)

    def run(self, samples: list[torch.Tensor]) -> tuple[Trace, Exception | None]:
        for sample in samples:
            self.made[id(sample)] = (-1, sample)
        self.origin = next((receptive.start(s.dim() - 2) for s in samples if s.dim() > 2), None)
        error = None
        try:
            with self:
                self.net(*samples)
        except _NeedsValues:
            raise
        except Exception as problem:
            error = self._located(problem)
        steps = [Step(*fields) for fields in self.steps]
        if error is None:
            steps += self._leftover()
        params = sum(p.numel() for p in self.parameters
                     if not isinstance(p, UninitializedTensorMixin))
        return Trace(type(self.net).__name__, tuple(tuple(s.shape) for s in samples),
                     tuple(steps), tuple(self.calls), params), error

    def _watched(self, path: str, module: nn.Module, forward):
        def run(*args, **kwargs):
            start, first_call = len(self.steps), len(self.calls)
            self.stack.append(path)
            try:
                output = forward(*args, **kwargs)
            except Exception:
                if self.failed is None:
                    self.failed = path
                raise
            finally:
                self.stack.pop()
            self._left(path, module, args, output, start, first_call)
            return output
        return run

    def _left(self, path: str, module: nn.Module, args, output, start: int, first: int) -> None:
        """A module has run: name its step after it, and write down the call."""
        tensors, results = _tensors(args), _tensors((output,))
        if start == len(self.steps) and results and id(results[0]) in self.made:
            kind = "Identity" if isinstance(module, nn.Sequential) else type(module).__name__
            self._record(path, kind, tensors, results[0], Effect(tuple(results[0].shape)))
        elif first == len(self.calls) and type(module).__module__.startswith("torch.nn.modules") \
                and len(self.steps) > start:
            self.steps[-1][_OP] = type(module).__name__
        shapes = tuple(tuple(t.shape) for t in tensors)
        shape = tuple(results[0].shape) if results else ()
        self.calls.append(Call(path, type(module).__name__, shapes, shape, start, len(self.steps)))

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _QUERIES and name not in _READS_VALUES:
            return func(*args, **kwargs)
        tensors = _tensors(args) + _tensors(kwargs.values()) if kwargs else _tensors(args)
        live = any(id(t) in self.made for t in tensors)
        if not self.real:
            if live and name in _READS_VALUES:
                raise _NeedsValues(f"The forward of {self._here()} reads values ({name})")
            if not any(t.is_meta for t in tensors):
                return func(*args, **kwargs)
            if getattr(func, "__module__", None) == "torch.nn.init":
                return tensors[0]
        output, effect = self._apply(func, name, args, kwargs, tensors, live)
        results = _tensors((output,))
        if live and results:
            self._record(self.stack[-1] if self.stack else "", _public(name), tensors, results[0],
                         effect)
            for result in results:
                self.made[id(result)] = (len(self.steps) - 1, result)
        else:
            self._carry(tensors, results)
        return output

    def _apply(self, func, name: str, args, kwargs, tensors, live: bool):
        """(output, Effect) of one operation: by rule, or by PyTorch on meta or real tensors."""
        public = _public(name)
        rule = None if "out" in kwargs else operations.EFFECTS.get(public)
        effect = NotImplemented
        if rule is not None:
            try:
                options = {k: v for k, v in kwargs.items() if k != "inplace"} \
                    if "inplace" in kwargs else kwargs
                effect = rule(*args, **options)
            except (TypeError, AttributeError, ValueError):   # odd arguments: PyTorch's own error
                effect = NotImplemented
        if effect is not NotImplemented and not self.real:
            return self._by_rule(name, args, kwargs, tensors, effect), effect
        if public in ("view", "reshape"):
            operations.check_reshape(*args, **kwargs)
        if self.real or public in _VIEWS or not live:
            output, macs = func(*args, **kwargs), 0
        else:
            output, macs = self._by_meta_kernel(func, name, args, kwargs)
        if effect is NotImplemented:
            results = _tensors((output,))
            shape = tuple(results[0].shape) if results else ()
            effect = Effect(shape, macs, _view_window(tensors, results) if public in _VIEWS
                            else None)
        return output, effect

    def _by_rule(self, name: str, args, kwargs, tensors, effect: Effect) -> torch.Tensor:
        in_place = kwargs.get("inplace") or (name.endswith("_") and not name.endswith("__"))
        if in_place:
            target = args[0] if args else tensors[0]
            if tuple(target.shape) != effect.shape:
                raise ShapeError(f"{_public(name)} in place: the result is "
                                 f"{rules.times(effect.shape)}, but it must fit into "
                                 f"{rules.times(target.shape)}", tuple(target.shape), effect.shape)
            return target
        first = tensors[0]
        if tuple(first.shape) == effect.shape and not first.is_contiguous():
            return torch.empty_strided(first.shape, first.stride(), dtype=first.dtype,
                                       device="meta")
        return torch.empty(effect.shape, dtype=first.dtype, device="meta")

    def _by_meta_kernel(self, func, name: str, args, kwargs):
        """(output, MACs) by PyTorch's own meta kernel, for what the table of rules lacks."""
        from torch.utils._pytree import tree_map
        from torch.utils.flop_counter import FlopCounterMode
        args, kwargs = tree_map(
            lambda t: t.to("meta") if isinstance(t, torch.Tensor) and not t.is_meta else t,
            (args, kwargs))
        try:
            with FlopCounterMode(display=False) as counter:
                output = func(*args, **kwargs)
        except (NotImplementedError, RuntimeError) as problem:
            if "meta" in str(problem).lower() or isinstance(problem, NotImplementedError) \
                    or "DynamicOutputShape" in type(problem).__name__:
                raise _NeedsValues(f"The operation {name} of {self._here()} "
                                   "needs values") from problem
            raise
        return output, counter.get_total_flops() // 2

    def _record(self, path: str, op: str, tensors, result, effect: Effect) -> None:
        index = len(self.steps)
        sources = tuple(self.made[id(t)][0] for t in tensors if id(t) in self.made)
        here = self._field(sources, effect)
        self.steps.append([
            index, path, op, tuple(tuple(t.shape) for t in tensors if id(t) in self.made),
            tuple(result.shape), self._claim(tensors), effect.macs, sources,
            here and here.size, here and here.stride, effect.settings])
        self.fields.append(here)
        self.made[id(result)] = (index, result)

    def _field(self, sources: tuple[int, ...], effect: Effect) -> receptive.Field | None:
        if effect.window is None:
            return None
        met = (self.fields[sources[0]] if len(sources) == 1 and sources[0] >= 0 else
               receptive.meet([self.origin if i < 0 else self.fields[i] for i in sources]))
        if met is None or effect.window is POINTWISE:
            return met
        if len(effect.window.size) != len(met.size):
            return None
        return receptive.through(met, effect.window)

    def _claim(self, tensors) -> int:
        """How many parameters these tensors bring that no earlier step has used."""
        keys = {id(t) for t in tensors}
        if self.pending:
            keys = keys.union(*(self.pending.get(id(t), ()) for t in tensors))
        return sum(self.unused.pop(key)[1].numel() for key in keys if key in self.unused)

    def _carry(self, tensors, results) -> None:
        """An operation on parameters alone: its result stands for them."""
        inside = {id(t) for t in tensors if id(t) in self.unused}.union(
            *(self.pending.get(id(t), ()) for t in tensors))
        if inside:
            for result in results:
                self.pending[id(result)] = inside
                self.alive.append(result)

    def _leftover(self) -> list[Step]:
        """One last step per submodule whose parameters this run did not use."""
        owners: dict[str, int] = {}
        ran = {call.path for call in self.calls}
        for name, parameter in self.unused.values():
            if not isinstance(parameter, UninitializedTensorMixin):
                parts = name.split(".")[:-1]
                outer = (".".join(parts[:i + 1]) for i in range(len(parts)))
                owner = next((path for path in outer if path not in ran), ".".join(parts))
                owners[owner] = owners.get(owner, 0) + parameter.numel()
        return [Step(len(self.steps) + i, path, "unused", (), (), params)
                for i, (path, params) in enumerate(owners.items())]

    def _here(self) -> str:
        path = self.stack[-1] if self.stack else ""
        return f"'{path}'" if path else type(self.net).__name__

    def _located(self, problem: Exception) -> Exception:
        """The same error, saying in which layer it happened."""
        path = self.failed or ""
        module = self.net.get_submodule(path) if path else self.net
        where = f"{path} ({type(module).__name__})" if path else type(module).__name__
        if isinstance(problem, ShapeError):
            located = ShapeError(f"{where}: {problem}", problem.expected, problem.got)
            located.path = path
            return located.with_traceback(problem.__traceback__)
        problem.path = path
        problem.add_note(f"This happened in layer {where} while tracing {type(self.net).__name__}.")
        return problem


def _named_modules(net: nn.Module, path: str = "", above: tuple = ()) -> Iterator:
    """(path, module) of every registered name, the net first; a cycle ends."""
    yield path, net
    for name, child in net._modules.items():
        if child is not None and all(child is not module for module in (net, *above)):
            yield from _named_modules(child, f"{path}.{name}" if path else name, (net, *above))


def _tensors(values) -> list[torch.Tensor]:
    """The tensors among `values`, looking into lists, tuples and dicts."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += _tensors(value)
        elif isinstance(value, dict):
            found += _tensors(value.values())
    return found


@cache
def _public(name: str) -> str:
    """`add_`, `__iadd__` -> "add"; `__getitem__` -> "getitem"."""
    bare = name.strip("_")
    return bare[1:] if name.startswith("__i") and bare[1:] in operations.EFFECTS else bare


def _view_window(tensors, results) -> str | None:
    """POINTWISE where the last axes stay the image's rows and columns, else None."""
    if not tensors or not results:
        return None
    old, new = tensors[0], results[0]
    axes = old.dim() - 2 if new.dim() == old.dim() else 2
    same = (old.dim() > 2 and new.dim() > axes and axes > 0
            and old.shape[-axes:] == new.shape[-axes:]
            and old.stride()[-axes:] == new.stride()[-axes:])
    return POINTWISE if same else None

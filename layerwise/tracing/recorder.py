"""Watch one run of a network and write down every tensor operation.

One `TorchFunctionMode` sees each operation by its public name, also those that no module owns
(`F.relu`, `Y += X`, `torch.cat`). Each module says when it starts and stops. What an operation
does to a shape is `dispatch`'s affair.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from layerwise.operations.kinds import Kind
from layerwise.operations.registry import POINTWISE, Effect, find
from layerwise.operations.shapes import Shape
from layerwise.operations.window import Window

from . import dispatch
from . import receptive_field as receptive
from .accounting import Accounts
from .dispatch import CASTS, NeedsValues, public, tensors_in, writes
from .meta_copy import Memo, named_modules
from .module_tree import is_layer
from .operands import Operands
from .records import Call, Step

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
    unique unique_consecutive bincount""".split()
)

_unwatched = torch._C.DisableTorchFunction  # noqa: SLF001  documented under "Extending PyTorch"


class FailedOperation(NamedTuple):
    """An operation that raised: what it was given."""

    function: str
    args: tuple
    kwargs: dict
    tensors: list[Tensor]
    inputs: tuple[Shape, ...]  # of those that come from the net's input, as in Step
    sources: tuple[int, ...]


class RunError(NamedTuple):
    """The error that ended a run, where it happened, and the operation that raised it."""

    error: Exception
    path: str
    module: nn.Module
    attempt: FailedOperation | None


Watch = Callable[[Step, list[Tensor], Tensor], None]  # gets a step, what it read, what it made
_Made = tuple[int, Shape, Tensor]  # the step that made it (-1: an input), its shape, itself


class Recorder(TorchFunctionMode):
    """Watches one run of `net`, a copy that belongs to it and may be changed.

    `copies` tells what became of each object of the network itself, which is never touched.
    """

    def __init__(
        self, net: nn.Module, copies: Memo, real: bool = False, watch: Watch | None = None
    ) -> None:
        super().__init__()
        self.net, self.real, self._watch = net, real, watch
        self.calls: list[Call] = []
        self.steps: list[Step] = []
        self.accounts = Accounts(net)
        self.complete = False  # whether what came out depends on recorded steps
        self._operands = Operands(net, copies, self.accounts, real)
        self._stack = [""]  # paths of the modules that are running
        self._where: tuple[Exception, str] | None = None  # the innermost module that an error left
        self._attempt: tuple[Exception, FailedOperation] | None = None
        self._made: dict[int, _Made] = {}  # what depends on the input, by id
        self._no_inputs = False  # a network without inputs: everything is a step
        self._origin: receptive.Field | None = None
        self._fields: list[receptive.Field | None] = []
        self._modules = list(named_modules(net))
        for path, module in self._modules:
            vars(module)["forward"] = self._watched(path, module, module.forward)

    def run(self, args: tuple, kwargs: dict) -> RunError | None:
        """Run the network; return the error that ended the run, with its place."""
        samples = tensors_in((args, kwargs))
        self._no_inputs = not samples
        for sample in samples:
            self._made[id(sample)] = -1, tuple(sample.shape), sample
            if sample.dim() > 2 and self._origin is None:
                self._origin = receptive.start(sample.dim() - 2)
        try:
            with self:
                output = self.net(*args, **kwargs)
        except NeedsValues:
            raise
        except Exception as problem:  # noqa: BLE001  the network's own, whatever it is
            return self._run_error(problem)
        finally:
            self._let_go()
        results = tensors_in((output,))
        self.complete = not results or any(id(tensor) in self._made for tensor in results)
        return None

    def _let_go(self) -> None:
        """Break the rings, module and forward, error and frames: only a collection frees a ring."""
        self._where = self._attempt = None
        for _, module in self._modules:
            vars(module).pop("forward", None)
            vars(module).pop("named_modules", None)

    def _run_error(self, error: Exception) -> RunError:
        path = self._where[1] if self._where and self._where[0] is error else ""
        attempt = self._attempt[1] if self._attempt and self._attempt[0] is error else None
        return RunError(error, path, self.net.get_submodule(path), attempt)

    def _watched(self, path: str, module: nn.Module, forward: Callable) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            start, first_call = len(self.steps), len(self.calls)
            self._stack.append(path)
            try:
                output = forward(*args, **kwargs)
            except Exception as error:
                if self._where is None or self._where[0] is not error:
                    self._where = error, path
                given, kind = _shapes(tensors_in((args, kwargs))), type(module).__name__
                self.calls.append(Call(path, kind, given, (), start, len(self.steps)))
                raise
            finally:
                self._stack.pop()
            with _unwatched():
                self._ended(path, module, (*args, *kwargs.values()), output, start, first_call)
            return output

        return run

    def _ended(
        self, path: str, module: nn.Module, args: tuple, output: Any, start: int, first: int
    ) -> None:
        """Name the module's step after it, and write down the call."""
        kind, stop = type(module).__name__, len(self.steps)
        layer = first == len(self.calls) and is_layer(module)
        if layer and start + 1 == stop:  # a layer of one operation: by far the most common
            step = self.steps[start]
            object.__setattr__(step, "op", kind)  # nobody else has seen it yet
            self.calls.append(Call(path, kind, step.inputs, step.output, start, stop))
            return
        given, results = tensors_in(args), tensors_in((output,))
        if start == stop and results and id(results[0]) in self._made:
            idle = "Identity" if isinstance(module, nn.Sequential) else kind
            effect = Effect(tuple(results[0].shape))
            self._record(path, idle, "identity", given, results[0], effect)
        elif layer and start < stop:
            object.__setattr__(_main_step(self.steps[start:], kind), "op", kind)
        shape = tuple(results[0].shape) if results else ()
        self.calls.append(Call(path, kind, _shapes(given), shape, start, len(self.steps)))

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":  # x.shape is no step, x.T is one
            found = func(*args, **kwargs)
            if not isinstance(found, Tensor) or _is_lazy(args[0]):
                return found
            name, func = func.__self__.__name__, lambda *_: found  # type: ignore[attr-defined]
        elif name in _QUERIES and not (name == "__format__" and args[1]):  # f"{x:.3f}"
            return func(*args, **kwargs)
        tensors = tensors_in(args) + tensors_in(kwargs.values()) if kwargs else tensors_in(args)
        if not tensors:
            return self._operands.new(func, args, kwargs)
        plain = all([tensor.is_meta for tensor in tensors])
        if not plain:
            args, kwargs, tensors = self._operands.joined(name, args, kwargs, tensors, self._made)
        if name[-1:] == "_" and self._can_skip(func, name, args, tensors):
            return args[0] if args else tensors[0]
        if not self.real:
            if not plain and not any([tensor.is_meta for tensor in tensors]):
                return self._operands.on_numbers(func, name, args, kwargs, tensors)
            if name in _READS_VALUES:
                raise NeedsValues(f"The forward of {self._here()} reads values ({name})")
        return self._run_operation(func, name, args, kwargs, tensors)

    def _can_skip(self, func: Callable, name: str, args: tuple, tensors: list[Tensor]) -> bool:
        """Whether an operation in place writes nothing that a run on shapes would read.

        That is an initialization, a counter or a statistic; nothing that comes from the input.
        """
        if getattr(func, "__module__", None) == "torch.nn.init":
            return True
        return (
            writes(name)
            and not self._is_live(tensors)
            and not self._operands.may_write((args or tensors)[0])
        )

    def _is_live(self, tensors: list[Tensor]) -> bool:
        """Whether one of these comes from the input."""
        return self._no_inputs or not self._made.keys().isdisjoint(map(id, tensors))

    def _run_operation(
        self, func: Callable, name: str, args: tuple, kwargs: dict, tensors: list[Tensor]
    ) -> Any:
        if _is_lazy(tensors[0]):
            return func(*args, **kwargs)
        try:
            if self.real:
                output, effect = self._run_on_numbers(func, name, args, kwargs)
            else:
                output, effect = dispatch.perform(func, name, args, kwargs, tensors)
        except NeedsValues as reason:
            raise NeedsValues(f"The forward of {self._here()} reads values ({name})") from reason
        except Exception as problem:
            given = (args, kwargs, tensors, *self._from_input(tensors))
            self._attempt = problem, FailedOperation(public(name), *given)
            raise
        self._follow(name, args, tensors, output, effect)
        return output

    def _run_on_numbers(
        self, func: Callable, name: str, args: tuple, kwargs: dict
    ) -> tuple[Any, Effect]:
        """Output and effect of one operation on numbers."""
        entry = find(public(name))
        effect = dispatch.rule_effect(entry, args, kwargs)
        if effect is not NotImplemented or (entry and entry.view) or public(name) in CASTS:
            return func(*args, **kwargs), effect
        macs = 0
        if not writes(name) and (entry is None or entry.kind in dispatch.MULTIPLYING):
            macs = dispatch.macs_of(func, args, kwargs)
        output = func(*args, **kwargs)
        return output, dispatch.effect_of(output, macs)

    def _follow(
        self, name: str, args: tuple, tensors: list[Tensor], output: Any, effect: Effect
    ) -> None:
        """A step, if the operation reads what came from the input; else a cost to pass on."""
        if writes(name):
            output = (args or tensors)[0]
        results = [output] if type(output) is Tensor else tensors_in((output,))
        if effect is NotImplemented:
            effect = self._viewed(name, args, tensors, results)
        if not self._is_live(tensors):
            self.accounts.pass_on(tensors, results, effect.macs)
            self._operands.remember(results)
        elif results and not (results[0] is tensors[0] and public(name) in CASTS):
            function = public(name)
            self._record(self._stack[-1], function, function, tensors, results[0], effect)
            for result in results[1:]:
                self._mark(result)
            if writes(name):  # what a view shows is in its base too
                for base in self._operands.bases(results[0]):
                    self._mark(base)

    def _viewed(
        self, name: str, args: tuple, tensors: list[Tensor], results: list[Tensor]
    ) -> Effect:
        """The effect of a view or a cast: pixels may keep their place."""
        axes = len(self._origin.size) if self._origin else 0
        keeps = public(name) in CASTS or (
            results and dispatch.keeps_pixels(tensors[0], results[0], axes)
        )
        effect = dispatch.effect_of(results, 0, POINTWISE if keeps else None)
        if public(name) != "permute":
            return effect
        given = args[1:] if len(args) != 2 else args[1]
        return effect._replace(settings={"dims": tuple(given)})

    def _mark(self, tensor: Tensor) -> None:
        self._made[id(tensor)] = len(self.steps) - 1, tuple(tensor.shape), tensor

    def _from_input(self, tensors: list[Tensor]) -> tuple[tuple[Shape, ...], tuple[int, ...]]:
        """Shapes and steps of those tensors that come from the input."""
        made = [self._made[id(tensor)] for tensor in tensors if id(tensor) in self._made]
        return tuple([m[1] for m in made]), tuple([m[0] for m in made])

    def _record(
        self, path: str, op: str, function: str, tensors: list, result: Tensor, effect: Effect
    ) -> None:
        inputs, sources = self._from_input(tensors)
        field = self._field(sources, effect)
        params = macs = 0
        if len(sources) < len(tensors):
            params, macs = self.accounts.claim(tensors, path)
        entry = find(function)
        self.steps.append(
            Step(
                len(self.steps),
                path,
                op,
                function,
                entry.kind if entry else Kind.PRODUCT if effect.macs else Kind.OTHER,
                inputs,
                tuple(result.shape),
                params,
                effect.macs + macs,
                sources,
                field and field.size,
                field and field.stride,
                effect.settings,
                effect.window,
            )
        )
        self._fields.append(field)
        self._mark(result)
        if self._watch is not None:
            self._watch(self.steps[-1], tensors, result)

    def _field(self, sources: tuple[int, ...], effect: Effect) -> receptive.Field | None:
        if effect.window is None:
            return None
        fields = [self._origin if i < 0 else self._fields[i] for i in sources]
        met = fields[0] if len(fields) == 1 else receptive.meet(fields)
        if met is None or not isinstance(effect.window, Window):
            return met
        if len(effect.window.size) != len(met.size):
            return None
        return receptive.through(met, effect.window)

    def _here(self) -> str:
        return f"layer '{self._stack[-1]}'" if self._stack[-1] else type(self.net).__name__


def _main_step(steps: list[Step], layer: str) -> Step:
    """The step that a layer of several is named after: its own operation, else its last."""
    entry = find(layer)
    own = [step for step in steps if entry and find(step.function) is entry]
    return ([step for step in steps if step.params] or own or steps)[-1]


def _shapes(tensors: list[Tensor]) -> tuple[Shape, ...]:
    return tuple([tuple(tensor.shape) for tensor in tensors])


def _is_lazy(tensor: Any) -> bool:
    return type(tensor) is not Tensor and is_lazy(tensor)

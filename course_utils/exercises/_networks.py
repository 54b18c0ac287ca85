"""Judge an answer that builds a network: by what it does, and where it does not, by its steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from layerwise import Trace, diagnose, trace

from ._findings import Finding
from ._guard import finding, trouble
from ._steps import Part, first_difference, parts

HERE = Path(__file__).name
MOST = 4_000_000  # parameters up to which a network is built with numbers


@dataclass(frozen=True)
class Case:
    """One call of the answer, and the input that the network gets."""

    args: tuple
    shape: tuple[int, ...]
    note: str = ""  # what this case tries, in words


@dataclass
class Behaviour:
    """What one case of an answer does."""

    case: Case
    broken: Finding | None = None
    warned: Finding | None = None  # it runs, but is hardly meant
    trace: Trace | None = None
    parameters: tuple[tuple[int, ...], ...] = ()  # shapes, sorted
    numbers: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The steps of the trace in the order of the comparison."""
        return parts(self.trace) if self.trace else ()


@dataclass
class Networks:
    """An answer that is called as in `cases`, and returns a network."""

    cases: Sequence[Case]
    called: str  # how the call is told: "vgg_block(num_convs, in_channels, out_channels)"
    _asked: list[Behaviour] = field(default_factory=list)

    def find(self, answer: Any, reference: Callable[[], Any]) -> Finding | None:
        """The first thing that is wrong with an answer, None if it does what is asked."""
        if isinstance(answer, nn.Module):
            return Finding("called", "called", {"called": self.called})
        if not callable(answer):
            return Finding("no function", "no function", {"value": answer, "called": self.called})
        try:
            signature(answer).bind(*self.cases[0].args)
        except TypeError as error:
            facts = {"called": self.called, "error": str(error)}
            return Finding("arguments", "arguments", facts)
        except ValueError:
            pass
        for asked in self.asked(reference):
            found = difference(asked, behaviour(answer, asked.case))
            if found is not None:
                called = self.called.split("(")[0]
                whole = {**found.facts, "case": asked.case, "called": called}
                return Finding(found.kind, found.name, whole)
        return None

    def asked(self, reference: Callable[[], Any]) -> list[Behaviour]:
        """What the reference does in every case."""
        if not self._asked:
            answer = reference()
            self._asked = [behaviour(answer, case) for case in self.cases]
        return self._asked

    def same(self, answer: Any, other: Any) -> bool:
        """Whether two answers do the same in every case, right or wrong."""
        return all(_alike(behaviour(answer, case), behaviour(other, case)) for case in self.cases)


def behaviour(answer: Callable, case: Case) -> Behaviour:
    """Build the answer for one case and run it."""
    made = Behaviour(case)
    net = _on_meta(answer, case)
    problem = diagnose(_named(answer, case), case.shape)
    if problem is not None:
        line = problem.line if problem.line and problem.line.file != HERE else None
        facts = {"headline": problem.headline, "detail": problem.detail, "line": line}
        facts |= {"layer": problem.layer, "expected": problem.expected, "got": problem.got}
        found = Finding("diagnosis", problem.kind, facts)
        if not problem.works:
            made.broken = found
            return made
        made.warned = found
    if net is None:
        net = answer(*case.args)
    made.trace = trace(net, case.shape)
    shapes = (tuple(p.shape) for p in net.parameters())
    made.parameters = tuple(sorted(shapes, key=lambda shape: (prod(shape), shape)))
    _compute(made, net, answer)
    return made


def _on_meta(answer: Callable, case: Case) -> nn.Module | None:
    """The network without numbers; None if it cannot be built so."""
    try:
        with torch.device("meta"):
            return answer(*case.args)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  it may want numbers, or be wrong: `diagnose` tells
        return None


def _named(answer: Callable, case: Case) -> Callable[[], Any]:
    def build() -> Any:
        return answer(*case.args)

    build.__name__ = getattr(answer, "__name__", "build")
    return build


def _compute(made: Behaviour, net: nn.Module, answer: Callable) -> None:
    large = made.trace is None or made.trace.params > MOST
    if not large:
        net = answer(*made.case.args)
    elif any(p.is_meta for p in net.parameters()):
        net = net.to_empty(device="cpu")
    _fill(net)
    try:
        made.numbers = _run(net, made.case.shape, gradients=not large)
    except Exception as error:  # noqa: BLE001  the student's own
        made.broken = finding(trouble(error))


def _run(net: nn.Module, shape: tuple[int, ...], *, gradients: bool) -> dict[str, Tensor]:
    """What comes out in training and in eval mode, and what the input's gradient is."""
    generator = torch.Generator().manual_seed(1)
    given = torch.randn(shape, generator=generator)
    image = given.clone().requires_grad_(gradients)
    passed = image * 1
    with torch.set_grad_enabled(gradients):
        torch.manual_seed(2)
        out = net.train()(passed)
        found = {"train": out}
        if gradients:
            found["input"] = passed - given
            weights = torch.randn(out.shape, generator=generator)
            if out.requires_grad and not found["input"].any():
                (slope,) = torch.autograd.grad((out * weights).sum(), image, allow_unused=True)
                found["gradient"] = torch.zeros(()) if slope is None else slope
    with torch.no_grad():
        found["eval"] = net.eval()(given.clone())
    return {name: value.detach() for name, value in found.items()}


@torch.no_grad()
def _fill(net: nn.Module) -> None:
    """Give every parameter and buffer numbers that follow from its shape alone.

    So two networks with the same parameters, however called and in whichever order, get the same.
    """
    for tensor in net.parameters():
        tensor.data = _numbers(tuple(tensor.shape), positive=False)
    for buffer in net.buffers():
        if buffer.is_floating_point() and buffer.ndim:
            buffer.data = _numbers(tuple(buffer.shape), positive=True)
        elif buffer.ndim == 0:
            buffer.zero_()


def _numbers(shape: tuple[int, ...], *, positive: bool) -> Tensor:
    own = tuple(n for n in shape if n != 1)
    count = prod(shape)
    generator = torch.Generator().manual_seed(hash((own, positive)) % 2**31)
    some = torch.rand(min(count, 65_537), generator=generator)
    if not positive:
        fan_in = prod(own[1:]) if len(own) > 1 else 1
        some = (some - 0.5) * (24 / max(fan_in, 1)) ** 0.5
    else:
        some += 0.5
    return some.repeat(-(-count // len(some)))[:count].reshape(shape) if count else some.view(shape)


# ------------------------------------------------------------------------------------ comparison


def difference(asked: Behaviour, given: Behaviour) -> Finding | None:
    """What is wrong in one case; None where both do the same with the same parameters."""
    if given.broken is not None:
        return given.broken
    equal = _unequal(asked.numbers, given.numbers)
    if equal is None and asked.parameters == given.parameters:
        return None
    if equal == "input":
        return Finding("values", "other input", {"where": "input"})
    if given.warned is not None:
        return given.warned
    found = first_difference(asked.parts, given.parts)
    if found is not None:
        return found
    if equal is not None:
        return Finding("values", f"other {equal}", {"where": equal})
    params = [sum(map(prod, one.parameters)) for one in (asked, given)]
    return Finding("params", "parameters", {"asked": params[0], "params": params[1]})


def _unequal(asked: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    """The first of the numbers that differ: "train", "eval", "gradient", "input"."""
    for name, value in asked.items():
        other = given.get(name)
        if other is None or value.shape != other.shape:
            return name
        scale = float(value.abs().max()) if value.numel() else 0.0
        if not torch.allclose(value, other, rtol=1e-3, atol=1e-4 * max(scale, 1e-3)):
            return name
    return None


def _alike(one: Behaviour, other: Behaviour) -> bool:
    if one.broken is not None or other.broken is not None:
        return (
            one.broken is not None
            and other.broken is not None
            and _key(one.broken) == _key(other.broken)
        )
    return one.parameters == other.parameters and _unequal(one.numbers, other.numbers) is None


def _key(broken: Finding) -> tuple:
    facts = broken.facts
    if broken.kind != "diagnosis":
        return broken.kind, facts["error"], facts["message"]
    if broken.name == "your code":
        return broken.name, facts["headline"]
    return broken.name, facts["expected"], facts["got"]

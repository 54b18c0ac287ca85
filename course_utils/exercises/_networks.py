"""Judge an answer that builds a network: by what it does, and where it does not, by its steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from layerwise import Trace, diagnose, trace

from . import _guard
from ._calls import not_called
from ._findings import Finding
from ._steps import Part, first_difference, parts

HERE = Path(__file__).name
MOST = 4_000_000  # parameters up to which a network is built with numbers, and differentiated


@dataclass(frozen=True)
class Case:
    """One call of the answer, and the input that the network gets."""

    args: tuple
    shape: tuple[int, ...]
    large: bool = False  # so that it is built without numbers: equal steps are enough


Probe = Callable[[nn.Module, Case], dict[str, Tensor]]  # what to measure of a network


class Behaviour:
    """What one case of an answer does."""

    def __init__(self, answer: Callable, case: Case, probe: Probe | None = None) -> None:
        self._answer, self._case, self._probe = answer, case, probe
        self.broken: Finding | None = None
        self.warned: Finding | None = None  # it runs, but is hardly meant
        self.trace: Trace | None = None
        self.parameters: list[tuple[int, ...]] = []  # shapes without their ones
        self._diagnose()
        if self.broken is None:
            net = _on_meta(answer, case) if case.large else None
            self._net = _complete(answer(*case.args) if net is None else net, case)
            self.trace = trace(self._net, case.shape)
            shapes = (tuple(p.shape) for p in self._net.parameters())
            self.parameters = sorted((_own(shape) for shape in shapes), key=lambda s: (prod(s), s))

    def _diagnose(self) -> None:
        problem = diagnose(_named(self._answer, self._case), self._case.shape)
        if problem is None:
            return
        line = problem.line if problem.line and problem.line.file != HERE else None
        facts = {"headline": problem.headline, "detail": problem.detail, "line": line}
        facts |= {"layer": problem.layer, "expected": problem.expected, "got": problem.got}
        found = Finding("diagnosis", problem.kind, facts)
        if problem.works:
            self.warned = found
        else:
            self.broken = found
            made = _on_meta(self._answer, self._case)  # a want of memory is told as such
            if made is not None and not isinstance(made, (nn.Module, type)):
                self.broken = Finding("no network", "no network", {"value": type(made).__name__})

    @property
    def output(self) -> tuple[int, ...]:
        """The shape that comes out, () where it does not run."""
        return self.trace.output if self.trace else ()

    @property
    def probed(self) -> bool:
        """Whether something else is measured than what comes out."""
        return self._probe is not None

    @property
    def large(self) -> bool:
        """Whether a run with numbers takes long."""
        return self.trace is not None and self.trace.params > MOST

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The steps of the trace in the order of the comparison."""
        return parts(self.trace) if self.trace else ()

    @cached_property
    def numbers(self) -> dict[str, Tensor] | Finding:
        """What comes out; where the run with numbers fails, why."""
        net = self._net
        if any(p.is_meta for p in net.parameters()):
            net = net.to_empty(device="cpu")
        try:
            if self._probe is not None:
                return self._probe(net, self._case)
            fill(net)
            return self._few(net) if self.large else _run(net, self._case.shape)
        except Exception as error:  # noqa: BLE001  the student's own
            return _guard.finding(_guard.trouble(error))

    @cached_property
    def even(self) -> dict[str, Tensor] | Finding:
        """What comes out where all weights are equal, and all biases, and all statistics."""
        net = _complete(self._answer(*self._case.args), self._case)
        fill_evenly(net)
        return _run(net, self._case.shape)

    @cached_property
    def unused(self) -> list[str]:
        """The layers with parameters on which what comes out in training does not depend."""
        if self.large or self.probed:
            return []
        fill(self._net)
        out = self._net.train()(_image(self._case.shape))
        learned = {n: p for n, p in self._net.named_parameters() if p.requires_grad}
        if not out.requires_grad or not learned:
            return []
        slopes = torch.autograd.grad(out.sum(), [*learned.values()], allow_unused=True)
        idle = [n for n, slope in zip(learned, slopes, strict=True) if slope is None]
        return list(dict.fromkeys(name.rpartition(".")[0] or name for name in idle))

    def _few(self, net: nn.Module) -> dict[str, Tensor]:
        """Of a large network only what is quick: the output in eval mode, and the dropouts."""
        rates = [part.settings["p"] for part in self.parts if part.kind == "dropout"]
        with torch.no_grad():
            out = net.eval()(_image(self._case.shape))
        return {"eval": out, "dropout": torch.tensor(rates)}


def _on_meta(answer: Callable, case: Case) -> Any:
    """The network without numbers, if it can be built so."""
    try:
        with torch.device("meta"):
            return answer(*case.args)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  it may want numbers, or be wrong
        return None


def _complete(net: nn.Module, case: Case) -> nn.Module:
    """The network; its lazy layers have seen an input, so that they have parameters."""
    with torch.no_grad():
        for lazy in [*filter(is_lazy, net.parameters())][:1]:
            net(_image(case.shape).to(lazy.device))
    return net


def _named(answer: Callable, case: Case) -> Callable[[], Any]:
    def build() -> Any:
        return answer(*case.args)

    build.__name__ = getattr(answer, "__name__", "build")
    return build


def _image(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _run(net: nn.Module, shape: tuple[int, ...]) -> dict[str, Tensor] | Finding:
    """What comes out in training and in eval mode, and what the input's gradient is."""
    given = _image(shape)
    image = given.clone().requires_grad_()
    passed = image * 1
    torch.manual_seed(2)
    out = net.train()(passed)
    if not isinstance(out, Tensor):
        facts = {"called": "The forward", "value": type(out).__name__}
        return Finding("no tensor", "no tensor", facts)
    found = {"train": out, "input": passed - given}
    if out.requires_grad and not found["input"].any():
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
        (slope,) = torch.autograd.grad((out * weights).sum(), image, allow_unused=True)
        found["gradient"] = torch.zeros(()) if slope is None else slope
    else:
        found["gradient"] = torch.zeros(())
    with torch.no_grad():
        found["eval"] = net.eval()(given.clone())
    return {name: value.detach() for name, value in found.items()}


@torch.no_grad()
def fill(net: nn.Module) -> None:
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


@torch.no_grad()
def fill_evenly(net: nn.Module) -> None:
    """Give all weights one number, all that is one number a channel another."""
    for tensor in net.parameters():
        tensor.fill_(0.1 if tensor.ndim > 1 else 0.3)
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.fill_(0.7)


def _own(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its ones: a 1×1 convolution is a linear layer."""
    return tuple(n for n in shape if n != 1)


def _numbers(shape: tuple[int, ...], *, positive: bool) -> Tensor:
    own, count = _own(shape), prod(shape)
    generator = torch.Generator().manual_seed(hash((own, positive)) % 2**31)
    some = torch.rand(min(count, 65_537), generator=generator)
    if positive:
        some += 0.5
    else:
        some = (some - 0.5) * (24 / prod(own[1:])) ** 0.5
    return some.repeat(-(-count // len(some)))[:count].reshape(shape)


# ------------------------------------------------------------------------------------ comparison


@dataclass
class Networks:
    """An answer that is called as in `cases`, and returns a network."""

    cases: Sequence[Case]
    called: str  # how the call is told: "vgg_block(num_convs, in_channels, out_channels)"
    probe: Probe | None = None  # in place of what comes out in training and eval mode
    _ours: dict = field(default_factory=dict)  # behaviours of the reference and of the mistakes
    _theirs: dict = field(default_factory=dict)  # of the answer that is being checked

    def find(self, answer: Any, reference: Callable[[], Any]) -> Finding | None:
        """The first thing that is wrong with an answer, None if it does what is asked."""
        uncalled = not_called(answer, self.cases[0].args, self.called)
        if uncalled is not None:
            return uncalled
        self._theirs.clear()
        right = reference()
        for case in self.cases:
            try:
                found = difference(self._our(right, case), self._their(answer, case))
            except BaseException:  # the time was over: what is half made would stay so
                self._ours.clear()
                raise
            if found is not None:
                called = self.called.split("(")[0]
                whole = {**found.facts, "case": case, "called": called}
                return Finding(found.kind, found.name, whole)
        return None

    def same(self, answer: Any, other: Any) -> bool:
        """Whether two answers do the same in every case, right or wrong."""
        return all(_alike(self._their(answer, case), self._our(other, case)) for case in self.cases)

    def _our(self, answer: Callable, case: Case) -> Behaviour:
        if (answer, case) not in self._ours:
            self._ours[answer, case] = Behaviour(answer, case, self.probe)
        return self._ours[answer, case]

    def _their(self, answer: Callable, case: Case) -> Behaviour:
        if case not in self._theirs:
            self._theirs[case] = Behaviour(answer, case, self.probe)
        return self._theirs[case]


def difference(  # noqa: PLR0911  what is wrong, the plainest first
    asked: Behaviour, given: Behaviour
) -> Finding | None:
    """What is wrong in one case; None where both do the same with the same parameters."""
    if given.broken is not None:
        return given.broken
    if given.large and given.parts == asked.parts and given.parameters == asked.parameters:
        return None
    same = (given.parameters, given.output) == (asked.parameters, asked.output)
    unequal: str | None = "train"
    if same or not given.large:
        numbers = given.numbers
        if isinstance(numbers, Finding):
            return numbers
        assert not isinstance(asked.numbers, Finding)
        unequal = unlike(asked.numbers, numbers)
    if unequal is None if same else _evenly_alike(asked, given):
        layers = given.unused
        return Finding("unused", "unused", {"layers": layers}) if layers else None
    if unequal == "input":
        return Finding("values", "other input", {"where": "input"})
    if asked.probed or given.probed:
        return given.warned or _unseen(asked, given, unequal)
    found = given.warned or first_difference(asked.parts, given.parts)
    return found or _unseen(asked, given, unequal)


def _evenly_alike(asked: Behaviour, given: Behaviour) -> bool:
    """Whether as many parameters, cut in another way, do the same where all are equal."""
    sums = [sum(map(prod, one.parameters)) for one in (asked, given)]
    if sums[0] != sums[1] or asked.output != given.output or given.large or given.probed:
        return False
    ours, theirs = asked.even, given.even
    if isinstance(ours, Finding) or isinstance(theirs, Finding):
        return False
    return unlike(ours, theirs) is None


def _unseen(asked: Behaviour, given: Behaviour, unequal: str | None) -> Finding:
    """What the steps do not show."""
    params = [sum(map(prod, one.parameters)) for one in (asked, given)]
    if params[0] != params[1] or unequal is None:
        return Finding("params", "parameters", {"asked": params[0], "params": params[1]})
    facts = {"where": unequal, "probed": asked.probed}
    return Finding("values", f"other {unequal}", facts)


def unlike(asked: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    """The first of the numbers that differ: "train", "input", "gradient", "eval"."""
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
        return _alike_broken(one.broken, other.broken)
    if one.parameters != other.parameters or one.output != other.output:
        return False
    if one.warned is not None and other.warned is not None:  # what runs may not be the same twice
        return one.parts == other.parts and _alike_broken(one.warned, other.warned)
    ours, theirs = one.numbers, other.numbers
    if isinstance(ours, Finding) or isinstance(theirs, Finding):
        return isinstance(ours, Finding) and ours == theirs
    return unlike(ours, theirs) is None and unlike(theirs, ours) is None


def _alike_broken(one: Finding | None, other: Finding | None) -> bool:
    if one is None or other is None or one.name != other.name:
        return False
    keys = ("headline", "value") if one.name in ("your code", "no network") else ("expected", "got")
    return all(one.facts.get(key) == other.facts.get(key) for key in keys)

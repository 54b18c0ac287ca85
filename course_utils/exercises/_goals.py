"""Judge a design: what it costs, and what it reaches when it is trained."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from course_utils.data import digits
from course_utils.training import fit
from layerwise import trace

from ._calls import not_called
from ._findings import Finding
from ._networks import Behaviour, Case


@dataclass(frozen=True)
class Goal:
    """A network for the digits that costs no more, and reaches no less, than it says here."""

    called: str
    params: int
    macs: int
    accuracy: float
    size: int = 16
    epochs: int = 10
    lr: float = 3e-3
    seconds: float = 20.0

    def find(self, answer: Any, reference: Callable[[], Any]) -> Finding | None:  # noqa: ARG002
        """What the design costs too much or lacks, None if it reaches the goal."""
        uncalled = not_called(answer, (), self.called)
        if uncalled is not None:
            return uncalled
        given = Behaviour(answer, Case((), (8, 1, self.size, self.size)))
        unfit = given.broken or given.warned or self._unfit(given)
        return unfit or self._reached(answer)

    def same(self, answer: Any, other: Any) -> bool:
        """Designs are not compared: two that differ may both be right."""
        return answer is other

    def _unfit(self, given: Behaviour) -> Finding | None:
        assert given.trace is not None
        if given.trace.output != (8, 10):
            return Finding("goal shape", "another shape", {"shape": given.trace.output[1:]})
        last = given.parts[-1]
        if last.kind == "activation":
            return Finding("goal end", f"ends with {last.thing}", {"thing": last.thing})
        if given.trace.params > self.params:
            facts = {"params": given.trace.params, "most": self.params}
            return Finding("goal params", "too many parameters", facts)
        macs = given.trace.macs // 8
        if macs > self.macs:
            return Finding("goal macs", "too many MACs", {"macs": macs, "most": self.macs})
        return None

    def _reached(self, answer: Callable[[], nn.Module]) -> Finding | None:
        torch.manual_seed(0)
        net = answer()
        train, test = digits(64, self.size, standardize=True, device="cpu")
        history = fit(
            *(net, train, test, self.epochs, self.lr),
            optimizer=torch.optim.Adam,
            device="cpu",
            progress=False,
        )
        best = max(history.test_acc)
        if best >= self.accuracy:
            return None
        layers = {step.kind.value for step in trace(net, (1, 1, self.size, self.size)).steps}
        facts = {"best": best, "train": history.train_acc[-1], "goal": self.accuracy}
        name = "too few right" if "convolution" in layers else "no convolution"
        return Finding("goal accuracy", name, {**facts, "convolution": name == "too few right"})

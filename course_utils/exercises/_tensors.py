"""Judge an answer that is a function of tensors, by the numbers that come out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import _guard
from ._calls import not_called
from ._findings import Finding
from ._networks import unlike


@dataclass(frozen=True)
class Tensors:
    """A function of tensors. A case: what is given, in words; its shapes; "scale" of the first.

    What else a case chooses are arguments by name.
    """

    cases: Sequence[tuple[str, Sequence[tuple[int, ...]], dict]]
    called: str

    def find(  # noqa: PLR0911  one way for each kind of answer
        self, answer: Any, reference: Callable[[], Any]
    ) -> Finding | None:
        """The first case that is not as asked."""
        uncalled = not_called(answer, tuple(self._given(0)), self.called)
        if uncalled is not None:
            return uncalled
        right = reference()
        for number, (told, _, _) in enumerate(self.cases):
            given = self._given(number)
            named = self._named(number)
            found, asked = _result(answer, given, named), right(*self._given(number), **named)
            facts: dict[str, Any] = {"told": told, "called": self.called}
            if isinstance(found, _guard.Trouble):
                return _guard.finding(found)
            if found is None:
                return Finding("nothing", "returns nothing", facts)
            if not isinstance(found, Tensor):
                facts["value"] = type(found).__name__
                return Finding("no tensor", "no tensor", facts)
            facts |= {"shape": tuple(found.shape), "asked": tuple(asked.shape)}
            if found.shape != asked.shape:
                return Finding("shape", "another shape", facts)
            if unlike({"": asked}, {"": found}) is not None:
                return Finding("unlike", "other numbers", facts)
            if any(map(_changed, given, self._given(number))):
                return Finding("values", "other input", {"where": "input"})
        return None

    def same(self, answer: Any, other: Any) -> bool:
        """Whether two functions give the same in every case."""
        for number in range(len(self.cases)):
            named = self._named(number)
            one, two = (_result(f, self._given(number), named) for f in (answer, other))
            if not _alike(one, two):
                return False
        return True

    def _named(self, number: int) -> dict[str, Any]:
        return {name: v for name, v in self.cases[number][2].items() if name != "scale"}

    def _given(self, number: int) -> list[Tensor]:
        _, shapes, choices = self.cases[number]
        generator = torch.Generator().manual_seed(number)
        made = [torch.randn(shape, generator=generator) + 0.5 for shape in shapes]
        return [made[0] * choices.get("scale", 2.0), *made[1:]]


def _alike(one: Any, two: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(two, Tensor):
        return one.shape == two.shape and unlike({"": one}, {"": two}) is None
    return type(one) is type(two) and repr(one) == repr(two)  # tensors in a list have no ==


def _changed(before: Tensor, after: Tensor) -> bool:
    return not torch.equal(before, after)


def _result(function: Callable, given: list[Tensor], named: dict[str, Any]) -> Any:
    try:
        return function(*given, **named)
    except Exception as error:  # noqa: BLE001  a student's function may raise anything
        return _guard.trouble(error)

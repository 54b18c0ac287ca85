"""How far a search for repairs goes, and what it does not run again."""

import pytest
from broken import GREY, lenet
from torch import nn

from layerwise import diagnose
from layerwise.diagnosis.repairs import Budget, Search
from layerwise.tracing import building


def outcome(layers):
    return building.run(lambda: nn.Sequential(*[nn.ReLU()] * layers), (1, 2), {})


@pytest.mark.parametrize(
    ("budget", "paid", "left"),
    [
        (Budget(5), [3], True),
        (Budget(5), [3, 2], False),  # nothing is left of the steps
        (Budget(5), [3, 4], False),
        (Budget(5, least=3), [3, 4], True),
        (Budget(5, least=2), [3, 4], False),
        (Budget(99, runs=2), [1], True),
        (Budget(99, runs=2), [1, 1], False),
        (Budget(0, runs=1, least=9), [1], False),
    ],
)
def test_a_budget_ends_with_its_runs_or_its_steps(budget, paid, left):
    for layers in paid:
        budget.take(outcome(layers))
    assert budget.left is left


def test_what_was_run_is_not_run_again(monkeypatch):
    search = Search(lenet, GREY, {"stride": 8})
    works = building.run(lenet, GREY, {})
    search.remember({}, works)
    monkeypatch.setattr(building, "run", lambda *_: pytest.fail("run again"))
    assert search.outcome({}) == (works, None)


def test_a_network_that_takes_its_layers_from_outside_asks_for_no_repairs():
    outside = nn.Linear(8, 8)

    class Borrows(nn.Module):
        def forward(self, x):
            return outside(x)

    def build(own=False):
        return nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8) if own else Borrows())

    d = diagnose(build, (2, 8))
    assert (d.works, d.layer) == (True, "1")
    assert d.repairs == []  # where a layer belongs is no choice

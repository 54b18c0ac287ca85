"""A failure as data: in which stage, what stands where a tensor is due, and what it lets go of."""

import gc
import weakref
from collections import deque

import pytest
import torch
from torch import nn

from layerwise.tracing import building

IMAGE = (1, 3, 4, 4)


def failure(forward, shape=IMAGE):
    kind = type("Net", (nn.Module,), {"forward": forward})
    return building.run(kind, shape, {}).failure


NO_TENSOR = {
    "a list": (lambda _, x: torch.add(x, [1]), "list"),
    "nothing": (lambda _, x: torch.relu(None) + x, "NoneType"),
    "a list to multiply with": (lambda _, x: torch.matmul(x, [1]), "list"),
}


@pytest.mark.parametrize("name", NO_TENSOR)
def test_what_stands_where_a_tensor_is_due_is_told(name):
    forward, kind = NO_TENSOR[name]
    facts = failure(forward).facts
    assert (facts["mistake"], facts["kind"]) == ("no tensor", kind)
    assert facts["none"] == (kind == "NoneType")


def test_the_list_of_a_concat_is_where_it_belongs():
    found = failure(lambda _, x: torch.cat([x, x[:, :1, :2]], 1))
    assert found.function == "cat"
    assert found.facts["mistake"] == ""


def test_the_stage_is_told():
    def build(width=0):
        return nn.Linear(3, "a" if width else 4)

    assert failure(lambda _, x: x + None).stage == "run"
    assert building.run(build, (1, 3), {"width": 1}).failure.stage == "build"
    assert building.run(build, (1, 5), {}).failure.stage == "run"


def test_the_error_lets_go_of_its_frames():
    """Without a collection of garbage, as the error and its frames would hold one another."""
    held = deque()  # no list: what a forward writes into one is put back

    def forward(_, x):
        mine = nn.Identity()
        held.append(weakref.ref(mine))
        return x + None

    gc.collect()
    gc.disable()
    try:
        assert failure(forward) is not None
        assert [one() for one in held] == [None]
    finally:
        gc.enable()

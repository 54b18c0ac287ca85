"""Tensors that a forward makes itself, and random numbers drawn from a generator of its own."""

import pytest
import torch
from torch import nn

from layerwise import trace
from layerwise.tracing.operands import Seeded


def traced(forward, *shape):
    return trace(type("Net", (nn.Module,), {"forward": forward})(), shape)


def test_a_tensor_too_large_for_any_memory_is_made_without_numbers():
    t = traced(lambda _, x: x + torch.zeros(10**7, 10**6)[:2, :3], 2, 3)
    assert t.output == (2, 3)


def test_what_a_forward_wrote_into_its_own_tensor_can_be_read():
    def forward(_, x):
        order = torch.zeros(3)
        order[1] = 1
        order.add_(1)
        return x[:, : int(order.sum())]

    t = traced(forward, 2, 9)
    assert (t.output, t.note) == ((2, 4), "")


def test_places_that_are_named_by_numbers_are_those_places():
    def forward(_, x):
        kept = torch.tensor([True, False, True])
        made = x[:, kept]
        made[:, torch.tensor([0])] = torch.ones(2, 1)
        return made

    assert traced(forward, 2, 3).output == (2, 2)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: torch.rand(4),
        lambda: torch.randperm(9),
        lambda: torch.empty(4).uniform_(),
        lambda: torch.empty(4).normal_(),
        lambda: torch.empty(4).bernoulli_(),
        lambda: torch.empty(4).exponential_(),
        lambda: torch.empty(4).random_(),
        lambda: nn.init.kaiming_uniform_(torch.empty(4, 4)),
        lambda: nn.init.trunc_normal_(torch.empty(4)),
        lambda: nn.init.ones_(torch.empty(4)),
        lambda: nn.init.xavier_normal_(torch.empty(3, 3)),
    ],
)
def test_what_is_drawn_repeats_and_leaves_pytorchs_own_state_alone(draw):
    found = []
    for elsewhere in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(elsewhere)
            before = torch.get_rng_state()
            with Seeded(3):
                found.append(draw())
            assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*found)

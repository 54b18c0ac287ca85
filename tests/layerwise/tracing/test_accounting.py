"""Who pays for a parameter, and what is left: parameters that no step used, or that no one owns."""

import torch
from torch import nn

from layerwise import trace


class PlainList(nn.Module):
    """Its second layer stands in a plain list, where PyTorch does not find it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.rest = [nn.Linear(2, 3)]
        self.register_buffer("scale", torch.ones(2))
        self.shift = torch.zeros(2)

    def forward(self, x):
        return self.rest[0](self.first(x) * self.scale + self.shift)


def test_parameters_that_the_network_does_not_own_are_counted_where_they_are_read():
    t = trace(nn.Sequential(PlainList(), nn.ReLU()), (1, 2))
    assert t.unregistered == {"0": 6 + 3}
    assert t.params == 6 and sum(step.params for step in t.steps) == 6


def test_a_layer_that_is_used_twice_pays_once_and_nothing_is_foreign():
    layer = nn.Linear(2, 2)
    t = trace(nn.Sequential(layer, layer), (1, 2))
    assert [step.params for step in t.steps] == [6, 0] and t.unregistered == {}


class Spare(nn.Module):
    """A block whose inner block does not run, and a block that does not run at all."""

    def __init__(self):
        super().__init__()
        self.used = nn.Module()
        self.used.layer = nn.Linear(2, 2)
        self.head = nn.Module()
        self.head.inner = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        self.gain = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.used.layer(x)


def test_what_did_not_run_is_told_by_the_outermost_block_that_did_not():
    assert trace(Spare(), (1, 2)).unused == {"head": 6 + 6, "": 3}


def test_of_a_block_that_ran_only_the_part_that_did_not_is_told():
    block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    block.spare = nn.Sequential(nn.Linear(2, 2))
    block.forward = lambda x: block[1](block[0](x))
    assert trace(nn.Sequential(block), (1, 2)).unused == {"0.spare": 6}

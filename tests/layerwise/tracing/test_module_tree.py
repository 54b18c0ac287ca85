"""A trace as a tree: every step once, in order; blocks as they ran, also where a run broke off."""

import pytest
import torchvision
from gallery import two_basic_blocks
from torch import nn

from course_utils import nets
from layerwise import trace
from layerwise.tracing import building
from layerwise.tracing.module_tree import Block, outline


def ids(block):
    return [part.id for part in block.parts if isinstance(part, Block)]


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (nets.alexnet, (1, 1, 224, 224)),
        (nets.googlenet, (1, 1, 96, 96)),
        (torchvision.models.densenet121, (2, 3, 64, 64)),
        (torchvision.models.vit_b_16, (1, 3, 224, 224)),
    ],
    ids=["alexnet", "googlenet", "densenet121", "vit_b_16"],
)
def test_every_step_stands_once_and_totals_hold(build, shape):
    t = trace(build(), shape)
    tree = outline(t)
    assert tree.steps == t.steps
    assert (tree.params, tree.macs) == (t.params, t.macs)


def test_a_module_of_one_step_is_that_step():
    tree = outline(trace(nn.Sequential(nn.Sequential(nn.ReLU()), nn.Flatten()), (1, 2)))
    assert [part.op for part in tree.parts] == ["ReLU", "Flatten"]


def test_blocks_have_their_paths_and_a_second_run_a_mark():
    block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    assert ids(outline(trace(two_basic_blocks(), (1, 64, 8, 8)))) == ["0", "1"]

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = block

        def forward(self, x):
            return self.block(self.block(x))

    assert ids(outline(trace(Twice(), (1, 2)))) == ["block", "block#2"]


def test_a_run_that_broke_off_keeps_the_blocks_it_was_in():
    net = torchvision.models.resnet18()
    t, failure = building.run(lambda: net, (1, 3, 32, 32), {})
    assert failure.path == "layer4.0.bn1"
    tree = outline(t)
    assert ids(tree)[-1] == "layer4" and not tree.parts[-1].call.output
    assert [part.id for part in tree.parts[-1].parts] == ["layer4.0"]
    assert tree.steps == t.steps


def test_parameters_that_did_not_run_are_no_part_of_the_tree():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    net.spare = nn.Linear(2, 2)
    net.forward = lambda x: net[1](net[0](x))
    t = trace(net, (1, 2))
    assert t.unused == {"spare": 6} and outline(t).steps == t.steps

"""The networks that the lessons build are those of `nets`: same parameters, same outputs."""

from collections.abc import Callable
from functools import partial

import lessons
import pytest
import torch
from torch import nn

from course_utils import nets
from layerwise.tracing.building import Unfilled

GREY = (2, 1, 224, 224)

# lesson, expression in it, the same network in `nets`, input
PAIRS = [
    ("01_alexnet", "lenet", nets.lenet, (2, 1, 28, 28)),
    ("01_alexnet", "net", nets.alexnet, GREY),
    ("02_vgg", "net", nets.vgg, GREY),
    ("03_nin", "net", nets.nin, GREY),
    ("04_googlenet", "net", nets.googlenet, (2, 1, 96, 96)),
    ("05_batch_norm", "net", nets.batch_norm_lenet, (2, 1, 28, 28)),
    ("06_resnet", "net", nets.resnet18, (2, 1, 96, 96)),
    ("07_resnet_family", "cifar_net", partial(nets.cifar_resnet, bias=False), (2, 3, 32, 32)),
]
# The builders that the labs turn: called without choices they are the network of the lesson.
BUILDERS = [
    ("01_alexnet", "alexnet", nets.alexnet, GREY),
    ("04_googlenet", "googlenet", nets.googlenet, (2, 1, 96, 96)),
    ("06_resnet", "resnet18", nets.resnet18, (2, 1, 96, 96)),
]


def same(ours: nn.Module, build: Callable, shape: tuple) -> bool:
    """Give both the weights of `ours` and compare what they put out in eval mode."""
    with Unfilled("cpu"):  # its first weights would only be written over
        theirs = build()
    mine, others = list(ours.parameters()), list(theirs.parameters())
    assert [p.numel() for p in mine] == [p.numel() for p in others]
    with torch.no_grad():
        for p, q in zip(mine, others, strict=True):
            q.copy_(p.reshape(q.shape))
        X = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        return torch.allclose(ours.eval()(X), theirs.eval()(X), atol=1e-5)


@pytest.mark.parametrize(("lesson", "name", "build", "shape"), PAIRS)
def test_the_network_of_a_lesson_is_that_of_nets(lesson, name, build, shape):
    torch.manual_seed(0)
    assert same(lessons.value(lesson, name), build, shape)


@pytest.mark.parametrize(("lesson", "name", "build", "shape"), BUILDERS)
def test_the_builder_of_a_lesson_makes_that_network(lesson, name, build, shape):
    torch.manual_seed(0)
    assert same(lessons.value(lesson, name)(), build, shape)


@pytest.mark.parametrize("lesson", ["07_resnet_family"])
@pytest.mark.parametrize("depth", [34, 50])
def test_the_family_is_that_of_nets(lesson, depth):
    torch.manual_seed(0)
    made = lessons.value(lesson, "family_member")(depth)
    build = partial(getattr(nets, f"resnet{depth}"), in_channels=3, num_classes=1000)
    assert same(made, build, (1, 3, 64, 64))

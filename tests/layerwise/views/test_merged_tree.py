"""What a picture shows of a run that broke off: the whole network, each part in its place."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from layerwise import trace
from layerwise.tracing.building import run
from layerwise.tracing.module_tree import outline
from layerwise.views.comparison import Status, compare
from layerwise.views.merged_tree import merged

IMAGE = (1, 4, 16, 16)
POOL = nn.MaxPool2d(2)


def conv(size=3, **settings):
    return nn.Conv2d(4, 4, size, **settings)


class Branches(nn.Module):
    """Three branches that meet in a concat; the middle one has a stride."""

    def __init__(self, stride=1, size=3):
        super().__init__()
        self.a, self.b, self.c = conv(1), conv(size, padding=1, stride=stride), conv(1)

    def forward(self, x):
        return torch.cat([F.relu(self.a(x)), F.relu(self.b(x)), F.relu(self.c(x))], 1)


def both(start, now):
    """The merged tree of two lists of layers, its statuses, and the tree of the start."""
    seen, failure = run(lambda: nn.Sequential(*now), IMAGE, {})
    before = outline(trace(nn.Sequential(*start), IMAGE))
    lines = compare(before, outline(seen) if seen else None, failure)
    return *merged(lines, outline(seen) if seen else before), before


def told(tree, statuses):
    return [f"{statuses[step.index].mark}{step.op}" for step in tree.steps]


def paths(tree):
    return [(step.path, step.sources) for step in tree.steps]


def test_a_concat_that_broke_keeps_all_its_arms_and_what_follows():
    tree, statuses, start = both([Branches(), POOL], [Branches(stride=2), POOL])
    assert paths(tree) == paths(start)
    assert told(tree, statuses) == [
        "Conv2d", "relu", "≠Conv2d", "↓relu", "Conv2d", "relu", "✕cat", "?MaxPool2d"
    ]  # fmt: skip
    assert tree.steps[6].sources == (1, 3, 5)
    assert tree.steps[6].inputs == ((1, 4, 16, 16), (1, 4, 8, 8), (1, 4, 16, 16))
    assert statuses["0"] is Status.FAILED
    block, _ = tree.parts
    assert (block.id, block.call.start, block.call.stop) == ("0", 0, 7)


def test_a_branch_that_broke_leaves_the_later_ones_in_their_places():
    tree, statuses, start = both([Branches(), POOL], [Branches(size=99), POOL])
    assert paths(tree) == paths(start)
    assert told(tree, statuses) == [
        "Conv2d", "relu", "✕Conv2d", "?relu", "?Conv2d", "?relu", "?cat", "?MaxPool2d"
    ]  # fmt: skip


def test_what_is_gone_passes_on_what_came_in():
    def net(layers, features):
        return [conv(), *layers, nn.Flatten(), nn.Linear(features, 2), nn.ReLU()]

    tree, statuses, _ = both(net([POOL], 196), net([], 196))
    assert told(tree, statuses) == ["Conv2d", "↓Flatten", "✕Linear", "?ReLU"]
    assert [step.sources for step in tree.steps] == [(-1,), (0,), (1,), (2,)]
    assert [step.index for step in tree.steps] == [0, 1, 2, 3]


def test_what_is_new_before_the_break_moves_the_rest_back():
    def net(layers):
        return [conv(), *layers, nn.Flatten(), nn.Linear(784, 2), nn.ReLU()]

    tree, statuses, _ = both(net([]), net([POOL]))
    assert told(tree, statuses) == ["Conv2d", "+MaxPool2d", "↓Flatten", "✕Linear", "?ReLU"]
    assert [step.sources for step in tree.steps] == [(-1,), (0,), (1,), (2,), (3,)]


def test_nothing_that_could_not_be_built_was_reached():
    def build(size=3):
        return nn.Sequential(nn.Conv2d(4, 4, size), nn.ReLU())

    start = outline(trace(build(), IMAGE))
    seen, failure = run(build, IMAGE, {"size": -1})
    assert seen is None
    tree, statuses = merged(compare(start, None, failure), start)
    assert told(tree, statuses) == ["?Conv2d", "?ReLU"] and paths(tree) == paths(start)


def test_a_run_without_a_start_ends_at_the_break():
    seen, failure = run(lambda: nn.Sequential(Branches(stride=2), conv()), IMAGE, {})
    tree, statuses = merged(compare(None, outline(seen), failure), outline(seen))
    assert told(tree, statuses)[-2:] == ["relu", "✕cat"]


@pytest.mark.parametrize("idle", [nn.Identity(), None])
def test_a_layer_of_a_box_that_is_gone_marks_the_box(idle):
    norm = [conv(), nn.BatchNorm2d(4).eval(), nn.ReLU()]
    now = [norm[0], *([idle] if idle else []), norm[2]]
    tree, statuses, _ = both(norm, now)
    assert tree.steps == outline(trace(nn.Sequential(*now), IMAGE)).steps
    marks = [statuses[step.index] for step in tree.steps]
    assert marks == [Status.SAME, Status.OWN, Status.SAME] if idle else [Status.OWN, Status.SAME]


def test_what_comes_first_and_is_gone_marks_nothing():
    tree, statuses, _ = both([nn.ReLU(), conv()], [conv()])
    assert statuses == {0: Status.SAME} and len(tree.steps) == 1


def test_an_add_that_is_gone_marks_what_it_added_to():
    class Adds(nn.Module):
        def __init__(self, shortcut):
            super().__init__()
            self.layers = nn.Sequential(conv(padding=1), conv(padding=1))
            self.shortcut = shortcut

        def forward(self, x):
            return self.layers(x) + x if self.shortcut else self.layers(x)

    tree, statuses, _ = both([Adds(True), POOL], [Adds(False), POOL])
    assert told(tree, statuses) == ["Conv2d", "≠Conv2d", "MaxPool2d"]

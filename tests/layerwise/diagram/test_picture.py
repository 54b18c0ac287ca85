"""Two pictures that a person has looked at, to the pixel: every form of a box is in them."""

import re
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from layerwise import trace
from layerwise.diagram.drawing import svg
from layerwise.tracing.building import run
from layerwise.tracing.module_tree import outline
from layerwise.views.comparison import Status, compare
from layerwise.views.merged_tree import merged


class Block(nn.Module):
    """Two branches to a concat, and a shortcut around them."""

    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(8, 4, 1)
        self.three = nn.Sequential(nn.Conv2d(8, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x):
        return F.relu(x + torch.cat([self.one(x), self.three(x)], dim=1))


class Net(nn.Module):
    """Two inputs, maps, vectors and tokens; a product, and blocks open and shut."""

    def __init__(self, reads=16):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 5, (1, 2), 2), nn.ReLU(), nn.MaxPool2d(2))
        self.first, self.second = Block(), Block()
        self.code = nn.Linear(6, 8)
        self.head = nn.Linear(reads, 10)

    def forward(self, image, code):
        x = self.second(self.first(self.stem(image)))
        gate = torch.sigmoid(self.code(code))
        x = x * gate[:, :, None, None]
        row = torch.cat([x.mean((2, 3)), gate], dim=1)
        stacked = torch.stack([row, row.tanh()], dim=1)
        return self.head((stacked @ stacked.mT @ stacked).sum(1))


INPUTS = [(1, 3, 32, 64), (1, 6)]


def test_a_picture_of_every_form_of_box(golden):
    t = trace(Net().eval(), *INPUTS)
    statuses = {0: Status.OWN, 3: Status.NEW, 7: Status.DOWNSTREAM, "second": Status.OWN}
    golden("net.svg", svg(t, ["first", "first.three"], statuses=statuses, card=True))


def test_a_picture_of_a_run_that_broke_off(golden):
    t, failure = run(lambda: Net(reads=17).eval(), INPUTS, {})
    start, tree = outline(trace(Net().eval(), *INPUTS)), outline(t)
    whole, statuses = merged(compare(start, tree, failure), tree)
    golden("broken.svg", svg(whole, [], statuses=statuses, failed=f"{failure.layer}\nbreaks here"))


def test_the_sign_of_a_box_stands_inside_its_outline():
    t = trace(Net().eval(), *INPUTS)
    drawn = svg(t, [], statuses={step.index: Status.OWN for step in t.steps})
    boxes = re.findall(r'class="hit" x="([-\d.]+)".*?class="mark" x="([-\d.]+)"', drawn)
    assert len(boxes) > 5
    assert all(float(sign) - float(left) >= 9 for left, sign in boxes)


def test_the_outlines_of_neighbours_that_bear_signs_do_not_overlap():
    from course_utils import nets  # its blocks have names wider than themselves

    t = trace(nets.resnet18(), (1, 1, 224, 224))
    statuses = {step.index: Status.OWN for step in t.steps}
    blocks = [f"{n}.{m}" for n in range(1, 5) for m in (0, 1)]
    drawn = svg(t, list("1234"), statuses=statuses | dict.fromkeys(blocks, Status.OWN))
    hits = re.findall(r'class="hit" x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)"', drawn)
    found = [tuple(map(float, hit)) for hit in hits]
    pairs = [(a, b) for a, b in pairwise(found) if a[0] < b[0] and abs(a[1] - b[1]) < 15]
    assert drawn.count('class="mark"') > 10 and len(pairs) > 3
    assert all(a[0] + a[2] <= b[0] for a, b in pairs)


def test_thin_bars_are_explained_where_there_are_any():
    layers = [nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    assert "Thin bars" in svg(trace(nn.Sequential(*layers), (1, 1, 8, 8)))
    assert "Thin bars" not in svg(trace(nn.Sequential(*layers[:2]), (1, 1, 8, 8)))

"""What single boxes look like: their kind, words, sign, colour and size, for odd networks too."""

import html
from xml.etree import ElementTree as ET

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from layerwise import draw, trace
from layerwise.diagram.box_shapes import FILLS, MULTIPLIES, fill
from layerwise.diagram.box_sizes import MOST_LINES, caption, extents, shortened
from layerwise.diagram.drawing import default_unfolded, svg
from layerwise.diagram.graph import View
from layerwise.diagram.repeats import foldable
from layerwise.operations.kinds import Kind
from layerwise.tracing.module_tree import levels, outline
from layerwise.views.comparison import Status


class Does(nn.Module):
    """A network whose forward is one function of it and its inputs."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def boxes(function, *shapes, **parts):
    return View(foldable(outline(trace(Does(function, **parts), *shapes))), ()).items


@pytest.mark.parametrize(
    ("join", "kind", "sign"),
    [
        (torch.add, "join", "+"),
        (torch.sub, "join", "−"),
        (torch.mul, "join", "×"),
        (torch.div, "join", "÷"),
        (torch.maximum, "join", "•"),
        (torch.matmul, "map", ""),
        (lambda a, b: torch.cat([a, b], 1), "cat", ""),
        (lambda a, b: torch.stack([a, b], 1), "cat", ""),
    ],
)
def test_branches_meet_in_a_sign_a_concat_or_a_product(join, kind, sign):
    net = Does(lambda _, x: join(x.relu(), x.tanh()))
    t = trace(net, (2, 3, 8, 8))
    last = View(foldable(outline(t)), ()).items[-1]
    drawn = ET.fromstring(svg(t)).findall(".//*[@class='box join']")  # noqa: S314  our own text
    assert last.kind == kind
    assert [box.find(".//*[@font-size='15']").text for box in drawn] == ([sign] if sign else [])
    assert (caption(last) == []) == (sign not in ("", "•"))


def test_a_colour_tells_the_kind_of_work():
    layers = {
        Kind.CONVOLUTION: nn.Conv2d(3, 4, 3),
        Kind.TRANSPOSED_CONVOLUTION: nn.ConvTranspose2d(3, 4, 3),
        Kind.POOLING: nn.AdaptiveAvgPool2d(2),
        Kind.LINEAR: nn.Linear(8, 4),
    }
    for kind, layer in layers.items():
        assert fill(boxes(lambda m, x: m.layer(x), (2, 3, 8, 8), layer=layer)[-1]) == FILLS[kind]
    assert fill(boxes(lambda _, x: x @ x.tanh(), (2, 3, 8, 8))[-1]) == MULTIPLIES


def test_a_signal_is_drawn_by_its_length_and_tokens_by_their_number():
    conv = boxes(lambda m, x: m.conv(x), (2, 3, 50), conv=nn.Conv1d(3, 4, 3))[-1]
    assert extents(conv) == (48, 1, 4)
    tokens = boxes(lambda m, x: m.linear(x), (2, 50, 3), linear=nn.Linear(3, 4))[-1]
    assert extents(tokens) == (50, 1, 4)


def test_a_stride_that_differs_by_axis_is_told_in_full():
    conv = nn.Conv2d(3, 4, 3, stride=(1, 2))
    assert caption(boxes(lambda m, x: m.conv(x), (2, 3, 8, 8), conv=conv)[-1])[1] == "3×3 /1×2"


def test_the_words_under_a_box_are_cut_where_they_are_too_many():
    def forward(_, x):
        for _ in range(100):
            x = x.sin().cos()
        return x

    lines = caption(boxes(forward, (1, 4))[-1])
    assert len(lines) == MOST_LINES + 1 and lines[-1] == f"… {200 - MOST_LINES} more"


@pytest.mark.parametrize("more", [0, 1, 2])
def test_words_are_cut_only_where_that_saves_a_line(more):
    lines = ["word"] * (MOST_LINES + more)
    cut = [*lines[:MOST_LINES], "rest"]
    assert shortened(lines, "rest") == (cut if more > 1 else lines)


def test_the_alternative_text_of_a_picture_is_escaped():
    net = type('<b>"Net"', (nn.Sequential,), {})(nn.Linear(2, 2))
    start = draw(net, (1, 2))._repr_html_().partition('alt="')[2]
    assert html.unescape(start.partition('"')[0]).startswith('<b>"Net", input 1×2')


ODD = {
    "vectors stacked": (lambda _, x: torch.stack([x[:, 0], x[:, 1]], 1), (4, 6)),
    "numbers stacked": (lambda _, x: torch.stack([x.sum(), x.mean()]), (4, 6)),
    "vectors joined": (lambda _, x: torch.cat([x[:, 0], x[:, 1]]), (4, 6)),
    "nothing joined": (lambda _, x: torch.cat([x, x[:, :0]], 1), (4, 6)),
    "the same twice": (lambda _, x: torch.cat([x, x], 1) + torch.cat([x, x], 1), (4, 6)),
    "one number in": (lambda _, x: x * 2 + x, ()),
    "one number out": (lambda _, x: x.sum(), (4, 6)),
    "one image": (lambda _, x: F.max_pool2d(x, 2).flatten(), (3, 8, 8)),
    "no images": (lambda _, x: x + 1, (0, 6)),
    "no features": (lambda _, x: x[:, :0], (4, 6)),
    "a tuple": (lambda _, x: (x + 1, x.sum(), None), (4, 6)),
    "a dict": (lambda _, x: {"scores": x + 1}, (4, 6)),
    "nothing": (lambda _, x: (x + 1, None)[1], (4, 6)),
    "no inputs": (lambda _: torch.zeros(2, 3) + 1,),
    "two inputs": (lambda _, x, y: x + y, (4, 6), (4, 6)),
    "an input unread": (lambda _, _x, y: y + 1, (4, 6), (4, 6)),
    "complex numbers": (lambda _, x: torch.fft.fft(x).abs(), (4, 6)),
    "five axes": (lambda _, x: F.max_pool3d(x, 2), (1, 3, 8, 8, 8)),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_network_is_drawn(name):
    function, *shapes = ODD[name]
    t = trace(Does(function), *shapes)
    tree = foldable(outline(t))
    every = [block.id for level in levels(tree) for block in level]
    for opened in ([], default_unfolded(tree), every):
        for broken in (None, *range(len(t.steps))):
            text = svg(t, opened, statuses={broken: Status.FAILED}, failed="it broke")
            root = ET.fromstring(text)  # noqa: S314  our own text
            shown = {box.get("data-id") for box in root.iter() if box.get("data-id")}
            assert "@input" in shown and ("@broken" in shown) == (broken is not None)
            assert shown - {"@input", "@broken"} <= {f"@{step.index}" for step in t.steps}

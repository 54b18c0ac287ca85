"""The reference networks are the book's: their parameters, and the shapes printed in the notes."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils import nets

# Printed rows of each network, in the form in which the notes and the lessons print them.
SHAPES = json.loads(Path(__file__).with_name("shapes.json").read_text(encoding="utf-8"))


def count(net: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in net.parameters())


def printed_rows(net: nn.Sequential, shape: tuple[int, ...]) -> list[str]:
    """Run the notes' bare loop and return what it prints."""
    X, rows = torch.zeros(shape), []
    with torch.no_grad():
        for layer in net:
            X = layer(X)
            rows.append(f"{layer.__class__.__name__} output shape:\t {X.shape}")
    return rows


@pytest.mark.parametrize(
    ("build", "layers", "parameters", "in_linear"),
    [(nets.lenet, 12, 61_706, 59_134), (nets.alexnet, 21, 46_764_746, 43_040_778)],
)
def test_the_books_networks(build, layers, parameters, in_linear):
    with torch.device("meta"):
        net = build()
    assert len(net) == layers
    assert count(net) == parameters
    assert sum(count(layer) for layer in net if isinstance(layer, nn.Linear)) == in_linear


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_those_of_the_notes(name):
    rows = printed_rows(getattr(nets, name)(), tuple(SHAPES[name]["input"]))
    assert rows == SHAPES[name]["rows"]


def test_the_notes_show_21_rows_for_alexnet():
    assert len(SHAPES["alexnet"]["rows"]) == 21
    assert SHAPES["alexnet"]["rows"][0] == "Conv2d output shape:\t torch.Size([1, 96, 54, 54])"


def test_lenet_shapes():
    shapes = [row.split("\t")[1] for row in printed_rows(nets.lenet(), (1, 1, 28, 28))]
    assert shapes == [
        " torch.Size([1, 6, 28, 28])",
        " torch.Size([1, 6, 28, 28])",
        " torch.Size([1, 6, 14, 14])",
        " torch.Size([1, 16, 10, 10])",
        " torch.Size([1, 16, 10, 10])",
        " torch.Size([1, 16, 5, 5])",
        " torch.Size([1, 400])",
        " torch.Size([1, 120])",
        " torch.Size([1, 120])",
        " torch.Size([1, 84])",
        " torch.Size([1, 84])",
        " torch.Size([1, 10])",
    ]


def test_lenet_is_sigmoid_and_average_pooling():
    kinds = [type(layer) for layer in nets.lenet()]
    assert kinds.count(nn.Sigmoid) == 4
    assert kinds.count(nn.AvgPool2d) == 2


def test_alexnet_is_relu_max_pooling_and_dropout():
    net = nets.alexnet()
    kinds = [type(layer) for layer in net]
    assert kinds.count(nn.ReLU) == 7
    assert kinds.count(nn.MaxPool2d) == 3
    assert [layer.p for layer in net if isinstance(layer, nn.Dropout)] == [0.5, 0.5]


SMALL = {
    "channels": (12, 32, 48, 48, 32),
    "kernel_sizes": (5, 5, 3, 3, 3),
    "strides": (2, 1, 1, 1, 1),
    "paddings": (2, 2, 1, 1, 1),
    "hidden": (128, 128),
    "in_features": 32,
}


def test_every_choice_reaches_the_network():
    net = nets.alexnet(**SMALL, in_channels=3, num_classes=7, dropout=0.1, activation=nn.Sigmoid)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert [m.out_channels for m in net if isinstance(m, nn.Conv2d)] == [12, 32, 48, 48, 32]
    assert not any(isinstance(m, nn.ReLU) for m in net)
    assert {m.p for m in net if isinstance(m, nn.Dropout)} == {0.1}
    net = nets.lenet(in_channels=3, num_classes=7, activation=nn.ReLU, paddings=(0, 0),
                     in_features=16 * 4 * 4)  # fmt: skip
    assert net(torch.zeros(2, 3, 28, 28)).shape == (2, 7)


def test_the_first_linear_layer_follows_the_channels():
    with torch.device("meta"):
        net = nets.alexnet(channels=(8, 8, 8, 8, 16))
        assert net(torch.zeros(1, 1, 224, 224)).shape == (1, 10)


def test_lists_of_different_length_are_named():
    with pytest.raises(ValueError, match="channels has 2, kernel_sizes has 5"):
        nets.alexnet(channels=(96, 256))

"""The reference networks are the book's: their totals, and the shapes printed in the notes.

Where only shapes count, networks are built on the meta device: PyTorch's own shapes, no numbers.
"""

import json
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import torchvision
from torch import nn

from course_utils import nets
from layerwise import print_shapes, trace

# What the notes show, as a rule in the form in which they and the lessons print it.
SHAPES = json.loads((Path(__file__).parents[1] / "support/shapes.json").read_text("utf-8"))


def count(net: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in net.parameters())


def on_meta(build, **choices) -> nn.Module:
    """Return the network in eval mode: batch normalization in training refuses one image."""
    with torch.device("meta"):
        return build(**choices).eval()


def outputs(net: nn.Sequential, shape) -> list[tuple[nn.Module, torch.Size]]:
    """Every layer with the shape of its output, from PyTorch itself on the meta device."""
    X, seen = torch.empty(*shape, device="meta"), []
    for layer in net.to("meta"):
        X = layer(X)
        seen.append((layer, X.shape))
    return seen


def printed_rows(net: nn.Sequential, shape: tuple[int, ...]) -> list[str]:
    """What the notes' bare loop prints."""
    return [
        f"{layer.__class__.__name__} output shape:\t {size}" for layer, size in outputs(net, shape)
    ]


class Book(NamedTuple):
    """The book's network: totals for one image, and the receptive field of its last maps."""

    side: int
    layers: int
    parameters: int
    in_linear: int
    macs: int
    field: int
    works: tuple[int, int | None]  # the smallest and the largest square input, in eval mode


BOOK = {
    "lenet": Book(28, 12, 61_706, 59_134, 416_520, 16, (28, 31)),
    "alexnet": Book(224, 21, 46_764_746, 43_040_778, 938_146_176, 195, (193, 224)),
    "vgg": Book(224, 13, 128_806_154, 119_586_826, 7_547_232_256, 150, (224, 255)),
    "nin": Book(224, 10, 1_992_166, 0, 762_297_352, 195, (67, None)),
    "googlenet": Book(96, 6, 5_977_530, 10_250, 276_066_304, 715, (1, None)),
    "batch_norm_lenet": Book(28, 16, 44_878, 41_854, 281_640, 16, (28, 31)),
    "resnet18": Book(96, 8, 11_178_378, 5_130, 318_657_536, 435, (1, None)),
}

each_network = pytest.mark.parametrize(("name", "book"), BOOK.items(), ids=BOOK)


@each_network
def test_the_books_networks(name, book):
    net = on_meta(getattr(nets, name))
    t = trace(net, (1, 1, book.side, book.side))
    assert (len(net), count(net), t.params) == (book.layers, book.parameters, book.parameters)
    linear = sum(count(module) for module in net.modules() if isinstance(module, nn.Linear))
    assert linear == book.in_linear
    assert t.macs == book.macs
    assert t.output == (1, 10)


@each_network
def test_the_receptive_field_of_the_last_maps(name, book):
    steps = trace(on_meta(getattr(nets, name)), (1, 1, book.side, book.side)).steps
    fields = [s.receptive_field for s in steps if s.op != "AdaptiveAvgPool2d"]
    assert [field for field in fields if field][-1] == (book.field, book.field)


@each_network
def test_the_square_inputs_that_work(name, book):
    net, (least, most) = on_meta(getattr(nets, name)), book.works
    for side in (least, most or 300):
        assert outputs(net, (1, 1, side, side))[-1][1] == (1, 10)
    for side in (least - 1, most and most + 1):
        if side:
            with pytest.raises(RuntimeError):
                outputs(net, (1, 1, side, side))


@pytest.mark.parametrize(
    ("name", "macs"), [("googlenet", 1_502_982_144), ("resnet18", 1_734_890_496)]
)
def test_macs_at_224(name, macs):
    assert trace(on_meta(getattr(nets, name)), (1, 1, 224, 224)).macs == macs


PRINTED = {name: told for name, told in SHAPES.items() if "rows" in told}


@pytest.mark.parametrize("name", PRINTED)
def test_shapes_are_those_of_the_notes(name, capsys):
    told, net = SHAPES[name], on_meta(getattr(nets, name))
    assert printed_rows(net, told["input"]) == told["rows"]
    print_shapes(net, tuple(told["input"]))
    assert capsys.readouterr().out.splitlines() == told["rows"]


def test_the_notes_print_66_rows():
    rows = {name: len(told["rows"]) * len(told["notes"]) for name, told in PRINTED.items()}
    assert rows == {"alexnet": 21, "vgg": 13, "nin": 10, "googlenet": 6, "resnet18": 2 * 8}
    assert sum(rows.values()) == 66
    assert SHAPES["alexnet"]["rows"][0] == "Conv2d output shape:\t torch.Size([1, 96, 54, 54])"


def test_the_shapes_through_batch_norm_lenet():
    """Normalization and activation keep a shape: 8 of the 16 layers change it."""
    told = SHAPES["batch_norm_lenet"]
    shapes = [list(size) for _, size in outputs(on_meta(nets.batch_norm_lenet), told["input"])]
    assert [shape for shape, _ in groupby(shapes)] == told["changes"]


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


@pytest.mark.parametrize("build", [nets.alexnet, nets.vgg, nets.nin])
def test_dropout_is_a_half_unless_given(build):
    with torch.device("meta"):
        assert {layer.p for layer in build() if isinstance(layer, nn.Dropout)} == {0.5}


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


def test_vgg_has_the_papers_depths():
    for depth, arch in nets.VGG_ARCHS.items():
        layers = [m for m in on_meta(nets.vgg, conv_arch=arch).modules() if weighted(m)]
        assert len(layers) == depth


def weighted(module: nn.Module) -> bool:
    return isinstance(module, (nn.Conv2d, nn.Linear))


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(11, 132_863_336), (13, 133_047_848), (16, 138_357_544), (19, 143_667_240)],
)
def test_vgg_has_torchvisions_parameters(depth, parameters):
    ours = on_meta(nets.vgg, conv_arch=nets.VGG_ARCHS[depth], in_channels=3, num_classes=1000)
    theirs = on_meta(getattr(torchvision.models, f"vgg{depth}"), init_weights=False)
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    assert count(ours) == parameters


def test_vgg_gives_torchvisions_outputs():
    theirs = torchvision.models.vgg11(init_weights=False).eval()
    for weight in (p for p in theirs.parameters() if p.dim() > 1):
        nn.init.kaiming_uniform_(weight, nonlinearity="relu")
    ours = on_meta(nets.vgg, in_channels=3, num_classes=1000)
    take_weights(ours, theirs)
    X = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        Y = ours(X)
        torch.testing.assert_close(Y, theirs(X))
    assert Y.std() > 0.1  # far from a bias that hides the weights


def take_weights(ours: nn.Module, theirs: nn.Module) -> None:
    """Give `ours` the tensors of `theirs`, by their order."""
    state = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict(dict(state), assign=True)


def test_vgg_takes_every_choice():
    net = nets.vgg(((2, 4), (1, 6)), hidden=(7,), in_channels=3, num_classes=5, dropout=0.2,
                   activation=nn.Sigmoid, in_features=6 * 2 * 2)  # fmt: skip
    assert net(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
    assert [m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)] == [4, 4, 6]
    assert [type(layer) for layer in net].count(nn.Sigmoid) == 1
    assert not any(isinstance(m, nn.ReLU) for m in net.modules())
    assert [layer.p for layer in net if isinstance(layer, nn.Dropout)] == [0.2]


def test_nin_may_leave_its_logits_below_zero():
    X = torch.rand(64, 1, 67, 67, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    small = {"channels": (8, 8, 8), "num_classes": 7, "dropout": 0.0}
    book, free = nets.nin(**small), nets.nin(**small, relu_on_logits=False)
    free.load_state_dict(book.state_dict())
    with torch.no_grad():
        assert book(X).min() >= 0 > free(X).min()
    assert len(free[7]) == len(book[7]) - 1 == 5


def test_nin_takes_every_choice():
    net = nets.nin(channels=(4, 6), kernel_sizes=(3, 5), strides=(2, 1), paddings=(1, 2),
                   in_channels=3, num_classes=5, dropout=0.2)  # fmt: skip
    assert [list(size)[1:] for _, size in outputs(net, (2, 3, 32, 32))] == [
        [4, 16, 16], [4, 7, 7], [6, 7, 7], [6, 3, 3], [6, 3, 3], [5, 3, 3], [5, 1, 1], [5],
    ]  # fmt: skip
    assert [layer.p for layer in net if isinstance(layer, nn.Dropout)] == [0.2]


@pytest.mark.parametrize(("name", "count"), [("vgg", 8), ("nin", 12), ("googlenet", 57)])
def test_a_relu_reads_every_convolution(name, count):
    steps = trace(on_meta(getattr(nets, name)), (1, 1, 224, 224)).steps
    convolutions = {step.index for step in steps if step.op == "Conv2d"}
    readers = [step.op for step in steps if convolutions & {*step.sources}]
    assert [op.lower() for op in readers] == ["relu"] * count


def test_googlenet_has_22_layers_on_its_longest_path_and_58_in_all():
    net = on_meta(nets.googlenet)
    assert [type(m) for m in net.modules() if weighted(m)] == [nn.Conv2d] * 57 + [nn.Linear]
    depths = {-1: 0}
    for step in trace(net, (1, 1, 96, 96)).steps:
        depths[step.index] = max(map(depths.get, step.sources)) + (step.params > 0)
    assert max(depths.values()) == depths[step.index] == 22


def test_inception_joins_its_four_paths():
    block = nets.Inception(3, 4, (5, 6), (7, 8), 9)
    X = torch.rand(2, 3, 6, 6)
    parts = block(X).split((4, 6, 8, 9), dim=1)
    pooled = nn.functional.max_pool2d(X, 3, 1, 1)
    torch.testing.assert_close(parts[0], block.p1_1(X).relu())
    torch.testing.assert_close(parts[1], block.p2_2(block.p2_1(X).relu()).relu())
    torch.testing.assert_close(parts[2], block.p3_2(block.p3_1(X).relu()).relu())
    torch.testing.assert_close(parts[3], block.p4_2(pooled).relu())


def test_googlenet_takes_every_choice():
    stages = ([(1, (2, 3), (4, 5), 6)], [(2, (2, 2), (2, 2), 2), (3, (3, 3), (3, 3), 3)])
    net = nets.googlenet(stem=(4, 5, 6), stages=stages, in_channels=3, num_classes=5)
    assert [list(size)[1:] for _, size in outputs(net, (2, 3, 64, 64))] == [
        [4, 16, 16], [6, 8, 8], [15, 4, 4], [12], [5],
    ]  # fmt: skip


def test_batch_norm_lenet_takes_every_choice():
    made = []

    def norm(num_features, num_dims):
        made.append((num_features, num_dims))
        return nn.Identity()

    net = nets.batch_norm_lenet(norm=norm, channels=(4, 8), kernel_sizes=(3, 3), strides=(1, 2),
                                paddings=(1, 0), hidden=(9, 7), in_channels=3, num_classes=5,
                                activation=nn.ReLU, in_features=8 * 3 * 3)  # fmt: skip
    assert net(torch.zeros(2, 3, 28, 28)).shape == (2, 5)
    assert made == [(4, 4), (8, 4), (9, 2), (7, 2)]
    assert not any(isinstance(m, nn.Sigmoid) for m in net)


def test_batch_norm_stands_before_every_sigmoid():
    kinds = [type(layer) for layer in nets.batch_norm_lenet()]
    before = [kinds[place - 1] for place, kind in enumerate(kinds) if kind is nn.Sigmoid]
    assert before == [nn.BatchNorm2d] * 2 + [nn.BatchNorm1d] * 2


def test_nothing_is_shared_by_two_calls():
    first, second = nets.nin(channels=(4, 4, 4)), nets.nin(channels=(4, 4, 4))
    assert not {map(id, first.modules())} & {map(id, second.modules())}

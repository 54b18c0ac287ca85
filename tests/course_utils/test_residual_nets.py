"""The residual blocks and networks: the notes' shapes, torchvision's parameters and outputs."""

import pytest
import torch
import torchvision
from test_nets import SHAPES, count, on_meta, outputs, take_weights
from torch import nn

from course_utils import nets
from layerwise import trace

BLOCKS = [
    (name, block["arguments"], SHAPES[name]["input"], block["output"], block["parameters"])
    for name in ("Residual", "BasicBlock")
    for block in SHAPES[name]["blocks"]
]
PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
}


def torchvisions_form(name: str) -> dict:
    """The choices with which `name` is torchvision's network."""
    block = {"block": nets.BasicBlock} if name == "resnet18" else {}
    return {"in_channels": 3, "num_classes": 1000, **block}


@pytest.mark.parametrize(("name", "arguments", "given", "output", "parameters"), BLOCKS)
def test_the_block_checks_of_the_notes(name, arguments, given, output, parameters):
    block = getattr(nets, name)(*arguments)
    assert count(block) == parameters
    assert list(block(torch.rand(*given)).shape) == output
    assert trace(block, tuple(given)).output == tuple(output)


def test_the_steps_of_note_000():
    told = SHAPES["two_basic_blocks"]
    t = trace(nn.Sequential(nets.BasicBlock(64, 64), nets.BasicBlock(64, 64)), tuple(told["input"]))
    assert (t.params, t.macs) == (147_968, 128 * 115_605_504)
    for number in ("0", "1"):
        own = [step for step in t.steps if step.path.split(".")[0] == number]
        rows = [["", "input", list(own[0].inputs[0])]]
        rows += [[s.path.removeprefix(number).lstrip("."), s.op, list(s.output)] for s in own]
        assert rows == told["steps"]


def test_the_forward_pass_of_note_004():
    told, net = SHAPES["cifar_resnet"], nets.cifar_resnet()
    assert [list(size) for _, size in outputs(net, told["input"])] == [
        shape for _, shape in told["forward"]
    ]
    assert count(net) == 11_178_762
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert len(layers) == 20
    assert count(on_meta(nets.cifar_resnet, num_blocks=(3, 4, 6, 3))) == 21_290_634


def test_the_projection_follows_the_shape_or_the_argument():
    assert nets.Residual(3, 3).conv3 is None
    assert nets.Residual(3, 3, use_1x1conv=True).conv3.kernel_size == (1, 1)
    for changes in ((3, 6), (3, 3, None, 2)):
        assert nets.Residual(*changes).conv3 is not None
    with pytest.raises(RuntimeError):
        nets.Residual(3, 6, use_1x1conv=False)(torch.rand(1, 3, 6, 6))
    assert len(nets.BasicBlock(4, 4).shortcut) == len(nets.Bottleneck(16, 4).shortcut) == 0
    for block in (nets.BasicBlock(4, 8), nets.BasicBlock(4, 4, 2), nets.Bottleneck(4, 4)):
        assert [type(m) for m in block.shortcut] == [nn.Conv2d, nn.BatchNorm2d]


@pytest.mark.parametrize("block", [nets.Residual, nets.BasicBlock, nets.Bottleneck])
def test_a_block_whose_residual_is_zero_passes_what_is_positive(block):
    made = block(8, 8 // block.expansion).eval()
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.zeros_(layer.weight)
    X = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(made(X), X.relu())


@pytest.mark.parametrize("name", PARAMETERS)
def test_torchvisions_parameters(name):
    ours = on_meta(getattr(nets, name), **torchvisions_form(name))
    theirs = on_meta(getattr(torchvision.models, name))
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    assert count(ours) == PARAMETERS[name]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_torchvisions_outputs(name):
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, name)(num_classes=10).eval()
    for layer in theirs.modules():
        if isinstance(layer, nn.BatchNorm2d):  # as after training: no channel is like another
            for values in (layer.weight, layer.running_var):
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (layer.bias, layer.running_mean):
                nn.init.normal_(values)
    ours = on_meta(getattr(nets, name), **torchvisions_form(name) | {"num_classes": 10})
    take_weights(ours, theirs)
    X = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        Y = ours(X)
        torch.testing.assert_close(Y, theirs(X))
    assert (Y[0] - Y[1]).abs().mean() > 1e-3 * Y.abs().mean()  # the image counts


def test_the_forms_differ_in_bias_and_projection():
    book, paper = on_meta(nets.resnet18), on_meta(nets.resnet18, block=nets.BasicBlock)
    biases = [m.bias is not None for m in book.modules() if isinstance(m, nn.Conv2d)]
    assert biases == [True] * 20
    assert not any(m.bias is not None for m in paper.modules() if isinstance(m, nn.Conv2d))
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) for net in (book, paper)]
    assert norms == [17, 20]
    assert (count(book), count(paper)) == (11_178_378, 11_175_370)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet34", 21_283_530),
        ("resnet50", 23_522_250),
        ("resnet101", 42_514_378),
        ("resnet152", 58_158_026),
    ],
)
def test_deep_networks_for_one_channel_and_ten_classes(name, parameters):
    t = trace(on_meta(getattr(nets, name)), (1, 1, 224, 224))
    assert (t.params, t.output, t.note) == (parameters, (1, 10), "")
    convolutions = sum(step.op in ("Conv2d", "Linear") for step in t.steps if step.params)
    shortcuts = sum(step.op == "Conv2d" and "shortcut" in step.path for step in t.steps)
    assert convolutions - shortcuts == int(name.removeprefix("resnet"))


@pytest.mark.parametrize(
    "choices",
    [
        {"build": nets.resnet18},
        {"build": nets.resnet18, "block": nets.BasicBlock},
        {"build": nets.resnet34},
        {"build": nets.resnet50},
        {"build": nets.resnet101},
        {"build": nets.resnet152},
        {"build": nets.cifar_resnet, "bias": False},
    ],
)
def test_every_choice_reaches_the_network(choices):
    net = on_meta(**choices, channels=(4, 6, 8, 8), strides=(1, 1, 2, 1), in_channels=2,
                  num_classes=5)  # fmt: skip
    shapes = [tuple(size) for _, size in outputs(net, (2, 2, 64, 64))]
    wide, side = 4 if len(net[1][0].state_dict()) > 17 else 1, shapes[0][-1]
    assert shapes[0][1] == 4
    assert [shape[1:] for shape in shapes[1:5]] == [
        (4 * wide, side, side),
        (6 * wide, side, side),
        (8 * wide, side // 2, side // 2),
        (8 * wide, side // 2, side // 2),
    ]
    assert shapes[-1] == (2, 5)


def test_the_papers_networks_for_small_images():
    """Section 4.2: 6n + 2 layers, here 20; the paper's 0.27 M parameters, its table 6."""
    net = nets.cifar_resnet((3, 3, 3), channels=(16, 32, 64), strides=(1, 2, 2), bias=False)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert count(net) == 272_474


def test_lists_of_different_length_are_named():
    with pytest.raises(ValueError, match=r"Each stage .* num_blocks has 3, channels has 4"):
        nets.cifar_resnet((3, 3, 3))
    with pytest.raises(ValueError, match=r"Each stage .* strides has 2"):
        nets.resnet50(strides=(1, 2))

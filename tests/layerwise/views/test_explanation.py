"""explain() against accounts that a person has read.

After a change that is meant to be seen: make test TEST_ARGS=--regenerate, and read the difference.
"""

import re

import pytest
import torch
import torchvision
from gallery import inception, two_basic_blocks
from torch import nn

from course_utils import nets
from layerwise import explain, trace
from layerwise.operations.axis_sentences import axis_sentences
from layerwise.views.explanation import WIDTH, _sentence_lines


def bottleneck() -> nn.Module:
    return torchvision.models.resnet50().layer1[0]


@pytest.mark.parametrize(
    ("name", "build", "shape"),
    [
        ("two_basic_blocks", two_basic_blocks, (128, 64, 28, 28)),
        ("projection", lambda: nets.BasicBlock(64, 128, strides=2), (1, 64, 28, 28)),
        ("inception", inception, (1, 192, 28, 28)),
        ("bottleneck", bottleneck, (1, 64, 56, 56)),
        ("alexnet", nets.alexnet, (1, 1, 224, 224)),
    ],
)
def test_the_account_is_the_one_that_was_read(name, build, shape, capsys, golden):
    explain(build(), shape)
    golden(f"{name}.txt", capsys.readouterr().out)


def test_note_000_names_nine_steps_of_each_block(capsys):
    explain(two_basic_blocks(), (128, 64, 28, 28))
    first, second = capsys.readouterr().out.split("\n\n")[1:3]
    for block in (first, second):
        for number, name in enumerate(
            ["conv1", "bn1", "ReLU", "conv2", "bn2", "shortcut", "add", "ReLU", "Result"], 1
        ):
            assert f"{number}. {name}" in block
        assert block.count("128×64×28×28 → 128×64×28×28") == 8


def test_a_long_network_folds_blocks_that_repeat(capsys):
    explain(torchvision.models.resnet34(), (1, 3, 224, 224))
    text = capsys.readouterr().out
    assert "Block layer1.2 (BasicBlock) repeats layer1.1, step for step." in text
    assert "Block layer2.0 (BasicBlock), input 1×64×56×56" in text


def test_a_broadcast_add_is_pointed_out(capsys):
    class Gate(nn.Module):
        def forward(self, x):
            return x + x.mean((2, 3), keepdim=True)

    explain(Gate(), (1, 3, 8, 8))
    text = capsys.readouterr().out
    assert "Their shapes differ (1×3×8×8 and 1×3×1×1): PyTorch repeats the smaller one." in text


@pytest.mark.parametrize("name", ["vit_b_16", "densenet121", "inception_v3", "shufflenet_v2_x0_5"])
def test_any_network_can_be_explained(name, capsys):
    with torch.device("meta"):
        net = torchvision.models.get_model(name, weights=None).eval()
    size = 299 if name == "inception_v3" else 224
    explain(net, (1, 3, size, size))
    text = capsys.readouterr().out
    assert "In all: " in text
    assert max(map(len, text.splitlines())) <= WIDTH


class UNet(nn.Module):
    """A skip over a block, a window that is not square, and a path that comes back."""

    def __init__(self):
        super().__init__()
        self.enc1, self.enc2 = nets.BasicBlock(3, 8), nets.BasicBlock(8, 8)
        self.down, self.up = nn.MaxPool2d(2), nn.ConvTranspose2d(8, 8, 2, 2)
        self.dec = nn.Conv2d(16, 3, (1, 7), padding=(0, 1))

    def forward(self, x):
        a = self.enc1(x)
        return self.dec(torch.cat([a, self.up(self.enc2(self.down(a)))], 1))


def test_a_value_from_another_block_is_named_after_it(capsys):
    explain(UNet(), (1, 3, 16, 22))
    text = capsys.readouterr().out
    assert "Joins the result of enc1 and step 2: 8 + 8 = 16 channels." in text
    assert "The net (UNet) goes on\n  2. up" in text
    assert "5. Result:  1×3×16×18, where 1×3×16×22 came in." in text


def test_each_run_of_a_block_is_told_on_its_own(capsys):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.b = nets.BasicBlock(4, 4)

        def forward(self, x):
            return self.b(self.b(x))

    explain(Twice(), (1, 4, 8, 8))
    assert capsys.readouterr().out.count("9. Result:  1×4×8×8, the shape that came in.") == 2


def test_a_branch_says_what_it_reads(capsys):
    explain(two_basic_blocks(), (128, 64, 28, 28))
    explain(inception(), (1, 192, 28, 28))
    text = capsys.readouterr().out
    assert text.count("Reads the block's input.") == 2  # the two shortcuts
    assert text.count("Reads the net's input.") == 3  # all paths but the first
    both = "1×64×28×28, 1×128×28×28, 1×32×28×28, 1×32×28×28 → 1×256×28×28"
    assert both in text and "Joins step 2, step 6, step 10 and step 13: 64 + 128" in text


@pytest.mark.parametrize(
    ("layer", "shape", "told"),
    [
        (nn.Conv2d(1, 1, 11, 4, 1), (224, 224), "are left out, 1 of them padding."),
        (nn.Conv2d(1, 1, 3, 2, 1), (28, 28), "row and column are left out, only padding."),
        (nn.MaxPool2d(3, 2), (54, 54), "The last row and column are left out."),
        (nn.MaxPool2d(3, 2), (53, 54), "= 26. The last column is left out."),
        (nn.Conv2d(1, 1, 1, 2), (28, 28), "Of every 2 rows and columns, 1 is read."),
        (nn.MaxPool2d(3, 2, ceil_mode=True), (28, 28), "ceil((28 + 2·0 - 3) / 2) + 1 = 14."),
        (nn.Conv2d(1, 1, 4, padding="same"), (28, 28), "Rows and columns: 28 → 28."),
        (nn.Conv2d(1, 1, (1, 7)), (9, 9), "Columns: floor((9 + 2·0 - 7) / 1) + 1 = 3."),
        (nn.Conv1d(1, 1, 3), (9,), "Positions: floor((9 + 2·0 - 3) / 1) + 1 = 7."),
    ],
)
def test_a_size_is_explained_with_what_is_left_out(layer, shape, told, capsys):
    explain(layer, (1, 1, *shape))
    assert told in " ".join(capsys.readouterr().out.split())


def test_rows_called_left_out_are_those_that_no_output_depends_on():
    """Against gradients: change nothing in the output, and be named, or neither."""
    for n, k, s, p in [(54, 3, 2, 0), (224, 11, 4, 1), (28, 3, 2, 1), (20, 5, 4, 2), (13, 2, 2, 0)]:
        x = torch.ones(1, 1, n, n, requires_grad=True)
        nn.functional.conv2d(x, torch.ones(1, 1, k, k), None, s, p).sum().backward()
        unread = int((x.grad[0, 0].sum(1) == 0).sum())
        (text,) = axis_sentences(trace(nn.Conv2d(1, 1, k, s, p), (1, 1, n, n)).steps[0])
        found = re.search(r"The last (\d+)?.*left out(, (\d+) of them)?", text)
        named = int(found[1] or 1) - int(found[3] or 0) if found and "only" not in text else 0
        assert named == unread


def test_unused_parameters_are_named_at_the_end(capsys):
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.spare = nn.Linear(2, 2)

        def forward(self, x):
            return torch.relu(x)

    explain(Spare(), (1, 2))
    assert capsys.readouterr().out.endswith("Not used by this input: 6 parameters, in spare.\n")


def told(net, *shapes, capsys):
    """The account as one line of words."""
    explain(net, *shapes)
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("layer", "shape", "says"),
    [
        (nn.AdaptiveMaxPool2d(2), (1, 3, 8, 8), "The maximum over each part of the map"),
        (nn.AvgPool2d(2), (1, 3, 8, 8), "The average of each 2×2 window"),
        (nn.Conv2d(6, 4, 3, groups=2), (1, 6, 8, 8), "4 filters, each over 3 channels"),
        (nn.Linear(4, 2, bias=False), (1, 4), "(Linear, no bias)"),
        (nn.Tanh(), (1, 4), "Squeezes each number into -1 to 1."),
        (nn.Softmax(1), (1, 4), "shares that sum to 1."),
        (nn.BatchNorm1d(4).eval(), (2, 4), "Normalizes each feature over the batch"),
        (nn.Dropout(0.3).eval(), (1, 4), "Does nothing in eval mode."),
        (nn.ReLU(), (1, 3, 9), "(batch of 1, 3 channels, length 9)"),
        (nn.ReLU(), (7,), "(7 features)"),
        (nn.Conv2d(3, 4, 3), (3, 8, 8), "(3 channels, 8 rows, 8 columns)"),
        (nn.ReLU(), (1, 4), "in 1 operation. 0 parameters"),
    ],
)
def test_a_layer_in_words(layer, shape, says, capsys):
    assert says in told(nn.Sequential(layer), shape, capsys=capsys)


def module(forward, *layers):
    """A network of a `forward` that reads its layers as self[0], self[1], …"""
    return type("Net", (nn.Sequential,), {"forward": forward})(*layers)


GATE = module(lambda self, x: x * torch.sigmoid(self[0](x.mean((2, 3), True))), nn.Conv2d(3, 3, 1))


@pytest.mark.parametrize(
    ("net", "shape", "says"),
    [
        (GATE, (1, 3, 8, 8), "Multiplies the net's input by step 3."),
        (GATE, (1, 3, 8, 8), "Branches meet in 1 multiplication."),
        (module(lambda _, x: x @ x.mT.relu()), (1, 4, 4), "Branches meet in 1 matrix product."),
        (module(lambda _, x: x - x.relu()), (1, 4), "Subtracts step 1 from the net's input"),
        (module(lambda _, x: x + x), (1, 4), "One path, no branches."),
        (module(lambda _, x: torch.cat([x, x.relu()])), (2, 4), "2 + 2 = 4 along axis 0."),
        (module(lambda _, x: torch.stack([x, x.relu()])), (2, 4), "Reads the net's input and step"),
        (module(lambda _, x: x[:, 1:]), (2, 4), "1. indexing:"),
        (module(lambda _, x: torch.flatten(x)), (10,), "0 MACs for the whole input."),
        (module(lambda _: torch.ones(3)), None, "Net, no input."),
        (module(lambda self, x: self[0](input=x), nn.Sequential(nn.ReLU(), nn.ReLU())), (1, 4),
         "In all: 1×4 → 1×4"),
    ],
)  # fmt: skip
def test_a_forward_in_words(net, shape, says, capsys):
    text = told(net, *([shape] if shape else []), capsys=capsys)
    assert says in text and "where  came" not in text


def test_a_value_of_the_net_itself_is_an_earlier_step(capsys):
    inner = module(lambda _, x, y: x.tanh() + y)
    net = module(lambda self, x: self[0](x.relu(), x.sigmoid()), inner)
    assert "and an earlier step of the net" in told(net, (1, 4), capsys=capsys)


def test_a_long_flat_forward_folds_what_repeats(capsys):
    def forward(self, x):
        h = x
        for _ in range(20):
            h = torch.relu(self[0](h)) + self[1](x)
        return h

    net = module(forward, nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1))
    text = told(net, (1, 8, 16, 16), capsys=capsys)
    assert "Steps 5 to 80 repeat steps 1 to 4. 81. Result" in text


def test_the_note_of_a_trace_is_told(capsys):
    net = module(lambda _, x: x if x.sum() > 0 else -x)
    assert "reads values (__bool__), so the network ran for real." in told(
        net, (1, 4), capsys=capsys
    )


@pytest.mark.parametrize(("room", "lines"), [(0, 1), (-1, 2)])
def test_a_sentence_stays_on_the_line_if_it_fits(room, lines):
    first = "Few words."
    second = "w" * (WIDTH - len(f"  {first} .") - room) + "."
    assert len(_sentence_lines(f"{first} {second}", "  ")) == lines


class Forward(nn.Module):
    """A forward alone, of the parameter `extra` and the inputs."""

    def __init__(self, forward):
        super().__init__()
        self.run, self.extra = forward, nn.Parameter(torch.zeros(2, 1, 4))

    def forward(self, *inputs):
        return self.run(self.extra, *inputs)


@pytest.mark.parametrize(
    ("forward", "shapes", "told"),
    [
        (lambda _, a, b: a + b, [(2, 4)] * 2, "two tensors that both come from the net's input"),
        (lambda _, a, b: a * b, [(2, 4)] * 2, "Multiplies two tensors that both come from"),
        (lambda e, a: a + e, [(2, 3, 4)], "Adds a constant or a parameter."),
        (lambda _, a, b: torch.cat([a, b], 1), [(2, 4), (2, 6)],
         "Joins 2 tensors from the net's input: 4 + 6 = 10 features."),
        (lambda e, a, b: torch.cat([e, a.relu(), b], 1), [(2, 5, 4), (2, 3, 4)],
         "5 + 3 + 1 of a constant or a parameter = 9 along axis 1."),
    ],
)  # fmt: skip
def test_inputs_that_meet_are_no_constants(forward, shapes, told, capsys):
    explain(Forward(forward), *shapes)
    text = " ".join(capsys.readouterr().out.split())
    assert told in text
    assert ("Branches meet in 1" in text) == (len(shapes) > 1)

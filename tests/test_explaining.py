"""explain() against accounts that a person has read.

After a change that is meant to be seen: UPDATE_GOLDEN=1 make test, and read the difference.
"""

import os
from pathlib import Path

import pytest
import torch
import torchvision
from gallery import BasicBlock, inception, two_basic_blocks
from torch import nn

from course_utils import explain, nets

GOLDEN = Path(__file__).parent / "golden"


def bottleneck() -> nn.Module:
    return torchvision.models.resnet50().layer1[0]


@pytest.mark.parametrize(
    ("name", "build", "shape"),
    [
        ("two_basic_blocks", two_basic_blocks, (128, 64, 28, 28)),
        ("projection", lambda: BasicBlock(64, 128, stride=2), (1, 64, 28, 28)),
        ("inception", inception, (1, 192, 28, 28)),
        ("bottleneck", bottleneck, (1, 64, 56, 56)),
        ("alexnet", nets.alexnet, (1, 1, 224, 224)),
    ],
)
def test_the_account_is_the_one_that_was_read(name, build, shape, capsys):
    explain(build(), shape)
    account, file = capsys.readouterr().out, GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(account, encoding="utf-8")
    assert account == file.read_text(encoding="utf-8")


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
    assert "In all: " in capsys.readouterr().out

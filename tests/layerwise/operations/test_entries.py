"""What every entry of the registry says of itself, and of its uses, as a person has read it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from layerwise import ShapeError, trace
from layerwise.operations.kinds import Kind
from layerwise.operations.registry import entries
from layerwise.operations.shapes import times

IMAGE, ROW, SEQUENCE = (2, 6, 8, 8), (2, 6), (2, 6, 8)
LAYERS = {
    "Conv2d(6, 4, 3)": IMAGE,
    "Conv2d(6, 6, (1, 3), (1, 2), (0, 1), groups=6, bias=False)": IMAGE,
    "Conv2d(6, 4, 4, padding='same', dilation=2)": IMAGE,
    "Conv1d(6, 4, 3, padding='valid')": SEQUENCE,
    "ConvTranspose2d(6, 4, 3, 2, 1, groups=2)": IMAGE,
    "MaxPool2d(3, 2, dilation=2)": IMAGE,
    "AvgPool2d(3, 2, 1, ceil_mode=True)": IMAGE,
    "AdaptiveMaxPool2d((3, None))": IMAGE,
    "AdaptiveAvgPool2d(1)": IMAGE,
    "Linear(6, 1200, bias=False)": ROW,
    "Embedding(9, 4)": (ROW, torch.int64),
    "BatchNorm1d(6)": ROW,
    "BatchNorm2d(6).eval()": IMAGE,
    "LayerNorm(8)": SEQUENCE,
    "LayerNorm([8, 8])": IMAGE,
    "GroupNorm(3, 6)": IMAGE,
    "LocalResponseNorm(5)": IMAGE,
    "Flatten()": IMAGE,
    "Flatten(0)": (6,),
    "Flatten(0, 1)": IMAGE,
    "Unflatten(1, (2, 3))": IMAGE,
    "Dropout(0.3)": ROW,
    "Dropout2d().eval()": IMAGE,
    "Softmax(-1)": ROW,
    "PReLU(6)": IMAGE,
}
CALLS = {  # of what a convolution has made, so that there is a receptive field
    "F.pad(x, (-1, 0, 2, 2), value=1)": lambda x: F.pad(x, (-1, 0, 2, 2), value=1),
    "torch.cat([x, x])": lambda x: torch.cat([x, x]),
    "torch.cat([x, x], -1)": lambda x: torch.cat([x, x], -1),
    "torch.stack([x, x], -1)": lambda x: torch.stack([x, x], -1),
    "x + 1": lambda x: x + 1,
    "x * torch.rand(5, 2, 6, 8, 8)": lambda x: x * torch.rand(5, 2, 6, 8, 8),
    "x.mean((2, 3), keepdim=True)": lambda x: x.mean((2, 3), keepdim=True),
    "x.mean(1, keepdim=True)": lambda x: x.mean(1, keepdim=True),
    "x.mean(2, keepdim=True)": lambda x: x.mean(2, keepdim=True),
    "x.mean((2, 3))": lambda x: x.mean((2, 3)),
    "x.sum()": lambda x: x.sum(),
    "x @ x.mT": lambda x: x @ x.mT,
    "x.clamp(0)": lambda x: x.clamp(0),
    "F.softmax(x, 2)": lambda x: F.softmax(x, 2),
}


REFUSED = {  # x -> what PyTorch refuses, with the shape of x
    "nn.Conv2d(6, 4, 3)(x)": [(2, 5, 8, 8), (6, 8), (2, 6, 0, 8), (2, 6, 8, 2)],
    "nn.Conv2d(6, 4, 3, 2, 1, dilation=4)(x)": [(2, 6, 8, 6)],
    "F.conv2d(x, e(4, 3, 3, 3), groups=3)": [IMAGE],
    "F.conv2d(x, e(4, 6, 3, 3), e(5))": [IMAGE],
    "F.conv2d(x, e(4, 6, 3, 3), stride=(1, 2), padding='same')": [IMAGE],
    "F.conv2d(x, e(4, 6, 3, 3), stride=0)": [IMAGE],
    "F.max_pool2d(x, 2.5)": [IMAGE],
    "F.conv2d(x, e(4, 6, 3, 3), padding=(1, 2, 3))": [IMAGE],
    "F.conv_transpose2d(x, e(5, 6, 3, 3))": [IMAGE],
    "F.conv_transpose2d(x, e(6, 6, 3, 3), e(2))": [IMAGE],
    "F.conv_transpose2d(x, e(6, 6, 3, 3), stride=2, dilation=3, output_padding=3)": [IMAGE],
    "F.conv_transpose2d(x, e(6, 6, 3, 3), padding=6)": [IMAGE],
    "F.max_pool2d(x, 3, padding=2)": [IMAGE],
    "F.max_pool2d(x, 12, 2, ceil_mode=True)": [IMAGE],
    "F.max_pool2d(x, 3)": [(2, 0, 8, 8)],
    "F.avg_pool2d(x, 3, divisor_override=0)": [IMAGE],
    "F.avg_pool3d(x, 3, padding=1)": [(2, 6, 2, 8, 8)],
    "F.adaptive_avg_pool2d(x, -1)": [IMAGE],
    "F.batch_norm(x, e(5), e(5))": [IMAGE, (6,)],
    "F.batch_norm(x, None, None)": [IMAGE],
    "F.batch_norm(x, None, None, training=True)": [(1, 6, 1, 1)],
    "F.layer_norm(x, (8, 6))": [IMAGE],
    "F.layer_norm(x, (8,), e(6))": [IMAGE],
    "F.group_norm(x, 4)": [IMAGE],
    "F.group_norm(x, 6)": [(1, 6, 1, 1)],
    "F.local_response_norm(x, 5)": [ROW],
    "F.linear(x, e(4, 384))": [IMAGE, ROW],
    "F.embedding(x, e(9, 4))": [ROW],
    "x + e(4, 7)": [(2, 6, 4, 8)],
    "torch.cat([x, e(2, 4, 8, 9), x], 1)": [IMAGE],
    "torch.cat([x, x, e(2, 4)], 1)": [IMAGE],
    "torch.cat([x, e(())])": [IMAGE],
    "torch.stack([x, x, e(2, 4)])": [IMAGE],
    "x @ e(6, 8)": [IMAGE],
    "x @ e(())": [IMAGE],
    "torch.mm(x, e(6, 8))": [IMAGE],
    "torch.bmm(x, e(3, 8, 8))": [SEQUENCE],
    "x.flatten(2, 1)": [IMAGE],
    "x.flatten(4)": [IMAGE],
    "x.view(2, 7, -1)": [IMAGE],
    "x.view(2, 100)": [IMAGE],
    "x.reshape(-1, -1)": [IMAGE],
    "x.mean((1, 1))": [IMAGE],
    "x.sum(4)": [IMAGE],
    "F.pad(x, (1, 2, 3))": [IMAGE],
    "F.pad(x, (1,) * 6)": [ROW],
    "F.pad(x, (-5, -4))": [IMAGE],
    "F.prelu(x, e(5))": [IMAGE],
    "F.dropout(x, 1.5)": [IMAGE],
    "F.softmax(x, 4)": [IMAGE],
}


class Calls(nn.Module):
    def __init__(self, function, first=None):
        super().__init__()
        self.first, self.function = first, function

    def forward(self, x):
        return self.function(self.first(x) if self.first else x)


def test_every_entry_is_the_one_that_was_read(golden):
    alike = {}
    for entry in entries():
        alike.setdefault(facts(entry), []).append(entry.name)
    golden(
        "entries.txt", "".join(f"{' '.join(names)}\n  {told}\n" for told, names in alike.items())
    )


def facts(entry):
    """All but the name."""
    sentence = entry.sentence if isinstance(entry.sentence, str) else "(made of its settings)"
    told = [
        entry.kind.value,
        "by a rule" if entry.rule else "by PyTorch",
        f"memory {entry.memory_format.name.lower()}",
        "a view" if entry.view else "",
        entry.merge.name.lower() if entry.merge else "",
        entry.symbol,
        entry.title,
        " ".join(f"{name}≥{low}" for name, low in entry.limits.items()),
    ]
    return f"{', '.join(filter(None, told))}\n  {sentence or '(none)'}"


def test_branches_meet_in_operations_of_two_kinds():
    assert [kind for kind in Kind if kind.merges] == [Kind.MERGE, Kind.PRODUCT]


def test_every_use_is_told_as_it_was_read(golden):
    steps = {name: trace(eval(f"nn.{name}"), given).steps[-1] for name, given in LAYERS.items()}  # noqa: S307
    steps |= {
        name: trace(Calls(call, nn.Conv2d(6, 6, 3, padding=1)), IMAGE).steps[-1]
        for name, call in CALLS.items()
    }
    golden("uses.txt", "\n".join(used(name, step) for name, step in steps.items()))


def used(name, step):
    settings = ", ".join(f"{key}={value}" for key, value in step.settings.items())
    return (
        f"{name}: {' and '.join(map(times, step.inputs))} → {times(step.output)}\n"
        f"  {step.macs:,} MACs; field {step.receptive_field}, stride {step.stride}\n"
        f"  {settings or 'no settings'}\n  {step.operation.describe(step) or 'no sentence'}\n"
    )


def test_every_refusal_says_what_was_read(golden):
    golden("refusals.txt", "\n".join(refused(*case) for case in cases()))


def cases():
    return ((call, shape) for call, shapes in REFUSED.items() for shape in shapes)


def refused(call, shape):
    function = eval(f"lambda x: {call}", {"F": F, "nn": nn, "torch": torch, "e": torch.empty})  # noqa: S307
    with torch.device("meta"), pytest.raises(ShapeError) as caught:
        trace(Calls(function), shape)
    error = caught.value
    return f"{call}, x {times(shape)}\n  {error}\n  expected {error.expected}, got {error.got}\n"

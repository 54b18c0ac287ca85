"""Residual networks: three blocks, and the networks made of them. `nets` has all their names.

The forms in use differ in two small things:

| form                         | block                  | convolution bias | projection         |
|------------------------------|------------------------|------------------|--------------------|
| Dive into Deep Learning      | Residual               | yes              | convolution        |
| paper, torchvision           | BasicBlock, Bottleneck | no               | convolution and BN |
| small images: `cifar_resnet` | BasicBlock             | yes              | convolution and BN |

A bias in front of batch normalization (BN) does nothing: BN subtracts it again with the mean.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2016); sections, tables
and figures below are theirs. Weights are initialized as PyTorch does it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

Block = Callable[..., nn.Module]  # called as block(in_channels, channels, strides=1)

CHANNELS = (64, 128, 256, 512)  # of the 3×3 convolutions in each stage (table 1)
STRIDES = (1, 2, 2, 2)  # of the first block of each stage


class Residual(nn.Module):
    """The book's block: (n, in, h, w) -> (n, out, h / strides, w / strides), rounded up.

    Two 3×3 convolutions with batch normalization, and the input added to them. `use_1x1conv`
    says whether a 1×1 convolution projects the input; None projects where the shape changes.
    Dive into Deep Learning, section 8.6, where the default is False.
    """

    expansion = 1  # output channels for each channel of the 3×3 convolutions

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        use_1x1conv: bool | None = None,
        strides: int = 1,
    ) -> None:
        super().__init__()
        if use_1x1conv is None:
            use_1x1conv = strides != 1 or in_channels != out_channels
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, strides, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.conv3 = nn.Conv2d(in_channels, out_channels, 1, strides) if use_1x1conv else None
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return relu(F(X) + X), with X projected where there is a `conv3`."""
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        if self.conv3 is not None:
            X = self.conv3(X)
        Y += X
        return F.relu(Y)


class BasicBlock(nn.Module):
    """The paper's block: (n, in, h, w) -> (n, out, h / strides, w / strides), rounded up.

    Two 3×3 convolutions with batch normalization (figure 5, left). The shortcut is empty where
    the shape stays, else a 1×1 convolution with batch normalization (section 3.2).
    """

    expansion = 1

    def __init__(
        self, in_channels: int, out_channels: int, strides: int = 1, *, bias: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, strides, padding=1, bias=bias)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, strides, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(F(x) + shortcut(x))."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


def plain_block(
    in_channels: int, out_channels: int, strides: int = 1, *, bias: bool = False
) -> nn.Sequential:
    """BasicBlock without its shortcut: two 3×3 convolutions, each with batch norm and ReLU."""
    first = nn.Conv2d(in_channels, out_channels, 3, strides, padding=1, bias=bias)
    second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias)
    norms = nn.BatchNorm2d(out_channels), nn.BatchNorm2d(out_channels)
    return nn.Sequential(first, norms[0], nn.ReLU(), second, norms[1], nn.ReLU())


class Bottleneck(nn.Module):
    """The block of deep ResNets: (n, in, h, w) -> (n, 4 channels, h / strides, w / strides).

    A 1×1 convolution narrows to `channels`, a 3×3 works there, a 1×1 widens to four times as many
    (figure 5, right). The 3×3 takes the stride, as in torchvision; in the paper the first 1×1.
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, strides: int = 1) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, strides, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, strides)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(F(x) + shortcut(x))."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += self.shortcut(x)
        return F.relu(out)


def resnet(
    num_blocks: Sequence[int],
    block: Block,
    channels: Sequence[int] = CHANNELS,
    strides: Sequence[int] = STRIDES,
    in_channels: int = 1,
    num_classes: int = 10,
) -> nn.Sequential:
    """A ResNet for an (n, 1, 224, 224) batch, in 8 rows: stem, 4 stages, average, flatten, linear.

    Shapes: stem 64×56×56; stages 64×56×56, 128×28×28, 256×14×14, 512×7×7, with 4 times as many
    channels where `block` is a Bottleneck. Every other input size works too (in eval mode).
    `num_blocks`, `channels` and `strides` have an entry for each stage, else ValueError. Table 1;
    the stem's convolution has a bias in the book's form only.
    """
    stem = nn.Sequential(
        nn.Conv2d(in_channels, channels[0], 7, 2, padding=3, bias=block is Residual),
        nn.BatchNorm2d(channels[0]),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )
    return _staged(stem, block, num_blocks, channels, strides, num_classes)


def resnet18(*, block: Block = Residual, **choices: Any) -> nn.Sequential:
    """ResNet-18 in the book's form, with 11,178,378 parameters; see `resnet` for its shapes.

    `block=BasicBlock` gives the paper's and torchvision's form, with 11,175,370.
    """
    return resnet((2, 2, 2, 2), block, **choices)


def resnet34(*, block: Block = BasicBlock, **choices: Any) -> nn.Sequential:
    """ResNet-34 in the paper's form, with 21,283,530 parameters; see `resnet` for its shapes."""
    return resnet((3, 4, 6, 3), block, **choices)


def resnet50(**choices: Any) -> nn.Sequential:
    """ResNet-50, of Bottlenecks, with 23,522,250 parameters; see `resnet` for its shapes."""
    return resnet((3, 4, 6, 3), Bottleneck, **choices)


def resnet101(**choices: Any) -> nn.Sequential:
    """ResNet-101, of Bottlenecks, with 42,514,378 parameters; see `resnet` for its shapes."""
    return resnet((3, 4, 23, 3), Bottleneck, **choices)


def resnet152(**choices: Any) -> nn.Sequential:
    """ResNet-152, of Bottlenecks, with 58,158,026 parameters; see `resnet` for its shapes."""
    return resnet((3, 8, 36, 3), Bottleneck, **choices)


def cifar_resnet(
    num_blocks: Sequence[int] = (2, 2, 2, 2),
    *,
    channels: Sequence[int] = CHANNELS,
    strides: Sequence[int] = STRIDES,
    in_channels: int = 3,
    num_classes: int = 10,
    bias: bool = True,
    residual: bool = True,
) -> nn.Sequential:
    """A ResNet for an (n, 3, 32, 32) batch, in 8 rows, with 20 convolutions, 11,178,762 parameters.

    Shapes: stem and first stage 64×32×32, then 128×16×16, 256×8×8, 512×4×4, average 512×1×1,
    flatten 512, 10. The stem is one 3×3 convolution without pooling, as in section 4.2, whose own
    networks are `cifar_resnet((n, n, n), channels=(16, 32, 64), strides=(1, 2, 2), bias=False)`
    but for their shortcuts, which have no weights. `residual=False` leaves out the shortcuts: the
    paper's plain networks. Raises ValueError as `resnet` does.
    """
    stem = nn.Sequential(
        nn.Conv2d(in_channels, channels[0], 3, padding=1, bias=bias),
        nn.BatchNorm2d(channels[0]),
        nn.ReLU(),
    )
    block = partial(BasicBlock if residual else plain_block, bias=bias)
    return _staged(stem, block, num_blocks, channels, strides, num_classes)


def matched(part: str, **choices: Sequence[int]) -> list[tuple[int, ...]]:
    """One tuple of choices for each part of a network, such as a convolution.

    Raises ValueError where the lists differ in length.
    """
    if len({len(choice) for choice in choices.values()}) != 1:
        given = ", ".join(f"{name} has {len(choice)}" for name, choice in choices.items())
        raise ValueError(
            f"Each {part} needs one entry in every list, but {given}. "
            "Give all lists the same length."
        )
    return list(zip(*choices.values(), strict=True))


def _staged(
    stem: nn.Sequential,
    block: Block,
    num_blocks: Sequence[int],
    channels: Sequence[int],
    strides: Sequence[int],
    num_classes: int,
) -> nn.Sequential:
    """The stem, a Sequential of blocks for each stage, and the classifier."""
    width, stages = channels[0], []
    rows = matched("stage", num_blocks=num_blocks, channels=channels, strides=strides)
    for number, out, stride in rows:
        blocks: list[nn.Module] = []
        for place in range(number):
            blocks.append(block(width, out, strides=stride if place == 0 else 1))
            width = out * getattr(blocks[-1], "expansion", 1)
        stages.append(nn.Sequential(*blocks))
    head = (nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(width, num_classes))
    return nn.Sequential(stem, *stages, *head)


def _shortcut(
    in_channels: int, out_channels: int, strides: int, *, bias: bool = False
) -> nn.Sequential:
    """Nothing where the shape stays, else a 1×1 convolution with batch normalization."""
    if strides == 1 and in_channels == out_channels:
        return nn.Sequential()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, strides, bias=bias), nn.BatchNorm2d(out_channels)
    )

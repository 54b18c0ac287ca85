"""Reference networks, each as a builder function that returns a plain `nn.Sequential`.

The lessons write these networks out by hand. The versions here take the same choices as keyword
arguments, so that tools and tests can build any of them. The defaults are the book's networks
(Dive into Deep Learning), which differ from the papers where the docstring says so. Lists of
different lengths, where each convolution or stage needs an entry, raise ValueError.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .residual_nets import (  # noqa: F401  one place for all networks
    BasicBlock,
    Bottleneck,
    Residual,
    cifar_resnet,
    matched,
    plain_block,
    resnet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)

# (convolutions, output channels) of each block, by the number of layers with weights.
# Simonyan and Zisserman (2015), table 1: columns A, B, D and E.
VGG_ARCHS = {
    11: ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
    13: ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
    16: ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    19: ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}

# The channels c1, c2, c3, c4 of every Inception block, stage by stage.
# Szegedy and others (2015), table 1.
GOOGLENET_STAGES = (
    ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)),
    (
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
    ),
    ((256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)),
)


def lenet(
    *,
    channels: Sequence[int] = (6, 16),
    kernel_sizes: Sequence[int] = (5, 5),
    strides: Sequence[int] = (1, 1),
    paddings: Sequence[int] = (2, 0),
    hidden: Sequence[int] = (120, 84),
    in_channels: int = 1,
    num_classes: int = 10,
    activation: Callable[[], nn.Module] = nn.Sigmoid,
    norm: Callable[..., nn.Module] | None = None,
    in_features: int | None = None,
) -> nn.Sequential:
    """LeNet for a (n, 1, 28, 28) batch: 12 layers, 61,706 parameters.

    Shapes: 6×28×28, pool 6×14×14, 16×10×10, pool 16×5×5, flatten 400, 120, 84, 10.
    `in_features` is what reaches the first linear layer: `channels[-1]` maps of 5×5 unless given.
    `norm` makes a layer before every activation: see `batch_norm_lenet`.

    LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition"
    (1998), section II.B (LeNet-5), in the form of Dive into Deep Learning, section 7.6: padding 2
    on 28×28 images where the paper has 32×32 images; sigmoid; plain averages as pooling; every
    map connected to every map; a linear output layer.
    """
    normed = (lambda out, dims: [norm(out, num_dims=dims)]) if norm else (lambda *_: [])
    layers: list[nn.Module] = []
    for out, kernel, stride, padding in _rows(channels, kernel_sizes, strides, paddings):
        layers += [nn.Conv2d(in_channels, out, kernel, stride, padding)]
        layers += [*normed(out, 4), activation(), nn.AvgPool2d(kernel_size=2, stride=2)]
        in_channels = out
    width = channels[-1] * 5 * 5 if in_features is None else in_features
    layers += [nn.Flatten()]
    for out in hidden:
        layers += [nn.Linear(width, out), *normed(out, 2), activation()]
        width = out
    return nn.Sequential(*layers, nn.Linear(width, num_classes))


def alexnet(
    *,
    channels: Sequence[int] = (96, 256, 384, 384, 256),
    kernel_sizes: Sequence[int] = (11, 5, 3, 3, 3),
    strides: Sequence[int] = (4, 1, 1, 1, 1),
    paddings: Sequence[int] = (1, 2, 1, 1, 1),
    hidden: Sequence[int] = (4096, 4096),
    in_channels: int = 1,
    num_classes: int = 10,
    dropout: float = 0.5,
    activation: Callable[[], nn.Module] = nn.ReLU,
    in_features: int | None = None,
) -> nn.Sequential:
    """AlexNet for a (n, 1, 224, 224) batch: 21 layers, 46,764,746 parameters.

    Shapes: 96×54×54, pool 96×26×26, 256×26×26, pool 256×12×12, 384×12×12, 384×12×12, 256×12×12,
    pool 256×5×5, flatten 6400, 4096, 4096, 10. A 3×3 pool of stride 2 follows convolutions 1, 2, 5.
    `in_features` is what reaches the first linear layer: `channels[-1]` maps of 5×5 unless given.

    Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
    Networks" (2012), section 3.5, in the form of Dive into Deep Learning, section 8.1: one device
    in place of two groups, one input channel, ten classes, padding 1 in the first convolution (so
    54×54, not the paper's 55×55), and no local response normalization.
    """
    layers: list[nn.Module] = []
    rows = _rows(channels, kernel_sizes, strides, paddings)
    for number, (out, kernel, stride, padding) in enumerate(rows, start=1):
        layers += [nn.Conv2d(in_channels, out, kernel, stride, padding), activation()]
        if number in (1, 2, 5):
            layers += [nn.MaxPool2d(kernel_size=3, stride=2)]
        in_channels = out
    width = channels[-1] * 5 * 5 if in_features is None else in_features
    head = _classifier(width, hidden, num_classes, dropout, activation)
    return nn.Sequential(*layers, nn.Flatten(), *head)


def vgg_block(
    num_convs: int,
    in_channels: int,
    out_channels: int,
    *,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """A VGG block: (n, in_channels, h, w) -> (n, out_channels, h / 2, w / 2), rounded down.

    `num_convs` 3×3 convolutions that keep the size, each with its activation, and a 2×2 max pool
    of stride 2. Simonyan and Zisserman (2015), section 2.1.
    """
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), activation()]
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2))


def vgg(
    conv_arch: Sequence[tuple[int, int]] = VGG_ARCHS[11],
    *,
    hidden: Sequence[int] = (4096, 4096),
    in_channels: int = 1,
    num_classes: int = 10,
    dropout: float = 0.5,
    activation: Callable[[], nn.Module] = nn.ReLU,
    in_features: int | None = None,
) -> nn.Sequential:
    """VGG for a (n, 1, 224, 224) batch: VGG-11 has 13 rows and 128,806,154 parameters.

    `conv_arch` has (convolutions, output channels) for each block; VGG_ARCHS has the paper's.
    Shapes: 64×112×112, 128×56×56, 256×28×28, 512×14×14, 512×7×7, flatten 25088, 4096, 4096, 10.
    `in_features` is what reaches the first linear layer: the last channels of 7×7 unless given.

    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
    (2015), section 2.1 and table 1, as in Dive into Deep Learning, section 8.2: one input
    channel and ten classes.
    """
    blocks = []
    for num_convs, out in conv_arch:
        blocks.append(vgg_block(num_convs, in_channels, out, activation=activation))
        in_channels = out
    width = in_channels * 7 * 7 if in_features is None else in_features
    head = _classifier(width, hidden, num_classes, dropout, activation)
    return nn.Sequential(*blocks, nn.Flatten(), *head)


def nin_block(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    strides: int,
    padding: int,
    *,
    last_relu: bool = True,
) -> nn.Sequential:
    """A NiN block: (n, in_channels, h, w) -> (n, out_channels, …), sized as its first convolution.

    That convolution and two of 1×1, which are a small fully connected network at every pixel,
    each with a ReLU; `last_relu=False` leaves out the third. Lin, Chen and Yan (2014), section 3.1.
    """
    layers = [
        nn.Conv2d(in_channels, out_channels, kernel_size, strides, padding),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1),
    ]
    return nn.Sequential(*layers, nn.ReLU()) if last_relu else nn.Sequential(*layers)


def nin(
    *,
    channels: Sequence[int] = (96, 256, 384),
    kernel_sizes: Sequence[int] = (11, 5, 3),
    strides: Sequence[int] = (4, 1, 1),
    paddings: Sequence[int] = (0, 2, 1),
    in_channels: int = 1,
    num_classes: int = 10,
    dropout: float = 0.5,
    relu_on_logits: bool = True,
) -> nn.Sequential:
    """NiN for a (n, 1, 224, 224) batch: 10 rows, 1,992,166 parameters, no linear layer.

    Shapes: 96×54×54, pool 96×26×26, 256×26×26, pool 256×12×12, 384×12×12, pool 384×5×5, dropout,
    10×5×5, average 10×1×1, flatten 10. The last block has a channel for each class.

    Lin, Chen and Yan, "Network In Network" (2014), in the form of Dive into Deep Learning, section
    8.3, where a last ReLU keeps every logit at 0 or above; `relu_on_logits=False` leaves it out.
    """
    layers: list[nn.Module] = []
    for out, *window in _rows(channels, kernel_sizes, strides, paddings):
        layers += [nin_block(in_channels, out, *window), nn.MaxPool2d(kernel_size=3, stride=2)]
        in_channels = out
    classes = nin_block(in_channels, num_classes, 3, 1, 1, last_relu=relu_on_logits)
    average = nn.AdaptiveAvgPool2d((1, 1))
    return nn.Sequential(*layers, nn.Dropout(dropout), classes, average, nn.Flatten())


class Inception(nn.Module):
    """Four parallel paths and a concat: (n, in, h, w) -> (n, c1 + c2[1] + c3[1] + c4, h, w).

    1×1 with c1 channels; 1×1 then 3×3 with c2; 1×1 then 5×5 with c3; 3×3 max pool then 1×1 with
    c4. Szegedy and others (2015), figure 2(b).
    """

    def __init__(
        self, in_channels: int, c1: int, c2: tuple[int, int], c3: tuple[int, int], c4: int
    ) -> None:
        super().__init__()
        self.p1_1 = nn.Conv2d(in_channels, c1, kernel_size=1)
        self.p2_1 = nn.Conv2d(in_channels, c2[0], kernel_size=1)
        self.p2_2 = nn.Conv2d(c2[0], c2[1], kernel_size=3, padding=1)
        self.p3_1 = nn.Conv2d(in_channels, c3[0], kernel_size=1)
        self.p3_2 = nn.Conv2d(c3[0], c3[1], kernel_size=5, padding=2)
        self.p4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.p4_2 = nn.Conv2d(in_channels, c4, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the four paths' maps, joined along the channels."""
        p1 = F.relu(self.p1_1(x))
        p2 = F.relu(self.p2_2(F.relu(self.p2_1(x))))
        p3 = F.relu(self.p3_2(F.relu(self.p3_1(x))))
        p4 = F.relu(self.p4_2(self.p4_1(x)))
        return torch.cat((p1, p2, p3, p4), dim=1)


def googlenet(
    *,
    stem: tuple[int, int, int] = (64, 64, 192),
    stages: Sequence[Sequence[tuple]] = GOOGLENET_STAGES,
    kernel_size: int = 7,
    stride: int = 2,
    in_channels: int = 1,
    num_classes: int = 10,
) -> nn.Sequential:
    """GoogLeNet for a (n, 1, 96, 96) batch: 6 rows, 5,977,530 parameters.

    Shapes: 64×24×24, 192×12×12, 480×6×6, 832×3×3, average and flatten 1024, 10. Every other input
    size works too. `stem` has the channels of the three convolutions before the first Inception,
    7×7, 1×1 and 3×3; `stages` those of every Inception block, (c1, c2, c3, c4). `kernel_size` and
    `stride` are the first convolution's.

    Szegedy and others, "Going Deeper with Convolutions" (2015), table 1, in the form of Dive into
    Deep Learning, section 8.4: no local response normalization, no auxiliary classifiers, and no
    dropout before the linear layer.
    """
    first, second, width = stem
    reduce, widen = nn.Conv2d(first, second, 1), nn.Conv2d(second, width, 3, padding=1)
    coarse = nn.Conv2d(in_channels, first, kernel_size, stride, padding=kernel_size // 2)
    rows = [
        [coarse, nn.ReLU(), _halving()],
        [reduce, nn.ReLU(), widen, nn.ReLU(), _halving()],
    ]
    for number, stage in enumerate(stages, start=1):
        blocks = []
        for c1, c2, c3, c4 in stage:
            blocks.append(Inception(width, c1, c2, c3, c4))
            width = c1 + c2[1] + c3[1] + c4
        average = [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()]
        rows.append(blocks + (average if number == len(stages) else [_halving()]))
    return nn.Sequential(*(nn.Sequential(*row) for row in rows), nn.Linear(width, num_classes))


def batch_norm(num_features: int, num_dims: int) -> nn.Module:
    """Batch normalization for (n, num_features), or with 4 dims for (n, num_features, h, w)."""
    return nn.BatchNorm2d(num_features) if num_dims == 4 else nn.BatchNorm1d(num_features)


def batch_norm_lenet(
    *,
    channels: Sequence[int] = (6, 16),
    paddings: Sequence[int] = (0, 0),
    norm: Callable[..., nn.Module] = batch_norm,
    in_features: int | None = None,
    **choices: Any,
) -> nn.Sequential:
    """LeNet with batch normalization for a (n, 1, 28, 28) batch: 16 layers, 44,878 parameters.

    Shapes: 6×24×24, pool 6×12×12, 16×8×8, pool 16×4×4, flatten 256, 120, 84, 10. In training mode
    a batch needs two images. `norm` makes the layer before every activation, called as
    norm(features, num_dims=4) behind a convolution and with 2 behind a linear layer.
    `in_features` is what reaches the first linear layer: `channels[-1]` maps of 4×4 unless given.
    The other choices are those of `lenet`.

    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift" (2015), section 3.2, in Dive into Deep Learning's LeNet, section 8.5.
    """
    width = channels[-1] * 4 * 4 if in_features is None else in_features
    return lenet(channels=channels, paddings=paddings, norm=norm, in_features=width, **choices)


def _rows(
    channels: Sequence[int],
    kernel_sizes: Sequence[int],
    strides: Sequence[int],
    paddings: Sequence[int],
) -> list[tuple[int, ...]]:
    """One tuple (channels, kernel size, stride, padding) for each convolution."""
    lists = {"channels": channels, "kernel_sizes": kernel_sizes, "strides": strides}
    return matched("convolution", **lists, paddings=paddings)


def _halving() -> nn.MaxPool2d:
    """The pool of GoogLeNet: (n, c, h, w) -> (n, c, h / 2, w / 2), rounded up."""
    return nn.MaxPool2d(kernel_size=3, stride=2, padding=1)


def _classifier(
    width: int,
    hidden: Sequence[int],
    num_classes: int,
    dropout: float,
    activation: Callable[[], nn.Module],
) -> list[nn.Module]:
    """Linear layers behind (n, width) features, with dropout after each but the last."""
    layers: list[nn.Module] = []
    for out in hidden:
        layers += [nn.Linear(width, out), activation(), nn.Dropout(dropout)]
        width = out
    return [*layers, nn.Linear(width, num_classes)]

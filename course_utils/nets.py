"""Reference networks, each as a builder function that returns a plain `nn.Sequential`.

The lessons write these networks out by hand. The versions here take the same choices as keyword
arguments, so that tools and tests can build any of them. The defaults are the book's networks
(Dive into Deep Learning), which differ from the papers where the docstring says so.
"""

from collections.abc import Callable, Sequence

from torch import nn


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
    in_features: int | None = None,
) -> nn.Sequential:
    """LeNet for a (n, 1, 28, 28) batch: 12 layers, 61,706 parameters.

    Shapes: 6×28×28, pool 6×14×14, 16×10×10, pool 16×5×5, flatten 400, 120, 84, 10.
    `in_features` is what reaches the first linear layer: `channels[-1]` maps of 5×5 unless given.

    LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition"
    (1998), section II.B (LeNet-5), in the form of Dive into Deep Learning, section 7.6: padding 2
    on 28×28 images where the paper has 32×32 images; sigmoid; plain averages as pooling; every
    map connected to every map; a linear output layer.
    """
    layers: list[nn.Module] = []
    for out, kernel, stride, padding in _rows(channels, kernel_sizes, strides, paddings):
        layers += [nn.Conv2d(in_channels, out, kernel, stride, padding), activation()]
        layers += [nn.AvgPool2d(kernel_size=2, stride=2)]
        in_channels = out
    width = channels[-1] * 5 * 5 if in_features is None else in_features
    layers += [nn.Flatten()]
    for out in hidden:
        layers += [nn.Linear(width, out), activation()]
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
    layers += [nn.Flatten()]
    for out in hidden:
        layers += [nn.Linear(width, out), activation(), nn.Dropout(dropout)]
        width = out
    return nn.Sequential(*layers, nn.Linear(width, num_classes))


def _rows(*choices: Sequence[int]) -> list[tuple[int, ...]]:
    """One tuple (channels, kernel size, stride, padding) for each convolution."""
    if len({len(choice) for choice in choices}) != 1:
        names = ("channels", "kernel_sizes", "strides", "paddings")
        given = ", ".join(f"{name} has {len(c)}" for name, c in zip(names, choices, strict=True))
        raise ValueError(
            f"Each convolution needs one entry in every list, but {given}. "
            "Give all four lists the same length."
        )
    return list(zip(*choices, strict=True))

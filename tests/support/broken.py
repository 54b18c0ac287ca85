"""A gallery of networks that do not work, each with what its diagnosis must say.

The builders are written as students write them. A choice that is not in `choices` keeps the
default of the builder, with which most of them work.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional as F

GREY, COLOUR = (1, 1, 28, 28), (2, 3, 32, 32)


@dataclass(frozen=True)
class Broken:
    """One broken setting, and what the diagnosis of it must hold."""

    build: Callable
    shape: tuple
    choices: Mapping
    kind: str
    layer: str = ""
    cause: str = ""  # a fragment
    numbers: tuple | None = None  # expected, got
    repair: Mapping | None = field(default_factory=dict)  # changes; None: none can be found
    line: str = ""  # a fragment of the student's own line
    works: bool = False  # PyTorch runs it all the same


# ------------------------------------------------------------------ networks


def alexnet(channels=96, kernel=11, stride=4, padding=1, in_features=6400):
    return nn.Sequential(
        nn.Conv2d(1, channels, kernel, stride, padding), nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(channels, 256, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(in_features, 64), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(64, 10),
    )  # fmt: skip


def lenet(
    channels=6,
    kernel=5,
    stride=1,
    padding=2,
    pool=2,
    pool_padding=0,
    groups=1,
    dropout=0.1,
    pooled=5,
):
    return nn.Sequential(
        nn.Conv2d(1, channels, kernel, stride, padding), nn.Sigmoid(),
        nn.AvgPool2d(pool, 2, pool_padding),
        nn.Conv2d(channels, 16, 5, groups=groups), nn.Sigmoid(),
        nn.AdaptiveAvgPool2d(pooled),
        nn.Dropout(dropout),
        nn.Flatten(),
        nn.Linear(16 * pooled * pooled, 10),
    )  # fmt: skip


def vgg(arch=((1, 16), (1, 32), (2, 64))):
    layers, last = [], 1
    for count, channels in arch:
        for _ in range(count):
            layers += [nn.Conv2d(last, channels, 3, padding=1), nn.ReLU()]
            last = channels
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 3 * 3, 10))


def two_convolutions(first=16, second_reads=16, norm=16):
    return nn.Sequential(
        nn.Conv2d(3, first, 3), nn.BatchNorm2d(norm), nn.ReLU(), nn.Conv2d(second_reads, 8, 3)
    )


def mlp(hidden=64, reads=64, in_features=784, start=1):
    return nn.Sequential(
        nn.Flatten(start), nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(reads, 10)
    )


def unflattened(flat=True):
    layers = [nn.Conv2d(1, 4, 5), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(4 * 6 * 6, 10)]
    return nn.Sequential(*[layer for layer in layers if flat or not isinstance(layer, nn.Flatten)])


def headless(norm=nn.BatchNorm2d, depth=5):
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()]
    layers += [nn.MaxPool2d(2) for _ in range(depth)]
    return nn.Sequential(*layers, norm(8))


class Inception(nn.Module):
    def __init__(self, padding, stride=1, pool_padding=1):
        super().__init__()
        self.p1 = nn.Conv2d(16, 8, 1)
        self.p2_1 = nn.Conv2d(16, 4, 1)
        self.p2_2 = nn.Conv2d(4, 8, 5, stride, padding)
        self.p3_1 = nn.MaxPool2d(3, 1, pool_padding)
        self.p3_2 = nn.Conv2d(16, 8, 1)

    def forward(self, x):
        paths = (self.p1(x), self.p2_2(F.relu(self.p2_1(x))), self.p3_2(self.p3_1(x)))
        return torch.cat(paths, dim=1)


def googlenet(padding=2, stride=1, pool_padding=1):
    block = Inception(padding, stride, pool_padding)
    return nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), block, nn.Conv2d(24, 10, 1))


class Residual(nn.Module):
    def __init__(self, channels, out, stride, project, padding=1, gain=None):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.conv3 = nn.Conv2d(channels, gain or out, 1, stride) if project else None

    def forward(self, x):
        y = self.conv2(F.relu(self.conv1(x)))
        if self.conv3:
            x = self.conv3(x)
        return F.relu(y + x)


def resnet(out=16, stride=1, project=False, padding=1, gain=None):
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), Residual(16, out, stride, project, padding, gain)
    )


class InPlace(Residual):
    def forward(self, x):
        y = self.conv2(F.relu(self.conv1(x)))
        y += x
        return y


def resnet_in_place(out=16, stride=1):
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), InPlace(16, out, stride, False))


class Gate(nn.Module):
    """Squeeze and excitation: a multiplication that is meant to repeat one number a channel."""

    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Linear(16, channels)

    def forward(self, x):
        return x * self.fc(x.mean(dim=(2, 3)))[:, :, None, None]


def gated(channels=16):
    return nn.Sequential(nn.Conv2d(3, 16, 3), Gate(channels))


class Viewed(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.conv, self.size = nn.Conv2d(1, 4, 5), size
        self.fc = nn.Linear(size, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        x = x.view(-1, self.size)
        return self.fc(x)


def viewed(size=576):
    return Viewed(size)


def grouped_norm(groups=4, channels=8):
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.GroupNorm(groups, 8))


def positions(size=8):
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut = nn.Conv2d(3, 16, size, size)
            self.position = nn.Parameter(torch.zeros(1, 16, 16))

        def forward(self, x):
            return self.cut(x).flatten(2).transpose(1, 2) + self.position

    return Patches()


def upward(kernel=2, channels=8):
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ConvTranspose2d(channels, 3, kernel, 2))


# ------------------------------------------------------------------ mistakes in Python


def returns_nothing():
    nn.Sequential(nn.Linear(3, 4))


def returns_a_class():
    return Viewed


def returns_a_list():
    return [nn.Linear(3, 4)]


def misspelt_in_the_builder(channels=4):  # noqa: ARG001  that is the mistake
    return nn.Sequential(nn.Conv2d(3, chanels, 3))  # noqa: F821


def unknown_layer():
    return nn.Sequential(nn.Conv2D(3, 4, 3))


class MisspeltLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x)


class NoFunctional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return f.relu(self.conv(x))  # noqa: F821


class NoReturn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = F.relu(self.conv(x))


def block_without_return():
    return nn.Sequential(NoReturn(), nn.Conv2d(4, 8, 3))


class NoSuper(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(3, 4, 3)


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


def two_inputs():
    return nn.Sequential(nn.Conv2d(3, 4, 3), TwoInputs())


class NotImplementedForward(nn.Module):
    def forwards(self, x):
        return x


class PlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Conv2d(3, 3, 3, padding=1) for _ in range(4)]

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


class CatOfTwo(nn.Module):
    def forward(self, x):
        return torch.cat(x, x)


class Divides(nn.Module):
    def forward(self, x):
        return x / (1 / (x.shape[1] // 4))


def too_few_arguments():
    return nn.Sequential(nn.Conv2d(3, 4))


def too_small_an_arch(arch=((1, 16), (1, 32))):
    (_, first), (_, second) = arch
    return nn.Sequential(nn.Conv2d(3, first, 3), nn.Conv2d(first, second, 3))


class NotCalled(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 8, 3)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.conv1(x)
        x = self.relu
        return self.conv2(x)


class ReturnsALayer(NotCalled):
    def forward(self, x):  # noqa: ARG002  that is the mistake
        return self.conv1


class WithoutSelf(NotCalled):
    def forward(self, x):
        return relu(self.conv1(x))  # noqa: F821


class Reassigned(NotCalled):
    def forward(self, x):
        x = print(x.shape)
        return self.conv2(x)


class ASingleNumber(NotCalled):
    def forward(self, x):
        return self.conv2(self.conv1(x).mean())


class TwoResults(nn.Module):
    def forward(self, x):
        return x, x.mean()


def two_results():
    return nn.Sequential(TwoResults(), nn.Conv2d(3, 4, 3))


def a_block_left_out():
    def block(channels):
        nn.Sequential(nn.Conv2d(3, channels, 3), nn.ReLU())

    return nn.Sequential(block(8), nn.Flatten())


class CalledList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.ReLU()])

    def forward(self, x):
        return self.layers(x)


class Endless(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Endless()


class NoSuperNoLayers(nn.Module):
    def __init__(self):
        self.width = 8

    def forward(self, x):
        return x * self.width


class SuperWithArguments(nn.Module):
    def __init__(self, width=8):
        super().__init__(width)


class ForwardWithoutSelf(nn.Module):
    def forward(x):  # noqa: N805  that is the mistake
        return x


def a_function_for_a_layer():
    return nn.Sequential(nn.Conv2d(3, 4, 3), F.relu)


def a_dict_of_layers():
    return nn.Sequential({"conv": nn.Conv2d(3, 4, 3)})


def a_dot_in_a_name():
    return nn.Sequential(OrderedDict([("conv.1", nn.Conv2d(3, 4, 3))]))


def half(width=16):
    return nn.Sequential(nn.Conv2d(3, width / 4, 3))


def pooled_to(size=3, norm=nn.Identity):
    return nn.Sequential(nn.AdaptiveAvgPool2d(size), nn.Conv2d(3, 8, 3), norm(8))


class ReadsValues(nn.Module):
    """Needs numbers to run at all, and then does not fit."""

    def __init__(self, reads=8):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(reads, 10)

    def forward(self, x):
        x = self.conv(x if x.sum() > 0 else -x)
        return self.fc(x.mean(dim=(2, 3)))


IMAGE = (1, 1, 224, 224)
GALLERY = {
    # a map shrunk away
    "alexnet, input of 48": Broken(
        alexnet, IMAGE, {"input_size": 48}, "shrunk away", "8", "input_size=48", (3, 1), {}
    ),
    "lenet, stride 8": Broken(
        lenet, GREY, {"stride": 8}, "shrunk away", "3", "stride=8 makes it so: layer 0", (5, 2),
        {"stride": 3},
    ),
    "lenet, kernel larger than the image": Broken(
        lenet, GREY, {"kernel": 33}, "shrunk away", "0", "kernel=33", (33, 32), {"kernel": 23}
    ),
    "vgg, one block too many": Broken(
        vgg, GREY, {"arch": ((1, 16), (1, 32), (2, 64), (1, 64), (1, 64))}, "shrunk away", "16",
        "arch with 5 entries", (2, 1), {"arch": ((1, 16), (1, 32), (2, 64))},
    ),
    "no choice to blame": Broken(
        lenet, (1, 1, 8, 8), {}, "shrunk away", "3", "Layer 2 (AvgPool2d", (5, 4), {"kernel": 3}
    ),
    # a Linear made for another count of numbers
    "alexnet, stride 3": Broken(
        alexnet, IMAGE, {"stride": 3}, "in_features", "10",
        "layer 0 (Conv2d 11×11, stride 3, padding 1) gives 96×72×72", (6400, 16384), {"stride": 4},
    ),
    "alexnet, stride 8 and 64 channels": Broken(
        alexnet, IMAGE, {"stride": 8, "channels": 64}, "in_features", "10", "stride=8",
        (6400, 1024), {"stride": 4},
    ),
    "alexnet, in_features": Broken(
        alexnet, IMAGE, {"in_features": 9216}, "in_features", "10", "in_features=9216",
        (9216, 6400), {"in_features": 6400},
    ),
    "alexnet, input of 256": Broken(
        alexnet, IMAGE, {"input_size": 256}, "in_features", "10", "input_size=256", (6400, 9216),
        {"input_size": 224},
    ),
    "vgg, last channels": Broken(
        vgg, GREY, {"arch": ((1, 16), (1, 32), (2, 48))}, "in_features", "12", "arch[2][1]=48",
        (576, 432), {"arch": ((1, 16), (1, 32), (2, 64))},
    ),
    "mlp, hidden": Broken(
        mlp, GREY, {"hidden": 128}, "in_features", "3", "hidden=128", (64, 128), {"reads": 128}
    ),
    "mlp, in_features": Broken(
        mlp, GREY, {"in_features": 400}, "in_features", "1", "in_features=400", (400, 784),
        {"in_features": 784},
    ),
    "flatten is missing": Broken(
        unflattened, GREY, {"flat": False}, "in_features", "2", "flat=False", (144, 6),
        {"flat": True},
    ),
    "flatten starts at the batch": Broken(
        mlp, (4, 1, 28, 28), {"start": 0}, "in_features", "1", "start=0", (784, 3136), {"start": 1}
    ),
    "flatten starts too late": Broken(
        mlp, (4, 2, 14, 28), {"start": 2}, "in_features", "1", "start=2", (784, 392), {"start": 1}
    ),
    "view into the wrong count": Broken(
        viewed, GREY, {"size": 500}, "reshape", "", "size=500", (500, 576), {"size": 576}
    ),
    "reads values, and does not fit": Broken(
        ReadsValues, COLOUR, {"reads": 9}, "in_features", "fc", "reads=9", (9, 8), {"reads": 8}
    ),
    # channels
    "a convolution that reads too many": Broken(
        two_convolutions, COLOUR, {"second_reads": 32}, "channels", "3", "second_reads=32",
        (32, 16), {"second_reads": 16},
    ),
    "the norm of another layer": Broken(
        two_convolutions, COLOUR, {"first": 32}, "channels", "1", "first=32", (16, 32),
        {"first": 16},
    ),
    "the input has colours": Broken(
        lenet, (1, 3, 28, 28), {}, "input", "0",
        "3 channels, the second number: write in_channels=3 in this layer, or give an input of 1",
        (1, 3), None,
    ),
    "a map of one pixel, a batch of one image": Broken(
        pooled_to, (1, 3, 8, 8), {"size": 1}, "shrunk away", "1", "size=1", (3, 1), {"size": 3}
    ),
    "channels last": Broken(
        two_convolutions, (2, 32, 32, 3), {}, "input", "0", "(2, 3, 32, 32)", (3, 32), None
    ),
    "no batch and no channels": Broken(
        lenet, (28, 28), {}, "input", "0", "(28, 28)", (4, 2), None
    ),
    "a vector for an image": Broken(
        lenet, (1, 784), {}, "input", "0", "(1, 784)", (4, 2), None
    ),
    "groups do not divide the input": Broken(
        lenet, GREY, {"groups": 4}, "groups", "", "groups=4", (4, 6), {"groups": 2}
    ),
    "channels of the group norm": Broken(
        grouped_norm, COLOUR, {"groups": 3}, "groups", "", "groups=3", (3, 8), {"groups": 4}
    ),
    "upward with the wrong channels": Broken(
        upward, COLOUR, {"channels": 4}, "channels", "1", "channels=4", (4, 8), {"channels": 8}
    ),
    # branches
    "inception, padding 1 for a kernel of 5": Broken(
        googlenet, COLOUR, {"padding": 1}, "branches", "1", "padding=1", (16, 14), {"padding": 2}
    ),
    "inception, stride in one branch": Broken(
        googlenet, COLOUR, {"stride": 2}, "branches", "1", "1.p2_2", (16, 8), {"stride": 1}
    ),
    "inception, pooling without padding": Broken(
        googlenet, COLOUR, {"pool_padding": 0}, "branches", "1", "pool_padding=0", (16, 14),
        {"pool_padding": 1},
    ),
    "a gate of the wrong width": Broken(
        gated, COLOUR, {"channels": 8}, "branches", "1", "channels=8", (16, 8), {"channels": 16}
    ),
    # shortcuts
    "a shortcut with other channels": Broken(
        resnet, COLOUR, {"out": 32}, "shortcut", "1", "out=32", (32, 16), {"project": True}
    ),
    "a shortcut of another size": Broken(
        resnet, COLOUR, {"stride": 2}, "shortcut", "1", "stride=2", (16, 32), {"project": True}
    ),
    "a shortcut that differs in both": Broken(
        resnet, COLOUR, {"out": 32, "stride": 2}, "shortcut", "1", "out=32 and stride=2",
        (32, 16), {"project": True},
    ),
    "a projection to the wrong channels": Broken(
        resnet, COLOUR, {"project": True, "gain": 8}, "shortcut", "1", "gain=8", (16, 8),
        {"gain": 16},
    ),
    "an add in place": Broken(
        resnet_in_place, COLOUR, {"out": 32}, "shortcut", "1", "out=32", (32, 16), {"out": 16}
    ),
    "a block without padding": Broken(
        resnet, COLOUR, {"padding": 0}, "shortcut", "1", "padding=0", (30, 32), {"padding": 1}
    ),
    "a shortcut that PyTorch repeats": Broken(
        resnet, COLOUR, {"project": True, "gain": 1}, "silent broadcast", "1", "gain=1", (16, 1),
        {"gain": 16}, works=True,
    ),
    "position embedding of another size": Broken(
        positions, COLOUR, {"size": 4}, "shortcut", "", "size=4", (64, 16), {"size": 8}
    ),
    # batch norm
    "one value per channel": Broken(
        headless, (1, 3, 32, 32), {}, "batch norm", "7", "leaves 1 pixel", (2, 1), {"depth": 4}
    ),
    "instance norm of one pixel": Broken(
        pooled_to, COLOUR, {"norm": nn.InstanceNorm2d}, "batch norm", "2", "norm=InstanceNorm2d",
        (2, 1), {"size": 4},
    ),
    "batch norm for vectors": Broken(
        headless, COLOUR, {"norm": nn.BatchNorm1d}, "dimensions", "7", "norm=BatchNorm1d", (2, 4),
        {"norm": nn.BatchNorm2d},
    ),
    # settings that no layer can have
    "stride 0": Broken(lenet, GREY, {"stride": 0}, "setting", "0", "stride=0", (1, 0)),
    "stride of a fraction": Broken(lenet, GREY, {"stride": 1.5}, "setting", "0", "stride=1.5"),
    "stride None": Broken(lenet, GREY, {"stride": None}, "setting", "0", "stride=None"),
    "padding negative": Broken(lenet, GREY, {"padding": -1}, "setting", "0", "padding=-1", (0, -1)),
    "padding same with a stride": Broken(
        lenet, GREY, {"padding": "same", "stride": 2}, "setting", "", "", None, {"stride": 1},
        line="nn.Conv2d(1, channels, kernel, stride, padding)",
    ),
    "padding of a word": Broken(lenet, GREY, {"padding": "sane"}, "setting", "", "padding='sane'"),
    "padding over half the window": Broken(
        lenet, GREY, {"pool_padding": 2}, "setting", "2", "pool_padding=2", (1, 2),
        {"pool_padding": 1},
    ),
    "kernel 0": Broken(lenet, GREY, {"kernel": 0}, "setting", "0", "kernel=0", (1, 0)),
    "kernel negative": Broken(lenet, GREY, {"kernel": -3}, "setting", "", "kernel=-3", (1, -3)),
    "kernel of a fraction": Broken(lenet, GREY, {"kernel": 2.5}, "setting", "", "kernel=2.5"),
    "kernel as text": Broken(
        lenet, GREY, {"kernel": "3"}, "setting", "", "kernel='3'", None, {"kernel": 3}
    ),
    "kernel of three numbers": Broken(
        lenet, GREY, {"kernel": (3, 3, 3)}, "setting", "0", "kernel=(3, 3, 3)", (2, (3, 3, 3))
    ),
    "channels 0": Broken(lenet, GREY, {"channels": 0}, "setting", "0", "channels=0", (1, 0)),
    "channels negative": Broken(lenet, GREY, {"channels": -6}, "setting", "", "channels=-6"),
    "channels as text": Broken(lenet, GREY, {"channels": "6"}, "setting", "", "channels='6'"),
    "channels of a quotient": Broken(
        half, COLOUR, {}, "setting", "", "", repair=None, line="width / 4"
    ),
    "a dot in the name of a layer": Broken(
        a_dot_in_a_name, COLOUR, {}, "setting", "", "", repair=None, line="conv.1"
    ),
    "dropout of 2": Broken(lenet, GREY, {"dropout": 2}, "setting", "", "dropout=2"),
    "pool None": Broken(lenet, GREY, {"pool": None}, "setting", "2", "pool=None"),
    "pooled to a negative size": Broken(lenet, GREY, {"pooled": -1}, "setting", "5", "pooled=-1"),
    "groups 0": Broken(lenet, GREY, {"groups": 0}, "setting", "", "groups=0"),
    "a choice that the builder lacks": Broken(
        lenet, GREY, {"chanels": 8}, "your code", "", "", repair=None
    ),
    "the input as text": Broken(lenet, GREY, {"input_size": "28"}, "input", "", "input_size='28'"),
    # mistakes in Python
    "builder without return": Broken(
        returns_nothing, GREY, {}, "your code", "", "", repair=None, line="def returns_nothing"
    ),
    "builder returns a class": Broken(returns_a_class, GREY, {}, "your code", repair=None),
    "builder returns a list": Broken(returns_a_list, GREY, {}, "your code", repair=None),
    "a misspelt choice": Broken(
        misspelt_in_the_builder, COLOUR, {}, "your code", "", "", repair=None, line="chanels"
    ),
    "a layer that is not in nn": Broken(
        unknown_layer, COLOUR, {}, "your code", "", "", repair=None, line="nn.Conv2D"
    ),
    "a misspelt layer": Broken(
        MisspeltLayer, COLOUR, {}, "your code", "", "", repair=None, line="self.conv(x)"
    ),
    "F is not imported": Broken(
        NoFunctional, COLOUR, {}, "your code", "", "", repair=None, line="f.relu"
    ),
    "a block without return": Broken(
        block_without_return, COLOUR, {}, "your code", "0", "", repair=None, line="def forward"
    ),
    "a network without return": Broken(
        NoReturn, COLOUR, {}, "your code", "", "", repair=None, line="def forward", works=True
    ),
    "super().__init__() forgotten": Broken(
        NoSuper, COLOUR, {}, "your code", "", "", repair=None, line="self.conv = nn.Conv2d"
    ),
    "a forward of two inputs": Broken(two_inputs, COLOUR, {}, "your code", "1", repair=None),
    "forward misspelt": Broken(NotImplementedForward, COLOUR, {}, "your code", "", repair=None),
    "a layer passed on, not its result": Broken(
        NotCalled, COLOUR, {}, "your code", "conv2", "call it, layer(x)", ("Tensor", "ReLU"), None,
        line="self.conv2(x)",
    ),
    "a layer returned, not its result": Broken(
        ReturnsALayer, COLOUR, {}, "your code", "", "a layer that was not called", None, None,
        line="def forward", works=True,
    ),
    "a layer without self": Broken(
        WithoutSelf, COLOUR, {}, "your code", "", "", repair=None, line="relu(self.conv1(x))"
    ),
    "the result of print": Broken(
        Reassigned, COLOUR, {}, "your code", "conv2", "returns nothing", ("Tensor", "None"), None,
        line="self.conv2(x)",
    ),
    "one number for an image": Broken(
        ASingleNumber, COLOUR, {}, "dimensions", "conv2", "makes one number out of", (4, 0), None,
        line="mean()",
    ),
    "two results for one": Broken(
        two_results, COLOUR, {}, "your code", "1", "take one of them", ("Tensor", "tuple"), None
    ),
    "a block that is None": Broken(a_block_left_out, COLOUR, {}, "your code", "", repair=None),
    "a ModuleList that is called": Broken(
        CalledList, COLOUR, {}, "your code", "layers", "", repair=None, line="self.layers(x)"
    ),
    "a constructor without end": Broken(
        Endless, COLOUR, {}, "your code", "", "", repair=None, line="Endless()"
    ),
    "no super().__init__(), and no layers": Broken(
        NoSuperNoLayers, COLOUR, {}, "your code", "", repair=None
    ),
    "super().__init__() with arguments": Broken(
        SuperWithArguments, COLOUR, {}, "your code", "", "", repair=None, line="__init__(width)"
    ),
    "a forward without self": Broken(
        ForwardWithoutSelf, COLOUR, {}, "your code", "", "", repair=None, line="def forward(x)"
    ),
    "a function for a layer": Broken(
        a_function_for_a_layer, COLOUR, {}, "your code", "", "", repair=None, line="F.relu"
    ),
    "a dict of layers": Broken(
        a_dict_of_layers, COLOUR, {}, "your code", "", "", repair=None, line="nn.Sequential({"
    ),
    "layers in a plain list": Broken(
        PlainList, COLOUR, {}, "your code", "", "ModuleList", (336, 0), None, works=True
    ),
    "cat without a list": Broken(
        CatOfTwo, COLOUR, {}, "your code", "", "", repair=None, line="torch.cat(x, x)"
    ),
    "division by zero": Broken(
        Divides, COLOUR, {}, "your code", "", "", repair=None, line="1 / (x"
    ),
    "too few arguments": Broken(
        too_few_arguments, COLOUR, {}, "your code", "", "", repair=None, line="nn.Conv2d(3, 4)"
    ),
    "an arch of the wrong length": Broken(
        too_small_an_arch, COLOUR, {"arch": ((1, 16),)}, "your code", "", "arch=", line="= arch"
    ),
    "a view that mixes images": Broken(
        viewed, (4, 1, 28, 28), {"size": 144}, "batch", "", "size=144", (4, 16), {"size": 576},
        works=True,
    ),
}  # fmt: skip

"""More networks as students write them: what `diagnose` must say of each, and must not say.

`TABLE` holds networks that once got a misleading sentence, `SILENT` those that run although they
are broken, `SENTENCES` mistakes that one sentence lifts, `REFUSED` calls that PyTorch refuses,
`INPUTS` the forms of an input, and `FINE` sound networks of which nothing must be said.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet18
from torchvision.models.convnext import CNBlock
from torchvision.models.densenet import _DenseLayer
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import BasicBlock
from torchvision.models.swin_transformer import SwinTransformerBlock
from torchvision.ops import SqueezeExcitation

GREY, COLOUR = (1, 1, 28, 28), (2, 3, 16, 16)
GREYS, MAPS = (4, 1, 28, 28), (2, 8, 12, 12)
TOKENS, WORDS = (2, 6, 16), ((2, 6), torch.int64)


@dataclass(frozen=True)
class Entry:
    """A network, its input, and what the diagnosis holds; alternatives stand in a tuple."""

    build: Callable
    input: object
    says: list = field(default_factory=list)  # fragments; a tuple: one of them
    never: list = field(default_factory=list)
    works: bool | None = False  # PyTorch runs it; None: it is sound, and nothing is said
    choices: Mapping = field(default_factory=dict)
    repair: Mapping | None = None  # must be among the repairs


def warned(build, given, *says, **others) -> Entry:
    """PyTorch runs it, and yet it is wrong."""
    return Entry(build, given, list(says), works=True, **others)


def fine(build, given, **choices) -> Entry:
    """Nothing is wrong."""
    return Entry(build, given, works=None, choices=choices)


def of(forward, **layers) -> Callable[[], nn.Module]:
    """A builder of a small network: makers of layers and parameters by name, and a forward."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            for name, make in layers.items():
                setattr(self, name, make())

    Net.forward = forward
    return Net


# ------------------------------------------------------------------ a view of a permuted tensor


class ChannelsLastHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 3)
        self.fc = nn.Linear(32 * 14 * 14, 10)

    def forward(self, x):
        x = F.relu(self.conv(x)).permute(0, 2, 3, 1)
        return self.fc(x.view(x.shape[0], -1))


class JoinedHeads(nn.Module):
    """Attention that forgets .contiguous() where its heads are joined again."""

    def __init__(self, dim=16, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        B, T, D = x.shape
        q, k, v = (
            part.view(B, T, self.heads, D // self.heads).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        out = F.softmax(q @ k.transpose(-2, -1), dim=-1) @ v
        return self.proj(out.transpose(1, 2).view(B, T, D))


class Shuffled(nn.Module):
    def __init__(self, groups=2):
        super().__init__()
        self.groups = groups
        self.conv = nn.Conv2d(8, 8, 1, groups=groups)

    def forward(self, x):
        b, c, h, w = x.shape
        x = self.conv(x).view(b, self.groups, c // self.groups, h, w)
        return x.transpose(1, 2).view(b, c, h, w)


class EverySecondPixel(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3 * 8 * 8, 10)

    def forward(self, x):
        return self.fc(x[:, :, ::2, ::2].view(x.size(0), -1))


class TokensToMaps(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.head = nn.Linear(8, 8), nn.Linear(8 * 144, 5)

    def forward(self, x):
        x = self.fc(x.flatten(2).transpose(1, 2)).transpose(1, 2)
        return self.head(x.view(-1, 8 * 144))


class ConvolvedPermuted(nn.Module):
    """A convolution keeps the layout of its input."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8 * 14 * 14, 10)

    def forward(self, x):
        x = self.conv(x.permute(0, 3, 1, 2))
        return self.fc(x.view(x.size(0), -1))


# ------------------------------------------------------------------ a batch without channels


def grey_convolution():
    return nn.Conv2d(1, 8, 3)


def grey_lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6 * 144, 10)
    )


def signal():
    return nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Conv1d(4, 8, 3))


def normed_grey():
    return nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3))


# ------------------------------------------------------------------ joined along the batch


class TwoPaths(nn.Module):
    def __init__(self, dim=0):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Conv2d(16, 10, 1)
        self.dim = dim

    def forward(self, x):
        a, b = self.a(x), self.b(x)
        return self.head(torch.cat([a, b]))


class JoinedAlongColumns(TwoPaths):
    def forward(self, x):
        return self.head(torch.cat((self.a(x), self.b(x)), dim=-1))


class TwoVectors(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(16, 8), nn.Linear(16, 8)
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        joined = torch.cat((F.relu(self.left(x)), F.relu(self.right(x))))
        return self.out(joined)


class SmallUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.bottom = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.last = nn.Conv2d(16, 8, 3, padding=1)

    def forward(self, x):
        skip = F.relu(self.down(x))
        x = self.up(F.relu(self.bottom(F.max_pool2d(skip, 2))))
        return self.last(torch.cat([skip, x]))


class ThreePaths(nn.Module):
    def __init__(self):
        super().__init__()
        self.paths = nn.ModuleList([nn.Conv2d(3, 8, k, padding=k // 2) for k in (1, 3, 5)])
        self.norm = nn.BatchNorm2d(24)

    def forward(self, x):
        return self.norm(torch.cat([path(x) for path in self.paths]))


# ------------------------------------------------------------------ a head behind global pooling


def transferred(classes=5):
    net = resnet18()
    net.fc = nn.Linear(2048, classes)
    return net


class Pooled(nn.Module):
    def __init__(self, features=64):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.classifier = nn.Linear(features, 10)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(F.relu(self.conv(x)), 1)
        return self.classifier(torch.flatten(x, 1))


class MeanPooled(Pooled):
    def forward(self, x):
        return self.classifier(F.relu(self.conv(x)).mean(dim=(2, 3)))


def pooled_in_a_row(features=144):
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
        nn.Linear(features, 10),
    )  # fmt: skip


# ------------------------------------------------------------------ a layer lost under its name


class AssignedTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.conv = nn.Conv2d(8, 16, 3)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.conv(x))
        return self.fc(x.mean(dim=(2, 3)))


class HiddenTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(16, 32)
        self.hidden = nn.Linear(32, 32)
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        return self.out(F.relu(self.hidden(x)))


def a_key_twice():
    return nn.Sequential(OrderedDict([
        ("conv", nn.Conv2d(3, 8, 3)), ("relu", nn.ReLU()),
        ("conv", nn.Conv2d(8, 16, 3)), ("pool", nn.AdaptiveAvgPool2d(1)),
    ]))  # fmt: skip


def added_from_one():
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(3, 8, 3))
    for i in range(1, 3):
        net.add_module(f"conv{i}", nn.Conv2d(8, 8, 3))
    return net


def one_name_in_a_loop(widths=(3, 8, 16)):
    net = nn.Sequential()
    for reads, makes in pairwise(widths):
        net.add_module("block", nn.Conv2d(reads, makes, 3))
    return net


# ------------------------------------------------------------------ tied weights


class Autoencoder(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.enc = nn.Linear(784, hidden)
        self.dec = nn.Linear(hidden, 784)
        self.dec.weight = self.enc.weight

    def forward(self, x):
        x = torch.flatten(x, 1)
        return torch.sigmoid(self.dec(F.relu(self.enc(x))))


def autoencoder(hidden=64):
    return Autoencoder(hidden)


def tied_in_a_row(code=4):
    net = nn.Sequential(nn.Linear(16, code), nn.ReLU(), nn.Linear(code, 16))
    net[2].weight = net[0].weight
    return net


class DeepAutoencoder(nn.Module):
    def __init__(self, widths=(16, 8, 4)):
        super().__init__()
        a, b, c = widths
        self.encoder = nn.Sequential(nn.Linear(a, b), nn.Tanh(), nn.Linear(b, c))
        self.decoder = nn.Sequential(nn.Linear(c, b), nn.Tanh(), nn.Linear(b, a))
        self.decoder[0].weight = self.encoder[2].weight
        self.decoder[2].weight = self.encoder[0].weight

    def forward(self, x):
        return self.decoder(self.encoder(x))


# ------------------------------------------------------------------ behind torch.compile


class CompiledFeatures(nn.Module):
    def __init__(self, in_features):
        super().__init__()
        self.features = torch.compile(nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU()))
        self.fc = nn.Linear(in_features, 10)

    def forward(self, x):
        return self.fc(torch.flatten(self.features(x), 1))


def compiled_features(in_features=2304):
    return CompiledFeatures(in_features)


def compiled_channels(reads=8):
    stem = torch.compile(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()))
    return nn.Sequential(stem, nn.Conv2d(reads, 4, 3))


def compiled_whole(in_features=1024):
    net = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(in_features, 10))
    return torch.compile(net)


# ------------------------------------------------------------------ heads that do not divide


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).reshape(B, N, C))


class VisionTransformer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.patches = nn.Conv2d(3, dim, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(torch.zeros(1, 17, dim))
        self.norm, self.attention = nn.LayerNorm(dim), SelfAttention(dim, heads)
        self.head = nn.Linear(dim, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        x = x + self.attention(self.norm(x))
        return self.head(x[:, 0])


def vision_transformer(dim=96, heads=8):
    return VisionTransformer(dim, heads)


class ViewedHeads(nn.Module):
    def __init__(self, dim=30, heads=4):
        super().__init__()
        self.heads, self.head_dim = heads, dim // heads
        self.query, self.key = nn.Linear(16, dim), nn.Linear(16, dim)

    def forward(self, x):
        B, T, _ = x.shape
        q = self.query(x).view(B, T, self.heads, self.head_dim).transpose(1, 2)
        k = self.key(x).view(B, T, self.heads, self.head_dim).transpose(1, 2)
        return F.softmax(q @ k.transpose(-2, -1), dim=-1)


def ready_made_attention(dim=16, heads=5):
    return nn.TransformerEncoderLayer(dim, heads, 32, batch_first=True)


class MultiHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 3, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


# ------------------------------------------------------------------ many sizes on the way


def shuffled(x, groups=2):
    b, c, h, w = x.shape
    x = x.view(b, groups, c // groups, h, w)
    return torch.transpose(x, 1, 2).contiguous().view(b, -1, h, w)


class ShuffleUnit(nn.Module):
    """Of ShuffleNet v2: one half passes, the other is changed, and both are mixed."""

    def __init__(self):
        super().__init__()
        self.reduce, self.deep = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1, groups=4)

    def forward(self, x):
        first, second = x.chunk(2, dim=1)
        second = self.deep(F.relu(self.reduce(second)))
        return shuffled(torch.cat((first, second), dim=1))


class ShuffleDown(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool, self.conv = nn.AvgPool2d(2, 2), nn.Conv2d(8, 8, 3, 2, 1)

    def forward(self, x):
        return torch.cat([self.pool(x), F.relu(self.conv(x))], dim=1)


def shufflenet():
    units = [ShuffleUnit() for _ in range(13)]
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *units, ShuffleDown(), nn.Conv2d(16, 4, 1))


def shufflenet_pooled():
    units = [ShuffleUnit() for _ in range(13)]
    return nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), *units, nn.AvgPool2d(7), nn.Flatten())


class UnevenUNet(SmallUNet):
    def forward(self, x):
        skip = F.relu(self.down(x))
        x = self.up(F.relu(self.bottom(F.max_pool2d(skip, 2))))
        return self.last(torch.cat([skip, x], dim=1))


class Reduction(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool, self.conv = nn.MaxPool2d(3, 2), nn.Conv2d(8, 8, 3, 2, 1)

    def forward(self, x):
        return torch.cat((self.pool(x), self.conv(x)), 1)


def many_unpadded(depth=20):
    convs = [nn.Conv2d(8, 8, 3) for _ in range(depth)]
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *convs)


CONTIGUOUS = ("contiguous", "reshape")
LOST = (
    "twice", "again", "overw", "replac", "lost", "same name", "second time", "one name", "both",
)  # fmt: skip
DIVIDE = ("divi", "multiple")

TABLE = {
    "a view of a permuted map": Entry(
        ChannelsLastHead, (4, 3, 16, 16), [CONTIGUOUS], ["cannot lay", "6,272 numbers out"]
    ),
    "a view of joined heads": Entry(JoinedHeads, TOKENS, [CONTIGUOUS], ["cannot lay"]),
    "a view of shuffled channels": Entry(Shuffled, MAPS, [CONTIGUOUS], ["cannot lay"]),
    "a view of every second pixel": Entry(EverySecondPixel, COLOUR, [CONTIGUOUS], ["cannot lay"]),
    "a view of transposed tokens": Entry(TokensToMaps, MAPS, [CONTIGUOUS], ["cannot lay"]),
    "a view behind a convolution of channels last": Entry(
        ConvolvedPermuted, (2, 16, 16, 3), [CONTIGUOUS], ["cannot lay"]
    ),
    "grey images without channels": Entry(
        grey_convolution, (4, 28, 28), ["(4, 1, 28, 28)"], ["(1, 4, 28, 28)", "in_channels=4"]
    ),
    "a lenet of grey images without channels": Entry(
        grey_lenet, (64, 28, 28), ["(64, 1, 28, 28)"], ["(1, 64, 28, 28)", "in_channels=64"]
    ),
    "signals without channels": Entry(
        signal, (4, 100), ["(4, 1, 100)"], ["(1, 4, 100)", "in_channels=4"]
    ),
    "volumes without channels": Entry(
        lambda: nn.Conv3d(1, 2, 3), (2, 8, 9, 9), ["(2, 1, 8, 9, 9)"], ["(1, 2, 8, 9, 9)"]
    ),
    "a norm of grey images without channels": Entry(
        normed_grey, (4, 28, 28), ["(4, 1, 28, 28)"], ["(1, 4, 28, 28)"]
    ),
    "cat of two maps along the batch": Entry(
        TwoPaths, COLOUR, ["dim=1", "16"], ["8 + 8 = 8", "in_channels=8"]
    ),
    "cat of two maps along the columns": Entry(
        JoinedAlongColumns, COLOUR, ["dim=1"], ["8 + 8 = 8"]
    ),
    "cat of two vectors along the batch": Entry(
        TwoVectors, (4, 16), ["dim=1", "16"], ["8 + 8 = 8"]
    ),
    "cat in a U-Net along the batch": Entry(SmallUNet, COLOUR, ["dim=1"], ["8 + 8 = 8"]),
    "cat of three maps along the batch": Entry(ThreePaths, COLOUR, ["dim=1"], ["8 + 8 + 8 = 8"]),
    "a new head for ResNet-18": Entry(
        transferred, (2, 3, 64, 64), ["512", "2,048"], ["maps of 2×2", "2 × 2"]
    ),
    "a head behind F.adaptive_avg_pool2d": Entry(
        Pooled, COLOUR, ["64", "16"], ["maps of 2×2", "2 × 2"]
    ),
    "a head behind a mean": Entry(MeanPooled, COLOUR, ["64", "16"], ["maps of 2×2", "2 × 2"]),
    "a head behind AdaptiveAvgPool2d": Entry(
        pooled_in_a_row, COLOUR, ["144", "16"], ["maps of 3×3", "3 × 3"], repair={"features": 16}
    ),
    "a convolution assigned twice": Entry(
        AssignedTwice, COLOUR, ["conv", LOST], ["in_channels=3", "an input of 8"]
    ),
    "a Linear assigned twice": Entry(HiddenTwice, (4, 16), ["hidden", LOST], ["in_features=16"]),
    "a key twice": Entry(a_key_twice, COLOUR, ["conv", LOST], ["in_channels=3", "an input of 8"]),
    "names counted from one": Entry(
        added_from_one, COLOUR, ["conv1", LOST], ["in_channels=3", "an input of 8"]
    ),
    "one name in a loop": Entry(
        one_name_in_a_loop, COLOUR, ["block", LOST], ["in_channels=3", "an input of 8"]
    ),
    "weights tied without transpose": Entry(autoencoder, GREY, ["transpos"], ["hidden=784"]),
    "weights tied in a Sequential": Entry(tied_in_a_row, (2, 16), ["transpos"], ["code=16"]),
    "weights tied twice": Entry(
        DeepAutoencoder, (2, 16), ["transpos"], ["widths=", "in_features=4"]
    ),
    "a Linear behind compiled features": Entry(
        compiled_features, GREY, ["1,000", "2,304"], ["Cannot specify"],
        choices={"in_features": 1000}, repair={"in_features": 2304},
    ),
    "a convolution behind compiled features": Entry(
        compiled_channels, COLOUR, ["16", "8"], ["Cannot specify", "does not support"],
        choices={"reads": 16}, repair={"reads": 8},
    ),
    "a compiled network": Entry(
        compiled_whole, GREY, ["1,024", "2,304"], ["Cannot specify", "does not support", "_orig"],
        repair={"in_features": 2304},
    ),
    "a transformer of 100 features and 8 heads": Entry(
        vision_transformer, COLOUR, ["100", "8", DIVIDE], ["nn.Flatten()", "takes any number"],
        choices={"dim": 100},
    ),
    "viewed heads that do not divide": Entry(
        ViewedHeads, TOKENS, ["30", "4", DIVIDE], ["nn.Flatten()", "takes any number"]
    ),
    "a ready-made layer of 5 heads": Entry(
        ready_made_attention, TOKENS, ["16", "5", DIVIDE], ["nn.Flatten()"]
    ),
    "a ready-made attention of 3 heads": Entry(
        MultiHead, TOKENS, ["16", "3", DIVIDE], ["nn.Flatten()"]
    ),
    "an uneven map before ShuffleNet's concat": Entry(shufflenet, (2, 3, 29, 29), ["15", "14"]),
    "a map too small behind ShuffleNet's units": Entry(
        shufflenet_pooled, (2, 3, 16, 16), ["7×7", "4×4"]
    ),
    "an uneven map in a U-Net": Entry(UnevenUNet, (2, 3, 29, 29), ["29", "28"]),
    "an uneven map in a reduction": Entry(Reduction, (2, 8, 17, 17), ["9", "8"]),
    "twenty convolutions without padding": Entry(many_unpadded, (2, 3, 32, 32), ["3×3", "2×2"]),
}  # fmt: skip


# ------------------------------------------------------------------ layers that nobody knows of


class NestedList(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = [[nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()] for _ in range(4)]

    def forward(self, x):
        for block in self.blocks:
            for layer in block:
                x = layer(x)
        return x


class DictOfLists(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = {"early": [nn.Linear(16, 16)], "late": [nn.Linear(16, 4)]}

    def forward(self, x):
        for layers in self.stages.values():
            for layer in layers:
                x = F.relu(layer(x))
        return x


class TupleOfPairs(nn.Module):
    def __init__(self):
        super().__init__()
        self.pairs = tuple((nn.Linear(16, 16), nn.LayerNorm(16)) for _ in range(2))

    def forward(self, x):
        for linear, norm in self.pairs:
            x = norm(F.relu(linear(x)))
        return x


class PlainDict(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = {"class": nn.Linear(16, 3), "box": nn.Linear(16, 4)}

    def forward(self, x):
        return torch.cat([self.heads["class"](x), self.heads["box"](x)], dim=1)


class InnerList(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = []
        for _ in range(3):
            self.experts.append(nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 16)))

    def forward(self, x):
        return sum(expert(x) for expert in self.experts) / 3


class ListOfNorms(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1) for _ in range(3)])
        self.norms = [nn.BatchNorm2d(8) for _ in range(3)]

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)))
        return x


class ListOfLayerNorms(nn.Module):
    def __init__(self):
        super().__init__()
        self.fcs = nn.ModuleList([nn.Linear(16, 16) for _ in range(2)])
        self.norms = (nn.LayerNorm(16), nn.LayerNorm(16))

    def forward(self, x):
        for i, fc in enumerate(self.fcs):
            x = self.norms[i](fc(x))
        return x


class ListOfActivations(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(8, 8, 1) for _ in range(2)])
        self.acts = [nn.PReLU(8) for _ in range(2)]

    def forward(self, x):
        for conv, act in zip(self.convs, self.acts, strict=True):
            x = act(conv(x))
        return x


class ListOfEmbeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = [nn.Embedding(10, 4) for _ in range(6)]
        self.fc = nn.Linear(24, 2)

    def forward(self, x):
        return self.fc(torch.cat([t(x[:, i]) for i, t in enumerate(self.tables)], dim=1))


class ListOfParameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 16)
        self.scales = [nn.Parameter(torch.ones(16)) for _ in range(3)]

    def forward(self, x):
        for scale in self.scales:
            x = self.fc(x) * scale
        return x


class DictOfParameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = {"w": nn.Parameter(torch.randn(16, 4)), "b": nn.Parameter(torch.zeros(4))}

    def forward(self, x):
        return x @ self.weights["w"] + self.weights["b"]


class ByHand(nn.Module):
    """A perceptron whose weights stand in a list, as in a first course."""

    def __init__(self):
        super().__init__()
        self.params = [
            torch.randn(16, 8, requires_grad=True), torch.zeros(8, requires_grad=True),
        ]  # fmt: skip
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(F.relu(x @ self.params[0] + self.params[1]))


class PlainTensor(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.gamma = torch.ones(1, 8, 1, 1, requires_grad=True)

    def forward(self, x):
        return self.conv(x) * self.gamma


class ScaledParameter(nn.Module):
    """A product with a parameter is no parameter."""

    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 6, 16)) * 0.02
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        return self.fc(x + self.position)


# ------------------------------------------------------------------ layers made in a forward


class ConvolutionInForward(nn.Module):
    def forward(self, x):
        conv = nn.Conv2d(3, 8, 3)
        return F.relu(conv(x))


class HeadInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = torch.flatten(F.relu(self.conv(x)), 1)
        return nn.Linear(x.shape[1], 10)(x)


class NormInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        return F.relu(nn.BatchNorm2d(4)(x))


class AssignedInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.conv(x).flatten(1)
        self.fc = nn.Linear(x.size(1), 10)
        return self.fc(x)


class BlockInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)

    def block(self, x, width):
        layers = nn.Sequential(nn.Conv2d(x.shape[1], width, 3, padding=1), nn.ReLU())
        return layers(x)

    def forward(self, x):
        return self.block(self.block(self.stem(x), 8), 8)


class ParameterInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 8)

    def forward(self, x):
        scale = nn.Parameter(torch.ones(8))
        return self.fc(x) * scale


# ------------------------------------------------------------------ dropout that never ends


class AlwaysDrops(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(16, 8), nn.Linear(8, 2)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.dropout(x, 0.5)
        return self.fc2(x)


class AlwaysDropsByDefault(AlwaysDrops):
    def forward(self, x):
        return self.fc2(F.dropout(F.relu(self.fc1(x))))


class AlwaysDropsNamed(AlwaysDrops):
    def forward(self, x):
        return self.fc2(F.dropout(F.relu(self.fc1(x)), p=0.3))


class AlwaysDropsMaps(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)

    def forward(self, x):
        return self.conv2(F.dropout2d(F.relu(self.conv1(x)), 0.2))


def always_drops_in_eval():
    return AlwaysDrops().eval()


# ------------------------------------------------------------------ changed before it is read


class PreActivation(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        out = self.relu(x)
        out = self.conv(out)
        return out + x


class PreActivationFunction(PreActivation):
    def forward(self, x):
        identity = x
        out = self.conv(F.relu(x, inplace=True))
        return identity + out


class PreActivationUnderscore(PreActivation):
    def forward(self, x):
        y = self.conv(F.relu_(x))
        return x + y


class PreActivationBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(
            nn.LeakyReLU(0.1, inplace=True), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        )

    def forward(self, x):
        return x + self.block(x)


class Growth(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu, self.conv = nn.ReLU(True), nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x):
        y = self.conv(self.relu(x))
        return torch.cat([x, y], dim=1)


class KeptUnderAnotherName(PreActivation):
    def forward(self, x):
        shortcut = x
        x = self.relu(x)
        x = self.conv(x)
        x += shortcut
        return x


def behind_a_stem(block):
    return lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), block())


# ------------------------------------------------------------------ softmax over the batch


def softmax_layer():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=0))


def log_softmax_layer():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(0))


class SoftmaxFunction(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 3)

    def forward(self, x):
        return F.softmax(self.fc(x), 0)


class SoftmaxMethod(SoftmaxFunction):
    def forward(self, x):
        return self.fc(x).softmax(dim=0)


class LogSoftmaxFunction(SoftmaxFunction):
    def forward(self, x):
        return torch.log_softmax(self.fc(x), dim=0)


class AttentionOverTheBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / 4
        return F.softmax(scores, dim=0) @ self.v(x)


# ------------------------------------------------------------------ one layer many times


def times_three():
    block = [nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()] * 3
    return nn.Sequential(*block)


def linear_times_two():
    return nn.Sequential(*([nn.Linear(16, 16), nn.ReLU()] * 2), nn.Linear(16, 2))


class ListTimesFour(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1)] * 4)

    def forward(self, x):
        for block in self.blocks:
            x = F.relu(block(x))
        return x


def made_before_the_loop(depth=3):
    conv, layers = nn.Conv2d(8, 8, 3, padding=1), []
    for _ in range(depth):
        layers += [conv, nn.ReLU()]
    return nn.Sequential(*layers)


def blocks_times_two():
    block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    return nn.Sequential(*[block] * 2)


# ------------------------------------------------------------------ layers that never run


def resnet_classifier():
    net = resnet18()
    net.classifier = nn.Linear(512, 10)
    return net


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(8, 100)

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


def a_new_fc():
    net = Backbone()
    net.fc = nn.Linear(8, 5)
    return net


def a_new_head():
    net = Backbone()
    net.head = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))
    return net


class Forgotten(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        return F.relu(self.norm(self.conv1(x)))


class ForgottenParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 16)
        self.gamma = nn.Parameter(torch.ones(16))

    def forward(self, x):
        return x + self.fc(x)


# ------------------------------------------------------------------ a Linear on maps


class LinearOnColumns(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(28, 10)

    def forward(self, x):
        return self.fc(x)


def linear_behind_convolution():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Linear(28, 10))


class LinearBehindPooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2)
        self.fc1, self.fc2 = nn.Linear(14, 20), nn.Linear(20, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv(x)))
        return self.fc2(F.relu(self.fc1(x)))


# ------------------------------------------------------------------ used up after one pass


class GeneratorOfLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


class MapOfLayers(nn.Module):
    def __init__(self, widths=((16, 8), (8, 4))):
        super().__init__()
        self.layers = map(lambda w: nn.Linear(*w), widths)  # noqa: C417  as students write it

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class ZippedLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1) for _ in range(2)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(8) for _ in range(2)])
        self.pairs = zip(self.convs, self.norms, strict=True)

    def forward(self, x):
        for conv, norm in self.pairs:
            x = F.relu(norm(conv(x)))
        return x


class IteratorOfLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = iter([nn.Linear(16, 16), nn.Linear(16, 2)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


INPLACE = ("inplace", "in place", "in-place")
SHARED = ("shar", "same", "one layer", "one and the same")
UNUSED = ("never", "not run", "does not run", "unused", "not used", "no use")
ONCE = ("used up", "once", "generator", "iterator", "exhaust", "empty", "second")
CLASSES = ("dim=1", "dim=-1")
IN_INIT = "__init__"

SILENT = {
    "layers in a nested list": warned(NestedList, COLOUR, "ModuleList", "336", "blocks"),
    "layers in a dict of lists": warned(
        DictOfLists, (2, 16), ("ModuleDict", "ModuleList"), "340", "stages"
    ),
    "layers in a tuple of pairs": warned(TupleOfPairs, (2, 16), "ModuleList", "608", "pairs"),
    "layers in a plain dict": warned(PlainDict, (2, 16), "ModuleDict", "119", "heads"),
    "blocks appended to a plain list": warned(InnerList, (2, 16), "ModuleList", "840", "experts"),
    "norms in a plain list": warned(ListOfNorms, MAPS, "ModuleList", "48", "norms"),
    "norms in a tuple": warned(ListOfLayerNorms, (2, 16), "ModuleList", "64", "norms"),
    "activations in a plain list": warned(ListOfActivations, MAPS, "ModuleList", "16", "acts"),
    "embeddings in a plain list": warned(ListOfEmbeddings, WORDS, "ModuleList", "240", "tables"),
    "parameters in a plain list": warned(
        ListOfParameters, (2, 16), "ParameterList", "48", "scales"
    ),
    "parameters in a plain dict": warned(
        DictOfParameters, (2, 16), "ParameterDict", "68", "weights"
    ),
    "tensors with gradients in a list": warned(
        ByHand, (2, 16), ("nn.Parameter", "ParameterList"), "136", "params"
    ),
    "a tensor with gradients": warned(PlainTensor, COLOUR, "nn.Parameter", "gamma"),
    "a product with a parameter": warned(ScaledParameter, TOKENS, "nn.Parameter", "position"),
    "a convolution made in forward": warned(ConvolutionInForward, COLOUR, IN_INIT, "forward"),
    "a head made in forward": warned(HeadInForward, COLOUR, IN_INIT, "forward", "Linear"),
    "a norm made in forward": warned(NormInForward, COLOUR, IN_INIT, "forward", "BatchNorm2d"),
    "a layer assigned in forward": warned(AssignedInForward, COLOUR, IN_INIT, "forward"),
    "a block made in a method": warned(BlockInForward, COLOUR, IN_INIT),
    "a parameter made in forward": warned(ParameterInForward, (2, 16), IN_INIT, "forward"),
    "dropout without training": warned(AlwaysDrops, (2, 16), "training", "dropout"),
    "dropout by default": warned(AlwaysDropsByDefault, (2, 16), "training", "dropout"),
    "dropout with p alone": warned(AlwaysDropsNamed, (2, 16), "training", "dropout"),
    "dropout of maps without training": warned(AlwaysDropsMaps, COLOUR, "training", "dropout"),
    "dropout without training in eval": warned(always_drops_in_eval, (2, 16), "training"),
    "ReLU in place before the shortcut": warned(behind_a_stem(PreActivation), COLOUR, INPLACE),
    "F.relu in place before the shortcut": warned(
        behind_a_stem(PreActivationFunction), COLOUR, INPLACE
    ),
    "relu_ before the shortcut": warned(
        behind_a_stem(PreActivationUnderscore), COLOUR, (*INPLACE, "relu_")
    ),
    "a block that begins in place": warned(behind_a_stem(PreActivationBlock), COLOUR, INPLACE),
    "a concat of what changed in place": warned(behind_a_stem(Growth), COLOUR, INPLACE),
    "a shortcut under another name": warned(behind_a_stem(KeptUnderAnotherName), COLOUR, INPLACE),
    "Softmax over the batch": warned(softmax_layer, GREYS, CLASSES),
    "LogSoftmax over the batch": warned(log_softmax_layer, GREYS, CLASSES),
    "F.softmax over the batch": warned(SoftmaxFunction, (4, 16), CLASSES),
    "the method softmax over the batch": warned(SoftmaxMethod, (4, 16), CLASSES),
    "torch.log_softmax over the batch": warned(LogSoftmaxFunction, (4, 16), CLASSES),
    "attention over the batch": warned(AttentionOverTheBatch, TOKENS, ("dim=-1", "dim=2")),
    "[conv, relu] * 3": warned(times_three, MAPS, SHARED, "3"),
    "[linear, relu] * 2": warned(linear_times_two, (2, 16), SHARED, "2"),
    "ModuleList([conv] * 4)": warned(ListTimesFour, MAPS, SHARED, "4"),
    "a layer made before the loop": warned(made_before_the_loop, MAPS, SHARED, "3"),
    "[block] * 2": warned(blocks_times_two, MAPS, SHARED),
    "a classifier for ResNet-18": warned(resnet_classifier, (2, 3, 32, 32), "classifier", UNUSED),
    "an fc where classifier is read": warned(a_new_fc, COLOUR, "fc", UNUSED),
    "a head where classifier is read": warned(a_new_head, COLOUR, "head", UNUSED),
    "a layer forgotten in forward": warned(Forgotten, COLOUR, "conv2", UNUSED),
    "a parameter forgotten in forward": warned(ForgottenParameter, (2, 16), "gamma", UNUSED),
    "a Linear on images": warned(LinearOnColumns, GREYS, "Flatten", "28"),
    "a Linear behind a convolution": warned(linear_behind_convolution, GREYS, "Flatten", "28"),
    "a Linear behind pooling": warned(LinearBehindPooling, GREYS, "Flatten", "14", "fc1"),
    "a generator of layers": warned(GeneratorOfLayers, (2, 16), "ModuleList", "layers"),
    "a map of layers": warned(MapOfLayers, (2, 16), "ModuleList", "layers"),
    "a zip of layers": warned(ZippedLayers, MAPS, "pairs", ONCE),
    "an iterator of layers": warned(IteratorOfLayers, (2, 16), "ModuleList", "layers"),
}


# ------------------------------------------------------------------ a name that is not there


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        conv1 = nn.Conv2d(3, 8, 3)  # noqa: F841  that is the mistake
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        return self.fc(self.conv1(x).mean(dim=(2, 3)))


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        layers = nn.ModuleList()
        for _ in range(2):
            layers.append(nn.Linear(16, 16))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class SplitHeads(nn.Module):
    def __init__(self, heads=4):
        super().__init__()
        num_heads = heads  # noqa: F841  that is the mistake
        self.fc = nn.Linear(16, 16)

    def forward(self, x):
        return self.fc(x).view(x.shape[0], -1, self.num_heads, 4)


class OneUnderscore(nn.Module):
    def _init_(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv1(x)


class SpeltInt(nn.Module):
    def __int__(self):
        super().__init__()
        self.fc1 = nn.Linear(16, 2)

    def forward(self, x):
        return self.fc1(x)


class OneUnderscoreWithWidth(nn.Module):
    def _init_(self, width):
        super().__init__()
        self.fc = nn.Linear(16, width)

    def forward(self, x):
        return self.fc(x)


def one_underscore_with_width(width=8):
    return OneUnderscoreWithWidth(width)


# ------------------------------------------------------------------ cat without a list


class CatOfThree(TwoPaths):
    def forward(self, x):
        a, b = self.a(x), self.b(x)
        return self.head(torch.cat(a, b, 1))


class CatNamed(TwoPaths):
    def forward(self, x):
        return self.head(torch.cat(self.a(x), self.b(x), dim=1))


class CatOfTwo(TwoPaths):
    def forward(self, x):
        return self.head(torch.cat(self.a(x), self.b(x)))


class StackOfTwo(TwoPaths):
    def forward(self, x):
        return torch.stack(self.a(x), self.b(x)).sum(dim=0)


# ------------------------------------------------------------------ a comma at the end


class Averaged(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3),  # fmt: skip
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        return self.fc(self.conv(x).mean(dim=(2, 3)))


class Reduced(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.pool = nn.MaxPool2d(2),  # fmt: skip

    def forward(self, x):
        return self.pool(F.relu(self.conv(x)))


class Rescaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(16)),  # fmt: skip
        self.fc = nn.Linear(16, 16)

    def forward(self, x):
        return torch.add(self.fc(x), self.scale)


class TwoConvolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)

    def forward(self, x):
        x = self.conv1(x),  # fmt: skip
        return self.conv2(x)


def one_convolution():
    conv = nn.Conv2d(3, 8, 3),  # fmt: skip
    return nn.Sequential(conv, nn.ReLU())


# ------------------------------------------------------------------ halves


def halved_channels(width=16):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.Conv2d(width, width / 2, 1))


def literal_float():
    return nn.Sequential(nn.Conv2d(3, 8.0, 3), nn.ReLU())


def quotient_of_features(size=28):
    return nn.Sequential(nn.Flatten(), nn.Linear(size * size, size * size / 4))


def half_by_product(width=16):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.Conv2d(width, int(width) * 0.5, 1))


class Bottleneck(nn.Module):
    def __init__(self, channels, reduction=4):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels / reduction)

    def forward(self, x):
        return self.norm(x)


# ------------------------------------------------------------------ norms of other dimensions


def norm_of_vectors_on_maps():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm1d(8), nn.ReLU())


def norm_of_maps_on_vectors():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.BatchNorm2d(32), nn.ReLU())


def norm_of_maps_on_signals():
    return nn.Sequential(nn.Conv1d(1, 4, 3), nn.BatchNorm2d(4))


def norm_of_maps_on_volumes():
    return nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm2d(4))


def instance_norm_of_signals_on_maps():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.InstanceNorm1d(8))


class NormedBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 8, 3), nn.BatchNorm1d(8)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


# ------------------------------------------------------------------ classes for layers


class Block(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv(x))


def class_in_a_row():
    return nn.Sequential(Block, nn.Flatten())


def class_among_layers():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU, nn.Conv2d(8, 4, 3))


def class_in_a_list():
    return nn.Sequential(*nn.ModuleList([Block(), Block]))


def class_appended():
    net = nn.Sequential(Block())
    net.append(Block)
    return net


class StoredClass(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(16, 8), nn.Linear(8, 2)
        self.act = nn.ReLU

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


# ------------------------------------------------------------------ a tuple for a map


class WithAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.mask = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 1, 3)

    def forward(self, x):
        weights = torch.sigmoid(self.mask(x))
        return self.conv(x) * weights, weights


def tuple_into_max_pool():
    return nn.Sequential(WithAttention(), nn.MaxPool2d(2))


def tuple_into_avg_pool():
    return nn.Sequential(WithAttention(), nn.AvgPool2d(2))


def tuple_into_adaptive_pool():
    return nn.Sequential(WithAttention(), nn.AdaptiveAvgPool2d(1))


def indices_into_pool():
    return nn.Sequential(nn.MaxPool2d(2, return_indices=True), nn.MaxPool2d(2))


class Peaks(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = WithAttention()

    def forward(self, x):
        return F.max_pool2d(self.block(x), 2)


# ------------------------------------------------------------------ a view of many rows


class Tutorial(nn.Module):
    """The LeNet of PyTorch's tutorial, which is made for 32 rows and columns."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc = nn.Linear(16 * 5 * 5, 10)

    def features(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return F.max_pool2d(F.relu(self.conv2(x)), 2)

    def forward(self, x):
        return self.fc(self.features(x).view(-1, 16 * 5 * 5))


class TutorialReshape(Tutorial):
    def forward(self, x):
        return self.fc(self.features(x).reshape(-1, 400))


class Sized(Tutorial):
    def __init__(self, size):
        super().__init__()
        self.size, self.fc = size, nn.Linear(size, 10)

    def forward(self, x):
        return self.fc(self.features(x).view(-1, self.size))


def sized(size=256):
    return Sized(size)


class RowsOfHalf(Tutorial):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(256, 10)

    def forward(self, x):
        return self.fc(self.features(x).view(-1, 512))


MISSPELT = (" _init_", "`_init_", "._init_", "'_init_", "(_init_")
LOCAL = ("__init__", "local")
LIST = ("list", "[a, b]", "bracket")
WHOLE = ("//", "int(")

SENTENCES = {
    "a local layer": Entry(Classifier, COLOUR, ["conv1", LOCAL]),
    "a local list of layers": Entry(Deep, (2, 16), ["layers", LOCAL]),
    "a local number": Entry(SplitHeads, TOKENS, ["num_heads", LOCAL]),
    "_init_": Entry(OneUnderscore, COLOUR, [MISSPELT, "__init__"]),
    "__int__": Entry(SpeltInt, (2, 16), ["__int__", "__init__"]),
    "_init_ with an argument": Entry(one_underscore_with_width, (2, 16), [MISSPELT, "__init__"]),
    "cat(a, b, 1)": Entry(CatOfThree, COLOUR, ["cat", LIST], ["refuses this call"]),
    "cat(a, b, dim=1)": Entry(CatNamed, COLOUR, ["cat", LIST], ["refuses this call"]),
    "cat(a, b)": Entry(CatOfTwo, COLOUR, ["cat", LIST], ["refuses this call"]),
    "stack(a, b)": Entry(StackOfTwo, COLOUR, ["stack", LIST], ["refuses this call"]),
    "a comma behind a convolution": Entry(Averaged, COLOUR, ["comma", "conv"]),
    "a comma behind a pooling": Entry(Reduced, COLOUR, ["comma", "pool"]),
    "a comma behind a parameter": Entry(Rescaled, (2, 16), ["comma", "scale"]),
    "a comma in forward": Entry(TwoConvolutions, COLOUR, ["comma"]),
    "a comma in a builder": Entry(one_convolution, COLOUR, ["comma"]),
    "half the channels": Entry(halved_channels, COLOUR, ["//", "8.0"]),
    "a float for channels": Entry(
        literal_float, COLOUR, [(*WHOLE, "=8 ", "=8,", "write 8"), "8.0"]
    ),
    "a quarter of the features": Entry(quotient_of_features, GREY, ["//", "196.0"]),
    "half by a product": Entry(half_by_product, COLOUR, [WHOLE, "8.0"]),
    "a norm of a quarter": Entry(lambda: Bottleneck(16), MAPS, [WHOLE, "4.0"]),
    "BatchNorm1d on maps": Entry(norm_of_vectors_on_maps, COLOUR, ["BatchNorm2d"]),
    "BatchNorm1d in a block": Entry(NormedBlock, COLOUR, ["BatchNorm2d", "bn"]),
    "BatchNorm2d on vectors": Entry(norm_of_maps_on_vectors, GREYS, ["BatchNorm1d"]),
    "BatchNorm2d on signals": Entry(norm_of_maps_on_signals, (2, 1, 20), ["BatchNorm1d"]),
    "BatchNorm2d on volumes": Entry(norm_of_maps_on_volumes, (2, 1, 6, 6, 6), ["BatchNorm3d"]),
    "InstanceNorm1d on maps": Entry(
        instance_norm_of_signals_on_maps, COLOUR, ["InstanceNorm2d"]
    ),
    "a class in a Sequential": Entry(class_in_a_row, COLOUR, ["Block("], ["not a Module subclass"]),
    "a class among layers": Entry(class_among_layers, COLOUR, ["nn.ReLU()"]),
    "a class in a ModuleList": Entry(class_in_a_list, COLOUR, ["Block("]),
    "a class appended": Entry(class_appended, COLOUR, ["Block("]),
    "a class kept for a layer": Entry(StoredClass, (2, 16), ["nn.ReLU()"]),
    "a tuple into MaxPool2d": Entry(tuple_into_max_pool, COLOUR, ["tuple", "MaxPool2d"]),
    "a tuple into AvgPool2d": Entry(tuple_into_avg_pool, COLOUR, ["tuple", "AvgPool2d"]),
    "a tuple into AdaptiveAvgPool2d": Entry(
        tuple_into_adaptive_pool, COLOUR, ["tuple", "AdaptiveAvgPool2d"], ["no .size"]
    ),
    "indices into MaxPool2d": Entry(indices_into_pool, COLOUR, ["tuple", "MaxPool2d"]),
    "a tuple into F.max_pool2d": Entry(Peaks, COLOUR, ["tuple", "max_pool2d"]),
    "view(-1, 400) of four images": Entry(
        Tutorial, GREYS, ["256", "400"], ["1,024 numbers for each", "view(-1, 1024)"]
    ),
    "view(-1, 400) of one image": Entry(Tutorial, GREY, ["256", "400"]),
    "reshape(-1, 400) of 25 images": warned(TutorialReshape, (25, 1, 28, 28), "256", "25"),
    "view(-1, size) of four images": Entry(
        sized, GREYS, ["256"], ["size=1024"], choices={"size": 300}, repair={"size": 256}
    ),
    "view(-1, size) that mixes images": warned(
        sized, GREYS, "256", choices={"size": 128}, repair={"size": 256}
    ),
    "two images in a row": Entry(RowsOfHalf, GREYS, ["256", "512"], ["= 256 arrive"]),
}  # fmt: skip


# ------------------------------------------------------------------ what PyTorch refuses


def prelu_of_other_channels():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.PReLU(3))


class Clamped(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("low", torch.zeros(5))

    def forward(self, x):
        return x.clamp(min=self.low)


AXIS = "there is no axis"
REFUSED = {
    "instance norm of other channels": Entry(
        lambda: nn.Sequential(nn.Conv2d(3, 16, 3), nn.InstanceNorm2d(32, affine=True)),
        COLOUR, ["reads 32 channels, but 16 arrive"], ["one value"],
    ),
    "a concat along the rows": Entry(
        of(lambda _, x: torch.cat([x, x[:, :2]], 2)), COLOUR,
        ["along axis 2; with dim=1 they make 5 channels"], ["keeps", "padding"],
    ),
    "a concat along the batch": Entry(
        of(lambda _, x: torch.cat([x, x[:, :2]])), (4, 8),
        ["along axis 0; with dim=1 they make 10 features"], ["keeps"],
    ),
    "a concat with a mean that has lost its axis": Entry(
        of(lambda _, x: torch.cat([x, x.mean(1)])), (4, 8), ["cannot join"], ["features"]
    ),
    "a concat of single numbers": Entry(
        of(lambda _, x: torch.cat([x.mean(), x.sum()])), (4, 8), ["single number"]
    ),
    "a stack of other channels": Entry(
        of(lambda _, x: torch.stack([x, x[:, :2]], 1)), COLOUR,
        ["cat with dim=1 makes 5 channels"], ["keeps"],
    ),
    "flattened behind the channels": Entry(
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(2), nn.Linear(64, 10)),
        COLOUR, ["1 arrives", "starts at axis 2"], ["axis 0"],
    ),
    "a concat along an axis that is not there": Entry(
        of(lambda _, x: torch.cat([x, x], 4)), COLOUR, [AXIS], ["branch"]
    ),
    "a concat of other channels there": Entry(
        of(lambda _, x: torch.cat([x, x[:, :2]], dim=4)), COLOUR, [AXIS], ["branch", "combine"]
    ),
    "a stack along an axis that is not there": Entry(
        of(lambda _, x: torch.stack([x, x], 7)), COLOUR, [AXIS], ["branch"]
    ),
    "a difference of masks": Entry(
        of(lambda _, x: (x > 0) - (x > 1)), COLOUR, ["bool"], ["shortcut"]
    ),
    "real numbers added to whole ones in place": Entry(
        of(lambda _, x: x.long().add_(x)), COLOUR, ["Long"], ["shortcut"]
    ),
    "maps multiplied into a gate in place": Entry(
        of(lambda _, x: F.adaptive_avg_pool2d(x, 1).mul_(x)), COLOUR, ["in place", "2×3×1×1"]
    ),
    "maps added to a gate in place": Entry(
        of(lambda _, x: F.adaptive_avg_pool2d(x, 1).add_(x)), COLOUR, ["in place"], ["differ"]
    ),
    "a window on maps made of features": Entry(
        lambda: nn.Sequential(nn.Linear(10, 200), nn.Unflatten(1, (25, 2, 2, 2)),
                              nn.Conv3d(25, 8, 5)),
        (2, 10), ["5×5×5", "2×2×2", "Unflatten"], ["input has no more"],
    ),
    "a window on flat maps made of features": Entry(
        lambda: nn.Sequential(nn.Linear(10, 100), nn.Unflatten(1, (25, 2, 2)),
                              nn.Conv2d(25, 8, 5)),
        (2, 10), ["5×5", "Unflatten"], ["one number"],
    ),
    "PReLU of other channels": Entry(prelu_of_other_channels, COLOUR, ["PReLU", "3", "8"]),
    "bmm of matrices": Entry(
        of(lambda _, x: torch.bmm(x, x.t())), (4, 8), ["bmm", ("3", "three")]
    ),
    "bmm of unequal batches": Entry(
        of(lambda self, x: torch.bmm(x, self.w), w=lambda: nn.Parameter(torch.ones(3, 16, 4))),
        TOKENS, ["bmm", "batch", "2", "3"], ["columns of 16"],
    ),
    "mm of batches": Entry(
        of(lambda self, x: torch.mm(x, self.w), w=lambda: nn.Parameter(torch.ones(16, 4))),
        TOKENS, ["mm", ("2", "two", "matmul", "@")],
    ),
    "LocalResponseNorm of vectors": Entry(
        lambda: nn.Sequential(nn.Linear(16, 8), nn.LocalResponseNorm(2)), (2, 16),
        ["LocalResponseNorm", ("3", "three")],
    ),
    "clamp with a tensor of another size": Entry(Clamped, COLOUR, ["clamp", "5", "16"]),
    "alpha_dropout of 2": Entry(
        of(lambda self, x: F.alpha_dropout(x, p=2, training=self.training)), (2, 16),
        [("alpha_dropout", "dropout"), "2", ("0 and 1", "0 to 1", "probability")],
    ),
    "a Linear of whole numbers": Entry(
        of(lambda self, x: self.fc(x.long()), fc=lambda: nn.Linear(16, 2)), (2, 16),
        ["fc", ("float", "int64", "long")],
    ),
}  # fmt: skip


# ------------------------------------------------------------------ forms of an input


class Words(nn.Module):
    def __init__(self, width=8, reads=8):
        super().__init__()
        self.embedding, self.fc = nn.Embedding(20, width), nn.Linear(reads, 2)

    def forward(self, x):
        return self.fc(self.embedding(x).mean(dim=1))


def words(width=8, reads=8):
    return Words(width, reads)


class Pair(nn.Module):
    """Two inputs, the second of whole numbers."""

    def __init__(self):
        super().__init__()
        self.conv, self.table = nn.Conv2d(3, 8, 3), nn.Embedding(10, 8)
        self.fc = nn.Linear(16, 2)

    def forward(self, image, label):
        x = self.conv(image).mean(dim=(2, 3))
        return self.fc(torch.cat([x, self.table(label)], dim=1))


class Summed(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(16, 4), nn.Linear(6, 4)

    def forward(self, a, b):
        return self.left(a) + self.right(b)


LABELS = ((2,), torch.int64)

INPUTS = {
    "words as a shape and a dtype": fine(words, WORDS),
    "words as a tensor": fine(words, torch.zeros(2, 6, dtype=torch.int64)),
    "an image as a tensor": fine(grey_lenet, torch.rand(2, 1, 28, 28)),
    "an image as a list of numbers": fine(grey_lenet, [2, 1, 28, 28]),
    "an image as a shape and its dtype": fine(grey_lenet, ((2, 1, 28, 28), torch.float32)),
    "an image as torch.Size": fine(grey_lenet, torch.Size([2, 1, 28, 28])),
    "two inputs by name": fine(Pair, {"image": COLOUR, "label": LABELS}),
    "two inputs by name, in another order": fine(
        Pair, {"label": torch.zeros(2, dtype=torch.int64), "image": torch.rand(2, 3, 9, 9)}
    ),
    "two inputs in a list": fine(Pair, [COLOUR, LABELS]),
    "two shapes in a list": fine(Summed, [(2, 16), (2, 6)]),
    "two tensors in a list": fine(Summed, [torch.rand(2, 16), torch.rand(2, 6)]),
    "words, and a Linear that does not fit": Entry(
        words, WORDS, ["9", "8"], choices={"reads": 9}, repair={"reads": 8}
    ),
    "words as a tensor, and a Linear that does not fit": Entry(
        words, torch.zeros(2, 6, dtype=torch.int64), ["9", "8"], choices={"reads": 9},
        repair={"reads": 8},
    ),
    "two inputs, and a Linear that does not fit": Entry(
        Summed, [(2, 16), (2, 5)], ["right", "6", "5"]
    ),
    "two inputs by name, and a Linear that does not fit": Entry(
        Summed, {"a": (2, 15), "b": (2, 6)}, ["left", "16", "15"]
    ),
    "words as a shape alone": Entry(
        words, (2, 6), ["embedding", ("int64", "long", "whole numbers")]
    ),
    "an image of bytes": Entry(
        grey_lenet, ((1, 1, 28, 28), torch.uint8), ["float", ("uint8", "byte")],
        ["An input is a shape"],
    ),
    "an image of doubles": Entry(
        grey_lenet, torch.rand(1, 1, 28, 28, dtype=torch.float64),
        [("float32", ".float()"), ("float64", "double")],
    ),
}  # fmt: skip


# ------------------------------------------------------------------ gates and scales that are meant


class SqueezeView(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(nn.Linear(channels, 4), nn.ReLU(), nn.Linear(4, channels))

    def forward(self, x):
        b, c, _, _ = x.shape
        y = torch.sigmoid(self.fc(self.pool(x).view(b, c))).view(b, c, 1, 1)
        return x * y.expand_as(x)


class SqueezeIndexed(SqueezeView):
    def forward(self, x):
        return x * torch.sigmoid(self.fc(x.mean(dim=(2, 3))))[:, :, None, None]


class SqueezeUnsqueezed(SqueezeView):
    def forward(self, x):
        gate = self.fc(x.mean(dim=[2, 3])).sigmoid()
        return gate.unsqueeze(-1).unsqueeze(-1) * x


class SqueezeConvolved(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 8, 1),
            nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x):
        return x * self.gate(x)


class SqueezeMean(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

    def forward(self, x):
        scale = x.mean((2, 3), keepdim=True)
        return x * F.hardsigmoid(self.up(F.relu(self.down(scale))))


class SpatialGate(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x):
        most, mean = x.max(dim=1, keepdim=True).values, x.mean(dim=1, keepdim=True)
        return x * torch.sigmoid(self.conv(torch.cat([most, mean], dim=1)))


class Film(nn.Module):
    """Scale and shift from a vector, cut out of one Linear."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 16)

    def forward(self, x):
        gamma, beta = self.fc(x.mean(dim=(2, 3)))[:, :, None, None].chunk(2, dim=1)
        return self.conv(x) * (1 + gamma) + beta


class Shifted(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.time = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 8)

    def forward(self, x):
        t = F.silu(self.time(x.mean(dim=(2, 3))))
        return self.conv(x) + t.view(x.shape[0], -1, 1, 1)


class ChannelNorm(nn.Module):
    """The layer norm of ConvNeXt, by hand."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))

    def forward(self, x):
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class Scaled(nn.Module):
    def __init__(self, size=(1, 8, 1, 1)):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.gamma, self.beta = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x):
        return x + self.gamma * self.conv(x) + self.beta


class LayerScale(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.norm, self.fc = nn.LayerNorm(dim), nn.Linear(dim, dim)
        self.gamma = nn.Parameter(1e-5 * torch.ones(dim))

    def forward(self, x):
        return x + self.gamma * self.fc(self.norm(x))


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, 6, 16))
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        return self.fc(x + self.position[:, : x.shape[1]])


class LearnedPositions(nn.Module):
    """Tokens and positions as in nanoGPT, of three and of two axes."""

    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(20, 16), nn.Embedding(12, 16)

    def forward(self, x):
        positions = torch.arange(0, x.size(1), device=x.device)
        return self.wte(x) + self.wpe(positions)


class RelativeBias(nn.Module):
    def __init__(self, heads=2, tokens=6):
        super().__init__()
        self.heads, self.qkv = heads, nn.Linear(16, 48)
        self.table = nn.Parameter(torch.zeros(2 * tokens - 1, heads))
        spots = torch.arange(tokens)
        self.register_buffer("index", spots[:, None] - spots[None, :] + tokens - 1)

    def forward(self, x):
        B, T, D = x.shape
        qkv = self.qkv(x).reshape(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        attention = q @ k.transpose(-2, -1) * (D // self.heads) ** -0.5
        bias = self.table[self.index.view(-1)].view(T, T, -1).permute(2, 0, 1).contiguous()
        attention = (attention + bias.unsqueeze(0)).softmax(dim=-1)
        return (attention @ v).transpose(1, 2).reshape(B, T, D)


class LevitAttention(nn.Module):
    """A bias of (heads, N, N) on scores of (B, heads, N, N), and a view behind a transpose."""

    def __init__(self, heads=2, tokens=6):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(16, 48, bias=False), nn.Linear(16, 16)
        self.biases = nn.Parameter(torch.zeros(heads, tokens))
        self.register_buffer("idxs", torch.zeros(tokens, tokens, dtype=torch.long))

    def forward(self, x):
        B, N, C = x.shape
        q, k, v = self.qkv(x).view(B, N, self.heads, -1).split([8, 8, 8], dim=3)
        q, k, v = q.permute(0, 2, 1, 3), k.permute(0, 2, 3, 1), v.permute(0, 2, 1, 3)
        attention = (q @ k * 8**-0.5 + self.biases[:, self.idxs]).softmax(dim=-1)
        return self.proj(F.hardswish((attention @ v).transpose(1, 2).reshape(B, N, C)))


class LinearOfTransposed(nn.Module):
    """What a Linear makes is contiguous, whatever it read."""

    def __init__(self):
        super().__init__()
        self.fc, self.head = nn.Linear(6, 5), nn.Linear(80, 2)

    def forward(self, x):
        return self.head(self.fc(x.transpose(1, 2)).view(x.size(0), -1))


class Causal(nn.Module):
    def __init__(self, added=False):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, 16) for _ in range(3))
        self.added = added
        self.register_buffer("mask", torch.tril(torch.ones(6, 6)))

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(1, 2)
        if self.added:
            scores = scores + (1 - self.mask) * -1e9
        else:
            scores = scores.masked_fill(self.mask == 0, float("-inf"))
        return torch.softmax(scores, dim=-1) @ self.v(x)


class ClassToken(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        token = self.token.expand(x.shape[0], -1, -1)
        return self.head(torch.cat((token, x), dim=1)[:, 0])


class Scalars(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.alpha = nn.Linear(16, 16), nn.Parameter(torch.zeros(1))
        self.temperature = nn.Parameter(torch.tensor(0.07))

    def forward(self, x):
        x = 2 * x - 1
        return (x + self.alpha * self.fc(x)) / self.temperature.exp() + torch.tensor(1.0)


class StableSoftmax(nn.Module):
    def forward(self, x):
        e = torch.exp(x - x.max(dim=1, keepdim=True).values)
        return e / e.sum(dim=1, keepdim=True)


# ------------------------------------------------------------------ sharing that is meant


class TiedLanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.body = nn.Embedding(20, 16), nn.Linear(16, 16)
        self.decoder = nn.Linear(16, 20, bias=False)
        self.decoder.weight = self.embedding.weight

    def forward(self, x):
        return self.decoder(F.relu(self.body(self.embedding(x))))


class TiedConvolutions(nn.Module):
    """A ConvTranspose2d has the weight of its Conv2d the other way round already."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Conv2d(3, 8, 3, padding=1), nn.ConvTranspose2d(8, 3, 3, padding=1)
        self.dec.weight = self.enc.weight

    def forward(self, x):
        return self.dec(F.relu(self.enc(x)))


class TiedTransposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.bias = nn.Linear(16, 4), nn.Parameter(torch.zeros(16))

    def forward(self, x):
        return F.linear(F.relu(self.enc(x)), self.enc.weight.t(), self.bias)


class SharedActivation(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.relu, self.pool, self.drop = nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1)

    def forward(self, x):
        x = self.drop(self.pool(self.relu(self.conv1(x))))
        return self.drop(self.pool(self.relu(self.conv2(x))))


def shared_activation_in_a_row():
    relu, pool = nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(nn.Conv2d(3, 8, 3), relu, pool, nn.Conv2d(8, 8, 3), relu, pool)


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.out = nn.Linear(8, 1)

    def forward(self, a, b):
        a, b = (self.tower(x).flatten(1) for x in (a, b))
        return self.out(torch.abs(a - b))


class SharedHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.levels = nn.ModuleList([nn.Conv2d(3, 8, 3, s, 1) for s in (1, 2, 4)])
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        return torch.cat([self.head(level(x)).flatten(2) for level in self.levels], dim=2)


class Recurrent(nn.Module):
    """One block, many times, as in ALBERT."""

    def __init__(self):
        super().__init__()
        self.block = nn.Linear(16, 16)

    def forward(self, x):
        for _ in range(3):
            x = x + F.relu(self.block(x))
        return x


# ------------------------------------------------------------------ in place and yet sound


class NormedFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn, self.relu = nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        return x + self.conv(self.relu(self.bn(x)))


class AfterTheAdd(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.conv(x)
        y += x
        return self.relu(y)


class ClonedFirst(AfterTheAdd):
    def forward(self, x):
        identity = x.clone()
        return self.conv(self.relu(x)) + identity


class BoundAnew(nn.Module):
    """The name x means the changed tensor from here on: nothing else was to be read."""

    def __init__(self):
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True)
        self.a, self.b = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        x = self.stem(x)
        x = self.relu(x)
        return x + torch.cat([self.a(x)[:, :4], self.b(x)[:, :4]], dim=1)


class Stages(nn.Module):
    """Each stage ends in place, and a concat reads it later, as in a U-Net."""

    def __init__(self):
        super().__init__()
        self.enc1 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True))
        self.enc2 = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True))
        self.last = nn.Conv2d(16, 4, 1)

    def forward(self, x):
        first = self.enc1(x)
        second = F.interpolate(self.enc2(F.max_pool2d(first, 2)), scale_factor=2)
        return self.last(torch.cat([first, second], dim=1))


# ------------------------------------------------------------------ unused, and meant


class WithAuxiliary(nn.Module):
    """As torchvision's GoogLeNet: the auxiliary head runs in training alone."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)
        self.aux, self.fc = nn.Linear(8, 5), nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        aux = self.aux(x.mean(dim=(2, 3))) if self.training else None
        x = self.fc(F.relu(self.conv2(x)).mean(dim=(2, 3)))
        return (x, aux) if self.training else x


def auxiliary_in_eval():
    return WithAuxiliary().eval()


def frozen_auxiliary():
    net = WithAuxiliary().eval()
    for parameter in net.aux.parameters():
        parameter.requires_grad = False
    return net


class DropsInTraining(AlwaysDrops):
    def forward(self, x):
        x = F.dropout(F.relu(self.fc1(x)), p=0.5, training=self.training)
        return self.fc2(F.dropout(x, 0.1, self.training))


class MixedOperations(nn.Module):
    """A softmax over dim 0 of a vector of weights, as in DARTS."""

    def __init__(self):
        super().__init__()
        self.paths = nn.ModuleList([nn.Conv2d(3, 8, k, padding=k // 2) for k in (1, 3)])
        self.alpha = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        weights = F.softmax(self.alpha, dim=0)
        return sum(w * path(x) for w, path in zip(weights, self.paths, strict=True))


class ChannelsLastBlock(nn.Module):
    """ConvNeXt: Linear layers on the channels, last for the time being."""

    def __init__(self):
        super().__init__()
        self.dw, self.norm = nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.LayerNorm(8)
        self.up, self.down = nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x):
        y = self.dw(x).permute(0, 2, 3, 1)
        y = self.down(F.gelu(self.up(self.norm(y))))
        return x + y.permute(0, 3, 1, 2)


class AlsoRegistered(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(16, 16), nn.Linear(16, 4)
        self.layers = [self.a, self.b]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class AlsoAdded(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = []
        for i in range(2):
            layer = nn.Linear(16, 16)
            self.add_module(f"layer{i}", layer)
            self.layers.append(layer)

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


class PlainActivations(nn.Module):
    def __init__(self):
        super().__init__()
        self.fcs = nn.ModuleList([nn.Linear(16, 16), nn.Linear(16, 2)])
        self.acts = [nn.ReLU(), nn.Identity()]
        self.widths = [16, 16, 2]

    def forward(self, x):
        for fc, act in zip(self.fcs, self.acts, strict=True):
            x = act(fc(x))
        return nn.ReLU()(x)


class BehindALambda(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.block = lambda x: self.bn(self.conv(x))

    def forward(self, x):
        return F.relu(self.block(x))


def weight_normed():
    wrap = nn.utils.parametrizations.weight_norm
    return nn.Sequential(wrap(nn.Conv2d(3, 8, 3)), nn.ReLU(), wrap(nn.Conv2d(8, 4, 3)))


class TwoRows(nn.Module):
    """A view into the batch that is meant and undone: every frame is an image."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 4)

    def forward(self, x):
        b, t = x.shape[:2]
        y = self.conv(x.view(b * t, *x.shape[2:])).mean(dim=(2, 3))
        return self.fc(y.view(b, t, -1).mean(dim=1))


class MultiHeadUsed(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x):
        y = self.norm(x)
        return x + self.attention(y, y, y, need_weights=False)[0]


FINE = {
    "squeeze by view": fine(SqueezeView, MAPS),
    "squeeze by None": fine(SqueezeIndexed, MAPS),
    "squeeze by unsqueeze": fine(SqueezeUnsqueezed, MAPS),
    "squeeze by convolutions": fine(SqueezeConvolved, MAPS),
    "squeeze by a mean": fine(SqueezeMean, MAPS),
    "torchvision's squeeze": fine(lambda: SqueezeExcitation(8, 2), MAPS),
    "a gate of pixels": fine(SpatialGate, MAPS),
    "scale and shift by chunk": fine(Film, MAPS),
    "a shift by view": fine(Shifted, MAPS),
    "a layer norm by hand": fine(ChannelNorm, MAPS),
    "a scale of each channel": fine(Scaled, MAPS),
    "a scale of (C, 1, 1)": fine(lambda: Scaled((8, 1, 1)), MAPS),
    "a scale of one number": fine(lambda: Scaled((1,)), MAPS),
    "layer scale": fine(LayerScale, TOKENS),
    "a position embedding": fine(Positions, TOKENS),
    "positions from a table": fine(LearnedPositions, WORDS),
    "a relative position bias": fine(RelativeBias, TOKENS),
    "levit's attention bias": fine(LevitAttention, TOKENS),
    "a view behind a Linear of a transpose": fine(LinearOfTransposed, TOKENS),
    "a mask that fills": fine(Causal, TOKENS),
    "a mask that is added": fine(lambda: Causal(added=True), TOKENS),
    "a class token": fine(ClassToken, TOKENS),
    "a vision transformer": fine(vision_transformer, COLOUR),
    "scalars": fine(Scalars, (2, 16)),
    "softmax by hand": fine(StableSoftmax, (4, 10)),
    "Softmax over the classes": fine(
        lambda: nn.Sequential(nn.Linear(16, 3), nn.Softmax(dim=1)), (4, 16)
    ),
    "softmax of a vector of weights": fine(MixedOperations, COLOUR),
    "an embedding tied to the head": fine(TiedLanguageModel, WORDS),
    "convolutions tied": fine(TiedConvolutions, COLOUR),
    "a weight read transposed": fine(TiedTransposed, (2, 16)),
    "one ReLU, pooling and dropout": fine(SharedActivation, COLOUR),
    "one ReLU and pooling in a row": fine(shared_activation_in_a_row, (2, 3, 20, 20)),
    "a siamese network": fine(Siamese, [COLOUR, COLOUR]),
    "one head for three levels": fine(SharedHead, COLOUR),
    "one block many times": fine(Recurrent, (2, 16)),
    "torchvision's BasicBlock": fine(lambda: BasicBlock(8, 8), MAPS),
    "torchvision's DenseLayer": fine(lambda: _DenseLayer(8, 4, 2, 0.0), MAPS),
    "torchvision's InvertedResidual": fine(lambda: InvertedResidual(8, 8, 1, 2), MAPS),
    "torchvision's ConvNeXt block": fine(lambda: CNBlock(8, 1e-6, 0.0), MAPS),
    "torchvision's Swin block": fine(
        lambda: SwinTransformerBlock(8, 2, [4, 4], [2, 2]), (2, 8, 8, 8)
    ),
    "a norm before ReLU in place": fine(behind_a_stem(NormedFirst), COLOUR),
    "ReLU in place after the add": fine(behind_a_stem(AfterTheAdd), COLOUR),
    "a clone before ReLU in place": fine(behind_a_stem(ClonedFirst), COLOUR),
    "ReLU in place under the same name": fine(BoundAnew, COLOUR),
    "stages that end in place": fine(Stages, COLOUR),
    "an auxiliary head in eval": fine(auxiliary_in_eval, COLOUR),
    "a frozen auxiliary head in eval": fine(frozen_auxiliary, COLOUR),
    "dropout in training": fine(DropsInTraining, (2, 16)),
    "a Linear on tokens": fine(lambda: nn.Sequential(nn.Linear(16, 8), nn.ReLU()), TOKENS),
    "a Linear on channels last": fine(ChannelsLastBlock, MAPS),
    "a list of registered layers": fine(AlsoRegistered, (2, 16)),
    "a list of added layers": fine(AlsoAdded, (2, 16)),
    "a list of activations without parameters": fine(PlainActivations, (2, 16)),
    "a lambda of registered layers": fine(BehindALambda, COLOUR),
    "weight norm": fine(weight_normed, COLOUR),
    "frames in the batch": fine(TwoRows, (2, 3, 3, 8, 8)),
    "multi-head attention": fine(MultiHeadUsed, TOKENS),
    "a transformer layer in eval": fine(lambda: ready_made_attention(16, 4).eval(), TOKENS),
    "an autoencoder of 784": fine(autoencoder, GREY, hidden=784),
    "compiled features": fine(compiled_features, GREY),
    "a reshape of a permuted map": fine(
        of(lambda _, x: x.permute(0, 2, 3, 1).reshape(x.size(0), -1)), COLOUR
    ),
    "a contiguous view of a permuted map": fine(
        of(lambda _, x: x.permute(0, 2, 3, 1).contiguous().view(x.size(0), -1)), COLOUR
    ),
}

GALLERY_MORE = TABLE | SILENT | SENTENCES | REFUSED | INPUTS | FINE

# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8. After ResNet: one block, many ideas
#
# **ResNet's frame stays and only the block changes: what does each new block buy, and what
# does it cost?**
#
# In this lesson you
#
# - build the blocks of ResNeXt, SENet, MobileNetV2, DenseNet and ConvNeXt in a few lines
#   each, and from them networks with as many parameters as torchvision's, where it has them;
# - measure parameters, MACs, memory and time of eleven networks of the course, and see that
#   they do not go together;
# - choose a network by the number that is scarce for you.
#
# **Time:** 55 minutes, and 155 for questions and exercises. Running every cell takes about half a minute.
#
# **You need:** lesson 6, on the residual block, and the bottleneck from lesson 7. No
# internet, no GPU.
#
# [Contents](00_contents.ipynb) · [Lesson 7: The ResNet family](07_resnet_family.ipynb)
#
# ## Setup

# %%
import os
import sys

if "google.colab" in sys.modules:  # there, fetch the course; elsewhere it is installed
    os.system("pip install -q --no-deps git+https://github.com/YOUR_NAME/modern-cnns d2l==1.0.3")

# %%
from functools import partial

import matplotlib.pyplot as plt
import torch
from torch import nn
from torchvision import models

from course_utils import (digits, exercises, nets, photograph, predict, print_runs, recorded, runs,
                          show, show_images, tasks, use_style)
from layerwise import lab, print_shapes, trace

use_style()

# %% [markdown]
# ## What ResNet leaves open
#
# With shortcuts a network of 152 layers can be trained. How much does depth help? Torchvision, PyTorch's
# collection of networks, publishes how well each of its networks does on ImageNet. **Top-1
# accuracy** is the share of photographs for which the first guess is right, out of 50,000
# that the network has not seen.

# %%
def published(name, version="IMAGENET1K_V1"):
    """Top-1 accuracy on ImageNet in %, as torchvision states it."""
    return models.get_model_weights(name)[version].meta["_metrics"]["ImageNet-1K"]["acc@1"]


def on_meta(build):
    """The trace of a network for one photograph, from shapes alone."""
    with torch.device("meta"):  # a device without numbers: no memory, no time
        return trace(build(), (1, 3, 224, 224))

# %%
family = {}
for depth in (18, 34, 50, 101, 152):
    t = on_meta(getattr(models, f"resnet{depth}"))
    family[depth] = t.macs / 1e9, published(f"resnet{depth}")
    print(f"ResNet-{depth:<3} {t.params / 1e6:4.1f} M parameters, {t.macs / 1e9:4.1f} G MACs, "
          f"top-1 {family[depth][1]:.1f} %")

_, ax = plt.subplots(figsize=(5, 3))
ax.plot(*zip(*family.values()), "o-", color="#0072b2")
for depth, point in family.items():
    ax.annotate(depth, point, (4, -12), textcoords="offset points", color="#0072b2")
ax.set(xlabel="billion MACs", ylabel="top-1 accuracy in %", xlim=(0, 13), ylim=(68, 84))
show("Top-1 accuracy by billion MACs for ResNet-18, 34, 50, 101 and 152, as printed above: a line that rises "
     "steeply from 18 to 50 layers, and flatly from there on.")

# %% [markdown]
# *The ResNet family. From 18 to 50 layers the accuracy rises steeply. From 50 to 152 layers
# it rises by about two points, for almost three times the MACs.*
#
# More of the same block helps less and less. So the years after ResNet kept its **frame**
# (a stem, four stages, a global average, a linear layer) and changed the **block**.
#
# Look at what a convolution does. A 3×3 convolution from 64 to 64 channels has
# 64 · 64 · 9 weights: each output channel reads all places of the window *and* all input
# channels, in one step. It mixes **places and channels** at once. Each idea of this lesson
# changes something about this mixing:
#
# | network | year | idea |
# |---|---|---|
# | ResNeXt | 2017 | channels are mixed in groups |
# | DenseNet | 2017 | new channels stand beside the old ones, and are not added to them |
# | SENet | 2018 | each channel is weighted by what the whole image shows |
# | MobileNetV2 | 2018 | places first, channels after |
# | ConvNeXt | 2022 | places first, channels after, with large kernels and fewer activations |
#
# ## Predict
#
# Write your answers down before you go on.
#
# 1. A 3×3 convolution has 256 channels in and out. One that reads only places, each channel
#    alone, has 256 times fewer MACs. How many times faster is it on your CPU: as many times,
#    more, or fewer?
# 2. Which needs the most memory for the numbers that flow through it, for one photograph:
#    VGG-11, ResNet-50, DenseNet-121 or AlexNet? Which the least?
# 3. ResNet-50 was published in 2015. What raised its accuracy on ImageNet more since then: a
#    better block of the same cost, or a better way to train the same block?
#
# <details><summary>Where the answers are</summary>
#
# 1: *Measure: MACs are not time*. 2: *Measure: all in one chart*. 3: *How to choose*.
# </details>
#
# ## One frame
#
# Here is the bottleneck of lesson 7 again, with three of its numbers as choices. `inner` is
# the width inside the block as a share of the channels that leave it. `groups` comes later;
# 0 stands for as many groups as channels.


# %%
def conv_bn(in_channels, channels, kernel_size=1, stride=1, groups=1):
    """A convolution and its batch norm. At stride 1 it keeps the size."""
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel_size, stride, kernel_size // 2,
                  groups=groups, bias=False),
        nn.BatchNorm2d(channels),
    )


class Bottleneck(nn.Module):
    def __init__(self, in_channels, channels, stride=1, inner=1 / 4, groups=1, kernel_size=3):
        super().__init__()
        width = int(inner * channels)
        self.body = nn.Sequential(
            conv_bn(in_channels, width), nn.ReLU(),                                  # narrow
            conv_bn(width, width, kernel_size, stride, groups or width), nn.ReLU(),  # mix
            conv_bn(width, channels),                                                # widen
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut = conv_bn(in_channels, channels, 1, stride)
        self.out_channels = channels

    def forward(self, X):
        return torch.relu(self.body(X) + self.shortcut(X))

# %% [markdown]
# And the frame. It takes any block that is called as `block(in_channels, channels, stride)`
# and tells its `out_channels`. A stage is three numbers: how many blocks, how many channels,
# and the stride of the first block.


# %%
def average_head(channels):
    return [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, 1000)]


def resnet_of(block, stages, stem, channels=64, head=average_head):
    """A stem that makes `channels` maps, then the stages, then a head."""
    layers = [stem]
    for number, width, stride in stages:
        blocks = []
        for i in range(number):
            blocks.append(block(channels, width, stride if i == 0 else 1))
            channels = blocks[-1].out_channels
        layers.append(nn.Sequential(*blocks))
    return nn.Sequential(*layers, *head(channels))


def resnet_stem():
    return nn.Sequential(conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))


FIFTY = ((3, 256, 1), (4, 512, 2), (6, 1024, 2), (3, 2048, 2))


def resnet50():
    return resnet_of(Bottleneck, FIFTY, resnet_stem())


print_shapes(resnet50(), (1, 3, 224, 224))

# %% [markdown]
# Is it torchvision's ResNet-50? Each network of this lesson is compared in this way:


# %%
def compare(build, name=None):
    """One line about a network; with a name, torchvision's parameters beside it."""
    t = on_meta(build)
    line = f"{build.__name__:12} {t.params:>11,} parameters, {t.macs / 1e9:5.2f} G MACs"
    if name:
        line += f"; torchvision {on_meta(getattr(models, name)).params:>11,}"
    print(line)


compare(resnet50, "resnet50")

# %% [markdown]
# ## Groups: ResNeXt
#
# A **grouped convolution** cuts the channels into groups. Each output channel reads the
# input channels of its own group, and no others. (AlexNet had two groups, one for each of two
# GPUs.) Which input channels does an output channel read? Those that its gradient reaches.

# %%
def reads(groups, channels=16):
    """channels × channels: 1 where the output channel (row) reads the input channel (column)."""
    conv = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
    X = torch.zeros(channels, channels, 3, 3, requires_grad=True)  # an image for each output
    conv(X)[:, :, 1, 1].diagonal().sum().backward()
    return (X.grad.abs().sum((2, 3)) > 0).float(), sum(p.numel() for p in conv.parameters())


_, axes = plt.subplots(1, 3, figsize=(8, 2.9))
for ax, groups in zip(axes, (1, 4, 16)):
    picture, params = reads(groups)
    ax.imshow(picture, cmap="Blues", vmin=0, vmax=1.4)
    ax.set(title=f"groups={groups}: {params:,} parameters", xlabel="input channel", xticks=[], yticks=[])
axes[0].set_ylabel("output channel")
show("Three tables of 16 output by 16 input channels. With 1 group every cell is blue, with 4 groups four "
     "squares of 4 by 4 along the diagonal, with 16 groups the diagonal alone.")

# %% [markdown]
# *A 3×3 convolution with 16 channels. Blue: this output channel (row) reads this input
# channel (column). With 16 groups, right, each output channel reads one input channel.*
#
# Groups make a convolution cheaper, and the saved weights can pay for more channels. That is
# **ResNeXt** (Xie and others 2017): twice the inner width, in 32 groups. The number of groups
# is called **cardinality**. Twice the inner width without groups is a Wide ResNet (Zagoruyko and
# Komodakis 2016).


# %%
def wide_resnet50():
    return resnet_of(partial(Bottleneck, inner=1 / 2), FIFTY, resnet_stem())


def resnext50():
    return resnet_of(partial(Bottleneck, inner=1 / 2, groups=32), FIFTY, resnet_stem())


compare(resnet50, "resnet50")
compare(wide_resnet50, "wide_resnet50_2")
compare(resnext50, "resnext50_32x4d")

# %% [markdown]
# ResNeXt-50 has twice the inner width of ResNet-50, with about as many parameters and MACs. The
# groups do not stay apart: the 1×1 convolution after the grouped one reads all channels and mixes
# them again.
#
# ## Which channels matter here: squeeze-and-excitation
#
# A convolution sees a window, and treats every image alike. **Squeeze-and-excitation** (Hu
# and others 2018) uses the whole image. *Squeeze*: average each map to one number.
# *Excite*: two linear layers and a **sigmoid** make of these numbers one factor between 0
# and 1 for each channel. Each map is multiplied by its factor. This is a simple form of
# **attention**.
#
# What does it cost, and is the mean of a map worth looking at? The first cell counts. The second
# squeezes the 64 last maps of the ResNet-20 that was trained on photographs (lesson 6), for a cat
# and for a flower, and names the channels with the largest means.


# %%
class Gate(nn.Module):
    def __init__(self, channels, reduction=16):
        super().__init__()
        self.excite = nn.Sequential(
            nn.Linear(channels, channels // reduction), nn.ReLU(),
            nn.Linear(channels // reduction, channels), nn.Sigmoid(),
        )

    def forward(self, X):                           # n × channels × rows × columns
        factors = self.excite(X.mean((2, 3)))       # n × channels
        return X * factors[:, :, None, None]


class GatedBottleneck(Bottleneck):
    def __init__(self, in_channels, channels, stride=1, **choices):
        super().__init__(in_channels, channels, stride, **choices)
        self.body.append(Gate(channels))            # before the add


def se_resnet50():
    return resnet_of(GatedBottleneck, FIFTY, resnet_stem())


compare(resnet50)
compare(se_resnet50)

# %%
recorded_net, recording = recorded.load("resnet20")
for name in ("cat.jpg", "flower.jpg"):
    with torch.no_grad():
        means = recorded_net[:-1](recording.prepare(photograph(name)))[0]  # all but the linear layer
    print(f"{name:10}  channels {sorted(means.topk(6).indices.tolist())}, their means {means.topk(6).values.min():.1f} "
          f"to {means.max():.1f}, the mean of all {means.mean():.1f}")

# %% [markdown]
# The cat and the flower share two of their six strongest channels. So the means tell something
# about the image, and a gate can use them.
#
# Gates cost a tenth more parameters and almost no more MACs: the linear layers run once for each
# image, not once for each place. Torchvision has this gate as `torchvision.ops.SqueezeExcitation`, and no
# SE-ResNet-50. The authors report 23.3 % top-1 error (100 % minus the top-1 accuracy) in place of
# 24.8 % (their table 2).
#
# ## Places first, channels after
#
# Take the largest number of groups: as many as channels. Each output channel now reads one map,
# in a window. This is a **depthwise convolution**: it mixes places and no channels. A 1×1 or
# **pointwise convolution** (lesson 3) does the opposite: it mixes channels and no places. One
# after the other they are a **depthwise separable convolution**.


# %%
def separable(in_channels, channels, kernel_size=3):
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, kernel_size, padding="same", groups=in_channels, bias=False),
        nn.Conv2d(in_channels, channels, kernel_size=1, bias=False),
    )


one_step = nn.Conv2d(256, 256, 3, padding=1, bias=False)
predict("A 3×3 convolution has 256 channels in and out. How many times fewer MACs has the separable one?",
        f"{trace(one_step, (1, 256, 28, 28)).macs / trace(separable(256, 256), (1, 256, 28, 28)).macs:.1f} times")

# %%
for channels in (16, 64, 256, 1024):
    ordinary = trace(nn.Conv2d(channels, channels, 3, padding=1, bias=False), (1, channels, 28, 28))
    split = trace(separable(channels, channels), (1, channels, 28, 28))
    print(f"{channels:>4} channels: {ordinary.macs / 1e6:7.1f} M MACs, separable {split.macs / 1e6:6.1f} M, "
          f"{ordinary.macs / split.macs:.1f} times fewer")

# %% [markdown]
# With $c$ channels a place costs $9 c^2$ MACs, and separable $9 c + c^2$. For many channels the
# ratio comes close to 9, and never gets there.
#
# ### Look inside
#
# A photograph shows what each half does. The depthwise convolution here takes the mean of
# 5×5 places, in each of the three colours alone. The pointwise one makes three new colours out of
# the three old ones.

# %%
flower = photograph("flower.jpg", size=96)
both = separable(3, 3, kernel_size=5)
both[0].weight.data.fill_(1 / 5 ** 2)
both[1].weight.data = torch.tensor([[0, 0.2, 0.8], [0.4, 0.6, 0], [1, 0, 0]]).reshape(3, 3, 1, 1)
pictures = {"photograph": flower, "places only": both[0](flower),
            "channels only": both[1](flower), "places, then channels": both(flower)}
show_images([picture[0].clamp(0, 1) for picture in pictures.values()], pictures, columns=4, inches=2.4,
            alt="An orange flower; the same, blurred; the same, sharp and in other colours; the same, blurred and "
                "in other colours.")

# %% [markdown]
# *Places only: the colours stay and the edges become blurred. Channels only: every petal has
# another colour and stays sharp. One after the other: other colours and blurred edges.*
#
# ### Measure: what each half is for
#
# Does a network need both halves? Take three layers of 32 channels, and read the digits at their own
# 8×8 pixels. Leave out one half, or the other. Each network is trained three times, from other
# initial weights each time.

# %%
torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=64, size=8, device="cpu")
HALVES = {
    "channels only": lambda: [nn.Conv2d(32, 32, 1, bias=False)],
    "places only": lambda: [nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False)],
    "first places, then channels": lambda: [separable(32, 32)],
    "both in one step": lambda: [nn.Conv2d(32, 32, 3, padding=1, bias=False)],
}


def mixing_net(layer):
    layers = [part for _ in range(3) for part in (*layer(), nn.BatchNorm2d(32), nn.ReLU())]
    return nn.Sequential(conv_bn(1, 32), nn.ReLU(), *layers,
                         nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(32, 10))


def learned(layer, seeds=(0, 1, 2), epochs=4):
    """The networks with that layer, trained from several seeds, and their histories."""
    return runs(partial(mixing_net, layer), train, test, seeds,
                epochs=epochs, lr=1e-2, optimizer=torch.optim.Adam)


for name, layer in HALVES.items():
    weights = sum(p.numel() for p in nn.Sequential(*layer()).parameters())
    print(f"{name:27} {weights:>5,} weights a layer")

# %% tags=["nbval-ignore-output"]
print_runs({name: learned(layer) for name, layer in HALVES.items()})

# %% [markdown]
# *Test accuracy, one number for each run.* Channels alone are not far from guessing, which gives 0.10: such a network
# never compares a pixel with its neighbour, and knows only how often each grey level occurs. Places
# alone go further than one might expect, because the linear layer at the end still reads all 32
# channels. Both halves, one after the other, come close to the ordinary convolution, with a seventh
# of its weights. Is there still a difference with `epochs=12`?
#
# ### The inverted residual
#
# **MobileNetV2** (Sandler and others 2018) makes its block of this. A depthwise convolution is
# cheap, so it can work on many channels: a 1×1 convolution makes *six times as many*, the
# depthwise convolution works there, and a 1×1 convolution makes few again. A bottleneck is
# narrow inside and wide outside; this block is wide inside and narrow outside, so it is called
# an **inverted residual**. After the last convolution comes no activation (a **linear
# bottleneck**): with few channels, what a ReLU sets to 0 may be lost. `ReLU6` is a ReLU that stops
# at 6, so that its output can be stored with few bits.


# %%
class InvertedResidual(nn.Module):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        width = 6 * in_channels
        self.body = nn.Sequential(
            conv_bn(in_channels, width), nn.ReLU6(),                            # widen
            conv_bn(width, width, 3, stride, groups=width), nn.ReLU6(),         # mix places
            conv_bn(width, channels),                                           # narrow, mix channels
        )
        self.adds = stride == 1 and in_channels == channels
        self.out_channels = channels

    def forward(self, X):
        return X + self.body(X) if self.adds else self.body(X)


def mobile_stem():
    return nn.Sequential(conv_bn(3, 32, 3, 2), nn.ReLU6(),
                         conv_bn(32, 32, 3, groups=32), nn.ReLU6(), conv_bn(32, 16))


def mobile_head(channels):
    return [conv_bn(channels, 1280), nn.ReLU6(), *average_head(1280)]


MOBILE = ((2, 24, 2), (3, 32, 2), (4, 64, 2), (3, 96, 1), (3, 160, 2), (1, 320, 1))


def mobilenet_v2():
    return resnet_of(InvertedResidual, MOBILE, mobile_stem(), 16, mobile_head)


compare(resnet50, "resnet50")
compare(mobilenet_v2, "mobilenet_v2")

# %% [markdown]
# Where the stride is 2 or the channels change, this block has no shortcut at all. A shortcut would
# need a 1×1 convolution there, and the authors left the shortcut out.
#
# ## Measure: MACs are not time
#
# ResNet-50 has 13.6 times the MACs of MobileNetV2. Does it take 13.6 times as long? First measure
# some layers alone. Besides arithmetic, a processor has to fetch the numbers that it works on and put
# away the results. **Arithmetic intensity** tells how many MACs it can do for each number that
# it moves.


# %%
import math
import time


@torch.no_grad()
def milliseconds(nets, X, repeats):
    """The shortest time of each network, all of them taking turns."""
    shortest = dict.fromkeys(nets, math.inf)
    for _ in range(repeats):
        for name, net in nets.items():
            start = time.perf_counter()
            net(X)
            shortest[name] = min(shortest[name], 1000 * (time.perf_counter() - start))
    return shortest


def intensity(t):
    """MACs for each number that is read or written."""
    return t.macs / (t.params + sum(math.prod(s) for step in t.steps for s in (*step.inputs, step.output)))

# %%
parts = {name: nn.Conv2d(256, 256, size, padding=size // 2, groups=groups, bias=False)
         for name, size, groups in (("3×3", 3, 1), ("3×3, 32 groups", 3, 32),
                                    ("1×1", 1, 1), ("3×3 depthwise", 3, 256))}
traces = {name: trace(part, (1, 256, 28, 28)) for name, part in parts.items()}
for name, t in traces.items():
    print(f"{name:15} {t.macs / 1e6:6.1f} M MACs, {intensity(t):6.1f} MACs for each number moved")

# %%
times = milliseconds(parts, torch.rand(1, 256, 28, 28), repeats=30)
_, axes = plt.subplots(1, 2, figsize=(8, 2.4), sharey=True)
for number, (name, t) in enumerate(traces.items()):
    axes[0].barh(number, t.macs / 1e6, color="#0072b2")
    axes[1].barh(number, t.macs / 1e6 / times[name], color="#d55e00")
axes[0].set(yticks=range(4), yticklabels=traces, xscale="log", xlabel="million MACs")
axes[1].set(xlabel="million MACs in a millisecond, on this machine")
axes[0].invert_yaxis()
show("Four convolutions, two bars each. Million MACs: the 3×3 convolution far ahead, the depthwise one last, as "
     "printed above; and the million MACs that this machine did in a millisecond.")

# %% [markdown]
# *Left: what each convolution has to do, on a logarithmic scale. Right: how much of it the
# machine on which this figure was made got done in a millisecond.*
#
# In a 3×3 convolution each number that was fetched is used by 256 output channels. In a depthwise
# convolution it is used by one. So there the arithmetic often has to wait for the memory. Compare
# the right bars with
# the printed numbers: do few MACs for each number moved go with few MACs in a millisecond? The
# depthwise convolution has 256 times fewer MACs than the 3×3. Divide that by how many times shorter its bar on
# the right is: so many times faster is it. The order need not
# be the same on your machine, because the program that computes a convolution matters too. MACs tell what a
# network has to compute, and not how long it takes. To know the time, measure it where the network will run.
#
# ## New beside old: DenseNet
#
# A residual block adds: what earlier blocks found is in the sum, but it cannot be separated from the
# rest again. **DenseNet** (Huang and others 2017) **concatenates**: each layer makes only 32
# new maps (the **growth rate**) and puts them beside all the maps that were there. Every later layer
# can read every earlier one as it was. Between stages, a **transition** halves the channels and
# averages 2×2 places. Batch norm and ReLU come *before* each convolution here.


# %%
def norm_relu_conv(in_channels, channels, kernel_size=1):
    return nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(),
                         nn.Conv2d(in_channels, channels, kernel_size, padding="same", bias=False))


class DenseLayer(nn.Module):
    def __init__(self, in_channels, growth, stride=1):
        super().__init__()
        self.transition = nn.Sequential()
        if stride != 1:
            self.transition = nn.Sequential(norm_relu_conv(in_channels, in_channels // 2), nn.AvgPool2d(stride))
            in_channels = in_channels // 2
        self.body = nn.Sequential(norm_relu_conv(in_channels, 4 * growth),
                                  norm_relu_conv(4 * growth, growth, kernel_size=3))
        self.out_channels = in_channels + growth

    def forward(self, X):
        X = self.transition(X)
        return torch.cat((X, self.body(X)), dim=1)      # beside, not onto


def dense_head(channels):
    return [nn.BatchNorm2d(channels), nn.ReLU(), *average_head(channels)]


DENSE = ((6, 32, 1), (12, 32, 2), (24, 32, 2), (16, 32, 2))


def densenet121():
    return resnet_of(DenseLayer, DENSE, resnet_stem(), head=dense_head)


print_shapes(densenet121()[1], (1, 64, 56, 56))
compare(densenet121, "densenet121")

# %% [markdown]
# Each of the six layers adds 32 channels. DenseNet-121 has a third of ResNet-50's parameters, and 69 % of its MACs.
# The price is memory: each concat writes all its maps anew.
#
# ## Everything once more: ConvNeXt
#
# In 2020, Transformers came to images (Dosovitskiy and others). Their block has one step that
# mixes places (attention) and one that mixes channels (two linear layers, four times as wide inside).
# **ConvNeXt** (Liu and others 2022) asked how good a convolutional network gets with the same layout
# and the same training. You know nearly all of its parts by now:
#
# - a depthwise convolution mixes places, with a window of 7×7;
# - two pointwise convolutions mix channels, an inverted residual with factor 4;
# - one activation in a block, not three: **GELU**, a ReLU with a smooth bend;
# - one normalization: **layer norm**, over the channels of one place, which does not look at the rest of
#   the batch;
# - a factor for each channel, `scale`, that starts near 0. So at first each block nearly copies its input (lesson 6).


# %%
class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place."""
    def forward(self, X):
        return super().forward(X.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.down = nn.Sequential()
        if stride != 1:
            self.down = nn.Sequential(ChannelNorm(in_channels, eps=1e-6),
                                      nn.Conv2d(in_channels, channels, kernel_size=stride, stride=stride))
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels),       # mix places
            ChannelNorm(channels, eps=1e-6),
            nn.Conv2d(channels, 4 * channels, 1), nn.GELU(),                    # widen
            nn.Conv2d(4 * channels, channels, 1),                               # narrow
        )
        self.scale = nn.Parameter(torch.full((channels, 1, 1), 1e-6))
        self.out_channels = channels

    def forward(self, X):
        X = self.down(X)
        return X + self.scale * self.body(X)

# %% [markdown]
# The stem cuts the photograph into squares of 4×4 pixels (**patches**) that do not overlap, and the third
# stage has most of the blocks.


# %%
def patch_stem():
    return nn.Sequential(nn.Conv2d(3, 96, kernel_size=4, stride=4), ChannelNorm(96, eps=1e-6))


def norm_head(channels):
    return [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LayerNorm(channels, eps=1e-6),
            nn.Linear(channels, 1000)]


TINY = ((3, 96, 1), (3, 192, 2), (9, 384, 2), (3, 768, 2))


def convnext_tiny():
    return resnet_of(ConvNeXtBlock, TINY, patch_stem(), 96, norm_head)


compare(resnet50, "resnet50")
compare(convnext_tiny, "convnext_tiny")

# %% [markdown]
# ## Turn one choice at a time
#
# ResNet-50 with four choices of its block: the groups of the middle convolution, its width as a share of the
# block's output, its kernel size, and a gate. Tasks stand beside the controls.


# %%
def network(groups=1, inner=1 / 4, kernel_size=3, gate=False):
    block = GatedBottleneck if gate else Bottleneck
    return resnet_of(partial(block, inner=inner, groups=groups, kernel_size=kernel_size),
                     FIFTY, resnet_stem())


lab(network, (1, 3, 224, 224), groups={"1": 1, "4": 4, "32": 32, "128": 128, "one a channel": 0},
    inner=[1 / 4, 1 / 2], kernel_size=[3, 4, 7], gate=False,
    tasks=tasks.after_resnet.BLOCK)

# %% [markdown]
# ## Measure: all in one chart
#
# Here are eleven large networks of the course, for one colour photograph of 224×224 pixels and 1,000 classes. Next to
# parameters and MACs stands the **activation memory**: what PyTorch keeps, while a network trains, until the gradient
# has passed. PyTorch calls a hook (lesson 6) with each tensor that it keeps, so you can add up the bytes, without any
# numbers. (The lab counts every number that a step puts out, 166 MB for ResNet-50. Not all of them are needed again.)

# %%
BOOK = {"in_channels": 3, "num_classes": 1000}
NETWORKS = {
    "AlexNet": partial(nets.alexnet, **BOOK), "VGG-11": partial(nets.vgg, **BOOK),
    "NiN": partial(nets.nin, **BOOK), "GoogLeNet": partial(nets.googlenet, **BOOK),
    "ResNet-18": partial(nets.resnet18, block=nets.BasicBlock, **BOOK), "ResNet-50": resnet50,
    "ResNeXt-50": resnext50, "SE-ResNet-50": se_resnet50, "MobileNetV2": mobilenet_v2,
    "DenseNet-121": densenet121, "ConvNeXt-T": convnext_tiny,
}


# %%
def kept(build):
    """Bytes that PyTorch keeps of one photograph until the gradient has passed."""
    with torch.device("meta"):
        net, photo = build(), torch.empty(1, 3, 224, 224)
    held = {}

    def keep(tensor):
        memory = tensor.untyped_storage()
        held[id(memory)] = memory               # the same memory counts once
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net(photo)
    own = {id(tensor.untyped_storage()) for tensor in (*net.parameters(), *net.buffers())}
    return sum(memory.nbytes() for number, memory in held.items() if number not in own)


def cost(build):
    """Million parameters, billion MACs, MB kept."""
    t = on_meta(build)
    return t.params / 1e6, t.macs / 1e9, kept(build) / 1e6


costs = {name: cost(build) for name, build in NETWORKS.items()}
for name, numbers in costs.items():
    print("{:12} {:5.1f} M parameters, {:4.2f} G MACs, {:3.0f} MB kept".format(name, *numbers))

# %% [markdown]
# Now the time for one photograph, on one core: the shorter of two runs.

# %%
photo, ms = torch.rand(1, 3, 224, 224), {}
for name, build in NETWORKS.items():
    ms |= milliseconds({name: build().eval()}, photo, repeats=2)

labels = "million parameters", "billion MACs", "MB kept for the gradient", "milliseconds, on this machine"
_, axes = plt.subplots(1, 4, figsize=(10, 3.6), sharey=True)
for ax, label, column in zip(axes, labels, [*zip(*costs.values()), ms.values()]):
    ax.barh(range(len(costs)), column, color="#0072b2")
    ax.set(xlabel=label, yticks=range(len(costs)), yticklabels=costs)
axes[0].invert_yaxis()
show("Bars for eleven networks in four panels. VGG-11 leads in parameters and MACs, DenseNet-121 in MB kept, as "
     "printed above; the last panel has the milliseconds for one photograph on this machine.")

# %% [markdown]
# *Eleven networks of the course, in the order in which you met them. Each panel ranks them differently.*
#
# - **Parameters** fell after VGG, because the large linear layers went. MobileNetV2 has 3.5 million.
# - **MACs** fell too after VGG, with NiN, and then rose again with depth.
# - **Activation memory** has other leaders. DenseNet-121 has few parameters and keeps more than any other network here:
#   each concat is a new tensor. MobileNetV2 keeps almost as much as ResNet-50, since its blocks are wide inside. AlexNet
#   keeps least, although it has 51 million parameters.
# - **Time** is in proportion to none of the three. ResNet-50 has 13.6 times the MACs of
#   MobileNetV2. Divide the last bar of ResNet-50 by that of MobileNetV2: how many times as long
#   does it take? Run the cell, and see what your machine says.
#
# ## How to choose
#
# What do the costs buy? Here are the networks that torchvision has in the same form, with the accuracy that it
# states. (Its AlexNet and GoogLeNet are not those of the book.) Some have two sets of weights: the same
# network, trained once with the settings of its time and once with a newer **recipe** (lesson 7).

# %%
STATED = {"VGG-11": "vgg11", "ResNet-18": "resnet18", "ResNet-50": "resnet50", "ResNeXt-50": "resnext50_32x4d",
          "MobileNetV2": "mobilenet_v2", "DenseNet-121": "densenet121", "ConvNeXt-T": "convnext_tiny"}
top_1 = {name: [published(theirs, version) for version in models.get_model_weights(theirs).__members__
                if version in ("IMAGENET1K_V1", "IMAGENET1K_V2")] for name, theirs in STATED.items()}
for name, both in top_1.items():
    print(f"{name:12} {both[0]:.1f} %" + "".join(f", with a newer recipe {new:.1f} %" for new in both[1:]))

_, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for name, both in top_1.items():
    for ax, cost in zip(axes, (costs[name][1], ms[name])):
        ax.plot([cost] * len(both), both, ":", color="#d55e00")
        ax.plot(cost, both[0], "o", color="#0072b2")
        ax.plot([cost] * len(both[1:]), both[1:], "s", color="#d55e00")
        ax.annotate(name, (cost, both[0]), (5, -11), textcoords="offset points", fontsize=8,
                    bbox={"color": "white", "pad": 0.5})
axes[0].set(xlim=(0, 9), ylim=(67, 84), xlabel="billion MACs", ylabel="published top-1 accuracy in %")
axes[1].set(xlim=(0, 1.3 * max(ms.values())), xlabel="milliseconds, on this machine")
show("Published top-1 accuracy of seven networks, by billion MACs and by milliseconds on this machine. A dotted line leads "
     "up from the first weights to those of a newer recipe, where there are any.")

# %% [markdown]
# *Circles: the first weights that torchvision published. Squares: the same network after a newer recipe. To the left is
# cheaper, up is better.*
#
# ResNeXt-50 is 1.5 points above ResNet-50 with nearly the same older recipe (it trained for 100
# epochs, not 90) and almost the same parameters and MACs. A newer recipe gives the *old* ResNet-50 almost 5 points. ConvNeXt was trained with such
# a recipe from the start, so compare it with the squares: it is between one and two points above
# ResNet-50 and ResNeXt-50. So here a better block is worth one or two points. A newer recipe is
# worth more to ResNet-50 and ResNeXt-50, and only 0.3 points to MobileNetV2. Whoever compares two
# networks has to train both in the same way.
#
# To choose:
#
# 1. **Name the number that is scarce.** A download: parameters. A training that does not fit: activation memory. A phone: time
#    and energy, measured on that phone. Nothing is scarce: accuracy.
# 2. **Take what is known to work**, with pretrained weights, among the networks that fit.
# 3. **Start with the plain one**, a ResNet-50 with newer weights, and keep its numbers. Change to another when a measurement says so.
#
# As code, the first two are a filter and a maximum:

# %%
def best(parameters=math.inf, macs=math.inf, memory=math.inf):
    """The network with the best published accuracy within a budget (millions, billions, MB)."""
    fits = [name for name in top_1 if all(cost <= limit for cost, limit in
                                          zip(costs[name], (parameters, macs, memory)))]
    return max(fits, key=lambda name: max(top_1[name]), default="none of these")


print("no limit:                    ", best())
print("at most 10 million parameters:", best(parameters=10))
print("at most 5 million:           ", best(parameters=5))
print("at most 100 MB a photograph: ", best(memory=100))
print("at most 2 billion MACs:      ", best(macs=2))

# %% [markdown]
# ## Questions
#
# Answer in writing, in a few sentences each.
#
# 1. A friend says: "This network has half the MACs of mine, so it is twice as fast." What do you ask?
# 2. A bottleneck and an inverted residual both have a 1×1, a 3×3 and a 1×1 convolution. Why is one narrow inside and the
#    other wide?
# 3. Add and concat both keep the way to earlier layers open. What does each of them cost?
#
# <details><summary>Answers</summary>
#
# 1. Which layers does it have, and on which machine? Depthwise convolutions do few MACs for each number that they move, so their
#    MACs take longer. Measure both where they will run.
# 2. In a bottleneck the 3×3 convolution mixes places and channels and is the expensive part, so it gets few channels. In an
#    inverted residual it is depthwise and cheap, so it can have many; the few channels are outside, where the
#    maps are kept for the shortcut.
# 3. An add keeps the number of channels, and what was added can no longer be told apart. A concat keeps everything, so channels,
#    and with them the cost of each further layer and the memory, grow from layer to layer.
# </details>
#
# ## Exercises
#
# Write your answer in place of `...`, and run the cell and the check below it. The check names what is
# wrong, and where to look. For a hint, remove the `#` in front of it; hints come one at a time.

# %% [markdown]
# ### A depthwise separable block
#
# *medium, 15 minutes*
#
# Write `my_separable(in_channels, out_channels, stride=1)`, the block of MobileNet: a
# depthwise 3×3 convolution (one filter for each channel) with the stride, then a 1×1 convolution to
# `out_channels`. Batch norm and a ReLU follow each; no convolution has a bias.

# %% tags=["exercise"]
def my_separable(in_channels, out_channels, stride=1):
    ### BEGIN SOLUTION
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels), nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels), nn.ReLU(),
    )
    ### END SOLUTION

# %%
exercises.after_resnet.separable.check(my_separable)

# %%
# exercises.after_resnet.separable.hint()      # one hint at a time
# exercises.after_resnet.separable.solution()

# %% [markdown]
# ### A dense block
#
# *hard, 25 minutes*
#
# Write the class `DenseBlock(num_layers, in_channels, growth)`. Each layer is batch
# norm, ReLU and a 3×3 convolution to `growth` channels, without bias, that keeps the size. It reads
# everything so far, the block's input and what all earlier layers made, joined along the channels,
# newest last. The block gives all of it: `in_channels + num_layers * growth` channels.

# %% tags=["exercise"]
class DenseBlock(nn.Module):
    def __init__(self, num_layers, in_channels, growth):
        super().__init__()
        ### BEGIN SOLUTION
        layers = []
        for number in range(num_layers):
            width = in_channels + number * growth
            layers.append(nn.Sequential(
                nn.BatchNorm2d(width), nn.ReLU(),
                nn.Conv2d(width, growth, 3, padding=1, bias=False),
            ))
        self.layers = nn.ModuleList(layers)
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        for layer in self.layers:
            Y = layer(X)
            X = torch.cat((X, Y), dim=1)
        return X
        ### END SOLUTION

# %%
exercises.after_resnet.dense.check(DenseBlock)

# %%
# exercises.after_resnet.dense.hint()      # one hint at a time
# exercises.after_resnet.dense.solution()

# %% [markdown]
# ### Small and good
#
# *hard, 40 minutes*
#
# Write `small_net()`: a network for the digits at 1×16×16 that gives ten logits, with
# at most 10,000 parameters and a million MACs for an image. The check trains it for ten epochs
# (Adam, learning rate 0.003, batches of 64, seed 0), which takes up to 20 seconds. In its best
# epoch at least 97 % of the test images have to be right. A linear layer alone gets about 94 %.

# %% tags=["exercise"]
def small_net():
    ### BEGIN SOLUTION
    def block(in_channels, out_channels):
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU())

    return nn.Sequential(
        block(1, 8), nn.MaxPool2d(2), block(8, 16), nn.MaxPool2d(2), block(16, 32),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )
    ### END SOLUTION

# %%
exercises.after_resnet.design.check(small_net)

# %%
# exercises.after_resnet.design.hint()      # one hint at a time
# exercises.after_resnet.design.solution()

# %% [markdown]
# ## More exercises
#
# ### 1. Which groups?
#
# *easy, 10 minutes*
#
# For which numbers of groups can the middle convolutions of `Bottleneck` be built in all four stages of ResNet-50
# (`inner=1/4`)? How many parameters has the network at the largest of them?
#
# <details><summary>Solution</summary>
#
# The widths are 64, 128, 256 and 512. A number of groups has to divide all four, so it divides 64: 1, 2, 4, 8, 16, 32 and 64.
# With 64 groups the network has 14,416,616 parameters.
#
# ```python
# on_meta(partial(resnet_of, partial(Bottleneck, groups=64), FIFTY, resnet_stem())).params
# ```
#
# (`resnet_stem()` stands outside `on_meta` here, so it is built with numbers. The count is the same.)
# </details>
#
# ### 2. Groups that never meet
#
# *medium, 15 minutes*
#
# Two grouped convolutions follow one another. Both have 16 channels in and out, in 4 groups. Which
# input channels reach output channel 0? Write
# `shuffle(X, groups)`, which puts the channels into another order so that after the second convolution every output has read
# every input, and show it with a gradient. (Zhang and others 2018 called the network ShuffleNet.)
#
# <details><summary>Solution</summary>
#
# Channels 0 to 3 only: the groups never meet. The shuffle puts one channel of each old group into
# each new group.
#
# ```python
# def shuffle(X, groups):
#     n, c, rows, columns = X.shape
#     return X.reshape(n, groups, c // groups, rows, columns).transpose(1, 2).reshape(X.shape)
#
# first, second = (nn.Conv2d(16, 16, 1, groups=4) for _ in range(2))
# X = torch.rand(1, 16, 1, 1, requires_grad=True)
# second(shuffle(first(X), groups=4))[0, 0].backward()
# print((X.grad.flatten() != 0).sum())    # 16, and 4 without the shuffle
# ```
# </details>
#
# ### 3. From ResNet-50 towards ConvNeXt
#
# *medium, 20 minutes*
#
# The authors of ConvNeXt began by giving the stages of ResNet-50 3, 3, 9 and 3 blocks, and by cutting the photograph into patches of
# 4×4 in the stem. Do both in our frame. How many MACs has each step? Which of the two makes the network more expensive?
#
# <details><summary>Solution</summary>
#
# 4.53 and 4.42 billion, after 4.09. The third stage with nine blocks makes it more expensive; the patch stem saves a little.
#
# ```python
# def stages_3393():
#     return resnet_of(Bottleneck, ((3, 256, 1), (3, 512, 2), (9, 1024, 2), (3, 2048, 2)), resnet_stem())
#
# def patches_too():
#     stem = nn.Sequential(conv_bn(3, 64, 4, 4), nn.ReLU())
#     stem[0][0].padding = (0, 0)
#     return resnet_of(Bottleneck, ((3, 256, 1), (3, 512, 2), (9, 1024, 2), (3, 2048, 2)), stem)
#
# compare(stages_3393)
# compare(patches_too)
# ```
# </details>
#
# ### 4. The kernel of a depthwise convolution
#
# *hard, 20 minutes*
#
# ConvNeXt's depthwise convolutions are 7×7. Build ConvNeXt-T with 3×3 in their place. How many of its parameters and MACs go? Now give
# `Bottleneck` a 7×7 window in ResNet-50 and count again. What follows for large windows?
#
# <details><summary>Solution</summary>
#
# ConvNeXt-T loses 0.9 % of its parameters and 1.9 % of its MACs. ResNet-50 with 7×7 has 75,855,912 parameters. Large windows are
# affordable where they do not mix channels; so they came back with depthwise convolutions.
# </details>
#
# ## What you have seen
#
# - A convolution mixes places and channels. ResNeXt mixes channels in groups, MobileNetV2 and ConvNeXt mix places first and channels
#   after, a gate weights channels by the whole image, DenseNet sets new channels beside the old.
# - Parameters, MACs, activation memory and time are four different costs. MACs do not tell the time: a depthwise convolution does
#   few of them for each number that it moves.
# - Good blocks differ by one or two points of accuracy; a training recipe can give more. Choose by the cost that matters most to you, and
#   measure it.
#
# A question to take along: in the next network that you meet, which part mixes places, which mixes channels, and who measured that it helps?
# `trace` and `table` take any network, and `lab` any function that builds one. Give them yours.
#
# Back to the [contents](00_contents.ipynb)
#
# ## References
#
# - S. Xie and others. [Aggregated Residual Transformations for Deep Neural Networks](https://arxiv.org/abs/1611.05431). 2017. ResNeXt.
# - S. Zagoruyko, N. Komodakis. [Wide Residual Networks](https://arxiv.org/abs/1605.07146). 2016.
# - J. Hu and others. [Squeeze-and-Excitation Networks](https://arxiv.org/abs/1709.01507). 2018. Tables and sections of the journal's version.
# - A. Howard and others. [MobileNets](https://arxiv.org/abs/1704.04861). 2017. Depthwise separable convolutions, in a whole network.
# - M. Sandler and others. [MobileNetV2: Inverted Residuals and Linear Bottlenecks](https://arxiv.org/abs/1801.04381). 2018.
# - G. Huang and others. [Densely Connected Convolutional Networks](https://arxiv.org/abs/1608.06993). 2017.
# - Z. Liu and others. [A ConvNet for the 2020s](https://arxiv.org/abs/2201.03545). 2022.
# - A. Dosovitskiy and others. [An Image is Worth 16×16 Words](https://arxiv.org/abs/2010.11929). 2021. Transformers for images.
# - X. Zhang and others. [ShuffleNet](https://arxiv.org/abs/1707.01083). 2018.
# - S. Williams and others. [Roofline](https://doi.org/10.1145/1498765.1498785). 2009. Arithmetic intensity.
# - [Torchvision's models and weights](https://docs.pytorch.org/vision/stable/models.html), with the accuracies stated here.

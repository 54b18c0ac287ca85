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
# # 3. NiN
#
# **Does a convolutional network need fully connected layers?**
#
# In this lesson you
#
# - see what a 1×1 convolution does to a photograph, and check that it is a fully connected
#   layer at every pixel;
# - build NiN, a network without any fully connected layer, and find out why it has so few
#   parameters;
# - measure three of its choices: the 1×1 convolutions, the averaging, and a ReLU on the
#   logits;
# - look into the class maps, which show *where* a network sees a class.
#
# **Time:** 50 minutes, and 75 for questions and exercises. Running every cell takes
# about half a minute.
#
# **You need:** lessons 1 and 2, on AlexNet and VGG. No internet, no GPU.
#
# [Contents](00_contents.ipynb) · [Lesson 2: VGG](02_vgg.ipynb) · [Lesson 4: GoogLeNet](04_googlenet.ipynb)
#
# ## Setup

# %%
import os
import sys

if "google.colab" in sys.modules:  # there, fetch the course; elsewhere it is installed
    os.system("pip install -q --no-deps git+https://github.com/YOUR_NAME/modern-cnns d2l==1.0.3")

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from torch import nn

from course_utils import (at_full_size, digits, exercises, initialize, nets, photograph,
                          plot_runs, predict, print_runs, recorded, runs, show, show_images,
                          tasks, use_style)
from layerwise import lab, look, trace

use_style()

# %% [markdown]
# ## What VGG leaves open
#
# VGG ended with a question. Four fifths of its parameters are in one layer, the first
# after the convolutions. Does a convolutional network need it?
#
# That layer is **fully connected**: it has a weight for every pair of an input and an
# output. PyTorch calls it linear. It reads all the maps at once, flattened.
#
# The notes compare this layer in three networks. They write `1655*120`, `25655*4096` and
# `51277*4096`, where some multiplication signs are missing. Count again, with the networks
# themselves.

# %%
firsts = {}
for name, build, size in (("LeNet", nets.lenet, 28), ("AlexNet", nets.alexnet, 224), ("VGG-11", nets.vgg, 224)):
    with torch.device("meta"):  # shapes without values: no memory
        t = trace(build(), (1, 1, size, size))
    flat, linear = (next(s for s in t.steps if s.op == op) for op in ("Flatten", "Linear"))
    channels, rows, columns = flat.inputs[0][1:]
    weights = channels * rows * columns * linear.output[1]
    firsts[f"{name}: {channels} · {rows} · {columns} · {linear.output[1]:,}"] = weights
    print(f"{name:7} {weights:>11,} weights, {weights / t.params:.0%} of its parameters")

_, ax = plt.subplots(figsize=(6, 1.6))
bars = ax.barh(list(firsts), firsts.values(), color="#0072b2")
ax.bar_label(bars, [f" {weights:,}" for weights in firsts.values()])
ax.set(xscale="log", xlim=(1e4, 2e9), xlabel="weights (logarithmic scale)")
ax.invert_yaxis()
show(f"Bars, the weights of the first fully connected layer: {firsts}")

# %% [markdown]
# *In each of the three networks the first fully connected layer is the largest.*
#
# The notes go on: replace the fully connected layers by 1×1 convolutions, to have fewer
# parameters. Lin, Chen and Yan did something similar in 2013, in *Network in Network*, NiN
# for short. But is it the 1×1 convolution that saves the parameters?
#
# ## Predict
#
# Write your answers down first.
#
# 1. A linear layer reads 384 values and makes 10. Take a 1×1 convolution that reads 384
#    channels and makes 10. Does it have more weights, as many, or fewer?
# 2. NiN begins much like AlexNet, which has 46.8 million parameters. How many does NiN have:
#    about 20, 10 or 2 million?
# 3. What does a ReLU on the ten logits of a network do to its training: nothing, a
#    little, or a lot?
#
# <details><summary>Where the answers are</summary>
#
# 1: *A 1×1 convolution is a fully connected layer*. 2: *Look at the shapes*. 3: *Measure:
# a ReLU on the logits*.
# </details>

# %% [markdown]
# ## What does a 1×1 convolution do?
#
# A 1×1 kernel lies on one pixel. There it reads one value from each channel, multiplies
# each by a weight, and adds up. Such a layer is called a **pointwise convolution**. Take
# an image of 2×2 pixels with two channels, and the weights 2 and −1.

# %%
image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]],     # channel 0
                      [[0.0, 5.0], [1.0, 1.0]]])    # channel 1
weight = torch.tensor([2.0, -1.0]).reshape(1, 2, 1, 1)
print(nn.functional.conv2d(image[None], weight)[0, 0].tolist())

# %% [markdown]
# Check the first by hand: $2 \cdot 1 - 1 \cdot 0 = 2$. No pixel knows its neighbours.
#
# A photograph has three channels: red, green, blue. So a 1×1 convolution mixes colours.
# Each row of a matrix below holds the weights of one output channel.

# %%
mixes = {"grey": [[0.3, 0.59, 0.11]],                       # how bright each colour looks
         "blue cat": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],     # red and blue change places
         "green, not red or blue": [[-4, 8, -4]]}
cat = photograph("cat.jpg", size=128)
shown = {"photograph": cat}
for name, rows in mixes.items():
    weight = torch.tensor(rows, dtype=torch.float32)[:, :, None, None]
    shown[name] = nn.functional.conv2d(cat, weight).relu().clamp(max=1)
show_images([picture[0] for picture in shown.values()], shown, columns=4,
            alt="A cat; the same in grey; the same in blue; all black except for its two green eyes.")

# %% [markdown]
# *On the right a ReLU follows the 1×1 convolution. What is left are the pixels whose green
# is above the average of their red and blue: the eyes.*
#
# Inside a network the channels are not colours but features, such as edges. There a 1×1
# convolution mixes features, at every position.
#
# ## A 1×1 convolution is a fully connected layer
#
# A linear layer too has a weight for each value that it reads, and adds up. So a 1×1
# convolution should be the same as a linear layer that is applied to each pixel in turn.
# Give both the same weights and compare.

# %%
torch.manual_seed(0)
conv = nn.Conv2d(384, 10, kernel_size=1)
linear = nn.Linear(384, 10)
X = torch.randn(2, 384, 5, 5)
with torch.no_grad():
    linear.weight.copy_(conv.weight.reshape(10, 384))
    linear.bias.copy_(conv.bias)
    by_linear = torch.zeros(2, 10, 5, 5)
    for row in range(5):
        for column in range(5):
            by_linear[:, :, row, column] = linear(X[:, :, row, column])
    print("the same outputs:", torch.allclose(conv(X), by_linear, atol=1e-5))
predict("How many weights does a 1×1 convolution have that reads 384 channels and makes 10?",
        conv.weight.numel())

# %% [markdown]
# It is the same layer, with the same 3,840 weights. The 1×1 convolution saves none of them.
#
# Can every linear layer be written as a convolution? AlexNet's first linear layer reads 256
# maps of 5×5 all at once. That is a convolution whose kernel is as large as the map. Here is
# a small one, with 2 maps and 3 outputs.

# %%
linear = nn.Linear(2 * 5 * 5, 3)
conv = nn.Conv2d(2, 3, kernel_size=5)
X = torch.randn(4, 2, 5, 5)
with torch.no_grad():
    conv.weight.copy_(linear.weight.reshape(3, 2, 5, 5))
    conv.bias.copy_(linear.bias)
    print("the same outputs:", torch.allclose(conv(X).flatten(1), linear(X.flatten(1)), atol=1e-5))

# %% [markdown]
# These are two ways of writing the same sums. Writing them differently saves nothing.
#
# ## What saves the parameters
#
# Before NiN makes the logits it has 384 maps of 5×5. To get from there to ten logits there are
# two choices: flatten the maps or average each of them, and have AlexNet's two hidden layers of
# 4,096 units or none. Count the weights, without biases.

# %%
print(f"{'units':15} {'flatten':>10} {'average':>10}")
for hidden in ([4096, 4096], []):
    counts = []
    for start in (384 * 5 * 5, 384):
        widths = [start, *hidden, 10]
        counts.append(sum(into * out for into, out in pairwise(widths)))
    print(f"{', '.join(map(str, widths[1:])):15} {counts[0]:>10,} {counts[1]:>10,}")

# %% [markdown]
# Averaging a whole map is called **global average pooling**. It has no weights at all. A
# unit after it has one weight for each map, and not 25.
#
# Which of the two choices saves the parameters? It depends on the order. If you average first,
# that divides the 56 million by 3, and leaving out the hidden layers then divides by 4,789. In
# the other order the factors are 585 and then 25. Neither choice alone saves as much as both
# together, and NiN makes both.
#
# The number at the lower right, 3,840, is that of a linear layer on 384 averages: first the
# average, then the weights. NiN does it the other way round: first a convolution to ten maps, then
# the average of each. With one 1×1 convolution both give the same logits, because both steps are
# sums.

# %%
conv, average = nn.Conv2d(384, 10, kernel_size=1), nn.AdaptiveAvgPool2d((1, 1))
X = torch.randn(2, 384, 5, 5)
with torch.no_grad():
    print("the same logits:", torch.allclose(average(conv(X)), conv(average(X)), atol=1e-5))

# %% [markdown]
# With the convolution first there is a map for each class, and you can look at it: which
# part of the image raises the logit of *cat*?
#
# ## Build the block
#
# What, then, are 1×1 convolutions for? They make a network deeper at a low cost. Put two of
# them with ReLUs after a convolution. Then at *every position* a small network of three
# layers works on the window: a network in the network. The paper calls it an **mlpconv layer**,
# after the multilayer perceptron (MLP); today it is called a **NiN block**.


# %%
def nin_block(in_channels, out_channels, kernel_size, strides, padding):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, strides, padding),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU())


t = trace(nin_block(96, 256, kernel_size=5, strides=1, padding=2), (1, 96, 26, 26))
for step in t.steps:
    if step.op == "Conv2d":
        print(f"{step.settings['kernel_size']}: output {step.output[1:]}, {step.params:>7,} parameters, "
              f"receptive field {step.receptive_field[0]}×{step.receptive_field[1]}")

# %% [markdown]
# In this block the two 1×1 convolutions together have about a fifth of the 5×5's
# parameters. They change neither the shape nor the receptive field.
#
# NiN takes its windows from AlexNet: 11×11 with stride 4, then 5×5, then 3×3, each
# followed by a 3×3 pooling. The last block makes ten maps, one for each class.

# %%
net = nn.Sequential(
    nin_block(1, 96, kernel_size=11, strides=4, padding=0),    #  96 × 54 × 54
    nn.MaxPool2d(3, stride=2),                                 #  96 × 26 × 26
    nin_block(96, 256, kernel_size=5, strides=1, padding=2),   # 256 × 26 × 26
    nn.MaxPool2d(3, stride=2),                                 # 256 × 12 × 12
    nin_block(256, 384, kernel_size=3, strides=1, padding=1),  # 384 × 12 × 12
    nn.MaxPool2d(3, stride=2),                                 # 384 ×  5 ×  5
    nn.Dropout(0.5),
    nin_block(384, 10, kernel_size=3, strides=1, padding=1),   #  10 ×  5 ×  5
    nn.AdaptiveAvgPool2d((1, 1)),                              #  10 ×  1 ×  1
    nn.Flatten())                                              #  10

# %% [markdown]
# ## Look at the shapes

# %%
X = torch.rand(size=(1, 1, 224, 224))
with torch.no_grad():
    for layer in net:
        X = layer(X)
        print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %%
t = trace(net, (1, 1, 224, 224))
with torch.device("meta"):
    alexnet = trace(nets.alexnet(), (1, 1, 224, 224))
ones = [s for s in t.steps if s.op == "Conv2d" and s.settings["kernel_size"] == (1, 1)]
print(f"{'':19} {'AlexNet':>11} {'NiN':>11} {'its 1×1':>11}")
print(f"parameters          {alexnet.params:>11,} {t.params:>11,} {sum(s.params for s in ones):>11,}")
print(f"in linear layers    {sum(s.params for s in alexnet.steps if s.op == 'Linear'):>11,} {0:>11}")
print(f"MACs                {alexnet.macs:>11,} {t.macs:>11,} {sum(s.macs for s in ones):>11,}")

# %% [markdown]
# NiN has 2.0 million parameters, 23 times fewer than AlexNet, and needs four fifths of its
# MACs. The 1×1 convolutions do not save parameters, they add some: 22 % of NiN's parameters
# and 24 % of its MACs are theirs.
#
# Global average pooling takes maps of any size, so NiN takes images of any size that its
# windows fit into. Such a network is **fully convolutional**.
#
# ## Why these numbers?
#
# | number | where it comes from |
# |---|---|
# | 11×11 with stride 4, 5×5, 3×3; 96, 256, 384 | Taken over from AlexNet. |
# | padding 0 in the first layer | The book's choice. With padding 1, AlexNet's, the maps are 54×54 too. |
# | two 1×1 convolutions | A choice: two more layers at every position. |
# | as many channels in 1×1 as in the window before | A choice. The lesson on GoogLeNet makes use of fewer. |
# | 10 maps at the end | It follows: one for each class. |
# | 3×3 in the last block | A choice: the window of the block before, once more. |
# | dropout 0.5 | Taken over from AlexNet. |
#
# The paper's networks have three blocks, for images of at most 32×32 pixels (section 4).
#
# ## Turn one choice at a time
#
# Here is NiN as a function of its choices. `ones` is the number of 1×1 convolutions in each
# block, and `head` what follows the last 384 maps.


# %%
def block(in_channels, out_channels, *window, ones=2):
    layers = [nn.Conv2d(in_channels, out_channels, *window), nn.ReLU()]
    for _ in range(ones):
        layers += [nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU()]
    return nn.Sequential(*layers)


def nin(kernel_size=11, strides=4, ones=2, head="average"):
    heads = {"average": [block(384, 10, 3, 1, 1, ones=ones), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()],
             "linear": [nn.Flatten(), nn.Linear(384 * 5 * 5, 4096), nn.ReLU(), nn.Linear(4096, 10)]}
    return nn.Sequential(
        block(1, 96, kernel_size, strides, ones=ones), nn.MaxPool2d(3, stride=2),
        block(96, 256, 5, 1, 2, ones=ones), nn.MaxPool2d(3, stride=2),
        block(256, 384, 3, 1, 1, ones=ones), nn.MaxPool2d(3, stride=2),
        nn.Dropout(0.5), *heads[head])


# %%
lab(nin, (1, 1, 224, 224), kernel_size=[7, 9, 11, 13], strides=(2, 6), ones=(0, 3),
    head=["average", "linear"], input_size=[64, 66, 67, 96, 224, 256, 320],
    tasks=tasks.nin.NETWORK)

# %% [markdown]
# ## Measure: do the 1×1 convolutions help?
#
# The block is NiN's own idea. A network with 1×1 convolutions also computes more than the
# same one without, so compare at equal MACs. Take a small NiN for digits of 16×16 pixels, and
# one without 1×1 convolutions that has more channels instead.


# %%
def average_end(channels):
    return nn.Conv2d(channels, 10, kernel_size=1), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()


def small_nin(end=average_end, channels=(8, 16, 32), ones=2):
    first, second, third = channels
    return initialize(nn.Sequential(
        block(1, first, 3, 1, 1, ones=ones), nn.MaxPool2d(3, stride=2),         # 7 × 7
        block(first, second, 3, 1, 1, ones=ones), nn.MaxPool2d(3, stride=2),    # 3 × 3
        block(second, third, 3, 1, 1, ones=ones), *end(third)))


def wide_nin():
    return small_nin(channels=(10, 21, 43), ones=0)


for build in (small_nin, wide_nin):
    t = trace(build(), (1, 1, 16, 16))
    print(f"{build.__name__:9} {t.params:>6,} parameters {t.macs:>7,} MACs, "
          f"{sum(s.op == 'Conv2d' for s in t.steps)} convolutions")

# %% [markdown]
# Each is trained for four epochs with Adam, from three seeds.

# %% tags=["nbval-ignore-output"]
torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=32, size=16, standardize=True, device="cpu")


def trained(build, epochs=4):
    return runs(build, train, test, epochs=epochs, lr=5e-3, optimizer=torch.optim.Adam)


averaged = trained(small_nin)
wide = trained(wide_nin)
with_and_without = {"two 1×1 in each block": averaged, "none, more channels": wide}
print_runs(with_and_without)
plot_runs(with_and_without)

# %% [markdown]
# *One line for each run. In the table a row is one kind and a column one seed.*
#
# On these digits the 1×1 convolutions do not help: the network without them is ahead, and with
# `epochs=8` it still is. One reason may be that four layers are easier to train than ten:
# lesson 5 is about what makes deep networks hard to train. The paper does not make this comparison: it reports what whole
# networks reach on photographs. Later networks took two things from NiN: global average pooling,
# and the 1×1 convolution as a cheap way to change the number of channels (lesson 4).
#
# ## Measure: fully connected against averaging
#
# Does averaging cost accuracy? Give the same NiN another end: flatten, two hidden layers of
# 64 units, ten logits.


# %% tags=["nbval-ignore-output"]
def linear_end(channels):
    return (nn.Flatten(), nn.Linear(channels * 3 * 3, 64), nn.ReLU(),
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


for end in (linear_end, average_end):
    print(f"{end.__name__:11} {sum(p.numel() for p in nn.Sequential(*end(32)).parameters()):>6,} parameters")
connected = trained(lambda: small_nin(linear_end))
heads = {"averaging": averaged, "fully connected": connected}
print_runs(heads)
plot_runs(heads)

# %% [markdown]
# *One line for each run.*
#
# After four epochs the two are a few hundredths apart, although averaging has 71 times fewer
# parameters at its end. Nothing here says that averaging is *better*. The paper reports that it is,
# for photographs (section 4.6): averaging is a **structural regularizer**, the network overfits less. A
# few epochs on easy digits cannot test that.
#
# ## Look inside: a map for each class
#
# The averaging network has a map for each class, and the mean of the map is the class's logit.
# So you can see *where* a class is seen. This is a **class activation map**. A fully connected
# head has none: its first layer mixes all positions.
#
# The network takes images of any size. So show it a canvas with two digits, though it was trained
# on single ones. A digit of 16×16 pixels has maps of 3×3, this canvas of 3×9.

# %% tags=["nbval-ignore-output"]
def in_windows(net, canvas):
    """The class of every window of 16×16 pixels, each four pixels from the one before."""
    maps = net[:-2](canvas)                               # n × 10 × 3 × 9
    return nn.functional.avg_pool2d(maps, 3, stride=1).argmax(1)[:, 0]


small = averaged.nets[0]
canvas = torch.full((180, 1, 16, 40), test.images.min())  # empty paper
canvas[..., :16], canvas[..., 24:] = test.images[:180], test.images[180:]
answers = in_windows(small, canvas)
print("the seven windows of a canvas with a 3 and a 4:", answers[5].tolist())
print(f"right at the left end {(answers[:, 0] == test.labels[:180]).float().mean():.2f}, "
      f"at the right end {(answers[:, 6] == test.labels[180:]).float().mean():.2f}; "
      f"on single digits {averaged.histories[0].test_acc[-1]:.2f}")

# %% [markdown]
# The mean over three columns of the maps is the network's answer for 16×16 pixels of the
# canvas and a few around them. One column further is four pixels further. So one run answers
# for seven windows. The first and the last window hold a whole digit, and most answers there are
# right. They can be less often right than on single digits, because in training every digit had
# zeros of padding around it. The windows in between hold no whole digit, and the
# network names one all the same: it has no answer for "no digit".
#
# Here is that canvas with the maps of its two digits. Softmax depends only on differences
# between logits, so at each position the mean of the ten classes is subtracted.


# %% tags=["nbval-ignore-output"]
def show_maps(image, maps, classes, names, width, alt):
    """An image, and beside it the class activation maps of some classes."""
    maps = maps - maps.mean(0)
    most = maps[classes].abs().max()
    _, axes = plt.subplots(1, 1 + len(classes), figsize=(width, 1.8))
    axes[0].imshow(image, cmap="gray_r")
    for ax, number in zip(axes[1:], classes):
        ax.imshow(maps[number], cmap="RdBu_r", vmin=-most, vmax=most)
        ax.set_title(f"{names[number]}: {maps[number].mean():z.1f}")  # z: no minus before 0.0
    for ax in axes:
        ax.axis("off")
    show(alt)


show_maps(canvas[5, 0], small[:-2](canvas[5:6])[0].detach(), [3, 4], test.classes, 8,
          "A canvas with a 3 and a 4, and a map of 3×9 fields in red and blue for each of them.")

# %% [markdown]
# *Red raises the logit of the class, blue lowers it. The number is the mean of the whole map: near 0
# or below it where blue on the other digit outweighs the red. Is each map red on its own digit only?
# In other pairs a stroke of one digit may raise the other's logit.*
#
# In this way networks find objects in large images, and give every pixel its class (Long and
# others 2015).
#
# ## Measure: a ReLU on the logits
#
# In the notes, as in the book, the last NiN block ends with a ReLU too. So no logit is ever
# negative. What does that do?
#
# A logit of 0 means that the ReLU's output is 0 at every position, and there its gradient is 0
# too. So on this image nothing pulls the logit up again, but for what other logits change in the
# layers below. See what is left of the gradient in a network where all ten logits are 0, as a single
# step that is too large can cause.


# %%
def relu_end(channels):
    return nn.Conv2d(channels, 10, kernel_size=1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()


for end in (average_end, relu_end):
    torch.manual_seed(0)
    broken = small_nin(end)
    nn.init.constant_(broken[5].bias, -100.0)  # every logit is far below 0
    loss = nn.functional.cross_entropy(broken(train.images[:64]), train.labels[:64])
    loss.backward()
    zero = all((p.grad == 0).all() for p in broken.parameters())
    print(f"{end.__name__:11} loss {loss:.3f}, every gradient exactly 0: {zero}")

# %% [markdown]
# With the ReLU all logits are equal, so softmax gives each class a tenth, and the loss is
# $\ln 10 = 2.303$. Every gradient is 0, so these images teach the network nothing any
# more. Without the ReLU the gradients are not 0, and the network can go on learning.
#
# Does it happen? Train with the ReLU, and also with the notes' end, a whole NiN block with
# ten channels. A logit that is 0 for every test image is **dead**: its class is never
# answered. With $d$ of them the accuracy can be about $(10 - d)/10$ at most: the `ceiling` below.
# (It does not count class 0. Where all ten logits are 0, `argmax` takes the first, so class 0 can be
# answered although its logit is dead.)


# %% tags=["nbval-ignore-output"]
def block_end(channels):
    return block(channels, 10, 3, 1, 1), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()


def dead(net):
    return (net(test.images) == 0).all(0)


ends = {"averaging": averaged, "ReLU, averaging": trained(lambda: small_nin(relu_end)),
        "NiN block, averaging": trained(lambda: small_nin(block_end))}
for name, kind in ends.items():
    for seed, trained_net, run in zip(kind.seeds, kind.nets, kind):
        d = dead(trained_net)
        print(f"{name:20}  seed {seed}  dead {d.sum()}  ceiling {1 - d[1:].sum() / 10:.1f}  "
              f"accuracy {run.test_acc[-1]:.2f}")
plot_runs(ends)

# %% [markdown]
# *One line for each run.*
#
# With a ReLU on its logits a run can lose several classes, and no gradient of theirs brings them back;
# another run loses none and learns, though here it is behind the runs without this ReLU. So this
# ReLU is a risk, and nothing here shows an advantage of it: leave it out of your networks.
#
# The notes' block is another case. Most of its runs are behind too, although hardly any of their
# logits are dead. A logit need not be dead to learn slowly: it gets no gradient from the images for
# which it is 0. Or is it because the block has only ten channels? See exercise 3.
#
# ## On photographs
#
# A NiN was trained once on the 32×32 photographs of CIFAR-10, and AlexNet and VGG too, all
# narrower than the originals. This NiN has no ReLU on its logits.

# %%
photo_net, recording = recorded.load("nin")
others = [recorded.run(name) for name in ("alexnet", "vgg")]
for run in (*others, recording):
    print(run)
plot_runs({run.name: [run] for run in (*others, recording)})

# %% [markdown]
# *Test accuracy after each epoch; guessing gives 0.1.* With one seed, few epochs (three for NiN,
# four for the others), different numbers of parameters and a JPEG copy of the photographs, this is
# no fair comparison. It shows that a
# network without any fully connected layer learns photographs. The paper's NiN, much wider and
# trained for longer, is right in about 90 % of them (section 4.2).
#
# ## Where does it see a cat?
#
# Now the cat. `look` opens every layer: click the boxes from left to right and
# point at a map. How large is the part of the image that one unit sees?
#
# Then come the maps of the three classes with the highest logits: 7×7 for the cat in 32×32
# pixels, as in training, and 15×15 for the cat in 64×64.

# %% tags=["nbval-ignore-output"]
look(photo_net, recording.prepare(photograph("cat.jpg")))

# %% tags=["nbval-ignore-output"]
for size in (32, 64):
    image = photograph("cat.jpg", size)
    with torch.no_grad():
        maps = photo_net[:-2](recording.prepare(image))[0]
    best = maps.mean((1, 2)).argsort(descending=True)[:3].tolist()
    show_maps(image[0].permute(1, 2, 0), maps, best, recording.classes, 7,
              f"The cat, and the class activation maps of {[recording.classes[i] for i in best]}.")

# %% [markdown]
# *Red raises the logit of the class, blue lowers it; each row has a colour scale of its own. The
# number is the mean of the map. Which parts of the face raise which class?*
#
# A position of these maps sees 23×23 pixels: half of the small photograph, an eighth of the
# large one. The large maps are finer, but the network learned cats at another size, and its
# answers may differ. Averaging makes every size possible, not every size equally good.
#
# ## Train at full size
#
# The book trains NiN on Fashion-MNIST at 224×224 pixels: ten epochs in batches of 128 with
# a learning rate of 0.1, from Xavier's initialization:
# `d2l.train_ch6(net, train_iter, test_iter, 10, 0.1, d2l.try_gpu())`. It takes minutes on a
# GPU and hours on a CPU. If the loss stays at 2.303, check whether all logits are dead.

# %% tags=["nbval-ignore-output"]
at_full_size(initialize(net, nn.init.xavier_uniform_), size=224, epochs=10, lr=0.1)

# %% [markdown]
# ## Questions
#
# Answer in two or three sentences, in writing, before you unfold.
#
# **1.** Correct this sentence of the notes: "Replacing the fully connected layers by 1×1
# convolutions reduces the parameters."
#
# <details><summary>Answer</summary>
#
# A 1×1 convolution is a fully connected layer at every pixel and has the same weights.
# What reduces the parameters is that the last maps are averaged over their positions, so
# that no layer has weights for every position, and that the wide hidden layers are left
# out.
# </details>
#
# **2.** Why does NiN take images of any size from 67×67 on, and VGG-11 only from 224 to
# 255?
#
# <details><summary>Answer</summary>
#
# Convolutions and poolings take maps of any size that is large enough for their windows,
# and global average pooling makes one value of a map of any size. Each of the 4,096 units
# of VGG's first linear layer has a weight for each of 512 · 7 · 7 values, and needs that many.
# </details>
#
# **3.** Averaging throws away where something was seen. When is that right, and when
# not?
#
# <details><summary>Answer</summary>
#
# It is right when the class does not depend on the place: a flower is a flower in any
# corner. It is wrong when the place is the answer, as in a chess position, or in finding
# where a thing is. Then use the maps before the average.
# </details>
#
# ## Exercises
#
# Write your answer in place of `...`, and run the cell and the check below it. The check names what is
# wrong, and where to look. For a hint, remove the `#` in front of it; hints come one at a time.

# %% [markdown]
# ### The NiN block
#
# *easy, 10 minutes*
#
# Write a NiN block whose three convolutions may differ in their output channels,
# `my_nin_block(in_channels, widths, kernel_size, strides, padding)`. `widths` holds three numbers,
# such as `(192, 160, 96)`: the channels that the convolution with this kernel makes, and those of the
# two 1×1 convolutions (pointwise convolutions) after it. A ReLU follows each of the three.

# %% tags=["exercise"]
def my_nin_block(in_channels, widths, kernel_size, strides, padding):
    ### BEGIN SOLUTION
    first, second, third = widths
    return nn.Sequential(
        nn.Conv2d(in_channels, first, kernel_size, strides, padding), nn.ReLU(),
        nn.Conv2d(first, second, kernel_size=1), nn.ReLU(),
        nn.Conv2d(second, third, kernel_size=1), nn.ReLU(),
    )
    ### END SOLUTION

# %%
exercises.nin.block.check(my_nin_block)

# %%
# exercises.nin.block.hint()      # one hint at a time
# exercises.nin.block.solution()

# %% [markdown]
# ### A head without linear layers
#
# *medium, 10 minutes*
#
# Write `nin_head(in_channels, num_classes)`: a NiN block with 3×3 windows that keeps
# the size and makes a map for each class, but without the ReLU after its last convolution. Then comes
# global average pooling. The head takes maps of any size, and gives (images, classes). Use
# `nin_block`.

# %% tags=["exercise"]
def nin_head(in_channels, num_classes):
    ### BEGIN SOLUTION
    return nn.Sequential(
        *nin_block(in_channels, num_classes, kernel_size=3, strides=1, padding=1)[:-1],
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )
    ### END SOLUTION

# %%
exercises.nin.head.check(nin_head)

# %%
# exercises.nin.head.hint()      # one hint at a time
# exercises.nin.head.solution()

# %% [markdown]
# ## More exercises
#
# ### 1. Which sizes?
#
# *easy, 10 minutes*
#
# Show by hand that 67 is the smallest image that NiN takes. Work backwards from the last
# pooling.
#
# <details><summary>Solution</summary>
#
# The third pooling needs 3 rows, so the second needs 7 and the first 15: from $n$ rows a
# 3×3 window with stride 2 makes $\lfloor (n-3)/2 \rfloor + 1$. 15 rows come from
# $14 \cdot 4 + 11 = 67$ pixels.
# </details>
#
# ### 2. A VGG without its head
#
# *medium, 15 minutes*
#
# Take VGG-11's blocks and put global average pooling and one linear layer after them.
# How many parameters are left of 128.8 million? What is the smallest image that it
# takes?
#
# <details><summary>Solution</summary>
#
# 9,224,458, which is 7 %. It takes images from 32×32 on: five halvings leave one row.
# </details>
#
# ### 3. Only the last ReLU
#
# *medium, 20 minutes*
#
# Why does the notes' block learn slowly: because of the ReLU, or because two of its layers read
# only ten channels? Write an end like `block_end` whose block has lost its last ReLU,
# `block(...)[:-1]`, and train it from three seeds.
#
# <details><summary>Solution</summary>
#
# It is the ReLU. After four epochs the runs without it are about where those of the 1×1
# convolution alone are, and on average well ahead of the whole block. Train for ten epochs, and
# the block has nearly caught up: a logit that is 0 for some images only still gets a gradient
# from the others.
# </details>

# %% [markdown]
# ## What you have seen
#
# - A 1×1 convolution is a fully connected layer at every pixel. It mixes channels, sees no
#   neighbours, and saves no parameters.
# - NiN has 1,992,166 parameters and not one of them in a linear layer. It averages its
#   last maps and leaves out the wide hidden layers; how much each saves depends on the
#   order. On the digits averaging ended close to a head with 71 times its parameters.
# - Class activation maps show where a class is seen, in images of any size. A ReLU on the
#   logits can kill them: a dead logit has no gradient to bring it back.
#
# NiN still picks its windows as AlexNet did: 11×11, then 5×5, then 3×3. VGG took 3×3
# everywhere. Which is right? The next lesson, on GoogLeNet, does not decide. It takes
# several sizes at once, and 1×1 convolutions keep that affordable.
#
# Next: [Lesson 4: GoogLeNet](04_googlenet.ipynb)
#
# ## References
#
# - M. Lin, Q. Chen, S. Yan. [Network In
#   Network](https://arxiv.org/abs/1312.4400). 2013. Sections named here are of this paper.
# - J. Long, E. Shelhamer, T. Darrell. [Fully Convolutional Networks for Semantic
#   Segmentation](https://arxiv.org/abs/1411.4038). 2015. Linear layers written as
#   convolutions, to have a map of scores.
# - B. Zhou and others. [Learning Deep Features for Discriminative
#   Localization](https://arxiv.org/abs/1512.04150). 2016. Class activation maps from global
#   average pooling.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep
#   Learning](https://d2l.ai). Section 8.3 (NiN), with a learning rate of 0.05; in earlier
#   editions section 7.3, with 0.1.

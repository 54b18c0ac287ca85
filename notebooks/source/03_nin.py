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
# - see that a 1×1 convolution is a fully connected layer at every pixel;
# - build NiN, a network without any large linear layer, and find out what it is that
#   saves the parameters;
# - measure a fully connected head against averaging, and what a ReLU on the scores
#   does.
#
# **Time:** 50 minutes, and 75 for questions and exercises. Running every cell takes
# less than a minute.
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
import matplotlib.pyplot as plt
import torch
from torch import nn

from course_utils import best_device, digits, fashion_mnist, fit, nets, tasks
from layerwise import draw, lab, look, print_shapes, table, trace

BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"  # for colour-blind readers
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## What VGG leaves open
#
# VGG ended with a question. Four fifths of its parameters are in one linear layer, the
# first behind the convolutions. Does a convolutional network need it?
#
# The notes behind this course compare that layer in three networks. They write
# `1655*120`, `25655*4096` and `51277*4096`: some signs of multiplication got lost. Count
# again, with the networks themselves.

# %%
firsts = {}
for name, build, size in (("LeNet", nets.lenet, 28), ("AlexNet", nets.alexnet, 224),
                          ("VGG-11", nets.vgg, 224)):
    with torch.device("meta"):  # shapes without numbers: no memory
        t = trace(build(), (1, 1, size, size))
    flat = next(step for step in t.steps if step.op == "Flatten")
    linear = next(step for step in t.steps if step.op == "Linear")
    channels, rows, columns = flat.inputs[0][1:]
    firsts[name] = weights = channels * rows * columns * linear.output[1]
    print(f"{name:8} {channels:>3} · {rows} · {columns} · {linear.output[1]:>5,} = {weights:>11,}, "
          f"{weights / t.params:.0%} of its parameters")

_, ax = plt.subplots(figsize=(6, 1.8))
ax.barh(list(firsts), firsts.values(), color=BLUE)
for place, weights in enumerate(firsts.values()):
    ax.text(weights + 1e6, place, f"{weights:,}", va="center")
ax.set(xlim=(0, 1.25e8), xticks=[0, 5e7, 1e8], xticklabels=["0", "50 million", "100 million"])
ax.invert_yaxis()
plt.show()

# %% [markdown]
# *The weights of the first fully connected layer. LeNet's bar is there too; it is too
# short to see.*
#
# In each of the three it is the largest layer. A **fully connected** layer, which
# PyTorch calls linear, has a weight for every pair of a number that comes in and a
# number that goes out, and here all the maps come in.
#
# The notes go on: replace the fully connected layers by 1×1 convolutions, to have fewer
# parameters. Min Lin, Qiang Chen and Shuicheng Yan did something like it in 2013, in
# *Network in Network*, NiN for short. But is it the 1×1 convolution that saves?
#
# ## Predict
#
# Write your answers down before you go on.
#
# 1. A linear layer reads 384 numbers and makes 10. How many weights has it? How many
#    has a 1×1 convolution that reads 384 channels and makes 10?
# 2. NiN begins much like AlexNet, which has 46.8 million parameters. How many has NiN:
#    about 20, 10 or 2 million?
# 3. What does a ReLU behind the ten scores of a network do to its training: nothing, a
#    little, or a lot?
#
# <details><summary>Where the answers are</summary>
#
# 1: *What does a 1×1 convolution do?* 2: *Look at the shapes*. 3: *Measure: a ReLU on
# the scores*.
# </details>

# %% [markdown]
# ## What does a 1×1 convolution do?
#
# A 1×1 filter lies on one pixel. There it reads a number from each channel, multiplies
# each by a weight, and adds up. A convolution with such filters is a **pointwise
# convolution**. Take an image of 2×2 pixels with two channels, and the
# weights 2 and −1.

# %%
image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]],     # channel 0
                      [[0.0, 5.0], [1.0, 1.0]]])    # channel 1
weight = torch.tensor([2.0, -1.0]).reshape(1, 2, 1, 1)
print(nn.functional.conv2d(image[None], weight)[0, 0].tolist())

# %% [markdown]
# Check the first by hand: $2 \cdot 1 - 1 \cdot 0 = 2$. Every pixel is treated alike, and
# none knows of its neighbours.
#
# A weight for each number that comes in, and a sum: that is a linear layer. So a 1×1
# convolution should be the same as a linear layer that is put on each pixel in turn.
# Give both the same weights and compare.

# %%
torch.manual_seed(0)
conv = nn.Conv2d(384, 10, kernel_size=1)
linear = nn.Linear(384, 10)
with torch.no_grad():
    linear.weight.copy_(conv.weight.reshape(10, 384))
    linear.bias.copy_(conv.bias)
    X = torch.randn(2, 384, 5, 5)
    by_conv = conv(X)
    by_linear = torch.zeros(2, 10, 5, 5)
    for row in range(5):
        for column in range(5):
            by_linear[:, :, row, column] = linear(X[:, :, row, column])
print("the same numbers:", torch.allclose(by_conv, by_linear, atol=1e-5))
print("weights:", conv.weight.numel(), "and", linear.weight.numel())

# %% [markdown]
# It is the same layer, with the same 3,840 weights. A 1×1 convolution does not save a
# single one.
#
# And the other way round? The layer behind AlexNet's last maps reads 256 maps of 5×5
# all at once. That is a convolution too: one whose filter is as large as the map. Here
# is the same in small, with 2 maps and 3 outputs.

# %%
linear = nn.Linear(2 * 5 * 5, 3)
conv = nn.Conv2d(2, 3, kernel_size=5)
with torch.no_grad():
    conv.weight.copy_(linear.weight.reshape(3, 2, 5, 5))
    conv.bias.copy_(linear.bias)
    X = torch.randn(4, 2, 5, 5)
    print("the same numbers:", torch.allclose(conv(X).flatten(1), linear(X.flatten(1)), atol=1e-5))
with torch.device("meta"):
    print(f"AlexNet's, as a convolution: {nn.Conv2d(256, 4096, 5, bias=False).weight.numel():,}")

# %% [markdown]
# "Fully connected" and "convolution" are two ways of writing the same sums. Writing
# them differently saves nothing.
#
# ## What saves the parameters
#
# NiN's last maps, before it makes scores, are 384 of 5×5. Here are five ways from there
# to ten scores. Only weights are counted, without biases.

# %%
ways = {
    "flatten, 4096, 4096, 10, as AlexNet does": [384 * 5 * 5 * 4096, 4096 * 4096, 4096 * 10],
    "the first of these as a 5×5 convolution ": [4096 * 384 * 5 * 5, 4096 * 4096, 4096 * 10],
    "flatten, 10                             ": [384 * 5 * 5 * 10],
    "average each map, 10                    ": [384 * 10],
    "1×1 convolution to 10 maps, average each": [10 * 384 * 1 * 1],
}
for way, weights in ways.items():
    print(f"{way}  {sum(weights):>10,}")

# %% [markdown]
# Two steps save. The hidden layers of 4,096 are left out: from 56 million to 96
# thousand. And the 25 positions of a map are averaged, so that there is one weight for
# a map and not 25 of them: from 96,000 to 3,840. Averaging a whole map is called **global
# average pooling**. It has no weights at all.
#
# The last two lines are the same again. Both average and weigh up channels, and for
# sums it does not matter which you do first.

# %%
conv, average = nn.Conv2d(384, 10, kernel_size=1), nn.AdaptiveAvgPool2d((1, 1))
X = torch.randn(2, 384, 5, 5)
with torch.no_grad():
    print("the same scores:", torch.allclose(average(conv(X)), conv(average(X)), atol=1e-5))

# %% [markdown]
# There is a reason to do the convolution first. Then there is a map for each class, and
# you can look at it: which part of the image speaks for a 3? You will do that below.
#
# ## Build the block
#
# What, then, are 1×1 convolutions for? They make a network deeper, and cheaply. A
# convolution with a ReLU is a simple judge of what it sees in its window. Put a linear
# layer, a ReLU, another linear layer and another ReLU behind it *at every position*, and
# each window is judged by a small network. It is a network in the network.


# %%
def nin_block(in_channels, out_channels, kernel_size, strides, padding):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, strides, padding),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU())


print_shapes(nin_block(1, 96, kernel_size=11, strides=4, padding=0), (1, 1, 224, 224))
t = trace(nin_block(96, 256, kernel_size=5, strides=1, padding=2), (1, 96, 26, 26))
for step in t.steps:
    if step.op == "Conv2d":
        print(f"{step.settings['kernel_size']}: {step.params:>7,} parameters, "
              f"sees {step.receptive_field[0]}×{step.receptive_field[1]}")

# %% [markdown]
# In the second block the two 1×1 convolutions together have about a fifth of the 5×5's
# parameters. The receptive field stays as it is: a 1×1 filter looks no further.
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
draw(net, (1, 1, 224, 224))

# %% [markdown]
# *Each frame is a NiN block: a window, then two 1×1 convolutions, which leave the shape
# as it is. The last block makes ten maps, and each is averaged to one number.*

# %%
table(net, (1, 1, 224, 224))

# %%
t = trace(net, (1, 1, 224, 224))
with torch.device("meta"):
    alexnet = trace(nets.alexnet(), (1, 1, 224, 224))
print(f"            {'AlexNet':>11} {'NiN':>11}")
print(f"parameters  {alexnet.params:>11,} {t.params:>11,}")
print(f"in linear   {sum(s.params for s in alexnet.steps if s.op == 'Linear'):>11,} "
      f"{sum(s.params for s in t.steps if s.op == 'Linear'):>11,}")
print(f"MACs        {alexnet.macs:>11,} {t.macs:>11,}")

ones = [s for s in t.steps if s.op == "Conv2d" and s.settings["kernel_size"] == (1, 1)]
assert round(alexnet.params / t.params) == 23
assert round(sum(s.params for s in ones) / t.params, 2) == 0.22
assert round(sum(s.macs for s in ones) / t.macs, 2) == 0.24

# %% [markdown]
# NiN has 2.0 million parameters, 23 times fewer than AlexNet, and four fifths of its
# MACs. The 1×1 convolutions do not save these parameters, they add to them: 22 % of
# NiN's parameters and 24 % of its MACs are theirs. What saves is that the last maps are
# averaged, and no layer of 4,096 follows.
#
# Nothing in NiN depends on the size of the image any more. Averaging takes maps of any
# size.
#
# ## Why these numbers?
#
# | number | where it comes from |
# |---|---|
# | 11×11 with stride 4, 5×5, 3×3; 96, 256, 384 | Taken over from AlexNet. |
# | padding 0 in the first layer | The book's choice. With padding 1, AlexNet's, the maps are 54×54 too. |
# | two 1×1 convolutions | A choice: a hidden layer and an output layer at every position. |
# | as many channels in 1×1 as in the window before | A choice. The lesson on GoogLeNet makes use of fewer. |
# | 10 maps at the end | It follows: one for each class. |
# | 3×3 in the last block | A choice: the window of the block before, once more. |
# | dropout 0.5 | Taken over from AlexNet. |
#
# The network of the paper is smaller: three blocks, for images of at most 32×32 pixels
# (section 4). The one here is the book's, for images of 224×224.

# %% [markdown]
# ## Turn one choice at a time
#
# Here is NiN as a function of a few choices. Called without any, it builds the network
# above. `ones` is the number of 1×1 convolutions in each block, and `head` what comes
# behind the last 384 maps.


# %%
def nin(kernel_size=11, strides=4, ones=2, head="average"):
    def block(in_channels, out_channels, *window):
        layers = [nn.Conv2d(in_channels, out_channels, *window), nn.ReLU()]
        for _ in range(ones):
            layers += [nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU()]
        return nn.Sequential(*layers)

    if head == "average":
        end = [block(384, 10, 3, 1, 1), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()]
    else:
        end = [nn.Flatten(), nn.Linear(384 * 5 * 5, 4096), nn.ReLU(), nn.Linear(4096, 10)]
    return nn.Sequential(
        block(1, 96, kernel_size, strides), nn.MaxPool2d(3, stride=2),
        block(96, 256, 5, 1, 2), nn.MaxPool2d(3, stride=2),
        block(256, 384, 3, 1, 1), nn.MaxPool2d(3, stride=2),
        nn.Dropout(0.5), *end)


# %%
lab(nin, (1, 1, 224, 224), kernel_size=[7, 9, 11, 13], strides=(2, 6), ones=(0, 3),
    head=["average", "linear"], input_size=[64, 66, 67, 96, 224, 256, 320],
    tasks=tasks.nin.NETWORK)

# %% [markdown]
# ## Measure: fully connected against averaging
#
# Does averaging cost accuracy? Take a small NiN for digits of 16×16 pixels: three
# blocks, whose last maps are 64 of 3×3. Then two ends:
#
# - *fully connected*: flatten, two hidden layers of 64, ten scores;
# - *averaging*: a 1×1 convolution to ten maps, global average pooling.
#
# Two further ends are for the next section. As before, the first weights are Kaiming's,
# and the pixels are shifted and scaled to a mean of 0 and a standard deviation of 1.


# %%
def small_nin(end):
    """Three NiN blocks for 16×16 pixels, 64 × 3 × 3 at last, and one of four ends."""
    ends = {
        "fully connected": [nn.Flatten(), nn.Linear(64 * 3 * 3, 64), nn.ReLU(),
                            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)],
        "averaging": [nn.Conv2d(64, 10, 1), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()],
        "ReLU, averaging": [nn.Conv2d(64, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)),
                            nn.Flatten()],
        "NiN block, averaging": [nin_block(64, 10, 3, 1, 1), nn.AdaptiveAvgPool2d((1, 1)),
                                 nn.Flatten()],
    }
    net = nn.Sequential(
        nin_block(1, 16, 3, 1, 1), nn.MaxPool2d(3, stride=2),
        nin_block(16, 32, 3, 1, 1), nn.MaxPool2d(3, stride=2),
        nin_block(32, 64, 3, 1, 1), *ends[end])
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return net


torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=32, size=16, device="cpu")
mean, std = train.images.mean(), train.images.std()
train.images, test.images = (train.images - mean) / std, (test.images - mean) / std
for end in ("fully connected", "averaging"):
    small = small_nin(end)
    print(f"{end:16} {sum(p.numel() for p in small.parameters()):>7,} parameters, "
          f"{sum(p.numel() for p in small[5:].parameters()):>7,} of them at the end")

# %% [markdown]
# Five times through the training images with Adam, three seeds of each kind.


# %%
def trained(end, seed):
    """The trained network, and its History."""
    torch.manual_seed(seed)
    net, adam = small_nin(end), torch.optim.Adam
    return net, fit(net, train, test, epochs=5, lr=5e-3, seed=seed, optimizer=adam)


def plot_runs(ax, runs, colour, label, height):
    """One line for each run: test accuracy after each epoch."""
    for _, run in runs:
        ax.plot([1, 2, 3, 4, 5], run.test_acc, "o-", markersize=3, color=colour)
    ax.text(5.15, height, label, color=colour, fontweight="bold")
    ax.set(xlabel="epoch", ylim=(0, 1), xticks=[1, 2, 3, 4, 5])


# %%
connected = [trained("fully connected", seed) for seed in range(3)]
averaged = [trained("averaging", seed) for seed in range(3)]
ends_connected, ends_averaged = ([run.test_acc[-1] for _, run in runs] for runs in (connected, averaged))
assert min(sum(ends_connected), sum(ends_averaged)) / 3 > 0.8
assert abs(sum(ends_connected) - sum(ends_averaged)) / 3 < 0.1
print("Both kinds end above 0.8 on average, and less than 0.1 from one another.")

_, ax = plt.subplots(figsize=(6, 3), layout="constrained")
plot_runs(ax, connected, ORANGE, "fully connected:\n41,738 parameters", 0.95)
plot_runs(ax, averaged, BLUE, "averaging:\n650 parameters", 0.7)
ax.set_ylabel("test accuracy")
plt.show()

# %% [markdown]
# *Each line is one run; there are three of each kind. The fully connected end is faster
# at first. After five epochs the two kinds are close together.*
#
# The head has 64 times fewer parameters, and on average the runs end less than 0.1
# apart. Three runs of each kind cannot tell whether the rest is chance. What this does
# not show either: that averaging is *better*. The paper says so, for CIFAR-10
# photographs: averaging overfits less (section 4.6). Five epochs on easy digits are no
# test of that.
#
# ## Look at the maps
#
# The averaging network has a map for each class, and the average of the map is the
# score of the class. So you can look into a score: which parts of the image speak for
# the class, and which against it? Here is a test image that one of your networks
# gets right, with its ten maps.

# %%
small, _ = averaged[0]
with torch.no_grad():
    maps = small[:-2](test.images)  # 360 × 10 × 3 × 3
    scores = small(test.images)
print("each score is the mean of its map:", torch.allclose(maps.mean((2, 3)), scores, atol=1e-5))

right = (scores.argmax(1) == test.labels).nonzero()[0].item()
_, axes = plt.subplots(1, 11, figsize=(9, 1.2), layout="constrained")
axes[0].imshow(test.images[right, 0], cmap="gray_r")
axes[0].set_title("image", fontsize=9)
for digit, (ax, grid) in enumerate(zip(axes[1:], maps[right])):
    ax.imshow(grid, cmap="RdBu_r", vmin=-maps[right].abs().max(), vmax=maps[right].abs().max())
    ax.set_title(f"{digit}: {grid.mean():.1f}", fontsize=9)
for ax in axes:
    ax.axis("off")
plt.show()

# %% [markdown]
# *Left: the image. Then the map of each class, 3×3 numbers, and above it the class and
# its score. Red speaks for the class, blue against it. The score of the image's own
# class is the highest.*
#
# A fully connected head cannot be looked into in this way: it mixes all positions in its
# first layer. Maps of this kind, on larger images, are used to find out what a network
# looks at (Zhou and others 2016).
#
# `look` opens every layer for the same image. Click the boxes from left to right and point
# at a map: how large is the part of the image that one pixel sees, and can you still
# recognize the digit?

# %% tags=["nbval-ignore-output"]
look(small, test.images[right])

# %% [markdown]
# ## Measure: a ReLU on the scores
#
# Every NiN block ends with a ReLU, and so does the last one. In the notes, as in the
# book, the ten scores have passed a ReLU: none of them is ever negative. What does that
# do? Look at untrained networks first.

# %%
for seed in range(3):
    torch.manual_seed(seed)
    with torch.no_grad():
        scores = small_nin("ReLU, averaging")(test.images)
    assert 0.01 < (scores == 0).float().mean() < 0.9 and scores.min() == 0
print("In three untrained networks a part of the scores is exactly 0, and none is below.")

# %% [markdown]
# A score of 0 means: at every position the ReLU cut off. Behind a cut the gradient is 0
# too. So if an image's own class has the score 0, nothing pulls that score up. See what
# is left of the gradient in a network where all ten are cut off, as one step too long
# can do.

# %%
for end in ("averaging", "ReLU, averaging"):
    torch.manual_seed(0)
    small = small_nin(end)
    nn.init.constant_(small[5].bias, -100.0)  # every score is far below 0
    loss = nn.functional.cross_entropy(small(train.images[:64]), train.labels[:64])
    loss.backward()
    zero = all((p.grad == 0).all() for p in small.parameters())
    print(f"{end:16} loss {loss:.3f}, every gradient exactly 0: {zero}")

# %% [markdown]
# With the ReLU all scores are equal, so softmax gives each class a tenth, and the loss is
# $\ln 10 = 2.303$. No weight has a gradient, so no step changes anything, ever. Without
# the ReLU the network can learn its way back.
#
# Does it happen? Train with the ReLU, and also with the end that the notes have: a whole
# NiN block with ten channels, which ends with the same ReLU.

# %%
with_relu = [trained("ReLU, averaging", seed) for seed in range(3)]
with_block = [trained("NiN block, averaging", seed) for seed in range(3)]


def dead(runs):
    """How many of each network's ten scores are 0 for every test image."""
    with torch.no_grad():
        return [(net(test.images) == 0).all(0).sum().item() for net, _ in runs]


ends_relu = [run.test_acc[-1] for _, run in with_relu]
assert sum(ends_relu) / 3 < sum(ends_averaged) / 3 - 0.05
assert sum(dead(averaged)) == 0 < sum(dead(with_relu))
print("The same ends with a ReLU on the scores: more than 0.05 less accurate on average.")
print("Scores that are 0 for every test image: some with the ReLU, none without.")

_, ax = plt.subplots(figsize=(6, 3), layout="constrained")
plot_runs(ax, averaged, BLUE, "averaging", 0.9)
plot_runs(ax, with_relu, PINK, "ReLU, averaging", 0.6)
plot_runs(ax, with_block, GREEN, "NiN block, averaging", 0.7)
ax.set_ylabel("test accuracy")
plt.show()

# %% [markdown]
# *Each line is one run; there are three of each kind. With the ReLU on the scores (pink)
# the runs end lower, and some hardly get started. At 0.1 a network only guesses.*
#
# So a ReLU on the scores can do a lot of harm. It also says nothing that is needed: a
# score below 0, "this is certainly not a 3", is useful, as the blue parts of the maps
# are.
#
# Be careful with the green lines. The NiN block differs from the 1×1 convolution in more
# than its last ReLU: it squeezes 64 channels into ten, and passes these ten through two
# more layers. Exercise 3 takes the two apart.
#
# The notes' NiN can be trained all the same, with other first weights and other steps. A
# ReLU on the scores is a risk, not a verdict. Without it the risk is gone, so leave it
# out of yours.
#
# ## Train at full size
#
# Two epochs of the notes' `train_ch6` on the digits, with the averaging network. It
# starts from weights of its own, by Xavier's rule, and takes plain gradient steps.

# %% tags=["nbval-ignore-output"]
from d2l import torch as d2l

d2l.train_ch6(small_nin("averaging"), train, test, 2, 0.1, d2l.try_gpu())

# %% [markdown]
# *The loss hardly moves from $\ln 10 = 2.303$, and the accuracy is that of guessing or
# little better. No score is dead here, for no ReLU is on the scores. But plain steps
# from these weights make NiN start slowly. Your numbers differ from the ones stored here;
# the speed is that of your machine.*
#
# With Adam and Kaiming's weights this same network learned in a few epochs: the blue lines.
# How a deep network starts depends on its first weights and on the optimizer as much as
# on its layers. Lesson 5, on batch normalization, makes it depend less.
#
# The book, in its editions with `train_ch6`, trains NiN on Fashion-MNIST at 224×224
# pixels: ten epochs in batches of 128 with steps of 0.1. It takes minutes on a GPU and
# hours on a CPU. If the loss stays at 2.303, it is slow to start, or its scores are
# dead: look whether all of them are 0.

# %% tags=["nbval-ignore-output"]
import os

FULL_SIZE = best_device().type != "cpu"  # set it to True to train on whatever there is
if not FULL_SIZE:
    print("Skipped: there is no GPU, and a CPU needs hours. To run it all the same, "
          "set FULL_SIZE = True in this cell, and run it.")
else:
    torch.set_num_threads(os.cpu_count())
    try:
        data = fashion_mnist(batch_size=128, size=224)
    except FileNotFoundError as error:
        print(error)
    else:
        d2l.train_ch6(net, *data, 10, 0.1, best_device())

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
# that no layer has a weight for every position, and that the wide hidden layers are left
# out.
# </details>
#
# **2.** Why does NiN take images of any size from 67×67 on, and VGG-11 only from 224 to
# 255?
#
# <details><summary>Answer</summary>
#
# Convolutions and poolings take maps of any size that is large enough for their windows,
# and global average pooling makes one number of a map of any size. VGG's first linear
# layer has a weight for each of 512 · 7 · 7 numbers, and needs that many.
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
# 3×3 window with stride 2 makes $\lfloor (n-3)/2 \rfloor + 1$. 15 rows come from $14 \cdot 4
# + 11 = 67$ pixels.
# </details>
#
# ### 2. A VGG without its head
#
# *medium, 15 minutes*
#
# Take VGG-11's blocks and put global average pooling and one linear layer behind them.
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
# Take the last ReLU off the block in `NiN block, averaging` (`net[5] = net[5][:-1]`), and
# train three seeds again. Then give all kinds a learning rate of 1e-3. What do you
# conclude about the ReLU, and what about the ten channels?
#
# <details><summary>Solution</summary>
#
# With steps of 5e-3 the runs of both blocks scatter so widely that three seeds cannot
# tell them apart, and both fall behind the 1×1 convolution alone. Squeezing all that
# was found into ten channels, two ReLUs before the end, is a narrow place of its own.
# With 1e-3 fewer scores die and all kinds come closer. The block without its last ReLU
# then ends above the one with it in most runs, though not in every one.
# </details>
#
# ### 4. The network of the paper
#
# *hard, 20 minutes*
#
# A common form of the paper's network for CIFAR-10, with 3×32×32 images: a 5×5
# convolution with padding 2 to 192 channels, then 1×1 to 160 and 96; pooling 3×3 with
# stride 2 and padding 1; 5×5 with padding 2 to 192, then 1×1 to 192 and 192; the same
# pooling; 3×3 with padding 1 to 192, then 1×1 to 192 and 10; global average pooling.
# How many parameters has it, and how many of them are in 1×1 convolutions?
#
# <details><summary>Solution</summary>
#
# 966,986 parameters, 159,434 of them in 1×1 convolutions.
# </details>
#
# The next cell, folded away, proves the numbers in the solutions and in the answers to
# *Turn one choice at a time*.


# %% jupyter={"source_hidden": true}
def accepts(net, size):
    try:
        return bool(trace(net, (1, 1, size, size)))
    except RuntimeError:
        return False


with torch.device("meta"):
    whole, bare, headed = nin(), nin(ones=0), nin(head="linear")
    repaired = nin(strides=3), nin(kernel_size=9)
    vgg = nets.vgg()
    headless = nn.Sequential(*nets.vgg()[:5], nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                             nn.Linear(512, 10))
assert [s.output for s in trace(whole, (1, 1, 224, 224)).steps] == [s.output for s in t.steps]
bare_trace, headed_trace = trace(bare, (1, 1, 224, 224)), trace(headed, (1, 1, 224, 224))
assert round(1 - bare_trace.params / t.params, 2) == 0.22
assert round(1 - bare_trace.macs / t.macs, 2) == 0.24
assert round(headed_trace.macs / t.macs, 2) == 1.05
assert 384 * 5 * 5 * 4096 == 39_321_600 and 19 < 39_321_600 / t.params < 20
assert accepts(whole, 256) and not accepts(headed, 256) and 384 * 6 * 6 == 13_824
assert [n for n in (66, 67, 500) if accepts(whole, n)] == [67, 500]
assert all(accepts(net, 66) for net in repaired)
assert (224 - 11) // 4 + 1 == (224 + 2 * 1 - 11) // 4 + 1 == 54
assert [n for n in (223, 224, 255, 256) if accepts(vgg, n)] == [224, 255]

assert trace(headless, (1, 1, 224, 224)).params == 9_224_458
assert round(9_224_458 / 128_806_154, 2) == 0.07
assert [n for n in (31, 32, 33) if accepts(headless, n)] == [32, 33]

sizes = [(3, 192, 5), (192, 160, 1), (160, 96, 1), (96, 192, 5), (192, 192, 1), (192, 192, 1),
         (192, 192, 3), (192, 192, 1), (192, 10, 1)]
counts = [(k, k * k * i * o + o) for i, o, k in sizes]
assert sum(n for _, n in counts) == 966_986
assert sum(n for k, n in counts if k == 1) == 159_434

# %% [markdown]
# ## What you have seen
#
# - A 1×1 convolution is a fully connected layer at every pixel, number for number. It
#   saves no parameters.
# - NiN has 1,992,166 parameters and not one of them in a linear layer. What saves is
#   global average pooling in place of a head of wide layers. On the digits averaging
#   ended less than 0.1 from a head with 64 times its parameters.
# - A ReLU on the scores can kill them: where it cuts off at every position, no gradient
#   is left to bring a score back.
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
#   Network](https://arxiv.org/abs/1312.4400). 2013. Sections in this lesson are of this paper.
# - J. Long, E. Shelhamer, T. Darrell. [Fully Convolutional Networks for Semantic
#   Segmentation](https://arxiv.org/abs/1411.4038). 2015. Linear layers written as
#   convolutions, to have a map of scores.
# - B. Zhou and others. [Learning Deep Features for Discriminative
#   Localization](https://arxiv.org/abs/1512.04150). 2016. Class maps from global average
#   pooling.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep
#   Learning](https://d2l.ai). Section 8.3 (NiN), with steps of 0.05; in earlier editions
#   section 7.3, with steps of 0.1.

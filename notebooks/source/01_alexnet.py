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
# # 1. AlexNet
#
# **What did it take to go from reading digits to recognizing photographs?**
#
# In this lesson you
#
# - work out by hand the shape that every convolution and pooling makes;
# - build AlexNet layer by layer, and see where its parameters and its arithmetic are,
#   which is not the same place;
# - measure what ReLU, dropout and augmentation do, and what they do not do.
#
# **Time:** 55 minutes, and 95 for questions and exercises. Running every cell takes
# less than a minute.
#
# **You need:** Python, and to have seen a convolution and a training loop before.
# No internet, no GPU.
#
# [Contents](00_contents.ipynb) · [Lesson 2: VGG](02_vgg.ipynb)
#
# ## Setup

# %%
import os
import sys

if "google.colab" in sys.modules:  # there, fetch the course; elsewhere it is installed
    os.system("pip install -q --no-deps git+https://github.com/YOUR_NAME/modern-cnns d2l==1.0.3")

# %%
from dataclasses import replace
from functools import partial

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import (at_full_size, digits, evaluate, exercises, initialize, photograph,
                          plot_confusion, plot_costs, plot_lines, plot_runs, predict, print_runs,
                          recorded, runs, show, show_images, tasks, use_style)
from layerwise import lab, look, print_shapes, table, trace

use_style()
plt.rcParams["figure.figsize"] = 5.2, 2.6
torch.set_num_threads(1)  # networks as small as those trained here are no faster on several cores

# %% [markdown]
# ## The year 2012
#
# ImageNet's competition gave 1.3 million photographs of 1,000 classes to train on. A program may
# name five classes for a new photograph. The share of photographs for which the right one is not
# among them is the **top-5 error**. The bars show it for the winner of each year.

# %%
ERRORS = {"2010": 28.2, "2011": 25.8, "2012\nAlexNet": 16.4, "2013": 11.7, "2014\nGoogLeNet": 6.7,
          "2015\nResNet": 3.6}
looks = {"color": 2 * ["#7f7f7f"] + 4 * ["#0072b2"], "hatch": 2 * ["//"] + 4 * [""], "edgecolor": "white"}
plt.figure(figsize=(5.4, 2.4))
plt.gca().bar_label(plt.bar(ERRORS.keys(), ERRORS.values(), **looks))
plt.ylabel("top-5 error, %")
show("Bars: 28.2 and 25.8 % in 2010 and 2011, without convolutional networks; 16.4 % in 2012 with "
     "AlexNet; then 11.7, 6.7 and 3.6 % with later convolutional networks.")

# %% [markdown]
# *Grey, hatched: no convolutional network; people designed the features.
# Blue: convolutional networks.
# ([Russakovsky and others 2015](https://arxiv.org/abs/1409.0575), table 5; for ResNet
# [He and others 2016](https://arxiv.org/abs/1512.03385). With more training images AlexNet had 15.3 %.)*
#
# AlexNet's error was more than a third lower than that of the year before. What was new?
#
# ## What LeNet could not do
#
# LeNet (1998) reads handwritten digits of 28×28 pixels. Two convolutions turn the
# image into **feature maps**: grids of numbers, one for each **channel**, where a
# large number says "what this filter looks for is here". Three **fully connected** layers follow,
# which PyTorch calls linear: each output is a weighted sum of all inputs, plus a number of its own, the
# **bias**. The last ten outputs, one for each digit, are called **logits**.
#
# A shape such as `[1, 6, 28, 28]` means 1 image, 6 channels, 28 rows, 28 columns. The second cell
# gives LeNet an image of 224×224, and prints the error.

# %%
lenet = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Flatten(),
    nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(),
    nn.Linear(120, 84), nn.Sigmoid(),
    nn.Linear(84, 10),
)
print_shapes(lenet, (1, 1, 28, 28))

# %% tags=["nbval-ignore-output"]
try:
    lenet(torch.zeros(1, 1, 224, 224))
except RuntimeError as error:
    print(error)

# %% [markdown]
# The convolutions take an image of any size, because the filter slides. The
# first linear layer does not. For each number that arrives it has 120 weights, one for
# each output, and 46,656 arrive (16 maps of 54×54), not 400.
#
# With a larger layer, a second problem would remain. What computes one
# number of a layer is called a **unit**, or **neuron**. Its **receptive field** is the part of
# the image that can change this number.

# %%
last_map = [step for step in trace(lenet, (1, 1, 28, 28)).steps if step.receptive_field][-1]
side = last_map.receptive_field[0]
print(f"LeNet's last feature maps: {last_map.output}, receptive field {side}×{side}")


def outline(ax, first, last, colour="#0072b2", style="-"):
    """Draw the square from pixel `first` to pixel `last` of both axes."""
    length = last + 1 - first
    ax.add_patch(plt.Rectangle((first, first), length, length, fill=False, lw=2, ec=colour, ls=style))


digit, flower = digits(size=28, device="cpu")[0].images[0], photograph("flower.jpg", 90)[0].mean(0)
_, axes = plt.subplots(1, 2, figsize=(4.6, 2.4))
for ax, image, size, first in ((axes[0], digit[0], 28, 6), (axes[1], flower, 224, 142)):
    ax.imshow(image, cmap="gray", extent=(0, size, size, 0))
    outline(ax, first, first + side - 1, "#e69f00")
    ax.set(title=f"{size}×{size} pixels", xticks=[], yticks=[])
show("A handwritten 3 and a photograph of a flower, each with a square of 16×16 pixels. The square "
     "covers a third of the digit's image, and one petal of the flower.")

# %% [markdown]
# *What one unit of LeNet's last maps sees: 16×16 pixels. That is a
# third of the digit's image, and about one petal of the flower.*
#
# LeNet would need more layers, larger strides and more channels. But with sigmoids
# (`nn.Sigmoid` above), more layers hardly train.
#
# ## Predict
#
# Write your answers down.
#
# 1. LeNet has about 62 thousand parameters. Has AlexNet 10 times as many,
#    100 times, or still more?
# 2. Which of AlexNet's five convolutions and three linear layers has the most parameters? Which does
#    the most arithmetic?
# 3. Does dropout make a network more accurate on new images: always, never, or
#    sometimes?
#
# <details><summary>Where the answers are</summary>
#
# 1 and 2: *Where are the parameters, where is the arithmetic?* 3: the last two measurements.
# </details>
#
# ## How a convolution makes a shape
#
# A filter, also called **kernel**, with $k$ rows lies on the image, makes one number,
# moves on by the **stride** $s$, makes the next, and stops before it would reach over
# the edge. **Padding** $p$ first adds $p$ rows of zeros on each side. From $n$ rows come
#
# $$\left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1$$
#
# rows. The filter can move $n + 2p - k$ rows, in steps of $s$. A last step that does not fit is
# left out: $\lfloor\;\rfloor$ rounds down. There is one more position than there are steps. Columns
# follow the same rule.
#
# Check it by hand, with a 3×3 filter of ones, which adds up the nine numbers under it.


# %%
def size_after(n, kernel, stride=1, padding=0):
    """(rows that come out, rows that are left over) for n rows."""
    steps, left_over = divmod(n + 2 * padding - kernel, stride)
    return steps + 1, left_over


image, ones = torch.arange(36.0).reshape(1, 1, 6, 6), torch.ones(1, 1, 3, 3)
print(image[0, 0].int())
print("sums:", F.conv2d(image, ones, stride=2)[0, 0].int().tolist())
print("rows that come out, rows left over:", size_after(6, kernel=3, stride=2))
predict("AlexNet reads 224 rows, with 11×11 filters, stride 4 and padding 1. How many rows come out?",
        size_after(224, kernel=11, stride=4, padding=1)[0])

# %% [markdown]
# The first sum is 0+1+2+6+7+8+12+13+14 = 63. A third window beside the first two
# would reach over the edge, so the last row and the last column are never read.
#
# Of the 226 rows that AlexNet's first layer gets, with the padding, 3 are left over: one of padding,
# and the last two of the photograph. PyTorch gives no warning.
#
# ## One window, by hand
#
# Move a slider, then point at a pixel of the output: you see which pixels of the input it reads, their
# products with the kernel, and the sum. *Play* moves the window.
#
# **Max pooling** and **average pooling** move a window in the same way and have no weights: they
# keep the largest number in it, or the average. PyTorch calls the size of their window
# `kernel_size` too.
#
# Do the tasks beside the controls. Type your predictions, and put each
# explanation into your own words before you open it.


# %%
def one_window(layer="convolution", kernel_size=3, stride=2, padding=0):
    if layer == "convolution":
        return nn.Conv2d(1, 1, kernel_size, stride, padding)
    pooling = nn.MaxPool2d if layer == "max pooling" else nn.AvgPool2d
    return pooling(kernel_size, stride, padding)


lab(one_window, (1, 1, 6, 6), layer=["convolution", "max pooling", "average pooling"],
    kernel_size=(2, 5), stride=(1, 4), padding=(0, 2), input_size=(3, 7),
    tasks=tasks.alexnet.WINDOW)

# %% [markdown]
# ## Build AlexNet
#
# The comment on each line is the shape of one image after it.
#
# - The first convolution takes large strides, because the image is large. In the others a padding
#   of $(k - 1)/2$ keeps the number of rows, so only pooling shrinks the maps.
# - A function that takes the numbers of a layer one by one is an **activation function**, and what
#   it makes are **activations**. LeNet's is the **sigmoid**, which squeezes every number into the
#   range 0 to 1. (This is the form in the book *Dive into Deep Learning*, "the book" from here on;
#   the network of 1998 had a scaled tanh.) AlexNet's is **ReLU**, which replaces negative numbers
#   by 0.
# - **Dropout** sets about half of the activations, drawn at random, to 0 while the network trains.

# %%
net = nn.Sequential(
    nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(),  #  96 × 54 × 54
    nn.MaxPool2d(kernel_size=3, stride=2),                             #  96 × 26 × 26
    nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),           # 256 × 26 × 26
    nn.MaxPool2d(kernel_size=3, stride=2),                             # 256 × 12 × 12
    nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),          # 384 × 12 × 12
    nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),          # 384 × 12 × 12
    nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),          # 256 × 12 × 12
    nn.MaxPool2d(kernel_size=3, stride=2),                             # 256 ×  5 ×  5
    nn.Flatten(),                                                      # 6,400
    nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(0.5),                 # 4,096
    nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),                 # 4,096
    nn.Linear(4096, 10),                                               # 10
)
predict("How many million parameters does it have?", round(sum(p.numel() for p in net.parameters()) / 1e6))

# %% [markdown]
# ## Look at the shapes
#
# Put one image of noise through, and print what comes out of each layer: the 21 rows of the notes
# that this course started from.
#
# That takes nearly a billion multiplications. A **trace** needs none: it runs a network on
# shapes alone. `print_shapes` and `table` show it. The table counts arithmetic in **MACs**
# (multiply-accumulates: one multiplication with its addition).

# %%
X = torch.randn(1, 1, 224, 224)
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %%
table(net, (1, 1, 224, 224))

# %% [markdown]
# Follow the receptive field down the table. At each layer it grows by the kernel size less one,
# times the distance in the image between two neighbours on the map that the layer reads. That
# distance is 4 after the first convolution, and every pooling doubles it. At the end the field is
# 195×195.
#
# Near an edge, part of the receptive field is padding. What does a unit really read? The gradient
# of a unit with respect to a pixel says how the unit changes if the pixel does. In the next cell
# every window is an average, so that no two influences cancel. A unit reads the rows where its
# gradient is not 0.


# %%
averages = nn.Sequential(*(nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
                           for layer in net if hasattr(layer, "kernel_size")))


def rows_read(unit):
    """The first and the last row of the image that this row of the last maps reads."""
    image = torch.zeros(1, 1, 224, 224, requires_grad=True)
    averages(image)[0, 0, unit, 0].backward()
    rows = image.grad[0, 0].sum(1).nonzero()
    return rows.min().item(), rows.max().item()


read = [rows_read(unit) for unit in range(5)]
for unit, (first, last) in enumerate(read):
    print(f"row {unit} of the last maps reads rows {first:2} to {last} of the image: {last + 1 - first}")

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(6, 2.8))
left.imshow(flower, cmap="gray", extent=(0, 224, 224, 0))
for unit, colour, style in ((0, "#56b4e9", "-"), (2, "white", "--"), (4, "#f0e442", ":")):
    outline(left, *read[unit], colour, style)
left.set(xticks=[], yticks=[], title="unit (0, 0): solid\n(2, 2): dashed, (4, 4): dotted")
right.axhspan(0, 223, color="0.9", lw=0)
for unit, (first, last) in enumerate(read):
    right.plot([unit, unit], [first, last], color="#0072b2", lw=9, solid_capstyle="butt")
    in_theory = read[0][1] + 32 * unit - 194, read[0][1] + 32 * unit
    right.plot([unit, unit], in_theory, color="black", lw=1)
right.set(xlim=(-0.5, 4.5), ylim=(270, -70), yticks=[0, 100, 223],
          xlabel="row of the last maps", ylabel="row of the image")
show("Left: the flower with three squares, at the upper left corner, from there to near the lower edge, "
     "and near the lower right corner. Right: for each of the five rows of the last maps a bar of the "
     "image rows that it reads, and a line of 195 rows, which leaves the image at one end.")

# %% [markdown]
# *Left: what three units read. Right: bars are the rows that are read; lines are the 195 rows of the
# theory, which leave the image (grey).*
#
# No unit reads 195 rows: each field is cut off at an edge. No unit reads rows 218 to 223: they are
# left over, because the first convolution and the poolings round down. But each unit sees much of
# the flower.
#
# ## Why these numbers?
#
# Some follow from others. Most were choices, for the hardware of 2012.
#
# | number | where it comes from |
# |---|---|
# | 11×11 filters, stride 4 | A choice: 16 times fewer positions to compute. A year later 7×7 with stride 2 did better ([Zeiler and Fergus](https://arxiv.org/abs/1311.2901)). |
# | 5×5, then 3×3 filters; 96 to 384 channels | Choices: smaller maps, smaller filters, more channels. |
# | padding 2 and 1; 6,400 | They follow: $(k - 1)/2$ keeps the size; 256 · 5 · 5. |
# | padding 1 in the first layer | The book's choice. In the [paper](https://papers.nips.cc/paper/4824) the maps are 55×55. |
# | 3×3 pooling, stride 2 | A choice: windows that overlap were slightly better (section 3.4). |
# | 4,096; dropout 0.5 | Choices: 2,048 on each of two GPUs; 0.5 as in [Hinton and others](https://arxiv.org/abs/1207.0580). |
#
# This is the book's AlexNet. The paper's has 3 input channels, 1,000 classes, local response
# normalization (a layer no longer used), and two GPUs: convolutions 2, 4 and 5 read only the maps
# on their own GPU (sections 3.2 to 3.5).
#
# ## Where are the parameters, where is the arithmetic?
#
# The notes say: 10 times LeNet's parameters, and 260 times its arithmetic. Count.

# %%
small, large = trace(lenet, (1, 1, 28, 28)), trace(net, (1, 1, 224, 224))
print(f"parameters: LeNet {small.params:>7,}, AlexNet {large.params:>11,}, {large.params / small.params:>5,.0f} times")
print(f"MACs:       LeNet {small.macs:>7,}, AlexNet {large.macs:>11,}, {large.macs / small.macs:>5,.0f} times")

# %%
LAYERS = {"conv 1": "0", "conv 2": "3", "conv 3": "6", "conv 4": "8", "conv 5": "10",
          "linear 1": "14", "linear 2": "17", "linear 3": "20"}
for name, path in LAYERS.items():
    (step,) = large.by_path[path]
    weights = net[int(path)].weight.numel()
    print(f"{name:9} {weights:>11,} weights, each used {step.macs // weights:>5,} times")
plot_costs(large, LAYERS)

# %% [markdown]
# *Orange, hatched: the arithmetic is in the convolutions. Blue: the parameters are in the linear
# layers, more than half of them in the first.*
#
# The notes' numbers are far too low.
#
# The printed lines say why parameters and arithmetic are in different layers. A convolution's weight
# is used at every position of its output map, 54 · 54 = 2,916 times in the first layer. A linear
# layer's weight is used once. So a convolution is cheap to store and expensive to run, and a linear layer the other
# way round.
#
# Every position has the same weights. So if a thing in the image moves by
# one stride, its pattern on the maps moves by one position: **equivariance**.
#
# ## Turn one choice at a time
#
# Here is AlexNet as a function of a few of its choices. Marks show what differs from the start:
# `+` is new, `≠` has other numbers of its own, `↓` only follows from a change before it.


# %%
def alexnet(channels=96, kernel_size=11, stride=4, padding=1, features=6400):
    """AlexNet. All but the last choice are those of its first convolution."""
    return nn.Sequential(
        nn.Conv2d(1, channels, kernel_size, stride, padding), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(channels, 256, kernel_size=5, padding=2), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
        nn.Linear(features, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 10),
    )


lab(alexnet, (1, 1, 224, 224), channels=(16, 128, 16), kernel_size=(3, 15),
    stride=(1, 8), padding=(0, 4), features=[1024, 2304, 6400, 9216],
    input_size=[96, 160, 192, 224, 256], tasks=tasks.alexnet.NETWORK,
    presets={"as in the paper": {"padding": 2, "features": 9216}})

# %% [markdown]
# ## Measure: ReLU against sigmoid
#
# Does a network learn better with ReLU than with the sigmoid? Measure it on 1,797 handwritten
# digits, scaled to 32×32 pixels; 360 are kept for testing. To need seconds and not days, give
# AlexNet's eight layers far fewer channels.
#
# The first weights are random. The rule by which they are drawn is the network's **initialization**.
# With Kaiming's rule ([He and others 2015](https://arxiv.org/abs/1502.01852)) ReLU's activations
# keep about the same mean square from layer to layer. A **seed** fixes what is random.


# %%
def small_alexnet(activation):
    """AlexNet's eight layers, narrow, for 32×32 pixels."""
    return initialize(nn.Sequential(
        nn.Conv2d(1, 12, kernel_size=5, stride=2, padding=2), activation(), nn.MaxPool2d(3, 2),
        nn.Conv2d(12, 32, kernel_size=5, padding=2), activation(), nn.MaxPool2d(3, 2),
        nn.Conv2d(32, 48, kernel_size=3, padding=1), activation(),
        nn.Conv2d(48, 48, kernel_size=3, padding=1), activation(),
        nn.Conv2d(48, 32, kernel_size=3, padding=1), activation(), nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(32, 128), activation(), nn.Linear(128, 128), activation(), nn.Linear(128, 10),
    ))

# %% [markdown]
# Training needs one number that says how wrong the network is, the **loss**. **Softmax** turns the
# logits into ten positive shares that add up to 1. The loss here, **cross-entropy**,
# is minus the logarithm of the right digit's share. The **gradient** says how the loss changes
# with each weight. Look at its size in each layer, before any training,
# on a **batch** of 64 images.

# %%
train, test = digits(batch_size=64, size=32, device="cpu")


def gradients(activation, seed):
    """The size of the loss's gradient in each of the eight layers."""
    torch.manual_seed(seed)
    net = small_alexnet(activation)
    F.cross_entropy(net(train.images[:64]), train.labels[:64]).backward()
    return [layer.weight.grad.norm().item() for layer in net if hasattr(layer, "weight")]


plot_lines({"ReLU": [gradients(nn.ReLU, seed) for seed in range(3)],
            "sigmoid": [gradients(nn.Sigmoid, seed) for seed in range(3)]},
           logarithmic=True, xlabel="layer", ylabel="size of the gradient")

# %% [markdown]
# *Three networks of each kind. From the loss, on the
# right, to the image, on the left, ReLU's gradient keeps about its size. The sigmoid's shrinks
# more than a thousand times.*
#
# On its way back the gradient is multiplied by the slope of each of seven
# activation functions. The sigmoid is
# steepest at 0, and even there its slope is 1/4; seven of these make 0.00006. This is the **vanishing gradient**. ReLU's slope is 1 wherever its input is
# positive.
#
# Now train for three **epochs**, each once through all training images, with Adam, which adapts the step
# to each weight.

# %% tags=["nbval-ignore-output"]
ADAM = {"optimizer": torch.optim.Adam}
by_activation = {
    "ReLU": runs(partial(small_alexnet, nn.ReLU), train, test, epochs=3, lr=2e-3, **ADAM),
    "sigmoid": runs(partial(small_alexnet, nn.Sigmoid), train, test, epochs=3, lr=2e-3, **ADAM),
}
print_runs(by_activation)
plot_runs(by_activation)

# %% [markdown]
# *Test accuracy: in the table after the last epoch, a column for each seed. The sigmoid lines lie on one
# another, at the accuracy of guessing: one in ten.*
#
# The networks with ReLU learn, those with sigmoids do not. Lesson 5 finds a way to train them.
#
# ## Measure: dropout
#
# A network in PyTorch has two modes, `net.train()` for training and `net.eval()` for all else. In
# training mode, dropout also doubles the activations that it keeps, so that their sum stays the
# same on average. In eval mode it does nothing.
#
# A network with many parameters can memorize its training images. Then it does much better on them
# than on new images:
# **overfitting**. What is done against it is called **regularization**. With dropout,
# no unit can rely on another one being there.
#
# Take digits of 8×8 pixels, and a small copy of AlexNet's head: the linear layers at its end, where
# the dropout is. For 40 % of the training images the label is drawn at random: a good network
# does not memorize it. Test labels stay right.

# %%
drop, ones = nn.Dropout(0.5), torch.ones(10_000)
print("training mode:", drop(ones).unique().tolist())
print("eval mode:    ", drop.eval()(ones).unique().tolist())


# %%
def head_of_alexnet(dropout):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 256), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(256, 256), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(256, 10),
    )


def small_digits(share):
    """The digits, with the labels of a share of the training images drawn at random."""
    train, test = digits(batch_size=256, size=8, device="cpu")
    torch.manual_seed(0)
    drawn = torch.rand(len(train.labels)) < share
    train.labels[drawn] = torch.randint(10, (int(drawn.sum()),))
    return train, test


# %% tags=["nbval-ignore-output"]
noisy, test_8 = small_digits(share=0.4)
by_dropout = {
    "without dropout": runs(partial(head_of_alexnet, 0.0), noisy, test_8, epochs=30, lr=5e-3, **ADAM),
    "with dropout": runs(partial(head_of_alexnet, 0.5), noisy, test_8, epochs=30, lr=5e-3, **ADAM),
}
print_runs(by_dropout)
plot_runs(by_dropout, ylim=(0.6, 1))

# %% [markdown]
# *Without dropout the accuracy on test images rises, and falls again while the network memorizes
# wrong labels. With dropout it does not fall.*
#
# In its best epoch the network without dropout is almost as good. So **early stopping** would help
# nearly as much here: training ends at the epoch that is best on images kept aside for this.
#
# ## Measure: augmentation
#
# The paper also trains on images shifted and mirrored at random:
# **augmentation** (section 4.1). The digits are centred. What if a camera is off by one pixel
# of eight? Train with neither, with dropout alone, and with augmentation alone, which moves each
# image anew in each epoch. Then test on centred and on moved images.


# %%
def moved(images):
    """Each image moved by up to one pixel each way, at random, over zeros."""
    padded = F.pad(images, (1, 1, 1, 1))
    places = torch.randint(3, (len(images), 2)).tolist()
    return torch.stack([image[:, row:row + 8, column:column + 8]
                        for image, (row, column) in zip(padded, places)])


clean, centred = small_digits(share=0)
off_centre = replace(centred, images=moved(centred.images))
titles = [*map(str, centred.labels[:8].tolist()), "moved", *[""] * 7]
show_images([*centred.images[:8], *off_centre.images[:8]], titles,
            alt="Eight handwritten digits of 8×8 pixels, and below them the same, moved by a pixel.")

# %% tags=["nbval-ignore-output"]
KINDS = {"neither": (0.0, None), "dropout": (0.5, None), "augmentation": (0.0, moved)}
for name, (dropout, change) in KINDS.items():
    found = runs(partial(head_of_alexnet, dropout), replace(clean, resize=change), centred, epochs=20,
                 lr=5e-3, **ADAM)
    for part, images in (("centred", centred), ("moved", off_centre)):
        print(f"{name:13} {part:8}", *(f"{evaluate(net, images):.2f}" for net in found.nets))

# %% [markdown]
# *Test accuracy, a column for each seed.* On centred images dropout changes little: with right labels
# and easy images there is little to overfit. So the answer to the third prediction is: sometimes. On
# moved images dropout hardly helps. Augmentation does, against what it imitates. On centred images it
# costs a little accuracy here, after equally many epochs.
#
# ## Look inside a trained AlexNet
#
# A narrow AlexNet for 32×32 pixels was trained once, for a few epochs, with
# dropout and augmentation, on photographs of ten classes (CIFAR-10).

# %%
trained, recording = recorded.load("alexnet")
print(recording)
plot_lines({"training": [recording.train_acc], "test": [recording.test_acc]},
           xlabel="epoch", ylabel="accuracy", ylim=(0, 1))

# %%
plot_confusion(recording.confusion, recording.classes)

# %% [markdown]
# *First figure: in training, accuracy is measured with dropout, on moved images, while the weights
# still change. So it may lie below the test's. Second figure: the **confusion matrix**, counted on
# 10,000 test images. A row is a true class, a column an answer.*
#
# Cats are taken most often for dogs, and animals more often for animals than for vehicles.
#
# What has the first layer learned? Here are the eight filters that training changed most, and
# their maps of a photograph of a cat.


# %%
def first_filters():
    """The first layer's filters before training: its seed draws them once more."""
    torch.manual_seed(recording.seed)
    return initialize(recording.build(), nn.init.kaiming_normal_)[0].weight.detach()


before, after = first_filters(), trained[0].weight.detach()
most = (after - before).flatten(1).norm(dim=1).argsort(descending=True)[:8]
filters = [f / f.abs().max() / 2 + 0.5 for step in (before, after, after - before) for f in step[most]]
cat = recording.prepare(photograph("cat.jpg"))
rows = [word for name in ("before", "after", "difference", "the cat") for word in (name, *[""] * 7)]
maps = trained[:2](cat)[0, most]
maps = maps / maps.amax((1, 2), keepdim=True).clamp(min=1e-6)  # the brightest pixel of each is white
show_images([*filters, *maps], rows, alt="Four rows of eight: filters of noise; after training; the "
            "differences, with stripes and patches of colour; and maps of the cat, bright along edges.")

# %% [markdown]
# *Rows: filters before training, after it, the difference (grey is 0), and their maps of the cat.*
#
# The first weights are noise, and a short training leaves much of it. What it added is not
# noise: stripes, which respond to edges, and patches of one colour. The paper's filters, after 90
# epochs on ImageNet, are such stripes and patches (figure 3). Nobody designed them.
#
# In `look`, click a box to see its maps, and a pixel to see the part of the cat that it reads. Which
# classes have the largest logits, in the last box?

# %%
look(trained, cat)

# %% [markdown]
# ## Train at full size
#
# The notes train with the book's library: `d2l.train_ch6(net, train_iter, test_iter, num_epochs, lr,
# d2l.try_gpu())`. For AlexNet the book takes ten epochs of Fashion-MNIST, 60,000
# images of clothes at 224×224 pixels, in batches of 128. The cell does the same, with the library's
# initialization: minutes on a GPU, hours on a CPU.

# %% tags=["nbval-ignore-output"]
at_full_size(initialize(alexnet(), nn.init.xavier_uniform_), size=224, epochs=10, lr=0.01)

# %% [markdown]
# ## Questions
#
# Answer in two or three sentences, in writing, before you unfold.
#
# 1. You double the channels of the first convolution. Which layers change their number of
#    parameters, which their arithmetic, and why not the others?
# 2. A friend says: "The image has 224 rows, so a network for 256 rows needs more
#    parameters." For which layers of AlexNet is that right?
# 3. Why is one run with dropout and one without not enough to say that dropout helps?
#
# <details><summary>Answers</summary>
#
# 1. The first, which has twice as many filters, and the second, whose filters read twice as
#    many channels. Both do twice the arithmetic. The second still makes 256 maps, so
#    all shapes after it stay as they are.
# 2. For the first linear layer alone. A convolution's filters do not depend on the size of
#    the image, and the later linear layers read 4,096 numbers in any case.
# 3. Runs differ by their first weights and by the order of the images. If the runs of the
#    same kind differ as much as the two kinds, the difference says nothing.
# </details>
#
# ## Exercises
#
# Write your answer in place of `...`, and run the cell and the check below it. The check names what is
# wrong, and where to look. For a hint, remove the `#` in front of it; hints come one at a time.

# %% [markdown]
# ### How many rows come out?
#
# *easy, 10 minutes*
#
# Write `my_size_after(n, kernel, stride=1, padding=0)`: how many rows come out of a
# convolution or pooling for `n` rows. A window that does not fit is left out.

# %% tags=["exercise"]
def my_size_after(n, kernel, stride=1, padding=0):
    ### BEGIN SOLUTION
    return (n + 2 * padding - kernel) // stride + 1
    ### END SOLUTION

# %%
exercises.alexnet.size_after.check(my_size_after)

# %%
# exercises.alexnet.size_after.hint()      # one hint at a time
# exercises.alexnet.size_after.solution()

# %% [markdown]
# ### Mend the notes' network
#
# *medium, 15 minutes*
#
# The notes behind this course hold this code. It has a slip in one number, and it
# breaks off at a bare `nn`. Write `my_alexnet()` that returns the whole network. The 21 rows of
# shapes in this lesson tell what is missing; the dropout is 0.5.
#
# ```python
# net = nn.Sequential(
#     nn.Conv2d(1, 966, kernel_size=11, stride=4, padding=1), nn.ReLU(),
#     nn.MaxPool2d(kernel_size=3, stride=2),
#     nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),
#     nn.MaxPool2d(kernel_size=3, stride=2),
#     nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
#     nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
#     nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
#     nn.MaxPool2d(kernel_size=3, stride=2),
#     nn.Flatten(),
#     nn.Linear(6400, 4096), nn.ReLU(),
#     nn
# ```

# %% tags=["exercise"]
def my_alexnet():
    ### BEGIN SOLUTION
    return nn.Sequential(
        nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
        nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 10),
    )
    ### END SOLUTION

# %%
exercises.alexnet.network.check(my_alexnet)

# %%
# exercises.alexnet.network.hint()      # one hint at a time
# exercises.alexnet.network.solution()

# %% [markdown]
# ## More exercises
#
# ### 1. Which sizes?
#
# *medium, 15 minutes*
#
# Which square images does AlexNet accept?
# Work backwards from the 5×5 maps, or let a loop over `trace(net, (1, 1, n, n))` find
# out. Then put `nn.AdaptiveAvgPool2d((5, 5))`, which averages maps of any size down to
# 5×5, into `alexnet`. What is the smallest size now, and which layer sets it?
#
# <details><summary>Solution</summary>
#
# 193 to 224. Because of the rounding down, 32 sizes in a row end in maps of 5×5.
# The new layer goes in front of `nn.Flatten()`. Then every size from 65 on works: the
# last pooling has to receive 3 rows, so the one before it 7, so the first one 15, and
# 15 rows come from $14 \cdot 4 + 11 - 2 = 65$ pixels.
# </details>
#
# ### 2. A thinner head
#
# *medium, 10 minutes*
#
# Make the first two of the three linear layers 1,024
# wide and not 4,096. What part of its parameters does AlexNet keep, and what part of
# its MACs? Write down a guess before you call `table`.
#
# <details><summary>Solution</summary>
#
# Less than a quarter of the parameters, 11.3 million, and 96 % of the MACs.
# </details>
#
# ### 3. Is it fair?
#
# *medium, 15 minutes*
#
# `small_alexnet` draws its first weights by Kaiming's rule, which suits
# ReLU. Glorot and Bengio's, `nn.init.xavier_uniform_`, came before
# ([2010](https://proceedings.mlr.press/v9/glorot10a.html)). It assumes a function that is
# symmetric, with slope 1 at 0, such as `nn.Tanh`; the sigmoid is neither, and they advise against it.
# Give the sigmoid network these weights, then four times as large (`gain=4`, to make up for the slope
# of 1/4), and repeat the comparison. Then look at the gradients
# with `nn.Tanh`, the function that the paper compares ReLU with.
#
# <details><summary>Solution</summary>
#
# Xavier's weights are smaller than Kaiming's here, and the first layer's gradient is a still smaller share of
# the last layer's. Four times as large, they bring it up to a few thousandths, and after
# three epochs the network still guesses. The gradient of tanh survives: its
# slope at 0 is 1, not 1/4. So it is not the curved shape as such that stops the sigmoid.
# </details>
#
# ### 4. The network of 2012
#
# *hard, 20 minutes*
#
# Build the paper's: 3 input channels,
# padding 2 in the first layer, 1,000 classes, and `groups=2` in convolutions 2, 4 and
# 5, which splits their channels in halves as the two GPUs did. The paper says that it
# has 60 million parameters. Has it?
#
# <details><summary>Solution</summary>
#
# It has 60,965,224. The first linear layer reads 256 · 6 · 6 = 9,216 numbers, and a
# filter that reads half of the channels has half of the weights.
# </details>

# %% [markdown]
# ## What you have seen
#
# - $\lfloor (n + 2p - k)/s \rfloor + 1$ gives the shape after every convolution and
#   pooling; rounding down can leave the last rows unread, and edges cut receptive fields off.
# - AlexNet has 758 times the parameters of LeNet, nearly all of them in its linear
#   layers, and 2,252 times the arithmetic, nearly all of it in its convolutions.
# - In eight layers the sigmoid's gradient vanishes and ReLU's does not. Dropout helped where labels
#   were wrong, augmentation where images moved.
#
# AlexNet's convolutions have three kernel sizes, two strides and three numbers
# of channels, each a choice. Where do you put a ninth layer, and how wide is it? The next lesson asks
# whether one block, repeated, can replace all those choices.
#
# Next: [Lesson 2: VGG](02_vgg.ipynb)
#
# ## References
#
# - A. Krizhevsky, I. Sutskever, G. Hinton. [ImageNet Classification with Deep
#   Convolutional Neural Networks](https://papers.nips.cc/paper/4824). 2012. Sections
#   and figures without a name are of this paper.
# - Y. LeCun and others. Gradient-Based Learning Applied to Document Recognition. 1998.
# - A. Zhang and others. [Dive into Deep Learning](https://d2l.ai), "the book". Sections 7.6, 8.1.

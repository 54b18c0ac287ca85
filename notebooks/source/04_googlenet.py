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
# # 4. GoogLeNet
#
# **Which kernel size is right, and why choose?**
#
# In this lesson you
#
# - build a block of four parallel paths, whose results are stacked as channels;
# - compute what a 1×1 convolution in front of a larger one saves;
# - check three claims about GoogLeNet by counting: how deep it is, how small it is, and
#   what it is cheaper than.
#
# **Time:** 50 minutes, and 75 for questions and exercises. Running every cell takes less
# than a minute.
#
# **You need:** the lessons up to NiN, for the 1×1 convolution and global average pooling.
# No internet, no GPU.
#
# [Contents](00_contents.ipynb) · [Lesson 3: NiN](03_nin.ipynb) · [Lesson 5: Batch normalization](05_batch_norm.ipynb)
#
# ## Setup

# %%
import os
import sys

if "google.colab" in sys.modules:  # there, fetch the course; elsewhere it is installed
    os.system("pip install -q --no-deps git+https://github.com/YOUR_NAME/modern-cnns d2l==1.0.3")

# %%
import copy
from collections import Counter

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import digits, evaluate, fit, nets, tasks
from layerwise import draw, lab, table, trace

BLUE, ORANGE = "#0072b2", "#d55e00"  # also told apart by colour-blind readers
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## What one kernel size cannot do
#
# LeNet used filters of 5×5, AlexNet 11×11, 5×5 and 3×3, VGG 3×3 everywhere, NiN all of
# these and 1×1. Each of them chose. What does a choice cost? Take an image with a thin
# line and a thick one, and two filters that look for an upright line: one is 3 wide and
# asks "is there 1 bright column between two dark ones?", the other is 5 wide and asks for
# 3 bright columns. Each is scaled so that its own line makes a 1.

# %%
image = torch.zeros(1, 1, 12, 20)
image[..., 4:5] = 1    # a line 1 wide
image[..., 12:15] = 1  # a line 3 wide
narrow = torch.tensor([-1.0, 2, -1]).expand(1, 1, 3, 3) / 6
wide = torch.tensor([-3.0, 2, 2, 2, -3]).expand(1, 1, 5, 5) / 30
found = {"the image": image,
         "3×3 filter": F.conv2d(image, narrow, padding=1).relu(),
         "5×5 filter": F.conv2d(image, wide, padding=2).relu()}

_, axes = plt.subplots(1, 3, figsize=(8, 1.9), layout="constrained")
for ax, (title, picture) in zip(axes, found.items()):
    ax.imshow(picture[0, 0], cmap="gray_r", vmin=0, vmax=1)
    ax.set(title=title, xticks=[4, 13], yticks=[])
    if picture is not image:
        ax.set_xticklabels([f"{picture[0, 0, 6, column]:.2f}" for column in (4, 13)])
axes[0].set_xticklabels(["thin", "thick"])
plt.show()

# %% [markdown]
# *Below each picture: the answer in the middle of the thin line and of the thick one. The
# 3×3 filter answers 1 to the thin line; of the thick line it sees the edges, and the
# middle is no line to it. The 5×5 filter answers 1 to the thick line, and to the thin one
# a third.*
#
# Details in a photograph come in all sizes, and one layer with one kernel size serves one
# of them well. You could search for the best size for each layer. GoogLeNet's answer is
# not to choose: apply several, side by side, and let the next layer pick.
#
# ## Predict
#
# Write your answers down before you go on.
#
# 1. Four paths read the same 192 maps of 12×12. They make 64, 128, 32 and 32 maps of
#    12×12. What is the shape after stacking them?
# 2. A 5×5 convolution reads 192 channels and makes 32. Put a 1×1 convolution in front of it
#    that makes 16 channels out of the 192. Does the arithmetic grow or shrink, and by what
#    factor?
# 3. The notes say that GoogLeNet was the first network of more than a hundred layers. How
#    many layers with weights does an image pass?
# 4. AlexNet is from 2012, GoogLeNet from 2014 and known to be cheap. Which one needs more
#    arithmetic for an image of 224×224?
#
# <details><summary>Where the answers are</summary>
#
# 1: *Four paths*. 2: *What the 1×1 convolutions save*. 3: *How many layers?* 4: *Cheaper
# than what?* Come back and compare.
# </details>
#
# ## Four paths
#
# The block is called **Inception**. Its four paths read the same input:
#
# 1. a 1×1 convolution;
# 2. a 1×1 convolution that makes fewer channels, then a 3×3 convolution;
# 3. a 1×1 convolution that makes fewer channels, then a 5×5 convolution;
# 4. a 3×3 max pooling with stride 1, then a 1×1 convolution.
#
# A padding of $(k - 1)/2$, and stride 1 everywhere, keep rows and columns as they are. They
# have to: the four results are **concatenated**, put one behind the other as channels, and
# for that all must have the same rows and columns. Two small stacks of maps:

# %%
ones, twos = torch.ones(1, 2, 2, 2), 2 * torch.ones(1, 3, 2, 2)
both = torch.cat((ones, twos), dim=1)
print(tuple(ones.shape), "and", tuple(twos.shape), "make", tuple(both.shape))
print("first number of each channel:", both[0, :, 0, 0].int().tolist())

# %% [markdown]
# Nothing is added and nothing is lost. `dim=1` is the dimension of the channels; rows and
# columns must agree.

# %%
try:
    torch.cat((ones, torch.ones(1, 3, 4, 4)), dim=1)
except RuntimeError:
    print("2×2 maps and 4×4 maps cannot be stacked")

# %% [markdown]
# Here is the block. A pair such as `c2 = (96, 128)` holds the channels after the 1×1
# convolution and after the one behind it.

# %%
class Inception(nn.Module):
    """Four paths: (images, in_channels, rows, columns) to c1 + c2[1] + c3[1] + c4 channels."""

    def __init__(self, in_channels, c1, c2, c3, c4):
        super().__init__()
        self.p1_1 = nn.Conv2d(in_channels, c1, kernel_size=1)
        self.p2_1 = nn.Conv2d(in_channels, c2[0], kernel_size=1)
        self.p2_2 = nn.Conv2d(c2[0], c2[1], kernel_size=3, padding=1)
        self.p3_1 = nn.Conv2d(in_channels, c3[0], kernel_size=1)
        self.p3_2 = nn.Conv2d(c3[0], c3[1], kernel_size=5, padding=2)
        self.p4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.p4_2 = nn.Conv2d(in_channels, c4, kernel_size=1)

    def forward(self, x):
        p1 = F.relu(self.p1_1(x))
        p2 = F.relu(self.p2_2(F.relu(self.p2_1(x))))
        p3 = F.relu(self.p3_2(F.relu(self.p3_1(x))))
        p4 = F.relu(self.p4_2(self.p4_1(x)))
        return torch.cat((p1, p2, p3, p4), dim=1)


# %% [markdown]
# The first one in GoogLeNet reads 192 channels.

# %%
first = Inception(192, 64, (96, 128), (16, 32), 32)
draw(first, (1, 192, 12, 12))

# %% [markdown]
# *The four paths, from top to bottom, and where they meet. Each box is a stack of maps; the
# longer it is, the more of them.*
#
# Follow each path in the table, and look at the last column: the paths see squares of
# different size.

# %%
table(first, (1, 192, 12, 12))

# %% [markdown]
# 64 + 128 + 32 + 32 = 256 channels: that is your first prediction. The `cat` itself has no
# parameters and does no arithmetic. The next layer reads all 256, and its weights decide
# which kernel size it listens to.
#
# ## Build GoogLeNet
#
# A **stem** of three plain convolutions shrinks the image. Nine Inception blocks follow, in
# groups of 2, 5 and 2, with a pooling between the groups. At the end stands what you know
# from NiN: global average pooling in place of large linear layers. (NiN's averages were the
# scores; here one linear layer makes the ten scores from 1,024 averages.)

# %%
b1 = nn.Sequential(nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3), nn.ReLU(),
                   nn.MaxPool2d(kernel_size=3, stride=2, padding=1))     #  64 × 24 × 24
b2 = nn.Sequential(nn.Conv2d(64, 64, kernel_size=1), nn.ReLU(),
                   nn.Conv2d(64, 192, kernel_size=3, padding=1), nn.ReLU(),
                   nn.MaxPool2d(kernel_size=3, stride=2, padding=1))     # 192 × 12 × 12
b3 = nn.Sequential(Inception(192, 64, (96, 128), (16, 32), 32),
                   Inception(256, 128, (128, 192), (32, 96), 64),
                   nn.MaxPool2d(kernel_size=3, stride=2, padding=1))     # 480 ×  6 ×  6

# %% [markdown]
# Read the arguments as a sum: 64 + 128 + 32 + 32 = 256 is what the next block has to read,
# and 128 + 192 + 96 + 64 = 480 the one after it.

# %%
b4 = nn.Sequential(Inception(480, 192, (96, 208), (16, 48), 64),
                   Inception(512, 160, (112, 224), (24, 64), 64),
                   Inception(512, 128, (128, 256), (24, 64), 64),
                   Inception(512, 112, (144, 288), (32, 64), 64),
                   Inception(528, 256, (160, 320), (32, 128), 128),
                   nn.MaxPool2d(kernel_size=3, stride=2, padding=1))     # 832 ×  3 ×  3
b5 = nn.Sequential(Inception(832, 256, (160, 320), (32, 128), 128),
                   Inception(832, 384, (192, 384), (48, 128), 128),
                   nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())           # 1,024
net = nn.Sequential(b1, b2, b3, b4, b5, nn.Linear(1024, 10))             # 10

# %% [markdown]
# ## Look at the shapes
#
# The notes print them for an image of 96×96, six rows.

# %%
X = torch.rand(size=(1, 1, 96, 96))
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %% [markdown]
# For 224×224, as in the paper, the first four shapes change and the last two do not. Global
# average pooling makes 1,024 numbers of maps of any size, so GoogLeNet takes any image, down
# to a single pixel.

# %%
table(net, (1, 1, 224, 224), depth=1)

# %% [markdown]
# At 96×96 again, one row for each block:

# %%
table(net, (1, 1, 96, 96), depth=2)

# %% [markdown]
# The receptive field is that of the longest path, through the 5×5 convolutions. Behind the
# last block it is 715 pixels wide, far beyond the edge of the image. The shortest path,
# through the 1×1 convolutions only, sees less. Each number in the last maps is made of paths
# of many lengths.
#
# ## Why these numbers?
#
# | number | where it comes from |
# |---|---|
# | 1×1, 3×3, 5×5 | A choice "based more on convenience rather than necessity": odd sizes keep rows and columns with whole padding (section 4). |
# | a pooling path | Pooling had worked in every network so far, so a parallel one "should have additional beneficial effect, too" (section 4). |
# | 64, 128, 32, 32 and the other channels | Choices. The paper gives no rule for them. Its table 1 lists them, and so does the code above. |
# | 16 in front of the 5×5 | A choice: the larger the filter, the fewer channels it may read. |
# | padding 0, 1, 2 | They follow: $(k - 1)/2$ keeps rows and columns, and maps can be stacked only if these agree. |
# | 256, 480, 512, 528, 832, 1,024 | They follow: sums of four. |
# | 224, 96 | The paper's size, and the book's, so that training takes less time. |
#
# ## What the paper has and this network has not
#
# You built the network of the book *Dive into Deep Learning*. The paper's won the ImageNet
# competition of 2014 with 6.7 % top-5 error.
#
# | | 2014 paper | here |
# |---|---|---|
# | images, classes | 3 channels of 224×224, 1,000 classes | 1 channel, 10 classes |
# | help for the first layers | two small classifiers on the way, used in training only, whose losses are added at 0.3 (section 5) | none |
# | dropout | 0.4 in front of the linear layer | none |
# | local response normalization | twice in the stem | none |
# | 6.7 % | seven networks, one of them wider, 144 cut-outs of each image, averaged (section 7) | one network |
#
# Why would the first layers need help? Keep the question; you meet it again below.
#
# ## What the 1×1 convolutions save
#
# Take the third path of the first block: 192 channels, maps of 12×12, a 5×5 filter, 32
# channels out. Count its MACs directly, and with 16 channels in between.

# %%
direct = 12 * 12 * 5 * 5 * 192 * 32
reduced = 12 * 12 * 192 * 16 + 12 * 12 * 5 * 5 * 16 * 32
print(f"5×5 alone:        {direct:>10,} MACs")
print(f"1×1, then 5×5:    {reduced:>10,} MACs, {direct / reduced:.1f} times fewer")

# %% [markdown]
# It shrinks, by a factor of nearly ten. The 1×1 convolution is an additional layer and makes
# the block cheaper, because the expensive filter has a twelfth of the channels to read.
#
# What does it cost? The 16 channels have to hold all that the 5×5 filters may know about the
# 192. That is a restriction, and the paper bets that it does no harm.
#
# Now the whole network: replace each of these 18 reductions by a layer that does nothing,
# and let the filters read all channels.


# %%
def without_reductions(net):
    """A copy with the same paths and outputs, where 3×3 and 5×5 read all the channels."""
    net = copy.deepcopy(net)
    for block in [part for part in net.modules() if isinstance(part, Inception)]:
        channels = block.p1_1.in_channels
        block.p2_1, block.p3_1 = nn.Identity(), nn.Identity()
        block.p2_2 = nn.Conv2d(channels, block.p2_2.out_channels, 3, padding=1)
        block.p3_2 = nn.Conv2d(channels, block.p3_2.out_channels, 5, padding=2)
    return net


slim = trace(net, (1, 1, 96, 96))
heavy = trace(without_reductions(net), (1, 1, 96, 96))
print(f"{'':12}{'with':>12}{'without':>12}{'ratio':>7}")
for name, a, b in (("parameters", slim.params, heavy.params), ("MACs", slim.macs, heavy.macs)):
    print(f"{name:12}{a:>12,}{b:>12,}{b / a:>7.1f}")

names = [f"{group}{letter}" for group, count in ((3, 2), (4, 5), (5, 2))
         for letter in "abcde"[:count]]
costs = {t: [sum(step.macs for step in t.steps if step.path.startswith(f"{g - 1}.{i}."))
             for g, count in ((3, 2), (4, 5), (5, 2)) for i in range(count)] for t in (slim, heavy)}
_, ax = plt.subplots(figsize=(6, 2.8))
for t, shift, colour in ((slim, -0.2, BLUE), (heavy, 0.2, ORANGE)):
    ax.bar([x + shift for x in range(9)], [cost / 1e6 for cost in costs[t]], 0.38, color=colour)
ax.set(xticks=range(9), xticklabels=names, xlabel="Inception block", ylabel="million MACs")
ax.text(2.6, 150, "without reductions", color=ORANGE, fontweight="bold")
ax.text(2.6, 132, "with", color=BLUE, fontweight="bold")
plt.show()

# %% [markdown]
# *The nine blocks by the names that the paper gives them, at 96×96. Without the reductions
# (orange) each block costs more, and most where the maps are large or many.*
#
# So it is the reductions that make GoogLeNet small, not the parallel paths. Four paths
# without them would be a heavy network.
#
# ## How many layers?
#
# The notes call it the first network of over a hundred layers. Count. Layers with weights
# are what one counts in AlexNet (8) and VGG-11.

# %%
count = Counter(step.op for step in slim.steps)
in_stem = sum(isinstance(layer, nn.Conv2d) for layer in [*b1, *b2])
print("convolutions:", count["Conv2d"], " linear layers:", count["Linear"])
longest = in_stem + 2 * count["cat"] + 1
print(f"longest path: {in_stem} + 2 in each of {count['cat']} blocks + 1 linear = {longest}")
print("all operations, with each ReLU, pooling and concat:", len(slim.steps))

# %% [markdown]
# 22 layers, one behind the other, and 58 in all. The paper says so too (section 5): 22
# layers with parameters, 27 with the poolings. Then it adds that the number of "independent
# building blocks" is about 100. This may be where the hundred comes from: parts that stand
# beside one another, counted as if they came one after the other. Depth is the length of a
# path. Networks of more than a hundred layers came in 2015, and the last lesson builds one.
#
# ## Cheaper than what?
#
# The notes say that GoogLeNet's main advantages are few parameters and little arithmetic.
# Compared with what, and for which image? The networks of the lessons before, each at the
# sizes that it accepts:

# %%
rows = [("AlexNet", nets.alexnet(), 224), ("VGG-11", nets.vgg(), 224), ("NiN", nets.nin(), 224),
        ("GoogLeNet", net, 224), ("NiN", nets.nin(), 96), ("GoogLeNet", net, 96)]
_, ax = plt.subplots(figsize=(5, 3.4))
for name, network, size in rows:
    t = trace(network, (1, 1, size, size))
    print(f"{name:10}{size:>4}{t.params:>13,} parameters{t.macs:>15,} MACs")
    colour = BLUE if name == "GoogLeNet" else ORANGE
    ax.loglog(t.params, t.macs, "o" if size == 224 else "s", color=colour)
    ax.text(t.params * 1.15, t.macs, f"{name}, {size}", color=colour, va="center")
ax.set(xlabel="parameters", ylabel="MACs for one image", xlim=(1e6, 1e9), ylim=(5e7, 2e10))
plt.show()

# %% [markdown]
# *Each number on an axis is ten times the one before. Circles: 224×224 pixels, squares:
# 96×96. Parameters do not depend on the image; MACs do.*
#
# At 224×224 GoogLeNet does *more* arithmetic than AlexNet, by a factor of 1.6, with 7.8
# times fewer parameters. NiN has fewer of both. Next to VGG-11 GoogLeNet is small in every
# way. And at 96×96, where the book runs it, it does 5.4 times less than at 224×224; that is a
# matter of the image, not of the network. A sentence such as "it is cheap" needs two more words:
# than what, and for which input.
#
# ## Turn one choice at a time
#
# The nine blocks again, as a table, and the network as a function. The first five choices
# are those of the first block's first and third paths. `narrower` divides all channels, for
# the experiments below.

# %%
GROUPS = [
    [(64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)],
    [(192, (96, 208), (16, 48), 64), (160, (112, 224), (24, 64), 64),
     (128, (128, 256), (24, 64), 64), (112, (144, 288), (32, 64), 64),
     (256, (160, 320), (32, 128), 128)],
    [(256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)],
]


def googlenet(c1=64, reduce=16, c3=32, kernel_size=5, padding=2, narrower=1):
    """GoogLeNet; without choices it is the network above."""
    n = narrower
    parts = [
        nn.Sequential(nn.Conv2d(1, 64 // n, 7, stride=2, padding=3), nn.ReLU(),
                      nn.MaxPool2d(3, stride=2, padding=1)),
        nn.Sequential(nn.Conv2d(64 // n, 64 // n, 1), nn.ReLU(),
                      nn.Conv2d(64 // n, 192 // n, 3, padding=1), nn.ReLU(),
                      nn.MaxPool2d(3, stride=2, padding=1)),
    ]
    channels, first = 192, (c1, (96, 128), (reduce, c3), 32)
    for number, group in enumerate(([first, GROUPS[0][1]], *GROUPS[1:])):
        blocks = []
        for p1, (p2_1, p2_2), (p3_1, p3_2), p4 in group:
            blocks.append(Inception(channels // n, p1 // n, (p2_1 // n, p2_2 // n),
                                    (p3_1 // n, p3_2 // n), p4 // n))
            channels = p1 + p2_2 + p3_2 + p4
        halve, average = nn.MaxPool2d(3, stride=2, padding=1), nn.AdaptiveAvgPool2d((1, 1))
        parts.append(nn.Sequential(*blocks, *([average, nn.Flatten()] if number == 2 else [halve])))
    parts[2][0].p3_2 = nn.Conv2d(reduce // n, c3 // n, kernel_size, padding=padding)
    return nn.Sequential(*parts, nn.Linear(channels // n, 10))


assert trace(googlenet(), (1, 1, 96, 96)).steps == slim.steps

# %%
lab(googlenet, (1, 1, 96, 96), c1=[32, 64, 128], reduce=[8, 16, 32, 192], c3=[16, 32, 64],
    kernel_size=[3, 5, 7], padding=[0, 1, 2, 3], input_size=[96, 224],
    tasks=tasks.googlenet.NETWORK)

# %% [markdown]
# ## Measure: does it learn?
#
# Train all 22 layers, with an eighth of the channels, on the digits at 32×32 pixels. The
# optimizer is Adam, as for AlexNet. What differs is the first weights: once those that
# PyTorch gives by itself, once scaled to suit ReLU (Kaiming's), as in the first lesson.
# Four epochs, three seeds of each, about 15 seconds.


# %%
def kaiming(net):
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")


torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=64, size=32, device="cpu")
runs, learned = {"Kaiming's": [], "PyTorch's": []}, []
for seed in range(3):
    for name, found in runs.items():
        torch.manual_seed(seed)
        small = googlenet(narrower=8)
        if name == "Kaiming's":
            kaiming(small)
            learned.append(small)
        found.append(fit(small, train, test, 4, lr=2e-3, seed=seed, optimizer=torch.optim.Adam))

# %%
assert min(run.test_acc[-1] for run in runs["Kaiming's"]) > 0.4
assert max(run.test_acc[-1] for run in runs["PyTorch's"]) < 0.3
print("Every run from Kaiming's weights ends above 0.4, every run from PyTorch's below 0.3.")

_, ax = plt.subplots(figsize=(5, 3))
for (name, found), colour, height in zip(runs.items(), (BLUE, ORANGE), (0.9, 0.15)):
    for run in found:
        ax.plot(range(1, 5), run.test_acc, color=colour)
    ax.text(2, height, f"{name} first weights", color=colour, fontweight="bold", ha="center")
ax.set(xlabel="epoch", ylabel="test accuracy", ylim=(0, 1), xticks=range(1, 5))
plt.show()

# %% [markdown]
# *Each line is one run; there are three of each kind. The lower ones lie on one another,
# where guessing would be: one in ten.*
#
# The same layers, the same images, the same optimizer: from one set of random weights the
# network learns, from another it does not. The paper's two small classifiers were meant to
# help here, by giving the first layers a loss nearby. (Four epochs are few; where the network
# learns, the accuracy still rises at the end.)
#
# ## Measure: does it use all four paths?
#
# Take the three networks that learned. Switch off one path in all nine blocks, by setting
# the weights of its last convolution to 0, and test again. Taking a part away to see what
# it does is called an **ablation**.

# %%
def without_path(net, last):
    net = copy.deepcopy(net)
    for block in [part for part in net.modules() if isinstance(part, Inception)]:
        for parameter in getattr(block, last).parameters():
            nn.init.zeros_(parameter)
    return net


paths = {"1×1": "p1_1", "3×3": "p2_2", "5×5": "p3_2", "pooling": "p4_2"}
full = [evaluate(net, test) for net in learned]
left = {path: [evaluate(without_path(net, last), test) for net in learned]
        for path, last in paths.items()}
for path in ("1×1", "3×3", "pooling"):
    assert all(before - after > 0.2 for before, after in zip(full, left[path]))
    print(f"without the {path} path each network loses more than 0.2")

_, ax = plt.subplots(figsize=(5, 2.6))
for place, accuracies in enumerate([full, *left.values()]):
    ax.plot([place - 0.1, place, place + 0.1], accuracies, "o", color=ORANGE if place else BLUE)
ax.set(ylim=(0, 1), ylabel="test accuracy")
ax.set_xticks(range(5), ["all four", *(f"without\n{path}" for path in left)])
plt.show()

# %% [markdown]
# *Each mark is one network; the three networks stand side by side in the same order.*
#
# The trained networks rely on their 1×1, 3×3 and pooling paths. Without the 5×5 path they
# lose too in this figure, though less. Does this answer the question of the lesson?
# In part. It shows that a network trained with several kernel sizes uses several. It does not
# show that one trained with 3×3 alone would be worse. That takes another experiment, and
# photographs: digits that all have one size hardly need four kernel sizes.
#
# ## Train at full size
#
# The notes' call is `d2l.train_ch6`. The book's editions that use it train on Fashion-MNIST
# at 96×96 pixels: 10 epochs, batches of 128, a learning rate of 0.1. It takes minutes on a
# GPU and hours on a CPU. The data, 30 MB, is downloaded once. The second cell does the same
# with `fit`.

# %% tags=["nbval-ignore-output"]
import os

from d2l import torch as d2l

from course_utils import best_device, fashion_mnist

FULL_SIZE = best_device().type != "cpu"  # set it to True to train on whatever there is
data = None
if not FULL_SIZE:
    print("Skipped: there is no GPU, and a CPU needs hours. To run it all the same, "
          "set FULL_SIZE = True in this cell, run it, and then the next.")
else:
    torch.set_num_threads(os.cpu_count())
    try:
        data = fashion_mnist(batch_size=128, size=96)
    except FileNotFoundError as error:
        print(error)
if data:
    d2l.train_ch6(net, *data, 10, 0.1, best_device())

# %% tags=["nbval-ignore-output"]
if not data:
    print("Skipped: it needs the data that the cell above did not load.")
else:
    large = googlenet()
    for layer in large.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
    fit(large, *data, epochs=10, lr=0.1).plot()

# %% [markdown]
# ## Questions
#
# Write two or three sentences each.
#
# 1. Why can the four results be stacked, but not those of AlexNet's first and second
#    convolution?
# 2. A friend says: "1×1 convolutions have no neighbours to look at, so they are useless in
#    front of a 5×5." What are they for?
# 3. Why does a count of layers alone say little about how hard a network is to train?
#
# <details><summary>Answers</summary>
#
# 1. Stacking needs equal rows and columns. The paths have stride 1 and a padding that keeps
#    the size; AlexNet's layers have other strides, and a pooling lies between them.
# 2. They mix the channels of each pixel and hand on fewer of them. The 5×5 then has fewer
#    numbers to multiply.
# 3. What counts is how many layers lie one behind the other: 22 here, of 58. And you have
#    seen that the same 22 layers learn or not, by their first weights.
# </details>
#
# ## Exercises
#
# ### 1. Without the last 1×1
#
# *easy, 10 minutes*
#
# The fourth path has a 1×1 convolution behind its pooling. Leave it out, so that the pooling
# hands on all the channels that it reads. How many channels leave the first block, which
# reads 192? And the ninth, if all nine are built like this?
#
# <details><summary>Solution</summary>
#
# 64 + 128 + 32 + 192 = 416. Each block now adds its own to what it reads: after nine blocks
# there are 4,944, and every one of them has to be read by the next. So this 1×1 convolution
# also keeps something small.
# </details>
#
# ### 2. Twelve times fewer?
#
# *medium, 15 minutes*
#
# The paper says that it uses 12 times fewer parameters than AlexNet. Give GoogLeNet 3 input
# channels and 1,000 classes, count, and compare with the AlexNet of the first lesson's
# last exercise, 60,965,224 parameters.
#
# <details><summary>Solution</summary>
#
# GoogLeNet has 6,998,552, so the factor is 8.7. It is a large saving, but not 12.
# </details>
#
# ### 3. VGG's idea
#
# *medium, 10 minutes*
#
# VGG replaces a 5×5 convolution by two of 3×3. Do that in the third path of the first block:
# 16 → 32 → 32 channels. Count the MACs at 12×12. Then try 16 → 16 → 32.
#
# <details><summary>Solution</summary>
#
# The 5×5 from 16 to 32 channels takes 1,843,200. Two 3×3 over 16 → 32 → 32 take 1,990,656,
# which is more. Over 16 → 16 → 32 they take 995,328. VGG's saving holds where all channel
# numbers are equal; here you decide where the channels grow.
# </details>
#
# ### 4. The shortest path
#
# *medium, 10 minutes*
#
# On the longest path a number at the end sees 715×715 pixels. How many on the shortest,
# through the 1×1 convolutions of every block? Use the rule of the first lesson: kernel less
# one, times the distance of neighbours.
#
# <details><summary>Solution</summary>
#
# 75. The stem gives 27, with neighbours 8 pixels apart; the 1×1 convolutions add nothing;
# the two poolings between the groups add 2 · 8 and 2 · 16.
# </details>
#
# ### 5. What the first layers hear
#
# *hard, 20 minutes*
#
# For `googlenet(narrower=8)`, before any training, compute the size of the loss's gradient
# in the first convolution and in the last linear layer, for PyTorch's first weights and for
# Kaiming's. What does it explain?
#
# <details><summary>Solution</summary>
#
# From Kaiming's weights the first layer's gradient is not far from the last layer's. From
# PyTorch's it is less than a thousandth of it: the first layers hear next to nothing of the
# loss. Why that is, and what to do about it in general, is the next lesson.
# </details>
#
# The next cell, folded away, proves what the solutions and answers say.


# %% jupyter={"source_hidden": true}
def layers(**choices):
    steps = trace(googlenet(**choices), (1, 1, 96, 96)).steps
    return [(step.path, step.params) for step in steps if step.params]


changed = {a[0] for a, b in zip(layers(), layers(c3=64)) if a != b}
assert changed == {"2.0.p3_2", "2.1.p1_1", "2.1.p2_1", "2.1.p3_1", "2.1.p4_2"}


def accepts(**choices):
    try:
        return bool(trace(googlenet(**choices), (1, 1, 96, 96)))
    except RuntimeError:
        return False


assert not accepts(padding=1) and accepts(padding=1, kernel_size=3)
macs = {s.path: s.macs for s in trace(googlenet(reduce=192), (1, 1, 96, 96)).steps}
assert macs["2.0.p3_2"] == direct and macs["2.0.p3_1"] > 0

channels = 192
for group in GROUPS:
    channels += sum(p1 + p2[1] + p3[1] for p1, p2, p3, _ in group)
assert channels == 4944 and 64 + 128 + 32 + 192 == 416

paper = trace(nets.googlenet(in_channels=3, num_classes=1000), (1, 3, 224, 224))
assert paper.params == 6_998_552 and round(60_965_224 / paper.params, 1) == 8.7
large, alexnet = (trace(each, (1, 1, 224, 224)) for each in (net, nets.alexnet()))
assert round(large.macs / alexnet.macs, 1) == 1.6 and round(large.macs / slim.macs, 1) == 5.4
assert round(alexnet.params / slim.params, 1) == 7.8
assert 144 * 25 * 16 * 32 == 1_843_200 and 144 * 9 * (16 * 32 + 32 * 32) == 1_990_656
assert 144 * 9 * (16 * 16 + 16 * 32) == 995_328
assert 7 + 2 * 2 + 2 * 4 + 2 * 4 == 27 and 27 + 2 * 8 + 2 * 16 == 75
assert trace(net, (1, 1, 1, 1)).steps[-1].output == (1, 10)
assert [s for s in slim.steps if s.receptive_field][-2].receptive_field == (715, 715)

for seed in range(3):
    for scaled in (True, False):
        torch.manual_seed(seed)
        small = googlenet(narrower=8)
        if scaled:
            kaiming(small)
        F.cross_entropy(small(train.images[:64]), train.labels[:64]).backward()
        ratio = small[0][0].weight.grad.norm() / small[5].weight.grad.norm()
        assert ratio > 0.05 if scaled else ratio < 1e-3

# %% [markdown]
# ## What you have seen
#
# - An Inception block applies several kernel sizes side by side and stacks the results as
#   channels; all paths must agree in rows and columns.
# - 1×1 convolutions in front of the larger ones save about three quarters of the parameters and two
#   thirds of the arithmetic of the whole network.
# - An image passes 22 layers with weights, not a hundred. GoogLeNet is far cheaper than VGG,
#   and at 224×224 more expensive than AlexNet.
#
# Twenty-two layers learned from one kind of first weights and not from another. Why does a
# deep network depend so much on them, and is there a way not to? The next lesson, on batch
# normalization, follows the numbers through the layers and finds out.
#
# Next: [Lesson 5: Batch normalization](05_batch_norm.ipynb)
#
# ## References
#
# - C. Szegedy and others. [Going Deeper with
#   Convolutions](https://arxiv.org/abs/1409.4842). 2014. Sections and figures in this lesson
#   are of this paper unless another is named.
# - M. Lin, Q. Chen, S. Yan. [Network In Network](https://arxiv.org/abs/1312.4400). 2013. The
#   1×1 convolution.
# - A. Krizhevsky, I. Sutskever, G. Hinton. [ImageNet Classification with Deep
#   Convolutional Neural Networks](https://papers.nips.cc/paper/4824). 2012.
# - C. Szegedy and others. [Rethinking the Inception Architecture for Computer
#   Vision](https://arxiv.org/abs/1512.00567). 2015. Two 3×3 in place of a 5×5.
# - K. He and others. [Delving Deep into
#   Rectifiers](https://arxiv.org/abs/1502.01852). 2015. The scale of the first weights.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep
#   Learning](https://d2l.ai). Section 8.4 (GoogLeNet), with a learning rate of 0.01; in
#   earlier editions section 7.4, with 0.1.

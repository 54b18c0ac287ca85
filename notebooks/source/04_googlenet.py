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
# **Time:** 50 minutes, and 105 for questions and exercises. Running every cell takes less
# than a minute.
#
# **You need:** the lessons up to NiN, for the 1×1 convolution, global average pooling and the
# class activation map. No internet, no GPU.
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

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import (at_full_size, digits, evaluate, exercises, initialize, nets,
                          photograph, plot_runs, predict, print_runs, recorded, runs, show,
                          show_images, tasks, use_style)
from layerwise import draw, lab, table, trace

use_style()

# %% [markdown]
# ## What a kernel size costs
#
# AlexNet, VGG and NiN chose one kernel size for each layer. But the details of an image come in
# many sizes. Take an image with a thin line and a thick one, and two filters. One is 3 wide and
# asks: is one bright column between two dark ones? The other is 5 wide and asks for three bright
# columns. Each is scaled so that its own line makes a 1.

# %%
image = torch.zeros(1, 1, 12, 20)
image[..., 1:11, 4:5] = 1    # a line 1 wide
image[..., 1:11, 12:15] = 1  # a line 3 wide
thin = torch.tensor([-1.0, 2, -1]).expand(1, 1, 3, 3) / 6
thick = torch.tensor([-3.0, 2, 2, 2, -3]).expand(1, 1, 5, 5) / 30
inside = F.pad(thin, (1, 1, 1, 1))  # the 3×3 filter in a 5×5 kernel, zeros around it
answers = {"3×3": F.conv2d(image, thin, padding=1).relu(),
           "5×5": F.conv2d(image, thick, padding=2).relu(),
           "3×3 in 5×5": F.conv2d(image, inside, padding=2).relu()}
titles = [f"{name}\n{maps[0, 0, 6, 4]:.2f} and {maps[0, 0, 6, 13]:.2f}"
          for name, maps in answers.items()]
show_images([maps[0] for maps in (image, *answers.values())], ["image", *titles], columns=4,
            alt="An image with a thin line on the left and a thick one on the right, and three "
            "maps of answers. The 3×3 filter lights up the thin line and the edges of the thick "
            "one, the 5×5 filter the thick line and weakly the thin one. The 3×3 filter inside a "
            "5×5 kernel gives the same map as the 3×3 filter.")

# %% [markdown]
# *Above each map: the output in the middle of the thin line, and of the thick one. The 3×3 filter
# finds the thin line and, half as strongly, the edges of the thick one. The 5×5 filter finds the
# thick line and, a third as strongly, the thin one.*
#
# So one filter fits one size. But a 5×5 kernel can hold the 3×3 filter, with zeros around it: the
# last map is that of the 3×3 filter. A layer of 5×5 kernels can look for both lines. Why not always
# take the large kernel? Because of its **cost**. A 5×5 kernel has 25 weights for each pair of
# channels, and does 25 MACs at each pixel; a 3×3 kernel has 9, a 1×1 kernel one. With 5×5
# everywhere, small details cost as much as large ones.
#
# GoogLeNet's answer has two parts. First, some channels get a small kernel and some a large one,
# side by side. Second, a 1×1 convolution in front of the large kernels leaves them fewer channels
# to read.
#
# ## Predict
#
# Write your answers down.
#
# 1. A 5×5 convolution reads 192 channels and makes 32. Put a 1×1 convolution in front of it
#    that makes 16 channels out of the 192. Do the MACs grow or shrink, and by what factor?
# 2. The notes say that GoogLeNet was the first network of more than a hundred layers. How
#    many layers with weights does an image pass one after the other, on the longest path?
# 3. AlexNet is from 2012, GoogLeNet from 2014 and known to be cheap. Which one needs more
#    MACs for an image of 224×224?
#
# <details><summary>Where the answers are</summary>
#
# 1: *What the 1×1 convolutions save*. 2: *How many layers?* 3: *Cheaper than what?*
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
# have to: the four results are **concatenated**, stacked as channels, and for that all must have
# the same rows and columns:

# %%
ones, twos = torch.ones(1, 2, 2, 2), 2 * torch.ones(1, 3, 2, 2)
both = torch.cat((ones, twos), dim=1)  # dimension 1 is that of the channels
print(tuple(ones.shape), "and", tuple(twos.shape), "make", tuple(both.shape))
print("first value of each channel:", both[0, :, 0, 0].int().tolist())

# %% [markdown]
# Here is the block. A pair such as `c2 = (96, 128)` holds the channels that the 1×1 convolution
# makes, and those that the 3×3 convolution makes of them.

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


first = Inception(192, 64, (96, 128), (16, 32), 32)
predict("This block reads 192 channels of 12×12. How many channels leave it?",
        trace(first, (1, 192, 12, 12)).output[1])

# %% [markdown]
# This is the first block of GoogLeNet. In its picture the four paths stand below one another; a
# longer box has more maps. In the table compare the receptive fields: the paths see squares of
# different sizes. `(forward)` is an operation without a module of its own.

# %%
draw(first, (1, 192, 12, 12))

# %%
table(first, (1, 192, 12, 12))

# %% [markdown]
# 64 + 128 + 32 + 32 = 256 channels leave the block. The `cat` itself has no parameters and
# needs no MACs. The next layer reads all 256, and its weights decide how much it uses each path.
#
# ## Build GoogLeNet
#
# The first three convolutions with two poolings, the **stem**, shrink the image. Nine Inception
# blocks follow, in stages of 2, 5 and 2, with a pooling after the first two stages. At the end
# stands global average pooling, as in NiN, and one linear layer. The output channels of a block's
# four paths add up to what the next block reads.

# %%
b1 = nn.Sequential(nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3), nn.ReLU(),
                   nn.MaxPool2d(kernel_size=3, stride=2, padding=1))     #  64 × 24 × 24
b2 = nn.Sequential(nn.Conv2d(64, 64, kernel_size=1), nn.ReLU(),
                   nn.Conv2d(64, 192, kernel_size=3, padding=1), nn.ReLU(),
                   nn.MaxPool2d(kernel_size=3, stride=2, padding=1))     # 192 × 12 × 12
b3 = nn.Sequential(Inception(192, 64, (96, 128), (16, 32), 32),          # 256
                   Inception(256, 128, (128, 192), (32, 96), 64),        # 480
                   nn.MaxPool2d(kernel_size=3, stride=2, padding=1))     # 480 ×  6 ×  6
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
# The notes print six rows, for 96×96 pixels.

# %%
X = torch.rand(size=(1, 1, 96, 96))
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %% [markdown]
# Global average pooling makes 1,024 values of maps of any size, so GoogLeNet takes any image, down
# to a single pixel. A row for each block:

# %%
table(net, (1, 1, 96, 96), depth=2)

# %% [markdown]
# The receptive field in the table is that of the path that sees most, through the 5×5
# convolutions: after the last block 715×715 pixels, far more than the image has. Through the 1×1
# convolutions it is much smaller. So each value in the last maps combines what was seen in squares
# of many sizes: GoogLeNet is **multi-scale**.
#
# ## Why these numbers?
#
# | number | where it comes from |
# |---|---|
# | 1×1, 3×3, 5×5 | They are odd, so the patches that the paths read have the same pixel in their middle. The paper wants "to avoid **patch alignment** issues"; otherwise the choice is "based more on convenience rather than necessity" (section 4). |
# | a pooling path | A choice: pooling had worked in every network so far (section 4). |
# | 64, 128, 32, 32 and the other channels | Choices, listed in the paper's table 1 without a rule. |
# | 16 in front of the 5×5 | A choice: the larger the kernel, the fewer channels it may read. |
# | padding 0, 1, 2 | They follow: $(k - 1)/2$ keeps rows and columns. |
# | 256, 480, 512, 528, 832, 1,024 | They follow: sums of four. |
# | 224, 96 | The paper's size, and the book's. |
#
# You built the network of the book *Dive into Deep Learning*. The paper's won the ImageNet
# competition of 2014 with 6.7 % top-5 error (the right class is not among the first five).
#
# | | 2014 paper | here |
# |---|---|---|
# | images, classes | 3 channels of 224×224, 1,000 classes | 1 channel, 10 classes |
# | auxiliary classifiers | two, in training only (section 5): see below | none |
# | dropout; local response normalization | 0.4 before the linear layer; twice in the stem | none |
# | the 6.7 % | seven networks, each on 144 parts cut out of each image (crops), averaged (section 7) | one network |
#
# ## What the 1×1 convolutions save
#
# Take the third path of the first block: 192 channels, maps of 12×12, a 5×5 kernel, 32
# channels out. Count its MACs directly, and with 16 channels in between.

# %%
direct = 12 * 12 * 5 * 5 * 192 * 32
reduced = 12 * 12 * 192 * 16 + 12 * 12 * 5 * 5 * 16 * 32
print(f"5×5 alone:        {direct:>10,} MACs")
print(f"1×1, then 5×5:    {reduced:>10,} MACs, {direct / reduced:.1f} times fewer")

# %% [markdown]
# The MACs shrink by a factor of nearly ten, because the expensive kernel has only a twelfth of the
# channels to read. This is called **dimension reduction**. It is also a restriction: the 5×5
# kernels know of the 192 channels only what these 16 hold.
#
# Now the whole network, without its 18 reductions.


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


# %%
slim = trace(net, (1, 1, 96, 96))
heavy = trace(without_reductions(net), (1, 1, 96, 96))
print("million MACs   with reductions  without")
for name, part in net.named_modules():
    if isinstance(part, Inception):
        macs = [sum(step.macs for step in t.steps if step.path.startswith(f"{name}."))
                for t in (slim, heavy)]
        print(f"block {name}      {macs[0] / 1e6:15.1f} {macs[1] / 1e6:8.1f}")
print(f"the network    {slim.macs / 1e6:15.1f} {heavy.macs / 1e6:8.1f}")
print(f"\nmillion parameters\nthe network    {slim.params / 1e6:15.1f} {heavy.params / 1e6:8.1f}")

# %% [markdown]
# Without the reductions each block costs 2.4 to 5.2 times as many MACs, and the network has four
# times as many parameters. The parallel paths alone do not make GoogLeNet as small as it is.
#
# ## How many layers?
#
# The notes call it the first network of over a hundred layers. Count the layers with weights, as
# in AlexNet (8) and VGG-11.

# %%
ops = [step.op for step in slim.steps]
in_stem = sum(isinstance(layer, nn.Conv2d) for layer in [*b1, *b2])
print("convolutions:", ops.count("Conv2d"), " linear layers:", ops.count("Linear"))
longest = in_stem + 2 * ops.count("cat") + 1
print(f"longest path: {in_stem} + 2 in each of {ops.count('cat')} blocks + 1 linear = {longest}")
print("all operations, with each ReLU, pooling and concat:", len(ops))

# %% [markdown]
# 22 layers in a row, and 58 in all. The paper too says 22, and adds that there are about 100
# "independent building blocks" (section 5). This may be where the hundred comes from: it counts
# parts that stand side by side as if they came one after the other. **Depth** is the number of
# layers with weights on the longest path.
# Networks of more than a hundred layers came in 2015; lesson 7 builds one.
#
# ## Cheaper than what?
#
# The notes say that GoogLeNet's main advantages are few parameters and little computation.
# Compared with what, and for which image?

# %%
NETWORKS = [("AlexNet", nets.alexnet(), 224), ("VGG-11", nets.vgg(), 224), ("NiN", nets.nin(), 224),
            ("GoogLeNet", net, 224), ("NiN", nets.nin(), 96), ("GoogLeNet", net, 96)]
costs = {(name, size): trace(other, (1, 1, size, size)) for name, other, size in NETWORKS}
_, ax = plt.subplots(figsize=(5.5, 3.2))
for (name, size), t in costs.items():
    print(f"{name:10}{size:>4}{t.params:>13,} parameters{t.macs:>15,} MACs")
    mark, colour = ("o", "#0072b2") if name == "GoogLeNet" else ("s", "#d55e00")
    ax.loglog(t.params, t.macs, mark, color=colour, markersize=6)
    ax.text(t.params * 1.2, t.macs, f"{name}, {size}", color=colour, va="center")
ax.set(xlabel="parameters", ylabel="MACs for one image", xlim=(1e6, 1e9), ylim=(5e7, 2e10))
show("The networks of the list above, placed by parameters and MACs. GoogLeNet at 224 stands high, "
     "above AlexNet and far to its left; VGG-11 is at the top right, NiN at the left.")

# %% [markdown]
# *After each name the size of the image. Parameters do not depend on it; MACs do.*
#
# At 224×224 GoogLeNet needs *more* MACs than AlexNet, by a factor of 1.6, with 7.8 times fewer
# parameters. NiN has fewer of both, VGG-11 far more of both. At 96×96, where the book runs it,
# GoogLeNet needs 5.4 times fewer MACs than at 224×224: the image does that, not the network.
#
# ## Turn one choice at a time
#
# The network as a function. The first five choices are those of the first block's first and
# third paths. `narrower` divides all channels, for the experiments below.

# %%
STAGES = [
    [(64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)],
    [(192, (96, 208), (16, 48), 64), (160, (112, 224), (24, 64), 64),
     (128, (128, 256), (24, 64), 64), (112, (144, 288), (32, 64), 64),
     (256, (160, 320), (32, 128), 128)],
    [(256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)],
]


def stage(in_channels, rows, n):
    """Inception blocks, one for each row, with an n-th of its channels; how many leave the last."""
    blocks = []
    for p1, (p2_1, p2_2), (p3_1, p3_2), p4 in rows:
        blocks.append(Inception(in_channels, p1 // n, (p2_1 // n, p2_2 // n),
                                (p3_1 // n, p3_2 // n), p4 // n))
        in_channels = p1 // n + p2_2 // n + p3_2 // n + p4 // n
    return blocks, in_channels


def googlenet(c1=64, reduce=16, c3=32, kernel_size=5, padding=2, narrower=1):
    """GoogLeNet; without choices it is the network above."""
    n = narrower
    stem = [nn.Sequential(nn.Conv2d(1, 64 // n, 7, stride=2, padding=3), nn.ReLU(),
                          nn.MaxPool2d(3, stride=2, padding=1)),
            nn.Sequential(nn.Conv2d(64 // n, 64 // n, 1), nn.ReLU(),
                          nn.Conv2d(64 // n, 192 // n, 3, padding=1), nn.ReLU(),
                          nn.MaxPool2d(3, stride=2, padding=1))]
    b3, channels = stage(192 // n, [(c1, (96, 128), (reduce, c3), 32), STAGES[0][1]], n)
    b4, channels = stage(channels, STAGES[1], n)
    b5, channels = stage(channels, STAGES[2], n)
    b3[0].p3_2 = nn.Conv2d(reduce // n, c3 // n, kernel_size, padding=padding)
    return nn.Sequential(*stem, nn.Sequential(*b3, nn.MaxPool2d(3, stride=2, padding=1)),
                         nn.Sequential(*b4, nn.MaxPool2d(3, stride=2, padding=1)),
                         nn.Sequential(*b5, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()),
                         nn.Linear(channels, 10))


# %%
lab(googlenet, (1, 1, 96, 96), c1=[32, 64, 128], reduce=[8, 16, 32, 192], c3=[16, 32, 64],
    kernel_size=[3, 5, 7], padding=[0, 1, 2, 3], input_size=[96, 224],
    tasks=tasks.googlenet.NETWORK)

# %% [markdown]
# ## Measure: when does it begin to learn?
#
# Train all 22 layers, with an eighth of the channels, on the digits. What differs is the
# **initialization**: PyTorch's default, or Kaiming's rule, which is made for ReLU (lesson 2).
#
# This takes minutes, so it was recorded: `learned`, below, ran for 18 epochs from PyTorch's weights
# and for 6 from Kaiming's. `learned(kaimings_weights, epochs=2, seeds=(0,))` repeats a part in some
# seconds.

# %%
torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=64, size=32, device="cpu")


def pytorchs_weights():
    return googlenet(narrower=8)


def kaimings_weights():
    return initialize(googlenet(narrower=8))


def learned(build, epochs, seeds=(0, 1, 2, 3, 4)):
    """The networks that `build` makes, trained from several seeds, and their histories."""
    return runs(build, train, test, seeds, epochs=epochs, lr=2e-3, optimizer=torch.optim.Adam)

# %%
begin = recorded.curves("initialization")
plot_runs(begin)
print_runs(begin)
for name, histories in begin.items():
    guessing = [sum(share < 0.11 for share in run.test_acc) for run in histories]
    print(f"{name}: epochs of guessing", *guessing)

# %% [markdown]
# *Each line is one run. In the table a column is one seed, and the number is the test accuracy
# after the last epoch. Guessing gives 0.10.*
#
# From Kaiming's weights the network learns in the first epoch. From PyTorch's it guesses for 3 to
# 11 epochs, depending on the seed, and then begins to learn too. So it is late, but not stuck.
# After 18 epochs it is still behind the runs from Kaiming's weights after 6.
#
# Does the gradient vanish on its way to the first layer (lesson 1)? The authors of the paper
# expected this, and added two **auxiliary classifiers**: small heads after the first and the fourth
# block of `b4`. In training 0.3 times their losses is added to the loss; afterwards they are
# removed. Here each head is an average and a linear layer. How large is the gradient in the first
# convolution, from PyTorch's weights?

# %% tags=["nbval-ignore-output"]
def loss_with_heads(net, heads, X, y):
    """The loss of the network, plus 0.3 times that of each head; `heads`: block of b4 -> head."""
    loss = 0
    for part in net[:3]:
        X = part(X)
    for place, block in enumerate(net[3]):
        X = block(X)
        if place in heads:
            loss += 0.3 * F.cross_entropy(heads[place](X), y)
    return loss + F.cross_entropy(net[5](net[4](X)), y)


def first_gradient(seed, with_heads):
    torch.manual_seed(seed)
    net = googlenet(narrower=8)
    heads = {place: nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, 10))
             for place, channels in ((0, 64), (3, 66))}
    loss = loss_with_heads(net, heads if with_heads else {}, train.images[:64], train.labels[:64])
    loss.backward()
    return net[0][0].weight.grad.norm().item()


for seed in range(3):
    without, with_heads = first_gradient(seed, False), first_gradient(seed, True)
    print(f"seed {seed}: without heads {without:.0e}, with heads {with_heads:.0e}")

# %% [markdown]
# Without heads the gradient is less than a millionth: it vanishes. The heads make it more than a
# hundred times as large. Whether the network then learns better is another question. For
# Inception-v3, which has batch normalization, the authors report that training began in the same
# way with and without heads, and that heads were a little better only near its end (section 4 of
# the Inception-v3 paper). They now call them **regularizers**.
#
# ## Measure: one kernel size or four paths?
#
# Is the mixture better than one size? For a fair comparison all must cost the same. Here are three
# small networks of nearly equal MACs: two layers of 3×3, two of 5×5, or two Inception blocks.

# %%
def small(block, channels):
    """One convolution, two blocks that make `channels` of what they read, and the ten logits."""
    return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                         block(16), block(channels),
                         nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, 10))


def one_size(kernel_size, channels):
    return small(lambda c: nn.Sequential(
        nn.Conv2d(c, channels, kernel_size, padding=kernel_size // 2), nn.ReLU()), channels)


KINDS = {"3×3 only": lambda: one_size(3, 18), "5×5 only": lambda: one_size(5, 9),
         "Inception": lambda: small(lambda c: Inception(c, 8, (8, 18), (4, 8), 4), 38)}
for name, build in KINDS.items():
    t = trace(build(), (1, 1, 16, 16))
    print(f"{name:10} {t.by_path['6'][0].output[1]:2} channels {t.params:,} parameters {t.macs:,} MACs")

# %% tags=["nbval-ignore-output"]
train, test = digits(batch_size=64, size=16, standardize=True, device="cpu")
adam = {"lr": 5e-3, "optimizer": torch.optim.Adam, "seeds": (0, 1, 2)}
mixed = {name: runs(lambda build=build: initialize(build()), train, test, epochs=6, **adam)
         for name, build in KINDS.items()}
print_runs(mixed)

# %% [markdown]
# *Test accuracy at the end, a column for each seed.*
#
# For the same MACs Inception makes four times as many channels as 5×5 only. And yet there is no
# clear winner: two seeds of one kind differ as much as two kinds do, and the rows overlap. All these
# digits have about the same size, so they cannot show whether the mixture helps on photographs.
#
# ## Measure: which path does it use?
#
# Take the three Inception networks. Switch off one path in both blocks, by setting the weights and
# the biases of its last convolution to 0, and test again. Taking a part away to see what it does is
# called an **ablation**. But the paths differ in kernel *and* width: they have 8, 18, 8 and 4
# channels. So width is a **confounder**: one cannot tell which of the two an effect comes from. Do
# it once with the whole path, and once with 4 channels of each. (The pooling path has only 4, so
# its two rows are equal.)


# %% tags=["nbval-ignore-output"]
def without(net, last, channels=None):
    """A copy in which the first `channels` of a path, or all of them, are 0."""
    net = copy.deepcopy(net)
    for block in [part for part in net.modules() if isinstance(part, Inception)]:
        for parameter in getattr(block, last).parameters():
            parameter.data[:channels] = 0
    return net

PATHS = {"1×1": "p1_1", "3×3": "p2_2", "5×5": "p3_2", "pooling": "p4_2"}
trained = mixed["Inception"].nets
print("switched off           test accuracy")
print("nothing              ", *(f"{evaluate(net, test):6.2f}" for net in trained))
for channels in (None, 4):
    for path, last in PATHS.items():
        left = [evaluate(without(net, last, channels), test) for net in trained]
        print(f"{path:8} {channels or 'all':>3} channels", *(f"{share:6.2f}" for share in left))

# %% [markdown]
# *A column for each network.*
#
# Each network uses all its paths: without any one of them it is less accurate. Without a whole path
# the drop is about as large for 3×3 as for 5×5. But 3×3 has the most channels. With four channels of
# each removed, the drop is largest for 5×5, in every column. Does this show that a network built
# without a 5×5 path would be worse? No: that network would have learned something else.
#
# ## On photographs
#
# GoogLeNet was made for photographs. Here is a recorded run on those of CIFAR-10, 32×32 pixels.
# The network is made to fit: its first convolution has stride 1, and four Inception blocks, at
# 8×8, have a quarter of the channels. One seed, few epochs, a JPEG copy of the data.

# %%
inception, recording = recorded.load("googlenet")
print(recording)
print("test accuracy after each epoch:", *(f"{share:.2f}" for share in recording.test_acc))
mistakes = [(count, true, taken) for true, row in zip(recording.classes, recording.confusion)
            for taken, count in zip(recording.classes, row) if taken != true]
for count, true, taken in sorted(mistakes, reverse=True)[:4]:
    print(f"{true} taken for {taken}: {count} of 1,000")

# %% [markdown]
# ### Look inside: what each path votes for
#
# Apart from its bias, a logit is a weighted sum of the averages of the last maps, and each of these
# maps belongs to a path. So a logit is a sum of four votes, one for each path of the last block.
# Before the average, a vote is a class activation map (lesson 3). Show the network the cat: how far
# does each path raise a class above the average of all ten? "Cat" is not the network's first
# answer.

# %% tags=["nbval-ignore-output"]
cat = photograph("cat.jpg")
widths = [getattr(inception[2][3], last).out_channels for last in PATHS.values()]
weights = inception[3].weight - inception[3].weight.mean(0)
with torch.no_grad():
    chances = inception(recording.prepare(cat)).softmax(1)[0]
    maps = inception[2][:4](inception[1](inception[0](recording.prepare(cat))))[0]


def votes(name):
    """For each path, 8×8: its part of the class activation map of a class."""
    row = weights[recording.classes.index(name)]
    return [part.sum(0).detach() for part in (row[:, None, None] * maps).split(widths)]


print(f"{'':22}votes of the paths\n{'class':10}chance", *(f"{path:>8}" for path in PATHS))
for place in chances.argsort(descending=True)[:4]:
    name = recording.classes[place]
    print(f"{name:10}{chances[place]:6.2f}", *(f"{part.mean():+8.2f}" for part in votes(name)))

# %%
show_images([cat[0], *votes("cat")], ["32×32 pixels", *(f"{path} path" for path in PATHS)],
            columns=5, signed=True, alt="The photograph of the cat and four coarse maps, one for "
            "each path: red where the path votes for cat, blue where it votes against it.")

# %% [markdown]
# *Red: votes for "cat", blue: against it, all on one scale.*
#
# Which path raises which animal? Remember the confounder: the 3×3 path has the most channels. And a
# red square says where a path finds something, not that it looks at that square alone: the
# receptive fields are larger than the photograph.

# %% [markdown]
# ## What became of it
#
# - A large kernel can be taken apart, which is called **factorization**: two of 3×3 in place of one of
#   5×5, as in VGG, or a row and a column, 1×5 and 5×1. Inception-v3 (2015) does both, the second
#   with 1×7 and 7×1.
# - In a **depthwise** convolution each channel has a kernel of its own and reads no other; a 1×1
#   convolution then mixes them. Xception (2017) sees it as an extreme Inception, with a path
#   for each channel. See lesson 8.
#
# What do they cost for 64 channels, and do they see the same 5×5?

# %%
def conv(kernel_size, groups=1):
    return nn.Conv2d(64, 64, kernel_size, padding="same", groups=groups)


AFTER = {"5×5": [conv(5)], "3×3, 3×3": [conv(3), conv(3)], "1×5, 5×1": [conv((1, 5)), conv((5, 1))],
         "5×5 depthwise, 1×1": [conv(5, groups=64), conv(1)]}
for name, layers in AFTER.items():
    t = trace(nn.Sequential(*layers), (1, 64, 12, 12))
    print(f"{name:20}{t.params:>8,} parameters {t.macs:>11,} MACs, sees {t.steps[-1].receptive_field}")

# %% [markdown]
# All see 5×5, the last with an eighteenth of the weights. None of the three cheaper ones can
# represent every 5×5 convolution.
#
# ## Train at full size
#
# The notes' call is `d2l.train_ch6(net, train_iter, test_iter, num_epochs, lr, d2l.try_gpu())`. The
# book's editions that use it train on Fashion-MNIST at 96×96: 10 epochs, batches of 128, a learning
# rate of 0.1, Xavier's initialization. It takes minutes on a GPU, and downloads 30 MB once.

# %% tags=["nbval-ignore-output"]
at_full_size(initialize(net, nn.init.xavier_uniform_), size=96, epochs=10, lr=0.1)

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
# 3. What counts is how many layers lie in a row: 22 here, of 58. And you have
#    seen that the same 22 layers learn at once or late, depending on their initialization.
# </details>
#
# ## Exercises
#
# Write your answer in place of `...`, and run the cell and the check below it. The check names what is
# wrong, and where to look. For a hint, remove the `#` in front of it; hints come one at a time.

# %% [markdown]
# ### The third path
#
# *easy, 10 minutes*
#
# Write `third_path(in_channels, reduced, out_channels)`: a 1×1 convolution to `reduced`
# channels, then a 5×5 convolution to `out_channels` that keeps the size, each with its ReLU.

# %% tags=["exercise"]
def third_path(in_channels, reduced, out_channels):
    ### BEGIN SOLUTION
    return nn.Sequential(
        nn.Conv2d(in_channels, reduced, kernel_size=1), nn.ReLU(),
        nn.Conv2d(reduced, out_channels, kernel_size=5, padding=2), nn.ReLU(),
    )
    ### END SOLUTION

# %%
exercises.googlenet.path.check(third_path)

# %%
# exercises.googlenet.path.hint()      # one hint at a time
# exercises.googlenet.path.solution()

# %% [markdown]
# ### Four paths, one block
#
# *medium, 20 minutes*
#
# Inception-v3 has two 3×3 convolutions in place of the 5×5. Write such a block, the class
# `MyInception(in_channels, c1, c2, c3, c4)`. `c1` and `c4` are numbers, `c2` and `c3` pairs (reduced,
# out). The paths: 1×1 with `c1`; 1×1 then 3×3 with `c2`; 1×1, 3×3 and once more 3×3 with `c3`, where
# each 3×3 makes `c3[1]` channels; 3×3 max pooling that keeps the size, then 1×1 with `c4`. A ReLU
# follows each convolution. The maps of the four are joined along the channels, in this order.

# %% tags=["exercise"]
class MyInception(nn.Module):
    def __init__(self, in_channels, c1, c2, c3, c4):
        super().__init__()
        ### BEGIN SOLUTION
        self.p1_1 = nn.Conv2d(in_channels, c1, kernel_size=1)
        self.p2_1 = nn.Conv2d(in_channels, c2[0], kernel_size=1)
        self.p2_2 = nn.Conv2d(c2[0], c2[1], kernel_size=3, padding=1)
        self.p3_1 = nn.Conv2d(in_channels, c3[0], kernel_size=1)
        self.p3_2 = nn.Conv2d(c3[0], c3[1], kernel_size=3, padding=1)
        self.p3_3 = nn.Conv2d(c3[1], c3[1], kernel_size=3, padding=1)
        self.p4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.p4_2 = nn.Conv2d(in_channels, c4, kernel_size=1)
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        p1 = F.relu(self.p1_1(X))
        p2 = F.relu(self.p2_2(F.relu(self.p2_1(X))))
        p3 = F.relu(self.p3_3(F.relu(self.p3_2(F.relu(self.p3_1(X))))))
        p4 = F.relu(self.p4_2(self.p4_1(X)))
        return torch.cat((p1, p2, p3, p4), dim=1)
        ### END SOLUTION

# %%
exercises.googlenet.inception.check(MyInception)

# %%
# exercises.googlenet.inception.hint()      # one hint at a time
# exercises.googlenet.inception.solution()

# %% [markdown]
# ## More exercises
#
# ### 1. Without the last 1×1
#
# *easy, 10 minutes*
#
# The fourth path has a 1×1 convolution after its pooling. Leave it out, so that the pooling
# hands on all the channels that it reads. How many channels leave the first block, which
# reads 192? And the ninth, if all nine are built like this?
#
# <details><summary>Solution</summary>
#
# 64 + 128 + 32 + 192 = 416. Each block now adds its own to what it reads: after nine blocks
# there are 4,944, and every one of them has to be read by the next. So this 1×1 convolution
# also keeps the number of channels small.
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
# ### 4. The path that sees least
#
# *medium, 10 minutes*
#
# Through the 5×5 convolutions of every block a number at the end sees 715×715 pixels. How many does
# it see through the first path of every block, a 1×1 convolution alone? Use the rule of the first lesson: kernel less
# one, times the distance of neighbours.
#
# <details><summary>Solution</summary>
#
# 75. The stem gives 27, with neighbours 8 pixels apart; the 1×1 convolutions add nothing;
# the two poolings between the stages add 2 · 8 and 2 · 16.
# </details>
#
# ### 5. The gradient of the first layer
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
# PyTorch's it is less than a thousandth of it, so the first layers hardly change. Why that is,
# and what to do about it in general, is the topic of the next lesson.
# </details>
#
# ## What you have seen
#
# - An Inception block applies several kernel sizes side by side and stacks the results as
#   channels; all paths must agree in rows and columns.
# - 1×1 convolutions in front of the larger ones save about three quarters of the parameters and two
#   thirds of the MACs. The paths alone do not make it so small.
# - An image passes 22 layers with weights, not a hundred. In MACs GoogLeNet is far
#   cheaper than VGG, and at 224×224 more expensive than AlexNet.
#
# Twenty-two layers learned at once from one initialization, and late from another. Why does a deep
# network depend so much on it, and can a layer make it depend less on it? The next lesson, on batch
# normalization, finds out.
#
# Next: [Lesson 5: Batch normalization](05_batch_norm.ipynb)
#
# ## References
#
# - C. Szegedy and others. [Going Deeper with Convolutions](https://arxiv.org/abs/1409.4842). 2014.
#   "The paper" of this lesson.
# - C. Szegedy and others. [Rethinking the Inception Architecture for Computer
#   Vision](https://arxiv.org/abs/1512.00567). 2015. Inception-v3.
# - F. Chollet. [Xception](https://arxiv.org/abs/1610.02357). 2017.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep Learning](https://d2l.ai). Section 8.4
#   (GoogLeNet), with a learning rate of 0.01; in earlier editions section 7.4, with 0.1.

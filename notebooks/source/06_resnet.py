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
# # 6. ResNet
#
# **Why can you not stack as many layers as you like, and what does one addition
# change about it?**
#
# In this lesson you
#
# - see a network of 56 layers learn worse than one of 20, on its own training images;
# - build the residual block, in the two forms that are in use, and from it ResNet-18,
#   34, 50, 101 and 152;
# - measure which of the usual explanations of residual connections hold.
#
# **Time:** 65 minutes, and 95 for questions and exercises. Running every cell takes about
# a minute.
#
# **You need:** lesson 5, on batch normalization. No internet, no GPU.
#
# [Contents](00_contents.ipynb) · [Lesson 5: Batch normalization](05_batch_norm.ipynb) · [Lesson 7: The ResNet family](07_resnet_family.ipynb)
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
from torch.nn import functional as F

from course_utils import digits, evaluate, fit, tasks
from layerwise import draw, explain, lab, print_shapes, table, trace

ORANGE, BLUE, GREY = "#d55e00", "#0072b2", "#7f7f7f"  # plain, residual, and neither
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## What batch norm leaves open
#
# Batch norm keeps the numbers in a network at a steady size, however many layers
# there are. Can you now stack as many as you like?
#
# Find out with the digits, at 32×32 pixels. The first convolution makes 16 maps of
# 4×4. Every further one keeps that shape, so there is no limit to how many fit.
# Convolutions come in blocks of two, each followed by batch norm and ReLU. A
# network that is nothing but one layer after another is called **plain**.

# %%
def plain_block(channels):
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
    )


def stack(block, depth):
    """A convolution, (depth - 2) / 2 blocks of two, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=8, stride=8, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        *[block(16) for _ in range((depth - 2) // 2)],
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(16, 10),
    )

# %% [markdown]
# Train 20 and 56 layers, three times each, from other first weights each time. The
# optimizer is Adam, as in lesson 1. This takes about ten seconds.

# %%
torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=64, size=32, device="cpu")


def trained(block, depth, seed):
    """The trained network, and its History."""
    torch.manual_seed(seed)
    net = stack(block, depth)
    return net, fit(net, train, test, epochs=3, lr=3e-3, seed=seed, optimizer=torch.optim.Adam)


def plot_losses(ax, runs, colour, style, label, height):
    """One line for each run: the training loss in each epoch."""
    for _, run in runs:
        ax.plot([1, 2, 3], run.train_loss, style, color=colour, marker="o", markersize=3)
    ax.text(3.06, height, label, color=colour, fontweight="bold", va="center")
    ax.set(xlabel="epoch", ylabel="training loss", xticks=[1, 2, 3], ylim=(0, 2.5))


plain_20 = [trained(plain_block, 20, seed) for seed in range(3)]
plain_56 = [trained(plain_block, 56, seed) for seed in range(3)]
loss_20, loss_56 = ([run.train_loss[-1] for _, run in runs] for runs in (plain_20, plain_56))
assert min(loss_56) > max(loss_20) + 0.1
print("Every run of 56 layers ends with a higher training loss than every run of 20.")

_, ax = plt.subplots(figsize=(5, 3), layout="constrained")
plot_losses(ax, plain_20, ORANGE, "--", "plain, 20 layers", sum(loss_20) / 3)
plot_losses(ax, plain_56, ORANGE, "-", "plain, 56 layers", sum(loss_56) / 3)
plt.show()

# %% [markdown]
# *Each line is one run; there are three of each kind. After three times through the
# training images, 20 layers (dashed) have learned something. 56 layers (solid) are
# still not far from guessing, which has a loss of 2.3.*
#
# This is not overfitting, where a network knows its training images by heart and
# fails on new ones. The deeper network is worse on the images that it was trained on.
# He and others (2016, figure 1) saw it on photographs, also with 20 and 56 layers and
# batch norm, and called it **degradation**.
#
# It is odd, because 56 layers can do whatever 20 can. Take a trained network of 20
# layers and put 18 blocks into it that copy their input: each filter has a 1 in its
# middle, for its own channel, and zeros elsewhere. What arrives is the output of a
# ReLU and has no negative numbers, so ReLU lets all of it pass.


# %%
def copying_block(channels):
    block = plain_block(channels)
    for layer in block:
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 1e-12  # nothing beside 1; the usual 1e-5 is something
    return block


shallow, _ = plain_20[0]
deep = nn.Sequential(*shallow[:-3], *[copying_block(16) for _ in range(18)], *shallow[-3:])
print("layers:", 1 + sum(isinstance(layer, nn.Conv2d) for layer in deep.modules()))
print("same accuracy on the test images:", evaluate(deep, test) == evaluate(shallow, test))

# %% [markdown]
# So there are weights with which 56 layers are as good as 20. Training did not find
# them. The fault is not in what the deep network can do, but in how hard it is to
# train. A layer that should do nothing has to learn to copy, and a convolution
# followed by batch norm and ReLU starts far away from that.
#
# ## Predict
#
# Write your answers down before you go on.
#
# 1. In the 56 plain layers with batch norm, before any training: is the gradient in
#    the first layer smaller than in the last, about the same, or larger?
# 2. A residual block adds its input $X$ to the output $F(X)$ of its convolutions, and
#    then takes ReLU of the sum. If $F$ gives nothing but zeros, does $X$ come out
#    unchanged: always, never, or sometimes?
# 3. ResNet-18 has blocks in groups of 2, 2, 2, 2. Make that 3, 4, 6, 3. Is it
#    ResNet-50?
# 4. VGG-11 has about 129 million parameters. How many has ResNet-18: more, about half,
#    or less than a tenth?
#
# <details><summary>Where the answers are</summary>
#
# 1: *Measure: the gradient*. 2: *If F is zero*. 3 and 4: *From 18 to 152 layers*. Come
# back and compare.
# </details>
#
# ## The residual block
#
# If copying is hard to learn, do not make the layers learn it. Carry the input around
# them, and add it:
#
# $$X_{l+1} = X_l + F(X_l, W_l)$$
#
# The layers with their weights $W_l$ compute $F$, the **residual**: what is to be
# changed about $X$. The way around them is the **shortcut**. To copy, $F$ has to be 0,
# and small weights are close to that. The notes name two more advantages: later blocks can
# reuse what earlier ones found, since all of it travels on in the sum; and training is
# steadier. You will measure the second.
#
# Here is the block of the notes and of the book. Two 3×3 convolutions make $F$. An add
# needs two equal shapes. Where the block halves the map or changes the channels, a 1×1
# convolution (lesson 3), `conv3`, does the same to $X$.

# %%
class Residual(nn.Module):
    def __init__(self, input_channels, num_channels, use_1x1conv=False, strides=1):
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, num_channels, kernel_size=3, padding=1, stride=strides)
        self.conv2 = nn.Conv2d(num_channels, num_channels, kernel_size=3, padding=1)
        if use_1x1conv:
            self.conv3 = nn.Conv2d(input_channels, num_channels, kernel_size=1, stride=strides)
        else:
            self.conv3 = None
        self.bn1 = nn.BatchNorm2d(num_channels)
        self.bn2 = nn.BatchNorm2d(num_channels)

    def forward(self, X):
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))          # F(X), no ReLU yet
        if self.conv3:
            X = self.conv3(X)                # the shape of Y
        Y += X                               # the residual connection
        return F.relu(Y)

# %% [markdown]
# Two checks from the notes, which left them commented out. A block that keeps the
# shape, and one that doubles the channels and halves rows and columns:

# %%
X = torch.rand(4, 3, 6, 6)
same = Residual(3, 3)
halved = Residual(3, 6, use_1x1conv=True, strides=2)
print(same(X).shape, sum(p.numel() for p in same.parameters()), "parameters")
print(halved(X).shape, sum(p.numel() for p in halved.parameters()), "parameters")
draw(nn.Sequential(same, halved), (4, 3, 6, 6), unfold=True)

# %% [markdown]
# *Both blocks, one behind the other. In the first, $X$ goes past the convolutions as it is
# (blue). In the second it goes through a 1×1 convolution, and both ways end in the same
# shape.*
#
# Without `use_1x1conv` the second block could not add: it would have 6 channels of
# 3×3 on one side and 3 channels of 6×6 on the other.
#
# ### `blk(X)` or `blk.forward(X)`?
#
# The notes warn that a direct call of `forward` breaks the gradients, and that weights
# are not moved to the right device. Try all of it. A **hook** is a function that runs
# after a module has run.

# %%
blk = Residual(3, 3)
blk.register_forward_hook(lambda *_: print("  the hook runs"))
found = []
for name, call in (("blk(X)", blk), ("blk.forward(X)", blk.forward)):
    print(name)
    Y = call(X)
    found += torch.autograd.grad((Y ** 2).sum(), blk.conv1.weight)
print("same gradient:", torch.allclose(*found))
moved = blk.to("meta")  # a device that has shapes and no numbers
print("after a move to another device:", moved.forward(X.to("meta")).device)

# %% [markdown]
# The gradient is the same. The device is right too: `.to` moves the weights, and the call
# has no part in that. Only the hooks are skipped. Tools such as profilers rely on them, so `blk(X)` stays the better
# habit.
#
# ## If F is zero
#
# "If the layers give 0, $X$ is still $X$", say the notes. That is the promise of the
# residual block. Set the last scale of the block, the γ of `bn2`, to 0. Its shift β
# starts at 0 anyway. So $F(X) = 0$, whatever the convolutions do.


# %%
def silenced(block):
    nn.init.zeros_(block.bn2.weight)
    return block


X = torch.tensor([-2.0, -1.0, 1.0, 2.0]).reshape(1, 1, 2, 2).requires_grad_()
Y = silenced(Residual(1, 1))(X)
Y.sum().backward()
print("X:                    ", X.flatten().tolist())
print("relu(0 + X):          ", Y.flatten().tolist())
print("gradient through block:", X.grad.flatten().tolist())

positive = torch.rand(4, 3, 6, 6)
print("unchanged if no number is negative:", torch.equal(silenced(Residual(3, 3))(positive), positive))
projected = silenced(Residual(3, 3, use_1x1conv=True))(positive)
print("unchanged behind a 1×1 convolution:", torch.equal(projected, positive))

# %% [markdown]
# Sometimes, then. ReLU comes after the add and cuts off what is negative, on the
# shortcut too. Inside a ResNet that does no harm, because what a block gets comes from a
# ReLU, and nothing in it is negative. A block whose shortcut has a 1×1 convolution never
# promised to pass $X$ on.
#
# ## The same block, as the paper has it
#
# The notes hold the block in a second form, under the names `ResidualBlock` and
# `BasicBlock`. It is the form of the paper and of torchvision. (One of the notes forgets
# `from torch.nn import functional as F`, and its block stops at the first call.)


# %%
class BasicBlock(nn.Module):
    expansion = 1  # how many times the channels leave the block

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()  # empty: passes its input on
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)

# %% [markdown]
# Its four tests: channels that stay or double, with stride 1 and stride 2.

# %%
x = torch.randn(1, 64, 32, 32)
for number, (channels, stride) in enumerate([(64, 1), (128, 1), (64, 2), (128, 2)], start=1):
    block = BasicBlock(64, channels, stride)
    params = sum(p.numel() for p in block.parameters())
    print(f"test {number}: input {x.shape}, output {block(x).shape}, {params:,} parameters")

# %% [markdown]
# What differs, and why:
#
# | | `Residual` | `BasicBlock` | why |
# |---|---|---|---|
# | shortcut | you say `use_1x1conv` | the block looks whether shapes differ | One mistake less to make. |
# | behind the 1×1 convolution | nothing | batch norm | Both sides of the add have numbers of the same size. The paper's has it. |
# | bias in the convolutions | yes | no | Batch norm subtracts the mean, and any bias with it (lesson 5). |
#
# So `Residual` has biases that cannot learn: those of `conv1` and `conv2`, whose gradient is
# zero up to rounding. The bias of `conv3` can learn, since no batch norm comes after it.
#
# ## Two blocks, step by step
#
# One of the notes asks what two such blocks do with a batch of 128 maps. `explain`
# answers. Look for the step that reads "the block's input", and for the add.

# %%
explain(nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64)), (128, 64, 28, 28))

# %% [markdown]
# ## Build ResNet-18
#
# The first part runs once. A 7×7 convolution with stride 2 and a pooling make 56×56 maps
# out of 224×224 pixels, as in GoogLeNet. Then come four **stages** of two blocks. The
# first block of each stage but the first doubles the channels and halves rows and
# columns, so that each convolution costs about the same. The comment on each line is
# the shape of one image after it.


# %%
def resnet_block(input_channels, num_channels, num_residuals, first_block=False):
    blk = []
    for i in range(num_residuals):
        if i == 0 and not first_block:
            blk.append(Residual(input_channels, num_channels, use_1x1conv=True, strides=2))
        else:
            blk.append(Residual(num_channels, num_channels))
    return blk


b1 = nn.Sequential(nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3),
                   nn.BatchNorm2d(64), nn.ReLU(),
                   nn.MaxPool2d(kernel_size=3, stride=2, padding=1))  #  64 × 56 × 56
b2 = nn.Sequential(*resnet_block(64, 64, 2, first_block=True))        #  64 × 56 × 56
b3 = nn.Sequential(*resnet_block(64, 128, 2))                         # 128 × 28 × 28
b4 = nn.Sequential(*resnet_block(128, 256, 2))                        # 256 × 14 × 14
b5 = nn.Sequential(*resnet_block(256, 512, 2))                        # 512 ×  7 ×  7
net = nn.Sequential(b1, b2, b3, b4, b5,
                    nn.AdaptiveAvgPool2d((1, 1)),                     # 512 ×  1 ×  1
                    nn.Flatten(), nn.Linear(512, 10))                 # 512, then 10

# %% [markdown]
# ## Look at the shapes
#
# The eight rows of the notes:

# %%
X = torch.rand(size=(1, 1, 224, 224))
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %% [markdown]
# For training, the notes scale the images to 96×96. Nothing has to change for it: the
# average at the end takes maps of any size. Below the shapes at 96 is the table at 224.

# %%
print_shapes(net, (1, 1, 96, 96))
table(net, (1, 1, 224, 224), depth=2)

# %% [markdown]
# Why 18? Count the layers with weights on the longest path: 1 + 4 · 2 · 2 convolutions
# and one linear layer. The three 1×1 convolutions of the shortcuts are not counted. The 3×3
# convolutions that do not halve the map all cost the same, in every stage.
#
# ### What is added to what
#
# The notes write $Y' = X + F(X)$, take $Y'$ for the output of the network, and call the
# residual "the difference between the picture and its label". Look at the adds.

# %%
whole_net = trace(net, (1, 1, 224, 224))
for step in whole_net.steps:
    if step.op == "add":
        print(f"block {step.path}: {step.inputs[0]} + {step.inputs[1]}")
print(f"the network: {whole_net.inputs[0]} to {whole_net.output}")

# %% [markdown]
# There are eight adds, one in each block, and none at the end. What is added are feature
# maps of one and the same block. A picture has 224 · 224 numbers and the scores are ten,
# so no one can subtract a label from a picture. The residual is a change to feature maps.
#
# ## Turn one choice at a time
#
# Here is ResNet-18 as a function of a few of its choices. Called without any, it builds
# the network above. Stride, shortcut stride and projection are those of the first block
# in stages two to four.


# %%
def resnet18(channels=64, blocks=(2, 2, 2, 2), stride=2, shortcut_stride=2, projection=True):
    stem = nn.Sequential(nn.Conv2d(1, channels, kernel_size=7, stride=2, padding=3),
                         nn.BatchNorm2d(channels), nn.ReLU(),
                         nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
    stages = [nn.Sequential(*resnet_block(channels, channels, blocks[0], first_block=True))]
    for number in blocks[1:]:
        first = Residual(channels, 2 * channels, projection, stride)
        if projection:
            first.conv3 = nn.Conv2d(channels, 2 * channels, kernel_size=1, stride=shortcut_stride)
        channels = 2 * channels
        stages.append(nn.Sequential(first, *[Residual(channels, channels) for _ in range(number - 1)]))
    return nn.Sequential(stem, *stages,
                         nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, 10))

# %%
lab(resnet18, (1, 1, 224, 224), channels=[16, 32, 64],
    blocks=[(1, 1, 1, 1), (2, 2, 2, 2), (3, 4, 6, 3)], stride=[1, 2],
    shortcut_stride=[1, 2, 32], projection=True, input_size=[64, 96, 224],
    tasks=tasks.resnet.NETWORK,
    presets={"ResNet-18": {"blocks": (2, 2, 2, 2)}, "ResNet-34": {"blocks": (3, 4, 6, 3)}})

# %% [markdown]
# The picture shows one block from within. The others look like it, but for the first of each
# further stage, which has the 1×1 convolution.
#
# ## For small images
#
# CIFAR-10 has colour photographs of 32×32 pixels. ResNet-18's first part would make 8×8
# maps of them, with 1×1 left at the end. One of the notes has the form for it: a 3×3
# convolution with stride 1, and no pooling. Write it so that the larger networks can use it
# too: a stage is a list of blocks, and the block is a choice.


# %%
def resnet_of(block, num_blocks, stem, num_classes=10):
    """The stem makes 64 maps; stages have 64, 128, 256 and 512, times the block's expansion."""
    layers, in_channels = [stem], 64
    for channels, number in zip((64, 128, 256, 512), num_blocks):
        strides = [1 if channels == 64 else 2] + [1] * (number - 1)
        blocks = []
        for stride in strides:
            blocks.append(block(in_channels, channels, stride))
            in_channels = channels * block.expansion
        layers.append(nn.Sequential(*blocks))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
                         nn.Linear(in_channels, num_classes))


def small_stem(in_channels=3):
    return nn.Sequential(nn.Conv2d(in_channels, 64, kernel_size=3, padding=1, bias=False),
                         nn.BatchNorm2d(64), nn.ReLU())


cifar_net = resnet_of(BasicBlock, (2, 2, 2, 2), small_stem())
print_shapes(cifar_net, (2, 3, 32, 32))

# %% [markdown]
# The note ends with `F.avg_pool2d(out, 4)`, an average over windows of 4×4, where this
# network averages over whatever arrives. Which sizes can its network read? And its
# convolutions have biases, all in front of a batch norm: how many parameters are that, which
# never learn?


# %%
def reads(net, size):
    """Whether the network takes two images of that size."""
    try:
        return bool(trace(net, (2, 3, size, size)))
    except RuntimeError:
        return False


as_in_the_note = nn.Sequential(*cifar_net[:5], nn.AvgPool2d(4), nn.Flatten(), nn.Linear(512, 10))
sizes = [n for n in range(1, 100) if reads(as_in_the_note, n)]
print("windows of 4×4:", sizes[0], "to", sizes[-1], "pixels")
print("adaptive: all from 1 to 99:", all(reads(cifar_net, n) for n in range(1, 100)))


def count(net):
    """(convolutions, parameters, biases that they would have)"""
    convs = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    params = sum(p.numel() for p in net.parameters())
    return len(convs), params, sum(conv.out_channels for conv in convs)


convs, params, dead = count(cifar_net)
print(f"{convs} convolutions, {params:,} parameters; {params + dead:,} with {dead:,} dead biases")

# %% [markdown]
# ## From 18 to 152 layers
#
# The notes say that other depths, such as ResNet-50, come from other numbers of blocks.
# Up to ResNet-34 that is so. From ResNet-50 on the block is another one, the
# **bottleneck**: a 1×1 convolution makes a quarter of the channels, a 3×3 convolution
# works on these, and a 1×1 convolution makes four times as many again. You know the idea
# from GoogLeNet's reductions.


# %%
class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != 4 * channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, 4 * channels, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * channels),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += self.shortcut(x)
        return F.relu(out)


for block in (BasicBlock(256, 256), Bottleneck(256, 64)):
    one = trace(block, (1, 256, 56, 56))
    print(f"{type(block).__name__:10} 256 channels in and out: {one.params:>9,} parameters")

# %% [markdown]
# A bottleneck takes in and gives out 256 channels for a seventeenth of the parameters.
# So there can be more channels, and one layer more in each block.
#
# Now the whole family, for colour images and the 1,000 classes of ImageNet, beside
# torchvision's. The **meta** device has shapes and no numbers, so that 60 million weights
# take no time and no memory.

# %%
import torchvision

FAMILY = {18: (BasicBlock, (2, 2, 2, 2)), 34: (BasicBlock, (3, 4, 6, 3)),
          50: (Bottleneck, (3, 4, 6, 3)), 101: (Bottleneck, (3, 4, 23, 3)),
          152: (Bottleneck, (3, 8, 36, 3))}


def large_stem(in_channels):
    return nn.Sequential(nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False),
                         nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))


def family_member(depth, in_channels=3, num_classes=1000):
    block, num_blocks = FAMILY[depth]
    return resnet_of(block, num_blocks, large_stem(in_channels), num_classes)


for depth in FAMILY:
    with torch.device("meta"):
        ours, theirs = family_member(depth), getattr(torchvision.models, f"resnet{depth}")()
    t = trace(ours, (1, 3, 224, 224))
    same = [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    print(f"ResNet-{depth:<3} {t.params:>10,} parameters {t.macs / 1e9:5.2f} G MACs   "
          f"as torchvision: {same}")

convs, params, dead = count(resnet_of(BasicBlock, (3, 4, 6, 3), small_stem()))
print(f"the note's with 3, 4, 6, 3: {params + dead:,} parameters, {convs - 3 + 1} layers")

# %% [markdown]
# The last line is the note's network for CIFAR-10, biases and all. Its list is that of
# ResNet-50, and it is a ResNet-34: 33 convolutions without the three in shortcuts, and the
# linear layer. The list alone does not make a ResNet-50.
#
# As to the fourth prediction: ResNet-18 has less than a tenth of VGG-11's parameters. It has
# no large linear layers. ResNet-152, more than eight times as deep as ResNet-18, still has
# less than half of VGG-11's.
#
# ## Measure: the gradient
#
# Why do 56 plain layers not train? "Because the gradient vanishes on its way back
# through so many layers, and shortcuts carry it around", say the notes, and many others.
# Look at the gradient in each of 54 convolutions, before any training, in five kinds of
# network. **Kaiming** is the scale of the first weights that suits ReLU (lesson 5).


# %%
def gradients(residual, norm, kaiming, seed):
    """The size of the loss's gradient in each of 54 convolutions, before training."""
    torch.manual_seed(seed)
    stem, head = nn.Conv2d(1, 16, kernel_size=8, stride=8), nn.Linear(16, 10)
    convs = [nn.Conv2d(16, 16, 3, padding=1, bias=not norm) for _ in range(54)]
    if kaiming:
        for conv in convs:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
    bn = nn.BatchNorm2d(16) if norm else nn.Identity()  # one will do: untrained, all are alike
    X = F.relu(bn(stem(train.images[:64])))
    for first, second in zip(convs[::2], convs[1::2]):
        Y = bn(second(F.relu(bn(first(X)))))
        X = F.relu(Y + X) if residual else F.relu(Y)
    F.cross_entropy(head(X.mean((2, 3))), train.labels[:64]).backward()
    return [conv.weight.grad.double().norm().item() for conv in convs]  # 1e-26 squared needs double


# %%
kinds = {"plain": (False, False, False), "plain, Kaiming": (False, False, True),
         "plain, batch norm": (False, True, False), "residual": (True, False, False),
         "residual, batch norm": (True, True, False)}
sizes = {kind: [gradients(*choices, seed) for seed in range(3)] for kind, choices in kinds.items()}
ratio = {kind: [run[0] / run[-1] for run in runs] for kind, runs in sizes.items()}
assert max(ratio["plain"]) < 1e-15
assert all(0.01 < r < 100 for r in ratio["plain, Kaiming"])
assert min(ratio["plain, batch norm"]) > 50
assert all(0.005 < r < 5 for r in ratio["residual"])
assert all(1 < r < 50 for r in ratio["residual, batch norm"])
print("The first convolution's gradient divided by the last one's, in every network:")
print("plain:                below 0.000 000 000 000 001")
print("plain, Kaiming:       between 0.01 and 100")
print("plain, batch norm:    above 50")
print("residual:             between 0.005 and 5")
print("residual, batch norm: between 1 and 50")

_, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
panels = {"plain": (0, ORANGE, "-", 20, 1e-22), "plain, Kaiming": (0, ORANGE, "--", 6, 1e-9),
          "residual": (0, BLUE, "-", 22, 1e1), "plain, batch norm": (1, ORANGE, "-", 20, 300),
          "residual, batch norm": (1, BLUE, "-", 3, 0.3)}
for kind, (panel, colour, style, x, y) in panels.items():
    for run in sizes[kind]:
        axes[panel].semilogy(range(1, 55), run, style, color=colour, linewidth=1)
    axes[panel].text(x, y, kind, color=colour, fontweight="bold")
axes[0].set(xlabel="convolution", ylabel="size of the gradient", ylim=(1e-28, 1e4),
            title="without batch norm")
axes[1].set(xlabel="convolution", title="with batch norm")
plt.show()

# %% [markdown]
# *Each line is one network; there are three of each kind. The image is on the left, the loss
# on the right, and the two scales differ. Left: without batch norm, with PyTorch's own first
# weights and no shortcuts, the gradient vanishes. A better scale of the weights (dashed) is
# enough to keep it, and so are shortcuts. Right: with batch norm nothing vanishes. The
# gradient of the plain network even grows on its way back; with shortcuts it grows less.*
#
# So gradients do vanish, in the plain network without anything. Shortcuts cure that, and
# so does either of two things that were known before ResNet: weights of the right scale,
# and batch norm. But the networks that you saw fail at the start had batch norm. Their
# gradient did not vanish: it is far larger in the first layers than in the last. He and
# others say of theirs, too, that it did not vanish (2016, section 4.1): batch norm was there,
# the gradients had "healthy norms", and vanishing gradients are unlikely to be the cause. Why
# deep plain networks are so hard to train has been argued about since: because gradients grow
# from layer to layer (Yang and others 2019), or because those of similar images no longer
# resemble each other (Balduzzi and others 2017).
#
# ## Measure: degradation, and its cure
#
# Back to 20 and 56 layers. `BasicBlock(16, 16)` has the same layers as `plain_block(16)`,
# in the same order. With the same seed the two networks start with the same weights and
# see the same images in the same order. The only difference is `out += x`. About ten
# seconds.


# %%
def residual_block(channels):
    return BasicBlock(channels, channels)


residual_20 = [trained(residual_block, 20, seed) for seed in range(3)]
residual_56 = [trained(residual_block, 56, seed) for seed in range(3)]
deep, shallow = ([run.train_loss[-1] for _, run in runs] for runs in (residual_56, residual_20))
assert max(deep) + 0.2 < min(loss_20) and max(deep) < min(shallow) + 0.4
assert (min(run.test_acc[-1] for _, run in residual_56)
        > max(run.test_acc[-1] for _, run in plain_56) + 0.3)
print("Training loss: every run of 56 residual layers ends below every run of 20 plain ones.")
print("Test images: 56 residual layers are right more often than 56 plain ones, by at least 0.3.")

_, ax = plt.subplots(figsize=(5.5, 3.3), layout="constrained")
plot_losses(ax, plain_56, ORANGE, "-", "plain, 56 layers", 2.0)
plot_losses(ax, plain_20, ORANGE, "--", "plain, 20 layers", 1.05)
plot_losses(ax, residual_56, BLUE, "-", "residual, 56 layers", 0.32)
plot_losses(ax, residual_20, BLUE, "--", "residual, 20 layers", 0.08)
plt.show()

# %% [markdown]
# *Each line is one run; there are three of each kind. The plain networks (orange) are
# those from the start. With shortcuts (blue), 56 layers learn about as fast as 20, and
# faster than 20 plain ones.*
#
# What this shows: the add removes the degradation. What it does not show: that more
# layers are better. On these easy images 20 residual layers learn as well as 56. On ImageNet
# more layers did help, from 18 to 152 (2016, tables 2 to 4). On CIFAR-10 they did up to 110;
# 1,202 layers were worse again on test images, though not on training images (section 4.2).
# What it does not explain: why. Copying is easy for a residual block, as you saw, and that
# was the authors' own reason for it.
#
# ## Measure: do the numbers grow?
#
# If every block adds something, the numbers on the shortcut could grow without end. The
# notes answer: batch norm keeps $F(X)$ between -5 and 5, so the sum cannot become large.
# Both halves are wrong. Before γ multiplies it by anything, the largest of $m$ numbers can
# be as large as $\sqrt{m - 1}$ (lesson 5). And a sum of many small numbers can be large.
#
# While you measure that, look into a second claim: that a block has no ReLU right before the
# add because it would disturb the gradient. The gradient passes a ReLU anyway, the one after
# the add. You saw it: it is 0 where the sum is negative, and 1 elsewhere. The reason may be
# another. With a ReLU there, $F(X)$ has no negative numbers, and a block can only add to $X$,
# never take away. So follow the numbers from block to block, before any training, in three
# kinds of network.


# %%
class ReLUBeforeAdd(BasicBlock):
    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(out + self.shortcut(x))


def relu_first_block(channels):
    return ReLUBeforeAdd(channels, channels)


@torch.no_grad()
def stream(block, seed):
    """Standard deviation and mean of the numbers after the first layer and each of 27 blocks."""
    torch.manual_seed(seed)
    net = stack(block, 56)
    X, sizes = net[:2](train.images[:256]), []
    for part in net[2:-3]:  # the first ReLU, and the blocks
        X = part(X)
        sizes.append((X.std().item(), X.mean().item()))
    return sizes


# %%
plain, residual, relu_first = ([stream(block, seed) for seed in range(3)] for block in
                               (plain_block, residual_block, relu_first_block))
assert all(0.5 < run[-1][0] / run[0][0] < 2 for run in plain)
assert all(run[-1][0] / run[0][0] > 3.5 for run in residual)
assert min(run[-1][1] for run in relu_first) > 2 * max(run[-1][1] for run in residual)
print("Standard deviation after 27 blocks, against that before them, in every run:")
print("plain: between half and twice. residual: more than 3.5 times.")
print("Mean after 27 blocks: with a ReLU before the add more than twice that without.")

_, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for number, ax in enumerate(axes):
    for runs, colour in ((plain, ORANGE), (residual, BLUE), (relu_first, GREY)):
        for run in runs:
            ax.plot([point[number] for point in run], color=colour, linewidth=1)
    ax.set(xlabel="block", xlim=(0, 27))
axes[0].set(title="standard deviation", ylim=(0, None))
axes[1].set(title="mean", ylim=(0, None))
axes[1].text(2, 7, "ReLU before the add", color=GREY, fontweight="bold")
axes[1].text(20, 3.7, "residual", color=BLUE, fontweight="bold")
axes[1].text(20, 0.9, "plain", color=ORANGE, fontweight="bold")
plt.show()

# %% [markdown]
# *Each line is one network; there are three of each kind. Plain networks (orange) keep
# the size of their numbers. In residual networks (blue) it grows with every block. With a
# ReLU before the add (grey) the mean grows faster still.*
#
# So a ReLU before the add would make the sum grow in one direction only. He and others tried
# it (2016b, section 4.1): 7.8 % of the test images of CIFAR-10 wrong in place of 6.6 %, with
# 110 layers.
#
# Without it the sum grows too, in spite of batch norm. It does little harm, since it grows
# slowly: if each block adds something independent of the same size, the standard deviation
# grows as the square root of the number of blocks. And the first thing that the next block
# does to it is a convolution and a batch norm, which takes the size out again. It has a good
# side, too. Late blocks change little about a large $X$, and a block that changes little is
# close to copying (De and Smith 2020).
#
# ## Use a trained one
#
# "Use a pretrained model", the notes advise. Torchvision has weights for the whole family,
# trained on the 1.3 million photographs of ImageNet. They fit the networks that you built,
# because these have the same layers in the same order.
#
# The next cell downloads the weights of ResNet-18, 45 MB, once. A file of weights can hold
# any Python object, and loading it can run code; `weights_only` refuses everything but
# numbers. Without internet the cell prints one line.

# %% tags=["nbval-ignore-output"]
import contextlib
import io
import socket

from sklearn.datasets import load_sample_image
from torchvision.models import ResNet18_Weights

socket.setdefaulttimeout(20)  # seconds
weights, photo = ResNet18_Weights.DEFAULT, load_sample_image("flower.jpg")
try:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        saved = weights.get_state_dict(weights_only=True, check_hash=True, progress=False)
except (OSError, RuntimeError):
    print("Skipped: the weights could not be downloaded. With a network, run this cell again.")
else:
    pretrained, theirs = family_member(18), torchvision.models.resnet18()
    theirs.load_state_dict(saved)  # by name: the file may hold them in another order
    pretrained.load_state_dict(dict(zip(pretrained.state_dict(), theirs.state_dict().values())))
    image = weights.transforms()(torch.tensor(photo).permute(2, 0, 1))
    with torch.no_grad():
        shares, classes = pretrained.eval()(image[None]).softmax(1)[0].topk(3)
    for share, number in zip(shares, classes):
        print(f"{share:6.1%}  {weights.meta['categories'][number]}")
    plt.imshow(photo)
    plt.axis("off")
    plt.show()

# %% [markdown]
# Three things have to match the training: the colours come in the order red, green, blue, as
# in this photograph; `weights.transforms()` takes care of their scale and of the size of the
# picture; and with `eval()`, batch norm uses its stored averages. ImageNet has few flowers
# among its classes; look at what the network calls this one, and how sure it is.
#
# ## Where ResNets are used
#
# For three tasks, say the notes: to classify images; to detect objects; and for semantic
# segmentation, which gives every pixel a class. Torchvision has a network for each. All
# three have a ResNet-50 in them, which makes the features: their **backbone**. Trace them,
# for a picture of 224×224.

# %%
from torchvision.models import detection, segmentation

with torch.device("meta"):
    whole = {
        "classification": torchvision.models.resnet50(),
        "detection": detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).backbone,
        "segmentation": segmentation.fcn_resnet50(weights=None, weights_backbone=None),
    }
for task, model in whole.items():
    t = trace(model, (1, 3, 224, 224))
    stages = [call for call in t.calls if call.path.endswith(("layer1", "layer2", "layer3", "layer4"))]
    params = sum(step.params for call in stages for step in t.steps[call.start:call.stop])
    maps = ", ".join(f"{call.output[1]} of {call.output[2]}×{call.output[3]}" for call in stages)
    print(f"{task}: {t.params / 1e6:.1f} M parameters, {params / 1e6:.1f} M of them in the stages")
    print(f"    maps: {maps}\n    output: {tuple(t.output)}, {t.macs / 1e9:.1f} G MACs")

# %% [markdown]
# The four stages have the same 23.5 million parameters in all three, so the same weights
# fit. What follows them differs.
#
# - Classification averages the last maps and has one linear layer.
# - Detection takes the maps of all four stages, coarse and fine, and adds them from the top
#   down (a **feature pyramid**, Lin and others 2017). The output here is the finest of its
#   maps. The rest of the detector, Faster R-CNN (Ren and others 2015), reads boxes from them;
#   how many depends on the picture, so it is left out of the trace.
# - Segmentation, with convolutions only (Long and others 2015), keeps the maps of stages three
#   and four at 28×28, for finer borders. It takes stride 1 there and spreads the 3×3 filters
#   out instead. That is where its MACs come from.
#
# ## Train at full size
#
# The notes train ResNet-18 on Fashion-MNIST at 96×96 pixels: ten epochs in batches of 256,
# with steps of 0.05. First, two epochs of the same call on the digits, with a ResNet-18 an
# eighth as wide.

# %% tags=["nbval-ignore-output"]
from d2l import torch as d2l

train_iter, test_iter = digits(batch_size=64, size=32)
d2l.train_ch6(resnet18(channels=8), train_iter, test_iter, 2, 0.05, d2l.try_gpu())

# %% [markdown]
# *Two epochs are too few for a good network, but the loss falls. The accuracy on the test
# images can lag far behind or jump: batch norm's stored averages have seen 46 batches. Your
# numbers differ a little from the ones stored here.*
#
# The full run takes minutes on a GPU and hours on a CPU. The data, 30 MB, is downloaded
# once.

# %% tags=["nbval-ignore-output"]
import os

from course_utils import best_device, fashion_mnist

FULL_SIZE = best_device().type != "cpu"  # set it to True to train on whatever there is
data = None
if not FULL_SIZE:
    print("Skipped: there is no GPU, and a CPU needs hours. To run it all the same, "
          "set FULL_SIZE = True in this cell.")
else:
    torch.set_num_threads(os.cpu_count())
    try:
        data = fashion_mnist(batch_size=256, size=96)
    except FileNotFoundError as error:
        print(error)
if data:
    lr, num_epochs = 0.05, 10
    d2l.train_ch6(net, *data, num_epochs, lr, best_device())

# %% [markdown]
# ## Questions
#
# Answer in writing, in a few sentences each.
#
# 1. A friend says: "ResNet works because shortcuts stop the gradient from vanishing." Which
#    two results of this lesson speak against it, and which one for it?
# 2. A deeper plain network can do all that a shallower one can. Why does that not make it
#    better?
# 3. How many shortcuts with a convolution has ResNet-18, and how many has ResNet-50? Where
#    does the difference come from?
#
# <details><summary>Answers</summary>
#
# 1. Against: the plain networks that failed had batch norm, and their gradient had not
#    vanished. And weights of the right scale keep the gradient without a shortcut. For:
#    without batch norm and such weights the gradient does vanish, and shortcuts alone cure
#    that.
# 2. What a network can do and what training finds are two things. The 18 copying blocks have
#    simple weights, and training does not find any that are as good.
# 3. 3 and 4. In ResNet-18 the first stage gets 64 channels and makes 64. In ResNet-50 it gets
#    64 and makes 256, so its first block needs one too, at stride 1.
# </details>
#
# ## Exercises
#
# ### 1. Which sizes?
#
# *easy, 10 minutes*
#
# Which square pictures does `resnet18()` take in `eval()` mode? And while it trains, one
# picture at a time? `trace(net, (1, 1, n, n))` looks at the mode of the network. Explain the
# difference.
#
# <details><summary>Solution</summary>
#
# All of them, from 1 pixel on: every window has padding enough. In training, from 33 on. Up
# to 32 pixels the last maps are 1×1, and batch norm finds one number in each channel. A mean
# over one number leaves nothing of it. With two pictures in the batch every size trains.
# </details>
#
# ### 2. The silent add
#
# *medium, 15 minutes*
#
# In `BasicBlock(64, 128, stride=2)` replace the shortcut by one whose convolution and batch
# norm have 1 channel. Does the block run? What does it add? How do you find such a mistake in
# a network that somebody else wrote?
#
# <details><summary>Solution</summary>
#
# It runs: PyTorch repeats the one map for all 128 channels. The output has the right shape,
# so no check of shapes at the end can find it. `explain` says at the add that the shapes
# differ, and in a trace you can compare `step.inputs` of every add.
# </details>
#
# ### 3. Nothing in the way
#
# *medium, 20 minutes*
#
# Build the block of He and others' second paper (2016b, figure 1): batch norm, ReLU,
# convolution, the same once more, then the add, and no ReLU after it. Set the weights of its
# last convolution to 0. Does $X$ pass unchanged now, also where it is negative? How many
# parameters has it compared with `BasicBlock(16, 16)`?
#
# <details><summary>Solution</summary>
#
# ```python
# class PreActivation(nn.Module):
#     def __init__(self, channels):
#         super().__init__()
#         self.bn1 = nn.BatchNorm2d(channels)
#         self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
#         self.bn2 = nn.BatchNorm2d(channels)
#         self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
#
#     def forward(self, x):
#         out = self.conv1(F.relu(self.bn1(x)))
#         return x + self.conv2(F.relu(self.bn2(out)))
# ```
#
# It passes unchanged, whatever its sign, and so does its gradient. The layers are the same,
# in another order, so the parameters are too.
# </details>
#
# ### 4. Whose ResNet-50?
#
# *medium, 15 minutes*
#
# The paper's table 1 gives ResNet-50 3.8 billion MACs; you counted more. In the paper the
# first 1×1 convolution of a bottleneck has the stride, here, as in torchvision, the 3×3
# convolution. Count the paper's form. What does the form with stride on the 1×1 convolution
# never look at?
#
# <details><summary>Solution</summary>
#
# 3.86 billion, in place of 4.09: in the first block of stages two to four, the first
# convolution makes smaller maps. (In stage one nothing changes, its stride is 1.) But a 1×1
# window with stride 2 reads one place out of four, and the other three never reach $F$.
# </details>
#
# ### 5. Begin as a copy
#
# *hard, 25 minutes*
#
# Before training, set the last γ of every block to 0, with `silenced`. So each block begins as
# a copy (Goyal and others 2017). Which weights of a block have a gradient in the first step,
# and which have none? Train 56 layers so, with three seeds, and compare.
#
# <details><summary>Solution</summary>
#
# In the first step only γ and β of `bn2` have a gradient: what comes before them is multiplied
# by 0. As soon as γ is no longer 0, all learn. Let three seeds tell you whether it helps here.
# The paper used it for very large batches.
# </details>
#
# The next cell, folded away, proves the numbers in the answers and solutions.


# %% jupyter={"source_hidden": true}
class PreActivation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x):
        out = self.conv1(F.relu(self.bn1(x)))
        return x + self.conv2(F.relu(self.bn2(out)))


class PaperBottleneck(Bottleneck):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__(in_channels, channels, stride)
        self.conv1.stride, self.conv2.stride = (stride, stride), (1, 1)


def fails(net, shape):
    try:
        trace(net, shape)
    except RuntimeError as error:
        return str(error)
    return ""


def adds(net, shape):
    return [step.inputs for step in trace(net, shape).steps if step.op == "add"]


for seed in range(3):
    starts = []
    for kind in (plain_block, residual_block):
        torch.manual_seed(seed)
        starts.append(list(stack(kind, 20).parameters()))
    assert all(map(torch.equal, *starts))  # the same first weights

block = Residual(1, 16, use_1x1conv=True).double()  # rounding at the 16th digit
scores = block(train.images[:64].double()).amax((2, 3))
F.cross_entropy(scores, train.labels[:64]).backward()
dead = [conv.bias.grad.norm() < 1e-10 * conv.weight.grad.norm()
        for conv in (block.conv1, block.conv2, block.conv3)]
assert dead == [True, True, False]
one_of_10_001 = torch.zeros(1, 1, 1, 10_001)
one_of_10_001[..., 0] = 1000
assert round(nn.BatchNorm2d(1)(one_of_10_001).max().item()) == 100  # the root of 10,000

start = trace(resnet18(), (1, 1, 224, 224))
costs = [step.macs for step in start.steps
         if step.op == "Conv2d" and step.params > 30_000 and step.settings["stride"] == (1, 1)]
assert len(costs) == 13 and len(set(costs)) == 1
twice = trace(resnet18(blocks=(3, 4, 6, 3)), (1, 1, 224, 224))
assert 1.9 < twice.params / start.params < 2.1 and 1.9 < twice.macs / start.macs < 2.1
assert "28 against 56" in fails(resnet18(shortcut_stride=1), (1, 1, 224, 224))
no_stride = trace(resnet18(stride=1, shortcut_stride=1), (1, 1, 224, 224))
assert no_stride.params == start.params and round(no_stride.macs / start.macs) == 20
assert ((1, 128, 12, 12), (1, 128, 1, 1)) in adds(resnet18(shortcut_stride=32), (1, 1, 96, 96))

assert not any(fails(resnet18().eval(), (1, 1, n, n)) for n in (1, 2, 32, 33))
assert [n for n in (1, 31, 32, 33, 34) if not fails(resnet18(), (1, 1, n, n))] == [33, 34]
assert not fails(resnet18(), (2, 1, 1, 1))

with torch.device("meta"):
    vgg = torchvision.models.vgg11()
    vgg_params = sum(p.numel() for p in vgg.parameters())
    paper_50 = resnet_of(PaperBottleneck, (3, 4, 6, 3), large_stem(3), 1000)
    wide = {depth: trace(family_member(depth), (1, 3, 224, 224)) for depth in (18, 50, 152)}
assert wide[18].params < vgg_params / 10 and start.params < 128_806_154 / 10
assert wide[152].params < vgg_params / 2
assert round(trace(paper_50, (1, 3, 224, 224)).macs / 1e9, 2) == 3.86
for depth, number in ((18, 3), (50, 4)):
    ends = [step for step in wide[depth].steps if step.path.endswith("shortcut.0")]
    assert len(ends) == number
assert 16 < 1_180_672 / 70_400 < 17.5

silent = BasicBlock(64, 128, stride=2)
silent.shortcut = nn.Sequential(nn.Conv2d(64, 1, 1, stride=2), nn.BatchNorm2d(1))
assert adds(silent, (1, 64, 8, 8)) == [((1, 128, 4, 4), (1, 1, 4, 4))]

before = PreActivation(16)
nn.init.zeros_(before.conv2.weight)
X = torch.randn(2, 16, 4, 4)
assert torch.equal(before(X), X)
assert sum(p.numel() for p in before.parameters()) == sum(
    p.numel() for p in BasicBlock(16, 16).parameters())

copy = silenced(BasicBlock(16, 16))
(copy(X.abs()) ** 2).sum().backward()
moved = {name for name, p in copy.named_parameters() if p.grad.any()}
assert moved == {"bn2.weight", "bn2.bias"}

ours, theirs = family_member(18), torchvision.models.resnet18()
ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values())))
X = torch.rand(1, 3, 64, 64)
with torch.no_grad():
    assert torch.allclose(ours.eval()(X), theirs.eval()(X), atol=1e-4)

# %% [markdown]
# ## What you have seen
#
# - 56 plain layers end with a higher training loss than 20, with batch norm and without a
#   vanishing gradient. With `out += x` they do not.
# - A residual block computes a change $F(X)$ and adds it to $X$. Where shapes differ, a 1×1
#   convolution makes them equal; where PyTorch can repeat a number, it does so without a word.
# - Two kinds of block make the whole family: `BasicBlock` ResNet-18 and 34, `Bottleneck`
#   ResNet-50, 101 and 152, which are in use as backbones for much more than classification.
#
# You have come from LeNet to a network of 152 layers. Each lesson had one idea: ReLU and
# dropout, blocks, 1×1 convolutions and the global average, parallel paths, batch norm, the
# shortcut. Where to go from here:
#
# - Other ways to use shortcuts: DenseNet concatenates where ResNet adds (Huang and others
#   2017). Section 8.7 of the book builds it from parts that you have.
# - Better training: the same ResNet-50 gained several percentage points on ImageNet in six
#   years, from new recipes alone (Wightman and others 2021).
# - ConvNeXt (Liu and others 2022) changes ResNet-50 step by step, each one measured. After
#   this course you can read it.
# - Transformers, which read language and pictures, add a shortcut around every one of their
#   layers. Chapter 11 of the book.
#
# And a question to take along: which of the numbers in a network that you meet next were
# choices, and who measured them? `trace`, `table` and `lab` take any network. Give them
# yours.
#
# Next: [Lesson 7: The ResNet family](07_resnet_family.ipynb)
#
# ## References
#
# - K. He, X. Zhang, S. Ren, J. Sun. [Deep Residual Learning for Image
#   Recognition](https://arxiv.org/abs/1512.03385). 2016. "2016" in this lesson.
# - K. He, X. Zhang, S. Ren, J. Sun. [Identity Mappings in Deep Residual
#   Networks](https://arxiv.org/abs/1603.05027). 2016. "2016b" in this lesson.
# - D. Balduzzi and others. [The Shattered Gradients
#   Problem](https://arxiv.org/abs/1702.08591). 2017.
# - G. Yang and others. [A Mean Field Theory of Batch
#   Normalization](https://arxiv.org/abs/1902.08129). 2019.
# - S. De, S. Smith. [Batch Normalization Biases Residual Blocks Towards the Identity Function
#   in Deep Networks](https://arxiv.org/abs/2002.10444). 2020.
# - P. Goyal and others. [Accurate, Large Minibatch
#   SGD](https://arxiv.org/abs/1706.02677). 2017. Section 5.1, for γ = 0.
# - T.-Y. Lin and others. [Feature Pyramid Networks for Object
#   Detection](https://arxiv.org/abs/1612.03144). 2017.
# - J. Long, E. Shelhamer, T. Darrell. [Fully Convolutional Networks for Semantic
#   Segmentation](https://arxiv.org/abs/1411.4038). 2015.
# - S. Ren and others. [Faster R-CNN](https://arxiv.org/abs/1506.01497). 2015.
# - G. Huang and others. [Densely Connected Convolutional
#   Networks](https://arxiv.org/abs/1608.06993). 2017.
# - R. Wightman, H. Touvron, H. Jégou. [ResNet strikes
#   back](https://arxiv.org/abs/2110.00476). 2021.
# - Z. Liu and others. [A ConvNet for the 2020s](https://arxiv.org/abs/2201.03545). 2022.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep Learning](https://d2l.ai). Section
#   8.6 (ResNet).

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
# # 6. ResNet: why the block works
#
# **Why can you not stack as many layers as you like, and what does one addition
# change about it?**
#
# In this lesson you
#
# - see 56 layers learn worse than 20, on their own training images, and cure it with one
#   addition;
# - build the residual block, and ResNet-18 from it;
# - measure which of the usual explanations of residual connections hold.
#
# **Time:** 55 minutes, and 95 for questions and exercises. Running every cell takes about
# half a minute.
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
from dataclasses import replace
from functools import partial
from itertools import chain

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import (at_full_size, digits, evaluate, exercises, photograph, plot_lines,
                          plot_runs, predict, print_runs, recorded, runs, show, show_images,
                          tasks, use_style)
from layerwise import draw, lab, trace

use_style()
plt.rcParams["figure.figsize"] = 5.2, 2.6
torch.set_num_threads(1)  # networks as small as those below are no faster on several cores

# %% [markdown]
# ## What batch norm leaves open
#
# Batch norm keeps activations at a steady size, however deep the network is. Can you now
# stack as many layers as you like?
#
# Try it with the digits, at 32×32 pixels. The first convolution makes 16 maps of 4×4.
# Every further one keeps that shape, so any number of them fits. Convolutions come in blocks of
# two, each followed by batch norm and ReLU. A network of layers one after another, and
# nothing else, is called **plain**.

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

# %%
train, test = digits(batch_size=64, size=32, device="cpu")


def learned(block, depth, epochs, seeds=(0, 1)):
    """The networks of that depth, trained from several seeds, and their histories."""
    return runs(partial(stack, block, depth), train, test, seeds,
                epochs=epochs, lr=3e-3, optimizer=torch.optim.Adam)

# %% [markdown]
# Does the deeper network need longer, or does it never get as far? Only long runs tell, so they were
# recorded. `learned(plain_block, 56, epochs=25)` repeats 25 epochs of two of them, in a minute or two.

# %%
ORDER = "plain, 20 layers", "residual, 20 layers", "plain, 56 layers", "residual, 56 layers"
long_runs = {kind: recorded.curves("depth")[kind] for kind in ORDER}
plain = {kind: found if "plain" in kind else [] for kind, found in long_runs.items()}
plot_runs(plain, "train_loss", ylim=(0, 2.5))
print("epochs of each run:", len(long_runs[ORDER[0]][0]))
print_runs({kind: found for kind, found in plain.items() if found}, "train_loss")

# %% [markdown]
# *Each line is one run. The numbers are the training loss of each run in its last epoch.
# Guessing has a loss of 2.3.*
#
# After three epochs, 56 layers are not far from guessing, and they do not catch up. The deeper
# network is worse on its own training images, so this is not overfitting. He
# and others (2016, figure 1) saw it on photographs, also with 20 and 56 layers and batch norm,
# and called it **degradation**.
#
# It is odd, because 56 layers can do whatever 20 can. Take a trained network of 20 layers and
# put in 18 blocks that copy their input. Each kernel has a 1 in its middle, for its own
# channel, and zeros elsewhere. A new batch norm in `eval` mode subtracts 0 and divides by
# $\sqrt{1 + \epsilon}$, which γ can make up for. What arrives comes from a ReLU, so nothing in it is
# negative, and the next ReLU lets it pass.


# %% tags=["nbval-ignore-output"]
def copying_block(channels):
    block = plain_block(channels)
    for layer in block:
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.constant_(layer.weight, (1 + layer.eps) ** 0.5)
    return block


plain_20 = learned(plain_block, 20, epochs=3)
for shallow in plain_20.nets:
    deep = nn.Sequential(*shallow[:-3], *[copying_block(16) for _ in range(18)], *shallow[-3:])
    print(f"test accuracy of 20 layers {evaluate(shallow, test):.3f}, of 56 {evaluate(deep, test):.3f}")

# %% [markdown]
# So there are weights with which 56 layers are as good as 20, and training found none as good.
# The fault is not in what the deep network can do, but in how hard it is to train. A block that
# should do nothing has to learn to copy, and its first weights are far from that.
#
# ## Predict
#
# Write your answers down before you go on.
#
# 1. In the 56 plain layers with batch norm, before any training: is the gradient in the first
#    layer smaller than in the last, about the same, or larger?
# 2. A residual block adds its input $X$ to the output $F(X)$ of its convolutions, and takes
#    ReLU of the sum. If $F$ gives nothing but zeros, does $X$ come out unchanged: always,
#    never, or sometimes?
# 3. A trained network of 20 layers has nine blocks. Take one out, and train no further. What
#    is the test accuracy then, in a plain network and in a residual one?
#
# <details><summary>Where the answers are</summary>
#
# 1: *Measure: the gradient*. 2: *If F is zero*. 3: *Measure: take a block out*.
# </details>
#
# ## The cure: one addition
#
# If copying is hard to learn, do not make the layers learn it. Carry the input around them,
# and add it:
#
# $$X_{l+1} = \mathrm{ReLU}\big(X_l + F(X_l)\big)$$
#
# The layers compute $F$, the **residual**: what is to be changed about $X$. The way around them
# is the **shortcut**, or **skip connection**. To copy, $F$ has to be 0. For that,
# γ = β = 0 in the last batch norm is enough. In code a residual
# block is a plain block without its last ReLU, and one addition:


# %%
class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.residual = plain_block(channels)[:-1]

    def forward(self, X):
        return F.relu(X + self.residual(X))

# %% [markdown]
# With the same seed both kinds of network start from the same weights and see the same images
# in the same order. The only difference is `X +`. Train 56 layers for two epochs.

# %% tags=["nbval-ignore-output"]
plain_56, residual_56 = (learned(block, 56, epochs=2) for block in (plain_block, ResidualBlock))
print_runs({"plain, 56 layers": plain_56, "residual, 56 layers": residual_56})

# %% [markdown]
# *Test accuracy, a number for each seed.* The residual network learns sooner. The recorded runs
# show what happens later:

# %%
plot_runs(long_runs, "train_loss", ylim=(0, 2.5))
print_runs(long_runs, "train_loss")

# %% [markdown]
# *The same runs and the residual ones. The numbers are again the training loss in the last epoch.*
#
# The addition removes the degradation. It does not follow that more layers are better: on these
# easy images 20 residual layers learn as well as 56. On ImageNet more layers did help, from 18
# to 152 (2016, tables 2 to 4). On CIFAR-10 they did up to 110; 1,202 layers were worse again on
# test images, though not on training images (section 4.2).
#
# ## The block of the notes
#
# An addition needs two equal shapes. Where a block halves the map or changes the channels, a 1×1
# convolution (lesson 3), here `conv3`, gives $X$ the same new shape. This is a **projection
# shortcut**. A shortcut that passes $X$ on unchanged is an **identity shortcut**.


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


predict("How many parameters does Residual(3, 3) have? Each convolution has a bias.",
        sum(p.numel() for p in Residual(3, 3).parameters()))

# %% [markdown]
# Two checks from the notes: a block that keeps the shape, and one that doubles the channels and
# halves rows and columns.

# %%
X = torch.rand(4, 3, 6, 6)
same = Residual(3, 3)
halved = Residual(3, 6, use_1x1conv=True, strides=2)
print(same(X).shape, sum(p.numel() for p in same.parameters()), "parameters")
print(halved(X).shape, sum(p.numel() for p in halved.parameters()), "parameters")
draw(nn.Sequential(same, halved), (4, 3, 6, 6), unfold=True)

# %% [markdown]
# *The two blocks, one after the other. In the first, $X$ goes past the convolutions as it is
# (blue line). In the second it goes through a 1×1 convolution, and both ways end in the same shape.*
#
# The paper's block differs in two things; lesson 7 builds it. Its convolutions have no bias. (In
# the notes' block the bias of `conv1` and `conv2` has no effect: the batch norm after it subtracts
# it again, lesson 5.) And the paper's projection has a batch norm of its own.
#
# ### `blk(X)` or `blk.forward(X)`?
#
# The notes warn that a direct call of `forward` breaks the gradients and leaves the weights on the
# wrong device. Try it. A **hook** is a function that PyTorch calls by itself, here
# each time the block has run.

# %%
blk = Residual(3, 3)
blk.register_forward_hook(lambda *_: print("  the hook runs"))
grads = []
for name, call in (("blk(X)", blk), ("blk.forward(X)", blk.forward)):
    print(name)
    grads += torch.autograd.grad((call(X) ** 2).sum(), blk.conv1.weight)
print("same gradient:", torch.allclose(*grads))
print("device after a move:", blk.to("meta").forward(X.to("meta")).device)  # shapes, no values

# %% [markdown]
# The gradient is the same, and so is the device: `.to` moves the weights, whoever calls. Only
# the hooks are skipped. Tools such as profilers rely on them, so `blk(X)` is the better habit.
#
# ## If F is zero
#
# "If the layers give 0, $X$ is still $X$", say the notes. That is the promise of the residual
# block. Set the γ and β of `bn2` to 0. Then $F(X) = 0$.


# %%
def silenced(block):
    nn.init.zeros_(block.bn2.weight)
    nn.init.zeros_(block.bn2.bias)
    return block


x = torch.tensor([-2.0, -1.0, 1.0, 2.0]).reshape(1, 1, 2, 2).requires_grad_()
y = silenced(Residual(1, 1))(x)
y.sum().backward()
print("X:                     ", x.flatten().tolist())
print("relu(0 + X):           ", y.flatten().tolist())
print("gradient through block:", x.grad.flatten().tolist())
print("no value negative:     ", torch.equal(silenced(Residual(3, 3))(X), X))
print("after a projection:    ", torch.equal(silenced(Residual(3, 3, use_1x1conv=True))(X), X))

# %% [markdown]
# So the answer to the second prediction is: sometimes. ReLU comes after the addition and sets
# negative values to 0, those of the shortcut too.
# Inside a ResNet that does no harm: what a block gets comes from a ReLU, so it is never
# negative (`True`). A block with a projection never promised to pass $X$ on (`False`).
#
# ## Build ResNet-18
#
# The stem (lesson 4) makes 56×56 maps out of 224×224 pixels. Then come four stages, groups of two blocks. The
# first block of each further stage doubles the channels and halves rows and columns. So all 3×3
# convolutions of stride 1 have the same number of MACs: a quarter of the places, times twice the
# channels in, times twice the channels out. The comment on each line is the shape of one image
# after it.


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
predict("VGG-11 has about 129 million parameters. How many million does ResNet-18 have?",
        round(trace(net, (1, 1, 224, 224)).params / 1e6))

# %% [markdown]
# The notes print these eight rows. (They train at 96×96: the average at the end takes maps of any size.)

# %%
X = torch.rand(size=(1, 1, 224, 224))
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %% [markdown]
# Why 18? The layers with weights on the longest path: 1 + 4 · 2 · 2 convolutions and a linear layer.
#
# ### What is added to what
#
# The notes write $Y' = X + F(X)$, take $Y'$ for the output of the network, and call the residual
# "the difference between the picture and its label". Look at the adds.

# %%
whole_net = trace(net, (1, 1, 224, 224))
for step in whole_net.steps:
    if step.op == "add":
        print(f"block {step.path}: {step.inputs[0]} + {step.inputs[1]}")
print(f"the network: {whole_net.inputs[0]} to {whole_net.output}, {whole_net.params:,} parameters")

# %% [markdown]
# Eight adds, each of two feature maps of one block, and none at the end. An image has 224 · 224
# pixels and there are ten logits: a label cannot be subtracted from an image.
#
# Without large linear layers, ResNet-18 has less than a tenth of VGG-11's parameters.
#
# ## Turn one choice at a time
#
# ResNet-18 as a function of a few of its choices. Stride, shortcut stride and projection are those
# of the first block in stages two to four.


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
    shortcut_stride=[1, 2], projection=True, input_size=[64, 96, 224],
    tasks=tasks.resnet.NETWORK,
    presets={"ResNet-18": {"blocks": (2, 2, 2, 2)}, "ResNet-34": {"blocks": (3, 4, 6, 3)}})

# %% [markdown]
# ## Look inside: what each block adds
#
# Now photographs. ResNet-20 is made after He and others' (2016) network for CIFAR-10: 32×32 pixels,
# ten classes, nine blocks. (Two of its shortcuts are projections. Theirs have no weights, and fill
# up with zeros.) It and a plain network of 20 layers were trained once and recorded
# (few epochs, one seed each).

# %%
resnet20, run = recorded.load("resnet20")
plain20 = recorded.run("plain20")
print(plain20)
print(run)
plot_runs({"plain, 20 layers": [plain20], "residual, 20 layers": [run]}, "train_loss", ylim=(0, None))

# %% [markdown]
# *Training loss after each epoch, one run of each kind.* With 20 layers the plain network learns
# too; the residual one is ahead from the first epoch. On ImageNet with 18 layers He and others found
# about the same accuracy in the end for both kinds, and sooner for the residual one (2016, section 4.1).
#
# Now send a photograph of a cat through it.

# %%
@torch.no_grad()
def followed(net, X):
    """Of each block: what its shortcut brings, and what is added to it."""
    X, found = net[0](X), []
    for block in chain(*net[1:4]):
        change = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(X)))))
        found.append((block.shortcut(X)[0], change[0]))
        X = block(X)
    return found

# %% tags=["nbval-ignore-output"]
parts = followed(resnet20, run.prepare(photograph("cat.jpg")))
for number, pair in enumerate(parts, 1):
    brought, added = (maps.square().mean().sqrt().item() for maps in pair)
    print(f"block {number}: root mean square of the shortcut {brought:.2f}, of the residual {added:.2f}")
means = [maps.mean(0) for row in zip(*parts) for maps in row]
show_images([mean / mean.abs().max() for mean in means], [f"block {n}" for n in range(1, 10)],
            columns=9, signed=True, inches=1, alt=(
    "Two rows of nine maps, a column for each block. Above, the shortcut shows the cat's face in "
    "blocks 1 to 3 and gets coarser from block 4 on. Below, the residual is red in some places and "
    "blue in others, along edges."))

# %% [markdown]
# *A column for each block, each map a mean over its channels. Above: what the shortcut brings.
# Below: the residual $F(X)$. Red is above 0, blue below; each map has its own scale.*
#
# On the shortcuts of blocks 1 to 3 the cat's face is easy to see, in blocks 5 and 6 only coarsely,
# and from block 7 on the maps are too small for it. The residuals of blocks 1 to 3 add something in
# some places (red) and take something away in others (blue), mostly at edges. Blocks 4
# and 7 halve the maps; their shortcut is a projection. With only nine blocks the residual is not
# small: its root mean square is more than half of the shortcut's in each block.
#
# ## Measure: the gradient
#
# Why do deep plain networks not train? "Because the gradient vanishes on its way back, and shortcuts
# carry it around", say the notes, and many others. Look at the gradient in each of 54
# convolutions, before any training, in six kinds of network. Kaiming is the initialization for
# ReLU (lesson 5).


# %%
def gradients(residual, norm, kaiming, seed):
    """The norm of the loss's gradient in each of 54 convolutions, and how large the last maps are."""
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
    return [conv.weight.grad.double().norm().item() for conv in convs], X.std().item()


KINDS = {"plain": (False, False, False), "residual": (True, False, False),
         "plain, Kaiming": (False, False, True), "residual, Kaiming": (True, False, True),
         "plain, batch norm": (False, True, False), "residual, batch norm": (True, True, False)}

# %% tags=["nbval-ignore-output"]
sizes = {kind: [gradients(*choices, seed) for seed in range(3)] for kind, choices in KINDS.items()}
for kind, found in sizes.items():
    ratios = "  ".join(f"{norms[0] / norms[-1]:.0e}" for norms, _ in found)
    print(f"{kind:20}  gradient, first / last: {ratios}   last maps:",
          "  ".join(f"{size:.0e}" for _, size in found))

# %% tags=["nbval-ignore-output"]
lines = {kind: [norms for norms, _ in found] for kind, found in sizes.items()}
_, axes = plt.subplots(1, 2, figsize=(8, 2.5))
for ax, norm in zip(axes, (False, True)):
    shown = {kind: lines[kind] for kind, choices in KINDS.items() if choices[1] == norm}
    plot_lines(shown, ax, logarithmic=True, xlabel="convolution", ylabel="norm of the gradient",
               title=f"with{'' if norm else 'out'} batch norm")
    ax.set_xticks((1, 27, 54))
show()

# %% [markdown]
# *Each line is one network, before training. Convolution 1 is next to the image, 54 next to the loss.
# The two scales differ.*
#
# - **Plain**, with PyTorch's own initialization: the gradient does vanish, by more than twenty
#   powers of ten.
# - **Plain, Kaiming**: first and last are of about the same size. (All are small, because activations
#   shrink: on maps of 4×4, 11 of 36 values that the windows read are padding.)
# - **Residual** keeps the gradient too. With Kaiming the activations explode: each block adds
#   something about as large as what it gets.
# - **Batch norm**: nothing vanishes. In the plain network the gradient even *grows* on its way
#   back; with shortcuts it grows less.
#
# So shortcuts cure a vanishing gradient. Kaiming's initialization and batch norm do too, and both
# were known before ResNet. But the networks that you saw fail had batch norm, and their gradient did not vanish. He and
# others found the same in theirs, and call vanishing gradients unlikely to be the cause (2016,
# section 4.1). One explanation is that gradients grow from layer to
# layer (Yang and others 2019). Another is that the gradients of similar images no longer resemble each
# other: **shattered gradients** (Balduzzi and others 2017).
#
# ## Measure: do the activations grow?
#
# If every block adds something, the sum could grow without end. The notes answer: batch norm
# keeps $F(X)$ between −5 and 5, so it cannot become large. Both parts are wrong. Before γ, the
# largest of $m$ values can be $\sqrt{m - 1}$ (lesson 5). And a sum of many small values can be large.
#
# The notes also say that a ReLU right before the addition would disturb the gradient. But the gradient
# passes one anyway, after the addition. There may be another reason: with it, $F(X)$ has no negative
# values, and a block could only add to $X$, never take away. So follow the **residual stream**, the
# sum on the shortcuts, from block to block, before training.


# %%
class ReLUBeforeAdd(ResidualBlock):
    def __init__(self, channels):
        super().__init__(channels)
        self.residual.append(nn.ReLU())


@torch.no_grad()
def stream(block, seed):
    """Standard deviation and mean after each of 27 blocks."""
    torch.manual_seed(seed)
    net = stack(block, 56)
    X, found = net[:3](train.images[:256]), []
    for part in net[3:-3]:
        X = part(X)
        found.append((X.std().item(), X.mean().item()))
    return found

# %% tags=["nbval-ignore-output"]
BLOCKS = {"plain": plain_block, "residual": ResidualBlock, "ReLU before the add": ReLUBeforeAdd}
streams = {kind: [stream(block, seed) for seed in range(3)] for kind, block in BLOCKS.items()}
_, axes = plt.subplots(1, 2, figsize=(8, 2.4))
for number, (ax, name) in enumerate(zip(axes, ("standard deviation", "mean"))):
    lines = {kind: [[point[number] for point in run] for run in found] for kind, found in streams.items()}
    plot_lines(lines, ax, xlabel="block", ylabel=name, ylim=(0, None))
    ax.set_xticks((1, 9, 18, 27))
show()

# %% [markdown]
# *Each line is one network. Plain networks keep the size of their activations. In residual
# networks it grows with every block. With a ReLU before the add the mean grows faster still.*
#
# So a ReLU before the add would push the sum in one direction. He and others tried it (2016b,
# section 4.1): 7.8 % of the test images of CIFAR-10 wrong in place of 6.6 %, with 110 layers.
#
# Without it the sum grows too, but slowly: if each block adds something independent of the same
# size, the standard deviation grows as the square root of the number of blocks. And the next block
# begins with a convolution and a batch norm, which takes the size out again. The growth even helps:
# late blocks change little about a large $X$, so they begin close to copying (De and Smith 2020).
#
# ## Measure: take a block out
#
# Two blocks of a residual network, written out (without their ReLUs):
#
# $$X_2 = X_1 + F_2(X_1) = X_0 + F_1(X_0) + F_2\big(X_0 + F_1(X_0)\big)$$
#
# There are four ways from $X_0$ to $X_2$: through both blocks, one of them, or none. Each further block
# doubles their number; 27 blocks have 134 million. Veit and others (2016) call this the **unraveled
# view**: a residual network is a collection of paths, most of them of medium length. A plain
# network is a single one.
#
# Without one block half of the paths are left; in a plain network none is. Train
# 20 residual layers as long as the 20 plain ones above. Then take out one block at a time, train no
# further, and test on 128 images: a **lesion study**.


# %% tags=["nbval-ignore-output"]
def lesions(net):
    """The accuracy on 128 test images without each of the blocks."""
    some = replace(test, images=test.images[:128], labels=test.labels[:128])
    without = [nn.Sequential(*net[:place], *net[place + 1:]) for place in range(3, len(net) - 3)]
    return [evaluate(one, some) for one in without]


residual_20 = learned(ResidualBlock, 20, epochs=3)
print_runs({"plain, 20 layers": plain_20, "residual, 20 layers": residual_20,
            "residual, 56 layers": residual_56})
panels = {"20 layers": {"plain": plain_20.nets, "residual": residual_20.nets},
          "56 layers": {"plain": [], "residual": residual_56.nets}}
_, axes = plt.subplots(1, 2, figsize=(8, 2.6))
for ax, (layers, kinds) in zip(axes, panels.items()):
    left = {kind: [lesions(net) for net in nets] for kind, nets in kinds.items()}
    plot_lines(left, ax, xlabel="block taken out", ylabel="test accuracy", title=layers, ylim=(0, 1))
show()

# %% [markdown]
# *Rows: test accuracy of the whole networks, a number for each seed. Lines: test accuracy without
# the block of that number; guessing has 0.1. The plain network of 56 layers is left out: with all
# its blocks it does little more than guess.*
#
# - **Plain**: whichever block is missing, the network does little more than guess. Each block needs
#   the input that it had in training.
# - **Residual**: without the first block accuracy falls far, without one of the next few less and
#   less, and without a later one it hardly changes. With 27 blocks most are such later ones.
#
# Veit and others saw the same on photographs, with 54 blocks. So a deep residual network is not a
# chain in which every block is needed.
#
# ## Train at full size
#
# The notes train ResNet-18 on Fashion-MNIST at 96×96 pixels, ten epochs with
# `d2l.train_ch6(net, train_iter, test_iter, 10, 0.05, d2l.try_gpu())` and batches of 256. Here is
# the same with `fit`.

# %% tags=["nbval-ignore-output"]
at_full_size(net, size=96, batch_size=256, epochs=10, lr=0.05)

# %% [markdown]
# ## Questions
#
# Answer in writing, in a few sentences each.
#
# 1. A friend says: "ResNet works because shortcuts stop the gradient from vanishing." Which
#    two results of this lesson speak against it, and which one for it?
# 2. A deeper plain network can do all that a shallower one can. Why does that not make it
#    better?
# 3. Take two blocks out of a residual network of nine. Which share of its paths is left? And
#    which blocks of ResNet-18 can you not take out at all?
#
# <details><summary>Answers</summary>
#
# 1. Against: the plain networks that failed had batch norm, and their gradient had not
#    vanished. And weights of the right scale keep the gradient without a shortcut. For:
#    without batch norm and such weights the gradient does vanish, and shortcuts alone cure
#    that.
# 2. What a network can do and what training finds are two things. The 18 copying blocks have
#    simple weights, and training does not find any that are as good.
# 3. A quarter, 128 of 512. The three with a projection: without them, the next block gets maps
#    of another shape.
# </details>
#
# ## Exercises
#
# Write your answer in place of `...`, and run the cell and the check below it. The check names what is
# wrong, and where to look. For a hint, remove the `#` in front of it; hints come one at a time.

# %% [markdown]
# ### The residual block
#
# *medium, 20 minutes*
#
# Write the class `MyResidual(in_channels, out_channels, stride=1)` in the paper's form.
# The residual: 3×3 convolution with the stride, batch norm, ReLU, 3×3 convolution, batch norm. The
# shortcut hands X on where the shape stays; else it is a 1×1 convolution with the stride and batch
# norm (a projection). Both are added, then a ReLU. No convolution has a bias.

# %% tags=["exercise"]
class MyResidual(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        return F.relu(Y + self.shortcut(X))
        ### END SOLUTION

# %%
exercises.resnet.block.check(MyResidual)

# %%
# exercises.resnet.block.hint()      # one hint at a time
# exercises.resnet.block.solution()

# %% [markdown]
# ### Nothing in the way
#
# *medium, 15 minutes*
#
# Write the class `PreActivation(channels)`, the block of He and others' second paper
# (2016b, figure 1): batch norm, ReLU, 3×3 convolution, the same three once more, then X is added,
# and nothing follows. No convolution has a bias.

# %% tags=["exercise"]
class PreActivation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        ### BEGIN SOLUTION
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        Y = self.conv1(F.relu(self.bn1(X)))
        Y = self.conv2(F.relu(self.bn2(Y)))
        return X + Y
        ### END SOLUTION

# %%
exercises.resnet.preactivation.check(PreActivation)

# %%
# exercises.resnet.preactivation.hint()      # one hint at a time
# exercises.resnet.preactivation.solution()

# %% [markdown]
# ## More exercises
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
# to 32 pixels the last maps are 1×1, and batch norm finds one value in each channel. A mean
# over one value leaves nothing of it. With two pictures in the batch every size trains.
# </details>
#
# ### 2. The silent add
#
# *medium, 15 minutes*
#
# In `Residual(64, 128, use_1x1conv=True, strides=2)` replace `conv3` by a 1×1 convolution with
# 1 channel out. Does the block run? What does it add? How do you find such a mistake in a
# network that somebody else wrote?
#
# <details><summary>Solution</summary>
#
# It runs: PyTorch repeats the one map for all 128 channels (**broadcasting**). The output has the right shape,
# so no check of shapes at the end can find it. In a trace you can compare `step.inputs` of every
# add. `layerwise.explain` (lesson 7) says at the add that the shapes differ.
# </details>
#
# ### 3. Begin as a copy
#
# *hard, 25 minutes*
#
# Before training, set the last γ of every `ResidualBlock` to 0: it is `block.residual[-1].weight`. So each
# block begins as a copy (Goyal and others 2017). Which weights of a block have a gradient in the first
# step, and which have none? Train 56 layers so, with three seeds, and compare.
#
# <details><summary>Solution</summary>
#
# In the first step only γ and β of the last batch norm have a gradient: what comes before them is multiplied
# by 0. As soon as γ is no longer 0, all learn. Let three seeds tell you whether it helps here.
# The paper used it for very large batches.
# </details>
#
# ## What you have seen
#
# - 56 plain layers end with a higher training loss than 20, with batch norm and without a
#   vanishing gradient. With one addition they do not.
# - A residual block computes a change $F(X)$ and adds it to $X$. Where shapes differ, a projection
#   makes them equal. $X$ passes unchanged where $F(X)$ is 0 and nothing in $X$ is negative.
# - A residual network can be seen as many paths of different lengths: without one of the later blocks
#   little changes. A plain one is a single path.
#
# You can build ResNet-18 now. How does one block become ResNet-34, 50 or 152, and what can you do with
# one that somebody else has trained? That is lesson 7.
#
# Next: [Lesson 7: The ResNet family](07_resnet_family.ipynb)
#
# ## References
#
# - K. He, X. Zhang, S. Ren, J. Sun. [Deep Residual Learning for Image
#   Recognition](https://arxiv.org/abs/1512.03385). 2016. "2016" in this lesson.
# - K. He, X. Zhang, S. Ren, J. Sun. [Identity Mappings in Deep Residual
#   Networks](https://arxiv.org/abs/1603.05027). 2016. "2016b" in this lesson.
# - A. Veit, M. Wilber, S. Belongie. [Residual Networks Behave Like Ensembles of Relatively Shallow
#   Networks](https://arxiv.org/abs/1605.06431). 2016.
# - D. Balduzzi and others. [The Shattered Gradients
#   Problem](https://arxiv.org/abs/1702.08591). 2017.
# - G. Yang and others. [A Mean Field Theory of Batch
#   Normalization](https://arxiv.org/abs/1902.08129). 2019.
# - S. De, S. Smith. [Batch Normalization Biases Residual Blocks Towards the Identity Function
#   in Deep Networks](https://arxiv.org/abs/2002.10444). 2020.
# - P. Goyal and others. [Accurate, Large Minibatch
#   SGD](https://arxiv.org/abs/1706.02677). 2017. Section 5.1, for γ = 0.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep Learning](https://d2l.ai). Section
#   8.6 (ResNet).

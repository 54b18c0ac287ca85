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
# # 5. Batch normalization
#
# **Why does a deep network depend so much on its first weights, and can a layer take
# that care off your hands?**
#
# In this lesson you
#
# - write batch normalization from scratch, and prove that it is PyTorch's;
# - put it into LeNet and measure what it does on real images: larger steps, sigmoids
#   in eight layers, and a difference between training and testing that can hurt;
# - check five things that are often said about it, none of which holds as it stands.
#
# **Time:** 60 minutes, and 75 for questions and exercises. Running every cell takes about
# half a minute.
#
# **You need:** the lesson on AlexNet. No internet, no GPU.
#
# [Contents](00_contents.ipynb) · [Lesson 4: GoogLeNet](04_googlenet.ipynb) · [Lesson 6: ResNet](06_resnet.ipynb)
#
# ## Setup

# %%
import os
import sys

if "google.colab" in sys.modules:  # there, fetch the course; elsewhere it is installed
    os.system("pip install -q --no-deps git+https://github.com/YOUR_NAME/modern-cnns d2l==1.0.3")

# %%
from contextlib import redirect_stdout
from io import StringIO

import matplotlib.pyplot as plt
import torch
from torch import nn

from course_utils import best_device, digits, evaluate, fashion_mnist, fit, tasks
from layerwise import lab, table, trace

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#7f7f7f"  # also told apart by colour-blind readers
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## What GoogLeNet could not do
#
# GoogLeNet learned when its first weights were scaled with care, and stayed at guessing
# with the weights that PyTorch gives by itself. It has 22 layers with weights, one after
# the other. Follow a batch of 64 real digits through 22 plain convolutions with ReLU,
# before any training, and ask after each layer: how far do the images still differ?
#
# The **spread** is the standard deviation over the 64 images, taken at each place of the
# maps and averaged. A spread of 0 means that all images look the same to the next layer.


# %%
torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=64, size=28, device="cpu")


def spreads(scale, normalize, seed):
    """The spread after each of 22 layers; `scale` multiplies Kaiming's first weights."""
    torch.manual_seed(seed)
    X, found = train.images[:64], []
    for _ in range(22):
        conv = nn.Conv2d(X.shape[1], 16, kernel_size=3, padding=1)
        if scale:
            nn.init.kaiming_normal_(conv.weight).data.mul_(scale)
        with torch.no_grad():
            X = conv(X)
            X = nn.BatchNorm2d(16)(X).relu() if normalize else X.relu()
        found.append(X.std(0).mean().item())
    return found


kinds = {"PyTorch's first weights": None, "Kaiming's": 1, "Kaiming's, doubled": 2}
plain = {kind: [spreads(s, False, seed) for seed in range(3)] for kind, s in kinds.items()}
normed = {kind: [spreads(s, True, seed) for seed in range(3)] for kind, s in kinds.items()}
small, right, large = plain.values()
assert max(run[-1] for run in small) < 1e-6 and min(run[-1] for run in large) > 1e3
assert all(1e-3 < run[-1] < 1 for run in right)
assert all(0.2 < spread < 1 for runs in normed.values() for run in runs for spread in run)

_, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for ax, found in zip(axes, (plain, normed)):
    for runs, colour in zip(found.values(), (ORANGE, BLUE, GREY)):
        for run in runs:
            ax.semilogy(range(1, 23), run, color=colour)
    ax.set(xlabel="layer")
for x, height, kind, colour in ((1, 3e-8, "PyTorch's first weights", ORANGE),
                                (13, 0.3, "Kaiming's", BLUE), (3, 1e4, "Kaiming's, doubled", GREY)):
    axes[0].text(x, height, kind, color=colour, fontweight="bold")
axes[1].text(13, 2, "all nine", color=GREY, fontweight="bold")
axes[0].set(title="22 convolutions", ylabel="spread between images")
axes[1].set(title="the same, each with batch normalization")
plt.show()

# %% [markdown]
# *Each line is one network; there are three of each kind. Left: at the end the spread is
# below a millionth, or between a thousandth and 1, or above a thousand, and what makes
# the difference is the scale of the first weights. Right: with batch normalization behind each
# convolution all nine lines lie on one another.*
#
# Why does the scale matter so much? A layer multiplies the spread by some factor, and 22
# layers multiply it by 22 such factors. With ReLU, the factor is about 1 if the weights
# have a variance of 2 divided by the number of weights that a filter has (Kaiming He and
# others 2015, hence the name). PyTorch's own have a sixth of that variance:

# %%
conv = nn.Conv2d(64, 64, kernel_size=3)
print(f"variance, times weights in a filter: {conv.weight.var().item() * 64 * 3 * 3:.2f}")
print(f"factor of one layer: {6 ** -0.5:.2f}; of 22 layers: {6 ** -11:.0e}")

# %% [markdown]
# At a spread below a millionth, all images look alike, and so a network cannot learn to
# tell them apart. Kaiming's scale repairs that, for ReLU, before training begins. Batch
# normalization goes further: it measures the spread and divides by it, in every layer and
# at every step of the training.
#
# ## Predict
#
# Write your answers down before you go on.
#
# 1. A batch normalization layer behind a convolution with 6 channels makes maps of 24×24.
#    How many parameters has it: 2, 12, or 6,912?
# 2. After it, can a number be larger than 5?
# 3. The convolution in front of it has a bias. What does the bias do?
# 4. LeNet with sigmoids does not train in five epochs on the digits. With batch
#    normalization: does it? With ReLU, how much longer can the training steps be?
# 5. You give a trained network the same image twice. Can it answer differently?
#
# <details><summary>Where the answers are</summary>
#
# 1 and 2: *What is true of the result?* 3: *A parameter that does nothing*. 4: *LeNet with
# sigmoids*, and *How long may a step be?* 5: *The same image in two batches*. Come back and
# compare.
# </details>

# %% [markdown]
# ## Normalize a batch
#
# Take one feature: one number that the network computes for each image. Over a batch
# $\mathcal{B}$ of $m$ values it has a mean and a variance,
#
# $$\mu = \frac{1}{m} \sum_{x \in \mathcal{B}} x \qquad\text{and}\qquad
# \sigma^2 = \frac{1}{m} \sum_{x \in \mathcal{B}} (x - \mu)^2 .$$
#
# **Batch normalization** subtracts the mean and divides by the standard deviation. Then
# it multiplies by $\gamma$ and adds $\beta$, two parameters that are learned:
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} \qquad
# y = \gamma\, \hat{x} + \beta$$
#
# The small number $\varepsilon$, 0.00001 in PyTorch, keeps the division from failing
# where all values are equal. Four images, one feature:

# %%
x = torch.tensor([0.0, 0.0, 4.0, 4.0])
mean = x.mean()
var = ((x - mean) ** 2).mean()
print("mean:", mean.item(), " variance:", var.item())
print("normalized:", ((x - mean) / torch.sqrt(var + 1e-5)).round(decimals=3).tolist())

# %% [markdown]
# Which numbers share a mean? Behind a linear layer, a feature is one column of the batch:
# one number for each image. Behind a convolution, a feature is a channel: the filter is
# the same at each pixel, so all pixels of all images share a mean. The batch is small in
# one case and large in the other.


# %%
def draw_batch(ax, side, title):
    """4 images × 3 channels of side × side numbers; the first channel in colour."""
    for image in range(4):
        for channel in range(3):
            colour = BLUE if channel == 0 else "#dddddd"
            for pixel in range(side * side):
                row, column = divmod(pixel, side)
                corner = channel + 0.8 * column / side, image + 0.8 * row / side
                ax.add_patch(plt.Rectangle(corner, 0.8 / side, 0.8 / side, facecolor=colour,
                                           edgecolor="white"))
    ax.set(xlim=(-0.1, 2.9), ylim=(3.9, -0.1), aspect="equal", title=title)
    ax.set_xticks([0.4, 1.4, 2.4], ["1", "2", "3"])
    ax.set_yticks([0.4, 1.4, 2.4, 3.4], ["1", "2", "3", "4"])
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)


_, (left, right) = plt.subplots(1, 2, figsize=(6, 3.4), layout="constrained")
draw_batch(left, 1, "behind a linear layer")
draw_batch(right, 4, "behind a convolution")
left.set(xlabel="feature", ylabel="image")
right.set(xlabel="channel")
plt.show()

# %% [markdown]
# *The numbers in blue share one mean and one variance. Left: a batch of 4 images with 3
# features each, so $m = 4$. Right: 4 images with 3 channels of 4×4 pixels, so
# $m = 4 \cdot 4 \cdot 4 = 64$.*
#
# Why $\gamma$ and $\beta$? Without them the layer could only make numbers with mean 0 and
# variance 1, and the next one might do better with others. With $\gamma = \sigma$ and
# $\beta = \mu$ the layer gives back what came in: nothing that the network could compute
# before is lost.
#
# What is the mean when there is only one image, as when the network is used? Then the
# layer takes a **moving average** of the means and variances that it saw in training. At
# each step the average moves a tenth of the way to the new value; PyTorch calls the tenth
# `momentum`. So batch normalization works in two ways: by the batch in training, by the
# averages in testing. You switch with `net.train()` and `net.eval()`.
#
# ## Build it
#
# The notes use a class `BatchNorm` that they never define. Here it is. Two lines need a
# word:
#
# - Moving averages are **buffers**: not parameters, since no gradient reaches them, but
#   saved and moved to the GPU together with the parameters.
# - PyTorch normalizes with the variance above, and puts $m / (m - 1)$ times as much into
#   the moving average. That is the usual correction for estimating from a sample.


# %%
class BatchNorm(nn.Module):
    """For (images, features), num_dims=2, or (images, channels, rows, columns), num_dims=4."""

    def __init__(self, num_features, num_dims, eps=1e-5, momentum=0.1):
        super().__init__()
        shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta = nn.Parameter(torch.zeros(shape))
        self.register_buffer("moving_mean", torch.zeros(shape))
        self.register_buffer("moving_var", torch.ones(shape))
        self.axes = (0,) if num_dims == 2 else (0, 2, 3)  # all but the features
        self.eps, self.momentum = eps, momentum

    def forward(self, X):
        if self.training:
            mean = X.mean(self.axes, keepdim=True)
            var = ((X - mean) ** 2).mean(self.axes, keepdim=True)
            self.remember(mean.detach(), var.detach(), m=X.numel() // X.shape[1])
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.gamma * (X - mean) / torch.sqrt(var + self.eps) + self.beta

    def remember(self, mean, var, m):
        """Move the averages towards a batch with m values of each feature."""
        if m == 1:
            raise ValueError("One value has no variance. Use more images, or net.eval().")
        self.moving_mean += self.momentum * (mean - self.moving_mean)
        self.moving_var += self.momentum * (var * m / (m - 1) - self.moving_var)


# %% [markdown]
# Is it PyTorch's? Compare everything: the output, the three gradients, and the moving
# averages, over three batches in training and then in testing, behind a linear layer
# (`BatchNorm1d`) and behind a convolution (`BatchNorm2d`).


# %%
def differences(ours, theirs, shape):
    """The largest difference of each kind over three training steps and a test."""
    theirs.load_state_dict(
        {"weight": ours.gamma.data.flatten(), "bias": ours.beta.data.flatten()}, strict=False)
    found = {"output": 0, "gradients": 0, "moving averages": 0}
    for mode in (True, True, True, False):
        X = (5 * torch.randn(shape) + 3).requires_grad_()
        weights = torch.randn(shape)  # a loss with a different slope for each number
        pairs = {"output": [], "gradients": [], "moving averages": []}
        for layer in (ours.train(mode), theirs.train(mode)):
            Y = layer(X)
            grads = torch.autograd.grad((weights * Y).sum(), [X, *layer.parameters()])
            pairs["output"].append([Y])
            pairs["gradients"].append(grads)
            pairs["moving averages"].append([b for b in layer.buffers() if b.dim()])
        for name, (mine, other) in pairs.items():
            for a, b in zip(mine, other, strict=True):
                found[name] = max(found[name], (a.flatten() - b.flatten()).abs().max().item())
    return found


torch.manual_seed(0)
for theirs, shape in ((nn.BatchNorm1d(5), (64, 5)), (nn.BatchNorm2d(5), (64, 5, 8, 8))):
    ours = BatchNorm(5, num_dims=len(shape))
    nn.init.normal_(ours.gamma)
    nn.init.normal_(ours.beta)
    for name, largest in differences(ours, theirs, shape).items():
        assert largest < 1e-2 if name == "gradients" else largest < 1e-4
        print(f"{type(theirs).__name__}, {name}: equal up to rounding")

# %% [markdown]
# From here on the two are the same layer. Which one a cell takes is a matter of speed.
#
# ## What is true of the result?
#
# The notes say that $\gamma$ and $\beta$ have the shape of $x$, and that the result has
# variance 1. Another thing often said is that batch normalization keeps all values
# between −5 and 5. Three claims, three cells.

# %%
channels = BatchNorm(6, num_dims=4)
X = torch.randn(64, 6, 24, 24)
print("x:    ", tuple(X.shape))
print("gamma:", tuple(channels.gamma.shape))
print("parameters:", sum(p.numel() for p in channels.parameters()))

# %% [markdown]
# One $\gamma$ and one $\beta$ for each channel: 12 parameters, where one for each number
# of an image would be $2 \cdot 6 \cdot 24 \cdot 24 = 6,912$. All pixels of a channel come
# from one filter, and they are normalized alike.
#
# And the variance? Dividing by $\sqrt{\sigma^2 + \varepsilon}$ makes it
# $\sigma^2 / (\sigma^2 + \varepsilon)$: a little less than 1, or far less.

# %%
for deviation in (1, 0.1, 0.01, 0.001):
    x = deviation * torch.tensor([[-1.0], [1.0]])
    after = BatchNorm(1, num_dims=2)(x).var(correction=0).item()
    print(f"standard deviation {deviation:<5}  variance afterwards {after:.2f}")

# %% [markdown]
# A channel that hardly changes from image to image is not blown up to variance 1. That is
# as well, since there is little in it but rounding.
#
# How large can a number become? Let one value of a batch be 1 and all others 0.

# %%
for m in (4, 26, 1000, 1_000_000):
    x = torch.zeros(m, 1, dtype=torch.float64)
    x[0] = 1
    largest = BatchNorm(1, num_dims=2, eps=0).double()(x).max().item()
    assert abs(largest - (m - 1) ** 0.5) < 1e-6
    print(f"{m:>9,} values: the largest becomes {largest:.1f}")

# %% [markdown]
# It becomes $\sqrt{m - 1}$, and no value of any batch can become larger. (The $m$ squares
# add up to $m$. For the one to be as large as possible, the others must be equal.) So
# there is a bound, but it is not 5: for 64 images with maps of 24×24, $m$ is 36,864 and
# the bound is 192. That is the worst case. Real images have no such batches, or have they?
# Take the 1,437 training images in their original 8×8 pixels, each pixel a feature.

# %%
pixels = digits(size=8, device="cpu")[0].images.reshape(1437, 64)
normalized = BatchNorm(64, num_dims=2)(pixels).detach()
largest, place = normalized.max(0).values.max(0)
print(f"largest value: {largest:.1f}, at row {place // 8}, column {place % 8}")
print("images with ink there:", int((pixels[:, place] > 0).sum()))

# %% [markdown]
# A pixel at the edge is white in nearly every image. The few that have ink there end far
# beyond 5. Inside a LeNet, where each value is a sum over many pixels, you will hardly find
# one beyond 5; that is a habit of sums, not a property of batch normalization.
#
# ## LeNet with batch normalization
#
# The notes put it behind each layer with weights but the last, in front of the sigmoid.
# The comment is the shape of one image.

# %%
net = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5), BatchNorm(6, num_dims=4), nn.Sigmoid(),    #  6 × 24 × 24
    nn.AvgPool2d(kernel_size=2, stride=2),                                     #  6 × 12 × 12
    nn.Conv2d(6, 16, kernel_size=5), BatchNorm(16, num_dims=4), nn.Sigmoid(),  # 16 ×  8 ×  8
    nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),                       # 16 ×  4 ×  4, 256
    nn.Linear(16 * 4 * 4, 120), BatchNorm(120, num_dims=2), nn.Sigmoid(),      # 120
    nn.Linear(120, 84), BatchNorm(84, num_dims=2), nn.Sigmoid(),               # 84
    nn.Linear(84, 10),                                                         # 10
)

# %% [markdown]
# Print the shapes of one image. One image gives each feature of a linear layer one value,
# and one value has no variance, so switch to testing first. The loop leaves out the two
# kinds of layer that never change a shape; eight rows remain.

# %%
X = torch.randn(1, 1, 28, 28)
net.eval()
for layer in net:
    X = layer(X)
    if not isinstance(layer, (BatchNorm, nn.Sigmoid)):
        print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %%
table(net, (1, 1, 28, 28), depth=1)

# %% [markdown]
# The first linear layer has $256 \cdot 120 = 30,720$ weights. Elsewhere the notes say
# 48,000 for LeNet: that is the LeNet of the first lesson, whose first convolution has
# padding 2. It ends with maps of 5×5, and this one with 4×4.
#
# The four batch normalizations have 452 of the 44,878 parameters, one percent. In
# multiplications they cost next to nothing as well. But each of them has to read its
# whole input twice, first for the mean and the variance and then to use them, so in time
# they cost more than the table shows.
#
# ## Turn one choice at a time
#
# LeNet as a function of a few choices. `nn.Identity` is a layer that does nothing.
# `training` decides which of the two ways batch normalization works.


# %%
def lenet(channels=6, padding=0, features=256, norm=True, bias=True, training=False,
          activation=nn.Sigmoid):
    """LeNet, with batch normalization or without."""
    maps = nn.BatchNorm2d if norm else nn.Identity
    numbers = nn.BatchNorm1d if norm else nn.Identity
    return nn.Sequential(
        nn.Conv2d(1, channels, 5, padding=padding, bias=bias), maps(channels), activation(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(channels, 16, 5, bias=bias), maps(16), activation(),
        nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),
        nn.Linear(features, 120, bias=bias), numbers(120), activation(),
        nn.Linear(120, 84, bias=bias), numbers(84), activation(),
        nn.Linear(84, 10),
    ).train(training)

# %%
lab(lenet, (1, 1, 28, 28), channels=[6, 12, 24], padding=(0, 2), features=[256, 400],
    norm=True, bias=True, training=False, input_size=[28, 32], tasks=tasks.batch_norm.NETWORK)

# %% [markdown]
# ## A parameter that does nothing
#
# The notes' convolutions have a bias in front of batch normalization. The bias adds a
# constant to all values of a channel; the mean grows by the same constant; and the mean
# is subtracted. Look at the gradient of both after one batch of digits.

# %%
torch.manual_seed(0)
net, (X, y) = lenet(training=True), next(iter(train))
scores = net(X)
nn.functional.cross_entropy(scores, y).backward()
for conv in (net[0], net[4]):
    assert conv.bias.grad.abs().max() < 1e-4 * conv.weight.grad.abs().max()
print("bias: its gradient is less than a ten-thousandth of the weights'")

with torch.no_grad():
    net[0].bias += 100
    print("after adding 100 to it, same scores:", torch.allclose(net(X), scores, atol=1e-2))

# %% [markdown]
# What is left of the gradient is rounding. The bias is dead: $\beta$ does its work. With
# `bias=False` the network computes the same and has fewer parameters. ResNet's
# convolutions are written that way.
#
# ## Measure: LeNet with sigmoids
#
# Train the notes' network with the book's step for it, a learning rate of 1.0, five times
# through the 1,437 training images. Three seeds with batch normalization, three without.


# %%
def trained(net, lr, epochs, seed, optimizer=torch.optim.SGD):
    """The History of a run; a loss of nan or infinity ends it, without the message of `fit`."""
    with redirect_stdout(StringIO()):
        return fit(net, train, test, epochs, lr=lr, seed=seed, optimizer=optimizer)


def seeded(seed, build, **choices):
    torch.manual_seed(seed)
    return build(**choices)


nets = [seeded(seed, lenet, norm=True, training=True) for seed in range(3)]
with_norm = [trained(net, 1.0, 5, seed) for seed, net in enumerate(nets)]
without = [trained(seeded(seed, lenet, norm=False), 1.0, 5, seed) for seed in range(3)]
assert min(run.test_acc[-1] for run in with_norm) > 0.6
assert max(run.test_acc[-1] for run in without) < 0.3
print("Every run with batch normalization ends above 0.6, every run without below 0.3.")

# %% [markdown]
# Guessing is right one time in ten, and without batch normalization the network does not
# get far beyond that. Is this a fair comparison? Only for this network. Sigmoids need help,
# and ReLU with Kaiming's first weights is another kind of help. So give it to both sides
# and ask a sharper question.
#
# ## Measure: how long may a step be?
#
# LeNet with ReLU and Kaiming's first weights, learning rates from 0.1 to 10, four epochs,
# three seeds of each. About ten seconds.


# %%
def relu_lenet(norm):
    net = lenet(norm=norm, training=True, activation=nn.ReLU)
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return net


rates = (0.1, 1, 3, 10)
ends = {}
for norm in (False, True):
    for lr in rates:
        runs = [trained(seeded(seed, relu_lenet, norm=norm), lr, 4, seed) for seed in range(3)]
        ends[norm, lr] = [run.test_acc[-1] for run in runs]
assert min(ends[False, 0.1] + ends[True, 0.1] + ends[True, 1] + ends[True, 3]) > 0.5
assert max(ends[False, 1] + ends[False, 3] + ends[False, 10] + ends[True, 10]) < 0.4
for norm, word in ((False, "without"), (True, "with")):
    good = [lr for lr in rates if min(ends[norm, lr]) > 0.5]
    print(f"{word:8}batch normalization all three runs train up to a rate of {max(good)}")

_, ax = plt.subplots(figsize=(5, 3))
for (norm, lr), accuracies in ends.items():
    x = [lr * (1.05 if norm else 0.95)] * 3
    ax.semilogx(x, accuracies, "o" if norm else "s", color=BLUE if norm else ORANGE, alpha=0.6)
ax.text(3, 0.8, "with", color=BLUE, fontweight="bold", ha="center")
ax.text(1, 0.2, "without batch normalization", color=ORANGE, fontweight="bold", ha="center")
ax.set(xlabel="learning rate", ylabel="test accuracy at the end", ylim=(0, 1))
ax.set_xticks(rates, rates)
plt.show()

# %% [markdown]
# *Each mark is one run; there are three of each kind at each rate. Without batch
# normalization (squares) the runs at 0.1 train and the runs at 1 and above do not. With
# it (circles), those at 1 and 3 train too. At 10, nothing does.*
#
# Between 0.1 and 1 there is no mark; try 0.3. So batch normalization allows steps at least
# three times as long, and by these marks perhaps thirty times. Why?
#
# ## Why does it help?
#
# One reason can be computed. Make the weights in front of batch normalization ten times
# as large: the layer divides by a standard deviation that is ten times as large, and
# nothing changes. The output stays, and so the slope with respect to the weights must be
# a tenth.

# %%
def output_and_gradient(factor):
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(1, 6, kernel_size=5), nn.BatchNorm2d(6)
    conv.weight.data *= factor
    Y = norm(conv(train.images[:64]))
    (torch.randn(Y.shape) * Y).sum().backward()
    return Y.detach(), conv.weight.grad


(Y, slope), (Y10, slope10) = output_and_gradient(1), output_and_gradient(10)
assert (Y - Y10).abs().max() < 0.01 * Y.abs().max()
assert abs(slope10.norm() / slope.norm() - 0.1) < 0.005
print(f"size of the output:   {Y10.norm() / Y.norm():.2f} times")
print(f"size of the gradient: {slope10.norm() / slope.norm():.2f} times")

# %% [markdown]
# A step that is far too long makes the weights large. Without batch normalization, larger
# weights make larger outputs and larger gradients, and the next step is longer still.
# With it, larger weights have smaller gradients. The network slows itself down (van
# Laarhoven 2017).
#
# That is one mechanism, and not the whole story. *Why* batch normalization works has been
# argued about ever since:
#
# | who | what they say | what speaks for it |
# |---|---|---|
# | Ioffe and Szegedy 2015 | While the first layers learn, the input of the later ones keeps changing its distribution. Normalizing reduces this **internal covariate shift**. | The same accuracy in 14 times fewer steps. The shift as cause is their explanation, not their measurement. |
# | Santurkar and others 2018 | The shift has little to do with it. The loss becomes smoother: its gradient changes less along a step. | They add random shifts *behind* batch normalization, and the network still trains as well. |
# | Bjorck and others 2018 | The gain is the larger learning rate. Without normalization, activations and gradients grow with depth, and only small steps survive. | At equal, small rates the gain largely disappears. |
# | Kohler and others 2019 | The length of a weight vector is learned apart from its direction. | Proofs for simple models. |
# | Yang and others 2019 | In deep networks without skip connections batch normalization makes the gradients explode at the start. | A calculation, and experiments. |
# | Zhang and others 2019, Brock and others 2021 | One can do without. | Very deep residual networks that train without any normalization, with other care. |
#
# What most of them agree on: larger steps, and less dependence on the first weights. You
# have now measured both. None of it says that the first explanation is right, although
# it is the one in most notes.
#
# ## Measure: the same image in two batches
#
# In training, the mean depends on the batch. So the answer for one image depends on the
# other images that happen to be there. Take a trained LeNet and one test image, put it
# together with 63 others, eight times, and look at its ten scores.

# %%
net, image = nets[0], test.images[:1]
torch.manual_seed(0)
batches = [torch.cat([image, train.images[torch.randperm(1437)[:63]]]) for _ in range(8)]
with torch.no_grad():
    in_training = torch.stack([net.train()(batch)[0] for batch in batches])
    in_testing = torch.stack([net.eval()(batch)[0] for batch in batches])
assert in_training.std(0).max() > 0.01 and in_testing.std(0).max() < 1e-4
print("in training the eight answers are different; in testing they are one and the same")

_, ax = plt.subplots(figsize=(5, 3))
for scores in in_training:
    ax.plot(scores, "o", color=ORANGE, markersize=4, alpha=0.5)
ax.plot(in_testing[0], "_", color=BLUE, markersize=18, markeredgewidth=2)
ax.set(xlabel="digit", ylabel="score", xticks=range(10))
plt.show()

# %% [markdown]
# *The scores of one image for each of the ten digits. Circles: in eight different batches,
# in training mode. Bars: in testing mode, where all eight are the same.*
#
# (Each pass in training mode has also moved the moving averages. That is why the net is
# tested after it, not between.)
#
# The other images act as noise, and noise in training works against overfitting, as
# dropout does. So two more claims of the notes are too simple. "Batch normalization does
# not change the accuracy": the 2015 paper reports that its network came out more accurate,
# not only sooner. "Do not mix it with dropout": a rule of thumb. Both are noise, and one
# may make the other unnecessary, or disturb it (Li and others 2018), but no law forbids
# it; exercise 4 tries.
#
# ## Measure: sigmoids in eight layers
#
# The lesson on AlexNet ended with an open question. Its eight layers, narrow, trained
# with ReLU and not with sigmoids, because the gradient all but disappeared on its way
# back. Can batch normalization help? Here is the same network with it.


# %%
def small_alexnet(norm):
    """The first lesson's eight layers with sigmoids, for 32×32 pixels."""
    maps = nn.BatchNorm2d if norm else nn.Identity
    numbers = nn.BatchNorm1d if norm else nn.Identity
    net = nn.Sequential(
        nn.Conv2d(1, 12, 5, stride=2, padding=2), maps(12), nn.Sigmoid(), nn.MaxPool2d(3, 2),
        nn.Conv2d(12, 32, 5, padding=2), maps(32), nn.Sigmoid(), nn.MaxPool2d(3, 2),
        nn.Conv2d(32, 48, 3, padding=1), maps(48), nn.Sigmoid(),
        nn.Conv2d(48, 48, 3, padding=1), maps(48), nn.Sigmoid(),
        nn.Conv2d(48, 32, 3, padding=1), maps(32), nn.Sigmoid(), nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(32, 128), numbers(128), nn.Sigmoid(),
        nn.Linear(128, 128), numbers(128), nn.Sigmoid(), nn.Linear(128, 10),
    )
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return net


# %%
train, test = digits(batch_size=64, size=32, device="cpu")


def gradients(norm, seed):
    """The size of the loss's gradient in each of the eight layers, before training."""
    net = seeded(seed, small_alexnet, norm=norm)
    nn.functional.cross_entropy(net(train.images[:64]), train.labels[:64]).backward()
    return [layer.weight.grad.norm().item() for layer in net
            if isinstance(layer, (nn.Conv2d, nn.Linear))]


slopes = {norm: [gradients(norm, seed) for seed in range(3)] for norm in (False, True)}
assert max(run[0] / run[-1] for run in slopes[False]) < 1e-3
assert min(run[0] / run[-1] for run in slopes[True]) > 0.05

deep = {norm: [seeded(seed, small_alexnet, norm=norm) for seed in range(3)]
        for norm in (False, True)}
learned = {norm: [trained(net, 2e-3, 3, seed, torch.optim.Adam) for seed, net in enumerate(nets)]
           for norm, nets in deep.items()}
assert max(run.train_acc[-1] for run in learned[False]) < 0.3
assert min(run.train_acc[-1] for run in learned[True]) > 0.9

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for norm, colour in ((False, ORANGE), (True, BLUE)):
    for run in slopes[norm]:
        left.semilogy(range(1, 9), run, "o-", markersize=3, color=colour)
    for run in learned[norm]:
        right.plot(range(1, 4), run.train_acc, color=colour)
        right.plot(range(1, 4), run.test_acc, "--", color=colour)
left.set(xlabel="layer", title="size of the gradient, before training", ylim=(1e-5, 1e3))
left.text(2.5, 1e-4, "without", color=ORANGE, fontweight="bold")
left.text(1, 60, "with batch normalization", color=BLUE, fontweight="bold")
right.set(xlabel="epoch", title="accuracy", ylim=(0, 1.02), xticks=[1, 2, 3])
right.text(1.1, 0.93, "in training", color=BLUE, fontweight="bold")
right.text(2.3, 0.4, "in testing", color=BLUE, fontweight="bold")
right.text(3, 0.02, "without", color=ORANGE, fontweight="bold", ha="right")
plt.show()

# %% [markdown]
# *Each line is one network; there are three of each kind. Left: with batch normalization
# the sigmoid's gradient no longer disappears. Dividing by a small standard deviation makes
# small slopes larger again. Right: the accuracy on the training images (solid) goes up to
# nearly 1, and the accuracy on the test images (dashed) does not follow.*
#
# The right-hand picture looks like overfitting. It is not. Something else differs
# between the solid and the dashed lines: the way in which batch normalization works. Test
# the same three networks again in two other ways. First, in training mode, so that the
# test images are normalized by their own batch. Second, in testing mode, after the
# training images have been shown twice more with all weights held still: only the moving
# averages can move.


# %%
def by_the_batch(net):
    """Accuracy on the test images in training mode. It moves the averages a little."""
    with torch.no_grad():
        right = [(net.train()(X).argmax(1) == y).float().mean() for X, y in test]
    return torch.stack(right).mean().item()


def refresh(net):
    with torch.no_grad():
        for X, _ in [*train, *train]:
            net.train()(X)


before = [evaluate(net, test) for net in deep[True]]
batch = [by_the_batch(net) for net in deep[True]]
for net in deep[True]:
    refresh(net)
after = [evaluate(net, test) for net in deep[True]]
assert max(before) < 0.8 and min(batch) > 0.9 and min(after) > 0.9
print("moving averages from training: every network below 0.8")
print("statistics of the test batch:  every network above 0.9")
print("moving averages, refreshed:    every network above 0.9")

# %% [markdown]
# The weights were good all the time. The moving averages were not. They lag: they hold
# what the layers sent over the last ten steps or so, and the layers have changed since. An
# error in one layer's mean shifts what the next layer receives, and after seven of them the
# images arrive somewhere else than in training.
#
# So the answer to the first lesson's question is: yes, eight layers with sigmoids can be
# trained, with batch normalization, in the same three epochs in which they learned nothing
# without. And a warning comes with it. If a network is good in training and bad in
# testing, look at its batch normalization before you say that it overfits. (Training
# that ends with short steps, as most does, lets the averages catch up. Wu and Johnson 2021
# measure this, and more that can go wrong, on large networks.)
#
# ## Train at full size
#
# The notes' call with the book's settings is `lr = 1.0`, 10 epochs, batches of 256. First
# one small run of it, on the digits, with the class from this notebook.

# %% tags=["nbval-ignore-output"]
from d2l import torch as d2l

net = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5), BatchNorm(6, num_dims=4), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2),
    nn.Conv2d(6, 16, kernel_size=5), BatchNorm(16, num_dims=4), nn.Sigmoid(),
    nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),
    nn.Linear(16 * 4 * 4, 120), BatchNorm(120, num_dims=2), nn.Sigmoid(),
    nn.Linear(120, 84), BatchNorm(84, num_dims=2), nn.Sigmoid(),
    nn.Linear(84, 10),
)
train_iter, test_iter = digits(batch_size=128, size=28)
d2l.train_ch6(net, train_iter, test_iter, 2, 1.0, d2l.try_gpu())

# %% [markdown]
# *Two epochs are enough for this picture. The accuracy on the test images may lie far
# below the one in training; you know why.*
#
# Then Fashion-MNIST, 60,000 photographs of clothes at 28×28 pixels. This network is small:
# on a CPU it takes some minutes, not hours. The data, 30 MB, is downloaded once. The second
# cell does the same with `fit`, which leaves the weights that you give it as they are.

# %% tags=["nbval-ignore-output"]
import os

FULL_SIZE = best_device().type != "cpu"  # set it to True to train on whatever there is
data = None
if not FULL_SIZE:
    print("Skipped: there is no GPU, and a CPU needs some minutes. To run it all the same, "
          "set FULL_SIZE = True in this cell, run it, and then the next.")
else:
    torch.set_num_threads(os.cpu_count())
    try:
        data = fashion_mnist(batch_size=256, size=28)
    except FileNotFoundError as error:
        print(error)
if data:
    d2l.train_ch6(net, *data, 10, 1.0, best_device())

# %% tags=["nbval-ignore-output"]
if not data:
    print("Skipped: it needs the data that the cell above did not load.")
else:
    full = lenet(training=True)
    for layer in full:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
    fit(full, *data, epochs=10, lr=1.0).plot()

# %% [markdown]
# ## Questions
#
# Write two or three sentences each.
#
# 1. A friend trains with batches of 2 images, because the memory holds no more, and batch
#    normalization makes things worse. Why, and why more so behind a linear layer?
# 2. You stop training, save the parameters but not the buffers, and load them again. What
#    goes wrong, and in which mode?
# 3. Name a result of this lesson that internal covariate shift explains, and one that it
#    does not need to explain.
#
# <details><summary>Answers</summary>
#
# 1. The mean of two numbers is a poor estimate, so the noise is large. Behind a
#    convolution each image adds a value for each pixel; behind a linear layer there are
#    two values in all, and the normalized ones are −1 and 1 whatever they were.
# 2. The moving averages start at mean 0 and variance 1 again. In training nothing is
#    different. In testing each layer subtracts the wrong mean.
# 3. For example: it could explain the longer steps. The dead bias, the factor of a tenth
#    in the gradient and the spread over 22 layers are arithmetic and need no shift.
# </details>
#
# ## Exercises
#
# ### 1. The formula in the notes
#
# *easy, 5 minutes*
#
# The notes define $\hat\sigma^2$ as the mean of $(x - \hat\mu)^2$ *plus* $\varepsilon$, and
# divide by $\hat\sigma$. Is the result another one? And what would
# $\sigma + \varepsilon$ in the denominator do to a channel with standard deviation 0.001?
#
# <details><summary>Solution</summary>
#
# It is the same: $\varepsilon$ is under the root in both. Outside the root,
# $0.001 / (0.001 + 0.00001)$ is 0.99, and its square 0.98: nearly all of the variance
# comes back, where PyTorch leaves 0.09.
# </details>
#
# ### 2. The book's version
#
# *medium, 15 minutes*
#
# The book's from-scratch layer asks `torch.is_grad_enabled()` where yours asks
# `self.training`, and keeps the moving averages as plain attributes. Change your class in
# the same way. What does it do after `net.eval()` outside of `torch.no_grad()`? What is
# missing from `net.state_dict()`?
#
# <details><summary>Solution</summary>
#
# With gradients on, it normalizes by the batch although the network is in testing mode,
# and goes on moving its averages. The averages are not in `state_dict()`, so a saved
# network comes back without them, and they do not follow the network to the GPU by
# themselves.
# </details>
#
# ### 3. Undo it
#
# *medium, 10 minutes*
#
# Set `gamma` and `beta` of a `BatchNorm` so that it gives back the batch that comes in.
# Then show that on another batch it does not.
#
# <details><summary>Solution</summary>
#
# `gamma` is $\sqrt{\sigma^2 + \varepsilon}$ and `beta` is $\mu$ of that batch. Another
# batch has another mean and variance, and in training mode these are taken out.
# </details>
#
# ### 4. With dropout
#
# *medium, 15 minutes*
#
# Put `nn.Dropout(0.5)` behind the activations of the two hidden linear layers of
# `relu_lenet(norm=True)`, and train it at a rate of 0.3 for five epochs on the digits at
# 28×28. Do the two get on?
#
# <details><summary>Solution</summary>
#
# It trains: each of three seeds ends above one half. Whether dropout makes it better is
# another question. Train three seeds without it and compare.
# </details>
#
# ### 5. Normalize something else
#
# *hard, 20 minutes*
#
# Write `LayerNorm`: the same formula, with the mean and variance over all numbers of one
# image. Which lines of `BatchNorm` become unnecessary? Does an image in another batch get
# another answer now?
#
# <details><summary>Solution</summary>
#
# The axes are all but the first. No image sees another one, so training and testing are
# the same: no moving averages, no `self.training`, and a batch of one is as good as any.
# PyTorch's `nn.LayerNorm` and `nn.GroupNorm(1, channels)` do this.
# </details>
#
# The next cell, folded away, proves what the solutions and answers say.


# %% jupyter={"source_hidden": true}
def breaks(**choices):
    try:
        trace(lenet(**choices), (1, 1, 28, 28))
    except RuntimeError as error:
        return str(error)


with_it, without_it = (trace(lenet(norm=norm), (1, 1, 28, 28)).params for norm in (True, False))
assert with_it == 44_878 and with_it - without_it == 452
assert "256" in breaks(padding=2) and "400" in breaks(padding=2)
assert not breaks(padding=2, features=400) and 400 * 120 == 48_000
assert "BatchNorm1d" in breaks(training=True)
assert not breaks(training=True, norm=False)
assert round((64 * 24 * 24 - 1) ** 0.5) == 192

two = BatchNorm(1, num_dims=2)(torch.tensor([[3.0], [7.0]]))
assert torch.allclose(two.flatten(), torch.tensor([-1.0, 1.0]), atol=1e-4)
assert round((0.001 / 0.00101) ** 2, 2) == 0.98 and round(1e-6 / (1e-6 + 1e-5), 2) == 0.09


class BookNorm(BatchNorm):
    def forward(self, X):
        self.training = torch.is_grad_enabled()
        return super().forward(X)


book, X = BookNorm(3, num_dims=2).eval(), torch.randn(8, 3) + 5
assert book(X).mean().abs() < 1e-3 and book.moving_mean.abs().min() > 0

one, other, norm = torch.randn(8, 3) + 5, torch.randn(8, 3) - 5, BatchNorm(3, num_dims=2)
norm.beta.data = one.mean(0, keepdim=True)
norm.gamma.data = (one.var(0, correction=0, keepdim=True) + norm.eps).sqrt()
assert torch.allclose(norm(one), one, atol=1e-4) and not torch.allclose(norm(other), other, atol=1)

train, test = digits(batch_size=64, size=28, device="cpu")
for seed in range(3):
    mixed = seeded(seed, relu_lenet, norm=True)
    mixed[11] = nn.Sequential(nn.ReLU(), nn.Dropout(0.5))
    mixed[14] = nn.Sequential(nn.ReLU(), nn.Dropout(0.5))
    assert trained(mixed, 0.3, 5, seed).test_acc[-1] > 0.5

# %% [markdown]
# ## What you have seen
#
# - Batch normalization subtracts the mean of a channel over the batch and divides by its
#   standard deviation, in training by the batch's and in testing by moving averages. You
#   wrote it in some thirty lines, and it is PyTorch's up to rounding.
# - Over 22 layers it holds the spread, where the first weights alone decide between a
#   millionth and a thousand. LeNet took steps at least three times as long, and eight
#   layers of sigmoids trained.
# - Its variance is not 1, its bound is not 5, its $\gamma$ is one per channel, the bias in
#   front of it is dead, and good weights with stale averages test badly.
#
# With batch normalization, depth no longer fails at the first step. Can you now stack as
# many layers as you like, 20, 50, a hundred? Yang and others expect trouble. The next
# lesson, on ResNet, tries.
#
# Next: [Lesson 6: ResNet](06_resnet.ipynb)
#
# ## References
#
# - S. Ioffe, C. Szegedy. [Batch Normalization: Accelerating Deep Network Training by
#   Reducing Internal Covariate Shift](https://arxiv.org/abs/1502.03167). 2015.
# - S. Santurkar, D. Tsipras, A. Ilyas, A. Madry. [How Does Batch Normalization Help
#   Optimization?](https://arxiv.org/abs/1805.11604) 2018.
# - J. Bjorck, C. Gomes, B. Selman, K. Weinberger. [Understanding Batch
#   Normalization](https://arxiv.org/abs/1806.02375). 2018.
# - J. Kohler and others. [Exponential convergence rates for Batch
#   Normalization](https://arxiv.org/abs/1805.10694). 2019.
# - G. Yang and others. [A Mean Field Theory of Batch
#   Normalization](https://arxiv.org/abs/1902.08129). 2019.
# - T. van Laarhoven. [L2 Regularization versus Batch and Weight
#   Normalization](https://arxiv.org/abs/1706.05350). 2017.
# - H. Zhang, Y. Dauphin, T. Ma. [Fixup Initialization](https://arxiv.org/abs/1901.09321).
#   2019.
# - A. Brock, S. De, S. Smith, K. Simonyan. [High-Performance Large-Scale Image Recognition
#   Without Normalization](https://arxiv.org/abs/2102.06171). 2021.
# - X. Li, S. Chen, X. Hu, J. Yang. [Understanding the Disharmony between Dropout and Batch
#   Normalization by Variance Shift](https://arxiv.org/abs/1801.05134). 2018.
# - Y. Wu, J. Johnson. [Rethinking "Batch" in
#   BatchNorm](https://arxiv.org/abs/2105.07576). 2021.
# - K. He and others. [Delving Deep into
#   Rectifiers](https://arxiv.org/abs/1502.01852). 2015. The scale of the first weights.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep
#   Learning](https://d2l.ai). Section 8.5.

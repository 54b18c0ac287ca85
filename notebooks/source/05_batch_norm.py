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
# **Why does a deep network depend so much on its first weights, and can a layer make it
# depend less on them?**
#
# In this lesson you
#
# - write batch normalization from scratch, and show that it does what PyTorch's does;
# - check what is often said about it, and find that much of it does not hold as said;
# - measure what it does: larger learning rates, sigmoids in eight layers, and a
#   difference between training and evaluation that can hurt.
#
# **Time:** 50 minutes, and 120 for questions and exercises. Running every cell takes about
# half a minute.
#
# **You need:** lesson 1, on AlexNet. No internet, no GPU.
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
from copy import deepcopy
from dataclasses import replace
from functools import partial
from statistics import median

import matplotlib.pyplot as plt
import torch
from torch import nn

from course_utils import (at_full_size, digits, evaluate, exercises, initialize, photograph,
                          plot_lines, plot_runs, predict, print_runs, recorded, runs, show,
                          tasks, use_style)
from layerwise import lab

use_style()
torch.set_num_threads(1)  # networks this small are no faster on several cores

# %% [markdown]
# ## What GoogLeNet left open
#
# GoogLeNet has 22 layers. In lesson 4 a narrow one learned in the first epoch with Kaiming's
# **initialization** (a rule for the first random weights), and with PyTorch's own some epochs later.
# Send 64 real digits, every second pixel of them, through 22 convolutions with ReLU, before any
# training. By how much do the images still differ?
#
# The **spread** here is the standard deviation over the 64 images. It is taken at each place of
# the maps, and then averaged. With a spread of 0, all images look the same to the next layer.

# %% tags=["nbval-ignore-output"]
train, test = digits(batch_size=32, size=28, device="cpu")
SEEDS = 0, 1  # of the networks that are trained in this lesson
INITIALIZATIONS = {"PyTorch's": None, "Kaiming's": 1, "Kaiming's, doubled": 2}


@torch.no_grad()
def activations(scale, norm, seed):
    """What leaves each of 22 convolutions; `scale` multiplies Kaiming's weights."""
    torch.manual_seed(seed)
    X, outputs = train.images[:64, :, ::2, ::2], []
    for _ in range(22):
        conv = nn.Conv2d(X.shape[1], 16, kernel_size=3, padding=1)
        if scale:
            nn.init.kaiming_normal_(conv.weight).mul_(scale)
            nn.init.zeros_(conv.bias)
        X = norm(conv(X)).relu()
        outputs.append(X)
    return outputs


def spread(X):
    return X.std(0).mean().item()


_, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
for ax, norm in zip(axes, (nn.Identity(), nn.BatchNorm2d(16))):
    lines = {name: [[spread(X) for X in activations(scale, norm, seed)] for seed in range(3)]
             for name, scale in INITIALIZATIONS.items()}
    plot_lines(lines, ax, logarithmic=True, xlabel="layer", ylabel="spread between images")
axes[0].set_title("22 convolutions")
axes[1].set_title("the same, with batch normalization")
show()

# %% [markdown]
# *Each line is one network. Left: the spread ends below a millionth, below 1, or above a
# thousand; only the scale of the first weights differs. Right: with batch normalization after
# each convolution all nine lines lie together.*
#
# The number $n$ of weights of one filter is its **fan-in**. If their variance is $2/n$, ReLU
# layers keep the **mean square** of the values on average, before training (He and others 2015):
# that is Kaiming's rule. One network with as few channels as here can end far below the average,
# and the zeros of the padding, which windows at the border read, take some of it.
# PyTorch's own gives a variance of $1/(3n)$, a sixth of it. So with PyTorch's weights each layer
# multiplies the differences between images by about $\sqrt{1/6} \approx 0.4$. This is left after
# 22 layers:

# %% tags=["nbval-ignore-output"]
print(f"{'':20} root mean square, 3 seeds      spread, 3 seeds")
for name, scale in INITIALIZATIONS.items():
    last = [activations(scale, nn.Identity(), seed)[-1] for seed in range(3)]
    numbers = [X.square().mean().sqrt().item() for X in last] + [spread(X) for X in last]
    print(f"{name:20}", *(f"{number:9.1e}" for number in numbers))

# %% [markdown]
# With PyTorch's rule values remain, but they come from the biases. The spread is gone. Kaiming's
# rule is about the mean square, not about the spread. Batch normalization needs no such rule. It
# measures the standard deviation of each channel and divides by it, in every layer and at every step.
#
# ## Predict
#
# Write your answers down.
#
# 1. The convolution before batch normalization has a bias. What does the bias do?
# 2. With ReLU: how much larger can the learning rate be with batch normalization?
# 3. You give a trained network the same image twice. Can it answer differently?
#
# <details><summary>Where the answers are</summary>
#
# 1: *A parameter that does nothing*. 2: *How large may the learning rate be?* 3: *Look inside:
# 64 cats*.
# </details>
#
# ## Normalize a batch
#
# Over a batch $\mathcal{B}$, one feature has $m$ values, a mean and a variance,
#
# $$\mu = \frac{1}{m} \sum_{x \in \mathcal{B}} x \qquad\text{and}\qquad
# \sigma^2 = \frac{1}{m} \sum_{x \in \mathcal{B}} (x - \mu)^2 .$$
#
# **Batch normalization** (**batch norm**) subtracts the mean and divides by the standard
# deviation. Then it multiplies by $\gamma$ and adds $\beta$, which are learned:
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} \qquad
# y = \gamma\, \hat{x} + \beta$$
#
# The small $\varepsilon$, 0.00001 in PyTorch, keeps the division from failing where all
# values are equal. By hand: 0, 0, 4, 4 have mean 2 and variance 4, and become −1, −1, 1, 1.
#
# Which values share a mean? After a linear layer it is one feature of all images. After a
# convolution it is one channel: the filter is the same at each pixel, so all pixels of all images
# share a mean. Other layers use the formula with other groups of values:

# %%
SHARED = {  # name -> which maps (images, channels) share the mean of the first map
    "batch norm": (slice(None), 0), "layer norm": (0, slice(None)),
    "instance norm": (0, 0), "group norm": (0, slice(0, 3)),
}
_, axes = plt.subplots(1, 4, figsize=(9, 2), sharey=True)
for ax, (name, maps) in zip(axes, SHARED.items()):
    shared = torch.zeros(4, 6)
    shared[maps] = 1
    ax.pcolormesh(shared, cmap="Blues", vmin=-0.2, vmax=1.3, edgecolors="white", linewidth=3)
    ax.set(title=name, xlabel="channel", xticks=[], yticks=[], aspect="equal")
axes[0].set_ylabel("image")
axes[0].invert_yaxis()
show("Four grids of 4 images by 6 channels; each square is one map. Dark are the maps that share "
     "a mean. Batch norm: one channel of all images. Layer norm: all channels of one image. "
     "Instance norm: one map. Group norm: three of the six channels of one image.")

# %% [markdown]
# *Each square is one feature map. All pixels of the dark maps share a mean and a variance.
# **Layer norm**, **instance norm** and **group norm** compute it within one image; only batch
# norm computes it over several images.*
#
# Why $\gamma$ and $\beta$? Without them each channel would have mean 0 and variance about 1.
# With $\gamma = \sqrt{\sigma^2 + \varepsilon}$ and $\beta = \mu$ the layer gives back *this*
# batch. Another batch has another mean, and comes out changed.
#
# And what if there is only one image, as when the network is used? Then the layer takes a
# **moving average** of the means, and one of the variances, that it saw in training. At each step
# an average moves a tenth of the way to the new value; PyTorch calls this tenth `momentum`. So
# there are two modes. After `net.train()` the layer uses the batch, after `net.eval()` the averages.
#
# ## Build it
#
# The notes use a class `BatchNorm` that they never define.
#
# - Moving averages are **buffers**: no gradient reaches them, but they are saved and moved
#   to the GPU together with the parameters.
# - PyTorch normalizes with the variance above, but puts $m / (m - 1)$ times as much into
#   the moving average: the usual correction for estimating from a sample.

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


predict("How many parameters does it have after a convolution that makes 6 maps of 24×24?",
        sum(p.numel() for p in BatchNorm(6, num_dims=4).parameters()))

# %% [markdown]
# Does it do what PyTorch's does? Compare the output, the gradients of $x$, $\gamma$ and $\beta$, and the
# moving averages, over three batches in training and one in evaluation, for maps and for
# features.

# %%
def same(ours, theirs, X):
    """Whether two batch norms agree on a batch: output, gradients, buffers."""
    weights, found = torch.randn(X.shape), []          # a loss with a slope for each value
    for layer in (ours, theirs):
        Y = layer(X.requires_grad_())
        gradients = torch.autograd.grad((weights * Y).sum(), [X, *layer.parameters()])
        buffers = [buffer for buffer in layer.buffers() if buffer.dim()]
        found.append([Y, *gradients, *buffers])
    return all(torch.allclose(a.flatten(), b.flatten(), rtol=1e-3, atol=1e-3)
               for a, b in zip(*found, strict=True))


torch.manual_seed(0)
for theirs, shape in ((nn.BatchNorm2d(6), (64, 6, 24, 24)), (nn.BatchNorm1d(6), (64, 6))):
    ours = BatchNorm(6, num_dims=len(shape))
    agreed = [same(ours.train(mode), theirs.train(mode), 5 * torch.randn(shape) + 3)
              for mode in (True, True, True, False)]
    print("x:", shape, " gamma:", tuple(ours.gamma.shape), " same as PyTorch's:", agreed)

# %% [markdown]
# ## What is true of the result?
#
# **"$\gamma$ and $\beta$ have the shape of $x$"**, say the notes. The shapes above show one of
# each for every channel: 12 parameters, where one for each value of an image would be
# $2 \cdot 6 \cdot 24 \cdot 24 = 6,912$.
#
# **"The result has variance 1."** Dividing by $\sqrt{\sigma^2 + \varepsilon}$ makes it
# $\sigma^2 / (\sigma^2 + \varepsilon)$: far less than 1 where the standard deviation is very small.

# %%
for deviation in (1, 0.1, 0.01, 0.001):
    x = deviation * torch.tensor([[-1.0], [1.0]])
    after = BatchNorm(1, num_dims=2)(x).var(correction=0).item()
    print(f"standard deviation {deviation:<5}  variance afterwards {after:.2f}")

x = torch.tensor([[1.0], *[[0.0]] * 25])
predict("One of 26 values is 1, the other 25 are 0. What does the 1 become?",
        f"{BatchNorm(1, num_dims=2, eps=0)(x).max().item():.1f}")

# %% [markdown]
# **"All values lie between −5 and 5."** Let one value of a batch be 1 and all others 0. Then
# take the 1,437 training images in their original 8×8 pixels. Each pixel is a feature.

# %%
def largest(batch):
    return BatchNorm(batch.shape[1], num_dims=2, eps=0).double()(batch).max().item()


for m in (4, 26, 1000, 1_000_000):
    one = torch.zeros(m, 1, dtype=torch.float64)
    one[0] = 1
    print(f"one of {m:>9,} values is not 0: it becomes {largest(one):8,.1f}")

pixels = digits(size=8, device="cpu")[0].images.reshape(1437, 64).double()
used = pixels[:, pixels.std(0) > 0]
print(f"largest value in {used.shape[1]} real pixels:             {largest(used):8,.1f}")

# %% [markdown]
# It becomes $\sqrt{m - 1}$, and no value of a batch of $m$ can become larger: the squares of the
# $m$ results add up to $m$, and one is largest when all others are equal. For 64 images with maps
# of 24×24, $m = 36,864$ and the bound is $\sqrt{36,863} \approx 192$. Real pixels go far beyond 5
# too: at the edge a pixel is empty in nearly all images, and the few with ink there get large
# values.
#
# ## LeNet with batch normalization
#
# The notes put batch norm after each layer with weights except the last, and before the sigmoid.
# With one image, a feature of a linear layer has a single value, and that has no variance. And in
# training mode, a loop that prints shapes, such as the book's `layer_summary`, moves the averages.
# So call `eval` before the loop of the notes.

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

# %%
X = torch.randn(1, 1, 28, 28)
net.eval()
for layer in net:
    X = layer(X)
    if not isinstance(layer, (BatchNorm, nn.Sigmoid)):
        print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %% [markdown]
# **Why these numbers?** The first linear layer has $256 \cdot 120 = 30,720$ weights. Elsewhere
# the notes say 48,000 for LeNet: with padding 2, as in lesson 1, it ends with maps of 5×5, here
# with 4×4. The four batch norms have 452 of the 44,878 parameters, and hardly any MACs. But in
# training each reads its whole input at least twice: for the mean and variance, and to normalize.
# So they cost more time than their MACs show.
#
# ## Turn one choice at a time
#
# LeNet as a function of a few choices. `nn.Identity` does nothing; `training` is the mode.

# %%
BATCH = nn.BatchNorm2d, nn.BatchNorm1d  # after a convolution, after a linear layer


def lenet(channels=6, padding=0, features=256, norm=True, bias=True, training=False,
          activation=nn.Sigmoid, kind=BATCH, after=False):
    """LeNet with a norm before each activation (or after it), or with none."""
    maps, numbers = kind if norm else (nn.Identity, nn.Identity)
    step = -1 if after else 1
    return nn.Sequential(
        nn.Conv2d(1, channels, 5, padding=padding, bias=bias), *[maps(channels), activation()][::step],
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(channels, 16, 5, bias=bias), *[maps(16), activation()][::step],
        nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),
        nn.Linear(features, 120, bias=bias), *[numbers(120), activation()][::step],
        nn.Linear(120, 84, bias=bias), *[numbers(84), activation()][::step],
        nn.Linear(84, 10),
    ).train(training)

# %%
lab(lenet, (1, 1, 28, 28), channels=[6, 12, 24], padding=(0, 2), features=[256, 400],
    norm=True, bias=True, training=False, input_size=[28, 32], tasks=tasks.batch_norm.NETWORK)

# %% [markdown]
# ## A parameter that does nothing
#
# The notes' convolutions have a bias before batch norm. It adds a constant to all values of a
# channel; the mean grows by the same constant, and is subtracted. See the gradients after one
# batch, and the effect of a large bias.

# %% tags=["nbval-ignore-output"]
torch.manual_seed(0)
biased, (X, y) = lenet(training=True), next(iter(train))
logits = biased(X)
nn.functional.cross_entropy(logits, y).backward()
for name, parameter in biased[0].named_parameters():
    print(f"{name:6}  largest gradient {parameter.grad.abs().max():.0e}")

with torch.no_grad():
    biased[0].bias += 100
    print(f"bias + 100: the logits change by {(biased(X) - logits).abs().max():.0e} at most")

# %% [markdown]
# What is left is rounding: the bias is dead. $\beta$, added after the mean is subtracted, can do what
# the bias was for. So most ResNets leave the bias out, with `bias=False`.
#
# ## How large may the learning rate be?
#
# Train LeNet with ReLU and Kaiming's initialization for two epochs. A learning rate is not the
# length of a step: SGD moves the weights by the rate times the gradient. So note the length of
# each **update**, with all weights taken as one vector.

# %%
def watched(lengths):
    """An optimizer for `fit`: SGD that adds the length of each update to a list."""
    def optimizer(params, lr):
        sgd = torch.optim.SGD(params, lr)
        weights = sgd.param_groups[0]["params"]
        sgd.register_step_pre_hook(lambda *_: lengths.append(
            lr * torch.stack([w.grad.norm() for w in weights]).norm().item()))
        return sgd
    return optimizer


def relu_lenet(**choices):
    return initialize(lenet(activation=nn.ReLU, **choices))

# %% tags=["nbval-ignore-output"]
def try_rates(norm, rates):
    rows = []
    for lr in rates:
        lengths = []
        found = runs(partial(relu_lenet, norm=norm), train, test, SEEDS, epochs=2, lr=lr,
                     optimizer=watched(lengths))
        ends = "  ".join(f"{run.test_acc[-1]:.2f}" for run in found)
        rows.append(f"{lr:10}{median(lengths):15.2f}       {ends}")
    print("learning rate  median update  test accuracy for each seed", *rows, sep="\n")


try_rates(norm=False, rates=(0.1, 0.3, 1))

# %% tags=["nbval-ignore-output"]
try_rates(norm=True, rates=(0.1, 3, 10))

# %% [markdown]
# Without batch norm (the first table) 0.1 and 0.3 train, and at 1 both runs stay at guessing. With
# it, 3 still trains, and 10 does not. So, of the rates tried here, the largest that trains is ten
# times as large: 3 with batch norm, 0.3 without. Between these two the updates are several times
# as long. But at the same rate of 0.1 they are shorter *with* batch norm.
#
# ## Weights and their gradient
#
# Make the weights before batch norm ten times as large. The layer divides by a standard
# deviation ten times as large: the output stays, so the gradient must be a tenth. And in the
# direction of the weights the loss does not change at all: $w \cdot \nabla_w = 0$.

# %% tags=["nbval-ignore-output"]
def weights_and_gradient(factor):
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(1, 6, kernel_size=5), BatchNorm(6, num_dims=4)
    conv.weight.data *= factor
    Y = norm(conv(train.images[:64]))
    (torch.randn(Y.shape) * Y).sum().backward()
    return conv.weight.detach().flatten(), conv.weight.grad.flatten()


for factor in (1, 10):
    w, slope = weights_and_gradient(factor)
    cosine = nn.functional.cosine_similarity(w, slope, dim=0).abs()
    print(f"weights {w.norm():5.2f}   gradient {slope.norm():6.1f}   |cosine| {cosine:.0e}")

# %% [markdown]
# The gradient stands at a right angle to the weights, so by Pythagoras every SGD step makes
# them longer, and longer weights have smaller gradients: the network slows itself down.
# Weight decay pulls each weight towards 0 in each step (lesson 7). It makes the weights shorter
# again, and so keeps the steps long (van Laarhoven 2017).
#
# ## Is it the shift?
#
# *Why* batch norm works has been argued about ever since. Ioffe and Szegedy (2015) said: while
# the first layers learn, the input of the later ones changes its distribution, and normalizing
# reduces this **internal covariate shift**. Santurkar and others (2018) tested that: they added
# a random shift again, *after* batch norm. Here is that on the notes' LeNet with
# sigmoids, for one epoch at the book's learning rate of 1.0. The last row has batch norm after the
# activation.

# %% tags=["nbval-ignore-output"]
class NoisyNorm(BatchNorm):
    """Batch norm, then each feature scaled and shifted at random, anew at each step."""

    def forward(self, X):
        Y = super().forward(X)
        if self.training:
            Y = Y * (1 + torch.rand_like(self.gamma)) + torch.randn_like(self.gamma)
        return Y


noisy = lambda n: NoisyNorm(n, num_dims=4), lambda n: NoisyNorm(n, num_dims=2)
kinds = {"without": {"norm": False}, "batch norm": {}, "batch norm, noisy": {"kind": noisy},
         "after the activation": {"after": True}}
print_runs({name: runs(partial(lenet, **choices), train, test, SEEDS, epochs=1, lr=1.0)
            for name, choices in kinds.items()})

# %% [markdown]
# *Test accuracy, a column for each seed.*
#
# Without batch norm the network with sigmoids stays at guessing.
# With the random shift it trains, and is not much worse than with batch norm alone. So the shift
# explains little. Santurkar and others say instead that the loss becomes smoother; Bjorck and others
# (2018) say that the gain is the larger learning rate. With other methods, very deep networks
# train without batch norm (Brock and others 2021).
#
# Before or after the activation? The 2015 paper says before, as most networks do. Here batch norm
# after it is no worse.
#
# ## How small may the batch be?
#
# In a batch of two, a mean is a poor estimate. After a linear layer it is worse: two values become
# about −1 and 1, whether they were near or far apart. Group norm takes its mean from one image, and
# so does not depend on the batch (Wu and He 2018). Train LeNet with ReLU, once with batch norm and
# once with group norm, for one epoch of 512 images. The learning rate is in proportion to the batch
# size.

# %% tags=["nbval-ignore-output"]
group = lambda n: nn.GroupNorm(2, n), lambda n: nn.GroupNorm(4, n)  # 2 and 4 groups


def trained(kind, batch_size, seeds=SEEDS, epochs=1):
    """LeNet with a kind of norm, trained on 512 digits."""
    some = replace(train, images=train.images[:512], labels=train.labels[:512],
                   batch_size=batch_size)
    build, lr = partial(relu_lenet, kind=kind), batch_size / 320
    return runs(build, some, test, seeds, epochs=epochs, lr=lr)


for size in (2, 16):
    print_runs({f"batch norm, batches of {size:2}": trained(BATCH, size),
                f"group norm, batches of {size:2}": trained(group, size)})

# %% [markdown]
# *Test accuracy, a column for each seed.*
#
# With batches of 2, batch norm is far behind group norm. With batches of 16, in this small network,
# it is not. Networks for detection and video need so much memory for each image that a batch holds
# few; they often use group norm.
#
# ## Sigmoids in eight layers
#
# In lesson 1 a narrow network with AlexNet's eight layers trained with ReLU and not with sigmoids,
# because of the **vanishing gradient**. Can batch norm help?

# %%
def small_alexnet(norm):
    """The eight layers of lesson 1 with sigmoids, for 32×32 pixels."""
    maps, numbers = BATCH if norm else (nn.Identity, nn.Identity)
    layers, before = [], 1
    for channels, kernel, stride, pool in ((12, 5, 2, True), (32, 5, 1, True), (48, 3, 1, False),
                                           (48, 3, 1, False), (32, 3, 1, True)):
        layers += [nn.Conv2d(before, channels, kernel, stride, kernel // 2), maps(channels),
                   nn.Sigmoid(), *([nn.MaxPool2d(3, 2)] if pool else [])]
        before = channels
    layers += [nn.Flatten(), nn.Linear(32, 128), numbers(128), nn.Sigmoid(),
               nn.Linear(128, 128), numbers(128), nn.Sigmoid(), nn.Linear(128, 10)]
    return initialize(nn.Sequential(*layers))

# %% tags=["nbval-ignore-output"]
train, test = digits(batch_size=32, size=32, device="cpu")


def first_to_last(net):
    """The gradient of the first layer as a multiple of that of the last, before training."""
    nn.functional.cross_entropy(net(train.images[:64]), train.labels[:64]).backward()
    return (net[0].weight.grad.norm() / net[-1].weight.grad.norm()).item()


for norm in (False, True):
    torch.manual_seed(0)
    print(f"norm={norm!s:5}  gradient, first to last: {first_to_last(small_alexnet(norm)):.0e}")
deep = {name: runs(build, train, test, SEEDS, epochs=2, lr=2e-3, optimizer=torch.optim.Adam)
        for name, build in (("without", partial(small_alexnet, norm=False)),
                            ("with", partial(small_alexnet, norm=True)))}
for measure in ("train_acc", "test_acc"):
    print(measure)
    print_runs(deep, measure)

# %% [markdown]
# With batch norm the gradient no longer vanishes: dividing by a small standard deviation makes
# small slopes larger. Without it, no run gets better than guessing in two epochs. With it, the
# *training* accuracy comes near 1, and the *test* accuracy stays far below. (`fit` measures the
# first in training mode, the second in eval mode.) Is this overfitting?
#
# Test the same networks in two other ways. First in training mode, where the test images are
# normalized by their own batch. Then in eval mode, after the training images have passed through
# twice more, which changes the moving averages and no weight.

# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def by_the_batch(net):
    """Accuracy on the test images in training mode."""
    net = deepcopy(net).train()           # a copy, since each pass moves the averages
    right = [(net(X).argmax(1) == y).float().mean() for X, y in test]
    return torch.stack(right).mean().item()


@torch.no_grad()
def refreshed(net):
    """A copy whose averages have seen the training images again, with these weights."""
    net = deepcopy(net).train()
    for X, _ in [*train, *train]:
        net(X)
    return net


print("averages from training   statistics of the batch   averages refreshed")
for net in deep["with"].nets:
    for accuracy in (evaluate(net, test), by_the_batch(net), evaluate(refreshed(net), test)):
        print(f"{accuracy:18.2f}", end="      ")
    print()

# %% [markdown]
# The weights were good all the time. The moving averages were **stale**: they hold the means and
# variances of the last ten steps or so, and the layers have changed since. The errors of seven
# batch norms, one after the other, add up.
#
# So if a network is good in training and bad in evaluation, check its batch norm before you say
# that it overfits. When training ends with short steps, the layers change little, and the averages
# become right. (Wu and Johnson 2021 measure this in large networks.)
#
# ## On photographs
#
# Recorded runs of the notes' LeNet on CIFAR-10 (a JPEG copy; 32×32 pixels, three channels, ten
# classes), with batch norm and without: few epochs, one seed each, SGD with a largest learning rate
# of 0.1.

# %%
recorded_net, recording = recorded.load("batch_norm_lenet")
without = recorded.run("lenet")
print(recording, without, sep="\n")
plot_runs({"with batch norm": [recording], "without": [without]})

# %% [markdown]
# *Test accuracy after each epoch; guessing would be 0.1.*
#
# The notes say that batch norm changes only the speed, not the accuracy. Runs as short as these
# cannot tell. The 2015 paper reports a more accurate network too. One reason comes next.
#
# ## Look inside: 64 cats
#
# Cut 64 pieces out of one photograph of a cat, each shifted by a pixel or more. What does the
# recorded network answer in each of its two modes?

# %% tags=["nbval-ignore-output"]
def pieces(name):
    """64 pieces of 32×32 pixels from the middle of a photograph, ready for the network."""
    photo = photograph(name, size=39)
    return recording.prepare(torch.cat([photo[..., i:i + 32, j:j + 32]
                                        for i in range(8) for j in range(8)]))


@torch.no_grad()
def answers(images, training):
    net = deepcopy(recorded_net).train(training)  # a copy, since a pass moves the averages
    return net(images).softmax(1)


cats = pieces("cat.jpg")
for mode, training in (("eval", False), ("training", True)):
    counts = answers(cats, training).argmax(1).bincount(minlength=10).tolist()
    told = [f"{name} {count}" for name, count in zip(recording.classes, counts) if count]
    print(f"64 pieces, {mode} mode:", ", ".join(told))

for name in ("cat.jpg", "flower.jpg", "china.jpg"):
    chances = answers(torch.cat([cats[:1], pieces(name)[1:]]), training=True)[0]
    print(f"first piece, among pieces of {name:10}: {recording.classes[chances.argmax()]}, "
          f"and cat has a probability of {chances[3]:.2f}")

# %% [markdown]
# In eval mode there are few different answers. In training mode there are many: what all 64 pieces
# have in common, the cat, is part of the mean, and is subtracted. And the same piece gets other
# answers in other batches.
#
# In a mixed batch the effect is small: the digits above were nearly all right with the statistics
# of their own batch. The other images act as noise, and noise in training is **regularization**, as
# dropout is. So "only the speed" is too simple. The notes also say: do not use batch norm together
# with dropout. One may make the other unnecessary, or disturb the other
# (Li and others 2018), but nothing forbids using both. Try it in exercise 4.
#
# ## Fold it away
#
# In eval mode, mean and variance are fixed: batch norm multiplies each channel by one number and
# adds another. The convolution before it can do that itself, with other weights: batch norm is
# **folded** into it. The cell folds the two after convolutions; those after linear layers could be
# folded in the same way.

# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def fold(conv, norm):
    """One convolution that computes what `conv` and `norm` do in eval mode."""
    folded, scale = deepcopy(conv), norm.weight / torch.sqrt(norm.running_var + norm.eps)
    folded.weight *= scale.view(-1, 1, 1, 1)
    folded.bias.copy_(norm.bias + scale * (conv.bias - norm.running_mean))
    return folded


folded = nn.Sequential(fold(*recorded_net[0:2]), *recorded_net[2:4],
                       fold(*recorded_net[4:6]), *recorded_net[6:])
print(f"layers: {len(recorded_net)}, folded {len(folded)}")
print(f"the logits differ by {(folded(cats) - recorded_net(cats)).abs().max().item():.0e} at most")

# %% [markdown]
# ## Train at full size
#
# The book trains LeNet with batch norm on Fashion-MNIST with `lr = 1.0`, 10 epochs and batches of
# 256, by `d2l.train_ch6(net, train_iter, test_iter, num_epochs, lr, d2l.try_gpu())`. The hours that
# the cell tells of are those of large networks. This one takes some minutes on a CPU, with
# `even_on_cpu=True`.

# %% tags=["nbval-ignore-output"]
initialize(net, nn.init.xavier_uniform_)
at_full_size(net, size=28, batch_size=256, epochs=10, lr=1.0)

# %% [markdown]
# ## Questions
#
# Write two or three sentences each.
#
# 1. A friend trains with batches of 2 images, because the memory holds no more, and batch
#    normalization makes things worse. Why, and why more so after a linear layer?
# 2. You stop training, save the parameters but not the buffers, and load them again. What
#    goes wrong, and in which mode?
# 3. Name a result of this lesson that internal covariate shift explains, and one that it
#    does not need to explain.
#
# <details><summary>Answers</summary>
#
# 1. The mean of two numbers is a poor estimate, so the noise is large. After a
#    convolution each image adds a value for each pixel; after a linear layer there are
#    two values in all, and after normalization they are about −1 and 1, almost whatever they
#    were.
# 2. The moving averages start at mean 0 and variance 1 again. In training nothing is
#    different. In evaluation each layer subtracts the wrong mean.
# 3. For example: it could explain the larger learning rate, though the noisy batch norm
#    speaks against it. The dead bias, the factor of a tenth in the gradient and the spread
#    over 22 layers are arithmetic; they do not need it.
# </details>
#
# ## Exercises
#
# Write your answer in place of `...`, and run the cell and the check below it. The check names what is
# wrong, and where to look. For a hint, remove the `#` in front of it; hints come one at a time.

# %% [markdown]
# ### The formula
#
# *medium, 15 minutes*
#
# Write `normalize(X, gamma, beta, eps=1e-5)`: batch normalization as it is in training
# mode, in plain operations. `X` is (images, features) or (images, channels, rows, columns); `gamma`
# and `beta` have one number for each feature or channel.

# %% tags=["exercise"]
def normalize(X, gamma, beta, eps=1e-5):
    ### BEGIN SOLUTION
    axes = (0,) if X.ndim == 2 else (0, 2, 3)
    shape = (1, -1) if X.ndim == 2 else (1, -1, 1, 1)
    mean = X.mean(axes, keepdim=True)
    var = ((X - mean) ** 2).mean(axes, keepdim=True)
    Y = (X - mean) / torch.sqrt(var + eps)
    return gamma.reshape(shape) * Y + beta.reshape(shape)
    ### END SOLUTION

# %%
exercises.batch_norm.normalize.check(normalize)

# %%
# exercises.batch_norm.normalize.hint()      # one hint at a time
# exercises.batch_norm.normalize.solution()

# %% [markdown]
# ### A layer for maps and for features
#
# *hard, 30 minutes*
#
# The layer of this lesson has to be told `num_dims`. Write one that is not: the class
# `MyBatchNorm(num_features, eps=1e-5, momentum=0.1)`, without `nn.BatchNorm`. It takes (images,
# features) and (images, channels, rows, columns), and sees from `X` which of them it gets.
#
# - In training mode it normalizes by the batch, and moves its averages:
#   new = old + momentum · (batch − old). In eval mode it uses the averages.
# - gamma (1 at the start) and beta (0) are learned. The averages (mean 0, variance 1 at the start)
#   are saved with the network and not learned. Each of the four has the shape `(num_features,)`.

# %% tags=["exercise"]
class MyBatchNorm(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("moving_mean", torch.zeros(num_features))
        self.register_buffer("moving_var", torch.ones(num_features))
        self.eps, self.momentum = eps, momentum
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        axes, shape = ((0,), (1, -1)) if X.ndim == 2 else ((0, 2, 3), (1, -1, 1, 1))
        if self.training:
            mean = X.mean(axes)
            var = X.var(axes, correction=0)
            with torch.no_grad():
                self.moving_mean += self.momentum * (mean - self.moving_mean)
                self.moving_var += self.momentum * (var - self.moving_var)
        else:
            mean, var = self.moving_mean, self.moving_var
        Y = (X - mean.view(shape)) / torch.sqrt(var.view(shape) + self.eps)
        return self.gamma.view(shape) * Y + self.beta.view(shape)
        ### END SOLUTION

# %%
exercises.batch_norm.layer.check(MyBatchNorm)

# %%
# exercises.batch_norm.layer.hint()      # one hint at a time
# exercises.batch_norm.layer.solution()

# %% [markdown]
# ## More exercises
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
# With gradients on, it normalizes by the batch although the network is in eval mode,
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
# Put `nn.Dropout(0.5)` after the activations of the two hidden linear layers of
# `relu_lenet(norm=True)`, and train it at a rate of 0.3 for three epochs on the digits at
# 28×28, in batches of 32: `train, test = digits(batch_size=32, size=28, device="cpu")`. Does it
# still train?
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
# Write `LayerNorm`: the same formula, with the mean and variance over all values of one
# image. Which lines of `BatchNorm` become unnecessary? Does an image in another batch get
# another answer now?
#
# <details><summary>Solution</summary>
#
# The axes are all but the first. No image sees another one, so training and evaluation are
# the same: no moving averages, no `self.training`, and a batch of one is as good as any.
# PyTorch's `nn.LayerNorm` and `nn.GroupNorm(1, channels)` do this.
# </details>

# %% [markdown]
# ## What you have seen
#
# - Batch norm normalizes each channel: by the batch in training, by moving averages in evaluation.
#   Yours agrees with PyTorch's up to rounding, and it folds into the convolution.
# - It holds the spread over 22 layers and trains eight layers of sigmoids. Of the learning rates
#   tried, the largest that trains was ten times as large as without it. Internal covariate shift
#   explains little of this.
# - Its results need not have variance 1, nor lie between −5 and 5. Each channel has one $\gamma$, and
#   the bias before it is dead. It mixes images, and good weights with stale averages test badly.
#
# With batch norm neither the spread nor the gradient vanishes in a deep network before training.
# Can you now stack as many layers as you like, 20, 50, a hundred? The next lesson tries.
#
# Next: [Lesson 6: ResNet](06_resnet.ipynb)
#
# ## References
#
# - S. Ioffe, C. Szegedy. [Batch Normalization](https://arxiv.org/abs/1502.03167). 2015.
# - S. Santurkar and others. [How Does Batch Normalization Help
#   Optimization?](https://arxiv.org/abs/1805.11604) 2018.
# - J. Bjorck and others. [Understanding Batch
#   Normalization](https://arxiv.org/abs/1806.02375). 2018.
# - T. van Laarhoven. [L2 Regularization versus Batch
#   Normalization](https://arxiv.org/abs/1706.05350). 2017.
# - Y. Wu, K. He. [Group Normalization](https://arxiv.org/abs/1803.08494). 2018.
# - Y. Wu, J. Johnson. [Rethinking "Batch" in
#   BatchNorm](https://arxiv.org/abs/2105.07576). 2021.
# - A. Brock and others. [Image Recognition Without
#   Normalization](https://arxiv.org/abs/2102.06171). 2021.
# - X. Li and others. [Disharmony between Dropout and Batch
#   Normalization](https://arxiv.org/abs/1801.05134). 2018.
# - K. He and others. [Delving Deep into
#   Rectifiers](https://arxiv.org/abs/1502.01852). 2015.
# - A. Zhang and others. [Dive into Deep Learning](https://d2l.ai). Section 8.5.

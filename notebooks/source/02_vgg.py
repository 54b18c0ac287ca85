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
# # 2. VGG
#
# **Can one block, repeated, take the place of all the choices in AlexNet?**
#
# In this lesson you
#
# - build VGG from one block, and a whole family of networks from one line each;
# - see why two 3×3 convolutions can stand in for one of 5×5, what that saves, and what
#   it does not save;
# - measure deep and narrow against shallow and wide at the same arithmetic, and find
#   out what it is about depth that helps.
#
# **Time:** 50 minutes, and 75 for questions and exercises. Running every cell takes
# less than a minute.
#
# **You need:** lesson 1, on AlexNet. No internet, no GPU.
#
# [Contents](00_contents.ipynb) · [Lesson 1: AlexNet](01_alexnet.ipynb) · [Lesson 3: NiN](03_nin.ipynb)
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
from layerwise import draw, lab, print_shapes, table, trace

BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # also told apart by colour-blind readers
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## What AlexNet leaves open
#
# AlexNet has five convolutions. More layers might do better. But where do you put a
# sixth, how large are its filters, and how many of them are there? Look at the five for
# a rule. Each dot is a convolution: how many rows its maps have, and how many channels.

# %%
def convolutions(net):
    """Every convolution of a network for images of 224×224, as a step of its trace."""
    return [step for step in trace(net, (1, 1, 224, 224)).steps if step.op == "Conv2d"]


def plot_choices(ax, steps, colour):
    rows, channels = [step.output[2] for step in steps], [step.output[1] for step in steps]
    ax.loglog(rows, channels, "o-", color=colour)
    ax.set(xlabel="rows of the maps", ylabel="channels", xlim=(300, 4), ylim=(50, 800),
           xticks=[224, 112, 56, 28, 14, 7], xticklabels=[224, 112, 56, 28, 14, 7],
           yticks=[64, 128, 256, 512], yticklabels=[64, 128, 256, 512])
    ax.minorticks_off()


alexnet_convs = convolutions(nets.alexnet())
for number, step in enumerate(alexnet_convs, start=1):
    kernel, stride = step.settings["kernel_size"][0], step.settings["stride"][0]
    print(f"convolution {number}: {kernel}×{kernel}, stride {stride}, output {step.output[1:]}")

_, ax = plt.subplots(figsize=(5, 3.2))
plot_choices(ax, alexnet_convs, BLUE)
for place, text in (((54, 84), "1: 11×11"), ((26, 215), "2: 5×5"), ((12, 410), "3, 4: 3×3"),
                    ((12, 215), "5: 3×3")):
    ax.text(*place, f"  {text}", color=BLUE, va="center")
plt.show()

# %% [markdown]
# *AlexNet's five convolutions, from left to right; 3 and 4 lie on one another. The maps
# get smaller and the channels become more, and then fewer again. Where would a sixth
# dot go?*
#
# The picture does not say. Most of AlexNet's numbers, you saw, were choices. In 2014
# Karen Simonyan and Andrew Zisserman, of the Visual Geometry Group in Oxford, asked
# what depth alone does, and to find out they fixed all the rest. Their networks are
# called VGG after the group.
#
# ## Predict
#
# Write your answers down before you go on.
#
# 1. A VGG block halves rows and columns. VGG has five blocks. How many rows are left of
#    224?
# 2. Two 3×3 convolutions, one behind the other, with 256 channels throughout. How many
#    weights have they, next to one 5×5 convolution with 256 channels: more, as many, or
#    fewer?
# 3. VGG-11 has 11 layers with weights, VGG-19 has 19. How many more parameters has
#    VGG-19: about 70 %, 30 % or 10 %?
# 4. Two networks do the same arithmetic. One is deep and narrow, the other shallow and
#    wide. Which is more accurate: the deep one always, never, or does it depend?
#
# <details><summary>Where the answers are</summary>
#
# 1: *Look at the shapes*. 2: *Two 3×3 see what one 5×5 sees*. 3: *A family from one
# table*. 4: *Measure: deep or wide*.
# </details>

# %% [markdown]
# ## Two 3×3 see what one 5×5 sees
#
# VGG fixes the filter first. Every convolution is 3×3: the smallest that still has a
# left and a right, an above and a below, and a middle.
#
# Is that not too small? AlexNet used 11×11 to see more at once. But a 3×3 filter on top
# of a 3×3 filter reads nine numbers, each of which has seen a square of 3×3 pixels.
# The trace knows how large the whole square is.


# %%
def several(kernel_size, count, channels=256):
    """`count` convolutions one behind the other that keep the size."""
    padding = (kernel_size - 1) // 2
    return nn.Sequential(*[
        nn.Conv2d(channels, channels, kernel_size, padding=padding, bias=False)
        for _ in range(count)
    ])


for count, kernel in ((1, 5), (2, 3), (1, 7), (3, 3)):
    t = trace(several(kernel, count), (1, 256, 28, 28))
    side = t.steps[-1].receptive_field[0]
    print(f"{count} of {kernel}×{kernel}: sees {side}×{side}, {t.params:>9,} weights")

# %% [markdown]
# Two 3×3 see 5×5, three see 7×7. With $c$ channels, two of them have $2 \cdot 9 c^2 =
# 18 c^2$ weights where a 5×5 has $25 c^2$; three have $27 c^2$ where a 7×7 has $49 c^2$.

# %%
print(f"two 3×3 against one 5×5:   {1 - 18 / 25:.0%} fewer weights")
print(f"three 3×3 against one 7×7: {1 - 27 / 49:.0%} fewer weights")

# %% [markdown]
# To see the same square is not to see it in the same way. Take filters of ones, so that
# every pixel counts the same wherever a filter reads it. In how many ways does a pixel
# reach the output? That is its gradient.


# %%
def ways(kernel_size, count):
    """For each pixel of a 5×5 image, in how many ways it reaches the one output."""
    image = torch.zeros(1, 1, 5, 5, requires_grad=True)
    X = image
    for _ in range(count):
        X = nn.functional.conv2d(X, torch.ones(1, 1, kernel_size, kernel_size))
    X.sum().backward()
    return image.grad[0, 0].int()


_, axes = plt.subplots(1, 2, figsize=(5, 2.6), layout="constrained")
for ax, grid, title in ((axes[0], ways(5, 1), "one 5×5"), (axes[1], ways(3, 2), "two 3×3")):
    ax.imshow(grid, cmap="Blues", vmin=0, vmax=14)
    for row in range(5):
        for column in range(5):
            ax.text(column, row, int(grid[row, column]), ha="center", va="center")
    ax.set_title(title)
    ax.axis("off")
plt.show()

# %% [markdown]
# *The 5×5 pixels that one output sees. To one 5×5 filter all are alike. Two 3×3 filters
# read the pixel in the middle nine times, and a corner once.*
#
# So a stack of small filters looks at the middle first. The receptive field says how
# far a number can see, not how well.
#
# There is a third difference. Without anything in between, two convolutions are one:
# a sum of sums is a sum. You can even work out the filter: it is what the two make of
# an image with a single 1 in it, turned by half a turn.

# %%
torch.manual_seed(0)
two = several(kernel_size=3, count=2, channels=1)
point = torch.zeros(1, 1, 5, 5)
point[0, 0, 2, 2] = 1
X = torch.randn(1, 1, 9, 9)
with torch.no_grad():
    one_filter = two(point).flip(2, 3)  # 5×5
    by_two = two(X)[..., 2:7, 2:7]      # away from the edges
    by_one = nn.functional.conv2d(X, one_filter)
    with_relu = two[1](torch.relu(two[0](X)))[..., 2:7, 2:7]
print("two 3×3 are this one 5×5:   ", torch.allclose(by_two, by_one, atol=1e-5))
print("also with a ReLU in between:", torch.allclose(with_relu, by_one, atol=1e-5))

# %% [markdown]
# The ReLU in between makes two layers out of one. What two 3×3 with a ReLU can
# compute, no single convolution can.
#
# ## Build the block
#
# A **VGG block** is some number of 3×3 convolutions that keep the size, each followed
# by ReLU, and then a max pooling that halves it.


# %%
def vgg_block(num_convs, in_channels, out_channels):
    layers = []
    for _ in range(num_convs):
        layers.append(nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1))
        layers.append(nn.ReLU())
        in_channels = out_channels  # what the first makes, the second reads
    layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


print_shapes(vgg_block(num_convs=2, in_channels=1, out_channels=64), (1, 1, 224, 224))

# %% [markdown]
# Only three numbers are left to choose, and the second is the third of the block before.
# So a whole network is a list of pairs: how many convolutions, how many channels.
# Behind the blocks comes AlexNet's head: two hidden linear layers of 4,096, with
# dropout.


# %%
def vgg(conv_arch, rows=7, in_channels=1, num_classes=10):
    """A VGG network; `rows` is the number of rows and columns that reach the head."""
    conv_blks = []
    for num_convs, out_channels in conv_arch:
        conv_blks.append(vgg_block(num_convs, in_channels, out_channels))
        in_channels = out_channels
    return nn.Sequential(
        *conv_blks, nn.Flatten(),
        nn.Linear(out_channels * rows * rows, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, num_classes),
    )


conv_arch = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
net = vgg(conv_arch)

# %% [markdown]
# That is VGG-11: 1 + 1 + 2 + 2 + 2 = 8 convolutions and 3 linear layers.
#
# ## Look at the shapes
#
# First the loop of the notes. A block is one row.

# %%
X = torch.randn(size=(1, 1, 224, 224))
with torch.no_grad():  # no gradients: less memory
    for blk in net:
        X = blk(X)
        print(blk.__class__.__name__, 'output shape:\t', X.shape)

# %% [markdown]
# 224 is 7 · 32, and five halvings divide by 32. Here is the same as a picture, and then
# layer by layer. Both count from 0, as Python does, where the text counts from 1:
# `Sequential 0` is block 1, and `4.2` is the layer with index 2 of the part with index 4,
# the third layer of block 5.

# %%
draw(net, (1, 1, 224, 224))

# %%
table(net, (1, 1, 224, 224))

# %% [markdown]
# Now the picture from the beginning, with VGG in it.

# %%
vgg_convs = convolutions(net)
_, ax = plt.subplots(figsize=(5, 3.2))
plot_choices(ax, alexnet_convs, BLUE)
plot_choices(ax, vgg_convs, ORANGE)
ax.text(40, 90, "AlexNet", color=BLUE, fontweight="bold")
ax.text(200, 180, "VGG-11", color=ORANGE, fontweight="bold")
plt.show()

print("million MACs:", [round(step.macs / 1e6, 1) for step in vgg_convs])

# %% [markdown]
# *One dot for each convolution; where two are alike, they lie on one another. VGG
# follows a line, half the rows and twice the channels, until it has 512 of them.*
#
# There is a reason for the line. Half the rows and half the columns are a quarter of
# the positions. Twice the channels in and twice the channels out are four times the
# weights. So a convolution costs the same in every block. The first of a block has half
# as many channels to read, and costs half. The printed numbers show it: 924.8 and
# 1849.7 million, again and again. Only at the two ends is it different: the image has
# one channel, and the last block stays at 512.
#
# ## Why these numbers?
#
# | number | where it comes from |
# |---|---|
# | 3×3 | A choice: the smallest filter that has a middle and sides. |
# | padding 1 | It follows: $(3 - 1)/2$ keeps the size. |
# | 2×2 pooling, stride 2 | A choice: it halves, and drops nothing of an even number. |
# | five blocks | A choice. 224 can be halved five times: 7 is odd. |
# | 64, doubled | 64 is a choice. Doubling keeps the cost of a convolution. |
# | 512, not 1,024, at the end | A choice. It saves weights: with 1,024 the last block would have almost three times as many. |
# | 1, 1, 2, 2, 2 | A choice: the shallowest of the paper's (table 1). The rest of the family adds to it. |
# | 25,088 | It follows: 512 · 7 · 7. |
# | 4,096 and dropout 0.5 | Taken over from AlexNet. |

# %% [markdown]
# ## A family from one table
#
# Because a network is now a list, a deeper one is a longer list. These are four of the
# networks in the paper's table 1, where they are the columns A, B, D and E.

# %%
FAMILY = {
    "VGG-11": ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
    "VGG-13": ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
    "VGG-16": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    "VGG-19": ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}

# %%
from torchvision import models

theirs = {"VGG-11": models.vgg11, "VGG-13": models.vgg13,
          "VGG-16": models.vgg16, "VGG-19": models.vgg19}
print(f"{'':8} layers  sees {'MACs':>15} {'parameters':>12}  torchvision's")
for name, arch in FAMILY.items():
    with torch.device("meta"):  # shapes without numbers: no memory, no download
        ours = vgg(arch, in_channels=3, num_classes=1000)
        reference = theirs[name]()
    t = trace(ours, (1, 3, 224, 224))
    layers = sum(step.op in ("Conv2d", "Linear") for step in t.steps)
    last = [step for step in t.steps if step.receptive_field][-1]
    count = sum(p.numel() for p in reference.parameters())
    print(f"{name:8} {layers:>6}   {last.receptive_field[0]:>3} {t.macs:>15,} {t.params:>12,}  "
          f"{count:>13,}")
    assert t.params == count

# %% [markdown]
# With 3 channels and 1,000 classes, as in the paper, your networks have parameter for
# parameter as many as those of torchvision, PyTorch's own collection. VGG-19 has eight
# layers more than VGG-11, does 2.6 times the arithmetic, and has 8 % more parameters.
# How can that be?
#
# ## Where are the weights?

# %%
t = trace(net, (1, 1, 224, 224))
parts = {"block 1": "0", "block 2": "1", "block 3": "2", "block 4": "3", "block 5": "4",
         "linear 1": "6", "linear 2": "9", "linear 3": "12"}
steps = [[s for s in t.steps if s.path.split(".")[0] == path] for path in parts.values()]
params = [sum(s.params for s in part) for part in steps]
macs = [sum(s.macs for s in part) for part in steps]
first = 25_088 * 4_096
print(f"weights of the first linear layer: 25,088 · 4,096 = {first:,}")
print(f"of all parameters of VGG-11:       {first / t.params:.1%}")
print(f"all three linear layers:           {sum(params[5:]) / t.params:.1%}")
print(f"MACs in the convolutions:          {sum(macs[:5]) / t.macs:.1%}")

_, ax = plt.subplots(figsize=(6.5, 4))
for place, (p, m) in enumerate(zip(params, macs)):
    for shift, share, colour in ((-0.2, p / t.params, BLUE), (0.2, m / t.macs, ORANGE)):
        ax.barh(place + shift, 100 * share, height=0.38, color=colour)
        ax.text(100 * share + 0.7, place + shift, f"{100 * share:.1f}", va="center", fontsize=8)
ax.set(yticks=range(8), yticklabels=parts, xlabel="% of VGG-11's total")
ax.invert_yaxis()
ax.text(45, 2.2, "share of the MACs", color=ORANGE, fontweight="bold")
ax.text(45, 4.2, "share of the parameters", color=BLUE, fontweight="bold")
plt.show()

# %% [markdown]
# *Four fifths of all parameters (blue) stand in one place: where the last 512 maps of
# 7×7 meet 4,096 outputs. The arithmetic (orange) is in the blocks.*
#
# It is AlexNet's picture once more, only steeper. Deepening the blocks adds to the
# orange part. The blue part is one linear layer, and the depth does not touch it.
#
# ## Turn one choice at a time
#
# The lab takes your `vgg`. Its first control is the list of pairs.

# %%
ARCHS = {
    **FAMILY,
    "VGG-11 with a sixth block": (*FAMILY["VGG-11"], (2, 512)),
    "VGG-11, a quarter as wide": ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)),
}

# %%
lab(vgg, (1, 1, 224, 224), conv_arch=ARCHS, rows=[1, 3, 6, 7, 8],
    input_size=[96, 192, 223, 224, 255, 256], tasks=tasks.vgg.NETWORK,
    presets={name: {"conv_arch": name} for name in FAMILY})

# %% [markdown]
# ## Deeper is harder to start
#
# More layers have a price that no table shows. The numbers pass through one layer after
# another, and each scales them a little. Take VGG-19, an eighth as wide, before any
# training, and give it 64 real digits. How much do its numbers differ from one digit to
# the next? If they do not differ, the network cannot tell the digits apart.


# %%
def with_kaiming(net):
    """Give every layer first weights that keep ReLU's numbers at one size (He and others)."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return net


def differences(start, seed):
    """Behind each convolution: the standard deviation over the digits, on average."""
    torch.manual_seed(seed)
    blocks = [vgg_block(n, c_in // 8 or 1, c // 8)
              for (n, c), c_in in zip(FAMILY["VGG-19"], (1, 64, 128, 256, 512))]
    X, found = train.images[:64], []
    with torch.no_grad():
        for layer in (layer for block in start(nn.Sequential(*blocks)) for layer in block):
            X = layer(X)
            if isinstance(layer, nn.Conv2d):
                found.append(X.std(0).mean().item())
    return found


# %%
torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=16, size=32, device="cpu")
usual = [differences(nn.Identity(), seed) for seed in range(3)]
kaiming = [differences(with_kaiming, seed) for seed in range(3)]
assert max(run[-1] for run in usual) < 1e-6
assert min(run[-1] for run in kaiming) > 1e-3
print("Behind 16 convolutions the digits differ by")
print("less than 0.000001 with PyTorch's usual first weights,")
print("more than 0.001 with Kaiming's.")

_, ax = plt.subplots(figsize=(6, 3))
for run in usual:
    ax.semilogy(range(1, 17), run, "o-", markersize=3, color=ORANGE)
for run in kaiming:
    ax.semilogy(range(1, 17), run, "o-", markersize=3, color=BLUE)
ax.text(9.5, 0.5, "Kaiming", color=BLUE, fontweight="bold")
ax.text(10.5, 3e-4, "PyTorch's usual", color=ORANGE, fontweight="bold")
ax.set(xlabel="convolution", ylabel="how much digits differ")
plt.show()

# %% [markdown]
# *Each line is one network; there are three of each kind. Each number on the left is a
# hundred times the one below. With PyTorch's usual first weights, what tells one digit
# from another is lost on the way.*
#
# The authors met this too. They trained the 11 layers first, put parts of the result
# into the deeper networks as first weights, and found only later that random weights of
# a suitable scale make this unnecessary (section 3.1). Below, all networks start with
# Kaiming's. Lesson 5 has a more thorough cure.
#
# ## Measure: deep or wide
#
# The paper's claim is that depth helps. To test it, compare networks that do the same
# arithmetic. All have two blocks and read digits of 32×32 pixels. They differ in what a
# block holds:
#
# - one wide 3×3 convolution (*shallow*);
# - two narrow 3×3 convolutions (*deep*);
# - one 5×5 convolution (*large filter*), which sees as much as the two.
#
# First the way VGG does it: a linear layer reads all numbers of the last maps.

# %%
KINDS = {
    "shallow": (((1, 17), (1, 34)), 3, ORANGE),
    "deep": (((2, 8), (2, 16)), 3, BLUE),
    "large filter": (((1, 10), (1, 20)), 5, GREEN),
}


def small_net(kind, head):
    """Two blocks and a head for 32×32 pixels."""
    arch, kernel_size, _ = KINDS[kind]
    layers, channels = [], 1
    for num_convs, width in arch:
        for _ in range(num_convs):
            layers += [nn.Conv2d(channels, width, kernel_size, padding="same"), nn.ReLU()]
            channels = width
        layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
    if head == "linear":
        layers += [nn.Flatten(), nn.Linear(8 * 8 * channels, 10)]
    else:
        layers += [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, 10)]
    return with_kaiming(nn.Sequential(*layers))


for kind in KINDS:
    t = trace(small_net(kind, "linear"), (1, 1, 32, 32))
    last = [step for step in t.steps if step.receptive_field][-1]
    print(f"{kind:12}  {t.macs:>9,} MACs, the last maps see {last.receptive_field[0]}×"
          f"{last.receptive_field[1]}")

# %% [markdown]
# The arithmetic is equal within 5 %. Now train, with Adam and in batches of 16. The
# pixels are first shifted and scaled to a mean of 0 and a standard deviation of 1, so
# that training gets going sooner.


# %%
mean, std = train.images.mean(), train.images.std()
train.images, test.images = (train.images - mean) / std, (test.images - mean) / std


def trained(kind, head, epochs, seed):
    torch.manual_seed(seed)
    net, adam = small_net(kind, head), torch.optim.Adam
    return fit(net, train, test, epochs, lr=5e-3, seed=seed, optimizer=adam)


def plot_runs(ax, runs, title):
    """One line for each run: test accuracy after each epoch."""
    for kind, histories in runs.items():
        for run in histories:
            ax.plot(range(1, len(run.test_acc) + 1), run.test_acc, "o-", markersize=3,
                    color=KINDS[kind][2])
    ax.set(xlabel="epoch", ylim=(0, 1), title=title, xticks=range(1, len(run.test_acc) + 1))


# %%
with_linear = {kind: [trained(kind, "linear", 1, seed) for seed in range(3)]
               for kind in ("shallow", "deep")}
ends = [run.test_acc[-1] for runs in with_linear.values() for run in runs]
assert min(ends) > 0.8
print("Shallow or deep, after one epoch every run is above 0.8.")

# %% [markdown]
# After one epoch the two kinds cannot be told apart. Does depth not matter, then?
#
# The linear layer hides it. It reads all positions at once, so it can put together
# whatever the convolutions saw apart. Take that away. Average each of the last maps
# over all its positions, and let a linear layer make ten scores of the averages. Now a
# digit must be recognized within one receptive field, or not at all.

# %%
with_average = {kind: [trained(kind, "average", 4, seed) for seed in range(3)] for kind in KINDS}
shallow, deep, large = ([run.test_acc[-1] for run in runs] for runs in with_average.values())
assert sum(deep + large) / 6 > sum(shallow) / 3 + 0.05
print("On average, the nets that see 16×16 pixels end more than 0.05 above those that see 10×10.")

_, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, width_ratios=(2, 5),
                       layout="constrained")
for place, (kind, runs) in enumerate(with_linear.items()):
    ends = [run.test_acc[-1] for run in runs]
    axes[0].plot([place] * 3, ends, "o", color=KINDS[kind][2], alpha=0.5)
axes[0].set(ylabel="test accuracy", xlim=(-0.8, 1.8), xticks=[0, 1], xticklabels=with_linear,
            title="linear layer, epoch 1")
plot_runs(axes[1], with_average, "positions are averaged")
for (kind, (_, _, colour)), height in zip(KINDS.items(), (0.04, 0.14, 0.24)):
    axes[1].text(4, height, kind, color=colour, fontweight="bold", ha="right")
plt.show()

# %% [markdown]
# *Each dot or line is one run; there are three of each kind. Left: after one epoch,
# shallow and deep cannot be told apart. Right: the deep nets and those with large filters
# leave the shallow ones behind.*
#
# What this shows: at equal arithmetic depth helps where the convolutions have to do the
# work, because it makes them see more. What it does not show: that two 3×3 are better
# than one 5×5 that sees as much. Here they are not. The paper found a difference: with
# 5×5 filters in place of pairs of 3×3, the top-1 error, the share of wrong first guesses,
# was 7 % higher (section 4.1). But that was on more than a million photographs, and the
# two networks were not made to do the same arithmetic.
#
# So the answer to the fourth prediction is: it depends, on what comes behind, and on
# how much of the image each number sees.
#
# ## Train at full size
#
# First two epochs of the notes' `train_ch6`, on the digits, with the *deep* network from
# above. It starts from weights of its own, scaled by an older rule, Xavier's.

# %% tags=["nbval-ignore-output"]
from d2l import torch as d2l

train_iter, test_iter = digits(batch_size=16, size=32)
d2l.train_ch6(small_net("deep", "linear"), train_iter, test_iter, 2, 0.05, d2l.try_gpu())

# %% [markdown]
# *The loss falls and the accuracies rise. Your numbers differ a little from the ones
# stored here; the speed is that of your machine.*
#
# The full VGG-11 does eight times the arithmetic of AlexNet. So the book trains it with
# a quarter of the channels: on Fashion-MNIST, at 224×224 pixels, ten epochs in batches
# of 128. Its steps are 0.05 in the editions that call `train_ch6`, as here, and 0.01 in
# version 1.0. It takes minutes on a GPU and hours on a CPU.

# %% tags=["nbval-ignore-output"]
import os

FULL_SIZE = best_device().type != "cpu"  # set it to True to train on whatever there is
ratio = 4
small_conv_arch = [(pair[0], pair[1] // ratio) for pair in conv_arch]
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
        d2l.train_ch6(vgg(small_conv_arch), *data, 10, 0.05, best_device())

# %% [markdown]
# ## Questions
#
# Answer in two or three sentences, in writing, before you unfold.
#
# **1.** Somebody says: "Three 3×3 convolutions are a 7×7 convolution with fewer
# weights." What is right about it, and what is wrong?
#
# <details><summary>Answer</summary>
#
# They see the same 7×7 pixels and have 45 % fewer weights. But they are not a 7×7
# convolution: with ReLUs in between they compute what no single convolution can, and
# without them they reach only some of the 7×7 filters. They also count the middle more
# than the edges.
# </details>
#
# **2.** Why does a deeper VGG have hardly more parameters?
#
# <details><summary>Answer</summary>
#
# Most of them are in the first linear layer, whose size depends on the shape of the last
# maps alone. More convolutions in a block do not change that shape.
# </details>
#
# **3.** What does VGG take over from AlexNet, and which of AlexNet's choices does it do
# away with?
#
# <details><summary>Answer</summary>
#
# It takes over ReLU, max pooling, and the head with dropout. It does away with the
# choice of filter sizes and strides: every filter is 3×3 with stride 1. Channels follow a
# rule. What is left to choose is a list of pairs.
# </details>
#
# ## Exercises
#
# ### 1. Small images
#
# *easy, 10 minutes*
#
# Fashion-MNIST's images have 28×28 pixels. How many VGG blocks can they pass? What
# happens in the next one? Think first, then let `trace` tell you. Give an architecture
# and a number of `rows` for 28×28.
#
# <details><summary>Solution</summary>
#
# Four: 14, 7, 3, 1. A fifth pooling has a 2×2 window and a map of 1×1, so it fails. For
# instance `vgg(((1, 64), (1, 128), (2, 256), (2, 512)), rows=1)`.
# </details>
#
# ### 2. Memory
#
# *medium, 15 minutes*
#
# To train, PyTorch keeps the outputs of the layers until the gradient
# has passed. Count the numbers that VGG-11's steps put out for one image, block by block
# (`math.prod(step.output)`). Which block needs most? Where are its parameters?
#
# <details><summary>Solution</summary>
#
# The first block puts out 44 % of all numbers, and it has 640 of 128,806,154 parameters.
# Memory in training follows the maps, not the weights.
# </details>
#
# ### 3. See far without depth
#
# *medium, 20 minutes*
#
# In a convolution with `dilation=2` the nine numbers that a 3×3 filter reads are two
# apart, so it covers 5×5. Give it to the *shallow* nets: the MACs stay, and the last
# maps see 16×16. Predict where their lines end on the right of the figure, then train
# three.
#
# <details><summary>Solution</summary>
#
# They end with the deep ones and not with the shallow ones, although they have one
# convolution in a block. In this experiment what counts is how much is seen.
# </details>
#
# ### 4. Column C
#
# *hard, 20 minutes*
#
# The paper's table 1 has a network C: VGG-16, but the third convolution of blocks 3, 4
# and 5 is 1×1. Build it for 3 channels and 1,000 classes. How many parameters has it,
# and what does its last map see? Compare it with VGG-16 and VGG-13.
#
# <details><summary>Solution</summary>
#
# It has 133,638,952 parameters and sees 156×156, as VGG-13 does: a 1×1 filter reads one
# position and sees no further. VGG-16 sees 212×212. In the paper C does better than B,
# which is VGG-13, and worse than D, which is VGG-16 (table 3). So more ReLUs help,
# and seeing more helps too.
# </details>
#
# The next cell, folded away, proves the numbers in the solutions and in the answers to
# *Turn one choice at a time*.


# %% jupyter={"source_hidden": true}
from math import prod


def accepts(net, size):
    try:
        return bool(trace(net, (1, 1, size, size)))
    except RuntimeError:
        return False


with torch.device("meta"):
    built = {name: vgg(arch) for name, arch in FAMILY.items()}
    sixth, unmended = (vgg(ARCHS["VGG-11 with a sixth block"], rows=rows) for rows in (3, 7))
    column_c = vgg(FAMILY["VGG-16"], in_channels=3, num_classes=1000)
    for block in column_c[2:5]:
        block[4] = nn.Conv2d(block[4].in_channels, block[4].out_channels, kernel_size=1)
family = {name: trace(made, (1, 1, 224, 224)) for name, made in built.items()}
assert round(family["VGG-16"].params / family["VGG-11"].params, 2) == 1.04
assert 1.9 < family["VGG-16"].macs / family["VGG-11"].macs < 2.1
assert round(family["VGG-19"].macs / family["VGG-11"].macs, 1) == 2.6
assert round(family["VGG-11"].macs / trace(nets.alexnet(), (1, 1, 224, 224)).macs) == 8
assert round(trace(sixth, (1, 1, 224, 224)).params / 1e6, 1) == 49.6
assert not accepts(unmended, 224)
assert [n for n in (223, 224, 255, 256) if accepts(net, n)] == [224, 255]

wider = trace(vgg_block(2, 512, 1024), (1, 512, 14, 14)).params
assert 2.9 < wider / trace(vgg_block(2, 512, 512), (1, 512, 14, 14)).params < 3.1

four = ((1, 64), (1, 128), (2, 256), (2, 512))
assert accepts(vgg(four, rows=1), 28) and not accepts(vgg((*four, (2, 512)), rows=1), 28)

by_block = [0] * len(net)
for step in family["VGG-11"].steps:
    by_block[int(step.path.split(".")[0])] += prod(step.output)
assert round(by_block[0] / sum(by_block), 2) == 0.44
assert sum(p.numel() for p in net[0].parameters()) == 640

dilated = small_net("shallow", "average")
for layer in dilated:
    if isinstance(layer, nn.Conv2d):
        layer.dilation = (2, 2)
seen = trace(dilated, (1, 1, 32, 32))
assert seen.macs == trace(small_net("shallow", "average"), (1, 1, 32, 32)).macs
assert seen.steps[5].receptive_field == (16, 16)

c = trace(column_c, (1, 3, 224, 224))
assert c.params == 133_638_952
sees = {name: [s.receptive_field[0] for s in trace_.steps if s.receptive_field][-1]
        for name, trace_ in (*family.items(), ("C", c))}
assert (sees["C"], sees["VGG-13"], sees["VGG-16"]) == (156, 156, 212)

# %% [markdown]
# ## What you have seen
#
# - A block of 3×3 convolutions and a pooling, repeated with half the rows and twice the
#   channels, makes a family of networks from one list each.
# - Two 3×3 see what one 5×5 sees, with 28 % fewer weights. At equal arithmetic what
#   helped was seeing more: pairs of 3×3 did better than one 3×3, and not better than one
#   5×5.
# - VGG-11 has 128,806,154 parameters, and 102,760,448 of them are the weights of its
#   first linear layer.
#
# That layer does little of the arithmetic and holds four fifths of the network. Does a
# convolutional network need it? The next lesson, on NiN, takes it away.
#
# Next: [Lesson 3: NiN](03_nin.ipynb)
#
# ## References
#
# - K. Simonyan, A. Zisserman. [Very Deep Convolutional Networks for Large-Scale Image
#   Recognition](https://arxiv.org/abs/1409.1556). 2014. Sections and tables in this
#   lesson are of this paper.
# - K. He and others. [Delving Deep into
#   Rectifiers](https://arxiv.org/abs/1502.01852). 2015. Kaiming's first weights.
# - X. Glorot, Y. Bengio. [Understanding the difficulty of training deep feedforward
#   neural networks](https://proceedings.mlr.press/v9/glorot10a.html). 2010. Xavier's.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep
#   Learning](https://d2l.ai). Section 8.2 (VGG).

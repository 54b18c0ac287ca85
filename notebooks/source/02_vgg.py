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
# - see what two 3×3 convolutions share with one of 5×5, and where they differ;
# - find out what depth costs, what it bought on ImageNet, and what it does not buy on
#   digits.
#
# **Time:** 50 minutes, and 105 for questions and exercises. Running every cell takes
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
from statistics import mean

import matplotlib.pyplot as plt
import torch
from torch import nn

from course_utils import (at_full_size, digits, exercises, initialize, nets, photograph,
                          plot_confusion, plot_costs, plot_lines, plot_runs, predict,
                          print_runs, recorded, runs, show, show_images, tasks, use_style)
from layerwise import lab, print_shapes, trace

use_style()

# %% [markdown]
# ## What AlexNet leaves open
#
# AlexNet has five convolutions. More layers might do better. But where do you put a
# sixth, how large is its kernel, and how many channels does it have? Is there a rule in the
# five?


# %%
def convolutions(net):
    """Every convolution of a network for images of 224×224, as a step of its trace."""
    return [step for step in trace(net, (1, 1, 224, 224)).steps if step.op == "Conv2d"]


alexnet_convs = convolutions(nets.alexnet())
for number, step in enumerate(alexnet_convs, start=1):
    kernel, stride = step.settings["kernel_size"][0], step.settings["stride"][0]
    print(f"convolution {number}: {kernel}×{kernel}, stride {stride}, output {step.output[1:]}")

# %% [markdown]
# There is none: most of AlexNet's numbers were choices, as lesson 1 showed. In 2014 Karen
# Simonyan and Andrew Zisserman, of the Visual Geometry Group in Oxford, asked what depth
# alone does. To find out, they kept everything else fixed. Their networks are called VGG
# after the group.
#
# ## Predict
#
# Write your answers down first.
#
# 1. Take two 3×3 convolutions, one after the other, and one 5×5 convolution. All read and
#    make 256 channels. Which has more weights: the two together, or the one?
# 2. VGG-11 has 11 layers with weights, VGG-19 has 19. How many more parameters has
#    VGG-19: about 70 %, 30 % or 10 %?
# 3. Two networks do the same arithmetic. One is deep and narrow, the other shallow and
#    wide. Which is more accurate: the deep one always, never, or does it depend?
#
# <details><summary>Where the answers are</summary>
#
# 1: *Two 3×3 see what one 5×5 sees*. 2: *A family from one table*. 3: *Measure: deep or
# wide*.
# </details>
#
# ## Two 3×3 see what one 5×5 sees
#
# VGG fixes the kernel first. Every convolution is 3×3: the smallest kernel that has a
# middle and neighbours on every side. AlexNet used 11×11 to see more at once. But a 3×3
# convolution after a 3×3 convolution reads nine units, and each of these has seen 3×3
# pixels. `trace` tells the receptive field of all layers together.


# %%
def several(kernel_size, count, channels=256):
    """`count` convolutions one after the other that keep the size."""
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
# With $c$ channels, two 3×3 have $2 \cdot 9 c^2 = 18 c^2$ weights where a 5×5 has
# $25 c^2$: 28 % fewer. Three have $27 c^2$ where a 7×7 has $49 c^2$: 45 % fewer.
#
# ### They do not see it in the same way
#
# A pixel can reach the output on several paths, through different units in between. How many
# are there for each pixel? Let every weight be 1, without bias or ReLU. Then the number is
# the gradient of the output with respect to the pixel.


# %%
def paths(kernel_size, count):
    """For each pixel of a 5×5 image, on how many paths it reaches the one output."""
    image = torch.zeros(1, 1, 5, 5, requires_grad=True)
    X = image
    for _ in range(count):
        X = nn.functional.conv2d(X, torch.ones(1, 1, kernel_size, kernel_size))
    X.sum().backward()
    return image.grad[0, 0].int()


print("one 5×5:", paths(5, 1), "two 3×3:", paths(3, 2), sep="\n")

# %% [markdown]
# A 5×5 kernel reads each of the 25 pixels once. Two 3×3 kernels read the pixel in the
# middle nine times, and a corner once. Along a row the counts are in the ratio 1, 2, 3, 2, 1,
# because the second layer adds up 1, 1, 1 three times, each time one pixel further. After many
# layers the counts have the shape of a bell (a Gaussian). How much of the receptive field
# does the bell fill?

# %%
for count in (1, 4, 16, 64):
    row = torch.ones(1, 1, 1, dtype=torch.float64)
    for _ in range(count):
        row = nn.functional.conv1d(row, torch.ones(1, 1, 3, dtype=torch.float64), padding=2)
    share, side, middle = row.flatten() / row.sum(), 1, count
    while share[middle - side // 2:middle + side // 2 + 1].sum() < 0.95:
        side += 2
    print(f"{count:2} convolutions: receptive field {len(share):3} wide, "
          f"95 % of the paths in the middle {side:2}")

# %% [markdown]
# Four times the layers: the receptive field becomes almost four times as wide, the bell
# only about twice. The pixels that really count for a unit are its **effective receptive
# field** (Luo and others, 2016). In a deep network it is much smaller than the
# theoretical one, which `trace` computes. *Look inside*, below, measures it with random
# weights.
#
# ### Why a ReLU stands in between
#
# Without anything in between, two convolutions are one: a sum of sums is a sum. To find the
# kernel of this one, let the two work on an image that is 0 except for a 1 in the middle. The
# result is the kernel rotated by 180°, so rotate it back.

# %%
torch.manual_seed(0)
two = several(kernel_size=3, count=2, channels=1)
point = torch.zeros(1, 1, 5, 5)
point[0, 0, 2, 2] = 1
X = torch.randn(1, 1, 9, 9)
with torch.no_grad():
    one_kernel = two(point).flip(2, 3)  # 5×5
    by_two = two(X)[..., 2:7, 2:7]      # away from the edges
    by_one = nn.functional.conv2d(X, one_kernel)
    with_relu = two[1](torch.relu(two[0](X)))[..., 2:7, 2:7]
print("two 3×3 are this one 5×5:   ", torch.allclose(by_two, by_one, atol=1e-5))
print("also with a ReLU in between:", torch.allclose(with_relu, by_one, atol=1e-5))

# %% [markdown]
# With a ReLU in between, two layers are more than one: together they compute what no
# single convolution can.
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
# A block has three choices, and its `in_channels` are the `out_channels` of the block
# before. So a whole network is a list of pairs: how many convolutions, how many channels.
# After the blocks comes AlexNet's **head**: two fully connected layers of 4,096 units, with
# dropout, and the layer that makes the logits. The two are called **hidden layers**, as what they
# put out is not yet the answer.


# %%
def vgg_blocks(conv_arch, in_channels=1):
    blocks = []
    for num_convs, out_channels in conv_arch:
        blocks.append(vgg_block(num_convs, in_channels, out_channels))
        in_channels = out_channels
    return blocks


def vgg(conv_arch, rows=7, in_channels=1, num_classes=10):
    """A VGG network; `rows` is the number of rows and columns that reach the head."""
    out_channels = conv_arch[-1][1]
    return nn.Sequential(
        *vgg_blocks(conv_arch, in_channels), nn.Flatten(),
        nn.Linear(out_channels * rows * rows, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, num_classes),
    )


conv_arch = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
net = vgg(conv_arch)
predict("An image has 224 rows. How many rows does a map have after the fifth block?",
        trace(net[:5], (1, 1, 224, 224)).output[2])

# %% [markdown]
# That is VGG-11: 1 + 1 + 2 + 2 + 2 = 8 convolutions and 3 fully connected layers.
#
# ## Look at the shapes
#
# This is the loop of the notes. It prints a row for each block, and for each layer after
# them.

# %%
X = torch.randn(size=(1, 1, 224, 224))
with torch.no_grad():  # no gradients: less memory
    for blk in net:
        X = blk(X)
        print(blk.__class__.__name__, 'output shape:\t', X.shape)

# %% [markdown]
# Five halvings divide by 32, and 224 = 7 · 32. Now compare the convolutions with
# AlexNet's.

# %%
vgg_convs = convolutions(net)
print("million MACs:", [round(step.macs / 1e6, 1) for step in vgg_convs])

_, ax = plt.subplots(figsize=(5, 3.2))
for steps, style, colour in ((alexnet_convs, "o--", "#0072b2"), (vgg_convs, "s-", "#d55e00")):
    ax.loglog([s.output[2] for s in steps], [s.output[1] for s in steps], style, color=colour,
              markersize=5)
ax.text(40, 95, "AlexNet", color="#0072b2")
ax.text(190, 180, "VGG-11", color="#d55e00")
ax.set(xlabel="rows of the maps", ylabel="channels", xlim=(300, 10))
ax.set_xticks((rows := [224, 112, 56, 28, 14]), rows)
ax.set_yticks((widths := [64, 128, 256, 512]), widths)
ax.minorticks_off()
show("Channels over rows of the maps, both logarithmic. AlexNet's marks go up and down again. "
     "VGG-11's lie on a line from 64 channels at 224 rows to 512 at 28, then stay at 512.")

# %% [markdown]
# *One mark for each convolution; some lie on top of one another. VGG follows a line, half
# the rows and twice the channels, until it has 512 channels.*
#
# There is a reason for the line. Half the rows and half the columns are a quarter of
# the positions. Twice the channels in and out are four times the weights. So a
# convolution costs the same in every block: 1849.7 million MACs. The first of a block reads
# half as many channels and costs half of that, 924.8 million. Only the two ends differ: the
# image has one channel, and the last block stays at 512, so its convolutions cost a quarter, 462.4.
#
# ### Why these numbers?
#
# | number | where it comes from |
# |---|---|
# | 3×3 | A choice: the smallest kernel that has a middle and sides. |
# | padding 1 | It follows: $(3 - 1)/2$ keeps the size. |
# | 2×2 pooling, stride 2 | A choice: it halves, and drops no row of an even number. |
# | five blocks | A choice. 224 can be halved five times: 7 is odd. |
# | 64, doubled | 64 is a choice. Doubling keeps the cost of a convolution. |
# | 512, not 1,024, at the end | A choice. With 1,024 the last block would have three times as many weights, and the first fully connected layer twice as many. |
# | 1, 1, 2, 2, 2 | A choice: the shallowest of the paper's (table 1). The rest of the family adds to it. |
# | 25,088 | It follows: 512 · 7 · 7. |
# | 4,096 and dropout 0.5 | Taken over from AlexNet. |
#
# ## A family from one table
#
# A network is now a list of pairs, so a deeper one needs only another list. These are four
# of the networks in the paper's table 1 (columns A, B, D and E), with its 3 channels and
# 1,000 classes. The last column counts the outputs of all steps for one photograph,
# 4 bytes for each value. What training keeps of them is the **activation memory**.

# %%
from math import prod

from torchvision import models

FAMILY = {
    "VGG-11": ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)),
    "VGG-13": ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)),
    "VGG-16": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    "VGG-19": ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}

print("        receptive field            MACs   parameters  torchvision's  activations")
for name, arch in FAMILY.items():
    with torch.device("meta"):  # shapes without numbers: no memory, no download
        t = trace(vgg(arch, in_channels=3, num_classes=1000), (1, 3, 224, 224))
        theirs = models.get_model(name.lower().replace("-", ""))
    last = [step for step in t.steps if step.op == "MaxPool2d"][-1]
    print(f"{name}  {last.receptive_field[0]:>15}  {t.macs:>14,}  {t.params:>11,} "
          f" {sum(p.numel() for p in theirs.parameters()):>13,} "
          f"{4 * sum(prod(step.output) for step in t.steps) / 1e6:>9.0f} MB")

# %% [markdown]
# Your networks have exactly as many parameters as those of torchvision, PyTorch's own
# collection. VGG-19 does 2.6 times the arithmetic of VGG-11, and has 8 % more parameters.
#
# Memory does grow. Training keeps the outputs of the ReLUs and of the poolings until the gradients
# are computed, and which pixel was the largest in each window, for each image of a batch. That is
# about two thirds of the last column. With 128 images VGG-16 keeps more than 9 GB; its parameters
# take 0.55 GB.
#
# ### Where are the weights?

# %%
t = trace(net, (1, 1, 224, 224))
parts = {"block 1": "0", "block 2": "1", "block 3": "2", "block 4": "3", "block 5": "4",
         "linear 1": "6", "linear 2": "9", "linear 3": "12"}
print(f"weights of the first linear layer: 25,088 · 4,096 = {25_088 * 4_096:,} of {t.params:,}")
plot_costs(t, parts)

# %% [markdown]
# *Four fifths of all parameters are in one layer, which connects the last 512 maps of 7×7
# with 4,096 units. Nearly all the arithmetic is in the blocks.*
#
# More depth adds to the blocks. The longest bar of the parameters stays as it is.
#
# ## Turn one choice at a time
#
# The lab takes your `vgg`. Its first control, *conv arch*, is the list of pairs. Its picture and its
# table count from 0, as Python does: part `4` is block 5, and `4.2` the third layer in it.

# %%
ARCHS = {
    **FAMILY,
    "VGG-11 with a sixth block": (*FAMILY["VGG-11"], (2, 512)),
    "VGG-11, a quarter as wide": ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)),
}
lab(vgg, (1, 1, 224, 224), conv_arch=ARCHS, rows=[1, 3, 6, 7, 8],
    input_size=[96, 192, 223, 224, 255, 256], tasks=tasks.vgg.NETWORK,
    presets={name: {"conv_arch": name} for name in FAMILY})

# %% [markdown]
# ## What depth bought on ImageNet
#
# The paper trained each network on 1.3 million photographs of 1,000 classes. Here is each
# network's **top-1 error**, the share of wrong first guesses, with all photographs at one scale
# (table 3). Beside it: torchvision's networks, which others trained with other settings.

# %%
paper = {"VGG-11": 29.6, "VGG-13": 28.7, "VGG-16": 27.0, "VGG-19": 27.3}
for name, error in paper.items():
    (weights,) = [w for w in models.get_model_weights(name.lower().replace("-", ""))
                  if w.name == "IMAGENET1K_V1"]
    accuracy = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    print(f"{name}  paper {error} %   torchvision {100 - accuracy:.1f} %")

# %% [markdown]
# From 11 to 16 layers both errors fall. From 16 to 19 the paper's error rises by 0.3, and it says
# that the error "saturates"; torchvision's falls by 0.8. Neither source gives several seeds, so
# nobody can say how much of this is chance.
#
# Does the depth help, or the arithmetic, which grows with it? The authors made one test:
# VGG-13 with one 5×5 in place of each pair of 3×3. Its top-1 error was 7 % higher
# (section 4.1); but it also does about a sixth less arithmetic.
#
# ## Deeper is harder to start
#
# Depth has another price: each layer changes the size of the activations. Take a VGG-19 with
# an eighth of the channels, before training, and give it 64 digits. How much do its activations differ from one digit to the next? If they
# hardly differ, the network cannot tell digits apart, and no useful gradient comes back.
#
# What to expect follows from the initialization. A unit adds up $n$ products of a weight and an input; $n$, the **fan-in**, is 9 · channels. With
# weights of mean 0 and variance $\sigma^2$, a convolution multiplies the mean square of the
# activations by $n \sigma^2$, and ReLU halves it. It stays the same if
#
# $$n \sigma^2 \cdot \tfrac{1}{2} = 1, \qquad \sigma^2 = 2/n.$$
#
# That is **Kaiming's rule**. PyTorch's default draws weights uniformly from $-1/\sqrt{n}$ to
# $1/\sqrt{n}$. Their variance is $1/(3n)$, a sixth of Kaiming's. So each layer
# should make the activations $\sqrt{6} \approx 2.4$ times smaller than with Kaiming's rule.


# %%
NARROW = tuple((num_convs, channels // 8) for num_convs, channels in FAMILY["VGG-19"])
torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=32, size=32, device="cpu")


def differences(blocks):
    """After each convolution: the standard deviation over 64 digits, averaged over the units."""
    X, found = train.images[:64], []
    with torch.no_grad():
        for layer in (layer for block in blocks for layer in block):
            X = layer(X)
            if isinstance(layer, nn.Conv2d):
                found.append(X.std(0).mean().item())
    return found


predict("By default, each convolution makes the activations √6 times smaller than by Kaiming's rule. "
        "How many times smaller are they after 16 convolutions?", 6 ** 8)

# %% tags=["nbval-ignore-output"]
def measured(initialize):
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        found.append(differences(initialize(nn.Sequential(*vgg_blocks(NARROW)))))
    return found


default, kaiming = measured(nn.Identity()), measured(initialize)
for depth in (1, 4, 8, 12, 16):
    factors = [k[depth - 1] / d[depth - 1] for k, d in zip(kaiming, default)]
    print(f"after {depth:2} convolutions: predicted {6 ** (depth / 2):9,.0f}, measured",
          *(f"{factor:9,.0f}" for factor in factors))
plot_lines({"Kaiming": kaiming, "default": default}, logarithmic=True,
           xlabel="convolution", ylabel="standard deviation")

# %% [markdown]
# *The standard deviation over the digits, after each convolution. Each line is one network; there
# are three of each kind. With the default, what tells
# one digit from another is lost on the way.*
#
# The prediction is $6^8$, 1.7 million. The measured factors are random, as the weights are,
# and lie within a factor of ten of it. (Kaiming's lines fall too, by a factor of about ten. One
# reason: the last maps have 2×2 pixels, so five of nine weights read zeros of the padding.)
#
# The authors had this problem too. They trained the 11 layers first and put parts of the
# result into the deeper networks. Only later they found that random weights of a suitable
# size work as well (section 3.1). Below, all networks start by Kaiming's rule. Lesson 5 has
# a more general solution.
#
# ## Measure: deep or wide
#
# Now compare networks that do the same arithmetic. All have two blocks, which hold
#
# - one wide 3×3 convolution (*shallow*);
# - two narrow 3×3 convolutions (*deep*);
# - one 5×5 convolution (*large kernel*), which sees as much as the two.
#
# The head averages each of the last maps over all positions, and one linear layer makes
# the logits. The images have 16×16 pixels.

# %%
KINDS = {
    "shallow": (((1, 17), (1, 34)), 3),
    "deep": (((2, 8), (2, 16)), 3),
    "large kernel": (((1, 10), (1, 20)), 5),
}


def small_net(kind, num_classes=10):
    """Two blocks, an average over the positions, and a linear layer."""
    arch, kernel_size = KINDS[kind]
    layers, channels = [], 1
    for num_convs, width in arch:
        for _ in range(num_convs):
            layers += [nn.Conv2d(channels, width, kernel_size, padding="same"), nn.ReLU()]
            channels = width
        layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
    layers += [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, num_classes)]
    return initialize(nn.Sequential(*layers))


for kind in KINDS:
    t = trace(small_net(kind), (1, 1, 16, 16))
    last = [step for step in t.steps if step.op == "MaxPool2d"][-1]
    print(f"{kind:12}  {t.macs:,} MACs, the last maps see {last.receptive_field}")

# %% [markdown]
# The arithmetic is equal within 5 %. Train each on digits, from three seeds.

# %% tags=["nbval-ignore-output"]
train, test = digits(batch_size=32, size=16, standardize=True, device="cpu")


def learned(kind, epochs, seeds=(0, 1, 2)):
    """Small networks of a kind, trained on digits from several seeds, and their histories."""
    return runs(lambda: small_net(kind), train, test, seeds, epochs=epochs, lr=5e-3,
                optimizer=torch.optim.Adam)


on_digits = {kind: learned(kind, epochs=5) for kind in KINDS}
print_runs(on_digits)
plot_runs(on_digits)

# %% [markdown]
# *Test accuracy, one line for each run. In the table a column is one seed.* After five
# epochs the shallow networks are behind. Is it a matter of time? The same networks were trained
# for 30 epochs, from five seeds, and recorded:

# %%
longer = recorded.curves("kernels")
plot_runs(longer, ylim=(0.8, 1))
print("mean test accuracy after 5, 15 and 30 epochs")
for kind, histories in longer.items():
    means = [mean(run.test_acc[epochs - 1] for run in histories) for epochs in (5, 15, 30)]
    print(f"{kind:12}", *(f"{share:.3f}" for share in means))

# %% [markdown]
# *Each line is one run.* With time the shallow networks come close: after five epochs they are more
# than five hundredths behind, after 30 less than two. These digits hardly show what depth is good
# for.
#
# The units of the shallow networks see only 10×10 of 16×16 pixels. Why is that enough? A
# digit has many parts. Each unit judges the part that it sees, and the head averages these
# judgements.
#
# ### A task that needs to see far
#
# Here is a task where one part says nothing: two dots, ten pixels apart, each white or
# black. Are they alike? There are 64 such images: 4 pairs at 16 places.


# %%
def dots(apart=10):
    images, alike = torch.zeros(64, 1, 16, 16), torch.zeros(64, dtype=torch.int64)
    for n in range(64):
        left, right = 2 * (n % 2) - 1, 2 * (n // 2 % 2) - 1
        row, column = 6 + n // 4 % 4, 1 + n // 16
        images[n, 0, row, column], images[n, 0, row, column + apart] = left, right
        alike[n] = left == right
    return images / images.std(), alike  # scaled as the digits are


images, alike = dots()
show_images(images[:4] / images.max() / 2 + 0.5, ["alike" if a else "unlike" for a in alike[:4]],
            alt="Two dots in a row on grey: both black, white and black, black and white, both white.")

# %% tags=["nbval-ignore-output"]
mixed = torch.randperm(64, generator=torch.Generator().manual_seed(0))
batches = list(zip(images[mixed].split(16), alike[mixed].split(16)))
on_dots = {kind: runs(lambda kind=kind: small_net(kind, num_classes=2), batches, batches, epochs=24,
                      lr=5e-3, optimizer=torch.optim.Adam) for kind in KINDS}
print_runs(on_dots)
plot_runs(on_dots, ylabel="accuracy")

# %% [markdown]
# *The share of right answers, on the same 64 images as in training. Guessing gives 0.5.*
#
# The shallow networks do not learn even these images, and longer training cannot help: none
# of their units sees both dots. So for each place of the dots the difference of the two
# logits is a sum
# $a(\text{left}) + b(\text{right})$. White-white and black-black together have the same sum
# as white-black and black-white. So the difference cannot be positive for the first two and
# negative for the other two: of four answers, at most three are right. The other networks see 16×16
# pixels, and learn the task.
#
# So the answer to the third prediction is: it depends. Where a unit has to see far, depth
# helps, and so does a large kernel or, in exercise 3, dilation. On the digits the
# shallow networks were slower, and close to the others after longer training.
#
# ## On photographs
#
# A narrow VGG for small photographs was trained once for this course, on CIFAR-10: ten
# classes, 32×32 pixels.

# %%
photo_net, recording = recorded.load("vgg")
print(recording)
print("blocks", recording.choices["conv_arch"], "hidden layers", recording.choices["hidden"])
plot_runs({"vgg": [recording]})
plot_confusion(recording.confusion, recording.classes)

# %% [markdown]
# *First figure: test accuracy by epoch. Second figure: the confusion matrix, a row for each true
# class.* An animal that is not recognized is mostly taken for another animal. This is one seed,
# few epochs, less than a thousandth of VGG-11's parameters, and a JPEG copy of the data.
#
# ### Look inside: what is the answer based on?
#
# Cover a part of the photograph with a grey square. How much does the logit of *cat* drop?
# For every place of the square this makes an **occlusion map** (Zeiler and Fergus, 2014).

# %% tags=["nbval-ignore-output"]
photo = recording.prepare(photograph("cat.jpg"))
CAT = recording.classes.index("cat")


def occlusion_map(net, photo, label, side=8, step=2):
    places = range(0, photo.shape[-1] - side + 1, step)
    covered = photo.repeat(len(places) ** 2, 1, 1, 1)
    for image, (row, column) in zip(covered, ((r, c) for r in places for c in places)):
        image[:, row:row + side, column:column + side] = 0  # the mean colour of the data
    with torch.no_grad():
        drops = net(photo)[0, label] - net(covered)[:, label]
    return drops.reshape(len(places), len(places))


drops = occlusion_map(photo_net, photo, CAT)
with torch.no_grad():
    best = photo_net(photo).softmax(1)[0].topk(3)
print("softmax:", ", ".join(f"{recording.classes[i]} {share:.2f}" for share, i in zip(*best)))

# %%
_, axes = plt.subplots(1, 2, figsize=(6, 2.7))
axes[0].imshow(photograph("cat.jpg")[0].permute(1, 2, 0), extent=(0, 32, 32, 0))
most = drops.abs().max()
heat = axes[1].imshow(drops, cmap="RdBu_r", vmin=-most, vmax=most, extent=(3, 29, 29, 3))
axes[1].set(xlim=(0, 32), ylim=(32, 0))
plt.colorbar(heat, label="drop of the logit")
show("Left the photograph of a cat's face, 32×32 pixels. Right its occlusion map: in red the "
     "places where a grey square lowers the logit of cat, in blue those where it raises it.")

# %% [markdown]
# *Each place of the map is the middle of a square of 8×8. Red: covering it lowers the
# logit of cat. Blue: covering it raises it. What does the network need to see?*
#
# ### Look inside: the effective receptive field
#
# In VGG-16 a unit of the last maps has a receptive field of 212×212. Which pixels really
# count? Take the gradient of a unit in the middle with respect to each pixel. Here it is
# averaged over three untrained networks with a quarter of the channels.

# %% tags=["nbval-ignore-output"]
cat = photograph("cat.jpg", size=224)
QUARTER = tuple((num_convs, channels // 4) for num_convs, channels in FAMILY["VGG-16"])


def influence(seed):
    """How much each pixel moves the unit in the middle of the last maps; all together are 1."""
    torch.manual_seed(seed)
    blocks = initialize(nn.Sequential(*vgg_blocks(QUARTER, in_channels=3)))
    image = ((cat - cat.mean()) / cat.std()).requires_grad_()
    blocks(image)[0, :, 3, 3].sum().backward()
    strength = image.grad[0].abs().sum(0)
    return strength / strength.sum()


effective = sum(influence(seed) for seed in range(3)) / 3
sees = effective.sum(0).nonzero()
first, past = int(sees.min()), int(sees.max()) + 1
half = (past - first) // 4
middle = slice((first + past) // 2 - half, (first + past) // 2 + half)
print(f"it reads columns {first} to {past - 1}; the middle quarter of the area holds "
      f"{100 * effective[middle, middle].sum():.0f} % of the influence")

# %%
_, axes = plt.subplots(1, 2, figsize=(5, 2.6))
axes[0].imshow(photograph("cat.jpg", size=64)[0].permute(1, 2, 0), extent=(0, 224, 224, 0))
axes[1].imshow(nn.functional.avg_pool2d(effective[None], 4)[0], cmap="magma", extent=(0, 224, 224, 0))
for ax in axes:
    for begin, end in ((first, past), (middle.start, middle.stop)):
        ax.add_patch(plt.Rectangle((begin, begin), end - begin, end - begin, fill=False, color="C1"))
show("The cat at 224×224 pixels, and the influence of each pixel: a bright spot in the "
     "middle that fades to black well inside the square of the receptive field.")

# %% [markdown]
# *Outer square: the receptive field. Inner square: half as wide. The brighter, the more a
# pixel counts.*
#
# It is the bell again. If all pixels counted equally, the inner square would hold a quarter
# of the influence; it holds more than half. Luo and others found that training makes the bell wider.
#
# ## Train at full size
#
# The full VGG-11 does eight times the arithmetic of AlexNet. So the book trains it with
# a quarter of the channels, on Fashion-MNIST at 224×224 pixels, in batches of 128; the
# learning rate is 0.05 (0.01 in version 1.0). The notes write
# `d2l.train_ch6(net, train_iter, test_iter, 10, 0.05, d2l.try_gpu())`, which first
# initializes by an older rule, Xavier's.

# %% tags=["nbval-ignore-output"]
ratio = 4
small_conv_arch = [(pair[0], pair[1] // ratio) for pair in conv_arch]
full_size = initialize(vgg(small_conv_arch), nn.init.xavier_uniform_)
at_full_size(full_size, size=224, batch_size=128, epochs=10, lr=0.05)

# %% [markdown]
# ## Questions
#
# Answer in two or three sentences, in writing, before you unfold.
#
# 1. Somebody says: "Three 3×3 convolutions are a 7×7 convolution with fewer weights." What is right
#    about it, and what is wrong?
# 2. Why does a deeper VGG have hardly more parameters?
# 3. What does VGG take over from AlexNet, and which of AlexNet's choices does it do away with?
#
# <details><summary>Answers</summary>
#
# 1. They see the same 7×7 pixels and have 45 % fewer weights. But they are not a 7×7 convolution:
#    with ReLUs in between they compute what no single convolution can, and without them they reach
#    only some of the 7×7 filters. They also count the middle more than the edges.
# 2. Most of them are in the first fully connected layer, whose size depends on the shape of the last
#    maps alone. More convolutions in a block do not change that shape.
# 3. It takes over ReLU, max pooling, and the head with dropout. It does away with the choice of
#    filter sizes and strides: every filter is 3×3 with stride 1. Channels follow a rule. What is left
#    to choose is a list of pairs.
# </details>
#
# ## Exercises
#
# Write your answer in place of `...`, and run the cell and the check below it. The check names what is
# wrong, and where to look. For a hint, remove the `#` in front of it; hints come one at a time.

# %% [markdown]
# ### Five blocks by hand
#
# *easy, 5 minutes*
#
# An image of 300×300 pixels passes the five blocks of VGG-11. How many rows come out of
# each block? Work it out by hand: five numbers, such as `"100 50 25 12 6"`.

# %% tags=["exercise"]
rows = (
    ### BEGIN SOLUTION
    "150 75 37 18 9"
    ### END SOLUTION
)

# %%
exercises.vgg.sizes.check(rows)

# %%
# exercises.vgg.sizes.hint()      # one hint at a time
# exercises.vgg.sizes.solution()

# %% [markdown]
# ### The VGG block
#
# *medium, 10 minutes*
#
# Write a VGG block for kernels of any odd size, `my_vgg_block(num_convs, in_channels,
# out_channels, kernel_size)`: `num_convs` convolutions that keep the size, each followed by a ReLU,
# then a max pooling that halves the size. The first convolution reads `in_channels`, every one makes
# `out_channels`.

# %% tags=["exercise"]
def my_vgg_block(num_convs, in_channels, out_channels, kernel_size):
    ### BEGIN SOLUTION
    layers = []
    for _ in range(num_convs):
        padding = (kernel_size - 1) // 2
        layers.append(nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding))
        layers.append(nn.ReLU())
        in_channels = out_channels
    layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)
    ### END SOLUTION

# %%
exercises.vgg.block.check(my_vgg_block)

# %%
# exercises.vgg.block.hint()      # one hint at a time
# exercises.vgg.block.solution()

# %% [markdown]
# ### A network from a list
#
# *medium, 15 minutes*
#
# Write `my_vgg(conv_arch, in_channels, size, num_classes, hidden=4096)` with `vgg_block`.
# `conv_arch` holds (number of convolutions, output channels) for each block, `size` is the number
# of rows and columns of the image. After the blocks: flatten, two hidden linear layers with ReLU
# and a dropout of 0.5, and the linear layer that makes the logits.

# %% tags=["exercise"]
def my_vgg(conv_arch, in_channels, size, num_classes, hidden=4096):
    ### BEGIN SOLUTION
    blocks = []
    for num_convs, out_channels in conv_arch:
        blocks.append(vgg_block(num_convs, in_channels, out_channels))
        in_channels = out_channels
        size = size // 2
    return nn.Sequential(
        *blocks, nn.Flatten(),
        nn.Linear(in_channels * size * size, hidden), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(hidden, num_classes),
    )
    ### END SOLUTION

# %%
exercises.vgg.net.check(my_vgg)

# %%
# exercises.vgg.net.hint()      # one hint at a time
# exercises.vgg.net.solution()

# %% [markdown]
# ## More exercises
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
# To train, PyTorch keeps many outputs of the layers until the gradient
# has passed. Count the values that VGG-11's steps put out for one image, block by block
# (`prod(step.output)`). Which block needs most? How many parameters does it have?
#
# <details><summary>Solution</summary>
#
# The first block puts out 44 % of all values, and it has 640 of 128,806,154 parameters.
# Memory in training follows the maps, not the weights.
# </details>
#
# ### 3. See far without depth
#
# *medium, 20 minutes*
#
# In a convolution with `dilation=2` the nine units that a 3×3 kernel reads are two
# apart, so it covers 5×5. Give it to the *shallow* nets: the MACs stay, and the last
# maps see 16×16. Predict where their lines end with the dots, then train three.
#
# <details><summary>Solution</summary>
#
# They end with the deep ones and not with the shallow ones, although they have one
# convolution in a block. With the dots, what counts is how far a unit sees.
# </details>
#
# ### 4. Column C
#
# *hard, 20 minutes*
#
# The paper's table 1 has a network C: VGG-16, but the third convolution of blocks 3, 4
# and 5 is 1×1. Build it for 3 channels and 1,000 classes. How many parameters does it have,
# and what does its last map see? Compare it with VGG-16 and VGG-13.
#
# <details><summary>Solution</summary>
#
# It has 133,638,952 parameters and sees 156×156, as VGG-13 does: a 1×1 filter reads one
# position and sees no further. VGG-16 sees 212×212. In the paper C does better than B,
# which is VGG-13, and worse than D, which is VGG-16 (table 3). The authors
# conclude that more ReLUs help, and that seeing more helps too.
# </details>
#
# ## What you have seen
#
# - One block, repeated with half the rows and twice the channels, makes a family of
#   networks from one list each. Depth costs arithmetic and activation memory, hardly any
#   parameters, and needs an initialization that suits it.
# - Two 3×3 see what one 5×5 sees, with 28 % fewer weights, and count the middle more.
#   At equal arithmetic one 3×3 learned the digits more slowly and came close in the end; where
#   seeing far was needed, both did what it could not.
# - VGG-11 has 128,806,154 parameters, and 102,760,448 of them are the weights of its
#   first fully connected layer.
#
# Does a convolutional network need that layer? The next lesson, on NiN, takes it away.
#
# Next: [Lesson 3: NiN](03_nin.ipynb)
#
# ## References
#
# - K. Simonyan, A. Zisserman. [Very Deep Convolutional Networks for Large-Scale Image
#   Recognition](https://arxiv.org/abs/1409.1556). 2014. Sections and tables in this
#   lesson are of this paper.
# - W. Luo, Y. Li, R. Urtasun, R. Zemel. [Understanding the Effective Receptive Field in
#   Deep Convolutional Neural Networks](https://arxiv.org/abs/1701.04128). 2016.
# - K. He and others. [Delving Deep into
#   Rectifiers](https://arxiv.org/abs/1502.01852). 2015. Kaiming's rule.
# - X. Glorot, Y. Bengio. [Understanding the difficulty of training deep feedforward
#   neural networks](https://proceedings.mlr.press/v9/glorot10a.html). 2010. Xavier's.
# - M. Zeiler, R. Fergus. [Visualizing and Understanding Convolutional
#   Networks](https://arxiv.org/abs/1311.2901). 2014. Occlusion maps.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep
#   Learning](https://d2l.ai). Section 8.2 (VGG).

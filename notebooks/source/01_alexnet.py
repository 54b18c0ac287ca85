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
# - build AlexNet layer by layer, and see where its parameters are and where its
#   arithmetic is, which is not the same place;
# - measure what ReLU and dropout do on real images, and what they do not do.
#
# **Time:** 65 minutes, and 75 for questions and exercises. Running every cell takes
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
import matplotlib.pyplot as plt
import torch
from torch import nn

from course_utils import best_device, digits, fashion_mnist, fit, tasks
from layerwise import draw, lab, print_shapes, table, trace

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#7f7f7f"  # also told apart by colour-blind readers
plt.rcParams.update({"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## What LeNet could not do
#
# LeNet (1998) reads handwritten digits of 28×28 pixels. Two convolutions turn the
# image into **feature maps**: grids of numbers, one grid per **channel**, where a
# large number says "what this filter looks for is here". Three fully connected
# layers turn the last maps into ten scores, one for each digit. Scores of this kind
# are called **logits**.
#
# A shape such as `[1, 6, 28, 28]` means 1 image, 6 channels, 28 rows, 28 columns.

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

# %% [markdown]
# A photograph has more pixels. What happens if you give LeNet one of 224×224?

# %% tags=["nbval-ignore-output"]
try:
    lenet(torch.zeros(1, 1, 224, 224))
except RuntimeError as error:
    print(error)

# %% [markdown]
# The convolutions do not mind: a filter slides over an image of any size. The
# first fully connected layer does. It has one weight for each number that
# arrives, and 16 maps of 54×54 are 46,656 numbers, not the 400 it was built for.
#
# You could make that layer larger. A second problem would remain. What computes one
# number of a layer is called a **unit**, or **neuron**. The **receptive field** of a
# unit in a feature map is the square of input pixels that can change its number. How
# much of the image does one unit of LeNet's last maps see?

# %%
from sklearn.datasets import load_sample_image

digit = digits(size=28, device="cpu")[0].images[6, 0]
photo = load_sample_image("flower.jpg")[:, 120:547]


def show(ax, image, size, sides, title):
    """Draw an image of size × size pixels, and a square for each receptive field."""
    ax.imshow(image, extent=(0, size, size, 0), cmap="gray_r")
    for side in sides:
        start, end = (size - side) / 2, (size + side) / 2
        ax.plot([start, end, end, start, start], [start, start, end, end, start], color="#56b4e9")
        ax.text(end, end, f"{side}×{side}", color="white", backgroundcolor=BLUE, fontsize=7,
                ha="right", va="top")
    ax.set_title(title)
    ax.axis("off")


last_map = [step for step in trace(lenet, (1, 1, 28, 28)).steps if step.receptive_field][-1]
side = last_map.receptive_field[0]
print(f"LeNet's last feature maps: {last_map.output}, receptive field {side}×{side}")
_, (left, right) = plt.subplots(1, 2, figsize=(6, 3))
show(left, digit, 28, [side], "a digit, 28×28")
show(right, photo, 224, [side], "a photograph, 224×224")
plt.show()

# %% [markdown]
# *What one number at the end of LeNet's convolutions sees. The square has 16×16
# pixels in both pictures. It holds a good part of the digit, and next to nothing of
# the flower. No number in LeNet's maps could say "this is a petal".*
#
# LeNet would need more layers, coarser steps and more channels. More layers bring
# a third problem: with LeNet's sigmoids, training stalls. You will measure that
# too.

# %% [markdown]
# ## Predict
#
# Write your answers down before you go on. AlexNet reads 224×224 pixels, and its
# first layer is a convolution with 11×11 filters, stride 4 and padding 1.
#
# 1. How many rows and columns do its first feature maps have?
# 2. LeNet has about 62 thousand parameters. AlexNet has more: 10 times that number,
#    100 times, or still more?
# 3. AlexNet has five convolutions and three fully connected layers. Which of its
#    eight layers has the most parameters? Which does the most arithmetic?
# 4. Does dropout make a network more accurate on new images: always, never, or
#    sometimes?
#
# <details><summary>Where the answers are</summary>
#
# 1: *How a convolution makes a shape*. 2 and 3: *Where are the parameters, where
# is the arithmetic?* 4: *Measure: dropout*. Come back and compare.
# </details>

# %% [markdown]
# ## How a convolution makes a shape
#
# A filter, also called **kernel**, with $k$ rows lies on the image, makes one number,
# moves on by the **stride** $s$, makes the next, and stops before it would reach over
# the edge.
# **Padding** $p$ first adds $p$ rows of zeros on each side. From $n$ rows come
#
# $$\left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1$$
#
# rows. The filter can move $n + 2p - k$ rows; it does so in steps of $s$; the
# last step that does not fit is dropped ($\lfloor\;\rfloor$ rounds down); and
# there is one position more than there are steps. Columns follow the same rule.
#
# Take an image small enough to check by hand, and a filter of ones, which adds up
# what it lies on.

# %%
image = torch.arange(36.0).reshape(1, 1, 6, 6)
ones = torch.ones(1, 1, 3, 3)
sums = nn.functional.conv2d(image, ones, stride=2)
print("sums:", sums[0, 0].int().tolist())

_, ax = plt.subplots(figsize=(2.8, 2.8))
for n in range(36):
    row, column = divmod(n, 6)
    colour = GREY if row == 5 or column == 5 else "black"
    ax.text(column + 0.5, row + 0.5, n, color=colour, ha="center", va="center")
for start, end, colour in ((0.06, 2.94, BLUE), (2.06, 4.94, ORANGE)):
    ax.plot([start, end, end, start, start], [0.06, 0.06, 2.94, 2.94, 0.06], color=colour)
ax.axvspan(5, 6, color=GREY, alpha=0.2, linewidth=0)
ax.axhspan(5, 6, xmax=5 / 6, color=GREY, alpha=0.2, linewidth=0)
ax.set(xlim=(0, 6), ylim=(6, 0), aspect="equal")
ax.axis("off")
plt.show()

# %% [markdown]
# *The first window (blue) holds 0 + 1 + 2 + 6 + 7 + 8 + 12 + 13 + 14 = 63. The
# second (orange) starts two columns further on. A third would reach over the edge,
# so the last column and, for the same reason, the last row, in grey, are never
# read.*
#
# By the formula: $\lfloor (6 - 3)/2 \rfloor + 1 = 2$. Rounding down makes 1 step
# out of 1.5, and half a step of 2 is one row. You can prove that it is not read:
# change it, and the sums stay as they are. With padding 1 three windows fit, every
# number is read, and what is dropped is one row of zeros.

# %%
changed = image.clone()
changed[..., 5, :] = 1000  # the last row
changed[..., :, 5] = 1000  # the last column
print("same sums:", torch.equal(nn.functional.conv2d(changed, ones, stride=2), sums))
padded = nn.functional.conv2d(image, ones, stride=2, padding=1)
print("with padding 1:", padded[0, 0].int().tolist())

# %% [markdown]
# Now the rule as a function, and your first prediction. It holds for pooling too.


# %%
def size_after(n, kernel, stride=1, padding=0):
    """(rows that come out, rows that are dropped) for n rows."""
    steps, dropped = divmod(n + 2 * padding - kernel, stride)
    return steps + 1, dropped


print("the small image:     ", size_after(6, kernel=3, stride=2))
print("AlexNet's first layer:", size_after(224, kernel=11, stride=4, padding=1))

# %% [markdown]
# 54 rows come out, and 3 are dropped. One of the three is padding; the other two
# are the last rows of the photograph. PyTorch does this without a word. It is not
# an error, but know that it happens.
#
# ## One window, by hand
#
# Here is one convolution alone. Move a slider, with the mouse or with the arrow keys.
# Then point at a pixel of the output: you see which pixels of the input it reads, their
# products with the kernel, and the sum. *Play* moves the window. The numbers are an
# example, a part of a handwritten digit and a kernel that finds edges. What the page
# counts as MACs is explained under *Look at the shapes*.
#
# **Max pooling** and **average pooling** move a window in the same way and have no
# kernel: they keep the largest number in it, or the average.


# %%
def one_window(layer="convolution", kernel_size=3, stride=2, padding=0):
    if layer == "convolution":
        return nn.Conv2d(1, 1, kernel_size, stride, padding)
    pooling = nn.MaxPool2d if layer == "max pooling" else nn.AvgPool2d
    return pooling(kernel_size, stride, padding)


# %% [markdown]
# The lab has tasks, one at a time. Where a task asks for a prediction, type it first.
# When the lab shows what a task asks for, an explanation is offered: put your own into
# words before you open it. *Reset* takes you back to the small image above.

# %%
lab(one_window, (1, 1, 6, 6), layer=["convolution", "max pooling", "average pooling"],
    kernel_size=(1, 5), stride=(1, 4), padding=(0, 3), input_size=(3, 12),
    tasks=tasks.alexnet.WINDOW)

# %% [markdown]
# ## Build AlexNet
#
# AlexNet has eight layers with weights: five convolutions and three fully
# connected ones, which PyTorch calls linear. Its first convolution takes large
# steps, because the image is large. The comment on each line is the shape of one
# image after it.
#
# A function that takes the numbers of a layer one by one, as LeNet's sigmoid does, is an
# **activation function**; a number that it makes is a unit's **activation**. AlexNet's is
# **ReLU**: it replaces each negative number by 0. The windows of the max pooling are 3 wide
# and 2 apart, so neighbours overlap.

# %%
stem = [
    nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(),  # 96 × 54 × 54
    nn.MaxPool2d(kernel_size=3, stride=2),                             # 96 × 26 × 26
]

# %% [markdown]
# From here on, no convolution changes the number of rows. A padding of $(k - 1)/2$,
# which is 2 for a 5×5 filter and 1 for a 3×3 filter, makes up for what the filter
# takes at the edges. Only pooling shrinks the maps.
#
# The head lays the last maps out in one row of 256 · 5 · 5 = 6,400 numbers and mixes
# all with all, twice. **Dropout** sets half of the numbers to 0 while the network
# trains. The last layer makes ten scores.

# %%
middle = [
    nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),   # 256 × 26 × 26
    nn.MaxPool2d(kernel_size=3, stride=2),                     # 256 × 12 × 12
    nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),  # 384 × 12 × 12
    nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),  # 384 × 12 × 12
    nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),  # 256 × 12 × 12
    nn.MaxPool2d(kernel_size=3, stride=2),                     # 256 ×  5 ×  5
]
head = [
    nn.Flatten(),                                              # 6,400
    nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(0.5),         # 4,096
    nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),         # 4,096
    nn.Linear(4096, 10),                                       # 10
]
net = nn.Sequential(*stem, *middle, *head)

# %%
draw(net, (1, 1, 224, 224))

# %% [markdown]
# *AlexNet from left to right. A box is a feature map: its height follows the rows, its
# length the channels. The maps shrink and become many. From "Flatten" on there are no
# maps, only numbers in a row.*

# %% [markdown]
# ## Look at the shapes
#
# Put one image of noise through, layer by layer, and print what comes out. These
# are the 21 rows of the notes that this course started from.

# %%
X = torch.randn(1, 1, 224, 224)
for layer in net:
    X = layer(X)
    print(layer.__class__.__name__, 'output shape:\t', X.shape)

# %% [markdown]
# That loop did nearly a billion multiplications to learn 21 shapes. `print_shapes`, which
# you saw at work on LeNet, prints the same rows on shapes alone, without any
# arithmetic. So does `table`, which adds what each layer costs. A **MAC**
# (multiply-accumulate) is one multiplication and the addition of its result: the
# unit in which the arithmetic of a network is counted. The last column is the
# receptive field.

# %%
table(net, (1, 1, 224, 224))

# %% [markdown]
# Follow the receptive field down the table. At each layer it grows by the kernel
# less one, times the distance in the image between two neighbours on the map. The
# distance is 4 after the first convolution, and every pooling doubles it.

# %%
large = trace(net, (1, 1, 224, 224))
sides = [step.receptive_field[0] for step in large.steps if step.op == "MaxPool2d"]
_, ax = plt.subplots(figsize=(3.4, 3.4))
show(ax, photo, 224, sides, "AlexNet's three poolings")
plt.show()

# %% [markdown]
# *What one number sees after the first, second and third pooling. At the end of
# AlexNet's convolutions a number sees nearly the whole flower; at the end of
# LeNet's it saw 16×16 pixels.*
#
# ## Why these numbers?
#
# Some follow from others. Most were choices that worked on the hardware of 2012.
#
# | number | where it comes from |
# |---|---|
# | 11×11 filters, stride 4 | A choice: look at coarse structure, and quickly have 16 times fewer positions to compute. A year later 7×7 with stride 2 did better (Zeiler and Fergus 2013). |
# | 96, 256, 384, 384, 256 channels | Choices. The maps shrink, so there is room for more of them. The paper splits each number over two GPUs, so each is even. |
# | 5×5, then 3×3 filters | Choices: smaller maps, smaller filters. |
# | padding 2 and 1 | They follow: $(k - 1)/2$ keeps the size. |
# | padding 1 in the first layer | The book's choice. It makes 54×54 maps; the paper's are 55×55. |
# | 3×3 pooling, stride 2 | A choice. The paper found overlapping windows slightly better than 2×2 (section 3.4). |
# | 6,400 | It follows: 256 · 5 · 5. |
# | 4,096 | A choice: 2,048 on each GPU. |
# | dropout 0.5 | A choice, taken from Hinton and others (2012). |
# | 10 | The number of classes. |
#
# ## What the paper has and this network has not
#
# You built the network of the book *Dive into Deep Learning*. The authors of the 2012
# paper won the ImageNet competition with a top-5 error of 15.3 %, against 26.2 % for
# the second best (abstract): for so many images the right label was not among the five
# best guesses. They averaged the predictions of seven networks; one like that of the
# paper had 18.2 % (section 6). It differs from yours:
#
# | | 2012 paper | here |
# |---|---|---|
# | images | 1.2 million colour photographs, 3 channels | 1 channel |
# | first maps | 55×55 (figure 2), which needs padding 2, or images of 227×227 | 54×54 |
# | classes | 1,000 | 10 |
# | devices | two GPUs of 3 GB; convolutions 2, 4 and 5 see only the half of the maps on their own GPU (3.2, 3.5) | one |
# | local response normalization | after convolutions 1 and 2 (3.3, 3.5) | none; the VGG paper found that it does not help (2014, section 4.1) |
# | training | 90 epochs, five to six days; momentum, weight decay, images shifted and mirrored at random, which is called **augmentation** (4, 5) | 10 epochs, plain gradient descent |

# %% [markdown]
# ## Where are the parameters, where is the arithmetic?
#
# The notes say that AlexNet has 10 times the parameters of LeNet, and 260 times
# the arithmetic. Count.

# %%
small = trace(lenet, (1, 1, 28, 28))
print(f"            {'LeNet':>10} {'AlexNet':>13} {'ratio':>6}")
print(f"parameters  {small.params:>10,} {large.params:>13,} {large.params / small.params:>6,.0f}")
print(f"MACs        {small.macs:>10,} {large.macs:>13,} {large.macs / small.macs:>6,.0f}")

# %% [markdown]
# Both claims are far too low: it is 758 times the parameters and 2,252 times the
# arithmetic. Nobody has to believe such a number. Counting takes one cell.
#
# Now ask each layer.

# %%
layers = [step for step in large.steps if step.params]
names = [f"conv {i}" for i in range(1, 6)] + [f"linear {i}" for i in range(1, 4)]
for name, step in zip(names, layers):
    weights = step.params - step.output[1]  # without the biases, one per output channel
    print(f"{name:9} {weights:>11,} weights, each used {step.macs // weights:>5,} times")
linear = [step for step in layers if step.op == "Linear"]
print(f"parameters in the linear layers: {sum(s.params for s in linear) / large.params:.1%}")
print(f"MACs in the convolutions:        {1 - sum(s.macs for s in linear) / large.macs:.1%}")

_, ax = plt.subplots(figsize=(6.5, 4))
for place, step in enumerate(layers):
    for shift, share, colour in ((-0.2, step.params / large.params, BLUE),
                                 (0.2, step.macs / large.macs, ORANGE)):
        ax.barh(place + shift, 100 * share, height=0.38, color=colour)
        ax.text(100 * share + 0.7, place + shift, f"{100 * share:.1f}", va="center", fontsize=8)
ax.set(yticks=range(8), yticklabels=names, xlim=(0, 65), xlabel="% of AlexNet's total")
ax.invert_yaxis()
ax.text(30, 2.3, "share of the MACs", color=ORANGE, fontweight="bold")
ax.text(30, 4.3, "share of the parameters", color=BLUE, fontweight="bold")
plt.show()

# %% [markdown]
# *Arithmetic (orange) is in the convolutions, parameters (blue) are in the linear
# layers. The first linear layer alone has more than half of all parameters.*
#
# The printed lines say why. A convolution's weight is used once at every position of
# its output map, 54 · 54 = 2,916 times for one image in the first layer. A linear
# layer's weight is used once. So a convolution is cheap to store and expensive to
# run, and a linear layer the other way round. Remember this when NiN, GoogLeNet and
# ResNet do without the large linear layers.
#
# The same weights at every position have another effect: if a thing in the image moves by
# one stride, what the filters say of it moves by one position on the maps. This is
# **equivariance**.
#
# ## Turn one choice at a time
#
# Here is AlexNet as a function of a few of its choices. Called without any, it
# builds the network above.


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

# %%
alexnet_lab = lab(alexnet, (1, 1, 224, 224), channels=(16, 128, 16), kernel_size=(3, 15),
                  stride=(1, 8), padding=(0, 4), features=[1024, 2304, 6400, 9216],
                  input_size=[96, 160, 192, 224, 256], tasks=tasks.alexnet.NETWORK,
                  presets={"as in the paper": {"padding": 2, "features": 9216}})

# %% [markdown]
# Every slider acts at once. What differs from the start is marked, and the old number
# is struck through. Under each window stands how its size came about. Picture and table
# bear the same signs: + is new, ≠ has other numbers of its own, ↓ only follows from a change
# before it. Point at a box, or walk to it with the Tab and arrow keys, to read its numbers.
#
# What the mouse does, code can do. This sets the stride, reads what the lab says, and
# puts it back.

# %%
alexnet_lab.controls["stride"].value = 2
print(alexnet_lab.code)
print(alexnet_lab.problem)
alexnet_lab.controls["stride"].value = 4

# %% [markdown]
# ## Measure: ReLU against sigmoid
#
# LeNet's **sigmoid** squeezes every number into the range 0 to 1. AlexNet's ReLU
# cuts off at 0 and leaves the rest as it is. Does that matter?
#
# Measure it on real images: 1,797 digits written by hand, scaled to 32×32 pixels, of
# which 360 are kept for testing. To take seconds and not days, keep AlexNet's eight
# layers, but make the convolutions an eighth as wide and the linear layers narrower
# still. The weights start at random, at a scale that keeps ReLU's numbers from
# growing or shrinking on their way through the layers (He and others 2015). This choice of
# the first weights is the network's **initialization**.


# %%
def small_alexnet(activation):
    """AlexNet's eight layers, narrow, for 32×32 pixels."""
    net = nn.Sequential(
        nn.Conv2d(1, 12, kernel_size=5, stride=2, padding=2), activation(), nn.MaxPool2d(3, 2),
        nn.Conv2d(12, 32, kernel_size=5, padding=2), activation(), nn.MaxPool2d(3, 2),
        nn.Conv2d(32, 48, kernel_size=3, padding=1), activation(),
        nn.Conv2d(48, 48, kernel_size=3, padding=1), activation(),
        nn.Conv2d(48, 32, kernel_size=3, padding=1), activation(), nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(32, 128), activation(), nn.Linear(128, 128), activation(), nn.Linear(128, 10),
    )
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    return net


# %%
torch.set_num_threads(1)  # networks this small are no faster on several cores
train, test = digits(batch_size=64, size=32, device="cpu")
_, axes = plt.subplots(1, 10, figsize=(7, 0.9))
for ax, picture, label in zip(axes, train.images, train.labels):
    ax.imshow(picture[0], cmap="gray_r")
    ax.set_title(int(label), fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# *Ten of the training images, with their labels.*
#
# The loss in the next cell, cross-entropy, first makes ten shares of the ten scores, which
# are positive and add up to 1 (**softmax**). It is small where the share of the right digit
# is large. A layer learns from its **gradient**: how much the loss would change if its
# weights changed. Look at it before any training, in each of the eight layers, for
# three networks of each kind. A **seed** fixes what is random, here the first
# weights.


# %%
def gradients(activation, seed):
    """The size of the loss's gradient in each of the eight layers."""
    torch.manual_seed(seed)
    net = small_alexnet(activation)
    nn.functional.cross_entropy(net(train.images[:64]), train.labels[:64]).backward()
    return [layer.weight.grad.norm().item() for layer in net if hasattr(layer, "weight")]


relu = [gradients(nn.ReLU, seed) for seed in range(3)]
sigmoid = [gradients(nn.Sigmoid, seed) for seed in range(3)]
assert min(run[0] / run[-1] for run in relu) > 0.05
assert max(run[0] / run[-1] for run in sigmoid) < 1e-3
print("The first layer's gradient against the last layer's, in every network:")
print("ReLU: more than a twentieth. Sigmoid: less than a thousandth.")

_, ax = plt.subplots(figsize=(6, 3))
for run in relu:
    ax.semilogy(names, run, "o-", markersize=3, color=BLUE)
for run in sigmoid:
    ax.semilogy(names, run, "o-", markersize=3, color=ORANGE)
ax.set(ylabel="size of the gradient", ylim=(1e-5, 1e2))
ax.text(0.1, 15, "ReLU", color=BLUE, fontweight="bold")
ax.text(1.2, 1e-4, "sigmoid", color=ORANGE, fontweight="bold")
plt.show()

# %% [markdown]
# *Each line is one network; there are three of each kind. Each number on the left is
# ten times the one below. ReLU's gradient has about the same size in every layer.
# The sigmoid's shrinks on its way back from the loss, on the right, to the image.*
#
# The reason is the slope. The gradient is multiplied by the slope of every
# activation that it passes on its way back, and it passes seven. The sigmoid is
# steepest at 0, and even there its slope is 1/4; seven of these, multiplied, make
# 0.00006. This is the **vanishing gradient**. ReLU's slope is 1 wherever its input is
# positive.
#
# Now train: three times through the training images, with Adam, which adapts the
# length of its steps to each weight. Three seeds of each kind, about ten seconds.


# %%
def trained(activation, seed):
    torch.manual_seed(seed)
    net = small_alexnet(activation)
    return fit(net, train, test, epochs=3, lr=2e-3, seed=seed, optimizer=torch.optim.Adam)


def plot_runs(ax, runs, colour, label, height):
    """One line for each run: test accuracy after each epoch."""
    for run in runs:
        ax.plot(range(1, len(run.test_acc) + 1), run.test_acc, color=colour)
    ax.text(len(run.test_acc), height, label, color=colour, fontweight="bold", ha="right")
    ax.set(xlabel="epoch", ylabel="test accuracy")


relu = [trained(nn.ReLU, seed) for seed in range(3)]
sigmoid = [trained(nn.Sigmoid, seed) for seed in range(3)]
assert min(run.test_acc[-1] for run in relu) > max(run.test_acc[-1] for run in sigmoid) + 0.4
print("Every ReLU network ends above every sigmoid network, by more than 0.4.")

_, ax = plt.subplots(figsize=(5, 3))
plot_runs(ax, relu, BLUE, "ReLU", 0.65)
plot_runs(ax, sigmoid, ORANGE, "sigmoid", 0.14)
ax.set(ylim=(0, 1), xticks=[1, 2, 3])
plt.show()

# %% [markdown]
# *Each line is one run; there are three of each kind. The three sigmoid lines lie on
# one another, where guessing would be: one in ten.*
#
# What this shows: eight layers with sigmoids, trained the way that suits ReLU, do not
# get started. What it does not show: that sigmoids can never be trained in deep
# networks. The lesson on batch normalization comes back to that.
#
# ## Measure: dropout
#
# While the network trains, dropout sets each number to 0 with probability 1/2 and
# doubles the others, so that their sum stays the same on average. While it is
# tested, dropout does nothing.

# %%
drop, ones = nn.Dropout(0.5), torch.ones(10_000)
print("training:", drop(ones).unique().tolist())
print("testing: ", drop.eval()(ones).unique().tolist())

# %% [markdown]
# Why would you throw numbers away? A network with many more parameters than there
# are images can learn the images by heart, and that does not help with new ones. This is
# **overfitting**, and what is done against it is called **regularization**. With dropout,
# no unit can rely on another one being there.
#
# To see whether it helps, take the part of AlexNet that has the dropout, its head,
# and the digits in their original 8×8 pixels. Train it twice: with the right labels,
# and with something that is not worth learning by heart. For a share of the training
# images the label is drawn at random. The labels of the test images stay right.


# %%
def head_of_alexnet(dropout):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 256), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(256, 256), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(256, 10),
    )


def trained_head(dropout, share, epochs, seed):
    """Train with that share of the training labels drawn at random."""
    torch.manual_seed(seed)
    train, test = digits(batch_size=256, size=8, device="cpu")
    drawn = torch.rand(len(train.labels)) < share
    train.labels[drawn] = torch.randint(10, (int(drawn.sum()),))
    net, adam = head_of_alexnet(dropout), torch.optim.Adam
    return fit(net, train, test, epochs, lr=5e-3, seed=seed, optimizer=adam)


# %%
clean_without = [trained_head(0.0, share=0.0, epochs=10, seed=seed) for seed in range(3)]
clean_with = [trained_head(0.5, share=0.0, epochs=10, seed=seed) for seed in range(3)]
drawn_without = [trained_head(0.0, share=0.4, epochs=30, seed=seed) for seed in range(3)]
drawn_with = [trained_head(0.5, share=0.4, epochs=30, seed=seed) for seed in range(3)]
assert all(run.test_acc[-1] > 0.9 for run in clean_without + clean_with)
assert min(run.test_acc[-1] for run in drawn_with) > max(r.test_acc[-1] for r in drawn_without)
print("All labels right: every run ends above 0.9, with dropout and without.")
print("Labels drawn at random: every run with dropout ends above every run without.")

_, (left, right) = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
plot_runs(left, clean_without, ORANGE, "without dropout", 0.85)
plot_runs(left, clean_with, BLUE, "with dropout", 0.81)
plot_runs(right, drawn_without, ORANGE, "without dropout", 0.72)
plot_runs(right, drawn_with, BLUE, "with dropout", 0.965)
left.set(title="all training labels right", ylim=(0.7, 1))
right.set(title="40 % of them drawn at random", ylabel="")
plt.show()

# %% [markdown]
# *Each line is one run; there are three of each kind. Left: by the end you cannot
# tell the two kinds apart. Right: without dropout the accuracy rises, and then falls
# as the network learns the wrong labels too. With dropout it stays up.*
#
# Dropout helps where there is something to be learnt by heart that should not be.
# With right labels and easy images there is not, and it makes no difference that you
# could see. So the answer to the fourth prediction is: sometimes.
#
# ## Train at full size
#
# The notes train every network with `train_ch6`, from the library that comes with
# the book. It starts from weights of its own, takes plain gradient steps, each `lr`
# times the gradient, and draws as it goes. Here are two epochs of it on the digits,
# with the head from above.

# %% tags=["nbval-ignore-output"]
from d2l import torch as d2l

train_iter, test_iter = digits(batch_size=16, size=8)
d2l.train_ch6(head_of_alexnet(0.5), train_iter, test_iter, 2, 0.1, d2l.try_gpu())

# %% [markdown]
# *The loss falls and the accuracies rise. Accuracy is higher on the test images for two
# reasons: dropout is off while they are tested, and the accuracy in training is an
# average over an epoch in which the network still learns. Your numbers differ a little
# from the ones stored here; the speed is that of your machine.*
#
# The book trains the full network on Fashion-MNIST, 60,000 photographs of clothes, at
# 224×224 pixels: ten epochs in batches of 128, with steps of 0.01. That is the
# arithmetic of 1.8 million forward passes, since a training step costs about three.
# It takes minutes on a GPU and hours on a CPU. The data, 30 MB, is downloaded once.
#
# The second cell does the same with `fit`, which leaves the weights that you give it
# as they are; so give it those that `train_ch6` starts from. With
# `checkpoint="alexnet.pt"` a run that was interrupted goes on where it was.

# %% tags=["nbval-ignore-output"]
import os

FULL_SIZE = best_device().type != "cpu"  # set it to True to train on whatever there is
data = None
if not FULL_SIZE:
    print("Skipped: there is no GPU, and a CPU needs hours. To run it all the same, "
          "set FULL_SIZE = True in this cell, run it, and then the next.")
else:
    torch.set_num_threads(os.cpu_count())
    try:
        data = fashion_mnist(batch_size=128, size=224)
    except FileNotFoundError as error:
        print(error)
if data:
    d2l.train_ch6(alexnet(), *data, 10, 0.01, best_device())

# %% tags=["nbval-ignore-output"]
if not data:
    print("Skipped: it needs the data that the cell above did not load.")
else:
    full = alexnet()
    for layer in full:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
    fit(full, *data, epochs=10, lr=0.01).plot()

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
#    nothing behind it can tell.
# 2. For the first linear layer alone. A convolution's filters do not depend on the size of
#    the image, and the later linear layers read 4,096 numbers in any case.
# 3. Runs differ by their first weights and by the order of the images. If the runs of the
#    same kind differ as much as the two kinds, the difference says nothing.
# </details>
#
# ## Exercises
#
# ### 1. The broken line
#
# *easy, 5 minutes*
#
# The notes behind this course print the
# first layer as `nn.Conv2d(1, 966, kernel_size=11, stride=4, padding=1)`, and the rest
# as you know it. Which layer fails? Which two numbers does the message name? Think
# first, then try it. (Their code also breaks off after the first linear layer. The
# shapes that they print, the same 21 rows as yours, tell what is missing.)
#
# <details><summary>Solution</summary>
#
# The first layer is fine by itself and makes 966 maps. The second convolution was
# built to read 96, and 966 arrive. An error shows in the layer that cannot go on,
# and that is often not the layer that is wrong.
# </details>
#
# ### 2. Which sizes?
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
# 193 to 224: rounding down has a good side, and 32 sizes in a row give the same maps.
# The new layer goes in front of `nn.Flatten()`. Then every size from 65 on works: the
# last pooling has to receive 3 rows, so the one before it 7, so the first one 15, and
# 15 rows come from $14 \cdot 4 + 11 - 2 = 65$ pixels.
# </details>
#
# ### 3. A thinner head
#
# *medium, 10 minutes*
#
# Make the two hidden linear layers 1,024
# wide and not 4,096. What part of its parameters does AlexNet keep, and what part of
# its MACs? Write down a guess before you call `table`.
#
# <details><summary>Solution</summary>
#
# Less than a quarter of the parameters, 11.3 million, and 96 % of the MACs.
# </details>
#
# ### 4. Is it fair?
#
# *medium, 15 minutes*
#
# `small_alexnet` scales its weights to suit
# ReLU. Use `nn.init.xavier_uniform_(layer.weight)`, which was made with functions
# such as the sigmoid in mind, and repeat the comparison. Then look at the gradients
# with `nn.Tanh`, the function that the paper compares ReLU with.
#
# <details><summary>Solution</summary>
#
# With other first weights the sigmoid's slope is still at most 1/4, seven times over.
# Let three seeds tell you whether that is enough. The gradient of tanh survives: its
# slope at 0 is 1, not 1/4. So it is not the curved shape as such that stops the sigmoid.
# </details>
#
# ### 5. The network of 2012
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
#
# The next cell, folded away, proves the numbers in the solutions and in the answers to
# *Turn one choice at a time*.


# %% jupyter={"source_hidden": true}
def accepts(net, size):
    try:
        return bool(trace(net, (1, 1, size, size)))
    except RuntimeError:
        return False


longer_filters = trace(alexnet(kernel_size=14), (1, 1, 224, 224))
assert [step.output for step in longer_filters.steps] == [step.output for step in large.steps]
assert not accepts(alexnet(padding=2), 224) and accepts(alexnet(padding=2, features=9216), 224)

assert [n for n in (192, 193, 224, 225) if accepts(net, n)] == [193, 224]
any_size = alexnet().insert(13, nn.AdaptiveAvgPool2d((5, 5)))
assert [n for n in (64, 65, 66, 500) if accepts(any_size, n)] == [65, 66, 500]

for seed in range(3):
    tanh, slow = gradients(nn.Tanh, seed), gradients(nn.Sigmoid, seed)
    assert tanh[0] / tanh[-1] > 100 * slow[0] / slow[-1]
assert f"{0.25 ** 7:.5f}" == "0.00006"

convs = [step for step in large.steps if step.op == "Conv2d"]
thin = trace(nn.Sequential(nn.Linear(6400, 1024), nn.Linear(1024, 1024), nn.Linear(1024, 10)),
             (1, 6400))
assert round((thin.params + sum(step.params for step in convs)) / 1e6, 1) == 11.3
assert round((thin.macs + sum(step.macs for step in convs)) / large.macs, 2) == 0.96

paper = [nn.Conv2d(3, 96, 11), nn.Conv2d(96, 256, 5, groups=2), nn.Conv2d(256, 384, 3),
         nn.Conv2d(384, 384, 3, groups=2), nn.Conv2d(384, 256, 3, groups=2),
         nn.Linear(256 * 6 * 6, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)]
assert sum(p.numel() for layer in paper for p in layer.parameters()) == 60_965_224

# %% [markdown]
# ## What you have seen
#
# - $\lfloor (n + 2p - k)/s \rfloor + 1$ gives the shape after every convolution and
#   pooling, and rounding down can drop the last rows.
# - AlexNet has 758 times the parameters of LeNet, nearly all of them in its linear
#   layers, and 2,252 times the arithmetic, nearly all of it in its convolutions.
# - In eight layers the sigmoid's gradient all but disappears and ReLU's does not.
#   Dropout helped where labels were wrong, and made no difference where none were.
#
# AlexNet's five convolutions have three kernel sizes, two strides and three numbers
# of channels, each of them a choice. Suppose that you want a deeper network: where
# do you put the next layer, and how wide is it? The next lesson, on VGG, asks
# whether one block, repeated, can take the place of all those choices.
#
# Next: [Lesson 2: VGG](02_vgg.ipynb)
#
# ## References
#
# - A. Krizhevsky, I. Sutskever, G. Hinton. [ImageNet Classification with Deep
#   Convolutional Neural Networks](https://papers.nips.cc/paper/4824). 2012. Sections
#   and figures in this lesson are of this paper unless another is named.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-Based Learning Applied to
#   Document Recognition. 1998. The LeNet here is the book's, which differs a little.
# - G. Hinton and others. [Improving neural networks by preventing co-adaptation of
#   feature detectors](https://arxiv.org/abs/1207.0580). 2012. Dropout.
# - M. Zeiler, R. Fergus. [Visualizing and Understanding Convolutional
#   Networks](https://arxiv.org/abs/1311.2901). 2013.
# - K. Simonyan, A. Zisserman. [Very Deep Convolutional Networks for Large-Scale Image
#   Recognition](https://arxiv.org/abs/1409.1556). 2014.
# - K. He and others. [Delving Deep into
#   Rectifiers](https://arxiv.org/abs/1502.01852). 2015. The scale of the first weights.
# - A. Araujo, W. Norris, J. Sim. [Computing Receptive Fields of Convolutional Neural
#   Networks](https://distill.pub/2019/computing-receptive-fields). 2019.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep
#   Learning](https://d2l.ai). Sections 7.6 (LeNet) and 8.1 (AlexNet).

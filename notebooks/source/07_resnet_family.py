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
# # 7. The ResNet family and its use
#
# **How does one block become a whole family of networks, and how do you use one that somebody
# else has trained?**
#
# In this lesson you
#
# - read a printed network, and build ResNet-18 to ResNet-152 from two blocks and one class;
# - train the notes' ResNet for small images, and measure what a training recipe adds;
# - carry a trained network over to new images and new classes, with five images of each
#   (**fine-tuning**), and see where ResNets work inside larger networks.
#
# **Time:** 50 minutes, and 120 for questions and exercises. Running every cell takes
# about half a minute.
#
# **You need:** lesson 6, on why the residual block works. No internet, no GPU.
#
# [Contents](00_contents.ipynb) · [Lesson 6: ResNet](06_resnet.ipynb) · [Lesson 8: After ResNet](08_after_resnet.ipynb)
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

from course_utils import (digits, evaluate, exercises, photograph, predict, recorded, runs, show,
                          show_images, tasks, use_style)
from layerwise import explain, lab, print_shapes, trace

use_style()

# %% [markdown]
# ## What lesson 6 leaves open
#
# You know what the block does for deep networks. Two questions are left. How is a network that
# people use, such as ResNet-50, put together from it? And what if you have few images? A deep
# network that starts from
# random weights needs many.
#
# Here is what the second question is about. You have the digits 0 to 4 from a good scanner, many images of each,
# at their own 8×8 pixels. Now comes another camera, and the light is poor. You take **five images of each digit**.

# %%
from dataclasses import replace

torch.set_num_threads(1)  # networks as small as those below are no faster on several cores
train, test = digits(batch_size=64, size=8, device="cpu")
OLD, NEW = range(5), range(5, 10)


def part(data, classes, first=0, each=None):
    """The images of some digits, `each` of every digit, with labels that begin at 0."""
    rows = [(data.labels == digit).nonzero().flatten()[first:][:each] for digit in classes]
    labels = torch.cat([torch.full_like(some, place) for place, some in enumerate(rows)])
    images = data.images[torch.cat(rows)]
    return replace(data, images=images, labels=labels, classes=tuple(map(str, classes)))


def dim(images, noise=0.15):
    """The same images, darker and with noise."""
    random = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (0.4 * images + noise * random).clamp(0, 1)


def poor_light(data):
    return replace(data, images=dim(data.images))


# %%
def grid(images):
    """25 images in five rows, as one picture, with grey lines between them."""
    framed = F.pad(images, (1, 1, 1, 1), value=0.5)
    return framed.reshape(5, 5, 10, 10).transpose(1, 2).reshape(50, 50)


show_images([grid(part(data, OLD, each=5).images) for data in (train, poor_light(train))],
            ("good scanner", "poor light"), columns=2, inches=2.6,
            alt="Two pictures, each with five images of the digits 0 to 4. On the left they are bright on black; "
                "on the right they are dark grey, with noise in every pixel.")

# %% [markdown]
# *Left: some of the scanner's images; there are more than 140 of each digit. Right: all that you have from the new camera.*
#
# You will see that a residual network that starts from random weights and has only these 25 images gets more than a third of
# the new camera's digits wrong.

# %% [markdown]
# ## Predict
#
# Write your answers down before you go on.
#
# 1. ResNet-18 has blocks in groups of 2, 2, 2, 2. Make that 3, 4, 6, 3. Is it ResNet-50?
# 2. You have a network that was trained on the good scanner's images, and 25 images in poor light. What is best: use it as it is,
#    start anew, or train it on from where it is?
# 3. Torchvision trained the same ResNet-50 twice, by an old recipe and by one of 2021. How many more
#    photographs of a hundred does the second one recognize: 1, 5 or 15?
#
# <details><summary>Where the answers are</summary>
#
# 1: *From 18 to 152 layers*. 2: *Measure: fine-tuning*. 3: *Measure: a training recipe*.
# </details>
#
# ## Read a printed network
#
# You will often meet a network as PyTorch prints it. One of the notes shows this print, and asks what
# the network does with a batch of 128×64×28×28:
#
# ```
# Sequential(
#   (0): BasicBlock(
#     (conv1): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
#     (bn1): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
#     (conv2): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
#     (bn2): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
#     (shortcut): Sequential()
#   )
#   (1): BasicBlock(
#     (conv1): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
#     (bn1): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
#     (conv2): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
#     (bn2): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
#     (shortcut): Sequential()
#   )
# )
# ```
#
# A print shows the **modules** that a network owns, under the names that `__init__` gave them. It does not
# show what `forward` does with them: no ReLU, no add, not even the order. For that you need the
# code. Here it is: the block of the paper and of torchvision. Two of the notes have it. It differs from the book's
# `Residual`, which you built in lesson 6, in three things:
#
# - The block itself checks whether it needs a projection, so you cannot forget it.
# - The projection ends in a batch norm, as the other branch of the add does.
# - The convolutions have no bias.


# %%
def projection(in_channels, channels, stride):
    """Nothing where the shape stays; else a 1×1 convolution that makes the same shape."""
    if stride == 1 and in_channels == channels:
        return nn.Sequential()                   # empty: passes its input on
    return nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
                         nn.BatchNorm2d(channels))


class BasicBlock(nn.Module):
    expansion = 1                                # channels out, for each channel inside

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = projection(in_channels, channels, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)

# %%
two_blocks = nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64))
print(trace(two_blocks, (128, 64, 28, 28)))

# %% [markdown]
# Print `two_blocks` yourself, in a cell of your own: it prints what stands above. (PyTorch 2.15 adds `bias=True` to each
# batch norm.) And this is the answer to the note's question, step by step. Look for the step that reads
# "the block's input", and for the add.

# %%
explain(two_blocks, (128, 64, 28, 28))

# %% [markdown]
# No step changes the shape. An empty `Sequential` gives back what it gets, so the shortcut of these blocks is the input itself.
#
# Another note tests the block four times: channels that stay or double, at stride 1 and 2.

# %%
x = torch.randn(1, 64, 32, 32)
for number, (channels, stride) in enumerate([(64, 1), (128, 1), (64, 2), (128, 2)], start=1):
    block = BasicBlock(64, channels, stride)
    params = sum(p.numel() for p in block.parameters())
    print(f"test {number}: input {tuple(x.shape)}, output {tuple(block(x).shape)}, {params:,} parameters")

# %% [markdown]
# Where does the block have a projection? In tests 2, 3 and 4. There the input no longer reaches the add unchanged.
#
# That note names three benefits: the shortcut eases vanishing gradients, features are used again, training is steadier. Lesson 6 measured
# the first. Initialization and batch norm also keep the gradient from vanishing; what the add removes is degradation.
#
# ## Build the network
#
# The last of the notes has a ResNet for small images such as those of CIFAR-10, 32×32 pixels in colour. ResNet-18's stem for photographs (7×7 convolution, stride 2, pooling) would make
# 8×8 maps of them at once. So the stem here is one 3×3 convolution. `_make_layer` builds a **stage**: the first block has the stride, the others
# have 1. It keeps `self.in_channels` up to date, so each block knows
# how many channels come in.


# %%
class ResNet(nn.Module):
    def __init__(self, block, num_blocks, num_classes=10, in_channels=3, width=64, window=0):
        super().__init__()
        self.in_channels = width
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.Identity()
        self.layer1 = self._make_layer(block, width, num_blocks[0], stride=1)
        self.layer2 = self._make_layer(block, 2 * width, num_blocks[1], stride=2)
        self.layer3 = self._make_layer(block, 4 * width, num_blocks[2], stride=2)
        self.layer4 = self._make_layer(block, 8 * width, num_blocks[3], stride=2)
        self.average = nn.AvgPool2d(window) if window else nn.AdaptiveAvgPool2d((1, 1))
        self.linear = nn.Linear(8 * width * block.expansion, num_classes)

    def _make_layer(self, block, channels, num_blocks, stride):
        layers = []
        for place in range(num_blocks):
            layers.append(block(self.in_channels, channels, stride if place == 0 else 1))
            self.in_channels = channels * block.expansion
        return nn.Sequential(*layers)

    def features(self, x):                                       #   3 × 32 × 32
        out = self.pool(F.relu(self.bn1(self.conv1(x))))         #  64 × 32 × 32
        out = self.layer2(self.layer1(out))                      # 128 × 16 × 16
        out = self.layer4(self.layer3(out))                      # 512 ×  4 ×  4
        return self.average(out).flatten(1)                      # 512

    def forward(self, x):
        return self.linear(self.features(x))                     #  10


cifar_net = ResNet(BasicBlock, [2, 2, 2, 2])
print_shapes(cifar_net, (2, 3, 32, 32))

# %% [markdown]
# Three things differ from the note. Its code does not import `F`, so it stops at the first call of `forward`. Its
# convolutions have biases, each in front of a batch norm, which subtracts them again (lesson 5). And it ends with
# `F.avg_pool2d(out, 4)`, an average over windows of 4×4, where this class averages whatever arrives. How many
# parameters do these biases add, for nothing? And which image sizes can the note's network read?


# %%
convs = [module for module in cifar_net.modules() if isinstance(module, nn.Conv2d)]
params, dead = sum(p.numel() for p in cifar_net.parameters()), sum(conv.out_channels for conv in convs)
print(f"{len(convs)} convolutions, {params:,} parameters; {params + dead:,} with {dead:,} biases")


def takes(net, size):
    try:
        return bool(trace(net, (2, 3, size, size)))
    except RuntimeError:
        return False


as_in_the_note = ResNet(BasicBlock, [2, 2, 2, 2], window=4)
sizes = [size for size in range(1, 100) if takes(as_in_the_note, size)]
print(f"windows of 4×4: {sizes[0]} to {sizes[-1]} pixels;",
      "adaptive, all from 1 to 99:", all(takes(cifar_net, size) for size in range(1, 100)))

# %% [markdown]
# ## From 18 to 152 layers
#
# "The number of layers can be changed: ResNet18, ResNet34, ResNet50", says the note. From ResNet-18
# to ResNet-34 only the number of blocks changes. From ResNet-50 on the block is another one, the
# **bottleneck**: a 1×1 convolution makes
# few channels, a 3×3 convolution works on these, and a 1×1 convolution makes four times as many again. You
# know the idea from GoogLeNet's reductions.


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
        self.shortcut = projection(in_channels, 4 * channels, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += self.shortcut(x)
        return F.relu(out)


predict("A basic block and a bottleneck with 64 channels inside both read and make 256 channels. By which factor "
        "has the basic block more parameters?", round(trace(BasicBlock(256, 256), (1, 256, 8, 8)).params
                                                      / trace(Bottleneck(256, 64), (1, 256, 8, 8)).params))

# %%
for block in (BasicBlock(256, 256), Bottleneck(256, 64), BasicBlock(64, 64)):
    one = trace(block, (1, block.conv1.in_channels, 56, 56))
    print(f"{type(block).__name__:10} {one.inputs[0][1]:>3} channels in and out: {one.params:>9,} parameters")

# %% [markdown]
# With 256 channels in and out a bottleneck has a seventeenth of the parameters. Or the other way round: for the
# parameters of a basic block with 64 channels you get a bottleneck with 256.
#
# Now the family, for photographs and the 1,000 classes of ImageNet. Only the stem changes. Beside your networks stand
# torchvision's; the **meta** device has shapes and no numbers, so that 60 million weights take no time.

# %%
from torchvision import models

FAMILY = {18: (BasicBlock, [2, 2, 2, 2]), 34: (BasicBlock, [3, 4, 6, 3]), 50: (Bottleneck, [3, 4, 6, 3]),
          101: (Bottleneck, [3, 4, 23, 3]), 152: (Bottleneck, [3, 8, 36, 3])}


def family_member(depth, num_classes=1000):
    net = ResNet(*FAMILY[depth], num_classes)
    net.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
    net.pool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
    return net


for depth in FAMILY:
    with torch.device("meta"):
        ours, theirs = family_member(depth), models.get_model(f"resnet{depth}")
    t = trace(ours, (1, 3, 224, 224))
    same = [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    print(f"ResNet-{depth:<3} {t.params:>10,} parameters {t.macs / 1e9:5.2f} G MACs, shapes as torchvision's: {same}")

thirty_four = trace(ResNet(BasicBlock, [3, 4, 6, 3]), (1, 3, 32, 32))
print(f"the note's class with 3, 4, 6, 3: {thirty_four.params:,} parameters")

# %% [markdown]
# Why 18? The layers with weights on the longest path: 1 + 2 · (2 + 2 + 2 + 2) convolutions and the linear layer. With 3, 4, 6, 3 it is 34. ResNet-50 has the
# same four numbers, with three convolutions in a block: 1 + 3 · 16 + 1. So the list alone does not make a ResNet-50: it takes the other block.
#
# ## Turn one choice at a time
#
# The lab takes the class itself. `window` is the window of the note's average; adaptive averages the whole map.

# %%
lab(ResNet, (1, 3, 32, 32), block=[BasicBlock, Bottleneck], num_blocks=[[2, 2, 2, 2], [3, 4, 6, 3]],
    width=[16, 64], window={"adaptive": 0, "4×4": 4}, input_size=[16, 24, 32, 56, 64],
    tasks=tasks.resnet_family.CLASS)

# %% [markdown]
# ## Train it
#
# At full width, on the 50,000 images of CIFAR-10, this takes hours on a CPU. So train it an eighth as wide and with
# one block in each stage, on the good scanner's digits 0 to 4. Three runs, each from other initial weights.

# %% tags=["nbval-ignore-output"]
def small_resnet(num_classes=5):
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes, in_channels=1, width=8)


pretrained = runs(small_resnet, part(train, OLD), part(test, OLD), epochs=4, lr=3e-3, optimizer=torch.optim.Adam)
for net, history in zip(pretrained.nets, pretrained):
    print(f"{history}; in poor light {evaluate(net, part(poor_light(test), OLD)):.2f}")

# %% [markdown]
# *One row for each run. The number at the end is the accuracy in poor light.* The scanner's test images are easy. In poor light the same
# networks get 40 % of the images or more wrong: they have never seen such pictures. This is called a **domain shift**.
#
# ## Measure: fine-tuning
#
# A network that was trained on one task and is wanted for another is called **pretrained**. There are three ways to a new task:
#
# - **from scratch**: start from random weights, as if there were no other network;
# - **fine-tuning**: train all weights on from where they are;
# - a **linear probe**: train the last layer alone; the other layers stay as they are, they are
#   **frozen**.
#
# Try them on two tasks, each with five images of five digits: *poor light*, and the *new classes* 5 to 9 from the good scanner, for
# which the last layer must begin anew. With 25 images an epoch is one step, so here is the training loop itself.


# %%
import copy


def learn(net, data, exam, count=50, lr=3e-3):
    """Train on all images in each step; return the test accuracy after every fifth step."""
    adam, accuracies = torch.optim.Adam(net.parameters(), lr), []
    for number in range(1, count + 1):
        net.train()
        loss = F.cross_entropy(net(data.images), data.labels)
        adam.zero_grad()
        loss.backward()
        adam.step()
        if number % 5 == 0:
            accuracies.append(evaluate(net, exam))
    return accuracies


def start(seed, way, new_head):
    """A network to start from: random weights, or a copy of the pretrained ones."""
    torch.manual_seed(seed + 100)
    net = small_resnet() if way == "from scratch" else copy.deepcopy(pretrained.nets[seed])
    torch.manual_seed(seed)
    if new_head:
        net.linear.reset_parameters()
    return net


def seen_by(net, data):
    """What a frozen network makes of the images: these are the images of its last layer."""
    with torch.no_grad():
        return replace(data, images=net.eval().features(data.images))

# %% [markdown]
# A frozen network has to run only once for each image. What it makes of them is all that the new layer ever sees.

# %%
TASKS = {"poor light": (poor_light(train), poor_light(test), OLD), "new classes": (train, test, NEW)}


def adapt(task, way, seed, count=50):
    images, exam_images, classes = TASKS[task]
    data, exam = part(images, classes, first=5 * seed, each=5), part(exam_images, classes)
    net = start(seed, way, new_head=task == "new classes")
    if way == "linear probe":
        return learn(net.linear, seen_by(net, data), seen_by(net, exam), count, lr=3e-2)
    return learn(net, data, exam, count)

# %% tags=["nbval-ignore-output"]
adapted = {(task, way): [adapt(task, way, seed) for seed in pretrained.seeds]
           for task in TASKS for way in ("from scratch", "linear probe", "fine-tuning")}
for (task, way), accuracies in adapted.items():
    ends = ", ".join(f"{run[0]:.2f} … {run[-1]:.2f}" for run in accuracies)
    print(f"{task:11} {way:12} after 5 … 50 steps: {ends}")

_, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
STYLES = {"from scratch": "#d55e00", "linear probe": "#7f7f7f", "fine-tuning": "#0072b2"}
for ax, task in zip(axes, TASKS):
    for way, style in zip(STYLES, ("--", ":", "-")):
        for run in adapted[task, way]:
            ax.plot(range(5, 51, 5), run, style, color=STYLES[way], label=way)
    ax.set(title=task, xlabel="step", ylim=(0, 1))
axes[0].set_ylabel("test accuracy")
axes[1].legend(*zip(*{label: (line, label) for line, label in zip(*axes[1].get_legend_handles_labels())}.values()))
show("Test accuracy by step, three lines for each way to start, with the ends as printed above. In both panels fine-tuning "
     "is high from the first steps on. From scratch rises late: on the new classes almost as high, in poor light not.")

# %% [markdown]
# *Each line is one run, and each run has its own 25 images, five of each digit. Guessing gives
# 0.2.*
#
# - **Poor light.** Fine-tuning ends far above training from scratch, in each run. The lines from
#   scratch still rise at step 50, and are still far below. From 25 noisy images it is hard to learn
#   what a digit is. The pretrained network knows that, and has to learn only the light.
# - **New classes.** Fine-tuning is nearly at its end after 20 steps. From scratch takes about twice as long and ends less than 0.1
#   below it: these images are clean and easy. He, Girshick and Dollár (2019) found something similar on photographs:
#   pretraining makes training shorter, and it makes the result better only where there are few images.
# - **A linear probe** ends below fine-tuning, in each run of both tasks. On the new classes this is
#   no surprise: features that tell 0 to 4 apart are not all that 5 to 9 need.
#
# So pretraining helps as far as the new task needs what was learned on the old one.
#
# ### Look inside: the mistakes
#
# Before you trust a network, look at what it gets wrong. Here are test images in poor light that a fine-tuned network takes for another digit,
# the most certain mistakes first.

# %%
net, exam = start(0, "fine-tuning", new_head=False), part(poor_light(test), OLD)
learn(net, part(poor_light(train), OLD, each=5), exam, count=30)
with torch.no_grad():
    shares, guesses = net.eval()(exam.images).softmax(1).max(1)  # how certain it is, and of what
wrong = (guesses != exam.labels).nonzero().flatten()
worst = wrong[shares[wrong].argsort(descending=True)][:8]
show_images([2 * exam.images[index] for index in worst],
            [f"{exam.labels[index]} as {guesses[index]}" for index in worst],
            alt="Eight noisy digits of 8×8 pixels, each with its label and the network's answer above it.")

# %% [markdown]
# *The digit, and what the network takes it for; shown twice as bright.* Which of them can you read?
#
# ## Measure: a training recipe
#
# A **recipe** is all that one chooses about training besides the network. Three parts are in nearly every recipe for ResNets:
#
# - a **schedule** makes the steps smaller in the course of training, here along a cosine, down to 0;
# - **augmentation** changes the training images a little each time, here by a shift of up to one pixel in each direction. A shifted 3 is still a 3;
# - **weight decay** pulls each weight towards 0 in each step.
#
# Take five images of each of the ten digits from the good scanner and the same network, and leave
# parts out. The optimizer is **SGD**, stochastic gradient descent, with **momentum**, as in the
# ResNet paper. Each step follows a sum: the new gradient, and 0.9 times the sum of the step before. (The
# `momentum` of batch norm is another thing, lesson 5.)


# %%
def shifted(images):
    padded = F.pad(images, (1, 1, 1, 1))
    corners = torch.randint(0, 3, (len(images), 2)).tolist()
    return torch.stack([image[:, row:row + 8, column:column + 8]
                        for image, (row, column) in zip(padded, corners)])


# %%
def with_recipe(seed, schedule=False, augment=False, decay=0.0, count=60):
    torch.manual_seed(seed)
    data, net = part(train, range(10), first=5 * seed, each=5), small_resnet(num_classes=10)
    sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=decay)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, count)
    for _ in range(count):
        net.train()
        loss = F.cross_entropy(net(shifted(data.images) if augment else data.images), data.labels)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        if schedule:
            cosine.step()
    return evaluate(net, test)

# %% tags=["nbval-ignore-output"]
RECIPES = {"none of them": {}, "schedule": {"schedule": True}, "augmentation": {"augment": True},
           "schedule and augmentation": {"schedule": True, "augment": True},
           "all three": {"schedule": True, "augment": True, "decay": 5e-3}}
for name, recipe in RECIPES.items():
    print(f"{name:25} test accuracy", ", ".join(f"{with_recipe(seed, **recipe):.2f}" for seed in pretrained.seeds))

# %% [markdown]
# *One number for each run.* With a schedule, augmentation helps in each run. Without a schedule, a
# run with augmentation can end low: the steps stay large, and the weights do not settle. Do
# more steps help (`count=120`)? The schedule alone changes almost
# nothing, and weight decay adds nothing that three runs could show. To switch parts on and off like
# this is an **ablation**.
#
# Other data need other recipes; that is why one measures. On ImageNet torchvision trained its ResNets twice, by two
# recipes, and states the accuracy of both (top-1: the share of test photographs whose first guess is right).

# %%
for name in ("resnet50", "resnet101", "resnet152"):
    old, new = (weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] for weights in models.get_model_weights(name))
    print(f"{name:9} old recipe {old:.1f} %, recipe of 2021 {new:.1f} %")

# %% [markdown]
# No layer was changed. The new recipe for ResNet-50 trains 600 epochs in place of 90, with stronger
# augmentation (also mixing two photographs), label smoothing (the right class has a target a little
# below 1, the others a little above 0) and an average of the weights over the steps. Whoever
# compares two networks has to train both by the same recipe.
#
# ## Use a trained one
#
# "In practice use a pretrained model, do not train from scratch", one note advises. What can go wrong with a pretrained network?
# ResNet-20 was trained for this course on photographs of ten classes, CIFAR-10's (lesson 6). Send a cat through it in three
# ways, and then a flower.

# %% tags=["nbval-ignore-output"]
resnet20, recording = recorded.load("resnet20")
print(recording)
cat, flower = photograph("cat.jpg"), photograph("flower.jpg")
sent = {"as it is": cat, "red and blue swapped": cat.flip(1), "in poor light": dim(cat, 0.05), "not in the classes": flower}
titles = []
for name, image in sent.items():
    with torch.no_grad():
        share, number = resnet20(recording.prepare(image)).softmax(1)[0].max(0)
    titles.append(f"{name}:\n{recording.classes[number]}, {share:.0%}")
show_images([image[0] for image in sent.values()], titles, columns=4, inches=2,
            alt=f"A cat, the same in wrong colours, the same dark and noisy, and a flower. Answers: {titles}.")

# %% [markdown]
# *Each picture with the answer, and its share in the softmax.* The cat is recognized, with a share of only 33 %. With two colours swapped the same
# network answers airplane, with 88 %. In poor light, where the cat is hard to see for you too, it
# answers with another animal. A flower is none of
# its classes, so it answers with one that it has. Two photographs are no measurement, but they show one thing: a high share in the
# softmax does not mean that the answer is right.
#
# So four things have to match the training:
#
# - the order of the colours: red, green, blue;
# - their scale and the size of the picture;
# - the mode, `eval()`, so that batch norm uses its stored averages;
# - the classes, and the kind of picture.
#
# Torchvision has the weights of the whole family, trained on ImageNet. They fit the networks that you built, since these have the
# same layers; only two names differ.
#
# The next cell downloads the weights of ResNet-18, 45 MB, once. Loading a file of weights can run code that hides in it; `weights_only` refuses
# everything but numbers. Without internet the cell prints one line.

# %% tags=["nbval-ignore-output"]
import contextlib
import io
import socket

from sklearn.datasets import load_sample_image

socket.setdefaulttimeout(20)  # seconds
weights, photo = models.ResNet18_Weights.DEFAULT, load_sample_image("flower.jpg")
try:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        saved = weights.get_state_dict(weights_only=True, check_hash=True, progress=False)
except (OSError, RuntimeError):
    print("Skipped: the weights could not be downloaded. With internet, run this cell again.")
else:
    named = {name.replace("downsample", "shortcut").replace("fc.", "linear."): value for name, value in saved.items()}
    net = family_member(18)
    net.load_state_dict(named)
    image = weights.transforms()(torch.tensor(photo).permute(2, 0, 1))
    with torch.no_grad():
        shares, classes = net.eval()(image[None]).softmax(1)[0].topk(3)
    for share, number in zip(shares, classes):
        print(f"{share:6.1%}  {weights.meta['categories'][number]}")

# %% [markdown]
# `weights.transforms()` takes care of the scale and the size. To fine-tune the network on your photographs, give it a new last layer,
# `net.linear = nn.Linear(512, your_classes)`, and go on as above.
#
# ## Where ResNets are used
#
# The notes name three uses: classification of images, **detection** of objects (a box and a class for each), and **semantic segmentation** (a class for each pixel).
# Torchvision has a network for each. All three have a ResNet-50 in them that makes the features: their **backbone**.

# %%
from torchvision.models import detection, segmentation

with torch.device("meta"):
    whole = {
        "classification": models.resnet50(),
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
# The stages have the same 23.5 million parameters in all three, so the same pretrained weights fit. What follows them differs.
#
# - Classification averages the last maps and has one linear layer.
# - Detection takes the maps of all four stages. It enlarges the coarse ones and adds them to the
#   finer ones (a **feature pyramid**, Lin and others 2017). The output printed here is the finest
#   of the new maps. The rest of the detector, Faster R-CNN (Ren and others 2015), reads boxes from
#   all of them. How many boxes depends on the picture, so this part is left out of the trace.
# - Segmentation, by a network that torchvision names after that of Long and others (2015), keeps the maps of stages three and four at 28×28, for finer borders. Their 3×3 convolutions have stride 1 and
#   **dilation** instead: the nine places that a kernel reads lie further apart (Yu and Koltun 2016). That is where the MACs come from.
#
# ## Questions
#
# Answer in writing, in a few sentences each.
#
# 1. How many projections does ResNet-18 have, and how many does ResNet-50? Where does the difference come from?
# 2. A friend has 200 X-ray images and wants to train a ResNet-152 from scratch. What do you advise, and what would you measure first?
# 3. "Our new network beats ResNet-50's 76.1 %." What do you ask?
#
# <details><summary>Answers</summary>
#
# 1. 3 and 4. In ResNet-18 the first stage gets 64 channels and makes 64. In ResNet-50 it gets 64 and makes 256, so its first block needs one too,
#    at stride 1.
# 2. Take a smaller pretrained network, fine-tune it, and augment the images. Measure both from several seeds, on images that neither has seen:
#    fine-tuned and from scratch. X-rays differ much from photographs, so measure and do not assume.
# 3. With which recipe was it trained? The same ResNet-50 has 80.9 % with a newer one.
# </details>
#
# ## Exercises
#
# Write your answer in place of `...`, and run the cell and the check below it. The check names what is
# wrong, and where to look. For a hint, remove the `#` in front of it; hints come one at a time.

# %% [markdown]
# ### One stage
#
# *medium, 10 minutes*
#
# Write `make_layer(block, in_channels, channels, num_blocks, stride)`: a `Sequential`
# of `num_blocks` blocks. The first one reads `in_channels` and has the stride; the others keep the
# size. A block is called as `block(in_channels, channels, stride)` and makes `channels *
# block.expansion` channels, with `BasicBlock` as with the bottleneck.

# %% tags=["exercise"]
def make_layer(block, in_channels, channels, num_blocks, stride):
    ### BEGIN SOLUTION
    blocks = []
    for number in range(num_blocks):
        blocks.append(block(in_channels, channels, stride if number == 0 else 1))
        in_channels = channels * block.expansion
    return nn.Sequential(*blocks)
    ### END SOLUTION

# %%
exercises.resnet_family.make_layer.check(make_layer)

# %%
# exercises.resnet_family.make_layer.hint()      # one hint at a time
# exercises.resnet_family.make_layer.solution()

# %% [markdown]
# ### The bottleneck
#
# *medium, 20 minutes*
#
# Write the class `MyBottleneck(in_channels, channels, stride=1)`: a 1×1 convolution to
# `channels`, a 3×3 convolution with the stride, a 1×1 convolution to 4 · `channels`, each with
# batch norm and the first two with a ReLU; the shortcut; the add, and a ReLU. No convolution has a
# bias. Where the shape changes, the shortcut is that of ResNet-D (T. He and others 2019): average
# pooling with window and stride `stride`, a 1×1 convolution with stride 1, batch norm. So it reads
# all pixels, where a 1×1 convolution with stride 2 reads one in four.

# %% tags=["exercise"]
class MyBottleneck(nn.Module):
    expansion = 4

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != 4 * channels:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride),
                nn.Conv2d(in_channels, 4 * channels, 1, bias=False),
                nn.BatchNorm2d(4 * channels),
            )
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = F.relu(self.bn2(self.conv2(Y)))
        Y = self.bn3(self.conv3(Y))
        return F.relu(Y + self.shortcut(X))
        ### END SOLUTION

# %%
exercises.resnet_family.bottleneck.check(MyBottleneck)

# %%
# exercises.resnet_family.bottleneck.hint()      # one hint at a time
# exercises.resnet_family.bottleneck.solution()

# %% [markdown]
# ### A head for every size
#
# *easy, 10 minutes*
#
# A note ends its ResNet with `F.avg_pool2d(out, 4)`, a `view`, and `nn.Linear(512,
# 10)`. It works for images of 25 to 56 pixels and fails for all others. Write `head(channels,
# num_classes)`: a network that takes maps of any size, averages each, and makes the logits with one
# linear layer.

# %% tags=["exercise"]
def head(channels, num_classes):
    ### BEGIN SOLUTION
    return nn.Sequential(
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(channels, num_classes),
    )
    ### END SOLUTION

# %%
exercises.resnet_family.pooling.check(head)

# %%
# exercises.resnet_family.pooling.hint()      # one hint at a time
# exercises.resnet_family.pooling.solution()

# %% [markdown]
# ## More exercises
#
# ### 1. Read a print
#
# *easy, 10 minutes*
#
# Print `nn.Sequential(BasicBlock(64, 128, stride=2))`. Which lines are new beside the note's print? Somebody writes a block with the same
# `__init__` and leaves `out += self.shortcut(x)` out of `forward`. Does the print show it? What does?
#
# <details><summary>Solution</summary>
#
# The shortcut holds a `Conv2d` and a `BatchNorm2d`, and the first convolution has stride 2. The print of the other block is the same: it lists modules, and an add is not
# one. `explain` and `trace` show what runs: a step `add` is missing, and the shortcut's layers are never reached (`trace(…).unused`).
# </details>
#
# ### 2. Whose ResNet-50?
#
# *medium, 15 minutes*
#
# The paper's table 1 gives ResNet-50 3.8 billion MACs; you counted more. In the paper the first 1×1 convolution of a bottleneck has the stride,
# here, as in torchvision, the 3×3 convolution. Build the paper's form and count. What does it never look at?
#
# <details><summary>Solution</summary>
#
# 3.86 billion, in place of 4.09: in the first block of stages two to four, the first convolution makes smaller maps. But a 1×1 window with
# stride 2 reads one place out of four, and the other three never reach $F$.
#
# ```python
# class PaperBottleneck(Bottleneck):
#     def __init__(self, in_channels, channels, stride=1):
#         super().__init__(in_channels, channels, stride)
#         self.conv1.stride, self.conv2.stride = (stride, stride), (1, 1)
# ```
# </details>
#
# ### 3. CIFAR's own ResNets
#
# *medium, 20 minutes*
#
# The ResNets that the paper trains on CIFAR-10 have three stages, with 16, 32 and 64 channels and n blocks each, and one 3×3 convolution as a stem. Write
# `cifar_resnet(n)` with `BasicBlock`. How many layers does it have, not counting projections? For which n is it ResNet-20, and how many parameters has that?
#
# <details><summary>Solution</summary>
#
# 6n + 2 layers: 2n convolutions in each of three stages, the stem and the linear layer. n = 3 makes ResNet-20, with 272,474 parameters. (The paper has 0.27 M. Its
# shortcuts pad with zeros where the channels grow, and have no weights; these have 2,752.)
#
# ```python
# def cifar_resnet(n, num_classes=10):
#     net = ResNet(BasicBlock, [n, n, n, 1], num_classes, width=16)
#     net.layer4, net.linear = nn.Identity(), nn.Linear(64, num_classes)
#     return net
# ```
# </details>
#
# ### 4. How long to freeze?
#
# *hard, 25 minutes*
#
# Between a linear probe and fine-tuning lies a middle way: train the new last layer and `layer4`, freeze the rest (`requires_grad_(False)`). Measure it
# on both tasks with three seeds. Which task needs the early layers more? Guess first.
#
# <details><summary>Solution</summary>
#
# Poor light changes the pixels, which the early layers see first; new classes change the meaning, which the late layers hold. Write a row for each seed, and
# say only what all three rows show. Mind batch norm: with frozen weights and in training mode it
# still moves its averages, so call `eval()` on the frozen part.
# </details>
#
# ## What you have seen
#
# - Two blocks and one class make the whole family: `BasicBlock` ResNet-18 and 34, `Bottleneck` ResNet-50, 101 and 152. A print shows modules, and not
#   what `forward` does with them.
# - With 25 images in poor light, fine-tuning a pretrained network ended far above training from
#   scratch. With 25 clean images of new classes it was sooner at its end, and a little better.
#   Pretraining helps as far as the new task needs what was learned on the old one.
# - The recipe counts too: the same ResNet-50 gained almost 5 points on ImageNet by training alone.
#
# ResNet-50 is from 2015. What did others change about its block, and what was the gain? That is
# lesson 8.
#
# Next: [Lesson 8: After ResNet](08_after_resnet.ipynb)
#
# ## References
#
# - K. He, X. Zhang, S. Ren, J. Sun. [Deep Residual Learning for Image Recognition](https://arxiv.org/abs/1512.03385). 2016.
# - K. He, R. Girshick, P. Dollár. [Rethinking ImageNet Pre-training](https://arxiv.org/abs/1811.08883). 2019.
# - J. Yosinski and others. [How transferable are features in deep neural networks?](https://arxiv.org/abs/1411.1792) 2014.
# - T. He and others. [Bag of Tricks for Image Classification with Convolutional Neural Networks](https://arxiv.org/abs/1812.01187). 2019. ResNet-D.
# - R. Wightman, H. Touvron, H. Jégou. [ResNet strikes back](https://arxiv.org/abs/2110.00476). 2021. Recipes.
# - V. Vryniotis. [How to train state-of-the-art models using torchvision](https://pytorch.org/blog/how-to-train-state-of-the-art-models-using-torchvision-latest-primitives/). 2021. The new recipe.
# - T.-Y. Lin and others. [Feature Pyramid Networks for Object Detection](https://arxiv.org/abs/1612.03144). 2017.
# - S. Ren and others. [Faster R-CNN](https://arxiv.org/abs/1506.01497). 2015.
# - J. Long, E. Shelhamer, T. Darrell. [Fully Convolutional Networks for Semantic Segmentation](https://arxiv.org/abs/1411.4038). 2015.
# - F. Yu, V. Koltun. [Multi-Scale Context Aggregation by Dilated Convolutions](https://arxiv.org/abs/1511.07122). 2016.
# - A. Zhang, Z. Lipton, M. Li, A. Smola. [Dive into Deep Learning](https://d2l.ai). Sections 8.6 (ResNet) and 14.2 (fine-tuning).

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
# # Modern CNNs, layer by layer
#
# **What is this course, and how do you move in it?**
#
# This course follows convolutional neural networks (CNNs) for images from LeNet, which reads digits, to
# ResNet and what came after it. You build each network from scratch in PyTorch, see the shape of every
# layer, change its choices and see at once what changes and what breaks, and measure each claim
# on real images.
#
# **Time:** 15 minutes. Running every cell takes a few seconds.
#
# **You need:** Python, and to have seen a convolution and a training loop before. A laptop is
# enough: no internet, no GPU.
#
# [Lesson 1: AlexNet](01_alexnet.ipynb)
#
# ## The road
#
# Each lesson asks one question, and its answer raises the next one. Take them in this order. A
# shorter way leads from lesson 1 to lesson 5, which needs no other, and on to lesson 6.
#
# | | lesson | its question | minutes | what it adds |
# |---|---|---|---|---|
# | 1 | [AlexNet](01_alexnet.ipynb) | What did it take to go from reading digits to recognizing photographs? | 55&nbsp;+&nbsp;95 | To LeNet: size, ReLU, max pooling, dropout. You learn to work out shapes, parameters and MACs. |
# | 2 | [VGG](02_vgg.ipynb) | Can one block, repeated, take the place of all the choices in AlexNet? | 50&nbsp;+&nbsp;105 | One block of 3×3 convolutions, repeated: a family of networks from one line each. |
# | 3 | [NiN](03_nin.ipynb) | Does a convolutional network need fully connected layers? | 50&nbsp;+&nbsp;75 | The 1×1 convolution, and a global average in place of large linear layers. |
# | 4 | [GoogLeNet](04_googlenet.ipynb) | Which kernel size is right, and why choose? | 50&nbsp;+&nbsp;105 | Parallel paths, stacked as channels, and 1×1 convolutions that keep them cheap. |
# | 5 | [Batch normalization](05_batch_norm.ipynb) | Why does a deep network depend so much on its first weights, and can a layer make it depend less on them? | 50&nbsp;+&nbsp;120 | A layer that keeps the size of the numbers, however deep the network is. |
# | 6 | [ResNet](06_resnet.ipynb) | Why can you not stack as many layers as you like, and what does one addition change about it? | 55&nbsp;+&nbsp;95 | The shortcut `out += x`, with which 56 layers no longer train worse than 20. |
# | 7 | [The ResNet family](07_resnet_family.ipynb) | How does one block become a whole family of networks, and how do you use one that somebody else has trained? | 50&nbsp;+&nbsp;120 | One class for all ResNets, training recipes, and fine-tuning on your own images. |
# | 8 | [After ResNet](08_after_resnet.ipynb) | ResNet's frame stays and only the block changes: what does each new block buy, and what does it cost? | 55&nbsp;+&nbsp;155 | Other blocks in the same frame, four different costs, and how to choose. |
#
# *Minutes: for the lesson + for its questions and exercises.*

# %%
import os
import sys

if "google.colab" in sys.modules:  # there, fetch the course; elsewhere it is installed
    os.system("pip install -q --no-deps git+https://github.com/YOUR_NAME/modern-cnns d2l==1.0.3")

# %%
import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import EngFormatter
from torchvision import models

from course_utils import exercises, nets, show, tasks, use_style
from layerwise import lab, trace

# %% [markdown]
# ## The road in one picture
#
# These are the networks of the course in the order in which you meet them, with the lesson and the
# year of the first publication. (Lesson 5 is about a layer, so it has no network here.) LeNet takes
# grey digits of 28×28 pixels, and has 10 classes. All others take colour photographs of 224×224
# pixels, and have 1,000 classes. `nets` holds the course's own versions. The last four come from
# torchvision, PyTorch's collection of networks.

# %%
DIGIT, PHOTO = (1, 1, 28, 28), (1, 3, 224, 224)
BIG = {"in_channels": 3, "num_classes": 1000}
NETWORKS = [
    (1, "LeNet", 1998, nets.lenet, DIGIT, {}),
    (1, "AlexNet", 2012, nets.alexnet, PHOTO, BIG),
    (2, "VGG-11", 2014, nets.vgg, PHOTO, BIG),
    (3, "NiN", 2013, nets.nin, PHOTO, BIG),
    (4, "GoogLeNet", 2014, nets.googlenet, PHOTO, BIG),
    (6, "ResNet-18", 2015, nets.resnet18, PHOTO, BIG),
    (7, "ResNet-50", 2015, nets.resnet50, PHOTO, BIG),
    (7, "ResNet-152", 2015, nets.resnet152, PHOTO, BIG),
    (8, "ResNeXt-50", 2016, models.resnext50_32x4d, PHOTO, {}),
    (8, "MobileNetV2", 2018, models.mobilenet_v2, PHOTO, {}),
    (8, "DenseNet-121", 2016, models.densenet121, PHOTO, {}),
    (8, "ConvNeXt-T", 2022, models.convnext_tiny, PHOTO, {}),
]

# %% [markdown]
# `trace` runs a network on shapes alone, without numbers, and notes what every step does. It takes
# almost no memory and no time. A step knows from which steps its numbers come (`sources`). So
# you can count the layers with weights that an image passes on the longest path. A MAC is one
# multiplication and one addition, the unit in which the arithmetic of a network is counted: see
# lesson 1.

# %%
def layers_in_a_row(t):
    """How many layers with weights stand one behind the other on the longest path."""
    passed = {-1: 0}                                       # -1 is the image
    for step in t.steps:
        before = max((passed[source] for source in step.sources), default=0)
        passed[step.index] = before + (step.op in ("Conv2d", "Linear"))
    return max(passed.values())


traces = {}
print("lesson  network       year  layers   parameters            MACs")
for lesson, name, year, build, shape, choices in NETWORKS:
    with torch.device("meta"):                             # a device without numbers
        t = traces[name] = trace(build(**choices), shape)
    print(f"{lesson:6}  {name:12}  {year}  {layers_in_a_row(t):6}  {t.params:11,}  {t.macs:14,}")

# %%
LEFT = {"NiN": -8, "GoogLeNet": 0, "DenseNet-121": 0, "ResNeXt-50": 6}
RIGHT = {"ConvNeXt-T": 1, "ResNet-50": -13, "ResNet-18": -7}  # how much higher the name stands
use_style()
_, ax = plt.subplots(figsize=(9, 4.6))
places = {name: (t.params, t.macs) for name, t in traces.items()}
road = [places[name] for lesson, name, *_ in NETWORKS if lesson < 8]
ax.loglog(*zip(*road), color="0.7", linewidth=1)
for lesson, name, *_ in NETWORKS:
    mark, colour = ("o", "#0072b2") if lesson < 8 else ("s", "#d55e00")
    ax.plot(*places[name], mark, color=colour, markersize=6)
    side, x = ("right", -9) if name in LEFT else ("left", 9)
    ax.annotate(name, places[name], (x, (LEFT | RIGHT).get(name, 0)), textcoords="offset points",
                ha=side, va="center", color=colour, bbox={"color": "white", "pad": 0.5})
for axis, words in ((ax.xaxis, "parameters"), (ax.yaxis, "MACs for one image")):
    axis.set_major_formatter(EngFormatter())               # 10 k, 1 M, 1 G
    axis.set_label_text(words)
show("Twelve networks, placed by the parameters and the MACs of the table above. A line leads from "
     "LeNet far below to AlexNet and VGG-11 on the right, back to NiN and GoogLeNet in the middle, "
     "and up to ResNet-152. The four networks of lesson 8 stand beside that line.")

# %% [markdown]
# *Circles and line: the road of lessons 1 to 7. Squares: the networks of lesson 8. Each number on an
# axis is ten times the one before: k is a thousand, M a million, G a billion.*
#
# The road does not lead straight to larger networks.
#
# - VGG has the most parameters, and ResNet-152, with less than half of them, does the most
#   arithmetic. They are two different costs.
# - NiN does about as much arithmetic as AlexNet with a seventh of its parameters. Lesson 3 shows
#   which layers went.
# - ResNeXt-50 and ConvNeXt-T stand beside ResNet-50: other blocks, at almost the same cost.
# - This picture cannot tell how accurate a network is, or how long it takes. Lesson 8 can.
#
# ## How to use a lesson
#
# - Open it, and run one cell after another with Shift+Enter. Before you run a cell, say what it
#   will show.
# - Change what you like and run it again. *Restart Kernel and Run All Cells* in the menu
#   *Kernel* starts afresh.
# - Each lesson has questions at its end. The answers are folded: write yours down first.
# - *Train at full size*, where a lesson has it, trains only where there is a GPU.
#
# ## A lab to try
#
# A **lab** takes a function that builds a network, and gives each of its choices a control. The one
# below has two choices. Move a slider, or click its number and type. At once you see the network,
# its line of code, and the layers that changed. Some choices break the network. That is
# intended: the lab says which layer fails, why, and which settings would work.
#
# | button or menu | what it does |
# |---|---|
# | Undo, Redo, Reset | go one setting back, go forward again, or return to the start |
# | Pin | compares what you do next with this setting, not with the start |
# | Copy setting | copies a line of code, `first.set(…)`: run it in a new cell, and it brings this setting back |
# | Preset | goes to a setting that has a name |
#
# Beside the controls stand **tasks**, one at a time. Type your prediction before you turn anything.
# When the lab shows what a task asks for, it offers an explanation.

# %%
def lenet(channels=6, padding=2):
    return nets.lenet(channels=(channels, 16), paddings=(padding, 0))


first = lab(lenet, DIGIT, channels=(2, 16, 2), padding=(0, 4), tasks=tasks.contents.LENET,
            presets={"LeNet": {}, "12 channels": {"channels": 12}, "no padding": {"padding": 0}})

# %% [markdown]
# A lab needs a running kernel. A notebook that you only look at, on GitHub or before you run its
# cells, shows the picture, the table and the tasks of the last setting, and no controls. Run the
# cell of the lab, and they are back.
#
# ## Where you are
#
# Each lesson ends with exercises: you write code, and a check says what it does. Run the next cell to
# see which were right on this machine. `exercises.forget()` clears that.

# %%
exercises.where_you_are()

# %% [markdown]
# ## Where a term is explained
#
# ablation [4] · activation [1] · activation function [1] · activation memory [2] ·
# arithmetic intensity [8] · attention [8] · augmentation [1] · auxiliary classifier [4] ·
# average pooling [1] · backbone [7] · batch [1] · batch normalization [5] · bias [1] ·
# bottleneck [7] · broadcasting [6] · buffer [5] · cardinality [8] · channel [1] ·
# class activation map [3] · concatenate [4] · confounder [4] · confusion matrix [1] ·
# cross-entropy [1] · degradation [6] · depthwise convolution [8] ·
# depthwise separable convolution [8] · detection [7] · dilation [7] · dimension reduction [4] ·
# domain shift [7] · dropout [1] · early stopping [1] · effective receptive field [2] · epoch [1] ·
# equivariance [1] · factorization [4] · fan-in [2] · feature map [1] · feature pyramid [7] ·
# fine-tuning [7] · fold [5] · frame [8] · from scratch [7] · frozen [7] · fully connected [1] ·
# fully convolutional [3] · GELU [8] · global average pooling [3] · gradient [1] · group norm [5] ·
# grouped convolution [8] · growth rate [8] · head [2] · hidden layer [2] · hook [6] ·
# identity shortcut [6] · Inception [4] · initialization [1] · instance norm [5] · internal covariate shift [5] ·
# inverted residual [8] · Kaiming's rule [2] · kernel [1] · layer norm [8] · lesion study [6] ·
# linear bottleneck [8] · linear probe [7] · logits [1] · loss [1] · MAC [1] · max pooling [1] ·
# meta [7] · module [7] · momentum [7] · moving average [5] · neuron [1] · NiN block [3] ·
# occlusion map [2] · overfitting [1] · padding [1] · patches [8] · plain [6] ·
# pointwise convolution [3] · pretrained [7] · projection shortcut [6] · receptive field [1] ·
# recipe [7] · regularization [1] · ReLU [1] · residual [6] · residual stream [6] · schedule [7] ·
# seed [1] · semantic segmentation [7] · SGD [7] · shattered gradients [6] · shortcut [6] ·
# sigmoid [1] · skip connection [6] · softmax [1] · squeeze-and-excitation [8] · stage [7] ·
# stem [4] · stride [1] · top-1 accuracy [8] · top-1 error [2] · top-5 error [1] · trace [1] ·
# transition [8] · unit [1] · unraveled view [6] · vanishing gradient [1] · VGG block [2] ·
# weight decay [7]
#
# [1]: 01_alexnet.ipynb
# [2]: 02_vgg.ipynb
# [3]: 03_nin.ipynb
# [4]: 04_googlenet.ipynb
# [5]: 05_batch_norm.ipynb
# [6]: 06_resnet.ipynb
# [7]: 07_resnet_family.ipynb
# [8]: 08_after_resnet.ipynb
#
# Next: [Lesson 1: AlexNet](01_alexnet.ipynb)

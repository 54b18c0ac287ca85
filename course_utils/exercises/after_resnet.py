"""The exercises of lesson 8: two blocks of later networks, and a design of your own."""

from ._exercise import Exercise
from ._findings import Mistake
from ._goals import Goal
from ._networks import Case, Networks

_LESSON = "08_after_resnet"

separable = Exercise(
    lesson=_LESSON,
    name="separable",
    title="A depthwise separable block",
    difficulty="medium",
    minutes=15,
    task="""Write `my_separable(in_channels, out_channels, stride=1)`, the block of MobileNet: a
depthwise 3×3 convolution (one filter for each channel) with the stride, then a 1×1 convolution to
`out_channels`. Batch norm and a ReLU follow each; no convolution has a bias.""",
    code="""def my_separable(in_channels, out_channels, stride=1):
    ### BEGIN SOLUTION
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels), nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels), nn.ReLU(),
    )
    ### END SOLUTION
""",
    judge=Networks(
        (
            Case((4, 8), (3, 4, 6, 7)),
            Case((4, 6, 2), (3, 4, 7, 8)),
            Case((6, 3, 2), (3, 6, 6, 6)),
        ),
        "my_separable(in_channels, out_channels, stride)",
    ),
    hints=(
        "A depthwise convolution does not mix channels: how many groups are these?",
        "Only the 1×1 mixes channels, so only it can change their number.",
    ),
    reason="""With as many groups as channels each filter reads one channel, so the 3×3 mixes
places and the 1×1 mixes channels. The stride belongs to what looks at places.""",
    made=(
        Mistake(
            "no groups",
            ((" groups=in_channels,", ""),),
            says="Your 3×3 reads all channels in every filter: it is a common convolution. What "
            "splits the channels?",
        ),
        Mistake(
            "two groups",
            (("groups=in_channels", "groups=2"),),
            says="Your 3×3 is split into two groups. Depthwise means that each channel is alone.",
        ),
        Mistake(
            "groups of the output",
            (
                ("in_channels, in_channels, 3", "in_channels, out_channels, 3"),
                ("groups=in_channels", "groups=out_channels"),
                ("nn.BatchNorm2d(in_channels)", "nn.BatchNorm2d(out_channels)"),
                (
                    "nn.Conv2d(in_channels, out_channels, 1",
                    "nn.Conv2d(out_channels, out_channels, 1",
                ),
            ),
            says="Your 3×3 has as many groups as channels come out of the block. It works on the "
            "channels that go in, one filter for each.",
        ),
        Mistake(
            "1×1 first",
            code="""def my_separable(in_channels, out_channels, stride=1):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, stride, 1, groups=out_channels, bias=False),
        nn.BatchNorm2d(out_channels), nn.ReLU(),
    )
""",
            says="Your 1×1 comes first. Asked for is the depthwise 3×3 first, then the 1×1.",
        ),
        Mistake(
            "stride in the 1×1",
            (
                ("in_channels, 3, stride, padding", "in_channels, 3, padding"),
                ("out_channels, 1, bias", "out_channels, 1, stride, bias"),
            ),
            says="Your stride stands in the 1×1, so most of what the 3×3 made is thrown away. "
            "Which of the two looks at places?",
        ),
        Mistake(
            "nothing between",
            (("        nn.BatchNorm2d(in_channels), nn.ReLU(),\n", ""),),
            says="Between your two convolutions stand neither batch norm nor ReLU. Both follow "
            "each convolution.",
        ),
        Mistake(
            "missing ReLU",
            (("nn.BatchNorm2d(in_channels), nn.ReLU(),", "nn.BatchNorm2d(in_channels),"),),
        ),
        Mistake(
            "ReLU at the end forgotten",
            (("nn.BatchNorm2d(out_channels), nn.ReLU(),", "nn.BatchNorm2d(out_channels),"),),
            says="After the last batch norm no ReLU follows. (MobileNetV2 leaves it out; this is "
            "the block of the first.)",
        ),
        Mistake("bias", ((", bias=False", ""),)),
        Mistake("padding", ((" padding=1,", ""),)),
    ),
)

dense = Exercise(
    lesson=_LESSON,
    name="dense",
    title="A dense block",
    difficulty="hard",
    minutes=25,
    task="""Write the class `DenseBlock(num_layers, in_channels, growth)`. Each layer is batch
norm, ReLU and a 3×3 convolution to `growth` channels, without bias, that keeps the size. It reads
everything so far, the block's input and what all earlier layers made, joined along the channels,
newest last. The block gives all of it: `in_channels + num_layers * growth` channels.""",
    code="""class DenseBlock(nn.Module):
    def __init__(self, num_layers, in_channels, growth):
        super().__init__()
        ### BEGIN SOLUTION
        layers = []
        for number in range(num_layers):
            width = in_channels + number * growth
            layers.append(nn.Sequential(
                nn.BatchNorm2d(width), nn.ReLU(),
                nn.Conv2d(width, growth, 3, padding=1, bias=False),
            ))
        self.layers = nn.ModuleList(layers)
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        for layer in self.layers:
            Y = layer(X)
            X = torch.cat((X, Y), dim=1)
        return X
        ### END SOLUTION
""",
    judge=Networks(
        (
            Case((2, 4, 4), (3, 4, 6, 7)),
            Case((3, 5, 2), (3, 5, 6, 6)),
            Case((1, 3, 4), (3, 3, 5, 5)),
        ),
        "DenseBlock(num_layers, in_channels, growth)",
    ),
    hints=(
        "How many channels does the first layer read, and how many the second?",
        "Keep one tensor that grows: join what a layer made to what it read.",
        "A plain list hides layers from PyTorch. Which list does it know?",
    ),
    reason="""Layer number n reads in_channels + n · growth channels. The tensor that grows holds
everything so far, so one concat after each layer is enough, and at the end it is the output.""",
    made=(
        Mistake(
            "channels do not grow",
            (("in_channels + number * growth", "in_channels"),),
            says="Every layer of yours reads in_channels. The second one gets what the first one "
            "made besides: how many channels are these?",
        ),
        Mistake(
            "added",
            (
                ("in_channels + number * growth", "in_channels"),
                ("torch.cat((X, Y), dim=1)", "X + Y"),
            ),
            says="You add, as a ResNet does. A dense block sets new channels beside the old.",
        ),
        Mistake(
            "reads only the newest",
            (
                ("in_channels + number * growth", "in_channels if number == 0 else growth"),
                (
                    "            Y = layer(X)\n            X = torch.cat((X, Y), dim=1)\n",
                    "            X = layer(X)\n",
                ),
            ),
            says="Your layers stand one after the other, and each reads only the newest maps. What "
            "becomes of the others?",
        ),
        Mistake(
            "input dropped at the end",
            (
                (
                    "        for layer in self.layers:\n",
                    "        width = X.shape[1]\n        for layer in self.layers:\n",
                ),
                ("        return X", "        return X[:, width:]"),
            ),
            says="Your block gives only what its layers made. The block's input belongs to its "
            "output too.",
        ),
        Mistake(
            "newest first",
            (("torch.cat((X, Y), dim=1)", "torch.cat((Y, X), dim=1)"),),
            says="You set the new maps in front of the old. Asked for is the newest last.",
        ),
        Mistake(
            "convolution first",
            (
                ("                nn.BatchNorm2d(width), nn.ReLU(),\n", ""),
                (
                    "padding=1, bias=False),\n",
                    "padding=1, bias=False),\n                nn.BatchNorm2d(growth), nn.ReLU(),\n",
                ),
            ),
            says="Your convolutions come before batch norm and ReLU. In this block they come last.",
        ),
        Mistake(
            "a plain list",
            (("self.layers = nn.ModuleList(layers)", "self.layers = layers"),),
            says="Your layers stand in a plain list, where PyTorch does not find them: no "
            "optimizer would train them.",
        ),
        Mistake("missing ReLU", (("nn.BatchNorm2d(width), nn.ReLU(),", "nn.BatchNorm2d(width),"),)),
        Mistake("bias", ((", bias=False", ""),)),
        Mistake(
            "padding",
            ((" padding=1,", ""),),
            says="Your convolutions make smaller maps than they read, so old and new cannot be "
            "joined.",
        ),
    ),
)

design = Exercise(
    lesson=_LESSON,
    name="design",
    title="Small and good",
    difficulty="hard",
    minutes=40,
    task="""Write `small_net()`: a network for the digits at 1×16×16 that gives ten logits, with
at most 10,000 parameters and a million MACs for an image. The check trains it for ten epochs
(Adam, learning rate 0.003, batches of 64, seed 0), which takes up to 20 seconds. In its best
epoch at least 97 % of the test images have to be right. A linear layer alone gets about 94 %.""",
    code="""def small_net():
    ### BEGIN SOLUTION
    def block(in_channels, out_channels):
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU())

    return nn.Sequential(
        block(1, 8), nn.MaxPool2d(2), block(8, 16), nn.MaxPool2d(2), block(16, 32),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )
    ### END SOLUTION
""",
    judge=Goal("small_net()", params=10_000, macs=1_000_000, accuracy=0.97),
    hints=(
        "Where are the parameters of a small network? Let table(net, (1, 1, 16, 16)) tell you.",
        "Global average pooling needs no parameters, batch norm hardly any.",
        "Channels may double where the maps are halved: 8, 16, 32.",
    ),
    reason="""Convolutions share their weights, batch norm lets them train fast, and global
average pooling replaces the hidden linear layers, where most parameters would be: 6,274 are
enough.""",
    made=(
        Mistake(
            "too many parameters",
            code="""def small_net():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16 * 8 * 8, 64), nn.ReLU(), nn.Linear(64, 10),
    )
""",
        ),
        Mistake(
            "too many MACs",
            code="""def small_net():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10),
    )
""",
        ),
        Mistake(
            "no convolution",
            code="""def small_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(16 * 16, 10))
""",
        ),
        Mistake(
            "too few right",
            code="""def small_net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 10),
    )
""",
        ),
        Mistake(
            "ends with softmax", (("nn.Linear(32, 10),", "nn.Linear(32, 10), nn.Softmax(dim=1),"),)
        ),
        Mistake("ends with ReLU", (("nn.Linear(32, 10),", "nn.Linear(32, 10), nn.ReLU(),"),)),
        Mistake("another shape", (("nn.Flatten(), nn.Linear(32, 10),", ""),)),
        Mistake("in_features", (("nn.Linear(32, 10)", "nn.Linear(64, 10)"),)),
    ),
)

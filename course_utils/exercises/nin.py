"""The exercises of lesson 3: the block, and a head without linear layers."""

from ._exercise import Exercise
from ._findings import Mistake
from ._networks import Case, Networks

_LESSON = "03_nin"

block = Exercise(
    lesson=_LESSON,
    name="block",
    title="The NiN block",
    difficulty="easy",
    minutes=10,
    task="""Write a NiN block whose three convolutions may differ in their output channels,
`my_nin_block(in_channels, widths, kernel_size, strides, padding)`. `widths` holds three numbers,
such as `(192, 160, 96)`: the channels that the convolution with this kernel makes, and those of the
two 1×1 convolutions (pointwise convolutions) after it. A ReLU follows each of the three.""",
    code="""def my_nin_block(in_channels, widths, kernel_size, strides, padding):
    ### BEGIN SOLUTION
    first, second, third = widths
    return nn.Sequential(
        nn.Conv2d(in_channels, first, kernel_size, strides, padding), nn.ReLU(),
        nn.Conv2d(first, second, kernel_size=1), nn.ReLU(),
        nn.Conv2d(second, third, kernel_size=1), nn.ReLU(),
    )
    ### END SOLUTION
""",
    judge=Networks(
        (
            Case((3, (8, 6, 5), 5, 2, 1), (2, 3, 11, 13)),
            Case((4, (6, 5, 7), 3, 1, 1), (2, 4, 7, 7)),
        ),
        "my_nin_block(in_channels, widths, kernel_size, strides, padding)",
    ),
    hints=(
        "Three convolutions, three ReLUs. Only the first convolution knows of the neighbours.",
        "Each 1×1 convolution reads the channels that the convolution before it makes.",
        "Kernel size, stride and padding: which of the three convolutions do they belong to?",
    ),
    reason="""The first convolution looks at a window; the two 1×1 convolutions are a small fully
connected network at every pixel. Stride and padding belong to the window, so to the first one.""",
    made=(
        Mistake(
            "no ReLU after the 1×1",
            (
                ("kernel_size=1), nn.ReLU(),\n        nn", "kernel_size=1),\n        nn"),
                ("kernel_size=1), nn.ReLU(),\n    )", "kernel_size=1),\n    )"),
            ),
            says="Only your first convolution has a ReLU. Without one between them, two "
            "convolutions of 1×1 are no more than one.",
        ),
        Mistake("missing ReLU", (("kernel_size=1), nn.ReLU(),\n    )", "kernel_size=1),\n    )"),)),
        Mistake(
            "reads in_channels again",
            (
                (
                    "nn.Conv2d(first, second, kernel_size=1)",
                    "nn.Conv2d(in_channels, second, kernel_size=1)",
                ),
            ),
            says="A 1×1 convolution of yours reads in_channels. What arrives there is what the "
            "convolution before it makes.",
        ),
        Mistake(
            "one width for all",
            (("first, second, third = widths", "first = second = third = widths[0]"),),
            says="All your convolutions make the same number of channels. widths holds a number "
            "for each of the three.",
        ),
        Mistake(
            "widths from the end",
            (("first, second, third = widths", "third, second, first = widths"),),
            says="You take the widths in the wrong order: the first number is that of the first "
            "convolution.",
        ),
        Mistake(
            "stride in every convolution",
            (("kernel_size=1)", "kernel_size=1, stride=strides)"),),
            says="The stride stands in the 1×1 convolutions too. They look at every pixel that the "
            "first convolution makes.",
        ),
        Mistake(
            "padding in every convolution",
            (("kernel_size=1)", "kernel_size=1, padding=padding)"),),
            says="The padding stands in the 1×1 convolutions too, where it adds a frame of pixels "
            "that hold nothing but the bias.",
        ),
        Mistake("kernel size", (("kernel_size=1)", "kernel_size=3, padding=1)"),)),
        Mistake(
            "missing convolution",
            (
                (
                    "        nn.Conv2d(second, third, kernel_size=1), nn.ReLU(),\n    )",
                    "    )",
                ),
            ),
        ),
        Mistake("stride", (("_size, strides, padding),", "_size, padding=padding),"),)),
        Mistake("padding", (("_size, strides, padding),", "_size, strides),"),)),
    ),
)

_BLOCK = """

def nin_block(in_channels, out_channels, kernel_size, strides, padding):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, strides, padding), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU(),
    )
"""

head = Exercise(
    lesson=_LESSON,
    name="head",
    title="A head without linear layers",
    difficulty="medium",
    minutes=10,
    task="""Write `nin_head(in_channels, num_classes)`: a NiN block with 3×3 windows that keeps
the size and makes a map for each class, but without the ReLU after its last convolution. Then comes
global average pooling. The head takes maps of any size, and gives (images, classes). Use
`nin_block`.""",
    given=_BLOCK,
    code="""def nin_head(in_channels, num_classes):
    ### BEGIN SOLUTION
    return nn.Sequential(
        *nin_block(in_channels, num_classes, kernel_size=3, strides=1, padding=1)[:-1],
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )
    ### END SOLUTION
""",
    judge=Networks(
        (Case((6, 4), (2, 6, 5, 5)), Case((6, 10), (1, 6, 8, 7))),
        "nin_head(in_channels, num_classes)",
    ),
    hints=(
        "How many channels has a map for each class?",
        "An nn.Sequential slices like a list: block[:2] is its first two layers.",
        "nn.AdaptiveAvgPool2d((1, 1)) averages maps of any size to one number each.",
        "It leaves (images, classes, 1, 1). Which layer takes the last two axes away?",
    ),
    reason="""Each class has a map, and its logit is the average of that map. An average has no
weights and takes maps of any size, which no linear layer behind flattened maps does. Without the
last ReLU a logit can be negative, and always has a gradient.""",
    made=(
        Mistake(
            "ReLU on the logits",
            (("padding=1)[:-1],", "padding=1),"),),
            says="The ReLU after the last convolution is still there, so no logit can be negative, "
            "and one that is 0 everywhere has no gradient.",
        ),
        Mistake("missing flatten", (("        nn.Flatten(),\n", ""),)),
        Mistake(
            "fixed window",
            (("AdaptiveAvgPool2d((1, 1))", "AvgPool2d(5)"),),
            says="Your window has a fixed size, so maps of another size do not become one number "
            "each. Which pooling is told how much comes out, and not how large its window is?",
        ),
        Mistake(
            "global max pooling in place of global average pooling",
            (("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"),),
        ),
        Mistake(
            "linear layer",
            (
                (
                    "        nn.AdaptiveAvgPool2d((1, 1)),\n        nn.Flatten(),\n",
                    "        nn.Flatten(),\n        nn.Linear(num_classes * 5 * 5, num_classes),\n",
                ),
            ),
            says="A linear layer behind flattened maps fits one size of map only. The head has to "
            "take any size.",
        ),
        Mistake(
            "linear layer after the average",
            (
                ("block(in_channels, num_classes,", "block(in_channels, in_channels,"),
                (
                    "        nn.Flatten(),\n",
                    "        nn.Flatten(),\n        nn.Linear(in_channels, num_classes),\n",
                ),
            ),
            says="It works, but a linear layer makes your logits. The block itself can make as "
            "many maps as there are classes.",
        ),
        Mistake(
            "output channels",
            (("block(in_channels, num_classes,", "block(in_channels, in_channels,"),),
        ),
        Mistake(
            "average before the block",
            (
                ("        nn.AdaptiveAvgPool2d((1, 1)),\n", ""),
                (
                    "        *nin_block(",
                    "        nn.AdaptiveAvgPool2d((1, 1)),\n        *nin_block(",
                ),
            ),
            says="You average before the block, so its 3×3 windows see one pixel and padding. "
            "First the maps, then their average.",
        ),
        Mistake(
            "extra softmax",
            (("        nn.Flatten(),\n", "        nn.Flatten(), nn.Softmax(dim=1),\n"),),
        ),
        Mistake("padding", ((", padding=1", ", padding=0"),)),
    ),
)

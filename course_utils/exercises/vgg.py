"""The exercises of lesson 2: sizes by hand, the block, the network."""

from ._exercise import Exercise
from ._findings import Mistake
from ._networks import Case, Networks
from ._values import Numbers

_LESSON = "02_vgg"

sizes = Exercise(
    lesson=_LESSON,
    name="sizes",
    title="Five blocks by hand",
    difficulty="easy",
    minutes=5,
    task="""An image of 300×300 pixels passes the five blocks of VGG-11. How many rows come out of
each block? Work it out by hand: five numbers, such as `"100 50 25 12 6"`.""",
    code="""rows = (
    ### BEGIN SOLUTION
    "150 75 37 18 9"
    ### END SOLUTION
)
""",
    judge=Numbers([f"number of rows after block {n}" for n in range(1, 6)]),
    hints=(
        "Only one kind of layer in a block changes the number of rows. Which?",
        "A 3×3 convolution with padding 1 keeps the rows. So only the pooling counts.",
        "A 2×2 window with stride 2 needs two rows for each that it makes. Which of 75 is left?",
    ),
    reason="""The convolutions keep the size (3×3, padding 1). Each pooling halves it and rounds
down: of 75 rows the last one has no partner.""",
    made=(
        Mistake(
            "rounded up",
            code='rows = "150 75 38 19 10"',
            says="You round up. A 2×2 window that does not fit is left out, so the last row of 75 "
            "is in no window.",
        ),
        Mistake(
            "not rounded",
            code='rows = "150 75 37.5 18.75 9.375"',
            says="Half a row does not exist. What does a pooling do with the last row of 75?",
        ),
        Mistake(
            "without padding",
            code='rows = "149 73 34 15 5"',
            says="You take two rows off for each convolution. It has padding: how many rows does a "
            "3×3 convolution with padding 1 make of 300?",
        ),
        Mistake(
            "3×3 pooling",
            code='rows = "149 74 36 17 8"',
            says="That is AlexNet's pooling, with a window of 3×3. How large is VGG's?",
        ),
        Mistake(
            "rows that go in",
            code='rows = "300 150 75 37 18"',
            says="These are the rows that go into each block. What comes out of each?",
        ),
        Mistake(
            "quarters",
            code='rows = "75 18 4 1 0"',
            says="You divide by four. A quarter of the numbers is left, but only half of the rows: "
            "rows and columns are both halved.",
        ),
        Mistake(
            "no pooling",
            code='rows = "300 300 300 300 300"',
            says="The convolutions do keep the rows. What stands at the end of every block?",
        ),
    ),
)

block = Exercise(
    lesson=_LESSON,
    name="block",
    title="The VGG block",
    difficulty="medium",
    minutes=10,
    task="""Write a VGG block for kernels of any odd size, `my_vgg_block(num_convs, in_channels,
out_channels, kernel_size)`: `num_convs` convolutions that keep the size, each followed by a ReLU,
then a max pooling that halves the size. The first convolution reads `in_channels`, every one makes
`out_channels`.""",
    code="""def my_vgg_block(num_convs, in_channels, out_channels, kernel_size):
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
""",
    judge=Networks(
        (
            Case((1, 3, 4, 3), (2, 3, 9, 12)),
            Case((2, 3, 8, 5), (2, 3, 8, 8)),
            Case((3, 4, 6, 3), (2, 4, 8, 8)),
            Case((2, 5, 5, 7), (2, 5, 7, 7)),
        ),
        "my_vgg_block(num_convs, in_channels, out_channels, kernel_size)",
    ),
    hints=(
        "Collect the layers in a list, in a loop, and return nn.Sequential(*layers).",
        "A 3×3 kernel keeps the size with a padding of 1. How much does a 5×5 kernel need?",
        "The second convolution reads what the first one made. What has to change in the loop?",
    ),
    reason="""A k×k kernel would cost k − 1 rows, so half of that goes on each side: padding (k − 1)
/ 2. After the first convolution there are out_channels maps, so the next one reads these. The
pooling comes once, after the loop.""",
    made=(
        Mistake(
            "reads in_channels again",
            (("        in_channels = out_channels\n", ""),),
            says="Your second convolution reads in_channels again: it should read what the first "
            "one makes.",
        ),
        Mistake("missing ReLU", (("        layers.append(nn.ReLU())\n", ""),)),
        Mistake(
            "one ReLU for all",
            (
                ("        layers.append(nn.ReLU())\n", ""),
                (
                    "    layers.append(nn.MaxPool",
                    "    layers += [nn.ReLU()]\n    layers.append(nn.MaxPool",
                ),
            ),
            says="One ReLU follows all convolutions. Between two of them there is none, so the two "
            "are no more than one: look at what stands inside the loop.",
        ),
        Mistake(
            "ReLU only between",
            (
                ("layers.append(nn.ReLU())\n", "layers.append(nn.ReLU())\n"),
                ("    layers.append(nn.MaxPool", "    layers.pop()\n    layers.append(nn.MaxPool"),
            ),
            says="The last convolution has no ReLU. Each convolution gets one.",
        ),
        Mistake("padding", ((", padding=padding", ""),)),
        Mistake(
            "padding of a 3×3",
            (("(kernel_size - 1) // 2", "1"),),
            says="Your padding is that of a 3×3 kernel, whatever kernel_size is. A larger one "
            "loses more rows: how many?",
        ),
        Mistake(
            "always 3×3",
            (("out_channels, kernel_size, padding=padding", "out_channels, 3, padding=1"),),
            says="Your convolutions are 3×3, whatever kernel_size is.",
        ),
        Mistake(
            "missing max pooling",
            (("    layers.append(nn.MaxPool2d(kernel_size=2, stride=2))\n", ""),),
        ),
        Mistake("stride of the pooling", (("kernel_size=2, stride=2", "kernel_size=2, stride=1"),)),
        Mistake(
            "kernel size of the pooling", (("kernel_size=2, stride=2", "kernel_size=3, stride=2"),)
        ),
        Mistake("average pooling in place of max pooling", (("MaxPool2d", "AvgPool2d"),)),
        Mistake(
            "pooling in the loop",
            (("    layers.append(nn.MaxPool", "        layers.append(nn.MaxPool"),),
            says="A pooling follows every convolution. It should come once, after all of them: "
            "look at its indentation.",
        ),
    ),
)

net = Exercise(
    lesson=_LESSON,
    name="net",
    title="A network from a list",
    difficulty="medium",
    minutes=15,
    task="""Write `my_vgg(conv_arch, in_channels, size, num_classes, hidden=4096)` with `vgg_block`.
`conv_arch` holds (number of convolutions, output channels) for each block, `size` is the number
of rows and columns of the image. After the blocks: flatten, two hidden linear layers with ReLU
and a dropout of 0.5, and the linear layer that makes the logits.""",
    given="""

def vgg_block(num_convs, in_channels, out_channels):
    layers = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), nn.ReLU()]
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2))
""",
    code="""def my_vgg(conv_arch, in_channels, size, num_classes, hidden=4096):
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
""",
    judge=Networks(
        (
            Case((((1, 4), (2, 6)), 1, 16, 10, 12), (3, 1, 16, 16)),
            Case((((2, 3), (1, 5), (1, 7)), 3, 20, 4, 8), (1, 3, 20, 20)),
        ),
        "my_vgg(conv_arch, in_channels, size, num_classes, hidden)",
    ),
    hints=(
        "A loop over conv_arch makes one block for each pair. What does the next block read?",
        "The first linear layer reads channels × rows × columns. How many rows are left?",
        "size // 2 halves and rounds down, as the pooling does. Do it once for each block.",
    ),
    reason="""Two numbers are carried from block to block: the channels, which the next block
reads, and the size, which each pooling halves. Both are needed for the first linear layer. No
softmax at the end: the loss takes the logits.""",
    made=(
        Mistake(
            "size not halved",
            (("        size = size // 2\n", ""),),
            says="Your first linear layer is made for maps as large as the image. Each block "
            "halves them: follow the size through the loop.",
        ),
        Mistake(
            "channels not carried",
            (
                ("        in_channels = out_channels\n", ""),
                ("(in_channels * size", "(out_channels * size"),
            ),
            says="Every block reads the image's channels. The second block reads what the first "
            "one makes: look at what changes in the loop.",
        ),
        Mistake(
            "in_features without size",
            (("in_channels * size * size", "in_channels"),),
            says="Your first linear layer reads one number for each channel. After flatten there "
            "are as many as the maps have pixels, for each channel.",
        ),
        Mistake(
            "missing flatten",
            (("*blocks, nn.Flatten(),", "*blocks,"),),
            says="Maps reach your first linear layer, with rows and columns. It reads one row of "
            "numbers for each image: what has to come in front of it?",
        ),
        Mistake(
            "missing ReLU", (("hidden), nn.ReLU(), nn.Dropout(0.5),", "hidden), nn.Dropout(0.5),"),)
        ),
        Mistake("missing dropout", ((", nn.Dropout(0.5)", ""),)),
        Mistake("dropout rate", (("Dropout(0.5)", "Dropout(0.1)"),)),
        Mistake(
            "extra softmax",
            (
                (
                    "nn.Linear(hidden, num_classes),",
                    "nn.Linear(hidden, num_classes), nn.Softmax(dim=1),",
                ),
            ),
            adds="The loss, cross-entropy, takes the logits and has its own softmax inside.",
        ),
        Mistake(
            "extra ReLU",
            (("nn.Linear(hidden, num_classes),", "nn.Linear(hidden, num_classes), nn.ReLU(),"),),
            adds="Logits may be negative.",
        ),
        Mistake(
            "missing linear layer",
            (("        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5),\n", ""),),
        ),
    ),
)

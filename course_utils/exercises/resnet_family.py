"""The exercises of lesson 7: a stage, the bottleneck, and a head for images of any size."""

from . import _sources
from ._exercise import Exercise
from ._findings import Mistake
from ._networks import Case, Networks

_LESSON = "07_resnet_family"

_BLOCK = """

class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))
"""

_WIDE = """

class Wide(BasicBlock):
    expansion = 2  # the bottleneck's is 4

    def __init__(self, in_channels, channels, stride=1):
        super().__init__(in_channels, 2 * channels, stride)
"""

_basic = _sources.answer(_sources.IMPORTS + _BLOCK)
_wide = _sources.answer(_sources.IMPORTS + _BLOCK + _WIDE)

make_layer = Exercise(
    lesson=_LESSON,
    name="make_layer",
    title="One stage",
    difficulty="medium",
    minutes=10,
    task="""Write `make_layer(block, in_channels, channels, num_blocks, stride)`: a `Sequential`
of `num_blocks` blocks. The first one reads `in_channels` and has the stride; the others keep the
size. A block is called as `block(in_channels, channels, stride)` and makes `channels *
block.expansion` channels, with `BasicBlock` as with the bottleneck.""",
    given=_BLOCK + _WIDE,
    code="""def make_layer(block, in_channels, channels, num_blocks, stride):
    ### BEGIN SOLUTION
    blocks = []
    for number in range(num_blocks):
        blocks.append(block(in_channels, channels, stride if number == 0 else 1))
        in_channels = channels * block.expansion
    return nn.Sequential(*blocks)
    ### END SOLUTION
""",
    judge=Networks(
        (
            Case((_basic, 4, 6, 1, 2), (2, 4, 8, 8)),
            Case((_basic, 4, 6, 3, 2), (2, 4, 9, 8)),
            Case((_basic, 4, 4, 2, 1), (2, 4, 5, 5)),
            Case((_wide, 4, 3, 3, 2), (2, 4, 8, 8)),
        ),
        "make_layer(block, in_channels, channels, num_blocks, stride)",
    ),
    hints=(
        "Only the first block has the stride. What do the others get?",
        "What does the second block read? Ask block.expansion.",
    ),
    reason="""The stage halves the maps once, in its first block. From the second block on the
input is what a block makes, channels times its expansion.""",
    made=(
        Mistake(
            "stride in every block",
            (("stride if number == 0 else 1", "stride"),),
            says="Every block of yours has the stride, so each of them halves the maps. A stage "
            "halves them once.",
        ),
        Mistake(
            "stride in the last block",
            (("if number == 0", "if number == num_blocks - 1"),),
            says="Your last block has the stride. The first one has it, so that the others work on "
            "small maps.",
        ),
        Mistake(
            "reads in_channels again",
            (("        in_channels = channels * block.expansion\n", ""),),
            says="Your second block reads in_channels again. It reads what the first one makes.",
        ),
        Mistake(
            "expansion forgotten",
            (("channels * block.expansion", "channels"),),
            says="With BasicBlock it is right. A block with an expansion makes more than "
            "`channels`, and the next one reads all of them.",
        ),
        Mistake(
            "one block too few",
            (("range(num_blocks)", "range(num_blocks - 1)"),),
            says="One block is missing: count with num_blocks = 1.",
        ),
        Mistake(
            "one block too many",
            (("range(num_blocks)", "range(num_blocks + 1)"),),
            says="One block is too many: count with num_blocks = 1.",
        ),
        Mistake(
            "no stride",
            (("stride if number == 0 else 1", "1"),),
            says="None of your blocks has the stride, so the maps keep their size.",
        ),
        Mistake(
            "one block repeated",
            code="""def make_layer(block, in_channels, channels, num_blocks, stride):
    first = block(in_channels, channels, stride)
    other = block(channels * block.expansion, channels)
    return nn.Sequential(first, *[other] * (num_blocks - 1))
""",
            says="From the second on, your blocks are one and the same: they share their weights. "
            "[block] * n repeats one object; make each anew.",
        ),
    ),
)

bottleneck = Exercise(
    lesson=_LESSON,
    name="bottleneck",
    title="The bottleneck",
    difficulty="medium",
    minutes=20,
    task="""Write the class `MyBottleneck(in_channels, channels, stride=1)`: a 1×1 convolution to
`channels`, a 3×3 convolution with the stride, a 1×1 convolution to 4 · `channels`, each with
batch norm and the first two with a ReLU; the shortcut; the add, and a ReLU. No convolution has a
bias. Where the shape changes, the shortcut is that of ResNet-D (T. He and others 2019): average
pooling with window and stride `stride`, a 1×1 convolution with stride 1, batch norm. So it reads
all pixels, where a 1×1 convolution with stride 2 reads one in four.""",
    code="""class MyBottleneck(nn.Module):
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
""",
    judge=Networks(
        (
            Case((12, 3), (3, 12, 6, 6)),
            Case((3, 3), (3, 3, 6, 6)),
            Case((8, 4, 2), (3, 8, 8, 6)),
            Case((8, 2, 2), (3, 8, 6, 6)),
        ),
        "MyBottleneck(in_channels, channels, stride)",
    ),
    hints=(
        "Narrow, work, widen: which of the three convolutions looks at neighbours?",
        "The block makes 4 · channels. With what do you compare in_channels, to see if X fits?",
        "The third convolution has batch norm and no ReLU: the add comes first.",
        "The lesson's projection is two layers. What comes before them here?",
    ),
    reason="""The 3×3 works on few channels, which is cheap; the 1×1 at each end narrow and widen.
What comes out has 4 · channels, so X fits where in_channels is that and the stride is 1.""",
    made=(
        Mistake(
            "stride in the first 1×1",
            (
                (
                    "nn.Conv2d(in_channels, channels, 1, bias",
                    "nn.Conv2d(in_channels, channels, 1, stride=stride, bias",
                ),
                ("channels, 3, stride=stride, padding", "channels, 3, padding"),
            ),
            says="Your stride stands in the first 1×1, as in the paper. So the residual never "
            "reads three of four pixels; the task wants it in the 3×3.",
        ),
        Mistake(
            "X compared with channels",
            (("in_channels != 4 * channels:", "in_channels != channels:"),),
            says="Your condition compares in_channels with what is inside the block. What comes "
            "out has four times as many.",
        ),
        Mistake(
            "not widened",
            (("4 * channels", "channels"),),
            says="Your block makes `channels` channels. The last 1×1 widens them, and the shortcut "
            "with it.",
        ),
        Mistake("missing ReLU", (("F.relu(self.bn2(self.conv2(Y)))", "self.bn2(self.conv2(Y))"),)),
        Mistake(
            "ReLU before and after the add",
            (("Y = self.bn3(self.conv3(Y))", "Y = F.relu(self.bn3(self.conv3(Y)))"),),
            says="A ReLU stands before the add too, so the residual can never be negative.",
        ),
        Mistake("missing add", (("F.relu(Y + self.shortcut(X))", "F.relu(Y)"),)),
        Mistake("bias", ((", bias=False", ""),)),
        Mistake(
            "missing batch norm",
            (
                ("Y = self.bn3(self.conv3(Y))", "Y = self.conv3(Y)"),
                ("        self.bn3 = nn.BatchNorm2d(4 * channels)\n", ""),
            ),
        ),
        Mistake(
            "stride in the shortcut forgotten",
            (("                nn.AvgPool2d(stride),\n", ""),),
            says="With stride 2 your residual shrinks and your shortcut does not.",
        ),
        Mistake(
            "stride in the shortcut's 1×1",
            (
                ("                nn.AvgPool2d(stride),\n", ""),
                ("4 * channels, 1, bias=False)", "4 * channels, 1, stride=stride, bias=False)"),
            ),
            says="Your projection has the stride itself, as the lesson's has. It reads one pixel "
            "in four; asked for is a pooling that halves the map before it.",
        ),
        Mistake("max pooling in place of average pooling", (("AvgPool2d", "MaxPool2d"),)),
    ),
)

pooling = Exercise(
    lesson=_LESSON,
    name="pooling",
    title="A head for every size",
    difficulty="easy",
    minutes=10,
    task="""A note ends its ResNet with `F.avg_pool2d(out, 4)`, a `view`, and `nn.Linear(512,
10)`. It works for images of 25 to 56 pixels and fails for all others. Write `head(channels,
num_classes)`: a network that takes maps of any size, averages each, and makes the logits with one
linear layer.""",
    code="""def head(channels, num_classes):
    ### BEGIN SOLUTION
    return nn.Sequential(
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(channels, num_classes),
    )
    ### END SOLUTION
""",
    judge=Networks(
        (Case((6, 4), (2, 6, 4, 4)), Case((6, 4), (1, 6, 7, 9)), Case((5, 10), (2, 5, 1, 1))),
        "head(channels, num_classes)",
    ),
    hints=(
        "The note's window is 4×4, whatever the size of the map. Asked for is one number a map.",
        "There is a pooling that is told the size of its output.",
    ),
    reason="""nn.AdaptiveAvgPool2d((1, 1)) chooses its window by the map, so one number for each
channel comes out of any size.""",
    made=(
        Mistake(
            "window of 4",
            (("AdaptiveAvgPool2d((1, 1))", "AvgPool2d(4)"),),
            says="With maps of 4×4 it works, as the note's does. A window of 4×4 makes more than "
            "one number of larger maps, and none of smaller ones.",
        ),
        Mistake(
            "no pooling",
            (
                ("        nn.AdaptiveAvgPool2d((1, 1)),\n", ""),
                ("nn.Linear(channels,", "nn.Linear(channels * 4 * 4,"),
            ),
            says="Your linear layer reads the whole map, so it fits maps of one size.",
        ),
        Mistake(
            "output of 4×4",
            (
                ("Pool2d((1, 1))", "Pool2d((4, 4))"),
                ("nn.Linear(channels,", "nn.Linear(channels * 16,"),
            ),
            says="Your pooling takes maps of any size, but makes 4×4 of each. Asked for is the "
            "average of each map.",
        ),
        Mistake(
            "global max pooling in place of global average pooling",
            (("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"),),
        ),
        Mistake(
            "missing flatten",
            (("        nn.Flatten(),\n", ""),),
            says="Your pooling leaves rows and columns, one of each, and a linear layer reads the "
            "last axis. What has to come between them?",
        ),
        Mistake(
            "linear layer first",
            code="""def head(channels, num_classes):
    return nn.Sequential(
        nn.Conv2d(channels, num_classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
    )
""",
            says="You make the logits at every pixel and average them behind a ReLU. Here the "
            "average comes first, then the linear layer.",
        ),
        Mistake(
            "extra ReLU",
            (("num_classes),\n", "num_classes), nn.ReLU(),\n"),),
            adds="Logits may be negative.",
        ),
        Mistake("extra softmax", (("num_classes),\n", "num_classes), nn.Softmax(dim=1),\n"),)),
    ),
)

"""The exercises of lesson 4: one path, and the four of an Inception block."""

from ._exercise import Exercise
from ._findings import Mistake
from ._networks import Case, Networks

_LESSON = "04_googlenet"

path = Exercise(
    lesson=_LESSON,
    name="path",
    title="The third path",
    difficulty="easy",
    minutes=10,
    task="""Write `third_path(in_channels, reduced, out_channels)`: a 1×1 convolution to `reduced`
channels, then a 5×5 convolution to `out_channels` that keeps the size, each with its ReLU.""",
    code="""def third_path(in_channels, reduced, out_channels):
    ### BEGIN SOLUTION
    return nn.Sequential(
        nn.Conv2d(in_channels, reduced, kernel_size=1), nn.ReLU(),
        nn.Conv2d(reduced, out_channels, kernel_size=5, padding=2), nn.ReLU(),
    )
    ### END SOLUTION
""",
    judge=Networks(
        (Case((12, 4, 6), (2, 12, 7, 8)), Case((8, 3, 10), (2, 8, 6, 6))),
        "third_path(in_channels, reduced, out_channels)",
    ),
    hints=(
        "Two convolutions. Which of them should work on few channels, and why?",
        "A k×k window with stride 1 keeps the size where the padding is (k − 1) / 2.",
    ),
    reason="""The 1×1 convolution makes few channels, so the expensive 5×5 has few to read.
Padding 2 keeps the size, without which the four paths could not be joined.""",
    made=(
        Mistake(
            "no ReLU between",
            (("kernel_size=1), nn.ReLU(),", "kernel_size=1),"),),
            says="No ReLU stands between your two convolutions. Without it they are no more than "
            "one, and the 1×1 saves nothing but weights.",
        ),
        Mistake("missing ReLU", (("padding=2), nn.ReLU(),", "padding=2),"),)),
        Mistake("padding", ((", padding=2", ""),)),
        Mistake("kernel size", (("kernel_size=5, padding=2", "kernel_size=3, padding=1"),)),
        Mistake(
            "narrow after",
            (
                (
                    "nn.Conv2d(in_channels, reduced, kernel_size=1)",
                    "nn.Conv2d(in_channels, reduced, kernel_size=5, padding=2)",
                ),
                (
                    "nn.Conv2d(reduced, out_channels, kernel_size=5, padding=2)",
                    "nn.Conv2d(reduced, out_channels, kernel_size=1)",
                ),
            ),
            says="Your 5×5 comes first and reads all the channels. What is the 1×1 for?",
        ),
        Mistake(
            "reads in_channels again",
            (("nn.Conv2d(reduced, out", "nn.Conv2d(in_channels, out"),),
            says="Your 5×5 convolution reads in_channels. What arrives is what the 1×1 before it "
            "makes.",
        ),
        Mistake(
            "not reduced",
            (
                ("nn.Conv2d(in_channels, reduced", "nn.Conv2d(in_channels, in_channels"),
                ("nn.Conv2d(reduced, out", "nn.Conv2d(in_channels, out"),
            ),
            says="Your 1×1 convolution makes as many channels as it reads, so nothing is saved. "
            "One of the three choices is never used.",
        ),
    ),
)

inception = Exercise(
    lesson=_LESSON,
    name="inception",
    title="Four paths, one block",
    difficulty="medium",
    minutes=20,
    task="""Inception-v3 has two 3×3 convolutions in place of the 5×5. Write such a block, the class
`MyInception(in_channels, c1, c2, c3, c4)`. `c1` and `c4` are numbers, `c2` and `c3` pairs (reduced,
out). The paths: 1×1 with `c1`; 1×1 then 3×3 with `c2`; 1×1, 3×3 and once more 3×3 with `c3`, where
each 3×3 makes `c3[1]` channels; 3×3 max pooling that keeps the size, then 1×1 with `c4`. A ReLU
follows each convolution. The maps of the four are joined along the channels, in this order.""",
    code="""class MyInception(nn.Module):
    def __init__(self, in_channels, c1, c2, c3, c4):
        super().__init__()
        ### BEGIN SOLUTION
        self.p1_1 = nn.Conv2d(in_channels, c1, kernel_size=1)
        self.p2_1 = nn.Conv2d(in_channels, c2[0], kernel_size=1)
        self.p2_2 = nn.Conv2d(c2[0], c2[1], kernel_size=3, padding=1)
        self.p3_1 = nn.Conv2d(in_channels, c3[0], kernel_size=1)
        self.p3_2 = nn.Conv2d(c3[0], c3[1], kernel_size=3, padding=1)
        self.p3_3 = nn.Conv2d(c3[1], c3[1], kernel_size=3, padding=1)
        self.p4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.p4_2 = nn.Conv2d(in_channels, c4, kernel_size=1)
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        p1 = F.relu(self.p1_1(X))
        p2 = F.relu(self.p2_2(F.relu(self.p2_1(X))))
        p3 = F.relu(self.p3_3(F.relu(self.p3_2(F.relu(self.p3_1(X))))))
        p4 = F.relu(self.p4_2(self.p4_1(X)))
        return torch.cat((p1, p2, p3, p4), dim=1)
        ### END SOLUTION
""",
    judge=Networks(
        (
            Case((8, 4, (3, 6), (2, 5), 7), (2, 8, 9, 8)),
            Case((5, 4, (2, 4), (3, 4), 4), (2, 5, 6, 6)),
        ),
        "MyInception(in_channels, c1, c2, c3, c4)",
    ),
    hints=(
        "All four paths read X. In __init__ make eight layers, in forward call them.",
        (
            "The paths can be joined if they keep rows and columns. Which padding does each "
            "window need? What is a pooling's stride if you do not give it?"
        ),
        "torch.cat joins a tuple of tensors. Axis 0 counts images; which axis counts channels?",
    ),
    reason="""The paths read the same input and differ in the size of what they look at. Joined
along the channels, the next block can choose. Two 3×3 see what one 5×5 sees, with fewer weights.
Padding and a stride of 1 keep all shapes equal.""",
    made=(
        Mistake(
            "pooling with stride",
            (("kernel_size=3, stride=1, padding=1", "kernel_size=3, padding=1"),),
            says="Your pooling makes smaller maps, so they cannot be joined with the others. What "
            "is its stride if you do not give one?",
        ),
        Mistake(
            "no padding in the third path",
            (
                ("c3[0], c3[1], kernel_size=3, padding=1", "c3[0], c3[1], kernel_size=3"),
                ("c3[1], c3[1], kernel_size=3, padding=1", "c3[1], c3[1], kernel_size=3"),
            ),
            says="Your third path makes smaller maps than the others, so they cannot be joined. "
            "Look at its 3×3 windows.",
        ),
        Mistake(
            "one 5×5",
            (
                (
                    "c3[0], c3[1], kernel_size=3, padding=1",
                    "c3[0], c3[1], kernel_size=5, padding=2",
                ),
                (
                    "F.relu(self.p3_3(F.relu(self.p3_2(F.relu(self.p3_1(X))))))",
                    "F.relu(self.p3_2(F.relu(self.p3_1(X))))",
                ),
                ("        self.p3_3 = nn.Conv2d(c3[1], c3[1], kernel_size=3, padding=1)\n", ""),
            ),
            says="Your third path has the 5×5 of GoogLeNet. Here two 3×3 stand in its place.",
        ),
        Mistake(
            "only one 3×3",
            (
                (
                    "F.relu(self.p3_3(F.relu(self.p3_2(F.relu(self.p3_1(X))))))",
                    "F.relu(self.p3_2(F.relu(self.p3_1(X))))",
                ),
                ("        self.p3_3 = nn.Conv2d(c3[1], c3[1], kernel_size=3, padding=1)\n", ""),
            ),
            says="Your third path has one 3×3 convolution. It needs two of them, to see 5×5.",
        ),
        Mistake(
            "axis",
            ((", dim=1)", ", dim=0)"),),
            says="You join along axis 0, which counts the images. Which axis counts the channels?",
        ),
        Mistake(
            "added",
            (("torch.cat((p1, p2, p3, p4), dim=1)", "p1 + p2 + p3 + p4"),),
            says="You add the four paths. They have different numbers of channels, and are to be "
            "set beside one another.",
        ),
        Mistake(
            "without the fourth path",
            (("(p1, p2, p3, p4)", "(p1, p2, p3)"),),
            says="Only three of your paths are joined.",
        ),
        Mistake(
            "another order",
            (("(p1, p2, p3, p4)", "(p4, p1, p2, p3)"),),
            says="The four paths are joined, but not in the order that is asked for.",
        ),
        Mistake(
            "no ReLU between",
            (("F.relu(self.p2_1(X))", "self.p2_1(X)"), ("F.relu(self.p3_1(X))", "self.p3_1(X)")),
            says="In paths 2 and 3 no ReLU follows the 1×1 convolution. Each of the seven "
            "convolutions has one.",
        ),
        Mistake(
            "no ReLU between the two 3×3",
            (("F.relu(self.p3_2(F.relu(self.p3_1(X))))", "self.p3_2(F.relu(self.p3_1(X)))"),),
            says="In path 3 no ReLU stands between the two 3×3 convolutions, so they are no more "
            "than one of 5×5.",
        ),
        Mistake(
            "missing ReLU",
            (("p4 = F.relu(self.p4_2(self.p4_1(X)))", "p4 = self.p4_2(self.p4_1(X))"),),
        ),
        Mistake(
            "one after the other",
            (
                ("self.p2_1 = nn.Conv2d(in_channels,", "self.p2_1 = nn.Conv2d(c1,"),
                ("self.p3_1 = nn.Conv2d(in_channels,", "self.p3_1 = nn.Conv2d(c2[1],"),
                ("self.p4_2 = nn.Conv2d(in_channels,", "self.p4_2 = nn.Conv2d(c3[1],"),
                ("self.p2_1(X)", "self.p2_1(p1)"),
                ("self.p3_1(X)", "self.p3_1(p2)"),
                ("self.p4_1(X)", "self.p4_1(p3)"),
            ),
            says="Each of your paths reads what the one before it made. All four read X.",
        ),
        Mistake(
            "missing max pooling",
            (
                ("self.p4_2(self.p4_1(X))", "self.p4_2(X)"),
                ("        self.p4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)\n", ""),
            ),
        ),
    ),
)

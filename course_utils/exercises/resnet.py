"""The exercises of lesson 6: the residual block, and its order in the second paper."""

from ._exercise import Exercise
from ._findings import Mistake
from ._networks import Case, Networks

_LESSON = "06_resnet"

block = Exercise(
    lesson=_LESSON,
    name="block",
    title="The residual block",
    difficulty="medium",
    minutes=20,
    task="""Write the class `MyResidual(in_channels, out_channels, stride=1)` in the paper's form.
The residual: 3×3 convolution with the stride, batch norm, ReLU, 3×3 convolution, batch norm. The
shortcut hands X on where the shape stays; else it is a 1×1 convolution with the stride and batch
norm (a projection). Both are added, then a ReLU. No convolution has a bias.""",
    code="""class MyResidual(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        return F.relu(Y + self.shortcut(X))
        ### END SOLUTION
""",
    judge=Networks(
        (
            Case((4, 4), (3, 4, 6, 6)),
            Case((4, 6), (3, 4, 6, 6)),
            Case((4, 6, 2), (3, 4, 7, 8)),
            Case((4, 4, 2), (3, 4, 6, 6)),
        ),
        "MyResidual(in_channels, out_channels, stride)",
    ),
    hints=(
        "Write the two convolutions with their batch norms first, and try them without a shortcut.",
        "Two shapes can be added if they are equal. In which two cases is X of another shape?",
        "The ReLU stands after the add, so that the residual may be negative.",
    ),
    reason="""The stride is in the first convolution and in the projection, so both branches
shrink alike. Batch norm subtracts the mean, so a bias before it does nothing. The last ReLU comes
after the add: before it, the residual could only ever add.""",
    made=(
        Mistake(
            "no projection",
            (("        if stride != 1 or in_channels != out_channels:\n", "        if False:\n"),),
            says="Where channels or size change, X and the residual have different shapes and "
            "cannot be added. What brings X into shape?",
        ),
        Mistake(
            "projection only for channels",
            (
                (
                    "if stride != 1 or in_channels != out_channels:",
                    "if in_channels != out_channels:",
                ),
            ),
            says="With equal channels and stride 2 your block breaks: the shape of X differs in "
            "its rows and columns. Your condition asks for the channels alone.",
        ),
        Mistake(
            "projection only for stride",
            (("if stride != 1 or in_channels != out_channels:", "if stride != 1:"),),
            says="With other channels and stride 1 your block breaks. Your condition asks for the "
            "stride alone.",
        ),
        Mistake(
            "projection without stride",
            (("1, stride=stride, bias=False)", "1, bias=False)"),),
            says="With stride 2 your residual shrinks and your projection does not. Where else "
            "does the stride belong?",
        ),
        Mistake(
            "always a projection",
            (("if stride != 1 or in_channels != out_channels:", "if True:"),),
            says="Your shortcut has a convolution also where the shape stays. There X is handed on "
            "as it is.",
        ),
        Mistake(
            "projection without batch norm",
            (("                nn.BatchNorm2d(out_channels),\n", ""),),
            says="Your projection has no batch norm after its convolution.",
        ),
        Mistake(
            "ReLU before the add",
            (("F.relu(Y + self.shortcut(X))", "F.relu(Y) + self.shortcut(X)"),),
            says="Your last ReLU comes before the add, so the residual can only add and never take "
            "away.",
        ),
        Mistake(
            "ReLU before and after the add",
            (("F.relu(Y + self.shortcut(X))", "F.relu(F.relu(Y) + self.shortcut(X))"),),
            says="A ReLU stands after the add, as it should, and one before it too. So the "
            "residual can never be negative.",
        ),
        Mistake("missing ReLU", (("F.relu(Y + self.shortcut(X))", "Y + self.shortcut(X)"),)),
        Mistake(
            "no shortcut",
            (("F.relu(Y + self.shortcut(X))", "F.relu(Y)"),),
            says="Your forward never adds X: it is a plain block.",
        ),
        Mistake(
            "stride in the second convolution",
            (
                (
                    "out_channels, 3, stride=stride, padding=1, bias",
                    "out_channels, 3, padding=1, bias",
                ),
                (
                    "nn.Conv2d(out_channels, out_channels, 3, padding=1",
                    "nn.Conv2d(out_channels, out_channels, 3, stride=stride, padding=1",
                ),
            ),
            says="The shapes are right, but your stride stands in the second convolution of the "
            "residual. The first one has it.",
        ),
        Mistake("bias", ((", bias=False", ""),)),
        Mistake(
            "one batch norm twice",
            (("        self.bn2 = nn.BatchNorm2d(out_channels)\n", ""), ("self.bn2(", "self.bn1(")),
            says="One batch norm stands in both places, so both share gamma, beta and averages. "
            "Each convolution has its own.",
        ),
    ),
)

preactivation = Exercise(
    lesson=_LESSON,
    name="preactivation",
    title="Nothing in the way",
    difficulty="medium",
    minutes=15,
    task="""Write the class `PreActivation(channels)`, the block of He and others' second paper
(2016b, figure 1): batch norm, ReLU, 3×3 convolution, the same three once more, then X is added,
and nothing follows. No convolution has a bias.""",
    code="""class PreActivation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        ### BEGIN SOLUTION
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        ### END SOLUTION

    def forward(self, X):
        ### BEGIN SOLUTION
        Y = self.conv1(F.relu(self.bn1(X)))
        Y = self.conv2(F.relu(self.bn2(Y)))
        return X + Y
        ### END SOLUTION
""",
    judge=Networks((Case((4,), (3, 4, 6, 7)),), "PreActivation(channels)"),
    hints=(
        "It has the same layers as the residual block, in another order.",
        "What is added is X itself, as it came in, before any batch norm.",
    ),
    reason="""Nothing stands on the way of X from block to block: with a residual of 0 it passes
unchanged, whatever its sign, and so does its gradient.""",
    made=(
        Mistake(
            "extra ReLU",
            (("return X + Y", "return F.relu(X + Y)"),),
            adds="It stands in the way of X.",
        ),
        Mistake(
            "the first paper's order",
            (
                ("Y = self.conv1(F.relu(self.bn1(X)))", "Y = F.relu(self.bn1(self.conv1(X)))"),
                ("Y = self.conv2(F.relu(self.bn2(Y)))", "Y = F.relu(self.bn2(self.conv2(Y)))"),
            ),
            says="Your convolutions come before batch norm and ReLU. Here both come first.",
        ),
        Mistake(
            "ReLU before batch norm",
            (
                ("F.relu(self.bn1(X))", "self.bn1(F.relu(X))"),
                ("F.relu(self.bn2(Y))", "self.bn2(F.relu(Y))"),
            ),
            says="Your ReLU comes before batch norm in front of each convolution. It is the other "
            "way round.",
        ),
        Mistake(
            "adds the activated X",
            (
                (
                    "Y = self.conv1(F.relu(self.bn1(X)))",
                    "X = F.relu(self.bn1(X))\n        Y = self.conv1(X)",
                ),
            ),
            says="What you add has been through batch norm and ReLU. The shortcut hands on X as it "
            "came in: which name holds it at the end?",
        ),
        Mistake("missing ReLU", (("self.conv2(F.relu(self.bn2(Y)))", "self.conv2(self.bn2(Y))"),)),
        Mistake("missing add", (("return X + Y", "return Y"),)),
        Mistake("bias", (("padding=1, bias=False", "padding=1"),)),
        Mistake(
            "changes its input",
            (("return X + Y", "X += Y\n        return X"),),
            says="X += Y writes into the tensor that came in, which the block before may still "
            "need for its gradient.",
        ),
    ),
)

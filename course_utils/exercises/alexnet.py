"""The exercises of lesson 1: how many rows come out, and the notes' network mended."""

from ._exercise import Exercise
from ._findings import Mistake
from ._networks import Case, Networks
from ._values import Function

_LESSON = "01_alexnet"

size_after = Exercise(
    lesson=_LESSON,
    name="size_after",
    title="How many rows come out?",
    difficulty="easy",
    minutes=10,
    task="""Write `my_size_after(n, kernel, stride=1, padding=0)`: how many rows come out of a
convolution or pooling for `n` rows. A window that does not fit is left out.""",
    code="""def my_size_after(n, kernel, stride=1, padding=0):
    ### BEGIN SOLUTION
    return (n + 2 * padding - kernel) // stride + 1
    ### END SOLUTION
""",
    judge=Function(
        (
            *((28, 5), (224, 11, 4, 1), (54, 3, 2), (26, 5, 1, 2), (12, 3, 1, 1)),
            *((7, 2, 2), (5, 5), (8, 3, 3, 1), (9, 4, 3, 2)),
        ),
        "my_size_after(n, kernel, stride, padding)",
    ),
    hints=(
        "Where does the first window stand, and where the last one? Draw 7 rows and a window of 3.",
        "Padding adds rows on both sides.",
        "The last window begins n + 2 · padding − kernel rows after the first: how many steps?",
    ),
    reason="""From the first place of the window to the last there are n + 2 · padding − kernel
rows, which is so many whole steps of the stride. There is one more place than there are steps.""",
    made=(
        Mistake(
            "padding on one side",
            (("2 * padding", "padding"),),
            says="You add the padding once. It stands above the image and below it.",
        ),
        Mistake(
            "padding ignored",
            (("n + 2 * padding - kernel", "n - kernel"),),
            says="The padding changes nothing in your function. Which rows can the window also "
            "stand on?",
        ),
        Mistake(
            "one too few",
            ((" // stride + 1", " // stride"),),
            says="You count the steps of the window. With no step at all it already stands in one "
            "place.",
        ),
        Mistake(
            "not rounded",
            ((" // stride", " / stride"),),
            says="Your number of rows is not always whole. What happens to a window that fits only "
            "in part?",
        ),
        Mistake(
            "rounded up",
            (
                (
                    "(n + 2 * padding - kernel) // stride + 1",
                    "-(-(n + 2 * padding - kernel) // stride) + 1",
                ),
            ),
            says="You round up, so the last window stands partly outside. It is left out.",
        ),
        Mistake(
            "rounded to the nearest",
            (
                (
                    "(n + 2 * padding - kernel) // stride + 1",
                    "round((n + 2 * padding - kernel) / stride) + 1",
                ),
            ),
            says="You round to the nearest number. A window that fits in part is left out, however "
            "large the part is.",
        ),
        Mistake(
            "stride ignored",
            ((" // stride", ""),),
            says="The stride changes nothing in your function. How many rows does the window go "
            "from one place to the next?",
        ),
        Mistake(
            "divides too much",
            (
                (
                    "(n + 2 * padding - kernel) // stride + 1",
                    "(n + 2 * padding - kernel + 1) // stride",
                ),
            ),
            says="You divide the 1 by the stride too. It stands for the first window, which needs "
            "no step.",
        ),
    ),
)

network = Exercise(
    lesson=_LESSON,
    name="network",
    title="Mend the notes' network",
    difficulty="medium",
    minutes=15,
    task="""The notes behind this course hold this code. It has a slip in one number, and it
breaks off at a bare `nn`. Write `my_alexnet()` that returns the whole network. The 21 rows of
shapes in this lesson tell what is missing; the dropout is 0.5.

```python
net = nn.Sequential(
    nn.Conv2d(1, 966, kernel_size=11, stride=4, padding=1), nn.ReLU(),
    nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),
    nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
    nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
    nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
    nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Flatten(),
    nn.Linear(6400, 4096), nn.ReLU(),
    nn
```""",
    code="""def my_alexnet():
    ### BEGIN SOLUTION
    return nn.Sequential(
        nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
        nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 10),
    )
    ### END SOLUTION
""",
    judge=Networks((Case((), (1, 1, 224, 224), large=True),), "my_alexnet()"),
    hints=(
        "Call trace(my_alexnet(), (1, 1, 224, 224)). Which two numbers does it name?",
        "The first convolution makes what the second reads.",
        "After flatten the rows are 4096, 4096, 10. What stands between two linear layers?",
    ),
    reason="""966 is a slip for 96, which the second convolution reads. After the bare nn the
dropout follows, a second hidden layer with its ReLU and dropout, and the linear layer that makes
the ten logits.""",
    made=(
        Mistake(
            "966 maps",
            (("nn.Conv2d(1, 96,", "nn.Conv2d(1, 966,"),),
            says="Your second convolution reads 96 maps, and 966 arrive. One of the two is the "
            "slip; how many filters has AlexNet's first layer?",
        ),
        Mistake(
            "966 maps, read too",
            (("nn.Conv2d(1, 96,", "nn.Conv2d(1, 966,"), ("nn.Conv2d(96,", "nn.Conv2d(966,")),
            says="Your second convolution now fits the 966 maps. But 966 is the slip, not what "
            "reads them.",
        ),
        Mistake(
            "one hidden layer",
            (("        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),\n", ""),),
            says="You have one hidden layer. Count the rows of 4096 in the lesson's shapes.",
        ),
        Mistake(
            "no logits",
            (("        nn.Linear(4096, 10),\n", ""),),
            says="Your network ends with 4,096 numbers for each image. There are ten classes.",
        ),
        Mistake(
            "missing dropout",
            (
                (
                    "nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)",
                    "nn.Linear(4096, 4096), nn.ReLU()",
                ),
            ),
        ),
        Mistake(
            "missing ReLU",
            (
                (
                    "nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)",
                    "nn.Linear(4096, 4096), nn.Dropout(0.5)",
                ),
            ),
        ),
        Mistake(
            "extra softmax", (("nn.Linear(4096, 10),", "nn.Linear(4096, 10), nn.Softmax(dim=1),"),)
        ),
        Mistake(
            "9216 numbers",
            (("nn.Linear(6400,", "nn.Linear(9216,"),),
            says="Your first linear layer reads 9,216 numbers, as the paper's does. Here 256 maps "
            "of 5×5 arrive.",
        ),
        Mistake("dropout rate", (("nn.Dropout(0.5)", "nn.Dropout(0.2)"),)),
    ),
)

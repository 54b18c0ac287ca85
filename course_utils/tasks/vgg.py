"""Lesson 2: the lab of the VGG family."""

from layerwise import Task

NETWORK = [
    Task(
        text="VGG-11 has 129 million parameters. How many million does VGG-16 have? Set the "
        "architecture to VGG-16, and compare the change in the parameters with that in the MACs. "
        "Which rows of the table are marked?",
        predict=lambda lab: round(lab.trace.params / 1e6),
        reached={"conv_arch": "VGG-16"},
        explanation="VGG-16 has 4 % more parameters, and twice the MACs. Marked are the new "
        "convolutions with their ReLUs (+), the blocks whose sums they change (≠), and from the "
        "first of them on all receptive fields (↓). No block's output shape changes.",
    ),
    Task(
        text="The first linear layer expects 25,088 values. How many would reach it after one "
        "more block of 512 channels? Set the architecture with a sixth block. Where do the two "
        "numbers come from?",
        predict=lambda lab: lab.problem.got,
        reached={"conv_arch": "VGG-11 with a sixth block"},
        hides_repairs=True,
        explanation="The sixth block halves 7 to 3, and 512 · 3 · 3 = 4,608 values arrive where "
        "512 · 7 · 7 = 25,088 are expected.",
    ),
    Task(
        text="Keep the sixth block, and find the choice that mends the network. It has two layers "
        "more than VGG-11 with its 129 million parameters. How many million does it have?",
        predict=lambda lab: round(lab.trace.params / 1e6),
        reached={"conv_arch": "VGG-11 with a sixth block", "rows": 3},
        hides_repairs=True,
        explanation="With `rows` 3 it works, and has 49.6 million parameters, not 128.8: the first "
        "linear layer reads fewer values, and that is where the parameters were.",
    ),
    Task(
        text="Press Reset. The network takes 224 rows, which five halvings bring to 7. One of "
        "the input sizes 255 and 256 works as well, and the other not. Which one breaks? Set both.",
        predict=lambda lab: lab.choices["input_size"],
        reached={"input_size": 256},
        hides_repairs=True,
        explanation="Five halvings of 255, rounded down each time, give 7. 256 = 8 · 32 gives 8. "
        "All sizes from 224 to 255 work.",
    ),
]

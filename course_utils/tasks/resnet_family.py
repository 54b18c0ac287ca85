"""Lesson 7: the lab of the class that makes the whole family."""

from layerwise import Task

CLASS = [
    Task(
        text="Set the width to 16 in place of 64. By which factor do the parameters fall? Round to "
        "a whole number. And the MACs?",
        predict=16,
        reached={"width": 16},
        explanation="Both fall to about a sixteenth. Each convolution has a quarter of the "
        "channels in and a quarter out.",
    ),
    Task(
        text="Press Reset, and set the blocks to 3, 4, 6, 3: 21.3 million parameters. Now set the "
        "block to `Bottleneck` too. How many million does it have then: about 23, 50 or 85? What "
        "happens to the maps at the end of each stage?",
        predict=23,
        reached={"block": "Bottleneck", "num_blocks": [3, 4, 6, 3]},
        explanation="23.5 million, hardly more. Each stage puts out four times as many channels, "
        "of the same size.",
    ),
    Task(
        text="Press Reset. Set the window to 4×4 and the input size to 64. Which layer fails? How "
        "many numbers does it get, where it has weights for 512?",
        predict=lambda lab: lab.problem.got,
        reached={"window": 4, "input_size": 64},
        hides_repairs=True,
        explanation="The last maps are 8×8. Four windows make 2×2 of each, so 512 · 2 · 2 = 2,048 "
        "numbers arrive at the linear layer. The average of all that arrives has no such trouble.",
    ),
    Task(
        text="Keep the window, and set the input size to 24. Now another layer fails. Why?",
        reached={"window": 4, "input_size": 24},
        hides_repairs=True,
        explanation="The last maps are 3×3, and the pooling itself fails: its window of 4×4 is "
        "larger than the map.",
    ),
]

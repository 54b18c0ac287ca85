"""Lesson 6: the lab of ResNet-18."""

from layerwise import Task

NETWORK = [
    Task(
        text="This ResNet-18 has 11 million parameters. How many million does it have with 3, 4, "
        "6 and 3 blocks in its stages? Set them. Which shapes change at the end of a stage?",
        predict=lambda lab: round(lab.trace.params / 1e6),
        reached={"blocks": (3, 4, 6, 3)},
        explanation="No shape: blocks within a stage keep it. It takes about twice the parameters "
        "and twice the MACs.",
    ),
    Task(
        text="Press Reset. Block `2.0`, the first of stage two, makes maps of 28×28. How many rows "
        "would its shortcut make with stride 1? Set the shortcut stride to 1. Which operation "
        "fails?",
        predict=lambda lab: lab.problem.got,
        reached={"shortcut_stride": 1},
        hides_repairs=True,
        explanation="The add of block `2.0`: its convolutions make 28×28 maps, its shortcut 56×56. "
        "No layer fails, but the line `Y += X`.",
    ),
    Task(
        text="Leave the shortcut stride at 1, and make the network work again. The start takes "
        "1.73 billion MACs. How many billion are they now?",
        predict=lambda lab: round(lab.trace.macs / 1e9),
        reached={"shortcut_stride": 1, "stride": 1},
        hides_repairs=True,
        explanation="With a stride of 1 no stage makes the maps smaller: the same parameters, "
        "about twenty times the MACs. Setting the shortcut stride back to 2 costs nothing.",
    ),
]

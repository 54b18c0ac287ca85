"""Lesson 8: the lab of ResNet-50's block with four choices."""

from layerwise import Task

BLOCK = [
    Task(
        text="Two choices make ResNeXt-50 of this network. Which? Compare parameters and MACs with "
        "those at the start.",
        reached={"groups": 32, "inner": 1 / 2},
        explanation="Half as wide inside as outside, in 32 groups. Parameters and MACs stay within "
        "4 % of the start.",
    ),
    Task(
        text="Press Reset. Set the groups to one per channel, and look at the MACs. Now move the "
        "kernel size from 3 to 7. By how many per cent do they rise?",
        predict=2,
        reached={"groups": 0, "kernel_size": 7},
        explanation="By 2 %, and the parameters by 1 %: such a window mixes no channels, so it is "
        "cheap at any size. With one group the same step makes both three times what they were.",
    ),
    Task(
        text="Press Reset. Set the groups to 128. Which layer cannot be built, and how many "
        "channels has it?",
        predict=64,
        reached={"groups": 128},
        hides_repairs=True,
        explanation="The middle convolution of stage one: it has a quarter of 256 channels, and 64 "
        "cannot be cut into 128 groups. Fewer groups repair it, and so does an inner share of 0.5.",
    ),
    Task(
        text="Press Reset. Set the kernel size to 4. No layer fails, and the network does. Where?",
        reached={"kernel_size": 4},
        hides_repairs=True,
        explanation="At the add of the first block. A window of 4 with padding 2 makes 57×57 maps "
        "out of 56×56, and the shortcut still has 56×56. Windows with an odd side keep the size.",
    ),
]

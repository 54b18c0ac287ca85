"""Lesson 4: the lab of GoogLeNet."""

from layerwise import Task

NETWORK = [
    Task(
        text="The block after the first one reads 256 channels. How many does it read if the "
        "first block's 5×5 convolution makes 64 and not 32? Set `c3` to 64. Which layers have "
        "a different number of parameters than before, and why no others?",
        predict=lambda lab: lab.trace.by_path["2.1.p1_1"][0].inputs[0][1],
        reached={"c3": 64},
        explanation="Besides the 5×5 convolution itself, the 1×1 convolutions of the next block "
        "that read what comes in, one in each path (`p4_2` behind a pooling): 288 channels and not "
        "256. That block makes 480 as before, so nothing further down can tell the difference.",
    ),
    Task(
        text="Press Reset. The first block's paths make maps of 12×12. How many rows does the map "
        "of the 5×5 convolution have with padding 1? Set it. The network breaks: where, and which "
        "two numbers disagree?",
        predict=lambda lab: lab.problem.got,
        reached={"padding": 1},
        hides_repairs=True,
        explanation="At the `cat`: the third path makes maps of 10×10, the others of 12×12. The "
        "convolution itself runs without complaint; it is the joining that fails.",
    ),
    Task(
        text="Leave the padding at 1, and make the network work again.",
        reached=lambda lab: lab.trace and lab.choices["padding"] == 1,
        hides_repairs=True,
        explanation="A kernel size of 3, for which padding 1 is right. The other repair would be "
        "padding 2, which is right for 5.",
    ),
    Task(
        text="Press Reset. Set `reduce` to 192. Now the 1×1 convolution reduces nothing. Is the "
        "path cheaper than a 5×5 convolution without the 1×1, as expensive, or more expensive?",
        predict="more expensive",
        reached={"reduce": 192},
        explanation="The 5×5 costs what it would cost alone, and the 1×1 comes on top. A reduction "
        "pays only if it reduces.",
    ),
]

"""Lesson 5: the lab of LeNet with batch normalization."""

from layerwise import Task

NETWORK = [
    Task(
        text="This LeNet has 44,878 parameters. How many does it have without batch normalization? "
        "Turn `norm` off. Which shapes change?",
        predict=lambda lab: lab.trace.params,
        reached={"norm": False},
        explanation="No shape changes, and 452 parameters go: a γ and a β for each of 6 + 16 + 120 "
        "+ 84 features.",
    ),
    Task(
        text="Press Reset. The first linear layer expects 256 numbers. How many reach it with "
        "padding 2? Set it. Where do the two numbers come from?",
        predict=lambda lab: lab.problem.got,
        reached={"padding": 2},
        hides_repairs=True,
        explanation="The first maps keep their 28 rows. Then 14, 10 and 5 rows follow, and maps of "
        "16 × 5 × 5 make 400 numbers. The linear layer was built for 16 × 4 × 4 = 256.",
    ),
    Task(
        text="Leave the padding at 2, and make the network work again. How many weights does "
        "the first linear layer have then, and where have you met that number?",
        predict=lambda lab: lab.choices["features"] * 120,
        reached={"padding": 2, "features": 400},
        hides_repairs=True,
        explanation="With 400 features it has 400 · 120 = 48,000 weights, the number in the notes: "
        "this is the LeNet of the first lesson.",
    ),
    Task(
        text="Press Reset. Turn `training` on. Again the network breaks, but at a layer in the "
        "middle. Why not at the first batch normalization? Which two choices repair it?",
        reached={"training": True},
        hides_repairs=True,
        explanation="One image has 24 · 24 values of each channel after the first convolution, "
        "enough for a variance. After the first linear layer it has one value of each feature. "
        "Turn `training` or `norm` off. (More than one image would do as well.)",
    ),
]

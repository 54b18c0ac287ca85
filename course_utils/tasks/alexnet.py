"""Lesson 1: the lab of one window, and the lab of AlexNet."""

from layerwise import Task

WINDOW = [
    Task(
        text="Set the stride to 4, and find the pixels that no window reads. Then make the kernel "
        "larger, until all are read but those of one row and one column. How many pixels does the "
        "one window read then?",
        predict=lambda lab: lab.choices["kernel_size"] ** 2,
        reached={"stride": 4, "kernel_size": 5},
        explanation="One window fits. With a 3×3 kernel it reads 9 pixels, and the last 3 rows and "
        "columns are never read: the next step would need 4. A 5×5 kernel reads 25 pixels, and "
        "only the last row and column are left out.",
    ),
    Task(
        text="Find the padding with which a 3×3 kernel with stride 1 makes an output as large as "
        "the input. Which padding will it take for 5×5? Predict it, then set kernel and padding.",
        predict=lambda lab: lab.choices["padding"],
        reached={"stride": 1, "kernel_size": 5, "padding": 2},
        explanation="1 for 3×3, and 2 for 5×5. In general it is (k − 1)/2 for a kernel of k, which "
        "is whole for odd k. It is one reason why kernels are odd.",
    ),
    Task(
        text="Press Reset. Set the input size to 3, and the kernel size to 4. What does the "
        "message say? Find the padding that mends it. What does the one window then read?",
        reached={"input_size": 3, "kernel_size": 4, "padding": 1},
        hides_repairs=True,
        explanation="A window of 4 needs 4 pixels and gets 3. Padding 1 makes 5 of them, and the "
        "window reads the whole image and the padding above and on the left of it.",
    ),
    Task(
        text="Press Reset. Compare max pooling with average pooling, both with padding 1, at a "
        "pixel of the border. What does the padding count for in each?",
        reached={"layer": "average pooling", "padding": 1},
        explanation="For the largest number, nothing: it is taken as −∞. In an average it counts "
        "as zeros, so the numbers at the border become smaller.",
    ),
]

NETWORK = [
    Task(
        text="The first convolution has 11,712 parameters. How many with 48 channels? Set the "
        "channels to 48. Which other layer has another number of parameters than before, and why "
        "no third?",
        predict=lambda lab: lab.trace.steps[0].params,
        reached={"channels": 48},
        explanation="The first convolution has half as many filters. The second has half as many "
        "channels to read, so each of its filters has half as many weights. It still makes 256 "
        "channels, so nothing further down can tell the difference.",
    ),
    Task(
        text="Press Reset. Filters of 11×11 make 54 rows. How many rows do filters of 14×14 make? "
        "Set the kernel size to 14. Which shapes change, and why?",
        predict=lambda lab: lab.trace.steps[0].output[2],
        reached={"kernel_size": 14},
        explanation="Not one shape changes. With 11×11 filters 3 rows are dropped. Filters of up "
        "to 14×14 use them up before they cost a step.",
    ),
    Task(
        text="Press Reset. With padding 2 the first maps are 55×55, as in the paper. How many "
        "numbers will reach the first linear layer, which expects 6,400? Set it. Where do both "
        "numbers come from?",
        predict=lambda lab: lab.problem.got,
        reached={"padding": 2},
        hides_repairs=True,
        explanation="The first maps have 55 rows. Then 27, 13 and at last 6 rows arrive where it "
        "was 26, 12 and 5. So 256 · 6 · 6 = 9,216 numbers reach a linear layer that was built for "
        "256 · 5 · 5 = 6,400.",
    ),
    Task(
        text="Leave the padding at 2, and make the network work again. There are several ways.",
        reached=lambda lab: lab.trace and lab.choices["padding"] == 2,
        hides_repairs=True,
        explanation="With 9,216 features the linear layer takes what arrives. A kernel size of 13 "
        "or more makes the first maps 54×54 again, and 6,400 features are right.",
    ),
    Task(
        text="Find an AlexNet with fewer than 30 million parameters that takes images of 224×224. "
        "At the start it has 46.8 million. Where are they?",
        reached=lambda lab: (
            lab.trace and lab.trace.params < 30e6 and lab.choices["input_size"] == 224
        ),
        explanation="The first linear layer has most of them, 6,400 · 4,096. Fewer filters in the "
        "first convolution save next to nothing. What helps is smaller maps at the end: with "
        "stride 8 they are 2×2, 1,024 features are enough, and 24.7 million parameters are left.",
    ),
]

"""Lesson 3: the lab of NiN."""

from layerwise import Task

NETWORK = [
    Task(
        text="After the last 3×3 window each unit sees 195 × 195 pixels of the image. How many "
        "rows does it see without any 1×1 convolution? Set `ones` to 0. Which columns of the table "
        "change, and which do not?",
        predict=lambda lab: lab.trace.by_path["7.0"][0].receptive_field[0],
        reached={"ones": 0},
        explanation="Parameters and MACs fall, by 22 % and 24 %. The output shapes and the "
        "receptive field stay: a 1×1 convolution neither shrinks a map nor sees further.",
    ),
    Task(
        text="Press Reset. NiN has 2 million parameters. How many million does it have with linear "
        "layers at the end? Set the head to `linear`. What happens to the MACs?",
        predict=lambda lab: round(lab.trace.params / 1e6),
        reached={"head": "linear"},
        explanation="39 million weights join, almost twenty times what NiN has in all, and the "
        "MACs grow by 5 %.",
    ),
    Task(
        text="How many values would reach that linear layer, which expects 9,600, from images of "
        "256 rows? Set the head to `linear` and the input size to 256, then the head back to "
        "`average`. Why does one work and the other not?",
        predict=lambda lab: lab.problem.got,
        reached={"head": "linear", "input_size": 256},
        hides_repairs=True,
        explanation="With 256 pixels 384 maps of 6×6 arrive, 13,824 values, where the layer has "
        "weights for 9,600. Averaging makes ten values, whatever the size of the maps.",
    ),
    Task(
        text="Press Reset. Set the input size to 66. Which layer fails, and what does it lack?",
        reached={"input_size": 66},
        hides_repairs=True,
        explanation="The third pooling has a 3×3 window and receives maps of 2×2. The 66 rows "
        "become 14, 6 and 2 on the way; from 15 they become 7 and 3, which is enough.",
    ),
    Task(
        text="Leave the input size at 66, and make the network work again. Find two ways.",
        reached=lambda lab: lab.trace and lab.choices["input_size"] == 66,
        hides_repairs=True,
        explanation="Smaller steps (`strides` 3) or a smaller kernel (9) in the first layer make "
        "at least 15 rows.",
    ),
]

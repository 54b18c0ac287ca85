"""The contents: the lab of LeNet, in which a student learns what a lab can do."""

from layerwise import Task

LENET = [
    Task(
        text="The first convolution makes 6 channels and has 156 parameters. How many does it "
        "have with 12 channels? Type your prediction, then move `channels` to 12. Which other "
        "layer has another number of parameters than before?",
        predict=lambda lab: lab.trace.steps[0].params,
        reached={"channels": 12},
        explanation="Twice as many filters, so 312. The second convolution reads 12 channels in "
        "place of 6. It still makes 16, so nothing changes further down: the table shows only rows "
        "that changed.",
    ),
    Task(
        text="Press Reset, then break the network: how many numbers reach the first linear layer, "
        "which expects 400, without padding? Set `padding` to 0 and read the message. Let it show "
        "what would help, press that, and then Undo.",
        predict=lambda lab: lab.problem.got,
        reached={"padding": 0},
        hides_repairs=True,
        explanation="Without padding the last maps are 4×4 and not 5×5. So 16 · 4 · 4 = 256 "
        "numbers arrive where the layer was built for 16 · 5 · 5 = 400. Nothing that you set can "
        "harm the lab.",
    ),
]

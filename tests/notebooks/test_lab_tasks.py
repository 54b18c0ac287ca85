"""Every task of every lesson can be reached, and what it says is what the trace says there."""

import html
import re

import lessons
import nbformat
import pytest

from course_utils import tasks
from layerwise.interactive.live_lab import Lab
from layerwise.interactive.tasks import Progress

SIX = "VGG-11 with a sixth block"

# Of each lesson: of each lab: of each task a state that reaches it, and the answer there.
REACHED = {
    "00_contents": [[({"channels": 12}, 312), ({"padding": 0}, 256)]],
    "01_alexnet": [
        [
            ({"stride": 4, "kernel_size": 5}, 25),
            ({"stride": 1, "kernel_size": 5, "padding": 2}, 2),
            ({"input_size": 3, "kernel_size": 4, "padding": 1}, None),
            ({"layer": "average pooling", "padding": 1}, None),
        ],
        [
            ({"channels": 48}, 5_856),
            ({"kernel_size": 14}, 54),
            ({"padding": 2}, 9_216),
            ({"padding": 2, "features": 9216}, None),
            ({"stride": 8, "features": 1024}, None),
        ],
    ],
    "02_vgg": [
        [
            ({"conv_arch": "VGG-16"}, 134),
            ({"conv_arch": SIX}, 4_608),
            ({"conv_arch": SIX, "rows": 3}, 50),
            ({"input_size": 256}, 256),
        ]
    ],
    "03_nin": [
        [
            ({"ones": 0}, 195),
            ({"head": "linear"}, 41),
            ({"head": "linear", "input_size": 256}, 13_824),
            ({"input_size": 66}, None),
            ({"input_size": 66, "strides": 3}, None),
        ]
    ],
    "04_googlenet": [
        [
            ({"c3": 64}, 288),
            ({"padding": 1}, 10),
            ({"padding": 1, "kernel_size": 3}, None),
            ({"reduce": 192}, "more expensive"),
        ]
    ],
    "05_batch_norm": [
        [
            ({"norm": False}, 44_426),
            ({"padding": 2}, 400),
            ({"padding": 2, "features": 400}, 48_000),
            ({"training": True}, None),
        ]
    ],
    "06_resnet": [
        [
            ({"blocks": (3, 4, 6, 3)}, 21),
            ({"shortcut_stride": 1}, 56),
            ({"shortcut_stride": 1, "stride": 1}, 35),
        ]
    ],
    "07_resnet_family": [
        [
            ({"width": 16}, 16),
            ({"num_blocks": [3, 4, 6, 3], "block": "Bottleneck"}, 23),
            ({"window": 4, "input_size": 64}, 2_048),
            ({"window": 4, "input_size": 24}, None),
        ]
    ],
    "08_after_resnet": [
        [
            ({"groups": 32, "inner": 1 / 2}, None),
            ({"groups": 0, "kernel_size": 7}, 2),
            ({"groups": 128}, 64),
            ({"kernel_size": 4}, None),
        ]
    ],
}


def works(lab: Lab) -> bool:
    return lab.problem is None


def times(part: str, digits: int = 2):
    """How many times as many as at the start."""
    return lambda lab: round(getattr(lab.trace, part) / getattr(lab._state.first, part), digits)


def params(path: str):
    """Parameters of the layer at a path."""
    return lambda lab: sum(step.params for step in lab.trace.by_path[path])


# What the texts and explanations say besides: lesson, lab, state, what is asked, what is said.
FACTS = [
    ("00_contents", 0, {}, params("0"), 156),
    ("00_contents", 0, {"channels": 12}, lambda lab: lab.trace.by_path["3"][0].output[1], 16),
    ("00_contents", 0, {"padding": 0}, lambda lab: lab.problem.expected, 400),
    ("00_contents", 0, {"padding": 0}, lambda lab: lab.problem.repairs[0]["padding"], 2),
    ("01_alexnet", 0, {"stride": 4}, lambda lab: lab.trace.macs, 9),
    ("01_alexnet", 0, {"stride": 1, "padding": 1}, lambda lab: lab.trace.output, (1, 1, 6, 6)),
    ("01_alexnet", 0, {"input_size": 3, "kernel_size": 4}, works, False),
    ("01_alexnet", 1, {}, params("0"), 11_712),
    ("01_alexnet", 1, {}, lambda lab: lab.trace.steps[0].output[2], 54),
    ("01_alexnet", 1, {"padding": 2}, lambda lab: lab.problem.expected, 6_400),
    *(("01_alexnet", 1, {"padding": 2, "kernel_size": k}, works, k >= 13) for k in range(3, 16)),
    ("01_alexnet", 1, {}, lambda lab: round(lab.trace.params / 1e6, 1), 46.8),
    ("01_alexnet", 1, {"channels": 16}, times("params"), 0.99),
    ("01_alexnet", 1, {"stride": 8, "features": 1024},
     lambda lab: round(lab.trace.params / 1e6, 1), 24.7),
    ("02_vgg", 0, {}, lambda lab: round(lab.trace.params / 1e6, 1), 128.8),
    ("02_vgg", 0, {"conv_arch": "VGG-16"}, times("params"), 1.04),
    ("02_vgg", 0, {"conv_arch": "VGG-16"}, times("macs", 0), 2),
    ("02_vgg", 0, {"conv_arch": SIX}, lambda lab: lab.problem.expected, 25_088),
    ("02_vgg", 0, {"conv_arch": SIX, "rows": 3},
     lambda lab: round(lab.trace.params / 1e6, 1), 49.6),
    *(("02_vgg", 0, {"input_size": n}, works, n in (224, 255)) for n in (223, 224, 255, 256)),
    ("03_nin", 0, {}, lambda lab: lab.trace.by_path["7.0"][0].receptive_field[0], 195),
    ("03_nin", 0, {}, lambda lab: round(lab.trace.params / 1e6), 2),
    ("03_nin", 0, {"ones": 0}, times("params"), 0.78),
    ("03_nin", 0, {"ones": 0}, times("macs"), 0.76),
    ("03_nin", 0, {"head": "linear"}, params("8"), 384 * 5 * 5 * 4096 + 4096),
    ("03_nin", 0, {"head": "linear"}, times("macs"), 1.05),
    ("03_nin", 0, {"head": "linear", "input_size": 256}, lambda lab: lab.problem.expected, 9_600),
    ("03_nin", 0, {"input_size": 256}, works, True),
    ("03_nin", 0, {"input_size": 66, "kernel_size": 9}, works, True),
    ("04_googlenet", 0, {}, lambda lab: lab.trace.by_path["2.1.p1_1"][0].inputs[0][1], 256),
    ("04_googlenet", 0, {"c3": 64}, lambda lab: lab.trace.by_path["2.1"][-1].output[1], 480),
    ("04_googlenet", 0, {"padding": 1}, lambda lab: lab.problem.expected, 12),
    ("05_batch_norm", 0, {}, lambda lab: lab.trace.params, 44_878),
    ("05_batch_norm", 0, {"padding": 2}, lambda lab: lab.problem.expected, 256),
    ("05_batch_norm", 0, {"padding": 2, "features": 400}, params("9"), 48_000 + 120),
    ("05_batch_norm", 0, {"training": True}, works, False),
    ("05_batch_norm", 0, {"training": True, "norm": False}, works, True),
    ("06_resnet", 0, {}, lambda lab: round(lab.trace.params / 1e6), 11),
    ("06_resnet", 0, {}, lambda lab: round(lab.trace.macs / 1e9, 2), 1.73),
    ("06_resnet", 0, {"blocks": (3, 4, 6, 3)}, times("params", 0), 2),
    ("06_resnet", 0, {"blocks": (3, 4, 6, 3)}, times("macs", 0), 2),
    ("06_resnet", 0, {"shortcut_stride": 1}, lambda lab: lab.problem.expected, 28),
    ("06_resnet", 0, {"shortcut_stride": 1, "stride": 1}, times("macs", -1), 20),
    ("06_resnet", 0, {"shortcut_stride": 1, "stride": 1}, times("params"), 1.0),
]  # fmt: skip

LABS: dict[str, list[Lab]] = {}


def labs(lesson: str) -> list[Lab]:
    """The labs of a lesson as at the start."""
    if lesson not in LABS:
        LABS[lesson] = lessons.labs(lesson)
    for lab in LABS[lesson]:
        lab.set(**lab._history.start)
    return LABS[lesson]


def reached(lesson: str) -> list[list[tuple[dict, object]]]:
    """Its part of REACHED; a lesson whose labs have no tasks needs none."""
    return REACHED.get(lesson, [[] for _ in labs(lesson)])


@pytest.mark.parametrize("lesson", lessons.LESSONS)
def test_each_lesson_with_tasks_has_its_module_of_them(lesson):
    named = lesson.partition("_")[2] in tasks.__all__
    assert named == any(lab.tasks for lab in labs(lesson))
    assert set(tasks.__all__) <= {name.partition("_")[2] for name in lessons.LESSONS}


@pytest.mark.parametrize("lesson", lessons.LESSONS)
def test_every_task_is_reached_where_it_says_and_not_at_the_start(lesson):
    expected = reached(lesson)
    counts = [len(lab.tasks) for lab in labs(lesson)]
    assert [len(states) for states in expected] == counts, "REACHED has a state for each task"
    for lab, states in zip(labs(lesson), expected, strict=True):
        start = lab.choices
        for number, (state, answer) in enumerate(states):
            lab.set(**start)
            before = Progress(lab.tasks, start, at=number).checked(lab)
            assert not before.reached and before.fault is None, (number, before.fault)
            lab.set(**state)
            after = before.checked(lab)
            assert after.fault is None and after.answers == {number: answer}, (number, after)


@pytest.mark.parametrize("lesson", lessons.LESSONS)
def test_a_task_can_be_done_where_the_one_before_it_ended(lesson):
    for lab, states in zip(labs(lesson), reached(lesson), strict=True):
        start = lab.choices
        for number, (state, answer) in enumerate(states):
            if lab.tasks[number].text.startswith("Press Reset"):
                lab.set(**start)
            before = Progress(lab.tasks, start, at=number)
            lab.set(**state)  # what the task names; the rest is as the task before left it
            after = before.checked(lab)
            assert after.fault is None and after.answers == {number: answer}, (number, after)


@pytest.mark.parametrize("lesson", lessons.LESSONS)
def test_repairs_are_hidden_also_from_who_is_to_find_one(lesson):
    for lab, states in zip(labs(lesson), reached(lesson), strict=True):
        for number, (state, _) in enumerate(states[:-1]):
            lab.set(**lab._history.start | state)
            task = lab.tasks[number + 1]
            goes_on = not task.text.startswith("Press Reset")
            assert lab.problem is None or not goes_on or task.hides_repairs, task.text


@pytest.mark.parametrize("lesson", lessons.LESSONS)
def test_the_notebook_stores_what_the_tasks_say(lesson):
    stored = nbformat.read(lessons.LESSONS[lesson][1], as_version=4)
    outputs = [output for cell in stored.cells for output in cell.get("outputs", ())]
    pages = " ".join(output.get("data", {}).get("text/html", "") for output in outputs)
    read = plain(re.sub("<[^>]*>", "", pages))
    for task in (task for lab in labs(lesson) for task in lab.tasks):
        assert plain(task.text) in read
        assert plain(task.explanation) in read


def plain(text: str) -> str:
    """Words as they are read, wherever the lines break."""
    return " ".join(html.unescape(text).replace("`", "").split())


@pytest.mark.parametrize("lesson", lessons.LESSONS)
def test_what_breaks_the_network_hides_its_repairs(lesson):
    for lab, states in zip(labs(lesson), reached(lesson), strict=True):
        for task, (state, _) in zip(lab.tasks, states, strict=True):
            lab.set(**lab._history.start | state)
            assert lab.problem is None or task.hides_repairs, task.text


@pytest.mark.parametrize(
    ("lesson", "number", "state", "asked", "said"),
    [pytest.param(*fact, id=f"{fact[0]}-{n}") for n, fact in enumerate(FACTS)],
)
def test_the_numbers_in_the_texts_are_those_of_the_trace(lesson, number, state, asked, said):
    lab = labs(lesson)[number]
    lab.set(**state)
    assert asked(lab) == said


@pytest.mark.parametrize("lesson", ["04_googlenet"])
def test_a_reduction_that_reduces_nothing_costs_more_than_none(lesson):
    (lab,) = labs(lesson)
    lab.set(reduce=192)
    reduction, convolution = (lab.trace.by_path[f"2.0.p3_{n}"][0] for n in (1, 2))
    assert convolution.inputs[0][1] == reduction.inputs[0][1]  # as much as it costs alone
    assert reduction.macs > 0

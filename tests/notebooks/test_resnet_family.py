"""Lesson 7: what its prose says of the notes' blocks, of the family, and of its measurements."""

import re

import build_notebooks
import lessons
import pytest
import torch
from torch import nn
from torchvision import models

from course_utils import photograph, recorded
from layerwise import trace
from layerwise.tracing.building import Unfilled

LESSON = "07_resnet_family"
PHOTO = (1, 3, 224, 224)

pytestmark = pytest.mark.parametrize("lesson", [LESSON])


@pytest.fixture(scope="module")
def made():
    return lessons.module(LESSON)


@pytest.fixture(scope="module")
def ready(made):
    """The lesson with its images, and a network that was trained on the good scanner's."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SEEDS", "1")
        for name in ("train", "test", "OLD", "NEW", "TASKS", "pretrained"):
            setattr(made, name, lessons.value(LESSON, name))
    return made


@pytest.fixture(scope="module")
def adapted(ready):
    """Of each task and way the first run: accuracies after every fifth step."""
    ways = ("from scratch", "linear probe", "fine-tuning")
    return {(task, way): ready.adapt(task, way, seed=0) for task in ready.TASKS for way in ways}


def test_the_print_of_the_note_is_that_of_two_blocks(lesson, made):  # noqa: ARG001
    printed = repr(nn.Sequential(made.BasicBlock(64, 64), made.BasicBlock(64, 64)))
    printed = printed.replace("affine=True, bias=True", "affine=True")  # of PyTorch 2.15
    source = build_notebooks.lessons()[LESSON][0].read_text("utf-8")
    shown = re.search(r"# ```\n((?:# .*\n)+?)# ```", source)[1].replace("# ", "", 1)
    assert shown.replace("\n# ", "\n").strip() == printed


def test_two_blocks_keep_the_shape(lesson, made):  # noqa: ARG001
    blocks = nn.Sequential(made.BasicBlock(64, 64), made.BasicBlock(64, 64))
    t = trace(blocks, (128, 64, 28, 28))
    assert {step.output for step in t.steps} == {(128, 64, 28, 28)}
    assert t.params == 147_968 and round(t.macs / 128 / 1e6, 1) == 115.6


def test_the_four_tests_of_the_note(lesson, made):  # noqa: ARG001
    found = []
    for channels, stride in ((64, 1), (128, 1), (64, 2), (128, 2)):
        block = made.BasicBlock(64, channels, stride)
        t = trace(block, (1, 64, 32, 32))
        found.append((t.output[1:3], t.params, len(block.shortcut) > 0))
    assert found == [
        ((64, 32), 73_984, False),
        ((128, 32), 230_144, True),
        ((64, 16), 78_208, True),
        ((128, 16), 230_144, True),
    ]


def test_the_network_of_the_note(lesson, made):  # noqa: ARG001
    net = made.ResNet(made.BasicBlock, [2, 2, 2, 2])
    convs = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    params = sum(p.numel() for p in net.parameters())
    assert len(convs) == 20
    assert params + sum(conv.out_channels for conv in convs) == 11_178_762
    windows = made.ResNet(made.BasicBlock, [2, 2, 2, 2], window=4)
    sizes = (1, 2, 24, 25, 26, 56, 57, 99)
    assert [n for n in sizes if made.takes(windows, n)] == [25, 26, 56]
    assert all(made.takes(net, n) for n in sizes)


def test_a_bottleneck_is_cheap(lesson, made):  # noqa: ARG001
    basic, narrow, small = (
        trace(block, (1, block.conv1.in_channels, 8, 8)).params
        for block in (made.BasicBlock(256, 256), made.Bottleneck(256, 64), made.BasicBlock(64, 64))
    )
    assert round(basic / narrow) == 17
    assert narrow == pytest.approx(small, rel=0.06)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_the_family_is_torchvisions(lesson, made, depth):  # noqa: ARG001
    with torch.device("meta"):
        ours, theirs = made.family_member(depth), models.get_model(f"resnet{depth}")
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    weighted = [m for m in ours.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    projections = sum(name.endswith("shortcut.0") for name, _ in ours.named_modules())
    assert len(weighted) - projections == depth
    assert projections == (3 if depth < 50 else 4)


def test_torchvisions_weights_fit_by_name(lesson, made):  # noqa: ARG001
    theirs = models.resnet18()
    renamed = {
        name.replace("downsample", "shortcut").replace("fc.", "linear."): value
        for name, value in theirs.state_dict().items()
    }
    with Unfilled("cpu"):  # its first weights would only be written over
        ours = made.family_member(18)
    ours.load_state_dict(renamed)
    X = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(ours.eval()(X), theirs.eval()(X), atol=1e-4)


def test_the_tasks_of_the_lab(lesson):  # noqa: ARG001
    (lab,) = lessons.labs(LESSON)
    start, (_, bottleneck) = lab.trace, lab.controls["block"].options[1]
    lab.set(width=16)
    assert start.params / lab.trace.params == pytest.approx(16, rel=0.05)
    assert start.macs / lab.trace.macs == pytest.approx(16, rel=0.05)
    lab.set(width=64, window=4, input_size=64)
    assert "2048" in str(lab.problem).replace(",", "") and "512" in str(lab.problem)
    lab.set(input_size=24)
    assert "average" in str(lab.problem) and "3×3" in str(lab.problem)
    lab.set(window=0, input_size=32, num_blocks=[3, 4, 6, 3])
    assert round(lab.trace.params / 1e6, 1) == 21.3
    lab.set(block=bottleneck)
    assert round(lab.trace.params / 1e6, 1) == 23.5


def test_what_a_recipe_gave_torchvision(lesson):  # noqa: ARG001
    accuracy = {
        weights.name: weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
        for weights in models.get_model_weights("resnet50")
    }
    assert round(accuracy["IMAGENET1K_V1"], 1) == 76.1
    assert round(accuracy["IMAGENET1K_V2"] - accuracy["IMAGENET1K_V1"], 1) == 4.7


def test_one_backbone_for_three_tasks(lesson):  # noqa: ARG001
    bare = {"weights": None, "weights_backbone": None}
    with torch.device("meta"):
        whole = {
            "classification": models.resnet50(),
            "detection": models.detection.fasterrcnn_resnet50_fpn(**bare).backbone,
            "segmentation": models.segmentation.fcn_resnet50(**bare),
        }
    for model in whole.values():
        t = trace(model, PHOTO)
        stages = [call for call in t.calls if re.search(r"layer[1-4]$", call.path)]
        params = sum(step.params for call in stages for step in t.steps[call.start : call.stop])
        assert round(params / 1e6, 1) == 23.5
    segmented = trace(whole["segmentation"], PHOTO)
    ends = {call.path[-6:]: call.output for call in segmented.calls if "layer" in call.path[-7:]}
    assert ends["layer3"][2] == ends["layer4"][2] == 28


def test_many_images_of_the_scanner_and_few_of_the_camera(lesson, ready):  # noqa: ARG001
    counts = ready.part(ready.train, ready.OLD).labels.bincount()
    assert len(counts) == 5 and counts.min() > 140
    few = ready.part(ready.poor_light(ready.train), ready.OLD, first=5, each=5)
    assert few.labels.bincount().tolist() == [5] * 5
    assert few.images.mean() < 0.6 * ready.train.images.mean()


def test_poor_light_is_another_domain(lesson, ready):  # noqa: ARG001
    (net,) = ready.pretrained.nets
    good, poor = (
        ready.part(ready.test, ready.OLD),
        ready.part(ready.poor_light(ready.test), ready.OLD),
    )
    assert ready.evaluate(net, good) > 0.95
    assert ready.evaluate(net, poor) <= 0.6


def test_fine_tuning_wins_in_poor_light(lesson, adapted):  # noqa: ARG001
    scratch, probe, tuned = (run for (task, _), run in adapted.items() if task == "poor light")
    assert scratch[-1] < 2 / 3
    assert tuned[-1] > scratch[-1] + 0.1
    assert tuned[-1] > probe[-1] + 0.05


def test_fine_tuning_is_sooner_on_new_classes(lesson, adapted):  # noqa: ARG001
    scratch, probe, tuned = (run for (task, _), run in adapted.items() if task == "new classes")
    assert tuned[3] > scratch[3] + 0.2  # after 20 steps
    assert tuned[3] == pytest.approx(tuned[-1], abs=0.06)
    assert -0.02 < tuned[-1] - scratch[-1] < 0.1
    assert tuned[-1] > probe[-1] + 0.1


def test_augmentation_is_what_helps(lesson, ready):  # noqa: ARG001
    recipes = lessons.value(LESSON, "RECIPES")
    names = ("none of them", "schedule", "schedule and augmentation")
    none, schedule, both = (ready.with_recipe(0, **recipes[name]) for name in names)
    assert both > max(none, schedule) + 0.03
    assert schedule == pytest.approx(none, abs=0.03)


def test_what_a_trained_network_makes_of_other_pictures(lesson, made):  # noqa: ARG001
    net, recording = recorded.load("resnet20")
    cat, flower = photograph("cat.jpg"), photograph("flower.jpg")
    told = []
    for image in (cat, cat.flip(1), made.dim(cat, 0.05), flower):
        with torch.no_grad():
            share, number = net(recording.prepare(image)).softmax(1)[0].max(0)
        told.append((recording.classes[number], round(float(share), 2)))
    assert told[:2] == [("cat", 0.33), ("airplane", 0.88)]
    assert told[2][0] in {"bird", "deer", "dog", "frog", "horse"}  # another animal
    assert recording.params == 272_474  # the network of an exercise


def test_a_print_does_not_show_a_missing_add(lesson, made):  # noqa: ARG001
    class BasicBlock(made.BasicBlock):
        def forward(self, x):
            return self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))

    whole, broken = made.BasicBlock(64, 128, stride=2), BasicBlock(64, 128, stride=2)
    assert repr(whole) == repr(broken)
    assert "shortcut" in " ".join(trace(broken, (1, 64, 8, 8)).unused)
    assert not trace(whole, (1, 64, 8, 8)).unused


def test_the_solutions_of_the_exercises(lesson, made):  # noqa: ARG001
    class PaperBottleneck(made.Bottleneck):
        def __init__(self, in_channels, channels, stride=1):
            super().__init__(in_channels, channels, stride)
            self.conv1.stride, self.conv2.stride = (stride, stride), (1, 1)

    with torch.device("meta"):
        fifty = made.family_member(50)
        paper = made.ResNet(PaperBottleneck, [3, 4, 6, 3], 1000)
        paper.conv1, paper.pool = fifty.conv1, fifty.pool
    assert round(trace(fifty, PHOTO).macs / 1e9, 2) == 4.09
    assert round(trace(paper, PHOTO).macs / 1e9, 2) == 3.86

    net = made.ResNet(made.BasicBlock, [3, 3, 3, 1], width=16)
    net.layer4, net.linear = nn.Identity(), nn.Linear(64, 10)
    t = trace(net, (1, 3, 32, 32))
    layers = [step for step in t.steps if step.op in ("Conv2d", "Linear")]
    projections = [step for step in t.steps if ".shortcut." in step.path]
    assert len([s for s in layers if ".shortcut." not in s.path]) == 20
    assert (t.params, sum(step.params for step in projections)) == (272_474, 2_752)

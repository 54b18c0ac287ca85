"""Lesson 2: the numbers of its prose and of its solutions, and what its measurements show."""

import re
from math import prod
from statistics import mean

import build_notebooks
import lessons
import nbformat
import pytest
import torch
from torch import nn
from torchvision import models

from course_utils import digits, experiments, fit, initialize, nets, recorded
from layerwise import trace

LESSON = "02_vgg"
GREY, PHOTO = (1, 1, 224, 224), (1, 3, 224, 224)

pytestmark = pytest.mark.parametrize("lesson", [LESSON])


@pytest.fixture(scope="module")
def made():
    return lessons.module(LESSON)


@pytest.fixture(scope="module")
def family(made):
    """Name -> trace of the paper's networks, for 1,000 classes."""
    with torch.device("meta"):
        built = {name: made.vgg(arch, 7, 3, 1000) for name, arch in made.FAMILY.items()}
    return {name: trace(net, PHOTO) for name, net in built.items()}


@pytest.fixture(scope="module")
def eleven(made):
    with torch.device("meta"):
        return trace(made.vgg(made.FAMILY["VGG-11"]), GREY)


def from_one_seed(name):
    """What the lesson calls `name`, with runs from the first seed alone: a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments.runs, "__defaults__", ((0,),))
        return lessons.value(LESSON, name)


@pytest.fixture(scope="module")
def stored():
    cells = nbformat.read(build_notebooks.lessons()[LESSON][1], as_version=4).cells
    outputs = [out for cell in cells if cell.cell_type == "code" for out in cell.outputs]
    return "".join(out.text for out in outputs if out.output_type == "stream")


def sees(t):
    kept = [step for step in t.steps if step.receptive_field and step.op != "AdaptiveAvgPool2d"]
    return kept[-1].receptive_field


def by_block(t, count):
    found = {}
    for step in t.steps:
        block = step.path.split(".")[0]
        found[block] = found.get(block, 0) + count(step)
    return found


def test_small_kernels_save_weights(lesson, made):  # noqa: ARG001
    cases = ((1, 5), (2, 3), (1, 7), (3, 3))
    t = {case: trace(made.several(case[1], case[0]), (1, 256, 28, 28)) for case in cases}
    assert [sees(t[case])[0] for case in cases] == [5, 5, 7, 7]
    assert round(1 - t[2, 3].params / t[1, 5].params, 2) == 0.28
    assert round(1 - t[3, 3].params / t[1, 7].params, 2) == 0.45


def test_two_small_kernels_read_the_middle_most(lesson, made):  # noqa: ARG001
    row = torch.tensor([1, 2, 3, 2, 1])
    assert torch.equal(made.paths(3, 2), row[:, None] * row)
    assert torch.equal(made.paths(5, 1), torch.ones(5, 5, dtype=torch.int))


def test_the_bell_grows_as_the_square_root(lesson, stored):  # noqa: ARG001
    found = re.findall(r"field +(\d+) wide, 95 % of the paths in the middle +(\d+)", stored)
    fields, bells = (list(map(int, column)) for column in zip(*found, strict=True))
    assert fields == [3, 9, 33, 129]
    assert all(1.7 < bells[i + 1] / bells[i] < 2.4 for i in range(3))


def test_a_convolution_costs_the_same_in_every_block(lesson, eleven):  # noqa: ARG001
    costs = [round(step.macs / 1e6, 1) for step in eleven.steps if step.op == "Conv2d"]
    assert costs[1:6] == [924.8, 924.8, 1849.7, 924.8, 1849.7]
    assert costs[0] < 30 and costs[6:] == [462.4, 462.4]


def test_why_512(lesson, made, eleven):  # noqa: ARG001
    wider = trace(made.vgg_block(2, 512, 1024), (1, 512, 14, 14)).params
    assert 2.9 < wider / by_block(eleven, lambda s: s.params)["4"] < 3.1


def test_the_family_is_torchvisions(lesson, made, family):  # noqa: ARG001
    with torch.device("meta"):
        theirs = {n: models.get_model(n.lower().replace("-", "")) for n in made.FAMILY}
    for name, net in theirs.items():
        assert family[name].params == sum(p.numel() for p in net.parameters())
        layers = [step for step in family[name].steps if step.op in ("Conv2d", "Linear")]
        assert len(layers) == int(name[4:])
    assert round(family["VGG-19"].macs / family["VGG-11"].macs, 1) == 2.6
    assert round(family["VGG-19"].params / family["VGG-11"].params, 2) == 1.08
    assert [sees(t)[0] for t in family.values()] == [150, 156, 212, 268]


def test_what_training_keeps(lesson, made, family):  # noqa: ARG001
    """By the memory that autograd really holds, the parameters apart."""
    held = {}

    def keep(tensor):
        memory = tensor.untyped_storage()
        held[id(memory)] = memory
        return tensor

    with torch.device("meta"), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        net = made.vgg(made.FAMILY["VGG-16"], 7, 3, 1000)
        net(torch.empty(PHOTO))
    own = {id(p.untyped_storage()) for p in net.parameters()}
    kept = sum(memory.nbytes() for number, memory in held.items() if number not in own)
    t = family["VGG-16"]
    put_out = 4 * sum(prod(step.output) for step in t.steps)
    assert 0.6 < kept / put_out < 0.7
    assert 9e9 < 128 * kept < 10e9 and round(4 * t.params / 1e9, 2) == 0.55


def test_where_the_weights_are(lesson, eleven):  # noqa: ARG001
    params = by_block(eleven, lambda step: step.params)
    assert eleven.params == 128_806_154 and 25_088 * 4_096 == 102_760_448
    assert params["6"] == 102_760_448 + 4_096 == max(params.values())
    assert round(params["6"] / eleven.params, 1) == 0.8
    macs = by_block(eleven, lambda step: step.macs)
    assert sum(macs[block] for block in "01234") / eleven.macs > 0.95
    assert round(eleven.macs / trace(nets.alexnet(), GREY).macs) == 8


def test_errors_fall_from_11_to_16_layers(lesson, stored):  # noqa: ARG001
    found = re.findall(r"VGG-\d\d  paper (\S+) %   torchvision (\S+) %", stored)
    paper, theirs = (list(map(float, column)) for column in zip(*found, strict=True))
    assert paper == [29.6, 28.7, 27.0, 27.3]
    assert theirs == sorted(theirs, reverse=True) and theirs[2] - theirs[3] < 1


def test_fewer_layers_of_5x5_do_less_arithmetic(lesson, made, family):  # noqa: ARG001
    layers, channels = [], 3
    for _, width in made.FAMILY["VGG-13"]:
        layers += [nn.Conv2d(channels, width, 5, padding=2), nn.MaxPool2d(2)]
        channels = width
    convolutions = sum(s.macs for s in family["VGG-13"].steps if s.op == "Conv2d")
    with torch.device("meta"):
        wide = trace(nn.Sequential(*layers), PHOTO)
    assert 0.75 < wide.macs / convolutions < 0.85


def test_kaiming_is_the_default_times_the_root_of_six(lesson):  # noqa: ARG001
    torch.manual_seed(0)
    conv = nn.Conv2d(32, 512, 3)
    fan_in = 9 * 32
    assert conv.weight.var().item() * 3 * fan_in == pytest.approx(1, rel=0.02)
    assert initialize(conv).weight.var().item() * fan_in / 2 == pytest.approx(1, rel=0.02)


def test_the_default_loses_what_is_predicted(lesson):  # noqa: ARG001
    default, kaiming = (lessons.value(LESSON, name) for name in ("default", "kaiming"))
    for small, large in zip(default, kaiming, strict=True):
        assert len(small) == 16 and 0.1 < large[-1] / small[-1] / 6**8 < 10
    assert round(6**8 / 1e6, 1) == 1.7


def test_the_same_arithmetic(lesson, made):  # noqa: ARG001
    t = {kind: trace(made.small_net(kind), (1, 1, 16, 16)) for kind in made.KINDS}
    macs = [one.macs for one in t.values()]
    assert max(macs) < 1.05 * min(macs)
    assert [sees(one)[0] for one in t.values()] == [10, 16, 16]


def test_on_digits_the_shallow_net_is_a_little_behind(lesson, stored):  # noqa: ARG001
    rows = re.findall(
        r"^(shallow|deep|large kernel) +(0\.\d+) +(0\.\d+) +(0\.\d+)$", stored, re.MULTILINE
    )
    ends = {kind: mean(map(float, numbers)) for kind, *numbers in rows[:3]}
    assert len(ends) == 3 and 0.7 < ends["shallow"] < min(ends["deep"], ends["large kernel"])
    assert min(ends["deep"], ends["large kernel"]) > 0.85, ends


def test_on_digits_the_shallow_nets_come_close(lesson):  # noqa: ARG001
    kinds = recorded.curves("kernels")
    assert {(len(runs), *map(len, runs)) for runs in kinds.values()} == {(5, *[30] * 5)}
    for epochs, low, high in ((5, 0.05, 0.1), (30, 0, 0.02)):
        shallow, *others = (mean(r.test_acc[epochs - 1] for r in runs) for runs in kinds.values())
        assert all(low < other - shallow < high for other in others)


def test_the_recorded_runs_are_those_of_the_lesson(lesson, made):  # noqa: ARG001
    made.train, made.test = digits(batch_size=32, size=16, standardize=True, device="cpu")
    for kind, kept in recorded.curves("kernels").items():
        (run,) = made.learned(kind, epochs=1, seeds=(0,))
        assert run.train_loss == pytest.approx(kept[0].train_loss[:1], abs=0.03)


def test_no_unit_of_the_shallow_sees_both_dots(lesson, made):  # noqa: ARG001
    images, alike = made.dots()
    assert alike[:4].tolist() == [1, 0, 0, 1] and int(alike.sum()) == 32
    for kind in made.KINDS:
        with torch.no_grad():
            both_black, left, right, both_white = made.small_net(kind, 2)(images[:4])
        same = torch.allclose(both_black + both_white, left + right, atol=1e-4)
        assert same == (kind == "shallow")


def test_only_who_sees_both_dots_learns(lesson):  # noqa: ARG001
    ends = {kind: run.test_acc[-1] for kind, (run,) in from_one_seed("on_dots").items()}
    assert ends["shallow"] <= 0.75
    assert min(ends["deep"], ends["large kernel"]) > 0.9


def dilated(made):
    net = made.small_net("shallow", 2)
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            layer.dilation = (2, 2)
    return net


def test_the_solution_of_exercise_3(lesson, made):  # noqa: ARG001
    plain, t = (trace(net, (1, 1, 16, 16)) for net in (made.small_net("shallow", 2), dilated(made)))
    assert t.macs == plain.macs and sees(t) == (16, 16)
    images, alike = made.dots()
    batches = list(zip(images.split(16), alike.split(16), strict=True))
    torch.manual_seed(0)
    run = fit(dilated(made), batches, batches, epochs=24, lr=5e-3, optimizer=torch.optim.Adam)
    assert run.test_acc[-1] > 0.9


def test_the_recorded_network(lesson, eleven):  # noqa: ARG001
    run = recorded.run("vgg")
    animals = [run.classes.index(n) for n in ("bird", "cat", "deer", "dog", "frog", "horse")]
    taken = [sum(run.confusion[i][j] for j in animals) for i in animals]
    asked = [sum(run.confusion[i]) for i in animals]
    assert sum(taken) > 0.8 * sum(asked)
    assert run.params < eleven.params / 500


def test_the_occlusion_map(lesson, made):  # noqa: ARG001
    net, run = recorded.load("vgg")
    photo = torch.zeros(1, 3, 32, 32)
    assert torch.allclose(made.occlusion_map(net, photo, 3), torch.zeros(13, 13), atol=1e-5)
    photo = run.prepare(made.photograph("cat.jpg"))
    drops = lessons.value(LESSON, "drops")
    covered = photo.clone()
    covered[..., 4:12, 10:18] = 0
    with torch.no_grad():
        expected = (net(photo) - net(covered))[0, run.classes.index("cat")]
    assert drops[2, 5].item() == pytest.approx(expected.item(), abs=1e-4)
    assert drops.max() > 0.1


def test_the_effective_receptive_field(lesson):  # noqa: ARG001
    first, past, middle, effective = (
        lessons.value(LESSON, name) for name in ("first", "past", "middle", "effective")
    )
    assert past - first == 212 and middle.stop - middle.start == 106
    assert effective[middle, middle].sum() > 0.5


def accepts(net, size):
    try:
        return bool(trace(net, (1, 1, size, size)))
    except RuntimeError:
        return False


def test_the_solutions_of_exercises_1_and_2(lesson, made, eleven):  # noqa: ARG001
    four = ((1, 64), (1, 128), (2, 256), (2, 512))
    with torch.device("meta"):
        small, deeper = made.vgg(four, rows=1), made.vgg((*four, (2, 512)), rows=1)
    assert accepts(small, 28) and not accepts(deeper, 28)
    put_out = by_block(eleven, lambda step: prod(step.output))
    assert round(put_out["0"] / sum(put_out.values()), 2) == 0.44
    assert by_block(eleven, lambda step: step.params)["0"] == 640


def test_the_solution_of_exercise_4(lesson, made, family):  # noqa: ARG001
    with torch.device("meta"):
        net = made.vgg(made.FAMILY["VGG-16"], in_channels=3, num_classes=1000)
        for block in net[2:5]:
            block[4] = nn.Conv2d(block[4].in_channels, block[4].out_channels, kernel_size=1)
    c = trace(net, PHOTO)
    assert c.params == 133_638_952
    assert [sees(t)[0] for t in (c, family["VGG-13"], family["VGG-16"])] == [156, 156, 212]

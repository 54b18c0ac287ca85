"""Lesson 4: the numbers in its prose, its tasks and its solutions are what its own code gives."""

import re

import build_notebooks
import lessons
import nbformat
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import digits, evaluate, initialize, nets, photograph, recorded, runs
from layerwise import trace

LESSON = "04_googlenet"
SHAPE = (1, 1, 96, 96)

pytestmark = pytest.mark.parametrize("lesson", [LESSON])


@pytest.fixture(scope="module")
def made():
    return lessons.module(LESSON)


@pytest.fixture(scope="module")
def slim(made):
    return trace(made.googlenet(), SHAPE)


@pytest.fixture(scope="module")
def stored():
    cells = nbformat.read(build_notebooks.lessons()[LESSON][1], as_version=4).cells
    outputs = [out for cell in cells if cell.cell_type == "code" for out in cell.outputs]
    return "".join(out.text for out in outputs if out.output_type == "stream")


@pytest.fixture(scope="module")
def learned():
    """The last of the lesson's three Inception networks, trained as there."""
    train, test = digits(batch_size=64, size=16, standardize=True, device="cpu")
    build = lessons.value(LESSON, "KINDS")["Inception"]
    adam = {"lr": 5e-3, "optimizer": torch.optim.Adam, "seeds": (2,)}
    return runs(lambda: initialize(build()), train, test, epochs=6, **adam).nets[0]


def macs(t, path):
    """Of a submodule and all that is in it."""
    return sum(step.macs for step in t.steps if step.path.startswith(path))


# -- what is counted


def test_a_larger_kernel_holds_the_smaller_filter(lesson):  # noqa: ARG001
    thin, thick, inside = lessons.value(LESSON, "answers").values()
    assert torch.allclose(thin, inside, atol=1e-6)
    middle = [[round(maps[0, 0, 6, at].item(), 2) for at in (4, 13)] for maps in (thin, thick)]
    assert middle == [[1, 0], [0.33, 1]]
    assert thin[0, 0, 6, 12] > 0.4 < thin[0, 0, 6, 14]  # the edges of the thick line


def test_the_first_block(lesson):  # noqa: ARG001
    t = trace(lessons.value(LESSON, "first"), (1, 192, 12, 12))
    assert t.output == (1, 256, 12, 12)
    assert (t.by_path[""][-1].op, t.by_path[""][-1].params, t.by_path[""][-1].macs) == ("cat", 0, 0)


def test_the_builder_is_the_network_above(lesson, slim):  # noqa: ARG001
    net = lessons.value(LESSON, "net")
    assert trace(net, SHAPE).steps == slim.steps
    assert trace(net, (1, 1, 1, 1)).output == (1, 10)
    assert [s for s in slim.steps if s.receptive_field][-2].receptive_field == (715, 715)


def test_what_the_reductions_save(lesson, made, slim):  # noqa: ARG001
    direct, reduced = (lessons.value(LESSON, name) for name in ("direct", "reduced"))
    assert round(direct / reduced, 1) == 9.7
    net = made.googlenet()
    heavy = trace(made.without_reductions(net), SHAPE)
    blocks = [name for name, part in net.named_modules() if isinstance(part, made.Inception)]
    ratios = [macs(heavy, f"{path}.") / macs(slim, f"{path}.") for path in blocks]
    assert len(blocks) == 9 and min(ratios) > 2 and max(ratios) < 5.5, ratios
    assert 1 - slim.params / heavy.params == pytest.approx(0.75, abs=0.03)
    assert 1 - slim.macs / heavy.macs == pytest.approx(0.67, abs=0.04)


def test_how_many_layers(lesson, slim):  # noqa: ARG001
    ops = [step.op for step in slim.steps]
    assert (ops.count("Conv2d"), ops.count("Linear"), ops.count("cat")) == (57, 1, 9)
    assert lessons.value(LESSON, "longest") == 22


def test_cheaper_than_what(lesson, slim):  # noqa: ARG001
    costs = lessons.value(LESSON, "costs")
    large, alexnet, nin, vgg = (costs[n, 224] for n in ("GoogLeNet", "AlexNet", "NiN", "VGG-11"))
    assert round(large.macs / alexnet.macs, 1) == 1.6
    assert round(alexnet.params / large.params, 1) == 7.8
    assert nin.params < large.params < vgg.params and nin.macs < large.macs < vgg.macs
    assert costs["GoogLeNet", 96] == slim and round(large.macs / slim.macs, 1) == 5.4


def test_what_became_of_it(lesson):  # noqa: ARG001
    found = [
        trace(nn.Sequential(*layers), (1, 64, 12, 12))
        for layers in lessons.value(LESSON, "AFTER").values()
    ]
    assert {t.steps[-1].receptive_field for t in found} == {(5, 5)}
    assert found[0].params / found[-1].params == pytest.approx(18, abs=1)


# -- what is measured


def test_one_initialization_learns_at_once_and_the_other_late(lesson):  # noqa: ARG001
    kinds = recorded.curves("initialization")
    soon, late = kinds["Kaiming's weights"], kinds["PyTorch's weights"]
    assert {len(run) for run in soon} == {6} and {len(run) for run in late} == {18}
    assert len(soon) == len(late) == 5
    assert min(run.test_acc[0] for run in soon) > 0.2
    guessing = [sum(share < 0.11 for share in run.test_acc) for run in late]
    assert (min(guessing), max(guessing)) == (3, 11)
    assert min(run.test_acc[-1] for run in late) > 0.3  # late, not stuck
    assert max(run.test_acc[-1] for run in late) < min(run.test_acc[-1] for run in soon)


def test_the_recorded_runs_are_those_of_the_lesson(lesson, made):  # noqa: ARG001
    made.train, made.test = digits(batch_size=64, size=32, device="cpu")
    kinds = recorded.curves("initialization")
    for build, kept in zip(
        (made.kaimings_weights, made.pytorchs_weights), kinds.values(), strict=True
    ):
        (run,) = made.learned(build, epochs=1, seeds=(0,))
        assert run.train_loss == pytest.approx(kept[0].train_loss[:1], abs=0.03)


def test_heads_enlarge_the_first_gradient(lesson):  # noqa: ARG001
    first_gradient = lessons.value(LESSON, "first_gradient")
    for seed in range(3):
        assert first_gradient(seed, True) > 100 * first_gradient(seed, False)


@pytest.mark.parametrize("scaled", [True, False])
def test_what_the_first_layers_hear(lesson, made, scaled):  # noqa: ARG001
    train, _ = digits(batch_size=64, size=32, device="cpu")
    ratios = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = made.googlenet(narrower=8)
        if scaled:
            initialize(net)
        F.cross_entropy(net(train.images[:64]), train.labels[:64]).backward()
        ratios.append(net[0][0].weight.grad.norm() / net[5].weight.grad.norm())
    assert min(ratios) > 0.05 if scaled else max(ratios) < 1e-3, ratios


def test_three_kinds_of_equal_cost(lesson):  # noqa: ARG001
    kinds = lessons.value(LESSON, "KINDS")
    found = {name: trace(build(), (1, 1, 16, 16)) for name, build in kinds.items()}
    costs = [t.macs for t in found.values()]
    assert max(costs) / min(costs) < 1.03
    channels = {name: t.by_path["6"][0].output[1] for name, t in found.items()}
    assert channels == {"3×3 only": 18, "5×5 only": 9, "Inception": 38}


def test_no_kind_wins_clearly(lesson, stored):  # noqa: ARG001
    table = re.findall(
        r"^(3×3 only|5×5 only|Inception) +(0\.\d+) +(0\.\d+) +(0\.\d+)$", stored, re.MULTILINE
    )
    ends = {name: [*map(float, numbers)] for name, *numbers in table}
    assert set(ends) == {"3×3 only", "5×5 only", "Inception"}
    assert max(map(min, ends.values())) < min(map(max, ends.values())), ends
    assert min(map(min, ends.values())) > 0.4, ends  # all have learned


def test_each_path_is_used_and_5x5_most_for_its_width(lesson, made, learned, stored, monkeypatch):  # noqa: ARG001
    _, test = digits(batch_size=64, size=16, standardize=True, device="cpu")
    monkeypatch.setattr(made, "Inception", type(learned[3]))
    paths = made.PATHS.values()
    whole = [evaluate(made.without(learned, last), test) for last in paths]
    four = [evaluate(made.without(learned, last, 4), test) for last in paths]
    none = evaluate(learned, test)
    assert_uses_all(none, whole, four)
    rows = re.findall(
        r"^(?:nothing|.* channels) +(0\.\d+) +(0\.\d+) +(0\.\d+)$", stored, re.MULTILINE
    )
    for none, *column in zip(*([*map(float, row)] for row in rows), strict=True):
        assert_uses_all(none, column[:4], column[4:])


def assert_uses_all(none, whole, four):
    """That each path is missed, the 3×3 about as much as the 5×5, and four of the 5×5 most."""
    assert max(whole) < none - 0.05, whole
    assert four[2] == min(four) and four[2] < min(four[:2]) - 0.05, four
    assert whole[1] < min(whole[0], whole[3]) + 0.15, whole


# -- the solutions of the exercises


def test_each_block_adds_its_own_without_the_last_1x1(lesson, made):  # noqa: ARG001
    channels = 192
    for rows in made.STAGES:
        channels += sum(p1 + p2[1] + p3[1] for p1, p2, p3, _ in rows)
    assert channels == 4944 and 64 + 128 + 32 + 192 == 416


def test_the_papers_parameters(lesson):  # noqa: ARG001
    paper = trace(nets.googlenet(in_channels=3, num_classes=1000), (1, 3, 224, 224))
    assert paper.params == 6_998_552 and round(60_965_224 / paper.params, 1) == 8.7


def test_two_3x3_for_a_5x5(lesson):  # noqa: ARG001
    def cost(*layers):
        channels = [16, *(out for out, _ in layers)]
        convs = (
            nn.Conv2d(before, out, k, padding=k // 2)
            for before, (out, k) in zip(channels, layers, strict=False)
        )
        return trace(nn.Sequential(*convs), (1, 16, 12, 12)).macs

    assert cost((32, 5)) == 1_843_200
    assert cost((32, 3), (32, 3)) == 1_990_656
    assert cost((16, 3), (32, 3)) == 995_328


def test_the_shortest_path(lesson, made):  # noqa: ARG001
    net = made.googlenet()
    for part in net.modules():
        if isinstance(part, made.Inception):
            for name in ("p2_2", "p3_2"):
                layer = getattr(part, name)
                setattr(part, name, nn.Conv2d(layer.in_channels, layer.out_channels, 1))
            part.p4_1 = nn.Identity()
    fields = [s.receptive_field for s in trace(net, SHAPE).steps if s.receptive_field]
    assert fields[-2] == (75, 75)


# -- the tasks of the lab


def test_more_channels_change_one_layer_and_its_readers(lesson, made, slim):  # noqa: ARG001
    def params(t):
        return {step.path: step.params for step in t.steps if step.params}

    wider, before = params(trace(made.googlenet(c3=64), SHAPE)), params(slim)
    changed = {path for path, count in wider.items() if count != before[path]}
    assert changed == {"2.0.p3_2", "2.1.p1_1", "2.1.p2_1", "2.1.p3_1", "2.1.p4_2"}


def test_a_reduction_must_reduce(lesson, made):  # noqa: ARG001
    costs = {s.path: s.macs for s in trace(made.googlenet(reduce=192), SHAPE).steps}
    assert costs["2.0.p3_2"] == lessons.value(LESSON, "direct") and costs["2.0.p3_1"] > 0


# -- the recorded run


def test_a_logit_is_the_sum_of_the_votes(lesson, made, monkeypatch):  # noqa: ARG001
    net, recording = recorded.load("googlenet")
    X = recording.prepare(photograph("cat.jpg"))
    with torch.no_grad():
        logits, maps = net(X)[0], net[2][:4](net[1](net[0](X)))[0]
    given = {name: lessons.value(LESSON, name) for name in ("weights", "widths", "recording")}
    for name, value in (given | {"maps": maps}).items():
        monkeypatch.setattr(made, name, value, raising=False)
    for place, name in enumerate(recording.classes):
        total = sum(vote.mean() for vote in made.votes(name)) + net[3].bias[place]
        expected = logits[place] - logits.mean() + net[3].bias.mean()
        assert total.item() == pytest.approx(expected.item(), abs=1e-3)


def test_the_last_block_sees_more_than_the_photograph(lesson):  # noqa: ARG001
    t = trace(recorded.run("googlenet").build(), (1, 3, 32, 32))
    fields = [t.by_path[f"2.3.{last}"][0].receptive_field for last in ("p1_1", "p2_2", "p3_2")]
    assert min(fields) > (32, 32)

"""Lesson 3: what its prose and its solutions say of 1×1 convolutions, of NiN and of its runs."""

from itertools import pairwise
from statistics import mean

import lessons
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import experiments, nets, photograph, recorded
from layerwise import trace

LESSON = "03_nin"

pytestmark = pytest.mark.parametrize("lesson", [LESSON])


@pytest.fixture(scope="module")
def made():
    return lessons.module(LESSON)


@pytest.fixture(scope="module", autouse=True)
def one_seed():
    """Of the lesson's three seeds the one whose ReLU kills most: a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments.runs, "__defaults__", ((2,),))
        yield


@pytest.fixture(scope="module")
def runs(one_seed):  # noqa: ARG001
    """The runs of each kind, trained as in the lesson."""
    averaged, relu, block = lessons.value(LESSON, "ends").values()
    connected = lessons.value(LESSON, "connected")
    return {"averaged": averaged, "relu": relu, "block": block, "connected": connected}


def on_meta(build, size=224, **choices):
    with torch.device("meta"):
        return trace(build(**choices), (1, 1, size, size))


def takes(build, size, **choices):
    try:
        return bool(on_meta(build, size, **choices))
    except RuntimeError:
        return False


def mean_accuracy(kind):
    return mean(run.test_acc[-1] for run in kind)


def pointwise(steps):
    return [s for s in steps if s.op == "Conv2d" and s.settings["kernel_size"] == (1, 1)]


# -- 1×1 convolutions


@torch.no_grad()
def test_a_1x1_convolution_is_a_linear_layer_at_every_pixel(lesson):  # noqa: ARG001
    conv, X = nn.Conv2d(384, 10, 1), torch.randn(2, 384, 5, 5)
    weight = conv.weight.flatten(1)
    assert weight.numel() == 3_840
    by_linear = F.linear(X.movedim(1, -1), weight, conv.bias).movedim(-1, 1)
    assert torch.allclose(conv(X), by_linear, atol=1e-5)
    averaged_first = conv(X.mean((2, 3), keepdim=True))
    assert torch.allclose(conv(X).mean((2, 3), keepdim=True), averaged_first, atol=1e-5)


def test_only_the_eyes_of_the_cat_are_green(lesson):  # noqa: ARG001
    mixes = lessons.value(LESSON, "mixes")
    weight = torch.tensor(mixes["green, not red or blue"]).float()[:, :, None, None]
    green = F.conv2d(photograph("cat.jpg", 128), weight)[0, 0]
    rows, columns = (green > 0.3).nonzero(as_tuple=True)
    assert 80 < len(rows) < 128 * 128 / 30
    left = columns < 64
    for eye in (left, ~left):
        assert eye.sum() > 20
        assert rows[eye].float().std() < 10 and columns[eye].float().std() < 10
    assert sum(mixes["grey"][0]) == pytest.approx(1)


def test_what_saves_depends_on_the_order(lesson):  # noqa: ARG001
    def weights(*widths):
        return sum(a * b for a, b in pairwise(widths))

    both, hidden = weights(9600, 4096, 4096, 10), weights(384, 4096, 4096, 10)
    flat, neither = weights(9600, 10), weights(384, 10)
    assert (both, hidden, flat, neither) == (56_139_776, 18_391_040, 96_000, 3_840)
    assert (round(both / hidden), round(hidden / neither)) == (3, 4_789)
    assert (round(both / flat), round(flat / neither)) == (585, 25)


# -- NiN


def test_the_parameters_of_nin(lesson, made):  # noqa: ARG001
    net = lessons.value(LESSON, "net")
    t, alexnet = trace(net, (1, 1, 224, 224)), on_meta(nets.alexnet)
    assert [s.output for s in on_meta(made.nin).steps] == [s.output for s in t.steps]
    assert (t.params, round(alexnet.params / 1e6, 1)) == (1_992_166, 46.8)
    assert round(alexnet.params / t.params) == 23
    assert t.macs / alexnet.macs == pytest.approx(0.8, abs=0.02)
    ones = pointwise(t.steps)
    assert round(sum(s.params for s in ones) / t.params, 2) == 0.22
    assert round(sum(s.macs for s in ones) / t.macs, 2) == 0.24
    assert not [s for s in t.steps if s.op == "Linear"]
    (window, *rest) = [s.params for s in t.steps if s.path.startswith("2.") and s.params]
    assert sum(rest) / window == pytest.approx(1 / 5, abs=0.02)


def test_the_first_linear_layers(lesson):  # noqa: ARG001
    weights = lessons.module(LESSON).nets
    counts = {"lenet": 48_000, "alexnet": 26_214_400, "vgg": 102_760_448}
    for name, count in counts.items():
        with torch.device("meta"):
            net = getattr(weights, name)()
        sizes = {n: p.numel() for n, p in net.named_parameters()}
        assert max(sizes.values()) == count
    assert count / sum(sizes.values()) == pytest.approx(0.8, abs=0.01)


def test_why_these_numbers(lesson):  # noqa: ARG001
    assert (224 - 11) // 4 + 1 == (224 + 2 * 1 - 11) // 4 + 1 == 54


def test_the_small_networks_cost_the_same(lesson, made):  # noqa: ARG001
    small, wide = (on_meta(build, 16) for build in (made.small_nin, made.wide_nin))
    assert wide.macs == pytest.approx(small.macs, rel=0.02)
    layers = [sum(s.op == "Conv2d" for s in t.steps) for t in (small, wide)]
    assert layers == [10, 4]
    heads = [
        sum(p.numel() for p in nn.Sequential(*end(32)).parameters())
        for end in (made.linear_end, made.average_end)
    ]
    assert round(heads[0] / heads[1]) == 71
    canvas = trace(made.small_nin()[:-2], (1, 1, 16, 40))
    assert canvas.output == (1, 10, 3, 9)


# -- the measurements


def test_1x1_convolutions_do_not_pay_on_digits(lesson, made):  # noqa: ARG001
    made.train, made.test = (lessons.value(LESSON, name) for name in ("train", "test"))
    small, wide = (made.trained(build, epochs=8) for build in (made.small_nin, made.wide_nin))
    assert mean(run.test_acc[3] for run in wide) > mean(run.test_acc[3] for run in small) + 0.03
    assert mean(run.test_acc[3] for run in wide) > 0.93
    assert mean_accuracy(wide) > mean_accuracy(small)


def test_averaging_ends_close_to_a_head_of_linear_layers(lesson, runs):  # noqa: ARG001
    averaged, connected = runs["averaged"], runs["connected"]
    assert mean_accuracy(averaged) == pytest.approx(mean_accuracy(connected), abs=0.08)
    assert mean_accuracy(averaged) > 0.75


def test_a_relu_kills_logits_and_the_notes_block_is_late_without(lesson, made, runs):  # noqa: ARG001
    test = lessons.value(LESSON, "test")
    made.test = test
    dead = {
        name: [made.dead(net) for net in runs[name].nets] for name in ("averaged", "relu", "block")
    }
    assert not sum(d.sum() for d in dead["averaged"])
    assert max(d.sum() for d in dead["relu"]) >= 3
    assert max(d.sum() for d in dead["block"]) <= 2
    for name, kinds in dead.items():
        for d, run in zip(kinds, runs[name], strict=True):
            assert run.test_acc[-1] < 1 - d[1:].sum() / 10 + 0.01
    assert max(mean_accuracy(runs[n]) for n in ("relu", "block")) < mean_accuracy(runs["averaged"])
    assert min(run.test_acc[-1] for run in runs["relu"]) < 0.6


def test_dead_logits_have_no_gradient(lesson, made):  # noqa: ARG001
    X, y = torch.rand(8, 1, 16, 16), torch.arange(8)
    for end, stuck in ((made.average_end, False), (made.relu_end, True)):
        net = made.small_nin(end)
        nn.init.constant_(net[5].bias, -100.0)
        loss = F.cross_entropy(net(X), y)
        loss.backward()
        assert all((p.grad == 0).all() for p in net.parameters()) == stuck
    assert loss.item() == pytest.approx(2.3026, abs=1e-4)


@torch.no_grad()
def test_one_run_reads_two_digits(lesson, made, runs):  # noqa: ARG001
    test = lessons.value(LESSON, "test")
    canvas = torch.full((180, 1, 16, 40), test.images.min())
    canvas[..., :16], canvas[..., 24:] = test.images[:180], test.images[180:]
    assert test.labels[[5, 180 + 5]].tolist() == [3, 4]
    right = []
    for net in runs["averaged"].nets:
        answers = made.in_windows(net, canvas)
        assert answers.shape == (180, 7)
        for place, labels in ((0, test.labels[:180]), (6, test.labels[180:])):
            right.append((answers[:, place] == labels).float().mean().item())
    assert mean(right) > 0.6


@torch.no_grad()
def test_the_maps_of_the_recorded_network(lesson):  # noqa: ARG001
    net, recording = recorded.load("nin")
    for size, side in ((32, 7), (64, 15)):
        image = recording.prepare(photograph("cat.jpg", size))
        maps = net[:-2](image)
        assert maps.shape == (1, 10, side, side)
        assert torch.allclose(maps.mean((2, 3)), net(image), atol=1e-5)
    field = trace(net[:-2], (1, 3, 32, 32)).steps[-1].receptive_field
    assert field == (23, 23)
    seen = [field[0] ** 2 / size**2 for size in (32, 64)]
    assert seen == pytest.approx([1 / 2, 1 / 8], abs=0.02)
    assert not isinstance(net[-3][-1], nn.ReLU)


# -- the exercises


def test_the_last_relu_is_what_holds_the_block_back(lesson, made, runs):  # noqa: ARG001
    def bare_end(channels):
        return made.block(channels, 10, 3, 1, 1)[:-1], *made.average_end(channels)[1:]

    made.train, made.test = (lessons.value(LESSON, name) for name in ("train", "test"))
    bare = made.trained(lambda: made.small_nin(bare_end))
    assert mean_accuracy(bare) > mean_accuracy(runs["block"]) + 0.04
    assert mean_accuracy(bare) == pytest.approx(mean_accuracy(runs["averaged"]), abs=0.07)


def test_the_solutions_of_the_exercises(lesson, made):  # noqa: ARG001
    assert [n for n in (66, 67, 500) if takes(made.nin, n)] == [67, 500]
    assert 14 * 4 + 11 == 67 and (7 - 3) // 2 + 1 == 3 and (15 - 3) // 2 + 1 == 7
    assert [n for n in (223, 224, 255, 256) if takes(nets.vgg, n)] == [224, 255]

    def headless():
        end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)
        return nn.Sequential(*nets.vgg()[:5], *end)

    assert on_meta(headless).params == 9_224_458
    assert round(9_224_458 / on_meta(nets.vgg).params, 2) == 0.07
    assert [n for n in (31, 32, 33) if takes(headless, n)] == [32, 33]

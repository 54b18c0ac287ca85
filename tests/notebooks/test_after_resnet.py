"""Lesson 8: its networks are torchvision's, and the numbers in its prose are what its cells say."""

import time
from functools import partial

import lessons
import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.ops import StochasticDepth

from course_utils import digits, fit
from layerwise.tracing.building import Unfilled

LESSON = "08_after_resnet"
SHAPE = (1, 3, 224, 224)

pytestmark = pytest.mark.parametrize("lesson", [LESSON])

THEIRS = {
    "resnet50": "resnet50",
    "resnext50": "resnext50_32x4d",
    "mobilenet_v2": "mobilenet_v2",
    "densenet121": "densenet121",
    "convnext_tiny": "convnext_tiny",
}


@pytest.fixture(scope="module")
def made():
    return lessons.module(LESSON)


@pytest.fixture(scope="module")
def traces(made):
    names = (*THEIRS, "wide_resnet50", "se_resnet50")
    return {name: made.on_meta(getattr(made, name)) for name in names}


@pytest.fixture(scope="module")
def costs():
    return lessons.value(LESSON, "costs")


def in_order(net):
    """Its parameters; those between two stages of ConvNeXt stand before all else of their block."""
    named = dict(net.named_parameters())
    blocks = list(dict.fromkeys(name.split(".")[:2][-1] + name.split(".")[0] for name in named))

    def place(name):
        block = name.split(".")[:2][-1] + name.split(".")[0]
        return blocks.index(block), ".down." not in name, not name.endswith(".scale")

    return [named[name] for name in sorted(named, key=place)]


def without_chance(net):
    """In training mode, where batch norm keeps values at a steady size, but without dropout."""
    for module in net.train().modules():
        if isinstance(module, (nn.Dropout, StochasticDepth)):
            module.eval()
    return net


def same_outputs(build, theirs):
    with Unfilled("cpu"):  # its first weights would only be written over
        ours = build()
    mine, others = in_order(ours), list(theirs.parameters())
    assert [p.numel() for p in mine] == [p.numel() for p in others]
    X = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for p, q in zip(mine, others, strict=True):
            if q.shape[1:] == (1, 1):  # ConvNeXt's factors, which would hide its blocks
                q.fill_(1)
            p.copy_(q.reshape(p.shape))
        expected = without_chance(theirs)(X)
        assert (expected[0] - expected[1]).abs().max() > 0.1  # it tells two images apart
        return torch.allclose(without_chance(ours)(X), expected, atol=2e-3)


@pytest.mark.parametrize("name", THEIRS)
def test_a_network_is_torchvisions(lesson, made, name):  # noqa: ARG001
    torch.manual_seed(0)
    assert same_outputs(getattr(made, name), models.get_model(THEIRS[name]))


def test_se_resnet_is_timms(lesson, made):  # noqa: ARG001
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    assert same_outputs(made.se_resnet50, timm.create_model("seresnet50", zero_init_last=False))


def test_depth_pays_less_and_less(lesson, made):  # noqa: ARG001
    fifty, deep = (made.on_meta(models.get_model_builder(f"resnet{n}")) for n in (50, 152))
    assert 2.7 < deep.macs / fifty.macs < 3
    assert round(made.published("resnet152") - made.published("resnet50"), 1) == 2.2
    assert made.published("resnet50") - made.published("resnet18") > 6


def test_what_each_block_costs(lesson, traces):  # noqa: ARG001
    start = traces["resnet50"]
    share = {n: (t.params / start.params, t.macs / start.macs) for n, t in traces.items()}
    assert share["resnext50"] == (pytest.approx(1, abs=0.04), pytest.approx(1, abs=0.04))
    assert share["se_resnet50"] == (pytest.approx(1.10, abs=0.005), pytest.approx(1, abs=0.001))
    assert share["densenet121"] == (pytest.approx(1 / 3, abs=0.03), pytest.approx(0.69, abs=0.005))
    assert round(1 / share["mobilenet_v2"][1], 1) == 13.6


def test_the_costs_tell_different_stories(lesson, costs):  # noqa: ARG001
    params, _, kept = ({n: cost[i] for n, cost in costs.items()} for i in range(3))
    assert max(kept, key=kept.get) == "DenseNet-121" and min(kept, key=kept.get) == "AlexNet"
    assert 0.85 < kept["MobileNetV2"] / kept["ResNet-50"] < 1
    assert round(params["AlexNet"]) == 51 and round(params["MobileNetV2"], 1) == 3.5
    assert min(params, key=params.get) == "MobileNetV2"
    assert sorted(kept, key=kept.get)[-4:][::-1] == [
        "DenseNet-121", "ResNeXt-50", "ConvNeXt-T", "SE-ResNet-50",
    ]  # fmt: skip


def test_what_is_kept_is_what_a_real_run_keeps(lesson, made):  # noqa: ARG001
    """Counted once more with numbers, by the addresses of what autograd holds."""
    held, block = {}, made.Bottleneck(16, 16)

    def keep(tensor):
        held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        nn.Sequential(nn.Conv2d(3, 16, 1), block)(torch.rand(SHAPE))
    own = {p.untyped_storage().data_ptr() for p in (*block.parameters(), *block.buffers())}
    expected = sum(t.untyped_storage().nbytes() for k, t in held.items() if k not in own)
    counted = made.kept(lambda: nn.Sequential(nn.Conv2d(3, 16, 1), made.Bottleneck(16, 16)))
    assert counted == pytest.approx(expected, abs=1000)  # the weights of the first convolution


def test_how_to_choose(lesson, made, costs):  # noqa: ARG001
    made.costs, made.top_1 = costs, lessons.value(LESSON, "top_1")
    budgets = ({}, {"parameters": 10}, {"parameters": 5}, {"memory": 100}, {"macs": 2})
    assert [made.best(**budget) for budget in budgets] == [
        "ConvNeXt-T", "DenseNet-121", "MobileNetV2", "ResNet-50", "MobileNetV2",
    ]  # fmt: skip
    (old, new), (next_old, next_new) = made.top_1["ResNet-50"], made.top_1["ResNeXt-50"]
    assert (round(next_old - old, 1), round(new - old, 1)) == (1.5, 4.7)
    (convnext,) = made.top_1["ConvNeXt-T"]
    assert (round(convnext - new, 1), round(convnext - next_new, 1)) == (1.7, 1.3)


def test_what_a_linear_layer_alone_gets(lesson):  # noqa: ARG001
    train, test = digits(batch_size=64, size=16, device="cpu")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    run = fit(net, train, test, epochs=10, lr=3e-3, optimizer=torch.optim.Adam)
    assert max(run.test_acc) == pytest.approx(0.94, abs=0.01)


def test_channels_alone_see_nothing(lesson):  # noqa: ARG001
    torch.set_num_threads(1)
    learned, halves = (lessons.value(LESSON, name) for name in ("learned", "HALVES"))
    channels, places, both, at_once = (
        learned(layer, seeds=(0,), epochs=epochs).histories[0].test_acc[-1]
        for layer, epochs in zip(halves.values(), (2, 3, 2, 2), strict=True)
    )
    assert channels < 0.3
    assert channels + 0.2 < places < min(both, at_once) - 0.1
    assert min(both, at_once) > 0.8
    counts = [sum(p.numel() for p in nn.Sequential(*f()).parameters()) for f in halves.values()]
    assert counts[3] / counts[2] == pytest.approx(7, abs=0.05)


def test_fewer_macs_for_each_number_moved(lesson, made):  # noqa: ARG001
    parts, traces = (lessons.value(LESSON, name) for name in ("parts", "traces"))
    intensity = {name: made.intensity(t) for name, t in traces.items()}
    assert sorted(intensity, key=intensity.get) == ["3×3 depthwise", "3×3, 32 groups", "1×1", "3×3"]
    assert traces["3×3"].macs == 256 * traces["3×3 depthwise"].macs
    assert least_work(parts["3×3"]) / least_work(parts["3×3 depthwise"]) < 256


@torch.no_grad()
def least_work(layer, repeats=20):
    """Seconds of one core: those of the clock pass while another process has it."""
    torch.set_num_threads(1)
    X, found = torch.rand(1, 256, 28, 28), []
    for _ in range(repeats):
        start = time.thread_time()
        layer(X)
        found.append(time.thread_time() - start)
    return min(found)


def test_the_tasks_of_the_lab(lesson, made):  # noqa: ARG001
    (lab,) = lessons.labs(LESSON)
    lab.set(groups=32, inner=1 / 2)
    assert lab.trace.params == made.on_meta(made.resnext50).params
    lab.set(groups=0, inner=1 / 4)
    narrow = lab.trace
    lab.set(kernel_size=7)
    assert lab.trace.params / narrow.params == pytest.approx(1.01, abs=0.005)
    assert lab.trace.macs / narrow.macs == pytest.approx(1.02, abs=0.005)
    lab.set(groups=1)
    assert lab.trace.macs / made.on_meta(made.resnet50).macs == pytest.approx(3, abs=0.1)
    lab.set(groups=128, kernel_size=3)
    assert "64" in str(lab.problem) and "groups=128" in str(lab.problem)
    assert {"inner": 0.5} in [{"inner": r["inner"]} for r in lab.problem.repairs]
    lab.set(groups=1, kernel_size=4)
    assert "57×57 and" in str(lab.problem)


def test_the_solutions_of_the_exercises(lesson, made):  # noqa: ARG001
    def fifty(block=made.Bottleneck, blocks=(3, 4, 6, 3), stem=made.resnet_stem):
        channels = zip(blocks, (256, 512, 1024, 2048), (1, 2, 2, 2), strict=True)
        return made.on_meta(lambda: made.resnet_of(block, tuple(channels), stem()))

    assert fifty(partial(made.Bottleneck, groups=64)).params == 14_416_616
    assert fifty(partial(made.Bottleneck, kernel_size=7)).params == 75_855_912
    assert round(fifty(blocks=(3, 3, 9, 3)).macs / 1e9, 2) == 4.53

    def patches():
        stem = nn.Sequential(made.conv_bn(3, 64, 4, 4), nn.ReLU())
        stem[0][0].padding = (0, 0)
        return stem

    assert round(fifty(blocks=(3, 3, 9, 3), stem=patches).macs / 1e9, 2) == 4.42

    class Small(made.ConvNeXtBlock):
        def __init__(self, in_channels, channels, stride=1):
            super().__init__(in_channels, channels, stride)
            self.body[0] = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    small = made.on_meta(
        lambda: made.resnet_of(Small, made.TINY, made.patch_stem(), 96, made.norm_head)
    )
    large = made.on_meta(made.convnext_tiny)
    assert round(1 - small.params / large.params, 3) == 0.009
    assert round(1 - small.macs / large.macs, 3) == 0.019


def test_a_shuffle_lets_groups_meet(lesson):  # noqa: ARG001
    def shuffle(X, groups):
        n, c, rows, columns = X.shape
        return X.reshape(n, groups, c // groups, rows, columns).transpose(1, 2).reshape(X.shape)

    first, second = (nn.Conv2d(16, 16, 1, groups=4) for _ in range(2))
    for mix, seen in ((lambda X: X, 4), (partial(shuffle, groups=4), 16)):
        X = torch.rand(1, 16, 1, 1, requires_grad=True)
        second(mix(first(X)))[0, 0].backward()
        assert int((X.grad != 0).sum()) == seen

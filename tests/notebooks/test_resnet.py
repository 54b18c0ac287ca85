"""Lesson 6: what its prose says of the block, of ResNet-18, and of its measurements."""

from itertools import chain

import lessons
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import digits, evaluate, photograph, recorded
from layerwise import trace

LESSON = "06_resnet"
GREY = (1, 1, 224, 224)

pytestmark = pytest.mark.parametrize("lesson", [LESSON])


@pytest.fixture(scope="module")
def made():
    module = lessons.module(LESSON)
    module.train, module.test = digits(batch_size=64, size=32, device="cpu")
    return module


@pytest.fixture(scope="module")
def trained(made):
    """(block, depth, epochs) -> the runs of seed 0, trained once."""
    known = {}

    def of(block, depth, epochs):
        key = block, depth, epochs
        if key not in known:
            known[key] = made.learned(block, depth, epochs, seeds=(0,))
        return known[key]

    return of


def ends(kind):
    return [run.train_loss[-1] for run in recorded.curves("depth")[kind]]


def params(net):
    return sum(p.numel() for p in net.parameters())


# -- degradation and its cure


def test_the_recorded_runs_show_degradation_and_its_cure(lesson):  # noqa: ARG001
    long_runs = recorded.curves("depth")
    assert {len(runs) for runs in long_runs.values()} in ({2}, {5})
    assert {len(run) for run in chain(*long_runs.values())} in ({25}, {50})
    assert min(run.train_loss[2] for run in long_runs["plain, 56 layers"]) > 1.7
    assert min(ends("plain, 56 layers")) > max(ends("plain, 20 layers")) + 0.3
    assert max(ends("residual, 56 layers")) < min(ends("plain, 56 layers")) - 0.3
    assert max(ends("residual, 20 layers") + ends("residual, 56 layers")) < 0.1


def test_the_recorded_runs_are_those_of_the_lesson(lesson, made, trained):  # noqa: ARG001
    (run,) = trained(made.ResidualBlock, 56, 2)
    kept = recorded.curves("depth")["residual, 56 layers"][0]
    assert run.train_loss == pytest.approx(kept.train_loss[:2], abs=0.15)


def test_two_epochs_show_that_the_residual_network_is_sooner(lesson):  # noqa: ARG001
    kinds = (recorded.curves("depth")[f"{name}, 56 layers"] for name in ("plain", "residual"))
    for worse, better in zip(*kinds, strict=True):
        assert better.test_acc[1] > worse.test_acc[1] + 0.3
        assert better.train_loss[1] < worse.train_loss[1] - 0.8


def test_56_layers_can_do_what_20_can_in_eval_mode_alone(lesson, made, trained):  # noqa: ARG001
    (shallow,) = trained(made.plain_block, 20, 3).nets
    blocks = [made.copying_block(16) for _ in range(18)]
    deep = nn.Sequential(*shallow[:-3], *blocks, *shallow[-3:])
    assert 1 + sum(isinstance(layer, nn.Conv2d) for layer in deep.modules()) == 56
    assert evaluate(deep, made.test) == evaluate(shallow, made.test)
    X, copies = torch.rand(64, 16, 4, 4), nn.Sequential(*blocks)
    assert torch.allclose(copies.eval()(X), X, atol=1e-4)
    assert not torch.allclose(copies.train()(X), X, atol=0.1)


def test_only_the_addition_differs(lesson, made):  # noqa: ARG001
    starts = []
    for block in (made.plain_block, made.ResidualBlock):
        torch.manual_seed(0)
        starts.append(list(made.stack(block, 56).parameters()))
    assert len(starts[0]) == len(starts[1]) and all(map(torch.equal, *starts))
    plain, residual = (trace(made.stack(b, 56), (1, 1, 32, 32)) for b in
                       (made.plain_block, made.ResidualBlock))  # fmt: skip
    operations = [[step.op.lower() for step in t.steps] for t in (plain, residual)]
    assert operations[1].count("add") == 27
    assert [op for op in operations[1] if op != "add"] == operations[0]


# -- the block of the notes


def test_the_two_checks_of_the_note(lesson, made):  # noqa: ARG001
    blocks = made.Residual(3, 3), made.Residual(3, 6, use_1x1conv=True, strides=2)
    assert [(trace(b, (4, 3, 6, 6)).output, params(b)) for b in blocks] == [
        ((4, 3, 6, 6), 180),
        ((4, 6, 3, 3), 546),
    ]


def test_batch_norm_makes_two_of_three_biases_dead(lesson, made):  # noqa: ARG001
    block = made.Residual(1, 16, use_1x1conv=True).double()  # rounding at the 16th digit
    logits = block(made.train.images[:64].double()).amax((2, 3))
    F.cross_entropy(logits, made.train.labels[:64]).backward()
    convs = block.conv1, block.conv2, block.conv3
    dead = [conv.bias.grad.norm() < 1e-10 * conv.weight.grad.norm() for conv in convs]
    assert dead == [True, True, False]


def test_forward_skips_hooks_alone(lesson, made):  # noqa: ARG001
    X, block, ran = torch.rand(4, 3, 6, 6), made.Residual(3, 3), []
    block.register_forward_hook(lambda *_: ran.append(1))
    grads = [
        torch.autograd.grad((call(X) ** 2).sum(), block.conv1.weight)[0]
        for call in (block, block.forward)
    ]
    assert len(ran) == 1 and torch.allclose(*grads)


def test_if_f_is_zero_what_is_not_negative_passes(lesson, made):  # noqa: ARG001
    X = torch.tensor([-2.0, -1.0, 1.0, 2.0]).reshape(1, 1, 2, 2).requires_grad_()
    Y = made.silenced(made.Residual(1, 1))(X)
    Y.sum().backward()
    assert Y.flatten().tolist() == [0, 0, 1, 2] and X.grad.flatten().tolist() == [0, 0, 1, 1]
    X = torch.rand(4, 3, 6, 6)
    assert torch.equal(made.silenced(made.Residual(3, 3))(X), X)
    assert not torch.equal(made.silenced(made.Residual(3, 3, use_1x1conv=True))(X), X)


# -- ResNet-18


def test_resnet_18(lesson, made):  # noqa: ARG001
    net = made.resnet18()
    t = trace(net, GREY)
    adds = [step.inputs for step in t.steps if step.op == "add"]
    assert len(adds) == 8 and all(one == other for one, other in adds)
    weighted = [step for step in t.steps if step.op in ("Conv2d", "Linear")]
    assert len([step for step in weighted if not step.path.endswith("conv3")]) == 18
    convs = [step for step in weighted if step.op == "Conv2d"]
    threes = [s for s in convs if s.settings["kernel_size"] == (3, 3)]
    costs = [s.macs for s in threes if s.settings["stride"] == (1, 1)]
    assert len(costs) == 13 and len(set(costs)) == 1
    assert t.params < 128_806_154 / 10


# -- inside ResNet-20


def test_what_each_block_of_the_recorded_network_adds(lesson, made):  # noqa: ARG001
    net, run = recorded.load("resnet20")
    cat = run.prepare(photograph("cat.jpg"))
    parts = made.followed(net, cat)
    assert [len(brought[0]) for brought, _ in parts] == [32] * 3 + [16] * 3 + [8] * 3
    for brought, added in parts:
        assert 0.2 < (added < 0).float().mean() < 0.8
        assert added.square().mean() > (brought.square().mean() / 4)
    logits = net[-1](F.relu(sum(parts[-1])).mean((1, 2)))
    assert torch.allclose(logits, net(cat)[0], atol=1e-4)
    projections = [n for n, block in enumerate(chain(*net[1:4]), 1) if len(block.shortcut)]
    assert projections == [4, 7]


def test_the_recorded_residual_network_is_ahead(lesson):  # noqa: ARG001
    plain, residual = recorded.run("plain20"), recorded.run("resnet20")
    assert residual.train_loss[0] < plain.train_loss[0]
    assert plain.test_acc[-1] > 0.4 and residual.test_acc[-1] > 0.5


# -- the measurements


def test_where_the_gradient_vanishes(lesson, made):  # noqa: ARG001
    ratio, size = {}, {}
    for kind, choices in made.KINDS.items():
        found = [made.gradients(*choices, seed) for seed in range(3)]
        ratio[kind] = [norms[0] / norms[-1] for norms, _ in found]
        size[kind] = [last for _, last in found]
    assert max(ratio["plain"]) < 1e-15
    assert all(0.1 < r < 20 for r in ratio["plain, Kaiming"])
    assert max(size["plain, Kaiming"]) < 1e-2
    assert all(0.01 < r < 5 for r in ratio["residual"] + ratio["residual, Kaiming"])
    assert max(size["residual"]) < 1 and min(size["residual, Kaiming"]) > 20
    assert all(1 < r < 50 for r in ratio["residual, batch norm"])
    assert min(ratio["plain, batch norm"]) > 5 * max(ratio["residual, batch norm"])


def test_a_third_of_what_windows_read_on_small_maps_is_padding(lesson):  # noqa: ARG001
    read = F.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3), padding=1)
    assert 36 - round(36 * (read.mean() / 9).item()) == 11


def test_the_stream_grows(lesson, made):  # noqa: ARG001
    growth, means = {}, {}
    for kind, block in made.BLOCKS.items():
        found = [made.stream(block, seed) for seed in range(3)]
        growth[kind] = [run[-1][0] / run[0][0] for run in found]
        means[kind] = [run[-1][1] for run in found]
    assert all(0.5 < g < 2 for g in growth["plain"])
    assert all(2.5 < g < 27**0.5 for g in growth["residual"])
    assert min(means["ReLU before the add"]) > 1.7 * max(means["residual"])


def test_batch_norm_bounds_by_the_root_of_the_count(lesson):  # noqa: ARG001
    X = torch.zeros(1, 1, 1, 10_001)
    X[..., 0] = 1000
    assert round(nn.BatchNorm2d(1)(X).max().item()) == 100


def test_a_residual_network_survives_without_a_block(lesson, made, trained):  # noqa: ARG001
    plain = made.lesions(trained(made.plain_block, 20, 3).nets[0])
    short = trained(made.ResidualBlock, 20, 2)
    left = made.lesions(short.nets[0])
    assert len(plain) == len(left) == 9
    assert max(plain) < 0.45
    assert left[0] < short.histories[0].test_acc[-1] - 0.2
    assert min(left[3:]) > 0.7


def test_of_many_blocks_nearly_none_is_missed(lesson, made, trained):  # noqa: ARG001
    deep = trained(made.ResidualBlock, 56, 2)
    left = sorted(made.lesions(deep.nets[0]))
    assert len(left) == 27 and round(2**27 / 1e6) == 134
    assert left[7] > deep.histories[0].test_acc[-1] - 0.1 > 0.6


# -- questions and exercises


def test_the_answers(lesson, made):  # noqa: ARG001
    assert (2**9, 2**7) == (512, 128)
    net = made.resnet18()
    fixed = [m.conv3 is None for m in net.modules() if isinstance(m, made.Residual)]
    assert fixed.count(False) == 3


def fails(net, shape):
    try:
        return not trace(net, shape)
    except RuntimeError:
        return True


def test_which_sizes(lesson, made):  # noqa: ARG001
    net = made.resnet18()
    assert [n for n in (1, 31, 32, 33, 34) if not fails(net, (1, 1, n, n))] == [33, 34]
    assert not fails(net, (2, 1, 1, 1))
    net.eval()
    assert not any(fails(net, (1, 1, n, n)) for n in (1, 2, 32, 33))


def test_the_silent_add(lesson, made):  # noqa: ARG001
    block = made.Residual(64, 128, use_1x1conv=True, strides=2)
    block.conv3 = nn.Conv2d(64, 1, 1, stride=2)
    (add,) = (step for step in trace(block, (1, 64, 8, 8)).steps if step.op == "add")
    assert add.inputs == ((1, 128, 4, 4), (1, 1, 4, 4)) and add.output == (1, 128, 4, 4)


def test_nothing_in_the_way(lesson, made):  # noqa: ARG001
    class PreActivation(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
            self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

        def forward(self, x):
            out = self.conv1(F.relu(self.bn1(x)))
            return x + self.conv2(F.relu(self.bn2(out)))

    block = PreActivation(16)
    nn.init.zeros_(block.conv2.weight)
    X = torch.randn(2, 16, 4, 4, requires_grad=True)
    Y = block(X)
    Y.sum().backward()
    assert torch.equal(Y, X) and torch.equal(X.grad, torch.ones_like(X))
    assert params(block) == params(made.ResidualBlock(16))


def test_begin_as_a_copy(lesson, made):  # noqa: ARG001
    block = made.ResidualBlock(16)
    nn.init.zeros_(block.residual[-1].weight)
    (block(torch.rand(2, 16, 4, 4)) ** 2).sum().backward()
    moved = {name for name, p in block.named_parameters() if p.grad.any()}
    assert moved == {"residual.4.weight", "residual.4.bias"}

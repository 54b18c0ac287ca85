"""Lesson 5: what its prose says of batch norm, of its measurements, and of the recorded run."""

import re
from statistics import mean, median

import build_notebooks
import lessons
import nbformat
import pytest
import torch
from torch import nn

from course_utils import digits, evaluate, fit, recorded, runs
from layerwise import trace

LESSON = "05_batch_norm"
SEED = {"seeds": (0,)}

pytestmark = pytest.mark.parametrize("lesson", [LESSON])


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def printed():
    """What the cells of the committed notebook print."""
    cells = nbformat.read(build_notebooks.lessons()[LESSON][1], as_version=4).cells
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", ()))


@pytest.fixture(scope="module")
def made():
    return lessons.module(LESSON)


@pytest.fixture(scope="module")
def data():
    return digits(batch_size=32, size=28, device="cpu")


@pytest.fixture(scope="module")
def relu_lenet():
    return lessons.value(LESSON, "relu_lenet")


def test_what_the_first_weights_do(lesson):  # noqa: ARG001
    activations, spread = (lessons.value(LESSON, name) for name in ("activations", "spread"))
    with torch.no_grad():
        small, right, large = (
            activations(scale, nn.Identity(), seed=0)[-1] for scale in (None, 1, 2)
        )
        normed = [
            spread(X) for scale in (None, 2) for X in activations(scale, nn.BatchNorm2d(16), seed=0)
        ]
    size = {name: X.square().mean().sqrt() for name, X in (("small", small), ("right", right))}
    assert spread(small) < 1e-6 < spread(right) < 1
    assert spread(large) > 1e3
    assert size["small"] > 1000 * spread(small)
    assert 5e-3 < size["right"] < 5
    assert all(0.2 < s < 1 for s in normed)


def mean_square(images, channels, mode, seed):
    """What is left of it after the lesson's 22 layers with Kaiming's weights."""
    torch.manual_seed(seed)
    for _ in range(22):
        conv = nn.Conv2d(images.shape[1], channels, 3, padding=1, bias=False, padding_mode=mode)
        nn.init.kaiming_normal_(conv.weight)
        images = conv(images).relu()
    return images.square().mean().item()


@torch.no_grad()
def test_kaimings_rule_holds_on_average_but_for_the_padding(lesson, data):  # noqa: ARG001
    images = data[0].images[:64, :, ::2, ::2]
    whole, padded = (
        mean(mean_square(images, 64, mode, seed) for seed in range(10))
        for mode in ("circular", "zeros")
    )
    kept = images.square().mean().item()
    assert 0.5 * kept < whole < 2 * kept
    assert padded < 0.7 * whole
    narrow = [mean_square(images, 16, "zeros", seed) for seed in range(15)]
    assert median(narrow) < 0.2 * kept


def test_pytorch_has_a_sixth_of_kaimings_variance(lesson):  # noqa: ARG001
    torch.manual_seed(0)
    weight = nn.Conv2d(64, 64, kernel_size=3).weight
    assert weight.var().item() * 64 * 9 == pytest.approx(1 / 3, rel=0.02)
    assert round((1 / 6) ** 0.5, 1) == 0.4


def test_the_dark_maps_share_a_mean(lesson):  # noqa: ARG001
    shared = lessons.value(LESSON, "SHARED")
    layers = {
        "batch norm": nn.BatchNorm2d(6),
        "layer norm": nn.LayerNorm([6, 3, 3]),
        "instance norm": nn.InstanceNorm2d(6),
        "group norm": nn.GroupNorm(2, 6),
    }
    X = torch.randn(4, 6, 3, 3, generator=torch.Generator().manual_seed(0)) * 3 + 2
    assert shared.keys() == layers.keys()
    for name, layer in layers.items():
        group = layer(X)[shared[name]]
        assert group.mean().abs() < 1e-4 and abs(group.var(correction=0) - 1) < 1e-3, name


@pytest.mark.parametrize("shape", [(64, 6), (64, 6, 8, 8)])
def test_it_is_pytorchs(lesson, made, shape):  # noqa: ARG001
    torch.manual_seed(0)
    ours = made.BatchNorm(6, num_dims=len(shape))
    theirs = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(6)
    for mode in (True, True, True, False):
        assert made.same(ours.train(mode), theirs.train(mode), 5 * torch.randn(shape) + 3)
    ours.momentum = 0.2
    assert not made.same(ours.train(), theirs.train(), torch.randn(shape))


def test_one_value_has_no_variance(lesson, made):  # noqa: ARG001
    with pytest.raises(ValueError, match="no variance"):
        made.BatchNorm(3, num_dims=2)(torch.randn(1, 3))


def test_it_gives_back_one_batch_only(lesson, made):  # noqa: ARG001
    torch.manual_seed(0)
    one, other, norm = torch.randn(8, 3) + 5, torch.randn(8, 3) - 5, made.BatchNorm(3, num_dims=2)
    norm.beta.data = one.mean(0, keepdim=True)
    norm.gamma.data = (one.var(0, correction=0, keepdim=True) + norm.eps).sqrt()
    assert torch.allclose(norm(one), one, atol=1e-4)
    assert not torch.allclose(norm(other), other, atol=1)


def test_numbers_by_hand(lesson, made):  # noqa: ARG001
    by_hand = made.BatchNorm(1, num_dims=2)(torch.tensor([[0.0], [0.0], [4.0], [4.0]]))
    assert torch.allclose(by_hand.flatten(), torch.tensor([-1.0, -1, 1, 1]), atol=1e-4)
    two = made.BatchNorm(1, num_dims=2)(torch.tensor([[3.0], [7.0]]))
    assert torch.allclose(two.flatten(), torch.tensor([-1.0, 1]), atol=1e-4)
    assert sum(p.numel() for p in made.BatchNorm(6, num_dims=4).parameters()) == 12
    assert 2 * 6 * 24 * 24 == 6_912


def test_the_bound_is_not_5(lesson, made):  # noqa: ARG001
    for m in (4, 26, 1000):
        one = torch.zeros(m, 1, dtype=torch.float64)
        one[0] = 1
        assert made.largest(one) == pytest.approx((m - 1) ** 0.5)
    assert round((64 * 24 * 24 - 1) ** 0.5) == 192
    assert made.largest(lessons.value(LESSON, "used")) > 20


def test_the_rows_of_the_notes(lesson):  # noqa: ARG001
    maps = ["6, 24, 24", "6, 12, 12", "16, 8, 8", "16, 4, 4", "256", "120", "84", "10"]
    kinds = ["Conv2d", "AvgPool2d", "Conv2d", "AvgPool2d", "Flatten", *["Linear"] * 3]
    rows = zip(kinds, maps, strict=True)
    expected = "\n".join(f"{k} output shape:\t torch.Size([1, {m}])" for k, m in rows)
    assert expected in printed()


def test_what_batch_norm_costs(lesson, made):  # noqa: ARG001
    with_it, without = (trace(made.lenet(norm=norm), (1, 1, 28, 28)) for norm in (True, False))
    assert with_it.params == 44_878 and with_it.params - without.params == 452
    assert 256 * 120 == 30_720 and 400 * 120 == 48_000


def test_the_bias_is_dead(lesson, made, data):  # noqa: ARG001
    torch.manual_seed(0)
    net, (X, y) = made.lenet(training=True), next(iter(data[0]))
    logits = net(X)
    nn.functional.cross_entropy(logits, y).backward()
    for conv in (net[0], net[4]):
        assert conv.bias.grad.abs().max() < 1e-4 * conv.weight.grad.abs().max()
    with torch.no_grad():
        net[0].bias += 100
        assert torch.allclose(net(X), logits, atol=1e-2)


def test_which_rates_train(lesson, data, relu_lenet):  # noqa: ARG001
    stuck, trains = (
        runs(lambda norm=norm: relu_lenet(norm=norm), *data, **SEED, epochs=1, lr=lr)
        for norm, lr in ((False, 1), (True, 3))
    )
    assert stuck.histories[0].test_acc[-1] < 0.2
    assert trains.histories[0].test_acc[-1] > 0.4


def test_the_lesson_prints_what_a_rate_does(lesson):  # noqa: ARG001
    rows = re.findall(r"^ +([\d.]+) +(\d+\.\d\d) +(\d\.\d\d)  (\d\.\d\d)$", printed(), re.MULTILINE)
    numbers = [tuple(map(float, row)) for row in rows]
    without, with_it = ({lr: (length, min(a, b), max(a, b)) for lr, length, a, b in part}
                        for part in (numbers[:3], numbers[3:]))  # fmt: skip
    assert set(without) == {0.1, 0.3, 1} and set(with_it) == {0.1, 3, 10}
    assert min(without[0.1][1], without[0.3][1], with_it[0.1][1], with_it[3][1]) > 0.4
    assert max(without[1][2], with_it[10][2]) < 0.2
    assert 4 < with_it[3][0] / without[0.3][0] < 9
    assert with_it[0.1][0] < without[0.1][0]


def test_watched_notes_what_a_step_moves(lesson, made, data, relu_lenet):  # noqa: ARG001
    torch.manual_seed(0)
    net, lengths = relu_lenet().train(), []
    before = torch.cat([p.detach().flatten() for p in net.parameters()])
    optimizer = made.watched(lengths)(net.parameters(), 0.5)
    X, y = next(iter(data[0]))
    nn.functional.cross_entropy(net(X), y).backward()
    optimizer.step()
    after = torch.cat([p.detach().flatten() for p in net.parameters()])
    assert lengths == [pytest.approx((after - before).norm().item(), rel=1e-3)]


def test_the_gradient_stands_on_the_weights(lesson):  # noqa: ARG001
    weights_and_gradient = lessons.value(LESSON, "weights_and_gradient")
    (w, slope), (longer, slower) = weights_and_gradient(1), weights_and_gradient(10)
    assert longer.norm() / w.norm() == pytest.approx(10, rel=1e-3)
    assert slower.norm() / slope.norm() == pytest.approx(0.1, rel=0.05)
    for pair in ((w, slope), (longer, slower)):
        assert nn.functional.cosine_similarity(*pair, dim=0).abs() < 1e-3


def test_the_shift_does_little_harm(lesson, made, data):  # noqa: ARG001
    without, normal, noisy, after = (
        runs(lambda c=c: made.lenet(**c), *data, **SEED, epochs=1, lr=1.0).histories[0].test_acc[-1]
        for c in lessons.value(LESSON, "kinds").values()
    )
    assert without < 0.2
    assert min(normal, noisy, after) > 0.5
    assert noisy > normal - 0.3


def test_the_noise_moves_the_distribution(lesson, made):  # noqa: ARG001
    torch.manual_seed(0)
    norm, X = made.NoisyNorm(3, num_dims=4), torch.randn(16, 3, 5, 5)
    one, two = (norm(X).mean((0, 2, 3)) for _ in range(2))
    assert (one - two).abs().max() > 0.1 and one.abs().max() > 0.1
    assert torch.equal(norm.eval()(X), norm(X))


def test_batches_of_two(lesson, made, relu_lenet):  # noqa: ARG001
    trained, group = (lessons.value(LESSON, name) for name in ("trained", "group"))
    found = {
        (kind is group, size): trained(kind, size, seeds=(0,)).histories[0].test_acc[-1]
        for kind in (made.BATCH, group)
        for size in (2, 16)
    }
    assert found[False, 2] < found[True, 2] - 0.3
    assert found[False, 16] > found[True, 16] - 0.05


@pytest.fixture(scope="module")
def deep(made):
    """Without batch norm, with it -> the run of seed 0."""
    made.train, made.test = digits(batch_size=32, size=32, device="cpu")
    how = SEED | {"lr": 2e-3, "optimizer": torch.optim.Adam}
    return [
        runs(lambda n=norm: made.small_alexnet(n), made.train, made.test, epochs=1 + norm, **how)
        for norm in (False, True)
    ]


def test_eight_layers_of_sigmoids(lesson, deep):  # noqa: ARG001
    without, with_it = (run.histories[0] for run in deep)
    assert max(without.train_acc[-1], without.test_acc[-1]) < 0.2
    assert with_it.train_acc[-1] > 0.9 and with_it.test_acc[-1] < 0.7


def test_the_gradient_vanishes_without(lesson, made):  # noqa: ARG001
    first_to_last = lessons.value(LESSON, "first_to_last")
    torch.manual_seed(0)
    assert first_to_last(made.small_alexnet(norm=False)) < 1e-3
    assert first_to_last(made.small_alexnet(norm=True)) > 0.03


def test_stale_averages(lesson, made, deep):  # noqa: ARG001
    (net,) = deep[1].nets
    assert evaluate(net, made.test) < 0.7
    assert made.by_the_batch(net) > 0.9
    assert evaluate(made.refreshed(net), made.test) > 0.9


def test_the_recorded_run(lesson):  # noqa: ARG001
    with_it, without = recorded.run("batch_norm_lenet"), recorded.run("lenet")
    assert with_it.test_acc[-1] > without.test_acc[-1]
    assert trace(with_it.build().eval(), (1, 3, 32, 32)).by_path["9"][0].inputs[0][1] == 400


def test_64_cats(lesson):  # noqa: ARG001
    answers, pieces = (lessons.value(LESSON, name) for name in ("answers", "pieces"))
    cats = pieces("cat.jpg")
    kinds = [len(answers(cats, training).argmax(1).unique()) for training in (False, True)]
    assert kinds[0] < kinds[1] and kinds[1] >= 5
    alone = answers(cats[:1], training=False)
    assert torch.allclose(alone, answers(cats, training=False)[:1], atol=1e-4)
    among = [
        answers(torch.cat([cats[:1], pieces(name)[1:]]), training=True)[0]
        for name in ("cat.jpg", "china.jpg")
    ]
    assert (among[0] - among[1]).abs().max() > 0.05


def test_fold(lesson):  # noqa: ARG001
    folded, net, cats = (lessons.value(LESSON, n) for n in ("folded", "recorded_net", "cats"))
    assert len(net) - len(folded) == 2
    with torch.no_grad():
        assert torch.allclose(folded(cats), net(cats), atol=1e-3)


def test_the_solutions_of_the_exercises(lesson, made):  # noqa: ARG001
    assert round((0.001 / 0.00101) ** 2, 2) == 0.98 and round(1e-6 / (1e-6 + 1e-5), 2) == 0.09

    class BookNorm(made.BatchNorm):
        def forward(self, X):
            self.training = torch.is_grad_enabled()
            return super().forward(X)

    book, X = BookNorm(3, num_dims=2).eval(), torch.randn(8, 3) + 5
    assert book(X).mean().abs() < 1e-3 and book.moving_mean.abs().min() > 0

    for norm in (nn.LayerNorm([3, 4, 4]), nn.GroupNorm(1, 3)):
        images = torch.randn(5, 3, 4, 4)
        assert torch.allclose(norm(images)[:1], norm(images[:1]), atol=1e-5)


def test_with_dropout(lesson, data, relu_lenet):  # noqa: ARG001
    torch.manual_seed(0)
    mixed = relu_lenet(norm=True)
    for activation in (11, 14):
        assert isinstance(mixed[activation], nn.ReLU)
        mixed[activation] = nn.Sequential(nn.ReLU(), nn.Dropout(0.5))
    assert fit(mixed, *data, 3, 0.3).test_acc[-1] > 0.5

"""Lesson 1: the numbers in its prose, exercises and measurements are what its code gives."""

from functools import partial

import lessons
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import evaluate, fit, initialize, recorded, runs
from layerwise import ShapeError, trace
from layerwise.tracing.receptive_bounds import bounds

LESSON = "01_alexnet"
IMAGE = (1, 1, 224, 224)
ANIMALS = {"bird", "cat", "deer", "dog", "frog", "horse"}

pytestmark = pytest.mark.parametrize("lesson", [LESSON])


@pytest.fixture(scope="module")
def made():
    torch.set_num_threads(1)
    return lessons.module(LESSON)


@pytest.fixture(scope="module")
def digits_32(made):
    return made.digits(batch_size=64, size=32, device="cpu")


@pytest.fixture(scope="module")
def large(made):
    with torch.device("meta"):
        return trace(made.alexnet(), IMAGE)


def accepts(net, size):
    try:
        return bool(trace(net, (1, 1, size, size)))
    except RuntimeError:
        return False


def test_what_2012_took_from_the_error(lesson, made):  # noqa: ARG001
    errors = list(made.ERRORS.values())
    assert errors == sorted(errors, reverse=True)
    assert 1 - errors[2] / errors[1] > 1 / 3


def test_lenet_sees_sixteen_pixels(lesson):  # noqa: ARG001
    lenet = lessons.value(LESSON, "lenet")
    assert lessons.value(LESSON, "side") == 16
    assert trace(lenet[:7], IMAGE).output[1] == 46_656
    assert lenet[7].weight.shape == (120, 400)


def test_what_rounding_down_leaves_over(lesson, made):  # noqa: ARG001
    assert made.size_after(6, kernel=3, stride=2) == (2, 1)
    assert made.size_after(224, kernel=11, stride=4, padding=1) == (54, 3)
    image, ones = torch.arange(36.0).reshape(1, 1, 6, 6), torch.ones(1, 1, 3, 3)
    sums = F.conv2d(image, ones, stride=2)
    assert sums[0, 0, 0, 0] == 63
    image[..., 5, :] = image[..., :, 5] = 1000
    assert torch.equal(F.conv2d(image, ones, stride=2), sums)
    photo = torch.zeros(IMAGE, requires_grad=True)
    F.conv2d(photo, torch.ones(1, 1, 11, 11), stride=4, padding=1).sum().backward()
    assert photo.grad[0, 0].sum(1).nonzero().max() == 221  # of 223: two rows are not read


def test_what_the_units_of_the_last_maps_read(lesson, large):  # noqa: ARG001
    read = lessons.value(LESSON, "read")
    assert read == [(0, 129), (0, 161), (0, 193), (31, 217), (63, 217)]
    last = [step for step in large.steps if step.op == "MaxPool2d"][-1]
    assert last.receptive_field == (195, 195)
    assert list(bounds(large)[last.index][0].ends) == read
    assert all(end - start + 1 < 195 for start, end in read)


def test_where_parameters_and_arithmetic_are(lesson, made, large):  # noqa: ARG001
    small = trace(lessons.value(LESSON, "lenet"), (1, 1, 28, 28))
    assert round(large.params / small.params) == 758
    assert round(large.macs / small.macs) == 2_252
    steps = {name: large.by_path[path][0] for name, path in made.LAYERS.items()}
    weights = {name: step.params - step.output[1] for name, step in steps.items()}
    used = {name: step.macs / weights[name] for name, step in steps.items()}
    assert used["conv 1"] == 2_916 and {used[f"linear {n}"] for n in (1, 2, 3)} == {1}
    assert steps["linear 1"].params > large.params / 2
    linear = [step for step in steps.values() if step.op == "Linear"]
    assert sum(step.params for step in linear) > 0.9 * large.params
    assert sum(step.macs for step in linear) < 0.1 * large.macs


def first_to_last(made, activation, seed):
    sizes = made.gradients(activation, seed)
    assert len(sizes) == 8
    return sizes[0] / sizes[-1]


def test_the_gradient_of_the_sigmoid_vanishes(lesson, made, digits_32):  # noqa: ARG001
    made.train = digits_32[0]
    assert min(first_to_last(made, nn.ReLU, seed) for seed in range(3)) > 0.05
    assert max(first_to_last(made, nn.Sigmoid, seed) for seed in range(3)) < 1e-3
    assert f"{0.25**7:.5f}" == "0.00006"
    tanh = min(first_to_last(made, nn.Tanh, seed) for seed in range(3))
    assert tanh > 0.02


def test_relu_trains_and_the_sigmoid_does_not(lesson, made, digits_32):  # noqa: ARG001
    relu, sigmoid = (
        runs(
            partial(made.small_alexnet, kind), *digits_32, (0,), epochs=epochs, lr=2e-3, **made.ADAM
        )
        for kind, epochs in ((nn.ReLU, 2), (nn.Sigmoid, 3))
    )
    assert min(run.test_acc[-1] for run in relu) > 0.6
    assert max(run.test_acc[-1] for run in sigmoid) < 0.2


def test_xavier_does_not_save_the_sigmoid(lesson, made, digits_32, monkeypatch):  # noqa: ARG001
    made.train = digits_32[0]
    kaiming = max(first_to_last(made, nn.Sigmoid, seed) for seed in range(3))
    xavier = nn.init.xavier_uniform_
    monkeypatch.setattr(made, "initialize", lambda net: initialize(net, xavier))
    assert max(first_to_last(made, nn.Sigmoid, seed) for seed in range(3)) < kaiming / 2
    monkeypatch.setattr(made, "initialize", lambda net: initialize(net, partial(xavier, gain=4)))
    assert min(first_to_last(made, nn.Sigmoid, seed) for seed in range(3)) > 0.001
    torch.manual_seed(0)
    run = fit(made.small_alexnet(nn.Sigmoid), *digits_32, epochs=3, lr=2e-3, **made.ADAM)
    assert run.test_acc[-1] < 0.2


def test_dropout_helps_against_wrong_labels(lesson, made):  # noqa: ARG001
    data = made.small_digits(share=0.4)
    without, with_dropout = (
        runs(partial(made.head_of_alexnet, p), *data, (0,), epochs=30, lr=5e-3, **made.ADAM)
        for p in (0.0, 0.5)
    )
    worst = min(run.test_acc[-1] for run in with_dropout)
    assert worst > max(run.test_acc[-1] for run in without) + 0.01
    best = [max(run.test_acc) for run in without]
    assert min(best) > worst - 0.03
    assert all(max(run.test_acc) > run.test_acc[-1] + 0.02 for run in without)


def test_augmentation_helps_against_what_it_imitates(lesson, made):  # noqa: ARG001
    found = {}
    clean, centred = made.small_digits(share=0)
    torch.manual_seed(0)
    off_centre = made.replace(centred, images=made.moved(centred.images))
    for name, (dropout, change) in made.KINDS.items():
        torch.manual_seed(0)
        net, train = made.head_of_alexnet(dropout), made.replace(clean, resize=change)
        fit(net, train, centred, epochs=20, lr=5e-3, **made.ADAM)
        found[name] = evaluate(net, centred), evaluate(net, off_centre)
    (plain, moved), (dropped, moved_too), (augmented, kept) = found.values()
    assert plain == pytest.approx(dropped, abs=0.03) and plain > augmented > 0.88
    assert max(moved, moved_too) < 0.6 and kept > 0.85


def test_the_recorded_run_takes_cats_for_dogs(lesson):  # noqa: ARG001
    run = recorded.run("alexnet")
    row = dict(zip(run.classes, run.confusion[run.classes.index("cat")], strict=True))
    assert max(row.keys() - {"cat"}, key=row.get) == "dog"
    among = others = 0
    for true, counts in zip(run.classes, run.confusion, strict=True):
        for answer, count in zip(run.classes, counts, strict=True):
            if true in ANIMALS and true != answer:
                among, others = among + count * (answer in ANIMALS), others + count
    assert among > 5 / 9 * others + 0.2 * others  # 5 of the 9 wrong answers are animals
    assert sum(map(sum, run.confusion)) == 10_000


def likeness(filters):
    """Of neighbours in a row: about 0 for noise."""
    left, right = filters[..., :-1].flatten(), filters[..., 1:].flatten()
    return F.cosine_similarity(left, right, 0)


def test_what_training_adds_to_the_first_filters_is_no_noise(lesson):  # noqa: ARG001
    before, after, most = (lessons.value(LESSON, name) for name in ("before", "after", "most"))
    assert len(most) == 8
    assert F.cosine_similarity(before.flatten(), after.flatten(), 0) > 0.2  # it began with these
    assert abs(likeness(before)) < 0.1
    assert likeness((after - before)[most]) > 0.15


def test_the_sizes_that_alexnet_takes(lesson, made):  # noqa: ARG001
    with torch.device("meta"):
        net = made.alexnet()
        any_size = made.alexnet().insert(13, nn.AdaptiveAvgPool2d((5, 5)))
    assert [n for n in (192, 193, 224, 225) if accepts(net, n)] == [193, 224]
    assert [n for n in (64, 65, 66, 500) if accepts(any_size, n)] == [65, 66, 500]


def test_the_broken_line_of_the_notes(lesson, made):  # noqa: ARG001
    with torch.device("meta"):
        net = made.alexnet()
        net[0] = nn.Conv2d(1, 966, kernel_size=11, stride=4, padding=1)
    with pytest.raises(ShapeError, match="966") as raised:
        trace(net, IMAGE)
    assert "96 " in str(raised.value)


def test_a_thinner_head(lesson, large):  # noqa: ARG001
    with torch.device("meta"):
        head = nn.Sequential(nn.Linear(6400, 1024), nn.Linear(1024, 1024), nn.Linear(1024, 10))
    thin = trace(head, (1, 6400))
    convs = [step for step in large.steps if step.op == "Conv2d"]
    params = thin.params + sum(step.params for step in convs)
    assert round(params / 1e6, 1) == 11.3 and params < large.params / 4
    assert round((thin.macs + sum(step.macs for step in convs)) / large.macs, 2) == 0.96


def test_the_network_of_2012(lesson):  # noqa: ARG001
    with torch.device("meta"):
        paper = [
            nn.Conv2d(3, 96, 11),
            nn.Conv2d(96, 256, 5, groups=2),
            nn.Conv2d(256, 384, 3),
            nn.Conv2d(384, 384, 3, groups=2),
            nn.Conv2d(384, 256, 3, groups=2),
            nn.Linear(256 * 6 * 6, 4096),
            nn.Linear(4096, 4096),
            nn.Linear(4096, 1000),
        ]
    assert sum(p.numel() for layer in paper for p in layer.parameters()) == 60_965_224

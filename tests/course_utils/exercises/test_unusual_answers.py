"""Answers that nobody foresaw: layers that are never used, arguments without effect, odd values."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import exercises
from course_utils.exercises._attempted import is_attempted


class Block(nn.Module):
    """Convolutions in a list, of which `of` is called in place of each."""

    def __init__(self, num_convs, in_channels, out_channels, kernel_size=3):
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, kernel_size, padding="same")
        self.rest = nn.ModuleList(
            nn.Conv2d(out_channels, out_channels, kernel_size, padding="same")
            for _ in range(num_convs - 1)
        )

    def forward(self, X):
        X = self.first(X).relu()
        for number, _ in enumerate(self.rest):
            X = self.called(number)(X).relu()
        return F.max_pool2d(X, 2)

    def called(self, number):
        return self.rest[number]


class OneForAll(Block):
    def called(self, number):  # noqa: ARG002
        return self.rest[0]


def test_a_layer_in_place_of_its_twin_is_told_although_the_numbers_agree():
    assert exercises.vgg.block.check(Block).outcome == "right"
    verdict = exercises.vgg.block.check(OneForAll)
    assert (verdict.outcome, verdict.mistake) == ("wrong", "unused")
    assert "never uses rest.1" in verdict.message


class Convolution(nn.Conv2d):
    pass


class Stub(nn.Module):
    def __init__(self):
        super().__init__()


class Same(Block):
    """The block."""


def test_a_class_that_goes_on_from_another_is_an_attempt():
    assert is_attempted(Convolution) and is_attempted(Same)
    assert not is_attempted(Stub)
    assert exercises.vgg.block.check(Same).outcome == "right"


def normalize(X, gamma, beta, eps=1e-5):  # noqa: ARG001
    return F.batch_norm(X, None, None, gamma, beta, training=True, eps=1e-5)


def reads_eps(X, gamma, beta, eps=1e-5):
    return F.batch_norm(X, None, None, gamma, beta, training=True, eps=eps)


class FixedNorm(nn.BatchNorm2d):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):  # noqa: ARG002
        super().__init__(num_features)

    def _check_input_dim(self, X):
        pass


def test_an_argument_without_effect_is_noticed():
    one = exercises.batch_norm.normalize
    assert one.check(reads_eps).outcome == "right"
    verdict = one.check(normalize)
    assert verdict.outcome == "wrong" and "eps=0.1" in verdict.message
    assert exercises.batch_norm.layer.check(FixedNorm).outcome == "wrong"


def test_the_call_that_fails_is_the_one_that_is_shown():
    def my_size_after(n, kernel, stride, padding):
        return (n + 2 * padding - kernel) // stride + 1

    told = exercises.alexnet.size_after.check(my_size_after).message
    assert "my_size_after(28, 5)" in told and "'stride'" in told


@pytest.mark.parametrize(
    "answer",
    [(float("inf"), 1, 2, 3, 4), "150 75 nan 18 9", np.array([1, 2, 3, 4, 5])],
)
def test_no_number_ends_the_check(answer):
    assert exercises.vgg.sizes.check(answer).outcome == "wrong"


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list, tuple])
def test_numbers_may_lie_in_an_array(kind):
    right = [150, 75, 37, 18, 9]
    assert exercises.vgg.sizes.check(kind(right)).outcome == "right"


class Pair(Block):
    def forward(self, X):
        return super().forward(X), X


def test_a_network_that_gives_more_than_one_tensor_is_told_so():
    verdict = exercises.vgg.block.check(Pair)
    assert (verdict.outcome, verdict.mistake) == ("wrong", "no tensor")
    assert "returns a tuple" in verdict.message

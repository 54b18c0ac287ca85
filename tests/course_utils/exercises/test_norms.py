"""What is measured of a batch norm layer: each probe, and the numbers it is probed with."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from course_utils.exercises import _norms, _words

CASE = SimpleNamespace(shape=(64, 3, 4, 4))
GAMMA, BETA = torch.tensor([1.0, 1.3, 1.6]), torch.tensor([-0.5, -0.2, 0.1])


def measured(layer=None):
    return _norms.measured(layer or nn.BatchNorm2d(3), CASE)


def shown(layer):
    """The first probe in which it is not as PyTorch's."""
    asked, found = measured(), measured(layer)
    return next((n for n in asked if not torch.allclose(asked[n], found[n], atol=1e-5)), None)


def test_every_probe_has_its_words():
    assert set(measured()) == set(_words._PROBED)


def test_gamma_and_beta_are_told_apart_and_nothing_else_is_moved():
    layer = nn.BatchNorm2d(3)
    layer.other = nn.Parameter(torch.ones(2))
    _norms._move(layer, 3)
    assert torch.allclose(layer.weight, GAMMA)
    assert torch.allclose(layer.bias, BETA)
    assert layer.other.tolist() == [1, 1]


def test_the_batch_has_neither_mean_0_nor_variance_1():
    per_channel = measured()["fresh eval"].transpose(0, 1).flatten(1)
    batch = (per_channel - BETA[:, None]) / GAMMA[:, None]
    assert batch.mean() == pytest.approx(-1, abs=0.1)
    assert batch.std() == pytest.approx(2, abs=0.1)


class Norm(nn.BatchNorm2d):
    """PyTorch's, with a mistake."""

    def __init__(self, mistake=""):
        super().__init__(3)
        self.mistake = mistake
        if mistake == "at the start":
            nn.init.constant_(self.weight, 0.5)

    def forward(self, X):
        trained = bool(self.running_mean.abs().sum() > 0)
        wrong = {
            "train": self.training,
            "fresh eval": not self.training and not trained,
            "eval": not self.training and trained,
            "eval with gradients": not self.training and torch.is_grad_enabled(),
        }
        if wrong.get(self.mistake):
            return super().forward(X) + 1
        if self.mistake == "gradient" and self.training:
            return super().forward(X.detach()) + 0 * X
        found = super().forward(X)
        if self.mistake == "held gradients" and self.training:
            self.running_mean = 0.9 * self.running_mean.detach() + 0 * X.mean((0, 2, 3))
        return found


@pytest.mark.parametrize(
    "mistake", ["at the start", "train", "gradient", "fresh eval", "eval", "eval with gradients"]
)
def test_a_mistake_shows_in_its_probe(mistake):
    assert shown(Norm(mistake)) == mistake


def test_averages_that_hold_gradients_are_seen():
    assert measured(Norm("held gradients"))["held gradients"] == 1
    assert measured()["held gradients"] == 0


def test_a_layer_that_makes_no_mistake_shows_none():
    assert shown(Norm()) is None

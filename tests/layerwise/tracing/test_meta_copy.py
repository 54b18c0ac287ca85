"""What a trace runs on: a copy that holds no numbers and shares nothing that a run could change."""

import threading

import torch
from torch import nn

from layerwise import trace
from layerwise.tracing import meta_copy

SHAPE = (2, 3, 4, 4)


class Kept:
    """Holds layers beside something that cannot be copied."""

    def __init__(self, *layers):
        self.layers, self.lock = layers, threading.Lock()


class Through(nn.Module):
    """Runs the layers of an object that it holds."""

    def __init__(self, kept):
        super().__init__()
        self.kept = kept

    def forward(self, X):
        for layer in self.kept.layers:
            X = layer(X)
        return X


class Scale(nn.Parameter):
    """A parameter of a class of its own, made with an argument more."""

    def __new__(cls, data, unit):
        made = super().__new__(cls, data)
        made.unit = unit
        return made


class Named(torch.Tensor):
    """A tensor that is no parameter."""


def test_an_object_that_cannot_be_copied_whole_is_copied_in_its_parts():
    norm = nn.BatchNorm2d(3)
    kept = Kept(norm)
    steps = trace(Through(kept), SHAPE).steps
    assert [step.function for step in steps] == ["batch_norm"]
    assert norm.num_batches_tracked == 0
    made, _ = meta_copy.copied(Through(kept), numbers=False)
    assert made.kept is not kept
    assert made.kept.layers[0].weight.is_meta
    assert made.kept.lock is kept.lock  # written in C, and what cannot be copied stays shared


def test_each_kind_of_tensor_keeps_its_role():
    def of(tensor):
        made = meta_copy.without_numbers(tensor)
        assert made.is_meta
        assert made.dtype == tensor.dtype
        return made

    scale = of(Scale(torch.ones(3, dtype=torch.float64), unit="m"))
    assert isinstance(scale, nn.Parameter)
    assert scale.shape == (3,)
    frozen = of(nn.Parameter(torch.ones(2), requires_grad=False))
    assert isinstance(frozen, nn.Parameter)
    assert not frozen.requires_grad
    assert not isinstance(of(torch.ones(4).as_subclass(Named)), nn.Parameter)
    assert type(of(nn.UninitializedParameter(dtype=torch.float64))) is nn.UninitializedParameter
    assert type(of(nn.UninitializedBuffer())) is nn.UninitializedBuffer


def test_a_layout_that_is_not_in_order_is_kept():
    turned = meta_copy.like(torch.ones(2, 3, 4).transpose(0, 2))
    assert turned.shape == (4, 3, 2)
    assert turned.stride() == (1, 4, 12)

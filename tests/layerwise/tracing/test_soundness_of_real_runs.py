"""Forwards that read values or leave PyTorch's sight: all is counted, or the trace says so."""

# ruff: noqa: ARG005  forwards of one form, whether or not they use all they get

import math

import numpy as np
import pytest
import torch
from against_pytorch import check, net
from torch import nn
from torch.nn import functional as F


def attention(self, x):
    q, k, v = self.qkv(x).chunk(3, dim=-1)
    weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(8), dim=-1)
    self.largest = weights.max().item()
    return weights @ v


# Forwards that read values: what is counted is the whole batch, and each kind of product.
READING = {
    "item behind BatchNorm1d": (
        lambda m, x: m.bn(m.fc(x)) * m.fc(x).mean().item(),
        {"fc": nn.Linear(8, 8), "bn": nn.BatchNorm1d(8)},
        (4, 8),
    ),
    "a condition": (
        lambda m, x: m.fc(x) if x.mean() > 0 else -m.fc(x),
        {"fc": nn.Linear(8, 8)},
        (4, 8),
    ),
    "chunks of the batch": (
        lambda m, x: m.fc(torch.cat(x.chunk(2, 0), 1)[:, :8]) / float(x.sum()),
        {"fc": nn.Linear(8, 8)},
        (4, 8),
    ),
    "a batch of three that must be three": (
        lambda m, x: m.fc(x.view(3, 8)) + bool(x.any()),
        {"fc": nn.Linear(8, 8)},
        (3, 8),
    ),
    "attention": (attention, {"qkv": nn.Linear(8, 24)}, (3, 4, 8)),
    "einsum": (
        lambda m, x: torch.einsum("btc,bsc->bts", m.fc(x), x) * x.max().item(),
        {"fc": nn.Linear(8, 8)},
        (3, 4, 8),
    ),
    "MultiheadAttention": (
        lambda m, x: m.mha(x, x, x)[0] * int(x.sum() >= 0),
        {"mha": nn.MultiheadAttention(8, 2, batch_first=True)},
        (3, 4, 8),
    ),
    "scaled_dot_product_attention": (
        lambda m, x: F.scaled_dot_product_attention(x, x, x) * x.mean().item(),
        {},
        (3, 2, 4, 8),
    ),
    "LSTM": (lambda m, x: m.rnn(x)[0] * x.mean().item(), {"rnn": nn.LSTM(8, 5)}, (4, 3, 8)),
    "GRU": (lambda m, x: m.rnn(x)[0] * x.mean().item(), {"rnn": nn.GRU(8, 5)}, (4, 3, 8)),
    "RNN of two layers": (
        lambda m, x: m.rnn(x)[0] * x.mean().item(),
        {"rnn": nn.RNN(8, 5, num_layers=2)},
        (4, 3, 8),
    ),
    "convolution": (
        lambda m, x: m.conv(x) if x.abs().max() < 9 else x,
        {"conv": nn.Conv2d(3, 4, 3)},
        (3, 3, 6, 6),
    ),
    "baddbmm": (
        lambda m, x: torch.baddbmm(x, x, x) * x.sum().item(),
        {},
        (3, 8, 8),
    ),
    "tolist": (lambda m, x: m.fc(x * x.mean(0).tolist()[0]), {"fc": nn.Linear(8, 8)}, (4, 8)),
    "f-string": (lambda m, x: m.fc(x) if f"{x.mean():.3f}" else x, {"fc": nn.Linear(8, 8)}, (4, 8)),
    "unbatched": (lambda m, x: m.fc(x) * x.sum().item(), {"fc": nn.Linear(8, 8)}, (8,)),
    "selecting by a mask": (
        lambda m, x: m.fc(x.reshape(-1)[x.reshape(-1) > -1].view(4, 8)),
        {"fc": nn.Linear(8, 8)},
        (4, 8),
    ),
    "nonzero": (
        lambda m, x: m.fc(x[(x.sum(1) > -1).nonzero().flatten()]),
        {"fc": nn.Linear(8, 8)},
        (4, 8),
    ),
    "a wrong layer": (lambda m, x: m.fc(x * x.sum().item()), {"fc": nn.Linear(7, 8)}, (4, 8)),
    "BatchNorm1d of one, rightly refused": (
        lambda m, x: m.bn(x * x.sum().item()),
        {"bn": nn.BatchNorm1d(8)},
        (1, 8),
    ),
}


@pytest.mark.parametrize("name", READING)
def test_a_forward_that_reads_values(name):
    forward, layers, shape = READING[name]
    t = check(net(forward, **layers), shape)
    assert t is None or t.note


# Round trips that leave PyTorch's sight: the MACs may differ only if the trace says so.
ROUND_TRIPS = {
    "numpy and back": lambda m, x: m.fc(torch.from_numpy(m.fc(x).detach().numpy() * 2)),
    "np.asarray": lambda m, x: m.fc(torch.tensor(np.asarray(m.fc(x).detach()))),
    "a numpy function": lambda m, x: m.fc(torch.as_tensor(np.tanh(x.numpy()))),
    "numpy, reshaped": lambda m, x: m.fc(torch.from_numpy(x.numpy().reshape(-1, 8))),
    "tolist and back": lambda m, x: m.fc(torch.tensor(x.tolist())),
    "vmap of a layer": lambda m, x: torch.func.vmap(m.fc)(x),
    "vmap of a product": lambda m, x: torch.func.vmap(lambda row: m.fc.weight @ row)(m.fc(x)),
    "vmap, then a layer": lambda m, x: m.fc(torch.vmap(lambda a, b: a * b)(x, x)),
    "functional_call": lambda m, x: torch.func.functional_call(
        m.fc, {"weight": m.fc.weight * 2, "bias": m.fc.bias}, (x,)
    ),
    "checkpoint": lambda m, x: torch.utils.checkpoint.checkpoint(m.fc, x, use_reentrant=False),
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_a_round_trip_is_counted_or_said(name):
    check(net(ROUND_TRIPS[name], fc=nn.Linear(8, 8)), (4, 8), may_say=True)

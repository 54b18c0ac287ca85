"""What a network holds and does not own, and what only looks like it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from layerwise import diagnose

VECTORS = (2, 8)


class Holds(nn.Module):
    """A weight in a plain attribute, and a forward that reads it."""

    def __init__(self, read, *, trained=True):
        super().__init__()
        self.weight, self.read = torch.ones(8, 8, requires_grad=trained), read

    def forward(self, x):
        return self.read(x, self.weight)


@pytest.mark.parametrize(
    "read",
    [
        F.linear,
        torch.matmul,
        lambda x, w: x * w[0],
        lambda x, w: F.conv1d(x[:, :, None], w[:, :, None]),
        lambda x, w: F.layer_norm(x, (8,), w[0]),
    ],
)
def test_a_plain_tensor_that_is_trained_is_found_whatever_reads_it(read):
    d = diagnose(lambda: Holds(read), VECTORS)
    assert (d.works, d.expected) == (True, 64)
    assert "Holds keeps it in a plain attribute: write self.weight = nn.Parameter" in " ".join(
        str(d).split()
    )
    assert diagnose(lambda: Holds(read, trained=False), VECTORS) is None


def test_what_is_counted_is_what_the_network_does_not_own():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = nn.Linear(8, 8)
            self.kept = {"a": self.own, "b": nn.Linear(8, 8)}

        def forward(self, x):
            return self.kept["b"](self.kept["a"](x))

    d = diagnose(Net, VECTORS)
    assert (d.kind, d.layer, d.expected, d.got) == ("your code", "", 72, 0)
    assert "self.kept = nn.ModuleDict" in str(d)

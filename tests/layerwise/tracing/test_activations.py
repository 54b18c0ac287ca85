"""What flows through a network: the numbers are PyTorch's own, and the network stays as it was."""

import copy
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import nets
from layerwise.tracing.activations import STRONGEST, AbandonedError, Kept, Units, activations


def image(channels=1, size=28):
    return torch.rand(1, channels, size, size, generator=torch.Generator().manual_seed(0))


def stranger():
    """A network in which the same numbers are written over, branched and put in other orders."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 20, 3, stride=2, padding=1)
            self.norm = nn.BatchNorm2d(20)
            self.deep = nn.Conv2d(20, 20, 3, padding=1, groups=20)
            self.seen = 0

        def forward(self, x):
            self.seen += 1
            x = F.relu(self.norm(self.stem(x)), inplace=True)
            y = self.deep(x)
            y += x
            y = y.permute(0, 2, 3, 1)
            return F.dropout(y * 2, training=self.training).permute(0, 3, 1, 2).mean((2, 3))

    torch.manual_seed(0)
    return Net()


def test_the_strongest_maps_are_those_of_the_network_itself():
    net = stranger().eval()
    with torch.no_grad():
        stem = net.norm(net.stem(image(3)))[0]
    found = activations(net, image(3))
    (step,) = [step for step in found.trace.steps if step.op == "BatchNorm2d"]
    kept = found.outputs[step.index]  # before the relu wrote over it
    strengths = stem.abs().mean((1, 2))
    assert kept.signed and len(kept.channels) == STRONGEST
    assert list(kept.channels) == strengths.argsort(descending=True)[:STRONGEST].tolist()
    torch.testing.assert_close(kept.values, stem[list(kept.channels)])
    torch.testing.assert_close(kept.strengths, strengths[list(kept.channels)])
    relu = found.outputs[step.index + 1]
    assert not relu.signed
    torch.testing.assert_close(relu.values, stem.relu()[list(relu.channels)])


def test_maps_are_found_while_channels_are_last():
    net = stranger().eval()
    found = activations(net, image(3))
    permuted = next(step for step in found.trace.steps if step.function == "permute")
    kept, before = found.outputs[permuted.index], found.outputs[permuted.index - 1]
    assert kept.channels == before.channels
    assert torch.equal(kept.values, before.values)


def test_a_vector_keeps_its_largest_numbers():
    net = stranger().eval()
    found = activations(net, image(3))
    units = found.outputs[-1]
    scores = net(image(3))[0].detach()
    assert isinstance(units, Units)
    assert list(units.units) == scores.argsort(descending=True)[:STRONGEST].tolist()
    torch.testing.assert_close(units.values, scores[list(units.units)])


def test_filters_keep_their_strongest_slices_and_where_these_read():
    net = nn.Sequential(nn.Conv2d(12, 4, 3), nn.Conv2d(4, 4, 1, groups=2))
    wide, grouped = activations(net, image(12)).filters
    for output in range(4):
        strongest = net[0].weight[output].abs().sum((1, 2)).argsort(descending=True)[:8]
        assert wide.inputs[output].tolist() == strongest.tolist()
        assert torch.equal(wide.values[output], net[0].weight[output, strongest].detach())
    assert grouped.inputs.tolist() == [[0, 1], [0, 1], [2, 3], [2, 3]]


def test_the_network_stays_as_it_was():
    net = stranger().train()
    hooked = []
    net.stem.register_forward_hook(lambda *_: hooked.append(1))
    state, seed = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    pythons = random.getstate()
    activations(net, image(3))
    assert net.training and net.norm.training and net.seen == 0 and not hooked
    assert all(torch.equal(state[name], tensor) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), seed) and random.getstate() == pythons
    assert all(parameter.grad is None for parameter in net.parameters())


def test_statistics_in_eval_mode_are_the_stored_ones():
    net = nn.Sequential(nn.BatchNorm2d(1)).train()
    found = activations(net, image())
    expected = image()[0] / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(found.outputs[0].values, expected)


def test_a_run_that_nobody_wants_is_given_up_on_the_way():
    asked = []

    def wanted():
        asked.append(1)
        return len(asked) < 3

    with pytest.raises(AbandonedError):
        activations(nets.lenet(), image(), wanted)
    assert len(asked) == 3


def test_half_precision_runs_in_half_precision():
    net = nn.Sequential(nn.Conv2d(1, 2, 3)).to(torch.bfloat16)
    kept = activations(net, image()).outputs[0]
    assert isinstance(kept, Kept) and kept.values.dtype == torch.float32


def test_maps_whose_layout_is_not_known_are_not_shown():
    class Rearranged(nn.Module):
        def forward(self, x):
            return x.reshape(1, 14, 2, 28).relu()

    assert activations(Rearranged(), image()).outputs == (None, None)


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (nn.Upsample(scale_factor=2), 24),
        (nn.PixelShuffle(2), 24),
        (nn.Fold((13, 13), (2, 2)), 13),
    ],
    ids=["Upsample", "PixelShuffle", "Fold"],
)
def test_maps_behind_what_makes_a_larger_image_are_maps(layer, size):
    first = nn.Flatten(2) if isinstance(layer, nn.Fold) else nn.Identity()
    net = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), first, layer)
    kept = activations(net, image(size=26)).outputs[-1]
    assert kept.values.shape[1:] == (size, size)


def test_maps_behind_a_transposed_convolution_are_maps():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(2, 3, 2, stride=2), nn.ReLU())
    found = activations(net, image())
    assert [kept.values.shape[1:] for kept in found.outputs] == [(26, 26), (52, 52), (52, 52)]
    assert found.bounds[1] is None

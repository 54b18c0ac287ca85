"""Every classification network of torchvision: exact totals, rows that sum to them."""

import pytest
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from layerwise import trace

NAMES = torchvision.models.list_models(module=torchvision.models)


def build(name: str) -> torch.nn.Module:
    """The network without numbers; RegNets read values while they are built."""
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        return torchvision.models.get_model(name, weights=None, **options).to("meta").eval()


def paid(t) -> int:
    return sum(step.params for step in t.steps) + sum(t.unused.values())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "regnet_y_128gf"])
def test_totals(name):
    net, side = build(name), 299 if name == "inception_v3" else 224
    t = trace(net, (2, 3, side, side))
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(2, 3, side, side, device="meta"))
    assert t.note == ""
    assert t.params == sum(p.numel() for p in net.parameters()) == paid(t)
    assert t.macs == sum(s.macs for s in t.steps) == counter.get_total_flops() // 2


def test_there_are_networks_to_test():
    assert len(NAMES) >= 80

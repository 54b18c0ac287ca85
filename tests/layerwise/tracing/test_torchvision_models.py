"""Every family of torchvision's classification networks: exact totals, rows that sum to them."""

import pytest
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from layerwise import trace

# The same code with other numbers, and slow: two sizes of each family stay.
OTHER_SIZES = """
    convnext_base convnext_large densenet161 densenet169 densenet201 efficientnet_b2 efficientnet_b3
    efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l
    efficientnet_v2_m regnet_x_16gf regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_8gf
    regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_8gf resnet101
    swin_b swin_s swin_v2_b swin_v2_s vit_b_32 vit_h_14 vit_l_32
""".split()
NAMES = torchvision.models.list_models(module=torchvision.models)


def build(name: str) -> torch.nn.Module:
    """The network without numbers; RegNets read values while they are built."""
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        return torchvision.models.get_model(name, weights=None, **options).to("meta").eval()


def paid(t) -> int:
    return sum(step.params for step in t.steps) + sum(t.unused.values())


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OTHER_SIZES])
def test_totals(name):
    net, side = build(name), 299 if name == "inception_v3" else 224
    t = trace(net, (2, 3, side, side))
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(2, 3, side, side, device="meta"))
    assert t.note == ""
    assert t.params == sum(p.numel() for p in net.parameters()) == paid(t)
    assert t.macs == sum(s.macs for s in t.steps) == counter.get_total_flops() // 2


def test_there_are_networks_to_test():
    assert len(NAMES) >= 80 and set(OTHER_SIZES) < set(NAMES)

"""Four pictures of a window that a person has looked at, to the pixel."""

import pytest
from torch import nn

from layerwise.diagram.sliding_window import drawable, svg
from layerwise.tracing import building

PICTURES = {  # name -> network, size of the input, whether it is a card
    "window_conv": (nn.Conv2d(3, 1, (2, 3), (3, 2), padding=1), (3, 5, 6), False),
    "window_past": (nn.AvgPool2d(3, 2, padding=1, ceil_mode=True), (1, 4, 6), False),
    "window_large": (nn.Conv2d(1, 1, 6, dilation=2, bias=False), (1, 13, 16), True),
    "window_unfit": (nn.Conv2d(1, 1, (2, 6), padding=(0, 1)), (1, 4, 3), False),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_one_window(name, golden):
    net, size, card = PICTURES[name]
    t, failure = building.run(lambda: net, (1, *size), {})
    golden(f"{name}.svg", svg(drawable(t, failure), card=card))

"""A window that does not fit hangs over the edge of its input, and what is missing is counted."""

import re
import xml.etree.ElementTree as ET

import pytest
from torch import nn
from torch.nn import functional as F

from layerwise.diagram.sliding_window import drawable, svg
from layerwise.tracing import building


def failed(net, shape):
    return building.run(lambda: net, shape, {}).failure


class ByFunction(nn.Module):
    def forward(self, X):
        return F.avg_pool2d(X, 5)


NETS = [
    (nn.Conv2d(1, 1, 4), (3, 3), (4, 4), "1 row and 1 column are missing."),
    (nn.Conv2d(1, 1, (2, 5), 3, padding=(0, 1)), (4, 2), (2, 5), "1 column is missing."),
    (nn.Conv2d(1, 1, 3, dilation=3), (5, 9), (7, 7), "2 rows are missing."),
    (nn.Conv2d(1, 1, 3, padding="valid"), (1, 4), (3, 3), "2 rows are missing."),
    (nn.MaxPool2d(3, 2, dilation=2), (4, 4), (5, 5), "1 row and 1 column are missing."),
    (nn.AvgPool2d((6, 1), padding=(1, 0)), (3, 3), (6, 1), "1 row is missing."),
    (ByFunction(), (4, 6), (5, 5), "1 row is missing."),
    (nn.Sequential(nn.Conv2d(1, 1, 4)), (3, 3), (4, 4), "1 row and 1 column are missing."),
]


@pytest.mark.parametrize(("net", "size", "window", "missing"), NETS)
@pytest.mark.parametrize("card", [False, True])
def test_the_window_hangs_over_the_edge(net, size, window, missing, card):
    step = drawable(None, failed(net, (1, 1, *size)))
    picture = svg(step, card=card)
    root = ET.fromstring(picture)  # noqa: S314  our own picture
    assert missing in "".join(root.itertext())
    assert (missing in root.get("data-told", "")) == (not card)
    pixels = [part for part in root.iter() if part.get("class") == "pixel"]
    assert len(pixels) == (0 if card else size[0] * size[1])
    (frame,) = [p for p in root.iter() if p.get("class") == "window"]
    side = int(frame[0].get("width")) + 2
    drawn = int(frame[-1].get("height")), int(frame[-1].get("width"))
    assert drawn == (side * window[0], side * window[1])
    past = next(
        p.get("d") for p in root.iter() if p.get("stroke-dasharray") == "1 3" and p.get("d")
    )
    below = {int(y) for _, y in re.findall(r"M(\d+) (\d+)h", past)}
    assert ("row" in missing) == (len(below) < len(re.findall("M", past)) or len(below) == 1)
    assert not any(p.get("class") in ("mark", "ray", "terms") for p in root.iter())


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.Conv2d(3, 1, 4), (1, 1, 3, 3)),  # the channels are wrong first
        (nn.Conv2d(1, 1, 3), (1, 1, 30, 2)),  # too large to draw
        (nn.Conv1d(1, 1, 4), (1, 1, 3)),
        (nn.ConvTranspose2d(1, 1, 1, padding=3), (1, 1, 3, 3)),
        (nn.MaxPool2d(2, padding=2), (1, 1, 3, 3)),
        (nn.Linear(3, 1), (1, 1, 4, 4)),
    ],
)
def test_another_failure_is_no_window_without_room(net, shape):
    failure = failed(net, shape)
    assert failure is not None
    assert drawable(None, failure) is None

"""The picture of one window says what PyTorch does: measured by gradients, pixel by pixel."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from layerwise import trace
from layerwise.diagram.sliding_window import drawable, svg
from layerwise.diagram.window_plan import HEIGHT, LIMIT, WIDTH
from layerwise.interactive.widgets import Pixels
from layerwise.operations.shapes import ShapeError

SVG = "{http://www.w3.org/2000/svg}"
THREE = nn.Conv2d(1, 1, 3, stride=2, padding=1)


def parsed(text):
    return ET.fromstring(text)  # noqa: S314  our own picture


def drawn(net, shape, *, card=False):
    return svg(drawable(trace(net, shape)), card=card)


def picture(net, shape, *, card=False):
    return parsed(drawn(net, shape, card=card))


def named(root, kind):
    return [part for part in root.iter() if part.get("class") == kind]


def place(part):
    return int(part.get("data-row")), int(part.get("data-col"))


def drawn_reads(root):
    """Output pixel -> the input pixels that the picture says it reads."""
    found = {}
    for cell in named(root, "cell"):
        rows, columns = (cell.get(name).split() for name in ("data-rows", "data-cols"))
        found[place(cell)] = {(int(i), int(j)) for i in rows for j in columns}
    return found


def measured_reads(net, rows, columns):
    """Output pixel -> the input pixels whose gradient at it is not zero."""
    X = torch.ones(1, 1, rows, columns, requires_grad=True)
    Y = net(X)
    every = torch.eye(Y.numel()).reshape(-1, *Y.shape)
    (gradients,) = torch.autograd.grad(Y, X, every, is_grads_batched=True)
    places = [(i, j) for i in range(Y.shape[2]) for j in range(Y.shape[3])]
    return {
        out: {tuple(pixel) for pixel in gradient[0, 0].nonzero().tolist()}
        for out, gradient in zip(places, gradients, strict=True)
    }


def ones(*args, **kwargs):
    conv = nn.Conv2d(1, 1, *args, **kwargs)
    nn.init.ones_(conv.weight)
    return conv


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


CONVS = st.builds(
    ones, pairs(1, 5), stride=pairs(1, 4), padding=pairs(0, 3), dilation=pairs(1, 3)
) | st.builds(ones, pairs(1, 5), padding=st.just("same"), dilation=pairs(1, 2))
POOLS = st.builds(
    lambda k, s, halves, ceil: nn.AvgPool2d(
        k, s, tuple(n * h // 2 for n, h in zip(k, halves, strict=True)), ceil_mode=ceil
    ),
    pairs(1, 4),
    pairs(1, 4),
    pairs(0, 1),
    st.booleans(),
)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(net=CONVS | POOLS, size=pairs(1, 9))
def test_every_output_reads_what_its_gradient_says(net, size):
    try:
        t = trace(net, (1, 1, *size))
    except ShapeError:
        assume(False)
    root, measured = parsed(svg(drawable(t))), measured_reads(net, *size)
    assert drawn_reads(root) == measured
    for pixel in named(root, "pixel"):
        count = sum(place(pixel) in reads for reads in measured.values())
        often = {0: "is never read", 1: "is read by 1 window"}
        assert pixel.get("aria-label").endswith(often.get(count, f"is read by {count} windows"))


@settings(max_examples=30, deadline=None)
@given(net=CONVS | POOLS, size=pairs(1, 9), data=st.data())
def test_the_drawn_window_covers_the_pixels_it_reads(net, size, data):
    try:
        t = trace(net, (1, 1, *size))
    except ShapeError:
        assume(False)
    root = parsed(svg(drawable(t)))
    cells, (window,) = named(root, "cell"), named(root, "window")
    first = re.findall(r"-?\d+", window.get("transform"))
    assert first == cells[0].get("data-window").split()
    cell = data.draw(st.sampled_from(cells))
    left, top = map(int, cell.get("data-window").split())
    taps = {(left + int(tap.get("x")), top + int(tap.get("y"))) for tap in window[:-1]}
    covered = {place(p) for p in named(root, "pixel") if (int(p.get("x")), int(p.get("y"))) in taps}
    assert covered == drawn_reads(root)[place(cell)]
    assert [place(cell) for cell in cells if cell.get("tabindex") == "0"] == [(0, 0)]


@pytest.mark.parametrize(
    ("net", "size", "dashes", "ring"),
    [
        (THREE, (7, 5), "3 2", 9 * 7 - 35),
        (ones(1, padding=(0, 3)), (4, 4), "3 2", 4 * 6),
        (ones(4, padding="same"), (6, 6), "3 2", 9 * 9 - 36),
        (nn.MaxPool2d(2, ceil_mode=True), (5, 4), "1 3", 4),
    ],
)
def test_padding_lies_around_the_pixels(net, size, dashes, ring):
    root = picture(net, (1, 1, *size))
    paths = (part.get("d") for part in root.iter() if part.get("stroke-dasharray") == dashes)
    tiles = re.findall(r"M(\d+) (\d+)h", next(path for path in paths if path))
    around = {(int(x) - 1, int(y) - 1) for x, y in tiles}
    pixels = {(int(p.get("x")), int(p.get("y"))) for p in named(root, "pixel")}
    assert len(around) == len(tiles) == ring and not around & pixels
    columns, rows = ({place[axis] for place in around | pixels} for axis in (0, 1))
    assert len(columns) * len(rows) == len(around | pixels)  # they fill a rectangle
    beside = {int(n.get("x")) for n in named(root, "numbers")[0] if n.get("text-anchor") == "end"}
    assert beside == {min(columns) - 6}


def test_max_pooling_with_dilation_reads_what_lights_its_output():
    net = nn.MaxPool2d(3, 2, padding=1, dilation=2, ceil_mode=True)
    lights = torch.eye(8 * 7).reshape(-1, 1, 8, 7)
    lit = net(lights)[:, 0] > 0.5
    found = drawn_reads(picture(net, (1, 1, 8, 7)))
    assert len(found) == lit[0].numel()
    for (i, j), reads in found.items():
        assert reads == {(n // 7, n % 7) for n in lit[:, i, j].nonzero().flatten().tolist()}


@pytest.mark.parametrize(
    ("net", "size", "unread"),
    [(ones(1, stride=3), 7, 49 - 9), (ones(2, stride=2), 7, 13), (ones(3), 7, 0)],
)
def test_what_no_window_reads_is_hatched_and_counted(net, size, unread):
    root = picture(net, (1, 1, size, size))
    pixels = named(root, "pixel")
    told = [place(p) for p in pixels if p.get("aria-label").endswith("never read")]
    colored = next(p.get("fill") for p in pixels if place(p) == (0, 0))
    assert len(told) == unread
    assert told == [place(p) for p in pixels if p.get("fill") != colored]
    assert (f"never read: {unread}" in "".join(root.itertext())) == bool(unread)


@pytest.mark.parametrize(
    ("net", "size", "output", "label"),
    [
        (THREE, (7, 7), (2, 3), "Output row 2, column 3 reads input rows 3–5, columns 5–6, and"),
        (
            THREE,
            (9, 9),
            (2, 3),
            "Output row 2, column 3 reads input rows 3–5, columns 5–7: sum of 9",
        ),
        (ones(3, dilation=2), (5, 5), (0, 0), "reads input rows 0, 2, 4, columns 0, 2, 4: sum"),
        (ones((5, 1), dilation=2), (9, 2), (0, 1), "reads input rows 0, 2, …, 8, column 1: sum"),
        (ones(1, padding=1), (3, 3), (0, 1), "Output row 0, column 1 reads only padding: product"),
        (nn.MaxPool2d(2, ceil_mode=True), (4, 3), (0, 1), "column 2; its window ends past the"),
    ],
)
def test_the_label_says_what_is_read(net, size, output, label):
    told = {
        place(cell): cell.get("data-told") for cell in named(picture(net, (1, 1, *size)), "cell")
    }
    assert label in told[output]
    still = picture(net, (1, 1, *size), card=True)
    lines = " ".join(part.text or "" for part in still.iter(f"{SVG}text"))
    assert told[0, 0] in lines


def test_the_formula_stands_below_with_its_numbers():
    text = " ".join(picture(THREE, (1, 1, 7, 9)).itertext())
    assert "Rows: floor((7 + 2·1 - 3) / 2) + 1 = 4." in text
    assert "Columns: floor((9 + 2·1 - 3) / 2) + 1 = 5." in text
    assert "input 7×9" in text and "output 4×5" in text


@pytest.mark.parametrize(
    ("channels", "size", "told", "columns"),
    [
        (1, 8, "input 8×8", "01234567"),
        (3, 8, "input 8×8, one of 3 channels", "01234567"),
        (1, 16, "input 16×16", "0 2 4 6 8 10 12 14".split()),  # two digits need two places
    ],
)
def test_the_head_and_the_numbers_say_which_pixels_are_shown(channels, size, told, columns):
    root = picture(nn.Conv2d(channels, 2, 1), (1, channels, size, size))
    assert told in [part.text for part in root.iter(f"{SVG}text")]
    above = [n.text for n in named(root, "numbers")[0] if n.get("text-anchor") == "middle"]
    assert above == list(columns)


@pytest.mark.parametrize(
    ("net", "channels", "said"),
    [
        (nn.Conv2d(1, 1, 3), 1, "an edge kernel. A layer adds its bias."),
        (nn.Conv2d(1, 1, 3, bias=False), 1, "an edge kernel."),
        (nn.Conv2d(3, 1, 3), 3, "A layer adds the sums of 3 channels and its bias."),
        (nn.Conv2d(3, 3, 3, groups=3, bias=False), 3, "an edge kernel."),
        (nn.MaxPool2d(2), 1, "The pixels are an example: the ink of a handwritten digit, 0 to 9."),
    ],
)
@pytest.mark.parametrize("card", [False, True])
def test_the_picture_says_whose_numbers_it_shows(net, channels, said, card):
    root = picture(net, (1, channels, 7, 7), card=card)
    assert " ".join(root.itertext()).endswith(said)


@pytest.mark.parametrize("card", [False, True])
def test_the_picture_is_one_self_contained_file_that_stays_the_same(card):
    first = drawn(THREE, (1, 1, 7, 7), card=card)
    assert first == drawn(THREE, (1, 1, 7, 7), card=card)
    root = parsed(first)
    assert root.tag == f"{SVG}svg"
    assert not re.search(r"href|url\(|<style|<script|\bid=", first)
    assert ("var(" in first, "tabindex" in first) == (not card, not card)
    sizes = [float(part.get("font-size")) for part in root.iter() if part.get("font-size")]
    assert min(sizes) >= 11


def test_live_pictures_have_one_size_and_everything_inside():
    for kernel in (1, 2, 3, 5):
        for stride, padding, size in ((1, 0, 5), (4, 3, 12), (1, 3, 12), (2, 1, 9)):
            net = nn.Conv2d(1, 1, kernel, stride, padding)
            root = picture(net, (1, 1, size, size))
            assert (root.get("width"), root.get("height")) == (str(WIDTH), str(HEIGHT))
            for box in root.iter(f"{SVG}rect"):
                x, y = int(float(box.get("x", 0))), int(float(box.get("y", 0)))
                assert 0 <= x < WIDTH - 16 and 0 <= y < HEIGHT - 16


def test_every_focusable_part_keeps_jupyterlabs_shortcuts_away():
    root = picture(THREE, (1, 1, 7, 7))
    parts = [part for part in root.iter() if part.get("tabindex")]
    assert len(parts) == 49 + 16
    assert all(part.get("data-lm-suppress-shortcuts") == "true" for part in parts)


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.Conv2d(1, 1, 3, padding=1), (1, 1, LIMIT - 2, 4)),
        (nn.Conv2d(3, 8, 3), (2, 3, 7, 7)),
        (nn.Conv2d(1, 1, 3), (1, 7, 7)),
        (nn.Sequential(nn.MaxPool2d(2)), (1, 1, 7, 7)),
    ],
)
def test_it_fits_one_small_window(net, shape):
    assert picture(net, shape).tag == f"{SVG}svg"


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.Conv2d(1, 1, 3, padding=1), (1, 1, LIMIT - 1, 4)),
        (nn.Conv1d(1, 1, 3), (1, 1, 7)),
        (nn.ConvTranspose2d(1, 1, 3), (1, 1, 7, 7)),
        (nn.AdaptiveAvgPool2d(2), (1, 1, 7, 7)),
        (nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()), (1, 1, 7, 7)),
        (nn.ReLU(), (1, 1, 7, 7)),
        (nn.Sequential(), (1, 1, 7, 7)),
    ],
)
def test_it_draws_nothing_else(net, shape):
    assert drawable(trace(net, shape)) is None


def test_the_widget_carries_its_own_script_and_no_address():
    widget = Pixels(svg=drawn(THREE, (1, 1, 7, 7)))
    script = str(widget._esm)
    assert "export default" in script
    assert not re.search(r"https?:|\bimport\b|\bfetch\b", script + str(widget._css))
    widget.close()

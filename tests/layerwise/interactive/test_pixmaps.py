"""Numbers as pictures: what a browser shows of them, and the words for their colours."""

import pytest
import torch
from pictures import colours, pixels

from layerwise.interactive.pixmaps import (
    Scale,
    coloured,
    photo,
    photo_words,
    png,
    ramp,
    scale,
    shrunk,
)


def test_a_png_is_what_was_painted():
    given = torch.randint(0, 256, (5, 7, 3), dtype=torch.uint8)
    assert torch.equal(colours(png(given)), given)


@pytest.mark.parametrize("side", [3, 30])
def test_a_png_with_a_list_of_colours_is_what_was_painted(side):
    given, palette = torch.arange(side * side).reshape(side, side) % 64, torch.arange(192)
    shown = colours(png(given.to(torch.uint8), palette.reshape(64, 3).to(torch.uint8)))
    assert torch.equal(shown, torch.stack([3 * given, 3 * given + 1, 3 * given + 2], -1))


def test_colours_of_signed_numbers_meet_in_white():
    values = torch.tensor([[-2.0, -1.0, 0.0, 1.0, 2.0, float("nan"), float("inf")]])
    shown = colours(coloured(values, Scale(2.0, signed=True)))[0].tolist()
    low, half, zero, up, high, unknown, beyond = shown
    assert low == [0, 114, 178] and zero == [255] * 3 and unknown == [128] * 3
    assert high == beyond == [213, 94, 0]
    assert half[2] > half[0] and up[0] > up[2]


def test_colours_of_unsigned_numbers_grow_lighter():
    values = torch.linspace(0, 1, 20)[None]
    shown = colours(coloured(values, Scale(1.0, signed=False)))[0].float()
    light = shown @ torch.tensor([0.21, 0.72, 0.07])
    assert (light.diff() > 0).all() and light[0] == 0


@pytest.mark.parametrize(
    ("most", "limit"), [(3.14159, 3.2), (0.0499, 0.05), (1000.0, 1000.0), (3.2, 3.2), (0.0, 1.0)]
)
def test_a_scale_ends_at_two_digits_that_hold_every_number(most, limit):
    assert scale(torch.tensor([-most, most / 2]), signed=True).limit == limit


def test_a_photograph_keeps_its_own_black_and_white_if_it_can():
    assert colours(photo(torch.full((3, 2, 2), 0.5))).unique().tolist() == [128]
    ends = torch.tensor([-2.0, 2.0]).reshape(1, 1, 2)
    assert colours(photo(ends))[0, :, 0].tolist() == [0, 255]
    assert photo_words(ends) == "black −2, white 2"
    assert photo_words(torch.rand(5, 2, 2)) == "black 0, white 1, the mean of its 5 channels"


def test_small_maps_are_enlarged_and_large_ones_averaged():
    assert pixels(coloured(torch.rand(7, 5), Scale(1.0, signed=False), 64)).size == (50, 70)
    assert shrunk(torch.tensor([[[0.0, 1.0, 2.0, 4.0]]]), 2).tolist() == [[[0.5, 3.0]]]


def test_the_colours_of_a_scale_have_names_and_a_ramp():
    signed, unsigned = Scale(0.3, signed=True), Scale(6.0, signed=False)
    assert signed.words == "blue −0.3, white 0, orange 0.3"
    assert unsigned.words == "black 0, orange 2, yellow 4, white 6"
    assert ramp(signed) == "linear-gradient(to right, #0072b2, #ffffff, #d55e00)"
    assert ramp(unsigned) == "linear-gradient(to right, #000000, #d55e00, #f0e442, #ffffff)"
    values = torch.tensor([[0.0, 0.1, 0.2, 0.3]])
    of_three = [[0, 0, 0], [213, 94, 0], [240, 228, 66], [255, 255, 255]]
    for shown, meant in zip(
        colours(coloured(values, Scale(0.3, signed=False)))[0], of_three, strict=True
    ):
        assert (shown.float() - torch.tensor(meant)).abs().max() < 9  # the nearest of the levels


@pytest.mark.parametrize(
    ("values", "shown", "words"),
    [
        ([0.0, 1.0], [0, 255], "black 0, white 1"),
        ([0.25, 0.5], [64, 128], "black 0, white 1"),
        ([0.0, 2.0], [0, 255], "black 0, white 2"),
        ([-1.0, 0.0], [0, 255], "black −1, white 0"),
        ([3.0, 3.0], [0, 0], "black 3, white 4"),
    ],
)
def test_what_is_black_and_what_is_white_is_told(values, shown, words):
    image = torch.tensor(values).reshape(1, 1, 2)
    assert colours(photo(image))[0].tolist() == [[one] * 3 for one in shown]
    assert photo_words(image) == words


def test_of_other_channels_than_three_the_mean_is_shown():
    image = torch.tensor([0.0, 1.0]).reshape(2, 1, 1)
    assert colours(photo(image)).tolist() == [[[128] * 3]]
    image = torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1)
    assert colours(photo(image)).tolist() == [[[0, 128, 255]]]

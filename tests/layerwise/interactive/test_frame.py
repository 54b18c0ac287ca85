"""The page of a lab as widgets: its places, and what stays when a turn changes the rest."""

import torch
from torch import nn

from layerwise import lab

IMAGE = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))


def build(width=4, kernel=3):
    return nn.Sequential(nn.Conv2d(1, width, kernel), nn.Conv2d(width, 2, 1))


def made(**more):
    return lab(build, (1, 1, 8, 8), width=(1, 8), kernel=[3, 5, 9], **more)


def test_the_hand_keeps_its_width_and_the_words_take_what_is_left():
    frame = made()._frame
    top, picture, table = frame.page.children
    hand, words = top.children
    assert hand.children == (*frame._sliders, frame.lead, frame.code)
    assert words.children == (frame.head,)
    assert (picture.children, table) == ((frame.figure,), frame.table)
    assert hand.layout.flex == "0 0 auto"  # neither grows nor shrinks
    assert words.layout.flex.startswith("1 1 ")  # both
    assert top.layout.flex_flow == "row wrap"


def test_only_the_words_above_the_picture_keep_their_height_while_a_hand_moves():
    frame = made()._frame
    assert [part.steady for part in (frame.head, frame.code, frame.table)] == [True, False, False]


def test_a_turn_moves_no_part_of_the_page():
    bench = made(image=IMAGE)
    moved = []
    bench._frame._picture.observe(moved.append, "children")
    assert bench._frame.picture is bench._frame.figure
    bench.set(width=5)
    bench.set(kernel=9)
    assert moved == []
    assert bench._frame._picture.children == (bench._frame.figure, bench._image.maps)


def test_only_the_picture_is_changed_for_another():
    made_by = lab(
        lambda layers=1: nn.Sequential(*[nn.Conv2d(1, 1, 3)] * layers),
        (1, 1, 8, 8),
        layers=[1, 2],
        image=IMAGE,
    )
    frame, maps = made_by._frame, made_by._image.maps
    assert frame._picture.children == (frame.pixels, maps)
    made_by.set(layers=2)
    assert frame._picture.children == (frame.figure, maps)
    assert frame.picture is frame.figure

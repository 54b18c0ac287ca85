"""Which values near a given one are tried, and in which order."""

from typing import NamedTuple

import pytest

from layerwise.diagnosis.candidates import (
    NEAR,
    direction,
    distance,
    exchanged,
    is_number,
    is_whole,
    nearest,
    same,
    values,
)


def test_around_a_whole_number_each_is_tried_then_its_multiples_and_parts():
    around = [n for n in range(100 - NEAR, 100 + NEAR + 1) if n != 100]
    assert values(100, None) == [*around, 200, 300, 400, 50, 33, 25]
    assert values(100, 64) == [64, *around, 200, 300, 400, 50, 33, 25]
    assert values(100, 90)[0] == 90 and values(100, 90).count(90) == 1


def test_whole_numbers_go_down_to_the_lowest_that_makes_sense():
    assert min(values(3, None)) == 1 and min(values(3, None, low=0)) == 0
    assert values(-2, None) == [1, 2, 3, 4]
    assert values(0, None) == [1, 2, 3, 4] and 0 not in values(0, 0, low=0)
    assert values(100, None, low=40)[-4:] == [200, 300, 400, 50]
    assert values(100, None, low=50)[-1] == 50 and values(100, None, low=51)[-1] == 400


@pytest.mark.parametrize(
    ("value", "near"),
    [
        (True, [False]),
        (2.5, [2, 3]),
        (3.0, [4]),
        (float("nan"), []),
        ("7", [7]),
        (" 7 ", [7]),
        ("same", []),
        (None, []),
        ((3, 1), [(2, 1), (4, 1), (1, 1), (5, 1), (3, 0), (3, 2), (3, 3)]),
        ([8], [[7], [9], [6], [10], [4], [16]]),
        (((1, True),), [((0, True),), ((2, True),), ((3, True),), ((1, False),)]),
    ],
)
def test_values_of_other_kinds(value, near):
    assert values(value, None) == near


@pytest.mark.parametrize(
    ("value", "old", "new", "found"),
    [
        (6400, 6400, 9216, 9216),
        (6400, 9216, 6400, None),
        ((96, 256, 96), 96, 48, (48, 256, 48)),
        ([96], 96, 48, [48]),
        ((96,), 95, 48, None),
        (True, 1, 2, None),
        (1, 1, True, None),
        (5, 5, 2.5, None),
    ],
)
def test_a_number_is_exchanged_where_it_stands(value, old, new, found):
    assert exchanged(value, old, new) == found


@pytest.mark.parametrize(
    ("a", "b", "far"),
    [
        (4, 4, 0.0),
        (4, 8, 0.5),
        (-4, 4, 2.0),
        (8, 2.0, 0.75),
        ((4, 8), (8, 8), 0.5),
        ((4, 8), (4,), 1.0),
        ([4], (8, 8, 8), 2.5),
        (True, 1, 1.0),
        ("same", 0, 1.0),
    ],
)
def test_how_far_two_values_are_apart(a, b, far):
    assert distance(a, b) == distance(b, a) == far


def test_the_nearest_comes_first():
    assert nearest(10, [1, 30, 12, 9]) == [9, 12, 30, 1]


def test_what_the_nearer_makes_needless():
    assert (direction(3, 4), direction(3, 2)) == ("up", "down")
    assert direction(3, (1, 2)) == "(1, 2)" and direction(True, False) == "False"


def test_true_is_not_1_and_a_list_is_a_tuple():
    assert same(1, 1.0) and same((1, (2,)), [1, [2]]) and same(True, True)
    assert not same(True, 1) and not same((1,), (True,)) and not same((1, 2), (1,))
    assert is_number(1.5) and not is_number(True) and not is_number("1")
    assert is_whole(1) and not is_whole(True) and not is_whole(1.0)


class Size(NamedTuple):
    rows: int
    columns: int


def test_what_is_near_a_named_tuple_is_one_too():
    found = values(Size(9, 9), Size(3, 3))
    assert found[0] == Size(3, 3) and Size(8, 9) in found and {*map(type, found)} == {Size}
    assert exchanged(Size(9, 3), 9, 8) == Size(8, 3)
    assert type(exchanged(Size(9, 3), 9, 8)) is Size

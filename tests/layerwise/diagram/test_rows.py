"""Where a frame that is too wide goes on in a new row, and how wires get there."""

from itertools import pairwise, permutations
from types import SimpleNamespace

import pytest
from test_drawing import scene

from layerwise.diagram.placed_row import PlacedRow
from layerwise.diagram.row_breaks import CURVED, STRAIGHT, _counts, _crossing, break_rows
from layerwise.diagram.scene import Part, Wire


def part(number, *needs, width=100):
    return SimpleNamespace(boxes=range(number, number + 1), needs=needs, width=width)


CHAIN = [part(1, 0), part(2, 1), part(3, 2)]


def test_a_wire_that_goes_out_crosses_every_gap_behind_its_box():
    assert _crossing([[one] for one in CHAIN], [3]) == [1, 1, 1]
    assert _crossing([[one] for one in CHAIN], [1, 3]) == [1, 2, 2]
    assert _crossing([[one] for one in CHAIN], []) == [1, 1, 0]


def test_a_gap_that_two_wires_cross_is_as_wide_as_curves_need():
    forked = [part(1, 0), part(2, 1, 0)]
    needed = 200 + CURVED + STRAIGHT
    assert break_rows(forked, [2], needed, 150) == [forked]
    assert break_rows(forked, [2], needed - 1, 150) == [[one] for one in forked]


def test_a_row_ends_where_few_wires_cross():
    assert _counts([100.0] * 6, [1, 1, 1, 3, 1, 0], 450) == [3, 3]
    assert _counts([100.0] * 6, [1, 1, 1, 1, 1, 0], 450) == [4, 2]


def measured(number, *needs, boxes=1, **more):
    """A part that tells its first box and height when it is placed."""
    size = {"width": 100, "up": 20, "down": 20, "left": 0, "right": 100}
    placed = {"placed": lambda _x, y: iter([(number, y)])}
    return Part(boxes=range(number, number + boxes), needs=needs, **size, **placed, **more)


def test_a_chain_goes_on_with_the_nearest_of_what_it_feeds():
    longest = [measured(1, 0), measured(2, 1), measured(3, 2)]
    beside = [measured(4, 0), measured(5, 4, 3), measured(6, 4)]
    behind = [measured(7, 3), measured(8, 7), measured(9, 8), measured(10, 9, 5, 6)]
    row = PlacedRow([*longest, *beside, *behind], [0], [10])
    height = dict(thing for thing in row.placed(0, 0) if not isinstance(thing, Wire))
    assert [height[n] for n in (1, 2, 3, 7, 8, 9, 10)] == [0] * 7
    assert height[4] == height[6] != height[5] != 0


@pytest.mark.parametrize(("enters", "gap"), [({2: 30}, STRAIGHT), ({}, CURVED), ({2: 60}, CURVED)])
def test_a_wire_that_comes_where_its_block_is_entered_needs_no_curve(enters, gap):
    left = measured(1, boxes=2, leaves={2: 30})
    row = PlacedRow([left, measured(3, 1, 2, enters=enters)], [], [3])
    assert row.width == 100 + gap + 100 + STRAIGHT


def crossings(one, other):
    """How often a way down the right side of a row is crossed by level parts of another way."""
    (x, top), (_, low) = one[1:3]
    levels = [[*sorted((a, b)), y] for (a, y), (b, c) in pairwise(other[:4]) if y == c]
    return sum(left < x < right and top < y < low for left, right, y in levels)


@pytest.mark.parametrize("name", ["unet", "tangle0", "tangle11"])
def test_wires_to_the_next_row_do_not_cross_on_their_way_down(name):
    turning = [wire.points for wire in scene(name, "all").wires if wire.turns]
    assert len(turning) > 2
    assert not any(crossings(*pair) for pair in permutations(turning, 2))

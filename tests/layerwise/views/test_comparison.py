"""Two traces side by side: rows of the same layer find each other."""

import pytest
import torch
from torch import nn

from layerwise import trace
from layerwise.tracing.building import run
from layerwise.tracing.module_tree import outline
from layerwise.views.columns import COLUMNS
from layerwise.views.comparison import Status, changed_steps, compare, folded

NAME, OPERATION, OUTPUT, PARAMETERS, MACS, FIELD = COLUMNS
IMAGE = (1, 1, 16, 16)


def conv(out=4, size=3, **settings):
    return nn.LazyConv2d(out, size, **settings)


def lines(start, now, shape=IMAGE):
    """The compared lines of two lists of layers; the second may break."""
    seen, failure = run(lambda: nn.Sequential(*now), shape, {})
    return compare(outline(trace(nn.Sequential(*start), shape)), outline(seen), failure)


def told(found):
    """Mark, path and operation of each line."""
    return [f"{line.status.value}{line.row.path} {line.row.operation.name}" for line in found]


def test_whole_rows_find_each_other_before_kinds_do():
    def block(ones):
        return nn.Sequential(conv(size=5), nn.ReLU(), *[conv(size=1), nn.ReLU()] * ones)

    found = lines([block(2), nn.Flatten()], [block(0), nn.Flatten()])
    assert [line.row.path for line in found if line.status is Status.GONE] == [
        "0.2", "0.3", "0.4", "0.5"
    ]  # fmt: skip
    assert not any(line.changed for line in found[1:3])


def test_a_layer_before_others_is_the_only_new_one():
    start = [conv(4), nn.ReLU(), nn.MaxPool2d(2), conv(8), nn.ReLU()]
    now = [conv(4), nn.ReLU(), conv(4), nn.ReLU(), nn.MaxPool2d(2), conv(8), nn.ReLU()]
    assert [line.row.path for line in lines(start, now) if line.status is Status.NEW] == ["2", "3"]


def test_a_layer_that_moved_is_not_changed():
    start, now = [nn.Identity(), conv(), nn.ReLU()], [conv(), nn.ReLU()]
    assert told(lines(start, now)) == ["-0 Identity", "0 Conv2d", "1 ReLU"]
    assert not any(line.changed for line in lines(start, now)[1:])


def test_another_operation_in_the_same_place_is_told_beside_the_old_one():
    line = lines([conv(), nn.ReLU()], [conv(), nn.Tanh()])[1]
    assert (line.before.operation.name, line.row.operation.name) == ("ReLU", "Tanh")


def test_a_block_that_shrank_to_one_part_is_still_that_block():
    def net(blocks):
        return [nn.Sequential(*(nn.Sequential(conv(), nn.ReLU()) for _ in range(blocks)))]

    for start, now, mark in ((2, 1, "-"), (1, 2, "+")):
        found = lines(net(start), net(now))
        assert [line.row.path for line in found if line.depth == 0] == ["0"]
        assert next(line.row.path for line in found if line.status.value == mark) == "0.1"


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        (nn.Dropout(0.5), nn.Dropout(0.3), OPERATION),
        (nn.Dropout().eval(), nn.Dropout().train(), OPERATION),
        (conv(bias=True), conv(bias=False), PARAMETERS),
        (conv(padding=1), conv(size=1), FIELD),
        (conv(size=(1, 3)), conv(size=(3, 1)), OPERATION),
    ],
)
def test_picture_and_table_mark_the_same_change(old, new, column):
    (line,) = lines([old], [new])
    assert line.differs(column) and changed_steps([line]) == {0}


def test_settings_that_differ_are_told():
    (line,) = lines([nn.Dropout().eval()], [nn.Dropout(0.3).train()])
    old, new = line.words(OPERATION)
    assert old == [("", "Dropout"), (", p ", "0.5"), (", training ", "off")]
    assert new == [("", "Dropout"), (", p ", "0.3"), (", training ", "on")]


def test_a_layer_without_a_picture_marks_the_one_that_it_follows():
    norm, idle = [conv(), nn.BatchNorm2d(4).eval()], [conv(), nn.Identity()]
    assert changed_steps(lines(norm, idle)) == {0, 1}
    assert changed_steps(lines(norm, norm)) == frozenset()


def test_part_sums_are_no_changes():
    class Block(nn.Module):
        def __init__(self, stride):
            super().__init__()
            self.a, self.b = conv(4, padding=1, stride=stride), conv(4, 1)

        def forward(self, x):
            return self.a(x) + self.b(x)

    found = lines([Block(1), nn.ReLU()], [Block(2), nn.ReLU()])
    assert told(found) == ["0 Block", "0.a Conv2d", "0.b Conv2d", "!0 add breaks here", "?1 ReLU"]
    assert not found[0].changed and found[0].row.params == 0
    assert [line.depth for line in found] == [0, 1, 1, 1, 0]


def test_what_the_start_had_before_the_break_is_gone_and_the_rest_not_reached():
    def net(pool, features):
        layers = [nn.MaxPool2d(2)] if pool else []
        return [conv(padding=1), *layers, nn.Flatten(), nn.Linear(features, 2), nn.ReLU()]

    found = lines(net(True, 256), net(False, 256))
    gone = ["0 Conv2d", "-1 MaxPool2d", "1 Flatten", "!2 Linear breaks here", "?4 ReLU"]
    assert told(found) == gone
    found = lines(net(True, 256), net(True, 8))
    assert told(found)[3:] == ["!3 Linear breaks here", "?4 ReLU"]


def test_nothing_is_reached_where_nothing_could_be_built():
    start = outline(trace(nn.Sequential(conv(), nn.ReLU()), IMAGE))
    assert told(compare(start, None)) == ["?0 Conv2d", "?1 ReLU"]
    assert compare(None, None) == []
    assert not any(line.changed for line in compare(None, start))


def test_folding_hides_what_is_inside():
    net = nn.Sequential(nn.Sequential(nn.Sequential(conv(), nn.ReLU()), nn.ReLU()), nn.Flatten())
    tree = outline(trace(net, IMAGE))
    found = compare(tree, tree)
    assert len(found) == 6 and not any(line.changed for line in found)
    shown = {ids: [line.row.path for line in folded(found, ids)] for ids in ("", ("0",), ("0.0",))}
    assert shown == {"": ["0", "1"], ("0",): ["0", "0.0", "0.1", "1"], ("0.0",): ["0", "1"]}


def test_a_long_flat_forward_is_compared_in_no_time():
    def net(extra):
        return [layer for _ in range(100 + extra) for layer in (conv(4, padding=1), nn.ReLU())]

    with torch.device("meta"):
        found = lines(net(0), net(1))
    assert len(found) == 202 and sum(line.status is Status.NEW for line in found) == 2


def test_a_layer_that_is_missing_before_the_break_is_gone():
    class Block(nn.Module):
        def __init__(self, shortcut):
            super().__init__()
            self.a = conv(4, padding=1, stride=2)
            self.b = conv(4, 1, stride=2) if shortcut else nn.Sequential()

        def forward(self, x):
            return torch.relu(torch.relu(self.a(x)) + self.b(x))

    found = lines([Block(True)], [Block(False)])
    assert told(found)[3:] == ["+0.b Identity", "-0.b Conv2d", "!0 add breaks here", "?0 relu"]

"""Two traces side by side: rows of the same layer find each other."""

import pytest
import torch
from torch import nn

from course_utils import nets
from layerwise import trace
from layerwise.tracing.building import run
from layerwise.tracing.module_tree import outline
from layerwise.views.columns import COLUMNS
from layerwise.views.comparison import Status, compare, folded, together

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
    return [f"{line.status.mark}{line.row.path} {line.row.operation.name}" for line in found]


def same(found):
    return all(line.status is Status.SAME for line in found)


def test_whole_rows_find_each_other_before_kinds_do():
    def block(ones):
        return nn.Sequential(conv(size=5), nn.ReLU(), *[conv(size=1), nn.ReLU()] * ones)

    found = lines([block(2), nn.Flatten()], [block(0), nn.Flatten()])
    assert [line.row.path for line in found if line.status is Status.GONE] == [
        "0.2", "0.3", "0.4", "0.5"
    ]  # fmt: skip
    assert same(found[1:3])
    assert found[0].status is Status.OWN  # it has lost something


def test_a_layer_before_others_is_the_only_new_one():
    start = [conv(4), nn.ReLU(), nn.MaxPool2d(2), conv(8), nn.ReLU()]
    now = [conv(4), nn.ReLU(), conv(4), nn.ReLU(), nn.MaxPool2d(2), conv(8), nn.ReLU()]
    assert [line.row.path for line in lines(start, now) if line.status is Status.NEW] == ["2", "3"]


def test_a_layer_that_moved_is_not_changed():
    start, now = [nn.Identity(), conv(), nn.ReLU()], [conv(), nn.ReLU()]
    assert told(lines(start, now)) == ["−0 Identity", "0 Conv2d", "1 ReLU"]
    assert same(lines(start, now)[1:])


def test_another_operation_in_the_same_place_is_told_beside_the_old_one():
    line = lines([conv(), nn.ReLU()], [conv(), nn.Tanh()])[1]
    assert (line.before.operation.name, line.row.operation.name) == ("ReLU", "Tanh")


def test_a_block_that_shrank_to_one_part_is_still_that_block():
    def net(blocks):
        return [nn.Sequential(*(nn.Sequential(conv(), nn.ReLU()) for _ in range(blocks)))]

    for start, now, mark in ((2, 1, "−"), (1, 2, "+")):
        found = lines(net(start), net(now))
        assert [line.row.path for line in found if line.depth == 0] == ["0"]
        assert next(line.row.path for line in found if line.status.mark == mark) == "0.1"
        around, inside = found[0], found[1]
        assert (around.differs(OUTPUT), inside.differs(OUTPUT)) == (True, False)


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
def test_a_layer_with_other_numbers_of_its_own_differs_in_a_column(old, new, column):
    (line,) = lines([old], [new])
    assert line.differs(column) and line.status is Status.OWN


def test_what_only_follows_from_a_change_before_it_says_so():
    def net(out, stride=1):
        return [conv(out, stride=stride), nn.ReLU(), nn.MaxPool2d(2), conv(8), nn.ReLU()]

    assert told(lines(net(4), net(4, stride=2))) == [
        "≠0 Conv2d", "↓1 ReLU", "↓2 MaxPool2d", "↓3 Conv2d", "↓4 ReLU"
    ]  # fmt: skip
    assert told(lines(net(4), net(6))) == [  # the second convolution has other weights
        "≠0 Conv2d", "↓1 ReLU", "↓2 MaxPool2d", "≠3 Conv2d", "4 ReLU"
    ]  # fmt: skip


def test_a_receptive_field_that_grew_follows_where_the_shapes_stayed():
    found = lines([conv(padding=1), conv(size=1)], [conv(size=5, padding=2), conv(size=1)])
    assert told(found) == ["≠0 Conv2d", "↓1 Conv2d"]
    assert [c.name for c in COLUMNS if found[1].differs(c)] == ["receptive field"]


def test_an_output_that_the_same_input_does_not_explain_is_its_own():
    start, now = [nn.AdaptiveAvgPool2d(2), nn.Flatten()], [nn.AdaptiveAvgPool2d(3), nn.Flatten()]
    assert told(lines(start, now)) == ["≠0 AdaptiveAvgPool2d", "↓1 Flatten"]
    other_input = [nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(3)]
    found = lines([nn.MaxPool2d(4), nn.AdaptiveAvgPool2d(2)], other_input)
    assert told(found) == ["≠0 MaxPool2d", "≠1 AdaptiveAvgPool2d"]


def test_a_block_is_what_its_parts_are_together():
    new, own, follows = Status.NEW, Status.OWN, Status.DOWNSTREAM
    same_, gone, failed = Status.SAME, Status.GONE, Status.FAILED
    for status, parts in (
        (own, [same_, new]), (own, [follows, gone]), (follows, [same_, follows]),
        (failed, [same_, failed, new]), (new, [new, new]), (same_, []),
        (Status.UNREACHED, [Status.UNREACHED]), (same_, [same_, Status.UNREACHED]),
    ):  # fmt: skip
        assert together(parts) is status


def test_layers_of_one_kind_are_paired_from_the_front():
    start = [conv(8, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    now = [conv(8, padding=1), nn.ReLU(), conv(8, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    assert told(lines(start, now)) == ["0 Conv2d", "1 ReLU", "+2 Conv2d", "+3 ReLU", "↓4 MaxPool2d"]


def test_vgg_16_has_the_rows_of_vgg_11_and_new_ones_behind_them():
    wide = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
    shape = (1, 1, 224, 224)
    with torch.device("meta"):
        start, now = (outline(trace(net, shape)) for net in (nets.vgg(), nets.vgg(wide)))
    found = {line.row.path: line.status for line in compare(start, now)}
    unchanged = ["0.0", "0.1", "4.0", "4.1", "4.2", "4.3"]
    assert not {found[path] for path in unchanged} & {Status.NEW, Status.OWN, Status.GONE}
    added = [path for path, status in found.items() if status is Status.NEW]
    assert added == ["0.2", "0.3", "1.2", "1.3", "2.4", "2.5", "3.4", "3.5", "4.4", "4.5"]


def test_what_failed_first_leaves_all_of_the_start_behind_it():
    found = lines([nn.Tanh(), nn.ReLU()], [nn.Linear(99, 16), nn.ReLU()])
    assert told(found) == ["✕0 Linear breaks here", "?0 Tanh", "?1 ReLU"]


def test_settings_that_differ_are_told():
    (line,) = lines([nn.Dropout().eval()], [nn.Dropout(0.3).train()])
    old, new = line.words(OPERATION)
    assert old == [("", "Dropout"), (", p ", "0.5"), (", training ", "off")]
    assert new == [("", "Dropout"), (", p ", "0.3"), (", training ", "on")]


def test_part_sums_are_no_changes():
    class Block(nn.Module):
        def __init__(self, stride):
            super().__init__()
            self.a, self.b = conv(4, padding=1, stride=stride), conv(4, 1)

        def forward(self, x):
            return self.a(x) + self.b(x)

    found = lines([Block(1), nn.ReLU()], [Block(2), nn.ReLU()])
    names = ["✕0 Block", "≠0.a Conv2d", "0.b Conv2d", "✕0 add breaks here", "?1 ReLU"]
    assert told(found) == names
    cells = [column.text(found[0].row) for column in COLUMNS]
    assert cells == ["0", "Block", "", "incomplete", "incomplete", ""]
    assert not any(map(found[0].differs, COLUMNS))
    assert [line.depth for line in found] == [0, 1, 1, 1, 0]
    assert [column.text(found[-1].row) for column in COLUMNS[2:]] == ["not reached", "", "", ""]


def test_what_the_start_had_before_the_break_is_gone_and_the_rest_not_reached():
    def net(pool, features):
        layers = [nn.MaxPool2d(2)] if pool else []
        return [conv(padding=1), *layers, nn.Flatten(), nn.Linear(features, 2), nn.ReLU()]

    found = lines(net(True, 256), net(False, 256))
    gone = ["0 Conv2d", "−1 MaxPool2d", "↓1 Flatten", "✕2 Linear breaks here", "?4 ReLU"]
    assert told(found) == gone
    found = lines(net(True, 256), net(True, 8))
    assert told(found)[3:] == ["✕3 Linear breaks here", "?4 ReLU"]


def test_nothing_is_reached_where_nothing_could_be_built():
    start = outline(trace(nn.Sequential(conv(), nn.ReLU()), IMAGE))
    assert told(compare(start, None)) == ["?0 Conv2d", "?1 ReLU"]
    assert compare(None, None) == []
    assert same(compare(None, start))


def test_folding_hides_what_is_inside():
    net = nn.Sequential(nn.Sequential(nn.Sequential(conv(), nn.ReLU()), nn.ReLU()), nn.Flatten())
    tree = outline(trace(net, IMAGE))
    found = compare(tree, tree)
    assert len(found) == 6 and same(found)
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
    assert told(found) == ["✕0 Block", "0.a Conv2d", "0 relu", "≠0.b Identity",
                           "✕0 add breaks here", "?0 relu"]  # fmt: skip


def test_a_block_in_which_nothing_ran_is_where_it_broke():
    def net(size):
        deep = nn.Sequential(conv(size=size), nn.ReLU())
        return [conv(), nn.Sequential(nn.Sequential(deep, nn.Tanh()), nn.ReLU()), nn.Flatten()]

    found = lines(net(3), net(99))
    assert told(found) == [
        "0 Conv2d", "✕1 Sequential", "✕1.0 Sequential", "✕1.0.0 Sequential",
        "✕1.0.0.0 Conv2d breaks here", "?1.0.0.1 ReLU", "?1.0.1 Tanh", "?1.1 ReLU", "?2 Flatten",
    ]  # fmt: skip


def test_what_failed_is_found_among_layers_of_its_name():
    class Adds(nn.Module):
        def __init__(self, stride):
            super().__init__()
            self.parts = nn.ModuleList([conv(padding=1, stride=s) for s in (1, stride, 1)])

        def forward(self, x):
            for part in self.parts:
                x = x + part(x)
            return x

    found = lines([Adds(1)], [Adds(2)])
    assert told(found) == [
        "✕0 Adds", "0.parts.0 Conv2d", "0 add of 2 branches", "≠0.parts.1 Conv2d",
        "✕0 add breaks here", "?0.parts.2 Conv2d", "?0 add of 2 branches",
    ]  # fmt: skip


def test_a_pool_to_another_size_has_changed_itself():
    found = lines([conv(), nn.AdaptiveAvgPool2d((7, 1))], [conv(), nn.AdaptiveAvgPool2d((7, 2))])
    assert [line.status for line in found] == [Status.SAME, Status.OWN]


def test_what_ends_alike_is_the_same_though_more_of_it_stands_before():
    start = [nn.Softplus(), nn.ReLU(), nn.Tanh(), nn.Sigmoid()]
    now = [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.ELU(), nn.Tanh(), nn.Sigmoid()]
    new = [line.row.path for line in lines(start, now) if line.status is Status.NEW]
    assert new == ["1", "2", "3"]

"""print_shapes and table: exact rows, honest totals, HTML that JupyterLab keeps."""

from html.parser import HTMLParser

import pytest
import torch
from gallery import inception, two_basic_blocks
from torch import nn
from torch.nn import functional as F

from course_utils import nets
from layerwise import ShapeError, print_shapes, table, trace
from layerwise.views.columns import describe
from layerwise.views.layer_table import rows


def test_print_shapes_prints_what_the_loop_of_the_notes_prints(capsys):
    net, X = nets.alexnet(), torch.zeros(1, 1, 224, 224)
    for layer in net:
        X = layer(X)
        print(layer.__class__.__name__, "output shape:\t", X.shape)
    expected = capsys.readouterr().out
    print_shapes(net, (1, 1, 224, 224))
    assert capsys.readouterr().out == expected
    assert expected.count("\n") == 21


def test_print_shapes_shows_operations_of_the_net_itself(capsys):
    print_shapes(inception(), (1, 192, 28, 28))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "relu output shape:\t torch.Size([1, 64, 28, 28])"
    assert lines[-1] == "cat output shape:\t torch.Size([1, 256, 28, 28])"


def test_print_shapes_keeps_the_order_of_children_without_a_step(capsys):
    class Zeros(nn.Module):
        def forward(self):
            return torch.zeros(1, 2)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.zeros, self.again = Zeros(), type("Again", (Zeros,), {})()

        def forward(self, x):
            return self.zeros() + self.again() + x

    print_shapes(Net(), (1, 2))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["Zeros", "Again", "add"]


@pytest.mark.parametrize("depth", [None, 1, 2])
def test_rows_sum_to_the_totals(depth):
    t = trace(two_basic_blocks(), (2, 64, 28, 28))
    shown = rows(t, depth)
    assert sum(row.params for row in shown) == t.params == 147_968
    assert sum(row.macs for row in shown) == t.macs
    assert len(shown) == {None: 16, 1: 2, 2: 16}[depth]


def test_the_text_is_aligned_and_ends_with_totals():
    lines = repr(table(nets.alexnet(), (1, 1, 224, 224))).splitlines()
    assert lines[0] == "Sequential, input 1×1×224×224. MACs for one image."
    assert lines[-1].split() == ["total", "46,764,746", "938,146,176"]
    conv = next(line for line in lines if "11×11, stride 4" in line)
    assert lines[2].index("MACs") + len("MACs") == conv.index("33,872,256") + len("33,872,256")


class Reader(HTMLParser):
    """Collects tags, and fails on one that is not closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.cells = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        self.style = dict(attrs).get("style", "")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.cells.append((data, self.style))


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def test_html_is_well_formed_and_needs_nothing_the_sanitizer_removes():
    reader = read(table(two_basic_blocks(), (128, 64, 28, 28))._repr_html_())
    assert reader.seen == {"p", "table", "tr", "th", "td"}
    styles = dict(reader.cells)
    assert "text-align: right" in styles["147,968"] and "text-align: left" in styles["0.conv1"]
    assert "MACs for the batch of 128" in reader.cells[0][0]


def test_the_operation_where_branches_meet_stands_out():
    styles = dict(read(table(inception(), (1, 192, 28, 28))._repr_html_()).cells)
    assert "bold" in styles["cat of 4 branches"] and "bold" not in styles["relu"]


def test_text_from_a_network_cannot_break_the_page():
    net = nn.Sequential()
    net.add_module("<b>", nn.ReLU())
    assert "&lt;b&gt;" in table(net, (1, 2))._repr_html_()


def test_a_trace_can_be_shown_as_it_is():
    t = trace(nets.lenet(), (1, 1, 28, 28))
    assert repr(table(t)) == repr(table(nets.lenet(), (1, 1, 28, 28)))
    with pytest.raises(TypeError, match="knows its input shapes"):
        table(t, (1, 1, 28, 28))


def test_unused_parameters_and_notes_are_shown():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.spare = nn.Linear(2, 3)

        def forward(self, x):
            return F.relu(x) if x.sum() > 0 else x

    text = repr(table(Odd(), (4, 2)))
    assert "not used by this input" in text and "ran for real" in text


def test_a_shape_that_does_not_fit_is_the_error_of_the_layer():
    with pytest.raises(ShapeError, match=r"0 \(Conv2d\).*1 input channels, but 3 arrive"):
        table(nets.alexnet(), (1, 3, 224, 224))


class Spare(nn.Module):
    """Holds parameters that its forward does not use."""

    def __init__(self):
        super().__init__()
        self.c, self.spare = nn.Conv2d(1, 1, 3), nn.Linear(2, 2)

    def forward(self, x):
        return self.c(x)


def test_unused_parameters_stand_apart_at_any_depth():
    block, spare = rows(trace(nn.Sequential(Spare()), (1, 1, 8, 8)), depth=1)
    assert block.output == (1, 1, 6, 6) and block.params == 10
    assert spare.unused and spare.params == 6
    styles = dict(read(table(Spare(), (1, 1, 8, 8))._repr_html_()).cells)
    assert "opacity" in styles["not used by this input"] and "opacity" not in styles["Conv2d 3×3"]


def test_two_runs_of_one_block_are_two_rows():
    block = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())
    first, second = rows(trace(nn.Sequential(block, block), (1, 1, 8, 8)), depth=1)
    assert (first.output, second.output) == ((1, 1, 6, 6), (1, 1, 4, 4))
    again = rows(trace(Twice(), (1, 1, 8, 8)), depth=1)
    assert [row.output for row in again] == [(1, 1, 6, 6), (1, 1, 4, 4)]


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.b = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())

    def forward(self, x):
        return self.b(self.b(x))


def test_a_negative_depth_is_refused():
    with pytest.raises(ValueError, match="0, 1, 2"):
        table(nets.lenet(), (1, 1, 28, 28), depth=-1)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (nn.Conv2d(4, 4, 3, dilation=2), "Conv2d 3×3, dilation 2"),
        (nn.Conv2d(4, 4, 3, groups=4), "Conv2d 3×3, 4 groups"),
        (nn.Conv2d(4, 4, (1, 3), padding=(0, 1)), "Conv2d 1×3, padding 0×1"),
        (nn.MaxPool2d(3, 2), "MaxPool2d 3×3, stride 2"),
    ],
)
def test_a_window_is_described_with_what_is_unusual(layer, says):
    assert describe(trace(layer, (1, 4, 8, 8)).steps[0]) == says


@pytest.mark.parametrize(
    ("net", "shape", "unit"),
    [
        (nn.Linear(4, 2), (1, 4), "one image"),
        (nn.Linear(4, 2), (5, 4), "the batch of 5"),
        (nn.Linear(4, 2), (4,), "the whole input"),
        (nn.Conv2d(4, 2, 3), (4, 8, 8), "the whole input"),
    ],
)
def test_macs_are_for_what_came_in(net, shape, unit):
    assert table(net, shape).caption.endswith(f"MACs for {unit}.")


def test_a_table_without_a_shape_says_what_to_give():
    with pytest.raises(TypeError, match="give the shape"):
        table(nn.Linear(4, 2))


def test_the_whole_net_in_one_row_keeps_its_unused_parameters():
    whole, spare = rows(trace(Spare(), (1, 1, 8, 8)), depth=0)
    assert (whole.path, whole.operation.name, whole.params, spare.params) == ("", "Spare", 10, 6)


def test_print_shapes_shows_the_layers_of_a_list_which_itself_never_runs(capsys):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(4, n)) for n in (4, 3))
            self.heads = nn.ModuleDict({"a": nn.Linear(3, 2)})

        def forward(self, X):
            for block in self.blocks:
                X = block(X)
            return self.heads["a"](X)

    print_shapes(Net(), (1, 4))
    assert capsys.readouterr().out.splitlines() == [
        "Sequential output shape:\t torch.Size([1, 4])",
        "Sequential output shape:\t torch.Size([1, 3])",
        "Linear output shape:\t torch.Size([1, 2])",
    ]

"""Source of answers, and two networks step by step."""

# ruff: noqa: ARG005  forwards of one form, whether or not they use all they get

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import _sources, _steps
from layerwise import trace

IMAGE = (2, 3, 8, 8)


class Net(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.run, self.conv, self.bn = forward, nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.fc, self.table = nn.Linear(3, 4), nn.Embedding(3, 8)

    def forward(self, X):
        return self.run(self, X)


def things(forward):
    return [part.thing for part in _steps.parts(trace(Net(forward), IMAGE))]


CALLED = {
    "convolution": lambda m, X: m.conv(X),
    "linear layer": lambda m, X: m.fc(X.mean((2, 3))),
    "ReLU": lambda m, X: X.relu(),
    "ReLU6": lambda m, X: F.relu6(X),
    "sigmoid": lambda m, X: X.sigmoid(),
    "tanh": lambda m, X: X.tanh(),
    "softmax": lambda m, X: X.softmax(1),
    "log-softmax": lambda m, X: X.log_softmax(1),
    "max pooling": lambda m, X: F.max_pool2d(X, 2),
    "average pooling": lambda m, X: F.avg_pool2d(X, 2),
    "global average pooling": lambda m, X: F.adaptive_avg_pool2d(X, 1),
    "global max pooling": lambda m, X: F.adaptive_max_pool2d(X, 1),
    "batch norm": lambda m, X: m.bn(X),
    "dropout": lambda m, X: F.dropout(X),
    "concat": lambda m, X: torch.cat([X, X], 1),
    "add": lambda m, X: X + X,
    "product": lambda m, X: X * X,
    "flatten": lambda m, X: X.flatten(1),
    "change of shape": lambda m, X: X.view(2, 3, 64),
}


@pytest.mark.parametrize("name", CALLED)
def test_an_operation_is_called_as_in_the_lessons(name):
    assert things(CALLED[name])[-1] == name


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("ReLU", nn.ReLU()),
        ("sigmoid", nn.Sigmoid()),
        ("tanh", nn.Tanh()),
        ("softmax", nn.Softmax(1)),
        ("dropout", nn.Dropout()),
    ],
)
def test_a_layer_is_called_as_the_function_is(name, layer):
    assert [part.thing for part in _steps.parts(trace(layer, IMAGE))] == [name]


def test_of_an_add_the_longer_branch_is_told_first_and_of_equals_the_first():
    assert things(lambda m, X: X.relu() + X.tanh()) == ["ReLU", "tanh", "add"]
    assert things(lambda m, X: X.tanh() + X.relu()) == ["tanh", "ReLU", "add"]
    longer = ["tanh", "sigmoid", "ReLU", "add"]
    assert things(lambda m, X: X.relu() + X.tanh().sigmoid()) == longer
    assert things(lambda m, X: X.tanh().sigmoid() + X.relu()) == longer
    assert things(lambda m, X: X + X.relu()) == ["ReLU", "add"]


def test_of_a_concat_its_own_order_counts():
    joined = things(lambda m, X: torch.cat([X.relu(), X.tanh().sigmoid()], 1))
    assert joined == ["ReLU", "tanh", "sigmoid", "concat"]


def test_what_reads_nothing_of_the_input_is_no_step():
    found = things(lambda m, X: X.tanh() + m.table(torch.arange(3)).mean())
    assert found == ["tanh", "add"]


@pytest.mark.parametrize(
    ("source", "worth"),
    [
        ("3 + 4", 7),
        ("a = 3\na * 2", 6),
        ("a = 3\nb = [a, a]", [3, 3]),
        ("import math\nmath.floor(2.5)", 2),
    ],
)
def test_an_answer_is_what_its_last_statement_defines_or_is_worth(source, worth):
    assert _sources.answer(source) == worth


def test_an_answer_may_be_a_function_or_a_class():
    assert _sources.answer("def double(n):\n    return 2 * n")(4) == 8
    assert _sources.answer("class Two:\n    n = 2").n == 2


@pytest.mark.parametrize(
    "last", ["import math", "a, b = 1, 2", "a = {}\na['b'] = 1", "for i in []: i"]
)
def test_a_source_that_defines_nothing_in_the_end_is_refused(last):
    with pytest.raises(ValueError, match="An answer ends with what defines it, not with"):
        _sources.answer(last)


def test_the_second_number_is_the_first_replaced_in_code():
    assert _sources.changed("a = 1\nb = a", (("a", "c"), ("c = 1", "c = 2"))) == "c = 2\nb = c"
    with pytest.raises(ValueError, match="'d' is not in the reference"):
        _sources.changed("a = 1", (("d", "c"),))

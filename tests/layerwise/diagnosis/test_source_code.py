"""What the source of a student's methods tells, of each kind of method."""

import ast

from torch import nn

from layerwise.diagnosis import source_code


class Net(nn.Module):
    factor = 3

    def __init__(self):
        super().__init__()
        self.hidden = 1

    @property
    def width(self):
        return self.wide

    @staticmethod
    def helper(x):
        return x.still

    @classmethod
    def made(cls):
        return cls.anew

    def forward(self, x):
        def inner():
            return self.inside

        return inner() + x["a word"]

    def nothing(self):
        self.width  # noqa: B018  it returns nothing


class Below(Net):
    def more(self):
        return self.above


def test_methods_of_every_kind_are_read_but_not_the_constructor():
    assert [name for name, _ in source_code.methods(Below)] == [
        "more", "width", "helper", "made", "forward", "nothing"
    ]  # fmt: skip
    read = source_code.names_read(Below)
    assert {"above", "wide", "still", "anew", "inside", "a word"} <= read
    assert "hidden" not in read


def test_where_a_name_is_mentioned_first():
    assert source_code.first_mention(Net, "wide").text.strip() == "return self.wide"
    assert source_code.first_mention(Net, "hidden") is None


def test_whether_a_function_returns_a_value():
    assert source_code.returns_a_value(Net.forward)
    assert not source_code.returns_a_value(Net.nothing)


def test_a_function_without_a_source_has_no_parts():
    made = {}
    exec("def f(self):\n    return self.x", made)  # noqa: S102
    assert not source_code.returns_a_value(made["f"])
    assert not source_code.returns_a_value(len)
    kind = type("Made", (nn.Module,), {"forward": made["f"]})
    assert list(source_code.expressions(kind)) == []
    assert source_code.first_mention(kind, "x") is None


def test_an_expression_knows_its_line():
    ((_, function, part), *_) = [
        one for one in source_code.expressions(Net) if isinstance(one[2], ast.Subscript)
    ]
    assert 'x["a word"]' in source_code.line_of(function, part).text
    assert source_code.line_of(nn.Linear.forward, part) is None

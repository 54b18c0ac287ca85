"""What a forward writes outside its network is put back, whatever holds it."""

from collections import OrderedDict, defaultdict

import pytest
from torch import nn

from layerwise.tracing.surroundings import restored

KEPT = [1, 2]
COUNT = 0


class Base:
    shared = {"a": 1}  # noqa: RUF012  such attributes are what is put back

    def grow(self):
        global COUNT, FRESH  # noqa: PLW0603
        COUNT += 1
        FRESH = COUNT
        KEPT.append(3)


class Writes(Base):
    number = 1

    def fail(self):
        self.grow()
        raise ZeroDivisionError

    def default(self, seen=[], *, more=()):  # noqa: B006
        seen.append(len(seen))
        return seen, more


def closing_over(held):
    class Closes:
        def add(self, value):
            held.update(value) if hasattr(held, "update") else held.append(value)

    return Closes


def test_what_classes_hold_is_put_back_of_those_below_too():
    with restored([Writes]):
        Writes.number = 5
        Writes.fresh = 6
        Base.shared["b"] = 2
        Base.other = []
    assert Writes.number == 1
    assert Base.shared == {"a": 1}
    assert not hasattr(Writes, "fresh")
    assert not hasattr(Base, "other")


def test_what_methods_name_is_put_back():
    with restored([Writes]):
        Writes().grow()
        assert (COUNT, FRESH, KEPT) == (1, 1, [1, 2, 3])
    assert COUNT == 0
    assert "FRESH" not in globals()
    assert KEPT == [1, 2]


def test_a_list_by_default_is_put_back():
    with restored([Writes]):
        assert Writes().default()[0] == [0]
        assert Writes().default()[0] == [0, 1]
    assert Writes().default()[0] == [0]
    Writes.default.__defaults__[0].clear()


@pytest.mark.parametrize("held", [{"a": 1}, {1, 2}, OrderedDict(b=1, a=2), defaultdict(int, c=3)])
def test_what_a_method_closes_over_is_put_back(held):
    kind, before = closing_over(held), held.copy()
    with restored([kind]):
        kind().add({"z": 9})
        assert held != before
    assert held == before
    assert [*held] == [*before]


def test_an_order_is_put_back():
    held = OrderedDict(b=1, a=2)
    with restored([closing_over(held)]):
        held.move_to_end("b")
    assert [*held] == ["b", "a"]


def test_after_an_error_too():
    with pytest.raises(ZeroDivisionError), restored([Writes]):
        Writes().fail()
    assert KEPT == [1, 2]


def test_methods_written_anew_stay():
    with restored([Writes]):
        Writes.again = Base.grow
    assert Writes.again is Base.grow
    del Writes.again


def test_what_is_torchs_is_left_to_torch():
    with restored([nn.Linear, Writes]):
        nn.Linear.marked = nn.Module.marked_too = 1
    try:
        assert nn.Linear.marked == nn.Module.marked_too == 1
    finally:
        del nn.Linear.marked, nn.Module.marked_too

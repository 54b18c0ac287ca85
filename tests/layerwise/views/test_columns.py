"""The words of a row: an operation with its settings, numbers, two numbers that clash."""

import pytest

from layerwise.views.columns import Clash, RowOperation, joined, words

CONV = {"in_channels": 3, "kernel_size": (3, 3), "stride": (2, 2), "bias": True, "p": 0.5}


@pytest.mark.parametrize(
    ("name", "changed", "untold"),
    [
        ("Conv2d", {}, []),
        ("Conv2d", {"stride": (1, 1), "groups": 3}, []),  # the window is told in any case
        ("Conv2d", {"bias": False}, ["bias"]),
        ("Conv2d", {"p": 0.1, "dim": 1}, ["p", "dim"]),
        ("Conv1d", {"bias": False}, []),  # another operation has other settings
    ],
)
def test_settings_that_differ_and_are_not_told_otherwise(name, changed, untold):
    assert RowOperation("Conv2d", CONV).untold(RowOperation(name, CONV | changed)) == untold


def test_a_setting_is_told_after_the_window():
    told = joined(RowOperation("Conv2d", CONV | {"k": (1, 2)}).words(["bias", "p", "k"]))
    assert told == "Conv2d 3×3, stride 2, bias on, p 0.5, k 1×2"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, ""),
        (0, ""),
        (1234, "1,234"),
        ((1, 64, 7), "1×64×7"),
        (Clash(6400, 9216), "expects 6,400, gets 9,216"),
        (Clash((1, 2), "int64"), "expects 1×2, gets int64"),
    ],
)
def test_a_value_in_words(value, says):
    assert joined(words(value)) == says

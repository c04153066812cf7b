"""Plain values, and how what is none of them is named."""

import math
from decimal import Decimal

import numpy as np
import pytest

from fcn import checked


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3)])
def test_numbers_become_floats(value):
    found = checked.number("n", value, 0, 3)
    assert (found, type(found)) == (3.0, float)


@pytest.mark.parametrize(
    "value",
    [None, True, "3", [3], math.nan, math.inf, -1, 3.1, 10**400, Decimal(3), 3j, np.nan, {}],
)
def test_what_is_no_number_is_named(value):
    with pytest.raises(ValueError, match=r"grid\.step_km must be a number from 0 to 3, got "):
        checked.number("grid.step_km", value, 0, 3)


def test_messages_show_no_pages():
    with pytest.raises(ValueError, match="got a int too long to write"):
        checked.number("n", 10**5000)
    with pytest.raises(ValueError, match=r"values: '(x{199})\.\.\.$"):
        checked.listed("n", "x" * 1000)


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [(-math.inf, math.inf, "number, got"), (0, math.inf, "of at least 0"), (-math.inf, 1, "of at most 1")],
)
def test_the_bounds_are_said(least, most, said):
    with pytest.raises(ValueError, match=said):
        checked.number("n", "x", least, most)


def test_positive_excludes_zero():
    assert checked.positive("n", 1e-300) == 1e-300
    for most, said in ((math.inf, "above 0, got 0"), (5.0, "above 0 and at most 5, got 0")):
        with pytest.raises(ValueError, match=said):
            checked.positive("n", 0, most)


def test_whole_numbers():
    assert checked.whole("n", np.int32(4), 1, 4) == 4
    for value in (0, 5, 2.0, "2", True, np.True_, None):
        with pytest.raises(ValueError, match="n must be a whole number from 1 to 4, got"):
            checked.whole("n", value, 1, 4)
    with pytest.raises(ValueError, match="n must be a whole number of at least 1, got 0"):
        checked.whole("n", 0, 1)


def test_lists_of_numbers():
    assert checked.numbers("n", np.array([1, 2])) == (1.0, 2.0)
    for value in (1.0, "12", None, {1, 2}, [1.0]):
        with pytest.raises(ValueError, match="n must be a list of 2 values"):
            checked.numbers("n", value, 2)
    with pytest.raises(ValueError, match="n must be a number of at least 0, got -1"):
        checked.numbers("n", [1, -1], 2, 0)


@pytest.mark.parametrize("value", ["", " ", None, 3, "a\nb", "a\0"])
def test_texts(value):
    assert checked.text("name", "Ré 1") == "Ré 1"
    with pytest.raises(ValueError, match="name must be a text of printable characters"):
        checked.text("name", value)

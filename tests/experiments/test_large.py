"""The flag of a lower bound in large.py, and the rows of oracle.py, both of experiments/generalized."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Status, Update
from fcn.catalogue.released import Released

FOLDER = Path(__file__).parents[2] / "experiments" / "generalized"


@pytest.fixture
def script(monkeypatch):
    """A script of the folder by its name."""
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    return lambda name: runpy.run_path(str(FOLDER / name))


def event(name, magnitude):
    return Event(name, 0.0, 30.0, 130.0, 10.0, magnitude, "Mw", first_p_time_s=2.0)


def said(magnitude, is_bound):
    """One word, a second after the first P."""
    update = Update(3.0, event("d", magnitude), 0.9, 0.9, is_lower_bound=is_bound, status=Status.NEW)
    return DeclaredEvent("d", [update])


def test_each_kind_of_right_and_wrong_is_counted(script):
    ended = Released((0.5, 1.0), (6.5, 7.0))
    growing = Released((0.5, 25.0), (6.0, 7.0))
    cases = {
        "short and called": (6.5, True, ended),
        "whole and called": (7.0, True, ended),
        "short": (6.7, False, ended),
        "still growing": (7.0, False, growing),
        "whole": (6.9, False, ended),
    }
    truths = tuple(event(name, 7.0) for name in cases)
    catalogue = Catalogue("c", truths, {name: course for name, (_, _, course) in cases.items()})
    pairs = [(said(*case[:2]), true) for case, true in zip(cases.values(), truths, strict=True)]
    rows = script("large.py")["bounds"](pairs, catalogue)
    assert "| 10 s | 1 | 1 | 2 | 1 | 2 of 5 |" in rows
    assert "| 30 s | 1 | 1 | 1 | 2 | 3 of 5 |" in rows  # what grew has ended


def test_shift_is_what_errors_have_in_common_and_scatter_what_is_left(script):
    off_km = np.array([[3.0, 4.0, 1.0], [3.0, 4.0, -1.0], [3.0, 5.0, 1.0], [3.0, 3.0, -1.0]])
    row = script("oracle.py")["row"](4.0, off_km)
    assert row == "| 4 s | 4 | 5.05 km (5.00) | 5.00 km | 0.71 km | 1.00 km |"

"""Picks of a test beside true ones, as experiments/generalized/picked.py compares them."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from fcn.catalogue.declared import write_declared
from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update
from fcn.catalogue.io import write_quakeml
from fcn.catalogue.phase import PhasePick

FOLDER = Path(__file__).parents[2] / "experiments" / "generalized"
T0 = 1.0e9


def event(name):
    return Event(name, T0, 30.0, 130.0, 10.0, 3.0, "Mw")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    return runpy.run_path(str(FOLDER / "picked.py"))


@pytest.fixture
def run(script, tmp_path, monkeypatch):
    """Of one event found and one that matches nothing."""
    true = [PhasePick("XX", "A", "Pg", T0 + 2.0), PhasePick("XX", "A", "S", T0 + 3.5)]
    true += [PhasePick("XX", "B", "P", T0 + 4.0), PhasePick("XX", "A", "P", T0 + 9.0)]
    sequence = tmp_path / "sequence"
    sequence.mkdir()
    write_quakeml(Catalogue("true", (event("t"),)), sequence / "catalogue.xml", {"t": true})
    said = [
        PhasePick("XX", "A", "P", T0 + 2.25, weight=0.9),
        PhasePick("XX", "A", "S", T0 + 4.25, weight=0.6),
        PhasePick("XX", "C", "P", T0 + 5.0, weight=0.9),
    ]
    declared = [DeclaredEvent(name, [Update(T0 + 8, event(name), 0.9, 0.9)], tuple(said)) for name in "df"]
    write_declared("said", declared, tmp_path)
    config = {"dataset": {"name": "archive", "builder": None, "root": str(sequence)}, "cache": str(tmp_path)}
    (tmp_path / "manifest.json").write_text(json.dumps({"config": config}))
    found = [(declared[0], event("t"))], [], 1
    monkeypatch.setitem(script["compared"].__globals__, "tested", lambda folder: found)
    return tmp_path


def test_picks_are_compared_with_the_true_ones_of_their_event_and_station(script, run):
    said = [(each.phase, each.weight, each.off_s) for each in script["compared"](run)]
    assert said == [("P", 0.9, pytest.approx(0.25)), ("S", 0.6, pytest.approx(0.75))]


def test_the_table_has_a_row_of_each_phase_and_weight(script, run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["picked.py", str(run)])
    script["main"]()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert {line.count("|") for line in (head, *rows)} == {7}
    assert "| P | 0.7 to 0.9 | 1 | +0.25 s | 0.00 s | 0 % |" in rows
    assert "| S | 0.5 to 0.7 | 1 | +0.75 s | 0.00 s | 100 % |" in rows
    assert "| S | 0.98 to 1 | 0 | - | - | - |" in rows

"""The command line of fcn.export: what it asks for."""

from pathlib import Path

import pytest

from fcn.exported import quantise, write
from fcn.exported.folder import Exported


@pytest.fixture
def asked(monkeypatch) -> list[tuple]:
    """What the command gives to the functions that take minutes."""
    calls: list[tuple] = []

    def export(restored, out, site, calibration):
        calls.append((restored.path.stem, out, site, calibration))
        return Exported(out, "image", "", {}, {})

    def calibration_windows(restored, dataset, cache, matching):
        return ["windows", dataset["name"], cache]

    monkeypatch.setattr(write, "export", export)
    monkeypatch.setattr(write, "site_of", lambda restored, **given: given)
    monkeypatch.setattr(quantise, "calibration_windows", calibration_windows)
    return calls


def test_graphs_alone_unless_told_otherwise(asked, call):
    call("fcn.export", "ckpt=lite", "out=made")
    assert asked == [("lite", Path("made"), None, None)]


def test_stations_and_windows_where_told(asked, call, tmp_path):
    stations = ("station_file=a.xml", "station_ids=[XX.A]", "centre={latitude_deg: 1.0, longitude_deg: 2.0}")
    call("fcn.export", "ckpt=lite", "out=made", *stations, "dataset=smoke_validation", f"cache={tmp_path}")
    ((_, _, site, calibration),) = asked
    assert site == {
        "station_file": "a.xml",
        "station_ids": ["XX.A"],
        "centre": {"latitude_deg": 1.0, "longitude_deg": 2.0},
        "velocity_model": None,
    }
    assert calibration == ["windows", "smoke_validation", tmp_path]

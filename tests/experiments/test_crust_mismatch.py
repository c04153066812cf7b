"""The twin's own Earth on a grid: travel times in it are those of the twin, but for the columns."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from fcn.earth.eikonal import GridModel

PATH = Path(__file__).parents[2] / "experiments" / "crust_mismatch" / "twin_earth.py"
NARROW = {"MINIMUM_KM": (-80.0, -80.0, -2.0), "SPACING_KM": (2.0, 2.0, 2.0), "SHAPE": (81, 81, 22)}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("twin_earth", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_twins_earth_has_the_twins_travel_times(script, monkeypatch, tmp_path):
    for name, value in NARROW.items():
        monkeypatch.setattr(script, name, value)
    twin = script.twin()
    script.earth_of(twin).write(tmp_path / "earth.h5")
    ground = twin.ground().only(3)
    station_km = torch.tensor(ground.station_km, dtype=torch.float32)
    model = GridModel(str(tmp_path / "earth.h5"), spacing_km=1.0)
    times = model.travel_times(twin.frame, station_km)

    off_s, lateral_s = [], []
    for row in twin.catalogued()[::9]:
        shock = twin.shock(row)
        felt_s = ground.rays(shock).time_s.numpy()[0] - ground.columns[3].delay_s
        place_km = torch.tensor([[shock.position_km]], dtype=torch.float32)
        off_s.append(times.between(place_km, station_km[None]).squeeze().numpy() - felt_s)
        relative = ground.field.relative_delay(np.array(shock.position_km), ground.station_km)[0]
        lateral_s.append(relative * felt_s)

    off_s, lateral_s = np.array(off_s), np.array(lateral_s)
    assert np.abs(off_s).mean() < 0.05
    assert np.abs(lateral_s).mean() > 0.1, "what varies laterally says nothing here"


def test_what_is_there_is_not_written_over(script, monkeypatch, tmp_path):
    out = tmp_path / "earth.h5"
    out.write_text("mine")
    monkeypatch.setattr("sys.argv", ["twin_earth.py", "--out", str(out)])
    with pytest.raises(FileExistsError, match="remove it or give another --out"):
        script.main()
    assert out.read_text() == "mine"

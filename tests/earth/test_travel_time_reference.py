"""Travel times against independent codes and published tables."""

from pathlib import Path

import numpy as np
import pytest
import torch
from obspy import taup
from obspy.taup import TauPyModel
from shipped_models import load

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity_table import read_velocity_model

pytestmark = pytest.mark.reference

# JMA2001 travel-time table (Ueno et al. 2002; Japan Meteorological Agency): P s, S s, depth km, distance km.
JMA2001_ROWS = np.array(
    [
        [2.052, 3.465, 0, 10],
        [9.226, 15.630, 0, 50],
        [17.683, 30.048, 0, 100],
        [25.667, 43.879, 0, 150],
        [1.773, 3.007, 10, 0],
        [3.937, 6.682, 10, 20],
        [10.499, 17.854, 10, 60],
        [4.872, 8.330, 30, 0],
        [9.375, 16.051, 30, 50],
        [16.424, 28.225, 30, 100],
        [7.790, 13.373, 40, 30],
    ]
)


def times_s(table: TravelTimeTable, depth_km: np.ndarray, distance_km: np.ndarray) -> np.ndarray:
    zeros = np.zeros_like(depth_km)
    sources = torch.tensor(np.stack([zeros, zeros, depth_km], -1))[:, None]
    stations = torch.tensor(np.stack([distance_km, zeros, zeros], -1))[:, None]
    return table.between(sources, stations)[:, 0, 0].numpy()


def jma2001_error_s(rows: np.ndarray) -> np.ndarray:
    table = TravelTimeTable.build(load("jma2001"), max_depth_km=40, max_distance_km=150, step_km=0.5)
    return times_s(table, rows[:, 2], rows[:, 3]) - rows[:, :2]


def test_jma2001_rows():
    assert np.abs(jma2001_error_s(JMA2001_ROWS)).max() < 0.04


@pytest.mark.realdata
def test_whole_jma2001_table_of_the_crust(shared_dir: Path):
    rows = np.loadtxt(shared_dir / "tables" / "tjma2001.csv", delimiter=",")
    rows = rows[(rows[:, 2] <= 40) & (rows[:, 3] <= 150)]
    error_s = np.abs(jma2001_error_s(rows))
    p_s, s_s = error_s.mean(0)
    print(f"JMA2001, {len(rows)} rows: mean |P| {p_s:.4f} s, |S| {s_s:.4f} s")  # noqa: T201
    np.testing.assert_array_less(error_s.mean(0), [0.008, 0.012])
    assert error_s.max() < 0.05


@pytest.mark.parametrize(
    ("name", "file"), [("iasp91", None), ("ak135", None), ("ak135", "ak135.tvel"), ("prem", "prem.nd")]
)
def test_taup(name: str, file: str | None):
    """ObsPy TauP (Crotwell et al. 1999), spherical Earth; depths off the interfaces, where it loses rays.

    The models shipped, and TauP's own files as a user may bring them.
    """
    model = (
        load(name) if file is None else read_velocity_model(Path(taup.__file__).parent / "data" / file, None)
    )
    reference = TauPyModel(name)
    depth_km, distance_km = np.meshgrid([3.0, 11.0, 24.0, 38.0], [2.0, 15.0, 40.0, 70.0, 100.0])
    depth_km, distance_km = depth_km.ravel(), distance_km.ravel()
    expected_s = [
        [
            min(
                arrival.time
                for arrival in reference.get_travel_times(depth, distance / 111.194927, list(phases))
            )
            for phases in (("p", "P", "Pn", "Pg"), ("s", "S", "Sn", "Sg"))
        ]
        for depth, distance in zip(depth_km, distance_km, strict=True)
    ]
    table = TravelTimeTable.build(
        model, max_depth_km=40, max_distance_km=150, step_km=0.5, earth_flattening=True
    )
    difference_s = np.abs(times_s(table, depth_km, distance_km) - expected_s)
    print(f"{name} against TauP to 100 km: max {1e3 * difference_s.max():.1f} ms")  # noqa: T201
    assert difference_s.max() < 0.015

"""A sequence replayed with travel times from a three-dimensional grid."""

from pathlib import Path

import numpy as np
import obspy
import pytest
import torch
from toy import resolved

from fcn.assemble import TimesTo, choose_velocity_model, velocity_models
from fcn.data.sequences import Sequence
from fcn.earth.grid3d import grid_of_layers
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.waveform.stored import StoredStream

FRAME = LocalFrame(38.0, 22.0)
SITES = ((38.05, 22.1), (37.9, 21.95), (38.1, 21.9))


def sequence(root: Path) -> Sequence:
    """Three silent stations, a minute."""
    stations = tuple(Station("XX", f"S{i}", "", lat, lon, 200.0) for i, (lat, lon) in enumerate(SITES))
    silence = np.zeros((3, 3, 1200), np.float32)
    return Sequence(
        name="silent",
        root=root,
        simulated=True,
        network=Network(stations),
        frame=FRAME,
        box=(40.0, 40.0),
        catalogue=None,
        velocity_model=None,
        start_time_s=1.7e9,
        sampling_rate_hz=20.0,
        narrow=silence,
        broad=silence,
        known=np.ones((3, 3, 1200), bool),
        uses=((),) * 3,
        stream=StoredStream(()),
        inventory=obspy.Inventory(),
    )


def test_a_grid_of_layers_gives_the_times_of_the_layers(tmp_path):
    pytest.importorskip("eikonalfm")
    config = resolved("train", "velocity_model=fnet")
    (layers,) = velocity_models(config).values()
    grid = grid_of_layers(layers, (-45.0, -45.0, -2.0), (1.5, 1.5, 1.0), (61, 61, 33))
    grid.write(tmp_path / "grid.h5")
    node = resolved("train", "velocity_model=grid3d", f"velocity_model.path={tmp_path / 'grid.h5'}")
    silent = sequence(tmp_path)
    model = choose_velocity_model(node["velocity_model"], silent, {})
    table = {**config["data"]["table"], "earth_flattening": False}
    station_km = torch.as_tensor(silent.station_km, dtype=torch.float32)
    source_km = torch.tensor([[[3.0, -4.0, 8.0]]])
    made = [TimesTo(each, table, FRAME) for each in (model, layers)]
    times = [each(station_km).between(source_km, station_km[None]) for each in made]
    assert times[0].shape == times[1].shape == (1, 3, 1, 2)
    torch.testing.assert_close(times[0], times[1], atol=0.12, rtol=0)
    moved_km = station_km + torch.tensor([0.0, 0.0, 0.1])
    assert [each(station_km) is each(station_km) for each in made] == [True, True]
    assert [each(station_km) is each(moved_km) for each in made] == [False, True]
    with pytest.raises(ValueError, match="train in layered models"):
        velocity_models(node)

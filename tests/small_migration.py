"""The migration network made small, and windows for it."""

from pathlib import Path

import torch
from toy import resolved

from fcn.batch import Batch, Ruptures
from fcn.earth.travel_time import TravelTimeTable
from fcn.scheme.migration.hearing import DUE_S, Listener
from fcn.waveform.amplitude import AMPLITUDES

SMALL = (
    "arch.series_width=8",
    "arch.dilations=[1,2]",
    "arch.n_features=4",
    "arch.volume_width=8",
    "arch.volume_layers=1",
    "arch.magnitude_width=8",
    "arch.ear_width=8",
    "arch.ear_dilations=[1,2]",
    "scheme.volume.shape=[8,8,6]",
    "scheme.reading.least_probability=0.001",
    "scheme.reading.least_evidence=0.0",
    "scheme.reading.least_picks=0",
)


def configured(store: Path, *overrides: str) -> dict:
    """The generalized experiment on the toy store, with a small network that finds something everywhere."""
    return resolved(
        "train",
        "experiment=generalized",
        f"store.path={store}",
        "data.velocity.count=1",
        "data.workers=0",
        "data.histories=null",
        "velocity_model=iasp91",
        "data.table.step_km=2.0",
        "~callbacks.pictures",
        *SMALL,
        *overrides,
    )


def single(batch: Batch, row: int) -> Batch:
    """One window of a batch, as a stream's: no targets, and padding left out."""
    exists = batch.mask[row]
    assert isinstance(batch.travel_time, TravelTimeTable)
    return Batch(
        waveforms=batch.waveforms[row : row + 1, exists],
        waveforms_broad=batch.waveforms_broad[row : row + 1, exists],
        station_km=batch.station_km[row : row + 1, exists],
        mask=batch.mask[row : row + 1, exists],
        known=batch.known[row : row + 1, exists],
        background_mps=batch.background_mps[row : row + 1, exists],
        peaks=batch.peaks[row : row + 1, exists],
        travel_time=batch.travel_time[torch.tensor([row])],
        now_s=torch.tensor([1000.0], dtype=torch.float64),
    )


def made_ruptures(n: int = 4, n_stations: int = 5, **changes) -> Ruptures:
    """Earthquakes that went on a while ago, all with the same arrivals."""
    generator = torch.Generator().manual_seed(1)
    offset_km = 100 * torch.rand(n, n_stations, 3, generator=generator) - 50
    offset_km[..., 2] = -10.0
    given = {
        "peaks": 1e-3 * torch.rand(n, n_stations, len(AMPLITUDES), 200, generator=generator),
        "vertical": torch.zeros(n, n_stations, dtype=torch.bool),
        "mask": torch.ones(n, n_stations, dtype=torch.bool),
        "arrival_s": torch.tensor([-20.0, -12.0]).expand(n, n_stations, 2),
        "station_km": offset_km,
        "elapsed_s": torch.full((n,), 20.0),
        "magnitude": torch.full((n,), 7.0),
        "released_magnitude": torch.full((n,), 7.0),
        "heard_magnitude": torch.full((n,), 7.0),
    }
    return Ruptures(**(given | changes))


def hears(ear, window: Batch, arrival_s: torch.Tensor, width_s: torch.Tensor | float = 0.03) -> Listener:
    """A listener that has heard P and S of every station at these times, as pulses so wide."""
    listener = Listener(ear, window, 20.0)
    at_s = torch.arange(listener.said.shape[-1]) / 20.0 - DUE_S
    listener.said = -0.5 * ((at_s - arrival_s[..., None]) / torch.as_tensor(width_s)) ** 2
    listener.said = listener.said.clamp_min(-20.0)
    listener._asked[:] = True
    return listener

"""The migration network made small, and windows for it."""

from pathlib import Path

import torch
from toy import resolved

from fcn.batch import Batch
from fcn.earth.travel_time import TravelTimeTable

SMALL = (
    "arch.series_width=8",
    "arch.dilations=[1,2]",
    "arch.n_features=4",
    "arch.volume_width=8",
    "arch.volume_layers=1",
    "arch.magnitude_width=8",
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
        "velocity_model=iasp91",
        "data.table.step_km=2.0",
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

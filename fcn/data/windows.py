"""The windows of a continuous sequence, in the order the clock would show them."""

from dataclasses import dataclass

import torch
from torch.utils.data import Dataset

from fcn.batch import Batch
from fcn.constants import FIRST_S
from fcn.data.sequences import Sequence
from fcn.types import TravelTimes
from fcn.waveform.amplitude import BLOCK_S, PAST_S


@dataclass
class WindowDataset(Dataset[Batch]):
    """Batches of one window, each ending `step_s` after the last; nothing after its end is in a window.

    A station takes part in a window when it sent valid data in any of it.
    travel_time: first arrivals of the sequence's velocity model, for batches of one window.
    partial: windows that begin before the sequence does are read, too, from `FIRST_S` after its start on;
    what was before is not known. Raises ValueError where the sequence is too short for two windows.
    """

    sequence: Sequence
    travel_time: TravelTimes
    step_s: float
    n_samples: int
    partial: bool

    def __post_init__(self) -> None:
        least = round(FIRST_S * self.sequence.sampling_rate_hz) if self.partial else self.n_samples
        self.now_s = self.sequence.window_times(self.step_s, least)
        # the time that is tested passes between the first window's end and the last one's
        if len(self.now_s) < 2:
            raise ValueError(
                f"sequence {self.sequence.name!r} is shorter than one window of "
                f"{least / self.sequence.sampling_rate_hz:g} s and the next, "
                f"{self.step_s:g} s later: nothing to test"
            )
        self.station_km = torch.as_tensor(self.sequence.station_km, dtype=torch.float32)[None]

    def __len__(self) -> int:
        return len(self.now_s)

    def __getitem__(self, index: int) -> Batch:
        now_s, sequence = float(self.now_s[index]), self.sequence
        narrow, broad, known = (
            torch.as_tensor(each)[None] for each in sequence.window(now_s, self.n_samples)
        )
        background = torch.as_tensor(sequence.background(now_s, self.n_samples))[None]
        return Batch(
            waveforms=narrow,
            waveforms_broad=broad,
            station_km=self.station_km,
            mask=known.flatten(2).any(dim=-1),
            known=known & (background[:, :, :1] > 0),
            background_mps=background,
            peaks=torch.as_tensor(sequence.peaks_until(now_s, round(PAST_S / BLOCK_S)))[None],
            travel_time=self.travel_time,
            now_s=torch.tensor([now_s], dtype=torch.float64),
            station_ids=tuple(station.id for station in sequence.network),
        )

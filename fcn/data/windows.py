"""The windows of a continuous sequence, in the order the clock would show them."""

from dataclasses import dataclass

import torch
from torch.utils.data import Dataset

from fcn.batch import Batch
from fcn.data.sequences import Sequence
from fcn.types import TravelTimes


@dataclass
class WindowDataset(Dataset[Batch]):
    """Batches of one window, each ending `step_s` after the last; nothing after its end is in a window.

    A station takes part in a window when it sent valid data in any of it.
    travel_time: first arrivals of the sequence's velocity model, for batches of one window.
    """

    sequence: Sequence
    travel_time: TravelTimes
    step_s: float
    n_samples: int

    def __post_init__(self) -> None:
        self.now_s = self.sequence.window_times(self.step_s, self.n_samples)
        # the time that is tested passes between the first window's end and the last one's
        if len(self.now_s) < 2:
            raise ValueError(
                f"sequence {self.sequence.name!r} is shorter than one window of "
                f"{self.n_samples / self.sequence.sampling_rate_hz:g} s and the next, {self.step_s:g} s "
                "later: nothing to test"
            )
        self.station_km = torch.as_tensor(self.sequence.station_km, dtype=torch.float32)[None]

    def __len__(self) -> int:
        return len(self.now_s)

    def __getitem__(self, index: int) -> Batch:
        narrow, broad, valid = self.sequence.window(float(self.now_s[index]), self.n_samples)
        return Batch(
            waveforms=torch.as_tensor(narrow)[None],
            waveforms_broad=torch.as_tensor(broad)[None],
            station_km=self.station_km,
            mask=torch.as_tensor(valid).any(dim=-1)[None],
            travel_time=self.travel_time,
            now_s=torch.tensor([float(self.now_s[index])], dtype=torch.float64),
        )

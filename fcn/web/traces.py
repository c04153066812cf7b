"""The last minute of motion, as thin as a page can draw it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from fcn.waveform.amplitude import BLOCK_S, samples_in

SHOWN_S = 60.0
N_BLOCKS = round(SHOWN_S / BLOCK_S)


@dataclass(frozen=True, eq=False)
class Traces:
    """Least and largest motion of each station in blocks of `BLOCK_S`, the last of which ends at `end_s`.

    extremes_mps: NaN where nothing is known.
    """

    end_s: float
    extremes_mps: Float32[np.ndarray, "station block 2"]

    @classmethod
    def nothing(cls, n_stations: int) -> "Traces":
        """Before the first window."""
        return cls(0.0, np.full((n_stations, N_BLOCKS, 2), np.nan, dtype=np.float32))

    def with_window(
        self,
        end_s: float,
        motion_mps: Float32[np.ndarray, "station time"],
        known: Bool[np.ndarray, "station time"],
        sampling_rate_hz: float,
    ) -> "Traces":
        """The same, moved on to a window's end; the window replaces what was there: late data count."""
        n = samples_in(BLOCK_S, sampling_rate_hz)
        n_stations, n_samples = motion_mps.shape
        n_new = min(n_samples // n, N_BLOCKS)
        shape = n_stations, n_new, n
        motion_mps, known = (each[:, n_samples - n_new * n :].reshape(shape) for each in (motion_mps, known))
        least = np.where(known, motion_mps, np.float32(np.inf)).min(-1)
        most = np.where(known, motion_mps, np.float32(-np.inf)).max(-1)
        new = np.stack((least, most), axis=-1)
        new[~known.any(-1)] = np.nan
        n_moved = min(max(round((end_s - self.end_s) / BLOCK_S), 0), N_BLOCKS)
        moved = np.full_like(self.extremes_mps, np.nan)
        moved[:, : N_BLOCKS - n_moved] = self.extremes_mps[:, n_moved:]
        moved[:, N_BLOCKS - n_new :] = new
        return Traces(end_s, moved)

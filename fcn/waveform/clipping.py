"""Where a seismometer is driven beyond its range: its counts no longer follow the ground."""

import numpy as np
from jaxtyping import Bool, Float

from fcn.waveform.memory import Memory
from fcn.waveform.response import Sensitivity

FULL_SCALE_COUNTS = 2**23  # of the 24 bits that most digitisers of seismometers have
NEAR_FULL = 0.95  # of it: an offset leaves less to one side
FLAT = 4  # samples of one value in a row are a flat top, where the ground moves as fast as this:
LEAST_MPS = 1e-3  # small steps of coarse digitisers and counts of more than 24 bits are no clipping


class Clipping(Memory):
    """Which samples of a channel are clipped, chunk by chunk; an accelerometer's never are.

    Those near the full scale of 24 bits, and from the `FLAT`th equal one in a row on (a sensor or digitiser
    of any range at its end), where they stand for more than `LEAST_MPS`. Wider digitisers and counts of other
    units pass full scale unhurt: they are taken for clipped too early, which costs nothing where an
    accelerometer stands in, and changes nothing where none does. Depends on no later sample.
    """

    _carried = ("_before",)

    def __init__(self, sensitivity: Sensitivity) -> None:
        self._is_seismometer = sensitivity.measurement == "velocity"
        self._least_counts = LEAST_MPS * abs(sensitivity.value)
        self._before = np.full(FLAT - 1, np.nan)

    def process(self, counts: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Of samples that follow those before; NaN, which is none, ends a flat top."""
        if not self._is_seismometer:
            return np.zeros(counts.shape, dtype=bool)
        size = np.abs(counts)
        known = np.concatenate((self._before, counts[1 - FLAT :] if counts.size >= FLAT else counts))
        self._before, before = known[known.size - FLAT + 1 :], self._before
        if not (size >= self._least_counts).any():
            return np.zeros(counts.shape, dtype=bool)
        known = np.concatenate((before, counts))
        flat = np.ones(counts.shape, dtype=bool)
        for back in range(1, FLAT):
            flat &= known[FLAT - 1 - back : known.size - back] == counts
        return (flat | (size >= NEAR_FULL * FULL_SCALE_COUNTS)) & (size >= self._least_counts)

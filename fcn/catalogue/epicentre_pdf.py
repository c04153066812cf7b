"""Where an epicentre may be, as a network says it: a pdf over cells, for those who look at it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True, eq=False)
class EpicentrePdf:
    """Probability of each cell of a map in the local frame, summing to 1; of a volume, summed over depth.

    first_km: east and north of the first cell's centre. spacing_km: between cells, east and north.
    It is as wide as what the network was trained on makes it: ranges of an alert have that taken off.
    """

    first_km: tuple[float, float]
    spacing_km: tuple[float, float]
    probability: Float32[np.ndarray, "east north"]

    def least_within(self, share: float) -> float:
        """Probability of the least cell of the region of highest density that holds this share."""
        ordered = np.sort(self.probability, axis=None)[::-1]
        held = np.cumsum(ordered, dtype=np.float64)
        return float(ordered[min(int(np.searchsorted(held, share * held[-1])), ordered.size - 1)])

"""Which base record stands in for which station: nearest neighbours in what shapes a record."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from scipy.spatial import cKDTree

FEATURES = ("log_distance", "depth_km", "magnitude", "log_s_minus_p")
DISTANCE_FLOOR_KM = 3.0  # below it, distance differences matter no more than its own tenth


def record_features(
    distance_km: Float[np.ndarray, " n"],
    depth_km: Float[np.ndarray, " n"],
    magnitude: Float[np.ndarray, " n"],
    s_minus_p_s: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n 4"]:
    """The coordinates of `FEATURES`; logarithms are natural, of km + `DISTANCE_FLOOR_KM` and s + 0.3."""
    return np.stack(
        [np.log(distance_km + DISTANCE_FLOOR_KM), depth_km, magnitude, np.log(s_minus_p_s + 0.3)], axis=1
    )


@dataclass(frozen=True)
class Choice:
    """record: index into the store, one per query; widened: the record lies outside the tolerances."""

    record: Int64[np.ndarray, " n"]
    widened: np.ndarray


class RecordIndex:
    """Draws among the `n_candidates` nearest records, distances scaled by the tolerances.

    tolerances: one positive number per name in `FEATURES`: the mismatch that counts as 1.
    No station is ever left blank: where nothing lies within the tolerances the nearest records serve,
    and the choice is marked as widened.
    """

    def __init__(
        self,
        features: Float[np.ndarray, "n 4"],
        records: Int64[np.ndarray, " n"],
        *,
        n_candidates: int,
        tolerances: Mapping[str, float],
    ) -> None:
        if set(tolerances) != set(FEATURES) or min(tolerances.values()) <= 0:
            raise ValueError(
                f"selection tolerances must be positive for exactly {FEATURES}, got {dict(tolerances)}"
            )
        if len(records) == 0:
            raise ValueError("the base store has no earthquake records with P and S in the split asked for")
        self.scale = np.array([tolerances[name] for name in FEATURES])
        self.tree = cKDTree(features / self.scale)
        self.records = records
        self.n_candidates = min(n_candidates, len(records))

    def choose(self, query: Float[np.ndarray, "n 4"], pick: Float[np.ndarray, " n"]) -> Choice:
        """One record per query; `pick` in [0, 1) chooses among the candidates within tolerance, uniformly."""
        distance, neighbour = self.tree.query(query / self.scale, k=self.n_candidates)
        distance, neighbour = distance.reshape(len(query), -1), neighbour.reshape(len(query), -1)
        n_within = (distance <= 1.0).sum(axis=1)
        # with nothing within tolerance, the two nearest keep some variety
        n_choices = np.where(n_within > 0, n_within, min(2, self.n_candidates))
        place = np.minimum((pick * n_choices).astype(np.int64), n_choices - 1)
        return Choice(self.records[neighbour[np.arange(len(query)), place]], n_within == 0)

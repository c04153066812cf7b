"""Which base record stands in for which station: nearest neighbours in what shapes a record.

The search is a k-d tree on the CPU whatever the device: 2.8 us a query among 16,000 records on one core,
where distances to all of them take 40 us (benchmarks/bench_recombine.py), and the records it names are read
from a file, by the CPU, in any case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64
from scipy.spatial import cKDTree

from fcn.recombine.radiation import couple

FEATURES = ("log_distance", "depth_km", "magnitude", "log_s_minus_p")
LIMITS = ("magnitude", "log_s_minus_p", "noise_gain_db")
DISTANCE_FLOOR_KM = 3.0  # below it, distance differences matter no more than its own tenth
WIDER = 8  # times as many candidates where none of the first lies within the limits


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
    """record: index into the store, one per query; widened: the record lies outside tolerances or limits."""

    record: Int64[np.ndarray, " n"]
    widened: Bool[np.ndarray, " n"]


class RecordIndex:
    """Draws among the `n_candidates` nearest records, distances scaled by the tolerances.

    records:    indices into the store; level_db: 20 log10 of what a record's amplitude should be, to any
                reference; noisy: whether it has noise of its own, which scaling it up would raise.
    tolerances: one positive number per name in `FEATURES`: the mismatch that counts as 1.
    limits:     one positive number per name in `LIMITS`, infinity for none: how much a record's magnitude and
                log S minus P may differ, and by how many dB a noisy one may be scaled up.
    p_strength: of each record, log10. p_coherence: how well the direction from a source says it
                (`fcn.recombine.radiation`); 0 leaves it out of account.
    One of the candidates within tolerances and limits is drawn; where there is none, one of the two nearest
    within the limits, sought among more of them; where there is none either, the nearest. No station is ever
    left blank, and a choice that had to look further is marked as widened.
    """

    def __init__(
        self,
        features: Float[np.ndarray, "n 4"],
        records: Int64[np.ndarray, " n"],
        level_db: Float[np.ndarray, " n"],
        noisy: Bool[np.ndarray, " n"],
        *,
        n_candidates: int,
        tolerances: Mapping[str, float],
        limits: Mapping[str, float],
        p_strength: Float[np.ndarray, " n"],
        p_coherence: float,
    ) -> None:
        for name, values, keys in (("tolerances", tolerances, FEATURES), ("limits", limits, LIMITS)):
            if set(values) != set(keys) or min(values.values()) <= 0:
                raise ValueError(f"selection {name} must be positive for exactly {keys}, got {dict(values)}")
        if len(records) == 0:
            raise ValueError(
                "the base store has no earthquake records with P, S and data.min_snr_db in this split"
            )
        self.scale = np.array([tolerances[name] for name in FEATURES])
        self.limits = dict(limits)
        self.features, self.records, self.level_db, self.noisy = features, records, level_db, noisy
        self.p_strength, self.p_coherence = p_strength, p_coherence
        self.tree = cKDTree(features / self.scale)
        self.n_candidates = min(n_candidates, len(records))

    def choose(
        self,
        query: Float[np.ndarray, "n 4"],
        level_db: Float[np.ndarray, " n"],
        pick: Float[np.ndarray, " n"],
        p_rank: Float[np.ndarray, " n"],
    ) -> Choice:
        """One record per query; `pick` in [0, 1) chooses among the candidates, uniformly.

        p_rank: in 0-1, how strongly the event radiates P towards the station.
        """
        distance, neighbour = self._nearest(query, self.n_candidates)
        if self.p_coherence > 0:
            pick = couple(pick, p_rank, self.p_coherence)
            order = self.p_strength[neighbour].argsort(axis=1)
            distance, neighbour = (np.take_along_axis(x, order, axis=1) for x in (distance, neighbour))
        allowed = self._within_limits(query, level_db, neighbour)
        within = allowed & (distance <= 1.0)
        widened = np.asarray(~within.any(axis=1))
        chosen = neighbour[np.arange(len(query)), _nth(within, pick)]
        if widened.any():
            chosen[widened] = self._widen(query[widened], level_db[widened], pick[widened])
        return Choice(self.records[chosen], widened)

    def _widen(
        self,
        query: Float[np.ndarray, "n 4"],
        level_db: Float[np.ndarray, " n"],
        pick: Float[np.ndarray, " n"],
    ) -> Int64[np.ndarray, " n"]:
        """One of the two nearest records within the limits (two keep some variety), else the nearest."""
        _, neighbour = self._nearest(query, min(WIDER * self.n_candidates, len(self.records)))
        allowed = self._within_limits(query, level_db, neighbour)
        two = allowed & (np.cumsum(allowed, axis=1) <= 2)
        two[~allowed.any(axis=1), 0] = True
        return neighbour[np.arange(len(query)), _nth(two, pick)]

    def _nearest(
        self, query: Float[np.ndarray, "n 4"], k: int
    ) -> tuple[Float[np.ndarray, "n k"], Int64[np.ndarray, "n k"]]:
        distance, neighbour = self.tree.query(query / self.scale, k=k)
        return distance.reshape(len(query), k), neighbour.reshape(len(query), k)

    def _within_limits(
        self,
        query: Float[np.ndarray, "n 4"],
        level_db: Float[np.ndarray, " n"],
        neighbour: Int64[np.ndarray, "n k"],
    ) -> Bool[np.ndarray, "n k"]:
        allowed = np.ones(neighbour.shape, bool)
        for name in ("magnitude", "log_s_minus_p"):
            column = FEATURES.index(name)
            mismatch = np.abs(self.features[neighbour, column] - query[:, column, None])
            allowed &= mismatch <= self.limits[name]
        gain_db = level_db[:, None] - self.level_db[neighbour]
        return allowed & ((gain_db <= self.limits["noise_gain_db"]) | ~self.noisy[neighbour])


class OriginIndex:
    """Records of several origins, indexed apart: an event whose records come from one looks like one event.

    indexes: one each. An origin is drawn as often as it has records.
    """

    def __init__(self, indexes: Sequence[RecordIndex]) -> None:
        self.indexes = tuple(indexes)
        self.edges = np.cumsum([len(each.records) for each in self.indexes], dtype=np.float64)
        self.edges /= self.edges[-1]

    @property
    def records(self) -> Int64[np.ndarray, " n"]:
        """Indices into the store of all that may be drawn."""
        return np.concatenate([each.records for each in self.indexes])

    def choose(
        self,
        query: Float[np.ndarray, "n 4"],
        level_db: Float[np.ndarray, " n"],
        pick: Float[np.ndarray, " n"],
        p_rank: Float[np.ndarray, " n"],
        origin_pick: Float[np.ndarray, " n"],
    ) -> Choice:
        """As `RecordIndex.choose`, within the origin that `origin_pick` in [0, 1) chooses for each query."""
        origin = np.minimum(np.searchsorted(self.edges, origin_pick, side="right"), len(self.indexes) - 1)
        record, widened = np.zeros(len(query), np.int64), np.zeros(len(query), bool)
        for number, index in enumerate(self.indexes):
            here = origin == number
            if here.any():
                choice = index.choose(query[here], level_db[here], pick[here], p_rank[here])
                record[here], widened[here] = choice.record, choice.widened
        return Choice(record, widened)


def _nth(candidates: Bool[np.ndarray, "n k"], pick: Float[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Column of one of the true values of each row, uniformly by `pick` in [0, 1); 0 where none is true."""
    count = candidates.sum(axis=1)
    place = np.minimum((pick * count).astype(np.int64), np.maximum(count - 1, 0))
    return (np.cumsum(candidates, axis=1) == place[:, None] + 1).argmax(axis=1)

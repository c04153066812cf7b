"""Which record of which rupture stands in for which station of a large event: all from one array."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from fcn.recombine.select import DISTANCE_FLOOR_KM, Choice
from fcn.store.reader import BaseStore

N_NEAREST = 4  # ruptures among which one is drawn, that magnitudes and depths be no labels of ruptures
MAGNITUDE, DEPTH_KM = 0.1, 3.0  # mismatches of a rupture that count alike
LOG_DISTANCE, AZIMUTH_RAD = 0.5, math.pi / 4  # of a station: 32 about a rupture are about as far apart


@dataclass(frozen=True)
class RuptureIndex:
    """The large ruptures of a split of a store, a row each.

    records: of the stations of its array, indices into the store, -1 where there are fewer than elsewhere.
    log_distance: of epicentral km + `DISTANCE_FLOOR_KM`; azimuth_rad: source to station; NaN where none is.
    """

    magnitude: Float[np.ndarray, " rupture"]
    depth_km: Float[np.ndarray, " rupture"]
    release_s: Float[np.ndarray, "rupture share"]
    records: Int64[np.ndarray, "rupture station"]
    log_distance: Float[np.ndarray, "rupture station"]
    azimuth_rad: Float[np.ndarray, "rupture station"]

    @classmethod
    def of(cls, store: BaseStore, records: Int64[np.ndarray, " n"]) -> "RuptureIndex":
        """Of these records, those of a source together."""
        _, first, source, count = np.unique(
            store.source_id[records], return_index=True, return_inverse=True, return_counts=True
        )
        order = np.argsort(source, kind="stable")
        station = np.arange(len(records)) - np.repeat(np.cumsum(count) - count, count)
        table = np.full((len(count), count.max(initial=0)), -1, np.int64)
        table[source[order], station] = records[order]
        there = table >= 0
        return cls(
            store.magnitude[records[first]],
            store.depth_km[records[first]],
            store.release_s[records[first]],
            table,
            np.where(there, np.log(store.distance_km[table] + DISTANCE_FLOOR_KM), np.nan),
            np.where(there, np.radians(store.azimuth_deg[table]), np.nan),
        )

    def __len__(self) -> int:
        return len(self.magnitude)

    def draw(
        self,
        magnitude: Float[np.ndarray, " n"],
        depth_km: Float[np.ndarray, " n"],
        pick: Float[np.ndarray, " n"],
    ) -> Int64[np.ndarray, " n"]:
        """A rupture for each event: one of the `N_NEAREST` in magnitude and depth, by `pick` in [0, 1)."""
        off = ((magnitude[:, None] - self.magnitude) / MAGNITUDE) ** 2
        off = off + ((depth_km[:, None] - self.depth_km) / DEPTH_KM) ** 2
        n = min(N_NEAREST, len(self))
        nearest = np.argsort(off, axis=1, kind="stable")[:, :n]
        place = np.minimum((pick * n).astype(np.int64), n - 1)
        return nearest[np.arange(len(magnitude)), place]

    def choose(
        self,
        rupture: Int64[np.ndarray, " n"],
        distance_km: Float[np.ndarray, " n"],
        azimuth_rad: Float[np.ndarray, " n"],
        pick: Float[np.ndarray, " n"],
    ) -> Choice:
        """For each station about its rupture the nearest record of its array, or the second if near as well.

        azimuth_rad: in the frame of the array. pick: in [0, 1), which of the two: stations side by side do
        not all record the same. Widened: neither lies within `LOG_DISTANCE` and `AZIMUTH_RAD`.
        """
        farther = (
            np.log(distance_km + DISTANCE_FLOOR_KM)[:, None] - self.log_distance[rupture]
        ) / LOG_DISTANCE
        turn_rad = azimuth_rad[:, None] - self.azimuth_rad[rupture]
        turn_rad = np.abs((turn_rad + math.pi) % (2 * math.pi) - math.pi)
        off = np.nan_to_num(farther**2 + (turn_rad / AZIMUTH_RAD) ** 2, nan=np.inf)
        rows, two = np.arange(len(rupture)), np.argsort(off, axis=1, kind="stable")[:, :2]
        second = two[:, -1]
        other = (pick >= 0.5) & (off[rows, second] <= 1.0)
        chosen = np.where(other, second, two[:, 0])
        return Choice(self.records[rupture, chosen], off[rows, two[:, 0]] > 1.0)

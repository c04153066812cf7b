"""One-to-one matching of declared with catalogued events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from pyproj import Geod
from scipy.optimize import linear_sum_assignment

from fcn.catalogue.event import Event

_ELLIPSOID = Geod(ellps="WGS84")


@dataclass(frozen=True)
class MatchTolerance:
    """How far apart a declared and a catalogued event may be and still be one event."""

    origin_time_s: float
    epicentre_km: float

    def __post_init__(self) -> None:
        if not (self.origin_time_s > 0 and self.epicentre_km > 0):
            raise ValueError(f"matching tolerances must be positive: {self}")


@dataclass(frozen=True)
class Matching:
    """Indices of matched pairs (declared, catalogued) and of what is left on either side."""

    pairs: tuple[tuple[int, int], ...]
    unmatched_declared: tuple[int, ...]
    unmatched_catalogued: tuple[int, ...]


def epicentre_offset_km(predicted: Sequence[Event], true: Sequence[Event]) -> Float[np.ndarray, "event 2"]:
    """East and north from each true epicentre to its prediction, along the WGS84 geodesic."""
    if not predicted:
        return np.zeros((0, 2))
    azimuth_deg, _, distance_m = _ELLIPSOID.inv(
        [event.longitude_deg for event in true],
        [event.latitude_deg for event in true],
        [event.longitude_deg for event in predicted],
        [event.latitude_deg for event in predicted],
    )
    azimuth_rad, distance_km = np.radians(azimuth_deg), np.asarray(distance_m) / 1000
    return np.stack([distance_km * np.sin(azimuth_rad), distance_km * np.cos(azimuth_rad)], axis=-1)


def epicentral_distance_km(first: Sequence[Event], second: Sequence[Event]) -> Float[np.ndarray, "a b"]:
    """Geodesic distance of every event of the first to every event of the second."""
    pairs_first = [event for event in first for _ in second]
    pairs_second = [event for _ in first for event in second]
    offset_km = epicentre_offset_km(pairs_second, pairs_first)
    return np.hypot(offset_km[:, 0], offset_km[:, 1]).reshape(len(first), len(second))


def match_events(
    declared: Sequence[Event], catalogued: Sequence[Event], tolerance: MatchTolerance
) -> Matching:
    """The matching with most pairs, and among those the least sum of squared distances in tolerances.

    A pair is possible when both differences are within tolerance (ends included); each event is in
    one pair at most. Solved exactly (Hungarian method, Kuhn 1955, as scipy.optimize.linear_sum_assignment).
    """
    time_s = np.array([event.origin_time_s for event in declared])
    catalogued_time_s = np.array([event.origin_time_s for event in catalogued])
    time = np.abs(time_s[:, None] - catalogued_time_s[None, :]) / tolerance.origin_time_s
    distance = epicentral_distance_km(declared, catalogued) / tolerance.epicentre_km
    possible = (time <= 1) & (distance <= 1)
    # One impossible pair costs more than all possible ones together (2 each at most): most pairs come first.
    impossible_cost = 2.0 * (min(possible.shape) + 1)
    rows, columns = linear_sum_assignment(np.where(possible, time**2 + distance**2, impossible_cost))
    pairs = tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if possible[i, j])
    matched_declared, matched_catalogued = {i for i, _ in pairs}, {j for _, j in pairs}
    return Matching(
        pairs,
        tuple(i for i in range(len(declared)) if i not in matched_declared),
        tuple(j for j in range(len(catalogued)) if j not in matched_catalogued),
    )

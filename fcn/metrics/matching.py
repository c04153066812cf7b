"""One-to-one matching of declared with catalogued events."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from pyproj import Geod
from scipy.optimize import linear_sum_assignment

from fcn.catalogue.event import Event

_ELLIPSOID = Geod(ellps="WGS84")


@dataclass(frozen=True)
class MatchTolerance:
    """How far apart a declared and a catalogued event may be and still be one event.

    magnitude_scale: the difference of magnitudes, in units of magnitude, that speaks against a pair as much
    as a whole tolerance of time or place does. It forbids none; infinite: magnitudes do not count.
    Raises ValueError for what is not positive.
    """

    origin_time_s: float
    epicentre_km: float
    magnitude_scale: float

    def __post_init__(self) -> None:
        if not (self.origin_time_s > 0 and self.epicentre_km > 0 and self.magnitude_scale > 0):
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
    """The matching with most pairs, and among those the least sum of squared differences.

    A pair is possible when origin times and epicentres are both within tolerance (ends included); each event
    is in one pair at most. Differences of time and place count in tolerances, that of magnitude in
    `magnitude_scale`, one at most, and where either side has none as those of the declared event's other
    pairs do in the mean. So times and places alone tell
    how many pairs there are, and a badly sized event is still paired with its own. Magnitudes help to tell
    which, as where catalogues of agencies are merged (SEISAN's ASSO compares them, too; Havskov & Ottemoeller
    1999, Seism. Res. Lett. 70): the first aftershocks are within tolerance of what is declared of the main
    shock, and one may be nearer. Solved exactly (Hungarian method, Kuhn 1955, as
    scipy.optimize.linear_sum_assignment). The order of either side is of no matter.
    """
    row, column = _in_order(declared), _in_order(catalogued)  # else ties would be broken by position
    possible, cost = _costs([declared[i] for i in row], [catalogued[j] for j in column], tolerance)
    # One impossible pair costs more than all possible ones together (3 each at most): most pairs come first.
    impossible_cost = 3.0 * (min(possible.shape) + 1)
    assigned = zip(*linear_sum_assignment(np.where(possible, cost, impossible_cost)), strict=True)
    pairs = tuple(sorted((row[i], column[j]) for i, j in assigned if possible[i, j]))
    matched_declared, matched_catalogued = {i for i, _ in pairs}, {j for _, j in pairs}
    return Matching(
        pairs,
        tuple(i for i in range(len(declared)) if i not in matched_declared),
        tuple(j for j in range(len(catalogued)) if j not in matched_catalogued),
    )


def _costs(
    declared: Sequence[Event], catalogued: Sequence[Event], tolerance: MatchTolerance
) -> tuple[Bool[np.ndarray, "declared catalogued"], Float[np.ndarray, "declared catalogued"]]:
    """Whether each pair is possible, and the sum of its squared differences, 3 at most of a possible one."""
    time = _apart([e.origin_time_s for e in declared], [e.origin_time_s for e in catalogued])
    time /= tolerance.origin_time_s
    distance = epicentral_distance_km(declared, catalogued) / tolerance.epicentre_km
    size = _apart([_magnitude(e) for e in declared], [_magnitude(e) for e in catalogued])
    possible, size = (time <= 1) & (distance <= 1), np.minimum(size / tolerance.magnitude_scale, 1.0) ** 2
    known = possible & ~np.isnan(size)
    # to have no magnitude is no likeness: such a pair counts as those of the declared event do in the mean
    mean = np.where(known, size, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return possible, time**2 + distance**2 + np.where(np.isnan(size), mean[:, None], size)


def _apart(first: Sequence[float], second: Sequence[float]) -> Float[np.ndarray, "a b"]:
    return np.abs(np.subtract.outer(np.array(first, dtype=np.float64), np.array(second, dtype=np.float64)))


def _magnitude(event: Event) -> float:
    return math.nan if event.magnitude is None else event.magnitude


def _in_order(events: Sequence[Event]) -> list[int]:
    """Rows of events by all that the matching sees of them."""
    return sorted(
        range(len(events)),
        key=lambda i: (
            events[i].origin_time_s,
            events[i].latitude_deg,
            events[i].longitude_deg,
            -math.inf if math.isnan(_magnitude(events[i])) else _magnitude(events[i]),
            events[i].event_id,
        ),
    )

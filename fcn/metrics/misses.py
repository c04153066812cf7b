"""Why a catalogued event was not found: the simplest honest reason, with everything known beside it."""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, WindowEstimate
from fcn.geometry.projection import LocalFrame
from fcn.metrics.breakdown import larger_neighbour
from fcn.metrics.matching import Matching, MatchTolerance, epicentral_distance_km
from fcn.metrics.visibility import VISIBLE_SNR


class Reason(enum.StrEnum):
    """Reasons for a miss, in the order they are tried."""

    OUTSIDE = "outside the box"
    MISPLACED = "declared, but misplaced"
    BELOW_NOISE = "below noise at the third station"
    OVERLAPPED = "overlapped"
    BELOW_THRESHOLD = "below threshold"
    UNSEEN = "no window pointed there"


@dataclass(frozen=True)
class Miss:
    """A catalogued event that no declared one matches; detail holds every fact, not only the reason's."""

    event: Event
    reason: Reason
    detail: str


def explain_misses(
    declared: Sequence[DeclaredEvent],
    catalogue: Catalogue,
    matching: Matching,
    estimates: Sequence[WindowEstimate],
    *,
    tolerance: MatchTolerance,
    frame: LocalFrame,
    half_size_km: tuple[float, float],
    snr: Mapping[str, float],
) -> list[Miss]:
    """One Miss for each unmatched event of the catalogue.

    estimates: all that the windows said, above the thresholds or not, in the local frame.
    half_size_km: of the box about the frame's centre, east and north.
    snr: at the third station (`fcn.metrics.visibility`), by event_id, where known.
    """
    places_km = _local_km(catalogue.events, frame)
    unmatched = [declared[i].final.event for i in matching.unmatched_declared]
    misses = []
    for j in matching.unmatched_catalogued:
        event = catalogue[j]
        facts = {
            Reason.OUTSIDE: _outside(places_km[j], half_size_km),
            Reason.MISPLACED: _misplaced(event, unmatched, tolerance),
            Reason.BELOW_NOISE: _below_noise(event, snr),
            Reason.OVERLAPPED: _overlapped(event, catalogue),
            Reason.BELOW_THRESHOLD: _best_scores(event, places_km[j], estimates, tolerance),
        }
        known = {reason: fact for reason, fact in facts.items() if fact}
        reason = next(iter(known), Reason.UNSEEN)
        misses.append(Miss(event, reason, "; ".join(known.values()) or "no estimate near its place and time"))
    return misses


def _local_km(events: Sequence[Event], frame: LocalFrame) -> list[tuple[float, float]]:
    latitude_deg = np.array([event.latitude_deg for event in events], dtype=np.float64)
    longitude_deg = np.array([event.longitude_deg for event in events], dtype=np.float64)
    east_km, north_km = frame.to_local_km(latitude_deg, longitude_deg)
    return [(float(x), float(y)) for x, y in zip(east_km, north_km, strict=True)]


def _outside(place_km: tuple[float, float], half_size_km: tuple[float, float]) -> str:
    beyond_km = max(abs(x) - half for x, half in zip(place_km, half_size_km, strict=True))
    return f"{beyond_km:.1f} km outside the box" if beyond_km > 0 else ""


def _misplaced(event: Event, unmatched: Sequence[Event], tolerance: MatchTolerance) -> str:
    near = [
        other
        for other in unmatched
        if abs(other.origin_time_s - event.origin_time_s) <= 2 * tolerance.origin_time_s
    ]
    if not near:
        return ""
    distances_km = epicentral_distance_km([event], near)[0]
    i = int(distances_km.argmin())
    return (
        f"{near[i].event_id} declared {distances_km[i]:.0f} km away, "
        f"{near[i].origin_time_s - event.origin_time_s:+.1f} s"
    )


def _overlapped(event: Event, catalogue: Catalogue) -> str:
    other = larger_neighbour(event, catalogue)
    if other is None:
        return ""
    size = "magnitude unknown" if other.magnitude is None else f"M {other.magnitude:.1f}"
    return f"overlapped by {other.event_id} ({size}, {other.origin_time_s - event.origin_time_s:+.1f} s)"


def _below_noise(event: Event, snr: Mapping[str, float]) -> str:
    value = snr.get(event.event_id, math.nan)
    return f"SNR {value:.1f} at the third station" if value < VISIBLE_SNR else ""


def _best_scores(
    event: Event,
    place_km: tuple[float, float],
    estimates: Sequence[WindowEstimate],
    tolerance: MatchTolerance,
) -> str:
    near = [
        each
        for each in estimates
        if abs(each.origin_time_s - event.origin_time_s) <= tolerance.origin_time_s
        and math.dist((each.east_km, each.north_km), place_km) <= tolerance.epicentre_km
    ]
    if not near:
        return ""
    best = max(near, key=lambda each: each.detection_score * each.location_score)
    return (
        f"best of {len(near)} windows: detection {best.detection_score:.2f}, "
        f"location {best.location_score:.2f}"
    )

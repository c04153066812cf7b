"""Recall and errors of classes of events: by magnitude, by visibility, by overlap."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event
from fcn.metrics.matching import Matching, epicentre_offset_km

OVERLAP_S = 15.0  # P to the end of the strong S coda of a local event: origins nearer than this share windows
SNR_CLASSES = (2.0, 4.0, 8.0, 16.0)  # peak over RMS; Gaussian noise alone reaches 3 to 4 in a few seconds


@dataclass(frozen=True)
class Class:
    """Figures of the catalogued events of one class; None where undefined."""

    label: str
    n_catalogued: int
    n_matched: int
    recall: float
    epicentre_p50_km: float | None
    magnitude_bias: float | None
    alarm_latency_s_p50: float | None


def by_magnitude(declared: Sequence[DeclaredEvent], catalogue: Catalogue, matching: Matching) -> list[Class]:
    """One row per unit of magnitude that has events, smallest first; events without one come last."""

    def place(event: Event) -> tuple[float, str]:
        if event.magnitude is None:
            return math.inf, "magnitude unknown"
        floor = math.floor(event.magnitude)
        return float(floor), f"{floor} ≤ M < {floor + 1}"

    return _classes([place(event) for event in catalogue], declared, catalogue, matching)


def by_snr(
    declared: Sequence[DeclaredEvent], catalogue: Catalogue, matching: Matching, snr: Mapping[str, float]
) -> list[Class]:
    """One row per class of signal-to-noise at the third station (by event_id; NaN or absent: unknown)."""

    def place(event: Event) -> tuple[float, str]:
        value = snr.get(event.event_id, math.nan)
        if math.isnan(value):
            return math.inf, "SNR unknown"
        above = [limit for limit in SNR_CLASSES if value >= limit]
        if not above:
            return 0.0, f"SNR < {SNR_CLASSES[0]:g}"
        upper = SNR_CLASSES[len(above)] if len(above) < len(SNR_CLASSES) else None
        return above[-1], f"{above[-1]:g} ≤ SNR" + ("" if upper is None else f" < {upper:g}")

    return _classes([place(event) for event in catalogue], declared, catalogue, matching)


def by_overlap(declared: Sequence[DeclaredEvent], catalogue: Catalogue, matching: Matching) -> list[Class]:
    """Events alone, the largest of those within OVERLAP_S of each other, and the smaller of them."""
    return _classes([_overlap_class(event, catalogue) for event in catalogue], declared, catalogue, matching)


def larger_neighbour(event: Event, catalogue: Catalogue) -> Event | None:
    """The largest event of no smaller magnitude within OVERLAP_S; an unknown magnitude is the least."""
    near = [other for other in _neighbours(event, catalogue) if _size(other) >= _size(event)]
    return max(near, key=_size, default=None)


def _neighbours(event: Event, catalogue: Catalogue) -> list[Event]:
    return [
        other
        for other in catalogue
        if other is not event and abs(other.origin_time_s - event.origin_time_s) <= OVERLAP_S
    ]


def _size(event: Event) -> float:
    return -math.inf if event.magnitude is None else event.magnitude


def _overlap_class(event: Event, catalogue: Catalogue) -> tuple[float, str]:
    if not _neighbours(event, catalogue):
        return 0.0, f"alone within {OVERLAP_S:g} s"
    if larger_neighbour(event, catalogue) is None:
        return 1.0, "largest of an overlap"
    return 2.0, "overlapped by a larger one"


def _classes(
    places: Sequence[tuple[float, str]],
    declared: Sequence[DeclaredEvent],
    catalogue: Catalogue,
    matching: Matching,
) -> list[Class]:
    """places: sort key and label of the class of each catalogued event."""
    found = {j: i for i, j in matching.pairs}
    rows = []
    for place in sorted(set(places)):
        members = [j for j, each in enumerate(places) if each == place]
        pairs = [(declared[found[j]], catalogue[j]) for j in members if j in found]
        rows.append(_row(place[1], len(members), pairs))
    return rows


def _row(label: str, n_catalogued: int, pairs: Sequence[tuple[DeclaredEvent, Event]]) -> Class:
    offset_km = epicentre_offset_km([each.final.event for each, _ in pairs], [true for _, true in pairs])
    biases = [
        each.final.event.magnitude - true.magnitude
        for each, true in pairs
        if each.final.event.magnitude is not None and true.magnitude is not None
    ]
    latencies_s = [
        each.alarm.now_s - true.first_p_time_s for each, true in pairs if true.first_p_time_s is not None
    ]
    return Class(
        label=label,
        n_catalogued=n_catalogued,
        n_matched=len(pairs),
        recall=len(pairs) / n_catalogued,
        epicentre_p50_km=_median(np.hypot(offset_km[:, 0], offset_km[:, 1]).tolist()),
        magnitude_bias=float(np.mean(biases)) if biases else None,
        alarm_latency_s_p50=_median(latencies_s),
    )


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None

"""Recall and errors of classes of events: by magnitude, by visibility, by overlap."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event
from fcn.metrics.matching import Matching
from fcn.metrics.score import Score, latency_figures, source_figures

OVERLAP_S = 15.0  # P to the end of the strong S coda of a local event: origins nearer than this share windows
SNR_CLASSES = (2.0, 4.0, 8.0, 16.0)  # peak over RMS; Gaussian noise alone reaches 3 to 4 in a few seconds


@dataclass(frozen=True)
class Class:
    """The catalogued events of one class; figures: of final place and magnitude and of the alarm."""

    label: str
    n_catalogued: int
    n_matched: int
    figures: Score

    @property
    def recall(self) -> float:
        """Matched of catalogued; a class has at least one."""
        return self.n_matched / self.n_catalogued


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
        figures = source_figures([(each.final.event, true) for each, true in pairs]) | latency_figures(pairs)
        rows.append(Class(place[1], len(members), len(pairs), figures))
    return rows

"""Recall and errors by magnitude class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fcn.catalogue.event import Catalogue, DeclaredEvent
from fcn.metrics.matching import Matching, epicentre_offset_km


@dataclass(frozen=True)
class MagnitudeClass:
    """Figures of the catalogued events of one unit of magnitude; None where undefined."""

    label: str
    n_catalogued: int
    n_matched: int
    recall: float
    epicentre_p50_km: float | None
    magnitude_bias: float | None
    alarm_latency_s_p50: float | None


def by_magnitude(
    declared: Sequence[DeclaredEvent], catalogue: Catalogue, matching: Matching
) -> list[MagnitudeClass]:
    """One row per unit of magnitude that has events, smallest first; events without one come last."""
    members: dict[float, list[int]] = {}
    for j, event in enumerate(catalogue):
        floor = math.inf if event.magnitude is None else float(math.floor(event.magnitude))
        members.setdefault(floor, []).append(j)
    found = {j: i for i, j in matching.pairs}
    return [_row(floor, members[floor], found, declared, catalogue) for floor in sorted(members)]


def _row(
    floor: float,
    members: Sequence[int],
    found: dict[int, int],
    declared: Sequence[DeclaredEvent],
    catalogue: Catalogue,
) -> MagnitudeClass:
    pairs = [(declared[found[j]], catalogue[j]) for j in members if j in found]
    offset_km = epicentre_offset_km([each.final.event for each, _ in pairs], [true for _, true in pairs])
    biases = [
        each.final.event.magnitude - true.magnitude
        for each, true in pairs
        if each.final.event.magnitude is not None and true.magnitude is not None
    ]
    latencies_s = [
        each.alarm.now_s - true.first_p_time_s for each, true in pairs if true.first_p_time_s is not None
    ]
    return MagnitudeClass(
        label="unknown" if math.isinf(floor) else f"{floor:.0f} ≤ M < {floor + 1:.0f}",
        n_catalogued=len(members),
        n_matched=len(pairs),
        recall=len(pairs) / len(members),
        epicentre_p50_km=_median(np.hypot(offset_km[:, 0], offset_km[:, 1]).tolist()),
        magnitude_bias=float(np.mean(biases)) if biases else None,
        alarm_latency_s_p50=_median(latencies_s),
    )


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None

"""A replayed sequence and its judgement: what every table and figure of the test report draws on."""

from collections.abc import Sequence as Items
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, WindowEstimate
from fcn.data.sequences import Sequence
from fcn.earth.travel_time import TravelTimeTable
from fcn.metrics.matching import Matching, MatchTolerance
from fcn.metrics.misses import Miss, explain_misses
from fcn.metrics.score import Score, compare
from fcn.metrics.visibility import p_snr, third_station_snr

_TABLE_STEP_KM = 1.0
_VERTICAL = 0  # component Z


@dataclass(frozen=True)
class Outcome:
    """Everything known after a replay; empty where there is no catalogue.

    snr: signal to noise of each catalogued event at its third station, by event_id, where it is known.
    """

    sequence: Sequence
    score: Score
    declared: tuple[DeclaredEvent, ...]
    estimates: tuple[WindowEstimate, ...]
    catalogue: Catalogue
    matching: Matching
    misses: tuple[Miss, ...]
    snr: dict[str, float]

    @property
    def name(self) -> str:
        """The sequence's, saying so where it is simulated."""
        return self.sequence.name + (" (simulated)" if self.sequence.simulated else "")

    @property
    def has_catalogue(self) -> bool:
        """Whether there is a truth to compare with."""
        return self.sequence.catalogue is not None

    @property
    def pairs(self) -> list[tuple[DeclaredEvent, Event]]:
        """Matched events, declared and catalogued."""
        return [(self.declared[i], self.catalogue[j]) for i, j in self.matching.pairs]

    @property
    def unmatched(self) -> list[DeclaredEvent]:
        """Declared events that no catalogued one matches: false alarms, where the catalogue is complete."""
        return [self.declared[i] for i in self.matching.unmatched_declared]

    def local_km(self, events: Items[Event]) -> Float[np.ndarray, "event 3"]:
        """East, north, depth of events in the sequence's frame."""
        return local_km(self.sequence, events)


def judge(
    sequence: Sequence,
    declared: Items[DeclaredEvent],
    score: Score,
    estimates: Items[WindowEstimate],
    tolerance: MatchTolerance,
) -> Outcome:
    """Match what was declared in a sequence with its catalogue, and say why the rest was missed."""
    known = sequence.catalogue or Catalogue(sequence.name, ())
    catalogue, matching = compare(declared, known, sequence.watched, tolerance)
    snr = {event.event_id: value for event, value in zip(catalogue, _snr(sequence, catalogue), strict=True)}
    misses = explain_misses(
        declared,
        catalogue,
        matching,
        estimates,
        tolerance=tolerance,
        frame=sequence.frame,
        half_size_km=sequence.box,
        snr=snr,
    )
    return Outcome(
        sequence, score, tuple(declared), tuple(estimates), catalogue, matching, tuple(misses), snr
    )


def local_km(sequence: Sequence, events: Items[Event]) -> Float[np.ndarray, "event 3"]:
    """East, north, depth of events in the sequence's frame."""
    latitude_deg = np.array([event.latitude_deg for event in events], dtype=np.float64)
    longitude_deg = np.array([event.longitude_deg for event in events], dtype=np.float64)
    depth_km = np.array([event.depth_km for event in events], dtype=np.float64)
    return np.stack([*sequence.frame.to_local_km(latitude_deg, longitude_deg), depth_km], axis=-1)


def arrivals_s(sequence: Sequence, events: Items[Event]) -> Float[np.ndarray, "event station 2"] | None:
    """P and S travel times of events to the stations; None where the sequence names no velocity model."""
    if sequence.velocity_model is None or not events:
        return None
    source_km, station_km = local_km(sequence, events), sequence.station_km
    reach_km = np.linalg.norm(source_km[:, None, :2] - station_km[None, :, :2], axis=-1).max()
    table = TravelTimeTable.build(
        sequence.velocity_model,
        min_depth_km=float(min(source_km[:, 2].min(), 0.0)) - _TABLE_STEP_KM,
        max_depth_km=float(max(source_km[:, 2].max(), 0.0)) + _TABLE_STEP_KM,
        max_distance_km=float(reach_km) + _TABLE_STEP_KM,
        step_km=_TABLE_STEP_KM,
    )
    times_s = table.between(torch.from_numpy(source_km).float(), torch.from_numpy(station_km).float())
    return times_s.transpose(0, 1).numpy().astype(np.float64)


def _snr(sequence: Sequence, catalogue: Catalogue) -> list[float]:
    times_s = arrivals_s(sequence, catalogue.events)
    if times_s is None:
        return [float("nan")] * len(catalogue)
    result = []
    for event, p_s in zip(catalogue, times_s[..., 0], strict=True):
        arrival_s = event.origin_time_s - sequence.start_time_s + p_s
        snr = p_snr(sequence.narrow[:, _VERTICAL], arrival_s, sequence.sampling_rate_hz)
        result.append(third_station_snr(snr, arrival_s))
    return result

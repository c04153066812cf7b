"""Recorders that write only while the ground shakes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Float

from fcn.seeding import Purpose, derive_rng
from fcn.simulate.recording.instrument import acceleration_mps2

TRIGGER = 12  # first key of a sequence's random streams

Spans = list[tuple[float, float]]  # seconds from the start of the sequence


@dataclass(frozen=True)
class Trigger:
    """Records that begin `lead_s` (a range, drawn per record) before P and end `hold_s` after strong shaking.

    level_mps2: ground acceleration that sets a recorder off (K-NET: 0.02) and below which shaking has died.
    """

    level_mps2: float
    lead_s: Sequence[float]
    hold_s: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "lead_s", tuple(map(float, self.lead_s)))
        if len(self.lead_s) != 2 or not 0.0 <= self.lead_s[0] <= self.lead_s[1]:
            raise ValueError(f"lead_s is a range of seconds before P, low to high, got {list(self.lead_s)}")
        if not (self.level_mps2 > 0.0 and self.hold_s > 0.0):
            raise ValueError(f"level_mps2 and hold_s of a trigger must be positive: {self}")

    def spans(
        self,
        velocity_mps: Float[np.ndarray, "3 time"],
        p_time_s: Float[np.ndarray, " event"],
        sampling_rate_hz: float,
        rng: np.random.Generator,
    ) -> Spans:
        """When one station records.

        Shaking belongs to the last P before it; what it does not set off is not recorded.
        velocity_mps: of the ground, without noise; p_time_s: of each earthquake, from its first sample.
        """
        strong = np.abs(acceleration_mps2(velocity_mps, sampling_rate_hz)).max(0) > self.level_mps2
        at_s = np.flatnonzero(strong) / sampling_rate_hz
        lead_s = rng.uniform(self.lead_s[0], self.lead_s[1], len(p_time_s))
        spans: Spans = []
        for first_s, last_s in _bursts(at_s, self.hold_s):
            before = np.flatnonzero(p_time_s <= first_s)
            event = int(before[p_time_s[before].argmax()]) if len(before) else None
            begin_s = first_s - self.lead_s[1] if event is None else float(p_time_s[event] - lead_s[event])
            if spans and begin_s <= spans[-1][1]:
                begin_s = spans.pop()[0]
            spans.append((max(begin_s, 0.0), last_s + self.hold_s))
        return spans

    def cut(
        self,
        stream: obspy.Stream,
        velocity_mps: Float[np.ndarray, "station 3 time"],
        arrival_s: Sequence[Float[np.ndarray, "station 2"]],
        stations: Sequence[str],
        start_time_s: float,
        seed: int,
    ) -> obspy.Stream:
        """The parts of a network's traces that its recorders write.

        arrival_s: of each earthquake, from start_time_s; stations: "NET.STA" of each row. ValueError where
        nothing is strong enough.
        """
        rate_hz, kept = stream[0].stats.sampling_rate, obspy.Stream()
        for row, station_id in enumerate(stations):
            network, station = station_id.split(".")
            p_time_s = np.array([times_s[row, 0] for times_s in arrival_s])
            rng = derive_rng(seed, Purpose.SEQUENCE, TRIGGER, row)
            for begin_s, end_s in self.spans(velocity_mps[row], p_time_s, rate_hz, rng):
                ends = (obspy.UTCDateTime(start_time_s + edge_s) for edge_s in (begin_s, end_s))
                kept += stream.select(network=network, station=station).slice(*ends)
        if not kept:
            raise ValueError(f"no station feels {self.level_mps2} m/s2: lower level_mps2 of the trigger")
        return kept


def _bursts(at_s: Float[np.ndarray, " sample"], hold_s: float) -> Spans:
    """First and last of the times between which no pause is longer than `hold_s`."""
    if not len(at_s):
        return []
    breaks = np.flatnonzero(np.diff(at_s) > hold_s)
    firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(at_s) - 1)
    return [(float(at_s[first]), float(at_s[last])) for first, last in zip(firsts, lasts, strict=True)]

"""A recording as if it came over a link."""

import bisect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import obspy

from fcn.stream.clock import ReplayClock
from fcn.stream.packet import Packet

AHEAD_S = 0.1 + 1e-6  # interpolation to 20 Hz waits for two samples of the input
LAST_S = 0.05  # a window may end so long after the last sample: at 20 Hz


@dataclass(frozen=True)
class Link:
    """How packets travel; what is drawn is drawn from `seed`.

    packet_s: their length; None: a trace of the recording is one.
    latency_s: from a packet's last sample to its arrival; None: none at all, every sample is there when it is
        measured, as in a test: packets come just before their first sample.
    station_latency_s: a station adds its own, drawn between these. jitter_s: mean of an exponential that
        every packet adds; packets of a channel keep their order.
    loss_share, duplicate_share, late_share: of packets that never come, come twice, or come late_s later than
        they would, after those that follow them.
    """

    seed: int
    packet_s: float | None
    latency_s: float | None
    station_latency_s: tuple[float, float] | list[float]
    jitter_s: float
    loss_share: float
    duplicate_share: float
    late_share: float
    late_s: float

    def __post_init__(self) -> None:
        low_s, high_s = self.station_latency_s
        if (self.packet_s is not None and not self.packet_s > 0) or not 0 <= low_s <= high_s:
            raise ValueError(f"packet_s > 0 and 0 <= station_latency_s[0] <= station_latency_s[1]: {self}")
        if (self.latency_s is not None and self.latency_s < 0) or min(self.jitter_s, self.late_s) < 0:
            raise ValueError(f"latency_s, jitter_s and late_s must not be below 0: {self}")
        if not all(0 <= each <= 1 for each in (self.loss_share, self.duplicate_share, self.late_share)):
            raise ValueError(f"shares must be between 0 and 1: {self}")


class _Due(NamedTuple):
    arrival_s: float
    first_s: float
    trace: int
    first: int
    n: int


class ReplaySource:
    """The traces of a recording in packets, in order of arrival, on a clock of its own."""

    def __init__(self, stream: obspy.Stream, link: Link, pace: float | None) -> None:
        self._traces = sorted(stream, key=lambda trace: (trace.id, trace.stats.starttime))
        self._due = sorted(self._arrivals(link))
        if not self._due:
            raise ValueError("nothing of the recording arrives: loss_share is 1")
        self._end_s = max(trace.stats.endtime.timestamp for trace in self._traces)
        self._next = 0
        self._pace = pace
        start_s = math.floor(min(trace.stats.starttime.timestamp for trace in self._traces))
        self._clock = ReplayClock(start_s, pace)

    @property
    def clock(self) -> ReplayClock:
        """From the first sample on."""
        return self._clock

    def poll(self, clock_s: float) -> list[Packet]:
        """See `Source`."""
        end = bisect.bisect_right(self._due, clock_s, key=lambda each: each.arrival_s)
        due, self._next = self._due[self._next : end], max(self._next, end)
        return [self._packet(each) for each in due]

    def is_over(self, clock_s: float) -> bool:
        """See `Source`."""
        over_s = max(self._end_s, self._due[-1].arrival_s) + LAST_S
        return self._next == len(self._due) and bool(clock_s > over_s)

    def state(self) -> dict[str, Any]:
        """See `Source`."""
        return {"next": self._next, "clock_s": self._clock.now_s()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Source`."""
        self._next = state["next"]
        self._clock = ReplayClock(state["clock_s"], self._pace)

    def close(self) -> None:
        """See `Source`."""

    def _packet(self, due: _Due) -> Packet:
        trace = self._traces[due.trace]
        counts = np.ma.asarray(trace.data[due.first : due.first + due.n], dtype=np.float64)
        return Packet(trace.id, due.first_s, float(trace.stats.sampling_rate), np.ma.filled(counts, np.nan))

    def _arrivals(self, link: Link) -> Iterator[_Due]:
        rng = np.random.default_rng(link.seed)
        low_s, high_s = link.station_latency_s
        names = sorted({f"{trace.stats.network}.{trace.stats.station}" for trace in self._traces})
        own_s = dict(zip(names, rng.uniform(low_s, high_s, len(names)), strict=True))
        in_order: dict[str, float] = {}
        for index, trace in enumerate(self._traces):
            stats = trace.stats
            rate_hz, start_s = float(stats.sampling_rate), stats.starttime.timestamp
            n = stats.npts if link.packet_s is None else max(round(link.packet_s * rate_hz), 1)
            firsts = np.arange(0, stats.npts, n)
            draws = rng.uniform(size=(3, firsts.size))
            jitter_s = rng.exponential(link.jitter_s, firsts.size) if link.jitter_s else np.zeros(firsts.size)
            for i, first in enumerate(firsts.tolist()):
                lost, twice, late = draws[:, i] < (link.loss_share, link.duplicate_share, link.late_share)
                if lost:
                    continue
                first_s, size = start_s + first / rate_hz, min(n, stats.npts - first)
                arrival_s = first_s - AHEAD_S
                if link.latency_s is not None:
                    delay_s = link.latency_s + own_s[f"{stats.network}.{stats.station}"] + jitter_s[i]
                    arrival_s = first_s + (size - 1) / rate_hz + delay_s
                arrival_s = max(arrival_s, in_order.get(trace.id, -math.inf))
                if late:
                    arrival_s += link.late_s
                else:
                    in_order[trace.id] = arrival_s
                for _ in range(2 if twice else 1):
                    yield _Due(arrival_s, first_s, index, first, size)

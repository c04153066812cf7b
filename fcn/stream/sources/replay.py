"""A recording as if it came over a link."""

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from fcn import checked
from fcn.stream.clock import ReplayClock
from fcn.stream.packet import Packet
from fcn.waveform.gaps import counts_of
from fcn.waveform.stored import AnyTrace

AHEAD_S = 0.1 + 1e-6  # interpolation to 20 Hz waits for two samples of the input
LONGEST_S = (
    600.0  # of a trace that comes as one packet where it is in time: a longer one would be whole in memory
)
LAST_S = 0.05  # a window may end so long after the last sample: at 20 Hz


@dataclass(frozen=True)
class Link:
    """How packets travel; what is drawn is drawn from `seed`.

    packet_s: their length; None: a trace of the recording is one, or `LONGEST_S` of it where it is in time.
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
        low_s, high_s = checked.numbers("station_latency_s", self.station_latency_s, 2)
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
    """The traces of a recording in packets, in order of arrival, on a clock of its own.

    Samples are taken from the traces as their packets come.
    """

    def __init__(self, stream: Iterable[AnyTrace], link: Link, pace: float | None) -> None:
        self._traces = sorted(stream, key=lambda trace: (trace.id, trace.stats.starttime))
        self._link, self._pace = link, pace
        self._end_s = max(trace.stats.endtime.timestamp for trace in self._traces)
        self._begin(0)
        if self._ahead is None:
            raise ValueError("nothing of the recording arrives: loss_share is 1")
        start_s = math.floor(min(trace.stats.starttime.timestamp for trace in self._traces))
        self._clock = ReplayClock(start_s, pace)

    def _begin(self, n: int) -> None:
        """Before the packet that comes after the first n."""
        self._coming = heapq.merge(*map(_in_order, _channels(self._traces, self._link)))
        self._next, self._last_s = n, -math.inf
        for due in itertools.islice(self._coming, n):
            self._last_s = due.arrival_s
        self._ahead = next(self._coming, None)

    @property
    def clock(self) -> ReplayClock:
        """From the first sample on."""
        return self._clock

    def poll(self, clock_s: float) -> list[Packet]:
        """See `Source`."""
        come = []
        while self._ahead is not None and self._ahead.arrival_s <= clock_s:
            come.append(self._packet(self._ahead))
            self._next, self._last_s = self._next + 1, self._ahead.arrival_s
            self._ahead = next(self._coming, None)
        return come

    def is_over(self, clock_s: float) -> bool:
        """See `Source`."""
        return self._ahead is None and bool(clock_s > max(self._end_s, self._last_s) + LAST_S)

    def state(self) -> dict[str, Any]:
        """See `Source`."""
        return {"next": self._next, "clock_s": self._clock.now_s()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Source`."""
        self._begin(state["next"])
        self._clock = ReplayClock(state["clock_s"], self._pace)

    def close(self) -> None:
        """See `Source`."""

    def _packet(self, due: _Due) -> Packet:
        trace = self._traces[due.trace]
        counts = counts_of(trace.data[due.first : due.first + due.n])
        return Packet(trace.id, due.first_s, float(trace.stats.sampling_rate), counts)


_Sent = Iterator[tuple[_Due, bool]]
_Drawn = tuple[Bool[np.ndarray, "3 n"], Float64[np.ndarray, " n"]] | None


def _in_order(sent: _Sent) -> Iterator[_Due]:
    """In order of arrival, of which those that are not late are sent."""
    waiting: list[_Due] = []
    for due, is_late in sent:
        while not is_late and waiting and waiting[0].arrival_s < due.arrival_s:
            yield heapq.heappop(waiting)
        heapq.heappush(waiting, due)
    while waiting:
        yield heapq.heappop(waiting)


def _channels(traces: list[AnyTrace], link: Link) -> Iterator[_Sent]:
    """Of every channel its packets as they are sent, and whether they are late. traces: by channel."""
    rng = np.random.default_rng(link.seed)
    low_s, high_s = link.station_latency_s
    names = sorted({f"{trace.stats.network}.{trace.stats.station}" for trace in traces})
    own_s = dict(zip(names, rng.uniform(low_s, high_s, len(names)), strict=True))
    shares = np.array((link.loss_share, link.duplicate_share, link.late_share))
    for _, group in itertools.groupby(enumerate(traces), key=lambda each: each[1].id):
        members: list[tuple[int, AnyTrace, int, _Drawn]] = []
        for index, trace in group:
            n = _length(trace, link)
            drawn, n_packets = None, -(-trace.stats.npts // n)
            if shares.any() or link.jitter_s:
                flags = rng.uniform(size=(3, n_packets)) < shares[:, None]
                jitter = rng.exponential(link.jitter_s, n_packets) if link.jitter_s else np.zeros(n_packets)
                drawn = flags, jitter
            members.append((index, trace, n, drawn))
        delay_s = (link.latency_s or 0.0) + own_s[f"{trace.stats.network}.{trace.stats.station}"]
        yield _sent(members, link, delay_s)


def _length(trace: AnyTrace, link: Link) -> int:
    """Samples of a trace's packets."""
    rate_hz = float(trace.stats.sampling_rate)
    if link.packet_s is not None:
        return max(round(link.packet_s * rate_hz), 1)
    return int(trace.stats.npts) if link.latency_s is not None else max(round(LONGEST_S * rate_hz), 1)


def _sent(members: list[tuple[int, AnyTrace, int, _Drawn]], link: Link, delay_s: float) -> _Sent:
    in_order_s = -math.inf
    for index, trace, n, drawn in members:
        rate_hz, start_s = float(trace.stats.sampling_rate), trace.stats.starttime.timestamp
        for i, first in enumerate(range(0, trace.stats.npts, n)):
            lost, twice, late = (False, False, False) if drawn is None else drawn[0][:, i].tolist()
            if lost:
                continue
            first_s, size = start_s + first / rate_hz, min(n, trace.stats.npts - first)
            arrival_s = first_s - AHEAD_S
            if link.latency_s is not None:
                jitter_s = 0.0 if drawn is None else drawn[1][i]
                arrival_s = first_s + (size - 1) / rate_hz + (delay_s + jitter_s)
            arrival_s = max(arrival_s, in_order_s)
            if late:
                arrival_s += link.late_s
            else:
                in_order_s = arrival_s
            for _ in range(2 if twice else 1):
                yield _Due(float(arrival_s), first_s, index, first, size), late

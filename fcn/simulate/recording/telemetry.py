"""What goes wrong between ground and archive: gaps, dead channels, spikes, steps, clipping, polarity."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import obspy

from fcn.seeding import Purpose, derive_rng
from fcn.simulate.recording.instrument import LARGEST_COUNT

FAULTS = 9  # first key of a sequence's random streams
SCOPES = ("channel", "station", "network")


@dataclass(frozen=True)
class Fault:
    """What happened to these channels "NET.STA.LOC.CHA" between two POSIX times; size in counts, if any."""

    kind: str
    seed_ids: tuple[str, ...]
    start_time_s: float
    end_time_s: float
    size: float = 0.0


@runtime_checkable
class FaultLaw(Protocol):
    """One way for telemetry to fail."""

    def strike(self, stream: obspy.Stream, rng: np.random.Generator) -> list[Fault]:
        """Change the stream in place; say what was done."""
        ...


@dataclass(frozen=True)
class Telemetry:
    """Everything that fails, in the order in which the signal meets it: sensor, digitiser, link."""

    faults: Sequence[FaultLaw]

    def transmit(self, stream: obspy.Stream, seed: int) -> tuple[obspy.Stream, list[Fault]]:
        """What arrives of a network's traces (equal starts, rates and lengths), and what happened, by time.

        Each law has random numbers of its own: another count of gaps moves no spike.
        """
        received = stream.copy()
        done = [
            fault
            for number, law in enumerate(self.faults)
            for fault in law.strike(received, derive_rng(seed, Purpose.SEQUENCE, FAULTS, number))
        ]
        return received.split(), sorted(done, key=lambda fault: (fault.start_time_s, fault.kind))


@dataclass(frozen=True)
class Clipped:
    """Stations whose digitisers saturate at a level drawn log-uniformly, all the time."""

    n: int
    level_counts: Sequence[float]

    def __post_init__(self) -> None:
        _check(self, "level_counts")

    def strike(self, stream: obspy.Stream, rng: np.random.Generator) -> list[Fault]:
        """Cut what is above."""
        done = []
        for traces in _several(list(_stations(stream).values()), self.n, rng):
            level = round(_log_uniform(rng, self.level_counts))
            for trace in traces:
                trace.data = np.clip(trace.data, -level, level)
            done.append(_whole("clipped", traces, level))
        return done


@dataclass(frozen=True)
class Reversed:
    """Single components of n stations with their polarity reversed, all the time."""

    n: int

    def __post_init__(self) -> None:
        _check(self)

    def strike(self, stream: obspy.Stream, rng: np.random.Generator) -> list[Fault]:
        """Change the sign."""
        done = []
        for traces in _several(list(_stations(stream).values()), self.n, rng):
            trace = traces[int(rng.integers(len(traces)))]
            trace.data = -trace.data
            done.append(_whole("reversed", [trace]))
        return done


@dataclass(frozen=True)
class Spikes:
    """Single samples of single components thrown to either side, log-uniform in size."""

    n: int
    size_counts: Sequence[float]

    def __post_init__(self) -> None:
        _check(self, "size_counts")

    def strike(self, stream: obspy.Stream, rng: np.random.Generator) -> list[Fault]:
        """Add a spike."""
        return [_thrown("spike", stream, self.size_counts, rng) for _ in range(self.n)]


@dataclass(frozen=True)
class Steps:
    """Offsets of single components that jump and stay where they are, log-uniform in size."""

    n: int
    size_counts: Sequence[float]

    def __post_init__(self) -> None:
        _check(self, "size_counts")

    def strike(self, stream: obspy.Stream, rng: np.random.Generator) -> list[Fault]:
        """Shift all that follows."""
        return [_thrown("step", stream, self.size_counts, rng) for _ in range(self.n)]


@dataclass(frozen=True)
class DeadChannels:
    """Single components that say nothing but zero for a while, log-uniform in length."""

    n: int
    length_s: Sequence[float]

    def __post_init__(self) -> None:
        _check(self, "length_s")

    def strike(self, stream: obspy.Stream, rng: np.random.Generator) -> list[Fault]:
        """Silence a channel."""
        done = []
        for _ in range(self.n):
            trace = _hit(stream, "channel", rng)[0]
            first, last = _span(trace, self.length_s, rng)
            trace.data[first:last] = 0
            done.append(_between("dead", [trace], first, last))
        return done


@dataclass(frozen=True)
class Gaps:
    """Data that never arrive, log-uniform in length.

    scope: "channel" (a lost packet), "station" (its link) or "network" (the receiving end).
    """

    n: int
    length_s: Sequence[float]
    scope: str

    def __post_init__(self) -> None:
        _check(self, "length_s")
        if self.scope not in SCOPES:
            raise ValueError(f"scope of a gap must be one of {', '.join(SCOPES)}, got {self.scope!r}")

    def strike(self, stream: obspy.Stream, rng: np.random.Generator) -> list[Fault]:
        """Mask what is lost."""
        done = []
        for _ in range(self.n):
            traces = _hit(stream, self.scope, rng)
            first, last = _span(traces[0], self.length_s, rng)
            for trace in traces:
                kept = np.ma.masked_array(trace.data)
                kept[first:last] = np.ma.masked
                trace.data = kept
            done.append(_between(f"{self.scope} gap", traces, first, last))
        return done


def _check(law: Clipped | Reversed | Spikes | Steps | DeadChannels | Gaps, limits: str | None = None) -> None:
    """Refuse what cannot be drawn; limits: the name of a range of positive numbers."""
    if law.n < 0:
        raise ValueError(f"n must not be negative: {law}")
    if limits is not None:
        low, high = map(float, getattr(law, limits))
        if not 0.0 < low <= high:
            raise ValueError(f"{limits} is a range of positive numbers, low to high: {law}")
        object.__setattr__(law, limits, (low, high))


def _stations(stream: obspy.Stream) -> dict[str, list[obspy.Trace]]:
    by_station = defaultdict(list)
    for trace in stream:
        by_station[f"{trace.stats.network}.{trace.stats.station}"].append(trace)
    return dict(by_station)


def _several(groups: list[list[obspy.Trace]], n: int, rng: np.random.Generator) -> list[list[obspy.Trace]]:
    """n of these, none twice."""
    if n > len(groups):
        raise ValueError(f"{n} stations cannot fail in a network of {len(groups)}: lower n")
    return [groups[i] for i in rng.permutation(len(groups))[:n]]


def _hit(stream: obspy.Stream, scope: str, rng: np.random.Generator) -> list[obspy.Trace]:
    """The traces that a fault strikes together."""
    if scope == "network":
        return list(stream)
    groups = [[trace] for trace in stream] if scope == "channel" else list(_stations(stream).values())
    return groups[int(rng.integers(len(groups)))]


def _span(trace: obspy.Trace, length_s: Sequence[float], rng: np.random.Generator) -> tuple[int, int]:
    """First sample, and that after the last, of a span inside the trace."""
    n = min(max(1, round(_log_uniform(rng, length_s) * trace.stats.sampling_rate)), trace.stats.npts - 1)
    first = int(rng.integers(trace.stats.npts - n + 1))
    return first, first + n


def _log_uniform(rng: np.random.Generator, limits: Sequence[float]) -> float:
    return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))


def _signed(rng: np.random.Generator, limits: Sequence[float]) -> int:
    return round(_log_uniform(rng, limits)) * int(rng.choice((-1, 1)))


def _thrown(kind: str, stream: obspy.Stream, size_counts: Sequence[float], rng: np.random.Generator) -> Fault:
    """Shift a random sample of a random channel, and after a "step" all that follow, within 24 bits."""
    trace = _hit(stream, "channel", rng)[0]
    first, size = int(rng.integers(trace.stats.npts)), _signed(rng, size_counts)
    last = trace.stats.npts if kind == "step" else first + 1
    moved = trace.data[first:last].astype(np.int64) + size
    trace.data[first:last] = np.clip(moved, -LARGEST_COUNT, LARGEST_COUNT)
    return _between(kind, [trace], first, last, size)


def _between(kind: str, traces: list[obspy.Trace], first: int, last: int, size: float = 0.0) -> Fault:
    start_s, delta_s = traces[0].stats.starttime.timestamp, traces[0].stats.delta
    return Fault(
        kind,
        tuple(trace.id for trace in traces),
        start_s + first * delta_s,
        start_s + last * delta_s,
        float(size),
    )


def _whole(kind: str, traces: list[obspy.Trace], size: float = 0.0) -> Fault:
    return _between(kind, traces, 0, traces[0].stats.npts, size)

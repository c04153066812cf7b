"""What befalls a live network: pure functions from packets that come to packets that come.

Each takes packets in any order, and returns new ones in order of arrival; what is drawn is drawn from the
generator it is given. Signals that are added are so many times the noise of their channel (`noise_counts`).
"""

import bisect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import obspy
from jaxtyping import Float64

from fcn.stream.clock import ReplayClock
from fcn.stream.packet import Packet, packets_of

PACKET_S, LATENCY_S = 1.0, 0.5
COMMON_PULSE_S = 0.05
LAST_S = 0.05


@dataclass(frozen=True, eq=False)
class Come:
    """A packet, and the POSIX time at which it comes."""

    arrival_s: float
    packet: Packet


Packets = list[Come]
Signal = Callable[[Float64[np.ndarray, " n"]], Float64[np.ndarray, " n"]]  # of POSIX time, in noises


def on_time(stream: Iterable[obspy.Trace]) -> Packets:
    """A recording in packets of `PACKET_S`, each there `LATENCY_S` after its last sample."""
    packets = (packet for trace in stream for packet in packets_of(trace, PACKET_S))
    return _ordered(Come(packet.end_time_s + LATENCY_S, packet) for packet in packets)


def stations_of(come: Packets) -> tuple[str, ...]:
    """In order of their names."""
    return tuple(sorted({each.packet.station_id for each in come}))


def noise_counts(come: Packets) -> dict[str, float]:
    """By channel: 1.48 times the median deviation from the median, the standard deviation of normal noise."""
    middles = _medians(come)
    off = _at(come, list(stations_of(come)), lambda packet: replace(packet, counts=_off(packet, middles)))
    return {seed_id: 1.4826 * middle for seed_id, middle in _medians(off).items()}


# ------------------------------------------------------------------------------------------- links


def lost(come: Packets, rng: np.random.Generator, share: float) -> Packets:
    """So many of all packets never come."""
    kept = rng.random(len(come)) >= share
    return _ordered(each for each, is_kept in zip(come, kept.tolist(), strict=True) if is_kept)


def jittered(come: Packets, rng: np.random.Generator, mean_s: float) -> Packets:
    """Every packet is later by an exponential variable; those of a channel keep their order, as over TCP."""
    latest: dict[str, float] = {}
    found = []
    for each, late_s in zip(_ordered(come), rng.exponential(mean_s, len(come)).tolist(), strict=True):
        seed_id = each.packet.seed_id
        latest[seed_id] = max(each.arrival_s + late_s, latest.get(seed_id, -math.inf))
        found.append(Come(latest[seed_id], each.packet))
    return _ordered(found)


def died(come: Packets, stations: Sequence[str], since_s: float) -> Packets:
    """Of stations "NET.STA" nothing comes any more that begins at a POSIX time or later."""
    return _ordered(
        each for each in come if each.packet.station_id not in stations or each.packet.start_time_s < since_s
    )


def silent(come: Packets, from_s: float, until_s: float) -> Packets:
    """Of nobody anything comes that begins in a span."""
    return _ordered(each for each in come if not from_s <= each.packet.start_time_s < until_s)


def restarted(come: Packets, every_s: float, out_s: float, again_s: float) -> Packets:
    """The link breaks every so often: what comes meanwhile comes after it, and the last again_s twice."""
    first_s = min(each.arrival_s for each in come)
    found = []
    for each in come:
        since_s = (each.arrival_s - first_s) % every_s
        back_s = each.arrival_s - since_s + every_s  # when the link is back after the next break
        is_out = since_s >= every_s - out_s
        found.append(Come(back_s, each.packet) if is_out else each)
        if every_s - out_s - again_s <= since_s < every_s - out_s:
            found.append(Come(back_s, each.packet))
    return _ordered(found)


# ----------------------------------------------------------------------------------------- stations


def clock_off(come: Packets, station: str, off_s: float) -> Packets:
    """A station says that its samples are so much later than they are."""
    return _at(come, [station], lambda packet: replace(packet, start_time_s=packet.start_time_s + off_s))


def amplified(come: Packets, station: str, factor: float, since_s: float) -> Packets:
    """Counts times a factor from a POSIX time on."""
    return _counts(come, [station], lambda counts, time_s: np.where(time_s >= since_s, factor, 1.0) * counts)


def clipped(come: Packets, station: str, ratio: float) -> Packets:
    """Counts no further from their median than so many times the channel's noise."""
    noises, middles = noise_counts(come), _medians(come)

    def clip(packet: Packet) -> Packet:
        middle, most = middles[packet.seed_id], ratio * noises[packet.seed_id]
        return replace(packet, counts=np.clip(packet.counts, middle - most, middle + most))

    return _at(come, [station], clip)


def constant(come: Packets, station: str, since_s: float) -> Packets:
    """The value of one moment for ever: the first sample since then."""
    held: dict[str, float] = {}
    for each in sorted(come, key=lambda each: each.packet.start_time_s):
        packet = each.packet
        if packet.station_id == station and packet.end_time_s > since_s and packet.seed_id not in held:
            held[packet.seed_id] = float(packet.counts[int(np.argmax(_times_s(packet) >= since_s))])

    def hold(packet: Packet) -> Packet:
        value = held.get(packet.seed_id, 0.0)
        return replace(packet, counts=np.where(_times_s(packet) >= since_s, value, packet.counts))

    return _at(come, [station], hold)


def spiked(come: Packets, rng: np.random.Generator, station: str, every_s: float, ratio: float) -> Packets:
    """Single samples, one in `every_s` of each channel on average, are off by so many times the noise."""
    noises = noise_counts(come)

    def spike(packet: Packet) -> Packet:
        n = packet.counts.size
        hit = rng.random(n) < 1.0 / (every_s * packet.sampling_rate_hz)
        sign = np.where(rng.random(n) < 0.5, -1.0, 1.0)
        return replace(packet, counts=packet.counts + hit * sign * ratio * noises[packet.seed_id])

    return _at(_ordered(come), [station], spike)


def swapped(come: Packets, station: str) -> Packets:
    """Vertical and north (or 1) of a station are exchanged."""
    letters = {"Z": "N", "N": "Z", "1": "Z"}
    codes = {each.packet.seed_id for each in come if each.packet.station_id == station}

    def swap(packet: Packet) -> Packet:
        other = packet.seed_id[:-1] + letters.get(packet.seed_id[-1], packet.seed_id[-1])
        if other not in codes and packet.seed_id[-1] == "Z":
            other = packet.seed_id[:-1] + "1"
        return replace(packet, seed_id=other) if other in codes else packet

    return _at(come, [station], swap)


def added(come: Packets, signals: Mapping[str, Signal]) -> Packets:
    """A signal on every channel of some stations. signals: by station, in noises of a channel."""
    noises = noise_counts(come)

    def add(packet: Packet) -> Packet:
        signal = signals[packet.station_id](_times_s(packet))
        return replace(packet, counts=packet.counts + noises[packet.seed_id] * signal)

    return _at(come, list(signals), add)


# ------------------------------------------------------------------------------------------ signals


def hum(hz: float, ratio: float) -> Signal:
    """A sine."""
    return lambda time_s: ratio * np.sin(2 * np.pi * hz * np.mod(time_s, 1e4))


def calibration(first_s: float, every_s: float, ratio: float) -> Signal:
    """A step and its decay over seconds, as a seismometer answers a current, from a POSIX time on."""

    def signal(time_s: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        since_s = np.mod(time_s - first_s, every_s)
        return np.where(time_s >= first_s, ratio * np.exp(-since_s / 2.0), 0.0)

    return signal


def pulses(first_s: float, every_s: float, ratio: float) -> Signal:
    """A rectangle of `COMMON_PULSE_S` from a POSIX time on, as faults of telemetry and power make."""

    def signal(time_s: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        since_s = np.mod(time_s - first_s, every_s)
        return np.where((time_s >= first_s) & (since_s < COMMON_PULSE_S), ratio, 0.0)

    return signal


def teleseism(first_s: float, ratio: float) -> Signal:
    """A wave train of minutes at a period of 20 s, behind a P at 1 s that is a hundredth of it.

    first_s: POSIX time at which it comes to the station; the train comes two minutes later.
    """

    def signal(time_s: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        since_s = np.clip(time_s - first_s, 0.0, None)
        p = 0.01 * np.sin(2 * np.pi * since_s) * (since_s / 5.0) * np.exp(1.0 - since_s / 5.0)
        train_s = np.clip(since_s - 120.0, 0.0, None)
        train = np.sin(2 * np.pi * train_s / 20.0) * (train_s / 60.0) * np.exp(1.0 - train_s / 60.0)
        return ratio * (p + train)

    return signal


# ---------------------------------------------------------------------------------------------------


class ComingSource:
    """Packets that come, as a source of a monitor; see `fcn.stream.sources.Source`."""

    def __init__(self, come: Packets) -> None:
        self._come = _ordered(come)
        self._next = 0
        self._clock = ReplayClock(math.floor(min(each.packet.start_time_s for each in come)), None)

    @property
    def clock(self) -> ReplayClock:
        """From the first sample on, as fast as it goes."""
        return self._clock

    def poll(self, clock_s: float) -> list[Packet]:
        """See `Source`."""
        end = bisect.bisect_right(self._come, clock_s, key=lambda each: each.arrival_s)
        found, self._next = self._come[self._next : end], max(self._next, end)
        return [each.packet for each in found]

    def is_over(self, clock_s: float) -> bool:
        """See `Source`."""
        return self._next == len(self._come) and clock_s > self._come[-1].arrival_s + LAST_S

    def state(self) -> dict[str, Any]:
        """See `Source`."""
        return {"next": self._next, "clock_s": self._clock.now_s()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Source`."""
        self._next, self._clock = state["next"], ReplayClock(state["clock_s"], None)

    def close(self) -> None:
        """See `Source`."""


def _ordered(come: Iterable[Come]) -> Packets:
    return sorted(come, key=lambda each: (each.arrival_s, each.packet.seed_id, each.packet.start_time_s))


def _at(come: Packets, stations: Sequence[str], change: Callable[[Packet], Packet]) -> Packets:
    return _ordered(
        replace(each, packet=change(each.packet)) if each.packet.station_id in stations else each
        for each in come
    )


def _counts(
    come: Packets, stations: Sequence[str], change: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Packets:
    """change: of counts and their POSIX times."""
    return _at(come, stations, lambda packet: replace(packet, counts=change(packet.counts, _times_s(packet))))


def _times_s(packet: Packet) -> Float64[np.ndarray, " n"]:
    return packet.start_time_s + np.arange(packet.counts.size) / packet.sampling_rate_hz


def _off(packet: Packet, middles: Mapping[str, float]) -> Float64[np.ndarray, " n"]:
    return np.abs(packet.counts - middles[packet.seed_id])


def _medians(come: Packets) -> dict[str, float]:
    parts: dict[str, list[np.ndarray]] = {}
    for each in come:
        parts.setdefault(each.packet.seed_id, []).append(each.packet.counts)
    return {seed_id: float(np.nanmedian(np.concatenate(found))) for seed_id, found in parts.items()}

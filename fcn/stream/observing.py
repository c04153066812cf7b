"""Intensity that stations observe in real time, from packets as they come: what PLUM listens to.

Nothing here knows of windows, or of the network that reads them: acceleration is of the native rate.
"""

import logging
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import obspy
from jaxtyping import Float64

from fcn import checked
from fcn.shaking.observed import N_COMPONENTS, ToAcceleration
from fcn.shaking.real_time import LEAST_RATE_HZ, RealTimeIntensity
from fcn.stream.packet import Packet
from fcn.waveform.choice import instrument, spanned
from fcn.waveform.inventory import description_digest
from fcn.waveform.rates import same_rate
from fcn.waveform.response import Described, describe

log = logging.getLogger(__name__)

AHEAD_S = 5.0  # a packet from so far in the future has a false clock
JITTER = 1.0  # samples; clocks of digitisers jitter, and what follows by so little follows
MOST_MISSING_S = 60.0  # before a longer gap nothing waits any more
MOST_INSTRUMENTS = 8  # of a station, each rate of one counted: more are made of damaged headers
MOST_UNKNOWN = 64  # channels of a station that are remembered as of no use


@dataclass(frozen=True)
class Observing:
    """window_s, max_gap_s: of `RealTimeIntensity`. stale_s: what was observed longer ago is not observed now.

    wait_s: so long the component of an instrument that came first waits for the others, which are unknown
    then.
    """

    window_s: float
    max_gap_s: float
    wait_s: float
    stale_s: float

    def __post_init__(self) -> None:
        checked.number("observe.window_s", self.window_s, least=1.0)
        checked.number("observe.max_gap_s", self.max_gap_s, least=0.0)
        checked.number("observe.wait_s", self.wait_s, least=0.0, most=self.window_s)
        checked.positive("observe.stale_s", self.stale_s)


class ObservedNetwork:
    """Real-time JMA intensity of stations, as they deliver; what comes late, or twice, is passed over.

    A station is observed by its accelerometer where that delivers, else by what its seismometer does not clip
    (`fcn.shaking.observed`). Memory is bounded. counts: of packets that were of no use, by reason.
    """

    def __init__(
        self, station_ids: Collection[str], inventory: obspy.Inventory, observing: Observing
    ) -> None:
        self._inventory, self._observing = inventory, observing
        self._stations: dict[str, dict[tuple[str, float], _Instrument]] = {each: {} for each in station_ids}
        self._unknown: dict[str, set[str]] = {each: set() for each in station_ids}
        self.counts: Counter[str] = Counter()

    def watch(self, station_ids: Collection[str], inventory: obspy.Inventory) -> None:
        """Observe these from now on; those that are described as before keep what has come."""
        same = {
            name
            for name in set(station_ids) & set(self._stations)
            if description_digest(inventory, name) == description_digest(self._inventory, name)
        }
        self._inventory = inventory
        self._stations = {name: self._stations[name] if name in same else {} for name in station_ids}
        self._unknown = {name: self._unknown[name] if name in same else set() for name in station_ids}

    def reset(self) -> None:
        """Forget what has come."""
        self._stations = {name: {} for name in self._stations}
        self._unknown = {name: set() for name in self._stations}

    def push(self, packets: Iterable[Packet], clock_s: float) -> None:
        """Packets in the order they came, by a POSIX time."""
        for packet in packets:
            if packet.station_id not in self._stations:
                continue
            if packet.start_time_s > clock_s + AHEAD_S:
                self.counts["from the future"] += 1
            elif packet.end_time_s > clock_s - self._observing.window_s:
                component = self._component(packet)
                if component is not None:
                    component.push(packet)

    def observed(self, now_s: float) -> dict[str, float]:
        """Intensity now, by station; of those that deliver. Times come in order."""
        found = {}
        for name, instruments in self._stations.items():
            for each in instruments.values():
                each.advance(now_s)
            fresh = [each for each in instruments.values() if now_s - each.at_s <= self._observing.stale_s]
            if fresh:
                found[name] = min(fresh, key=lambda each: (not each.is_accelerometer, each.name)).intensity
        return found

    def state(self) -> dict[str, Any]:
        """Plain data and arrays."""
        return {
            name: [each.state() for each in instruments.values()]
            for name, instruments in self._stations.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, with the same StationXML; other stations are passed over."""
        for name in set(self._stations) & set(state):
            for each in state[name]:
                made = _Instrument(each["name"], each["rate_hz"], self._observing)
                try:
                    made.restore(each, self._inventory)
                except ValueError as error:
                    log.warning("%s observes anew: %s", made.name, error)
                else:
                    self._stations[name][made.name, made.rate_hz] = made

    def _component(self, packet: Packet) -> "_Component | None":
        """The channel of a packet, made where it is the first; None where it is of no use."""
        station_id, seed_id = packet.station_id, packet.seed_id
        if seed_id in self._unknown[station_id]:
            return None
        name, instruments = instrument(seed_id), self._stations[station_id]
        rate_hz = same_rate(packet.sampling_rate_hz, [hz for _, hz in instruments], LEAST_RATE_HZ)
        if rate_hz < LEAST_RATE_HZ:
            self.counts["too slow"] += 1
            return None
        found = instruments.get((name, rate_hz))
        if found is not None and seed_id in found.components:
            return found.components[seed_id]
        if found is None and len(instruments) == MOST_INSTRUMENTS:
            self.counts["of more instruments than a station has"] += 1
            return None
        found = found or _Instrument(name, rate_hz, self._observing)
        try:
            component = found.add(seed_id, packet.start_time_s, self._inventory)
        except ValueError as error:
            log.debug("%s observes no intensity: %s", seed_id, error)
            self.counts["of no use"] += 1
            if len(self._unknown[station_id]) < MOST_UNKNOWN:
                self._unknown[station_id].add(seed_id)
            return None
        instruments[name, rate_hz] = found
        return component


class _Instrument:
    """Three components at right angles, once they are there, and their intensity.

    Samples are counted from 1970 at its rate. intensity: the last that is known, of POSIX time at_s.
    """

    def __init__(self, name: str, rate_hz: float, observing: Observing) -> None:
        self.name, self.rate_hz, self._observing = name, rate_hz, observing
        self.components: dict[str, _Component] = {}
        self.intensity, self.at_s = math.nan, -math.inf
        self._reached: int | None = None
        self._came: list[tuple[float, int]] = []  # when the first component had come up to where
        self._n_window = round(observing.window_s * rate_hz)
        self._running = self._anew()

    def _anew(self) -> RealTimeIntensity:
        window_s, max_gap_s = self._observing.window_s, self._observing.max_gap_s
        return RealTimeIntensity(self.rate_hz, window_s=window_s, max_gap_s=max_gap_s)

    @property
    def is_accelerometer(self) -> bool:
        first = next(iter(self.components.values()))
        return first.epochs[0].sensitivity.measurement == "acceleration"

    def add(self, seed_id: str, since_s: float, inventory: obspy.Inventory) -> "_Component":
        """A further component. ValueError where it is one too many, not described, or none of its own."""
        made = _Component(seed_id, describe(inventory, seed_id, since_s, math.inf), self.rate_hz, since_s)
        all_of_it = [*self.components.values(), made]
        if len(all_of_it) > N_COMPONENTS or not spanned(
            np.array([each.epochs[0].direction for each in all_of_it])
        ):
            raise ValueError(f"{self.name} has no three components at right angles with {seed_id}")
        self.components[seed_id] = made
        return made

    def advance(self, now_s: float) -> None:
        """Intensity of what has come of samples up to now."""
        components, now = list(self.components.values()), math.floor(now_s * self.rate_hz) + 1
        if len(components) < N_COMPONENTS:
            for each in components:
                each.forget(now - self._n_window)
            return
        until = max(min(now, *(each.ends for each in components)), self._waited_for(now_s, now))
        begin = min(each.begins for each in components) if self._reached is None else self._reached
        if until - begin > self._n_window:  # a gap, or hours at once: of the last window alone
            begin, self._running = until - self._n_window, self._anew()
        if until <= begin:
            return
        found = self._running.latest(np.stack([each.taken(begin, until) for each in components]))
        self._reached = until
        if found is not None:
            self.intensity, self.at_s = found[0], (begin + found[1]) / self.rate_hz

    def _waited_for(self, now_s: float, now: int) -> int:
        """The sample up to which others have been waited for long enough."""
        self._came.append((now_s, min(max(each.ends for each in self.components.values()), now)))
        over = [end for came_s, end in self._came if came_s <= now_s - self._observing.wait_s]
        self._came = self._came[max(len(over) - 1, 0) :]
        return max(over, default=0)

    def state(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rate_hz": self.rate_hz,
            "components": [each.state() for each in self.components.values()],
            "intensity": self.intensity,
            "at_s": self.at_s,
            "reached": self._reached,
            "came": [list(each) for each in self._came],
            "running": self._running.state(),
        }

    def restore(self, state: Mapping[str, Any], inventory: obspy.Inventory) -> None:
        for each in state["components"]:
            self.add(each["seed_id"], each["since_s"], inventory).restore(each)
        self.intensity, self.at_s, self._reached = state["intensity"], state["at_s"], state["reached"]
        self._came = [(came_s, end) for came_s, end in state["came"]]
        self._running.restore(state["running"])


class _Component:
    """Acceleration of one channel that waits for the others."""

    def __init__(self, seed_id: str, epochs: list[Described], rate_hz: float, since_s: float) -> None:
        self.seed_id, self.epochs, self.since_s, self._rate_hz = seed_id, epochs, since_s, rate_hz
        self._to = [ToAcceleration(epoch.sensitivity, rate_hz) for epoch in epochs]
        self._waiting = np.zeros(0)
        self.ends = round(since_s * rate_hz)  # the sample after the last one

    @property
    def begins(self) -> int:
        """The first sample that waits."""
        return self.ends - self._waiting.size

    def push(self, packet: Packet) -> None:
        """Of a packet what follows; between lies what is unknown."""
        at, counts = packet.start_time_s * self._rate_hz, packet.counts
        first = self.ends if abs(at - self.ends) <= JITTER else round(at)
        if first < self.ends:
            counts, first = counts[self.ends - first :], self.ends
        if not counts.size:
            return
        if first > self.ends:  # over a gap nothing is a difference
            self._acceleration(np.full(1, np.nan), first - 1)
            n_missing = first - self.ends
            is_short = self._waiting.size and n_missing <= MOST_MISSING_S * self._rate_hz
            missing = np.full(n_missing if is_short else 0, np.nan)
            self._waiting = np.concatenate((self._waiting if is_short else np.zeros(0), missing))
        self._waiting = np.concatenate((self._waiting, self._acceleration(counts, first)))
        self.ends = first + counts.size

    def _acceleration(self, counts: Float64[np.ndarray, " n"], first: int) -> Float64[np.ndarray, " n"]:
        """m/s2, NaN where unknown."""
        mps2 = np.full(counts.size, np.nan)
        time_s = (first + np.arange(counts.size)) / self._rate_hz
        for epoch, to in zip(self.epochs, self._to, strict=True):
            within = (time_s >= epoch.start_s) & (time_s < epoch.end_s)
            if within.any():
                mps2[within] = to.process(counts[within])
        return mps2

    def taken(self, begin: int, until: int) -> Float64[np.ndarray, " n"]:
        """Samples from one to before another, NaN where they are not there; those before the end go."""
        found, begins = np.full(until - begin, np.nan), self.begins
        first, last = max(begin, begins), min(until, self.ends)
        if first < last:
            found[first - begin : last - begin] = self._waiting[first - begins : last - begins]
        self.forget(until)
        return found

    def forget(self, before: int) -> None:
        self._waiting = self._waiting[max(before - self.begins, 0) :]
        self.ends = max(self.ends, before)

    def state(self) -> dict[str, Any]:
        return {
            "seed_id": self.seed_id,
            "since_s": self.since_s,
            "ends": self.ends,
            "waiting": self._waiting.copy(),
            "to": [each.state() for each in self._to],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.ends, self._waiting = state["ends"], state["waiting"]
        for to, each in zip(self._to, state["to"], strict=True):
            to.restore(each)

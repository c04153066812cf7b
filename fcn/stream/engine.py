"""Packets in, updates of declared events out: what a monitor runs, and a test of one."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import obspy
import torch
from jaxtyping import Float
from torch import Tensor, nn

from fcn.alarm.declarer import Declarer
from fcn.batch import Batch
from fcn.catalogue.event import Update, WindowEstimate
from fcn.constants import FIRST_S
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.stream.channel import LiveChannel
from fcn.stream.left_out import Strangers
from fcn.stream.packet import Packet, note_clock
from fcn.stream.reader import Reader
from fcn.stream.station import LiveStation
from fcn.types import TravelTimes
from fcn.waveform.amplitude import BLOCK_S, samples_in
from fcn.waveform.level import LEVEL_BLOCK_S
from fcn.waveform.preprocess import PreprocessSpec
from fcn.waveform.together import together

log = logging.getLogger(__name__)

AHEAD_S, BEHIND_S = 60.0, 3_600.0  # a packet from so far in the future, or the past, has a false clock
ON_BLOCK = 1e-3
SILENT_S = 60.0  # a station that has said nothing for so long does not deliver

_Placed = tuple[tuple[float | None, ...], Float[Tensor, "station 3"], TravelTimes]  # elevations, km, times


@dataclass(frozen=True)
class Timing:
    """Of an engine. window_s, step_s: a window so long ends every so many seconds, at multiples of `BLOCK_S`.

    partial: windows that begin before the stream does are read, too, from `FIRST_S` after its start on.
    patience_s: data that come later than that are in no window. skip_s: where reading falls so far behind
    that more windows are due, the older of them are left out.
    """

    window_s: float
    step_s: float
    partial: bool
    patience_s: float = 30.0
    skip_s: float = math.inf

    @property
    def least_s(self) -> float:
        """How long after the start of a stream its first window ends."""
        return FIRST_S if self.partial else self.window_s

    def __post_init__(self) -> None:
        blocks = self.step_s / BLOCK_S
        if blocks < 1 or abs(blocks - round(blocks)) > ON_BLOCK:
            raise ValueError(
                f"a window ends every {self.step_s} s (step_s), which is no multiple of {BLOCK_S:g} s: "
                "choose one"
            )
        if not 0.0 < self.patience_s <= self.window_s or self.skip_s < self.step_s:
            raise ValueError(f"0 < patience_s <= window_s and skip_s >= step_s are required: {self}")


@dataclass(frozen=True)
class Step:
    """What one window said. updates: of declared events. now_s: its end.

    read_s: what making and reading it took; done_s: when, on `time.perf_counter`.
    """

    now_s: float
    estimates: tuple[WindowEstimate, ...]
    updates: tuple[Update, ...]
    read_s: float = field(default=0.0, compare=False)
    done_s: float = field(default=0.0, compare=False)


@dataclass(eq=False)
class Engine:
    """A network of stations, from packets to updates; one object per stream.

    network: the neural one, in evaluation mode; `reader` reads it. stations: those whose packets count, in
    the order of windows. travel_times: of stations at places (station, 3), km in the frame.
    What has come by `advance` counts, from whichever station; what comes later counts in the next window.
    newest: the last window that was read; None before there is one. unusable: stations that were left out
    beforehand, and why. strangers: that deliver and are not watched. crust: a digest of what travel times are
    of; what was learnt of stations by others is forgotten.
    """

    network: nn.Module
    reader: Reader
    declarer: Declarer
    preprocess: PreprocessSpec
    stations: Network
    inventory: obspy.Inventory
    frame: LocalFrame
    travel_times: Callable[[Float[Tensor, "station 3"]], TravelTimes]
    timing: Timing
    unusable: Mapping[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    crust: str = ""

    def __post_init__(self) -> None:
        self._rate_hz = self.preprocess.sampling_rate_hz
        self.n_samples = round(self.timing.window_s * self._rate_hz)
        self._n_block = samples_in(BLOCK_S, self._rate_hz)
        self._n_step = round(self.timing.step_s / BLOCK_S) * self._n_block
        self.live = {station.id: self._new(station.id, self.inventory) for station in self.stations}
        self.clock_s = -math.inf
        self.newest: Batch | None = None
        self.strangers = Strangers()
        self._next: int | None = None  # sample at which the next window ends
        self._placed: _Placed | None = None

    def _new(self, station_id: str, inventory: obspy.Inventory) -> LiveStation:
        return LiveStation(station_id, inventory, self.preprocess, self.n_samples, self.timing.patience_s)

    def watch(self, stations: Network, inventory: obspy.Inventory, unusable: Mapping[str, str]) -> str:
        """Listen to these from the next window on; what changed, in words, none where nothing did.

        Stations that are described as before keep all they hold; others, moved ones too, begin anew. Raises
        ValueError, and changes nothing, where travel times to one of them cannot be had. unusable: see above.
        """
        live = {station.id: self._new(station.id, inventory) for station in stations}
        old = {station.id: self.live[station.id] for station in self.stations}
        same = {name for name, each in live.items() if name in old and each.described == old[name].described}
        changes = {
            "joined": sorted(set(live) - set(old)),
            "left": sorted(set(old) - set(live)),
            "described anew": sorted(set(live) & set(old) - same),
        }
        live |= {name: old[name] for name in same}
        placed = self._placing(stations, live)
        # a gain that was mended says nothing of the ground any more
        self._forget({name: each.elevation_m for name, each in old.items() if name not in same})
        for name in same:
            live[name].inventory = inventory
        self.stations, self.inventory, self.live, self._placed = stations, inventory, live, placed
        self.unusable = unusable
        told = (f"{len(names)} {what} ({', '.join(names)})" for what, names in changes.items() if names)
        return "; ".join(told)

    def turn_back(self, now_s: float) -> None:
        """The clock was set back to a POSIX time: the next window ends after it.

        Events are closed, and stations of which later samples are settled begin anew.
        """
        self.counts["clock set back"] += 1
        now = math.floor(now_s * self._rate_hz)
        self.live = {
            name: each if (each.settled or 0) <= now else self._new(name, self.inventory)
            for name, each in self.live.items()
        }
        if self._next is not None:
            self._next -= max(self._next - now, 0) // self._n_step * self._n_step
        self.clock_s = now_s
        self.declarer.turn_back()

    def push(self, packets: Iterable[Packet], clock_s: float | None = None) -> None:
        """Packets in the order they came, by a POSIX time; None: that of the last `advance`.

        Those of stations that are not watched, or of another time, are counted and left out.
        """
        if clock_s is not None:
            self.clock_s = max(self.clock_s, clock_s)
        is_told = not math.isinf(self.clock_s)
        come: dict[LiveChannel, list[Packet]] = {}
        for packet in packets:
            station = self.live.get(packet.station_id)
            if station is None:
                self.counts["of stations that are not watched"] += 1
                self.strangers.note(packet.station_id, self.clock_s)
            elif is_told and packet.start_time_s > self.clock_s + AHEAD_S:
                note_clock(self.counts, "from the future", packet)
            elif is_told and packet.end_time_s < self.clock_s - BEHIND_S:
                note_clock(self.counts, "from long ago", packet)
            elif (channel := station.channel(packet)) is not None:
                come.setdefault(channel, []).append(packet)
        together(channel.work(each, self.clock_s) for channel, each in come.items())

    def advance(self, now_s: float) -> list[Step]:
        """Read the windows that have ended by a POSIX time, in order. Times come in order.

        Raises ValueError where a network's answer is no number.
        """
        return [self.read(batch) for batch in self.windows(now_s)]

    def windows(self, now_s: float) -> Iterator[Batch]:
        """The windows that have ended by a POSIX time, in order and each once, for `read`."""
        self.clock_s = max(self.clock_s, now_s)
        now = math.floor(now_s * self._rate_hz + ON_BLOCK)
        if self._next is None:
            self._next = self._first_end()
        if self._next is None:
            return
        behind = (now - self._next) / self._rate_hz
        if behind > self.timing.skip_s:
            n = (now - self._next) // self._n_step
            self.counts["windows left out"] += n
            log.warning("%d windows left out: reading is %.1f s behind", n, behind)
            self._next += n * self._n_step
        while self._next <= now:
            end, self._next = self._next, self._next + self._n_step  # one that cannot be made is left out
            yield self.batch(end)

    def read(self, batch: Batch) -> Step:
        """What a window says; nothing for one that was read before a restart. Windows come in order.

        batch: of `windows`, on whichever device. Raises ValueError where a network's answer is no number.
        """
        (now_s,) = batch.now_s.tolist()
        if now_s <= self.declarer.last_now_s:
            return Step(now_s, (), ())
        self.newest = batch
        began_s = time.perf_counter()
        try:
            (estimates,) = self.reader.estimates(self.network, batch, self.declarer.known(now_s))
        except ValueError as error:
            raise ValueError(f"window ending {obspy.UTCDateTime(now_s)}: {error}") from error
        done_s = time.perf_counter()
        updates = tuple(self.declarer.process(now_s, list(estimates)))
        return Step(now_s, tuple(estimates), updates, done_s - began_s, done_s)

    def count_windows(self, start_s: float, end_s: float) -> int:
        """Windows of a stream whose first sample, and the end of whose last window, are at POSIX times."""
        start, end = (
            math.ceil(start_s * self._rate_hz - ON_BLOCK),
            math.floor(end_s * self._rate_hz + ON_BLOCK),
        )
        return max((end - self._end_after(start)) // self._n_step + 1, 0)

    def _first_end(self) -> int | None:
        """Sample at which the first window ends; None before there are data."""
        starts = [start for each in self.live.values() if (start := each.start_sample) is not None]
        return self._end_after(min(starts)) if starts else None

    def _end_after(self, start: int) -> int:
        """Sample at which the first window of a stream ends that begins at another."""
        n_level = samples_in(LEVEL_BLOCK_S, self._rate_hz)
        least = round(self.timing.least_s * self._rate_hz)
        return start // n_level * n_level + -(-least // self._n_block) * self._n_block

    def batch(self, end: int) -> Batch:
        """The window of the samples before `end`."""
        kept = together(each.window(end) for each in self.live.values())
        narrow, broad, known, peaks, levels = (
            np.stack([getattr(each, name) for each in kept])
            for name in ("narrow", "broad", "known", "peaks", "levels")
        )
        n = samples_in(LEVEL_BLOCK_S, self._rate_hz)
        past = -(-end // n) * n - end  # of the last block of levels, beyond the end
        repeated = levels.repeat(n, axis=-1)
        background = repeated[..., repeated.shape[-1] - self.n_samples - past :][..., : self.n_samples]
        station_km, travel_time = self._places()
        return Batch(
            waveforms=torch.from_numpy(narrow)[None],
            waveforms_broad=torch.from_numpy(broad)[None],
            station_km=station_km[None],
            mask=torch.from_numpy(known.any(axis=(1, 2)))[None],
            known=torch.from_numpy(known & (background[:, :1] > 0))[None],
            background_mps=torch.from_numpy(np.ascontiguousarray(background))[None],
            peaks=torch.from_numpy(peaks)[None],
            travel_time=travel_time,
            now_s=torch.tensor([end / self._rate_hz], dtype=torch.float64),
            station_ids=tuple(self.live),
        )

    def _places(self) -> tuple[Float[Tensor, "station 3"], TravelTimes]:
        """Where the sensors are that have been used first: boreholes lie deeper than their stations."""
        elevations_m = tuple(each.elevation_m for each in self.live.values())
        if self._placed is None or self._placed[0] != elevations_m:
            self._placed = self._placing(self.stations, self.live)
        return self._placed[1], self._placed[2]

    def _placing(self, stations: Network, live: Mapping[str, LiveStation]) -> _Placed:
        elevations_m = tuple(each.elevation_m for each in live.values())
        km = self._km(zip(stations, elevations_m, strict=True))
        if self._placed is not None and torch.equal(km, self._placed[1]):
            return elevations_m, km, self._placed[2]
        return elevations_m, km, self.travel_times(km)

    def _km(self, of: Iterable[tuple[Station, float | None]]) -> Float[Tensor, "station 3"]:
        """Places of stations, each with the elevation of its sensor, None where that is not known."""
        placed = (each if up_m is None else replace(each, elevation_m=up_m) for each, up_m in of)
        return torch.as_tensor(Network(tuple(placed)).local_km(self.frame), dtype=torch.float32)

    def _forget(self, elevations_m: Mapping[str, float | None]) -> None:
        """What the reader has learnt of stations; elevations_m: where their sensors were, if it is known."""
        if elevations_m:
            at = ((each, elevations_m[each.id]) for each in self.stations if each.id in elevations_m)
            self.reader.forget(self._km(at))

    @property
    def delivering(self) -> dict[str, float | None]:
        """By station: how old its last sample is by the clock, s; None for one silent for `SILENT_S`."""
        ages = {
            name: self.clock_s - each.reached / self._rate_hz if each.reached is not None else math.inf
            for name, each in self.live.items()
        }
        return {name: max(age, 0.0) if age < SILENT_S else None for name, age in ages.items()}

    def events_state(self) -> dict[str, Any]:
        """Declared events and what the reader has learnt by the last window: plain data of JSON."""
        return {"declarer": self.declarer.state(), "reader": self.reader.state()}

    def restore_events(self, state: Mapping[str, Any]) -> None:
        """Go on from what `events_state` returned: windows up to its last are read no second time."""
        self.declarer.restore(state["declarer"])
        self.reader.restore(state["reader"])

    def state(self) -> dict[str, Any]:
        """Buffers, filters and choices, without what `events_state` holds; plain data and arrays."""
        return {
            "clock_s": self.clock_s,
            "next": self._next,
            "crust": self.crust,
            "counts": dict(self.counts),
            "stations": {name: each.state() for name, each in self.live.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; stations that are not described as they were begin anew."""
        self.clock_s, self._next = state["clock_s"], state["next"]
        self.counts = Counter(state["counts"])
        anew = set[str]()
        for name, each in state["stations"].items():
            if name not in self.live:
                continue
            try:
                if each.get("described") != self.live[name].described:
                    raise ValueError("it is described otherwise than before")
                self.live[name].restore(each)
            except ValueError as error:  # or a channel is of no use any more
                log.warning("%s begins anew: %s", name, error)
                self.live[name] = self._new(name, self.inventory)
                anew.add(name)
        if state.get("crust", self.crust) != self.crust:
            log.warning("travel times are of another velocity model: what stations have taught is forgotten")
            anew = set(self.live)
        self._forget({name: state["stations"].get(name, {}).get("elevation_m") for name in anew})

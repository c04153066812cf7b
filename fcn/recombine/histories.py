"""Amplitude histories of whole earthquakes: examples for a network that follows how large an event becomes.

    bank = HistoryBank.of(BaseStore.open(path), "train", preprocess, law)
    examples = bank.draw(np.random.default_rng(0), 32)

Nothing is filtered to draw an example: the bank keeps the peaks of every block of every record.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from fcn.batch import Ruptures
from fcn.recombine.blocks import Blocks, counting, of_noise, of_records
from fcn.recombine.priors import interval
from fcn.recombine.released import released_magnitude
from fcn.store.reader import BaseStore
from fcn.store.schema import RUPTURES
from fcn.waveform.amplitude import AMPLITUDES, BLOCK_S, PAST_S
from fcn.waveform.preprocess import PreprocessSpec

N_BLOCKS = round(PAST_S / BLOCK_S)  # of an example, the last one ends now
BEFORE_P_S = 5.0  # an example begins so long before the first P, and filters before each
P_OF_S_MINUS_P = 1.37  # P travel time over S minus P where it is not known: Vp / Vs = 1.73
FEWEST = 3  # stations of an example
LONG = 4  # of `AMPLITUDES`: from here on, the long-period band
LAYOUTS = 4  # all round, a sector, within a radius, beyond one: as likely each
SECTOR_RAD = (math.pi / 6, math.pi / 2)  # half its width
RADIUS_KM = (10.0, 200.0)  # log-uniform
BEYOND_KM = (10.0, 100.0)  # within which there is no station, log-uniform


@dataclass(frozen=True)
class HistoryLaw:
    """What examples are drawn; intervals are [low, high].

    per_window: examples that come with each window. stations: number of them. elapsed_s: "now" after the
    first P at one of them, log-uniform, as far as records last. rupture_share: of examples of large
    ruptures, the others are of single records' events.
    magnitude, fewest_stations: of those others. noise_gain_db: on the noise of a station.
    vertical_share, clipped_share, withheld_share: of stations that know their vertical alone; whose
    instruments end at a velocity in clip_mps (log-uniform); whose long-period band is not known, as after a
    start in shaking. silent_share, stopped_share: of stations that record noise alone, as where a sensor is
    not what or where its description says; that stop at some moment before now.
    """

    per_window: int
    stations: Sequence[int]
    elapsed_s: Sequence[float]
    rupture_share: float
    magnitude: Sequence[float]
    fewest_stations: int
    noise_gain_db: Sequence[float]
    vertical_share: float
    clipped_share: float
    clip_mps: Sequence[float]
    withheld_share: float
    silent_share: float
    stopped_share: float

    def __post_init__(self) -> None:
        for name in ("stations", "elapsed_s", "magnitude", "noise_gain_db", "clip_mps"):
            low, high = interval(f"histories.{name}", getattr(self, name))
            if name in ("elapsed_s", "clip_mps") and low <= 0.0:
                raise ValueError(f"histories.{name} must be positive, got {[low, high]}")
            if name != "stations":
                object.__setattr__(self, name, (low, high))
        if self.per_window < 1:
            raise ValueError(f"histories.per_window must be at least 1, got {self.per_window}")
        if self.stations[0] < FEWEST or self.fewest_stations < FEWEST:
            raise ValueError(
                f"histories.stations and fewest_stations must be at least {FEWEST}, got "
                f"{self.stations[0]:g} and {self.fewest_stations}"
            )


@dataclass(frozen=True)
class HistoryBank:
    """Block peaks of a split's earthquakes, source by source.

    blocks, noise: of records (a row each, sorted by source) and of noise.
    station_km: east, north, down from the hypocentre; arrival_s: P and S after origin; start_s: of the first
    block; first: row of each source's first record, and one past the last; large: a rupture with an array.
    """

    law: HistoryLaw
    blocks: Blocks
    noise: Blocks
    station_km: Float[np.ndarray, "record 3"]
    arrival_s: Float[np.ndarray, "record 2"]
    start_s: Float[np.ndarray, " record"]
    first: Int64[np.ndarray, " edge"]
    magnitude: Float[np.ndarray, " source"]
    release_s: Float[np.ndarray, "source share"]
    large: Bool[np.ndarray, " source"]
    source_id: Sequence[str]

    @classmethod
    def of(cls, store: BaseStore, split: str, preprocess: PreprocessSpec, law: HistoryLaw) -> "HistoryBank":
        """All ruptures of a split, and other sources with as many records together.

        Raises ValueError for a store without any of the two, or without noise.
        """
        records, first = _whole_sources(store, split, law)
        noise = of_noise(store, split, preprocess)
        rate = store.sampling_rate_hz
        begin = np.maximum(np.floor(store.p_sample[records] - BEFORE_P_S * rate), 0).astype(np.int64)
        # what a record holds before P, scaled with its source, would announce an earthquake
        skip = np.floor((store.p_sample[records] - begin) / rate / BLOCK_S).astype(np.int64)
        s_minus_p_s = (store.s_sample[records] - store.p_sample[records]) / rate
        travel_s = store.p_travel_s[records]
        travel_s = np.where(np.isnan(travel_s), P_OF_S_MINUS_P * s_minus_p_s, travel_s)
        azimuth_rad, distance_km = np.radians(store.azimuth_deg[records]), store.distance_km[records]
        horizontal_km = distance_km * np.sin(azimuth_rad), distance_km * np.cos(azimuth_rad)
        at = records[first[:-1]]
        return cls(
            law,
            of_records(store, records, begin, skip, preprocess),
            noise,
            np.stack([*horizontal_km, -store.depth_km[records]], axis=1),
            np.stack([travel_s, travel_s + s_minus_p_s], axis=1),
            travel_s - (store.p_sample[records] - begin) / rate + skip * BLOCK_S,
            first,
            store.magnitude[at],
            store.release_s[at],
            store.origin[at] == RUPTURES,
            store.source_id[at].tolist(),
        )

    def draw(self, rng: np.random.Generator, n: int) -> Ruptures:
        """n examples, by the generator alone."""
        sources = self._sources(rng, n)
        rows = [self._stations(rng, source) for source in sources.tolist()]
        count = np.array([len(each) for each in rows])
        record, example = np.concatenate(rows), np.repeat(np.arange(n), count)
        slot = np.concatenate([np.arange(each) for each in count])
        first_p_s = np.array([self.arrival_s[each, 0].min() for each in rows])
        last_s = np.array([(self.start_s[r] + BLOCK_S * self.blocks.length[r]).min() for r in rows])
        elapsed_s = self._elapsed_s(rng.random(n), last_s - first_p_s)
        now_s = first_p_s + elapsed_s
        vertical = rng.random(len(record)) < self.law.vertical_share
        length = np.minimum(np.ceil((elapsed_s + BEFORE_P_S) / BLOCK_S).astype(np.int64), N_BLOCKS)
        peaks = self._peaks(rng, record, now_s[example], length[example], vertical)

        shape = (n, int(count.max()))
        out = np.zeros((*shape, len(AMPLITUDES), N_BLOCKS), np.float32)
        edges = np.concatenate([[0], np.cumsum(length[example])])
        for row, (e, s, until) in enumerate(zip(example, slot, edges[1:], strict=True)):
            out[e, s, :, N_BLOCKS - (until - edges[row]) :] = peaks[:, edges[row] : until]
        turned_km = _turned(self.station_km[record], 2 * math.pi * rng.random(n)[example])
        places = (example, slot)
        magnitude, release_s = self.magnitude[sources], self.release_s[sources]
        elapsed, now, final, release = (
            torch.from_numpy(each).float() for each in (elapsed_s, now_s, magnitude, release_s)
        )
        return Ruptures(
            peaks=torch.from_numpy(out),
            mask=_at(places, shape, np.ones(len(record), bool)),
            vertical=_at(places, shape, vertical),
            station_km=_at(places, shape, turned_km),
            arrival_s=_at(places, shape, self.arrival_s[record] - now_s[example, None]),
            elapsed_s=elapsed,
            magnitude=final,
            released_magnitude=released_magnitude(final, release, now),
            heard_magnitude=released_magnitude(final, release, elapsed),
        )

    def _sources(self, rng: np.random.Generator, n: int) -> Int64[np.ndarray, " n"]:
        """Ruptures and others by their share; any of its kind as likely as another."""
        large = (rng.random(n) < self.law.rupture_share) if self.large.any() else np.zeros(n, bool)
        large |= bool(self.large.all())
        pick = rng.random(n)
        kinds = [np.flatnonzero(self.large == kind) for kind in (False, True)]
        each = [kinds[int(kind)] for kind in large]
        return np.array(
            [own[min(int(p * len(own)), len(own) - 1)] for own, p in zip(each, pick, strict=True)]
        )

    def _stations(self, rng: np.random.Generator, source: int) -> Int64[np.ndarray, " station"]:
        """Some records of a source: all round, of a sector, within a radius or beyond one."""
        record = np.arange(self.first[source], self.first[source + 1])
        east_km, north_km = self.station_km[record, :2].T
        layout, direction, width, count = rng.random(4)
        kind = int(layout * LAYOUTS)
        outside = np.zeros(len(record))
        if kind == 1:
            off_rad = np.arctan2(east_km, north_km) - 2 * math.pi * direction
            off_rad = np.abs((off_rad + math.pi) % (2 * math.pi) - math.pi)
            outside = off_rad - (SECTOR_RAD[0] + width * (SECTOR_RAD[1] - SECTOR_RAD[0]))
        elif kind == 2:
            radius_km = RADIUS_KM[0] * (RADIUS_KM[1] / RADIUS_KM[0]) ** width
            outside = np.log(np.hypot(east_km, north_km) + 1e-3) - math.log(radius_km)
        elif kind == 3:
            radius_km = BEYOND_KM[0] * (BEYOND_KM[1] / BEYOND_KM[0]) ** width
            outside = math.log(radius_km) - np.log(np.hypot(east_km, north_km) + 1e-3)
        low, high = self.law.stations
        wanted = int(low + count * (high - low + 1))
        wanted = min(wanted, int(high), max(int((outside <= 0).sum()), int(low)), len(record))
        # those within come first in any order, those outside by how far they are
        order = np.argsort(np.where(outside <= 0, -rng.random(len(record)), outside), kind="stable")
        return np.sort(record[order[:wanted]])

    def _elapsed_s(
        self, uniform: Float[np.ndarray, " n"], longest_s: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        low, high = self.law.elapsed_s
        return low * (np.clip(longest_s, low, high) / low) ** uniform

    def _peaks(
        self,
        rng: np.random.Generator,
        record: Int64[np.ndarray, " row"],
        now_s: Float[np.ndarray, " row"],
        length: Int64[np.ndarray, " row"],
        vertical: Bool[np.ndarray, " row"],
    ) -> Float32[np.ndarray, "channel block"]:
        """The last `length` blocks before now of every row, one row after the other; none else is touched."""
        law, n = self.law, len(record)
        ended = np.floor((now_s - self.start_s[record]) / BLOCK_S).astype(np.int64)
        signal = self.blocks.ending(record, ended, length)
        signal *= np.repeat(rng.random(n) >= law.silent_share, length)
        level_db = law.noise_gain_db[0] + (law.noise_gain_db[1] - law.noise_gain_db[0]) * rng.random(n)
        noisy = rng.integers(len(self.noise), size=n)
        noise = self.noise.around(noisy, rng.random(n), length)
        noise *= np.repeat((10 ** (level_db / 20)).astype(np.float32), length)
        low, high = law.clip_mps
        clip_mps = low * (high / low) ** rng.random(n)
        clip_mps[rng.random(n) >= law.clipped_share] = np.inf
        peaks = np.sqrt(signal**2 + noise**2)
        # an instrument at its end records as much less in every band
        moved = np.maximum(peaks[0], 1e-20)
        peaks *= np.minimum(np.repeat(clip_mps.astype(np.float32), length) / moved, 1.0)
        only = np.repeat(vertical, length)
        for channel in range(0, len(AMPLITUDES), 2):
            peaks[channel, only] = peaks[channel + 1, only]
        peaks[LONG:, np.repeat(rng.random(n) < law.withheld_share, length)] = 0.0
        there = np.where(rng.random(n) < law.stopped_share, rng.random(n), 1.0) * length
        peaks *= counting(length) < np.repeat(there, length)
        return peaks


def _whole_sources(
    store: BaseStore, split: str, law: HistoryLaw
) -> tuple[Int64[np.ndarray, " record"], Int64[np.ndarray, " edge"]]:
    """Records of ruptures and of as many others, sorted by source; the first of each, and their end."""
    records = store.select(split=split, category="earthquake")
    records = records[np.isfinite(store.p_sample[records]) & np.isfinite(store.s_sample[records])]
    records = records[~store.vertical_only[records]]  # peaks of all components are asked for
    of_rupture = store.origin[records] == RUPTURES
    _, at, source, count = np.unique(
        store.source_id[records], return_index=True, return_inverse=True, return_counts=True
    )
    magnitude = store.magnitude[records][at][source]
    other = ~of_rupture & (count[source] >= law.fewest_stations)
    other &= (magnitude >= law.magnitude[0]) & (magnitude <= law.magnitude[1])
    if of_rupture.any():
        # evenly from all of them: sources of one Earth lie together
        candidates = np.unique(source[other])
        kept = max(1, round(int(of_rupture.sum()) / max(float(count[candidates].mean()), 1.0)))
        if 0 < kept < len(candidates):
            chosen = candidates[np.linspace(0, len(candidates) - 1, kept).round().astype(np.int64)]
            other &= np.isin(source, chosen)
    usable = (of_rupture & (count[source] >= FEWEST)) | other
    if not usable.any():
        raise ValueError(
            f"the store at {store.path} has no ruptures in split {split!r} and no sources of M "
            f"{law.magnitude[0]:g} to {law.magnitude[1]:g} with {law.fewest_stations} records: build it with "
            "source=simulated, or set data.histories=null"
        )
    order = np.argsort(source[usable], kind="stable")
    _, first = np.unique(source[usable][order], return_index=True)
    return records[usable][order], np.append(first, int(usable.sum()))


def _turned(
    station_km: Float[np.ndarray, "row 3"], angle_rad: Float[np.ndarray, " row"]
) -> Float[np.ndarray, "row 3"]:
    """Clockwise about the hypocentre."""
    (east_km, north_km, down_km), cos, sin = station_km.T, np.cos(angle_rad), np.sin(angle_rad)
    return np.stack([east_km * cos + north_km * sin, north_km * cos - east_km * sin, down_km], axis=1)


def _at(places: tuple[np.ndarray, np.ndarray], shape: tuple[int, int], values: np.ndarray) -> Tensor:
    """Values of rows at their (example, station), zero elsewhere, in single precision or as truth values."""
    kind = bool if values.dtype == bool else np.float32
    out = np.zeros((*shape, *values.shape[1:]), kind)
    out[places] = values
    return torch.from_numpy(out)

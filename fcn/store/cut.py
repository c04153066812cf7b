"""From ground velocity at a station to records of the base store: geometry, arrivals, cutting, rotation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float64

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.store.schema import StoreRecord
from fcn.waveform.pick import Picker
from fcn.waveform.preprocess import Chunk, PreprocessSpec

NOISE_GUARD_S = 0.5  # before P, kept out of noise records: a weak P may begin before it is picked


@dataclass(frozen=True)
class Cut:
    """How much of a recording becomes a record, in seconds; what a record must hold at least.

    noise_s: range of lengths of the noise record made of what comes before P; None makes none.
    """

    before_p_s: float
    after_p_s: float
    min_before_p_s: float
    min_after_s_s: float
    noise_s: Sequence[float] | None

    def __post_init__(self) -> None:
        if self.noise_s is not None:
            object.__setattr__(self, "noise_s", (float(self.noise_s[0]), float(self.noise_s[1])))


@dataclass(frozen=True)
class Quake:
    """The source of a record; a magnitude of None or NaN is refused later, with its name."""

    source_id: str
    latitude_deg: float
    longitude_deg: float
    depth_km: float
    magnitude: float
    magnitude_type: str


@dataclass(frozen=True)
class Path:
    """From source to station: epicentral distance, azimuth at the source, predicted P and S after origin."""

    distance_km: float
    azimuth_deg: float
    p_s: float
    s_s: float


@dataclass(frozen=True)
class Arrivals:
    """What is known of P and S before looking, in seconds of the chunk's clock; None where it is not.

    p_range_s: where P may be, None for anywhere. A P far outside is of another event, or of another clock.
    """

    p_s: float | None = None
    s_s: float | None = None
    p_range_s: tuple[float, float] | None = None


class BeyondTable(ValueError):  # noqa: N818 - no error where it is another event's
    """A source farther or deeper than the travel-time table reaches; `distance_km` away."""

    def __init__(self, message: str, distance_km: float) -> None:
        super().__init__(message)
        self.distance_km = distance_km


class Importer:
    """What all importers of recorded earthquakes do once they have ground velocity.

    table: ranges of the travel-time table of `velocity_model`, as `TravelTimeTable.build` takes them; a
    station farther or a source deeper is refused.
    """

    def __init__(
        self,
        preprocess: PreprocessSpec,
        velocity_model: LayeredModel,
        table: Mapping[str, Any],
        cut: Cut,
        picker: Picker,
    ) -> None:
        self.preprocess = preprocess
        self.velocity_model = velocity_model
        self.cut = cut
        self.picker = picker
        self.travel_times = TravelTimeTable.build(velocity_model, **table)

    def path(self, quake: Quake, station: Station) -> Path:
        """Geometry and predicted arrivals; BeyondTable beyond the travel-time table."""
        frame = LocalFrame(quake.latitude_deg, quake.longitude_deg)
        station_km = Network((station,)).local_km(frame)
        east_km, north_km = station_km[0, :2]
        distance_km, table = math.hypot(east_km, north_km), self.travel_times
        if distance_km > table.max_distance_km or quake.depth_km > table.max_depth_km:
            raise BeyondTable(
                f"source {quake.depth_km:g} km deep and {distance_km:.0f} km away, beyond the travel-time "
                f"table ({table.max_depth_km:g} and {table.max_distance_km:g} km; option importer.table)",
                distance_km,
            )
        source_km = torch.tensor([[0.0, 0.0, quake.depth_km]], dtype=torch.float64)
        times_s = table.between(source_km.float(), torch.from_numpy(station_km).float())[0, 0]
        azimuth_deg = math.degrees(math.atan2(east_km, north_km)) % 360.0
        return Path(distance_km, azimuth_deg, float(times_s[0]), float(times_s[1]))

    def records(
        self, origin: str, quake: Quake, station: Station, path: Path, chunk: Chunk, known: Arrivals
    ) -> list[StoreRecord]:
        """The earthquake record, and a noise record where there is enough before P.

        chunk: velocity Z, N, E; a component that is zero throughout is dead or was not recorded. One
        horizontal alone has no direction: the vertical is left, and no noise record is made, which needs
        three components. Raises ValueError, its message the reason, where no trustworthy one is in it.
        """
        up, north, east = (bool(each.any()) for each in chunk.velocity_mps)
        if not up:
            raise ValueError("its vertical is one value throughout: a dead channel")
        vertical_only = not (north and east)
        if vertical_only:
            chunk = replace(chunk, velocity_mps=chunk.velocity_mps * [[1.0], [0.0], [0.0]])
        if vertical_only and known.p_s is not None and known.s_s is None:
            # analysts pick no S on a vertical, where it hides in the coda of P: the prediction serves
            known = replace(known, s_s=known.p_s + path.s_s - path.p_s)
        p_sample, s_sample = self._arrivals(chunk, path, known)
        waveform, first = self._cut(chunk, p_sample, s_sample)
        quake_record = StoreRecord(
            waveform_mps=rotate(waveform, path.azimuth_deg).astype(np.float32),
            category="earthquake",
            source_id=quake.source_id,
            station_code=station.id,
            source_magnitude=quake.magnitude,
            source_magnitude_type=quake.magnitude_type,
            source_depth_km=quake.depth_km,
            path_ep_distance_km=path.distance_km,
            path_azimuth_deg=path.azimuth_deg,
            p_arrival_sample=p_sample - first,
            s_arrival_sample=s_sample - first,
            origin=origin,
            vertical_only=vertical_only,
        )
        noise = None if vertical_only else self._noise(chunk, p_sample)
        if noise is None:
            return [quake_record]
        return [
            quake_record,
            StoreRecord.noise(noise.astype(np.float32), quake.source_id, station.id, origin),
        ]

    def _arrivals(self, chunk: Chunk, path: Path, known: Arrivals) -> tuple[float, float]:
        """P and S in samples of the chunk: as known, else picked; either way checked."""
        rate_hz = self.preprocess.sampling_rate_hz
        start_s = chunk.start_sample / rate_hz
        s_minus_p_s = path.s_s - path.p_s
        self._check_p(path, known)
        if known.p_s is not None and known.s_s is not None:
            off_s = known.s_s - known.p_s - s_minus_p_s
            if abs(off_s) > self.picker.tolerance_s(s_minus_p_s):
                raise ValueError(
                    f"S minus P given is {known.s_s - known.p_s:.1f} s, {s_minus_p_s:.1f} predicted"
                )
            return (known.p_s - start_s) * rate_hz, (known.s_s - start_s) * rate_hz
        p_range_s = known.p_range_s or (start_s, start_s + chunk.valid.size / rate_hz)
        if known.p_s is not None:
            half_s = self.picker.sta_s
            p_range_s = (known.p_s - half_s, known.p_s + half_s)
        p_range = ((p_range_s[0] - start_s) * rate_hz, (p_range_s[1] - start_s) * rate_hz)
        p_sample, s_sample = self._pick(chunk, s_minus_p_s, p_range)
        return (p_sample if known.p_s is None else (known.p_s - start_s) * rate_hz), s_sample

    def _check_p(self, path: Path, known: Arrivals) -> None:
        """ValueError for a P farther from where it may be than S minus P may be from its prediction."""
        if known.p_s is None or known.p_range_s is None:
            return
        first_s, last_s = known.p_range_s
        off_s, most_s = known.p_s - (first_s + last_s) / 2, self.picker.tolerance_s(path.p_s)
        if not first_s - most_s <= known.p_s <= last_s + most_s:
            raise ValueError(
                f"P given is {abs(off_s):.1f} s {'before' if off_s < 0 else 'after'} the predicted one, and "
                f"{(last_s - first_s) / 2 + most_s:.1f} s at most are believed: correct pick or origin, "
                "both in UTC"
            )

    def _pick(self, chunk: Chunk, s_minus_p_s: float, p_range: tuple[float, float]) -> tuple[float, float]:
        """Picks in the stretch without a gap that covers most of where P may be."""
        first, last = longest_run(chunk.valid, p_range)
        p_sample, s_sample = self.picker.pick(
            chunk.velocity_mps[:, first:last],
            self.preprocess.sampling_rate_hz,
            s_minus_p_s,
            (p_range[0] - first, p_range[1] - first),
        )
        return p_sample + first, s_sample + first

    def _cut(
        self, chunk: Chunk, p_sample: float, s_sample: float
    ) -> tuple[Float64[np.ndarray, "3 time"], int]:
        """Velocity from before P to after S, and the sample it starts at; ValueError where too little is."""
        rate_hz, n = self.preprocess.sampling_rate_hz, chunk.valid.size
        needed = (p_sample - self.cut.min_before_p_s * rate_hz, s_sample + self.cut.min_after_s_s * rate_hz)
        if needed[0] < 0 or needed[1] > n:
            raise ValueError(
                f"recorded from {p_sample / rate_hz:.1f} s before P to {(n - s_sample) / rate_hz:.1f} s "
                f"after S; {self.cut.min_before_p_s:g} and {self.cut.min_after_s_s:g} s are needed"
            )
        invalid = np.flatnonzero(~chunk.valid)
        if ((invalid >= needed[0]) & (invalid < needed[1])).any():
            raise ValueError("a gap between the noise before P and the coda of S")
        # Gaps farther out only shorten the record.
        first = max(round(p_sample - self.cut.before_p_s * rate_hz), 0, *(invalid[invalid < p_sample] + 1))
        last = min(round(p_sample + self.cut.after_p_s * rate_hz), n, *invalid[invalid > s_sample], n)
        return chunk.velocity_mps[:, first:last], int(first)

    def _noise(self, chunk: Chunk, p_sample: float) -> Float64[np.ndarray, "3 time"] | None:
        """Velocity before P, None where too little of it or none is wanted."""
        if self.cut.noise_s is None:
            return None
        rate_hz = self.preprocess.sampling_rate_hz
        shortest, longest = (round(length_s * rate_hz) for length_s in self.cut.noise_s)
        last = int(p_sample - NOISE_GUARD_S * rate_hz)
        invalid = np.flatnonzero(~chunk.valid[: max(last, 0)])
        first = max(last - longest, 0, *(invalid + 1))
        return chunk.velocity_mps[:, first:last] if last - first >= shortest else None


def longest_run(valid: Bool[np.ndarray, " time"], within: tuple[float, float]) -> tuple[int, int]:
    """First and one past the last sample of the run of valid ones that covers most of a range of samples.

    Raises ValueError where none reaches into it.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], valid, [False])).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    covered = np.minimum(ends, within[1] + 1) - np.maximum(starts, within[0])
    if not covered.size or covered.max() <= 0:
        raise ValueError("no valid samples where P should be")
    longest = int(np.argmax(covered))
    return int(starts[longest]), int(ends[longest])


def rotate(zne: Float64[np.ndarray, "3 time"], azimuth_deg: float) -> Float64[np.ndarray, "3 time"]:
    """Z, N, E to Z, R, T: R along the azimuth from source to station, T 90 degrees clockwise of it."""
    cosine, sine = math.cos(math.radians(azimuth_deg)), math.sin(math.radians(azimuth_deg))
    up, north, east = zne
    return np.stack((up, north * cosine + east * sine, east * cosine - north * sine))

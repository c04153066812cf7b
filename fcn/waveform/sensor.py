"""From the channels of one instrument to ground velocity up, north, east."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Float, Float64

from fcn.waveform.preprocess import Chunk, PreprocessSpec, ToVelocity
from fcn.waveform.response import channel_response, directions

log = logging.getLogger(__name__)

# SEED instrument codes in order of preference: broad-band and short-period seismometers measure weak motion
# with less noise than accelerometers. The letter before says how fast they sample.
INSTRUMENT_PREFERENCE = "HLPDN"
SMALLEST_DETERMINANT = 0.2  # of three unit vectors: smaller, and they hardly span space


@dataclass(frozen=True, eq=False)
class Sensor:
    """One instrument: its channels (at most three), their sensitivities and directions.

    to_zne: velocity up, north, east from that along the channels; missing components are zero.
    """

    seed_ids: tuple[str, ...]
    sampling_rate_hz: float
    measurement: str
    sensitivity: Float64[np.ndarray, " channel"]
    to_zne: Float64[np.ndarray, "3 channel"]

    @classmethod
    def from_inventory(
        cls, inventory: obspy.Inventory, seed_ids: Sequence[str], sampling_rate_hz: float, time_s: float
    ) -> "Sensor":
        """Sensor of the channels "NET.STA.LOC.CHA" at a POSIX time; ValueError says what is missing."""
        responses = [channel_response(inventory, seed_id, time_s) for seed_id in seed_ids]
        measurements = sorted({response.measurement for response in responses})
        if len(measurements) > 1:
            raise ValueError(f"{', '.join(seed_ids)} measure different things: {', '.join(measurements)}")
        vectors = directions(inventory, seed_ids, time_s)
        span = np.sqrt(max(np.linalg.det(vectors @ vectors.T), 0.0))
        if span < SMALLEST_DETERMINANT:
            raise ValueError(f"{', '.join(seed_ids)} do not point in different directions: check StationXML")
        return cls(
            seed_ids=tuple(seed_ids),
            sampling_rate_hz=float(sampling_rate_hz),
            measurement=measurements[0],
            sensitivity=np.array([response.value for response in responses], dtype=np.float64),
            to_zne=np.linalg.pinv(vectors),
        )

    @property
    def station_id(self) -> str:
        """Network and station code, "NET.STA"."""
        return ".".join(self.seed_ids[0].split(".")[:2])

    def stream(self, spec: PreprocessSpec) -> "SensorStream":
        """A fresh converter of this sensor's counts."""
        return SensorStream(self, spec)


class SensorStream:
    """Counts of a sensor to velocity up, north, east at the spec's rate, chunk by chunk."""

    def __init__(self, sensor: Sensor, spec: PreprocessSpec) -> None:
        self.sensor = sensor
        self._to_velocity = ToVelocity(
            spec, sensor.sampling_rate_hz, sensor.measurement, sensor.sensitivity, len(sensor.seed_ids)
        )

    def process(self, start_time_s: float, counts: Float[np.ndarray, "channel n"]) -> Chunk:
        """Velocity (3, m) that these counts make known; NaN is a gap, see `ToVelocity`."""
        return self._rotate(self._to_velocity.process(start_time_s, counts))

    def flush(self) -> Chunk:
        """The last samples; the next chunk starts anew."""
        return self._rotate(self._to_velocity.flush())

    def whole(self, start_time_s: float, counts: Float[np.ndarray, "channel n"]) -> Chunk:
        """Velocity of a whole recording."""
        return self._rotate(self._to_velocity.whole(start_time_s, counts))

    def _rotate(self, chunk: Chunk) -> Chunk:
        return Chunk(chunk.start_sample, self.sensor.to_zne @ chunk.velocity_mps, chunk.valid)


def choose_channels(stream: obspy.Stream, minimum_rate_hz: float) -> dict[str, list[str]]:
    """Per station "NET.STA", the channels of its best instrument, Z, N, E or Z, 1, 2 first.

    Best: most components (up to three), then seismometer before accelerometer, then most data, then the
    lowest location code. ValueError where a station has no instrument of at least `minimum_rate_hz`.
    """
    instruments: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    fastest: dict[str, float] = defaultdict(float)
    for trace in stream:
        station = f"{trace.stats.network}.{trace.stats.station}"
        fastest[station] = max(fastest[station], trace.stats.sampling_rate)
        if trace.stats.sampling_rate >= minimum_rate_hz:
            seconds = instruments[station][trace.id[:-1]]
            seconds[trace.id] = seconds.get(trace.id, 0.0) + trace.stats.npts * trace.stats.delta
    slow = [f"{name} ({rate:g} Hz)" for name, rate in fastest.items() if name not in instruments]
    if slow:
        raise ValueError(f"no channel of at least {minimum_rate_hz:g} Hz at {', '.join(slow)}")
    best = {name: max(instruments[name].values(), key=lambda found: _rank(found)) for name in instruments}
    return {name: sorted(best[name], key=_component_order)[:3] for name in sorted(best)}


def _rank(seconds: dict[str, float]) -> tuple[int, int, float, tuple[int, ...]]:
    seed_id = next(iter(seconds))
    instrument = seed_id[-2]
    known = instrument in INSTRUMENT_PREFERENCE
    preference = -INSTRUMENT_PREFERENCE.index(instrument) if known else -len(INSTRUMENT_PREFERENCE)
    # Letters of the location code count downwards, so that the lowest wins.
    location = tuple(-ord(letter) for letter in seed_id.split(".")[2])
    return min(len(seconds), 3), preference, sum(seconds.values()), location


def _component_order(seed_id: str) -> tuple[int, str]:
    return "ZNE123".find(seed_id[-1]) % 10, seed_id  # unknown letters last


def resolve_sensors(
    stream: obspy.Stream, inventory: obspy.Inventory, minimum_rate_hz: float
) -> dict[str, Sensor]:
    """Per station "NET.STA", the sensor of its best instrument (`choose_channels`) when its data start."""
    sensors = {}
    for station_id, seed_ids in choose_channels(stream, minimum_rate_hz).items():
        first = min((trace for trace in stream if trace.id in seed_ids), key=lambda t: t.stats.starttime)
        start_s, rate_hz = first.stats.starttime.timestamp, first.stats.sampling_rate
        sensors[station_id] = Sensor.from_inventory(inventory, seed_ids, rate_hz, start_s)
    return sensors


def assemble(
    traces: Iterable[obspy.Trace], seed_ids: Sequence[str]
) -> tuple[float, float, Float64[np.ndarray, "channel n"]]:
    """(start POSIX s, sampling rate Hz, counts) of the channels on one clock, NaN where there is nothing.

    Where traces overlap the later one in time wins. Raises ValueError for different sampling rates.
    """
    chosen = sorted(
        (trace for trace in traces if trace.id in seed_ids), key=lambda trace: trace.stats.starttime
    )
    rates = sorted({float(trace.stats.sampling_rate) for trace in chosen})
    if len(rates) != 1:
        raise ValueError(f"{', '.join(seed_ids)}: need one sampling rate, found {rates} Hz")
    start_s = chosen[0].stats.starttime.timestamp
    first = [round((trace.stats.starttime.timestamp - start_s) * rates[0]) for trace in chosen]
    n_samples = max(begin + trace.stats.npts for begin, trace in zip(first, chosen, strict=True))
    counts = np.full((len(seed_ids), n_samples), np.nan)
    for begin, trace in zip(first, chosen, strict=True):
        data = np.ma.filled(np.ma.asarray(trace.data, dtype=np.float64), np.nan)
        counts[list(seed_ids).index(trace.id), begin : begin + trace.stats.npts] = data
    return start_s, rates[0], counts

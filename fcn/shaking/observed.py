"""Ground acceleration of a station at its native rate, from its traces and StationXML; and its intensity."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Float, Float64

from fcn.shaking.real_time import LEAST_RATE_HZ, RealTimeIntensity
from fcn.waveform.choice import instrument, spanned
from fcn.waveform.clipping import Clipping
from fcn.waveform.memory import Memory
from fcn.waveform.preprocess import LARGEST, is_filled
from fcn.waveform.rates import SAME_RATE, in_step, same_rate
from fcn.waveform.response import Described, Sensitivity, describe
from fcn.waveform.stored import AnyTrace

log = logging.getLogger(__name__)

N_COMPONENTS = 3


@dataclass(frozen=True, eq=False)
class Acceleration:
    """Three components at right angles: sample j is at start_time_s + j / sampling_rate_hz, POSIX s.

    mps2: m/s2, NaN where unknown. instrument: their channel id without its last letter. is_clipped: a
    seismometer that was driven beyond its range at any time, so that its strongest motion is not in mps2.
    """

    station_id: str
    instrument: str
    start_time_s: float
    sampling_rate_hz: float
    mps2: Float64[np.ndarray, "3 time"]
    is_clipped: bool

    def real_time_intensity(self, *, window_s: float, max_gap_s: float) -> Float64[np.ndarray, " time"]:
        """`RealTimeIntensity` at every sample, NaN where unknown."""
        running = RealTimeIntensity(self.sampling_rate_hz, window_s=window_s, max_gap_s=max_gap_s)
        return running.process(self.mps2)


class ToAcceleration(Memory):
    """Counts of one channel to m/s2, chunk by chunk: causal, chunked equals whole, and it pickles.

    Velocity becomes acceleration by its difference from the sample before. What is clipped, fill, or beyond
    what the ground can do (`LARGEST`), is unknown.
    """

    _carried = ("_clipping", "_last_mps")

    def __init__(self, sensitivity: Sensitivity, sampling_rate_hz: float) -> None:
        self._sensitivity, self._rate_hz = sensitivity, sampling_rate_hz
        self._clipping, self._last_mps = Clipping(sensitivity), math.nan

    def process(self, counts: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Of samples that follow those before; NaN where unknown, as where counts are."""
        motion = counts / self._sensitivity.value
        known = np.abs(motion) <= LARGEST[self._sensitivity.measurement]
        motion[~known | is_filled(counts)] = np.nan
        if self._sensitivity.measurement == "acceleration" or not motion.size:
            return motion
        motion[self._clipping.process(counts)] = np.nan
        before, self._last_mps = self._last_mps, float(motion[-1])
        return np.diff(motion, prepend=before) * self._rate_hz


def station_acceleration(traces: Iterable[AnyTrace], inventory: obspy.Inventory) -> Acceleration:
    """Acceleration of one station: its accelerometer, else what its seismometer does not clip.

    Of several instruments with three components at right angles and 80 Hz or more, an accelerometer comes
    before a seismometer, and the lowest location code first. What `ToAcceleration` does not know, and what is
    in no epoch that StationXML describes, is unknown. Raises ValueError where no instrument is left.
    """
    by_instrument: dict[str, list[AnyTrace]] = defaultdict(list)
    for trace in traces:
        by_instrument[instrument(trace.id)].append(trace)
    wrong, found = [], []
    for name, own in sorted(by_instrument.items()):
        try:
            found.append(_instrument(name, own, inventory))
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if not found:
        raise ValueError(f"no instrument gives acceleration: {'; '.join(wrong)}")
    return min(found, key=lambda each: (not each[0], each[1].instrument))[1]


def _instrument(
    name: str, traces: Sequence[AnyTrace], inventory: obspy.Inventory
) -> tuple[bool, Acceleration]:
    """Whether it is an accelerometer, and what it measured."""
    by_channel: dict[str, list[AnyTrace]] = defaultdict(list)
    for trace in traces:
        by_channel[trace.id].append(trace)
    rates = [float(trace.stats.sampling_rate) for trace in traces]
    if len(by_channel) != N_COMPONENTS or max(rates) > min(rates) * (1 + SAME_RATE):
        raise ValueError(
            f"{len(by_channel)} channels at {min(rates):g} to {max(rates):g} Hz, not three at one rate"
        )
    rate_hz = same_rate(rates[0], [], LEAST_RATE_HZ)
    if rate_hz < LEAST_RATE_HZ:
        raise ValueError(f"{rate_hz:g} Hz, slower than {LEAST_RATE_HZ:g} Hz")
    start = min(trace.stats.starttime for trace in traces)
    end = max(trace.stats.endtime for trace in traces)
    described = {
        channel: describe(inventory, channel, start.timestamp, end.timestamp) for channel in by_channel
    }
    if not spanned(np.array([epochs[0].direction for epochs in described.values()])):
        raise ValueError("its channels do not point in three directions")
    n_samples = round((end - start) * rate_hz) + 1
    mps2, is_clipped = np.full((N_COMPONENTS, n_samples), np.nan), False
    for row, (channel, own) in enumerate(sorted(by_channel.items())):
        for trace in own:
            motion, clips = _acceleration(trace, described[channel])
            begin_s, stated_hz = trace.stats.starttime - start, float(trace.stats.sampling_rate)
            for at_s, piece in in_step(begin_s, motion.size, stated_hz, rate_hz):
                first, part = round(at_s * rate_hz), motion[piece]
                mps2[row, first : first + part.size] = part[: n_samples - first]
            is_clipped |= clips
    station_id = ".".join(name.split(".")[:2])
    is_accelerometer = described[channel][0].sensitivity.measurement == "acceleration"
    return is_accelerometer, Acceleration(station_id, name, start.timestamp, rate_hz, mps2, is_clipped)


def _acceleration(trace: AnyTrace, epochs: Sequence[Described]) -> tuple[Float64[np.ndarray, " time"], bool]:
    """m/s2 of one trace, NaN where unknown; and whether anything of it clips."""
    counts = np.ma.filled(np.ma.asarray(trace.data, dtype=np.float64), np.nan)
    time_s = trace.stats.starttime.timestamp + np.arange(counts.size) * trace.stats.delta
    mps2, clips = np.full(counts.size, np.nan), False
    for epoch in epochs:
        within = (time_s >= epoch.start_s) & (time_s < epoch.end_s)
        to_acceleration = ToAcceleration(epoch.sensitivity, trace.stats.sampling_rate)
        mps2[within] = to_acceleration.process(counts[within])
        clips |= bool(Clipping(epoch.sensitivity).process(counts[within]).any())
    return mps2, clips

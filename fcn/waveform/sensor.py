"""One instrument whose channels record together, as in the records of earthquakes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Float, Float64

from fcn.waveform.gaps import counts_of
from fcn.waveform.preprocess import Chunk, PreprocessSpec, ToVelocity, is_filled


@dataclass(frozen=True, eq=False)
class Sensor:
    """One instrument: what its channels measure, their sensitivities and directions.

    sensitivity: counts per m/s or m/s2. to_zne: velocity up, north, east from that along the channels.
    """

    sampling_rate_hz: float
    measurement: str
    sensitivity: Float64[np.ndarray, " channel"]
    to_zne: Float64[np.ndarray, "3 channel"]

    def velocity(
        self, spec: PreprocessSpec, start_time_s: float, counts: Float[np.ndarray, "channel n"]
    ) -> Chunk:
        """Velocity Z, N, E of a whole recording; a gap of one channel (NaN) is one of all.

        Raises ValueError where no sample is known.
        """
        motion = np.where(is_filled(counts), np.nan, counts) / self.sensitivity[:, None]
        converter = ToVelocity(spec, self.sampling_rate_hz, self.measurement, 1.0, len(self.sensitivity))
        chunk = converter.whole(start_time_s, motion)
        return Chunk(chunk.start_sample, self.to_zne @ chunk.velocity_mps, chunk.valid, chunk.fresh)


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
        counts[list(seed_ids).index(trace.id), begin : begin + trace.stats.npts] = counts_of(trace.data)
    return start_s, rates[0], counts

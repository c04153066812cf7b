"""What a data link delivers."""

import logging
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Float64

from fcn.waveform.gaps import counts_of

log = logging.getLogger(__name__)

FASTEST_HZ = 10_000.0


@dataclass(frozen=True, eq=False)
class Packet:
    """Counts of a channel "NET.STA.LOC.CHA", the first of them at a POSIX time.

    Raises ValueError, naming channel and value, for what no link should deliver: a time or rate that is not a
    number, no sample, an id that is none.
    """

    seed_id: str
    start_time_s: float
    sampling_rate_hz: float
    counts: Float64[np.ndarray, " n"]

    def __post_init__(self) -> None:
        if self.seed_id.count(".") != 3:
            raise ValueError(f"packet of {self.seed_id!r}: not a channel id of the form NET.STA.LOC.CHA")
        if not math.isfinite(self.start_time_s) or not 0.0 < self.sampling_rate_hz <= FASTEST_HZ:
            raise ValueError(
                f"packet of {self.seed_id} from {self.start_time_s} at {self.sampling_rate_hz} Hz: time and "
                f"rate must be numbers, the rate up to {FASTEST_HZ:g} Hz"
            )
        if self.counts.ndim != 1 or not self.counts.size:
            raise ValueError(f"packet of {self.seed_id} has no samples: shape {self.counts.shape}")

    @property
    def station_id(self) -> str:
        """Network and station code, "NET.STA"."""
        return ".".join(self.seed_id.split(".")[:2])

    @property
    def end_time_s(self) -> float:
        """POSIX time at which the sample after the last one is due."""
        return self.start_time_s + self.counts.size / self.sampling_rate_hz


def packets_of(trace: obspy.Trace, length_s: float = math.inf) -> Iterator[Packet]:
    """A trace in packets of a length, in order; masked samples are NaN.

    Raises ValueError, naming the channel, for text, as of a data logger's log, and for what `Packet` refuses.
    """
    if trace.data.dtype.kind not in "iuf" or not trace.stats.sampling_rate > 0.0:
        raise ValueError(
            f"{trace.id} is no motion: samples of type {trace.data.dtype} at {trace.stats.sampling_rate:g} Hz"
        )
    rate_hz, start_s = float(trace.stats.sampling_rate), trace.stats.starttime.timestamp
    n = trace.stats.npts if math.isinf(length_s) else max(round(length_s * rate_hz), 1)
    for first in range(0, trace.stats.npts, max(n, 1)):
        part = counts_of(trace.data[first : first + n])
        yield Packet(trace.id, start_s + first / rate_hz, rate_hz, part)


def note_clock(counts: Counter[str], when: str, packet: Packet) -> None:
    """Count a packet of another time, "from the future" or "from long ago"; the first of them is logged."""
    if not counts[when]:
        log.warning(
            "packets %s are left out, the first is of %s and from %s: is the clock right, there and here? "
            "(source=replay is for recordings)",
            *(when, packet.seed_id, obspy.UTCDateTime(packet.start_time_s)),
        )
    counts[when] += 1

"""Files that hold one channel at one time, and do not agree on it."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import obspy

from fcn.waveform.rates import SAME_RATE, samples_in_step

LEAST_S = 10.0  # a shorter overlap is rather one of clocks that were set
ON_SAMPLE = 0.25  # of a sample: of copies, samples are at the same times
MOST_DIFFERENT = 0.5  # of the samples of an overlap; of damaged records a few are


def check_copies(read: Iterable[tuple[Path, obspy.Trace]]) -> None:
    """Raise ValueError, naming both, for two files with other samples of one channel at the same times.

    As of raw counts and what was made of them: which of the two is meant their names cannot say.
    """
    by_id: dict[str, list[tuple[Path, obspy.Trace]]] = defaultdict(list)
    for path, trace in read:
        by_id[trace.id].append((path, trace))
    for seed_id, held in by_id.items():
        held.sort(key=lambda each: each[1].stats.starttime)
        for i, (path, trace) in enumerate(held):
            for other_path, other in held[i + 1 :]:
                if other.stats.starttime >= trace.stats.endtime:
                    break
                if path != other_path and (differ := _different(trace, other)):
                    raise ValueError(
                        f"{path} and {other_path} have other samples of {seed_id} at the same times "
                        f"({differ}): leave the files out that are not its instrument's counts"
                    )


def _different(first: obspy.Trace, second: obspy.Trace) -> str:
    """In what; empty where most samples are the same, or none are to be compared."""
    rate_hz, other_hz = float(first.stats.sampling_rate), float(second.stats.sampling_rate)
    if abs(rate_hz / other_hz - 1.0) > SAME_RATE:
        return ""
    after = (second.stats.starttime - first.stats.starttime) * rate_hz
    begin = round(after)
    n = min(first.stats.npts - begin, second.stats.npts)
    if abs(after - begin) > ON_SAMPLE or n < LEAST_S * rate_hz:
        return ""
    n = min(n, samples_in_step(other_hz, rate_hz))
    a, b = (
        np.ma.filled(np.ma.asarray(data, dtype=np.float64), np.nan)
        for data in (first.data[begin : begin + n], second.data[:n])
    )
    told = np.isfinite(a) & np.isfinite(b) & (a != 0.0) & (b != 0.0)  # gaps are filled with zeros, too
    if not told.any() or (a != b)[told].mean() <= MOST_DIFFERENT:
        return ""
    return f"up to {np.abs(a[told]).max():g} in one and {np.abs(b[told]).max():g} in the other"

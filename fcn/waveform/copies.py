"""Files that hold one channel at one time: they agree, or one has a hole filled and the other counts."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import obspy
from jaxtyping import Bool, Float64

from fcn.waveform.gaps import counts_of
from fcn.waveform.rates import SAME_RATE, samples_in_step

log = logging.getLogger(__name__)

LEAST_S = 10.0  # a shorter overlap is rather one of clocks that were set
SET_BACK_S = 0.5  # by less clocks are set all the time
ON_SAMPLE = 0.25  # of a sample: of copies, samples are at the same times
MOST_DIFFERENT = 0.5  # of the samples of an overlap; of damaged records a few are
LEAST_VALUES = 5  # different ones, of samples that vary
FILLED_S = 0.5  # of one value where a copy's samples vary: nobody recorded that

_Held = tuple[Path, obspy.Trace]


def reconcile_copies(read: Iterable[_Held]) -> None:
    """Of two files that hold a channel at the same times, mask what one has filled and the other recorded.

    Else those of the file would count whose name comes first; how much is masked is logged. So is how much of
    a channel comes twice where a clock seems to have been set back, of which the samples are lost that come
    later. Raises ValueError, naming both, for two files with other samples of one channel at the same times,
    as of raw counts and what was made of them: which of the two is meant their names cannot say.
    """
    by_id: dict[str, list[_Held]] = defaultdict(list)
    for path, trace in read:
        by_id[trace.id].append((path, trace))
    for held in by_id.values():
        held.sort(key=lambda each: each[1].stats.starttime)
        twice = list[tuple[float, _Held]]()
        for i, one in enumerate(held):
            for other in held[i + 1 :]:
                if other[1].stats.starttime >= one[1].stats.endtime:
                    break
                overlap, shared_s = _overlap(one[1], other[1]), _shared_s(one[1], other[1])
                if one[0] != other[0] and overlap and shared_s >= LEAST_S:
                    _reconcile(one, other, *overlap)
                elif shared_s >= SET_BACK_S and _is_other(one[1], other[1], overlap):
                    twice.append((shared_s, other))
        _warn_of_set_clock(twice)


def _warn_of_set_clock(twice: list[tuple[float, _Held]]) -> None:
    """Log how many seconds of a channel come twice, from each of these traces on."""
    if twice:
        _, (path, trace) = twice[0]
        log.warning(
            "%s: %.1f s of %s come twice, and not alike, the first from %s on: was a clock set back? What "
            "begins first counts, the rest is lost",
            *(path, sum(each_s for each_s, _ in twice), trace.id, trace.stats.starttime),
        )


def _shared_s(one: obspy.Trace, other: obspy.Trace) -> float:
    """Length of what both have; the first begins before."""
    return float(min(one.stats.endtime, other.stats.endtime) - other.stats.starttime + one.stats.delta)


def _is_other(one: obspy.Trace, other: obspy.Trace, overlap: tuple[int, int] | None) -> bool:
    """Whether a trace has the times of one that begins before, at its rate, and not its samples."""
    if abs(one.stats.sampling_rate / other.stats.sampling_rate - 1.0) > SAME_RATE:
        return False
    if overlap is None:
        return True  # between its samples
    begin, n = overlap
    a, b = counts_of(one.data[begin : begin + n]), counts_of(other.data[:n])
    told = np.isfinite(a) & np.isfinite(b)
    return bool(told.any() and (a != b)[told].mean() > MOST_DIFFERENT)


def _reconcile(one: _Held, other: _Held, begin: int, n: int) -> None:
    """`one` begins first, or at the same time; they share n samples, of it those from `begin` on."""
    a, b = counts_of(one[1].data[begin : begin + n]), counts_of(other[1].data[:n])
    n_least = FILLED_S * float(one[1].stats.sampling_rate)
    filled_a, filled_b = _of_one_value(a, n_least), _of_one_value(b, n_least)
    known_a, known_b = np.isfinite(a), np.isfinite(b)
    told = known_a & known_b & (a != 0.0) & (b != 0.0) & ~filled_a & ~filled_b
    if told.any() and (a != b)[told].mean() > MOST_DIFFERENT:
        raise ValueError(
            f"{one[0]} and {other[0]} have other samples of {one[1].id} at the same times (up to "
            f"{np.abs(a[told]).max():g} in one and {np.abs(b[told]).max():g} in the other): leave the files "
            "out that are not its instrument's counts"
        )
    _mask(one, begin, _given(filled_a, b, known_b & ~filled_b), other[0])
    _mask(other, 0, _given(filled_b, a, known_a & ~filled_a), one[0])


def _given(
    filled: Bool[np.ndarray, " n"], others: Float64[np.ndarray, " n"], there: Bool[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """What is filled where the other has samples that vary: a damaged one among equal ones does not."""
    given = filled & there
    return given if np.unique(others[given]).size >= LEAST_VALUES else np.zeros_like(given)


def _mask(held: _Held, begin: int, filled: Bool[np.ndarray, " n"], beside: Path) -> None:
    """Mask these samples of a trace, from its sample `begin` on."""
    if not filled.any():
        return
    path, trace = held
    mask = np.ma.getmaskarray(trace.data).copy()
    mask[begin : begin + filled.size] |= filled
    trace.data = np.ma.masked_array(np.ma.getdata(trace.data), mask)
    log.warning(
        "%s: %.1f s of %s are of one value, where %s has samples that vary: those count",
        *(path, filled.sum() / trace.stats.sampling_rate, trace.id, beside),
    )


def _overlap(first: obspy.Trace, second: obspy.Trace) -> tuple[int, int] | None:
    """Where in the first the second begins, and how many samples both have; None where those are at other
    times."""
    rate_hz, other_hz = float(first.stats.sampling_rate), float(second.stats.sampling_rate)
    if abs(rate_hz / other_hz - 1.0) > SAME_RATE:
        return None
    after = (second.stats.starttime - first.stats.starttime) * rate_hz
    begin = round(after)
    n = min(first.stats.npts - begin, second.stats.npts)
    if abs(after - begin) > ON_SAMPLE or n < 1:
        return None
    return begin, min(n, samples_in_step(other_hz, rate_hz))


def _of_one_value(values: Float64[np.ndarray, " n"], n_least: float) -> Bool[np.ndarray, " n"]:
    """Which samples lie in a run of at least so many equal ones."""
    edges = np.flatnonzero(np.diff(values) != 0.0) + 1  # NaN equals nothing
    bounds = np.concatenate(([0], edges, [values.size]))
    lengths = np.diff(bounds)
    return np.repeat(lengths >= n_least, lengths)

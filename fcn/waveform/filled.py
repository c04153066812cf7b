"""One value that fills gaps in place of samples nobody recorded: told by an offset of the rest."""

import logging
from collections import Counter, defaultdict

import numpy as np
import obspy
from jaxtyping import Float64, Shaped

from fcn.waveform.gaps import counts_of

log = logging.getLogger(__name__)

LEAST_S = 0.5  # of one value in a row: strong motion passes through it, and does not stay there
LEAST_OFFSET = 20.0  # of what is recorded, in standard deviations and in counts: noise does not reach it
STAYS = 0.5  # of the offset, and more, is there on both sides
SIGMA_OF_MAD = 1.4826  # of a Gaussian
N_LOOKED_AT = 100_000  # samples, for a digitiser's step

Filled = Counter[tuple[str, float]]  # seconds, by channel and value
_Span = tuple[int, int]  # the first sample, and the one after the last


def mask_filled(stream: obspy.Stream) -> None:
    """Mask runs of one value amid samples that lie far from it, and say where: they would be steps.

    Filters ring at both ends of a step of the ground for as long as an earthquake lasts.
    """
    filled: Filled = Counter()
    for trace in stream:
        mask_filled_of(trace, filled)
    warn_of_filled(filled)


def mask_filled_of(trace: obspy.Trace, filled: Filled) -> None:
    """As `mask_filled`, of one trace; what is masked is counted."""
    if trace.data.dtype.kind not in "iuf":
        return
    found = _filled(trace.data, max(2, round(LEAST_S * trace.stats.sampling_rate)))
    masked = np.zeros(len(trace.data), dtype=bool)
    for value, (first, last) in found:
        masked[first:last] = True
        filled[trace.id, value] += (last - first) / trace.stats.sampling_rate
    if found:
        trace.data = np.ma.masked_where(masked, trace.data)


def warn_of_filled(filled: Filled, where: str = "") -> None:
    """Log what was masked, if anything."""
    if filled:
        log.warning(
            "%svalues that stand still far from what is recorded on both sides are taken for gaps that "
            "somebody has filled: %s",
            where,
            ", ".join(
                f"{seed_id} {s:.1f} s of {value:.10g}" for (seed_id, value), s in sorted(filled.items())
            ),
        )


def _filled(data: Shaped[np.ndarray, " sample"], n_least: int) -> list[tuple[float, _Span]]:
    """Runs of at least so many samples, each with its value."""
    is_same = np.ma.filled(np.ma.equal(data[1:], data[:-1]), fill_value=False)
    ends = np.flatnonzero(np.diff(np.concatenate(([False], is_same, [False])).astype(np.int8)))
    # from the first of two that are the same to the second of the last two
    firsts, lasts = ends[::2], ends[1::2] + 1
    long = lasts - firsts >= n_least
    runs = list(zip(firsts[long].tolist(), lasts[long].tolist(), strict=True))
    if not runs:
        return []
    counts = counts_of(data)
    by_value: dict[float, list[_Span]] = defaultdict(list)
    for first, last in runs:
        # nearly all runs of coarse digitisers are next to a value beside theirs
        if _is_apart(_beside(counts, (first, last), n_least) - counts[first]):
            by_value[float(counts[first])].append((first, last))
    return [(value, run) for value, apart in by_value.items() for run in _far(counts, value, apart, n_least)]


def _far(
    counts: Float64[np.ndarray, " sample"], value: float, apart: list[_Span], n_least: int
) -> list[_Span]:
    """Those runs of a value that lie far from all else that is recorded, and from what is beside them."""
    recorded = counts[(counts != value) & np.isfinite(counts)]
    if sum(last - first for first, last in apart) > len(recorded):
        return []  # it is what it says when nothing moves
    # of digitisers whose noise is less than a step many samples are alike
    steps = np.diff(np.unique(recorded[:N_LOOKED_AT]))
    least = max(float(steps.min()) if len(steps) else 0.0, 1.0)
    offset = float(np.median(recorded)) - value
    if abs(offset) <= LEAST_OFFSET * max(_sigma(recorded), least):
        return []
    found = []
    for span in apart:
        beside = _beside(counts, span, n_least)
        stays = (beside - value) / offset
        # zero is no end of a digitiser's range, at which it stays while it shakes, or from one to the other
        is_quiet = abs(offset) > LEAST_OFFSET * max(_sigma(beside), least) and stays.max() < 2.0 - STAYS
        if stays.min() > STAYS and (value == 0.0 or is_quiet):
            found.append(span)
    return found


def _beside(counts: Float64[np.ndarray, " sample"], span: _Span, n: int) -> Float64[np.ndarray, " n"]:
    """What is recorded of so many samples on either side."""
    first, last = span
    beside = np.concatenate([counts[max(first - n, 0) : first], counts[last : last + n]])
    return beside[np.isfinite(beside)]


def _is_apart(above: Float64[np.ndarray, " n"]) -> bool:
    """Whether all lie on one side, by more than noise of less than a count does."""
    least = STAYS * LEAST_OFFSET
    return bool(above.size and ((above > least).all() or (above < -least).all()))


def _sigma(counts: Float64[np.ndarray, " n"]) -> float:
    return SIGMA_OF_MAD * float(np.median(np.abs(counts - np.median(counts))))

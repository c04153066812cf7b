"""Zeros that stand for samples nobody recorded, as some programs fill gaps: told by an offset of the rest."""

import logging

import numpy as np
import obspy
from jaxtyping import Bool, Shaped

log = logging.getLogger(__name__)

LEAST_S = 0.5  # of zeros in a row: strong motion passes through zero, and does not stay there
LEAST_OFFSET = 20.0  # of what is recorded, in standard deviations and in counts: noise does not reach zero
STAYS = 0.5  # of the offset, and more, is there on both sides
SIGMA_OF_MAD = 1.4826  # of a Gaussian
N_LOOKED_AT = 100_000  # samples, for a digitiser's step


def mask_filled(stream: obspy.Stream) -> None:
    """Mask runs of zeros amid samples that lie far from it, and say where: they would be steps of the ground.

    Filters ring at both ends of such a step for as long as an earthquake lasts.
    """
    filled: dict[str, float] = {}
    for trace in stream:
        if trace.data.dtype.kind not in "iuf":
            continue
        zeros = _filled(trace.data, max(2, round(LEAST_S * trace.stats.sampling_rate)))
        if zeros.any():
            trace.data = np.ma.masked_where(zeros, trace.data)
            seconds = float(zeros.sum()) / trace.stats.sampling_rate
            filled[trace.id] = filled.get(trace.id, 0.0) + seconds
    if filled:
        log.warning(
            "zeros amid samples that lie far from zero are taken for gaps that somebody has filled: of %s",
            ", ".join(f"{seed_id} {seconds:.1f} s" for seed_id, seconds in sorted(filled.items())),
        )


def _filled(data: Shaped[np.ndarray, " sample"], n_least: int) -> Bool[np.ndarray, " sample"]:
    found = np.zeros(len(data), dtype=bool)
    is_zero = np.ma.filled(np.ma.equal(data, 0), fill_value=False)
    ends = np.flatnonzero(np.diff(np.concatenate(([False], is_zero, [False])).astype(np.int8)))
    long = [
        (first, last) for first, last in zip(ends[::2], ends[1::2], strict=True) if last - first >= n_least
    ]
    if not long:
        return found
    known = np.asarray(np.ma.filled(np.ma.masked_invalid(data).astype(np.float64), np.nan))
    recorded = known[~is_zero & np.isfinite(known)]
    if sum(last - first for first, last in long) > len(recorded):
        return found  # zero is what it says when nothing moves
    offset = np.median(recorded)
    # of digitisers whose noise is less than a step many samples are alike
    steps = np.diff(np.unique(recorded[:N_LOOKED_AT]))
    step = float(steps.min()) if len(steps) else 0.0
    sigma = max(SIGMA_OF_MAD * float(np.median(np.abs(recorded - offset))), step, 1.0)
    if abs(offset) <= LEAST_OFFSET * sigma:
        return found
    for first, last in long:
        beside = np.concatenate([known[max(first - n_least, 0) : first], known[last : last + n_least]])
        beside = beside[np.isfinite(beside)]
        if len(beside) and (beside / offset > STAYS).all():
            found[first:last] = True
    return found

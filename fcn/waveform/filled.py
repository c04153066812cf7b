"""Zeros that stand for samples nobody recorded, as some programs fill gaps: told by an offset of the rest."""

import logging

import numpy as np
import obspy
from jaxtyping import Bool, Shaped

log = logging.getLogger(__name__)

LEAST_S = 0.5  # of zeros in a row: strong motion passes through zero, and does not stay there
LEAST_OFFSET = 20.0  # of what is recorded, in standard deviations and in counts: noise does not reach zero
SIGMA_OF_MAD = 1.4826  # of a Gaussian


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
    is_zero = np.ma.filled(np.ma.equal(data, 0), fill_value=False)
    ends = np.flatnonzero(np.diff(np.concatenate(([False], is_zero, [False])).astype(np.int8)))
    firsts, lasts = ends[::2], ends[1::2]
    long = lasts - firsts >= n_least
    if not long.any():
        return np.zeros(len(data), dtype=bool)
    known = np.ma.masked_invalid(np.ma.masked_where(is_zero, data)).compressed().astype(np.float64)
    found = np.zeros(len(data), dtype=bool)
    if not len(known):
        return found
    offset = np.median(known)
    # of digitisers whose noise is less than a count many samples are alike
    sigma = max(SIGMA_OF_MAD * float(np.median(np.abs(known - offset))), 1.0)
    if abs(offset) <= LEAST_OFFSET * sigma:
        return found
    for first, last in zip(firsts[long], lasts[long], strict=True):
        found[first:last] = True
    return found

"""How strong P is in which direction: a double couple radiates more here than there.

Records of a recombined event come from other focal mechanisms. Left to chance, P is strong at one station and
weak at its neighbour, where the P of an earthquake changes slowly over the focal sphere. So that P of a
recombined event does, too, records of strong P are chosen where the event's own double couple radiates P
strongly. No record is altered by that, and none is chosen more often: a candidate is as likely as another.
"""

import functools

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.special import ndtr, ndtri

NEAR_RAD, FAR_RAD = 0.35, 1.0  # between directions from one source: as good as the same, and unlike
MOST_RECORDS = 16  # of one source, its first, that are paired: as many pairs as a store of any size needs
LEAST_PAIRS = 100  # of records in nearly the same direction from one source, to say anything
N_QUANTILES = 512


def coherence(
    strength: Float[np.ndarray, " n"],
    source_id: Shaped[np.ndarray, " n"],
    direction: Float[np.ndarray, "n 3"],
) -> float:
    """How well the direction from the source says the strength of P: a correlation, 0 to 1.

    strength: log10 of P about a law (NaN: not known). direction: unit vectors from the source. The square is
    the covariance of pairs in nearly the same direction from one source beyond that of pairs in unlike ones,
    over the variance beyond the latter, which is the source's and not the direction's. 0 with fewer than
    `LEAST_PAIRS`.
    """
    known = np.isfinite(strength) & np.isfinite(direction).all(axis=1)
    if not known.any():
        return 0.0
    order = np.flatnonzero(known)[np.argsort(source_id[known], kind="stable")]
    _, count = np.unique(source_id[order], return_counts=True)
    first, second = _pairs(count)
    value, way = strength[order] - strength[order].mean(), direction[order]
    product = value[first] * value[second]
    apart_rad = np.arccos(np.clip((way[first] * way[second]).sum(axis=1), -1, 1))
    near, far = product[apart_rad < NEAR_RAD], product[apart_rad > FAR_RAD]
    if min(len(near), len(far)) < LEAST_PAIRS:
        return 0.0
    common = float(far.mean())
    share = (float(near.mean()) - common) / max(float(value.var()) - common, 1e-9)
    return float(np.sqrt(np.clip(share, 0.0, 1.0)))


def _pairs(count: Int[np.ndarray, " source"]) -> Int[np.ndarray, "2 pair"]:
    """Rows of the pairs within runs of these lengths, of the first `MOST_RECORDS` of each."""
    first, second = np.triu_indices(MOST_RECORDS, 1)
    here = second < count[:, None]  # (source, pair)
    start = (np.cumsum(count) - count)[:, None]
    return np.stack([(start + first)[here], (start + second)[here]])


def rank(pattern: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Share of directions and double couples, all equally likely, that radiate P more weakly than `pattern`.

    pattern: P amplitude of a double couple, -1 to 1 (`fcn.recombine.synthesise.p_radiation`).
    """
    amplitude, share = _quantiles()
    return np.interp(np.abs(pattern), amplitude, share)


@functools.cache
def _quantiles() -> tuple[np.ndarray, np.ndarray]:
    """Amplitudes, and the share of all that lie below each.

    In the couple's own axes P is sin^2 t cos 2p: the share below a is the mean of 2/pi arcsin(a / sin^2 t).
    """
    amplitude = np.linspace(0.0, 1.0, N_QUANTILES)
    cosine = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    ratio = np.minimum(amplitude[:, None] / (1 - cosine**2), 1.0)
    return amplitude, (2 / np.pi * np.arcsin(ratio)).mean(axis=1)


def couple(
    pick: Float[np.ndarray, " n"], rank: Float[np.ndarray, " n"], correlation: float
) -> Float[np.ndarray, " n"]:
    """Uniform draws in [0, 1), each correlated with its rank: a Gaussian copula.

    pick: uniform draws that are independent of the ranks.
    """
    if correlation == 0:
        return pick
    tiny = np.finfo(float).eps
    own, given = (ndtri(np.clip(values, tiny, 1 - tiny)) for values in (pick, rank))
    return np.minimum(ndtr(correlation * given + np.sqrt(1 - correlation**2) * own), 1 - tiny)

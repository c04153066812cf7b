"""Samples that are missing, and stretches of a recording between gaps that are too long to be bridged."""

import numpy as np
from jaxtyping import Bool, Float64


def stretches(known: Bool[np.ndarray, " n"], most_missing: float) -> list[tuple[int, int]]:
    """First and one past the last known sample of each stretch that no gap of more samples than
    most_missing parts.

    A packet of ten thousand gaps of one sample is one stretch, not ten thousand to be filtered one by one.
    """
    if known.all():  # as nearly always
        return [(0, known.size)] if known.size else []
    at = np.flatnonzero(known)
    parts = np.flatnonzero(np.diff(at) - 1 > most_missing)
    firsts, lasts = at[np.append(0, parts + 1)[: at.size]], at[np.append(parts, -1)[: at.size]]
    return list(zip(firsts.tolist(), (lasts + 1).tolist(), strict=True))


def counts_of(data: np.ndarray) -> Float64[np.ndarray, " n"]:
    """Samples of a trace, NaN where they are masked."""
    if isinstance(data, np.ma.MaskedArray):  # hardly any is, and asking NumPy takes longer than a packet
        return np.asarray(np.ma.filled(data.astype(np.float64), np.nan))
    return np.asarray(data, dtype=np.float64)

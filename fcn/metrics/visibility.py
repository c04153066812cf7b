"""Whether an event could be seen at all: signal to noise around its P."""

import numpy as np
from jaxtyping import Float

SIGNAL_S = 3.0  # after P
NOISE_S = 4.0  # before P, ending NOISE_LEAD_S before it
NOISE_LEAD_S = 0.5  # errors of the predicted P
VISIBLE_SNR = 4.0  # peak over RMS that Gaussian noise alone does not reach in SIGNAL_S


def p_snr(
    trace: Float[np.ndarray, "station time"],
    p_arrival_s: Float[np.ndarray, " station"],
    sampling_rate_hz: float,
) -> Float[np.ndarray, " station"]:
    """Peak of SIGNAL_S after P over the RMS of NOISE_S before; the noise may be another event's coda.

    trace: one component, zero where not recorded. p_arrival_s: from its first sample. NaN where a part
    lies outside the trace or the noise is exactly zero (no data).
    """
    snr = np.full(len(trace), np.nan)
    for station, arrival_s in enumerate(p_arrival_s):
        start, p, end = (
            round((arrival_s + offset_s) * sampling_rate_hz)
            for offset_s in (-NOISE_LEAD_S - NOISE_S, -NOISE_LEAD_S, SIGNAL_S)
        )
        if start < 0 or end > trace.shape[1]:
            continue
        noise = np.sqrt(np.mean(trace[station, start:p].astype(np.float64) ** 2))
        if noise > 0:
            snr[station] = np.abs(trace[station, p:end]).max() / noise
    return snr


def third_station_snr(
    snr: Float[np.ndarray, " station"], p_arrival_s: Float[np.ndarray, " station"]
) -> float:
    """Signal to noise at the third station that P reaches, of those with data; NaN with fewer than three."""
    known = np.flatnonzero(np.isfinite(snr))
    if len(known) < 3:
        return float("nan")
    return float(snr[known[np.argsort(p_arrival_s[known], kind="stable")[2]]])

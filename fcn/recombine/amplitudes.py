"""How strong a store's records are, beside what their magnitudes, distances and depths say."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from scipy.signal import sosfilt

from fcn.store.reader import BaseStore
from fcn.waveform.filters import Butterworth
from fcn.waveform.preprocess import Band

AFTER_S_S = 6.0  # of signal after S in which the peak counts
P_WINDOW_S = 2.0  # of signal after P in which its peak counts, where S does not come before
RECORDS_PER_CHUNK = 256


@dataclass(frozen=True)
class Residuals:
    """log10 of peaks in a band minus an attenuation law's, a row per record; NaN where there is none.

    whole: vector amplitude from P to `AFTER_S_S` after S; none without horizontals. p: vertical, `P_WINDOW_S`
    from P, up to S.
    """

    whole: Float[np.ndarray, " n"]
    p: Float[np.ndarray, " n"]


def measure_residuals(store: BaseStore, records: Int64[np.ndarray, " n"], band: Band) -> Residuals:
    """About laws common to these records: log10 of the peak against 1, M, M^2, M^3, log10 R, R and depth."""
    chunks = np.array_split(records, -(-len(records) // RECORDS_PER_CHUNK))
    whole, p = np.concatenate([_log_peaks(store, chunk, band) for chunk in chunks], axis=1)
    magnitude, depth_km = store.magnitude[records], store.depth_km[records]
    path_km = np.maximum(np.hypot(store.distance_km[records], depth_km), 1.0)
    powers = (magnitude**power for power in range(4))
    law = np.stack([*powers, np.log10(path_km), path_km / 100, depth_km / 100], axis=1)
    return Residuals(_about(law, whole), _about(law, p))


def _about(law: Float[np.ndarray, "n term"], values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    known = np.isfinite(values)
    return values - law @ np.linalg.lstsq(law[known], values[known], rcond=None)[0]


def _log_peaks(store: BaseStore, records: Int64[np.ndarray, " n"], band: Band) -> Float[np.ndarray, "2 n"]:
    rate = store.sampling_rate_hz
    needed = np.ceil(store.s_sample[records] + AFTER_S_S * rate).astype(np.int64) + 1
    filtered = Butterworth(band.low_hz, band.high_hz, band.order, rate).sos()
    waveforms = sosfilt(filtered, store.waveforms(records, last=needed))
    sample = np.arange(waveforms.shape[-1])
    p, s = store.p_sample[records, None], store.s_sample[records, None]
    early = (sample >= p) & (sample < np.minimum(s, p + P_WINDOW_S * rate))
    window = (sample >= p) & (sample < s + AFTER_S_S * rate)
    whole = np.sqrt((waveforms**2).sum(axis=1) * window).max(axis=1) * ~store.vertical_only[records]
    peaks = np.stack([whole, (np.abs(waveforms[:, 0]) * early).max(axis=1)])
    return np.log10(np.where(peaks > 0, peaks, np.nan))

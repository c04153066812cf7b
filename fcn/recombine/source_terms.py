"""How much stronger or weaker an earthquake shakes than others of its magnitude: its source term.

Every station of a recombined event has its record from another earthquake. Left as they are, the terms of
those earthquakes (stress drop, magnitude error) scatter from station to station, where one event's term is
common to all its stations. They are measured in the store once, taken off each record, and one is drawn per
event.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64
from scipy.signal import sosfilt

from fcn.store.reader import BaseStore
from fcn.waveform.filters import bandpass_sos
from fcn.waveform.preprocess import Band

AFTER_S_S = 6.0  # of signal after S in which the peak counts
RECORDS_PER_CHUNK = 256
SMALLEST_VARIANCE = 1e-4  # of source terms, log10 squared


@dataclass(frozen=True)
class SourceTerms:
    """log10 of amplitude, positive where an earthquake is stronger than its magnitude says.

    of_record: one per record of the store, that of its source; 0 where nothing is known.
    deviation: standard deviation between sources.
    """

    of_record: Float[np.ndarray, " store"]
    deviation: float


def measure_source_terms(store: BaseStore, records: Int64[np.ndarray, " n"], band: Band) -> SourceTerms:
    """Mean residual of each source's records about a common attenuation law, shrunk where they are few.

    The law: log10 of the peak in `band` against 1, M, M^2, M^3, log10 R, R and depth, by least squares. The
    variances between sources and within them by the method of moments (one-way random effects, e.g. Searle,
    Casella & McCulloch 1992); the shrinkage n / (n + within / between) is that of the best linear predictor.
    """
    peak = np.concatenate(
        [
            _log_peaks(store, chunk, band)
            for chunk in np.array_split(records, -(-len(records) // RECORDS_PER_CHUNK))
        ]
    )
    magnitude, depth_km = store.magnitude[records], store.depth_km[records]
    path_km = np.maximum(np.hypot(store.distance_km[records], depth_km), 1.0)
    law = np.stack(
        [
            np.ones_like(magnitude),
            *(magnitude**power for power in (1, 2, 3)),
            np.log10(path_km),
            path_km / 100,
            depth_km / 100,
        ],
        axis=1,
    )
    known = np.isfinite(peak)
    coefficients = np.linalg.lstsq(law[known], peak[known], rcond=None)[0]
    residual = np.where(known, peak - law @ coefficients, 0.0)
    sources, source = np.unique(store.source_id[records], return_inverse=True)
    count = np.bincount(source, weights=known, minlength=len(sources))
    mean = np.bincount(source, weights=residual, minlength=len(sources)) / np.maximum(count, 1)
    between, within = _variances(residual, mean, count, source, known)
    of_record = np.zeros(len(store.magnitude))
    of_record[records] = (mean * count / (count + within / between))[source]
    return SourceTerms(of_record, float(np.sqrt(between)))


def _variances(
    residual: Float[np.ndarray, " n"],
    mean: Float[np.ndarray, " source"],
    count: Float[np.ndarray, " source"],
    source: Int64[np.ndarray, " n"],
    known: Bool[np.ndarray, " n"],
) -> tuple[float, float]:
    """(Between sources, within a source)."""
    some = count > 0
    freedom = max(float((count[some] - 1).sum()), 1.0)
    within = float(((residual - mean[source])[known] ** 2).sum()) / freedom
    between = float(mean[some].var() - within * (1 / count[some]).mean()) if some.any() else 0.0
    return max(between, SMALLEST_VARIANCE), max(within, SMALLEST_VARIANCE)


def _log_peaks(store: BaseStore, records: Int64[np.ndarray, " n"], band: Band) -> Float[np.ndarray, " n"]:
    """log10 of the largest vector amplitude from P to `AFTER_S_S` after S; NaN for none."""
    rate = store.sampling_rate_hz
    sections = bandpass_sos(band.low_hz, band.high_hz, band.order, rate)
    waveforms = sosfilt(sections, store.waveforms(records))
    sample = np.arange(waveforms.shape[-1])
    first, last = store.p_sample[records, None], store.s_sample[records, None] + AFTER_S_S * rate
    window = (sample >= first) & (sample < last)
    peak = np.sqrt((waveforms**2).sum(axis=1) * window).max(axis=1)
    return np.log10(np.where(peak > 0, peak, np.nan))

"""The instrumental intensity of the JMA, of a whole record: exact, and known only once it is over."""

import numpy as np
from jaxtyping import Float

GAL_PER_MPS2 = 100.0
STRONG_S = 0.3  # an amplitude counts if it is exceeded for so long, all in all
LEAST_GAL = 1e-3  # less is no motion: intensity -5.06
# Coefficients of y^2, y^4, ... y^12 in the squared inverse of the high-cut filter, y = f / 10 Hz.
HIGH_CUT = (0.694, 0.241, 0.0557, 0.009664, 0.00134, 0.000155)


def jma_filter(frequency_hz: Float[np.ndarray, " frequency"]) -> Float[np.ndarray, " frequency"]:
    """Amplitude response of the filter on acceleration: JMA (1996), notification 4 of 15 February.

    The product of sqrt(1 / f) (effect of period), a cut above 10 Hz and one below 0.5 Hz; 0 at f = 0.
    """
    f = np.maximum(frequency_hz, 1e-6)
    squared = (f / 10.0) ** 2
    high_cut = 1.0 + sum(c * squared ** (power + 1) for power, c in enumerate(HIGH_CUT))
    low_cut = -np.expm1(-((f / 0.5) ** 3))
    return np.asarray(np.sqrt(low_cut / (f * high_cut)))


def intensity_of_gal(gal: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """I = 2 log10 a + 0.94, of the filtered vector amplitude a that is exceeded for 0.3 s, gal."""
    return np.asarray(2.0 * np.log10(np.maximum(gal, LEAST_GAL)) + 0.94)


def strong_samples(sampling_rate_hz: float) -> int:
    """Samples that last 0.3 s."""
    return max(round(STRONG_S * sampling_rate_hz), 1)


def jma_intensity(acceleration_mps2: Float[np.ndarray, "3 time"], sampling_rate_hz: float) -> float:
    """Instrumental intensity of three components at right angles, in any order and direction.

    The official value is this one cut to one decimal. Raises ValueError for a record shorter than 0.3 s, or
    with samples that are not finite.
    """
    n = acceleration_mps2.shape[1]
    if n < strong_samples(sampling_rate_hz) or not np.isfinite(acceleration_mps2).all():
        raise ValueError(
            f"an intensity needs {STRONG_S} s of finite samples, got {n} at {sampling_rate_hz} Hz: "
            "cut the gaps out"
        )
    gal = GAL_PER_MPS2 * (acceleration_mps2 - acceleration_mps2.mean(axis=1, keepdims=True))
    spectrum = np.fft.rfft(gal) * jma_filter(np.fft.rfftfreq(n, 1.0 / sampling_rate_hz))
    vector = np.linalg.norm(np.fft.irfft(spectrum, n), axis=0)
    k = strong_samples(sampling_rate_hz)
    return float(intensity_of_gal(np.sort(vector)[-k:])[0])

"""Designs of the causal filters, as second-order sections, and their frequency responses."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Complex128, Float64
from scipy import signal
from scipy.fft import next_fast_len

# Share of the first sample to which a filter's memory must have died away before a window may wrap around.
RINGING = 1e-7
# Of seismometers and accelerographs, recorded and simulated: networks learn with the delay of their low-pass.
USUAL_RATE_HZ = 100.0


@dataclass(frozen=True)
class Butterworth:
    """Causal Butterworth filter, `order` poles at each edge; high-pass where `high_hz` is infinite.

    Minimum phase, so the onset comes as early as the amplitude response allows. integrated: of the input's
    integral over time. The integral (trapezoidal rule) takes one of the zeros at zero frequency, so that
    neither an offset nor rounding adds up; needs order >= 2 to have no response to a constant.
    """

    low_hz: float
    high_hz: float
    order: int
    sampling_rate_hz: float
    integrated: bool = False

    def zpk(self) -> tuple[Any, Any, float]:
        """Zeros, poles and gain."""
        band = not math.isinf(self.high_hz)
        edges_hz = (self.low_hz, self.high_hz) if band else self.low_hz
        kind = "bandpass" if band else "highpass"
        zeros, poles, gain = signal.butter(self.order, edges_hz, kind, fs=self.sampling_rate_hz, output="zpk")
        if self.integrated:  # T/2 (z + 1) / (z - 1)
            zeros = zeros.copy()
            zeros[np.argmin(np.abs(zeros - 1.0))] = -1.0
            gain = gain / (2.0 * self.sampling_rate_hz)
        return zeros, poles, gain

    def sos(self) -> Float64[np.ndarray, "section 6"]:
        """Second-order sections."""
        return self._designed().copy()

    @lru_cache(maxsize=64)  # noqa: B019
    def _designed(self) -> Float64[np.ndarray, "section 6"]:
        """Once, as every channel of a network has the same: milliseconds each."""
        return signal.zpk2sos(*self.zpk())

    @lru_cache(maxsize=64)  # noqa: B019 frozen, and few
    def response(self, n_fft: int) -> Complex128[np.ndarray, " frequency"]:
        """At the frequencies of an n_fft-point real transform."""
        frequency_hz = np.fft.rfftfreq(n_fft, 1.0 / self.sampling_rate_hz)
        return signal.sosfreqz(self.sos(), frequency_hz, fs=self.sampling_rate_hz)[1]

    @lru_cache(maxsize=64)  # noqa: B019
    def transform_length(self, n_samples: int) -> int:
        """Points of a transform long enough that ringing after the last sample cannot wrap to the first."""
        ringing_samples = math.log(RINGING) / math.log(np.abs(self.zpk()[1]).max())
        return int(next_fast_len(n_samples + math.ceil(ringing_samples), real=True))


def sosfilt(
    sos: Float64[np.ndarray, "section 6"],
    samples: Float64[np.ndarray, "row n"],
    memory: Float64[np.ndarray, "section row 2"],
) -> tuple[Float64[np.ndarray, "row n"], Float64[np.ndarray, "section row 2"]]:
    """Samples through sections that remember those before; filtered, and what is remembered then."""
    return signal.sosfilt(sos, samples, zi=memory)


def to_velocity_sos(
    highpass_hz: float, acceleration: bool, sampling_rate_hz: float
) -> Float64[np.ndarray, "section 6"]:
    """High-pass to ground velocity; for acceleration a third-order one with one zero taken by the integral.

    Both have no response to a constant. Analogue Butterworth, bilinear transform: the integral is the
    trapezoidal rule, 2.7 % low at 9 Hz for 100 samples a second and 0.7 % for 200.
    """
    return _to_velocity(highpass_hz, acceleration, sampling_rate_hz).copy()


@lru_cache(maxsize=64)
def _to_velocity(
    highpass_hz: float, acceleration: bool, sampling_rate_hz: float
) -> Float64[np.ndarray, "section 6"]:
    order = 3 if acceleration else 2
    zeros, poles, gain = signal.butter(
        order, 2.0 * math.pi * highpass_hz, "highpass", analog=True, output="zpk"
    )
    digital = signal.bilinear_zpk(zeros[: 2 if acceleration else None], poles, gain, sampling_rate_hz)
    return signal.zpk2sos(*digital)


def anti_alias_sos(
    stop_hz: float, attenuation_db: float, order: int, sampling_rate_hz: float
) -> Float64[np.ndarray, "section 6"]:
    """Chebyshev II low-pass; no section where the stop band lies beyond the input's Nyquist frequency."""
    if stop_hz >= 0.98 * sampling_rate_hz / 2.0:
        return np.empty((0, 6))
    return _low_pass(stop_hz, attenuation_db, order, sampling_rate_hz).copy()


@lru_cache(maxsize=64)
def _low_pass(
    stop_hz: float, attenuation_db: float, order: int, sampling_rate_hz: float
) -> Float64[np.ndarray, "section 6"]:
    return signal.cheby2(order, attenuation_db, stop_hz, "lowpass", fs=sampling_rate_hz, output="sos")


@lru_cache(maxsize=64)
def samples_ahead(stop_hz: float, attenuation_db: float, order: int, sampling_rate_hz: float) -> int:
    """Whole input samples by which the low-pass of a slow channel, or its lack, lets P be sooner than others.

    Others are sampled at `USUAL_RATE_HZ`; 0 from 40 Hz on. Phase delays at 3 Hz are compared.
    """
    delays_s = []
    for rate_hz in (USUAL_RATE_HZ, sampling_rate_hz):
        sos = anti_alias_sos(stop_hz, attenuation_db, order, rate_hz)
        response = signal.sosfreqz(sos, [3.0], fs=rate_hz)[1] if len(sos) else np.ones(1)
        delays_s.append(-float(np.angle(response)[0]) / (2.0 * math.pi * 3.0))
    return max(round((delays_s[0] - delays_s[1]) * sampling_rate_hz), 0)

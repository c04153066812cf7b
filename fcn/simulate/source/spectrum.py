"""Spectra of causal signals: axis, delays, minimum phase, band limit.

Every filter of the simulation is causal, so that nothing precedes the first arrival: amplitudes are given,
phases follow from causality (minimum phase).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from scipy.fft import next_fast_len
from torch import Tensor

# Amplitudes below this share of a spectrum's maximum are lifted to it before the logarithm.
FLOOR = 1e-7
# The band limit falls as exp(-DROP) from its corner to its edge: 1e-4.
DROP = 9.2


@dataclass(frozen=True)
class TimeAxis:
    """Samples of a synthetic: rate, how much of it counts, and an even FFT length with room beyond that.

    Transforms are circular: what outlasts the padding comes back at the start.
    """

    sampling_rate_hz: float
    kept_s: float
    n_samples: int

    @classmethod
    def holding(cls, sampling_rate_hz: float, kept_s: float, padding_s: float) -> "TimeAxis":
        """Shortest fast FFT length for both."""
        n_wanted = math.ceil((kept_s + padding_s) * sampling_rate_hz / 2.0)
        return cls(sampling_rate_hz, kept_s, 2 * int(next_fast_len(n_wanted, real=True)))

    @property
    def n_kept(self) -> int:
        """Samples of the kept part."""
        return round(self.kept_s * self.sampling_rate_hz)

    @property
    def time_s(self) -> Float[Tensor, " time"]:
        """Time of each sample from the first."""
        return torch.arange(self.n_samples) / self.sampling_rate_hz

    @property
    def frequency_hz(self) -> Float[Tensor, " frequency"]:
        """Frequencies of `torch.fft.rfft`, from 0 to Nyquist."""
        return torch.fft.rfftfreq(self.n_samples, 1.0 / self.sampling_rate_hz)


def delay(
    delay_s: Float[Tensor, "*batch"], frequency_hz: Float[Tensor, " frequency"]
) -> Complex[Tensor, "*batch frequency"]:
    """Spectrum of a unit pulse at `delay_s`."""
    # In double: at 20 Hz and 200 s the phase is 25,000 rad, beyond what single precision resolves.
    cycles = delay_s.double()[..., None] * frequency_hz.double()
    angle = (-2.0 * math.pi * (cycles - cycles.round())).float()
    return torch.polar(torch.ones_like(angle), angle)


def minimum_phase(amplitude: Float[Tensor, "*batch frequency"]) -> Complex[Tensor, "*batch frequency"]:
    """Spectrum with this amplitude whose inverse transform is causal (Oppenheim & Schafer 2010, ch. 13).

    amplitude: at the frequencies of a `TimeAxis` (even number of samples), not negative; anything below
        FLOOR of its maximum is lifted to that.
    """
    n_samples = 2 * (amplitude.shape[-1] - 1)
    floor = FLOOR * amplitude.amax(-1, keepdim=True)
    cepstrum = torch.fft.irfft(torch.log(torch.maximum(amplitude, floor)), n=n_samples)
    fold = torch.zeros(n_samples, dtype=amplitude.dtype)
    fold[0] = fold[n_samples // 2] = 1.0
    fold[1 : n_samples // 2] = 2.0
    return torch.exp(torch.fft.rfft(cepstrum * fold))


def differentiator(frequency_hz: Float[Tensor, " frequency"]) -> Complex[Tensor, " frequency"]:
    """Time derivative, i 2 pi f."""
    return torch.complex(torch.zeros_like(frequency_hz), 2.0 * math.pi * frequency_hz)


def band_limit(
    frequency_hz: Float[Tensor, " frequency"], corner_hz: float, edge_hz: float
) -> Float[Tensor, " frequency"]:
    """Amplitude of a smooth low-pass: 1 below the corner, 1e-4 at the edge, Gaussian in between.

    A hard edge would ring before each onset; this one, made minimum phase, rings after it and briefly.
    """
    beyond = ((frequency_hz - corner_hz) / (edge_hz - corner_hz)).clamp(min=0.0)
    return torch.exp(-DROP * beyond**2)

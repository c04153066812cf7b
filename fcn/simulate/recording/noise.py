"""Ambient ground noise between Peterson's low- and high-noise models, and transient disturbances."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from obspy.signal.spectral_estimation import get_nhnm, get_nlnm
from scipy.fft import next_fast_len
from torch import Generator, Tensor

MODULATION_S = 15.0  # time scale on which noise swells and fades


@dataclass(frozen=True)
class NoiseLaw:
    """Statistics of the noise of sites.

    level: range of the position between the low-noise (0) and the high-noise model (1), in decibels, drawn
        per record.
    tilt: standard deviation of the change of that position per decade above 1 Hz (cultural noise, wind).
    roughness: standard deviation of its smooth variation with frequency.
    modulation: standard deviation of the log amplitude in time above 1 Hz.
    pulse_rate_hz: mean rate of short bursts (steps, doors, vehicles); pulse_gain: their largest size, in
        standard deviations of the noise.
    lowest_hz: slower motion is left out.
    """

    level: Sequence[float]
    tilt: float
    roughness: float
    modulation: float
    pulse_rate_hz: float
    pulse_gain: float
    lowest_hz: float = 0.05

    def __post_init__(self) -> None:
        level = tuple(map(float, self.level))
        object.__setattr__(self, "level", level)
        if len(level) != 2 or not 0.0 <= level[0] <= level[1] <= 1.0:
            raise ValueError(f"level is a range from 0 (low-noise model) to 1 (high-noise), got {level}")
        for name in ("tilt", "roughness", "modulation", "pulse_rate_hz", "pulse_gain"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} of noise must not be negative, got {getattr(self, name)}")
        if not self.lowest_hz > 0.0:
            raise ValueError(f"lowest_hz of noise must be positive, got {self.lowest_hz}")


@cache
def _peterson(high: bool) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, " node"]]:
    """Log frequency (increasing) and acceleration power in dB re 1 (m/s^2)^2/Hz."""
    period_s, decibel = get_nhnm() if high else get_nlnm()
    order = np.argsort(-np.asarray(period_s))
    return np.log10(1.0 / np.asarray(period_s)[order]), np.asarray(decibel)[order]


def peterson_db(frequency_hz: Float[Tensor, " frequency"], high: bool) -> Float[Tensor, " frequency"]:
    """Low- or high-noise model of Peterson (1993, USGS OFR 93-322), acceleration, dB re 1 (m/s^2)^2/Hz.

    Beyond the model's 10 Hz its last value holds.
    """
    nodes, decibel = _peterson(high)
    at = np.log10(np.maximum(frequency_hz.double().numpy(), 1e-5))
    return torch.from_numpy(np.interp(at, nodes, decibel)).float()


def velocity_amplitude(
    law: NoiseLaw, n_sites: int, frequency_hz: Float[Tensor, " frequency"], generator: Generator
) -> Float[Tensor, "site 3 frequency"]:
    """Square root of the velocity power density, (m/s)/sqrt(Hz), of random sites; Z, R, T."""
    low_db, high_db = peterson_db(frequency_hz, high=False), peterson_db(frequency_hz, high=True)
    level = law.level[0] + (law.level[1] - law.level[0]) * torch.rand(n_sites, 1, 1, generator=generator)
    decades = torch.log10(frequency_hz.clamp(min=law.lowest_hz))
    tilt = law.tilt * torch.randn(n_sites, 1, 1, generator=generator) * decades.clamp(min=0.0)
    nodes = torch.linspace(-1.5, 1.5, 10)
    weights = torch.softmax(-(((decades - nodes[:, None]) / 0.3) ** 2), 0)
    weights = weights / weights.norm(dim=0)
    shared = torch.randn(n_sites, 1, len(nodes), generator=generator)
    own = torch.randn(n_sites, 3, len(nodes), generator=generator)
    rough = law.roughness * ((0.9 * shared + 0.4 * own) @ weights)
    position = (level + tilt + rough).clamp(0.0, 1.0)
    decibel = low_db + position * (high_db - low_db)
    acceleration = 10.0 ** (decibel / 20.0)
    velocity = acceleration / (2.0 * math.pi * frequency_hz.clamp(min=law.lowest_hz))
    return velocity * (frequency_hz >= law.lowest_hz)


def noise(
    law: NoiseLaw, n_sites: int, n_samples: int, sampling_rate_hz: float, generator: Generator
) -> Float[Tensor, "site 3 time"]:
    """Ground velocity of noise alone, m/s; Z and any two horizontals."""
    n_fft = int(next_fast_len(n_samples, real=True))
    frequency_hz = torch.fft.rfftfreq(n_fft, 1.0 / sampling_rate_hz)
    amplitude = velocity_amplitude(law, n_sites, frequency_hz, generator)
    # One-sided density S: white noise of unit variance has 2 / fs.
    white = torch.fft.rfft(torch.randn(n_sites, 3, n_fft, generator=generator))
    shaped = white * amplitude * math.sqrt(sampling_rate_hz / 2.0)
    steady = torch.fft.irfft(shaped * (frequency_hz < 1.0), n=n_fft)[..., :n_samples]
    restless = torch.fft.irfft(shaped * (frequency_hz >= 1.0), n=n_fft)[..., :n_samples]
    restless = restless * _modulation(law, n_sites, n_samples, sampling_rate_hz, generator)
    return steady + restless + _pulses(law, restless.std(-1), n_samples, sampling_rate_hz, generator)


def _modulation(
    law: NoiseLaw, n_sites: int, n_samples: int, sampling_rate_hz: float, generator: Generator
) -> Float[Tensor, "site 1 time"]:
    """Slow log-normal factor of unit mean square."""
    n_knots = max(2, math.ceil(n_samples / sampling_rate_hz / MODULATION_S) + 1)
    knots = law.modulation * torch.randn(n_sites, 1, n_knots, generator=generator)
    smooth = torch.nn.functional.interpolate(knots, size=n_samples, mode="linear", align_corners=True)
    return torch.exp(smooth - law.modulation**2)


def _pulses(
    law: NoiseLaw,
    scale_mps: Float[Tensor, "site 3"],
    n_samples: int,
    sampling_rate_hz: float,
    generator: Generator,
) -> Float[Tensor, "site 3 time"]:
    """Short decaying wavelets at random times, 2 to 8 Hz, up to `pulse_gain` standard deviations high."""
    out = torch.zeros(len(scale_mps), 3, n_samples)
    mean_count = law.pulse_rate_hz * n_samples / sampling_rate_hz
    counts = torch.poisson(torch.full((len(scale_mps),), mean_count), generator=generator).int().tolist()
    length = round(2.0 * sampling_rate_hz)
    time_s = torch.arange(length) / sampling_rate_hz
    for site, count in enumerate(counts):
        for _ in range(count):
            draw = torch.rand(4, generator=generator)
            start = int(draw[0] * n_samples)
            frequency_hz, decay_s = 2.0 + 6.0 * draw[1], 0.1 + 0.5 * draw[2]
            wavelet = torch.sin(2.0 * math.pi * frequency_hz * time_s) * torch.exp(-time_s / decay_s)
            size = law.pulse_gain * draw[3] * scale_mps[site] * torch.randn(3, generator=generator)
            end = min(start + length, n_samples)
            out[site, :, start:end] += size[:, None] * wavelet[: end - start]
    return out

"""Site response: generic amplification, kappa, and what makes one site unlike another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from fcn.earth.velocity import LayeredModel

# Amplification of generic rock, Vs30 = 620 m/s, against the source region (Vs 3.5 km/s, 2.8 g/cm3),
# without kappa: Boore & Joyner (1997), table 3.
GENERIC_HZ = (0.01, 0.09, 0.16, 0.51, 0.84, 1.25, 2.26, 3.17, 6.05, 16.6, 61.2)
GENERIC_AMPLIFICATION = (1.00, 1.10, 1.18, 1.42, 1.58, 1.74, 2.06, 2.25, 2.58, 3.13, 4.00)

HALF_SPACE_KM = 1e4  # of the half-space that the longest quarter wavelength may reach into


@dataclass(frozen=True)
class SiteLaw:
    """Statistics of sites.

    kappa_s: range of the near-surface attenuation exp(-pi kappa f) (Anderson & Hough 1984), drawn uniformly.
    vertical_exponent: power of the horizontals' generic amplification that the vertical has.
    roughness: standard deviation of the log amplification, smooth in frequency, vertical and horizontal.
    resonance: largest relative height of a random peak of the horizontals.
    resonance_hz: range of its frequency.
    """

    kappa_s: Sequence[float]
    vertical_exponent: float
    roughness: Sequence[float]
    resonance: float
    resonance_hz: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("kappa_s", "roughness", "resonance_hz"):
            pair = tuple(map(float, getattr(self, name)))
            if len(pair) != 2 or min(pair) < 0.0:
                raise ValueError(f"{name} is a pair of numbers >= 0, got {pair}")
            object.__setattr__(self, name, pair)
        if self.kappa_s[0] > self.kappa_s[1] or not 0.0 < self.resonance_hz[0] <= self.resonance_hz[1]:
            raise ValueError(
                f"kappa_s {self.kappa_s} and resonance_hz {self.resonance_hz} (positive) go from low to high"
            )
        if not self.resonance >= 0.0:
            raise ValueError(f"resonance must not be negative, got {self.resonance}")


def generic_amplification(frequency_hz: Float[Tensor, " frequency"]) -> Float[Tensor, " frequency"]:
    """Amplification of generic rock, interpolated in log frequency (Boore & Joyner 1997)."""
    return interpolate_log(frequency_hz, GENERIC_HZ, GENERIC_AMPLIFICATION)


def quarter_wavelength_amplification(
    model: LayeredModel, frequency_hz: Float[Tensor, " frequency"], vs_kmps: float, density_gpcm3: float
) -> Float[Tensor, " frequency"]:
    """What a layered model's own column does to S from below: sqrt(rho v / mean rho v) down to a quarter of a
    wavelength (Joyner et al. 1981; Boore 2003, eq. 19-20).

    vs_kmps, density_gpcm3: around the source.
    """
    quarter_s = 0.25 / np.maximum(frequency_hz.numpy().astype(float), 1e-3)
    tops = np.append(model.top_depth_km, model.top_depth_km[-1] + HALF_SPACE_KM) - model.top_depth_km[0]
    time_s = np.append(0.0, np.cumsum(np.diff(tops) / np.array(model.vs_kmps)))
    mass = np.append(0.0, np.cumsum(np.diff(tops) * np.array(model.density_gpcm3)))
    depth_km = np.interp(quarter_s, time_s, tops)
    mean_vs, mean_density = depth_km / quarter_s, np.interp(depth_km, tops, mass) / depth_km
    return torch.from_numpy(np.sqrt(density_gpcm3 * vs_kmps / (mean_density * mean_vs))).float()


def interpolate_log(
    frequency_hz: Float[Tensor, " frequency"], nodes_hz: Sequence[float], values: Sequence[float]
) -> Float[Tensor, " frequency"]:
    """Log-log interpolation; constant beyond the ends."""
    x = torch.log(torch.tensor(nodes_hz))
    y = torch.log(torch.tensor(values))
    at = torch.log(frequency_hz.clamp(min=nodes_hz[0], max=nodes_hz[-1]))
    right = torch.searchsorted(x, at).clamp(1, len(x) - 1)
    share = (at - x[right - 1]) / (x[right] - x[right - 1])
    return torch.exp(y[right - 1] + share * (y[right] - y[right - 1]))


def site_amplitude(
    law: SiteLaw,
    n_sites: int,
    generic: Float[Tensor, " frequency"],
    frequency_hz: Float[Tensor, " frequency"],
    generator: Generator,
) -> Float[Tensor, "site 2 frequency"]:
    """Amplitude response of random sites, vertical and horizontal.

    generic: amplification of the median site's horizontals.
    """
    kappa_s = law.kappa_s[0] + (law.kappa_s[1] - law.kappa_s[0]) * torch.rand(n_sites, generator=generator)
    median = torch.stack([generic**law.vertical_exponent, generic])
    octaves = torch.log2(frequency_hz.clamp(min=0.1))
    nodes = torch.linspace(-3.0, 6.0, 10)
    weights = torch.softmax(-((octaves - nodes[:, None]) ** 2) / 0.8, 0)
    weights = weights / weights.norm(dim=0)
    rough = torch.randn(n_sites, 2, len(nodes), generator=generator) @ weights
    rough = torch.exp(rough * torch.tensor(law.roughness)[:, None])
    amplitude = median * rough * torch.exp(-math.pi * kappa_s[:, None, None] * frequency_hz)
    amplitude[:, 1] *= _resonance(law, n_sites, frequency_hz, generator)
    return amplitude


def _resonance(
    law: SiteLaw, n_sites: int, frequency_hz: Float[Tensor, " frequency"], generator: Generator
) -> Float[Tensor, "site frequency"]:
    """One bump of random height and frequency per site, a third of an octave wide."""
    draw = torch.rand(2, n_sites, 1, generator=generator)
    low, high = (math.log(hz) for hz in law.resonance_hz)
    distance = torch.log(frequency_hz.clamp(min=0.05)) - (low + (high - low) * draw[0])
    return 1.0 + law.resonance * draw[1] * torch.exp(-((distance / 0.35) ** 2))

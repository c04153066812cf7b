"""The sum over discrete wavenumbers: how far it goes, in which pieces, with which weights."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Complex
from scipy.special import jv
from torch import Tensor

from fcn.earth.reflectivity import Kernels
from fcn.earth.velocity import LayeredModel

EVANESCENT_DECAY = 10.0  # wavenumbers end where S reaches the surface weaker than exp(-this)
STEP = 64  # depths drop out of the sum in steps of this many wavenumbers
BLOCK = 256  # wavenumbers computed at once
# First weights of a midpoint sum from 0 of an odd function, exact for k and k^3 (Euler-Maclaurin). With those
# of the others, 1, a wave that went straight up would appear at every distance, long before P.
END_WEIGHTS = (863 / 960, 2897 / 2880)

Bessel = Complex[Tensor, "5 wavenumber distance"]


def wavenumber_counts(
    model: LayeredModel, depths_km: Sequence[float], angular_frequency: float, step_per_km: float
) -> list[int]:
    """Per depth the number of wavenumbers until S from there is evanescent enough at the surface."""
    slowness = 1 / np.array(model.vs_kmps)
    counts = []
    for depth_km in depths_km:
        thickness = np.diff(np.append(model.top_depth_km, np.inf).clip(max=depth_km))
        low, high = 0.0, angular_frequency * slowness.max() + EVANESCENT_DECAY / depth_km
        while high - low > step_per_km:
            middle = (low + high) / 2
            evanescence = np.sqrt(np.maximum(middle**2 - (angular_frequency * slowness) ** 2, 0))
            low, high = (middle, high) if thickness @ evanescence < EVANESCENT_DECAY else (low, middle)
        counts.append(STEP * math.ceil(high / step_per_km / STEP))
    return counts


def wavenumber_blocks(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges of at most BLOCK wavenumbers within which the same depths are summed."""
    first = 0
    for end in sorted(set(counts)):
        while first < end:
            last = min(first + BLOCK, end)
            yield first, last
            first = last


def reached_layers(
    model: LayeredModel, deepest_km: float, smallest_wavenumber: float, angular_frequency: float
) -> LayeredModel:
    """The model without layers that S of the deepest source is too evanescent to reach and come back from."""
    decay = 0.0
    for layer, bottom_km in enumerate(model.top_depth_km[1:]):
        evanescence = max(smallest_wavenumber**2 - (angular_frequency / model.vs_kmps[layer]) ** 2, 0) ** 0.5
        decay += 2 * evanescence * max(bottom_km - max(model.top_depth_km[layer], deepest_km), 0)
        if decay > 2 * EVANESCENT_DECAY:
            return model.above(bottom_km)
    return model


def bessel_weights(count: int, step_per_km: float, distances_km: Sequence[float], device: str) -> Bessel:
    """J0, J1, J2, J1/(kr), 2 J2/(kr), times 2 pi k dk: azimuthal integrals over the wavenumber plane."""
    k = step_per_km * (np.arange(count) + 0.5)[:, None]
    kr = k * np.asarray(distances_km, float)
    j0, j1, j2 = (jv(order, kr) for order in range(3))
    weights = 2 * np.pi * k * step_per_km
    weights[: len(END_WEIGHTS), 0] *= END_WEIGHTS
    weighted = weights * np.stack((j0, j1, j2, j1 / kr, 2 * j2 / kr))
    return torch.as_tensor(weighted, device=device).to(torch.complex128)


def add_wavenumbers(out: Complex[Tensor, "10 frequency distance"], kernels: Kernels, bessel: Bessel) -> None:
    """Add a range of wavenumbers to the ten elementary functions of `fcn.earth.greens.GreensBank`.

    Integrals over azimuth of exp(i k r cos) cos(m azimuth) (Takeo 1987; Aki & Richards 2002, sec. 7.4), with
    J1' = J0 - J1/kr and J2' = J1 - 2 J2/kr.
    """
    j0, j1, j2, j1_kr, j2_kr = bessel
    z_kk, z_zz, z_kz, k_kk, k_zz, k_kz, t_kt, t_tz = kernels
    out[0] -= z_kk @ j0  # z is down in the kernels, up in the bank
    out[1] -= z_zz @ j0
    out[2] -= 1j * (z_kz @ j1)
    out[3] += z_kk @ j2
    radial = 1j * (k_kk @ j1)
    near_1, near_2 = (t_tz - k_kz) @ j1_kr, 1j * ((t_kt - k_kk) @ j2_kr)
    out[4] += radial
    out[5] += 1j * (k_zz @ j1)
    out[6] += k_kz @ j0 + near_1
    out[7] += radial + near_2
    out[8] += t_tz @ j0 - near_1
    out[9] += 1j * (t_kt @ j1) - near_2

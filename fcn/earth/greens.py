"""Full-wave Green's functions of a layered half-space by the discrete-wavenumber method.

Bouchon (1981, 2003): until the nearest image arrives, the wavefield of a point source is that of sources
repeated at great distances, which makes the integral over wavenumber a sum; a complex frequency keeps out
what arrives later. The receiver is on the free surface.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex, Float, Int
from scipy import signal
from torch import Tensor

from fcn.earth.reflectivity import source_layers, surface_kernels
from fcn.earth.velocity import LayeredModel
from fcn.earth.wavenumbers import (
    add_wavenumbers,
    bessel_weights,
    reached_layers,
    wavenumber_blocks,
    wavenumber_counts,
)

METRES_PER_NEWTON_METRE = 1e-15  # km, s, g/cm3 inside; displacement in m for moment in N m outside
WRAP_AROUND = 3e-3  # what is left of a wave that arrives one duration late, exp(-damping duration)
LOW_PASS_ORDER = 10
LOW_PASS_DB = 60.0  # with this order, -3 dB at 0.76 of the maximum frequency
FREQUENCY_BLOCK = 64  # frequencies computed at once


@dataclass(frozen=True, eq=False)
class GreensBank:
    """Elementary Green's functions on (source depth, epicentral distance).

    spectra: Laplace transforms at `laplace_per_s` of surface displacement in m per N m of moment released at
        once, which is ground velocity per moment rate. Ten elementary functions: up of M_kk, M_zz, M_kz at
        azimuthal order 0, 0, 1 and of M_kk at order 2 (k towards the station, z down); radial (away from the
        source) alike; transverse (clockwise seen from above) at order 1 and 2.
    n_samples, sampling_rate_hz: of the seismograms that `to_time` makes, which begin at the origin time.
    damping_per_s: imaginary part of the angular frequency.
    """

    depth_km: tuple[float, ...]
    distance_km: tuple[float, ...]
    spectra: Complex[Tensor, "depth distance 10 frequency"]
    n_samples: int
    sampling_rate_hz: float
    damping_per_s: float

    @property
    def frequency_hz(self) -> Float[Tensor, " frequency"]:
        """Frequencies of the spectra, from 0."""
        step_hz = self.sampling_rate_hz / self.n_samples
        count, device = self.spectra.shape[-1], self.spectra.device
        return step_hz * torch.arange(count, dtype=torch.float64, device=device)

    @property
    def laplace_per_s(self) -> Complex[Tensor, " frequency"]:
        """s = damping + 2 pi i f: where to take the Laplace transform of a source time function."""
        frequency_hz = self.frequency_hz
        return torch.complex(torch.full_like(frequency_hz, self.damping_per_s), 2 * np.pi * frequency_hz)

    def radiate(
        self,
        depth_index: Int[Tensor, " record"],
        distance_index: Int[Tensor, " record"],
        moment_tensor_nm: Float[Tensor, "record 6"],
        azimuth_deg: Float[Tensor, " record"],
    ) -> Complex[Tensor, "record 3 frequency"]:
        """Transforms of ground velocity for an impulse of moment rate; multiply by the transform of another.

        moment_tensor_nm: nn, ee, dd, ne, nd, ed in N m (north, east, down). azimuth_deg: from the source to
        the station, clockwise from north. Components Z up, R away from the source, T clockwise. Azimuthal
        terms: Takeo (1987), Aki & Richards (2002, sec. 7.4).
        """
        nn, ee, dd, ne, nd, ed = moment_tensor_nm.unbind(-1)
        azimuth = torch.deg2rad(azimuth_deg)
        cos, sin = torch.cos(azimuth), torch.sin(azimuth)
        cos2, sin2 = torch.cos(2 * azimuth), torch.sin(2 * azimuth)
        mean, half_difference = (nn + ee) / 2, (nn - ee) / 2
        along_1, across_1 = nd * cos + ed * sin, ed * cos - nd * sin
        along_2, across_2 = half_difference * cos2 + ne * sin2, ne * cos2 - half_difference * sin2
        along = (mean, dd, along_1, along_2)
        weights = torch.stack((*along, *along, across_1, across_2), -1).to(self.spectra.real.dtype)
        weighted = self.spectra[depth_index, distance_index] * weights[:, :, None]
        return torch.stack([part.sum(1) for part in weighted.split((4, 4, 2), dim=1)], dim=1)

    def to_time(self, spectra: Complex[Tensor, "*record frequency"]) -> Float[Tensor, "*record time"]:
        """Seismograms, from the origin time on, of transforms at `laplace_per_s`."""
        time_s = torch.arange(self.n_samples, device=spectra.device) / self.sampling_rate_hz
        damped = torch.fft.irfft(spectra, self.n_samples) * self.sampling_rate_hz
        return damped * torch.exp(self.damping_per_s * time_s).to(damped.dtype)


def compute_greens(
    model: LayeredModel,
    depths_km: Sequence[float],
    distances_km: Sequence[float],
    *,
    duration_s: float,
    sampling_rate_hz: float,
    max_frequency_hz: float,
    reference_frequency_hz: float,
    device: str = "cpu",
) -> GreensBank:
    """Green's functions from every depth to every distance, complex128 inside, complex64 in the bank.

    duration_s: what arrives later than this wraps around, `WRAP_AROUND` of its size.
    max_frequency_hz: end of the band, see `low_pass`.
    reference_frequency_hz: where the model's velocities hold. With Q, higher frequencies travel faster, so
        that nothing precedes the travel-time table if this is at least max_frequency_hz.
    Raises ValueError for depths not positive and ascending, distances not positive, a band beyond Nyquist.
    """
    _check(depths_km, distances_km, sampling_rate_hz, max_frequency_hz)
    n_samples = round(duration_s * sampling_rate_hz)
    step_hz = sampling_rate_hz / n_samples
    frequency_hz = step_hz * np.arange(int(max_frequency_hz / step_hz + 1e-9) + 1)
    laplace = -math.log(WRAP_AROUND) / duration_s + 2j * np.pi * frequency_hz
    # Images of the source, one period away, must not arrive before the end.
    step_per_km = 2 * np.pi / (max(model.vp_kmps) * duration_s + max(distances_km))
    sums = _sum_wavenumbers(
        model, depths_km, distances_km, laplace, step_per_km, reference_frequency_hz, device
    )
    density = np.array([model.density_gpcm3[layer] for layer in source_layers(model, depths_km)])
    factor = METRES_PER_NEWTON_METRE * low_pass(laplace, max_frequency_hz) / (8 * np.pi**2 * -(laplace**2))
    scale = torch.as_tensor(factor / np.sqrt(density)[:, None], device=device)  # (depth, frequency)
    return GreensBank(
        tuple(map(float, depths_km)),
        tuple(map(float, distances_km)),
        (sums * scale[:, None, :, None]).permute(0, 3, 1, 2).to(torch.complex64).contiguous(),
        n_samples,
        float(sampling_rate_hz),
        float(laplace[0].real),
    )


def low_pass(
    laplace_per_s: Complex[np.ndarray, " frequency"], max_frequency_hz: float
) -> Complex[np.ndarray, " frequency"]:
    """The Chebyshev filter (second kind) by which a bank's band ends at its maximum frequency.

    It is causal: a symmetric taper, however smooth, rings before P at 1 to 10 % of it.
    """
    edge = 2 * np.pi * max_frequency_hz
    zeros, poles, gain = signal.cheby2(LOW_PASS_ORDER, LOW_PASS_DB, edge, analog=True, output="zpk")
    return signal.freqs_zpk(zeros, poles, gain, laplace_per_s / 1j)[1]


def _check(
    depths_km: Sequence[float],
    distances_km: Sequence[float],
    sampling_rate_hz: float,
    max_frequency_hz: float,
) -> None:
    if not (len(depths_km) and depths_km[0] > 0 and (np.diff(depths_km) > 0).all()):
        raise ValueError(f"source depths must be positive and ascending, got {list(depths_km)} km")
    if not (len(distances_km) and min(distances_km) > 0):
        raise ValueError(f"epicentral distances must be positive, got {list(distances_km)} km")
    if not 0 < max_frequency_hz <= sampling_rate_hz / 2:
        raise ValueError(
            f"max_frequency_hz {max_frequency_hz} must be positive and at most half of sampling_rate_hz "
            f"{sampling_rate_hz}"
        )


def _sum_wavenumbers(
    model: LayeredModel,
    depths_km: Sequence[float],
    distances_km: Sequence[float],
    laplace_per_s: Complex[np.ndarray, " frequency"],
    step_per_km: float,
    reference_frequency_hz: float,
    device: str,
) -> Complex[Tensor, "depth 10 frequency distance"]:
    """Elementary functions but for the factor of `fcn.earth.reflectivity.Kernels`, block by block."""
    n_frequencies = len(laplace_per_s)
    starts = range(0, n_frequencies, FREQUENCY_BLOCK)
    highest = [float(laplace_per_s[: start + FREQUENCY_BLOCK].imag[-1]) for start in starts]
    counts = [wavenumber_counts(model, depths_km, angular, step_per_km) for angular in highest]
    bessel = bessel_weights(int(np.max(counts)), step_per_km, distances_km, device)
    shape = len(depths_km), 10, n_frequencies, len(distances_km)
    sums = torch.zeros(shape, dtype=torch.complex128, device=device)
    for start, angular, count in zip(starts, highest, counts, strict=True):
        rows = slice(start, start + FREQUENCY_BLOCK)
        frequency = torch.as_tensor(1j * laplace_per_s[rows].conj(), device=device)[:, None]
        for first, last in wavenumber_blocks(count):
            active = [i for i, n in enumerate(count) if n > first]
            k = step_per_km * (torch.arange(first, last, dtype=torch.float64, device=device) + 0.5)
            layers = reached_layers(model, depths_km[active[-1]], float(k[0]), angular)
            kernels = surface_kernels(
                layers, [depths_km[i] for i in active], frequency, k, reference_frequency_hz
            )
            for i, kernel in zip(active, kernels, strict=True):
                add_wavenumbers(sums[i, :, rows], kernel, bessel[:, first:last])
    return sums.conj().resolve_conj()  # from exp(-i w t) to the Laplace transform

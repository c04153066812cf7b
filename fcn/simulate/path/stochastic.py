"""Arrivals without Green's functions: two rays with omega-square spectra, of points or of all of a fault.

The spectra follow Boore (2003, Pageoph 160, 635-676); the waveforms are built in phase as well as in
amplitude, so that polarity, onset and P to S ratio mean something.
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from fcn.simulate.path.finite import BAND_LIMIT, FREE_SURFACE, MEAN_RADIATION, finite_arrivals
from fcn.simulate.path.rays import PathLaw, Rays
from fcn.simulate.path.synthesis import Plan
from fcn.simulate.source.point import P_CORNER_RATIO, moment_rate
from fcn.simulate.source.rupture import Sources
from fcn.simulate.source.spectrum import band_limit, delay, differentiator, minimum_phase


def stochastic_arrivals(plan: Plan, path: PathLaw) -> Complex[Tensor, "batch 2 3 frequency"]:
    """Unscattered P and S of a homogeneous crust at the surface: Z, R, T spectra of ground velocity."""
    finite = plan.sources.finite
    if not finite.any():
        return _point_arrivals(plan, path)
    if finite.all():
        return finite_arrivals(plan, path)
    arrivals = torch.empty(len(finite), 2, 3, len(plan.axis.frequency_hz), dtype=torch.complex64)
    arrivals[finite] = finite_arrivals(_rows(plan, finite.nonzero()[:, 0]), path)
    arrivals[~finite] = _point_arrivals(_rows(plan, (~finite).nonzero()[:, 0]), path)
    return arrivals


def _rows(plan: Plan, index: Int[Tensor, " record"]) -> Plan:
    """The plan of the records that these indices point to."""
    return replace(
        plan,
        rays=plan.rays.take(index),
        sources=plan.sources.take(index),
        site_amplitude=plan.site_amplitude[index],
        p_at_s=plan.p_at_s[index],
    )


def _point_arrivals(plan: Plan, path: PathLaw) -> Complex[Tensor, "batch 2 3 frequency"]:
    frequency_hz = plan.axis.frequency_hz
    corner_hz = torch.stack([P_CORNER_RATIO * plan.sources.corner_hz, plan.sources.corner_hz], 1)
    pulses = moment_rate(frequency_hz, corner_hz)
    pulses = pulses * delay(plan.onset_s, frequency_hz) * differentiator(frequency_hz)
    limit_hz, edge_hz = (0.5 * plan.axis.sampling_rate_hz * part for part in BAND_LIMIT)
    loss = path.attenuation(plan.rays.time_s, frequency_hz) * band_limit(frequency_hz, limit_hz, edge_hz)
    pulses = pulses * minimum_phase(loss)
    radiated = [_radiated(plan.rays, plan.sources, path, phase, frequency_hz) for phase in (0, 1)]
    return torch.stack(radiated, 1) * pulses[:, :, None]


def _radiated(
    rays: Rays, sources: Sources, path: PathLaw, phase: int, frequency_hz: Float[Tensor, " frequency"]
) -> Complex[Tensor, "batch 3 frequency"]:
    """Z, R, T far-field displacement of P (0) or S (1) per unit moment-rate pulse, at the surface."""
    pattern = sources.mechanism.radiation(rays.azimuth_rad, rays.takeoff_rad[:, phase])
    low_hz, high_hz = path.radiation_hz
    ordered = ((high_hz - frequency_hz) / (high_hz - low_hz)).clamp(0.0, 1.0)
    mean = torch.tensor(MEAN_RADIATION)[:, None]
    # A node is never dark: a tenth of the average energy leaks in at any frequency.
    energy = ordered * (0.9 * pattern[..., None] ** 2 + 0.1 * mean**2) + (1.0 - ordered) * mean**2
    sign = torch.where(pattern < 0.0, -1.0, 1.0)
    p, sv, sh = (minimum_phase(energy.sqrt()) * sign[..., None]).unbind(1)

    velocity_mps = 1e3 * (path.vp_kmps, path.vs_kmps)[phase]
    level = FREE_SURFACE * sources.moment_nm * path.spreading_per_m(rays.hypocentral_km)
    level = level / (4.0 * math.pi * 1e3 * path.density_gpcm3 * velocity_mps**3)
    sine, cosine = rays.incidence_rad[:, phase, None].sin(), rays.incidence_rad[:, phase, None].cos()
    # Outward P is up and away; SV, positive along increasing take-off angle, is up and towards the source for
    # a ray that comes up.
    parts = (p * cosine, p * sine, torch.zeros_like(p)) if phase == 0 else (sv * sine, -sv * cosine, sh)
    return level[:, None, None] * torch.stack(parts, 1)

"""Ruptures recorded by stations all around them, and what is measured on the records."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.shaking.ground_motion import (
    BSSA14,
    bssa14,
    melgar15_pgd_m,
    si_midorikawa99_pga_mps2,
    si_midorikawa99_pgv_mps,
)
from fcn.simulate.path.crust import Crust
from fcn.simulate.path.rays import rays_in
from fcn.simulate.path.site import generic_amplification, site_amplitude
from fcn.simulate.path.stochastic import stochastic_arrivals
from fcn.simulate.path.synthesis import SETTLING_S, Plan, ground_velocity
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import Sources, distance_jb_km, rupture_distance_km
from fcn.simulate.source.spectrum import TimeAxis

VS30_MPS = 620.0  # generic rock of Boore & Joyner (1997), the median site of the stores
# Of the ground whose PGA Si & Midorikawa predict, all of the stations of their time: an assumption.
SM99_VS30_MPS = 350.0
REACH_KM = (5.0, 150.0)
LEAD_S = 2.0
TAIL_S = 30.0  # after the last sub-source's S: nothing peaks later
PERIODS_S = {"psa_3s": 3.0, "psa_5s": 5.0, "psa_10s": 10.0}


@dataclass
class Shaken:
    """Per record: magnitude, distances, peaks (SI units) over published medians, by model and measure."""

    magnitude: np.ndarray
    joyner_boore_km: np.ndarray
    rupture_km: np.ndarray
    hypocentral_km: np.ndarray
    ratios: dict[str, np.ndarray]
    sources: Sources
    velocity_mps: np.ndarray | None = None


def shake(
    crust: Crust,
    model: LayeredModel,
    magnitude: float,
    n_events: int,
    n_stations: int = 16,
    seed: int = 0,
    rate_hz: float = 40.0,
) -> list[Shaken]:
    """Ruptures of one magnitude, 8 to 16 km deep, at stations log-uniform in Joyner-Boore distance."""
    generator = torch.Generator().manual_seed(seed)
    table = TravelTimeTable.build(model, max_depth_km=30.0, max_distance_km=700.0, step_km=1.0)
    return [_event(crust, table, magnitude, n_stations, generator, rate_hz) for _ in range(n_events)]


def _event(crust, table, magnitude, n_stations, generator, rate_hz) -> Shaken:
    depth_km = 8.0 + 8.0 * torch.rand(1, generator=generator)
    mechanism = DoubleCouple.random(1, generator)
    source = crust.draw_sources(torch.tensor([magnitude]), depth_km, mechanism, generator)
    station_km = _around(source, n_stations, generator)
    sources = source.take(torch.zeros(n_stations, dtype=torch.long))
    distance_km = station_km[:, :2].norm(dim=1)
    rays = rays_in(
        table,
        distance_km,
        depth_km.expand(n_stations),
        torch.zeros(n_stations),
        torch.atan2(station_km[:, 0], station_km[:, 1]),
        crust.path.surface_kmps,
    )
    kept_s = LEAD_S + float(rays.time_s.diff(dim=1).amax()) + float(source.felt_s) + TAIL_S
    axis = TimeAxis.holding(rate_hz, kept_s, SETTLING_S + float(source.felt_s))
    generic = generic_amplification(axis.frequency_hz)
    site = site_amplitude(crust.site, n_stations, generic, axis.frequency_hz, generator)
    plan = Plan(rays, sources, site, torch.full((n_stations,), LEAD_S), axis)
    motion = ground_velocity(plan, crust, stochastic_arrivals(plan, crust.path), generator).numpy()
    place = station_km.clone()
    place[:, 2] = -depth_km
    distances = [
        distance_jb_km(sources, place).double().numpy(),
        rupture_distance_km(sources, place).double().numpy(),
        rays.hypocentral_km.double().numpy(),
    ]
    middle_km = float(depth_km + 0.5 * source.extent_km[0, 2:].sum() * mechanism.dip_rad.sin())
    ratios = over_published(magnitude, *distances, middle_km, measured(motion.astype(np.float64), rate_hz))
    return Shaken(np.full(n_stations, magnitude), *distances, ratios, source, motion)


def _around(source: Sources, n_stations: int, generator) -> torch.Tensor:
    """Places at the surface, log-uniform in Joyner-Boore distance: of many the nearest to each."""
    n_tried = 4000
    span_km = REACH_KM[1] + float(source.extent_km.abs().amax())
    radius_km = span_km * torch.rand(n_tried, generator=generator).sqrt()
    angle = 2.0 * math.pi * torch.rand(n_tried, generator=generator)
    tried_km = torch.stack([radius_km * angle.cos(), radius_km * angle.sin(), torch.zeros(n_tried)], 1)
    found_km = distance_jb_km(source.take(torch.zeros(n_tried, dtype=torch.long)), tried_km)
    low, high = (math.log(limit) for limit in REACH_KM)
    wanted = (
        low
        + (high - low) * (torch.arange(n_stations) + torch.rand(n_stations, generator=generator)) / n_stations
    )
    return tried_km[(found_km.clamp(min=0.1).log() - wanted[:, None]).abs().argmin(1)]


def measured(velocity_mps: np.ndarray, rate_hz: float) -> dict[str, np.ndarray]:
    """Peaks of Z, R, T records: geometric mean of horizontals, `_max` the larger one, pgd of the vector."""
    n_fft = velocity_mps.shape[-1] + round(30.0 * rate_hz)
    frequency_hz = np.fft.rfftfreq(n_fft, 1.0 / rate_hz)
    omega = 2.0 * np.pi * frequency_hz
    acceleration = 1j * omega * np.fft.rfft(velocity_mps[:, 1:], n_fft)
    peaks = {
        "pgv": np.abs(velocity_mps[:, 1:]).max(-1),
        "pga": np.abs(np.fft.irfft(acceleration, n_fft)).max(-1),
    }
    for name, period_s in PERIODS_S.items():
        own = 2.0 * np.pi / period_s
        oscillator = own**2 / (own**2 - omega**2 + 2j * 0.05 * own * omega)
        peaks[name] = np.abs(np.fft.irfft(acceleration * oscillator, n_fft)).max(-1)
    out = {name: np.sqrt(pair.prod(1)) for name, pair in peaks.items()}
    out |= {f"{name}_max": peaks[name].max(1) for name in ("pgv", "pga")}
    displacement_m = velocity_mps.cumsum(-1) / rate_hz
    return out | {"pgd": np.linalg.norm(displacement_m, axis=1).max(-1)}


def over_published(magnitude, joyner_boore_km, rupture_km, hypocentral_km, depth_km, peaks):
    """Each peak over its published median, by model and measure."""
    size, deep = np.full_like(rupture_km, magnitude), np.full_like(rupture_km, depth_km)
    ratios = {
        f"BSSA14 {name}": peaks[name] / bssa14(name, size, joyner_boore_km, VS30_MPS)
        for name in ("pga", "pgv", *PERIODS_S)
    }
    stiffer = (VS30_MPS / SM99_VS30_MPS) ** BSSA14["pga"][9]
    ratios["SM99 pga"] = peaks["pga_max"] / (stiffer * si_midorikawa99_pga_mps2(size, rupture_km, deep))
    ratios["SM99 pgv"] = peaks["pgv_max"] / si_midorikawa99_pgv_mps(size, rupture_km, deep)
    ratios["Melgar pgd"] = peaks["pgd"] / melgar15_pgd_m(size, hypocentral_km)
    return ratios

"""Ruptures at true distances: moment, steps, onset, and medians against published models."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from simulated_records import build
from simulated_ruptures import shake

from fcn.simulate.path.rays import Rays
from fcn.simulate.path.stochastic import stochastic_arrivals
from fcn.simulate.path.synthesis import Plan
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.spectrum import TimeAxis

MAGNITUDES = (6.0, 6.5, 7.0, 7.5, 8.0)
BSSA14 = ("BSSA14 pga", "BSSA14 pgv", "BSSA14 psa_3s", "BSSA14 psa_5s", "BSSA14 psa_10s")
MODELS = (*BSSA14, "SM99 pga", "SM99 pgv")
DEPTH_KM = 12.0


@pytest.fixture(scope="module")
def crusts(recipe):
    """The store's crust with either generator of the shipped configurations; stress drops are the median."""
    validation = build("dataset.builder.region.earth.crust.rupture", ["+dataset=validation"])
    steady = replace(recipe.crust, stress_drop_sigma=0.0)
    return {"kinematic": steady, "composite": replace(steady, rupture=validation)}


def straight_rays(east_km: torch.Tensor, north_km: torch.Tensor, crust) -> Rays:
    """Through a homogeneous crust that has no slower top."""
    distance_km = torch.hypot(east_km, north_km)
    depth_km = torch.full_like(distance_km, DEPTH_KM)
    velocity = torch.tensor([crust.path.vp_kmps, crust.path.vs_kmps])
    time_s = torch.hypot(distance_km, depth_km)[:, None] / velocity
    takeoff = torch.atan2(distance_km, -depth_km)[:, None].expand(-1, 2)
    azimuth = torch.atan2(east_km, north_km)
    return Rays(distance_km, depth_km, azimuth, time_s, takeoff, math.pi - takeoff)


def arrivals_of(crust, magnitude, mechanism, east_km, north_km, kept_s=400.0, rate_hz=20.0):
    """Unscattered ground velocity in time, P and S added, and the sources."""
    n = len(east_km)
    generator = torch.Generator().manual_seed(1)
    crust = replace(crust, path=replace(crust.path, surface_kmps=(crust.path.vp_kmps, crust.path.vs_kmps)))
    source = crust.draw_sources(torch.tensor([magnitude]), torch.tensor([DEPTH_KM]), mechanism, generator)
    sources = source.take(torch.zeros(n, dtype=torch.long))
    axis = TimeAxis.holding(rate_hz, kept_s, float(source.felt_s))
    site = torch.ones(n, 2, len(axis.frequency_hz))
    plan = Plan(straight_rays(east_km, north_km, crust), sources, site, torch.full((n,), 5.0), axis)
    return torch.fft.irfft(stochastic_arrivals(plan, crust.path).sum(1) * rate_hz, n=axis.n_samples), sources


@pytest.mark.parametrize("name", ["kinematic", "composite"])
def test_the_plateau_of_distant_displacement_is_the_moment(crusts, name):
    """Far from the fault, below its corner, a rupture is the point of the same moment."""
    mechanism = DoubleCouple(torch.tensor([0.3]), torch.tensor([1.2]), torch.tensor([0.7]))
    far_km = torch.tensor([1500.0, -900.0, 200.0]), torch.tensor([100.0, 1200.0, -1700.0])
    levels = []
    for smallest in (5.5, 7.9):  # the second generator makes points of M 6.5
        rupture = replace(crusts[name].rupture, min_magnitude=smallest)
        motion, _ = arrivals_of(replace(crusts[name], rupture=rupture), 6.5, mechanism, *far_km)
        spectrum = torch.fft.rfft(motion).abs()[..., 1:3]  # of velocity, 0.002 Hz apart
        levels.append(spectrum.square().sum(1).sqrt())
    torch.testing.assert_close(levels[0], levels[1], rtol=0.08, atol=0.0)


def test_the_step_beside_a_long_strike_slip_fault_is_that_of_a_dislocation(crusts):
    """u = D / pi (atan(bottom / x) - atan(top / x)), Savage & Burford (1973), JGR 78, 832, eq. 1."""
    crust = replace(crusts["kinematic"], rupture=replace(crusts["kinematic"].rupture, slip_sigma=0.0))
    upright = DoubleCouple(torch.zeros(1), torch.tensor([math.pi / 2]), torch.zeros(1))
    _, sources = arrivals_of(crust, 8.0, upright, torch.tensor([20.0]), torch.zeros(1))
    middle_km = float(sources.extent_km[0, :2].mean())
    east_km = torch.tensor([8.0, 15.0, 30.0])
    motion, _ = arrivals_of(crust, 8.0, upright, east_km, torch.full((3,), middle_km))
    azimuth = torch.atan2(east_km, torch.full((3,), middle_km))
    north_m = (motion[:, 1].sum(-1) * azimuth.cos() - motion[:, 2].sum(-1) * azimuth.sin()) / 20.0

    near = (sources.offset_km[0, :, 1] - middle_km).abs() < 30.0
    top_km, bottom_km = (DEPTH_KM + float(edge) for edge in sources.extent_km[0, 2:])
    rigidity = 1e3 * crust.path.density_gpcm3 * (1e3 * crust.path.vs_kmps) ** 2
    share = float(sources.share[0][near].sum())
    slip_m = share * float(sources.moment_nm[0]) / (rigidity * 60e3 * 1e3 * (bottom_km - top_km))
    expected = slip_m / math.pi * (torch.atan(bottom_km / east_km) - torch.atan(top_km / east_km))
    # Left-lateral, rake 0: who looks east across the fault sees the other side move to the left, north.
    torch.testing.assert_close(north_m, expected, rtol=0.3, atol=0.0)


def test_a_station_beside_the_far_end_is_shaken_as_one_near_the_fault(crusts):
    """Both are as far from the hypocentre; one is 3 km from the fault, the other on the other side."""
    upright = DoubleCouple(torch.zeros(1), torch.tensor([math.pi / 2]), torch.zeros(1))
    _, sources = arrivals_of(crusts["kinematic"], 7.6, upright, torch.tensor([20.0]), torch.zeros(1))
    behind, ahead = sources.extent_km[0, 0], sources.extent_km[0, 1]
    end = ahead if float(ahead) > -float(behind) else behind
    beside, across = (torch.tensor([3.0]), end[None]), (end.abs()[None], torch.zeros(1))
    peaks = [
        arrivals_of(crusts["kinematic"], 7.6, upright, *place)[0].abs().amax() for place in (beside, across)
    ]
    assert float(end.abs()) > 40.0
    assert peaks[0] > 3.0 * peaks[1]


@pytest.mark.reference
@pytest.mark.parametrize("name", ["kinematic", "composite"])
@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_medians_are_those_of_published_models(crusts, jma2001, name, magnitude):
    """All stations from 5 to 150 km together."""
    found = medians(
        shake(crusts[name], jma2001, magnitude, n_events=14, seed=int(magnitude * 10)), 5.0, 150.0
    )
    assert all(1 / 1.5 < found[model] < 1.5 for model in MODELS), found
    # Melgar's displacement knows the hypocentre alone, from which one to several lengths of a fault are near.
    assert 1 / 2.2 < found["Melgar pgd"] < 2.2, found


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("name", ["kinematic", "composite"])
@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_medians_are_those_of_published_models_at_every_distance(crusts, jma2001, name, magnitude):
    """Within 1.7 from 10 to 80 km. Nearer, long periods lack up to a factor 2, farther they exceed by it; so
    far lacks PGA of M 8 against Si & Midorikawa's, whose ground is not known."""
    shaken = shake(crusts[name], jma2001, magnitude, n_events=48, seed=int(magnitude * 10))
    for nearest_km, farthest_km, factor in ((5.0, 10.0, 2.1), (10.0, 80.0, 1.7), (80.0, 150.0, 2.1)):
        found = medians(shaken, nearest_km, farthest_km)
        limits = {model: 2.1 if model == "SM99 pga" else factor for model in MODELS}
        assert all(1 / limits[model] < found[model] < limits[model] for model in MODELS), (nearest_km, found)


def medians(shaken, nearest_km, farthest_km):
    distance_km = np.concatenate([each.joyner_boore_km for each in shaken])
    chosen = (distance_km >= nearest_km) & (distance_km < farthest_km)
    ratios = {name: np.concatenate([each.ratios[name] for each in shaken]) for name in shaken[0].ratios}
    return {name: round(float(np.median(ratio[chosen])), 2) for name, ratio in ratios.items()}

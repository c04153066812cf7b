import math

import pytest
import torch

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.simulate.path.rays import rays_in

SURFACE_KMPS = (3.0, 1.4)


def test_rays_of_a_homogeneous_crust_are_straight():
    model = LayeredModel.from_velocities("uniform", "test", (0.0,), (6.0,), (3.5,))
    table = TravelTimeTable.build(model, max_depth_km=45.0, max_distance_km=40.0, step_km=0.5)
    distance, depth, azimuth = (torch.tensor([value]) for value in (30.0, 40.0, 0.5))
    rays = rays_in(table, distance, depth, torch.zeros(1), azimuth, (6.0, 3.5))
    assert rays.hypocentral_km.tolist() == [50.0]
    assert rays.time_s[0].tolist() == pytest.approx([50 / 6.0, 50 / 3.5], rel=1e-5)
    assert rays.incidence_rad[0].tolist() == pytest.approx([math.asin(0.6)] * 2, rel=1e-3)
    assert rays.takeoff_rad[0].tolist() == pytest.approx([math.pi - math.asin(0.6)] * 2, rel=1e-3)
    expected = [30 * math.sin(0.5), 30 * math.cos(0.5), -40.0]
    assert rays.station_km[0].tolist() == pytest.approx(expected, rel=1e-5)


def test_rays_bend_and_dive_as_the_model_says(jma2001):
    table = TravelTimeTable.build(jma2001, max_depth_km=35.0, max_distance_km=130.0, step_km=0.5)
    distance, depth = torch.tensor([0.0, 10.0, 110.0]), torch.tensor([10.0, 10.0, 10.0])
    rays = rays_in(table, distance, depth, torch.zeros(3), torch.zeros(3), SURFACE_KMPS)
    assert rays.time_s[0, 0] == pytest.approx(1.77, abs=0.02)  # JMA2001's own table, vertical from 10 km
    takeoff_deg = torch.rad2deg(rays.takeoff_rad[:, 0]).tolist()
    assert takeoff_deg[0] > 170.0  # straight up
    assert 120.0 < takeoff_deg[1] < 140.0
    assert takeoff_deg[2] < 90.0  # leaves downward, turned back by the gradient
    assert (rays.incidence_rad[:, 0] < math.pi / 4).all()


def test_a_station_on_a_mountain_hears_later_from_further_below(jma2001):
    table = TravelTimeTable.build(jma2001, max_depth_km=35.0, max_distance_km=50.0, step_km=0.5)
    ones = torch.ones(1)
    low, high = (
        rays_in(table, 5 * ones, 10 * ones, elevation * ones, 0 * ones, SURFACE_KMPS)
        for elevation in (0.0, 1.5)
    )
    assert high.depth_km.item() == 11.5
    assert 0.2 < float(high.time_s[0, 0] - low.time_s[0, 0]) < 0.35

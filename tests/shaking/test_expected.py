"""Expected shaking against independent codes and relations."""

import dataclasses

import numpy as np
import pytest

from fcn.catalogue.event import Event
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.geometry.projection import LocalFrame
from fcn.shaking.expected import BooreEtAl, GroundMotion, SiMidorikawa, SourceShaking, fault_length_km
from fcn.shaking.ground_motion import bssa14_pgv_log_sigma
from fcn.shaking.intensity import JmaScale, MercalliScale
from fcn.shaking.site import Site, Sites

FRAME = LocalFrame(32.8, 130.7)
KM_PER_DEG = 110.9


@pytest.fixture(scope="module")
def table():
    model = LayeredModel("half-space", "test", [0.0], [6.0], [3.5], [2.7], [2000.0], [1000.0])
    return TravelTimeTable.build(model, max_depth_km=60.0, max_distance_km=300.0, step_km=2.0)


def north(*distances_km, vs30_mps=600.0):
    return Sites.of(
        [
            Site(f"{distance_km}", 32.8 + distance_km / KM_PER_DEG, 130.7, vs30_mps=vs30_mps)
            for distance_km in distances_km
        ],
        FRAME,
    )


def quake(magnitude, depth_km=10.0, **known):
    return Event("1", 1000.0, 32.8, 130.7, depth_km, magnitude, "M", **known)


def shaking(table, ground_motion=None, scale=None):
    return SourceShaking(ground_motion or SiMidorikawa(), scale or JmaScale(), table, FRAME)


def test_peak_velocity_by_hand(table):
    # Mw 7, hypocentre 50 km away: Utsu's fault of 44.67 km leaves 50 - 22.33 = 27.67 km;
    # 4.06 + 0.0038 * 30 - log10(27.67 + 8.854) - 0.05534 - 1.29 = 1.2662: 18.46 cm/s; 2.19 times on Vs30 240
    assert fault_length_km(7.0) == pytest.approx(44.67, abs=0.01)
    found = shaking(table).at(quake(7.0, depth_km=30.0), north(40.0))
    assert 100 * found.pgv_mps[0] == pytest.approx(18.46, rel=2e-3)
    soft = shaking(table).at(quake(7.0, depth_km=30.0), north(40.0, vs30_mps=240.0))
    assert soft.pgv_mps[0] / found.pgv_mps[0] == pytest.approx(2.183, rel=5e-3)
    assert found.intensity[0] == pytest.approx(2.002 + 2.603 * 1.2662 - 0.213 * 1.2662**2, abs=0.01)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("magnitude", "distance_km"),
    [
        (4.0, 20.0),
        (4.0, 50.0),
        (5.0, 20.0),
        (5.0, 100.0),
        (6.0, 50.0),
        (6.0, 100.0),
        (7.0, 50.0),
        (7.0, 100.0),
    ],
)
def test_intensity_is_that_felt_in_japan(table, magnitude, distance_km):
    """Utsu (1984), Bull. Earthq. Res. Inst. 59, 219-233: I = 1.5 M - 6.5 - (0.0767 - 0.015 M + 0.0008 M^2)
    (distance - 100 km), mean of what was felt in 181 shallow earthquakes; Vs30 of the stations: 400 m/s."""
    felt = 1.5 * magnitude - 6.5 - (0.0767 - 0.015 * magnitude + 0.0008 * magnitude**2) * (distance_km - 100)
    found = shaking(table).at(quake(magnitude), north(distance_km, vs30_mps=400.0))
    assert found.intensity[0] == pytest.approx(felt, abs=0.8)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("magnitude", "distance_km", "vs30_mps", "sigma"),
    [(3.0, 50.0, 600.0, 0.7586), (3.0, 75.0, 200.0, 0.692), (3.0, 20.0, 250.0, 0.7161),
     (8.0, 50.0, 600.0, 0.6515), (8.0, 20.0, 200.0, 0.5852)],
)  # fmt: skip
def test_scatter_of_bssa14_is_that_of_an_independent_code(magnitude, distance_km, vs30_mps, sigma):
    """Verification tables of OpenQuake (BSSA_2014_CALIFORNIA_NOSOF_TOTAL_STD.csv)."""
    found = bssa14_pgv_log_sigma(np.array(magnitude), np.array(distance_km), vs30_mps)
    assert float(found) == pytest.approx(sigma, abs=1e-4)


@pytest.mark.parametrize("ground_motion", [SiMidorikawa(), BooreEtAl()], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("scale", [JmaScale(), MercalliScale()], ids=lambda each: each.name)
def test_nearer_larger_softer_is_stronger(table, ground_motion, scale):
    assert isinstance(ground_motion, GroundMotion)
    expects = shaking(table, ground_motion, scale)
    near = expects.at(quake(6.0), north(0.0, 10.0, 30.0, 90.0))
    assert (np.diff(near.intensity) < 0).all()
    assert (np.diff(near.pga_mps2) <= 0).all()
    assert (near.intensity < expects.at(quake(6.5), north(0.0, 10.0, 30.0, 90.0)).intensity).all()
    assert near.intensity[2] < expects.at(quake(6.0), north(30.0, vs30_mps=250.0)).intensity[0]


def test_the_range_holds_all_that_is_uncertain(table):
    sites, expects = north(20.0, 60.0), shaking(table)
    alone = expects.at(quake(5.0), sites)
    # 0.23 in log10 PGV times 2.262 a decade, and the scale's 0.21
    np.testing.assert_allclose(alone.high - alone.intensity, np.hypot(0.23 * 2.262, 0.21), atol=2e-3)
    np.testing.assert_allclose(alone.intensity - alone.low, alone.high - alone.intensity)
    magnitude = expects.at(quake(5.0, magnitude_uncertainty=0.4), sites)
    slope = expects.at(quake(5.1), sites).intensity - alone.intensity
    grown = np.sqrt((magnitude.high - magnitude.intensity) ** 2 - (alone.high - alone.intensity) ** 2)
    np.testing.assert_allclose(grown, 4.0 * slope, rtol=0.05)
    place = expects.at(quake(5.0, horizontal_uncertainty_km=10.0, depth_uncertainty_km=5.0), sites)
    wider = place.high - alone.high
    assert (wider > 0).all()
    assert wider[0] > wider[1]  # the same kilometres matter more nearby


def test_s_comes_by_the_travel_times(table):
    found = shaking(table).at(quake(5.0), north(0.0, 40.0))
    np.testing.assert_allclose(found.s_time_s, 1000.0 + np.hypot([0.0, 40.0], 10.0) / 3.5, atol=0.05)


def test_an_event_without_magnitude_is_refused(table):
    with pytest.raises(ValueError, match="no magnitude"):
        shaking(table).at(dataclasses.replace(quake(5.0), magnitude=None), north(0.0))

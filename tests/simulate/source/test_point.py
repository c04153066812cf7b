import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fcn.simulate.source.point import DoubleCouple, corner_frequency_hz, moment_rate, seismic_moment_nm

ANGLE = st.floats(-math.pi, math.pi)
MANY = DoubleCouple.random(20_000, torch.Generator().manual_seed(0))


def couple(strike, dip, rake):
    return DoubleCouple(*(torch.tensor([angle], dtype=torch.float64) for angle in (strike, dip, rake)))


def test_moment_of_magnitude_six():
    assert float(seismic_moment_nm(torch.tensor(6.0))) == pytest.approx(1.2589e18, rel=1e-3)


def test_corner_frequency_of_a_magnitude_five():
    # M0 = 3.98e16 N m, 3 MPa, 3.5 km/s: 0.4906 * 3500 * (3e6 / 3.98e16)^(1/3)
    corner = corner_frequency_hz(seismic_moment_nm(torch.tensor(5.0)), torch.tensor(3e6), 3500.0)
    assert float(corner) == pytest.approx(0.725, rel=5e-3)


def test_pulse_is_flat_below_its_corner_and_falls_as_the_square_above():
    frequency_hz = torch.tensor([0.0, 1.0, 100.0, 200.0])
    level = moment_rate(frequency_hz, torch.tensor(1.0)).abs()
    assert level[0] == pytest.approx(1.0)
    assert level[1] == pytest.approx(0.5, rel=1e-5)
    assert level[2] / level[3] == pytest.approx(4.0, rel=1e-3)


@given(ANGLE, st.floats(0.0, math.pi / 2), ANGLE)
def test_moment_tensor_is_a_unit_double_couple(strike, dip, rake):
    xx, yy, zz, xy, xz, yz = couple(strike, dip, rake).moment_tensor()[0].tolist()
    tensor = torch.tensor([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], dtype=torch.float64)
    principal = torch.linalg.eigvalsh(tensor)
    torch.testing.assert_close(principal, torch.tensor([-1.0, 0.0, 1.0]).double(), atol=1e-9, rtol=0)


@given(ANGLE, st.floats(0.0, math.pi / 2), ANGLE, ANGLE, st.floats(0.0, math.pi))
def test_radiation_is_the_moment_tensor_seen_along_the_ray(strike, dip, rake, azimuth, takeoff):
    mechanism = couple(strike, dip, rake)
    xx, yy, zz, xy, xz, yz = mechanism.moment_tensor()[0].tolist()
    tensor = torch.tensor([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], dtype=torch.float64)
    sine, cosine = math.sin(takeoff), math.cos(takeoff)
    along = torch.tensor([sine * math.cos(azimuth), sine * math.sin(azimuth), cosine], dtype=torch.float64)
    sv = torch.tensor([cosine * math.cos(azimuth), cosine * math.sin(azimuth), -sine], dtype=torch.float64)
    sh = torch.tensor([-math.sin(azimuth), math.cos(azimuth), 0.0], dtype=torch.float64)
    seen = mechanism.radiation(*(torch.tensor([a], dtype=torch.float64) for a in (azimuth, takeoff)))[0]
    expected = torch.stack([along @ tensor @ along, sv @ tensor @ along, sh @ tensor @ along])
    torch.testing.assert_close(seen, expected, atol=1e-9, rtol=0)


def test_mean_radiation_over_random_couples_is_that_over_the_sphere():
    # Aki & Richards (2002), section 4.5: <P^2> = 4/15, <S^2> = 2/5.
    azimuth, takeoff = torch.zeros(20_000), torch.full((20_000,), 1.0)
    p, sv, sh = (MANY.radiation(azimuth, takeoff) ** 2).mean(0).tolist()
    assert p == pytest.approx(4 / 15, rel=0.03)
    assert sv + sh == pytest.approx(2 / 5, rel=0.03)
    assert sv == pytest.approx(sh, rel=0.06)


def test_random_couples_reach_every_orientation():
    assert float(MANY.strike_rad.min()) < 0.01
    assert float(MANY.strike_rad.max()) > 2 * math.pi - 0.01
    assert float(MANY.dip_rad.max()) > 1.56
    assert float(MANY.rake_rad.min()) < -3.13
    assert float(MANY.dip_rad.cos().mean()) == pytest.approx(0.5, abs=0.01)

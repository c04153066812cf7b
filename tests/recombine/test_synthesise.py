import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from obspy.signal.rotate import rotate_rt_ne

from fcn.recombine.synthesise import (
    Corrections,
    attenuation_response,
    corner_frequency_hz,
    first_motion,
    level_db,
    p_radiation,
    place_records,
    rotate_to_north_east,
    seismic_moment_nm,
    source_ratio,
    spreading_gain,
)
from fcn.simulate.source.point import DoubleCouple

RATE_HZ = 20.0


def record(p: int, s: int, npts: int = 900) -> torch.Tensor:
    """1 from P on, 3 from S on."""
    x = torch.zeros(1, 3, 1000)
    x[..., p:npts] = 1.0
    x[..., s:npts] = 3.0
    return x


def place(p, s, to_p, to_s, *, npts=900, n_out=700):
    return place_records(
        record(p, s, npts),
        torch.tensor([npts]),
        torch.tensor([[float(p), float(s)]]),
        torch.tensor([[to_p, to_s]]),
        n_out=n_out,
        sampling_rate_hz=RATE_HZ,
    )[0, 0]


@settings(max_examples=60)
@given(to_p=st.floats(20, 300), gap=st.floats(15, 200))
def test_p_and_s_land_within_half_a_sample_of_their_targets(to_p, gap):
    out = place(100, 100 + round(gap) + 3, to_p, to_p + gap)
    onset_p = int((out > 0.5).nonzero()[0])
    onset_s = int((out > 2.9).nonzero()[0])
    assert abs(onset_p - to_p) <= 0.5 + 1e-4
    assert abs(onset_s - (to_p + gap)) <= 0.5 + 1e-4


@pytest.mark.parametrize("own_gap", [60, 140])
def test_a_record_stretched_or_squeezed_by_seconds_has_one_s(own_gap):
    out = place(100, 100 + own_gap, 200.0, 300.0)
    assert int((out > 1.1).nonzero()[0]) == 300
    assert int((out > 0.5).nonzero()[0]) == 200


def test_nothing_moves_when_nothing_has_to_and_noise_before_p_is_muted():
    source = torch.randn(1, 3, 800, generator=torch.Generator().manual_seed(0))
    picks = torch.tensor([[100.0, 160.0]])
    out = place_records(source, torch.tensor([800]), picks, picks, n_out=600, sampling_rate_hz=RATE_HZ)
    torch.testing.assert_close(out[..., 98:], source[..., 98:600])
    assert out[..., :94].abs().max() == 0


def test_a_record_that_ends_early_is_tapered_not_cut():
    out = place(100, 160, 50.0, 110.0, npts=400)
    end = 400 - 50
    assert out[end:].abs().max() == 0
    steps = out[end - 45 : end + 1].diff()
    assert steps.min() > -0.1  # 3 falls to 0 over two seconds
    assert out[end - 45] == 3.0


def test_records_before_the_output_show_their_coda_only():
    out = place(100, 160, -50.0, 10.0)
    assert out[0] >= 1.0
    assert out[10] == 3.0


@pytest.mark.parametrize(
    ("azimuth_deg", "north", "east"), [(0, 1, 0), (90, 0, 1), (180, -1, 0), (270, 0, -1)]
)
def test_radial_motion_points_away_from_the_source(azimuth_deg, north, east):
    zrt = torch.tensor([[[5.0], [1.0], [0.0]]])
    zne = rotate_to_north_east(zrt, torch.tensor([math.radians(azimuth_deg)]))[0, :, 0]
    torch.testing.assert_close(zne, torch.tensor([5.0, north, east]), atol=1e-6, rtol=0)


def test_transverse_motion_is_clockwise_of_radial():
    """R north at azimuth 0 makes T east; ObsPy's rotate_rt_ne agrees (back azimuth 180)."""
    rng = np.random.default_rng(0)
    r, t = rng.standard_normal((2, 50))
    for azimuth_deg in (0.0, 37.0, 123.0, 289.0):
        north, east = rotate_rt_ne(r, t, (azimuth_deg + 180) % 360)
        zrt = torch.from_numpy(np.stack([r, r, t]))[None]
        zne = rotate_to_north_east(zrt, torch.tensor([math.radians(azimuth_deg)]).double())[0]
        np.testing.assert_allclose(zne[1], north, atol=1e-6)
        np.testing.assert_allclose(zne[2], east, atol=1e-6)


def test_moment_and_corner_have_their_textbook_values():
    assert float(seismic_moment_nm(torch.tensor(6.0))) == pytest.approx(1.2589e18, rel=1e-3)
    # Brune: M0 = 16/7 stress r^3, fc = 2.34 beta / (2 pi r)
    moment, stress_pa, beta_mps = 10 ** (1.5 * 4 + 9.1), 3.0e6, 3500.0
    radius_m = (7 * moment / (16 * stress_pa)) ** (1 / 3)
    brune_hz = 2.34 * beta_mps / (2 * math.pi * radius_m)
    assert float(corner_frequency_hz(torch.tensor(4.0))) == pytest.approx(brune_hz, rel=2e-3)


def test_source_ratio_is_the_moment_ratio_at_rest_and_its_cube_root_at_high_frequency():
    frequency_hz = torch.tensor([0.0, 2.0, 8.0])
    ratio = source_ratio(
        torch.tensor([5.5]), torch.tensor([6.5]), frequency_hz, sampling_rate_hz=RATE_HZ
    ).abs()[0]
    corners = [float(corner_frequency_hz(torch.tensor(m))) for m in (5.5, 6.5)]
    want = [10**1.5 * (1 + (f / corners[0]) ** 2) / (1 + (f / corners[1]) ** 2) for f in (0.0, 2.0, 8.0)]
    np.testing.assert_allclose(ratio, want, rtol=0.03)
    assert want[2] == pytest.approx(10**0.5, rel=0.02)


N_FFT = 1200


def filtered(x: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    return torch.fft.irfft(torch.fft.rfft(x, N_FFT) * response[:, None], N_FFT)[..., : x.shape[-1]]


def pulse() -> torch.Tensor:
    x = torch.zeros(1, 3, 600)
    x[..., 200] = 1.0
    return x


def test_changing_magnitude_is_causal_and_undoes_itself():
    frequency_hz = torch.fft.rfftfreq(N_FFT, 1 / RATE_HZ)
    magnitudes = torch.tensor([3.0]), torch.tensor([3.7])
    there, back = (
        source_ratio(a, b, frequency_hz, sampling_rate_hz=RATE_HZ)
        for a, b in (magnitudes, reversed(magnitudes))
    )
    larger = filtered(pulse(), there)
    assert larger[..., :199].abs().max() < 1e-3 * larger.abs().max()
    torch.testing.assert_close(filtered(larger, back), pulse(), atol=1e-3, rtol=0)


def test_attenuation_has_its_amplitude_is_causal_and_undoes_itself():
    law = {"sampling_rate_hz": RATE_HZ, "q": 100.0, "q_exponent": 0.5}
    longer, shorter = (attenuation_response(torch.tensor([s]), N_FFT, **law) for s in (20.0, -20.0))
    frequency_hz = torch.fft.rfftfreq(N_FFT, 1 / RATE_HZ)
    quality = 100.0 * frequency_hz.clamp_min(1.0) ** 0.5
    want = torch.exp(-math.pi * frequency_hz * 20.0 / quality)
    torch.testing.assert_close(longer.abs()[0], want, rtol=1e-3, atol=0)
    weaker = filtered(pulse(), longer)
    assert weaker[..., :200].abs().max() < 1e-4 * weaker.abs().max()
    torch.testing.assert_close(filtered(weaker, shorter), pulse(), atol=1e-3, rtol=0)
    off = attenuation_response(torch.tensor([20.0]), N_FFT, **{**law, "q": math.inf})
    torch.testing.assert_close(off, torch.ones_like(off))


def test_spreading_is_one_over_distance_to_the_break_and_its_root_beyond():
    near, far = torch.tensor([10.0, 50.0, 30.0, 60.0]), torch.tensor([20.0, 25.0, 120.0, 240.0])
    gain = spreading_gain(near, far, exponents=(1.0, 0.5), break_km=60.0)
    torch.testing.assert_close(gain, torch.tensor([0.5, 2.0, 0.5 * 0.5**0.5, 0.5]))
    assert spreading_gain(near, far, exponents=(0.0, 0.0), break_km=60.0).tolist() == [1.0] * 4


def test_levels_rise_with_moment_and_fall_with_distance():
    small = level_db(torch.tensor([1.0, 2.0]), torch.tensor([10.0, 10.0]), frequency_hz=1.0)
    assert float(small.diff()) == pytest.approx(30.0, abs=0.1)  # far below the corner: the moment
    apart = level_db(torch.tensor([4.0, 4.0]), torch.tensor([10.0, 100.0]), frequency_hz=4.0)
    assert float(apart.diff()) == pytest.approx(-20.0, abs=1e-3)


def test_p_radiation_is_that_of_the_simulation():
    """Written apart from it: n M n of the moment tensor, for any couple and direction."""
    generator = torch.Generator().manual_seed(0)
    couples = DoubleCouple.random(200, generator)
    azimuth = 2 * math.pi * torch.rand(200, generator=generator)
    takeoff = math.pi * torch.rand(200, generator=generator)
    mechanism = torch.stack([couples.strike_rad, couples.dip_rad, couples.rake_rad], dim=1)
    want = couples.radiation(azimuth, takeoff)[:, 0]
    torch.testing.assert_close(p_radiation(mechanism, azimuth, takeoff), want, atol=1e-5, rtol=1e-4)


def test_p_radiation_of_a_vertical_strike_slip_fault():
    """Strike north, left lateral (rake 0): extremes at 45 degrees, none along and across the strike."""
    mechanism = torch.tensor([0.0, math.pi / 2, 0.0]).expand(4, 3)
    azimuth = torch.tensor([45.0, 135.0, 0.0, 90.0]).deg2rad()
    level = torch.full((4,), math.pi / 2)
    torch.testing.assert_close(
        p_radiation(mechanism, azimuth, level), torch.tensor([1.0, -1.0, 0.0, 0.0]), atol=1e-6, rtol=0
    )
    # a 45 degree thrust throws the ground above it up
    thrust = torch.tensor([[0.0, math.pi / 4, math.pi / 2]])
    up = p_radiation(thrust, torch.zeros(1), torch.tensor([math.pi]))
    assert float(up) == pytest.approx(1.0, abs=1e-6)


def test_first_motion_is_the_sign_of_z_after_p():
    x = torch.zeros(2, 3, 50)
    x[0, 0, 20:], x[1, 0, 20:] = 1.0, -1.0
    x[:, 1] = 5.0
    assert first_motion(x, torch.tensor([19.6, 20.0]), sampling_rate_hz=RATE_HZ).tolist() == [1.0, -1.0]


def test_impossible_corrections_are_refused():
    with pytest.raises(ValueError, match="positive spreading_break_km and q"):
        Corrections(
            align_s=True,
            magnitude=True,
            spreading_exponents=[1.0, 0.5],
            spreading_break_km=60.0,
            q=0.0,
            q_exponent=0.0,
            rotate=True,
            polarity=False,
            radiation=False,
            source_term=False,
        )

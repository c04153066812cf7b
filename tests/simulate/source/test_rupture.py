import math

import numpy as np
import pytest
import torch
from simulated_records import LEAD_S, simulate

from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import RuptureLaw, draw_sources, joyner_boore_km, source_spectra

LAW = RuptureLaw(min_magnitude=5.5, n_subevents=24, velocity_ratio=0.8)
VELOCITY_KMPS = (6.1, 3.5)
FREQUENCY_HZ = torch.linspace(0.0, 20.0, 2001)


def draw(magnitude: float, n: int = 64, depth_km: float = 12.0, mechanism: DoubleCouple | None = None):
    generator = torch.Generator().manual_seed(3)
    mechanism = mechanism or DoubleCouple.random(n, generator)
    columns = (torch.full((n,), value) for value in (magnitude, 3e6, depth_km))
    return draw_sources(LAW, *columns, mechanism, 3.5, generator)


def station(n: int, azimuth_rad: float, distance_km: float = 60.0, depth_km: float = 12.0):
    east, north = distance_km * math.sin(azimuth_rad), distance_km * math.cos(azimuth_rad)
    return torch.tensor([[east, north, -depth_km]]).expand(n, 3)


def test_small_earthquakes_are_points():
    sources = draw(5.4)
    assert not sources.finite.any()
    assert float(sources.offset_km.abs().amax()) == 0.0
    spectra = source_spectra(sources, station(64, 1.0), VELOCITY_KMPS, FREQUENCY_HZ)
    expected = 1.0 / (1.0 + (FREQUENCY_HZ / sources.corner_hz[0]) ** 2)
    torch.testing.assert_close(spectra[0, 1].abs(), expected)


def test_moment_is_that_of_the_magnitude():
    sources = draw(6.8)
    torch.testing.assert_close(sources.share.sum(1), torch.ones(64))
    far = source_spectra(sources, station(64, 0.3, distance_km=5000.0), VELOCITY_KMPS, FREQUENCY_HZ[:1])
    torch.testing.assert_close(far.abs(), torch.ones(64, 2, 1), atol=0.02, rtol=0)


def test_radiated_energy_is_that_of_a_point_source():
    # Energy goes with the integral of (f S)^2. Random positions make the sub-events incoherent.
    sources = draw(6.5)
    finite = source_spectra(sources, station(64, 2.0), VELOCITY_KMPS, FREQUENCY_HZ)[:, 1].abs()
    point = 1.0 / (1.0 + (FREQUENCY_HZ / sources.corner_hz[:, None]) ** 2)
    energy = [((FREQUENCY_HZ * level) ** 2).sum(1).median() for level in (finite, point)]
    assert 0.6 < float(energy[0] / energy[1]) < 2.0


def test_nothing_arrives_before_the_hypocentre():
    sources = draw(7.2)
    pulses = torch.fft.irfft(
        source_spectra(sources, station(64, 0.7, distance_km=15.0), VELOCITY_KMPS, FREQUENCY_HZ)
    )
    late = pulses[..., -400:].abs().amax(-1)  # negative times wrap to the end
    assert (late < 2e-2 * pulses.abs().amax(-1)).all()


def test_ruptures_begin_at_the_hypocentre():
    sources = draw(6.8)
    at_hypocentre = (sources.offset_km == 0.0).all(-1)
    assert at_hypocentre.sum(1).tolist() == [1] * 64
    assert (sources.start_s[at_hypocentre] == 0.0).all()
    # Any of them: it is no stronger than the others.
    assert len({int(first) for first in at_hypocentre.int().argmax(1)}) > 10


@pytest.mark.parametrize("distance_km", [10.0, 40.0])
@pytest.mark.parametrize("magnitude", [6.0, 6.5, 7.0])
def test_ground_moves_at_p_whatever_the_azimuth(recipe, jma2001, magnitude, distance_km):
    """Visible: 5 um/s, above the noise of an ordinary site, and a few ten-thousandths of the peak."""
    records = simulate(recipe, jma2001, magnitude, distance_km, n=96)
    level = records.waveforms.abs().amax(1)
    visible = level > (3e-4 * level.amax(1, keepdim=True)).clamp(min=5e-6)
    late_s = visible.int().argmax(1).numpy() / recipe.sampling_rate_hz - LEAD_S
    quadrant = (records.rays.azimuth_rad.numpy() // (math.pi / 2)).astype(int)
    for each in range(4):
        assert np.median(late_s[quadrant == each]) < 0.12
        assert np.quantile(late_s[quadrant == each], 0.9) < 0.18
    assert 0.0 <= late_s.min() <= late_s.max() < 0.25


def test_rupture_towards_the_station_is_shorter_and_stronger():
    n = 48
    upright = DoubleCouple(torch.zeros(n), torch.full((n,), math.pi / 2), torch.zeros(n))  # strikes north
    sources = draw(7.0, n, mechanism=upright)
    northward = sources.offset_km[..., 1].mean(1) > 5.0  # ruptures mostly towards the north
    peak = {}
    for name, azimuth in (("ahead", 0.0), ("behind", math.pi)):
        spectra = source_spectra(sources, station(n, azimuth, 150.0), VELOCITY_KMPS, FREQUENCY_HZ)[:, 1]
        peak[name] = torch.fft.irfft(spectra).abs().amax(-1)[northward].median()
    assert northward.sum() > 5
    assert peak["ahead"] > 1.5 * peak["behind"]


def test_faults_have_the_length_of_their_magnitude_and_stay_below_ground():
    sources = draw(7.0, depth_km=6.0)
    length_km = 10 ** (-2.44 + 0.59 * 7.0)
    across = (sources.offset_km[:, :, None] - sources.offset_km[:, None]).norm(dim=-1).amax((1, 2))
    assert 0.8 * length_km < float(across.median()) < 1.2 * length_km
    assert float(sources.offset_km[..., 2].min()) > -6.0


def test_joyner_boore_distance_is_epicentral_for_a_point_and_less_for_a_fault():
    n = 64
    distance, azimuth = torch.full((n,), 50.0), torch.linspace(0.0, 6.2, n)
    torch.testing.assert_close(joyner_boore_km(draw(4.0), distance, azimuth), distance)
    assert float(joyner_boore_km(draw(7.0), distance, azimuth).median()) < 45.0


@pytest.mark.parametrize(
    ("changes", "message"), [({"n_subevents": 0}, "n_subevents"), ({"velocity_ratio": 1.2}, "velocity_ratio")]
)
def test_nonsense_is_refused(changes, message):
    good = {"min_magnitude": 5.5, "n_subevents": 4, "velocity_ratio": 0.8}
    with pytest.raises(ValueError, match=message):
        RuptureLaw(**{**good, **changes})

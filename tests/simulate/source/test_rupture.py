import math

import numpy as np
import pytest
import torch
from simulated_records import LEAD_S, simulate

from fcn.simulate.source.composite import CompositeRupture
from fcn.simulate.source.kinematic import KinematicRupture
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import (
    RuptureGenerator,
    distance_jb_km,
    draw_sources,
    effective_km,
    rupture_distance_km,
    source_spectra,
)

COMMON = {"min_magnitude": 5.5, "n_subsources": [16, 200], "depth_km": [0.5, 20.0], "strength": [1.8, 1.2]}
LAWS = {
    "kinematic": KinematicRupture(**COMMON, velocity_ratio=[0.7, 0.9], slip_sigma=0.8),
    "composite": CompositeRupture(**COMMON, velocity_ratio=0.8),
}
VELOCITY_KMPS = (6.1, 3.5)
FREQUENCY_HZ = torch.linspace(0.0, 20.0, 2001)


@pytest.fixture(params=sorted(LAWS))
def law(request) -> RuptureGenerator:
    return LAWS[request.param]


def draw(
    law,
    magnitude: float,
    n: int = 64,
    depth_km: float = 12.0,
    mechanism: DoubleCouple | None = None,
    stress_drop_pa: float = 3e6,
):
    generator = torch.Generator().manual_seed(3)
    mechanism = mechanism or DoubleCouple.random(n, generator)
    columns = (torch.full((n,), value) for value in (magnitude, stress_drop_pa, depth_km))
    return draw_sources(law, *columns, mechanism, 3.5, generator)


def upright(n: int) -> DoubleCouple:
    """Strike-slip on a vertical plane that runs north."""
    return DoubleCouple(torch.zeros(n), torch.full((n,), math.pi / 2), torch.zeros(n))


def station(n: int, azimuth_rad: float, distance_km: float = 60.0, depth_km: float = 12.0):
    east, north = distance_km * math.sin(azimuth_rad), distance_km * math.cos(azimuth_rad)
    return torch.tensor([[east, north, -depth_km]]).expand(n, 3)


def test_small_earthquakes_are_points(law):
    sources = draw(law, 5.4)
    assert not sources.finite.any()
    assert float(sources.offset_km.abs().amax()) == 0.0
    spectra = source_spectra(sources, station(64, 1.0), VELOCITY_KMPS, FREQUENCY_HZ)
    expected = 1.0 / (1.0 + (FREQUENCY_HZ / sources.corner_hz[0]) ** 2)
    torch.testing.assert_close(spectra[0, 1].abs(), expected)


def test_moment_is_that_of_the_magnitude(law):
    sources = draw(law, 6.8)
    torch.testing.assert_close(sources.share.sum(1), torch.ones(64))
    far = source_spectra(sources, station(64, 0.3, distance_km=5000.0), VELOCITY_KMPS, FREQUENCY_HZ)
    torch.testing.assert_close(far[..., 0].abs(), torch.ones(64, 2), atol=0.02, rtol=0)


@pytest.mark.parametrize("magnitude", [5.5, 6.5, 8.0])
def test_high_frequencies_add_up_to_the_level_of_the_stress_drop(law, magnitude):
    sources = draw(law, magnitude)
    level = (sources.share**2 * sources.sub_corner_hz**4).sum(1).sqrt() / sources.corner_hz**2
    wanted = 1.8 * (1.2 / 1.8) ** ((magnitude - 5.5) / 2.5)
    torch.testing.assert_close(level, torch.full((64,), wanted), rtol=1e-3, atol=0)


def test_sub_sources_grow_in_number_with_magnitude(law):
    counts = [
        int((draw(law, magnitude).share > 0.0).sum(1).float().median()) for magnitude in (5.5, 7.0, 8.0)
    ]
    assert 10 <= counts[0] <= 25
    assert counts[0] < counts[1] < counts[2]
    assert 150 <= counts[2] <= 210


def test_ruptures_begin_at_the_hypocentre_and_the_front_is_slower_than_s(law):
    sources = draw(law, 7.2)
    used = sources.share > 0.0
    first = used & (sources.offset_km == 0.0).all(-1)
    assert first.sum(1).tolist() == [1] * 64
    assert (sources.start_s[first] == 0.0).all()
    speed = sources.offset_km.norm(dim=-1)[used & ~first] / sources.start_s[used & ~first]
    assert float(speed.max()) <= 0.9001 * 3.5
    assert float(speed.median()) > 0.5 * 3.5


@pytest.mark.parametrize("magnitude", [6.0, 7.0, 8.0])
def test_durations_grow_with_magnitude_and_end_within_two_minutes(law, magnitude):
    duration_s = draw(law, magnitude, depth_km=10.0).duration_s
    expected = {6.0: 6.0, 7.0: 22.0, 8.0: 85.0}[magnitude]
    assert 0.6 < float(duration_s.median()) / expected < 1.6
    assert float(duration_s.max()) < 150.0


def test_released_moment_begins_small_grows_and_ends_at_one(law):
    sources = draw(law, 7.8)
    share = sources.released_share(torch.tensor([0.0, 1.0, 3.0, 10.0, 300.0]))
    assert (share[:, 0] == 0.0).all()
    assert (share.diff(dim=1) >= 0.0).all()
    torch.testing.assert_close(share[:, -1], torch.ones(64), atol=1e-4, rtol=0)
    # After a second no more than M 6.6 in the median, of M 7.8: 10^(1.5 * 1.2) = 63 times less.
    assert float(share[:, 1].median()) < 1.0 / 63.0
    assert 0.02 < float(share[:, 3].median()) < 0.6


def test_faults_have_the_area_of_their_magnitude_between_the_limits_of_depth(law):
    for depth_km in (1.0, 6.0, 19.0):
        sources = draw(law, 7.0, depth_km=depth_km)
        length_km, width_km = (sources.extent_km[:, i + 1] - sources.extent_km[:, i] for i in (0, 2))
        area = {KinematicRupture: 10 ** (0.75 * (7.0 - 3.07)), CompositeRupture: 10 ** (-3.45 + 0.91 * 7.0)}
        torch.testing.assert_close(
            length_km * width_km, torch.full((64,), area[type(law)]), rtol=1e-3, atol=0
        )
        depths_km = depth_km + sources.offset_km[..., 2]
        steep = sources.mechanism.dip_rad.sin() > 0.1
        assert float(depths_km[steep].min()) > 0.4
        assert float(depths_km[steep].max()) < 20.1


def test_a_hypocentre_below_the_limit_stays_where_it_is(law):
    sources = draw(law, 6.5, depth_km=35.0)
    assert float((35.0 + sources.offset_km[..., 2]).max()) <= 35.001


def test_nothing_arrives_before_the_hypocentre(law):
    sources = draw(law, 7.2)
    pulses = torch.fft.irfft(
        source_spectra(sources, station(64, 0.7, distance_km=15.0), VELOCITY_KMPS, FREQUENCY_HZ)
    )
    late = pulses[..., -400:].abs().amax(-1)  # negative times wrap to the end
    assert (late < 2e-2 * pulses.abs().amax(-1)).all()


@pytest.mark.parametrize("distance_km", [10.0, 40.0])
@pytest.mark.parametrize("magnitude", [6.0, 7.0, 8.0])
def test_ground_moves_at_p_and_not_before_whatever_the_azimuth(recipe, jma2001, magnitude, distance_km):
    """Visible: 5 um/s, above the noise of an ordinary site, and a few ten-thousandths of the peak."""
    records = simulate(recipe, jma2001, magnitude, distance_km, n=64)
    level = records.waveforms.abs().amax(1)
    early = level[:, : int((LEAD_S - 0.05) * recipe.sampling_rate_hz)]
    assert (early.amax(1) < (1e-5 * level.amax(1)).clamp(min=3e-6)).all()  # rounding of transforms
    visible = level > 5e-6
    late_s = visible.int().argmax(1).numpy() / recipe.sampling_rate_hz - LEAD_S
    assert late_s.min() >= -0.05
    assert np.median(late_s) < 0.25
    assert np.quantile(late_s, 0.9) < 0.4


def test_rupture_towards_the_station_is_shorter_and_stronger(law):
    sources = draw(law, 7.0, 48, mechanism=upright(48))
    northward = sources.extent_km[:, 1] > 2.0 * -sources.extent_km[:, 0]  # ruptures mostly towards the north
    peak = {}
    for name, azimuth in (("ahead", 0.0), ("behind", math.pi)):
        spectra = source_spectra(sources, station(48, azimuth, 150.0), VELOCITY_KMPS, FREQUENCY_HZ)[:, 1]
        peak[name] = torch.fft.irfft(spectra).abs().amax(-1)[northward].median()
    assert northward.sum() > 5
    assert peak["ahead"] > 1.4 * peak["behind"]


def test_distances_from_an_upright_fault():
    """It reaches north from extent[0] to extent[1]; 30 km east of it, and 40 km beyond its northern end."""
    sources = draw(LAWS["kinematic"], 7.0, 8, mechanism=upright(8))
    beside = torch.tensor([[30.0, 0.0, -12.0]]).expand(8, 3)
    top_km = 12.0 + sources.extent_km[:, 2]
    torch.testing.assert_close(distance_jb_km(sources, beside), torch.full((8,), 30.0))
    torch.testing.assert_close(
        rupture_distance_km(sources, beside), torch.hypot(torch.full((8,), 30.0), top_km)
    )
    end = torch.stack([torch.zeros(8), sources.extent_km[:, 1] + 40.0, torch.full((8,), -12.0)], 1)
    torch.testing.assert_close(distance_jb_km(sources, end), torch.full((8,), 40.0))


def test_distances_from_a_dipping_fault():
    """Strike north, dip 45 degrees to the east: above its lower edge the Joyner-Boore distance is 0."""
    n = 4
    mechanism = DoubleCouple(torch.zeros(n), torch.full((n,), math.pi / 4), torch.full((n,), math.pi / 2))
    sources = draw(LAWS["kinematic"], 7.0, n, mechanism=mechanism)
    lower_km = sources.extent_km[:, 3] * math.sqrt(0.5)
    above = torch.stack([lower_km, torch.zeros(n), torch.full((n,), -12.0)], 1)
    torch.testing.assert_close(distance_jb_km(sources, above), torch.zeros(n), atol=1e-4, rtol=0)
    # The normal from that place meets the plane at half its height, within the fault if this is wide enough.
    expected = (12.0 + lower_km) * math.sqrt(0.5)
    foot = sources.extent_km[:, 3] - (12.0 + lower_km) * math.sqrt(0.5)
    inside = foot > sources.extent_km[:, 2]
    assert inside.any()
    torch.testing.assert_close(rupture_distance_km(sources, above)[inside], expected[inside])


def test_distances_from_a_point_are_epicentral_and_hypocentral(law):
    sources, place = draw(law, 4.0), station(64, 0.4, 30.0)
    torch.testing.assert_close(distance_jb_km(sources, place), torch.full((64,), 30.0))
    for measure in (rupture_distance_km, effective_km):
        torch.testing.assert_close(measure(sources, place), torch.full((64,), math.hypot(30.0, 12.0)))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("kinematic", {"velocity_ratio": [0.9, 1.2]}, "velocity_ratio"),
        ("composite", {"velocity_ratio": 1.2}, "velocity_ratio"),
        ("composite", {"n_subsources": [20, 10]}, "n_subsources"),
        ("kinematic", {"depth_km": [20.0, 0.5]}, "depth_km"),
        ("kinematic", {"strength": [1.0, 0.0]}, "strength"),
        ("kinematic", {"slip_sigma": -0.1}, "slip_sigma"),
        ("composite", {"min_magnitude": 9.0}, "min_magnitude"),
    ],
)
def test_nonsense_is_refused(name, changes, message):
    own = {
        "kinematic": {"velocity_ratio": [0.7, 0.9], "slip_sigma": 0.8},
        "composite": {"velocity_ratio": 0.8},
    }
    with pytest.raises(ValueError, match=message):
        type(LAWS[name])(**{**COMMON, **own[name], **changes})

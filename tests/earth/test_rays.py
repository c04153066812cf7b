import numpy as np
import pytest
from first_arrivals import first_arrival_s
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn.earth.rays import direct_wave, head_wave
from fcn.earth.velocity import LayeredModel

DISTANCES = np.linspace(0.0, 150.0, 31)
SLOW_THIRD_LAYER = (np.array([0.0, 2.0, 5.0, 16.0, 32.0]), np.array([3.4, 5.5, 4.6, 6.5, 7.8]))


def legendre_arrival_s(tops, velocity, depth_km, distance_km):
    """First arrival from delay times: the least over paths of max over p of tau(p) + p x.

    Paths go straight up, or down to the top of each deeper layer and up; beyond the critical distance the
    largest p allowed there, 1/v of that layer, makes the head wave.
    """
    bottoms = np.append(tops[1:], np.inf)
    up_km = np.clip(np.minimum(bottoms, depth_km) - tops, 0, None)
    paths = [(up_km, velocity[up_km > 0].max())]
    for k in range(1, len(tops)):
        if tops[k] >= depth_km:
            rise_km = np.where(np.arange(len(tops)) < k, bottoms - tops, 0)
            path_km = 2 * rise_km - up_km
            paths.append((path_km, max(velocity[path_km > 0].max(), velocity[k])))
    angle = np.linspace(0, np.pi / 2, 20_001)
    times = []
    for path_km, fastest in paths:
        p = np.sin(angle) / fastest
        used = path_km > 0
        tau = (path_km[used, None] * np.sqrt(np.maximum(velocity[used, None] ** -2 - p**2, 0))).sum(0)
        times.append((tau + p * distance_km).max())
    return min(times)


@st.composite
def layered(draw):
    n = draw(st.integers(2, 6))
    thickness = draw(st.lists(st.floats(0.1, 20), min_size=n - 1, max_size=n - 1))
    velocity = draw(st.lists(st.floats(0.5, 8.5), min_size=n, max_size=n))  # low-velocity layers included
    return np.concatenate([[0.0], np.cumsum(thickness)]), np.array(velocity)


@settings(deadline=None)
@given(model=layered(), depth_km=st.floats(0.01, 60), distance_km=st.floats(0, 200))
def test_first_arrival_is_the_least_time_path(model, depth_km, distance_km):
    found_s = first_arrival_s(*model, np.array([depth_km]), np.array([distance_km]))[0, 0]
    assert found_s == pytest.approx(legendre_arrival_s(*model, depth_km, distance_km), abs=1e-4, rel=1e-6)


@settings(deadline=None)
@given(model=layered(), depth_km=st.floats(-3, 60))
def test_times_grow_with_distance_and_never_faster_than_the_slowest_layer(model, depth_km):
    time_s = first_arrival_s(*model, np.array([depth_km]), DISTANCES)[0]
    steps = np.diff(time_s)
    assert (steps >= -1e-9).all()
    assert (steps <= np.diff(DISTANCES) / model[1].min() + 1e-9).all()


@settings(deadline=None)
@given(model=layered(), layer=st.integers(1, 5))
def test_source_on_an_interface_is_the_limit_from_both_sides(model, layer):
    tops, velocity = model
    interface_km = tops[min(layer, len(tops) - 1)]
    depth_km = interface_km + np.array([-1e-7, 0.0, 1e-7])
    above, on, below = first_arrival_s(tops, velocity, depth_km, DISTANCES)
    # Along a fast layer from just inside it the ray grazes: of order sqrt(offset) at worst.
    np.testing.assert_allclose(on, above, atol=2e-3)
    np.testing.assert_allclose(on, below, atol=2e-3)


def test_grazing_ray_of_a_source_on_an_interface_is_not_lost():
    tops, velocity = np.array([0.0, 10.0]), np.array([5.0, 8.0])
    found_s = first_arrival_s(tops, velocity, np.array([10.0]), np.array([100.0]))[0, 0]
    assert found_s == pytest.approx(100 / 8 + 10 * np.sqrt(1 / 25 - 1 / 64))  # straight along the interface
    assert found_s < 0.75 * np.hypot(10, 100) / 5


def test_homogeneous_half_space():
    depth_km = np.array([-2.0, 0.0, 3.0, 30.0])
    found_s = first_arrival_s(np.array([0.0]), np.array([6.0]), depth_km, DISTANCES)
    np.testing.assert_allclose(found_s, np.hypot(depth_km[:, None], DISTANCES) / 6.0)


def test_two_layer_head_wave_and_crossover():
    # Lay & Wallace 1995, eq. 3.20 ff.: surface source, t = x/v2 + 2 h sqrt(1/v1^2 - 1/v2^2),
    # crossover at 2 h sqrt((v2 + v1) / (v2 - v1)).
    tops, velocity = np.array([0.0, 30.0]), np.array([6.0, 8.0])
    crossover_km = 60 * np.sqrt(14 / 2)
    direct, head = (
        wave(tops, velocity, np.array([0.0]), np.array([crossover_km - 1, crossover_km, crossover_km + 1]))
        for wave in (direct_wave, head_wave)
    )
    assert direct.time_s[0, 0] < head.time_s[0, 0]
    assert direct.time_s[0, 1] == pytest.approx(head.time_s[0, 1])
    assert direct.time_s[0, 2] > head.time_s[0, 2]


def test_no_head_wave_before_the_critical_distance_nor_under_a_faster_layer():
    tops, velocity = np.array([0.0, 10.0, 20.0]), np.array([6.0, 4.0, 5.0])
    assert np.isinf(head_wave(tops, velocity, np.array([1.0, 15.0]), DISTANCES).time_s).all()
    tops, velocity = np.array([0.0, 30.0]), np.array([6.0, 8.0])
    critical_km = 2 * 30 * 6 / np.sqrt(8**2 - 6**2)
    near = head_wave(tops, velocity, np.array([0.0]), np.array([critical_km - 0.01, critical_km + 0.01]))
    assert np.isinf(near.time_s[0, 0])
    assert np.isfinite(near.time_s[0, 1])


@pytest.mark.parametrize("phase", ["P", "S"])
def test_linear_gradient_in_closed_form(phase):
    """v = v0 + g z: t = arccosh(1 + g^2 (x^2 + z^2) / (2 v0 v)) / g (Aki & Richards 2002, sec. 9.3)."""
    v0, g = {"P": (4.0, 0.08), "S": (2.3, 0.046)}[phase]
    nodes = [0.0, 80.0]
    model = LayeredModel.from_gradient_nodes(
        "gradient", "test", nodes, [4 + 0.08 * z for z in nodes], [2.3 + 0.046 * z for z in nodes], 0.5
    )
    depth_km = np.array([0.0, 3.3, 11.0, 25.0])
    found_s = first_arrival_s(np.array(model.top_depth_km), model.velocity_kmps(phase), depth_km, DISTANCES)
    squared_km2 = depth_km[:, None] ** 2 + DISTANCES**2
    exact_s = np.arccosh(1 + g**2 * squared_km2 / (2 * v0 * (v0 + g * depth_km[:, None]))) / g
    np.testing.assert_allclose(found_s, exact_s, atol=0.02)
    assert np.abs(found_s - exact_s).mean() < 8e-3


@settings(deadline=None)
@given(model=layered(), depth_km=st.floats(0, 60), distance_km=st.floats(0.1, 150))
def test_vertical_slowness_is_the_derivative_by_elevation(model, depth_km, distance_km):
    tops, velocity = model
    for wave in (direct_wave, head_wave):
        now = wave(tops, velocity, np.array([depth_km]), np.array([distance_km]))
        rise_km = 1e-3
        lifted = np.concatenate([[0.0], tops[1:] + rise_km])  # the receiver rises in the top layer
        risen = wave(lifted, velocity, np.array([depth_km + rise_km]), np.array([distance_km]))
        if np.isinf(now.time_s[0, 0]) or np.isinf(risen.time_s[0, 0]):
            continue
        vertical, moveout = now.vertical_slowness_spkm[0, 0], now.moveout_s2pkm2[0, 0]
        predicted = now.time_s[0, 0] ** 2 + 2 * rise_km * now.time_s[0, 0] * vertical + rise_km**2 * moveout
        assert risen.time_s[0, 0] ** 2 == pytest.approx(predicted, rel=1e-6, abs=1e-9)


def test_elevation_is_exact_for_sources_in_the_top_layer():
    tops, velocity = SLOW_THIRD_LAYER
    direct = direct_wave(tops, velocity, np.array([-1.0, 1.5]), DISTANCES)
    for rise_km in (-0.8, 2.5):
        squared = (
            direct.time_s**2
            + 2 * rise_km * direct.time_s * direct.vertical_slowness_spkm
            + rise_km**2 * direct.moveout_s2pkm2
        )
        exact_s = np.hypot(np.array([[-1.0], [1.5]]) + rise_km, DISTANCES) / velocity[0]
        np.testing.assert_allclose(np.sqrt(squared), exact_s, atol=1e-9)


def test_source_above_sea_level_adds_to_the_top_layer_alone():
    tops, velocity = SLOW_THIRD_LAYER
    high = head_wave(tops, velocity, np.array([-1.0]), np.array([400.0])).time_s
    low = head_wave(tops, velocity, np.array([0.0]), np.array([400.0])).time_s
    assert high - low == pytest.approx(np.sqrt(1 / 3.4**2 - 1 / 7.8**2))

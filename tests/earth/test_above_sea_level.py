"""Travel times of models that begin above sea level, to stations in what is there."""

import numpy as np
import pytest
import torch
from gradient_times import first_s
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped_models import load

from fcn.earth.levels import Levels
from fcn.earth.rays import direct_wave, head_wave
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.earth.velocity_table import read_velocity_model

# A volcano's (the upper nodes of a published Icelandic model): depth km, vp, vs km/s.
VOLCANO = """Depth,Vp,Vs
-3.000,1.500,0.843
1.000,4.000,2.247
3.000,5.200,2.921
5.000,6.100,3.427
6.000,6.404,3.598
7.000,6.583,3.698
10.000,6.896,3.874
13.000,7.038,3.954
18.000,7.133,4.007
30.000,7.362,4.136
42.000,7.400,4.157
"""
RANGE = {"min_depth_km": -1.0, "max_depth_km": 21.0, "max_distance_km": 61.0, "step_km": 0.5}
DISTANCES = np.array([1.0, 1.7, 2.5, 5.2, 7.7, 12.3, 19.0, 30.4, 44.0, 60.0])
HILLS = LayeredModel.from_velocities(
    "hills", "test", [-2.0, -1.0, -0.4, 2.0, 12.0], [2.0, 3.0, 4.5, 5.5, 6.5], [1.1, 1.7, 2.6, 3.2, 3.7]
)


@pytest.fixture(scope="module")
def hills():
    return TravelTimeTable.build(HILLS, **{**RANGE, "min_depth_km": -2.0})


def times_s(table, depth_km, elevation_km, distance_km=DISTANCES):
    source = torch.tensor([[0.0, 0.0, depth_km]], dtype=torch.float64)
    zeros = np.zeros_like(distance_km)
    return table.between(source, torch.tensor(np.stack([distance_km, zeros, zeros - elevation_km], -1)))[:, 0]


def explicit_s(model, phase, depth_km, elevation_km, distance_km=DISTANCES):
    """Rays traced to the station's own depth."""
    layers = np.array(model.top_depth_km), model.velocity_kmps(phase)
    waves = (
        wave(*layers, np.array([depth_km]), distance_km, -elevation_km).time_s[0]
        for wave in (direct_wave, head_wave)
    )
    return np.minimum(*waves)


def check_against_reference(path):
    nodes = np.loadtxt(path, delimiter=",", skiprows=1)
    table = TravelTimeTable.build(read_velocity_model(path, "nodes"), **RANGE)
    for elevation_km in (0.6, 1.4):
        for depth_km in (-0.3, 0.0, 0.37, 2.9, 7.3, 20.0):
            found_s = times_s(table, depth_km, elevation_km).numpy()
            for phase in (0, 1):
                own = nodes[:, 0], nodes[:, 1 + phase]
                exact_s = first_s(*own, depth_km, -elevation_km, DISTANCES)
                np.testing.assert_allclose(found_s[:, phase], exact_s, atol=0.005)


def test_nodes_above_sea_level_are_within_milliseconds_of_ray_parameters(tmp_path):
    (tmp_path / "volcano.csv").write_text(VOLCANO)
    check_against_reference(tmp_path / "volcano.csv")


@pytest.mark.realdata
def test_the_whole_icelandic_table_is(shared_dir):
    check_against_reference(shared_dir / "tables" / "iceland_nodes.csv")


@pytest.mark.parametrize("elevation_km", [-0.1, 0.2, 0.5, 0.9, 1.4, 1.9, 2.2])
def test_layers_above_sea_level_count_up_to_the_station(hills, elevation_km):
    """Also for a source above the station, whose ray goes down to it; the rest is interpolation."""
    depths_km = (-1.8, -0.7, 0.3, 1.1, 2.9, 5.1, 14.0)
    found_s = np.stack([times_s(hills, depth_km, elevation_km).numpy() for depth_km in depths_km])
    exact_s = [[explicit_s(HILLS, phase, depth_km, elevation_km) for phase in "PS"] for depth_km in depths_km]
    error_ms = 1e3 * np.abs(found_s - np.array(exact_s).transpose(0, 2, 1))
    assert error_ms.mean() < 2.5
    assert np.quantile(error_ms, 0.9) < 6


@settings(deadline=None, max_examples=50)
@given(source_km=st.floats(-2.5, 15.0), receiver_km=st.floats(-2.5, 1.0), distance_km=st.floats(0.0, 80.0))
def test_source_and_receiver_may_change_places(source_km, receiver_km, distance_km):
    there_s, back_s = (
        explicit_s(HILLS, "S", one, -other, np.array([distance_km]))
        for one, other in ((source_km, receiver_km), (receiver_km, source_km))
    )
    np.testing.assert_allclose(there_s, back_s, atol=1e-6)


@settings(deadline=None, max_examples=50)
@given(depth_km=st.floats(-2.5, 15.0), elevation_km=st.floats(-1.0, 2.5), distance_km=st.floats(0.1, 80.0))
def test_slowness_and_moveout_are_those_of_a_receiver_that_rises(depth_km, elevation_km, distance_km):
    layers = np.array(HILLS.top_depth_km), HILLS.velocity_kmps("P"), np.array([depth_km])
    rise_km = 1e-3
    if np.abs(layers[0] + elevation_km).min() < 2 * rise_km or abs(depth_km + elevation_km) < 0.05:
        return
    for wave in (direct_wave, head_wave):
        low, now, high = (
            wave(*layers, np.array([distance_km]), -elevation_km - step) for step in (-rise_km, 0.0, rise_km)
        )
        if not np.isfinite([low.time_s, now.time_s, high.time_s]).all():
            continue
        first = (high.time_s**2 - low.time_s**2) / (2 * rise_km)
        second = (high.time_s**2 - 2 * now.time_s**2 + low.time_s**2) / rise_km**2
        np.testing.assert_allclose(first, 2 * now.time_s * now.vertical_slowness_spkm, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(second, 2 * now.moveout_s2pkm2, rtol=0.05, atol=0.02)


def test_a_table_at_sea_level_has_one_level_and_hills_one_in_each_layer():
    assert Levels.of([0.0, 5.0]).at_sea_level
    found = Levels.of(HILLS.top_depth_km)
    assert found.depth_km.tolist() == pytest.approx([-0.2, -0.7, -1.5])
    assert found.edge_km.tolist() == [pytest.approx([-0.4, -1.0])]
    thin = Levels.of(np.arange(-1.0, 2.0, 0.125).tolist())  # a gradient: layers share levels
    assert thin.depth_km.tolist() == pytest.approx([-0.125, -0.375, -0.625, -0.875])
    thick = Levels.of([-3.0, 1.0])
    assert thick.depth_km.tolist() == pytest.approx([-0.5, -1.5, -2.5])
    serving = found.serving(torch.zeros(5).int(), torch.tensor([0.5, -0.3, -0.5, -1.5, -4.0]))
    assert serving.tolist() == [0, 0, 1, 2, 2]


def test_models_with_and_without_hills_stack(hills):
    flat = TravelTimeTable.build(load("iasp91"), **{**RANGE, "min_depth_km": -2.0})
    both = TravelTimeTable.stack([flat, hills, flat])
    again = TravelTimeTable.stack([both[torch.tensor(1)], both[torch.tensor(2)]])
    for index, table in ((0, flat), (1, hills), (2, flat)):
        for elevation_km in (0.2, 1.4):
            own_s = times_s(table, 3.0, elevation_km)
            torch.testing.assert_close(times_s(both[torch.tensor(index)], 3.0, elevation_km), own_s)
            if index:
                torch.testing.assert_close(times_s(again[torch.tensor(index - 1)], 3.0, elevation_km), own_s)
    assert both.to("meta").levels.depth_km.is_meta
    assert TravelTimeTable.stack([hills]) == TravelTimeTable.stack([hills])


def test_flattening_keeps_near_times(hills):
    spherical = TravelTimeTable.build(HILLS, **{**RANGE, "min_depth_km": -2.0}, earth_flattening=True)
    near = DISTANCES[DISTANCES < 20]
    for elevation_km in (0.3, 1.6):
        torch.testing.assert_close(
            times_s(spherical, 4.0, elevation_km, near),
            times_s(hills, 4.0, elevation_km, near),
            atol=4e-3,
            rtol=0,
        )


def test_what_is_simulated_on_a_flat_surface_begins_at_sea_level():
    cut = HILLS.below_sea_level()
    assert cut.top_depth_km == (0.0, 2.0, 12.0)
    assert cut.vp_kmps == (4.5, 5.5, 6.5)
    assert load("cus").below_sea_level() is load("cus")
    assert LayeredModel.from_velocities(
        "high", "test", [-2, -1], [4, 5], [2.3, 2.9]
    ).below_sea_level().vp_kmps == (5,)
    assert HILLS.perturbed(
        np.random.default_rng(0), velocity_fraction=0.0, vpvs_fraction=0.0, thickness_fraction=0.0
    ).top_depth_km == pytest.approx(HILLS.top_depth_km)


def test_columns_are_read_at_the_level_of_each_station(hills):
    """Two stations of one volume in different layers above sea level, beside one below it."""
    columns_km = torch.tensor([[[5.0, 3.0], [20.0, -8.0], [0.0, 0.0]]])
    depth_km = torch.tensor([[0.2, 4.0, 11.3]])
    cells_km = torch.cat(
        [columns_km[:, :, None].expand(-1, -1, 3, -1), depth_km[:, None, :, None].expand(-1, 3, -1, -1)], -1
    )
    station_km = torch.tensor([[1.0, 2.0, -0.2], [3.0, 0.0, -1.4], [0.0, 9.0, 0.1]])
    volume = torch.zeros(3, dtype=torch.long)
    found = hills.from_columns(columns_km, depth_km, volume, station_km)
    alone = hills.between(cells_km.flatten(1, 2).expand(3, -1, -1), station_km[:, None])[:, 0]
    assert len(hills.levels.serving(volume, station_km[:, 2]).unique()) > 1
    torch.testing.assert_close(found.flatten(2).mT, alone, atol=1e-5, rtol=1e-5)
    # and the same of a batch, whose models have different numbers of levels
    plain = TravelTimeTable.build(load("cus"), **{**RANGE, "min_depth_km": -2.0})
    tables = TravelTimeTable.stack([plain, hills, plain])
    given = columns_km.expand(3, -1, -1), depth_km.expand(3, -1), torch.tensor([1, 1, 2, 1, 0])
    each = tables.from_columns(*given, station_km[[0, 1, 2, 2, 2]])
    below = plain.from_columns(columns_km, depth_km, volume[:1], station_km[2:])
    assert torch.equal(each, torch.cat([found[:2], below, found[2:], below]))

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from first_arrivals import first_arrival_s
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped_models import MODELS, load, times_of_all_s

from fcn.earth import travel_time
from fcn.earth.travel_time import TravelTimeTable

RANGE = {"max_depth_km": 40, "max_distance_km": 150, "step_km": 0.5}
TABLES = {name: TravelTimeTable.build(load(name), **RANGE) for name in ("iasp91", "jma2001", "cus")}


def pair(depth_km, distance_km, elevation_km=0.0):
    """One source and one station as `between` takes them."""
    source = torch.tensor([[0.0, 0.0, depth_km]], dtype=torch.float64)
    azimuth = 0.7
    east, north = distance_km * np.sin(azimuth), distance_km * np.cos(azimuth)
    return source, torch.tensor([[east, north, -elevation_km]], dtype=torch.float64)


def error_ms(name, depth_km, distance_km, elevation_km=0.0):
    """Table minus explicit computation, P and S, from every depth to every distance, in ms.

    The explicit computation makes the top layer as much thicker as the station is high.
    """
    model = load(name)
    sources = torch.tensor(np.stack([0 * depth_km, 0 * depth_km, depth_km], -1))
    stations = torch.tensor(np.stack([distance_km, 0 * distance_km, 0 * distance_km - elevation_km], -1))
    found_s = TABLES[name].between(sources, stations).permute(2, 1, 0).numpy()
    tops = np.array(model.top_depth_km)
    tops[1:] += elevation_km
    exact_s = [
        first_arrival_s(tops, model.velocity_kmps(phase), depth_km + elevation_km, distance_km)
        for phase in "PS"
    ]
    return 1e3 * np.abs(found_s - np.array(exact_s))


@pytest.mark.parametrize("name", TABLES)
def test_interpolation_error(name):
    rng = np.random.default_rng(1)
    found_ms = error_ms(name, rng.uniform(-3.5, 39.9, 150), rng.uniform(0, 149.9, 150))
    assert found_ms.mean() < 0.3
    assert np.quantile(found_ms, 0.999) < 10
    assert found_ms.max() < 25  # a source within the cell of an interface, near grazing


@pytest.mark.parametrize("name", TABLES)
def test_near_the_source_the_table_is_exact(name):
    rng = np.random.default_rng(2)
    assert error_ms(name, rng.uniform(-1, 0.4, 20), rng.uniform(0, 1.5, 20)).max() < 0.1


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(("elevation_km", "bound_ms"), [(-0.2, 7), (0.4, 7), (1.0, 7), (3.0, 9)])
def test_elevation_correction_against_explicit_computation(name, elevation_km, bound_ms):
    rng = np.random.default_rng(3)
    depth_km, distance_km = rng.uniform(-2.9, 39.9, 100), rng.uniform(0, 149.9, 100)
    found_ms = error_ms(name, depth_km, distance_km, elevation_km)
    assert found_ms.mean() < 1.3
    assert np.quantile(found_ms, 0.98) < bound_ms


@settings(max_examples=50, deadline=None)
@given(height_km=st.floats(0.0, 1.0), distance_km=st.floats(0, 140), name=st.sampled_from(sorted(TABLES)))
def test_reciprocity_between_mountain_top_and_sea_level(height_km, distance_km, name):
    down = TABLES[name].between(*pair(-height_km, distance_km))
    up = TABLES[name].between(*pair(0.0, distance_km, height_km))
    torch.testing.assert_close(down, up, atol=0.012, rtol=0)


@settings(max_examples=50, deadline=None)
@given(
    depth_km=st.floats(-3, 40),
    distance_km=st.floats(0, 145),
    elevation_km=st.floats(0, 3),
    name=st.sampled_from(sorted(TABLES)),
)
def test_s_follows_p_and_time_grows_with_distance(depth_km, distance_km, elevation_km, name):
    near = TABLES[name].between(*pair(depth_km, distance_km, elevation_km))
    far = TABLES[name].between(*pair(depth_km, distance_km + 4, elevation_km))
    assert (near >= 0).all()
    if depth_km + elevation_km > 0.1 or distance_km > 0.1:
        assert (near[..., 1] > 1.5 * near[..., 0]).all()
        assert (far > near).all()


def test_shipped_models_say_what_they_said():
    """To a microsecond, whatever tables learn of other models (golden/make_travel_times.py)."""
    golden = np.load(Path(__file__).with_name("golden") / "travel_times.npz")
    found = times_of_all_s()
    assert sorted(golden) == sorted(found) == sorted(MODELS)
    for name, times_s in found.items():
        np.testing.assert_allclose(times_s, golden[name], atol=1e-6, rtol=2e-7)


def test_rotation_and_translation_change_nothing():
    source, station = pair(12.0, 50.0, 0.5)
    shift = torch.tensor([31.0, -12.0, 0.0], dtype=torch.float64)
    here = TABLES["cus"].between(source, station)
    there = TABLES["cus"].between(source + shift, station + shift)
    torch.testing.assert_close(here, there, atol=1e-5, rtol=0)


def test_shapes_are_station_by_source_by_phase():
    times = TABLES["cus"].between(torch.rand(2, 5, 3) * 20, torch.rand(2, 7, 3))
    assert times.shape == (2, 7, 5, 2)
    assert times.dtype == torch.float32
    assert TABLES["cus"].between(torch.rand(0, 3), torch.rand(7, 3)).shape == (7, 0, 2)


def test_batch_reads_each_its_own_table():
    stacked = TravelTimeTable.stack([TABLES[name] for name in sorted(TABLES)])
    index = torch.tensor([2, 0, 0, 1])
    sources, stations = torch.rand(4, 3, 3) * 30, torch.rand(4, 6, 3)
    together = stacked[index].between(sources, stations)
    for b, i in enumerate(index.tolist()):
        alone = TABLES[sorted(TABLES)[i]].between(sources[b], stations[b])
        torch.testing.assert_close(together[b], alone)


def test_a_million_pairs_equal_the_same_pairs_alone():
    generator = torch.Generator().manual_seed(0)
    sources = torch.rand(50_000, 3, generator=generator) * 39
    stations = torch.rand(4, 3, generator=generator) * torch.tensor([60.0, 60.0, -1.0])
    table = TABLES["jma2001"]
    whole = table.between(sources, stations)
    torch.testing.assert_close(whole[:, 49_000:], table.between(sources[49_000:], stations))


def columns_and_cells(n_volumes, n_depths, generator):
    """Volumes of columns about the origin, km: their columns, their depths, and all their cells."""
    columns_km = 60 * torch.rand(n_volumes, 5, 2, generator=generator) - 30
    depth_km = 39 * torch.rand(n_volumes, n_depths, generator=generator)
    across = columns_km[:, :, None].expand(-1, -1, n_depths, -1)
    down = depth_km[:, None, :, None].expand(-1, 5, -1, -1)
    return columns_km, depth_km, torch.cat([across, down], dim=-1).flatten(1, 2)


@pytest.mark.parametrize("chunk", [1, 8, 1000])
def test_columns_are_read_as_their_cells_are(monkeypatch, chunk):
    """Of several volumes, each with a model and stations of its own; elevations on both sides of zero."""
    monkeypatch.setattr(travel_time, "PAIRS_PER_CHUNK", chunk)
    generator = torch.Generator().manual_seed(0)
    columns_km, depth_km, cells_km = columns_and_cells(3, 4, generator)
    volume = torch.tensor([0, 0, 1, 2, 2, 2])
    station_km = (2 * torch.rand(6, 3, generator=generator) - 1) * torch.tensor([60.0, 60.0, 2.0])
    tables = TravelTimeTable.stack([TABLES[name] for name in ("cus", "iasp91", "jma2001")])
    alone = tables[volume].between(cells_km[volume], station_km[:, None])[:, 0]
    found = tables.from_columns(columns_km, depth_km, volume, station_km)
    assert found.shape == (6, 2, 5, 4)
    torch.testing.assert_close(found.flatten(2).mT, alone, atol=1e-5, rtol=1e-5)
    one = TABLES["cus"]
    all_by_one = one.between(cells_km[volume], station_km[:, None])[:, 0]
    found = one.from_columns(columns_km, depth_km, volume, station_km)
    torch.testing.assert_close(found.flatten(2).mT, all_by_one, atol=1e-5, rtol=1e-5)
    assert (alone - all_by_one).abs().max() > 0.1


@pytest.mark.parametrize(
    ("axis", "message"), [(0, "epicentral distance of .* to 3"), (2, "source depth of .* to 4[0-9]")]
)
def test_columns_outside_the_table_are_refused(axis, message):
    columns_km, depth_km, _ = columns_and_cells(2, 3, torch.Generator().manual_seed(0))
    if axis == 0:
        columns_km[1, 2, 0] = 300.0
    else:
        depth_km[1, 2] = 45.0
    with pytest.raises(ValueError, match=message):
        TABLES["cus"].from_columns(columns_km, depth_km, torch.tensor([0, 1]), torch.zeros(2, 3))


def test_earth_flattening_is_earlier_far_away_and_equal_nearby():
    round_earth = TravelTimeTable.build(load("iasp91"), earth_flattening=True, **RANGE)
    for depth_km, distance_km, low_ms, high_ms in ((5, 5, -1, 0.5), (10, 140, -150, -10)):
        flat = TABLES["iasp91"].between(*pair(depth_km, distance_km))
        difference_ms = 1e3 * (round_earth.between(*pair(depth_km, distance_km)) - flat)
        assert (difference_ms > low_ms).all()
        assert (difference_ms < high_ms).all()


def test_a_model_derived_for_a_flat_earth_is_not_flattened_again():
    once = TravelTimeTable.build(load("jma2001"), **RANGE)
    asked = TravelTimeTable.build(load("jma2001"), earth_flattening=True, **RANGE)
    torch.testing.assert_close(asked.values, once.values)


@pytest.mark.parametrize("name", MODELS)
def test_every_shipped_model_tabulates(name):
    table = TravelTimeTable.build(load(name), max_depth_km=60, max_distance_km=200, step_km=2.0)
    assert torch.isfinite(table.values).all()
    assert table.min_depth_km == -4.0
    assert table.max_depth_km == 60.0
    assert table.max_distance_km == 200.0


def test_ranges_are_rounded_out_to_the_step():
    table = TravelTimeTable.build(
        load("iasp91"), max_depth_km=10.1, max_distance_km=20.3, step_km=0.5, min_depth_km=-1.2
    )
    assert (table.min_depth_km, table.max_depth_km, table.max_distance_km) == (-1.5, 10.5, 20.5)


@pytest.mark.parametrize(
    ("depth_km", "distance_km", "message"),
    [
        (41.0, 10.0, "source depth of 41.000.*-4 to 40 km.*max_depth_km"),
        (-5.0, 10.0, "source depth of -5.000"),
        (10.0, 151.0, "epicentral distance of 151.000.*0 to 150 km"),
        (float("nan"), 10.0, "source depth of nan"),
    ],
)
def test_outside_the_table_is_refused(depth_km, distance_km, message):
    with pytest.raises(ValueError, match=message):
        TABLES["cus"].between(*pair(depth_km, distance_km))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step_km": 0}, r"table\.step_km must be a number from 0\.01 to 1000, got 0"),
        ({"step_km": float("nan")}, "step_km must be .* got nan"),
        ({"step_km": 0.01}, r"in steps of 0\.01 km has .* nodes.*take a larger step_km"),
        ({"max_depth_km": 5000}, "max_depth_km must be a number from -100 to 1000, got 5000"),
        ({"max_distance_km": float("inf")}, "max_distance_km must be a number from 0 to 20015.*inf"),
        ({"min_depth_km": -5000}, "min_depth_km must be a number from -100"),
        ({"max_depth_km": -5}, "no travel-time table"),
        ({"max_distance_km": 0}, "no travel-time table"),
        ({"min_depth_km": 1}, "no travel-time table"),
    ],
)
def test_empty_tables_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        TravelTimeTable.build(load("iasp91"), **(RANGE | change))


def test_only_equal_single_tables_stack():
    other = TravelTimeTable.build(load("iasp91"), max_depth_km=30, max_distance_km=150, step_km=0.5)
    with pytest.raises(ValueError, match="tables differ"):
        TravelTimeTable.stack([TABLES["cus"], other])
    with pytest.raises(ValueError, match="stack single ones"):
        TravelTimeTable.stack([TravelTimeTable.stack([TABLES["cus"]])])
    with pytest.raises(ValueError, match="no travel-time tables"):
        TravelTimeTable.stack([])


def test_moves_to_a_device():
    moved = TABLES["cus"].to("meta")
    assert moved.values.is_meta
    assert moved.model.is_meta


def test_a_table_is_moved_once_however_often_it_comes(monkeypatch):
    """As batches come from workers: a copy of the same content each time."""
    monkeypatch.setattr(travel_time, "_ON_DEVICES", {})
    again = pickle.loads(pickle.dumps(TABLES["cus"]))
    assert TABLES["cus"].to("meta").values is again.to("meta").values
    assert TABLES["cus"].to("meta").values is not TABLES["iasp91"].to("meta").values
    for shift in range(2 * travel_time.KEPT_ON_DEVICES):
        replace(TABLES["cus"], values=TABLES["cus"].values + shift, digest="").to("meta")
    assert len(travel_time._ON_DEVICES) == travel_time.KEPT_ON_DEVICES


def test_tables_are_told_apart_by_what_they_say():
    one, other = TABLES["cus"], TABLES["iasp91"]
    assert one == pickle.loads(pickle.dumps(one)) == replace(one, values=one.values.clone(), digest="")
    assert hash(one) == hash(one.to("meta"))
    assert one == one.to("cpu")
    assert one != other
    assert one != replace(one, step_km=2 * one.step_km)
    both = TravelTimeTable.stack([one, one])
    assert both[torch.tensor([0])] != both[torch.tensor([1])]
    assert both != one
    assert one != "cus"

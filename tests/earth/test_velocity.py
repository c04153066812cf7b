from dataclasses import asdict, replace

import numpy as np
import pytest
from first_arrivals import first_arrival_s
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped_models import MODELS, load

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import (
    LayeredModel,
    brocher_density_gpcm3,
    flattened_depth_km,
    rule_of_thumb_q,
)

SPREAD = {"velocity_fraction": 0.08, "vpvs_fraction": 0.03, "thickness_fraction": 0.2}
LAYERS = LayeredModel.from_velocities("two", "test", [0, 10, 30], [5.0, 6.0, 8.0], [2.9, 3.5, 4.6])


@pytest.mark.parametrize("name", MODELS)
def test_every_shipped_model_builds_and_is_earthlike(name):
    model = load(name)
    assert model.name == name
    assert model.source
    vpvs = np.array(model.vp_kmps) / np.array(model.vs_kmps)
    assert (vpvs > 1.6).all()
    assert (vpvs < 1.9).all()
    assert (np.array(model.density_gpcm3) > 2.2).all()
    assert (np.array(model.density_gpcm3) < 3.7).all()
    assert (np.array(model.qp) > np.array(model.qs)).all()


def test_columns_become_tuples_of_floats():
    model = LayeredModel("a", "b", [0, 2], [5, 6], [3, 3.4], [2.5, 2.7], [100, 200], [50, 100])
    assert model.top_depth_km == (0.0, 2.0)
    assert hash(model) == hash(replace(model))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"top_depth_km": (1.0, 10.0, 30.0)},
            r"first layer top must be at sea level or above it .*\(1\.0,\)",
        ),
        ({"top_depth_km": (-800.0, 10.0, 30.0)}, "first layer top must be at .*in m, divide by 1000"),
        ({"top_depth_km": (0.0, 10.0, 10.0)}, "increase downward"),
        ({"vp_kmps": (5.0, 6.0)}, "vp_kmps has 2 values for the 3 of top_depth_km"),
        ({"vs_kmps": (2.9, 3.5, 7.0)}, r"at 30 km, vp 8 and vs 7 km/s .*bulk modulus"),
        ({"vp_kmps": (5000.0, 6000.0, 8000.0)}, "vp 5000 .*in m/s, divide by 1000"),
        ({"vp_kmps": (0.05, 6.0, 8.0), "vs_kmps": (0.02, 3.5, 4.6)}, r"vp 0\.05 .*at least 0\.1 km/s"),
        ({"vs_kmps": (0.001, 3.5, 4.6)}, "also instead of water"),
        ({"vs_kmps": (0.29, 3.5, 4.6)}, r"vp/vs 17\.241\): vp/vs is near 1\.75 in rock"),
        ({"vs_kmps": (2.9, 2.3, 4.6)}, r"at 10 km, vp 6 and vs 2\.3 .*is that column vs, in km/s"),
        ({"vs_kmps": (0.0, 3.5, 4.6)}, "also instead of water"),
        ({"top_depth_km": (0.0, 900.0, 3100.0)}, "begins at 3100 km.*in m, divide by 1000"),
        (
            {"top_depth_km": (0.0, 200.0, 900.0), "vp_kmps": (4.0, 4.9, 5.5)},
            "at 200 km.*in m, divide",
        ),
        ({"density_gpcm3": (2500.0, 2700.0, 3300.0)}, "density_gpcm3 2500 is not within .*in kg/m3, divide"),
        ({"qp": (100.0, 1e30, 100.0)}, r"qp 1e\+30 is not within 1 to 1e\+06"),
        ({"name": " "}, "name must be a text"),
        ({"qs": (100.0, -1.0, 100.0)}, "qs must be a number above 0, got -1"),
        ({"density_gpcm3": (2.5, float("nan"), 3.0)}, "density_gpcm3 must be a number above 0, got nan"),
    ],
)
def test_impossible_models_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(LAYERS, **change)


def test_a_half_space_alone_and_a_seafloor_of_mud_are_models():
    one = LayeredModel.from_velocities("one", "test", [0], [5.0], [2.9])
    assert TravelTimeTable.build(one, max_depth_km=10, max_distance_km=10, step_km=5).values.isfinite().all()
    LayeredModel.from_velocities("mud", "test", [0, 0.01], [1.5, 5.0], [0.1, 2.9])


def test_flattening_a_deep_model_keeps_within_the_bounds():
    deep = LayeredModel.from_velocities(
        "deep", "test", [0, 35, 410, 660], [5.8, 8.0, 9.4, 10.8], [3.4, 4.5, 5.1, 6]
    )
    assert deep.flattened().top_depth_km[-1] > 700


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vp": [5.0]}, "sequence.yaml: velocity_model has unknown vp; its fields are name, source"),
        (
            {"qs": [-1.0]},
            "sequence.yaml: velocity_model: velocity model two: qs must be a number above 0, got -1",
        ),
        ({1: [5.0]}, "has unknown 1"),
    ],
)
def test_a_model_stated_in_a_file_names_it(change, message):
    stated = asdict(LAYERS)
    where = "sequence.yaml: velocity_model"
    assert LayeredModel.from_mapping(stated, where) == LAYERS
    with pytest.raises(ValueError, match=message):
        LayeredModel.from_mapping({**stated, **change}, where)
    with pytest.raises(ValueError, match="velocity_model lacks qs; "):
        LayeredModel.from_mapping({key: value for key, value in stated.items() if key != "qs"}, where)
    with pytest.raises(ValueError, match=r"needs the fields name, source.*got 'iasp91'"):
        LayeredModel.from_mapping("iasp91", where)


def test_brocher_density_is_the_published_polynomial():
    vp_kmps = np.array([1.5, 5.0, 6.0, 8.0])
    density = np.polyval([0.000106, -0.0043, 0.0671, -0.4721, 1.6612, 0.0], vp_kmps)  # Brocher 2005, eq. 1
    np.testing.assert_allclose(brocher_density_gpcm3(vp_kmps), density, rtol=1e-12)
    assert brocher_density_gpcm3(np.array([6.0]))[0] == pytest.approx(2.72, abs=0.01)


def test_q_rule():
    qp, qs = rule_of_thumb_q(np.array([3.0]))
    assert qs == pytest.approx(300)  # 3000 m/s / 10
    assert qp == pytest.approx(600)


def test_gradient_nodes_keep_vertical_time_and_jumps():
    model = LayeredModel.from_gradient_nodes("g", "test", [0, 4, 4, 10], [4, 6, 7, 8], [2, 3, 4, 4.5], 0.5)
    tops = np.array(model.top_depth_km)
    assert np.diff(tops).max() <= 0.5 + 1e-12
    vertical_s = (np.diff(tops) / np.array(model.vp_kmps)[:-1]).sum()
    exact_s = 4 / 2 * np.log(6 / 4) + 6 / 1 * np.log(8 / 7)  # integral of dz / (v0 + g z)
    assert vertical_s == pytest.approx(exact_s, rel=1e-3)
    above = model.vp_kmps[int(np.searchsorted(tops, 4.0, "right")) - 2]
    below = model.vp_kmps[int(np.searchsorted(tops, 4.0, "right")) - 1]
    assert above < 6 < 7 < below


def test_gradient_nodes_refuse_bad_input():
    with pytest.raises(ValueError, match="max_layer_km must be a number above 0, got 0"):
        LayeredModel.from_gradient_nodes("g", "test", [0, 4], [4, 6], [2, 3], 0.0)
    with pytest.raises(ValueError, match="3 nodes of depth_km, 2 of vp_kmps"):
        LayeredModel.from_gradient_nodes("g", "test", [0, 4, 5], [4, 6], [2, 3], 1.0)
    with pytest.raises(ValueError, match="0 nodes of depth_km"):
        LayeredModel.from_gradient_nodes("g", "test", [], [], [], 1.0)
    with pytest.raises(ValueError, match="depth_km must be a number, got nan"):
        LayeredModel.from_gradient_nodes("g", "test", [0, float("nan")], [4, 6], [2, 3], 1.0)
    with pytest.raises(ValueError, match=r"0 to 40000 km .* more than 2000 layers: if depths are in m"):
        LayeredModel.from_gradient_nodes("g", "test", [0, 4e4], [4, 6], [2, 3], 1.0)
    with pytest.raises(ValueError, match="increase downward"):
        LayeredModel.from_gradient_nodes("g", "test", [0, 4, 3], [4, 6, 6], [2, 3, 3], 1.0)


def test_subdividing_changes_no_time():
    fine = LAYERS.subdivided(1.5, 40.0)
    assert len(fine.top_depth_km) > 3 * len(LAYERS.top_depth_km)
    depth_km, distance_km = np.array([0.0, 7.0, 22.0]), np.linspace(0, 200, 41)
    times = [
        first_arrival_s(np.array(m.top_depth_km), m.velocity_kmps("S"), depth_km, distance_km)
        for m in (LAYERS, fine)
    ]
    np.testing.assert_allclose(*times, atol=1e-8)


def test_flattening_keeps_vertical_times_and_speeds_up_depth():
    flat = LAYERS.flattened(1.0)
    depth_km = np.array([35.0])
    vertical_s = first_arrival_s(
        np.array(flat.top_depth_km), flat.velocity_kmps("P"), flattened_depth_km(depth_km), np.array([0.0])
    )
    assert vertical_s[0, 0] == pytest.approx(10 / 5 + 20 / 6 + 5 / 8, rel=1e-4)
    assert flat.vp_kmps[-1] > 8.0
    assert flattened_depth_km(np.array([-2.0]))[0] == pytest.approx(-2.0, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_perturbed_models_are_valid_and_reproducible(seed):
    first = load("fnet").perturbed(np.random.default_rng(seed), **SPREAD)
    again = load("fnet").perturbed(np.random.default_rng(seed), **SPREAD)
    assert first == again
    assert first.density_gpcm3 == load("fnet").density_gpcm3


def test_perturbation_has_the_spread_asked_for():
    rng = np.random.default_rng(1)
    drawn = [LAYERS.perturbed(rng, **SPREAD) for _ in range(3000)]
    vp = np.log([model.vp_kmps for model in drawn])
    np.testing.assert_allclose(vp.mean(0), np.log(LAYERS.vp_kmps), atol=0.01)
    np.testing.assert_allclose(vp.std(0), 0.08, rtol=0.08)
    vpvs = np.log([np.array(model.vp_kmps) / np.array(model.vs_kmps) for model in drawn])
    np.testing.assert_allclose(vpvs.std(0), 0.03, rtol=0.08)
    thickness = np.log([np.diff(model.top_depth_km) for model in drawn])
    np.testing.assert_allclose(thickness.std(0), 0.2, rtol=0.08)


def test_no_perturbation_is_the_model_itself():
    same = LAYERS.perturbed(
        np.random.default_rng(0), velocity_fraction=0.0, vpvs_fraction=0.0, thickness_fraction=0.0
    )
    np.testing.assert_allclose(same.vs_kmps, LAYERS.vs_kmps)
    np.testing.assert_allclose(same.top_depth_km, LAYERS.top_depth_km)


def test_thin_layers_of_a_gradient_stay_a_gradient():
    model = load("jma2001").perturbed(
        np.random.default_rng(3), velocity_fraction=0.08, vpvs_fraction=0.0, thickness_fraction=0.1
    )
    assert np.abs(np.diff(np.log(model.vp_kmps))).max() < 0.15

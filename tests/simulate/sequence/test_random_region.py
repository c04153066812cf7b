import re
from dataclasses import replace

import numpy as np
import pytest
import yaml
from toy import resolved
from validation_example import CONFIG, SHIPPED, dataset, make

from fcn.config import CONF_DIR, build
from fcn.geometry.projection import LocalFrame
from fcn.simulate.sequence.random_region import LateralGround, RegionalCrust
from fcn.simulate.sequence.validation import sequence_seed

KUMAMOTO = (32.74, 130.8)


@pytest.fixture(scope="module")
def shipped():
    return [make(index) for index in SHIPPED]


def test_every_station_count_and_layout_can_come():
    law = make(0).law.network
    rng = np.random.default_rng(0)
    drawn = [law.draw(rng, (41.0, 50.0)) for _ in range(2000)]
    assert {recipe.n_stations for recipe in drawn} == set(range(6, 25))
    assert {recipe.layout.func.__name__ for recipe in drawn} == {
        "random_layout",
        "clustered_layout",
        "grid_layout",
    }
    spread = np.array([recipe.half_size_km[0] / 41.0 for recipe in drawn])
    assert (spread.min(), spread.max()) == (pytest.approx(0.5, abs=0.01), pytest.approx(1.0, abs=0.01))


def test_no_region_is_near_a_test_sequences(shipped):
    law = shipped[0].law
    others = {"kumamoto": KUMAMOTO}
    for path in (CONF_DIR / "dataset").glob("*.yaml"):
        if not path.stem.startswith("validation"):
            others |= {
                f"{path.stem}{i}": centre
                for i, centre in enumerate(centres(yaml.safe_load(path.read_text())))
            }
    assert {"smoke0", "kumamoto0", "kumamoto_nied0"} <= set(others)
    rng = np.random.default_rng(0)
    drawn = [law.draw_centre(rng) for _ in range(200)]
    # along their parallels one place in fifty would be too near
    beside = [
        replace(law, latitude_deg=(lat - 1.0, lat + 1.0)).draw_centre(rng)
        for lat, _ in others.values()
        for _ in range(200)
    ]
    places = np.array(list(others.values())).T
    for builder in shipped:
        drawn.append((builder.region.latitude_deg, builder.region.longitude_deg))
    for latitude_deg, longitude_deg in drawn + beside:
        assert np.hypot(*LocalFrame(latitude_deg, longitude_deg).to_local_km(*places)).min() > 295.0
    latitudes = np.array(drawn)[:, 0]
    assert (latitudes < -50).any()
    assert (latitudes > 55).any()
    assert np.ptp(np.array(drawn)[:, 1]) > 340


def centres(node) -> list[tuple[float, float]]:
    """Every latitude_deg, longitude_deg pair of numbers in a configuration."""
    if isinstance(node, list):
        return [found for part in node for found in centres(part)]
    if not isinstance(node, dict):
        return []
    pair = node.get("latitude_deg"), node.get("longitude_deg")
    own = [pair] if all(isinstance(value, float) for value in pair) else []
    return own + [found for part in node.values() for found in centres(part)]


def test_no_seed_is_that_of_a_store_or_another_sequence():
    others = set()
    for path in sorted(CONF_DIR.rglob("*.yaml")):
        if path.stem != "validation":
            others |= {int(found) for found in re.findall(r"^\s*seed: (\d+)", path.read_text(), re.M)}
    assert {20160414, 20, 12} <= others  # store, smoke, smoke_validation
    own = {sequence_seed(CONFIG["seed"], index) for index in range(1000)} | {CONFIG["seed"]}
    assert len(own) == 1001
    assert not own & others


def test_no_velocity_model_is_of_the_training_family_or_kumamotos(shipped):
    files = [yaml.safe_load(path.read_text()) for path in (CONF_DIR / "velocity_model").glob("*.yaml")]
    layered = [node for node in files if "LayeredModel" in node.get("_target_", "")]
    known = {node["name"]: build(node) for node in layered}
    assert {"jma2001", "iasp91", "ak135", "prem", "socal", "fnet", "cus"} <= set(known)
    models = [model for b in shipped for model in (b.regional_model, b.region.velocity_model)]
    for model in models:
        assert model.name not in known
        for other in known.values():
            assert np.abs(vp_at(model) - vp_at(other)).max() > 0.15
    for i, model in enumerate(models):
        assert all(np.abs(vp_at(model) - vp_at(other)).max() > 0.01 for other in models[:i])


def vp_at(model):
    """P velocity at the depths of local earthquakes."""
    layer = np.searchsorted(model.top_depth_km, np.arange(0.25, 25.0, 0.5), "right") - 1
    return np.array(model.vp_kmps)[layer]


def test_crust_laws_are_neither_the_stores_nor_kumamotos(recipe):
    own = leaves(CONFIG["region"]["earth"]["crust"])
    store = leaves(resolved("build_store", "out=none")["source"]["simulated"]["recipe"]["crust"])
    twin = leaves(dataset("dataset=kumamoto")["builder"]["earth"]["crust"])
    for other in (store, twin):
        shared = {key for key in own.keys() & other.keys() if own[key] == other[key]}
        assert len(shared) < 0.25 * len(own), shared


def leaves(node, path="") -> dict:
    """The numbers of a configuration by their place."""
    if isinstance(node, dict):
        return {k: v for key, part in node.items() for k, v in leaves(part, f"{path}.{key}").items()}
    if isinstance(node, list):
        return {k: v for i, part in enumerate(node) for k, v in leaves(part, f"{path}.{i}").items()}
    return {path: node} if isinstance(node, int | float) else {}


def test_lateral_variation_has_the_size_it_says():
    builder = make(0)
    law = replace(builder.law.earth, station_delay_s=0.0)
    rng = np.random.default_rng(0)
    station_km = np.concatenate([rng.uniform(-40, 40, (400, 2)), np.zeros((400, 1))], 1)
    ground = LateralGround(builder.region, law, station_km, 50.0, 1)
    relative = []
    for shock in builder.shocks()[:4]:
        layered = super(LateralGround, ground).rays(shock)
        relative.append(ground.rays(shock).time_s / layered.time_s - 1.0)
        expected = ground.field.relative_delay(np.array(shock.position_km), station_km)
        np.testing.assert_allclose(relative[-1], expected, atol=1e-4)
    std = np.concatenate(relative).std(0)
    assert 0.2 * 0.025 < std[0] < 0.025  # the mean along a path varies less than the field
    assert std[1] > std[0]


def test_station_delays_are_the_same_for_every_earthquake():
    builder = make(0)
    law = replace(builder.law.earth, lateral=replace(builder.law.earth.lateral, fraction=0.0))
    station_km = builder.network.local_km(builder.frame)
    ground = LateralGround(builder.region, law, station_km, 50.0, 1)
    late_s = [
        (ground.rays(shock).time_s - super(LateralGround, ground).rays(shock).time_s).numpy()
        for shock in builder.shocks()[:3]
    ]
    assert np.abs(late_s[0]).max() > 0.02
    for other in late_s[1:]:
        np.testing.assert_allclose(other, late_s[0], atol=1e-4)
    np.testing.assert_allclose(late_s[0][:, 1], 2.0 * late_s[0][:, 0], atol=1e-4)


def test_regional_crusts_stay_in_their_ranges():
    law: RegionalCrust = make(0).law.earth.regional
    rng = np.random.default_rng(0)
    for _ in range(200):
        model = law.draw(rng, "some")
        vp = np.array(model.vp_kmps)
        assert (np.diff(vp) > 0).all()
        assert 3.6 <= vp[0] < 5.3
        assert 26.0 <= model.top_depth_km[-1] <= 50.0
        assert 7.7 <= vp[-1] <= 8.2
        np.testing.assert_allclose(vp / np.array(model.vs_kmps), vp[0] / model.vs_kmps[0])
        assert 1.69 <= vp[0] / model.vs_kmps[0] <= 1.8


def test_distant_earthquakes_surround_the_network():
    distant = make(0).law.seismicity.distant
    drawn = [distant.draw(np.random.default_rng(seed), 3600.0) for seed in range(500)]
    assert {len(found) for found in drawn} == {2, 3, 4}
    east_km = np.concatenate([found.east_km for found in drawn])
    north_km = np.concatenate([found.north_km for found in drawn])
    distance_km = np.hypot(east_km, north_km)
    assert distance_km.min() >= 90.0 > np.hypot(*CONFIG["half_width_km"])
    assert distance_km.max() == pytest.approx(300.0, abs=2.0)
    assert [(east_km > 0).mean(), (north_km > 0).mean()] == pytest.approx([0.5, 0.5], abs=0.05)
    times_s = np.concatenate([found.origin_time_s for found in drawn])
    assert 60.0 <= times_s.min() < times_s.max() <= 3540.0


def test_codas_last_as_long_as_duration_magnitudes_say():
    builder = make(0)
    ground = LateralGround(builder.region, builder.law.earth, np.zeros((2, 3)), 50.0, 1)
    shock = replace(builder.shocks()[0], position_km=(5.0, 5.0, 8.0), magnitude=3.13)
    motion = ground.motion(shock)
    assert motion.velocity_mps.shape[-1] == pytest.approx(50.0 * 151.0, abs=50.0)
    level = np.abs(motion.velocity_mps).max((0, 1))
    assert level[50 * 95 : 50 * 105].max() < 3e-3 * level.max()  # of its own, the fade comes later

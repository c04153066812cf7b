"""The twin is no relative of the training store: what one is made from, the other never uses."""

from dataclasses import fields
from itertools import product

import numpy as np
import pytest
import torch
import yaml
from simulated_records import CONF, build

from fcn.seeding import Purpose, derive_generator
from fcn.simulate.ensemble.earth import EARTHQUAKES, earthquake_records
from fcn.simulate.kumamoto.catalogue import SEED
from fcn.simulate.path.ground import SHOCK


@pytest.fixture(scope="module")
def twin():
    return build("dataset.builder", ["+dataset=kumamoto"])


@pytest.fixture(scope="module")
def store():
    return build("source.simulated", ["source=simulated_smoke"])


def test_no_velocity_model_is_shared(twin, recipe):
    own = twin.earth.velocity_model
    for model in recipe.family.models.values():
        assert model.name != own.name
        shallow = [np.interp(np.arange(40.0), each.top_depth_km, each.vp_kmps) for each in (model, own)]
        assert np.abs(shallow[0] / shallow[1] - 1.0).max() > 0.05


def test_no_training_configuration_names_the_twins_model():
    files = [*CONF.glob("experiment/*.yaml"), *CONF.glob("source/simulated*.yaml"), CONF / "train.yaml"]
    files += [CONF / "velocity_model/family.yaml", *CONF.glob("store/*.yaml")]
    assert len(files) > 5
    for file in files:
        assert twin_free(yaml.safe_load(file.read_text())), file


def twin_free(node):
    if isinstance(node, dict):
        return all(twin_free(each) for pair in node.items() for each in pair)
    if isinstance(node, list):
        return all(map(twin_free, node))
    return not (isinstance(node, str) and ("jma2001" in node or "kumamoto" in node))


def test_no_other_sequence_is_on_the_twins_earth_or_states_its_model(twin):
    own = vp_at(twin.earth.velocity_model)
    regions = [
        build("dataset.builder", [f"+dataset={name}"]).region for name in ("smoke", "smoke_validation")
    ]
    others = [region.velocity_model for region in regions]  # what they state is what they are made on
    for index in range(6):
        sequence = build("dataset.builder", ["+dataset=validation", f"dataset.index={index}"])
        others += [sequence.regional_model, sequence.region.velocity_model]
    assert len(others) == 14
    for model in others:
        assert model.name != twin.earth.velocity_model.name
        assert np.abs(vp_at(model) - own).max() > 0.2
    for file in CONF.glob("dataset/*.yaml"):
        if not file.stem.startswith("kumamoto"):
            assert "jma2001" not in file.read_text(), file


def vp_at(model):
    """P velocity at the depths of local earthquakes, km/s."""
    layer = np.searchsorted(model.top_depth_km, np.arange(0.25, 25.0, 0.5), "right") - 1
    return np.array(model.vp_kmps)[layer]


def test_seeds_are_the_twins_own(twin):
    others = set()
    for file in [*CONF.rglob("*.yaml")]:
        if file.name not in ("kumamoto.yaml", "kumamoto_nied.yaml"):
            others |= seeds(yaml.safe_load(file.read_text()))
    assert 20160414 in others  # the store's: the search finds something
    assert not {twin.seed, SEED} & others


def seeds(node):
    if not isinstance(node, dict):
        return set()
    own = {node["seed"]} if isinstance(node.get("seed"), int) else set()
    return own.union(*(seeds(value) for value in node.values()))


def test_coda_law_is_another(twin, recipe):
    assert twin.earth.crust.scattering.coda_law != recipe.crust.scattering.coda_law


@pytest.mark.parametrize("part", ["scattering", "path", "rupture", "site"])
def test_no_parameter_of_the_crust_is_shared(twin, recipe, part):
    own, other = getattr(twin.earth.crust, part), getattr(recipe.crust, part)
    same = {item.name for item in fields(own) if getattr(own, item.name) == getattr(other, item.name)}
    # What makes an earthquake a finite one is a definition, not a property of the Earth.
    assert same <= {"min_magnitude"}


def test_stress_drop_and_noise_are_others(twin, recipe):
    own, other = twin.earth.crust, recipe.crust
    assert own.stress_drop_mpa != other.stress_drop_mpa
    assert own.stress_drop_sigma != other.stress_drop_sigma
    for item in fields(recipe.noise):
        assert getattr(twin.recording.noise, item.name) != getattr(recipe.noise, item.name), item.name


def test_random_streams_are_disjoint(twin, store):
    draws = [
        torch.rand(4, generator=derive_generator(seed, purpose, key, 0)).tolist()
        for seed, purpose, key in [
            (twin.seed, Purpose.SEQUENCE, SHOCK),
            (store.seed, Purpose.STORE, EARTHQUAKES),
        ]
    ]
    assert draws[0] != draws[1]


def test_no_record_is_shared(twin, store):
    """Vertical P to 20 s later at 20 Hz: no twin record resembles one of the store's."""
    theirs = []
    for record in earthquake_records(store.recipe, store.seed, 0):
        p = round(record.p_arrival_sample)
        theirs.append(record.waveform_mps[0, p : p + 400])
    ours = []
    ground = twin.ground()
    for row in twin.catalogued()[::45]:
        motion = ground.motion(twin.shock(row))
        p = np.rint(motion.arrival_s[:, 0] * 100.0).astype(int) - motion.start_sample
        ours += [
            record[0, start : start + 2000 : 5] for record, start in zip(motion.velocity_mps, p, strict=True)
        ]
    assert (len(theirs), len(ours)) == (192, 48)
    likeness = [abs(np.corrcoef(a, b)[0, 1]) for a, b in product(theirs, ours)]
    assert max(likeness) < 0.8

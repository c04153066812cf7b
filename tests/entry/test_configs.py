"""Every configuration in the repository composes, and what it describes can be built."""

import inspect
import re

import lightning
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, MissingConfigException
from hydra.utils import get_class as locate
from omegaconf import OmegaConf
from toy import resolved

from fcn.allowed import check
from fcn.assemble import (
    build_module,
    build_network,
    build_scheme,
    perturbed_models,
    stated_layers,
    velocity_models,
)
from fcn.config import CONF_DIR, build


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))


@pytest.mark.parametrize("name", names("experiment"))
def test_every_experiment_composes_and_builds(name):
    """Its own network, scheme and loss: a training step's worth of what it names fits together."""
    config = resolved("train", f"experiment={name}", "data.velocity.count=2")
    assert config["name"] == name  # the run's folder says which experiment it was
    module = build_module(config)
    wanted = locate(config["arch"]["_target_"]), locate(config["scheme"]["_target_"])
    assert (type(module.network), type(module.scheme)) == wanted
    assert set(module.loss.weights) == set(module.scheme.terms)
    optimiser = module.configure_optimizers()["optimizer"]
    assert {id(p) for group in optimiser.param_groups for p in group["params"]} == set(
        map(id, module.parameters())
    )
    assert len(perturbed_models(config)) == 2
    for part in ("recipe", "events"):
        build(config["data"][part])
    build(config["stations"])
    build(config["preprocess"])


@pytest.mark.parametrize("name", names("sweep"))
def test_every_sweep_composes_and_states_its_question(name):
    """What it sweeps over are files of a group, or values of a key that there is."""
    text = (CONF_DIR / "sweep" / f"{name}.yaml").read_text()
    assert text.splitlines()[1].startswith("# ")
    assert text.splitlines()[1].endswith("?")
    entry, given = ("test", "ckpt=x") if "python -m fcn.test -m" in text else ("train", "experiment=smoke")
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose(entry, overrides=[given, f"sweep={name}"], return_hydra_config=True)
    assert cfg.hydra.mode.name == "MULTIRUN"
    params = OmegaConf.to_container(cfg.hydra.sweeper.params)
    assert params
    for key, values in params.items():
        if (CONF_DIR / key).is_dir():
            assert set(values.split(",")) <= set(names(key))
        else:
            assert OmegaConf.select(cfg, key, throw_on_missing=True, default="absent") != "absent"


@pytest.mark.parametrize("name", [n for n in names("without") if n != "nothing"])
def test_every_ingredient_of_recombination_can_be_left_out(name):
    """By one override, which changes nothing but how examples are made."""
    whole, config = (resolved("train", "experiment=generalized", f"without={n}") for n in ("nothing", name))
    assert {key for key in config if config[key] != whole[key]} == {"data"}
    parts = {key for key in config["data"] if config["data"][key] != whole["data"][key]} - {"recipe"}
    assert 1 <= len(parts) <= 2
    build(config["data"]["recipe"])
    if "velocity" in parts:
        config["data"]["velocity"]["count"] = 1
        assert len(perturbed_models(config)) == 1
    sweep = yaml.safe_load((CONF_DIR / "sweep" / "recombination.yaml").read_text())
    assert name in sweep["hydra"]["sweeper"]["params"]["without"].split(",")


@pytest.mark.parametrize("name", names("store"))
def test_every_store_says_what_it_is_made_of(name):
    store = resolved("train", f"store={name}", "cache=/c")["store"]
    share = {"stochastic": 0.0, "full_wave": 1.0, "smoke": 0.0}.get(name, 0.5)
    assert store["recipe"]["recipe"]["full_wave"]["share"] == share
    assert store["noise"] == ("/c/recorded_noise" if name == "recorded_noise" else None)


@pytest.mark.parametrize("name", names("sweep"))
def test_trainings_are_repeated_as_often_as_the_budget_says(name):
    params = yaml.safe_load((CONF_DIR / "sweep" / f"{name}.yaml").read_text())["hydra"]["sweeper"]["params"]
    if "python -m fcn.test -m" not in (CONF_DIR / "sweep" / f"{name}.yaml").read_text():
        assert params["seed"] == ("1,2,3" if name == "seeds" else "${budget.seeds}")


@pytest.mark.parametrize(
    ("budget", "seeds"), [("short", "1"), ("none", "1"), ("medium", "1,2,3"), ("full", "1,2,3")]
)
def test_a_budget_says_how_often_trainings_are_repeated(budget, seeds):
    given = ["experiment=lite", "sweep=recombination", f"budget={budget}"]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose("train", overrides=given, return_hydra_config=True)
    assert cfg.hydra.sweeper.params.seed == seeds


TRAINER_KEYS = {*inspect.signature(lightning.Trainer).parameters, "threads"}


@pytest.mark.parametrize("name", names("trainer"))
def test_every_trainer_gives_lightning_what_it_takes(name):
    stated = yaml.safe_load((CONF_DIR / "trainer" / f"{name}.yaml").read_text())
    assert set(stated) - {"defaults"} <= TRAINER_KEYS
    assert ("defaults" in stated) == (name != "default")


@pytest.mark.parametrize("name", names("debug"))
def test_every_way_to_look_for_a_fault_composes(name):
    config = resolved("train", "experiment=smoke", f"debug={name}")
    assert set(config["trainer"]) <= TRAINER_KEYS
    assert config["name"] == "debug"  # its folder is not taken for a training's
    assert config["evaluation"]["sequences"] == {}


@pytest.mark.parametrize("name", names("arch"))
def test_every_architecture_builds_on_the_papers_grid(name):
    config = resolved("train", f"arch={name}")
    network = build_network(config, build_scheme(config))
    assert sum(p.numel() for p in network.parameters()) > 0


@pytest.mark.parametrize(
    "name", [n for n in names("velocity_model") if n not in ("grid3d", "table") and not n.startswith("own")]
)
def test_every_velocity_model_builds(name):
    models = velocity_models(resolved("train", f"velocity_model={name}"))
    assert all(model.source for model in models.values())


def test_a_table_is_a_velocity_model_and_a_checkpoint_states_its_layers(tmp_path):
    path = tmp_path / "crust.csv"
    path.write_text("Depth,Vp,Vs\n-3,1.5,0.843\n1,4.0,2.247\n42,7.4,4.157\n")
    with pytest.raises(ValueError, match="does not say whether its rows are layers"):
        velocity_models(resolved("train", "velocity_model=table", f"velocity_model.path={path}"))
    given = ("velocity_model=table", f"velocity_model.path={path}", "velocity_model.rows=nodes")
    config = resolved("train", *given)
    models = velocity_models(config)
    config["velocity_model"] = stated_layers(config["velocity_model"])
    path.unlink()
    assert velocity_models(config) == models
    assert models["crust"].top_depth_km[0] == -3.0
    check({"velocity_model": config["velocity_model"]}, "checkpoint")
    family = resolved("train")["velocity_model"]
    assert stated_layers(family) == family


@pytest.mark.parametrize("name", names("geometry"))
def test_grids_lie_inside_their_boxes(name):
    geometry = resolved("train", f"geometry={name}")["geometry"]
    grid = build(geometry["grid"])
    for axis in (0, 1):
        assert -geometry["half_width_km"][axis] - 1e-6 <= grid.minimum_km[axis]
        assert grid.maximum_km[axis] <= geometry["half_width_km"][axis] + 1e-6


def test_a_misspelt_top_level_key_is_refused(tmp_path):
    for path in CONF_DIR.rglob("*.yaml"):
        target = tmp_path / path.relative_to(CONF_DIR)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    (tmp_path / "experiment" / "typo.yaml").write_text("# @package _global_\nlerning_rate: 1.0\n")
    with (
        initialize_config_dir(str(tmp_path), version_base="1.3"),
        pytest.raises(ConfigCompositionException, match="lerning_rate"),
    ):
        compose("train", overrides=["experiment=typo"])


def test_a_misspelt_leaf_key_is_refused():
    with pytest.raises(ValueError, match=r"loss\.wieghts is unknown: .*MultitaskLoss takes weights, learned"):
        resolved("train", "experiment=smoke", "+loss.wieghts=1")


def test_no_credentials_and_no_machine_paths_in_any_configuration():
    for path in CONF_DIR.rglob("*.yaml"):
        # a key may name the file that holds a credential, as long as it names none here
        text = re.sub(r"(password|token)_file: null", "", path.read_text().lower())
        text = text.replace("of a bearer token", "")
        for word in ("api_key", "password", "token", "/home/", "/root/"):
            assert word not in text, (path, word)


@pytest.mark.parametrize("override", ["velocity_model=iasp19", "declare=migratoin"])
def test_a_misspelt_choice_of_a_test_is_refused_not_ignored(override):
    group, _, choice = override.partition("=")
    with pytest.raises(MissingConfigException, match=rf"'{group}/{choice}'"):
        resolved("test", "ckpt=none", override)
    kept = resolved("test", "ckpt=none")
    assert kept["velocity_model"] is None
    assert kept["declare"] is None

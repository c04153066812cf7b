"""A checkpoint from a stranger: refused by name before anything of it is built."""

import copy
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import resolved

from fcn import allowed, former
from fcn.checkpoint import WEIGHTS_DIR, load, read


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def pickled(path: Path) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb(path)], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def attacks(made: Path) -> dict[str, object]:
    """Nodes of a configuration each of which would make the file `made`, or reach what can."""
    file = {"_target_": "io.BytesIO", "_args_": [list(pickled(made))]}
    here = {"_target_": "pathlib.Path", "_args_": [str(made)]}
    return {
        "numpy.load": {"_target_": "numpy.load", "file": file, "allow_pickle": True},
        "pathlib.Path.write_text": {"_target_": "pathlib.Path.write_text", "self": here, "data": "x"},
        "shutil.copyfile": {"_target_": "shutil.copyfile", "src": __file__, "dst": str(made)},
        # what our own modules import is not ours
        "fcn.config.instantiate": {"_target_": "fcn.config.instantiate", "config": {}},
        "fcn.checkpoint.ship": {"_target_": "fcn.checkpoint.ship", "path": __file__, "out": str(made)},
        "builtins.eval": {"_target_": "builtins.eval", "_args_": [f"open({str(made)!r}, 'w')"]},
    }


@pytest.fixture(scope="module")
def shipped() -> dict:
    return torch.load(WEIGHTS_DIR / "lite.ckpt", map_location="cpu", weights_only=True)


def written(shipped: dict, path: Path, change) -> Path:
    content = copy.deepcopy(shipped)
    change(content["fcn"]["config"])
    torch.save(content, path)
    return path


@pytest.mark.parametrize("name", list(attacks(Path("made"))))
@pytest.mark.parametrize(
    "place", ["velocity_model", "arch", "preprocess", "declare", "scheme.decoder.grid", "loss"]
)
def test_what_our_configuration_never_names_is_not_built(shipped, tmp_path, name, place):
    made = tmp_path / "made"
    node = attacks(made)[name]

    def plant(config: dict) -> None:
        *way, last = place.split(".")
        for key in way:
            config = config[key]
        config[last] = node

    path = written(shipped, tmp_path / "hostile.ckpt", plant)
    with pytest.raises(ValueError, match=rf"hostile\.ckpt is not safe to load: its {place}.*{name}"):
        load(path)
    assert not made.exists()


def endless() -> dict:
    node: dict = {}
    node["deeper"] = node
    return node


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("${oc.env:HOME}", "asks for an interpolation"),
        (torch.zeros(1), "is a Tensor, not plain data"),
        ({"_target_": ["os.system"]}, "would build"),
        ({"_target_": "fcn.loss.multitask.MultitaskLoss", "_args_": [1]}, "has positional arguments"),
        # ours, but nothing a loss is made of
        ({"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": "x"}, "would build"),
    ],
)
def test_what_is_not_plain_data_or_out_of_place_is_refused(shipped, tmp_path, value, said):
    path = written(shipped, tmp_path / "odd.ckpt", lambda config: config["loss"].update(name=[{"a": value}]))
    with pytest.raises(ValueError, match=rf"loss\.name\[0\]\.a {said}"):
        load(path)


def test_a_configuration_that_bites_its_tail_is_refused(shipped, tmp_path):
    path = written(shipped, tmp_path / "odd.ckpt", lambda config: config.update(loss=endless()))
    with pytest.raises(ValueError, match=r"odd\.ckpt names what no version of fcn had"):
        load(path)


def test_a_class_that_the_user_trusts_may_be_built(shipped):
    """Somebody's own loss, by its full name, and nothing else of its package."""
    config = {**shipped["fcn"]["config"], "loss": {"_target_": "theirs.nets.Loss"}}
    config = former.current(config)
    with pytest.raises(ValueError, match=r"'theirs\.nets\.Loss'.*trust=\[theirs\.nets\.Loss\]"):
        allowed.check(config, "x.ckpt")
    allowed.check(config, "x.ckpt", trust=["theirs.nets.Loss"])
    with pytest.raises(ValueError, match="not safe to load"):
        allowed.check(config, "x.ckpt", trust=["theirs.nets.Net"])
    for vague in ("theirs.nets.Loss", ["theirs"]):
        with pytest.raises(ValueError, match="full names of classes"):
            allowed.check(config, "x.ckpt", trust=vague)


@pytest.mark.parametrize("experiment", ["generalized", "compact", "eewnet", "lite", "smoke"])
def test_whatever_an_experiment_trains_can_be_loaded(experiment):
    allowed.check(resolved("train", f"experiment={experiment}"), "a training")


def test_an_optimiser_of_ones_own_is_nothing_that_a_test_builds(shipped, tmp_path):
    path = written(shipped, tmp_path / "own.ckpt", lambda config: config.update(optim={"_target_": "a.B"}))
    assert load(path).config["optim"] == {"_target_": "a.B"}


@pytest.mark.parametrize("record", [None, {}, {"config": 3}, "text"])
def test_a_checkpoint_without_a_configuration_is_none_of_ours(tmp_path, record):
    torch.save({"fcn": record, "state_dict": {}}, tmp_path / "x.ckpt")
    with pytest.raises(ValueError, match=r"x\.ckpt.*written by fcn\.train"):
        read(tmp_path / "x.ckpt")


def test_weights_that_are_not_numbers_are_refused(shipped, tmp_path):
    content = copy.deepcopy(shipped)
    name = next(n for n, value in content["state_dict"].items() if value.ndim > 1)
    content["state_dict"][name].view(-1)[0] = torch.nan
    torch.save(content, tmp_path / "nan.ckpt")
    with pytest.raises(ValueError, match=rf"nan\.ckpt.*{name}.*not finite"):
        load(tmp_path / "nan.ckpt")

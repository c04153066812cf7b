"""A checkpoint from a stranger: refused by name before anything of it is built."""

import copy
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import resolved

from fcn import allowed
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
    "place", ["velocity_model", "arch", "preprocess", "declare", "scheme.decoder.grid", "loss", "note"]
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
    with pytest.raises(ValueError, match=rf"hostile\.ckpt is not safe to load: config\.{place}.*{name}"):
        load(path)
    assert not made.exists()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("${oc.env:HOME}", "asks for an interpolation"),
        (torch.zeros(1), "is a Tensor, not plain data"),
        ({"_target_": ["os.system"]}, "would build"),
        ({"_target_": "torch.optim.AdamW", "_args_": [1]}, "has positional arguments"),
    ],
)
def test_what_is_not_plain_data_is_refused(shipped, tmp_path, value, said):
    path = written(shipped, tmp_path / "odd.ckpt", lambda config: config.update(name=[{"deep": value}]))
    with pytest.raises(ValueError, match=rf"config\.name\[0\]\.deep {said}"):
        read(path)


def test_a_package_that_the_user_trusts_may_be_built(shipped, tmp_path):
    """Somebody's own loss, written with its full name."""
    path = written(
        shipped, tmp_path / "own.ckpt", lambda config: config.update(loss={"_target_": "theirs.Loss"})
    )
    with pytest.raises(ValueError, match=r"'theirs\.Loss'.*trust=\[<package>\]"):
        read(path)
    assert read(path, trust=["theirs"])["fcn"]["config"]["loss"]["_target_"] == "theirs.Loss"
    with pytest.raises(ValueError, match="not safe to load"):
        read(path, trust=["their"])


@pytest.mark.parametrize("experiment", ["generalized", "eewnet", "lite", "smoke"])
def test_whatever_an_experiment_trains_can_be_loaded(experiment):
    allowed.check(resolved("train", f"experiment={experiment}"), "a training")


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

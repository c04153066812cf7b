"""The curriculum of `generalized`, as experiments/generalized/make.py runs it."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir

from fcn.config import CONF_DIR

MAKE = Path(__file__).parents[2] / "experiments" / "generalized" / "make.py"


@pytest.fixture
def make(monkeypatch):
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("experiments_make", MAKE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # of its dataclass
    spec.loader.exec_module(module)
    return module


def steps(asked):
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return compose("train", overrides=list(asked)).trainer.max_steps


def test_stages_are_those_of_the_page(make):
    assert [steps(stage.asked([])) for stage in make.STAGES] == [6000, 6000, 5499, 5000, 1000]
    assert [steps(stage.asked(["trainer.max_steps=3"])) for stage in make.STAGES] == [3] * 5


def test_what_is_finished_is_not_run_again_and_what_was_interrupted_goes_on(make, monkeypatch, tmp_path):
    """A training that breaks off in the third stage; the same command then."""
    ran, breaks = [], True

    def run(asked):
        nonlocal breaks
        ran.append([each for each in asked[3:] if each.startswith(("hydra.run.dir", "weights", "ckpt"))])
        if asked[2] == "fcn.ship":
            return
        folder = Path(asked[-1].removeprefix("hydra.run.dir="))
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        is_broken = breaks and folder.name == "third"
        torch.save({"global_step": 1 if is_broken else 6000}, folder / "checkpoints" / "last.ckpt")
        if is_broken:
            breaks = False
            raise SystemExit(1)

    monkeypatch.setattr(make, "run", run)
    monkeypatch.setattr(sys, "argv", ["make.py", str(tmp_path), "data.batch_size=4"])
    with pytest.raises(SystemExit):
        make.main()
    assert [each[-1] for each in ran] == [
        f"hydra.run.dir={tmp_path / name}" for name in ("first", "second", "third")
    ]
    assert ran[1][0] == f"weights={tmp_path / 'first' / 'checkpoints' / 'last.ckpt'}"
    ran.clear()
    make.main()
    third, fourth, growing, shipped = ran
    assert third == [
        f"weights={tmp_path / 'second' / 'checkpoints' / 'last.ckpt'}",
        f"ckpt={tmp_path / 'third' / 'checkpoints' / 'last.ckpt'}",
        f"hydra.run.dir={tmp_path / 'third'}",
    ]
    assert fourth[-1] == f"hydra.run.dir={tmp_path / 'fourth'}"
    assert growing[0] == f"weights={tmp_path / 'fourth' / 'checkpoints' / 'last.ckpt'}"
    assert shipped[0] == f"ckpt={tmp_path / 'growing' / 'checkpoints' / 'best.ckpt'}"

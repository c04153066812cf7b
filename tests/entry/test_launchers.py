"""Launchers of other packages (the extra [launchers]) run our jobs; skipped where they are not installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from fcn.config import CONF_DIR

JOB = Path(__file__).parents[1] / "launched_job.py"


def installed(plugin: str):
    found = importlib.util.find_spec("hydra_plugins") and importlib.util.find_spec(f"hydra_plugins.{plugin}")
    return pytest.mark.skipif(not found, reason=f"{plugin} is not installed: pip install 'fcn[launchers]'")


@pytest.mark.parametrize(
    ("launcher", "options"),
    [
        ("basic", ()),
        pytest.param("joblib", ("hydra.launcher.n_jobs=2",), marks=installed("hydra_joblib_launcher")),
        pytest.param("submitit_local", (), marks=installed("hydra_submitit_launcher")),
        pytest.param(
            "ray",
            ("+hydra.launcher.ray.init.num_cpus=2",),
            marks=[installed("hydra_ray_launcher"), pytest.mark.slow],
        ),
    ],
)
def test_a_failed_job_stops_no_other(launcher, options, tmp_path):
    sweep = ("-m", f"hydra/launcher={launcher}", *options, "+number=2,3", "hydra.sweep.dir=sweep")
    command = [sys.executable, str(JOB), *sweep]
    python_path = os.pathsep.join([str(CONF_DIR.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": python_path, "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, env=environment)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output[-3000:]
    assert "number 2 fails" in output
    said = [json.loads((tmp_path / "sweep" / str(i) / "said.json").read_text()) for i in range(2)]
    assert [each["number"] for each in said] == [2, 3]
    assert said[1]["overrides"] == ["+number=3"]
    assert said[1]["loaded"] == [0, 1]


@installed("hydra_optuna_sweeper")
def test_the_search_for_hyperparameters_composes():
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        given = ["experiment=smoke", "hparams_search=optuna"]
        cfg = compose("train", overrides=given, return_hydra_config=True)
    assert cfg.hydra.sweeper._target_.endswith("OptunaSweeper")
    assert cfg.callbacks.checkpoint.monitor == "val/loss"
    for key in cfg.hydra.sweeper.params:
        group, _, name = key.rpartition(".")
        assert name in cfg.optim[group.removeprefix("optim.")]

"""Launchers of other packages (the extra [launchers]) run our jobs; skipped where they are not installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_lines import TINY, run
from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from toy import resolved

from fcn.config import CONF_DIR, jobs_at_once

JOB = Path(__file__).parents[1] / "launched_job.py"


def installed(plugin: str):
    found = importlib.util.find_spec("hydra_plugins") and importlib.util.find_spec(f"hydra_plugins.{plugin}")
    return pytest.mark.skipif(not found, reason=f"{plugin} is not installed: pip install 'fcn[launchers]'")


@pytest.mark.parametrize(
    ("launcher", "options"),
    [
        ("basic", ()),
        pytest.param("joblib", (), marks=installed("hydra_joblib_launcher")),
        pytest.param("submitit_local", (), marks=installed("hydra_submitit_launcher")),
        pytest.param(
            "ray",
            ("+hydra.launcher.ray.init.num_cpus=2",),
            marks=[installed("hydra_ray_launcher"), pytest.mark.slow],
        ),
    ],
)
def test_a_failed_job_stops_no_other(launcher, options, tmp_path):
    ours = ("--config-dir", str(CONF_DIR), "-m", "+trainer.threads=1")
    sweep = (*ours, f"hydra/launcher={launcher}", *options, "+number=2,3", "hydra.sweep.dir=sweep")
    command = [sys.executable, str(JOB), *sweep]
    python_path = os.pathsep.join([str(CONF_DIR.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": python_path, "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, env=environment)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output[-3000:]
    assert "number 2 fails" in output
    assert "validated against ConfigStore" not in output
    said = [json.loads((tmp_path / "sweep" / str(i) / "said.json").read_text()) for i in range(2)]
    assert [each["number"] for each in said] == [2, 3]
    assert said[1]["overrides"] == ["+trainer.threads=1", "+number=3"]
    assert said[1]["loaded"] == [0, 1]


def launcher(name: str, *given: str, entry: str = "train") -> DictConfig:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        named = [f"hydra/launcher={name}", *(["ckpt=x"] if entry == "test" else []), *given]
        cfg = compose(entry, overrides=named, return_hydra_config=True)
        return OmegaConf.create({"whole": OmegaConf.to_container(cfg.hydra.launcher, resolve=True)}).whole


@pytest.mark.parametrize(
    ("cores", "threads", "jobs"), [(2, 1, 2), (2, 2, 1), (8, 1, 8), (8, 3, 2), (1, 4, 1), (64, 16, 4)]
)
def test_jobs_at_once_have_a_core_for_each_of_their_threads(cores, threads, jobs, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    assert jobs_at_once(threads) == jobs
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert jobs_at_once(threads) == jobs


@pytest.mark.parametrize("entry", ["train", "test"])
def test_launchers_of_one_machine_leave_a_core_to_each_thread(entry, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(6), raising=False)
    assert launcher("joblib", entry=entry).n_jobs == 6
    assert launcher("joblib", "trainer.threads=4", entry=entry).n_jobs == 1
    assert launcher("joblib", "hydra.launcher.n_jobs=3", entry=entry).n_jobs == 3
    assert launcher("ray", "trainer.threads=4", entry=entry).ray.remote.num_cpus == 4


def test_commands_without_a_trainer_have_launchers_too():
    assert launcher("joblib", entry="export").n_jobs >= 1
    assert launcher("ray", entry="export").ray.remote.num_cpus == 1


def test_a_job_of_slurm_has_hours_cores_and_memory():
    slurm = launcher("submitit_slurm")
    training = resolved("train")
    assert slurm.cpus_per_task == training["trainer"]["threads"] + training["data"]["workers"]
    assert slurm.timeout_min >= 8 * 60
    assert slurm.mem_gb >= 4
    assert slurm.max_num_timeout == 0
    assert launcher("submitit_local").timeout_min == slurm.timeout_min
    given = ("hydra.launcher.timeout_min=90", "hydra.launcher.partition=gpu", "+hydra.launcher.constraint=a")
    assert [
        launcher("submitit_slurm", *given)[key] for key in ("timeout_min", "partition", "constraint")
    ] == [
        90,
        "gpu",
        "a",
    ]


@pytest.mark.parametrize(
    "path", sorted((CONF_DIR / "hydra" / "launcher").glob("*.yaml")), ids=lambda p: p.stem
)
def test_launchers_name_classes_of_the_extra(path):
    """Hydra's schemas of the same names need not be there: with a class a file is whole."""
    name = OmegaConf.load(path)["_target_"]
    if not importlib.util.find_spec("hydra_plugins") or not importlib.util.find_spec(name.rsplit(".", 2)[0]):
        pytest.skip(f"{name} is not installed: pip install 'fcn[launchers]'")
    assert get_class(name)


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


@installed("hydra_optuna_sweeper")
def test_the_search_for_hyperparameters_tries_what_it_draws(toy_store, tmp_path):
    given = ("-m", *TINY, f"store.path={toy_store}", "hparams_search=optuna", "hydra.sweeper.n_trials=2")
    run("fcn.train", *given, cwd=tmp_path)
    (folder,) = (tmp_path / "logs").glob("sweep-*")
    tried = [json.loads((folder / job / "manifest.json").read_text())["config"]["optim"] for job in "01"]
    rates = [each["optimiser"]["lr"] for each in tried]
    assert len({*rates, 2.0e-3}) == 3, "the experiment's own rate, or the same twice"
    assert all(3e-4 <= rate <= 1e-2 for rate in rates)
    found = OmegaConf.load(folder / "optimization_results.yaml")
    losses = [json.loads((folder / job / "done.json").read_text())["returned"] for job in "01"]
    assert found.best_value == min(losses)
    assert found.best_params["optim.optimiser.lr"] == rates[losses.index(min(losses))]

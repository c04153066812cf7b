"""A sweep of trainings that start processes of their own is refused: each would begin the whole sweep."""

import importlib

import pytest
from omegaconf import OmegaConf
from toy import resolved

from fcn.config import BeforeSweep
from fcn.engine import check_swept

TWO = {"accelerator": "cpu", "devices": 2, "strategy": "ddp"}
REFUSED = r"a sweep cannot train on several devices .*trainer\.devices=2.* Take trainer=cpu or trainer=gpu"


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("fcn.train", ("-m", "experiment=smoke", "trainer=ddp_sim", "seed=1,2")),
        ("fcn.train", ("experiment=smoke", "sweep=seeds", "trainer=cpu", "trainer.devices=2")),
        ("fcn.test", ("-m", "ckpt=lite", "trainer=ddp_sim")),
    ],
)
def test_it_is_refused_before_a_folder_is_made(command, given, call, tmp_path):
    with pytest.raises(SystemExit, match=REFUSED):
        call(command, *given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("entry", ["train", "test"])
def test_a_job_whose_trainer_is_swept_over_is_refused_too(entry, tmp_path, toy_store):
    given = ["experiment=smoke", f"store.path={toy_store}"] if entry == "train" else ["ckpt=lite"]
    config = resolved(entry, *given, "trainer=ddp_sim")
    with pytest.raises(ValueError, match=REFUSED):
        importlib.import_module(f"fcn.{entry}").job(config, tmp_path / "0", [])
    assert "a sweep cannot train" in (tmp_path / "0" / "failure.txt").read_text()
    assert [path.name for path in (tmp_path / "0").iterdir()] == ["failure.txt"]


@pytest.mark.parametrize(
    "options",
    [
        {"accelerator": "cpu", "devices": 1},
        {"accelerator": "cpu", "devices": 1, "strategy": "ddp"},
        {"accelerator": "cpu", "devices": "auto"},
        {"accelerator": "mps", "devices": 8, "strategy": "ddp"},  # not here: what is wrong the training says
        {**TWO, "strategy": "ddp_spawn"},  # begins nothing by a command
    ],
)
def test_what_begins_no_sweep_is_not_refused(options):
    check_swept(options)


def test_processes_that_are_begun_by_others_are_not_refused(monkeypatch):
    ranks = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "GROUP_RANK": "0"}
    with pytest.raises(ValueError, match=REFUSED):
        check_swept(TWO)
    for name, value in ranks.items():
        monkeypatch.setenv(name, value)
    check_swept(TWO)


def test_slurm_begins_the_tasks_of_a_job_that_has_several():
    def begin(n_tasks: int | None, nodes: int = 1) -> None:
        launcher = {"launcher": {"tasks_per_node": n_tasks, "nodes": nodes}}
        cfg = OmegaConf.create({"hydra": launcher, "trainer": TWO})
        BeforeSweep("fcn.engine.check_swept").on_multirun_start(cfg)

    begin(2)
    begin(1, nodes=2)
    for n_tasks in (1, None):
        with pytest.raises(SystemExit, match=REFUSED):
            begin(n_tasks)


def test_a_job_whose_value_cannot_be_has_failed(call, tmp_path):
    with pytest.raises(SystemExit):
        call("fcn.test", "-m", "ckpt=lite", "dataset=smoke", "latency_s=late,later", "hydra.sweep.dir=sweep")
    for job in "01":
        assert "latency_s must be a number" in (tmp_path / "sweep" / job / "failure.txt").read_text()

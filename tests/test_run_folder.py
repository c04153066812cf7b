"""Runs that begin in the same second have folders of their own."""

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from fcn import run_folder
from fcn.config import CONF_DIR, sweep_folder
from fcn.run_folder import RANKS, unused


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for each in RANKS:
        monkeypatch.delenv(each, raising=False)
    another_process()


def another_process():
    run_folder._made.cache_clear()


def test_each_of_several_processes_has_its_own_and_keeps_it():
    for expected in ("run", "run-2", "run-3"):
        assert [unused("logs", "run") for _ in range(2)] == [expected, expected]
        assert Path("logs", expected).is_dir()
        another_process()


def test_processes_of_one_run_share_it(monkeypatch):
    unused("logs", "run")
    another_process()
    for each in RANKS:
        monkeypatch.setenv(each, "2")
        assert unused("logs", "run") == "run"
        monkeypatch.setenv(each, "1")
    assert unused("logs", "run") == "run-2"


def test_what_cannot_be_made_is_left_to_hydra():
    Path("logs").write_text("no folder")
    assert unused("logs", "run") == "run"


@pytest.mark.parametrize(
    ("command", "overrides"),
    [
        ("test", []),
        ("train", []),
        ("monitor", ["source=replay"]),
        ("merge", ["listen=files"]),
        ("build_sequence", []),
        ("build_store", []),
        ("build_grid", []),
    ],
)
def test_commands_that_begin_at_once_write_to_other_folders(command, overrides):
    clock = "20261129-120000"
    folders = []
    for _ in range(2):
        another_process()
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            OmegaConf.register_new_resolver(
                "now", lambda _: clock, replace=True
            )  # Hydra's is again of each run
            cfg = compose(command, overrides, return_hydra_config=True)
        folders.append(str(cfg.hydra.run.dir))
    first, second = folders
    assert first.startswith("logs/")
    assert first.endswith(clock)
    assert second == f"{first}-2"
    assert all(Path(each).is_dir() for each in folders)


def test_sweeps_that_begin_at_once_have_other_folders(monkeypatch):
    monkeypatch.setattr(run_folder, "_made", lambda parent, name: f"{parent.name}: {name}-2")
    assert re.fullmatch(r"logs/logs: sweep-\d{8}-\d{6}-2", sweep_folder(None, ["seed=1,2"]))

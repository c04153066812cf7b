"""kill -9 at random moments, again and again: a run can always go on, and ends as one left in peace."""

import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from command_lines import TINY, run

JOB = Path(__file__).parents[1] / "killed_job.py"
N_KILLS = 25  # of either kind of temporary folder
LONGEST_S = {"training": 4.0, "store": 1.0}
SHM = Path("/dev/shm")
ELSEWHERE = pytest.param(
    {"TMPDIR": str(SHM)}, marks=pytest.mark.skipif(not SHM.is_dir(), reason="no second file system"), id="shm"
)

Job = Callable[..., tuple[Path, dict[str, int]]]


@pytest.fixture(scope="module")
def job(tmp_path_factory, toy_store) -> Job:
    """Runs a job with so many kills; its folder, and what the kills met."""

    def run(kind: str, n_kills: int, environment: dict[str, str]) -> tuple[Path, dict[str, int]]:
        folder = tmp_path_factory.mktemp(kind)
        further = [str(toy_store)] if kind == "training" else []
        done = subprocess.run(
            [sys.executable, str(JOB), kind, str(folder), str(n_kills), str(LONGEST_S[kind]), *further],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=1000,
        )
        log = folder / "log.txt"
        assert done.returncode == 0, done.stderr + (log.read_text()[-4000:] if log.exists() else "")
        return folder, json.loads((folder / "kills.json").read_text())

    return run


@pytest.fixture(scope="module")
def whole(job) -> dict[str, Path]:
    """The folders of both jobs, never interrupted."""
    return {kind: job(kind, 0, {})[0] for kind in LONGEST_S}


def same(one: object, other: object) -> bool:
    """Of checkpoints' contents, bit by bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and list(one) == list(other) and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def logged(folder: Path) -> list[dict[str, str]]:
    with (folder / "run" / "csv" / "metrics.csv").open(newline="") as file:
        return [dict(sorted(row.items())) for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("environment", [pytest.param({}, id="same"), ELSEWHERE])
def test_a_training_killed_again_and_again_ends_as_one_that_was_not(job, whole, environment):
    folder, met = job("training", N_KILLS, environment)
    assert met["killed"] == N_KILLS
    assert met["begun"] > N_KILLS / 2  # most had something to lose
    for name in ("last", "best"):
        mine, theirs = (
            torch.load(each / "run" / "checkpoints" / f"{name}.ckpt", weights_only=True)
            for each in (folder, whole["training"])
        )
        for part in ("epoch", "global_step", "state_dict", "optimizer_states", "lr_schedulers"):
            assert same(mine[part], theirs[part]), (name, part)
    assert logged(folder) == logged(whole["training"])
    left = {path.name for path in (folder / "run" / "checkpoints").iterdir()}
    assert left == {"last.ckpt", "best.ckpt"}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("environment", [pytest.param({}, id="same"), ELSEWHERE])
def test_a_store_whose_builders_are_killed_is_that_of_one_who_was_not(job, whole, environment):
    folder, met = job("store", N_KILLS, environment)
    assert met["killed"] > N_KILLS / 2
    assert met["finally built"] == 1
    assert (folder / "digest").read_text() == (whole["store"] / "digest").read_text()
    assert not [path for path in (folder / "stores").iterdir() if not path.name.endswith(".lock")]


SWEEP = (
    *TINY,
    "+dataset@evaluation.sequences.smoke=smoke",
    "evaluation.sequences.smoke.builder.duration_s=90",
    "evaluation.sequences.smoke.builder.seismicity.0.n_events=1",
    "trainer.max_steps=40",
    "seed=1,2",
)


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_does_nothing_twice(toy_store, tmp_path):
    """The second of two jobs is killed in its training; resumed, the first is left alone."""
    command = [sys.executable, "-m", "fcn.train", "-m", f"store.path={toy_store}", *SWEEP]
    environment = {**os.environ, "FCN_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    with (tmp_path / "log").open("w") as log:
        begun = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
        while not list(tmp_path.glob("logs/sweep-*/1/checkpoints/last.ckpt")):
            assert begun.poll() is None, (tmp_path / "log").read_text()[-4000:]
            time.sleep(0.05)
        begun.kill()
        begun.wait()
    (sweep,) = tmp_path.glob("logs/sweep-*")
    before = {path: path.stat().st_mtime_ns for path in (sweep / "0").rglob("*.ckpt")}
    assert not (sweep / "1" / "done.json").exists()
    output = run("fcn.train", "-m", f"store.path={toy_store}", *SWEEP, "resume=true", cwd=tmp_path)
    assert re.search(r"0 is done", output)
    assert before == {path: path.stat().st_mtime_ns for path in (sweep / "0").rglob("*.ckpt")}
    assert [path.name for path in (tmp_path / "logs").iterdir()] == [sweep.name]
    for job in "01":
        assert json.loads((sweep / job / "metrics.json").read_text())["smoke"]["n_catalogued"] == 1
        last = torch.load(sweep / job / "checkpoints" / "last.ckpt", weights_only=True)
        assert last["global_step"] == 40
    manifest = json.loads((sweep / "1" / "manifest.json").read_text())
    assert tmp_path / manifest["config"]["ckpt"] == sweep / "1" / "checkpoints" / "last.ckpt"

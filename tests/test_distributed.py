"""Two processes of a real distributed training (gloo, CPU) against one: what they draw and what they find."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fcn.data.datamodule import RankBatches
from fcn.recombine.dataset import EpochSampler

JOB = Path(__file__).with_name("distributed_job.py")
MEASURED = "compute_ms"  # a time on a clock: no two runs agree


def start(store: Path, folder: Path, devices: int, *overrides: str) -> tuple[int, str]:
    """Return code and output of the job."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(JOB), str(store), str(folder), str(devices), *overrides],
        capture_output=True,
        text=True,
        timeout=200,
    )
    return done.returncode, done.stdout + done.stderr


def run(store: Path, folder: Path, devices: int) -> list[dict]:
    """What each rank wrote."""
    code, output = start(store, folder, devices)
    assert code == 0, output[-4000:]
    assert "sync_dist" not in output  # no figure is one rank's own
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(devices)]


@pytest.fixture(scope="module")
def one(toy_store, tmp_path_factory) -> dict:
    return run(toy_store, tmp_path_factory.mktemp("distributed") / "one", 1)[0]


@pytest.fixture(scope="module")
def two(toy_store, tmp_path_factory) -> list[dict]:
    return run(toy_store, tmp_path_factory.mktemp("distributed") / "two", 2)


def sources(rank: dict, epoch: int) -> list[tuple[float, ...]]:
    """East, north, depth of every example of an epoch: no two examples share them."""
    return [tuple(row) for at, batch in rank["drawn"] if at == epoch for row in batch.tolist()]


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [0, 1])
def test_ranks_and_workers_draw_disjoint_examples_and_together_what_one_process_draws(one, two, epoch):
    first, second = (sources(rank, epoch) for rank in two)
    assert len(first) == len(second) == 16
    assert not set(first) & set(second)
    assert sorted(first + second) == sorted(sources(one, epoch))


@pytest.mark.slow
def test_validation_figures_are_those_of_one_process(one, two):
    """Before training, when weights are equal: losses, metrics and replayed sequences."""
    alone = one["figures"][0]
    names = {name for name in alone if MEASURED not in name}
    assert {"val/loss", "val/location", "val/epicentre_p50_km", "val_smoke_validation/n_catalogued"} <= names
    assert alone["val_smoke_validation/n_catalogued"] == 1
    for rank in two:
        found = rank["figures"][0]
        assert set(found) == set(alone)
        for name in names:
            assert found[name] == pytest.approx(alone[name], rel=1e-5, abs=1e-6, nan_ok=True), name


@pytest.mark.slow
def test_ranks_agree_after_training(two):
    first, second = two
    assert [set(found) for found in first["figures"]] == [set(found) for found in second["figures"]]
    for here, there in zip(first["figures"], second["figures"], strict=True):
        assert here == pytest.approx(there, rel=1e-6, nan_ok=True)
    parameters = [name for name in first["weights"] if "running" not in name and "num_batches" not in name]
    for name in parameters:
        assert torch.equal(first["weights"][name], second["weights"][name]), name


@pytest.mark.slow
def test_one_process_that_diverges_stops_both(toy_store, tmp_path):
    spoilt = ("+callbacks.spoiler._target_=distributed_job.Spoiler", "validation=none", "callbacks=default")
    code, output = start(toy_store, tmp_path / "job", 2, *spoilt)
    assert code != 0
    assert "diverged at step 0: the loss is nan" in output
    assert "diverged at step 0 in another process" in output


def batches(n_examples: int, rank: int, n_ranks: int) -> RankBatches:
    whole = EpochSampler(n_examples, epoch=lambda: 3)
    return RankBatches(whole, 4, rank=rank, n_ranks=n_ranks)


@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_whole_batches_are_dealt_in_turn(n_ranks):
    dealt = [list(batches(24, rank, n_ranks)) for rank in range(n_ranks)]
    assert [len(part) for part in dealt] == [len(batches(24, 0, n_ranks))] * n_ranks
    in_turn = [batch for turn in zip(*dealt, strict=True) for batch in turn]
    assert in_turn == list(batches(24, 0, 1))
    assert [key for batch in in_turn for key in batch] == [(3, example) for example in range(24)]


def test_an_uneven_deal_is_refused_before_the_ranks_wait_for_each_other():
    assert len(batches(22, 0, 1)) == 6  # the last batch may be short where there is one process
    with pytest.raises(ValueError, match=r"6 batches of 4 cannot be dealt evenly to 4 processes"):
        batches(22, 0, 4)

"""Training through the Trainer: resuming, checkpoints, what a run leaves behind."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import h5py
import lightning
import numpy as np
import pytest
import small_migration
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from toy import RATE_HZ, small_training, toy_record

from fcn import checkpoint, run_training
from fcn.assemble import build_module
from fcn.recombine.dataset import RecombinedDataset
from fcn.seeding import Purpose
from fcn.store.writer import StoreWriter
from fcn.train import train

Configured = Callable[..., dict]
SHORT = (  # as `small_training` is
    "validation=none",
    "callbacks=default",
    "logger=csv",
    "data.batch_size=4",
    "data.examples_per_epoch=8",
    "data.validation_examples=8",
)


def run(folder: Path, store: Path, *overrides: str, configured: Configured = small_training) -> dict:
    """Weights after training in `folder`."""
    train(configured(store, "trainer.enable_progress_bar=false", *overrides), folder, [])
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content


@pytest.fixture(scope="module")
def trained(toy_store, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    run(folder, toy_store, "trainer.max_steps=4")
    return folder


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # resumed into a folder of its own
@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")  # Lightning ends the old epoch again
@pytest.mark.parametrize(
    ("configured", "overrides"), [(small_training, ["arch.dropout=0.2"]), (small_migration.configured, SHORT)]
)
def test_interrupted_and_resumed_equals_uninterrupted(toy_store, tmp_path, configured, overrides):
    """Two epochs of two steps, and the same with a stop after the first: weights, dropout, anchors."""

    def after(steps: int, folder: str, *more: str) -> dict:
        steps_of = ("optim.scheduler.total_steps=4", f"trainer.max_steps={steps}")
        return run(tmp_path / folder, toy_store, *steps_of, *overrides, *more, configured=configured)

    whole = after(4, "whole")
    after(2, "first")
    resumed = after(4, "second", f"ckpt={tmp_path / 'first' / 'checkpoints' / 'last.ckpt'}")
    assert whole["global_step"] == resumed["global_step"] == 4
    for name, weight in whole["state_dict"].items():
        assert torch.equal(weight, resumed["state_dict"][name]), name


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_a_training_that_stopped_within_an_epoch_goes_on_with_its_next_examples(toy_store, tmp_path):
    """Validated twice an epoch of four steps: killed after the second step, or the sixth."""
    given = ("data.batch_size=2", "trainer.val_check_interval=0.5", "optim.scheduler.total_steps=8")

    class Killed(lightning.Callback):
        def __init__(self, step: int) -> None:
            self.step = step

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            if trainer.global_step == self.step:
                raise KeyboardInterrupt

    whole = run(tmp_path / "whole", toy_store, *given, "trainer.max_steps=8")
    for step in (2, 6):
        folder = tmp_path / f"killed-{step}"
        dies = mock.patch.object(run_training, "KeptCurves", lambda step=step: Killed(step))
        with dies, pytest.raises((KeyboardInterrupt, SystemExit)):
            run(folder, toy_store, *given, "trainer.max_steps=8")
        last = folder / "checkpoints" / "last.ckpt"
        assert torch.load(last, weights_only=True)["global_step"] == step
        resumed = run(tmp_path / f"on-{step}", toy_store, *given, "trainer.max_steps=8", f"ckpt={last}")
        for name, weight in whole["state_dict"].items():
            assert torch.equal(weight, resumed["state_dict"][name]), (step, name)


def test_another_training_in_the_same_folder_leaves_the_earlier_ones_checkpoints(toy_store, tmp_path, caplog):
    """And its best is its own: of the later one the score is told by what the manifest says."""
    for seed in (1, 2, 3):
        run(tmp_path, toy_store, "trainer.max_steps=2", f"seed={seed}")
    seeds = {
        folder.name: torch.load(folder / "best.ckpt", weights_only=True)["fcn"]["config"]["seed"]
        for folder in tmp_path.glob("checkpoints*")
    }
    assert seeds == {"checkpoints": 3, "checkpoints-1": 1, "checkpoints-2": 2}
    assert len([each for each in caplog.messages if "of an earlier training" in each]) == 2
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


def test_a_training_may_begin_with_the_weights_that_its_folder_has(toy_store, tmp_path):
    """They are read before they are set aside; and what fails before it trains sets nothing aside."""
    run(tmp_path, toy_store, "trainer.max_steps=2")
    best = tmp_path / "checkpoints" / "best.ckpt"
    with pytest.raises(FileNotFoundError, match="no checkpoint at nowhere"):
        run(tmp_path, toy_store, "trainer.max_steps=2", "weights=nowhere")
    assert best.is_file()
    run(tmp_path, toy_store, "trainer.max_steps=2", f"weights={best}")
    assert best.is_file()
    assert (tmp_path / "checkpoints-1" / "best.ckpt").is_file()


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")
def test_what_began_with_weights_goes_on_without_them(toy_store, tmp_path):
    """Said again or not, and where they are gone."""
    run(tmp_path / "first", toy_store, "trainer.max_steps=2", "optim.scheduler.total_steps=4")
    weights = tmp_path / "first" / "checkpoints" / "best.ckpt"
    begun = ("optim.scheduler.total_steps=4", f"weights={weights}")
    run(tmp_path / "second", toy_store, "trainer.max_steps=2", *begun)
    weights.unlink()
    last = tmp_path / "second" / "checkpoints" / "last.ckpt"
    for number, said in enumerate((begun, begun[:1])):
        done = run(tmp_path / f"on-{number}", toy_store, "trainer.max_steps=4", *said, f"ckpt={last}")
        assert done["global_step"] == 4
        told = json.loads((tmp_path / f"on-{number}" / "manifest.json").read_text())
        first = json.loads((tmp_path / "second" / "manifest.json").read_text())
        (part,) = told["parts"]
        assert (part["created_utc"], part["git"]) == (first["created_utc"], first["git"])
        assert part["to_step"] == 2
        assert part["precision"] == first["precision"]
        assert told["weights_digest"] == first["weights_digest"]


def test_what_is_to_be_learnt_by_heart_is_the_same_in_every_epoch(toy_store, tmp_path):
    """debug=overfit; examples of other epochs are others."""

    def asked(*overrides: str) -> list[list[tuple[int, int]]]:
        keys, made = [], RecombinedDataset.__getitems__

        def kept(self, wanted):
            if self.purpose is Purpose.TRAIN:
                keys.append(list(wanted))
            return made(self, wanted)

        with mock.patch.object(RecombinedDataset, "__getitems__", kept):
            run(
                tmp_path / str(len(overrides)), toy_store, "data.workers=0", "trainer.max_steps=2", *overrides
            )
        return keys

    first, second = asked("+trainer.overfit_batches=1")
    assert first == second
    first, second = asked()
    assert [example for _, example in first] != [example for _, example in second] or first != second


def test_batches_of_one_step_draw_differently(toy_store):
    """Where gradients are accumulated; the first of them as it would alone."""
    module = build_module(small_training(toy_store))
    module.trainer = mock.Mock(global_step=3, global_rank=0, accumulate_grad_batches=2)
    seeds = [module._step_generator(batch).initial_seed() for batch in range(4)]
    module.trainer.accumulate_grad_batches = 1
    alone = module._step_generator(1).initial_seed()
    assert seeds[0] == seeds[2] == alone
    assert seeds[1] == seeds[3] != alone


def test_the_precision_that_was_taken_is_kept(trained):
    assert json.loads((trained / "manifest.json").read_text())["precision"] in ("32-true", "bf16-mixed")


def test_last_is_written_even_where_nothing_gets_better(toy_store, tmp_path):
    """Whoever resumes would lose all that came since the best."""
    worse = ("callbacks.checkpoint.monitor=epoch", "callbacks.checkpoint.mode=min")  # only ever grows
    last = run(tmp_path, toy_store, "trainer.max_steps=4", *worse)
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert (best["global_step"], last["global_step"]) == (2, 4)
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


def test_a_run_leaves_manifest_batch_metrics_and_checkpoint(trained):
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["config"]["seed"] == 1
    assert len(manifest["store_digest"]) == 64
    assert set(manifest) >= {"git", "packages", "overrides", "created_utc"}
    with h5py.File(trained / "batch.h5") as file:
        assert file["waveforms"].attrs["unit"] == "m/s"
        assert file["p_arrival_s"].attrs["unit"] == "s"
        assert file["waveforms"].shape[0] == 4
        assert "ruptures" not in file  # this network has no use for them
    with (trained / "csv" / "metrics.csv").open() as file:
        header = next(csv.reader(file))
    assert {"train/loss", "val/loss", "val/epicentre_p50_km", "val/magnitude_mae"} <= set(header)


def test_a_checkpoint_is_enough_to_run_anywhere(trained, toy_store):
    restored = checkpoint.load(trained / "checkpoints" / "best.ckpt")
    assert restored.preprocess.sampling_rate_hz == 20.0
    assert restored.window_s == 30.0
    assert list(restored.velocity_models) == ["iasp91"]
    assert restored.manifest["store_digest"]
    content = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    for name, weight in restored.module.state_dict().items():
        assert torch.equal(weight, content["state_dict"][name]), name
    assert not restored.module.training


def test_unknown_checkpoints_are_refused_with_what_there_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="takes a path or a shipped name"):
        checkpoint.load("nonesuch")
    rubbish = tmp_path / "rubbish.ckpt"
    rubbish.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.load(rubbish)
    other = tmp_path / "other.ckpt"
    torch.save({"state_dict": {}}, other)
    with pytest.raises(ValueError, match=r"not written by fcn\.train"):
        checkpoint.load(other)


def test_weights_that_do_not_fit_are_refused(trained, tmp_path):
    content = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    content["fcn"]["config"]["arch"]["location_channels"] = [4, 4, 8, 8, 16]
    path = tmp_path / "changed.ckpt"
    torch.save(content, path)
    with pytest.raises(ValueError, match="do not fit the network"):
        checkpoint.load(path)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "pickle.ckpt"
    torch.save({"fcn": Path("anything")}, path)
    with pytest.raises(ValueError, match=r"without pickle"):
        checkpoint.load(path)


@pytest.mark.filterwarnings("ignore:The dirpath has changed")  # says the callback that keeps the last
@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")
def test_a_run_that_goes_on_elsewhere_keeps_the_best_so_far(toy_store, tmp_path):
    """By a figure that only ever grows, the first validation is the best: it came before the interruption."""
    worse = ("callbacks.checkpoint.monitor=epoch", "callbacks.checkpoint.mode=min")
    run(tmp_path / "first", toy_store, *worse, "optim.scheduler.total_steps=4", "trainer.max_steps=2")
    last = tmp_path / "first" / "checkpoints" / "last.ckpt"
    run(tmp_path / "second", toy_store, *worse, "trainer.max_steps=4", f"ckpt={last}")
    here = tmp_path / "second" / "checkpoints"
    assert {path.name for path in here.iterdir()} == {"best.ckpt", "last.ckpt"}
    steps = [torch.load(here / f"{name}.ckpt", weights_only=True)["global_step"] for name in ("best", "last")]
    assert steps == [2, 4]


def logged(folder: Path) -> list[tuple[str, str, str]]:
    """Step and losses of every row, as they stand in the file."""
    with (folder / "csv" / "metrics.csv").open(newline="") as file:
        return [(row["step"], row["train/loss"], row["val/loss"]) for row in csv.DictReader(file)]


@pytest.mark.filterwarnings("ignore:Checkpoint directory")  # that is the folder to go on in
@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")
def test_resuming_in_the_same_folder_keeps_what_was_logged_and_doubles_nothing(toy_store, tmp_path):
    """Interrupted beyond the checkpoint, with a row broken off: the log is that of an uninterrupted run."""
    after_one_epoch = tmp_path / "after_one_epoch.ckpt"
    run(tmp_path / "run", toy_store, "optim.scheduler.total_steps=6", "trainer.max_steps=2")
    shutil.copy(tmp_path / "run" / "checkpoints" / "last.ckpt", after_one_epoch)
    on = ("optim.scheduler.total_steps=6", f"ckpt={after_one_epoch}")
    run(tmp_path / "run", toy_store, *on, "trainer.max_steps=4")
    with (tmp_path / "run" / "csv" / "metrics.csv").open("a", newline="") as file:
        file.write("1,1")
    run(tmp_path / "run", toy_store, *on, "trainer.max_steps=6")
    run(tmp_path / "whole", toy_store, "trainer.max_steps=6")
    assert len(logged(tmp_path / "whole")) >= 6 + 3  # every step and every validation
    assert logged(tmp_path / "run") == logged(tmp_path / "whole")


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_a_run_that_begins_anew_in_a_folder_begins_its_log_anew(toy_store, tmp_path):
    run(tmp_path, toy_store, "trainer.max_steps=4")
    run(tmp_path, toy_store, "trainer.max_steps=2")
    assert {step for step, *_ in logged(tmp_path)} == {"0", "1"}


def test_a_training_that_diverges_stops_at_the_step_and_names_the_term(toy_store, tmp_path):
    with pytest.raises(
        ValueError, match=r"diverged at step [12]: the loss is (nan|inf), of \{'\w+'.*smaller"
    ):
        run(tmp_path, toy_store, "trainer.max_steps=4", "optim.optimiser.lr=1e15", "optim.scheduler=null")


def test_divergence_in_another_process_stops_this_one(toy_store, tmp_path, monkeypatch):
    monkeypatch.setattr(SingleDeviceStrategy, "reduce_boolean_decision", lambda *_, **__: False)
    with pytest.raises(ValueError, match="diverged at step 0 in another process"):
        run(tmp_path, toy_store, "trainer.max_steps=4")


def test_a_store_without_earthquakes_to_validate_on_is_refused_before_the_first_step(tmp_path):
    rng = np.random.default_rng(0)
    with StoreWriter(tmp_path / "store", RATE_HZ, {"train": 0.8, "dev": 0.1, "test": 0.1}, seed=0) as writer:
        for number in range(4):  # one event's, which is in one split
            writer.add(toy_record(rng, number, 20.0, 8.0))
    with (
        mock.patch.object(run_training, "build_module", side_effect=AssertionError("it began")),
        pytest.raises(
            ValueError, match=r"store has no earthquake in its split dev, .* splits\.split_fractions"
        ),
    ):
        run(tmp_path / "run", tmp_path / "store", "trainer.max_steps=2")


def test_training_too_short_to_save_anything_is_refused(toy_store, tmp_path):
    with pytest.raises(ValueError, match="before the first validation"):
        run(tmp_path / "run", toy_store, "trainer.max_steps=1")


def test_going_on_with_other_learning_rates_is_refused(trained, toy_store, tmp_path):
    """The schedule of the checkpoint would end before the training."""
    last = trained / "checkpoints" / "last.ckpt"
    with pytest.raises(ValueError, match=r"planned for \[4\] steps, and optim.scheduler.total_steps=8"):
        run(tmp_path / "run", toy_store, "trainer.max_steps=8", f"ckpt={last}")


def test_missing_stores_are_refused(toy_store, tmp_path):
    with pytest.raises(FileNotFoundError, match="build_store"):
        run(tmp_path / "run", tmp_path / "nowhere")


def test_bad_records_never_reach_the_network(trained, toy_store):
    """What the store serves is finite, so every loss is."""
    with (trained / "csv" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["val/loss"]) for row in rows if row["val/loss"]]
    assert losses
    assert all(loss == loss and abs(loss) < 1e6 for loss in losses)

"""Pictures of validation windows: always the same ones, in the folder and in the loggers that take images."""

from pathlib import Path
from types import SimpleNamespace

import lightning
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure
from toy import resolved, small_training

from fcn.assemble import build_datamodule, build_module
from fcn.callbacks.pictures import Pictures
from fcn.train import train


class Kept:
    """What every logger has to do for a Trainer, without a service behind it."""

    def __init__(self) -> None:
        self.kept: list[tuple] = []

    name = version = "kept"
    save_dir = None

    def log_metrics(self, metrics, step=None) -> None: ...

    def log_hyperparams(self, params, *args, **kwargs) -> None: ...

    def log_graph(self, *args, **kwargs) -> None: ...

    def finalize(self, status) -> None: ...

    def save(self) -> None: ...

    def after_save_checkpoint(self, checkpoint_callback) -> None: ...


class KeptWandb(Kept, WandbLogger):
    def log_image(self, key, images, step=None, **kwargs) -> None:
        self.kept.append((key, images, step))


class KeptTensorBoard(Kept, TensorBoardLogger):
    @property
    def experiment(self):
        add = lambda tag, figure, global_step: self.kept.append((tag, figure, global_step))  # noqa: E731
        return SimpleNamespace(add_figure=add)


@pytest.fixture
def parts(toy_store):
    config = small_training(toy_store)
    return build_module(config), build_datamodule(config, toy_store)


def validate(parts, callback: Pictures, *loggers) -> None:
    module, data = parts
    trainer = lightning.Trainer(
        accelerator="cpu",
        logger=list(loggers),
        callbacks=[callback],
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.validate(module, data, verbose=False)


def shown(callback: Pictures) -> list[torch.Tensor]:
    return [window.waveforms for window in callback._windows]


def test_loggers_that_take_images_get_the_same_windows_every_time(parts, tmp_path):
    wandb, board, pictures = KeptWandb(), KeptTensorBoard(), Pictures(tmp_path, 2, 20.0)
    validate(parts, pictures, wandb, board)
    paths = [str(tmp_path / "pictures" / f"step-0-{k}.png") for k in range(2)]
    assert wandb.kept == [("val/windows", paths, 0)]
    assert [(tag, step) for tag, _, step in board.kept] == [("val/window-0", 0), ("val/window-1", 0)]
    assert all(isinstance(figure, Figure) for _, figure, _ in board.kept)
    assert all(Path(path).read_bytes()[1:4] == b"PNG" for path in paths)
    first = shown(pictures)
    validate(parts, pictures)
    assert all(torch.equal(a, b) for a, b in zip(first, shown(pictures), strict=True))


def test_windows_drawn_have_an_event_to_locate(parts, tmp_path):
    pictures = Pictures(tmp_path, 100, 20.0)
    validate(parts, pictures)
    first = next(iter(parts[1].val_dataloader()[0]))
    n_events = int(first.targets.is_event.sum())
    assert 0 < n_events < len(first)
    assert len(list((tmp_path / "pictures").iterdir())) == n_events
    assert all(window.targets.is_event.item() for window in pictures._windows)


def test_nothing_to_locate_is_nothing_to_draw(parts, tmp_path, monkeypatch):
    wandb, pictures = KeptWandb(), Pictures(tmp_path, 2, 20.0)
    monkeypatch.setattr(Pictures, "on_validation_batch_end", lambda *_: None)
    validate(parts, pictures, wandb)
    assert wandb.kept == []
    assert not (tmp_path / "pictures").exists()


def test_a_training_leaves_pictures_and_is_not_disturbed(toy_store, tmp_path):
    common = ("trainer.max_steps=4", "optim.scheduler.total_steps=4", "arch.dropout=0.2")
    quiet = ("trainer.enable_progress_bar=false", "~validation.sequences.smoke", *common)
    train(small_training(toy_store, *quiet), tmp_path / "without", [])
    drawn = small_training(toy_store, *quiet)
    drawn["callbacks"]["pictures"] = resolved("train", "experiment=smoke")["callbacks"]["pictures"] | {"n": 1}
    train(drawn, tmp_path / "with", [])
    names = {path.name for path in (tmp_path / "with" / "pictures").iterdir()}
    assert names == {"step-2-0.png", "step-4-0.png"}
    assert not (tmp_path / "without" / "pictures").exists()
    one, other = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("with", "without")
    )
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def test_no_pictures_at_all_is_not_a_number_of_them(tmp_path):
    with pytest.raises(ValueError, match=r"~callbacks\.pictures draws none"):
        Pictures(tmp_path, 0, 20.0)

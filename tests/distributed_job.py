"""A small training on one or several processes, which writes down what each of them drew and found.

python tests/distributed_job.py STORE FOLDER DEVICES
"""

import sys
from pathlib import Path
from typing import Any

import lightning
import torch
from toy import small_training

from fcn.batch import Batch
from fcn.train import train

SHORT = "validation.sequences.smoke.builder"


class Recorder(lightning.Callback):
    """The sources of every training batch and the figures of every validation, a file per rank."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.drawn: list[tuple[int, torch.Tensor]] = []
        self.figures: list[dict[str, float]] = []

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self.drawn.append((trainer.current_epoch, batch.targets.source_km.clone()))

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        found = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("val")}
        self.figures.append(found)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        weights = {name: value.clone() for name, value in pl_module.state_dict().items()}
        content: dict[str, Any] = {"drawn": self.drawn, "figures": self.figures, "weights": weights}
        torch.save(content, self.folder / f"rank{trainer.global_rank}.pt")


class Spoiler(lightning.Callback):
    """Makes what the second process is given no numbers."""

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.global_rank == 1:
            batch.waveforms.fill_(torch.nan)


def main(store: Path, folder: Path, devices: int, *overrides: str) -> None:
    config = small_training(
        store,
        f"cache={folder / 'cache'}",
        f"trainer.devices={devices}",
        "trainer.accelerator=cpu",
        "+trainer.strategy=ddp",
        "trainer.num_sanity_val_steps=-1",  # a whole validation before anything is trained
        "trainer.enable_progress_bar=false",
        f"trainer.max_steps={16 // devices}",
        "data.examples_per_epoch=32",
        "data.validation_examples=32",
        "data.workers=1",
        "validation.minutes=null",  # all of its minute and a half: its one event comes after 38 s
        f"{SHORT}.duration_s=90",
        f"{SHORT}.seismicity.0.n_events=1",
        "+callbacks.recorder._target_=distributed_job.Recorder",
        f"+callbacks.recorder.folder={folder}",
        *overrides,
    )
    train(config, folder / "run", [])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])

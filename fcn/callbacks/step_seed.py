"""Dropout draws that depend on the step, not on what was drawn before it."""

from typing import Any

import lightning
import torch

from fcn.seeding import Purpose, derive_generator


class StepSeed(lightning.Callback):
    """Seeds torch's global generator, which dropout draws from, before every training step.

    A run resumed from a checkpoint then repeats what an uninterrupted one would have done.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed from (seed, step, rank)."""
        key = (trainer.global_step, trainer.global_rank)
        torch.manual_seed(derive_generator(self.seed, Purpose.DROPOUT, *key).initial_seed())

"""A part of a network is trained, the rest stays as it is."""

from collections.abc import Sequence
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from torch import nn

from fcn.module import FcnModule


class Frozen(Callback):
    """Trains only the parameters of the network whose names begin with one of `trained`.

    Modules without any of these stay in evaluation mode: running statistics of frozen layers do not move,
    either. Raises ValueError, before the first step, for a name that no parameter begins with, and for
    parameters that are neither trained nor of the weights that the training began with.
    """

    def __init__(self, trained: Sequence[str]) -> None:
        self.trained = tuple(trained)

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Before the optimiser is made."""
        assert isinstance(pl_module, FcnModule)
        names = [name for name, _ in pl_module.network.named_parameters()]
        if unknown := [each for each in self.trained if not any(n.startswith(each) for n in names)]:
            raise ValueError(
                f"callbacks.frozen.trained: no parameter of {type(pl_module.network).__name__} begins with "
                f"{', '.join(unknown)}; there are {', '.join(names)}"
            )
        if left := [each for each in pl_module.begun_anew if not each.startswith(self.trained)]:
            raise ValueError(
                f"callbacks.frozen.trained={list(self.trained)} leaves as drawn what weights= does not "
                f"have: {', '.join(left)}; train it, too, or first (experiment=hearing), or take "
                "arch.ear_width=0"
            )
        for name, parameter in pl_module.network.named_parameters():
            parameter.requires_grad_(name.startswith(self.trained))

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Lightning puts the whole module in training mode again and again, as after a validation."""
        assert isinstance(pl_module, FcnModule)
        for module in pl_module.network.modules():
            module.train(_is_trained(module))


def _is_trained(module: nn.Module) -> bool:
    """Has it parameters of its own, and are they trained?"""
    return any(each.requires_grad for each in module.parameters(recurse=False))

"""pictures/ in a training's folder, and in its loggers: what the network makes of the same few windows."""

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

from fcn.batch import Batch
from fcn.module import FcnModule
from fcn.report.examples.view import view_figure
from fcn.report.kit.picture import Picture
from fcn.scheme.base import View, require_targets


class Pictures(lightning.Callback):
    """Draws windows of the first validation batch at the end of every validation, on the first rank.

    n: at most so many, the first ones with an event to locate. Writes pictures/step-<step>-<k>.png in
    `folder` and hands them to the loggers that take images. Raises ValueError for an n below 1.
    """

    def __init__(self, folder: Path, n: int, sampling_rate_hz: float) -> None:
        if n < 1:
            raise ValueError(
                f"callbacks.pictures.n must be at least 1, got {n}; ~callbacks.pictures draws none"
            )
        self.folder, self.n, self.sampling_rate_hz = folder / "pictures", n, sampling_rate_hz
        self._windows: list[Batch] = []

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the windows to draw; loader 0 serves the same ones in every epoch."""
        if batch_idx > 0 or dataloader_idx > 0 or not trainer.is_global_zero:
            return
        seen = require_targets(batch).is_event.nonzero()[: self.n, 0]
        self._windows = [batch.window(index) for index in seen.tolist()]

    @torch.no_grad()
    def on_validation_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Draw them with the weights of this step."""
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        assert isinstance(pl_module, FcnModule)
        step, paths = trainer.global_step, []
        for k, window in enumerate(self._windows):
            with trainer.precision_plugin.val_step_context():  # as validation computes
                view = pl_module.scheme.look(pl_module.network, window, require_targets(window), 0)
            title = f"Step {step}, validation window {k}: {title_of(view, window)}"
            figure = view_figure(view, window, 0, self.sampling_rate_hz, title)
            paths.append(self.folder / f"step-{step}-{k}.png")
            Picture.of(figure).write(paths[-1])
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    logger.experiment.add_figure(f"val/window-{k}", figure, global_step=step)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger) and paths:
                logger.log_image("val/windows", [str(path) for path in paths], step=step)


def title_of(view: View, window: Batch) -> str:
    """What is in a batch of one window, and how far off its estimate is, in a line."""
    targets = require_targets(window)
    error_km = (view.hypocentre_km - view.source_km).double().cpu().numpy()
    return (
        f"M {float(targets.magnitude[0]):.1f}, {float(targets.elapsed_s[0]):.1f} s after its first P; "
        f"epicentre {np.hypot(error_km[0], error_km[1]):.1f} km off, depth {error_km[2]:+.1f} km"
    )

"""manifest.json beside every run, and in Weights & Biases."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning

from fcn.callbacks.run_log import run_logs


class Manifest(lightning.Callback):
    """Writes the run's manifest at its start, so that a run that dies has one, too."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Write the file, once, on the first rank, and tell those loggers that take it."""
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "manifest.json").write_text(json.dumps(self.manifest, indent=2) + "\n")
        for log in run_logs(trainer.loggers):
            log.describe(self.manifest)

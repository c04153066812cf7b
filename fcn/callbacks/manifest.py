"""manifest.json beside every run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning


class Manifest(lightning.Callback):
    """Writes the run's manifest at its start, so that a run that dies has one, too."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Write the file, once, on the first rank."""
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "manifest.json").write_text(json.dumps(self.manifest, indent=2) + "\n")

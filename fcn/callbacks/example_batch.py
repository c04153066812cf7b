"""batch.h5 beside every training run: the first batch the network saw."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import lightning
from torch import Tensor

from fcn.batch import Batch

UNITS = {"waveforms": "m/s", "waveforms_broad": "m/s", "background_mps": "m/s", "peaks": "m/s, m"}


def write_batch(batch: Batch, path: Path) -> None:
    """Every tensor of the batch and its targets as an HDF5 data set, with units as attributes.

    Those of whole earthquakes to size are in the group `ruptures`.
    """
    with h5py.File(path, "w") as file:
        for group, part in (("/", batch), ("/", batch.targets), ("/ruptures", batch.ruptures)):
            for f in fields(part) if part is not None else ():
                value = getattr(part, f.name)
                if not isinstance(value, Tensor):
                    continue
                data = file.create_dataset(f"{group}/{f.name}", data=value.cpu().numpy())
                suffix = f.name.rsplit("_", 1)[-1]
                data.attrs["unit"] = UNITS.get(f.name, suffix if suffix in ("s", "km") else "")


class ExampleBatch(lightning.Callback):
    """Dumps the first training batch, the cheapest audit of an online sampler."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "batch.h5"

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Write the first batch of the run, on the first rank."""
        if trainer.is_global_zero and not self.path.exists():
            write_batch(batch, self.path)

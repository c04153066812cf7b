"""The LightningDataModule: recombined batches to train and validate on, sequences to validate and test on."""

from collections.abc import Sequence as Items
from pathlib import Path
from typing import Any

import lightning
from torch.utils.data import DataLoader

from fcn.data.windows import WindowDataset
from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.batch import Batch
from fcn.recombine.dataset import EpochSampler, Recipe, RecombinedDataset
from fcn.seeding import Purpose


def _as_is(batch: Any) -> Any:
    """Batches come ready-made from `RecombinedDataset.__getitems__`."""
    return batch


class FcnDataModule(lightning.LightningDataModule):
    """Serves recombined batches and the windows of sequences.

    tables:               first arrivals of every velocity model an example may be drawn in, stacked.
    validation_sequences: continuous sequences replayed at every validation; test_sequence: at test.
    workers:              processes that recombine; 0 recombines in the training process.
    """

    def __init__(
        self,
        *,
        store_path: Path | None = None,
        recipe: Recipe | None = None,
        tables: TravelTimeTable | None = None,
        n_models: int = 0,
        seed: int = 0,
        validation_seed: int = 0,
        batch_size: int = 1,
        examples_per_epoch: int = 1,
        validation_examples: int = 1,
        workers: int = 0,
        validation_sequences: Items[WindowDataset] = (),
        test_sequence: WindowDataset | None = None,
    ) -> None:
        super().__init__()
        if tables is not None:
            tables.values.share_memory_()  # workers send a handle with each batch, not tens of MB
        self.store_path, self.recipe, self.tables, self.n_models = store_path, recipe, tables, n_models
        self.seed, self.validation_seed = seed, validation_seed
        self.batch_size, self.workers = batch_size, workers
        self.examples_per_epoch, self.validation_examples = examples_per_epoch, validation_examples
        self.validation_sequences = list(validation_sequences)
        self.test_sequence = test_sequence

    def recombined(self, purpose: Purpose, split: str) -> RecombinedDataset:
        """The dataset of recombined examples for a purpose. Raises RuntimeError without a store."""
        if self.store_path is None or self.recipe is None or self.tables is None:
            raise RuntimeError("this data module was built without a base store: it can test, not train")
        return RecombinedDataset(
            store_path=self.store_path,
            split=split,
            seed=self.validation_seed if purpose is Purpose.VALIDATION else self.seed,
            purpose=purpose,
            recipe=self.recipe,
            tables=self.tables,
            n_models=self.n_models,
        )

    def _loader(self, purpose: Purpose, split: str, n_examples: int) -> DataLoader[Batch]:
        trainer = self.trainer

        def epoch() -> int:
            return 0 if trainer is None or purpose is Purpose.VALIDATION else trainer.current_epoch

        sampler = EpochSampler(
            n_examples,
            rank=trainer.global_rank if trainer else 0,
            n_ranks=trainer.world_size if trainer else 1,
            epoch=epoch,
        )
        return DataLoader(
            self.recombined(purpose, split),
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.workers,
            collate_fn=_as_is,
            persistent_workers=self.workers > 0,
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Recombined batches, new in every epoch, from the training split."""
        return self._loader(Purpose.TRAIN, "train", self.examples_per_epoch)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """Recombined batches, the same in every epoch, from the dev split; then the sequences."""
        fixed = self._loader(Purpose.VALIDATION, "dev", self.validation_examples)
        return [fixed, *(self._windows(sequence) for sequence in self.validation_sequences)]

    def test_dataloader(self) -> DataLoader[Batch]:
        """The windows of the test sequence, in order."""
        if self.test_sequence is None:
            raise RuntimeError("this data module was built without a test sequence")
        return self._windows(self.test_sequence)

    @staticmethod
    def _windows(windows: WindowDataset) -> DataLoader[Batch]:
        return DataLoader(windows, batch_size=None, shuffle=False, num_workers=0)

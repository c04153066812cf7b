"""The LightningDataModule: recombined batches to train and validate on, sequences to validate and test on."""

import itertools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Items
from pathlib import Path
from typing import Any

import lightning
from torch.utils.data import DataLoader, Sampler

from fcn.batch import Batch
from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.dataset import EpochSampler, Key, RecombinedDataset
from fcn.recombine.histories import HistoryLaw
from fcn.recombine.recipe import Recipe
from fcn.seeding import Purpose


def _as_is(batch: Any) -> Any:
    """Batches come ready-made from `RecombinedDataset.__getitems__`."""
    return batch


def start_method() -> str:
    """How data workers begin: as this process's children do, or as is usual here where torch cannot do that.

    joblib's launcher starts jobs by a method of its own, loky, which then is the default within a job and
    cannot start a DataLoader's processes.
    """
    usual = multiprocessing.get_all_start_methods()  # the first is the platform's default
    current = multiprocessing.get_start_method(allow_none=True)  # asking else settles it
    return current if current in usual else usual[0]


def _begun(trainer: lightning.Trainer | None) -> int:
    """Batches that the epoch has had which a training goes on with; none where it begins a new one."""
    if trainer is None or not trainer.fit_loop.restarting:
        return 0
    progress = trainer.fit_loop.epoch_loop.batch_progress
    return 0 if progress.is_last_batch else int(progress.current.ready)


class RankBatches(Sampler[list[Key]]):
    """Every n-th of the batches one process would make of `keys`: a batch's mean is the same on any rank.

    Raises ValueError where the ranks would get different numbers of batches: they would wait for each other
    for ever.
    begun: how many batches of its own a rank has had of this epoch, before a training was interrupted.
    """

    def __init__(
        self,
        keys: EpochSampler,
        batch_size: int,
        *,
        rank: int,
        n_ranks: int,
        begun: Callable[[], int] = lambda: 0,
    ) -> None:
        self.keys, self.batch_size, self.rank, self.n_ranks = keys, batch_size, rank, n_ranks
        self.begun = begun
        n_batches = -(-len(keys) // batch_size)
        if n_batches % n_ranks:
            raise ValueError(
                f"{n_batches} batches of {batch_size} cannot be dealt evenly to {n_ranks} processes: make "
                "data.examples_per_epoch and data.validation_examples multiples of data.batch_size x "
                "trainer.devices x trainer.num_nodes"
            )
        self.n_batches = n_batches // n_ranks

    def __iter__(self) -> Iterator[list[Key]]:
        keys = iter(self.keys)
        batches = iter(lambda: list(itertools.islice(keys, self.batch_size)), [])
        return itertools.islice(batches, self.rank + self.n_ranks * self.begun(), None, self.n_ranks)

    def __len__(self) -> int:
        return self.n_batches


class EpochLoader(DataLoader[Batch]):
    """Batches of an epoch, with which a resumed training goes on where it was; Lightning asks for a state.

    There is none to keep: how far an epoch came is known to the trainer, and `RankBatches` asks it.
    """

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


class FcnDataModule(lightning.LightningDataModule):
    """Serves recombined batches and the windows of sequences.

    tables:               first arrivals of every velocity model an example may be drawn in, stacked.
    noise_path:           of a store whose noise windows have, and not histories; None: `store_path`.
    validation_sequences: windows of sequences, in order, gone through at every validation.
    test_sequence:        the same, at a test.
    histories:            of earthquakes to size beside the windows; None for a network that does not ask.
    workers:              processes that recombine; 0 recombines in the training process.
    """

    def __init__(
        self,
        *,
        store_path: Path | None = None,
        noise_path: Path | None = None,
        recipe: Recipe | None = None,
        histories: HistoryLaw | None = None,
        tables: TravelTimeTable | None = None,
        n_models: int = 0,
        seed: int = 0,
        validation_seed: int = 0,
        batch_size: int = 1,
        examples_per_epoch: int = 1,
        validation_examples: int = 1,
        workers: int = 0,
        validation_sequences: Items[Iterable[Batch]] = (),
        test_sequence: Iterable[Batch] | None = None,
    ) -> None:
        super().__init__()
        if tables is not None:
            tables.values.share_memory_()  # workers send a handle with each batch, not tens of MB
        self.store_path, self.recipe, self.tables, self.n_models = store_path, recipe, tables, n_models
        self.histories, self.noise_path = histories, noise_path
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
            histories=self.histories,
            noise_path=self.noise_path,
        )

    def _loader(self, purpose: Purpose, split: str, n_examples: int) -> DataLoader[Batch]:
        trainer = self.trainer

        def epoch() -> int:
            if trainer is None or purpose is Purpose.VALIDATION:
                return 0
            by_heart = getattr(trainer, "overfit_batches", 0)  # set by Lightning, and not declared
            return 0 if by_heart else trainer.current_epoch

        whole = EpochSampler(n_examples, epoch=epoch)
        batches = RankBatches(
            whole,
            self.batch_size,
            rank=trainer.global_rank if trainer else 0,
            n_ranks=trainer.world_size if trainer else 1,
            begun=lambda: _begun(trainer) if purpose is Purpose.TRAIN else 0,
        )
        return EpochLoader(
            self.recombined(purpose, split),
            batch_sampler=batches,
            num_workers=self.workers,
            collate_fn=_as_is,
            multiprocessing_context=start_method() if self.workers else None,
            persistent_workers=self.workers > 0,
            # copies to a GPU then go on while it computes (`fcn.devices.sent`)
            pin_memory=trainer is not None and trainer.strategy.root_device.type == "cuda",
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Recombined batches, new in every epoch, from the training split."""
        return self._loader(Purpose.TRAIN, "train", self.examples_per_epoch)

    def val_dataloader(self) -> list[Iterable[Batch]]:
        """Recombined batches, the same in every epoch, from the dev split; then the sequences."""
        fixed = self._loader(Purpose.VALIDATION, "dev", self.validation_examples)
        return [fixed, *self.validation_sequences]

    def test_dataloader(self) -> Iterable[Batch]:
        """The windows of the test sequence, in order."""
        if self.test_sequence is None:
            raise RuntimeError("this data module was built without a test sequence")
        return self.test_sequence

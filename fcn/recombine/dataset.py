"""The endless supply: a map-style dataset whose items are keyed by (epoch, example) and made on demand."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from fcn.batch import Batch, Ruptures
from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.compose import Composition
from fcn.recombine.faults import draw_faults
from fcn.recombine.histories import HistoryBank, HistoryLaw
from fcn.recombine.library import Library
from fcn.recombine.recipe import Recipe
from fcn.recombine.scene import Scene, draw_scene
from fcn.recombine.swarms import with_swarms
from fcn.seeding import Purpose, derive_rng

Key = tuple[int, int]  # (epoch, example)
HISTORY = 1  # last key of the random streams of histories, beside those of windows


@dataclass
class RecombinedDataset(Dataset[Batch]):
    """Whole batches of recombined events: `dataset.__getitems__([(epoch, example), ...])`.

    Every example depends on (seed, purpose, epoch, example) alone. The store is opened on first use in
    each process. histories: where given, each window comes with an earthquake to size. noise_path: of the
    store whose noise windows have, and not histories, which want longer records of it; None: the same.
    """

    store_path: Path
    split: str
    seed: int
    purpose: Purpose
    recipe: Recipe
    tables: TravelTimeTable
    n_models: int
    histories: HistoryLaw | None = None
    noise_path: Path | None = None
    _library: Library | None = field(default=None, repr=False)
    _bank: HistoryBank | None = field(default=None, repr=False)

    def open(self) -> Library:
        """The store's records, opened in this process on first use."""
        if self._library is None:
            self._library = Library.open(self.store_path, self.split, self.recipe, self.noise_path)
        return self._library

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_library": None, "_bank": None}

    def __getitem__(self, key: Key) -> Batch:
        return self.__getitems__([key])

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """The batch of these (epoch, example) keys."""
        rngs = [derive_rng(self.seed, self.purpose, epoch, example) for epoch, example in keys]
        batch = self.synthesise(self.draw(rngs), rngs)
        return batch if self.histories is None else replace(batch, ruptures=self.ruptures(keys))

    def ruptures(self, keys: Sequence[Key]) -> Ruptures:
        """Earthquakes to size, `per_window` for each key.

        Raises ValueError without a law, and where `HistoryBank.of` does.
        """
        if self.histories is None:
            raise ValueError("data.histories is null: there are no earthquakes to size")
        if self._bank is None:
            library = self.open()
            self._bank = HistoryBank.of(library.store, self.split, self.recipe.preprocess, self.histories)
        drawn = [
            self._bank.draw(
                derive_rng(self.seed, self.purpose, epoch, example, HISTORY), self.histories.per_window
            )
            for epoch, example in keys
        ]
        n_stations = max(each.mask.shape[1] for each in drawn)
        return Ruptures(
            *(
                torch.cat([_padded(getattr(each, f.name), n_stations) for each in drawn])
                for f in fields(Ruptures)
            )
        )

    def draw(self, rngs: Sequence[np.random.Generator]) -> Scene:
        """One scene per generator."""
        recipe = self.recipe
        scene = draw_scene(
            rngs,
            recipe.stations,
            recipe.events,
            half_width_km=recipe.box_km,
            window_s=recipe.window_s,
            n_models=self.n_models,
        )
        return with_swarms(scene, rngs, recipe.swarms, depth_km=recipe.events.depth_km)

    def synthesise(self, scene: Scene, rngs: Sequence[np.random.Generator]) -> Batch:
        """Waveforms and targets of a drawn scene, on its device, which must be that of `tables`."""
        library, recipe, device = self.open(), self.recipe, scene.mask.device
        scene = library.with_ruptures(scene)
        n_stations = scene.mask.sum(dim=1).tolist()
        faults = draw_faults(rngs, recipe.faults, n_stations).to(device)
        noise = library.noise.draw_spectra(rngs, n_stations, recipe.n_fft).to(device) * recipe.noise_gain
        made = Composition.of(recipe, scene, self.tables[scene.model_index], faults)
        return made.batch(library.records(made.places), noise)


def _padded(values: Shaped[Tensor, "n *rest"], n_stations: int) -> Shaped[Tensor, "n *other"]:
    """With stations that do not exist after those that do; what has no stations as it is."""
    if values.ndim < 2 or values.shape[1] == n_stations:
        return values
    more = values.new_zeros(len(values), n_stations - values.shape[1], *values.shape[2:])
    return torch.cat([values, more], dim=1)


class EpochSampler(Sampler[Key]):
    """Keys (epoch, example) of one epoch, as one process would draw them.

    epoch: asked at the start of each pass. Lightning's `set_epoch` is not used: after a resume it is called
        with an epoch too many (docs/decisions/002-examples-keyed-by-epoch.md).
    """

    def __init__(self, n_examples: int, *, epoch: Callable[[], int]) -> None:
        if n_examples < 1:
            raise ValueError(f"an epoch needs at least one example, got {n_examples}")
        self.n_examples, self.epoch = n_examples, epoch

    def __iter__(self) -> Iterator[Key]:
        epoch = self.epoch()
        return ((epoch, example) for example in range(self.n_examples))

    def __len__(self) -> int:
        return self.n_examples

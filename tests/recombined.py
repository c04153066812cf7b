"""Datasets of recombined examples for tests, and what they are made of."""

from pathlib import Path

import numpy as np
from toy import small_training

from fcn.assemble import build_datamodule
from fcn.recombine.compose import Composition
from fcn.recombine.dataset import RecombinedDataset
from fcn.recombine.faults import SHARES, draw_faults
from fcn.recombine.scene import Scene
from fcn.seeding import Purpose, derive_rng

SOUND = tuple(f"data.faults.{name}=0" for name in SHARES)


def dataset(store: Path, *overrides: str) -> RecombinedDataset:
    """Examples of the training split without faults, unless the overrides say otherwise."""
    module = build_datamodule(small_training(store, *SOUND, *overrides), store)
    return module.recombined(Purpose.TRAIN, "train")


def rngs(n: int, seed: int = 0) -> list[np.random.Generator]:
    """Of n examples."""
    return [derive_rng(seed, Purpose.TRAIN, 0, i) for i in range(n)]


def composition(made: RecombinedDataset, scene: Scene) -> Composition:
    """The batch of a scene before any record is read."""
    faults = draw_faults(rngs(len(scene.mask), seed=1), made.recipe.faults, scene.mask.sum(dim=1).tolist())
    return Composition.of(made.recipe, scene, made.tables[scene.model_index], faults)

"""What `python -m fcn.train` does, from a resolved configuration."""

import logging
import math
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from fcn.assemble import (
    TimesTo,
    build_datamodule,
    build_module,
    build_replay,
    choose_velocity_model,
    stated_layers,
    velocity_models,
)
from fcn.cache import cached_store, sequence_root
from fcn.callbacks.curves import KeptCurves
from fcn.callbacks.example_batch import ExampleBatch
from fcn.callbacks.kept import set_aside
from fcn.callbacks.manifest import Manifest
from fcn.callbacks.run_log import run_logs
from fcn.checkpoint import begin_with, find, read
from fcn.config import build
from fcn.data.part import some_minutes
from fcn.data.sequences import Sequence
from fcn.engine import CHECKPOINTS, build_trainer
from fcn.module import FcnModule
from fcn.preflight import check_training
from fcn.provenance import manifest, went_on
from fcn.replay import Replay
from fcn.store.reader import BaseStore

log = logging.getLogger(__name__)


def validation_replays(config: dict[str, Any], module: FcnModule) -> list[Replay]:
    """The sequences of `validation.sequences`, simulated on first use."""
    validation, data = config["validation"], config["data"]
    preprocess = build(config["preprocess"])
    replays = []
    for dataset in validation["sequences"].values():
        root = sequence_root(dataset, Path(config["cache"]).expanduser())
        sequence = some_minutes(Sequence.load(root, preprocess), validation["minutes"])
        model = choose_velocity_model(None, sequence, velocity_models(config))
        replays.append(
            build_replay(
                sequence,
                module.network,
                module.scheme,
                partial=module.scheme.partial,
                preprocess=preprocess,
                travel_times=TimesTo(model, data["table"], sequence.frame),
                declare=config["declare"],
                matching=config["matching"],
                window_s=data["window_s"],
                step_s=validation["step_s"],
            )
        )
    return replays


def _check_splits(store: BaseStore) -> None:
    """Raises ValueError for a store that would fail at the first validation, an epoch later, if at all."""
    for split in ("train", "dev"):
        if not len(store.select(split, "earthquake")):
            raise ValueError(
                f"{store.path} has no earthquake in its split {split}, and a training needs some in train "
                "and dev: build it of more earthquakes, or with other splits.split_fractions"
            )


def train(config: dict[str, Any], folder: Path, overrides: list[str]) -> float:
    """One training run in `folder`; returns the best value of the monitored validation figure.

    NaN where the configuration has no checkpoint callback.
    """
    check_training(config)
    config = {**config, "velocity_model": stated_layers(config["velocity_model"])}
    torch.set_num_threads(config["trainer"]["threads"])
    store_path = cached_store(config["store"], Path(config["cache"]).expanduser())
    store = BaseStore.open(store_path)
    _check_splits(store)
    record = manifest(config, overrides, store_digest=store.digest)
    if config["ckpt"] is not None:
        content = read(find(config["ckpt"]))
        record.update(went_on(content["fcn"], content["global_step"]))
    module = build_module(config, record=record)
    if config["weights"] is not None and config["ckpt"] is None:  # what it goes on from has weights
        module.record["weights_digest"] = record["weights_digest"] = begin_with(module, config["weights"])
    module.validation_replays = validation_replays(config, module)
    datamodule = build_datamodule(config, store_path, module.validation_replays)
    callbacks = [Manifest(folder, record), ExampleBatch(folder), KeptCurves()]
    trainer = build_trainer(config, folder, callbacks=callbacks)
    # what trainer.precision=auto came to on this machine
    module.record["precision"] = record["precision"] = str(trainer.precision)
    log.info("%d parameters", sum(p.numel() for p in module.parameters()))
    if config["ckpt"] is None and int(getattr(rank_zero_only, "rank", None) or 0) == 0:
        set_aside(folder / CHECKPOINTS)
    trainer.fit(module, datamodule, ckpt_path=config["ckpt"], weights_only=True)
    best = trainer.checkpoint_callback
    if not isinstance(best, ModelCheckpoint) or best.best_model_score is None:
        return math.nan
    log.info("best checkpoint: %s = %.4g, %s", best.monitor, best.best_model_score, best.best_model_path)
    for each in run_logs(trainer.loggers):
        each.keep(best.best_model_path)
    return float(best.best_model_score)

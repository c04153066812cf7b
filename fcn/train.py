"""`python -m fcn.train`: train a network on recombined earthquakes."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import torch
import wandb
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import DictConfig

from fcn import config as configuration
from fcn.assemble import (
    build_datamodule,
    build_module,
    build_replay,
    build_windows,
    choose_velocity_model,
    velocity_models,
)
from fcn.build_store import cached_store
from fcn.cache import sequence_root
from fcn.callbacks.example_batch import ExampleBatch
from fcn.callbacks.manifest import Manifest
from fcn.checkpoint import find, read
from fcn.config import CONF_DIR, build
from fcn.data.sequences import Sequence
from fcn.data.windows import WindowDataset
from fcn.engine import build_trainer
from fcn.provenance import manifest
from fcn.store.reader import BaseStore

log = logging.getLogger(__name__)


def check(config: dict[str, Any]) -> None:
    """Rules that span configuration groups; raises ValueError before anything is built."""
    data, max_steps = config["data"], config["trainer"]["max_steps"]
    for key in ("batch_size", "examples_per_epoch", "validation_examples", "n_candidates"):
        if not isinstance(data[key], int) or data[key] < 1:
            raise ValueError(f"data.{key} must be a whole number of at least 1, got {data[key]!r}")
    if not isinstance(config["seed"], int) or config["seed"] < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {config['seed']!r}")
    steps = math.ceil(data["examples_per_epoch"] / data["batch_size"])
    if not isinstance(max_steps, int) or max_steps < steps:
        raise ValueError(
            f"trainer.max_steps={max_steps} must be a whole number of at least {steps}, the steps of an "
            "epoch (data.examples_per_epoch / data.batch_size): training would end before the first "
            "validation, and nothing would be saved; train longer or make the epoch shorter"
        )
    if max_steps % steps:
        raise ValueError(
            f"trainer.max_steps={max_steps} ends within an epoch of {steps} steps (data.examples_per_epoch / "
            f"data.batch_size): the last {max_steps % steps}, of the smallest learning rate, would never be "
            f"validated; take {max_steps - max_steps % steps} or {max_steps - max_steps % steps + steps}"
        )
    elapsed_s = data["events"]["elapsed_s"]
    if not elapsed_s[0] < data["window_s"]:
        raise ValueError(
            f"data.events.elapsed_s={elapsed_s} leaves every first P before the window of "
            f"data.window_s={data['window_s']} s: there would be nothing to detect"
        )
    monitor = (config["callbacks"] or {}).get("checkpoint", {}).get("monitor")
    if monitor == "val/f1" and not config["validation"]["sequences"]:
        raise ValueError(
            "callbacks.checkpoint.monitor=val/f1 chooses by what is found on validation sequences, and there "
            "are none: take validation=quick or full, or callbacks=default"
        )
    if config["ckpt"] is not None:
        _check_resumable(config, read(find(config["ckpt"])))


def _check_resumable(config: dict[str, Any], content: Mapping[str, Any]) -> None:
    """Raises ValueError for a checkpoint that this training cannot go on from."""
    ckpt, max_steps = config["ckpt"], config["trainer"]["max_steps"]
    if "global_step" not in content:
        raise ValueError(
            f"{ckpt} was shipped without the state of its training, which cannot go on from it: ckpt= takes "
            "logs/<run>/checkpoints/last.ckpt"
        )
    if content["global_step"] >= max_steps:
        raise ValueError(
            f"{ckpt} has trained {content['global_step']} steps already, and trainer.max_steps={max_steps}: "
            "nothing is left to do"
        )
    planned = [state.get("total_steps") for state in content["lr_schedulers"]]
    wanted = (config["optim"]["scheduler"] or {}).get("total_steps")
    if planned != [wanted]:
        raise ValueError(
            f"the learning rates of {ckpt} were planned for {planned} steps, and optim.scheduler.total_steps="
            f"{wanted}: go on with the trainer.max_steps it began with, or train anew"
        )


def validation_windows(config: dict[str, Any]) -> list[WindowDataset]:
    """The sequences of `validation.sequences`, simulated on first use."""
    validation, data = config["validation"], config["data"]
    windows = []
    for dataset in validation["sequences"].values():
        root = sequence_root(dataset, Path(config["cache"]).expanduser())
        sequence = Sequence.load(root, build(config["preprocess"]))
        model = choose_velocity_model(None, sequence, velocity_models(config))
        windows.append(
            build_windows(
                sequence, model, data["table"], step_s=validation["step_s"], window_s=data["window_s"]
            )
        )
    return windows


def train(config: dict[str, Any], folder: Path, overrides: list[str]) -> float:
    """One training run in `folder`; returns the best value of the monitored validation figure.

    NaN where the configuration has no checkpoint callback.
    """
    check(config)
    torch.set_num_threads(config["trainer"]["threads"])
    store_path = cached_store(config["store"], Path(config["cache"]).expanduser())
    digest = BaseStore.open(store_path).digest
    record = manifest(config, overrides, store_digest=digest)
    module = build_module(config, record=record)
    windows = validation_windows(config)
    module.validation_replays = [build_replay(w, config["declare"], config["matching"]) for w in windows]
    datamodule = build_datamodule(config, store_path, windows)
    callbacks = [Manifest(folder, record), ExampleBatch(folder)]
    trainer = build_trainer(config, folder, callbacks=callbacks)
    log.info("%d parameters", sum(p.numel() for p in module.parameters()))
    trainer.fit(module, datamodule, ckpt_path=config["ckpt"], weights_only=True)
    best = trainer.checkpoint_callback
    if not isinstance(best, ModelCheckpoint) or best.best_model_score is None:
        return math.nan
    log.info("checkpoint: %s", best.best_model_path)
    return float(best.best_model_score)


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def main(cfg: DictConfig) -> float:
    """Entry point; the value returned is what a Hydra sweeper optimises."""
    configuration.check_choices()
    try:
        return train(configuration.plain(cfg), configuration.run_dir(), configuration.overrides())
    finally:
        wandb.finish()  # a multirun starts the next job in this process


if __name__ == "__main__":
    main()

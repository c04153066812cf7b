"""`python -m fcn.train`: train a network on recombined earthquakes."""

import logging
import math
from pathlib import Path
from typing import Any

import hydra
import torch
import wandb
from omegaconf import DictConfig

from fcn import config as configuration
from fcn.assemble import build_module, perturbed_models, travel_times
from fcn.build_store import cached_store
from fcn.callbacks.example_batch import ExampleBatch
from fcn.callbacks.manifest import Manifest
from fcn.config import CONF_DIR, build
from fcn.data.datamodule import FcnDataModule
from fcn.earth.travel_time import TravelTimeTable
from fcn.engine import build_trainer
from fcn.provenance import manifest
from fcn.recombine.dataset import Recipe
from fcn.store.reader import BaseStore

log = logging.getLogger(__name__)


def build_datamodule(config: dict[str, Any], store_path: Path) -> FcnDataModule:
    """Recombined training and validation data of a configuration."""
    data = config["data"]
    models = perturbed_models(config)
    recipe = Recipe(
        stations=build(config["stations"]),
        events=build(data["events"]),
        half_width_km=config["geometry"]["half_width_km"],
        preprocess=build(config["preprocess"]),
        **{key: data[key] for key in ("window_s", "lead_s", "n_candidates", "tolerances", "visible_snr")},
    )
    tables = TravelTimeTable.stack([travel_times(model, data["table"]) for model in models])
    loader_keys = ("batch_size", "examples_per_epoch", "validation_examples", "workers")
    return FcnDataModule(
        store_path=store_path,
        recipe=recipe,
        tables=tables,
        n_models=len(models),
        seed=config["seed"],
        **{key: data[key] for key in loader_keys},
    )


def train(config: dict[str, Any], folder: Path, overrides: list[str]) -> float:
    """One training run in `folder`; returns the best value of the monitored validation figure."""
    torch.set_num_threads(config["trainer"]["threads"])
    store_path = cached_store(config["store"], Path(config["cache"]).expanduser())
    digest = BaseStore.open(store_path).digest
    record = manifest(config, overrides, store_digest=digest)
    module = build_module(config, record=record)
    datamodule = build_datamodule(config, store_path)
    trainer = build_trainer(config, folder, callbacks=[Manifest(folder, record), ExampleBatch(folder)])
    log.info("%d parameters", sum(p.numel() for p in module.parameters()))
    trainer.fit(module, datamodule, ckpt_path=config["ckpt"], weights_only=True)
    best = trainer.checkpoint_callback
    log.info("checkpoint: %s", best.best_model_path)
    score = best.best_model_score
    return float(score) if score is not None else math.nan


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def main(cfg: DictConfig) -> float:
    """Entry point; the value returned is what a Hydra sweeper optimises."""
    try:
        return train(configuration.plain(cfg), configuration.run_dir(), configuration.overrides())
    finally:
        wandb.finish()  # a multirun starts the next job in this process


if __name__ == "__main__":
    main()

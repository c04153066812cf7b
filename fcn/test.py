"""`python -m fcn.test`: replay a sequence through a checkpoint; catalogue, metrics, report."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import torch
import wandb
from omegaconf import DictConfig

from fcn import config as configuration
from fcn.assemble import travel_times
from fcn.callbacks.manifest import Manifest
from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import write_csv, write_quakeml
from fcn.checkpoint import Restored, load
from fcn.config import CONF_DIR, build, digest
from fcn.data.datamodule import FcnDataModule
from fcn.data.sequences import Sequence
from fcn.data.windows import WindowDataset
from fcn.earth.velocity import LayeredModel
from fcn.engine import build_trainer
from fcn.provenance import manifest
from fcn.replay import Replay
from fcn.report.test_page import write_test_report

log = logging.getLogger(__name__)


def sequence_root(dataset: Mapping[str, Any], cache: Path) -> Path:
    """Folder of a data set, built on first use where it has a builder.

    Raises FileNotFoundError for a folder that does not exist and ValueError where there is neither.
    """
    if dataset["root"] is not None:
        root = Path(dataset["root"]).expanduser()
        if not root.is_dir():
            raise FileNotFoundError(f"no sequence folder at {root} (dataset.root)")
        return root
    if dataset["builder"] is None:
        raise ValueError(f"dataset {dataset['name']!r} has no builder: give its folder as dataset.root=...")
    root = cache / "sequences" / f"{dataset['name']}-{digest(dataset['builder'])}"
    if not root.is_dir():
        log.info("building %s in %s", dataset["name"], root)
        build(dataset["builder"]).build(root)
    return root


def choose_velocity_model(config: Mapping[str, Any], sequence: Sequence, restored: Restored) -> LayeredModel:
    """The command line's, else the sequence's own, else the checkpoint's if it knows just one.

    Raises ValueError where the checkpoint was trained in several.
    """
    if config["velocity_model"] is not None:
        chosen: LayeredModel = build(config["velocity_model"])
        return chosen
    if sequence.velocity_model is not None:
        return sequence.velocity_model
    if len(restored.velocity_models) == 1:
        return next(iter(restored.velocity_models.values()))
    raise ValueError(
        f"sequence {sequence.name!r} states no velocity model and the checkpoint was trained in "
        f"{len(restored.velocity_models)}: choose one with velocity_model=<name>"
    )


def test(config: dict[str, Any], folder: Path, overrides: list[str]) -> dict[str, Any]:
    """One replay into `folder`; returns what metrics.json holds."""
    torch.set_num_threads(config["trainer"]["threads"])
    restored = load(config["ckpt"])
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    sequence = Sequence.load(root, restored.preprocess)
    model = choose_velocity_model(config, sequence, restored)
    windows = WindowDataset(
        sequence,
        travel_times(model, {**restored.config["data"]["table"], **config["windows"]["table"]}),
        step_s=config["windows"]["step_s"],
        n_samples=round(restored.window_s * sequence.sampling_rate_hz),
    )
    replay = Replay(
        name=sequence.name,
        declarer=build(config["declare"], frame=sequence.frame),
        catalogue=sequence.catalogue,
        span_s=(sequence.start_time_s, float(windows.now_s[-1])),
        simulated=sequence.simulated,
        tolerance=build(config["matching"]),
    )
    module = restored.module
    module.test_replay = replay
    record = manifest(config, overrides, store_digest=restored.manifest["store_digest"])
    record = {**record, "checkpoint": dict(restored.manifest), "velocity_model": model.name}
    trainer = build_trainer(config, folder, callbacks=[Manifest(folder, record)])
    trainer.test(module, FcnDataModule(test_sequence=windows), verbose=False)
    return write_results(folder, sequence, replay)


def write_results(folder: Path, sequence: Sequence, replay: Replay) -> dict[str, Any]:
    """catalogue.csv, catalogue.xml, metrics.json and the report; returns the metrics."""
    score = replay.score()
    declared = Catalogue(f"{sequence.name} declared", tuple(event.final.event for event in replay.declared))
    write_csv(declared, folder / "catalogue.csv")
    write_quakeml(declared, folder / "catalogue.xml")
    (folder / "metrics.json").write_text(json.dumps(score, indent=2) + "\n")
    write_test_report(folder, sequence, replay.declared, score, tolerance=replay.tolerance)
    return score


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="test")
def main(cfg: DictConfig) -> None:
    """Entry point."""
    try:
        test(configuration.plain(cfg), configuration.run_dir(), configuration.overrides())
    finally:
        wandb.finish()  # a multirun starts the next job in this process


if __name__ == "__main__":
    main()

"""What `python -m fcn.test` does, from a resolved configuration."""

import json
import logging
from pathlib import Path
from typing import Any

import torch

from fcn.assemble import build_replay, build_windows, choose_velocity_model
from fcn.cache import sequence_root
from fcn.callbacks.manifest import Manifest
from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import write_csv, write_quakeml, write_updates_csv
from fcn.checkpoint import load
from fcn.data.datamodule import FcnDataModule
from fcn.data.sequences import Sequence
from fcn.engine import build_trainer
from fcn.preflight import check_test
from fcn.provenance import manifest
from fcn.replay import Replay
from fcn.report.test.page import write_test_report

log = logging.getLogger(__name__)


def test(config: dict[str, Any], folder: Path, overrides: list[str]) -> dict[str, Any]:
    """One replay into `folder`; returns what metrics.json holds."""
    check_test(config)
    torch.set_num_threads(config["trainer"]["threads"])
    restored = load(config["ckpt"], trust=config["trust"])
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    sequence = Sequence.load(root, restored.preprocess)
    model = choose_velocity_model(config["velocity_model"], sequence, restored.velocity_models)
    trained = restored.config
    table = {**trained["data"]["table"], **config["windows"]["table"]}
    step_s = config["windows"]["step_s"]
    windows = build_windows(
        sequence,
        model,
        table,
        step_s=step_s,
        window_s=restored.window_s,
        partial=restored.module.scheme.partial,
    )
    replay = build_replay(windows, config["declare"] or restored.declare, config["matching"])
    module = restored.module
    module.test_replay = replay
    record = manifest(config, overrides, store_digest=restored.manifest["store_digest"])
    record = {
        **record,
        "checkpoint": dict(restored.manifest),
        "velocity_model": getattr(model, "name", str(model)),
    }
    trainer = build_trainer(config, folder, callbacks=[Manifest(folder, record)])
    trainer.test(module, FcnDataModule(test_sequence=windows), verbose=False)
    return write_results(folder, sequence, replay)


def write_results(folder: Path, sequence: Sequence, replay: Replay) -> dict[str, Any]:
    """catalogue.csv, catalogue.xml, updates.csv, metrics.json and the report; returns the metrics."""
    score = replay.score()
    declared = Catalogue(f"{sequence.name} declared", tuple(event.final.event for event in replay.declared))
    write_csv(declared, folder / "catalogue.csv")
    write_quakeml(declared, folder / "catalogue.xml")
    write_updates_csv(replay.declared, folder / "updates.csv")
    (folder / "metrics.json").write_text(json.dumps(score, indent=2) + "\n")
    write_test_report(
        folder, sequence, replay.declared, score, tolerance=replay.tolerance, estimates=replay.estimates
    )
    return score

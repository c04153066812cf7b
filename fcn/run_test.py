"""What `python -m fcn.test` does, from a resolved configuration."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from fcn.assemble import TimesTo, build_observing, build_replay, choose_velocity_model, stated_layers
from fcn.cache import sequence_root
from fcn.callbacks.manifest import Manifest
from fcn.callbacks.run_log import run_logs
from fcn.catalogue.declared import write_declared, write_updates_csv
from fcn.catalogue.first_p import read_first_p, with_first_p
from fcn.checkpoint import file_digest, load
from fcn.data.datamodule import FcnDataModule
from fcn.data.first_p import with_computed_first_p
from fcn.data.part import some_minutes, some_stations, station_spacing_km
from fcn.data.sequences import Sequence
from fcn.engine import build_trainer
from fcn.exported.backend import network_of
from fcn.metrics.by_event import by_event, write_events
from fcn.metrics.score import compare
from fcn.metrics.size_classes import by_size, write_sizes
from fcn.preflight import check_test
from fcn.provenance import manifest
from fcn.replay import Replay
from fcn.report.test.page import write_test_report
from fcn.shaking.score import SiteScore, write_outcomes
from fcn.site_scores import StationSites

log = logging.getLogger(__name__)


def test(config: dict[str, Any], folder: Path, overrides: list[str]) -> dict[str, Any]:
    """One replay into `folder`; returns what metrics.json holds."""
    check_test(config)
    torch.set_num_threads(config["trainer"]["threads"])
    restored = load(config["ckpt"], trust=config["trust"], reading=config["reading"])
    module = restored.module
    module.network = network_of(restored, config["backend"])  # before a sequence is simulated for minutes
    root = sequence_root(config["dataset"], Path(config["cache"]).expanduser())
    sequence = _part(Sequence.load(root, restored.preprocess), config)
    model = choose_velocity_model(config["velocity_model"], sequence, restored.velocity_models)
    table = {**restored.config["data"]["table"], **config["windows"]["table"]}
    times = TimesTo(model, table, sequence.frame)
    own = sequence.velocity_model  # of a sweep's crusts a first P is computed in none
    first_p = times if own is None else TimesTo(own, table, sequence.frame)
    sequence = _with_first_p(sequence, first_p, config["dataset"].get("first_p"))
    options = config["site_scores"]
    sites = None if options is None else StationSites.of(options, sequence)
    replay = build_replay(
        sequence,
        module.network,
        module.scheme,
        partial=module.scheme.partial,
        preprocess=restored.preprocess,
        travel_times=times,
        declare=config["declare"] or restored.declare,
        matching=config["matching"],
        window_s=restored.window_s,
        step_s=config["windows"]["step_s"],
        packet_s=config["packet_s"],
        latency_s=config["latency_s"],
        observing=None if options is None else build_observing(options["observe"]),
    )
    module.test_replay = replay
    # files may change behind their names: a sweep that is resumed has to know
    layers = config["velocity_model"] and stated_layers(config["velocity_model"])
    record = manifest(
        {**config, "velocity_model": layers}, overrides, store_digest=restored.manifest["store_digest"]
    )
    record = {
        **record,
        "checkpoint": dict(restored.manifest),
        "checkpoint_digest": file_digest(restored.path),
        "velocity_model": getattr(model, "name", str(model)),
    }
    trainer = build_trainer(config, folder, callbacks=[Manifest(folder, record)])
    trainer.test(module, FcnDataModule(test_sequence=replay), verbose=False)
    score = write_results(folder, sequence, replay, sites, times)
    for each in run_logs(trainer.loggers):
        each.show(score, folder)
    return score


def _part(sequence: Sequence, config: dict[str, Any]) -> Sequence:
    """What of a sequence is replayed."""
    budget, subset = config["budget"], config["subset"]
    part = some_minutes(sequence, budget["minutes"], budget["from_minute"])
    return some_stations(part, subset["n_stations"], subset["seed"])


def _with_first_p(sequence: Sequence, times: TimesTo, table: str | None) -> Sequence:
    """The first P of a table, `dataset.first_p`, where there is one; and computed ones where there is none.

    Raises ValueError for a table, but no catalogue.
    """
    if table is not None:
        path = Path(table).expanduser()
        if sequence.catalogue is None:
            raise ValueError(
                f"dataset.first_p={table}: sequence {sequence.name!r} has no catalogue to take it"
            )
        catalogue = with_first_p(sequence.catalogue, read_first_p(path), path)
        sequence = replace(sequence, catalogue=catalogue)
    return with_computed_first_p(sequence, times(torch.as_tensor(sequence.station_km, dtype=torch.float32)))


def write_results(
    folder: Path, sequence: Sequence, replay: Replay, sites: StationSites | None, times: TimesTo
) -> dict[str, Any]:
    """catalogue.csv and .xml, updates.csv, events.csv, metrics.json, the report ...; returns the metrics.

    sites: whose warnings are scored, which takes travel times to them: sites.csv.
    """
    station_km = sequence.station_km
    network = {"n_stations": len(station_km), "station_spacing_km": station_spacing_km(station_km)}
    score = {**replay.score(), **network}
    write_declared(f"{sequence.name} declared", replay.declared, folder)
    write_updates_csv(replay.declared, folder / "updates.csv")
    if replay.catalogue is not None:
        counted, matching = compare(replay.declared, replay.catalogue, replay.watched, replay.tolerance)
        write_sizes(by_size(replay.declared, counted, matching), folder / "magnitude_by_class.csv")
        write_events(by_event(replay.declared, counted, matching), folder / "events.csv")
    site_scores: list[SiteScore] = []
    if sites is not None:
        outcomes = sites.judge(replay, times)
        write_outcomes(outcomes, folder / "sites.csv")
        site_scores = sites.scores(outcomes)
        score |= sites.figures(site_scores)
    (folder / "metrics.json").write_text(json.dumps(score, indent=2) + "\n")
    write_test_report(
        folder,
        sequence,
        replay.declared,
        score,
        tolerance=replay.tolerance,
        estimates=replay.estimates,
        site_scores=site_scores,
    )
    return score

"""A job of a sweep: done once, gone on with after a kill, scored once it is trained; what failed says so."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from fcn.assemble import stated_layers
from fcn.callbacks.run_log import run_logs
from fcn.checkpoint import file_digest, find, read
from fcn.engine import CHECKPOINTS, build_loggers
from fcn.publish import new_file
from fcn.report.sweep.scored import IN_CRUST
from fcn.run_folder import FAILURE, noted
from fcn.run_test import test
from fcn.run_training import train
from fcn.store.reader import BaseStore

log = logging.getLogger(__name__)

DONE = "done.json"  # beside a job that is: what it returned
SCORES = "scores"  # folder of what a trained job was scored on: a folder for each sequence in each crust
# keys of what is compared by its content, and of what only looks on
_MAY_DIFFER = ("ckpt", "resume", "velocity_model", "logger")
_ANOTHER = "of another configuration"


def run_once(
    config: Mapping[str, Any],
    folder: Path,
    overrides: list[str],
    work: Callable[[], Any],
    *,
    resume: bool,
) -> Any:
    """What `work` returns, which done.json keeps; on resuming, of a job that is done, what it returned then.

    What it raises is raised, and stands in failure.txt. Raises ValueError where a resumed folder holds a job
    of another configuration.
    """
    if resume:
        _check_same(config, folder, overrides)
        if (folder / DONE).is_file():
            log.info("%s is done", folder)
            (folder / FAILURE).unlink(missing_ok=True)  # of an attempt to do it otherwise
            return json.loads((folder / DONE).read_text())["returned"]
    (folder / DONE).unlink(missing_ok=True)
    with noted(folder):
        returned = work()
    (folder / FAILURE).unlink(missing_ok=True)
    if _is_first_rank():
        _write(folder / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
        _write(folder / DONE, json.dumps({"returned": returned}) + "\n")
    return returned


def train_and_score(config: dict[str, Any], folder: Path, overrides: list[str], *, resume: bool) -> float:
    """A training, then the score of its best checkpoint on `evaluation`; returns what `train` does.

    Scored are `budget.sequences` of `evaluation.sequences` (null: all), each in all of `evaluation.crusts`.
    resume: goes on from checkpoints/last.ckpt, where there is one, and with what is not scored yet.
    Raises ValueError, before anything is trained, where `budget.sequences` names none of `evaluation`.
    """
    sequences = _scored(config)
    best = train_on(config, folder, overrides) if resume else train(config, folder, overrides)
    evaluation = config["evaluation"]
    if sequences and _is_first_rank():
        scores = {
            place: _score(config, folder, place, dataset, crust, resume=resume)
            for name, dataset in sequences.items()
            for crust_name, crust in evaluation["crusts"].items()
            for place in [name if len(evaluation["crusts"]) == 1 else f"{name}{IN_CRUST}{crust_name}"]
        }
        _write(folder / "metrics.json", json.dumps(scores, indent=2) + "\n")
        for each in run_logs(build_loggers(config, folder)):
            for name, score in scores.items():
                each.show(score, folder / SCORES / name, prefix=f"{name}/")
    return best


def _scored(config: Mapping[str, Any]) -> dict[str, Any]:
    """The sequences that a trained network is scored on, by name."""
    there, names = config["evaluation"]["sequences"], config["budget"]["sequences"]
    if not there or names is None:  # evaluation=none scores nothing, whatever the budget would
        return dict(there)
    unknown = sorted({*names} - {*there})
    if unknown:
        raise ValueError(
            f"budget.sequences names {', '.join(unknown)}, which evaluation.sequences has not: "
            f"one of {', '.join(there)}, or add it with +dataset@evaluation.sequences.<name>=<dataset>"
        )
    return {name: there[name] for name in names}


def train_on(config: dict[str, Any], folder: Path, overrides: list[str]) -> float:
    """The rest of a training that was interrupted in `folder`; all of it where no checkpoint was written."""
    last = folder / CHECKPOINTS / "last.ckpt"
    if not last.is_file():
        return train(config, folder, overrides)
    content = read(last)
    if content["global_step"] < config["trainer"]["max_steps"]:
        return train({**config, "ckpt": str(last)}, folder, overrides)
    kept = [state for key, state in content["callbacks"].items() if key.startswith(ModelCheckpoint.__name__)]
    scores = [float(state["best_model_score"]) for state in kept if state.get("best_model_score") is not None]
    return scores[0] if scores else float("nan")


def _score(
    config: Mapping[str, Any],
    folder: Path,
    name: str,
    dataset: Mapping[str, Any],
    crust: Mapping[str, Any] | None,
    *,
    resume: bool,
) -> dict[str, Any]:
    """metrics.json of one sequence in one velocity model, replayed unless, on resuming, it has been."""
    place, checkpoints = folder / SCORES / name, folder / CHECKPOINTS
    best = checkpoints / "best.ckpt"
    ckpt = best if best.is_file() else checkpoints / "last.ckpt"
    evaluation = config["evaluation"]
    options = {key: value for key, value in config["trainer"].items() if key not in ("strategy", "num_nodes")}
    made = {
        **evaluation["test"],
        **{key: config[key] for key in ("cache", "matching", "budget")},
        "name": name,
        "dataset": dict(dataset),
        "velocity_model": crust,
        "ckpt": str(ckpt),
        "trainer": {**options, "devices": 1, **evaluation["test"]["trainer"]},
        "logger": {},
    }
    found: dict[str, Any] = run_once(made, place, [], lambda: test(made, place, []), resume=resume)
    return found


def _check_same(config: Mapping[str, Any], folder: Path, overrides: list[str]) -> None:
    """Raises ValueError unless what was begun in `folder`, if anything was, is what is to be gone on with."""
    path = folder / "manifest.json"
    if not path.is_file():
        return
    former = json.loads(path.read_text())
    if former["overrides"] != list(overrides):
        raise ValueError(
            f"{folder} holds a job {_ANOTHER}, {' '.join(former['overrides'])}, not {' '.join(overrides)}: "
            "resume a sweep with the command that began it, or begin another"
        )
    now = json.loads(json.dumps(dict(config)))
    keys = sorted(
        key
        for key in {*now, *former["config"]}
        if key not in _MAY_DIFFER and now.get(key) != former["config"].get(key)
    )
    # a job says the layers of a table that it was given, and those may have been edited since
    model = config.get("velocity_model")
    if former["config"].get("velocity_model") not in (now.get("velocity_model"), _stated(model)):
        keys.append("velocity_model")
    if keys:
        raise ValueError(
            f"{folder} holds a job {_ANOTHER}: what has changed since is in {', '.join(keys)} "
            "(manifest.json); resume with the configuration that it began with, or begin another sweep"
        )
    stated = (config.get("store") or {}).get("path")
    store = None if stated is None else Path(stated).expanduser()
    digest = former.get("store_digest")
    if digest and store is not None and store.exists() and digest != BaseStore.open(store).digest:
        raise ValueError(
            f"{folder} holds a job of another base store: {store} is another one since (store_digest in "
            "manifest.json), and a sweep compares settings on one; begin another sweep"
        )
    digest = former.get("checkpoint_digest")  # of a test; a training goes on from what it has written
    if digest is not None and digest != file_digest(find(config["ckpt"])):
        raise ValueError(
            f"{folder} holds a job of another checkpoint: {config['ckpt']} is another one since "
            "(checkpoint_digest in manifest.json), and a sweep compares settings of one; begin another sweep"
        )


def _stated(velocity_model: Mapping[str, Any] | None) -> Any:
    """As a manifest has it: layers, whatever file they came from."""
    return None if velocity_model is None else json.loads(json.dumps(stated_layers(velocity_model)))


def _is_first_rank() -> bool:
    return int(getattr(rank_zero_only, "rank", None) or 0) == 0


def _write(path: Path, text: str) -> None:
    with new_file(path) as partial:
        partial.write_text(text)

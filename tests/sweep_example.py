"""A sweep folder as the jobs of a multirun leave it."""

import csv
import json
from pathlib import Path

from fcn.metrics.by_event import EventOutcome, write_events
from fcn.metrics.moments import ELAPSED_S

COLUMNS = (
    "epoch",
    "step",
    "train/loss",
    "val/loss",
    "val/epicentre_p50_km",
    "val/depth_rmse_km",
    "val/magnitude_mae",
)


def write_job(folder: Path, overrides, losses, *, max_steps=300, score=None) -> None:
    """One job: a validation row every 100 steps, training rows between; no losses: it died at once."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {each}\n" for each in overrides))
    if not losses:
        (folder / "train.log").write_text("[INFO] start\nValueError: no base store at nowhere\n")
        return
    config = {"trainer": {"max_steps": max_steps}, "callbacks": {"checkpoint": {"monitor": "val/loss"}}}
    (folder / "manifest.json").write_text(json.dumps({"overrides": overrides, "config": config}))
    (folder / "csv").mkdir()
    with (folder / "csv" / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for i, loss in enumerate(losses):
            step = 100 * (i + 1) - 1
            writer.writerow({"epoch": i, "step": step, "train/loss": 2 * loss})
            figures = {
                "val/epicentre_p50_km": 6 * loss,
                "val/depth_rmse_km": 4 * loss,
                "val/magnitude_mae": loss / 5,
            }
            writer.writerow({"epoch": i, "step": step, "val/loss": loss, **figures})
    if score is not None:
        (folder / "metrics.json").write_text(json.dumps(score))


def write_plan(sweep: Path, given, *, params=None, sweeper=None, choice=None, **config) -> None:
    """What Hydra writes as a multirun begins, in so far as it is read; JSON is YAML."""
    hydra = {
        "sweeper": {"max_batch_size": None, "params": params, **(sweeper or {})},
        "overrides": {"hydra": ["hydra.mode=MULTIRUN"], "task": list(given)},
        "runtime": {"choices": {"sweep": choice}},
    }
    sweep.mkdir(parents=True, exist_ok=True)
    (sweep / "multirun.yaml").write_text(json.dumps({**config, "hydra": hydra}))


def write_sweep(root: Path) -> Path:
    """Stations 4, 8, 12, two seeds each, but for one job that died and one that stopped half way."""
    sweep = root / "sweep-20261122-101112"
    job = 0
    for n_stations, level in ((4, 3.0), (8, 2.0), (12, 1.5)):
        for seed in (1, 2):
            overrides = ["experiment=smoke", f"stations.count=[{n_stations},{n_stations}]", f"seed={seed}"]
            losses = [level * factor + 0.1 * seed for factor in (2.0, 1.0, 1.2)]
            score = {"simulated": True, "recall": 1 / level, "epicentre_rmse_km": 5 * level, "n_matched": 3}
            if (n_stations, seed) == (8, 2):
                write_job(sweep / str(job), overrides, [])
            elif (n_stations, seed) == (12, 2):
                write_job(sweep / str(job), overrides, losses[:2])
            else:
                write_job(sweep / str(job), overrides, losses, score=score)
            job += 1
    return sweep


def write_test_job(
    folder: Path, override: str, found, *, n_false=1, minutes=None, place=".", said=None, name="kumamoto"
) -> None:
    """A job of `fcn.test -m`, or what a trained one was scored on: an hour of events, some of them found.

    Events are found 3, 4, 5 ... s after the first P in turn; what is said of them gets better from then on.
    """
    (folder / place).mkdir(parents=True, exist_ok=True)
    outcomes = [
        EventOutcome(
            f"e{i}",
            2.0 + i % 4,
            bool(is_found),
            32.7 + 0.01 * (i % 7),
            130.8 + 0.01 * (i % 11),
            **((said or SAID) if is_found else {}),
            **timed(3 + i % 5 if is_found else None),
        )
        for i, is_found in enumerate(found)
    ]
    write_events(outcomes, folder / place / "events.csv")
    budget = {"minutes": minutes, "answers": minutes is None}
    config = {"dataset": {"name": name}, "budget": budget}
    manifest = {"overrides": ["ckpt=generalized", override], "config": config}
    (folder / place / "manifest.json").write_text(json.dumps(manifest))
    score = {"simulated": True, "n_false": n_false, "watched_hours": 1.0, "recall": sum(found) / len(found)}
    (folder / place / "metrics.json").write_text(json.dumps(score))


def timed(latency_s):
    """What is said at every moment of an event that is declared so late, if it is."""
    by_then = [latency_s is not None and elapsed_s >= latency_s for elapsed_s in ELAPSED_S]
    return {
        "timed_epicentre_km": tuple(
            20.0 / elapsed_s if is_said else None
            for elapsed_s, is_said in zip(ELAPSED_S, by_then, strict=True)
        ),
        "timed_magnitude_error": tuple(
            -1.0 / elapsed_s if is_said else None
            for elapsed_s, is_said in zip(ELAPSED_S, by_then, strict=True)
        ),
    }


SAID = {
    "latency_s": 3.0,
    "epicentre_at_alarm_km": 2.0,
    "epicentre_km": 1.0,
    "depth_error_km": 1.0,
    "magnitude_error": 0.1,
}

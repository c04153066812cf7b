"""What a job's sequences came to, event by event, and what its sweep was asked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fcn.config import CONF_DIR
from fcn.metrics.by_event import EventOutcome, read_events

VALIDATION = "validation"  # name of all sequences of it, taken together
IN_CRUST = "-in-"  # between a sequence and the velocity model it was read in, in names of folders
INSIDE = " in "  # the same, for readers


@dataclass(frozen=True)
class Scored:
    """A job on one set of sequences, taken together.

    events: by sequence and event id; n_false, watched_hours: by sequence.
    """

    events: Mapping[str, EventOutcome]
    n_false: Mapping[str, int]
    watched_hours: Mapping[str, float]


def read_scored(folder: Path) -> dict[str, Scored]:
    """What a job has been scored on so far, by name of the set; those of `dataset=validation...` are one.

    A set that was read in several velocity models is one in each, "validation in iasp91".
    """
    found: dict[str, list[tuple[str, Path, Mapping[str, Any]]]] = {}
    for place in (folder, *sorted(path for path in (folder / "scores").glob("*") if path.is_dir())):
        metrics, manifest = read_json(place / "metrics.json"), read_json(place / "manifest.json")
        if not (place / "events.csv").is_file() or metrics.get("n_false") is None:
            continue
        name = str(manifest.get("config", {}).get("dataset", {}).get("name", place.name))
        kind = VALIDATION if name.startswith(VALIDATION) else name
        _, inside, crust = place.name.partition(IN_CRUST)
        kind = f"{kind}{INSIDE}{crust}" if inside else kind
        found.setdefault(kind, []).append((name, place, metrics))
    return {kind: _together(places) for kind, places in found.items()}


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file; empty where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def read_question(folder: Path) -> str | None:
    """The question on top of the file of `sweep=` that a multirun names; None where it names none."""
    path = folder / "multirun.yaml"
    if not path.is_file():
        return None
    hydra = yaml.safe_load(path.read_text(encoding="utf-8")).get("hydra") or {}
    choice = (hydra.get("runtime") or {}).get("choices", {}).get("sweep")
    asked = CONF_DIR / "sweep" / f"{choice}.yaml"
    if choice is None or not asked.is_file():
        return None
    lines = asked.read_text(encoding="utf-8").splitlines()
    return next((line.lstrip("# ") for line in lines if line.startswith("# ") and "@" not in line), None)


def _together(places: Sequence[tuple[str, Path, Mapping[str, Any]]]) -> Scored:
    events = {
        f"{name}/{event.event_id}": event
        for name, place, _ in places
        for event in read_events(place / "events.csv")
    }
    return Scored(
        events,
        {name: int(metrics["n_false"]) for name, _, metrics in places},
        {name: float(metrics["watched_hours"]) for name, _, metrics in places},
    )

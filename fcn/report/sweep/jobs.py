"""What the jobs of a Hydra multirun left behind: overrides, validation curves, test scores, failures."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fcn.config import lasting
from fcn.planned import planned_jobs
from fcn.report.sweep.scored import Scored, read_json, read_scored

FINISHED, NOT_BEGUN = "done", "not begun"
COMMIT_LETTERS = 7
# overrides that no result depends on: the question itself, and how a job is looked at
_NO_SETTING = ("sweep", "logger", "trainer.enable_progress_bar")
_MONITOR = "val/loss"  # where the configuration names no other


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    state: FINISHED, NOT_BEGUN, or what is known of the failure, a word that sums it up first. swept: its
    overrides. curve: its validation rows in order of step, and before them those of the run it went on from,
    where that is still there; kept: the one of its checkpoint. score: its metrics.json, empty where it was
    not tested; of several sequences names have theirs before them. scored: event by event. minutes: what was
    scored of each sequence; None: all. answers: whether that, and the training, is enough for an answer.
    cost: step_tflop, max_steps and training_tflop, where they were counted. made_with: the commit, and of a
    training the precision, or all of one that went on with another, where its manifest has them.
    """

    number: int
    state: str
    swept: Mapping[str, str]
    curve: tuple[Mapping[str, float], ...]
    kept: Mapping[str, float]
    score: Mapping[str, Any]
    scored: Mapping[str, Scored] = field(default_factory=dict)
    minutes: float | None = None
    answers: bool = True
    cost: Mapping[str, float] = field(default_factory=dict)
    made_with: Mapping[str, str] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """Of its state the word that tells it from others."""
        return self.state if self.state == NOT_BEGUN else self.state.split()[0].rstrip(":,")

    def figure(self, name: str) -> float | None:
        """A figure of the kept checkpoint (val/...) or of its test; None where it is not known."""
        value = self.kept.get(name, self.score.get(name))
        return None if value is None else float(value)


def read_jobs(folder: Path) -> list[Job]:
    """The jobs of a sweep folder in order of number, and those that it is known to begin later.

    Raises FileNotFoundError where there is no such folder, ValueError where it holds no jobs.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no sweep folder at {folder}")
    folders = [path for path in folder.iterdir() if path.is_dir() and path.name.isdigit()]
    if not folders:
        raise ValueError(f"{folder} holds no jobs (folders 0, 1, 2 ...): give the folder of a multirun")
    found = {int(path.name): _read_job(path) for path in folders}
    for number, overrides in enumerate(planned_jobs(folder)):
        if number not in found and overrides:
            found[number] = Job(number, NOT_BEGUN, dict(map(_split, overrides)), (), {}, {})
    return [found[number] for number in sorted(found)]


def what_differs(jobs: Sequence[Job]) -> list[str]:
    """Names of the overrides that are not the same in all jobs, in the order they were given.

    Not `_NO_SETTING`: a test that was added to the folder of a sweep may go without the question.
    """
    names = list(dict.fromkeys(name for job in jobs for name in job.swept if name not in _NO_SETTING))
    return [name for name in names if len({job.swept.get(name) for job in jobs}) > 1]


def _read_job(folder: Path) -> Job:
    manifest = read_json(folder / "manifest.json")
    own = tuple(_read_curve(folder / "csv" / "metrics.csv"))
    config = manifest.get("config", {})
    curve = (*_before(folder, config, own), *own)
    checkpoint = (config.get("callbacks") or {}).get("checkpoint", {})
    monitor, best = checkpoint.get("monitor", _MONITOR), max if checkpoint.get("mode") == "max" else min
    watched = [row for row in curve if monitor in row]
    score = _flat(read_json(folder / "metrics.json"))
    budget = config.get("budget") or {}
    overrides = manifest.get("overrides", _hydra_overrides(folder))
    parts = [*manifest.get("parts", []), manifest]
    commits = (((each.get("git") or {}).get("commit") or "")[:COMMIT_LETTERS] for each in parts)
    made_with = {"commit": commits, "precision": (each.get("precision") for each in parts)}
    return Job(
        number=int(folder.name),
        state=_state(folder, own, config, tested=bool(score)),
        swept=dict(_split(override) for override in overrides),
        curve=curve,
        kept=best(watched, key=lambda row: row[monitor], default={}),
        score=score,
        scored=read_scored(folder),
        minutes=budget.get("minutes"),
        answers=budget.get("answers", True),
        cost=read_json(folder / "cost.json"),
        made_with={name: met for name, each in made_with.items() if (met := _met(each))},
    )


def _met(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(map(str, filter(None, values))))


def _flat(score: Mapping[str, Any]) -> dict[str, Any]:
    """Figures by name, those of several sequences by sequence/name."""
    found: dict[str, Any] = {}
    for name, value in score.items():
        found |= (
            {f"{name}/{key}": each for key, each in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return found


def _before(
    folder: Path,
    config: Mapping[str, Any],
    own: Sequence[Mapping[str, float]],
    seen: frozenset[Path] = frozenset(),
) -> list[Mapping[str, float]]:
    """Validation rows of the run that this one went on from, whose best may be the one it keeps.

    seen: folders of the runs that went on from this one, each of which counts once.
    """
    if not own or not config.get("ckpt"):
        return []
    former = Path(config["ckpt"]).expanduser().resolve().parent.parent
    seen |= {folder.resolve()}
    if former in seen:  # its log is one, or folders were renamed since
        return []
    rows: list[Mapping[str, float]] = list(_read_curve(former / "csv" / "metrics.csv"))
    config = read_json(former / "manifest.json").get("config", {})
    rows = [*_before(former, config, rows, seen), *rows]
    return [row for row in rows if row["step"] < own[0]["step"]]


def _read_curve(path: Path) -> Iterator[dict[str, float]]:
    """Validation rows of Lightning's CSV log; training rows lie between them."""
    if not path.is_file():
        return
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            values = {name: float(text) for name, text in row.items() if text}
            if any(name.startswith("val") for name in values):
                yield values


def _hydra_overrides(folder: Path) -> list[str]:
    """Hydra's own record, which a job has that died before its manifest: a YAML list, one item a line."""
    path = folder / ".hydra" / "overrides.yaml"
    lines = path.read_text().splitlines() if path.is_file() else []
    return lasting(line.removeprefix("- ").strip("'\"") for line in lines if line.startswith("- "))


def _split(override: str) -> tuple[str, str]:
    """Key and value, spelt as on a command line: a multirun's record has Python's words for some."""
    name, _, value = override.partition("=")
    return name.lstrip("+~"), {"True": "true", "False": "false", "None": "null"}.get(value, value)


def _state(
    folder: Path, curve: Sequence[Mapping[str, float]], config: Mapping[str, Any], *, tested: bool
) -> str:
    failure = folder / "failure.txt"
    if failure.is_file():
        return f"failed: {failure.read_text(encoding='utf-8').strip().splitlines()[-1]}"
    if tested or (folder / "done.json").is_file():
        return FINISHED
    if not curve:
        error = _last_error(folder)
        return f"failed before validation{error}" if error else "unfinished: nothing to show yet"
    n_steps, wanted = int(curve[-1]["step"]) + 1, config.get("trainer", {}).get("max_steps", -1)
    if n_steps < wanted:
        return f"stopped at step {n_steps} of {wanted}{_last_error(folder)}"
    awaits = (config.get("evaluation") or {}).get("sequences")
    return f"trained, not scored yet{_last_error(folder)}" if awaits else FINISHED


def _last_error(folder: Path) -> str:
    lines = [line for path in sorted(folder.glob("*.log")) for line in path.read_text().splitlines()]
    errors = [line for line in lines if "Error" in line]
    return f": {errors[-1].strip()}" if errors else ""

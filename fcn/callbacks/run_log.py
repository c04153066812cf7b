"""A run in Weights & Biases: what it is, and what came of it under the names of metrics.json."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from fcn.metrics.by_event import COLUMNS, read_events


class RunLog(WandbLogger):
    """Lightning's W&B logger, which tells the configuration and what a folder of results holds, besides.

    checkpoints: whether `keep` sends them. options: of WandbLogger and wandb.init; a run with their `id` that
    this process has begun is gone on with. Everything is done on the first rank alone.
    """

    def __init__(self, save_dir: str, checkpoints: bool, **options: Any) -> None:
        begun = wandb.run if wandb.run is not None and wandb.run.id == options.get("id") else None
        super().__init__(save_dir=save_dir, experiment=begun, **options)
        self.checkpoints = checkpoints
        if self._wandb_init.get("anonymous") is None:
            self._wandb_init.pop("anonymous", None)  # Lightning 2.6 passes it always, and W&B warns of it

    @rank_zero_only
    def describe(self, manifest: Mapping[str, Any]) -> None:
        """Tell what is run: the resolved configuration, what the command line gave, the rest as `manifest`.

        Of a checkpoint that is tested its own configuration is left out: it has a run of its own.
        """
        rest = {key: value for key, value in manifest.items() if key not in ("config", "overrides")}
        if "checkpoint" in rest:
            rest["checkpoint"] = {k: v for k, v in rest["checkpoint"].items() if k != "config"}
        made = {**manifest["config"], "given": given(manifest["overrides"]), "manifest": rest}
        self.log_hyperparams(made)

    @rank_zero_only
    def show(self, score: Mapping[str, Any], folder: Path, *, prefix: str = "") -> None:
        """Tell what `fcn.test` left in a folder: its figures, each event (events.csv), figures/.

        score: what metrics.json holds. prefix: before all names, where a run has several such folders.
        """
        run = self.experiment
        run.summary.update({f"{prefix}{name}": value for name, value in score.items()})
        media: dict[str, Any] = {
            f"{prefix}figures/{path.stem}": wandb.Image(str(path))
            for path in sorted((folder / "figures").glob("*.png"))
        }
        if (folder / "events.csv").is_file():
            rows = [list(each.as_row().values()) for each in read_events(folder / "events.csv")]
            media[f"{prefix}events"] = wandb.Table(columns=list(COLUMNS), data=rows)
        if media:
            run.log(media)

    @rank_zero_only
    def keep(self, checkpoint: str | Path) -> None:
        """Make an artifact of a checkpoint, if `checkpoints`; the file is sent from where it is.

        Offline, too, where Lightning's own `log_model` refuses: `wandb sync` then sends it.
        """
        if not self.checkpoints:
            return
        path = Path(checkpoint).resolve()
        artifact = wandb.Artifact(f"model-{self.experiment.id}", type="model")
        artifact.add_file(str(path), name=path.name, policy="immutable")
        self.experiment.log_artifact(artifact)


def run_logs(loggers: Iterable[object]) -> list[RunLog]:
    """Those of the loggers that are."""
    return [each for each in loggers if isinstance(each, RunLog)]


def given(overrides: Iterable[str]) -> dict[str, float | int | str]:
    """Values of the command line by key, `/` for the dots, which W&B takes for levels; numbers as numbers."""
    found = {}
    for override in overrides:
        name, _, text = override.lstrip("+").partition("=")
        found[name.replace(".", "/")] = _number(text)
    return found


def _number(text: str) -> float | int | str:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text

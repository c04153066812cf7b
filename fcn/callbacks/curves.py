"""csv/metrics.csv beside every run: what was logged, which an interruption neither shortens nor doubles."""

import csv
from pathlib import Path
from typing import Any

import lightning
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers.csv_logs import CSVLogger, ExperimentWriter

from fcn.publish import new_file


class _Writer(ExperimentWriter):
    """Lightning's, but for what it does to a file that is there already, which is to delete it."""

    begun = False  # it is known what of the file stays

    def _check_log_dir_exists(self) -> None:
        """Nothing is deleted yet."""

    def keep_before(self, step: int) -> None:
        """What was logged before this step stays; the rest of the file, a row broken off with it, goes."""
        self.begun = True
        path = Path(self.metrics_file_path)
        if not path.is_file():
            return
        with path.open(newline="", encoding="utf-8") as file:
            whole = (line for line in file if line.endswith("\n"))
            rows = [row for row in csv.DictReader(whole) if float(row["step"] or "inf") < step]
        self.metrics_keys = list(rows[0]) if rows else []
        if rows:
            self._write(rows, self.metrics_keys)
        else:
            path.unlink()

    def save(self) -> None:
        """Add what was logged since the last time; a run that goes on from nothing begins a new file."""
        if self.metrics and not self.begun:
            self.keep_before(0)
        super().save()

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        with Path(self.metrics_file_path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self._write(rows, fieldnames)

    def _write(self, rows: list[dict[str, Any]], fieldnames: list[str]) -> None:
        with new_file(Path(self.metrics_file_path)) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames)
            writer.writeheader()
            writer.writerows(rows)


class CurveLog(CSVLogger):
    """Lightning's CSV log; in a folder where a run goes on it keeps what was logged before (`KeptCurves`)."""

    @property
    @rank_zero_experiment
    def experiment(self) -> _Writer:
        """What writes the file, on the first rank."""
        if self._experiment is None:
            self._experiment = _Writer(log_dir=self.log_dir)
        assert isinstance(self._experiment, _Writer)
        return self._experiment


class KeptCurves(lightning.Callback):
    """Tells a CurveLog where a run goes on, and has it written before the checkpoint that comes after it."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Rows of the step that the run goes on with, and later ones, were logged beyond the checkpoint."""
        for logger in trainer.loggers:
            if isinstance(logger, CurveLog):
                logger.experiment.keep_before(trainer.global_step)

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """A run that goes on logs the steps it makes: Lightning 2.6 would count one more, at every resume."""
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """A run killed after this is resumed from here: the rows until here have to be there."""
        for logger in trainer.loggers:
            if isinstance(logger, CurveLog):
                logger.save()

"""The LightningModule: three branches, one loss, the same metrics in validation and test."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, MetricCollection

from fcn import checked
from fcn.batch import Batch
from fcn.loss.multitask import MultitaskLoss
from fcn.metrics.row import accumulating
from fcn.metrics.table import F1, LOCATION, MAGNITUDE
from fcn.replay import Replay
from fcn.scheme.base import Scheme, require_targets
from fcn.seeding import Purpose, derive_generator

OptimiserFactory = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


class FcnModule(lightning.LightningModule):
    """Trains, validates and tests a network by its scheme.

    scheduler:    stepped after every optimiser step.
    seed:         of what training steps draw.
    record:       plain data written into every checkpoint: the resolved configuration and the manifest.
    Validation loader 0 holds recombined windows; the others, and the test loader, are replays of sequences,
    which must be set before (`validation_replays`, `test_replay`) and read their windows.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: MultitaskLoss,
        scheme: Scheme,
        *,
        optimiser: OptimiserFactory | None = None,
        scheduler: SchedulerFactory | None = None,
        seed: int | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(getattr(loss, "weights", None), Mapping):
            raise ValueError(
                f"{type(loss).__name__} has no weights: a loss has a mapping of them, one of each term "
                f"({', '.join(scheme.terms)}), as MultitaskLoss does"
            )
        if set(loss.weights) != set(scheme.terms):
            raise ValueError(
                f"loss.weights names {sorted(loss.weights)}, and {type(scheme).__name__} has the losses "
                f"{sorted(scheme.terms)}: choose the loss=<name> that goes with the arch"
            )
        self.network, self.loss, self.scheme = network, loss, scheme
        self.optimiser, self.scheduler, self.seed = optimiser, scheduler, seed
        self.record = dict(record or {})
        self.begun_anew: tuple[str, ...] = ()  # parameters of the network that its first weights did not have
        self.validation_replays: list[Replay] = []
        self.test_replay: Replay | None = None
        self.validation_losses = MetricCollection(
            {name: MeanMetric() for name in ("loss", *loss.weights)}, prefix="val/", compute_groups=False
        )
        self.validation_location = accumulating(LOCATION, prefix="val/")
        self.validation_magnitude = accumulating(MAGNITUDE, prefix="val/")

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Total loss of one recombined batch."""
        targets = require_targets(batch)
        generator = self._step_generator(batch_index)
        torch.manual_seed(generator.initial_seed())  # dropout knows only torch's own generator
        terms = self.scheme.losses(self.network, batch, targets, generator)
        total = self.loss(terms)
        if not isinstance(total, Tensor) or total.ndim:
            what = f"of shape {tuple(total.shape)}" if isinstance(total, Tensor) else checked.shown(total)
            raise ValueError(f"{type(self.loss).__name__} returns {what}: it must be a tensor of one number")
        self._refuse_divergence(total, terms)
        figures = {"loss": total, **terms, "widened": targets.widened.mean()}
        self.log_dict({f"train/{name}": value for name, value in figures.items()}, batch_size=len(batch))
        return total

    def _refuse_divergence(self, total: Tensor, terms: Mapping[str, Tensor]) -> None:
        """Raises ValueError at the first step whose loss is no number: no later one would be.

        On every process, whichever has it: the others would wait for its gradients for ever.
        """
        finite = bool(torch.isfinite(total))
        if self.trainer.strategy.reduce_boolean_decision(finite, all=True):
            return
        if finite:
            raise ValueError(
                f"training has diverged at step {self.global_step} in another process, which names the term"
            )
        values = {name: float(value.detach()) for name, value in terms.items()}
        broken = {name: value for name, value in values.items() if not math.isfinite(value)} or values
        loss = float(total.detach())
        raise ValueError(
            f"training has diverged at step {self.global_step}: the loss is {loss}, of {broken}; "
            "take a smaller optim.optimiser.lr"
        )

    def _step_generator(self, batch_index: int) -> torch.Generator:
        """What this batch draws from: of (seed, step, rank), so that a resumed run repeats the whole one.

        And of its place among those of which gradients are accumulated, unless it is the first.

        Raises RuntimeError for a module without a seed.
        """
        if self.seed is None:
            raise RuntimeError("this module was built without a seed: it can test, not train")
        place = batch_index % self.trainer.accumulate_grad_batches
        keys = (self.global_step, self.global_rank, *([place] if place else []))
        derived = derive_generator(self.seed, Purpose.STEP, *keys)
        return torch.Generator(device=self.device).manual_seed(derived.initial_seed())

    def validation_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        """Recombined windows are scored at once; windows of sequences are collected."""
        if dataloader_idx > 0:
            with torch.autocast(self.device.type, enabled=False):  # as tests and monitors read them
                self.validation_replays[dataloader_idx - 1].read(batch)
            return
        targets = require_targets(batch)
        terms, located = self.scheme.validate(self.network, batch, targets)
        for name, value in {"loss": self.loss(terms), **terms}.items():
            self.validation_losses[name].update(value, weight=len(batch))
        self.validation_location.update(located.hypocentre_km, located.source_km)
        self.validation_magnitude.update(located.magnitude, located.true_magnitude)

    def on_validation_epoch_end(self) -> None:
        """Log what the whole validation set says."""
        for metrics in (self.validation_losses, self.validation_location, self.validation_magnitude):
            # torchmetrics has reduced them: the mean over ranks of equal numbers
            self.log_dict(metrics.compute(), sync_dist=True)
            metrics.reset()
        for replay in self.validation_replays:
            self._log_score(replay, f"val_{replay.name}")
        if self.validation_replays:
            self.log(f"val/{F1.name}", self._validation_f1(), sync_dist=True)

    def _validation_f1(self) -> Tensor:
        """Of all sequences with a catalogue together: what checkpoints are chosen by; 0 where undefined."""
        scores = [score for each in self.validation_replays if (score := each.score())["n_catalogued"]]
        names = ("n_matched", "n_catalogued", "n_false")
        matched, catalogued, false = (sum(int(score[name] or 0) for score in scores) for name in names)
        return F1.figure(matched, catalogued, matched + false).float().nan_to_num(0.0)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """A window of the sequence."""
        self._tested().read(batch)

    def _tested(self) -> Replay:
        if self.test_replay is None:
            raise RuntimeError("set test_replay before Trainer.test")
        return self.test_replay

    def _log_score(self, replay: Replay, prefix: str) -> None:
        """The figures that are defined, to every logger."""
        score = {f"{prefix}/{k}": float(v) for k, v in replay.score().items() if v is not None}
        self.log_dict(score, batch_size=1, sync_dist=True)  # every rank replays the whole sequence

    def configure_optimizers(self) -> Any:
        """What the configuration's factories make; Raises RuntimeError for a module without them."""
        if self.optimiser is None:
            raise RuntimeError("this module was built without an optimiser: it can test, not train")
        optimiser = self.optimiser(list(self.parameters()))
        if self.scheduler is None:
            return optimiser
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": self.scheduler(optimiser), "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what it takes to rebuild everything: plain data, so that it loads with weights_only=True."""
        checkpoint["fcn"] = self.record

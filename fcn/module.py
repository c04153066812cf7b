"""The LightningModule: three branches, one loss, the same metrics in validation and test."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, MetricCollection

from fcn.arch.prediction import Prediction
from fcn.loss.multitask import MultitaskLoss
from fcn.loss.terms import detection_loss, pdf_loss
from fcn.metrics.location import location_metrics
from fcn.metrics.magnitude import magnitude_metrics
from fcn.recombine.batch import Batch, Targets
from fcn.replay import Replay
from fcn.targets.detection import encode_arrivals, encode_first_arrival
from fcn.targets.location import encode_location
from fcn.targets.magnitude import encode_magnitude
from fcn.targets.window import WindowDecoder

OptimiserFactory = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


class FcnModule(lightning.LightningModule):
    """Trains, validates and tests any network that returns a `Prediction`.

    visible_snr:  a P arrival counts as a detection target above this signal-to-noise ratio; below it the
                  samples around it are left out of the loss, since a picker could argue either way.
    scheduler:    stepped after every optimiser step.
    record:       plain data written into every checkpoint: the resolved configuration and the manifest.
    Validation loader 0 holds recombined windows; the others, and the test loader, the windows of the
    sequences in `replays`, which must be set before (`validation_replays`, `test_replay`).
    """

    def __init__(
        self,
        network: nn.Module,
        loss: MultitaskLoss,
        decoder: WindowDecoder,
        *,
        visible_snr: float,
        optimiser: OptimiserFactory | None = None,
        scheduler: SchedulerFactory | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.decoder = network, loss, decoder
        self.visible_snr = visible_snr
        self.optimiser, self.scheduler = optimiser, scheduler
        self.record = dict(record or {})
        self.validation_replays: list[Replay] = []
        self.test_replay: Replay | None = None
        self.validation_losses = MetricCollection(
            {name: MeanMetric() for name in ("loss", *loss.weights)}, prefix="val/", compute_groups=False
        )
        self.validation_location = location_metrics(prefix="val/")
        self.validation_magnitude = magnitude_metrics(prefix="val/")

    def forward(self, batch: Batch, source_km: Tensor | None = None) -> Prediction:
        """Prediction for a batch; `source_km` is the truth, given in training only."""
        return self.network(
            batch.waveforms,
            batch.waveforms_broad,
            batch.station_km,
            batch.mask,
            batch.travel_time,
            source_km,
        )

    def loss_terms(self, prediction: Prediction, batch: Batch, targets: Targets) -> dict[str, Tensor]:
        """Each branch's loss, unweighted."""
        spec: dict[str, Any] = {
            "n_samples": batch.waveforms.shape[-1],
            "sampling_rate_hz": self.decoder.sampling_rate_hz,
            "sigma_s": self.loss.arrival_sigma_s,
        }
        visible = targets.p_snr > self.visible_snr
        pulses = encode_arrivals(targets.p_arrival_s, visible, **spec).amax(dim=2)
        doubtful = encode_arrivals(targets.p_arrival_s, ~visible & (targets.p_snr > 0), **spec).amax(dim=2)
        keep = batch.mask[..., None] & ((doubtful < 0.01) | (pulses > 0.01))
        # the network's first P is that of the first event; a second event's is a first P, too
        first = torch.stack(
            [
                encode_first_arrival(targets.p_arrival_s[..., e], visible[..., e], **spec)
                for e in range(visible.shape[2])
            ]
        ).amax(dim=0)
        everywhere = torch.ones_like(first, dtype=torch.bool)
        weight = self.loss.positive_weight
        target_km = encode_location(
            targets.source_km, self.decoder.grid, sigma_km=self.loss.location_sigma_km
        )
        target_magnitude = encode_magnitude(
            targets.magnitude, self.decoder.bins, sigma=self.loss.magnitude_sigma
        )
        return {
            "station_p": detection_loss(prediction.station_p, pulses, keep, positive_weight=weight),
            "first_p": detection_loss(prediction.first_p, first, everywhere, positive_weight=weight),
            "location": pdf_loss(prediction.location, target_km, targets.is_event),
            "magnitude": pdf_loss(prediction.magnitude, target_magnitude, targets.is_event),
        }

    @staticmethod
    def _truth(batch: Batch) -> Targets:
        if batch.targets is None:
            raise ValueError("these windows carry no targets: training and validation need recombined ones")
        return batch.targets

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Total loss of one recombined batch."""
        targets = self._truth(batch)
        terms = self.loss_terms(self(batch, targets.source_km), batch, targets)
        total = self.loss(terms)
        figures = {"loss": total, **terms, "widened": targets.widened.mean()}
        self.log_dict({f"train/{name}": value for name, value in figures.items()}, batch_size=len(batch))
        return total

    def validation_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        """Recombined windows are scored at once; windows of sequences are collected."""
        if dataloader_idx > 0:
            self._replay(self.validation_replays[dataloader_idx - 1], batch)
            return
        targets = self._truth(batch)
        prediction = self(batch)
        terms = self.loss_terms(prediction, batch, targets)
        for name, value in {"loss": self.loss(terms), **terms}.items():
            self.validation_losses[name].update(value, weight=len(batch))
        seen = targets.is_event
        where = self.decoder.location(prediction.location)
        size, _ = self.decoder.magnitude(prediction.magnitude)
        self.validation_location.update(where.hypocentre_km[seen], targets.source_km[seen])
        self.validation_magnitude.update(size[seen], targets.magnitude[seen])

    def on_validation_epoch_start(self) -> None:
        """A new pass over the sequences."""
        for replay in self.validation_replays:
            replay.reset()

    def on_validation_epoch_end(self) -> None:
        """Log what the whole validation set says."""
        for metrics in (self.validation_losses, self.validation_location, self.validation_magnitude):
            # torchmetrics has reduced them: the mean over ranks of equal numbers
            self.log_dict(metrics.compute(), sync_dist=True)
            metrics.reset()
        for replay in self.validation_replays:
            self._log_score(replay, f"val_{replay.name}")

    def on_test_epoch_start(self) -> None:
        """A new pass over the sequence."""
        self._tested().reset()

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """One or more windows of the sequence."""
        self._replay(self._tested(), batch)

    def on_test_epoch_end(self) -> None:
        """Log the score of the sequence."""
        self._log_score(self._tested(), "test")

    def _tested(self) -> Replay:
        if self.test_replay is None:
            raise RuntimeError("set test_replay before Trainer.test")
        return self.test_replay

    def _replay(self, replay: Replay, batch: Batch) -> None:
        """Windows through the network and the alarm rule; the time of each window is the batch's share."""
        start_s = time.perf_counter()
        prediction = self(batch)
        estimates = self.decoder.windows(
            prediction.first_p,
            prediction.location,
            prediction.magnitude,
            station_km=batch.station_km,
            mask=batch.mask,
            travel_time=batch.travel_time,
            now_s=batch.now_s,
        )
        compute_ms = 1000 * (time.perf_counter() - start_s) / len(batch)
        for now_s, estimate in zip(batch.now_s.tolist(), estimates, strict=True):
            # a window in which no station sends data says nothing
            replay.process(now_s, [] if estimate is None else [estimate], compute_ms)

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

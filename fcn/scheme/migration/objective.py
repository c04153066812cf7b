"""Losses of the migration network on recombined windows; anchors, volumes and errors are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from fcn.arch.migration import Features, MigrationNet
from fcn.batch import Batch, Targets
from fcn.loss.terms import masked_mean, pdf_loss
from fcn.scheme.base import Located
from fcn.scheme.migration.anchors import AnchorPrior, DrawnAnchors, draw
from fcn.scheme.migration.migrate import Anchors, Migration
from fcn.scheme.migration.training_volumes import FINE_SLOTS, ModelError, draw_volumes
from fcn.scheme.migration.volume import travel_times
from fcn.scheme.station_p import StationP
from fcn.targets.volume import encode_volume

VALIDATION_SEED = 20160414  # of the anchors of validation windows, the same in every epoch and every run
MOST_DEVIATIONS = 30.0  # by which a magnitude is wrong, at most, in its loss


@dataclass(frozen=True)
class MigrationObjective:
    """Four losses: P series, evidence of volumes, hypocentres in them, magnitudes.

    hypocentre_jitter_km: (horizontal, depth) error of the hypocentres that amplitudes are measured for.
    own_share:            of the fine volumes: about the peak of the network's own coarse one.
    """

    core: Migration
    station_p: StationP
    anchors: AnchorPrior
    model_error: ModelError
    hypocentre_jitter_km: Sequence[float]
    own_share: float
    terms: ClassVar[tuple[str, ...]] = ("station_p", "evidence", "location", "magnitude")

    def network_arguments(self) -> dict[str, Any]:
        """Cells of a volume along depth."""
        return {"n_depths": self.core.volume.cells[2]}

    def losses(
        self, network: nn.Module, batch: Batch, targets: Targets, generator: Generator
    ) -> dict[str, Tensor]:
        """Each of the terms, unweighted, of a training batch."""
        return self._losses(network, batch, targets, generator)[0]

    def validate(
        self, network: nn.Module, batch: Batch, targets: Targets
    ) -> tuple[dict[str, Tensor], Located]:
        """The same with anchors and volumes that are the same in every epoch, and what was located."""
        generator = Generator(device=batch.waveforms.device).manual_seed(VALIDATION_SEED)
        return self._losses(network, batch, targets, generator)

    def _losses(
        self, network: nn.Module, batch: Batch, targets: Targets, generator: Generator
    ) -> tuple[dict[str, Tensor], Located]:
        assert isinstance(network, MigrationNet)
        features = network.encode(batch.waveforms, batch.mask)
        station_p, rate_hz = features.station_p, self.core.sampling_rate_hz
        anchors = draw(
            targets, batch.mask, station_p, self.anchors, sampling_rate_hz=rate_hz, generator=generator
        )
        event = anchors.event.clamp_min(0)
        source_km = torch.gather(targets.event_km, 1, event[..., None].expand(-1, -1, 3))
        factor = self.model_error.draw(batch.mask, generator)
        own_km = self._own_peaks(network, features, batch, anchors, factor)
        lattice = draw_volumes(
            self.core.volume,
            batch,
            anchors,
            source_km,
            own_km,
            own_share=self.own_share,
            generator=generator,
        )
        travel_s = travel_times(batch, lattice) * factor
        logits, evidence = self.core.volumes(network, features, batch, anchors, lattice, travel_s)
        inside = (anchors.event >= 0) & lattice.contains(source_km)
        found = (inside & anchors.valid).flatten()
        place = encode_volume(
            source_km.flatten(0, 1), lattice.flat(), sigma_cells=self.core.volume.sigma_cells
        )
        magnitude, magnitude_loss, sized = self._magnitudes(network, batch, targets, generator)
        terms = {
            "station_p": self.station_p.loss(station_p, batch.mask, targets.p_arrival_s, targets.p_snr),
            "evidence": masked_mean(
                functional.binary_cross_entropy_with_logits(evidence, inside.float(), reduction="none"),
                anchors.valid,
            ),
            "location": pdf_loss(logits.flatten(0, 1), place, found),
            "magnitude": magnitude_loss,
        }
        where = self.core.decode(logits.detach(), lattice)
        # a magnitude is asked for the event of each located anchor
        both = found & torch.gather(sized, 1, event).flatten()
        located = Located(
            where.hypocentre_km[both],
            source_km.flatten(0, 1)[both],
            torch.gather(magnitude, 1, event).flatten()[both].detach(),
            torch.gather(targets.event_magnitude, 1, event).flatten()[both],
        )
        return terms, located

    @torch.no_grad()
    def _own_peaks(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        anchors: DrawnAnchors,
        factor: Float[Tensor, "pair 1 1 2"],
    ) -> Float[Tensor, "batch anchor 3"]:
        """Peaks of the coarse volumes that a stream would place the fine ones about; of even anchors: zeros.

        Right or wrong, they are what the fine pass has to judge.
        """
        own_km = torch.zeros(*anchors.station.shape, 3, device=anchors.station.device)
        chosen = Anchors(anchors.station[:, FINE_SLOTS], anchors.time_s[:, FINE_SLOTS])
        if self.own_share == 0 or chosen.station.shape[1] == 0:
            return own_km
        coarse = self.core.volume.coarse(batch.station_km, batch.mask)
        travel_s = travel_times(batch, coarse.shared(1)) * factor
        training = network.training
        network.eval()  # as a stream reads; its statistics are those of the volumes that are trained on
        where, _ = self.core.coarse_peaks(network, features, batch, chosen, coarse, travel_s)
        network.train(training)
        own_km[:, FINE_SLOTS] = where.hypocentre_km.view(*chosen.station.shape, 3)
        return own_km

    def _magnitudes(
        self, network: MigrationNet, batch: Batch, targets: Targets, generator: Generator
    ) -> tuple[Float[Tensor, "batch event"], Float[Tensor, ""], Bool[Tensor, "batch event"]]:
        """Magnitudes of every event at its jittered place, their loss, and which could be read.

        The loss is the negative log-likelihood of a Gaussian.
        """
        n_batch, n_events = targets.event_exists.shape
        across, down = self.hypocentre_jitter_km
        jitter = targets.event_km.new_tensor([across, across, down])
        normal = torch.randn((n_batch, n_events, 3), generator=generator, device=jitter.device)
        far_s = 10 * self.core.window_s(batch)  # events that do not exist arrive never
        p_s, s_s = (
            t.nan_to_num(posinf=far_s).transpose(1, 2) for t in (targets.p_arrival_s, targets.s_arrival_s)
        )
        arrival_s = torch.stack([p_s, s_s], dim=-1)
        amplitudes = self.core.measure(batch, targets.event_km + jitter * normal, arrival_s)
        # stations that have not seen the event count as they will in a stream: their weight is learned
        magnitude, deviation = network.magnitude(
            amplitudes.first_guess.flatten(0, 1),
            amplitudes.inputs.flatten(0, 1),
            amplitudes.use.flatten(0, 1),
        )
        magnitude, deviation = (v.view(n_batch, n_events) for v in (magnitude, deviation))
        seen_at = amplitudes.use & (targets.p_snr > self.station_p.visible_snr).transpose(1, 2)
        # a P that came before the window leaves only a coda: its magnitude is not asked for
        within = p_s.masked_fill(~seen_at, far_s).amin(dim=2) > 0
        sized = within & targets.event_exists & seen_at.any(dim=2)
        miss = (magnitude - targets.event_magnitude) / deviation
        miss = miss.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
        return magnitude, masked_mean(0.5 * miss**2 + deviation.log(), sized), sized

"""Losses of the migration network on recombined windows; anchors, volumes and errors are drawn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from fcn.arch.migration import Features, MigrationNet
from fcn.batch import Batch, Targets
from fcn.geometry.lattice import Lattice
from fcn.loss.terms import masked_mean, pdf_loss
from fcn.scheme.base import Located
from fcn.scheme.migration.anchors import AnchorPrior, DrawnAnchors, draw
from fcn.scheme.migration.hearing import asked
from fcn.scheme.migration.migrate import Anchors, Migration
from fcn.scheme.migration.neighbourhood import pairs_of
from fcn.scheme.migration.sizing import Sizing
from fcn.scheme.migration.training_volumes import FINE_SLOTS, ModelError, TimeError, draw_volumes
from fcn.scheme.migration.volume import travel_times
from fcn.scheme.station_p import StationP
from fcn.targets.volume import encode_volume

VALIDATION_SEED = 20160414  # of the anchors of validation windows, the same in every epoch and every run


@dataclass(frozen=True)
class MigrationObjective:
    """Losses: P series, evidence of volumes, hypocentres in them, magnitudes, arrivals of known events.

    own_share: of the fine volumes: about the peak of the network's own coarse one.
    heard_share: of the stations: their arrivals are timed.
    """

    core: Migration
    station_p: StationP
    anchors: AnchorPrior
    model_error: ModelError
    sizing: Sizing
    own_share: float
    heard_share: float
    terms: ClassVar[tuple[str, ...]] = (
        *("station_p", "evidence", "location"),
        *("magnitude", "ruptures", "growing", "arrivals"),
    )

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
        terms, located = self._losses(network, batch, targets, generator)
        return terms, located()

    def _losses(
        self, network: nn.Module, batch: Batch, targets: Targets, generator: Generator
    ) -> tuple[dict[str, Tensor], Callable[[], Located]]:
        """The terms, and what was located, once it is asked for: that waits for a device."""
        assert isinstance(network, MigrationNet)
        features = self.core.encode(network, batch)
        station_p, rate_hz = features.station_p, self.core.sampling_rate_hz
        anchors = draw(
            targets, batch.mask, station_p, self.anchors, sampling_rate_hz=rate_hz, generator=generator
        )
        event = anchors.event.clamp_min(0)
        source_km = torch.gather(targets.event_km, 1, event[..., None].expand(-1, -1, 3))
        error = self.model_error.draw(batch.mask, generator)
        near, coarse = self.core.about_stations(batch, anchors.station)
        own_km = self._own_peaks(network, features, batch, anchors, near, coarse, error)
        lattice = draw_volumes(
            self.core.volume,
            batch,
            anchors,
            coarse,
            source_km,
            own_km,
            own_share=self.own_share,
            generator=generator,
        )
        about_fine = self.core.about_places(batch, lattice.middle_km(), anchors.station)
        near = near.clone()
        near[:, FINE_SLOTS] = about_fine[:, FINE_SLOTS]
        pairs = pairs_of(near)
        travel_s = error.of(travel_times(batch, lattice, pairs), pairs)
        logits, evidence = self.core.volumes(network, features, batch, anchors, lattice, pairs, travel_s)
        inside = (anchors.event >= 0) & lattice.contains(source_km)
        found = (inside & anchors.valid).flatten()
        place = encode_volume(
            source_km.flatten(0, 1), lattice.flat(), sigma_cells=self.core.volume.sigma_cells
        )
        said = self.sizing.of_windows(self.core, network, batch, targets, generator)
        terms = {
            "station_p": self.station_p.loss(station_p, batch.mask, targets.p_arrival_s, targets.p_snr),
            "evidence": masked_mean(
                functional.binary_cross_entropy_with_logits(evidence, inside.float(), reduction="none"),
                anchors.valid,
            ),
            "location": pdf_loss(logits.flatten(0, 1), place, found),
            "magnitude": said.loss,
            **self.sizing.of_ruptures(network, batch.ruptures, generator),
            "arrivals": self._arrivals(network, batch, targets, generator),
        }

        def located() -> Located:
            # a magnitude is asked for the event of each located anchor
            both = (found & torch.gather(said.asked, 1, event).flatten()).nonzero()[:, 0]
            return Located(
                self.core.places_km(logits.detach(), lattice)[both],
                source_km.flatten(0, 1)[both],
                torch.gather(said.magnitude, 1, event).flatten()[both].detach(),
                torch.gather(targets.event_released_magnitude, 1, event).flatten()[both],
            )

        return terms, located

    def _arrivals(
        self, network: MigrationNet, batch: Batch, targets: Targets, generator: Generator
    ) -> Float[Tensor, ""]:
        """Divergence of the pdfs of P and S from pulses where they come, nat for each; 0 without an ear."""
        if network.ear is None:
            return batch.waveforms.new_zeros(())
        rate_hz, share = self.core.sampling_rate_hz, self.heard_share
        return pdf_loss(*asked(network.ear, batch, targets, generator, rate_hz, share=share))

    @torch.no_grad()
    def _own_peaks(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        anchors: DrawnAnchors,
        near: Bool[Tensor, "batch anchor station"],
        coarse: Lattice,
        error: TimeError,
    ) -> Float[Tensor, "batch anchor 3"]:
        """Peaks of the coarse volumes that a stream would place the fine ones about; of even anchors: zeros.

        Right or wrong, they are what the fine pass has to judge.
        """
        own_km = torch.zeros(*anchors.station.shape, 3, device=anchors.station.device)
        chosen = Anchors(anchors.station[:, FINE_SLOTS], anchors.time_s[:, FINE_SLOTS])
        if self.own_share == 0 or chosen.station.shape[1] == 0:
            return own_km
        lattice = Lattice(coarse.first_km[:, FINE_SLOTS], coarse.spacing_km[:, FINE_SLOTS], coarse.shape)
        pairs = pairs_of(near[:, FINE_SLOTS])
        travel_s = error.of(travel_times(batch, lattice, pairs), pairs)
        # as a stream reads; its statistics are those of the volumes that are trained on
        with _evaluating(network):
            logits, _ = self.core.volumes(network, features, batch, chosen, lattice, pairs, travel_s)
        own_km[:, FINE_SLOTS] = self.core.places_km(logits, lattice).view(*chosen.station.shape, 3)
        return own_km


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Everything in evaluation mode for a while, then as before: of a part that is frozen, too."""
    trained = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in trained:
            module.training = True

"""What training and reading share: volumes about anchors, places read from them, amplitudes."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fcn.arch.migration import Features, MigrationNet
from fcn.batch import Batch
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.amplitudes import Amplitudes, measure
from fcn.scheme.migration.volume import VolumeSpec
from fcn.targets.location import LocationEstimate
from fcn.targets.volume import decode_volume


@dataclass(frozen=True)
class Anchors:
    """Times at stations that are taken for the P arrival of some event.

    station: row of the station. time_s: after the window's first sample.
    """

    station: Int[Tensor, "batch anchor"]
    time_s: Float[Tensor, "batch anchor"]


@dataclass(frozen=True)
class Migration:
    """How windows become volumes, and volumes places.

    uncertainty_factor: see `fcn.scheme.migration.reader.Reading`.
    """

    sampling_rate_hz: float
    volume: VolumeSpec
    uncertainty_factor: tuple[float, float]

    def window_s(self, batch: Batch) -> float:
        """Length of the windows of a batch."""
        return batch.waveforms.shape[-1] / self.sampling_rate_hz

    def volumes(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        anchors: Anchors,
        lattice: Lattice,
        travel_s: Float[Tensor, "pair anchor cell 2"],
    ) -> tuple[Float[Tensor, "batch anchor x y depth"], Float[Tensor, "batch anchor"]]:
        """Logits over the cells of each anchor's volume, and of the evidence for an event in it.

        Every arrival is predicted from the anchor's. travel_s: P and S times from the cells of `lattice`, one
        row per station that exists, windows in order.
        """
        pairs = batch.mask.nonzero()
        n_anchors = anchors.station.shape[1]
        row = torch.zeros_like(batch.mask, dtype=torch.long)
        row[batch.mask] = torch.arange(len(pairs), device=row.device)
        own = torch.gather(row, 1, anchors.station)  # the anchor's station among the pairs
        at_anchor_s = travel_s[own, torch.arange(n_anchors, device=row.device), :, 0]
        origin_s = anchors.time_s[..., None] - at_anchor_s  # (batch, anchor, cell)
        sample = (origin_s[pairs[:, 0]][..., None] + travel_s) * self.sampling_rate_hz
        elapsed_s = self.window_s(batch) - anchors.time_s
        condition = torch.stack(
            [
                batch.mask.sum(dim=1).clamp_min(1).log10()[:, None].expand(-1, n_anchors),
                lattice.spacing_km[..., 0].log2(),
                lattice.spacing_km[..., 2].log2(),
                lattice.first_km[..., 2] / 10,
                elapsed_s / 10,
            ],
            dim=-1,
        )
        return network.volume(features, pairs, sample.view(*sample.shape[:2], *lattice.shape, 2), condition)

    def coarse_peaks(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        anchors: Anchors,
        coarse: Lattice,
        travel_s: Float[Tensor, "pair 1 cell 2"],
    ) -> tuple[LocationEstimate, Float[Tensor, "batch anchor"]]:
        """Peak of each anchor's coarse volume, and the logit of the evidence for an event in it.

        coarse: one volume per window, which all its anchors share. The estimates' rows: all anchors of the
        first window, then those of the second.
        """
        n = anchors.station.shape[1]
        lattice = coarse.shared(n)
        logits, evidence = self.volumes(
            network, features, batch, anchors, lattice, travel_s.expand(-1, n, -1, -1)
        )
        return self.decode(logits, lattice), evidence

    def decode(self, logits: Float[Tensor, "batch anchor x y depth"], lattice: Lattice) -> LocationEstimate:
        """Hypocentres of volumes; rows as those of `coarse_peaks`."""
        return decode_volume(
            logits.flatten(0, 1),
            lattice.flat(),
            sigma_cells=self.volume.sigma_cells,
            reach_cells=self.volume.reach_cells,
            uncertainty_factor=self.uncertainty_factor,
        )

    def measure(
        self,
        batch: Batch,
        hypocentre_km: Float[Tensor, "batch event 3"],
        arrival_s: Float[Tensor, "batch event station 2"],
    ) -> Amplitudes:
        """Amplitudes at every station for events at these places, with P and S at these times."""
        distance_km = torch.linalg.vector_norm(hypocentre_km[:, :, None] - batch.station_km[:, None], dim=-1)
        return measure(
            batch.waveforms_broad,
            batch.known,
            batch.mask,
            arrival_s,
            distance_km,
            hypocentre_km[..., 2],
            sampling_rate_hz=self.sampling_rate_hz,
        )

"""What training and reading share: volumes about anchors, places read from them, amplitudes."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.arch.migration import Features, MigrationNet
from fcn.batch import Batch
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.amplitudes import Amplitudes, Motion, measure
from fcn.scheme.migration.neighbourhood import Neighbourhood, with_own
from fcn.scheme.migration.volume import VolumeSpec
from fcn.targets.location import LocationEstimate, local_centroid
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

    neighbourhood:      whose stations judge a volume. sizing: whose stations size an event.
    uncertainty_factor: see `fcn.scheme.migration.reading.Reading`.
    """

    sampling_rate_hz: float
    volume: VolumeSpec
    neighbourhood: Neighbourhood
    sizing: Neighbourhood
    uncertainty_factor: tuple[float, float]

    def window_s(self, batch: Batch) -> float:
        """Length of the windows of a batch."""
        return batch.waveforms.shape[-1] / self.sampling_rate_hz

    def encode(self, network: MigrationNet, batch: Batch) -> Features:
        """Features of every station of a batch."""
        return network.encode(batch.waveforms, batch.background_mps, batch.known, batch.mask)

    def about_stations(
        self, batch: Batch, station: Int[Tensor, "batch anchor"]
    ) -> tuple[Bool[Tensor, "batch anchor station"], Lattice]:
        """The coarse volumes of anchors, and the stations that judge them, those about the anchors'."""
        place_km = torch.gather(batch.station_km, 1, station[..., None].expand(-1, -1, 3))
        near = self.neighbourhood.of(place_km, batch.station_km, batch.mask)
        return near, self.volume.coarse(batch.station_km, near, place_km)

    def about_places(
        self, batch: Batch, place_km: Float[Tensor, "batch anchor 3"], station: Int[Tensor, "batch anchor"]
    ) -> Bool[Tensor, "batch anchor station"]:
        """The stations that judge volumes about places, and their anchors."""
        return with_own(self.neighbourhood.of(place_km, batch.station_km, batch.mask), station)

    def volumes(
        self,
        network: MigrationNet,
        features: Features,
        batch: Batch,
        anchors: Anchors,
        lattice: Lattice,
        pairs: Int[Tensor, "pair 3"],
        travel_s: Float[Tensor, "pair 2 cell"],
        delay_s: Float[Tensor, "pair 2"] | None = None,
    ) -> tuple[Float[Tensor, "batch anchor x y depth"], Float[Tensor, "batch anchor"]]:
        """Logits over the cells of each anchor's volume, and of the evidence for an event in it.

        Every arrival is predicted from the anchor's. pairs: window, anchor and station of those that judge a
        volume, its anchor among them. travel_s: P and S times from the cells of `lattice` to each; delay_s:
        by how much more they are at each station, in all cells.
        """
        n_batch, n_anchors = anchors.station.shape
        number = pairs[:, 0] * n_anchors + pairs[:, 1]  # of the volume
        own = pairs[:, 2] == anchors.station.flatten()[number]  # each volume's anchor
        # without a wait for what a device has counted: the pair of each volume's anchor, and how many it has
        order = torch.arange(len(pairs), device=pairs.device)
        nobody = n_batch * n_anchors
        of_anchor = order.new_full((nobody + 1,), -1).scatter_(0, number.where(own, nobody), order)[number]
        count = order.new_zeros(nobody).index_add_(0, number, torch.ones_like(order))
        has_anchor, of_anchor = of_anchor >= 0, of_anchor.clamp_min(0)
        first_s = anchors.time_s.flatten()[number, None].expand(-1, 2)
        if delay_s is not None:
            first_s = first_s + delay_s - torch.where(has_anchor, delay_s[of_anchor, 0], 0.0)[:, None]
        at_anchor_s = travel_s[of_anchor, :1]
        at_anchor_s.masked_fill_(~has_anchor[:, None, None], 0.0)  # one that does not exist
        # few passes: there are many cells
        later_s = travel_s - at_anchor_s
        rate_hz = self.sampling_rate_hz
        sample = torch.add(rate_hz * first_s[..., None], later_s, alpha=rate_hz)
        elapsed_s = self.window_s(batch) - anchors.time_s
        condition = torch.stack(
            [
                count.view(n_batch, n_anchors).clamp_min(1).log10(),
                lattice.spacing_km[..., 0].log2(),
                lattice.spacing_km[..., 2].log2(),
                lattice.first_km[..., 2] / 10,
                elapsed_s / 10,
            ],
            dim=-1,
        )
        return network.volume(features, pairs, sample.view(len(pairs), 2, *lattice.shape), condition)

    def places_km(
        self, logits: Float[Tensor, "batch anchor x y depth"], lattice: Lattice
    ) -> Float[Tensor, "volume 3"]:
        """The hypocentres of `decode` without its uncertainties, whose `eigh` waits for a device."""
        volumes, reach_cells = lattice.flat(), self.volume.reach_cells
        found = local_centroid(logits.flatten(0, 1), volumes.axes_km(), reach_cells * volumes.spacing_km)
        return found.hypocentre_km

    def decode(self, logits: Float[Tensor, "batch anchor x y depth"], lattice: Lattice) -> LocationEstimate:
        """Hypocentres of volumes; rows: all anchors of the first window, then those of the second."""
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
        next_s: Float[Tensor, "batch event station"] | None = None,
    ) -> Amplitudes:
        """Amplitudes at every station for events at these places, with P and S at these times.

        next_s: P of another event, from which on motion is that one's; infinite for none.
        """
        distance_km = torch.linalg.vector_norm(hypocentre_km[:, :, None] - batch.station_km[:, None], dim=-1)
        horizontals = batch.known[:, :, 1:].any(dim=-1).sum(dim=-1).float()
        motion = Motion(batch.peaks, horizontals, batch.mask)
        now_s = self.window_s(batch)
        since_next_s = None if next_s is None else now_s - next_s
        amplitudes = measure(
            motion, now_s - arrival_s, distance_km, hypocentre_km[..., 2], since_next_s=since_next_s
        )
        near = self.sizing.of(hypocentre_km, batch.station_km, batch.mask)
        return replace(amplitudes, use=amplitudes.use & near)

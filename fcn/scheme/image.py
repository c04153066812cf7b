"""Training and reading networks with one volume over a fixed grid: EEWNet and its light version."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fcn.arch.prediction import Prediction
from fcn.batch import Batch, Targets
from fcn.catalogue.event import Known, WindowEstimate
from fcn.loss.terms import detection_loss, pdf_loss, product_pdf_loss
from fcn.scheme.base import Located, View, require_event
from fcn.targets.detection import encode_arrivals, encode_first_arrival
from fcn.targets.location import encode_axes, grid_axes_km
from fcn.targets.magnitude import encode_magnitude
from fcn.targets.window import WindowDecoder


@dataclass
class ImageScheme:
    """One event per window, on the decoder's grid.

    visible_snr:       a P arrival counts as a detection target above this signal-to-noise ratio; below it
                       the samples around it are left out of the loss, since a picker could argue either way.
    arrival_sigma_s, location_sigma_km (horizontal, vertical), magnitude_sigma: widths of the targets.
    positive_weight:   see `detection_loss`.
    """

    decoder: WindowDecoder
    visible_snr: float
    arrival_sigma_s: float
    location_sigma_km: Sequence[float]
    magnitude_sigma: float
    positive_weight: float
    terms: tuple[str, ...] = field(default=("station_p", "first_p", "location", "magnitude"), init=False)

    def network_arguments(self) -> dict[str, Any]:
        """Axes of the grid and of the magnitude bins."""
        return {
            "grid_axes_km": tuple(self.decoder.grid.axis_km(i).tolist() for i in range(3)),
            "magnitude_axis": self.decoder.bins.centres(torch.zeros(())).tolist(),
        }

    def predict(self, network: nn.Module, batch: Batch, source_km: Tensor | None = None) -> Prediction:
        """Prediction for a batch; `source_km` is the truth, given in training only."""
        prediction: Prediction = network(
            batch.waveforms,
            batch.waveforms_broad,
            batch.station_km,
            batch.mask,
            batch.travel_time,
            source_km,
        )
        return prediction

    def losses(self, network: nn.Module, batch: Batch, targets: Targets) -> dict[str, Tensor]:
        """Each branch's loss, unweighted; distances are those to the true source."""
        return self.score(self.predict(network, batch, targets.source_km), batch, targets)

    def validate(
        self, network: nn.Module, batch: Batch, targets: Targets
    ) -> tuple[dict[str, Tensor], Located]:
        """Losses, and where and how large the network says the visible events are, on its own."""
        prediction = self.predict(network, batch)
        seen = targets.is_event
        where = self.decoder.location(prediction.location)
        size, _ = self.decoder.magnitude(prediction.magnitude)
        located = Located(
            where.hypocentre_km[seen], targets.source_km[seen], size[seen], targets.magnitude[seen]
        )
        return self.score(prediction, batch, targets), located

    def score(self, prediction: Prediction, batch: Batch, targets: Targets) -> dict[str, Tensor]:
        """Loss terms of a prediction."""
        spec: dict[str, Any] = {
            "n_samples": batch.waveforms.shape[-1],
            "sampling_rate_hz": self.decoder.sampling_rate_hz,
            "sigma_s": self.arrival_sigma_s,
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
        weight = self.positive_weight
        sigma_km = (float(self.location_sigma_km[0]), float(self.location_sigma_km[1]))
        place = encode_axes(targets.source_km, self.decoder.grid, sigma_km=sigma_km)
        target_magnitude = encode_magnitude(targets.magnitude, self.decoder.bins, sigma=self.magnitude_sigma)
        return {
            "station_p": detection_loss(prediction.station_p, pulses, keep, positive_weight=weight),
            "first_p": detection_loss(prediction.first_p, first, everywhere, positive_weight=weight),
            "location": product_pdf_loss(prediction.location, place, targets.is_event),
            "magnitude": pdf_loss(prediction.magnitude, target_magnitude, targets.is_event),
        }

    @torch.no_grad()
    def look(self, network: nn.Module, batch: Batch, targets: Targets, index: int) -> View:
        """One window; its origin time is the network's first P less the shortest predicted travel time.

        Raises ValueError where it has no event to locate.
        """
        require_event(targets, index)
        window, there = batch.window(index), batch.mask[index]
        prediction = self.predict(network, window)
        place_km = self.decoder.location(prediction.location).hypocentre_km
        first_p_s, _ = self.decoder.first_p(prediction.first_p)
        travel_s = window.travel_time.between(place_km[:, None], window.station_km)[0, there, 0]
        east_km, north_km, depth_km = grid_axes_km(self.decoder.grid, place_km)
        return View(
            station_p=prediction.station_p[0, there].float().sigmoid(),
            volume=torch.softmax(prediction.location[0].float().flatten(), dim=0).view(
                prediction.location.shape[1:]
            ),
            axes_km=(east_km, north_km, depth_km),
            hypocentre_km=place_km[0],
            source_km=targets.source_km[index],
            arrival_s=first_p_s - travel_s[:, 0].amin() + travel_s,
        )

    @torch.no_grad()
    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """One estimate per window, none where no station sends data."""
        prediction = self.predict(network, batch)
        found = self.decoder.windows(
            prediction.first_p,
            prediction.location,
            prediction.magnitude,
            station_km=batch.station_km,
            mask=batch.mask,
            travel_time=batch.travel_time,
            now_s=batch.now_s,
        )
        return [[] if each is None else [each] for each in found]

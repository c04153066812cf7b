"""Losses of networks with one volume over a fixed grid, on recombined windows; nothing is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from fcn.arch.prediction import Prediction
from fcn.batch import Batch, Targets
from fcn.loss.terms import detection_loss, pdf_loss, product_pdf_loss
from fcn.scheme.base import Located
from fcn.scheme.image.predict import predict
from fcn.scheme.station_p import StationP
from fcn.targets.detection import encode_first_arrival
from fcn.targets.location import encode_axes
from fcn.targets.magnitude import encode_magnitude
from fcn.targets.window import WindowDecoder


@dataclass(frozen=True)
class ImageObjective:
    """Four losses: P series, first P of the network, hypocentre on the decoder's grid, magnitude.

    location_sigma_km (horizontal, vertical), magnitude_sigma: widths of the targets.
    """

    decoder: WindowDecoder
    station_p: StationP
    location_sigma_km: Sequence[float]
    magnitude_sigma: float
    terms: ClassVar[tuple[str, ...]] = ("station_p", "first_p", "location", "magnitude")

    def network_arguments(self) -> dict[str, Any]:
        """Axes of the grid and of the magnitude bins."""
        return {
            "grid_axes_km": tuple(self.decoder.grid.axis_km(i).tolist() for i in range(3)),
            "magnitude_axis": self.decoder.bins.centres(torch.zeros(())).tolist(),
        }

    def losses(
        self, network: nn.Module, batch: Batch, targets: Targets, generator: Generator
    ) -> dict[str, Tensor]:
        """Each branch's loss, unweighted; distances are those to the true source."""
        return self.score(self._predicted(network, batch, targets.source_km), batch, targets)

    def validate(
        self, network: nn.Module, batch: Batch, targets: Targets
    ) -> tuple[dict[str, Tensor], Located]:
        """Losses, and where and how large the network says the visible events are, on its own."""
        prediction = self._predicted(network, batch)
        seen = targets.is_event
        where = self.decoder.location(prediction.location)
        size, _ = self.decoder.magnitude(prediction.magnitude)
        located = Located(
            where.hypocentre_km[seen], targets.source_km[seen], size[seen], targets.magnitude[seen]
        )
        return self.score(prediction, batch, targets), located

    def _predicted(
        self, network: nn.Module, batch: Batch, source_km: Float[Tensor, "batch 3"] | None = None
    ) -> Prediction:
        """See `predict`; ValueError for what is none, or not on the grid's cells and the bins."""
        made = predict(network, batch, source_km)
        name = type(network).__name__
        if not isinstance(made, Prediction):
            raise ValueError(
                f"{name} returns a {type(made).__name__}: it must be a {Prediction.__module__}."
                f"{Prediction.__name__}"
            )
        n_windows, n_stations, _, n_samples = batch.waveforms.shape
        wanted = {
            "station_p": (n_windows, n_stations, n_samples),
            "first_p": (n_windows, n_samples),
            "location": (n_windows, *self.decoder.grid.shape),
            "magnitude": (n_windows, self.decoder.bins.count),
        }
        for branch, shape in wanted.items():
            if (found := tuple(getattr(made, branch).shape)) != shape:
                raise ValueError(
                    f"{name} returns {branch} of shape {found}, and it must be {shape}: {n_windows} windows, "
                    f"{n_stations} stations, {n_samples} samples, cells along x, y and z, bins"
                )
        return made

    def score(self, prediction: Prediction, batch: Batch, targets: Targets) -> dict[str, Tensor]:
        """Loss terms of a prediction."""
        picks, p_s = self.station_p, targets.p_arrival_s
        visible = targets.p_snr > picks.visible_snr
        # the network's first P is that of the first event; a second event's is a first P, too
        first = torch.stack(
            [
                encode_first_arrival(
                    p_s[..., event],
                    visible[..., event],
                    n_samples=batch.waveforms.shape[-1],
                    sampling_rate_hz=picks.sampling_rate_hz,
                    sigma_s=picks.sigma_s,
                )
                for event in range(visible.shape[2])
            ]
        ).amax(dim=0)
        everywhere = torch.ones_like(first, dtype=torch.bool)
        sigma_km = (float(self.location_sigma_km[0]), float(self.location_sigma_km[1]))
        place = encode_axes(targets.source_km, self.decoder.grid, sigma_km=sigma_km)
        target_magnitude = encode_magnitude(targets.magnitude, self.decoder.bins, sigma=self.magnitude_sigma)
        return {
            "station_p": picks.loss(prediction.station_p, batch.mask, p_s, targets.p_snr),
            "first_p": detection_loss(
                prediction.first_p, first, everywhere, positive_weight=picks.positive_weight
            ),
            "location": product_pdf_loss(prediction.location, place, targets.is_event),
            "magnitude": pdf_loss(prediction.magnitude, target_magnitude, targets.is_event),
        }

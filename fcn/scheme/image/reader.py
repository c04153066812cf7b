"""Reading networks with one volume over a fixed grid: one event per window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fcn.batch import Batch, Targets
from fcn.catalogue.event import Known, WindowEstimate
from fcn.scheme.base import View, require_event, require_finite
from fcn.scheme.image.predict import predict
from fcn.targets.location import grid_axes_km
from fcn.targets.window import WindowDecoder


@dataclass(frozen=True)
class ImageReader:
    """Reads every window alike, whatever is known of others."""

    decoder: WindowDecoder

    @torch.no_grad()
    def estimates(
        self, network: nn.Module, batch: Batch, known: Sequence[Known]
    ) -> list[list[WindowEstimate]]:
        """One estimate per window, none where no station sends data."""
        prediction = predict(network, batch)
        nobody = ~batch.mask.any(dim=1, keepdim=True)  # a window without a station is not read
        read = {name: getattr(prediction, name) for name in ("first_p", "location", "magnitude")}
        require_finite(batch, **{k: logits.flatten(1).masked_fill(nobody, 0) for k, logits in read.items()})
        found = self.decoder.windows(
            **read,
            station_km=batch.station_km,
            mask=batch.mask,
            travel_time=batch.travel_time,
            now_s=batch.now_s,
        )
        return [[] if each is None else [each] for each in found]

    def state(self) -> dict[str, Any]:
        """Nothing: no window teaches it anything."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Reader`."""

    def forget(self, station_km: Float[Tensor, "station 3"]) -> None:
        """See `Reader`: there is nothing."""

    @torch.no_grad()
    def look(self, network: nn.Module, batch: Batch, targets: Targets, index: int) -> View:
        """One window; its origin time is the network's first P less the shortest predicted travel time.

        Raises ValueError where it has no event to locate.
        """
        require_event(targets, index)
        window, there = batch.window(index), batch.mask[index]
        prediction = predict(network, window)
        place_km = self.decoder.location(prediction.location).hypocentre_km
        first_p_s, _ = self.decoder.first_p(prediction.first_p)
        travel_s = window.travel_time.between(place_km[:, None], window.station_km)[0, there, 0]
        return View.of_logits(
            prediction.station_p[0, there],
            prediction.location[0],
            axes_km=grid_axes_km(self.decoder.grid, place_km),
            hypocentre_km=place_km[0],
            source_km=targets.source_km[index],
            arrival_s=first_p_s - travel_s[:, 0].amin() + travel_s,
        )

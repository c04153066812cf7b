"""From the logits of a window to what is said about it: the one reading shared by test and monitor."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.catalogue.event import WindowEstimate, covariance_of
from fcn.devices import numbers
from fcn.geometry.grid import SearchGrid
from fcn.targets.detection import decode_arrival
from fcn.targets.location import LocationEstimate, decode_location
from fcn.targets.magnitude import MagnitudeBins, decode_magnitude
from fcn.types import TravelTimes


@dataclass(frozen=True)
class WindowDecoder:
    """Reads windows; everything about the reading that is not in the logits.

    reach_km: (horizontal, vertical) half-widths around the highest cell, of the hypocentre's centroid.
    magnitude_reach: half-width around the highest bin, of the magnitude's centroid.
    uncertainty_factor: on the horizontal and the depth uncertainty, chosen on validation sequences: a pdf is
        blurred by the targets that it was trained with.
    """

    grid: SearchGrid
    bins: MagnitudeBins
    sampling_rate_hz: float
    arrival_sigma_s: float
    reach_km: Sequence[float]
    magnitude_reach: float
    uncertainty_factor: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.uncertainty_factor) != 2 or min(self.uncertainty_factor) <= 0:
            raise ValueError(
                "decoder.uncertainty_factor must be two positive numbers, horizontal and depth, got "
                f"{list(self.uncertainty_factor)}"
            )

    def first_p(self, logits: Float[Tensor, "batch time"]) -> tuple[Tensor, Tensor]:
        """(Seconds after the first sample, probability) of the network's first P."""
        return decode_arrival(logits, sampling_rate_hz=self.sampling_rate_hz, sigma_s=self.arrival_sigma_s)

    def location(self, logits: Float[Tensor, "batch x y z"]) -> LocationEstimate:
        """Hypocentre, its score and its uncertainties."""
        found = decode_location(logits, self.grid, reach_km=self.reach_km)
        across, down = self.uncertainty_factor
        scale = numbers([across, across, down], found.covariance_km2)
        return replace(
            found,
            horizontal_uncertainty_km=across * found.horizontal_uncertainty_km,
            depth_uncertainty_km=down * found.depth_uncertainty_km,
            covariance_km2=found.covariance_km2 * scale[:, None] * scale,
        )

    def magnitude(self, logits: Float[Tensor, "batch bin"]) -> tuple[Tensor, Tensor]:
        """(Magnitude, standard deviation)."""
        return decode_magnitude(logits, self.bins, reach=self.magnitude_reach)

    def windows(
        self,
        first_p: Float[Tensor, "batch time"],
        location: Float[Tensor, "batch x y z"],
        magnitude: Float[Tensor, "batch bin"],
        *,
        station_km: Float[Tensor, "batch station 3"],
        mask: Bool[Tensor, "batch station"],
        travel_time: TravelTimes,
        now_s: Float[Tensor, " batch"],
    ) -> list[WindowEstimate | None]:
        """One estimate per window; origin time = first P less the shortest predicted P travel time.

        None for a window without any station.
        """
        after_start_s, detection = self.first_p(first_p)
        where = self.location(location)
        size, spread = self.magnitude(magnitude)
        travel_s = travel_time.between(where.hypocentre_km[:, None], station_km)[:, :, 0, 0]
        shortest_s = travel_s.masked_fill(~mask, torch.inf).amin(dim=1)
        said = {
            "detection_score": detection,
            "location_score": where.score,
            **dict(zip(("east_km", "north_km", "depth_km"), where.hypocentre_km.unbind(dim=1), strict=True)),
            "magnitude": size,
            "horizontal_uncertainty_km": where.horizontal_uncertainty_km,
            "depth_uncertainty_km": where.depth_uncertainty_km,
            "magnitude_uncertainty": spread,
        }
        rows = [*said.values(), after_start_s, shortest_s, mask.any(dim=1).float()]
        # in one copy: a device is waited for at each; clock times need float64, which some devices lack
        here = torch.cat([torch.stack(rows), where.covariance_km2.flatten(1).T]).cpu().double()
        after_start_s, shortest_s, alive = here[len(said) : len(rows)]
        now_s = now_s.cpu().double()
        first_p_time_s = now_s + after_start_s - first_p.shape[-1] / self.sampling_rate_hz
        columns = {
            "now_s": now_s,
            "first_p_time_s": first_p_time_s,
            "origin_time_s": first_p_time_s - shortest_s,
            **dict(zip(said, here, strict=False)),
        }
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        covariances = here[len(rows) :].T.unflatten(1, (3, 3)).tolist()
        return [
            WindowEstimate(
                **dict(zip(columns, row, strict=True)),
                covariance_km2=covariance_of(covariance),
            )
            if is_alive
            else None
            for row, covariance, is_alive in zip(values, covariances, alive.tolist(), strict=True)
        ]

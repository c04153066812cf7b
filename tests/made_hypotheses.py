"""Picks and declared events on a network of straight rays, for tests of which hypotheses stand."""

from dataclasses import replace

import torch

from fcn.catalogue.event import Known, WindowEstimate
from fcn.scheme.migration.hypotheses import places_km
from fcn.scheme.migration.picks import Picks

START_S, NOW_S, WINDOW_S = 970.0, 1000.0, 30.0
P_TOLERANCE_S, S_TOLERANCE_S = 0.6, 0.9


class StraightRays:
    """P at 6 km/s and S at 4, whatever the depth."""

    def between(self, source_km: torch.Tensor, station_km: torch.Tensor) -> torch.Tensor:
        distance_km = (station_km[:, :, None] - source_km[:, None]).norm(dim=-1)
        return torch.stack([distance_km / 6.0, distance_km / 4.0], dim=-1)

    def to(self, device) -> "StraightRays":
        return self


def picks_at(*at: tuple[int, float]) -> Picks:
    """Picks of equal probability at (station, seconds)."""
    station, time_s = zip(*at, strict=True) if at else ((), ())
    return Picks(
        torch.tensor(station, dtype=torch.long),
        torch.tensor(time_s, dtype=torch.float32),
        torch.full((len(at),), 0.9),
    )


def known(name: str = "one", *, is_open: bool = True, **changes) -> Known:
    estimate = WindowEstimate(
        now_s=999.0,
        detection_score=1.0,
        first_p_time_s=990.0,
        location_score=1.0,
        east_km=0.0,
        north_km=0.0,
        depth_km=0.0,
        origin_time_s=988.0,
        magnitude=3.0,
        horizontal_uncertainty_km=0.0,
    )
    return Known(name, replace(estimate, **changes), is_open=is_open)


def travel_s(events: list[Known], station_km: torch.Tensor) -> torch.Tensor:
    place_km = places_km(events, station_km.device)
    return StraightRays().between(place_km[None], station_km)[0].transpose(0, 1)

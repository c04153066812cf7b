"""Between source and station: rays with their times and angles, spreading, attenuation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fcn.earth.travel_time import TravelTimeTable

STEP_KM = 1.0  # of the differences that turn times into slownesses
STEEPEST = 0.99  # sine of the largest angle of incidence


@dataclass(frozen=True)
class PathLaw:
    """The crust between source and site.

    vp_kmps, vs_kmps, density_gpcm3: around the source.
    q, q_exponent: Qs = q f^n above 1 Hz, constant below; q_p_over_s: Qp / Qs.
    spreading_break_km: amplitude falls as 1/R up to it and as R^-0.5 beyond.
    surface_kmps: P and S velocity under the station, which turn the rays upright.
    radiation_hz: the pattern of the double couple holds below the first of the two frequencies and has
        given way to its average above the second (Pulido & Kubo 2004: 1 and 3 Hz).
    """

    vp_kmps: float
    vs_kmps: float
    density_gpcm3: float
    q: float
    q_exponent: float
    q_p_over_s: float
    spreading_break_km: float
    surface_kmps: Sequence[float]
    radiation_hz: Sequence[float]

    def __post_init__(self) -> None:
        for name in ("surface_kmps", "radiation_hz"):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        if not self.vp_kmps > self.vs_kmps > 0.0:
            raise ValueError(f"vp_kmps {self.vp_kmps} must exceed vs_kmps {self.vs_kmps}, both positive")
        for name in ("q", "q_p_over_s", "density_gpcm3", "spreading_break_km"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if len(self.surface_kmps) != 2 or not min(self.surface_kmps) > 0.0:
            raise ValueError(f"surface_kmps is a pair of velocities, P and S, got {self.surface_kmps}")
        if len(self.radiation_hz) != 2 or not 0.0 <= self.radiation_hz[0] < self.radiation_hz[1]:
            raise ValueError(f"radiation_hz is a pair of frequencies, low to high, got {self.radiation_hz}")

    def spreading_per_m(self, distance_km: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Geometrical spreading of a distance."""
        near = distance_km.clamp(min=0.5, max=self.spreading_break_km)
        far = (self.spreading_break_km / distance_km.clamp(min=self.spreading_break_km)).sqrt()
        return far / (1e3 * near)

    def attenuation(
        self, travel_time_s: Float[Tensor, "batch 2"], frequency_hz: Float[Tensor, " frequency"]
    ) -> Float[Tensor, "batch 2 frequency"]:
        """Loss exp(-pi f t / Q(f)) of P and of S."""
        quality = self.q * frequency_hz.clamp(min=1.0) ** self.q_exponent
        quality = quality * torch.tensor([self.q_p_over_s, 1.0])[:, None]
        return torch.exp(-math.pi * travel_time_s[..., None] * frequency_hz / quality)


@dataclass(frozen=True)
class Rays:
    """Paths from sources to stations, one per record.

    depth_km: of the source below the station. azimuth_rad: source to station, clockwise from north. Pairs
    are P, S. takeoff_rad: from straight down; incidence_rad: at the station, from the vertical.
    """

    distance_km: Float[Tensor, " batch"]
    depth_km: Float[Tensor, " batch"]
    azimuth_rad: Float[Tensor, " batch"]
    time_s: Float[Tensor, "batch 2"]
    takeoff_rad: Float[Tensor, "batch 2"]
    incidence_rad: Float[Tensor, "batch 2"]

    @property
    def hypocentral_km(self) -> Float[Tensor, " batch"]:
        """Straight distance."""
        return torch.hypot(self.distance_km, self.depth_km)

    @property
    def station_km(self) -> Float[Tensor, "batch 3"]:
        """Station as seen from the hypocentre: east, north, down."""
        east_km = self.distance_km * self.azimuth_rad.sin()
        north_km = self.distance_km * self.azimuth_rad.cos()
        return torch.stack([east_km, north_km, -self.depth_km], -1)

    def take(self, index: Int[Tensor, " record"]) -> "Rays":
        """The paths that these indices point to."""
        return Rays(*(getattr(self, item.name)[index] for item in fields(self)))


def rays_in(
    table: TravelTimeTable,
    distance_km: Float[Tensor, " batch"],
    source_depth_km: Float[Tensor, " batch"],
    elevation_km: Float[Tensor, " batch"],
    azimuth_rad: Float[Tensor, " batch"],
    surface_kmps: Sequence[float],
) -> Rays:
    """First arrivals of a single table; angles from its slownesses, by finite differences.

    source_depth_km: below sea level; elevation_km: of the station above it.
    """
    offsets_km = torch.tensor([0.0, STEP_KM, -STEP_KM])
    reach_km = (distance_km[:, None] + offsets_km).clamp(min=0.0)
    depths_km = source_depth_km[:, None] + offsets_km
    depths_km = depths_km.clamp(table.min_depth_km, table.max_depth_km)
    nothing = torch.zeros_like(reach_km)
    station_km = torch.stack([reach_km, nothing, (-elevation_km)[:, None].expand(-1, 3)], -1)
    source_km = torch.stack([nothing, nothing, depths_km], -1)
    batched = TravelTimeTable.stack([table])[torch.zeros(len(distance_km), dtype=torch.long)]
    time_s = batched.between(source_km, station_km)  # (batch, station, source, phase)
    across = (time_s[:, 1, 0] - time_s[:, 2, 0]) / (reach_km[:, 1] - reach_km[:, 2])[:, None]
    down = (time_s[:, 0, 1] - time_s[:, 0, 2]) / (depths_km[:, 1] - depths_km[:, 2])[:, None]
    takeoff = torch.atan2(across, -down)  # time grows with depth where the ray leaves upward
    incidence = torch.asin((across * torch.tensor(surface_kmps)).clamp(0.0, STEEPEST))
    below_km = source_depth_km + elevation_km
    return Rays(distance_km, below_km, azimuth_rad, time_s[:, 0, 0], takeoff, incidence)

"""Composite ruptures: overlapping cracks of fractal sizes scattered over a fault."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from fcn.simulate.source.fault import check, count, extent_km, grown, limited_width_km
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import Rupture, on_plane

LARGEST_RADIUS = 0.35  # of a crack over the width of the fault
COVERAGE = 0.5  # of the fault by cracks of the largest radius
SQUARE = 1.77  # side of the square of a circle's area, over its radius


@dataclass(frozen=True)
class CompositeRupture:
    """Zeng, Anderson & Yu (1994), GRL 21, 725-728: cracks of equal stress drop, N(> R) going with R^-2.

    Length and width: Wells & Coppersmith (1994), BSSA 84, 974-1002, table 2A, all slip types: log L = -2.44 +
    0.59 M (subsurface), log W = -1.01 + 0.32 M; where it fills `depth_km` (top and bottom of what can break),
    the length makes up for it. velocity_ratio: rupture over S velocity. n_subsources: fewest, at
    min_magnitude, and most, at M 8. strength: at these two magnitudes, the level of high frequencies over
    that of the omega-square source with the earthquake's stress drop.
    """

    min_magnitude: float
    n_subsources: Sequence[int]
    depth_km: Sequence[float]
    velocity_ratio: float
    strength: Sequence[float]

    def __post_init__(self) -> None:
        check(self.depth_km, self.n_subsources, self.strength, self.min_magnitude)
        if not 0.0 < self.velocity_ratio < 1.0:
            raise ValueError(f"velocity_ratio is rupture over S velocity, in 0..1, got {self.velocity_ratio}")

    def draw(
        self,
        magnitude: Float[Tensor, " event"],
        corner_hz: Float[Tensor, " event"],
        depth_km: Float[Tensor, " event"],
        mechanism: DoubleCouple,
        vs_kmps: float,
        generator: Generator,
    ) -> Rupture:
        """Cracks anywhere on the fault; the one nearest to the hypocentre is moved there."""
        n_events, most = len(magnitude), self.n_subsources[1]
        place = torch.rand(2, n_events, most, generator=generator)
        hypocentre = 0.1 + 0.8 * torch.rand(2, n_events, 1, generator=generator)
        area_km2, width_km = 10.0 ** (-3.45 + 0.91 * magnitude), 10.0 ** (-1.01 + 0.32 * magnitude)
        width_km = limited_width_km(width_km, depth_km, mechanism, self.depth_km)
        length_km = area_km2 / width_km
        extent = extent_km(length_km, width_km, hypocentre[..., 0], depth_km, mechanism, self.depth_km)
        number = torch.arange(1, most + 1, dtype=torch.float32)
        used = number <= count(magnitude, self.min_magnitude, self.n_subsources)[:, None]
        n_largest = (COVERAGE * length_km / (torch.pi * LARGEST_RADIUS**2 * width_km)).clamp(min=1.0)
        radius_km = LARGEST_RADIUS * width_km[:, None] * (number / n_largest[:, None]).clamp(min=1.0) ** -0.5
        share = used * radius_km**3
        share = share / share.sum(1, keepdim=True)

        # Centres keep a radius from the edges, as far as there is room.
        side_km = torch.stack([length_km, width_km])[..., None]
        room_km = (side_km - 2.0 * radius_km).clamp(min=0.0)
        at_km = extent[:, 0::2].T[..., None] + 0.5 * (side_km - room_km) + place * room_km
        nearest = at_km.norm(dim=0).masked_fill(~used, torch.inf).argmin(1)
        at_km[:, torch.arange(n_events), nearest] = 0.0
        at_km = at_km * used
        relative = radius_km.amax(1, keepdim=True) / radius_km  # corners go with 1 / size
        strength = grown(magnitude, self.min_magnitude, self.strength)[:, None]
        level = (share**2 * relative**4).sum(1, keepdim=True)
        sub_corner_hz = corner_hz[:, None] * relative * (strength**2 / level) ** 0.25
        start_s = at_km.norm(dim=0) / (self.velocity_ratio * vs_kmps)
        offset_km = on_plane(at_km[0], at_km[1], mechanism)
        return Rupture(offset_km, start_s, share, sub_corner_hz, SQUARE * radius_km, extent)

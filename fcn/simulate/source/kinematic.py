"""Kinematic ruptures: random slip with a k^-2 spectrum behind a front of variable velocity."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from fcn.simulate.source.fault import check, count, extent_km, grown, limited_width_km
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import Rupture, on_plane

HURST = 0.75  # Mai & Beroza (2002), table 4
MODES = (8, 6)  # of slip along strike and down dip
N_NUCLEATION = (
    5  # the hypocentre's cell is broken from the inside: each sub-source twice the size of the last
)
JITTER = 0.3  # of cells about their centres, in cells
QUIET_RADIUS = 0.12  # within this share of the length slip grows with distance from the hypocentre
QUIET_SHARE = 0.3  # of the slip, at the hypocentre
TREMBLE = 1.0  # largest delay of a cell, of the time in which the front crosses it
WAVY = 0.25  # relative excess or lack of velocity, in units of its range, where slip is large or small


@dataclass(frozen=True)
class KinematicRupture:
    """Slip on a rectangle that a front sweeps over from the hypocentre.

    Area: Hanks & Bakun (2008), BSSA 98, 490-494: M = 3.98 + log10 A (km2) up to 537 km2, 3.07 + 4/3 log10 A
    beyond. Width: Leonard (2010), BSSA 100, 1971-1988, 1.75 L^(2/3) (km, dip slip) until it fills `depth_km`
    (top and bottom of what can break). Slip: log-normal (`slip_sigma`) of a field with the spectrum of Mai &
    Beroza (2002), JGR 107, 2308: von Karman, correlation lengths 2 + L / 3 and 1 + W / 3 km; it falls off
    towards the edges but the upper one, and towards the hypocentre. velocity_ratio: range of rupture over
    S velocity. n_subsources: fewest, at min_magnitude, and most, at M 8. strength: at these two magnitudes,
    the level of high frequencies over that of the omega-square source with the earthquake's stress drop.
    """

    min_magnitude: float
    n_subsources: Sequence[int]
    depth_km: Sequence[float]
    velocity_ratio: Sequence[float]
    slip_sigma: float
    strength: Sequence[float]

    def __post_init__(self) -> None:
        check(self.depth_km, self.n_subsources, self.strength, self.min_magnitude)
        ratio = tuple(self.velocity_ratio)
        if len(ratio) != 2 or not 0.0 < ratio[0] <= ratio[1] < 1.0:
            raise ValueError(f"velocity_ratio is a range of rupture over S velocity, in 0..1, got {ratio}")
        if not self.slip_sigma >= 0.0:
            raise ValueError(f"slip_sigma must not be negative, got {self.slip_sigma}")

    def draw(
        self,
        magnitude: Float[Tensor, " event"],
        corner_hz: Float[Tensor, " event"],
        depth_km: Float[Tensor, " event"],
        mechanism: DoubleCouple,
        vs_kmps: float,
        generator: Generator,
    ) -> Rupture:
        """Cells of a grid, the hypocentre's replaced by ever smaller ones around it."""
        area_km2 = 10.0 ** torch.minimum(magnitude - 3.98, 0.75 * (magnitude - 3.07))
        width_km = 1.75 * (area_km2 / 1.75) ** 0.4
        width_km = limited_width_km(width_km, depth_km, mechanism, self.depth_km)
        hypocentre = 0.1 + 0.8 * torch.rand(2, len(magnitude), generator=generator)
        extent = extent_km(area_km2 / width_km, width_km, hypocentre, depth_km, mechanism, self.depth_km)
        place, size_km, share, velocity = self._cells(magnitude, extent, generator)
        share, size_km, place = _nucleated(place, size_km, share, generator)
        velocity = torch.cat([velocity, velocity.mean(1, keepdim=True).expand(-1, N_NUCLEATION)], 1)
        used = share > 0.0
        place = place.clamp(extent[:, None, 0::2], extent[:, None, 1::2]) * used[..., None]
        late = TREMBLE * torch.rand(share.shape, generator=generator)
        late[:, -N_NUCLEATION:] = 0.0
        start_s = (place.norm(dim=-1) + late * size_km) / (velocity * vs_kmps)
        relative = size_km.amax(1, keepdim=True) / size_km.clamp(min=1e-6)  # corners go with 1 / size
        strength = grown(magnitude, self.min_magnitude, self.strength)[:, None]
        level = (share**2 * relative**4).sum(1, keepdim=True)
        sub_corner_hz = corner_hz[:, None] * relative * (strength**2 / level) ** 0.25
        order = (~used).int().argsort(dim=1, stable=True)  # padding last
        offset_km = on_plane(place[..., 0], place[..., 1], mechanism)
        start_s, share, sub_corner_hz, size_km = (
            column.gather(1, order) for column in (start_s, share, sub_corner_hz, size_km)
        )
        offset_km = offset_km.gather(1, order[..., None].expand(-1, -1, 3))
        return Rupture(offset_km, start_s, share, sub_corner_hz, size_km, extent)

    def _cells(
        self, magnitude: Float[Tensor, " event"], extent: Float[Tensor, "event 4"], generator: Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Place on the fault (along, down), size, share (0 beyond a fault's own cells), velocity ratio."""
        n_events, most = len(magnitude), self.n_subsources[1]
        wanted = count(magnitude, self.min_magnitude, self.n_subsources)
        length_km, width_km = extent[:, 1] - extent[:, 0], extent[:, 3] - extent[:, 2]
        rows = (wanted * width_km / length_km).sqrt().round().clamp(min=1.0)
        columns = (wanted / rows).floor().clamp(min=1.0)
        number = torch.arange(most, dtype=torch.float32)
        row, column = torch.floor(number / columns[:, None]), number.remainder(columns[:, None])
        used = number < (rows * columns)[:, None]
        middle = torch.stack([column, row], -1) + 0.5
        cell_km = torch.stack([length_km / columns, width_km / rows], -1)
        jittered = middle + JITTER * (2.0 * torch.rand(n_events, most, 2, generator=generator) - 1.0)
        place = extent[:, None, 0::2] + jittered * cell_km[:, None]
        within = jittered / torch.stack([columns, rows], -1)[:, None]
        field = _field(within, length_km, width_km, generator)
        quiet_km = QUIET_RADIUS * length_km[:, None]
        grown = QUIET_SHARE + (1.0 - QUIET_SHARE) * (place.norm(dim=-1) / quiet_km).clamp(max=1.0)
        slip = torch.exp(self.slip_sigma * field) * _taper(within) * grown * used
        low, high = self.velocity_ratio
        middle_ratio = low + (high - low) * (0.25 + 0.5 * torch.rand(n_events, 1, generator=generator))
        velocity = (middle_ratio + WAVY * (high - low) * field).clamp(low, high)
        size_km = cell_km.prod(1).sqrt()[:, None].expand(-1, most) * used
        return place, size_km, slip / slip.sum(1, keepdim=True), velocity


def _taper(within: Float[Tensor, "event sub 2"]) -> Float[Tensor, "event sub"]:
    """Of slip towards the edges of the fault but its upper one; within: position as a share of the side."""
    sides = torch.sin(math.pi * within[..., 0].clamp(0.02, 0.98))
    bottom = torch.sin(math.pi * within[..., 1].clamp(0.5, 0.98))
    return (sides * bottom).sqrt()


def _field(
    within: Float[Tensor, "event sub 2"],
    length_km: Float[Tensor, " event"],
    width_km: Float[Tensor, " event"],
    generator: Generator,
) -> Float[Tensor, "event sub"]:
    """Gaussian random field of unit variance, spectrum of Mai & Beroza (2002), at points of faults."""
    side_km = torch.stack([length_km, width_km], 1)
    correlation_km = torch.tensor([2.0, 1.0]) + side_km / 3.0
    modes = torch.cartesian_prod(*(torch.arange(-n, n + 1, dtype=torch.float32) for n in MODES))
    modes = modes[(modes[:, 0] > 0) | ((modes[:, 0] == 0) & (modes[:, 1] > 0))]  # half of them: real waves
    wavenumber = math.pi * modes / side_km[:, None]  # on a rectangle twice as long and wide
    power = (1.0 + (wavenumber * correlation_km[:, None]).square().sum(-1)) ** -(HURST + 1.0)
    phase = 2.0 * math.pi * torch.rand(len(length_km), 1, len(modes), generator=generator)
    waves = torch.cos(math.pi * within @ modes.T + phase)
    return (waves * (2.0 * power / power.sum(1, keepdim=True)).sqrt()[:, None]).sum(-1)


def _nucleated(
    place: Float[Tensor, "event sub 2"],
    size_km: Float[Tensor, "event sub"],
    share: Float[Tensor, "event sub"],
    generator: Generator,
) -> tuple[Float[Tensor, "event more"], Float[Tensor, "event more"], Float[Tensor, "event more 2"]]:
    """Share, size and place with the nearest cell broken up; the smallest of its parts is the hypocentre."""
    rows, nearest = torch.arange(len(share)), _nearest(place, share > 0.0)
    halvings = torch.arange(N_NUCLEATION, dtype=torch.float32)
    part = 8.0**-halvings / (8.0**-halvings).sum()
    angle = 2.0 * math.pi * torch.rand(len(share), N_NUCLEATION, generator=generator)
    radius_km = 0.5 * size_km[rows, nearest, None] * 2.0**-halvings
    radius_km[:, -1] = 0.0
    inner = radius_km[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
    inner_share = share[rows, nearest, None] * part
    inner_size_km = size_km[rows, nearest, None] * 2.0**-halvings
    share = share.clone()
    share[rows, nearest] = 0.0
    return (
        torch.cat([share, inner_share], 1),
        torch.cat([size_km, inner_size_km], 1),
        torch.cat([place, inner], 1),
    )


def _nearest(place: Float[Tensor, "event sub 2"], used: Bool[Tensor, "event sub"]) -> Tensor:
    """The sub-source of each event that is nearest to the hypocentre."""
    return place.norm(dim=-1).masked_fill(~used, math.inf).argmin(1)

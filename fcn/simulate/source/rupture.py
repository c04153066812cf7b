"""Finite ruptures: a large earthquake as sub-events that a spreading front sets off one after another."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Generator, Tensor

from fcn.simulate.source.point import (
    P_CORNER_RATIO,
    DoubleCouple,
    corner_frequency_hz,
    moment_rate,
    seismic_moment_nm,
)
from fcn.simulate.source.spectrum import delay

NEAREST_GAIN = 3.0  # a sub-event close to the station counts at most so much more than the hypocentre


@dataclass(frozen=True)
class RuptureLaw:
    """How ruptures spread.

    min_magnitude: smaller earthquakes are points.
    n_subevents: sizes follow a fractal of dimension 2 (Zeng et al. 1994, composite source).
    velocity_ratio: rupture over S velocity.
    """

    min_magnitude: float
    n_subevents: int
    velocity_ratio: float

    def __post_init__(self) -> None:
        if self.n_subevents < 1:
            raise ValueError(f"n_subevents must be at least 1, got {self.n_subevents}")
        if not 0.0 < self.velocity_ratio < 1.0:
            raise ValueError(f"velocity_ratio is rupture over S velocity, in 0..1, got {self.velocity_ratio}")


@dataclass(frozen=True)
class Sources:
    """Earthquakes of a batch, with their sub-events (one each at the hypocentre for the small ones).

    offset_km: east, north, down from the hypocentre; share: of the moment.
    """

    magnitude: Float[Tensor, " event"]
    corner_hz: Float[Tensor, " event"]
    mechanism: DoubleCouple
    finite: Bool[Tensor, " event"]
    offset_km: Float[Tensor, "event sub 3"]
    start_s: Float[Tensor, "event sub"]
    share: Float[Tensor, "event sub"]
    sub_corner_hz: Float[Tensor, "event sub"]

    @property
    def moment_nm(self) -> Float[Tensor, " event"]:
        """Seismic moment."""
        return seismic_moment_nm(self.magnitude)

    @property
    def duration_s(self) -> Float[Tensor, " event"]:
        """Until the last sub-event has radiated."""
        return (self.start_s + 2.0 / self.sub_corner_hz).amax(1)

    def take(self, index: Int[Tensor, " record"]) -> "Sources":
        """Sources of the records that these indices point to."""
        mechanism = self.mechanism
        return Sources(
            self.magnitude[index],
            self.corner_hz[index],
            DoubleCouple(mechanism.strike_rad[index], mechanism.dip_rad[index], mechanism.rake_rad[index]),
            self.finite[index],
            self.offset_km[index],
            self.start_s[index],
            self.share[index],
            self.sub_corner_hz[index],
        )


def draw_sources(
    law: RuptureLaw,
    magnitude: Float[Tensor, " event"],
    stress_drop_pa: Float[Tensor, " event"],
    depth_km: Float[Tensor, " event"],
    mechanism: DoubleCouple,
    vs_kmps: float,
    generator: Generator,
) -> Sources:
    """Sub-events of each earthquake, scattered over a fault of the size of its magnitude.

    The one that falls nearest to the hypocentre is moved there: what radiates first is what P is picked on.

    Length and width: Wells & Coppersmith (1994), table 2A, all slip types: log L = -2.44 + 0.59 M (subsurface
    rupture length), log W = -1.01 + 0.32 M. The fault stays below the surface.
    """
    n_events, n_sub = len(magnitude), law.n_subevents
    corner_hz = corner_frequency_hz(seismic_moment_nm(magnitude), stress_drop_pa, 1e3 * vs_kmps)
    finite = magnitude >= law.min_magnitude
    draw = torch.rand(2, n_events, n_sub, generator=generator)
    hypocentre = 0.1 + 0.8 * torch.rand(2, n_events, 1, generator=generator)
    length_km, width_km = 10.0 ** (-2.44 + 0.59 * magnitude), 10.0 ** (-1.01 + 0.32 * magnitude)
    along_km = (draw[0] - hypocentre[0]) * length_km[:, None]
    down_dip_km = (draw[1] - hypocentre[1]) * width_km[:, None]
    sin_dip = mechanism.dip_rad.sin().clamp(min=0.1)[:, None]
    down_dip_km = torch.maximum(down_dip_km, -(depth_km[:, None] - 0.5).clamp(min=0.0) / sin_dip)
    offset_km = finite[:, None, None] * _on_plane(along_km, down_dip_km, mechanism)
    offset_km[torch.arange(n_events), offset_km.norm(dim=-1).argmin(1)] = 0.0

    rank = torch.arange(1, n_sub + 1, dtype=torch.float32)
    share = rank**-1.5 / (rank**-1.5).sum()
    # Corners scale as 1 / size; their common factor keeps the expected radiated energy that of one
    # omega-square source: sum w_i^2 fc_i^3 = fc^3 for incoherent sub-events.
    scale = (share**2 * rank**1.5).sum() ** (-1.0 / 3.0)
    start_s = offset_km.norm(dim=-1) / (law.velocity_ratio * vs_kmps)
    point = torch.zeros(n_sub)
    point[0] = 1.0
    return Sources(
        magnitude,
        corner_hz,
        mechanism,
        finite,
        offset_km,
        start_s,
        torch.where(finite[:, None], share, point),
        torch.where(finite[:, None], corner_hz[:, None] * scale * rank.sqrt(), corner_hz[:, None]),
    )


def _on_plane(
    along_km: Float[Tensor, "event sub"], down_dip_km: Float[Tensor, "event sub"], mechanism: DoubleCouple
) -> Float[Tensor, "event sub 3"]:
    """East, north, down of points on the fault plane; it dips to the right of the strike."""
    strike, dip = mechanism.strike_rad[:, None], mechanism.dip_rad[:, None]
    across_km = down_dip_km * dip.cos()
    east_km = along_km * strike.sin() + across_km * strike.cos()
    north_km = along_km * strike.cos() - across_km * strike.sin()
    return torch.stack([east_km, north_km, down_dip_km * dip.sin()], -1)


def source_spectra(
    sources: Sources,
    station_km: Float[Tensor, "batch 3"],
    velocity_kmps: tuple[float, float],
    frequency_hz: Float[Tensor, " frequency"],
) -> Complex[Tensor, "batch 2 frequency"]:
    """Moment-rate spectra of unit moment, as P and as S see them at the station.

    station_km: east, north, down from the hypocentre. velocity_kmps: P, S. Each sub-event comes in on the
    straight ray, later than the hypocentre's by its start and by the difference of path (directivity), and
    stronger or weaker by 1 / distance.
    """
    corner_hz = torch.stack([P_CORNER_RATIO * sources.corner_hz, sources.corner_hz], 1)
    spectra = moment_rate(frequency_hz, corner_hz)
    for row in torch.nonzero(sources.finite)[:, 0].tolist():
        reach_km = (station_km[row] - sources.offset_km[row]).norm(dim=-1).clamp(min=0.5)
        from_hypocentre_km = station_km[row].norm().clamp(min=0.5)
        weight = sources.share[row] * (from_hypocentre_km / reach_km).clamp(max=NEAREST_GAIN)
        for phase, (velocity, ratio) in enumerate(zip(velocity_kmps, (P_CORNER_RATIO, 1.0), strict=True)):
            late_s = sources.start_s[row] + (reach_km - from_hypocentre_km) / velocity
            pulses = moment_rate(frequency_hz, ratio * sources.sub_corner_hz[row])
            pulses = pulses * delay(late_s.clamp(min=0.0), frequency_hz)
            spectra[row, phase] = (weight[:, None] * pulses).sum(0)
    return spectra


def joyner_boore_km(
    sources: Sources, distance_km: Float[Tensor, " batch"], azimuth_rad: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Shortest horizontal distance from the station to the surface projection of the sub-events."""
    station = torch.stack([distance_km * azimuth_rad.sin(), distance_km * azimuth_rad.cos()], -1)
    return (station[:, None] - sources.offset_km[..., :2]).norm(dim=-1).amin(1)

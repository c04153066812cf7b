"""Earthquakes as sources: points, and for the large ones sub-sources that a spreading front sets off.

Which rupture a large one has is a generator's to draw: `kinematic` or `composite`, as configuration says.
"""

import math
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

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

NEAREST_GAIN = 3.0  # of a sub-source over the hypocentre, where one Green's function stands for all
FELT = 2.0  # a sub-source is felt later than the hypocentre by its start and by a path of at most that


@dataclass(frozen=True)
class Rupture:
    """Sub-sources of a batch; those of no moment are padding.

    offset_km: east, north, down from the hypocentre, where one with `start_s` 0 lies. share: of the moment.
    size_km: side of the square that each stands for. extent_km: of the fault from the hypocentre, along
    strike (from, to) and down dip (from, to).
    """

    offset_km: Float[Tensor, "event sub 3"]
    start_s: Float[Tensor, "event sub"]
    share: Float[Tensor, "event sub"]
    corner_hz: Float[Tensor, "event sub"]
    size_km: Float[Tensor, "event sub"]
    extent_km: Float[Tensor, "event 4"]


@runtime_checkable
class RuptureGenerator(Protocol):
    """Draws ruptures of the earthquakes from `min_magnitude` on; smaller ones are points."""

    min_magnitude: float

    def draw(
        self,
        magnitude: Float[Tensor, " event"],
        corner_hz: Float[Tensor, " event"],
        depth_km: Float[Tensor, " event"],
        mechanism: DoubleCouple,
        vs_kmps: float,
        generator: Generator,
    ) -> Rupture:
        """Ruptures whose high frequencies add up to an omega-square spectrum of this S corner."""
        ...


@dataclass(frozen=True)
class Sources:
    """Earthquakes of a batch, with their sub-sources (one each at the hypocentre for the small ones).

    offset_km: east, north, down from the hypocentre; share: of the moment (0: none, padding). sub_size_km,
    extent_km: as in `Rupture`, 0 for points.
    """

    magnitude: Float[Tensor, " event"]
    corner_hz: Float[Tensor, " event"]
    mechanism: DoubleCouple
    finite: Bool[Tensor, " event"]
    offset_km: Float[Tensor, "event sub 3"]
    start_s: Float[Tensor, "event sub"]
    share: Float[Tensor, "event sub"]
    sub_corner_hz: Float[Tensor, "event sub"]
    sub_size_km: Float[Tensor, "event sub"]
    extent_km: Float[Tensor, "event 4"]

    @property
    def moment_nm(self) -> Float[Tensor, " event"]:
        """Seismic moment."""
        return seismic_moment_nm(self.magnitude)

    @property
    def duration_s(self) -> Float[Tensor, " event"]:
        """Until the last sub-source has radiated."""
        return (self.start_s + 2.0 / self.sub_corner_hz).amax(1)

    @property
    def felt_s(self) -> Float[Tensor, " event"]:
        """Longest time, at any station, from the hypocentre's P or S to the end of that of the last."""
        return (FELT * self.start_s + 2.0 / self.sub_corner_hz).amax(1)

    def released_share(self, time_s: Float[Tensor, " time"]) -> Float[Tensor, "event time"]:
        """Share of the moment that has been released so far, of times after the origin."""
        phase = (
            2.0 * torch.pi * self.sub_corner_hz[..., None] * (time_s - self.start_s[..., None]).clamp(min=0.0)
        )
        return (self.share[..., None] * (1.0 - (1.0 + phase) * torch.exp(-phase))).sum(1)

    def take(self, index: Int[Tensor, " record"]) -> "Sources":
        """Sources of the records that these indices point to."""
        mechanism = self.mechanism
        taken = {
            item.name: getattr(self, item.name)[index] for item in fields(self) if item.name != "mechanism"
        }
        angles = (mechanism.strike_rad, mechanism.dip_rad, mechanism.rake_rad)
        return Sources(mechanism=DoubleCouple(*(angle[index] for angle in angles)), **taken)


def draw_sources(
    law: RuptureGenerator,
    magnitude: Float[Tensor, " event"],
    stress_drop_pa: Float[Tensor, " event"],
    depth_km: Float[Tensor, " event"],
    mechanism: DoubleCouple,
    vs_kmps: float,
    generator: Generator,
) -> Sources:
    """Points below the generator's `min_magnitude`, its ruptures from there on."""
    corner_hz = corner_frequency_hz(seismic_moment_nm(magnitude), stress_drop_pa, 1e3 * vs_kmps)
    finite = magnitude >= law.min_magnitude
    rupture = law.draw(magnitude, corner_hz, depth_km, mechanism, vs_kmps, generator)
    n_sub = int((rupture.share[finite] > 0.0).any(0).sum()) if finite.any() else 1
    point = torch.zeros(n_sub)
    point[0] = 1.0
    each = finite[:, None]
    used = rupture.share[:, :n_sub] > 0.0
    return Sources(
        magnitude,
        corner_hz,
        mechanism,
        finite,
        each[..., None] * rupture.offset_km[:, :n_sub],
        each * rupture.start_s[:, :n_sub],
        torch.where(each, rupture.share[:, :n_sub], point),
        torch.where(each & used, rupture.corner_hz[:, :n_sub], corner_hz[:, None]),
        each * rupture.size_km[:, :n_sub],
        each * rupture.extent_km,
    )


def on_plane(
    along_km: Float[Tensor, "event sub"], down_dip_km: Float[Tensor, "event sub"], mechanism: DoubleCouple
) -> Float[Tensor, "event sub 3"]:
    """East, north, down of points on the fault plane; it dips to the right of the strike."""
    strike, dip = mechanism.strike_rad[:, None], mechanism.dip_rad[:, None]
    across_km = down_dip_km * dip.cos()
    east_km = along_km * strike.sin() + across_km * strike.cos()
    north_km = along_km * strike.cos() - across_km * strike.sin()
    return torch.stack([east_km, north_km, down_dip_km * dip.sin()], -1)


def octave_classes(
    corner_hz: Float[Tensor, "batch sub"],
) -> tuple[Float[Tensor, " batch"], Float[Tensor, "class batch sub"]]:
    """Lowest corner of each row, and shares of its sub-sources in classes an octave apart from there on.

    The shares of two neighbours keep both the moment and the level of high frequencies, fc^2.
    """
    base_hz = corner_hz.amin(1)
    octaves = torch.log2(corner_hz / base_hz[:, None])
    n_classes = math.ceil(float(octaves.amax()) - 1e-3) + 1
    below = octaves.floor().clamp(max=max(n_classes - 2, 0))
    upper = (4.0 ** (octaves - below) - 1.0) / 3.0
    number = torch.arange(n_classes)[:, None, None]
    return base_hz, (number == below) * (1.0 - upper) + (number == below + 1) * upper


def source_spectra(
    sources: Sources,
    station_km: Float[Tensor, "batch 3"],
    velocity_kmps: tuple[float, float],
    frequency_hz: Float[Tensor, " frequency"],
) -> Complex[Tensor, "batch 2 frequency"]:
    """Moment-rate spectra of unit moment, as P and as S see them where one path stands for all of a fault.

    station_km: east, north, down from the hypocentre. velocity_kmps: P, S. frequency_hz: of a `TimeAxis`.
    Each sub-source comes in on the straight ray, later than the hypocentre's by its start and by the
    difference of path (directivity), at a whole sample, and stronger or weaker by 1 / distance, at most
    NEAREST_GAIN times.
    """
    ratios = torch.tensor([P_CORNER_RATIO, 1.0])
    spectra = moment_rate(frequency_hz, ratios * sources.corner_hz[:, None])
    rows = sources.finite.nonzero()[:, 0]
    if not len(rows):
        return spectra
    ruptures = sources.take(rows)
    reach_km = (station_km[rows, None] - ruptures.offset_km).norm(dim=-1).clamp(min=0.5)
    from_hypocentre_km = station_km[rows].norm(dim=1, keepdim=True).clamp(min=0.5)
    weight = ruptures.share * (from_hypocentre_km / reach_km).clamp(max=NEAREST_GAIN)
    farther_s = (reach_km - from_hypocentre_km)[:, None] / torch.tensor(velocity_kmps)[:, None]
    late_s = (ruptures.start_s[:, None] + farther_s).clamp(min=0.0)
    n_samples = 2 * (len(frequency_hz) - 1)
    at = torch.ceil(late_s * 2.0 * float(frequency_hz[-1])).long() % n_samples
    base_hz, classes = octave_classes(ruptures.sub_corner_hz)
    total = torch.zeros(1)
    for number, share in enumerate(classes):
        impulses = torch.zeros(*at.shape[:2], n_samples)
        impulses.scatter_add_(-1, at, (weight * share)[:, None].expand_as(at))
        pulse = moment_rate(frequency_hz, 2.0**number * base_hz[:, None] * ratios)
        total = total + pulse * torch.fft.rfft(impulses)
    spectra[rows] = total
    return spectra


def effective_km(sources: Sources, station_km: Float[Tensor, "batch 3"]) -> Float[Tensor, " batch"]:
    """Distance at which a point would be as strong at high frequencies: R^-2 = sum w^2 r^-2 / sum w^2.

    Boore (2009), BSSA 99, 3202-3216, eq. 5. station_km: from the hypocentre. Of points, the hypocentral one.
    """
    reach2 = (station_km[:, None] - sources.offset_km).square().sum(-1) + (0.5 * sources.sub_size_km) ** 2
    weight = sources.share**2
    return (weight.sum(1) / (weight / reach2.clamp(min=0.25)).sum(1)).sqrt()


def rupture_distance_km(sources: Sources, station_km: Float[Tensor, "batch 3"]) -> Float[Tensor, " batch"]:
    """Shortest distance to the fault. station_km: east, north, down from the hypocentre."""
    one, nothing = torch.ones(len(station_km), 1), torch.zeros(len(station_km), 1)
    along = on_plane(one, nothing, sources.mechanism)[:, 0]
    across = on_plane(nothing, one, sources.mechanism)[:, 0]
    axes = (along, across, torch.linalg.cross(along, across))
    place_km = torch.stack([(station_km * axis).sum(1) for axis in axes], 1)
    return _beyond(place_km[:, :2], sources.extent_km, place_km[:, 2])


def distance_jb_km(sources: Sources, station_km: Float[Tensor, "batch 3"]) -> Float[Tensor, " batch"]:
    """Joyner-Boore distance: horizontal, to the surface projection of the fault; epicentral for points.

    station_km: east, north, down from the hypocentre.
    """
    strike = sources.mechanism.strike_rad
    east_km, north_km = station_km[:, 0], station_km[:, 1]
    place = torch.stack(
        [
            east_km * strike.sin() + north_km * strike.cos(),
            east_km * strike.cos() - north_km * strike.sin(),
        ],
        1,
    )
    extent_km = sources.extent_km.clone()
    extent_km[:, 2:] *= sources.mechanism.dip_rad.cos()[:, None]
    return _beyond(place, extent_km, torch.zeros_like(east_km))


def _beyond(
    place_km: Float[Tensor, "batch 2"], extent_km: Float[Tensor, "batch 4"], off_km: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Distance from a rectangle, given the place in its axes and off its plane."""
    low, high = extent_km[:, 0::2], extent_km[:, 1::2]
    outside = (low - place_km).clamp(min=0.0) + (place_km - high).clamp(min=0.0)
    return (outside.square().sum(1) + off_km**2).sqrt()

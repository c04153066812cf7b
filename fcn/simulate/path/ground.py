"""Ground motion of earthquakes at the stations of one network."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor

from fcn.catalogue.released import Released
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.seeding import Purpose, derive_generator
from fcn.simulate.path.crust import Crust
from fcn.simulate.path.rays import Rays, rays_in
from fcn.simulate.path.site import generic_amplification, site_amplitude
from fcn.simulate.path.stochastic import stochastic_arrivals
from fcn.simulate.path.synthesis import SETTLING_S, Plan, ground_velocity
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import Sources
from fcn.simulate.source.spectrum import TimeAxis

SHOCK, SITE = 0, 1  # first key of a sequence's random streams
LEAD_S = 1.0  # of a record before P
FADE = 0.25  # share of a record over which its coda is faded out
SHORTEST_S, LONGEST_S = 40.0, 600.0  # of records
QUIET = 1.5  # sites are quieter than those on which durations were measured
TABLE_STEP_KM = 1.0
RELEASE_STEP_S, LEAST_SHARE = 0.25, 1e-4  # of the moment released: how often, and from which share on


@dataclass(frozen=True)
class Shock:
    """One earthquake: number (key of its random stream), time from the start, place in the local frame, Mw.

    mechanism_deg: strike, dip, rake; None where it is to be drawn.
    """

    number: int
    origin_time_s: float
    position_km: tuple[float, float, float]
    magnitude: float
    mechanism_deg: tuple[float, float, float] | None = None

    def mechanism(self, generator: Generator) -> DoubleCouple:
        """The stated fault planes, or any."""
        if self.mechanism_deg is None:
            return DoubleCouple.random(1, generator)
        return DoubleCouple(*(torch.tensor([math.radians(angle)]) for angle in self.mechanism_deg))


@dataclass(frozen=True)
class GroundMotion:
    """Records of one earthquake: Z, N, E in m/s, each from its own first sample on.

    start_sample: of each record; arrival_s: true P and S. Both count from the start of the sequence.
    released: how the moment of a finite rupture came out; None for a point.
    """

    start_sample: Int64[np.ndarray, " station"]
    velocity_mps: Float[np.ndarray, "station 3 time"]
    arrival_s: Float[np.ndarray, "station 2"]
    released: Released | None


class Ground:
    """A network on a crust: what its stations feel.

    station_km: east, north, depth. Each station keeps its site response for all earthquakes of the seed.
    """

    def __init__(
        self,
        crust: Crust,
        model: LayeredModel,
        station_km: Float[np.ndarray, "station 3"],
        sampling_rate_hz: float,
        seed: int,
    ) -> None:
        self.crust = crust
        self.model = model
        self.station_km = station_km
        self.sampling_rate_hz = sampling_rate_hz
        self.seed = seed

    def motion(self, shock: Shock) -> GroundMotion:
        """Stochastic records of one earthquake at every station; P and S as they truly arrive."""
        crust, rate_hz = self.crust, self.sampling_rate_hz
        generator = derive_generator(self.seed, Purpose.SEQUENCE, SHOCK, shock.number)
        rays = self.rays(shock)
        magnitude, depth_km = torch.tensor([shock.magnitude]), torch.tensor([shock.position_km[2]])
        source = crust.draw_sources(magnitude, depth_km, shock.mechanism(generator), generator)
        arrival_s = shock.origin_time_s + rays.time_s.double()
        start = torch.floor((arrival_s[:, 0] - LEAD_S) * rate_hz).long()
        p_at_s = (arrival_s[:, 0] - start / rate_hz).float()
        kept_s = record_length_s(shock.magnitude) + float(rays.time_s.diff(dim=1).amax())
        axis = TimeAxis.holding(rate_hz, kept_s, SETTLING_S + float(source.felt_s))
        sources = source.take(torch.zeros(len(self.station_km), dtype=torch.long))
        plan = Plan(rays, sources, self.site_amplitudes(axis), p_at_s, axis)
        waveforms = ground_velocity(plan, crust, stochastic_arrivals(plan, crust.path), generator)
        velocity_mps = to_zne(faded(waveforms), rays.azimuth_rad).numpy()
        return GroundMotion(start.numpy(), velocity_mps, arrival_s.numpy(), released_by(source))

    def rays(self, shock: Shock) -> Rays:
        """First arrivals at every station, through the layers."""
        offset_km = torch.from_numpy(self.station_km[:, :2] - np.array(shock.position_km[:2])).float()
        distance_km = offset_km.norm(dim=1)
        return rays_in(
            self.table(shock.position_km[2], float(distance_km.amax())),
            distance_km,
            torch.full_like(distance_km, shock.position_km[2]),
            torch.from_numpy(-self.station_km[:, 2]).float(),
            torch.atan2(offset_km[:, 0], offset_km[:, 1]),
            self.crust.path.surface_kmps,
        )

    def table(self, depth_km: float, farthest_km: float) -> TravelTimeTable:
        """Travel times that reach so deep and so far."""
        return TravelTimeTable.build(
            self.model,
            max_depth_km=depth_km + 2.0 * TABLE_STEP_KM,
            max_distance_km=farthest_km + 2.0 * TABLE_STEP_KM,
            step_km=TABLE_STEP_KM,
        )

    def site_amplitudes(self, axis: TimeAxis) -> Float[Tensor, "station 2 frequency"]:
        """The same sites for every axis: their random numbers are drawn before frequency comes in."""
        generator = derive_generator(self.seed, Purpose.SEQUENCE, SITE)
        generic = generic_amplification(axis.frequency_hz)
        return site_amplitude(self.crust.site, len(self.station_km), generic, axis.frequency_hz, generator)


def released_by(source: Sources) -> Released | None:
    """How the moment of one earthquake comes out, every `RELEASE_STEP_S`; None for a point."""
    if not bool(source.finite[0]):
        return None
    time_s = torch.arange(RELEASE_STEP_S, float(source.duration_s[0]) + RELEASE_STEP_S, RELEASE_STEP_S)
    share = source.released_share(time_s)[0].double()
    share = (share / share[-1]).cummax(dim=0).values
    there = share > LEAST_SHARE
    magnitude = float(source.magnitude[0]) + share[there].log10() / 1.5
    return Released(tuple(time_s[there].double().tolist()), tuple(magnitude.tolist()))


def record_length_s(magnitude: float) -> float:
    """How long an earthquake's record is kept: until its coda is near the noise.

    QUIET times the duration T of Lee et al. (1972), M = 2 log10 T - 0.87 near the network.
    """
    return min(max(QUIET * 10.0 ** ((magnitude + 0.87) / 2.0), SHORTEST_S), LONGEST_S)


def faded(waveforms: Float[Tensor, "batch 3 time"]) -> Float[Tensor, "batch 3 time"]:
    """Waveforms whose last part goes smoothly to zero, so that no coda ends in a step."""
    n_samples = waveforms.shape[-1]
    n_fade = round(FADE * n_samples)
    fade = 0.5 + 0.5 * torch.cos(math.pi * torch.arange(1, n_fade + 1) / n_fade)
    return waveforms * torch.cat([torch.ones(n_samples - n_fade), fade])


def to_zne(
    waveforms: Float[Tensor, "batch 3 time"], azimuth_rad: Float[Tensor, " batch"]
) -> Float[Tensor, "batch 3 time"]:
    """Z, R, T turned to Z, N, E: N = R cos - T sin, E = R sin + T cos of the azimuth source to station."""
    vertical, radial, transverse = waveforms.unbind(1)
    cosine, sine = azimuth_rad.cos()[:, None], azimuth_rad.sin()[:, None]
    north, east = radial * cosine - transverse * sine, radial * sine + transverse * cosine
    return torch.stack([vertical, north, east], 1)

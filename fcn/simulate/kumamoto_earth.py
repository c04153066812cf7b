"""The Earth of the Kumamoto twin: a layered crust, lateral variation, columns under the stations."""

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.seeding import Purpose, derive_generator
from fcn.simulate.crust import Crust
from fcn.simulate.ensemble import SETTLING_S
from fcn.simulate.ground import LEAD_S, SHOCK, SITE, GroundMotion, faded, record_length_s, to_zne
from fcn.simulate.kumamoto_sites import ColumnLaw, draw_column
from fcn.simulate.lateral import LateralField, LateralLaw
from fcn.simulate.paths import Rays, rays_in
from fcn.simulate.site import site_amplitude
from fcn.simulate.source import DoubleCouple
from fcn.simulate.spectrum import TimeAxis
from fcn.simulate.stochastic import stochastic_arrivals
from fcn.simulate.synthesis import Plan, ground_velocity

TABLE_STEP_KM = 0.5
TABLE_REACH_KM = 120.0
TABLE_DEPTH_KM = 25.0


@dataclass(frozen=True)
class Quake:
    """One earthquake: number (key of its random stream), time from the start, place in the local frame, Mw.

    mechanism_deg: strike, dip, rake.
    """

    number: int
    origin_time_s: float
    position_km: tuple[float, float, float]
    moment_magnitude: float
    mechanism_deg: tuple[float, float, float]


@dataclass(frozen=True)
class TwinEarth:
    """All that lies between the sources and the surface.

    crust.site: kappa and what remains unexplained of the sites; its `vertical_exponent` is not used, the
    columns have a P response of their own.
    """

    velocity_model: LayeredModel
    crust: Crust
    columns: ColumnLaw
    lateral: LateralLaw


class TwinGround:
    """What the stations of a network on a `TwinEarth` feel; sites and Earth are the same for all earthquakes.

    station_km: east, north, depth; vs30_mps: of each station.
    """

    def __init__(
        self,
        earth: TwinEarth,
        station_km: Float[np.ndarray, "station 3"],
        vs30_mps: tuple[float, ...],
        sampling_rate_hz: float,
        seed: int,
    ) -> None:
        self.earth = earth
        self.station_km = station_km
        self.stations = list(range(len(station_km)))  # those that record
        self.sampling_rate_hz = sampling_rate_hz
        self.seed = seed
        self.columns = [
            draw_column(earth.columns, earth.velocity_model, vs30, seed, station)
            for station, vs30 in enumerate(vs30_mps)
        ]
        self.field = LateralField(earth.lateral, seed)
        self.table = TravelTimeTable.build(
            earth.velocity_model,
            max_depth_km=TABLE_DEPTH_KM,
            max_distance_km=TABLE_REACH_KM,
            step_km=TABLE_STEP_KM,
        )

    def only(self, station: int) -> "TwinGround":
        """The same ground with one station recording."""
        one = copy.copy(self)
        one.stations = [station]
        return one

    def motion(self, quake: Quake) -> GroundMotion:
        """Records of one earthquake at every station; P and S as they truly arrive."""
        crust, rate_hz = self.earth.crust, self.sampling_rate_hz
        generator = derive_generator(self.seed, Purpose.SEQUENCE, SHOCK, quake.number)
        rays = self.rays(quake)
        magnitude, depth_km = torch.tensor([quake.moment_magnitude]), torch.tensor([quake.position_km[2]])
        mechanism = DoubleCouple(*(torch.tensor([math.radians(angle)]) for angle in quake.mechanism_deg))
        source = crust.draw_sources(magnitude, depth_km, mechanism, generator)
        arrival_s = quake.origin_time_s + rays.time_s.double()
        start = torch.floor((arrival_s[:, 0] - LEAD_S) * rate_hz).long()
        p_at_s = (arrival_s[:, 0] - start / rate_hz).float()
        kept_s = record_length_s(quake.moment_magnitude) + float(rays.time_s.diff(dim=1).amax())
        axis = TimeAxis.holding(rate_hz, kept_s, SETTLING_S + float(source.duration_s))
        sources = source.take(torch.zeros(len(self.stations), dtype=torch.long))
        plan = Plan(rays, sources, self.site_amplitudes(axis), p_at_s, axis)
        waveforms = ground_velocity(plan, crust, stochastic_arrivals(plan, crust.path), generator)
        velocity_mps = to_zne(faded(waveforms), rays.azimuth_rad).numpy()
        return GroundMotion(start.numpy(), velocity_mps, arrival_s.numpy())

    def rays(self, quake: Quake) -> Rays:
        """First arrivals through the layers, then lateral variation and columns on their times."""
        source_km, station_km = np.array(quake.position_km), self.station_km[self.stations]
        offset_km = torch.from_numpy(station_km[:, :2] - source_km[:2]).float()
        distance_km = offset_km.norm(dim=1)
        layered = rays_in(
            self.table,
            distance_km,
            torch.full_like(distance_km, quake.position_km[2]),
            torch.from_numpy(-station_km[:, 2]).float(),
            torch.atan2(offset_km[:, 0], offset_km[:, 1]),
            self.earth.crust.path.surface_kmps,
        )
        relative = torch.from_numpy(self.field.relative_delay(source_km, station_km))
        column_s = torch.tensor([self.columns[station].delay_s for station in self.stations])
        return replace(layered, time_s=(layered.time_s * (1.0 + relative) + column_s).float())

    def site_amplitudes(self, axis: TimeAxis) -> Float[Tensor, "station 2 frequency"]:
        """Response of the columns, with kappa and the rest of each site; the same sites for every axis."""
        path, frequency_hz = self.earth.crust.path, axis.frequency_hz
        generator = derive_generator(self.seed, Purpose.SEQUENCE, SITE)
        flat = torch.ones_like(frequency_hz)
        rest = site_amplitude(self.earth.crust.site, len(self.columns), flat, frequency_hz, generator)
        velocities = (path.vp_kmps, path.vs_kmps)
        own = [
            self.columns[station].amplification(frequency_hz, velocities, path.density_gpcm3)
            for station in self.stations
        ]
        return rest[self.stations] * torch.stack(own)

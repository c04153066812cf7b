"""The Earth of the Kumamoto twin: a layered crust, lateral variation, columns under the stations."""

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.seeding import Purpose, derive_generator
from fcn.simulate.kumamoto.sites import ColumnLaw, draw_column
from fcn.simulate.path.crust import Crust
from fcn.simulate.path.ground import SITE, Ground, Shock
from fcn.simulate.path.lateral import LateralField, LateralLaw
from fcn.simulate.path.rays import Rays
from fcn.simulate.path.site import site_amplitude
from fcn.simulate.source.spectrum import TimeAxis

TABLE_STEP_KM = 0.5
TABLE_REACH_KM = 120.0
TABLE_DEPTH_KM = 25.0


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


class TwinGround(Ground):
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
        super().__init__(earth.crust, earth.velocity_model, station_km, sampling_rate_hz, seed)
        self.stations = list(range(len(station_km)))  # those that record: rows of the columns
        self.columns = [
            draw_column(earth.columns, earth.velocity_model, vs30, seed, station)
            for station, vs30 in enumerate(vs30_mps)
        ]
        self.field = LateralField(earth.lateral, seed)
        self._table = TravelTimeTable.build(
            earth.velocity_model,
            max_depth_km=TABLE_DEPTH_KM,
            max_distance_km=TABLE_REACH_KM,
            step_km=TABLE_STEP_KM,
        )

    def only(self, station: int) -> "TwinGround":
        """The same ground with one station recording."""
        one = copy.copy(self)
        one.stations, one.station_km = [station], self.station_km[[station]]
        return one

    def table(self, depth_km: float, farthest_km: float) -> TravelTimeTable:
        """One for all earthquakes."""
        return self._table

    def rays(self, shock: Shock) -> Rays:
        """First arrivals through the layers, then lateral variation and columns on their times."""
        layered = super().rays(shock)
        relative = torch.from_numpy(self.field.relative_delay(np.array(shock.position_km), self.station_km))
        column_s = torch.tensor([self.columns[station].delay_s for station in self.stations])
        return replace(layered, time_s=(layered.time_s * (1.0 + relative) + column_s).float())

    def site_amplitudes(self, axis: TimeAxis) -> Float[Tensor, "station 2 frequency"]:
        """Response of the columns, with kappa and the rest of each site; the same sites for every axis."""
        path, frequency_hz = self.crust.path, axis.frequency_hz
        generator = derive_generator(self.seed, Purpose.SEQUENCE, SITE)
        flat = torch.ones_like(frequency_hz)
        rest = site_amplitude(self.crust.site, len(self.columns), flat, frequency_hz, generator)
        velocities = (path.vp_kmps, path.vs_kmps)
        own = [
            self.columns[station].amplification(frequency_hz, velocities, path.density_gpcm3)
            for station in self.stations
        ]
        return rest[self.stations] * torch.stack(own)

"""Sequences of random earthquakes in a given region: its place, its Earth, how its stations lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from fcn.catalogue.event import Event
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import METRES_PER_KM, Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.seeding import Purpose, derive_rng
from fcn.simulate import NETWORK
from fcn.simulate.path.crust import Crust
from fcn.simulate.path.ground import Ground, Shock
from fcn.simulate.recording.counts import Recording
from fcn.simulate.recording.telemetry import Telemetry
from fcn.simulate.sequence.builder import Arrivals, SequenceBuilder
from fcn.simulate.source.seismicity import Hypocentres, merged

LAYOUT, SHOCKS = 4, 5  # first key of a sequence's random streams
MAGNITUDE_TYPE = "Mw"
FAULTLESS = Telemetry(())


@runtime_checkable
class Seismicity(Protocol):
    """Draws earthquakes: `fcn.simulate.source.seismicity.Background` or `Aftershocks`."""

    def draw(self, rng: np.random.Generator, duration_s: float) -> Hypocentres:
        """Random earthquakes of a span."""
        ...


@dataclass(frozen=True)
class NetworkRecipe:
    """Stations drawn by one of `fcn.geometry.layouts` in a box (half sizes east, north)."""

    layout: Callable[..., Float[np.ndarray, "station 3"]]
    n_stations: int
    half_size_km: Sequence[float]
    elevation_km: Sequence[float]

    def draw(self, rng: np.random.Generator, frame: LocalFrame) -> Network:
        """Stations SY.S01, SY.S02 and so on."""
        position_km = self.layout(rng, self.n_stations, tuple(self.half_size_km), tuple(self.elevation_km))
        latitude, longitude = frame.to_geographic(position_km[:, 0], position_km[:, 1])
        rows = zip(latitude.tolist(), longitude.tolist(), position_km[:, 2].tolist(), strict=True)
        return Network(
            tuple(
                Station(NETWORK, f"S{i:02d}", "", lat, lon, round(-METRES_PER_KM * depth, 1))
                for i, (lat, lon, depth) in enumerate(rows, start=1)
            )
        )


@dataclass(frozen=True)
class Region:
    """A place on the globe: its centre, how its stations lie, and its true Earth."""

    latitude_deg: float
    longitude_deg: float
    network: NetworkRecipe
    velocity_model: LayeredModel
    crust: Crust

    @property
    def frame(self) -> LocalFrame:
        """Local frame about the region's centre."""
        return LocalFrame(self.latitude_deg, self.longitude_deg)


class SimulatedSequence(SequenceBuilder):
    """A sequence of random earthquakes in a region that is given."""

    def __init__(
        self,
        *,
        name: str,
        seed: int,
        start_time_s: float,
        duration_s: float,
        region: Region,
        seismicity: Sequence[Seismicity],
        recording: Recording,
        half_width_km: Sequence[float],
        telemetry: Telemetry = FAULTLESS,
    ) -> None:
        super().__init__(
            name=name,
            seed=seed,
            start_time_s=start_time_s,
            duration_s=duration_s,
            frame=region.frame,
            half_width_km=half_width_km,
            network=region.network.draw(derive_rng(seed, Purpose.SEQUENCE, LAYOUT), region.frame),
            stated_model=region.velocity_model,
            recording=recording,
            telemetry=telemetry,
        )
        self.region = region
        self.seismicity = tuple(seismicity)

    def shocks(self) -> list[Shock]:
        """The earthquakes of this sequence, in order of time."""
        parts = [
            part.draw(derive_rng(self.seed, Purpose.SEQUENCE, SHOCKS, i), self.duration_s)
            for i, part in enumerate(self.seismicity)
        ]
        found = merged(parts)
        columns = (found.origin_time_s, found.east_km, found.north_km, found.depth_km, found.magnitude)
        return [
            Shock(number, time, (east, north, depth), magnitude)
            for number, (time, east, north, depth, magnitude) in enumerate(
                zip(*(column.tolist() for column in columns), strict=True)
            )
        ]

    def ground(self) -> Ground:
        """The region under these stations."""
        region, station_km = self.region, self.network.local_km(self.frame)
        rate_hz = self.recording.sampling_rate_hz
        return Ground(region.crust, region.velocity_model, station_km, rate_hz, self.seed)

    def events(self, arrivals_s: Arrivals) -> list[Event]:
        """The same earthquakes as a catalogue has them."""
        return [self._event(*each) for each in zip(self.shocks(), arrivals_s, strict=True)]

    def _event(self, shock: Shock, arrival_s: Float[np.ndarray, "station 2"]) -> Event:
        east_km, north_km, depth_km = shock.position_km
        latitude, longitude = self.frame.to_geographic(np.array(east_km), np.array(north_km))
        return Event(
            event_id=f"{self.name}-{shock.number:04d}",
            origin_time_s=self.start_time_s + shock.origin_time_s,
            latitude_deg=float(latitude),
            longitude_deg=float(longitude),
            depth_km=depth_km,
            magnitude=shock.magnitude,
            magnitude_type=MAGNITUDE_TYPE,
            first_p_time_s=self.start_time_s + float(arrival_s[:, 0].min()),
            note="simulated",
        )

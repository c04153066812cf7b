"""A simulated sequence: some minutes or hours of a network's counts, delivered as an ordinary archive."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32
from rich.progress import track

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import PhasePick
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import METRES_PER_KM, Network, Station
from fcn.geometry.projection import LocalFrame
from fcn.seeding import Purpose, derive_rng
from fcn.simulate.crust import Crust
from fcn.simulate.ensemble import NETWORK
from fcn.simulate.ground import Ground, Shock
from fcn.simulate.record import single_thread
from fcn.simulate.recording import Recording, add_at, to_inventory, to_stream
from fcn.simulate.seismicity import Hypocentres, merged
from fcn.waveform.folder import write_sequence_folder

LAYOUT, SHOCKS = 4, 5  # first key of a sequence's random streams
MAGNITUDE_TYPE = "Mw"


@runtime_checkable
class Seismicity(Protocol):
    """Draws earthquakes: `fcn.simulate.seismicity.Background` or `Aftershocks`."""

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


class SimulatedSequence:
    """Builder of one simulated sequence folder (waveforms/, stations.xml, catalogue.xml, sequence.yaml).

    half_width_km: east and north, of the box in which whoever reads the sequence looks for events.
    """

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
    ) -> None:
        self.name = name
        self.seed = seed
        self.start_time_s = float(start_time_s)
        self.duration_s = float(duration_s)
        self.region = region
        self.seismicity = tuple(seismicity)
        self.recording = recording
        self.half_width_km = (float(half_width_km[0]), float(half_width_km[1]))

    def build(self, root: Path) -> None:
        """Write the folder, whole or not at all. Raises FileExistsError where there is something."""
        if root.exists():
            raise FileExistsError(f"{root} exists; remove it to build sequence {self.name!r} again")
        network = self.region.network.draw(derive_rng(self.seed, Purpose.SEQUENCE, LAYOUT), self.region.frame)
        with single_thread():
            velocity_mps, arrivals_s = self._shake(network)
            counts = self.recording.counts(velocity_mps, self.seed)
        stream = to_stream(counts, network, self.start_time_s, self.recording)
        events = [
            self._event(shock, times_s) for shock, times_s in zip(self.shocks(), arrivals_s, strict=True)
        ]
        picks = [self._picks(network, times_s) for times_s in arrivals_s]
        write_sequence_folder(
            root,
            stream,
            to_inventory(network, stream, self.recording),
            Catalogue(self.name, tuple(events)),
            {event.event_id: own for event, own in zip(events, picks, strict=True)},
            **self._description(),
        )

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

    def ground(self, network: Network) -> Ground:
        """The region under these stations."""
        region, rate_hz = self.region, self.recording.sampling_rate_hz
        return Ground(region.crust, region.velocity_model, network.local_km(region.frame), rate_hz, self.seed)

    def _shake(
        self, network: Network
    ) -> tuple[Float32[np.ndarray, "station 3 time"], list[Float[np.ndarray, "station 2"]]]:
        """Ground velocity of all the earthquakes together, and P and S times of each."""
        rate_hz = self.recording.sampling_rate_hz
        ground = self.ground(network)
        total = np.zeros((len(network), 3, round(self.duration_s * rate_hz)), np.float32)
        arrivals_s = []
        for shock in track(self.shocks(), description=f"simulating {self.name}"):
            motion = ground.motion(shock)
            for trace, record, start in zip(total, motion.velocity_mps, motion.start_sample, strict=True):
                add_at(trace, record, int(start))
            arrivals_s.append(motion.arrival_s)
        return total, arrivals_s

    def _event(self, shock: Shock, arrival_s: Float[np.ndarray, "station 2"]) -> Event:
        east_km, north_km, depth_km = shock.position_km
        latitude, longitude = self.region.frame.to_geographic(np.array(east_km), np.array(north_km))
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

    def _picks(self, network: Network, arrival_s: Float[np.ndarray, "station 2"]) -> list[PhasePick]:
        return [
            PhasePick(station.network, station.code, phase, self.start_time_s + float(time_s))
            for station, times_s in zip(network, arrival_s, strict=True)
            for phase, time_s in zip("PS", times_s, strict=True)
        ]

    def _description(self) -> dict[str, Any]:
        """Content of sequence.yaml."""
        return {
            "name": self.name,
            "simulated": True,
            "centre": {
                "latitude_deg": self.region.latitude_deg,
                "longitude_deg": self.region.longitude_deg,
            },
            "half_width_km": list(self.half_width_km),
            "velocity_model": model_fields(self.region.velocity_model),
        }


def model_fields(model: LayeredModel) -> dict[str, Any]:
    """A velocity model as sequence.yaml states it."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(model).items()}

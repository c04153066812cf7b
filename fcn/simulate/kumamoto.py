"""The first hour of the 2016 Kumamoto sequence, simulated: 179 earthquakes at twelve real sites.

No data of the real stations: network code SY, and `simulated: true` in sequence.yaml. Station codes are those
of KiK-net without one letter (KMMH16: KMH16), since miniSEED has room for five.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from jaxtyping import Float, Float32
from rich.progress import track

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import PhasePick
from fcn.geometry.projection import LocalFrame
from fcn.simulate.kumamoto_catalogue import CATALOGUE, CataloguedEvent, read_catalogue
from fcn.simulate.kumamoto_earth import Quake, TwinEarth, TwinGround
from fcn.simulate.kumamoto_sites import STATIONS, read_sites
from fcn.simulate.record import single_thread
from fcn.simulate.recording import Recording, add_at, to_inventory, to_stream
from fcn.simulate.telemetry import Telemetry
from fcn.waveform.folder import write_sequence_folder


@dataclass(frozen=True)
class TwinWindow:
    """Where and when: centre of the frame, half widths east and north of the box, start (ISO 8601, UTC)."""

    latitude_deg: float
    longitude_deg: float
    half_width_km: Sequence[float]
    start_time_utc: str
    duration_s: float

    @property
    def frame(self) -> LocalFrame:
        """Local frame about the centre."""
        return LocalFrame(self.latitude_deg, self.longitude_deg)

    @property
    def start_time_s(self) -> float:
        """POSIX seconds."""
        return obspy.UTCDateTime(self.start_time_utc).timestamp


class KumamotoTwin:
    """Builder of the twin's folder (waveforms/, stations.xml, catalogue.xml, sequence.yaml).

    The catalogue holds the events of the window's span. tables_digest: what `digest_of_tables` says, so that
    a folder made from other tables has another name in the cache; ValueError where it is not that.
    """

    def __init__(
        self,
        *,
        name: str,
        seed: int,
        tables_digest: str,
        window: TwinWindow,
        earth: TwinEarth,
        recording: Recording,
        telemetry: Telemetry,
    ) -> None:
        if tables_digest != (found := digest_of_tables()):
            raise ValueError(
                f"the tables of {name!r} have digest {found}, its configuration names {tables_digest}: "
                "state the new one as builder.tables_digest if the tables were meant to change"
            )
        self.name = name
        self.seed = seed
        self.window = window
        self.start_time_s = window.start_time_s
        self.earth = earth
        self.recording = recording
        self.telemetry = telemetry
        self.network, self.vs30_mps = read_sites()

    def build(self, root: Path) -> None:
        """Write the folder, whole or not at all. Raises FileExistsError where there is something."""
        if root.exists():
            raise FileExistsError(f"{root} exists; remove it to build sequence {self.name!r} again")
        with single_thread():
            velocity_mps, arrivals_s = self._shake()
            counts = self.recording.counts(velocity_mps, self.seed)
        stream = to_stream(counts, self.network, self.start_time_s, self.recording)
        inventory = to_inventory(self.network, stream, self.recording)
        received, _ = self.telemetry.transmit(stream, self.seed)
        events = self.catalogued()
        write_sequence_folder(
            root,
            received,
            inventory,
            Catalogue(
                self.name,
                tuple(self._event(row, times_s) for row, times_s in zip(events, arrivals_s, strict=True)),
            ),
            {row.event_id: self._picks(times_s) for row, times_s in zip(events, arrivals_s, strict=True)},
            **self._description(),
        )

    def catalogued(self) -> list[CataloguedEvent]:
        """Rows of the table within the span."""
        end_s = self.start_time_s + self.window.duration_s
        return [row for row in read_catalogue() if self.start_time_s <= row.origin_time_s < end_s]

    def ground(self) -> TwinGround:
        """The twin's Earth under its stations."""
        station_km = self.network.local_km(self.window.frame)
        return TwinGround(self.earth, station_km, self.vs30_mps, self.recording.sampling_rate_hz, self.seed)

    def quake(self, row: CataloguedEvent) -> Quake:
        """A row as an earthquake, keyed by its time, so that a shorter span holds the same ones."""
        east_km, north_km = self.window.frame.to_local_km(
            np.array(row.latitude_deg), np.array(row.longitude_deg)
        )
        return Quake(
            round(1e3 * row.origin_time_s) % 2**32,
            row.origin_time_s - self.start_time_s,
            (float(east_km), float(north_km), row.depth_km),
            row.moment_magnitude,
            (row.strike_deg, row.dip_deg, row.rake_deg),
        )

    def _shake(self) -> tuple[Float32[np.ndarray, "station 3 time"], list[Float[np.ndarray, "station 2"]]]:
        """Ground velocity of all the earthquakes together, and P and S times of each."""
        ground = self.ground()
        n_samples = round(self.window.duration_s * self.recording.sampling_rate_hz)
        total = np.zeros((len(self.network), 3, n_samples), np.float32)
        arrivals_s = []
        for row in track(self.catalogued(), description=f"simulating {self.name}"):
            motion = ground.motion(self.quake(row))
            for trace, record, start in zip(total, motion.velocity_mps, motion.start_sample, strict=True):
                add_at(trace, record, int(start))
            arrivals_s.append(motion.arrival_s)
        return total, arrivals_s

    def _event(self, row: CataloguedEvent, arrival_s: Float[np.ndarray, "station 2"]) -> Event:
        return Event(
            event_id=row.event_id,
            origin_time_s=row.origin_time_s,
            latitude_deg=row.latitude_deg,
            longitude_deg=row.longitude_deg,
            depth_km=row.depth_km,
            magnitude=round(row.moment_magnitude, 2),
            magnitude_type="Mw",
            first_p_time_s=self.start_time_s + float(arrival_s[:, 0].min()),
            note=f"simulated; {row.source}; {row.magnitude_type} {row.magnitude}; {row.how}",
        )

    def _picks(self, arrival_s: Float[np.ndarray, "station 2"]) -> list[PhasePick]:
        return [
            PhasePick(station.network, station.code, phase, self.start_time_s + float(time_s))
            for station, times_s in zip(self.network, arrival_s, strict=True)
            for phase, time_s in zip("PS", times_s, strict=True)
        ]

    def _description(self) -> dict[str, Any]:
        """Content of sequence.yaml; its velocity model is the crust's without what varies laterally."""
        model = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self.earth.velocity_model).items()
        }
        return {
            "name": self.name,
            "simulated": True,
            "centre": {"latitude_deg": self.window.latitude_deg, "longitude_deg": self.window.longitude_deg},
            "half_width_km": [float(width) for width in self.window.half_width_km],
            "velocity_model": model,
        }


def digest_of_tables() -> str:
    """Twelve hexadecimal digits that name the tables of events and stations."""
    return hashlib.sha256(CATALOGUE.read_bytes() + STATIONS.read_bytes()).hexdigest()[:12]

"""The first hour of the 2016 Kumamoto sequence, simulated: 179 earthquakes at twelve real sites.

No data of the real stations: network code SY, and `simulated: true` in sequence.yaml. Station codes are those
of KiK-net without one letter (KMMH16: KMH16), since miniSEED has room for five.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import obspy
from jaxtyping import Float

from fcn.catalogue.event import Event
from fcn.geometry.projection import LocalFrame
from fcn.simulate.kumamoto.catalogue import CATALOGUE, CataloguedEvent, read_catalogue
from fcn.simulate.kumamoto.earth import TwinEarth, TwinGround
from fcn.simulate.kumamoto.sites import STATIONS, read_sites
from fcn.simulate.path.ground import Shock
from fcn.simulate.recording.counts import Recording
from fcn.simulate.recording.telemetry import Telemetry
from fcn.simulate.sequence.builder import Arrivals, SequenceBuilder


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


class KumamotoTwin(SequenceBuilder):
    """Builder of the twin's folder; its catalogue holds the events of the window's span.

    tables_digest: what `digest_of_tables` says, so that a folder made from other tables has another name in
    the cache; ValueError where it is not that. sequence.yaml states the crust without what varies laterally.
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
        network, self.vs30_mps = read_sites()
        self.earth = earth
        super().__init__(
            name=name,
            seed=seed,
            start_time_s=window.start_time_s,
            duration_s=window.duration_s,
            frame=window.frame,
            half_width_km=window.half_width_km,
            network=network,
            stated_model=earth.velocity_model,
            recording=recording,
            telemetry=telemetry,
        )

    def catalogued(self) -> list[CataloguedEvent]:
        """Rows of the table within the span."""
        end_s = self.start_time_s + self.duration_s
        return [row for row in read_catalogue() if self.start_time_s <= row.origin_time_s < end_s]

    def ground(self) -> TwinGround:
        """The twin's Earth under its stations."""
        station_km, rate_hz = self.network.local_km(self.frame), self.recording.sampling_rate_hz
        return TwinGround(self.earth, station_km, self.vs30_mps, rate_hz, self.seed)

    def shocks(self) -> list[Shock]:
        """The catalogued events."""
        return [self.shock(row) for row in self.catalogued()]

    def shock(self, row: CataloguedEvent) -> Shock:
        """A row as an earthquake, keyed by its time, so that a shorter span holds the same ones."""
        place_deg = np.array(row.latitude_deg), np.array(row.longitude_deg)
        east_km, north_km = map(float, self.frame.to_local_km(*place_deg))
        return Shock(
            round(1e3 * row.origin_time_s) % 2**32,
            row.origin_time_s - self.start_time_s,
            (east_km, north_km, row.depth_km),
            row.moment_magnitude,
            (row.strike_deg, row.dip_deg, row.rake_deg),
        )

    def events(self, arrivals_s: Arrivals) -> list[Event]:
        """The rows with the first P that was simulated."""
        return [self._event(*each) for each in zip(self.catalogued(), arrivals_s, strict=True)]

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


def digest_of_tables() -> str:
    """Twelve hexadecimal digits that name the tables of events and stations."""
    return hashlib.sha256(CATALOGUE.read_bytes() + STATIONS.read_bytes()).hexdigest()[:12]

"""Continuous recordings with StationXML and QuakeML as records of the base store."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
import obspy

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.io import read_quakeml
from fcn.geometry.network import Network, Station
from fcn.store.build import Report
from fcn.store.cut import Arrivals, Importer, Path, Quake
from fcn.store.schema import StoreRecord
from fcn.waveform.archive import read_sds
from fcn.waveform.folder import CATALOGUE, STATIONS, WAVEFORMS
from fcn.waveform.inventory import read_stations
from fcn.waveform.preprocess import Chunk
from fcn.waveform.station import station_motion

ORIGIN = "archive"
LONGEST_TRAVEL_S = 120.0  # other events this much earlier or later cannot be in a record
FOREIGN_GUARD_S = 1.0  # before the P of another event, whose time is a prediction

Picks = dict[str, dict[str, float]]  # POSIX s by station "NET.STA" and phase "P" or "S"


class ArchiveSource:
    """Catalogued events of a sequence folder at every station with data; P and S as picked there, else found.

    p_search_s: either side of the predicted P; settle_s: read before a record, for the filters;
    coda_s: after its S, for which another event spoils a record.
    Raises FileNotFoundError where a part of the folder is missing, ValueError for a station without
    coordinates.
    """

    def __init__(
        self, root: str | FilePath, p_search_s: float, settle_s: float, coda_s: float, importer: Importer
    ) -> None:
        self.root = FilePath(root).expanduser()
        for part in (WAVEFORMS, STATIONS, CATALOGUE):
            if not (self.root / part).exists():
                raise FileNotFoundError(f"no {part} in {self.root}: an archive to import needs it")
        self.p_search_s = p_search_s
        self.settle_s = settle_s
        self.coda_s = coda_s
        self.importer = importer
        self._inventory = read_stations(self.root / STATIONS)
        self._stations = {station.id: station for station in Network.from_inventory(self._inventory)}
        self._catalogue: Catalogue = read_quakeml(self.root / CATALOGUE)
        self._picks = read_picks(self.root / CATALOGUE)

    @property
    def n_expected(self) -> int:
        """An earthquake and a noise record of each event at each station."""
        return 2 * len(self._catalogue) * len(self._stations)

    def records(self, report: Report) -> Iterator[StoreRecord]:
        """All records that can be trusted; the others are reported."""
        for event in self._catalogue:
            if event.magnitude is None:
                report(event.event_id, "", "the catalogue event has no magnitude")
                continue
            start_s = event.origin_time_s - self.importer.cut.before_p_s - self.settle_s
            end_s = event.origin_time_s + LONGEST_TRAVEL_S + self.importer.cut.after_p_s
            try:
                stream = read_sds(self.root / WAVEFORMS, self._stations.keys(), start_s, end_s)
            except FileNotFoundError as error:
                report(event.event_id, "", str(error))
                continue
            for station_id, traces in _by_station(stream).items():
                try:
                    yield from self._station_records(event, self._stations[station_id], traces)
                except ValueError as error:
                    report(event.event_id, station_id, str(error))

    def _station_records(self, event: Event, station: Station, traces: obspy.Stream) -> list[StoreRecord]:
        quake = _quake(event)
        path = self.importer.path(quake, station)
        picked = self._picks.get(event.event_id, {}).get(station.id, {})
        p_s = event.origin_time_s + path.p_s
        known = Arrivals(
            p_s=picked.get("P"),
            s_s=picked.get("S"),
            p_range_s=(p_s - self.p_search_s, p_s + self.p_search_s),
        )
        spec = self.importer.preprocess
        motion = station_motion(traces, self._inventory, spec)
        chunk = Chunk(motion.start_sample, motion.velocity_mps, np.all(motion.valid, axis=0), fresh=True)
        chunk = self._without_others(chunk, event, station, path)
        return self.importer.records(ORIGIN, quake, station, path, chunk, known)

    def _without_others(self, chunk: Chunk, event: Event, station: Station, path: Path) -> Chunk:
        """The chunk, invalid while other events shake the station; ValueError where one spoils this event."""
        rate_hz, cut = self.importer.preprocess.sampling_rate_hz, self.importer.cut
        needed_s = (path.p_s - cut.min_before_p_s, path.s_s + cut.min_after_s_s)
        valid = chunk.valid.copy()
        span_s = LONGEST_TRAVEL_S + self.coda_s
        for other in self._catalogue.between(event.origin_time_s - span_s, event.origin_time_s + span_s):
            if other.event_id == event.event_id:
                continue
            theirs = self.importer.path(_quake(other), station)
            later_s = other.origin_time_s - event.origin_time_s
            begin_s, end_s = later_s + theirs.p_s - FOREIGN_GUARD_S, later_s + theirs.s_s + self.coda_s
            if begin_s < needed_s[1] and end_s > needed_s[0]:
                raise ValueError(f"overlapped by event {other.event_id}")
            first, last = (
                round((event.origin_time_s + time_s) * rate_hz) - chunk.start_sample
                for time_s in (begin_s, end_s)
            )
            valid[max(first, 0) : max(last, 0)] = False
        return replace(chunk, valid=valid)


def read_picks(path: FilePath) -> dict[str, Picks]:
    """Earliest P and S per event and station of a QuakeML file."""
    found: dict[str, Picks] = {}
    for event in obspy.read_events(str(path)):
        origin = event.preferred_origin() or next(iter(event.origins), None)
        phases = {str(a.pick_id): a.phase for a in origin.arrivals} if origin is not None else {}
        picks: Picks = defaultdict(dict)
        for pick in event.picks:
            phase = (phases.get(str(pick.resource_id)) or pick.phase_hint or "").lstrip("ie")[:1].upper()
            if phase in ("P", "S") and pick.waveform_id is not None:
                station = f"{pick.waveform_id.network_code}.{pick.waveform_id.station_code}"
                time_s = pick.time.timestamp
                picks[station][phase] = min(time_s, picks[station].get(phase, np.inf))
        found[str(event.resource_id.id).removeprefix("smi:local/")] = dict(picks)
    return found


def _by_station(stream: obspy.Stream) -> dict[str, obspy.Stream]:
    stations: dict[str, obspy.Stream] = {}
    for trace in stream:
        station_id = f"{trace.stats.network}.{trace.stats.station}"
        stations.setdefault(station_id, obspy.Stream()).append(trace)
    return stations


def _quake(event: Event) -> Quake:
    return Quake(
        source_id=event.event_id,
        latitude_deg=event.latitude_deg,
        longitude_deg=event.longitude_deg,
        depth_km=event.depth_km,
        magnitude=float("nan") if event.magnitude is None else event.magnitude,
        magnitude_type=event.magnitude_type or "",
    )

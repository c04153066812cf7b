"""Continuous recordings with StationXML and QuakeML as records of the base store."""

import logging
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
import obspy
from jaxtyping import Bool, Float64

from fcn.catalogue.event import Event
from fcn.catalogue.io import FIRST, read_with_picks
from fcn.catalogue.phase import PhasePick, p_or_s
from fcn.constants import EARTH_RADIUS_KM
from fcn.geometry.network import MovedError, Network, Station
from fcn.store.build import Report
from fcn.store.cut import Arrivals, BeyondTable, Importer, Path, Quake
from fcn.store.schema import StoreRecord
from fcn.waveform.archive import read_sds, sds_stations
from fcn.waveform.counted import told_apart
from fcn.waveform.folder import CATALOGUE, STATIONS, WAVEFORMS
from fcn.waveform.inventory import read_stations
from fcn.waveform.preprocess import Chunk
from fcn.waveform.station import StationMotion, station_motion

log = logging.getLogger(__name__)

ORIGIN = "archive"
LONGEST_TRAVEL_S = 120.0  # other events this much earlier or later cannot be in a record
# P is nowhere faster than above the core, S in rock nowhere slower than in the upper crust (PREM, Dziewonski
# & Anderson 1981, Phys. Earth Planet. Inter. 25: 13.72 and 3.2 km/s).
FASTEST_P_KMPS, SLOWEST_S_KMPS = 13.8, 3.2
FOREIGN_GUARD_S = 1.0  # before the P of another event, whose time is a prediction

Picks = dict[str, dict[str, float]]  # POSIX s by station "NET.STA" and phase "P" or "S"


class ArchiveSource:
    """Catalogued events of a sequence folder at every station with data; P and S as picked there, else found.

    p_search_s: either side of the predicted P; settle_s: read before a record, for the filters;
    coda_s: after its S, for which another event spoils a record. Stations with a vertical alone give records
    without horizontals, and no noise.
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
        self._catalogue, self._picks = read_with_picks(self.root / CATALOGUE)
        origins_s = [event.origin_time_s for event in self._catalogue]
        during_s = (min(origins_s, default=-math.inf), max(origins_s, default=math.inf))
        self._stations, self._moved = _placed(self._inventory, during_s)
        stated = [pick for picks in self._picks.values() for pick in picks]
        elsewhere = [
            pick
            for pick in stated
            if (pick.network, pick.station) != FIRST
            and not stations_of(pick, (*self._stations.values(), *self._moved.values()))
        ]
        if elsewhere:
            log.warning(
                "%d of %d picks are at stations that %s does not describe, such as %s.%s: they are not used",
                *(len(elsewhere), len(stated), STATIONS, elsewhere[0].network, elsewhere[0].station),
            )

    @property
    def n_expected(self) -> int:
        """An earthquake and a noise record of each event at each station."""
        return 2 * len(self._catalogue) * (len(self._stations) + len(self._moved))

    def records(self, report: Report) -> Iterator[StoreRecord]:
        """All records that can be trusted; the others are reported."""
        for station_id in sorted(sds_stations(self.root / WAVEFORMS) - {*self._stations, *self._moved}):
            report("", station_id, f"{STATIONS} does not describe it: no coordinates")
        for event in self._catalogue:
            if event.magnitude is None:
                report(event.event_id, "", "the catalogue event has no magnitude")
                continue
            start_s = event.origin_time_s - self.importer.cut.before_p_s - self.settle_s
            end_s = event.origin_time_s + LONGEST_TRAVEL_S + self.importer.cut.after_p_s
            stations = self._stations_at(event, report)
            try:
                stream = read_sds(self.root / WAVEFORMS, stations.keys(), start_s, end_s)
            except FileNotFoundError as error:
                report(event.event_id, "", str(error))
                continue
            picked, unclear = picks_at(stations.values(), self._picks[event.event_id])
            for code, reason in unclear:
                report(event.event_id, code, reason)
            for station_id, traces in _by_station(stream).items():
                try:
                    yield from self._station_records(
                        event, stations[station_id], traces, picked.get(station_id, {})
                    )
                except ValueError as error:
                    report(event.event_id, station_id, str(error))

    def _stations_at(self, event: Event, report: Report) -> dict[str, Station]:
        """All stations where they stood then; those of which nobody can say are reported."""
        stations = dict(self._stations)
        for station_id in self._moved:
            try:
                (stations[station_id],) = Network.from_inventory(
                    self._inventory, (event.origin_time_s, event.origin_time_s), {station_id}
                )
            except MovedError as error:
                report(event.event_id, station_id, str(error))
        return stations

    def _station_records(
        self, event: Event, station: Station, traces: obspy.Stream, picked: Mapping[str, float]
    ) -> list[StoreRecord]:
        quake = _quake(event)
        path = self.importer.path(quake, station)
        p_s = event.origin_time_s + path.p_s
        known = Arrivals(
            p_s=picked.get("P"),
            s_s=picked.get("S"),
            p_range_s=(p_s - self.p_search_s, p_s + self.p_search_s),
        )
        spec = self.importer.preprocess
        small, *_ = told_apart(traces, self._inventory)
        counts = obspy.Stream([trace for trace in traces if trace.id not in small])
        motion = station_motion(_living(counts), self._inventory, spec)
        chunk = Chunk(motion.start_sample, *_components(motion), fresh=True)
        chunk = self._without_others(chunk, event, station, path)
        return self.importer.records(ORIGIN, quake, station, path, chunk, known)

    def _arrivals_s(self, quake: Quake, station: Station) -> tuple[float, float]:
        """P and S of another event after its origin; beyond the travel-time table the soonest and latest."""
        try:
            path = self.importer.path(quake, station)
        except BeyondTable as beyond:
            radius_km, arc = EARTH_RADIUS_KM - quake.depth_km, beyond.distance_km / EARTH_RADIUS_KM
            straight_km = math.dist(
                (EARTH_RADIUS_KM, 0.0), (radius_km * math.cos(arc), radius_km * math.sin(arc))
            )
            around_km = math.hypot(beyond.distance_km, quake.depth_km)
            return straight_km / FASTEST_P_KMPS, around_km / SLOWEST_S_KMPS
        return path.p_s, path.s_s

    def _without_others(self, chunk: Chunk, event: Event, station: Station, path: Path) -> Chunk:
        """The chunk, invalid while other events shake the station; ValueError where one spoils this event."""
        rate_hz, cut = self.importer.preprocess.sampling_rate_hz, self.importer.cut
        needed_s = (path.p_s - cut.min_before_p_s, path.s_s + cut.min_after_s_s)
        valid = chunk.valid.copy()
        span_s = LONGEST_TRAVEL_S + self.coda_s
        for other in self._catalogue.between(event.origin_time_s - span_s, event.origin_time_s + span_s):
            if other.event_id == event.event_id:
                continue
            theirs_s = self._arrivals_s(_quake(other), station)
            later_s = other.origin_time_s - event.origin_time_s
            begin_s, end_s = later_s + theirs_s[0] - FOREIGN_GUARD_S, later_s + theirs_s[1] + self.coda_s
            if begin_s < needed_s[1] and end_s > needed_s[0]:
                raise ValueError(f"overlapped by event {other.event_id}")
            first, last = (
                round((event.origin_time_s + time_s) * rate_hz) - chunk.start_sample
                for time_s in (begin_s, end_s)
            )
            valid[max(first, 0) : max(last, 0)] = False
        return replace(chunk, valid=valid)


def _components(motion: StationMotion) -> tuple[Float64[np.ndarray, "3 time"], Bool[np.ndarray, " time"]]:
    """Velocity Z, N, E, and where all of it is known; the vertical alone where two horizontals never are.

    Raises ValueError where the vertical never is.
    """
    if not motion.valid[0].any():
        raise ValueError("its vertical is missing, or one value throughout: a dead channel")
    if motion.valid[1:].all(axis=0).any():
        return motion.velocity_mps, np.all(motion.valid, axis=0)
    velocity_mps = motion.velocity_mps.copy()
    velocity_mps[1:] = 0.0
    return velocity_mps, motion.valid[0]


def _living(traces: obspy.Stream) -> obspy.Stream:
    """Those of channels that do not have one value throughout; ValueError where all of them do.

    Filters would make a full component of a dead one, and another instrument may stand in for it.
    """
    values: dict[str, set[float]] = {}
    for trace in traces:
        samples = np.ma.compressed(trace.data)
        values.setdefault(trace.id, set()).update((samples.min(), samples.max()) if samples.size else ())
    living = obspy.Stream([trace for trace in traces if len(values[trace.id]) > 1])
    if not living:
        raise ValueError(f"{', '.join(sorted(values))}: one value throughout, dead channels")
    return living


def picks_at(
    stations: Collection[Station], picks: Iterable[PhasePick]
) -> tuple[Picks, list[tuple[str, str]]]:
    """Earliest P and S at each station; and picks that name several of them, as (".STA", reason)."""
    found: Picks = {}
    unclear: dict[str, str] = {}
    for pick in picks:
        phase = p_or_s(pick.phase)
        meant = stations_of(pick, stations)
        if len(meant) > 1:
            unclear[f".{pick.station}"] = (
                f"its picks state no network, and {' and '.join(meant)} have this code: state it"
            )
        elif meant and phase is not None:
            times_s = found.setdefault(meant[0], {})
            times_s[phase] = min(pick.time_s, times_s.get(phase, np.inf))
    return found, list(unclear.items())


def stations_of(pick: PhasePick, stations: Collection[Station]) -> list[str]:
    """Ids of the stations a pick may mean: many analysts' programs state no network, but a code alone, or in
    the place of one "NET.STA"."""
    stated = f"{pick.network}.{pick.station}" if pick.network else pick.station
    return [each.id for each in stations if stated == each.id or (not pick.network and stated == each.code)]


def _placed(
    inventory: obspy.Inventory, during_s: tuple[float, float]
) -> tuple[dict[str, Station], dict[str, Station]]:
    """Stations that stood still during the events, by id, and those that moved, at one of their places."""
    still, moved = dict[str, Station](), dict[str, Station]()
    listed = dict.fromkeys(f"{network.code}.{site.code}" for network in inventory for site in network)
    for station_id in listed:
        try:
            (still[station_id],) = Network.from_inventory(inventory, during_s, {station_id})
        except MovedError:
            site = [
                (network, site)
                for network in inventory
                for site in network
                if f"{network.code}.{site.code}" == station_id
            ][-1]
            alone = obspy.Inventory([obspy.core.inventory.Network(site[0].code, stations=[site[1]])])
            (moved[station_id],) = Network.from_inventory(alone)
    if not listed:
        raise ValueError(f"{STATIONS} describes no station")
    return still, moved


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

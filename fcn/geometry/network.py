"""Stations and networks of them."""

import logging
import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from jaxtyping import Float

from fcn.geometry.codes import FDSN_LENGTHS, check_codes
from fcn.geometry.projection import METRES_PER_KM, LocalFrame
from fcn.tables import Row, number, read_table, separator_hint

log = logging.getLogger(__name__)

SAME_SITE_DEG = 0.01  # epochs of one station may differ by a re-survey, not by a move
# Sensors lie from 9 km below the sea, in trenches and boreholes, up to the highest summits. More is a slip of
# the unit, or stands for an elevation that is not known: -9999, 99999, SAC's -12345.
ELEVATIONS_M = (-9500.0, 9000.0)
SEABED_AT_0_0_M = -4000.0  # it is 4.9 km deep there
ONE_PLACE_KM = 0.1  # sensors of one site
# columns of a list as CSV
UNREAD = re.compile(r"(?<![a-z])(depth|burial|sensitivity|gain|azimuth|dip|scale|counts)(?![a-z])")
FAR_KM = 1000.0  # no earthquake is warned of by stations so far apart


class MovedError(ValueError):
    """A station was at two places in the time asked for."""


@dataclass(frozen=True)
class Station:
    """One site; raises ValueError where a coordinate is missing or off the globe, or a code is none.

    Some data sets know no network: its code may be empty.
    """

    network: str
    code: str
    location: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float

    def __post_init__(self) -> None:
        codes = {"network": self.network, "station": self.code, "location": self.location}
        lengths = {kind: FDSN_LENGTHS[kind] for kind in codes if kind != "network" or self.network}
        check_codes(codes, f"station {self.id}", lengths)
        for field in ("latitude_deg", "longitude_deg", "elevation_m"):
            value = getattr(self, field)
            if value is None or not math.isfinite(value):
                raise ValueError(f"station {self.id} has no {field}: give it in the station list")
        if not (abs(self.latitude_deg) <= 90 and abs(self.longitude_deg) <= 360):
            raise ValueError(
                f"station {self.id} is off the globe: latitude {self.latitude_deg}, longitude "
                f"{self.longitude_deg} deg"
            )

    @property
    def id(self) -> str:
        """Network and station code, "NET.STA"."""
        return f"{self.network}.{self.code}"


@dataclass(frozen=True)
class Network:
    """Stations in a fixed order, no two with the same id; raises ValueError when empty or ambiguous."""

    stations: tuple[Station, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "stations", tuple(self.stations))
        if not self.stations:
            raise ValueError("a network needs at least one station")
        ids = [station.id for station in self.stations]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"stations listed more than once: {', '.join(twice)}")

    def __len__(self) -> int:
        return len(self.stations)

    def __iter__(self) -> Iterator[Station]:
        return iter(self.stations)

    @classmethod
    def from_inventory(
        cls,
        inventory: obspy.Inventory,
        during_s: tuple[float, float] = (-math.inf, math.inf),
        only: Collection[str] | None = None,
    ) -> "Network":
        """Stations of an ObsPy inventory, epochs of the same site merged (the coordinates of the latest).

        during_s: POSIX times between which epochs count; the last of a station that has none then. An epoch
        that states no begin or end has those of its channels. only: ids "NET.STA" of the stations asked for,
        of which alone ValueError is raised for one without coordinates, MovedError for one that moved then.
        """
        epochs: dict[str, list[tuple[str, Any]]] = {}
        for network in inventory:
            for site in network:
                station_id = f"{network.code}.{site.code}"
                if only is None or station_id in only:
                    epochs.setdefault(station_id, []).append((network.code, site))
        return cls(tuple(_merged(each, during_s) for each in epochs.values()))

    @classmethod
    def from_csv(cls, path: str | Path) -> "Network":
        """Stations of a CSV file: columns network, station, latitude, longitude (deg), elevation or
        elevation_m, optionally location. One of depths or of instruments is warned of, for it is not read.
        Raises ValueError naming the file, and the missing column or the line and what is wrong in it."""
        stations = list[Station]()
        for place, cells in read_table(Path(path)):
            row = {name.lower(): cell for name, cell in cells.items()}
            elevation = "elevation_m" if "elevation_m" in row else "elevation"
            missing = {"network", "station", "latitude", "longitude", elevation} - row.keys()
            if missing:
                found = f"{', '.join(row)}{separator_hint([*row])}"
                raise ValueError(f"{path}: no column {', '.join(sorted(missing))}; found {found}")
            if not stations:
                _warn_of_unread(row, path)
            codes = (row["network"], row["station"], row.get("location", ""))
            coordinates = [_number(row, name, place) for name in ("latitude", "longitude", elevation)]
            try:
                stations.append(_somewhere(Station(*codes, *coordinates)))
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from error
        try:
            return cls(tuple(stations))
        except ValueError as error:
            is_twice = len({each.id for each in stations}) < len(stations)
            remedy = "; give each one row, whatever locations and channels it has" if is_twice else ""
            raise ValueError(f"{path}: {error}{remedy}") from error

    def centre(self) -> tuple[float, float]:
        """(latitude_deg, longitude_deg) of the mean direction of the stations, also across 180 deg."""
        latitude = np.radians([station.latitude_deg for station in self])
        longitude = np.radians([station.longitude_deg for station in self])
        east = (np.cos(latitude) * np.cos(longitude)).mean()
        north = (np.cos(latitude) * np.sin(longitude)).mean()
        up = np.sin(latitude).mean()
        return float(np.degrees(np.arctan2(up, np.hypot(east, north)))), float(
            np.degrees(np.arctan2(north, east))
        )

    def local_km(self, frame: LocalFrame) -> Float[np.ndarray, "station 3"]:
        """East, north, depth in km; a station at 800 m has depth -0.8."""
        east_km, north_km = frame.to_local_km(
            np.array([station.latitude_deg for station in self]),
            np.array([station.longitude_deg for station in self]),
        )
        depth_km = -np.array([station.elevation_m for station in self]) / METRES_PER_KM
        return np.stack([east_km, north_km, depth_km], axis=-1)


def _warn_of_unread(columns: Iterable[str], path: str | Path) -> None:
    """Log the columns of a station list that say what only StationXML is read for."""
    unread = [name for name in columns if UNREAD.search(name)]
    if unread:
        log.warning(
            "%s: column %s is not read: instruments and depths of sensors are StationXML's; elevations are "
            "those of the sensors",
            *(path, ", ".join(unread)),
        )


def warn_of_places(network: Network, where: str) -> None:
    """Log what is no fault of a list by itself, and most often one: all stations at one place, or one of them
    far from all others, which are near each other."""
    frame = LocalFrame(*network.centre())
    east_north_km = network.local_km(frame)[:, :2]
    apart_km = np.linalg.norm(east_north_km[:, None] - east_north_km, axis=-1)
    if len(network) > 1 and apart_km.max() < ONE_PLACE_KM:
        log.warning(
            "%s: all %d stations are at %g, %g deg: from one place no earthquake can be located; are these "
            "the coordinates of each of them?",
            *(where, len(network), *network.centre()),
        )
    np.fill_diagonal(apart_km, np.inf)
    nearest_km = apart_km.min(1)
    alone = np.flatnonzero(nearest_km > FAR_KM)
    if 0 < len(alone) < len(network) / 2:
        for i in alone:
            station = network.stations[i]
            log.warning(
                "%s: %s at %g, %g deg is %.0f km from the station next to it: are latitude and longitude in "
                "their columns, with their signs?",
                *(where, station.id, station.latitude_deg, station.longitude_deg, nearest_km[i]),
            )


def can_be_elevation(elevation_m: float) -> bool:
    """Whether a sensor may have it."""
    return ELEVATIONS_M[0] <= elevation_m <= ELEVATIONS_M[1]


def require_elevation(elevation_m: float, what: str) -> float:
    """The elevation. Raises ValueError, naming what has it, for one that no sensor has."""
    if not can_be_elevation(elevation_m):
        raise ValueError(
            f"{what} has elevation {elevation_m:g} m, and sensors {ELEVATIONS_M[0]:g} to "
            f"{ELEVATIONS_M[1]:g}: correct it in the station list, of station and channels"
        )
    return elevation_m


def _merged(epochs: list[tuple[str, Any]], during_s: tuple[float, float]) -> Station:
    """The station of its epochs, each with its network's code: of those that reach into a time, if any."""
    spans_s = [_span_s(site) for _, site in epochs]
    order = sorted(range(len(epochs)), key=lambda i: spans_s[i])
    then = [i for i in order if spans_s[i][0] <= during_s[1] and spans_s[i][1] >= during_s[0]]
    stations = [_from_obspy(*epochs[i]) for i in then or order[-1:]]
    for before, after in pairwise(stations):
        east_deg = abs((after.longitude_deg - before.longitude_deg + 180) % 360 - 180)  # across 180 deg, too
        moved_deg = max(abs(before.latitude_deg - after.latitude_deg), east_deg)
        if moved_deg > SAME_SITE_DEG:
            raise MovedError(
                f"station {after.id} moved by {moved_deg:.3f} deg between epochs: state a span of time in "
                "which it did not, or select one with Inventory.select(time=...)"
            )
    return stations[-1]


def ended_before(inventory: obspy.Inventory, time_s: float) -> set[str]:
    """Ids "NET.STA" of stations all of whose epochs end before a POSIX time."""
    ends_s: dict[str, float] = {}
    for network in inventory:
        for site in network:
            station_id = f"{network.code}.{site.code}"
            ends_s[station_id] = max(_span_s(site)[1], ends_s.get(station_id, -math.inf))
    return {station_id for station_id, end_s in ends_s.items() if end_s < time_s}


def _span_s(site: Any) -> tuple[float, float]:
    """POSIX begin and end of an epoch, or of its channels where it states none; infinite where open."""
    starts, ends = [site.start_date], [site.end_date]
    if site.start_date is None:
        starts = [channel.start_date for channel in site.channels]
    if site.end_date is None:
        ends = [channel.end_date for channel in site.channels]
    start_s = min((-math.inf if each is None else each.timestamp for each in starts), default=-math.inf)
    end_s = max((math.inf if each is None else each.timestamp for each in ends), default=math.inf)
    return start_s, end_s


def _from_obspy(network_code: str, site: Any) -> Station:
    location = (site.channels[0].location_code or "").strip() if site.channels else ""
    latitude_deg, longitude_deg, elevation_m = (
        math.nan if value is None else float(value)
        for value in (site.latitude, site.longitude, site.elevation)
    )
    channels_m = [float(each.elevation) for each in site.channels if can_be_elevation(float(each.elevation))]
    if channels_m and not (math.isnan(elevation_m) or can_be_elevation(elevation_m)):
        log.warning(
            "%s.%s has elevation %g m, which none can have: its channel's, %g m, counts",
            *(network_code, site.code, elevation_m, channels_m[0]),
        )
        elevation_m = channels_m[0]
    return _somewhere(Station(network_code, site.code, location, latitude_deg, longitude_deg, elevation_m))


def _somewhere(station: Station) -> Station:
    """The station. Raises ValueError for one that is where lists put those of which they know no place."""
    nowhere = station.latitude_deg == station.longitude_deg == 0
    # no land is there; with 123456 m it is ObsPy's place of a RESP file, which has none
    if nowhere and (station.elevation_m > SEABED_AT_0_0_M or not can_be_elevation(station.elevation_m)):
        raise ValueError(
            f"station {station.id} is at 0 deg, 0 deg, {station.elevation_m:g} m, which stands for no "
            "coordinates: give them in the station list (RESP files have none; StationXML, dataless SEED and "
            "CSV do)"
        )
    return station


def _number(row: Row, name: str, place: str) -> float:
    """The number in a cell, NaN in an empty one."""
    return number(row[name], f"{place}: {name}") if row[name] else math.nan

"""What a channel measures and in which direction, from StationXML."""

import itertools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import obspy

from fcn.geometry.network import SAME_SITE_DEG, can_be_elevation, require_elevation
from fcn.waveform.stages import overall_sensitivity, warn_once
from fcn.waveform.units import CODE_LETTERS, GAL, INSTRUMENT_KINDS, LENGTHS_M, are_counts, measured

log = logging.getLogger(__name__)

EPOCH_PAUSE_S = 1.0
SAME_GROUND_M = 300.0  # a station's elevation and that of the ground at its channels: 0.1 s of P
TALLEST_M = 100.0  # of what a sensor may stand on
METRES = {"M", "METER", "METERS", "METRE", "METRES"}  # FDSN's StationXML has no other unit of heights
VERTICAL = math.sin(math.pi / 4)  # of a unit vector: a larger part is upright rather than level
SAME_DIRECTION = 1e-3  # of a unit vector, 0.06 degrees
# Unit vectors (up, north, east) of channels that carry their direction in the last letter.
NAMED_DIRECTIONS = {"Z": (1.0, 0.0, 0.0), "N": (0.0, 1.0, 0.0), "E": (0.0, 0.0, 1.0)}


# Counts per m/s or m/s2: a 12-bit accelerometer has 1e2, data in nm/s 1e9, a seismometer at 24 bits to 1e11.
PLAUSIBLE = (1e-3, 1e15)


@dataclass(frozen=True)
class Sensitivity:
    """Counts per m/s ("velocity") or per m/s2 ("acceleration"), in the flat part of the response.

    Negative where the polarity is reversed. Raises ValueError for a value that no instrument has.
    """

    value: float
    measurement: str

    def __post_init__(self) -> None:
        if not PLAUSIBLE[0] <= abs(self.value) <= PLAUSIBLE[1]:
            unit = "m/s" if self.measurement == "velocity" else "m/s2"
            raise ValueError(
                f"a sensitivity of {self.value:g} counts per {unit} is none of an instrument "
                f"({PLAUSIBLE[0]:g} to {PLAUSIBLE[1]:g}): state the right one"
            )


@dataclass(frozen=True)
class Described:
    """What StationXML says of a channel "NET.STA.LOC.CHA" between two POSIX times.

    direction: unit vector up, north, east. elevation_m: of the sensor itself, also in a borehole.
    """

    seed_id: str
    start_s: float
    end_s: float
    sensitivity: Sensitivity
    direction: tuple[float, float, float]
    latitude_deg: float
    longitude_deg: float
    elevation_m: float

    def says_the_same(self, other: "Described") -> bool:
        """Whether counts mean the same; a new survey of the place does not matter."""
        return self.sensitivity == other.sensitivity and np.allclose(
            self.direction, other.direction, atol=SAME_DIRECTION
        )


def describe(inventory: obspy.Inventory, seed_id: str, start_s: float, end_s: float) -> list[Described]:
    """What is said of a channel at times between two POSIX times, in order; equal epochs are one.

    Where epochs overlap the last begun counts. What no epoch covers, or only one without sensitivity to
    ground motion, direction or an elevation that can be, is warned of. Raises ValueError, naming the channel
    and the remedy, where that is all.
    """
    epochs = _epochs(inventory, seed_id)
    edges = sorted({-math.inf, math.inf, *(edge for epoch in epochs for edge in epoch[:2])})
    found: list[Described] = []
    uncovered: list[str] = []
    wrong: list[ValueError] = []
    for first_s, last_s in itertools.pairwise(edges):
        if last_s <= start_s or first_s > end_s:
            continue
        span = f"{_written(max(first_s, start_s))} to {_written(min(last_s, end_s))}"
        covering = [epoch for epoch in epochs if epoch[0] <= first_s and last_s <= epoch[1]]
        if not covering:
            if not math.isinf(min(last_s, end_s)):  # nobody knows what is to come
                uncovered.append(span)
            continue
        try:
            latest, *older = _latest_first(covering)
            here = _describe(seed_id, latest, first_s, last_s)
        except ValueError as error:
            wrong.append(error)
            uncovered.append(span)
            continue
        if not all(_says_the_same(here, epoch) for epoch in older):
            log.warning(
                "StationXML has epochs of %s that contradict each other: the last begun counts", seed_id
            )
        if found and found[-1].end_s == first_s and found[-1].says_the_same(here):
            here = replace(here, start_s=found.pop().start_s)
        found.append(here)
    if not found and wrong:
        raise wrong[0]
    if not found:
        spans = "; ".join(f"{_written(epoch[0])} to {_written(epoch[1])}" for epoch in epochs)
        raise ValueError(
            f"StationXML does not describe {seed_id} at {obspy.UTCDateTime(start_s)}"
            + (f": it has {spans}" if epochs else f": {_others(inventory, seed_id)}")
            + ("" if epochs else f"; {_remedy(inventory, seed_id)}")
        )
    if uncovered:
        why = f" ({wrong[0]})" if wrong else ""
        log.warning("StationXML does not describe %s from %s: left out%s", seed_id, ", ".join(uncovered), why)
    return found


def _says_the_same(here: Described, older: "Epoch") -> bool:
    """Whether an older epoch means what counts at the time; one that is wrong in itself does not."""
    try:
        return _describe(here.seed_id, older, here.start_s, here.end_s).says_the_same(here)
    except ValueError:
        return False


def _latest_first(epochs: Sequence["Epoch"]) -> list["Epoch"]:
    """Of epochs that overlap: one that somebody forgot to end is older than the one that took its place."""
    return sorted(epochs, key=lambda epoch: epoch[0], reverse=True)


def _written(time_s: float) -> str:
    return str(obspy.UTCDateTime(time_s)) if math.isfinite(time_s) else "open"


Epoch = tuple[float, float, Any, Any]  # start, end (POSIX s), ObsPy's station and channel


def _epochs(inventory: obspy.Inventory, seed_id: str) -> list[Epoch]:
    """All epochs of a channel as the file has them, open ends infinite."""
    codes = seed_id.split(".")
    if len(codes) != 4:
        raise ValueError(f"{seed_id!r} is not a channel id of the form NET.STA.LOC.CHA")
    channels = [
        (station, channel)
        for network in inventory
        if network.code == codes[0]
        for station in network
        if station.code == codes[1]
        for channel in station
        if (location_code(channel), channel.code) == (codes[2], codes[3])
    ]
    starts = [-math.inf if c.start_date is None else c.start_date.timestamp for _, c in channels]
    ends = [math.inf if c.end_date is None else c.end_date.timestamp for _, c in channels]
    # an epoch that ends at 23:59:59 goes on to the one that begins at midnight
    ends = [min([start for start in starts if 0 < start - end <= EPOCH_PAUSE_S], default=end) for end in ends]
    return [(start, end, *channel) for start, end, channel in zip(starts, ends, channels, strict=True)]


def location_code(channel: Any) -> str:
    """That of an ObsPy channel: some write "--", as requests do, for a location that has no code."""
    return (channel.location_code or "").strip(" -")


def _remedy(inventory: obspy.Inventory, seed_id: str) -> str:
    """What to do about a channel that is not described at all."""
    remedy = "add the channel, or leave its data out"
    if [code for _, code in _of_station(inventory, seed_id)].count(seed_id.rpartition(".")[2]) == 1:
        remedy += "; if that is the same one, give it one location code, in the waveforms and in StationXML"
    return remedy


def _of_station(inventory: obspy.Inventory, seed_id: str) -> set[tuple[str, str]]:
    """Location and channel codes of all that is described of a channel's station."""
    network_code, station_code, *_ = seed_id.split(".")
    return {
        (location_code(channel), channel.code)
        for network in inventory.select(network=network_code, station=station_code)
        for station in network
        for channel in station
    }


def _others(inventory: obspy.Inventory, seed_id: str) -> str:
    """Of the same letters and station, at other locations; else all of the station."""
    network_code, station_code, _, code = seed_id.split(".")
    found = _of_station(inventory, seed_id)
    alike = sorted(each for each in found if each[1] == code) or sorted(found)
    if not alike:
        return "it has no channels of this station: ask for level=response"
    names = ", ".join(".".join((network_code, station_code, *each)) for each in alike[:6])
    return f"it has {names}{' ...' * (len(alike) > 6)}"


def _describe(seed_id: str, epoch: Epoch, start_s: float, end_s: float) -> Described:
    *_, station, channel = epoch
    _warn_of_place(station, channel, seed_id)
    return Described(
        seed_id,
        start_s,
        end_s,
        channel_response(channel, seed_id),
        channel_direction(channel, seed_id),
        float(channel.latitude),
        float(channel.longitude),
        _elevation_m(station, channel, seed_id),
    )


def _warn_of_place(station: Any, channel: Any, seed_id: str) -> None:
    """Where a channel is not where its station is, by whose place travel times are computed."""
    north_deg = float(channel.latitude) - float(station.latitude)
    east_deg = (float(channel.longitude) - float(station.longitude) + 180.0) % 360.0 - 180.0
    apart_deg = math.hypot(north_deg, east_deg * math.cos(math.radians(float(station.latitude))))
    if apart_deg > SAME_SITE_DEG:
        log.warning(
            "StationXML has %s %.3f deg from its station: the station's place counts, unless sensors of an "
            "array are given codes of their own",
            *(seed_id, apart_deg),
        )


def _elevation_m(station: Any, channel: Any, seed_id: str) -> float:
    """Of the sensor; the station's less its depth where the channel's is none.

    Raises ValueError where both are none, and for units that are not metres.
    """
    heights = {"station": station.elevation, "sensor": channel.elevation, "depth": channel.depth}
    for name, value in heights.items():
        unit = getattr(value, "unit", None)
        if unit is not None and unit.strip().upper() not in METRES:
            raise ValueError(
                f"StationXML has {seed_id} and its {name} at {float(value):g} {unit}: heights are metres, "
                "mend the number and leave the unit out"
            )
    elevation_m = sensor_elevation_m(station.elevation, channel.elevation, channel.depth)
    if can_be_elevation(elevation_m) or not can_be_elevation(float(station.elevation)):
        _warn_of_height(station, channel, elevation_m, seed_id)
        return require_elevation(elevation_m, seed_id)
    log.warning(
        "%s has elevation %g m, which none can have: its station's, %g m, counts",
        *(seed_id, elevation_m, float(station.elevation)),
    )
    return require_elevation(float(station.elevation) - float(channel.depth or 0.0), seed_id)


def _warn_of_height(station: Any, channel: Any, elevation_m: float, seed_id: str) -> None:
    """Where a channel is at another height than its station, or far above the ground."""
    depth_m = float(channel.depth or 0.0)
    if abs(elevation_m + depth_m - float(station.elevation)) > SAME_GROUND_M:
        warn_once(
            f"StationXML has {seed_id[:-1]}? at {float(channel.elevation):g} m, {depth_m:g} m deep, and its "
            f"station at {float(station.elevation):g} m: the channel counts, at {elevation_m:g} m; mend what "
            "is wrong"
        )
    elif depth_m < -TALLEST_M:
        warn_once(
            f"StationXML has {seed_id[:-1]}? {depth_m:g} m deep, which is above the ground, at "
            f"{elevation_m:g} m: depths count down from it; mend the sign"
        )


def sensor_elevation_m(station_m: float, channel_m: float, depth_m: float | None) -> float:
    """Elevation of a sensor. FDSN's StationXML means the sensor by a channel's elevation, but many files
    repeat the surface's there: then the depth below it counts as well."""
    surface_m, elevation_m, depth_m = float(station_m), float(channel_m), float(depth_m or 0.0)
    if abs(elevation_m + depth_m - surface_m) <= abs(elevation_m - surface_m):
        return elevation_m
    return elevation_m - depth_m


def channel_response(channel: Any, seed_id: str) -> Sensitivity:
    """Overall sensitivity of an ObsPy channel, as `overall_sensitivity` has it; seed_id names it.

    Where its code says that it measures the other kind of motion, that is warned of. Raises ValueError,
    naming the channel and the remedy, where StationXML gives no sensitivity, an impossible one, or one of
    something else than counts of velocity or acceleration.
    """
    stated = overall_sensitivity(channel, seed_id)
    if stated is None:
        polynomial = getattr(channel.response, "instrument_polynomial", None)
        instead = "" if polynomial is None else ", but an InstrumentPolynomial, which is not read"
        raise ValueError(
            f"{seed_id} has no instrument sensitivity in StationXML{instead}, and counts without one are no "
            "ground motion: add InstrumentSensitivity or the gains of all stages to the channel, or make the "
            "sequence again with python -m fcn.build_sequence ... "
            "sensitivity_counts_per_mps=<counts per m/s>, or of accelerometers (codes HN?) "
            "sensitivity_counts_per_mps2=<counts per m/s2>, which hold for the channels that state none"
        )
    known = measured(str(stated.input_units))
    if known is None:
        raise ValueError(
            f"{seed_id} measures {stated.input_units!r} in StationXML; known are M/S and M/S**2, of "
            f"{', '.join(LENGTHS_M)}, and {GAL[0]}: state its sensitivity in one of them"
        )
    measurement, size = known
    code = seed_id.rpartition(".")[2]
    by_code = INSTRUMENT_KINDS.get(code[1:2]) if len(code) == CODE_LETTERS else None
    if by_code not in (None, measurement):
        warn_once(
            f"{seed_id[:-1]}? measures {stated.input_units} in StationXML, {measurement}, and {by_code} by "
            f"its code ({code[1]}): it is read as {measurement}. If the code is right, magnitudes are off by "
            "half a unit or more: mend the input units"
        )
    if not are_counts(stated.output_units):
        raise ValueError(
            f"{seed_id}: the sensitivity in StationXML gives {stated.output_units!r}, not counts; state that "
            "of the whole channel, digitiser included"
        )
    try:
        return Sensitivity(float(stated.value) / size, measurement)
    except ValueError as error:
        raise ValueError(f"{seed_id} in StationXML: {error}") from error


def channel_direction(channel: Any, seed_id: str) -> tuple[float, float, float]:
    """Unit vector (up, north, east), from azimuth and dip, else from Z, N, E in the code.

    A dip that makes a vertical of N or E, or of Z none, is no measured one and warned of: the code tells.
    Raises ValueError where neither tells.
    """
    named = NAMED_DIRECTIONS.get(seed_id[-1])
    if channel.azimuth is not None and channel.dip is not None:
        found = direction(float(channel.azimuth), float(channel.dip))
        if named is None or (abs(named[0]) > VERTICAL) == (abs(found[0]) > VERTICAL):
            return found
        warn_once(
            f"{seed_id} has a dip of {float(channel.dip):g} deg in StationXML, which its code contradicts: "
            f"it is taken to be {'vertical' if named[0] else 'horizontal'}; mend the dip"
        )
    if named is not None:
        return named
    raise ValueError(
        f"{seed_id} points nobody knows where: its code does not end in Z, N or E and StationXML gives no "
        "azimuth and dip; add them to the channel"
    )


def direction(azimuth_deg: float, dip_deg: float) -> tuple[float, float, float]:
    """Unit vector (up, north, east); dip is positive down, as in SEED: -90 for an upward vertical."""
    azimuth, dip = math.radians(azimuth_deg), math.radians(dip_deg)
    return -math.sin(dip), math.cos(dip) * math.cos(azimuth), math.cos(dip) * math.sin(azimuth)

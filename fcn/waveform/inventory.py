"""StationXML: read with its coordinates checked, or made for data that come without."""

import glob
import hashlib
import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree

import obspy
from obspy import UTCDateTime
from obspy.core.inventory import Channel, Inventory, Network, Response, Station
from obspy.core.inventory.response import InstrumentSensitivity
from obspy.io.stationtxt.core import is_fdsn_station_text_file

from fcn import checked
from fcn.geometry.codes import FDSN_LENGTHS, check_codes
from fcn.geometry.network import Station as Site
from fcn.waveform import sac
from fcn.waveform.response import Sensitivity, location_code
from fcn.waveform.stages import overall_sensitivity
from fcn.waveform.units import CODE_LETTERS, COUNTS, INSTRUMENT_KINDS

log = logging.getLogger(__name__)

EITHER_KIND = "L"
INPUT_UNIT = {"velocity": "M/S", "acceleration": "M/S**2"}
REFERENCE_HZ = 1.0  # where a sensitivity is stated to hold; only StationXML asks
SEISCOMP = "seiscomp"  # outermost element of SC3ML and SCML
COORDINATES = ("Latitude", "Longitude", "Elevation")  # elements of StationXML
# Of others ObsPy refuses the whole file, and names no channel.
RANGES_DEG = {"Latitude": (-90, 90), "Longitude": (-180, 180), "Azimuth": (0, 360), "Dip": (-90, 90)}
READ_NUMBERS = (
    ("Azimuth",),
    ("Dip",),
    ("Response", "InstrumentSensitivity", "Value"),
    ("Response", "Stage", "StageGain", "Value"),
)
NEVER = "9999-"  # begins the last end there is; some write it with more digits than ObsPy counts to
CIRCULAR = ("Longitude", "Azimuth")
# Azimuth and dip in degrees, as SEED has them.
ORIENTATIONS = {"Z": (0.0, -90.0), "N": (0.0, 0.0), "E": (90.0, 0.0)}


def read_stations(path: str | Path) -> Inventory:
    """Inventory of a StationXML file (or another format ObsPy knows).

    FDSN's text (format=text, level=channel) and SeisComP's XML have no output units, for their scale and gain
    are of counts: that is stated.
    Raises FileNotFoundError, and ValueError naming a station or channel without coordinates, with angles that
    StationXML has not or with a code that is none, or the file where it cannot be read: ObsPy reports none so
    that one could mend it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no station list {path}")
    _check_content(path)
    try:
        inventory = obspy.read_inventory(glob.escape(str(path)))
    except Exception as error:  # each of ObsPy's readers has exceptions of its own
        raise _unreadable(path, error) from error
    if is_fdsn_station_text_file(str(path)) or _is_of_seiscomp(path):
        for _, channel in channels_of(inventory):
            if channel.response is not None and channel.response.instrument_sensitivity is not None:
                channel.response.instrument_sensitivity.output_units = COUNTS
    return inventory


def _is_of_seiscomp(path: Path) -> bool:
    try:
        _, root = next(ElementTree.iterparse(path, events=("start",)))
    except (
        ElementTree.ParseError,
        ValueError,
        LookupError,
        StopIteration,
    ):  # not XML, or of another encoding
        return False
    return root.tag.rpartition("}")[2] == SEISCOMP


def _unreadable(path: Path, error: Exception) -> ValueError:
    content = path.read_bytes()
    remedy = "; station lists are StationXML, dataless SEED, text of FDSN services (level=channel) or CSV"
    if path.suffix.lower() == ".csv":
        remedy = ", and tables say nothing of instruments: python -m fcn.build_sequence makes stations.xml"
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        remedy = checked.false_encoding(content)
    if b"<!ENTITY" in content:
        remedy = "; it declares entities: write in their place what they stand for"
    return ValueError(f"{path} cannot be read as StationXML: {error}{remedy}")


def _check_content(path: Path) -> None:
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        if path.read_bytes().lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raise _unreadable(path, error) from error  # of XML ObsPy says "Unknown format" only
        return  # not XML: left to ObsPy
    except (ValueError, LookupError):  # an encoding that only ObsPy may know
        return
    for network in root.iterfind("{*}Network"):
        for station in network.iterfind("{*}Station"):
            codes = {"network": network.get("code", ""), "station": station.get("code", "")}
            station_id = ".".join(codes.values())
            check_codes(codes, f"{path}: station {station_id}", {kind: FDSN_LENGTHS[kind] for kind in codes})
            _check_place(station, f"station {station_id}", path)
            _check_dates(station, f"station {station_id}", path)
            for channel in station.iterfind("{*}Channel"):
                name = f"channel {station_id}.{channel.get('locationCode', '')}.{channel.get('code')}"
                _check_place(channel, name, path, (*COORDINATES, "Depth"))
                _check_dates(channel, name, path)
                _check_numbers(channel, name, path)


def _check_place(
    element: ElementTree.Element, name: str, path: Path, needed: Iterable[str] = COORDINATES
) -> None:
    for tag in needed:
        text = element.findtext(f"{{*}}{tag}") or ""
        try:
            known = math.isfinite(float(text))
        except ValueError:
            known = False
        if not known:
            why = ", 0 on the ground: ObsPy leaves out channels without" if tag == "Depth" else ""
            raise ValueError(f"{path}: {name} has no {tag.lower()} ({text.strip()!r}); add it{why}")
    for tag, (least, most) in RANGES_DEG.items():
        text = (element.findtext(f"{{*}}{tag}") or "").strip()
        try:
            value_deg = float(text)
        except ValueError:
            continue  # none is stated
        if not least <= value_deg <= most and not math.isnan(value_deg):
            is_around = tag in CIRCULAR and math.isfinite(value_deg)
            remedy = f"write {(value_deg - least) % 360 + least:.9g}" if is_around else "correct it"
            raise ValueError(
                f"{path}: {name} has {tag.lower()} {text}, and StationXML {least} to {most} deg: {remedy}"
            )


def _check_dates(element: ElementTree.Element, name: str, path: Path) -> None:
    """ObsPy takes a date that it cannot read for one that is not stated, and the epoch for an open one."""
    for key in ("startDate", "endDate"):
        text = (element.get(key) or "").strip()
        if not any(each.isdigit() for each in text) or text.startswith(NEVER):
            continue  # none is stated
        try:
            UTCDateTime(text)
        except Exception as error:  # ObsPy raises many kinds
            raise ValueError(
                f"{path}: {name} has {key} {text!r}, which is no date: write it as 2016-04-14T12:26:34, or "
                "leave it out"
            ) from error


def _check_numbers(channel: ElementTree.Element, name: str, path: Path) -> None:
    """ObsPy leaves out what it cannot read of a channel, and another value or none takes its place."""
    if channel.get("locationCode") is None:
        raise ValueError(f'{path}: {name} has no locationCode: write locationCode="" where it has none')
    for what in READ_NUMBERS:
        for element in channel.iterfind("/".join(f"{{*}}{tag}" for tag in what)):
            text = (element.text or "").strip()
            try:
                float(text)
            except ValueError as error:
                if any(each.isdigit() for each in text):  # else it is not stated
                    remedy = ": write a decimal point, not a comma" if "," in text else ": correct it"
                    where = " ".join(what)
                    raise ValueError(f"{path}: {name} has {where} {text!r}, not a number{remedy}") from error


def stated_sensitivities(
    seed_ids: Collection[str],
    per_mps: float | None,
    per_mps2: float | None,
    measured: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Sensitivity]:
    """Of each channel the sensitivity that a user states for its kind of instrument, by its id.

    Its code's middle letter says which (SEED 2.4, appendix A): N and G measure acceleration, H and P
    velocity, and those take nothing that is stated of the other. L is velocity's by the book, but networks
    call accelerometers so: it, and a code of another length, takes the one that is stated, of two none.
    measured: by id what its files say that a channel measures, where that is neither said by its code, nor
    what is stated for its code.
    Raises ValueError for a sensitivity that is none's.
    """
    values = {"velocity": per_mps, "acceleration": per_mps2}
    stated = {kind: Sensitivity(float(value), kind) for kind, value in values.items() if value is not None}
    found: dict[str, Sensitivity] = {}
    for seed_id in sorted(set(seed_ids)):
        code, says = seed_id.rpartition(".")[2], measured.get(seed_id)
        if len(code) == CODE_LETTERS and code[1] != EITHER_KIND:
            kind = INSTRUMENT_KINDS.get(code[1])
            if says not in (None, kind):
                kind = kind if kind in stated else says
                log.warning("%s: its header says %s, against its code; as %s it counts", seed_id, says, kind)
        else:
            kind = says or (next(iter(stated)) if len(stated) == 1 else None)
        if kind in stated:
            found[seed_id] = stated[kind]
    if useless := set(stated) - {each.measurement for each in found.values()}:
        option = "sensitivity_counts_per_mps" + ("2" if "acceleration" in useless else "")
        codes = ", ".join(sorted({seed_id.rpartition(".")[2] for seed_id in seed_ids}))
        raise ValueError(
            f"{option} is of {useless.pop()}, which by its code (HH? velocity, HN? acceleration, HL? the one "
            f"that is given alone) none of the channels measures: {codes}"
        )
    return found


def fill_sensitivities(inventory: Inventory, stated: Mapping[str, Sensitivity]) -> list[str]:
    """Give the channels among those stated that have no sensitivity theirs, in place; returns their ids."""
    filled = set()
    for seed_id, channel in channels_of(inventory):
        if seed_id not in stated or overall_sensitivity(channel, seed_id) is not None:
            continue
        filled.add(seed_id)
        made = _response(stated[seed_id])
        if channel.response is None:
            channel.response = made
        else:
            channel.response.instrument_sensitivity = made.instrument_sensitivity
    return sorted(filled)


def described_ids(inventory: Inventory) -> set[str]:
    """Ids "NET.STA.LOC.CHA" of the channels of which something is said."""
    return {seed_id for seed_id, _ in channels_of(inventory)}


def channels_of(inventory: Inventory) -> Iterator[tuple[str, Channel]]:
    """Every epoch of every channel, with its id."""
    for network in inventory:
        for site in network:
            for channel in site:
                codes = (network.code, site.code, location_code(channel), channel.code)
                yield ".".join(codes), channel


def make_inventory(
    sites: Iterable[Site], stream: obspy.Stream, sensitivities: Mapping[str, Sensitivity]
) -> Inventory:
    """Sites with a channel for every id in the stream; one not among `sensitivities` gets no response.

    Directions are stated for channels whose code ends in Z, N or E, and for others that come as SAC with
    directions in its header. All begin with the second of their first sample and have no end: data may come
    to be added.
    """
    recorded: dict[str, dict[str, obspy.Stream]] = defaultdict(lambda: defaultdict(obspy.Stream))
    for trace in stream:
        recorded[f"{trace.stats.network}.{trace.stats.station}"][trace.id].append(trace)
    networks: dict[str, list[Station]] = defaultdict(list)
    for site in (replace(site, longitude_deg=_within_180(site.longitude_deg)) for site in sites):
        channels = [
            _channel(site, seed_id, traces, sensitivities.get(seed_id))
            for seed_id, traces in sorted(recorded[site.id].items())
        ]
        place = (site.latitude_deg, site.longitude_deg, site.elevation_m)
        start = min((channel.start_date for channel in channels), default=None)
        networks[site.network].append(Station(site.code, *place, channels=channels, start_date=start))
    listed = [Network(code, stations=stations) for code, stations in networks.items()]
    return Inventory(networks=listed, source="fcn")


def _within_180(longitude_deg: float) -> float:
    """As StationXML wants it; many lists count from 0 to 360 deg."""
    return longitude_deg if abs(longitude_deg) <= 180.0 else (longitude_deg + 180.0) % 360.0 - 180.0


def _channel(site: Site, seed_id: str, traces: obspy.Stream, stated: Sensitivity | None) -> Channel:
    *_, location, code = seed_id.split(".")
    stated_deg = (deg for trace in traces if (deg := sac.orientation_deg(trace)))
    azimuth_deg, dip_deg = ORIENTATIONS.get(code[-1]) or next(stated_deg, (None, None))
    return Channel(
        code,
        location,
        site.latitude_deg,
        site.longitude_deg,
        site.elevation_m,
        depth=0.0,
        azimuth=azimuth_deg,
        dip=dip_deg,
        sample_rate=float(traces[-1].stats.sampling_rate),
        start_date=obspy.UTCDateTime(math.floor(min(trace.stats.starttime for trace in traces).timestamp)),
        response=None if stated is None else _response(stated),
    )


def _response(stated: Sensitivity) -> Response:
    unit = INPUT_UNIT[stated.measurement]
    return Response(instrument_sensitivity=InstrumentSensitivity(stated.value, REFERENCE_HZ, unit, "COUNTS"))


def description_digest(inventory: Inventory, station_id: str) -> str:
    """Of all that is said of a station, "NET.STA", and of its channels: equal where nothing differs."""
    found = [
        _plain(station)
        for network in inventory
        for station in network
        if f"{network.code}.{station.code}" == station_id
    ]
    return hashlib.sha256(repr(found).encode()).hexdigest()[:12]


def _plain(node: object) -> object:
    """ObsPy's objects as nested lists; numbers with uncertainties are objects, too."""
    if isinstance(node, UTCDateTime) or not hasattr(node, "__dict__"):
        return [_plain(each) for each in node] if isinstance(node, list | tuple) else repr(node)
    value = repr(float(node)) if isinstance(node, float) else type(node).__name__
    return [value, [[key, _plain(each)] for key, each in sorted(vars(node).items())]]

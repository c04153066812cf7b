"""A sequence folder: waveforms/ (SDS miniSEED), stations.xml, catalogue.xml and sequence.yaml."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import obspy
import yaml

from fcn import checked
from fcn.catalogue.event import Catalogue
from fcn.catalogue.io import PhasePick, write_quakeml
from fcn.catalogue.released import RELEASED, write_released
from fcn.earth.velocity import LayeredModel
from fcn.geometry.network import Network
from fcn.geometry.projection import LocalFrame
from fcn.publish import new_folder
from fcn.waveform.archive import write_sds

WAVEFORMS = "waveforms"
STATIONS = "stations.xml"
CATALOGUE = "catalogue.xml"
DESCRIPTION = "sequence.yaml"

LARGEST_BYTES = 2**20
LONGEST_NAME = 100
SMALLEST_HALF_WIDTH_KM, LARGEST_HALF_WIDTH_KM = 0.1, 1000.0  # farther out the local frame is no map any more
FARTHEST_CENTRE_KM = 1000.0  # from the nearest station: no box about it would hold one
FARTHEST_STATION_KM = 2000.0  # from the centre: P is minutes on its way
FIRST_YEAR, LAST_YEAR = 1900, 2200
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d|$)")
STATION_ID = re.compile(r"[A-Za-z0-9]*\.[A-Za-z0-9]+")


@dataclass(frozen=True)
class Description:
    """What sequence.yaml may say; all of it optional, what it leaves out comes from the network and the data.

    centre: latitude_deg, longitude_deg of the local frame. half_width_km: east, north half widths of the box
    in which events are looked for. span: start, end as ISO times. velocity_model: the fields of a
    LayeredModel. stations: ids "NET.STA", in the order wanted.
    """

    name: str | None = None
    simulated: bool = False
    centre: dict[str, float] | None = None
    half_width_km: list[float] | None = None
    span: dict[str, str] | None = None
    velocity_model: dict[str, Any] | None = None
    stations: list[str] | None = None

    @classmethod
    def from_mapping(cls, plain: Mapping[Any, Any], where: str) -> "Description":
        """The description a mapping holds; ValueError names `where`, the key and what is wrong with it."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(str(key) for key in plain if key not in known)
        if unknown:
            raise ValueError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
        for key, value in plain.items():
            if value is not None:
                CHECKS[key](f"{where}: {key}", value)
        return cls(**{key: value for key, value in plain.items() if value is not None})

    @property
    def span_s(self) -> tuple[float, float] | None:
        """POSIX times of `span`."""
        return None if self.span is None else (_time_s("start", self.span), _time_s("end", self.span))

    def check_against(self, network: Network, where: str) -> None:
        """Raise ValueError naming `where` if the centre and the stations with data cannot be one network."""
        centre = self.centre or dict(zip(("latitude_deg", "longitude_deg"), network.centre(), strict=True))
        away_km = np.linalg.norm(network.local_km(LocalFrame(**centre))[:, :2], axis=1)
        if self.centre is not None and away_km.min() > FARTHEST_CENTRE_KM:
            raise ValueError(
                f"{where}: centre {self.centre} lies {away_km.min():.0f} km from the nearest station, "
                f"{FARTHEST_CENTRE_KM:g} at most: correct it, or leave it out to take that of the stations"
            )
        if away_km.max() > FARTHEST_STATION_KM:
            station = network.stations[int(away_km.argmax())]
            raise ValueError(
                f"{where}: station {station.id} at latitude {station.latitude_deg:g}, longitude "
                f"{station.longitude_deg:g} deg lies {away_km.max():.0f} km from the centre of the network, "
                f"{FARTHEST_STATION_KM:g} at most: correct it in {STATIONS}, or list the stations to use in "
                f"{DESCRIPTION}"
            )


def _check_name(where: str, value: object) -> None:
    name = checked.text(where, value)
    if len(name) > LONGEST_NAME or name in (".", "..") or set(name) & set("/\\"):
        raise ValueError(f"{where} must have no path in it and at most {LONGEST_NAME} characters: {name!r}")


def _check_simulated(where: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{where} must be true or false, got {value!r}")


def _check_centre(where: str, value: object) -> None:
    _check_keys(where, value, ("latitude_deg", "longitude_deg"))
    assert isinstance(value, Mapping)
    checked.number(f"{where}.latitude_deg", value["latitude_deg"], -90, 90)
    checked.number(f"{where}.longitude_deg", value["longitude_deg"], -360, 360)


def _check_half_width(where: str, value: object) -> None:
    checked.listed(f"{where} (east, north)", value, 2)
    checked.numbers(where, value, 2, least=SMALLEST_HALF_WIDTH_KM, most=LARGEST_HALF_WIDTH_KM)


def _check_span(where: str, value: object) -> None:
    _check_keys(where, value, ("start", "end"))
    assert isinstance(value, Mapping)
    try:
        start_s, end_s = _time_s("start", value), _time_s("end", value)
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from error
    if end_s <= start_s:
        raise ValueError(f"{where} ends before it starts: {dict(value)}")


def _check_stations(where: str, value: object) -> None:
    ids = checked.listed(where, value)
    if not ids:
        raise ValueError(f"{where} is empty; leave it out to take all stations")
    odd = [each for each in ids if not isinstance(each, str) or not STATION_ID.fullmatch(each)]
    if odd:
        raise ValueError(f"{where} must be a list of ids NET.STA, got {odd[0]!r}")
    twice = sorted({str(each) for each in ids if ids.count(each) > 1})
    if twice:
        raise ValueError(f"{where} names {', '.join(twice)} more than once")


def _check_keys(where: str, value: object, wanted: Sequence[str]) -> None:
    if not isinstance(value, Mapping) or set(value) != set(wanted):
        raise ValueError(f"{where} needs exactly {', '.join(wanted)}: {value}")


def _time_s(key: str, span: Mapping[str, object]) -> float:
    return iso_time_s(key, span[key])


def iso_time_s(key: str, value: object) -> float:
    """POSIX time of an ISO time of this era; ValueError, naming its key, where it is none."""
    try:
        if not isinstance(value, str) or not ISO_TIME.match(value):
            raise ValueError(value)
        time = obspy.UTCDateTime(value)
        if not FIRST_YEAR <= time.year <= LAST_YEAR:
            raise ValueError(value)
        return float(time.timestamp)
    except Exception as error:  # ObsPy raises many kinds for what it cannot read
        raise ValueError(f"{key} must be an ISO time such as 2016-04-14T12:20:00, got {value!r}") from error


CHECKS: Mapping[str, Callable[[str, Any], object]] = {
    "name": _check_name,
    "simulated": _check_simulated,
    "centre": _check_centre,
    "half_width_km": _check_half_width,
    "span": _check_span,
    "velocity_model": lambda where, value: LayeredModel.from_mapping(value, where),
    "stations": _check_stations,
}


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a few lines of them stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases such as *{self.peek_event().anchor} are not read")
        return super().compose_node(parent, index)


def read_description(root: Path) -> Description:
    """What root/sequence.yaml says; nothing where there is none. ValueError names it and the fault."""
    path = root / DESCRIPTION
    if not path.is_file():
        return Description()
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, {LARGEST_BYTES} at most: no description")
    try:
        plain = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(f"{path} is no YAML in UTF-8 of plain values: {error}") from error
    if plain is None:
        return Description()
    if not isinstance(plain, dict):
        raise ValueError(f"{path} must be a mapping of keys to values, got {type(plain).__name__}")
    if isinstance(plain.get("span"), dict):
        # YAML turns an unquoted time into a datetime
        plain["span"] = {key: str(value) for key, value in plain["span"].items()}
    return Description.from_mapping(plain, str(path))


def write_sequence_folder(
    root: str | Path,
    stream: obspy.Stream,
    inventory: obspy.Inventory,
    catalogue: Catalogue | None = None,
    picks: Mapping[str, Sequence[PhasePick]] | None = None,
    **description: Any,
) -> None:
    """Write a sequence folder, whole or not at all; the arguments are those of `fill_sequence_folder`.

    Raises FileExistsError where root exists.
    """
    with new_folder(Path(root)) as folder:
        fill_sequence_folder(folder, stream, inventory, catalogue, picks, **description)


def fill_sequence_folder(
    folder: Path,
    stream: obspy.Stream,
    inventory: obspy.Inventory,
    catalogue: Catalogue | None = None,
    picks: Mapping[str, Sequence[PhasePick]] | None = None,
    **description: Any,
) -> None:
    """Write what a sequence folder holds; `description` has the keys of `Description`.

    Counts stay counts: `inventory` says what they mean. picks: arrivals per event_id of the catalogue.
    """
    stated = asdict(Description.from_mapping(description, "the description of a sequence"))
    write_sds(stream, folder / WAVEFORMS)
    written = io.BytesIO()  # given a path, lxml passes over what a disk that is full says
    inventory.write(written, format="STATIONXML")
    (folder / STATIONS).write_bytes(written.getbuffer())
    if catalogue is not None:
        write_quakeml(catalogue, folder / CATALOGUE, picks)
        if catalogue.released:
            write_released(catalogue.released, folder / RELEASED)
    kept = {key: value for key, value in stated.items() if value is not None}
    (folder / DESCRIPTION).write_text(yaml.safe_dump(kept, sort_keys=False))

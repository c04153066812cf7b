"""Catalogues as QuakeML (through ObsPy) and CSV; picks: `fcn.catalogue.picks`.

QuakeML holds metres and UTC; the package holds km and POSIX seconds. A CSV time is ISO 8601 UTC.
"""

import csv
import datetime
import glob
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from obspy import UTCDateTime, read_events
from obspy.core import event as quakeml

from fcn import checked
from fcn.catalogue.counted import counted, magnitude_of, origin_of
from fcn.catalogue.doubts import (
    warn_of_doubts,
    warn_of_kilometres,
    warn_of_no_sizes,
    without_unknown_uncertainties,
)
from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.first_p import without_impossible_first_p
from fcn.catalogue.foreign import REQUIRED_COLUMNS, read_rows
from fcn.catalogue.ids import check_ids, of_uri, to_uri
from fcn.catalogue.phase import PhasePick
from fcn.catalogue.picks import first_p, from_quakeml, to_quakeml, without_impossible
from fcn.catalogue.quantities import error_of, posix_s, uncertainty_of
from fcn.catalogue.ranges import check_ranges
from fcn.catalogue.times import utc_s, without_leap_seconds
from fcn.catalogue.zmap import readable_zmap
from fcn.tables import Row, number

FIRST = ("XX", "FIRST")  # network and station of a pick that stands for the first P anywhere
_METRES_PER_KM = 1000.0
_BEGINNING_BYTES = 4096  # of a file, by which what is no QuakeML is told


def write_quakeml(
    catalogue: Catalogue,
    path: Path,
    picks: Mapping[str, Sequence[PhasePick]] | None = None,
    evaluation: Mapping[str, str] | None = None,
) -> None:
    """Write a catalogue as QuakeML 1.2, with the picks of each event_id where given.

    Without picks, a known first P is kept as one pick at the pseudo-station XX.FIRST, unless it is computed.
    evaluation: by event_id, what is thought of its origin and magnitude, in words of QuakeML (`rejected`).
    """
    events = [_to_quakeml(event, (picks or {}).get(event.event_id, ())) for event in catalogue]
    for made, event in zip(events, catalogue, strict=True):
        for part in (*made.origins, *made.magnitudes):
            part.evaluation_status = (evaluation or {}).get(event.event_id)
    whole = quakeml.Catalog(events, description=catalogue.name, resource_id=to_uri("catalogue"))
    whole.creation_info = None
    whole.write(str(path), format="QUAKEML")


def read_catalogue(path: Path) -> tuple[Catalogue, dict[str, list[PhasePick]]]:
    """Events, and their picks where the file has some: CSV by its suffix, else whatever ObsPy reads."""
    if path.suffix.lower() == ".csv":
        return read_csv(path), {}
    return read_with_picks(path)


def read_quakeml(path: Path) -> Catalogue:
    """Read QuakeML: the preferred origin and magnitude of each event that is `counted`, else the first.

    first_p_time_s is the earliest P among the arrivals of that origin, else among the event's picks; P and S
    that cannot be the event's are left out, and how many is logged.
    An event may lack a magnitude. Raises FileNotFoundError, and ValueError naming the file, the event and
    what it lacks or cannot have.
    """
    return read_with_picks(path)[0]


def read_with_picks(path: Path) -> tuple[Catalogue, dict[str, list[PhasePick]]]:
    """`read_quakeml` and `read_picks` at once: each reading makes new ids where a file has none."""
    catalog = _read(path := Path(path))
    found = (_from_quakeml(each) for each in counted(catalog, path))
    made = _catalogue(catalog.description or path.stem, found, path)
    warn_of_kilometres(made, path)
    return made, from_quakeml(catalog)


def _catalogue(name: str, events: Iterable[Event], path: Path) -> Catalogue:
    """What a file holds, within what earthquakes have; ValueError naming the file."""
    try:
        made = Catalogue(name, tuple(without_unknown_uncertainties(events, path)))
        for event in made:
            check_ranges(event)
    except ValueError as error:
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from error
    warn_of_doubts(made, path)
    return without_impossible_first_p(made, path)


def _read(path: Path) -> quakeml.Catalog:
    """ObsPy's catalogue of a file; FileNotFoundError, and ValueError naming one that it cannot read."""
    if not path.is_file():
        raise FileNotFoundError(f"no catalogue at {path}")
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING_BYTES).strip()
    if not beginning:
        raise ValueError(f"{path} is empty: not even QuakeML without events")
    try:
        catalog = read_events(_readable(path))
    except Exception as error:  # each of ObsPy's readers has exceptions of its own
        is_xml = beginning.startswith(b"<")
        table = f"; if it is a table, save it as CSV and name it {path.stem}.csv"
        remedy = checked.false_encoding(path.read_bytes()) if is_xml else table
        raise ValueError(f"{path} cannot be read as QuakeML: {error}{remedy}") from error
    check_ids(catalog, path)
    return without_impossible(catalog, path)


def _readable(path: Path) -> str | io.BytesIO:
    """What ObsPy is to read for a catalogue: its file, or the content, mended where it would misread it."""
    content = path.read_bytes()
    is_xml = content.lstrip().startswith(b"<")
    plain = without_leap_seconds(content) if is_xml else readable_zmap(content)
    # a name with brackets would be a pattern to ObsPy
    return glob.escape(str(path)) if plain == content else io.BytesIO(plain)


def read_picks(path: Path) -> dict[str, list[PhasePick]]:
    """The picks that QuakeML has of each event, by event_id; but those rejected, and those that cannot be.

    The phase is that of the origin's arrival, else the pick's hint. A pick without a station or a phase is
    passed over. Raises FileNotFoundError.
    """
    return from_quakeml(_read(Path(path)))


def write_csv(catalogue: Catalogue, path: Path) -> None:
    """Write a catalogue as CSV, one column per field of Event, empty where unknown."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [csv_column(field.name) for field in fields(Event)])
        writer.writeheader()
        writer.writerows(csv_row(event) for event in catalogue)


def read_csv(path: Path) -> Catalogue:
    """Read a CSV catalogue; columns as written by `write_csv`, all but the hypocentre and its time optional,
    or those of ComCat (`fcn.catalogue.foreign`).

    A first P that cannot be its event's is left out, and how many is logged.
    Raises FileNotFoundError, and ValueError naming the file and a missing column, or the line and its value.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no catalogue at {path}")
    rows = read_rows(Path(path))
    warn_of_no_sizes(
        [] if not rows else rows[0][1], [csv_column(each.name) for each in fields(Event)], Path(path)
    )
    events = (event_of_row(row, place) for place, row in rows)
    return _catalogue(Path(path).stem, events, Path(path))


def _to_quakeml(event: Event, picks: Sequence[PhasePick]) -> quakeml.Event:
    if not picks and event.first_p_time_s is not None and not event.first_p_is_computed:
        picks = (PhasePick(*FIRST, "P", event.first_p_time_s, event.first_p_uncertainty_s),)
    identity = quakeml.ResourceIdentifier(to_uri(event.event_id))

    def part(name: str) -> quakeml.ResourceIdentifier:
        """Ids of an event's parts follow from its own, so that the same catalogue is the same file."""
        return quakeml.ResourceIdentifier(f"{identity.id}/{name}")

    pick_list, arrivals = to_quakeml(picks, part)
    origin = quakeml.Origin(
        resource_id=part("origin"),
        time=UTCDateTime(event.origin_time_s),
        time_errors=error_of(event.origin_time_uncertainty_s),
        latitude=event.latitude_deg,
        longitude=event.longitude_deg,
        depth=event.depth_km * _METRES_PER_KM,
        depth_errors=error_of(event.depth_uncertainty_km, _METRES_PER_KM),
        arrivals=arrivals,
    )
    if event.horizontal_uncertainty_km is not None:
        origin.origin_uncertainty = quakeml.OriginUncertainty(
            horizontal_uncertainty=event.horizontal_uncertainty_km * _METRES_PER_KM,
            preferred_description="horizontal uncertainty",
        )
    made = quakeml.Event(
        resource_id=identity,
        origins=[origin],
        picks=pick_list,
        comments=[quakeml.Comment(resource_id=part("note"), text=event.note)] if event.note else [],
    )
    made.preferred_origin_id = origin.resource_id
    if event.magnitude is not None:
        magnitude = quakeml.Magnitude(
            resource_id=part("magnitude"),
            mag=event.magnitude,
            magnitude_type=event.magnitude_type,
            mag_errors=error_of(event.magnitude_uncertainty),
            origin_id=origin.resource_id,
        )
        made.magnitudes = [magnitude]
        made.preferred_magnitude_id = magnitude.resource_id
    return made


def _from_quakeml(event: quakeml.Event) -> Event:
    event_id = of_uri(str(event.resource_id.id))
    origin = origin_of(event)
    lacking = [
        name for name in ("time", "latitude", "longitude", "depth") if getattr(origin, name, None) is None
    ]
    if origin is None or lacking:
        raise ValueError(
            f"catalogued event {event_id!r} has no {'origin' if origin is None else ', '.join(lacking)}; "
            "add it to the QuakeML, or remove the event"
        )
    magnitude = magnitude_of(event)
    first = first_p(event, origin)
    horizontal = origin.origin_uncertainty.horizontal_uncertainty if origin.origin_uncertainty else None
    return Event(
        event_id=event_id,
        origin_time_s=posix_s(origin.time),
        latitude_deg=origin.latitude,
        longitude_deg=origin.longitude,
        depth_km=origin.depth / _METRES_PER_KM,
        magnitude=magnitude.mag if magnitude else None,
        magnitude_type=magnitude.magnitude_type if magnitude else None,
        first_p_time_s=None if first is None else posix_s(first.time),
        first_p_uncertainty_s=None if first is None else uncertainty_of(first.time_errors),
        horizontal_uncertainty_km=None if horizontal is None else horizontal / _METRES_PER_KM,
        depth_uncertainty_km=uncertainty_of(origin.depth_errors, _METRES_PER_KM),
        origin_time_uncertainty_s=uncertainty_of(origin.time_errors),
        magnitude_uncertainty=uncertainty_of(magnitude.mag_errors) if magnitude else None,
        note="; ".join(comment.text for comment in event.comments if comment.text),
    )


def csv_column(field_name: str) -> str:
    """The column of a field: times are written as ISO 8601 UTC."""
    return field_name.replace("_time_s", "_time_utc")


def iso(time_s: float) -> str:
    """POSIX seconds as ISO 8601 UTC, to the microsecond."""
    return datetime.datetime.fromtimestamp(time_s, datetime.UTC).isoformat(timespec="microseconds")


def csv_row(event: Event) -> dict[str, object]:
    """Cells of an event by column, empty where unknown."""
    row: dict[str, object] = {}
    for field in fields(Event):
        value = getattr(event, field.name)
        is_time = field.name.endswith("_time_s") and value is not None
        row[csv_column(field.name)] = iso(value) if is_time else csv_cell(value)
    return row


def csv_cell(value: object) -> object:
    """A value as it stands in a cell: empty for None, `true` and `false`."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def event_of_row(row: Row, place: str) -> Event:
    """The inverse of `csv_row`. Raises ValueError naming `place` and a cell that is empty or cannot be."""
    values: dict[str, object] = {}
    for field in fields(Event):
        text = row.get(csv_column(field.name), "")
        if field.name in ("event_id", "note"):
            values[field.name] = text
        elif field.name == "magnitude_type":
            values[field.name] = text or None
        elif field.name == "first_p_is_computed":
            values[field.name] = text.lower() == "true"
        else:
            values[field.name] = _number(text, field.name, place)
    if not values["event_id"]:
        raise ValueError(f"{place}: event_id is empty")
    try:
        return Event(**values)  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _number(text: str, name: str, place: str) -> float | None:
    if not text:
        if csv_column(name) in REQUIRED_COLUMNS:
            raise ValueError(f"{place}: {csv_column(name)} is empty")
        return None
    return (utc_s if name.endswith("_time_s") else number)(text, f"{place}: {csv_column(name)}")

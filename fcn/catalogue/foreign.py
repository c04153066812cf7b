"""Catalogues as tables whose columns are named as others name them."""

import logging
from collections.abc import Mapping
from pathlib import Path

from fcn.catalogue.counted import NO_EARTHQUAKES
from fcn.tables import Row, read_table

log = logging.getLogger(__name__)

REQUIRED_COLUMNS = ("event_id", "origin_time_utc", "latitude_deg", "longitude_deg", "depth_km")
# Of the USGS's catalogue as CSV, and of services that follow it: km, UTC
# (https://earthquake.usgs.gov/earthquakes/feed/v1.0/csv.php, with errors of one standard deviation).
COMCAT = {
    "id": "event_id",
    "time": "origin_time_utc",
    "latitude": "latitude_deg",
    "longitude": "longitude_deg",
    "depth": "depth_km",
    "mag": "magnitude",
    "magType": "magnitude_type",
    "horizontalError": "horizontal_uncertainty_km",
    "depthError": "depth_uncertainty_km",
    "magError": "magnitude_uncertainty",
    "place": "note",
}
# format=text of FDSN's web services for events (version 1.2, section 4.3)
FDSN_TEXT = {
    "#EventID": "event_id",
    "Time": "origin_time_utc",
    "Latitude": "latitude_deg",
    "Longitude": "longitude_deg",
    "Depth/km": "depth_km",
    "MagType": "magnitude_type",
    "Magnitude": "magnitude",
    "EventLocationName": "note",
}
_TYPES = ("type", "EventType")  # columns of QuakeML's types of events
_ALIASES = {  # of columns that may be missing
    **dict.fromkeys(("mag", "ml", "mw", "magnitude"), "magnitude"),
    **dict.fromkeys(("mag_type", "magtype", "magnitudetype"), "magnitude_type"),
}


def is_fdsn_text(path: Path) -> bool:
    """Whether a file begins as the text of FDSN's services for events does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len("#EventID")) == b"#EventID"


def read_rows(path: Path) -> list[tuple[str, Row]]:
    """Rows of a catalogue, each with its place in the file, under this package's names of columns.

    Of ComCat's and FDSN's, what is no earthquake, or has no depth, is left out, and how many is logged.
    Raises ValueError naming the file and columns that are missing, or seem to be meant by other names.
    """
    if is_fdsn_text(path):
        return _translated(list(read_table(path, [*FDSN_TEXT][:5], separator="|")), FDSN_TEXT, path)
    rows = list(read_table(path))
    if rows and rows[0][1].keys() >= {"id", "time", "latitude", "longitude", "depth", "mag"}:
        return _translated(rows, COMCAT, path)
    rows = list(read_table(path, REQUIRED_COLUMNS))
    for name, meant in _ALIASES.items() if rows else ():
        if name in (row := {each.lower(): each for each in rows[0][1]}) and meant not in rows[0][1]:
            raise ValueError(f"{path}: no column {meant}, and one {row[name]!r}: rename it, or remove it")
    return rows


def _translated(rows: list[tuple[str, Row]], columns: Mapping[str, str], path: Path) -> list[tuple[str, Row]]:
    """The rows that count, their columns renamed."""
    translated: list[tuple[str, Row]] = [
        (place, {ours: row.get(theirs, "") for theirs, ours in columns.items()})
        for place, row in rows
        if NO_EARTHQUAKES.isdisjoint(row.get(name, "") for name in _TYPES)
    ]
    kept = [(place, row) for place, row in translated if row["depth_km"]]
    if len(kept) < len(rows):
        log.warning(
            "%s: %d of %d events left out, which are no earthquakes or have no depth (found, they count as "
            "false)",
            *(path, len(rows) - len(kept), len(rows)),
        )
    return kept

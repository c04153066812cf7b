"""CSV catalogues whose columns are named as others name them."""

import logging
from pathlib import Path

from fcn.catalogue.counted import NO_EARTHQUAKES
from fcn.catalogue.event import Status
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
_TELLING = {"id", "time", "latitude", "longitude", "depth", "mag"}  # every file of it has these
_ALIASES = {  # of columns that may be missing, in small letters and without blanks
    **dict.fromkeys(("m", "mag", "ml", "mw", "pref_mag", "prefmag", "magnitude"), "magnitude"),
    **dict.fromkeys(("mag_type", "magtype", "magnitudetype", "magnitude_type"), "magnitude_type"),
}


def read_rows(path: Path) -> list[tuple[str, Row]]:
    """Rows of a catalogue, each with its place in the file, under this package's names of columns.

    Of ComCat's, what is no earthquake, or has no depth, is left out, and of a test's what it retracted, as of
    its QuakeML; how many is logged. Raises ValueError naming the file and columns that are missing, or seem
    to be meant by other names.
    """
    rows = list(read_table(path))
    named = rows[0][1].keys() if rows else set[str]()
    if named >= _TELLING and not named >= {*REQUIRED_COLUMNS}:
        return _of_comcat(rows, path)
    rows = list(read_table(path, REQUIRED_COLUMNS))
    written = {each.lower().replace(" ", "_"): each for each in named}
    for name, meant in _ALIASES.items() if rows else ():
        if name in written and meant not in named:
            raise ValueError(f"{path}: no column {meant}, and one {written[name]!r}: rename it, or remove it")
    return _standing(rows, path)


def _standing(rows: list[tuple[str, Row]], path: Path) -> list[tuple[str, Row]]:
    """The rows whose events nobody has withdrawn."""
    kept = [(place, row) for place, row in rows if row.get("status", "").strip().lower() != Status.RETRACTED]
    if len(kept) < len(rows):
        log.warning(
            "%s: %d of %d events left out, which were retracted", *(path, len(rows) - len(kept), len(rows))
        )
    return kept


def _of_comcat(rows: list[tuple[str, Row]], path: Path) -> list[tuple[str, Row]]:
    """The rows that count; columns of ours beside ComCat's are kept."""
    kept = [
        (place, row)
        for place, row in rows
        if row["depth"] and row.get("type", "").lower().replace("_", " ") not in NO_EARTHQUAKES
    ]
    if len(kept) < len(rows):
        log.warning(
            "%s: %d of %d events left out, which are no earthquakes or have no depth (found, they count as "
            "false)",
            *(path, len(rows) - len(kept), len(rows)),
        )
    return [
        (place, {**row, **{ours: row.get(theirs, "") for theirs, ours in COMCAT.items()}})
        for place, row in kept
    ]

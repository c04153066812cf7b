"""What became of every catalogued event, a line each: events.csv, by which sweeps are compared."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event
from fcn.metrics.matching import Matching, epicentre_offset_km
from fcn.metrics.moments import TIMED, update_at


@dataclass(frozen=True)
class EventOutcome:
    """One catalogued event; None where it was not found, or what it takes is not known.

    latitude_deg, longitude_deg: of its catalogued epicentre; None in tables from before they were written.
    latency_s: of the alarm, after the first P. Errors are said minus true, of the last word unless they say
    otherwise; epicentres as distances. timed_epicentre_km, timed_magnitude_error: of what was said at each of
    TIMED, None where nothing was by then; empty in tables from before they were written.
    """

    event_id: str
    magnitude: float | None
    found: bool
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    latency_s: float | None = None
    epicentre_at_alarm_km: float | None = None
    epicentre_km: float | None = None
    depth_error_km: float | None = None
    magnitude_error: float | None = None
    timed_epicentre_km: tuple[float | None, ...] = ()
    timed_magnitude_error: tuple[float | None, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """Values by name of COLUMNS."""
        row = {name: getattr(self, name) for name in _ONE_VALUED}
        for name, columns in _OF_MOMENTS.items():
            row |= dict(zip(columns, getattr(self, name) or (None,) * len(columns), strict=True))
        return row


_PLACE = ("latitude_deg", "longitude_deg")
_OF_MOMENTS = {
    "timed_epicentre_km": tuple(f"epicentre{moment}_km" for moment in TIMED),
    "timed_magnitude_error": tuple(f"magnitude_error{moment}" for moment in TIMED),
}
_ONE_VALUED = tuple(each.name for each in fields(EventOutcome) if each.name not in _OF_MOMENTS)
COLUMNS = (*_ONE_VALUED, *(column for columns in _OF_MOMENTS.values() for column in columns))  # of events.csv


def by_event(declared: Sequence[DeclaredEvent], counted: Catalogue, matching: Matching) -> list[EventOutcome]:
    """One row per event that counts, in the catalogue's order; counted, matching: of `score.compare`."""
    of_true = {j: declared[i] for i, j in matching.pairs}
    rows = []
    for j, true in enumerate(counted):
        each, place = of_true.get(j), (true.latitude_deg, true.longitude_deg)
        if each is None:
            nothing = (None,) * len(TIMED)
            rows.append(
                EventOutcome(
                    true.event_id,
                    true.magnitude,
                    False,
                    *place,
                    timed_epicentre_km=nothing,
                    timed_magnitude_error=nothing,
                )
            )
            continue
        first, last = each.alarm, each.final.event
        updates = [update_at(moment, each, true) for moment in TIMED]
        timed = [None if update is None else update.event for update in updates]
        rows.append(
            EventOutcome(
                true.event_id,
                true.magnitude,
                True,
                *place,
                latency_s=_difference(first.now_s, true.first_p_time_s),
                epicentre_at_alarm_km=_off_km(first.event, true),
                epicentre_km=_off_km(last, true),
                depth_error_km=last.depth_km - true.depth_km,
                magnitude_error=_difference(last.magnitude, true.magnitude),
                timed_epicentre_km=tuple(None if said is None else _off_km(said, true) for said in timed),
                timed_magnitude_error=tuple(
                    None if said is None else _difference(said.magnitude, true.magnitude) for said in timed
                ),
            )
        )
    return rows


def write_events(outcomes: Sequence[EventOutcome], path: Path) -> None:
    """One line each; empty cells for None, 1 and 0 for found or not."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for each in outcomes:
            writer.writerow({**each.as_row(), "found": int(each.found)})


def read_events(path: Path) -> list[EventOutcome]:
    """What `write_events` wrote. Raises ValueError naming the file where a cell or column is none of it."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_outcome(row) for row in csv.DictReader(file)]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path} is no table of events: {error!r}; remove it, and test again") from error


def _off_km(said: Event, true: Event) -> float:
    return float(np.hypot(*epicentre_offset_km([said], [true])[0]))


def _difference(said: float | None, true: float | None) -> float | None:
    return None if said is None or true is None else said - true


def _outcome(row: dict[str, str]) -> EventOutcome:
    row = {**dict.fromkeys(_PLACE, ""), **row}
    values: dict[str, Any] = {name: _number(row[name]) for name in _ONE_VALUED[3:]}
    for name, columns in _OF_MOMENTS.items():
        if columns[0] in row:
            values[name] = tuple(_number(row[column]) for column in columns)
    magnitude, found = _number(row["magnitude"]), bool(int(row["found"]))
    return EventOutcome(row["event_id"], magnitude, found, **values)


def _number(cell: str) -> float | None:
    return float(cell) if cell else None

"""What became of every catalogued event, a line each: events.csv, by which sweeps are compared."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from fcn.catalogue.event import Catalogue, DeclaredEvent
from fcn.metrics.matching import Matching, epicentre_offset_km


@dataclass(frozen=True)
class EventOutcome:
    """One catalogued event; None where it was not found, or what it takes is not known.

    latitude_deg, longitude_deg: of its catalogued epicentre; None in tables from before they were written.
    latency_s: of the alarm, after the first P. Errors are said minus true, of the last word unless they say
    otherwise; epicentres as distances.
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


_PLACE = ("latitude_deg", "longitude_deg")


def by_event(declared: Sequence[DeclaredEvent], counted: Catalogue, matching: Matching) -> list[EventOutcome]:
    """One row per event that counts, in the catalogue's order; counted, matching: of `score.compare`."""
    said = {j: declared[i] for i, j in matching.pairs}
    rows = []
    for j, true in enumerate(counted):
        each, place = said.get(j), (true.latitude_deg, true.longitude_deg)
        if each is None:
            rows.append(EventOutcome(true.event_id, true.magnitude, False, *place))
            continue
        first, last = each.alarm, each.final.event
        offset_km = epicentre_offset_km([first.event, last], [true, true])
        rows.append(
            EventOutcome(
                true.event_id,
                true.magnitude,
                True,
                *place,
                latency_s=_difference(first.now_s, true.first_p_time_s),
                epicentre_at_alarm_km=float(np.hypot(*offset_km[0])),
                epicentre_km=float(np.hypot(*offset_km[1])),
                depth_error_km=last.depth_km - true.depth_km,
                magnitude_error=_difference(last.magnitude, true.magnitude),
            )
        )
    return rows


def write_events(outcomes: Sequence[EventOutcome], path: Path) -> None:
    """One line each; empty cells for None, 1 and 0 for found or not."""
    names = [field.name for field in fields(EventOutcome)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for each in outcomes:
            writer.writerow({**asdict(each), "found": int(each.found)})


def read_events(path: Path) -> list[EventOutcome]:
    """What `write_events` wrote. Raises ValueError naming the file where a cell or column is none of it."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_outcome(row) for row in csv.DictReader(file)]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path} is no table of events: {error!r}; remove it, and test again") from error


def _difference(said: float | None, true: float | None) -> float | None:
    return None if said is None or true is None else said - true


def _outcome(row: dict[str, str]) -> EventOutcome:
    numbers = [field.name for field in fields(EventOutcome) if field.name not in ("event_id", "found")]
    row = {**dict.fromkeys(_PLACE, ""), **row}
    values = {name: float(row[name]) if row[name] else None for name in numbers}
    return EventOutcome(event_id=row["event_id"], found=bool(int(row["found"])), **values)

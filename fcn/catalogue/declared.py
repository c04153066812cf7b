"""Files of what was declared: every update, and the last word on each event."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Status, Update
from fcn.catalogue.io import csv_cell, csv_column, csv_row, event_of_row, iso, write_quakeml
from fcn.tables import number, read_table, time_s

_EVENT_COLUMNS = [csv_column(field.name) for field in dataclasses.fields(Event)]
_JUDGEMENT = ("status", "is_lower_bound")
_UPDATE_COLUMNS = ("now_utc", "detection_score", "location_score", "event_id", *_JUDGEMENT)


def write_updates_csv(declared: Sequence[DeclaredEvent], path: Path) -> None:
    """Write all that was said, in order of time: when, with what scores, the event as then known, status."""
    said = sorted(
        (update.now_s, i, j, update)
        for i, each in enumerate(declared)
        for j, update in enumerate(each.updates)
    )
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(
            file, ["now_utc", "detection_score", "location_score", *_EVENT_COLUMNS, *_JUDGEMENT]
        )
        writer.writeheader()
        for now_s, _, _, update in said:
            scores = {"detection_score": update.detection_score, "location_score": update.location_score}
            writer.writerow({"now_utc": iso(now_s), **scores, **_row(update)})


def read_updates_csv(path: Path) -> list[Update]:
    """What `write_updates_csv` wrote, in order of time.

    Raises FileNotFoundError, and ValueError naming the file and a missing column, or the line and its value.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no updates at {path}: python -m fcn.test writes them")
    said = []
    for place, row in read_table(Path(path), _UPDATE_COLUMNS):
        if row["status"] not in set(Status):
            raise ValueError(f"{place}: status is {row['status']!r}, none of {', '.join(Status)}")
        said.append(
            Update(
                time_s(row["now_utc"], f"{place}: now_utc"),
                event_of_row(row, place),
                detection_score=number(row["detection_score"], f"{place}: detection_score"),
                location_score=number(row["location_score"], f"{place}: location_score"),
                is_lower_bound=row["is_lower_bound"] == "true",
                status=Status(row["status"]),
            )
        )
    return sorted(said, key=lambda update: update.now_s)


def write_declared(name: str, declared: Sequence[DeclaredEvent], folder: Path) -> None:
    """Write the last word on every event, in order of origin time: catalogue.csv and catalogue.xml (QuakeML).

    Beside the columns of a catalogue the CSV has the status of that word and whether its magnitude is a lower
    bound; in QuakeML origin and magnitude of a retracted event are rejected, a note tells a lower bound, and
    arrivals are the P picks that agree with the place, and S, with their residuals.
    """
    last = sorted((each.final for each in declared), key=lambda update: update.event.origin_time_s)
    with (folder / "catalogue.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*_EVENT_COLUMNS, *_JUDGEMENT])
        writer.writeheader()
        writer.writerows(_row(update) for update in last)
    rejected = {each.event_id: "rejected" for each in declared if each.is_retracted}
    catalogue = Catalogue(name, tuple(_noted(update) for update in last))
    picks = {each.event_id: each.picks for each in declared}
    write_quakeml(catalogue, folder / "catalogue.xml", picks, evaluation=rejected)


def _row(update: Update) -> dict[str, object]:
    bound = csv_cell(update.is_lower_bound)
    return {**csv_row(update.event), "status": str(update.status), "is_lower_bound": bound}


def _noted(update: Update) -> Event:
    note = "; ".join(filter(None, (update.event.note, "magnitude is a lower bound")))
    return dataclasses.replace(update.event, note=note) if update.is_lower_bound else update.event

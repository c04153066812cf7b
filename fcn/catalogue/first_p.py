"""First P that somebody picked on the records, for catalogues without picks."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn.catalogue.event import Catalogue, Event
from fcn.tables import number, read_table, time_s

ORIGIN_S = 5.0  # origin times of one event differ by less, and those of two large ones by more
_COLUMNS = ("origin_time_utc", "first_p_time_utc", "uncertainty_s")


@dataclass(frozen=True)
class FirstP:
    """P at the first station of the event of an origin time, POSIX seconds."""

    origin_time_s: float
    time_s: float
    uncertainty_s: float


def read_first_p(path: Path) -> list[FirstP]:
    """A table with columns origin_time_utc, first_p_time_utc, uncertainty_s, and any others.

    Raises FileNotFoundError, and ValueError naming the file and the line with its value, or a P before its
    origin.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no table of first P at {path}")
    found = []
    for place, row in read_table(path, _COLUMNS):
        origin_s, first_s = (time_s(row[name], f"{place}: {name}") for name in _COLUMNS[:2])
        uncertainty_s = number(row["uncertainty_s"], f"{place}: uncertainty_s")
        if not (first_s >= origin_s - ORIGIN_S and uncertainty_s >= 0):
            raise ValueError(f"{place}: P before its origin, or an uncertainty below zero")
        found.append(FirstP(origin_s, first_s, uncertainty_s))
    return found


def with_first_p(catalogue: Catalogue, picked: Sequence[FirstP], path: Path) -> Catalogue:
    """The catalogue with these first P instead of its own; path: of their file, for messages.

    A row is of the one event whose origin is within ORIGIN_S; one of no event is of another catalogue's.
    Raises ValueError where none is of this one, or one may be of several.
    """
    known: dict[str, FirstP] = {}
    for each in picked:
        near = [event for event in catalogue if abs(event.origin_time_s - each.origin_time_s) <= ORIGIN_S]
        if len(near) > 1:
            names = ", ".join(event.event_id for event in near)
            raise ValueError(f"{path}: the P at {each.time_s:.2f} may be of several events: {names}")
        known |= {event.event_id: each for event in near}
    if not known:
        raise ValueError(
            f"{path} holds no first P of an event of catalogue {catalogue.name!r}: origin times must be "
            f"within {ORIGIN_S:g} s"
        )
    return catalogue.of(_picked(event, known.get(event.event_id)) for event in catalogue)


def _picked(event: Event, first: FirstP | None) -> Event:
    if first is None:
        return event
    return dataclasses.replace(
        event,
        first_p_time_s=first.time_s,
        first_p_uncertainty_s=first.uncertainty_s,
        first_p_is_computed=False,
    )

"""First P that catalogues state, and those that somebody picked on the records where they have none."""

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fcn.catalogue.event import Catalogue, Event
from fcn.catalogue.phase import LATEST_S, NEVER, can_be, since_origin
from fcn.catalogue.times import utc_s
from fcn.tables import number, read_table

log = logging.getLogger(__name__)

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

    Raises FileNotFoundError, and ValueError naming the file and the line with its value, or a P that cannot
    be of its origin.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no table of first P at {path}")
    found = []
    for place, row in read_table(path, _COLUMNS):
        origin_s, first_s = (utc_s(row[name], f"{place}: {name}") for name in _COLUMNS[:2])
        uncertainty_s = number(row["uncertainty_s"], f"{place}: uncertainty_s")
        if not -ORIGIN_S <= first_s - origin_s <= LATEST_S:
            raise ValueError(
                f"{place}: P {since_origin(first_s - origin_s)}, and {ORIGIN_S:g} s before to {LATEST_S:g} s "
                "after it are possible: times must be UTC"
            )
        if not uncertainty_s >= 0:
            raise ValueError(f"{place}: an uncertainty below zero: {uncertainty_s:g}")
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


def without_impossible_first_p(catalogue: Catalogue, path: Path) -> Catalogue:
    """The catalogue without first P that cannot be their event's; how many, and the first, is logged."""
    after_s = {
        event.event_id: event.first_p_time_s - event.origin_time_s
        for event in catalogue
        if event.first_p_time_s is not None
    }
    impossible = [event_id for event_id in after_s if not can_be(after_s[event_id])]
    if not impossible:
        return catalogue
    log.warning(
        "%s: %d of %d first P left out, %s; the first: of event %r, %s",
        *(path, len(impossible), len(after_s), NEVER, impossible[0], since_origin(after_s[impossible[0]])),
    )
    return catalogue.of(
        event if can_be(after_s.get(event.event_id, 0.0)) else _with(event, None, None) for event in catalogue
    )


def _picked(event: Event, first: FirstP | None) -> Event:
    if first is None:
        return event
    return _with(event, first.time_s, first.uncertainty_s)


def _with(event: Event, time_s: float | None, uncertainty_s: float | None) -> Event:
    return dataclasses.replace(
        event, first_p_time_s=time_s, first_p_uncertainty_s=uncertainty_s, first_p_is_computed=False
    )

"""What may be as a catalogue has it, and most often is a slip: a warning says so."""

import datetime
import logging
import math
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from fcn.catalogue.event import Catalogue, Event

log = logging.getLogger(__name__)

TWIN_S, TWIN_DEG = 2.0, 0.3  # two agencies' solutions of one earthquake differ by less
MOST_TWINS = 1 / 3  # of a catalogue's events: in the densest swarms fewer follow each other so closely
SHALLOWEST_KM = 0.1  # where a deepest event lies above that, depths in km were taken for metres
DEEPEST_TOP_KM = 100.0  # and where the shallowest lies below that, metres were taken for km
UNCERTAINTIES = (
    "horizontal_uncertainty_km",
    "depth_uncertainty_km",
    "origin_time_uncertainty_s",
    "magnitude_uncertainty",
    "first_p_uncertainty_s",
)
FEWEST = 3  # events of which that can be said
WHOLE_S = {"midnight": 86_400.0, "whole minutes": 60.0}
FEWEST_TIMES = {"midnight": 1, "whole minutes": 2}  # one in 86,400 is so by chance, two in 3,600
HIGHEST_KM = -5.0  # above sea level: summits of volcanoes that shake are not higher by much


@contextmanager
def said_before() -> Iterator[None]:
    """Within it nothing is said: of the catalogue that is read, it was, when it had its own name."""
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def warn_of_doubts(catalogue: Catalogue, path: Path) -> None:
    """Log what the events of any format have that most often is a slip."""
    warn_of_twins(catalogue, path)
    warn_of_cut_times(catalogue, path)
    warn_of_elevations(catalogue, path)
    warn_of_metres(catalogue, path)


def warn_of_cut_times(catalogue: Catalogue, path: Path) -> None:
    """Log that all origin times lack their seconds, as after a spreadsheet, or their time of day."""
    for what, whole_s in WHOLE_S.items():
        are_whole = all(event.origin_time_s % whole_s == 0.0 for event in catalogue)
        if are_whole and len(catalogue) >= FEWEST_TIMES[what]:
            log.warning(
                "%s: the origin times of all %d events are %s, as %s of %r: was the rest cut off, or is "
                "it in another column? Events are looked for within seconds of them",
                *(path, len(catalogue), what, _written(catalogue[0]), catalogue[0].event_id),
            )
            return


def _written(event: Event) -> str:
    return datetime.datetime.fromtimestamp(event.origin_time_s, datetime.UTC).isoformat()


def warn_of_twins(catalogue: Catalogue, path: Path) -> None:
    """Log that much of a catalogue seems to be there twice, as of two agencies: half would be missed."""
    in_order = sorted(catalogue, key=lambda event: event.origin_time_s)
    twins = [(one, other) for one, other in pairwise(in_order) if _are_twins(one, other)]
    if len(twins) > MOST_TWINS * len(in_order):
        names = " and ".join(repr(each.event_id) for each in twins[0])
        log.warning(
            "%s: %d of %d events are within %g s and %g deg of the one before, as %s: are these two "
            "agencies' of one earthquake? Each counts",
            *(path, len(twins), len(in_order), TWIN_S, TWIN_DEG, names),
        )


def warn_of_kilometres(catalogue: Catalogue, path: Path) -> None:
    """Log that depths of QuakeML, in metres, seem to be stated in km: no earthquakes are all so shallow."""
    depths_km = [event.depth_km for event in catalogue]
    if len(depths_km) >= FEWEST and min(depths_km) >= 0.0 and 0.0 < max(depths_km) < SHALLOWEST_KM:
        log.warning(
            "%s: the deepest of %d events is %.3g m deep: QuakeML states metres; are these km?",
            *(path, len(depths_km), 1000.0 * max(depths_km)),
        )


def warn_of_metres(catalogue: Catalogue, path: Path) -> None:
    """Log that depths in km seem to be metres: few networks have no event above `DEEPEST_TOP_KM`."""
    depths_km = [event.depth_km for event in catalogue]
    if len(depths_km) >= FEWEST and min(depths_km) >= DEEPEST_TOP_KM:
        log.warning(
            "%s: the shallowest of %d events is %g km deep: are depths in metres? Here they are km",
            *(path, len(depths_km), min(depths_km)),
        )


def warn_of_elevations(catalogue: Catalogue, path: Path) -> None:
    """Log that depths seem to be elevations, up from sea level: all are negative, or one is very high."""
    depths_km = [event.depth_km for event in catalogue]
    above = [depth_km for depth_km in depths_km if depth_km < 0.0]
    if above and (min(above) < HIGHEST_KM or len(above) == len(depths_km) >= FEWEST):
        log.warning(
            "%s: %d of %d events lie above sea level, one of them %.3g km: are these elevations? Depths are "
            "positive down from it",
            *(path, len(above), len(depths_km), -min(above)),
        )


def warn_of_no_sizes(columns: Collection[str], known: Collection[str], path: Path) -> None:
    """Log that a CSV catalogue has no magnitudes, and columns that are not read, of which one may be them."""
    unread = [name for name in columns if name and name not in known]
    if unread and "magnitude" not in columns:
        log.warning(
            "%s: no column magnitude, so that no event has a size, and columns that are not read: %s",
            *(path, ", ".join(unread)),
        )


def without_unknown_uncertainties(events: Iterable[Event], path: Path) -> list[Event]:
    """Events; uncertainties below zero or not finite, as unknown ones are written, are None and warned of."""
    kept, named = list[Event](), list[str]()
    for event in events:
        unknown: dict[str, Any] = {
            name: None
            for name in UNCERTAINTIES
            if (value := getattr(event, name)) is not None and not 0.0 <= value < math.inf
        }
        if unknown:
            named.append(f"{next(iter(unknown))} of {event.event_id!r}")
        kept.append(replace(event, **unknown) if unknown else event)
    if named:
        log.warning(
            "%s: uncertainties of %d of %d events are below zero or not finite, as %s: they count as unknown",
            *(path, len(named), len(kept), named[0]),
        )
    return kept


def _are_twins(one: Event, other: Event) -> bool:
    return (
        other.origin_time_s - one.origin_time_s <= TWIN_S
        and abs(other.latitude_deg - one.latitude_deg) <= TWIN_DEG
        and abs((other.longitude_deg - one.longitude_deg + 180.0) % 360.0 - 180.0) <= TWIN_DEG
    )

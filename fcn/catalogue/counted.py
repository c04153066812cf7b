"""Which events of a QuakeML document count as earthquakes, and which of their parts stand."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from obspy.core import event as quakeml

log = logging.getLogger(__name__)

# Of the types of QuakeML 1.2 (basic event description, section 3.2). What is left - earthquakes,
# induced ones, rock bursts and collapses, but also explosions and blasts - radiates P and S from one place,
# which is what a network is asked to find; who wants no blasts takes them out of the catalogue. Of what is
# "not reported" nobody has stated a type, as EMSC of earthquakes, and ObsPy of QuakeML 1.1's "null".
NO_EARTHQUAKES = {
    *("not existing", "other event"),
    *("crash", "plane crash", "train crash", "boat crash"),
    *("atmospheric event", "sonic boom", "sonic blast", "acoustic noise", "thunder", "hydroacoustic event"),
    *("avalanche", "snow avalanche", "debris avalanche", "slide", "landslide", "rockslide", "ice quake"),
    *("meteorite", "volcanic eruption"),
}


# Evaluation statuses of QuakeML 1.2 that let a part stand, the surest last.
_SUREST = (None, "preliminary", "confirmed", "reviewed", "final")


def counted(catalog: quakeml.Catalog, path: Path) -> Iterator[quakeml.Event]:
    """The earthquakes whose origin nobody has rejected; how many others there are, and why, is logged.

    So is how many state several origins or magnitudes and prefer none, and that none has a magnitude.
    """
    left_out: Counter[str] = Counter()
    # where none has, the catalogue is refused
    some_have = any(
        (origin := origin_of(event)) and origin.depth is not None and event.event_type not in NO_EARTHQUAKES
        for event in catalog
    )
    undecided: Counter[str] = Counter()
    n_counted = n_sized = 0
    for event in catalog:
        if event.event_type in NO_EARTHQUAKES:
            left_out[f"of type {event.event_type}"] += 1
        elif (origin := origin_of(event)) is None and event.origins:
            left_out["whose origin is rejected"] += 1
        elif some_have and (origin is None or origin.depth is None):
            lacking = "an origin" if origin is None else "a depth"
            left_out[f"without {lacking} (found, they count as false)"] += 1
        else:
            undecided["origins"] += event.preferred_origin() is None and len(event.origins) > 1
            undecided["magnitudes"] += event.preferred_magnitude() is None and len(event.magnitudes) > 1
            n_counted, n_sized = n_counted + 1, n_sized + (magnitude_of(event) is not None)
            yield event
    if n_counted and not n_sized:
        log.warning("%s: none of %d events has a magnitude (of NonLinLoc's, none is read)", path, n_counted)
    if left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
        log.warning("%s: %d of %d events left out: %s", path, left_out.total(), len(catalog), reasons)
    for what, count in undecided.items():
        if count:
            order = "moment magnitudes, then the origin's, then " if what == "magnitudes" else ""
            log.warning(
                "%s: %d events have several %s and prefer none: %san analyst's, then the surest count",
                *(path, count, what, order),
            )


def origin_of(event: quakeml.Event) -> quakeml.Origin | None:
    """The preferred origin, else the surest that is not rejected, else the first of them.

    None where the preferred one is rejected, or there is none.
    """
    preferred = event.preferred_origin()
    candidates = event.origins if preferred is None else [preferred]
    return max(filter(stands, candidates), key=_sureness, default=None)


def magnitude_of(event: quakeml.Event) -> quakeml.Magnitude | None:
    """The preferred magnitude, else a moment magnitude, else one of the origin, else the surest, of those not
    rejected that have a value."""
    origin, preferred = origin_of(event), event.preferred_magnitude()
    if preferred is not None and _has_value(preferred):
        return preferred

    def order(each: quakeml.Magnitude) -> tuple[bool, bool, bool, int]:
        is_of_origin = origin is not None and each.origin_id == origin.resource_id
        return _is_moment(each), is_of_origin, *_sureness(each)

    return max(filter(_has_value, event.magnitudes), key=order, default=None)


def stands(part: quakeml.Origin | quakeml.Magnitude | quakeml.Pick) -> bool:
    """Whether nobody has rejected it."""
    return part.evaluation_status != "rejected"


def _has_value(magnitude: quakeml.Magnitude) -> bool:
    """Whether it stands, and is stated."""
    return magnitude.mag is not None and stands(magnitude)


def _sureness(part: quakeml.Origin | quakeml.Magnitude) -> tuple[bool, int]:
    """An analyst's before a program's, then by its status; of equals `max` takes the first."""
    status = None if part.evaluation_status is None else str(part.evaluation_status)
    return part.evaluation_mode == "manual", _SUREST.index(status) if status in _SUREST else 0


def _is_moment(magnitude: quakeml.Magnitude) -> bool:
    return (magnitude.magnitude_type or "").lower().startswith("mw")

"""Which events of a QuakeML document count as earthquakes, and which of their parts stand."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from obspy.core import event as quakeml

log = logging.getLogger(__name__)

# Of the types of QuakeML 1.2 (basic event description, section 3.2). What is left - earthquakes,
# induced ones, rock bursts and collapses, but also explosions and blasts - radiates P and S from one place,
# which is what a network is asked to find; who wants no blasts takes them out of the catalogue.
NO_EARTHQUAKES = {
    *("not existing", "not reported", "other event"),
    *("crash", "plane crash", "train crash", "boat crash"),
    *("atmospheric event", "sonic boom", "sonic blast", "acoustic noise", "thunder", "hydroacoustic event"),
    *("avalanche", "snow avalanche", "debris avalanche", "slide", "landslide", "rockslide", "ice quake"),
    *("meteorite", "volcanic eruption"),
}


def counted(catalog: quakeml.Catalog, path: Path) -> Iterator[quakeml.Event]:
    """The earthquakes whose origin nobody has rejected; how many others there are, and why, is logged."""
    left_out: Counter[str] = Counter()
    for event in catalog:
        if event.event_type in NO_EARTHQUAKES:
            left_out[f"of type {event.event_type}"] += 1
        elif event.origins and origin_of(event) is None:
            left_out["whose origin is rejected"] += 1
        else:
            yield event
    if left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
        log.warning("%s: %d of %d events left out: %s", path, left_out.total(), len(catalog), reasons)


def origin_of(event: quakeml.Event) -> quakeml.Origin | None:
    """The preferred origin, else the first that is not rejected; None where that one is, or there is none."""
    preferred = event.preferred_origin()
    candidates = event.origins if preferred is None else [preferred]
    return next((origin for origin in candidates if stands(origin)), None)


def magnitude_of(event: quakeml.Event) -> quakeml.Magnitude | None:
    """The preferred magnitude, else the first, that is not rejected."""
    candidates = [event.preferred_magnitude(), *event.magnitudes]
    return next((each for each in candidates if each is not None and stands(each)), None)


def stands(part: quakeml.Origin | quakeml.Magnitude | quakeml.Pick) -> bool:
    """Whether nobody has rejected it."""
    return part.evaluation_status != "rejected"

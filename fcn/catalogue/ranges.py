"""What earthquakes of catalogues have: what lies outside is a slip."""

import time

from obspy import UTCDateTime

from fcn.catalogue.event import Event

EARLIEST_S = -2_208_988_800.0  # 1900, before any catalogue of use here
NOT_KNOWN = ": leave the cell empty, or the element out, where it is not known"
DAY_S = 86_400.0  # of grace for clocks and zones: nobody lists events of the future
# What earthquakes have; more is a slip of the unit or of a digit. The deepest known lie at 750 km.
RANGES = {
    "depth_km": (-10.0, 800.0),
    "magnitude": (-5.0, 10.0),
    "horizontal_uncertainty_km": (0.0, 20_038.0),  # half the equator
    "depth_uncertainty_km": (0.0, 6371.0),
    "origin_time_uncertainty_s": (0.0, 86_400.0),
    "magnitude_uncertainty": (0.0, 15.0),
    "first_p_uncertainty_s": (0.0, 86_400.0),
}


def check_ranges(event: Event) -> None:
    """Raise ValueError naming the event, the value that no earthquake has, and what they have."""
    past = {"origin_time_s": (EARLIEST_S, time.time() + DAY_S)}
    for field, (least, most) in {**RANGES, **past}.items():
        value = getattr(event, field)
        if value is not None and not least <= value <= most:
            said = [str(UTCDateTime(each)) if field in past else f"{each:g}" for each in (value, least, most)]
            raise ValueError(
                f"event {event.event_id!r} has {field} {said[0]}, and earthquakes {said[1]} to {said[2]}"
                f"{NOT_KNOWN * (field == 'magnitude')}"
            )

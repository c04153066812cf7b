"""Which events of several monitors are one, as a function of what each says last; nothing of when it came.

Two monitors never agree to the second and the kilometre, and one monitor's events are different by its own
word: groups are made of the closest pairs first, each monitor once in a group.
"""

import bisect
import math
from collections.abc import Collection
from dataclasses import dataclass

import pyproj

from fcn.alert.alert import Alert
from fcn.checked import number, positive

Key = tuple[str, str]  # a monitor's name and its event's id

_EARTH = pyproj.Geod(ellps="WGS84")
_METRES_PER_KM = 1000.0


def key_of(alert: Alert) -> Key:
    """Whose event it is."""
    return alert.producer.monitor, alert.event_id


@dataclass(frozen=True)
class Likeness:
    """How near two origins are that may be of one event.

    time_s: between them, at most. distance_km: between the epicentres, at most, or `sigmas` times the root of
    the sum of their squared horizontal uncertainties where that is more, but never above most_km.
    """

    time_s: float
    distance_km: float
    sigmas: float
    most_km: float

    def __post_init__(self) -> None:
        positive("likeness.time_s", self.time_s)
        positive("likeness.distance_km", self.distance_km)
        number("likeness.sigmas", self.sigmas, 0.0)
        number("likeness.most_km", self.most_km, self.distance_km)

    def apart(self, one: Alert, other: Alert) -> float | None:
        """How far, in squares of what is allowed: 0 to 2; None for two that are too far."""
        late = abs(one.origin.time_s - other.origin.time_s) / self.time_s
        if late > 1.0:
            return None
        unsure_km = math.hypot(*(each.origin.horizontal_uncertainty_km or 0.0 for each in (one, other)))
        reach_km = min(max(self.distance_km, self.sigmas * unsure_km), self.most_km)
        far = distance_km(one, other) / reach_km
        return None if far > 1.0 else late**2 + far**2


def distance_km(one: Alert, other: Alert) -> float:
    """Between the epicentres, on WGS84."""
    places = (one.origin.longitude_deg, one.origin.latitude_deg)
    others = (other.origin.longitude_deg, other.origin.latitude_deg)
    return float(_EARTH.inv(*places, *others)[2]) / _METRES_PER_KM


def groups(alerts: Collection[Alert], likeness: Likeness) -> list[frozenset[Key]]:
    """Those of one event together; alerts: the newest of each event of each monitor, none withdrawn.

    The order in which they are given does not matter. Of two pairs equally close the one with the smaller
    names counts first.
    """
    in_time = sorted(alerts, key=lambda each: (each.origin.time_s, key_of(each)))
    times_s = [each.origin.time_s for each in in_time]
    pairs: list[tuple[float, Key, Key]] = []
    for i, one in enumerate(in_time):
        for other in in_time[i + 1 : bisect.bisect_right(times_s, times_s[i] + likeness.time_s)]:
            apart = likeness.apart(one, other) if one.producer.monitor != other.producer.monitor else None
            if apart is not None:
                first, second = sorted((key_of(one), key_of(other)))
                pairs.append((apart, first, second))
    group_of: dict[Key, frozenset[Key]] = {key_of(each): frozenset([key_of(each)]) for each in in_time}
    for _, one_key, other_key in sorted(pairs):
        both = group_of[one_key] | group_of[other_key]
        if len({monitor for monitor, _ in both}) == len(both):
            group_of.update(dict.fromkeys(both, both))
    return sorted(set(group_of.values()), key=sorted)


def best(alerts: Collection[Alert]) -> Alert:
    """The one to be told of several of one event.

    That with most stations; then that with the smallest horizontal uncertainty; then the most probable; then
    that of the first name. Where one does not say of how many stations it is, the uncertainty decides.
    """
    all_count = all(each.origin_stations is not None for each in alerts)

    def rank(alert: Alert) -> tuple[float, float, float, Key]:
        unsure_km = alert.origin.horizontal_uncertainty_km
        return (
            -len(alert.origin_stations or ()) if all_count else 0.0,
            math.inf if unsure_km is None else unsure_km,
            -alert.probability,
            key_of(alert),
        )

    return min(alerts, key=rank)

"""One declared event, with the estimates behind its updates and the rules by which they become such."""

import dataclasses
import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from fcn.alarm.following import Following, Retraction
from fcn.alarm.rules import CLOCK_S, Preference, Sameness, Settlement
from fcn.catalogue.event import DeclaredEvent, Event, Status, Update, WindowEstimate
from fcn.catalogue.phase import PhasePick
from fcn.catalogue.released import may_grow

# A bound is held against single readings, not against all of so many seconds.
ENDED_S = 5.0


@runtime_checkable
class Frame(Protocol):
    """Where east and north are, `fcn.geometry.projection.LocalFrame`, as far as it is needed here."""

    def to_geographic(self, east_km: np.ndarray, north_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(latitude_deg, longitude_deg) of local positions."""
        ...


@dataclass(frozen=True)
class Rules:
    """What is common to the events of one stream; the arguments of a Declarer."""

    frame: Frame
    same: Sameness
    settle: Settlement
    follow: Following | None
    retract: Retraction | None
    prefer: Preference
    magnitude_type: str


@dataclass(eq=False)
class Followed:
    """A declared event; estimates: those that became updates, the alarm's first."""

    rules: Rules
    declared: DeclaredEvent
    estimates: list[WindowEstimate] = field(default_factory=list)
    _is_watched: bool = False  # the network says how ground motion goes
    _weak_since_s: float | None = None
    _ended_since_s: float | None = None  # readings have been of what can rupture no more
    _picks_before: tuple[PhasePick, ...] = ()  # of the last update, which this very window may take back

    @classmethod
    def declare(cls, rules: Rules, estimate: WindowEstimate, others: Sequence[DeclaredEvent]) -> "Followed":
        """A new event with its alarm; others: declared before, whose ids are taken."""
        origin = datetime.datetime.fromtimestamp(estimate.origin_time_s, datetime.UTC)
        event_id = f"fcn{origin:%Y%m%dT%H%M%S}"
        repeats = sum(each.event_id.startswith(event_id) for each in others)
        made = cls(rules, DeclaredEvent(event_id if repeats == 0 else f"{event_id}-{repeats + 1}"))
        made._append(estimate, Status.NEW)
        return made

    @property
    def last_now_s(self) -> float:
        """When it was last updated."""
        return self.declared.final.now_s

    def explains(self, estimate: WindowEstimate) -> bool:
        """Whether an estimate is of this event: near anything ever said of it, so that it may wander."""
        return any(self.rules.same.holds(each, estimate) for each in self.estimates)

    def is_open(self, now_s: float) -> bool:
        """Whether an estimate made at now_s still updates this event."""
        is_closed = self.declared.final.status in (Status.FINAL, Status.RETRACTED)
        return not is_closed and now_s - self.estimates[0].now_s <= self._max_s

    def grows(self, now_s: float) -> bool:
        """Whether its magnitude is a lower bound, as far as it is still followed at now_s."""
        last = self.estimates[-1]
        return (
            self.is_open(now_s)
            and bool(last.is_growing)
            and _may_grow(last.magnitude, now_s, last.first_p_time_s)
        )

    def takes_any(self, now_s: float) -> bool:
        """Whether what is read again for this event at now_s updates it, however weak its evidence."""
        return self.rules.follow is not None and self.is_open(now_s)

    def listens_to(self, estimate: WindowEstimate) -> bool:
        """Whether an estimate of this event may update it: once it is watched, what was read again alone."""
        return not self._is_watched or estimate.follows == self.declared.event_id

    def update(self, estimate: WindowEstimate) -> Update | None:
        """What an estimate of this event adds to it; None where it is closed or has been told better."""
        if not self.is_open(estimate.now_s):
            return None
        if self._is_withdrawn(estimate):
            return self._repeat(estimate.now_s, Status.RETRACTED, estimate)
        if not self.rules.prefer.replaces(self.estimates[-1], estimate):
            return None
        return self._append(estimate, Status.UPDATE)

    def unsay(self, now_s: float) -> Update | None:
        """Take back the update of this very window, if there is one; the alarm stays."""
        if len(self.declared.updates) < 2 or self.declared.final.now_s < now_s:
            return None
        self.declared.picks = self._picks_before
        return self.declared.updates.pop()

    def withdraw(self, now_s: float) -> Update:
        """The last word on an event that turned out to be another one."""
        return self._repeat(now_s, Status.RETRACTED)

    def closed_by_time(self, now_s: float) -> Update | None:
        """The last word on a watched event of which nothing more may come; None on others, and once said."""
        if not self._is_watched or self.declared.final.status in (Status.FINAL, Status.RETRACTED):
            return None
        is_late = now_s - self.estimates[0].now_s > self._max_s
        is_silent = now_s - self.last_now_s > self.rules.same.forget_s
        return self._repeat(now_s, Status.FINAL) if is_late or is_silent else None

    def close(self) -> Update | None:
        """The last word on an event that is followed no more, as of its last update; None once said."""
        if self.declared.final.status in (Status.FINAL, Status.RETRACTED):
            return None
        return self._repeat(self.last_now_s, Status.FINAL)

    @property
    def _max_s(self) -> float:
        follow = self.rules.follow if self._is_watched else None
        return (follow or self.rules.settle).max_s

    def _is_last(self) -> bool:
        """Whether what has been said so far is enough."""
        last = self.estimates[-1]
        since_alarm_s = last.now_s - self.estimates[0].now_s
        if self._is_watched and self.rules.follow is not None:
            return self.rules.follow.is_over(since_alarm_s, last.falling_s) and not self._is_doubted(
                last.now_s
            )
        settle = self.rules.settle
        return settle.is_stable(self.estimates) or since_alarm_s >= settle.max_s - CLOCK_S

    def _is_withdrawn(self, estimate: WindowEstimate) -> bool:
        retract = self.rules.retract
        if retract is None or estimate.follows != self.declared.event_id:
            return False
        if not retract.is_weak(estimate):
            self._weak_since_s = None
            return False
        self._weak_since_s = estimate.now_s if self._weak_since_s is None else self._weak_since_s
        return retract.withdraws(*self._weakness(estimate.now_s, self._weak_since_s))

    def _is_doubted(self, now_s: float) -> bool:
        """Whether it is withdrawn unless its evidence grows again: then nothing is final."""
        retract, since_s = self.rules.retract, self._weak_since_s
        return (
            retract is not None
            and since_s is not None
            and retract.may_withdraw(*self._weakness(now_s, since_s))
        )

    def _weakness(self, now_s: float, since_s: float) -> tuple[float, float, float | None]:
        """For how long evidence has been weak, how long ago the alarm was, the largest magnitude given."""
        sizes = [each.magnitude for each in self.estimates if each.magnitude is not None]
        return now_s - since_s, now_s - self.estimates[0].now_s, max(sizes, default=None)

    def _append(self, estimate: WindowEstimate, status: Status) -> Update:
        self._picks_before = self.declared.picks
        if estimate.is_located:
            self.declared.picks = estimate.picks
        read = dataclasses.replace(estimate, epicentre_pdf=None, picks=())
        if self.estimates:
            read = _completed(read, self.estimates[-1])
        estimate = read
        if self.estimates:
            estimate = _no_less(read, self.estimates, self.rules.same.epicentre_km)
        if estimate.is_growing and self._has_ended(read, estimate):
            estimate = read = dataclasses.replace(read, is_growing=False)
        self.estimates.append(estimate)
        self._is_watched |= self.rules.follow is not None and estimate.falling_s is not None
        if status is Status.UPDATE and self._is_last():
            status = Status.FINAL
            if self.rules.follow is not None and self.rules.follow.has_fallen(estimate.falling_s):
                # what has fallen for so long grows no more, whatever the network thinks
                self.estimates[-1] = estimate = dataclasses.replace(read, is_growing=False)
        event = self._event(estimate)
        return self._say(
            Update(
                now_s=estimate.now_s,
                event=event,
                detection_score=estimate.detection_score,
                location_score=estimate.location_score,
                is_lower_bound=estimate.is_growing,
                status=status,
                covariance_km2=estimate.covariance_km2,
                origin_stations=estimate.origin_stations,
                magnitude_stations=estimate.magnitude_stations,
            )
        )

    def _has_ended(self, read: WindowEstimate, held: WindowEstimate) -> bool:
        """Whether what is held, or what has been read for `ENDED_S`, is too small to rupture still."""
        if _may_grow(read.magnitude, read.now_s, read.first_p_time_s):
            self._ended_since_s = None
        elif self._ended_since_s is None:
            self._ended_since_s = read.now_s
        for_s = 0.0 if self._ended_since_s is None else read.now_s - self._ended_since_s
        return for_s >= ENDED_S - CLOCK_S or not _may_grow(held.magnitude, read.now_s, read.first_p_time_s)

    def _repeat(self, now_s: float, status: Status, scored: WindowEstimate | None = None) -> Update:
        """The last solution once more, with the scores of an estimate where it is given."""
        last = self.declared.final
        scores = scored or last
        first_p_s = last.event.first_p_time_s
        return self._say(
            dataclasses.replace(
                last,
                now_s=now_s,
                is_lower_bound=last.is_lower_bound and _may_grow(last.event.magnitude, now_s, first_p_s),
                status=status,
                detection_score=scores.detection_score,
                location_score=scores.location_score,
            )
        )

    def state(self) -> dict[str, Any]:
        """Plain data, as JSON holds them."""
        return {
            **self.declared.plain,
            "estimates": [each.plain for each in self.estimates],
            "is_watched": self._is_watched,
            "weak_since_s": self._weak_since_s,
            "ended_since_s": self._ended_since_s,
        }

    @classmethod
    def of_state(cls, rules: Rules, state: Mapping[str, Any]) -> "Followed":
        """The event that `state` was taken of, to be followed on."""
        return cls(
            rules,
            DeclaredEvent.of_plain(state),
            [WindowEstimate.of_plain(each) for each in state["estimates"]],
            state["is_watched"],
            state["weak_since_s"],
            state.get("ended_since_s"),  # states of before had none
        )

    def _say(self, update: Update) -> Update:
        self.declared.updates.append(update)
        return update

    def _event(self, estimate: WindowEstimate) -> Event:
        latitude_deg, longitude_deg = self.rules.frame.to_geographic(
            np.array([estimate.east_km]), np.array([estimate.north_km])
        )
        return Event(
            event_id=self.declared.event_id,
            origin_time_s=estimate.origin_time_s,
            latitude_deg=float(latitude_deg[0]),
            longitude_deg=float(longitude_deg[0]),
            depth_km=estimate.depth_km,
            magnitude=estimate.magnitude,
            magnitude_type=None if estimate.magnitude is None else self.rules.magnitude_type,
            first_p_time_s=estimate.first_p_time_s,
            horizontal_uncertainty_km=estimate.horizontal_uncertainty_km,
            depth_uncertainty_km=estimate.depth_uncertainty_km,
            origin_time_uncertainty_s=estimate.origin_time_uncertainty_s,
            magnitude_uncertainty=estimate.magnitude_uncertainty,
        )


def _may_grow(magnitude: float | None, now_s: float, first_p_time_s: float | None) -> bool:
    """Whether an earthquake so large so long after its first P may still be rupturing; if unknown, it may."""
    return magnitude is None or first_p_time_s is None or may_grow(magnitude, now_s - first_p_time_s)


def _no_less(estimate: WindowEstimate, said: Sequence[WindowEstimate], same_km: float) -> WindowEstimate:
    """An estimate whose lower bound is no less than the last one, where that was read at about its place.

    What an earthquake is at least, it is a second later: single readings of a growing one scatter by more.
    """
    before = said[-1]
    if not (estimate.is_growing and before.is_growing and before.magnitude is not None):
        return estimate
    read = before  # the window that it was read in, and has been held since, however the place has crept
    for each in reversed(said[:-1]):
        if each.magnitude != before.magnitude or _apart_km(each, read) > same_km:
            break
        read = each
    is_elsewhere = max(_apart_km(estimate, read), _apart_km(estimate, before)) > same_km
    if is_elsewhere or (estimate.magnitude is not None and estimate.magnitude >= before.magnitude):
        return estimate
    return dataclasses.replace(
        estimate,
        magnitude=before.magnitude,
        magnitude_uncertainty=before.magnitude_uncertainty,
        magnitude_stations=before.magnitude_stations,
    )


def _apart_km(one: WindowEstimate, other: WindowEstimate) -> float:
    return math.hypot(one.east_km - other.east_km, one.north_km - other.north_km)


def _completed(estimate: WindowEstimate, before: WindowEstimate) -> WindowEstimate:
    """An estimate with the magnitude, or what is known of the place, said before where it has no own."""
    if estimate.magnitude is None:
        estimate = dataclasses.replace(
            estimate,
            magnitude=before.magnitude,
            magnitude_uncertainty=before.magnitude_uncertainty,
            is_growing=before.is_growing,
            magnitude_stations=before.magnitude_stations,
        )
    if not estimate.is_located:
        estimate = dataclasses.replace(
            estimate, covariance_km2=before.covariance_km2, origin_stations=before.origin_stations
        )
    return estimate

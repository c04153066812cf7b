"""Estimates of successive windows in, declared events and their updates out.

The one place where it is decided that an earthquake is happening. Causal and deterministic: what is
returned depends on the windows so far, and not on the order of the estimates within a window.
"""

import datetime
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from fcn.alarm.rules import CLOCK_S, EvidenceRule, Held, Nearness, Preference, Sameness, Settlement
from fcn.catalogue.event import DeclaredEvent, Event, Known, Update, WindowEstimate
from fcn.geometry.projection import LocalFrame


@dataclass(eq=False)
class _Followed:
    """A declared event with the estimates behind its updates."""

    declared: DeclaredEvent
    estimates: list[WindowEstimate] = field(default_factory=list)

    @property
    def last_now_s(self) -> float:
        return self.estimates[-1].now_s

    def explains(self, estimate: WindowEstimate, same: Sameness) -> bool:
        """Whether an estimate is of this event: near anything ever said of it, so that it may wander."""
        return any(same.holds(each, estimate) for each in self.estimates)

    def is_open(self, now_s: float, settle: Settlement) -> bool:
        """Whether an estimate made at now_s still updates this event."""
        return now_s - self.estimates[0].now_s <= settle.max_s and not settle.is_stable(self.estimates)


class Declarer:
    """Turns the estimates of successive windows into declared events; one object per stream."""

    def __init__(
        self,
        frame: LocalFrame,
        evidence: EvidenceRule,
        agree: Nearness,
        same: Sameness,
        settle: Settlement,
        prefer: Preference,
        magnitude_type: str,
    ) -> None:
        self.frame, self.evidence, self.agree, self.same, self.settle = frame, evidence, agree, same, settle
        self.prefer = prefer
        self.magnitude_type = magnitude_type
        self.reset()

    def reset(self) -> None:
        """Forget every window and event."""
        self._events: list[DeclaredEvent] = []
        self._followed: list[_Followed] = []
        # ends of earlier windows, and of their estimates those that no event has taken
        self._earlier: deque[tuple[float, list[WindowEstimate]]] = deque()
        self._last_now_s = -math.inf

    @property
    def events(self) -> list[DeclaredEvent]:
        """Every event declared since the last reset, in order of declaration."""
        return list(self._events)

    def known(self, now_s: float) -> list[Known]:
        """The events declared by windows before now_s and not yet forgotten."""
        return [
            Known(each.declared.event_id, each.estimates[-1], each.is_open(now_s, self.settle))
            for each in self._followed
            if now_s - each.last_now_s <= self.same.forget_s
        ]

    def process(self, now_s: float, estimates: list[WindowEstimate]) -> list[Update]:
        """Take the estimates of the window ending at now_s (none: a quiet window); return what is new.

        Raises ValueError when windows do not come in order of time, or an estimate is of another window.
        """
        self._check(now_s, estimates)
        self._last_now_s = now_s
        while self._earlier and now_s - self._earlier[0][0] > self.evidence.within_s - CLOCK_S:
            self._earlier.popleft()
        self._followed = [each for each in self._followed if now_s - each.last_now_s <= self.same.forget_s]
        passing = sorted(filter(self.evidence.suffices, estimates), key=_by_evidence)
        updates, unexplained = self._update_declared(passing)
        while unexplained and (first := self._first_agreed(unexplained)) is not None:
            followed = self._declare(first)
            updates.append(followed.declared.alarm)
            unexplained = [each for each in unexplained if not followed.explains(each, self.same)]
            for _, window in self._earlier:
                window[:] = [each for each in window if not followed.explains(each, self.same)]
        self._earlier.append((now_s, unexplained))
        return updates

    def _check(self, now_s: float, estimates: list[WindowEstimate]) -> None:
        if not now_s > self._last_now_s:
            raise ValueError(
                f"windows must come in order of time: {now_s} after {self._last_now_s}; "
                "call reset() before another stream"
            )
        for estimate in estimates:
            if abs(estimate.now_s - now_s) > CLOCK_S:
                raise ValueError(
                    f"estimate of the window ending at {estimate.now_s} given to the one at {now_s}"
                )

    def _update_declared(self, passing: list[WindowEstimate]) -> tuple[list[Update], list[WindowEstimate]]:
        """Updates of events already declared, each by its best estimate, and what no event explains."""
        updates: list[Update] = []
        unexplained: list[WindowEstimate] = []
        updated: list[_Followed] = []
        for estimate in passing:
            # what was read again for an event is of that event, wherever it has moved
            explaining = [each for each in self._followed if each.declared.event_id == estimate.follows] or [
                each for each in self._followed if each.explains(estimate, self.same)
            ]
            if not explaining:
                unexplained.append(estimate)
                continue
            nearest = min(explaining, key=lambda each: self.same.separation(each.estimates[-1], estimate))
            if nearest not in updated:
                updated.append(nearest)
                is_open = nearest.is_open(estimate.now_s, self.settle)
                if is_open and self.prefer.replaces(nearest.estimates[-1], estimate):
                    updates.append(self._append(nearest, estimate))
        return updates, unexplained

    def _first_agreed(self, unexplained: list[WindowEstimate]) -> WindowEstimate | None:
        """The first of these, most evidence first, that is declared with what earlier windows said."""
        for estimate in unexplained:
            if self.evidence.declares(estimate, list(self._agreeing(estimate))):
                return estimate
        return None

    def _agreeing(self, estimate: WindowEstimate) -> Iterator[Held]:
        """Of every earlier window the best estimate that agrees, and how long it stood."""
        ends_s = [end_s for end_s, _ in self._earlier] + [estimate.now_s]
        for (end_s, window), next_s in zip(self._earlier, ends_s[1:], strict=True):
            near = [each for each in window if self.agree.holds(each, estimate)]
            if near:
                yield Held(max(near, key=lambda each: each.detection_score), next_s - end_s)

    def _declare(self, estimate: WindowEstimate) -> _Followed:
        origin = datetime.datetime.fromtimestamp(estimate.origin_time_s, datetime.UTC)
        event_id = f"fcn{origin:%Y%m%dT%H%M%S}"
        repeats = sum(each.event_id.startswith(event_id) for each in self._events)
        declared = DeclaredEvent(event_id if repeats == 0 else f"{event_id}-{repeats + 1}")
        followed = _Followed(declared)
        self._append(followed, estimate)
        self._events.append(declared)
        self._followed.append(followed)
        return followed

    def _append(self, followed: _Followed, estimate: WindowEstimate) -> Update:
        latitude_deg, longitude_deg = self.frame.to_geographic(
            np.array([estimate.east_km]), np.array([estimate.north_km])
        )
        event = Event(
            event_id=followed.declared.event_id,
            origin_time_s=estimate.origin_time_s,
            latitude_deg=float(latitude_deg[0]),
            longitude_deg=float(longitude_deg[0]),
            depth_km=estimate.depth_km,
            magnitude=estimate.magnitude,
            magnitude_type=None if estimate.magnitude is None else self.magnitude_type,
            first_p_time_s=estimate.first_p_time_s,
            horizontal_uncertainty_km=estimate.horizontal_uncertainty_km,
            depth_uncertainty_km=estimate.depth_uncertainty_km,
            magnitude_uncertainty=estimate.magnitude_uncertainty,
        )
        update = Update(estimate.now_s, event, estimate.detection_score, estimate.location_score)
        followed.estimates.append(estimate)
        followed.declared.updates.append(update)
        return update


def _by_evidence(estimate: WindowEstimate) -> tuple[float, ...]:
    """Most evidence first; the rest only makes the order of equals definite."""
    evidence = estimate.detection_score * estimate.location_score
    place = (estimate.east_km, estimate.north_km, estimate.depth_km)
    return (-evidence, estimate.origin_time_s, estimate.first_p_time_s, *place)

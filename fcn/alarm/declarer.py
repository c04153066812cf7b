"""Estimates of successive windows in, declared events and their updates out.

The one place where it is decided that an earthquake is happening. Causal and deterministic: what is
returned depends on the windows so far, and not on the order of the estimates within a window.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from fcn.alarm.followed import Followed, Frame, Rules
from fcn.alarm.following import Coda, Following, Retraction
from fcn.alarm.rules import CLOCK_S, EvidenceRule, Held, Nearness, Preference, Sameness, Settlement
from fcn.catalogue.event import DeclaredEvent, Known, Update, WindowEstimate


class Declarer:
    """Turns the estimates of successive windows into declared events; one object per stream.

    Declaring, following and withdrawing have rules of their own. follow: where None, an event is updated by
    what passes the rule of declaring until it is settled; else, where its network says how ground motion
    goes, by what is read again of it until it is final. coincide: two declared
    events that have come so near each other are one, and the one declared last is withdrawn. coda, retract,
    coincide: where None, there is no such rule.
    """

    def __init__(
        self,
        frame: Frame,
        evidence: EvidenceRule,
        agree: Nearness,
        same: Sameness,
        settle: Settlement,
        follow: Following | None,
        coda: Coda | None,
        retract: Retraction | None,
        coincide: Nearness | None,
        prefer: Preference,
        magnitude_type: str,
    ) -> None:
        self.frame, self.evidence, self.agree, self.same, self.coda = frame, evidence, agree, same, coda
        self.coincide = coincide
        self.rules = Rules(frame, same, settle, follow, retract, prefer, magnitude_type)
        self.reset()

    def reset(self) -> None:
        """Forget every window and event."""
        self._events: list[DeclaredEvent] = []
        self._followed: list[Followed] = []
        # ends of earlier windows, and of their estimates those that no event has taken
        self._earlier: deque[tuple[float, list[WindowEstimate]]] = deque()
        self._last_now_s = -math.inf

    @property
    def events(self) -> list[DeclaredEvent]:
        """Every event declared since the last reset, in order of declaration."""
        return list(self._events)

    @property
    def last_now_s(self) -> float:
        """End of the last window; -inf before there was one."""
        return self._last_now_s

    def known(self, now_s: float) -> list[Known]:
        """The events declared by windows before now_s, not withdrawn and not yet forgotten."""
        return [
            Known(each.declared.event_id, each.estimates[-1], each.is_open(now_s))
            for each in self._remembered(now_s)
        ]

    def turn_back(self) -> None:
        """The next window may end before the last: what is open is closed, with a last word on it."""
        for each in self._followed:
            each.close()
        self._followed.clear()
        self._earlier.clear()
        self._last_now_s = -math.inf

    def forget(self, before_s: float) -> None:
        """Leave out of `events` those of which nothing was said any more since a POSIX time, for good."""
        followed = {id(each.declared) for each in self._followed}
        self._events = [each for each in self._events if each.final.now_s >= before_s or id(each) in followed]

    def state(self) -> dict[str, Any]:
        """Plain data, as JSON holds them: what it takes to go on, and the events that are remembered."""
        followed = {id(each.declared): each for each in self._followed}
        return {
            "last_now_s": None if math.isinf(self._last_now_s) else self._last_now_s,
            "earlier": [[end_s, [each.plain for each in window]] for end_s, window in self._earlier],
            "events": [
                followed[id(each)].state() if id(each) in followed else each.plain for each in self._events
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; the rules may be others."""
        self.reset()
        if state["last_now_s"] is not None:
            self._last_now_s = state["last_now_s"]
        for end_s, window in state["earlier"]:
            self._earlier.append((end_s, [WindowEstimate.of_plain(each) for each in window]))
        for each in state["events"]:
            if "estimates" in each:
                self._followed.append(Followed.of_state(self.rules, each))
                self._events.append(self._followed[-1].declared)
            else:
                self._events.append(DeclaredEvent.of_plain(each))

    def process(self, now_s: float, estimates: list[WindowEstimate]) -> list[Update]:
        """Take the estimates of the window ending at now_s (none: a quiet window); return what is new.

        Raises ValueError when windows do not come in order of time, or an estimate is of another window.
        """
        self._check(now_s, estimates)
        self._last_now_s = now_s
        while self._earlier and now_s - self._earlier[0][0] > self.evidence.within_s - CLOCK_S:
            self._earlier.popleft()
        updates, unexplained = self._update_declared(now_s, estimates)
        updates = self._without_doubles(now_s, updates)
        while unexplained and (first := self._first_agreed(unexplained)) is not None:
            followed = self._declare(first)
            updates.append(followed.declared.alarm)
            unexplained = [each for each in self._no_coda(unexplained) if not followed.explains(each)]
            for _, window in self._earlier:
                window[:] = [each for each in window if not followed.explains(each)]
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

    def _remembered(self, now_s: float) -> list[Followed]:
        """The events that still explain what is like them."""
        return [each for each in self._followed if now_s - each.last_now_s <= self.same.forget_s]

    def _update_declared(
        self, now_s: float, estimates: list[WindowEstimate]
    ) -> tuple[list[Update], list[WindowEstimate]]:
        """What is said of events already declared, each by its best estimate, and what no event explains."""
        updates = [update for each in self._followed if (update := each.closed_by_time(now_s)) is not None]
        remembered = self._remembered(now_s)
        by_name = {each.declared.event_id: each for each in remembered}
        unexplained: list[WindowEstimate] = []
        updated: list[Followed] = []
        for estimate in sorted(estimates, key=_by_evidence):
            # what was read again for an event is of that event, wherever it has moved
            named = by_name.get(estimate.follows or "")
            if not (self.evidence.suffices(estimate) or (named and named.takes_any(now_s))):
                continue
            explaining = [named] if named else [each for each in remembered if each.explains(estimate)]
            if not explaining:
                unexplained.append(estimate)
                continue
            nearest = min(explaining, key=lambda each: self.same.separation(each.estimates[-1], estimate))
            if nearest not in updated and nearest.listens_to(estimate):
                updated.append(nearest)
                if (update := nearest.update(estimate)) is not None:
                    updates.append(update)
        last_s = max(self.same.forget_s, self.coda.reach.longest_s if self.coda else 0.0)
        self._followed = [
            each
            for each in self._followed
            if now_s - each.last_now_s <= last_s and not each.declared.is_retracted
        ]
        return updates, list(self._no_coda(unexplained))

    def _without_doubles(self, now_s: float, updates: list[Update]) -> list[Update]:
        """Of events declared apart whose last places are one, what was declared later, and is open, goes.

        updates: of this window; a withdrawn event's gives way to the word that it is.
        """
        if self.coincide is None:
            return updates
        for row, younger in enumerate(self._followed):
            if younger.is_open(now_s) and any(
                self.coincide.holds(older.estimates[-1], younger.estimates[-1])
                for older in self._followed[:row]
                if not older.declared.is_retracted
            ):
                said = younger.unsay(now_s)
                updates = [each for each in updates if each is not said] + [younger.withdraw(now_s)]
        self._followed = [each for each in self._followed if not each.declared.is_retracted]
        return updates

    def _no_coda(self, estimates: list[WindowEstimate]) -> Iterator[WindowEstimate]:
        """Those that are not the coda of a declared event."""
        for new in estimates:
            if self.coda is None or not any(
                self.coda.accounts_for(each.estimates[-1], new, still_grows=each.grows(new.now_s))
                for each in self._followed
            ):
                yield new

    def _first_agreed(self, unexplained: list[WindowEstimate]) -> WindowEstimate | None:
        """The first of these, most evidence first, that is declared with what earlier windows said."""
        beside = [each.estimates[-1] for each in self._followed if each.is_open(self._last_now_s)]
        for estimate in unexplained:
            if self.evidence.declares(estimate, list(self._agreeing(estimate)), beside):
                return estimate
        return None

    def _agreeing(self, estimate: WindowEstimate) -> Iterator[Held]:
        """Of every earlier window the best estimate that agrees, and how long it stood."""
        ends_s = [end_s for end_s, _ in self._earlier] + [estimate.now_s]
        for (end_s, window), next_s in zip(self._earlier, ends_s[1:], strict=True):
            near = [each for each in window if self.agree.holds(each, estimate)]
            if near:
                yield Held(max(near, key=lambda each: each.detection_score), next_s - end_s)

    def _declare(self, estimate: WindowEstimate) -> Followed:
        followed = Followed.declare(self.rules, estimate, self._events)
        self._events.append(followed.declared)
        self._followed.append(followed)
        return followed


def _by_evidence(estimate: WindowEstimate) -> tuple[float, ...]:
    """What is located first, most evidence first; the rest only makes the order of equals definite."""
    evidence = estimate.detection_score * estimate.location_score
    place = (estimate.east_km, estimate.north_km, estimate.depth_km)
    return (not estimate.is_located, -evidence, estimate.origin_time_s, estimate.first_p_time_s, *place)

"""The alarm rule: how estimates of single windows become declared events and their updates.

The one place where it is decided that an earthquake is happening. Causal and deterministic: what is
returned depends on the windows so far, and not on the order of the estimates within a window.
"""

import datetime
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from fcn.catalogue.event import DeclaredEvent, Event, Known, Update, WindowEstimate
from fcn.geometry.projection import LocalFrame

LARGEST_SCORE = 1 - 1e-6  # whose log odds are still finite


@runtime_checkable
class EvidenceRule(Protocol):
    """What it takes to declare. n_windows: of the last windows, the declaring one included, that count."""

    @property
    def n_windows(self) -> int:
        """Windows looked at."""
        ...

    def suffices(self, estimate: WindowEstimate) -> bool:
        """Whether an estimate counts at all."""
        ...

    def declares(self, agreeing: Sequence[WindowEstimate]) -> bool:
        """Whether the best agreeing estimates of as many windows, the last one's first, are enough."""
        ...


@dataclass(frozen=True)
class Evidence:
    """Both scores, in n_agree of the last n_windows windows."""

    min_detection_score: float
    min_location_score: float
    n_agree: int
    n_windows: int

    def __post_init__(self) -> None:
        if not 1 <= self.n_agree <= self.n_windows:
            raise ValueError(f"1 <= n_agree <= n_windows is required: {self.n_agree} of {self.n_windows}")

    def suffices(self, estimate: WindowEstimate) -> bool:
        """Whether an estimate counts at all."""
        return (
            estimate.detection_score >= self.min_detection_score
            and estimate.location_score >= self.min_location_score
        )

    def declares(self, agreeing: Sequence[WindowEstimate]) -> bool:
        """Whether there are n_agree."""
        return len(agreeing) >= self.n_agree


@dataclass(frozen=True)
class SummedEvidence:
    """Log odds of the agreeing windows, ln(p / (1 - p)) of detection scores, that add up to least_log_odds.

    One window that is sure declares at once, several that are fairly sure declare together: what a sequential
    probability ratio test (Wald 1945) would do were windows independent. They overlap, so the sum is no
    probability, and its threshold is chosen on validation sequences.
    """

    min_detection_score: float
    min_location_score: float
    least_log_odds: float
    n_windows: int

    def __post_init__(self) -> None:
        if not 0.5 <= self.min_detection_score < 1 or self.n_windows < 1 or not self.least_log_odds > 0:
            raise ValueError(
                "0.5 <= min_detection_score < 1 (below it a window speaks against the event), n_windows >= 1 "
                f"and least_log_odds > 0 are required: {self}"
            )

    def suffices(self, estimate: WindowEstimate) -> bool:
        """Whether an estimate counts at all."""
        return (
            estimate.detection_score >= self.min_detection_score
            and estimate.location_score >= self.min_location_score
        )

    def declares(self, agreeing: Sequence[WindowEstimate]) -> bool:
        """Whether the sum is large enough."""
        scores = [min(each.detection_score, LARGEST_SCORE) for each in agreeing]
        return sum(math.log(p / (1 - p)) for p in scores) >= self.least_log_odds


@dataclass(frozen=True)
class Nearness:
    """How near two estimates must be to say the same."""

    origin_time_s: float
    epicentre_km: float

    def holds(self, first: WindowEstimate, second: WindowEstimate) -> bool:
        """Whether origin times and epicentres are both within tolerance."""
        return (
            abs(first.origin_time_s - second.origin_time_s) <= self.origin_time_s
            and _epicentral_distance_km(first, second) <= self.epicentre_km
        )

    def separation(self, first: WindowEstimate, second: WindowEstimate) -> float:
        """Squared differences of origin time and epicentre, in tolerances."""
        time = (first.origin_time_s - second.origin_time_s) / self.origin_time_s
        return time**2 + (_epicentral_distance_km(first, second) / self.epicentre_km) ** 2


@dataclass(frozen=True)
class Sameness(Nearness):
    """What an event already declared explains: what is near it, or has the same first P.

    The first P is observed, while an early epicentre may move by tens of km as more stations see the event.
    """

    first_p_s: float
    forget_s: float

    def holds(self, first: WindowEstimate, second: WindowEstimate) -> bool:
        """Whether two estimates are of one event."""
        same_first_p = abs(first.first_p_time_s - second.first_p_time_s) <= self.first_p_s
        return same_first_p or super().holds(first, second)


@dataclass(frozen=True)
class Settlement:
    """When updates stop: n_stable in a row within tolerance once min_s have passed, or after max_s."""

    n_stable: int
    origin_time_s: float
    epicentre_km: float
    magnitude: float
    min_s: float
    max_s: float

    def __post_init__(self) -> None:
        if self.n_stable < 2 or not 0 <= self.min_s <= self.max_s:
            raise ValueError(f"n_stable >= 2 and 0 <= min_s <= max_s are required: {self}")

    def is_stable(self, estimates: list[WindowEstimate]) -> bool:
        """Whether the last n_stable estimates of an event, alarm first, say the same for long enough."""
        *earlier, last = estimates[-self.n_stable :]
        if len(earlier) < self.n_stable - 1 or last.now_s - estimates[0].now_s < self.min_s:
            return False
        return all(self._is_near(each, last) for each in earlier)

    def _is_near(self, first: WindowEstimate, second: WindowEstimate) -> bool:
        if not Nearness(self.origin_time_s, self.epicentre_km).holds(first, second):
            return False
        if first.magnitude is None or second.magnitude is None:
            return first.magnitude is second.magnitude
        return abs(first.magnitude - second.magnitude) <= self.magnitude


@runtime_checkable
class Preference(Protocol):
    """Which estimates of a declared event become updates; the last update is its final solution."""

    def replaces(self, last: WindowEstimate, new: WindowEstimate) -> bool:
        """Whether a later estimate of the same event is to be preferred to its last update."""
        ...


@dataclass(frozen=True)
class Latest:
    """Every estimate is: it has seen more."""

    def replaces(self, last: WindowEstimate, new: WindowEstimate) -> bool:
        """Always true."""
        return True


@dataclass(frozen=True)
class BestWindow:
    """The estimate with the highest location score, among those in a span after the first P if they are good.

    since_first_p_s:    that span. min_location_score: what is good in it.
    EEWNet (Zhang & Zhang 2024), from their public code: above 0.67 with 10-23 s, else the highest of all.
    """

    min_location_score: float
    since_first_p_s: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.since_first_p_s) != 2 or not self.since_first_p_s[0] <= self.since_first_p_s[1]:
            raise ValueError(f"since_first_p_s must be [from, to], got {list(self.since_first_p_s)}")

    def replaces(self, last: WindowEstimate, new: WindowEstimate) -> bool:
        """Whether the new one ranks higher; equals keep the first."""
        return self._rank(new) > self._rank(last)

    def _rank(self, estimate: WindowEstimate) -> tuple[bool, float]:
        since_s = estimate.now_s - estimate.first_p_time_s
        in_span = self.since_first_p_s[0] <= since_s <= self.since_first_p_s[1]
        return in_span and estimate.location_score > self.min_location_score, estimate.location_score


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
        self._earlier: deque[list[WindowEstimate]] = deque(maxlen=self.evidence.n_windows - 1)
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
        self._followed = [each for each in self._followed if now_s - each.last_now_s <= self.same.forget_s]
        passing = sorted(filter(self.evidence.suffices, estimates), key=_by_evidence)
        updates, unexplained = self._update_declared(passing)
        while unexplained and (first := self._first_agreed(unexplained)) is not None:
            followed = self._declare(first)
            updates.append(followed.declared.alarm)
            unexplained = [each for each in unexplained if not followed.explains(each, self.same)]
            for window in self._earlier:
                window[:] = [each for each in window if not followed.explains(each, self.same)]
        self._earlier.append(unexplained)
        return updates

    def _check(self, now_s: float, estimates: list[WindowEstimate]) -> None:
        if not now_s > self._last_now_s:
            raise ValueError(
                f"windows must come in order of time: {now_s} after {self._last_now_s}; "
                "call reset() before another stream"
            )
        for estimate in estimates:
            if abs(estimate.now_s - now_s) > 1e-3:
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
        """The estimate with most evidence that enough of the last windows agree with, if any."""
        for estimate in unexplained:
            earlier = (
                max(near, key=lambda each: each.detection_score)
                for window in self._earlier
                if (near := [each for each in window if self.agree.holds(each, estimate)])
            )
            if self.evidence.declares([estimate, *earlier]):
                return estimate
        return None

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


def _epicentral_distance_km(first: WindowEstimate, second: WindowEstimate) -> float:
    return math.hypot(first.east_km - second.east_km, first.north_km - second.north_km)


def _by_evidence(estimate: WindowEstimate) -> tuple[float, ...]:
    """Most evidence first; the rest only makes the order of equals definite."""
    evidence = estimate.detection_score * estimate.location_score
    place = (estimate.east_km, estimate.north_km, estimate.depth_km)
    return (-evidence, estimate.origin_time_s, estimate.first_p_time_s, *place)

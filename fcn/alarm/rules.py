"""What it takes to declare an event, what belongs to it, when it is settled, and which estimate counts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fcn.catalogue.event import WindowEstimate

LARGEST_SCORE = 1 - 1e-6  # whose log odds are still finite
# P from elsewhere comes no faster (8.5 km/s at 310 km depth of iasp91, Kennett & Engdahl 1991), from a place
# that is said so far from the true one: alarms by motion alone have been 80 km off, and there are two
# (docs/decisions/024-what-motion-and-most-stations-say.md).
FASTEST_P_KMPS, MISPLACED_KM = 8.5, 150.0
CLOCK_S = 1e-3  # two times nearer than this are the same: POSIX seconds in float64 resolve 0.2 us


@dataclass(frozen=True)
class Held:
    """An earlier estimate and how long it stood: until the next window was read, whatever that one said."""

    estimate: WindowEstimate
    held_s: float


@runtime_checkable
class EvidenceRule(Protocol):
    """What it takes to declare.

    within_s: an earlier window counts while its end lies less than this before that of the declaring one.
    """

    @property
    def within_s(self) -> float:
        """How far back windows count."""
        ...

    def suffices(self, estimate: WindowEstimate) -> bool:
        """Whether an estimate counts at all."""
        ...

    def declares(
        self, estimate: WindowEstimate, earlier: Sequence[Held], beside: Sequence[WindowEstimate]
    ) -> bool:
        """Whether an estimate is enough, given the best agreeing one of each earlier window that has one.

        beside: what was last said of each event that is open.
        """
        ...


@dataclass(frozen=True)
class Evidence:
    """Both scores, in agreement that lasted.

    agree_s: how long earlier windows that agree have stood, together; 0: one window declares.
    """

    min_detection_score: float
    min_location_score: float
    agree_s: float
    within_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.agree_s < self.within_s:
            raise ValueError(
                f"0 <= agree_s < within_s is required: agreement of {self.agree_s} s within {self.within_s} s"
            )

    def suffices(self, estimate: WindowEstimate) -> bool:
        """Whether an estimate counts at all."""
        return (
            estimate.detection_score >= self.min_detection_score
            and estimate.location_score >= self.min_location_score
        )

    def declares(
        self, estimate: WindowEstimate, earlier: Sequence[Held], beside: Sequence[WindowEstimate]
    ) -> bool:
        """Whether agreement has lasted for agree_s."""
        return sum(each.held_s for each in earlier) >= self.agree_s - CLOCK_S


@dataclass(frozen=True)
class Felt:
    """A large earthquake that is felt, for which less evidence is enough: no noise does this.

    Estimates of least_magnitude, with a support (`WindowEstimate.support`) of least_support and scores of
    min_detection_score and min_location_score, declare once they have agreed for agree_s. Not while an event
    of that magnitude is open whose P may have come there before: what is felt is felt of that one.
    """

    least_magnitude: float
    least_support: float
    min_detection_score: float
    min_location_score: float
    agree_s: float

    def __post_init__(self) -> None:
        scores = 0 < self.min_detection_score < 1 and 0 <= self.min_location_score < 1
        if not (self.least_support > 1 and scores and self.agree_s > 0):
            raise ValueError(
                "least_support > 1, 0 < min_detection_score < 1, 0 <= min_location_score < 1 and "
                f"agree_s > 0 are required: {self}"
            )

    def holds(self, estimate: WindowEstimate) -> bool:
        """Whether this is such an estimate."""
        is_likely = estimate.detection_score >= self.min_detection_score
        is_placed = estimate.location_score >= self.min_location_score
        is_felt = self.is_large(estimate) and (estimate.support or 0.0) >= self.least_support
        return is_felt and is_likely and is_placed

    def declares(
        self, estimate: WindowEstimate, earlier: Sequence[Held], beside: Sequence[WindowEstimate]
    ) -> bool:
        """See `EvidenceRule`."""
        if not self.holds(estimate):
            return False
        if any(self.is_large(each) and _may_be_heard_at(each, estimate) for each in beside):
            return False
        stood_s = sum(each.held_s for each in earlier if self.holds(each.estimate))
        return stood_s >= self.agree_s - CLOCK_S

    def is_large(self, estimate: WindowEstimate) -> bool:
        """Whether it is said to be."""
        return estimate.magnitude is not None and estimate.magnitude >= self.least_magnitude


@dataclass(frozen=True)
class SummedEvidence:
    """Log odds of agreeing windows, ln(p / (1 - p)) of detection scores, that add up to least_log_odds.

    One window that is sure declares at once, several that are fairly sure declare together: what a sequential
    probability ratio test (Wald 1945) would do were windows independent. They overlap, so the sum is no
    probability, and its threshold is chosen on validation sequences.

    every_s: an earlier window counts once for every so many seconds that it stood; the last one counts once.
    felt, shaken: what declares with less, and what motion has to be for even less; None: nothing does.
    """

    min_detection_score: float
    min_location_score: float
    least_log_odds: float
    every_s: float
    within_s: float
    felt: Felt | None = None
    shaken: Felt | None = None

    def __post_init__(self) -> None:
        scores = 0.5 <= self.min_detection_score < 1
        too_long_s = [each.agree_s for each in self._by_motion if each.agree_s >= self.within_s]
        if too_long_s:
            raise ValueError(
                f"agree_s < within_s is required: agreement of {too_long_s[0]} s within {self.within_s} s"
            )
        if not (scores and 0 < self.every_s <= self.within_s and self.least_log_odds > 0):
            raise ValueError(
                "0.5 <= min_detection_score < 1 (below it a window speaks against the event), "
                f"0 < every_s <= within_s and least_log_odds > 0 are required: {self}"
            )

    def suffices(self, estimate: WindowEstimate) -> bool:
        """Whether an estimate counts at all."""
        return self._is_sure(estimate) or any(each.holds(estimate) for each in self._by_motion)

    def declares(
        self, estimate: WindowEstimate, earlier: Sequence[Held], beside: Sequence[WindowEstimate]
    ) -> bool:
        """Whether the sum is large enough, or motion is."""
        if any(each.declares(estimate, earlier, beside) for each in self._by_motion):
            return True
        if not self._is_sure(estimate):
            return False
        # what counts by its motion alone is no evidence, neither for nor against
        sure = [each for each in earlier if self._is_sure(each.estimate)]
        before = sum(_log_odds(each.estimate) * each.held_s / self.every_s for each in sure)
        return _log_odds(estimate) + before >= self.least_log_odds

    def _is_sure(self, estimate: WindowEstimate) -> bool:
        is_likely = estimate.detection_score >= self.min_detection_score
        return is_likely and estimate.location_score >= self.min_location_score

    @property
    def _by_motion(self) -> tuple[Felt, ...]:
        return tuple(each for each in (self.felt, self.shaken) if each is not None)


def _log_odds(estimate: WindowEstimate) -> float:
    p = min(estimate.detection_score, LARGEST_SCORE)
    return math.log(p / (1 - p))


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
    """What an event already declared explains: what is near it, or has the same first P at its stations.

    The first P is observed, while an early epicentre may move by tens of km as more stations see the event.
    Estimates that are further apart than places are wrong by, and share no station of their origins, are of
    two earthquakes: a network may be wider than either. Where nobody says which stations those are, the time
    alone counts.
    """

    first_p_s: float
    forget_s: float

    def holds(self, first: WindowEstimate, second: WindowEstimate) -> bool:
        """Whether two estimates are of one event."""
        same_first_p = abs(first.first_p_time_s - second.first_p_time_s) <= self.first_p_s
        return (same_first_p and _may_be_misplaced(first, second)) or super().holds(first, second)


@dataclass(frozen=True)
class Settlement:
    """When updates of an event stop.

    Once min_s have passed since its alarm and what is said of it has stayed within the tolerances for
    stable_s, or after max_s.
    """

    stable_s: float
    origin_time_s: float
    epicentre_km: float
    magnitude: float
    min_s: float
    max_s: float

    def __post_init__(self) -> None:
        if not self.stable_s > 0 or not 0 <= self.min_s <= self.max_s:
            raise ValueError(f"stable_s > 0 and 0 <= min_s <= max_s are required: {self}")

    def is_stable(self, estimates: Sequence[WindowEstimate]) -> bool:
        """Whether the estimates of an event, alarm first, have said the same as the last for long enough."""
        last = estimates[-1]
        if last.now_s - estimates[0].now_s < max(self.min_s, self.stable_s) - CLOCK_S:
            return False
        since_s = last.now_s - self.stable_s + CLOCK_S
        # what was said last before the span stood at its beginning: after a pause it has to agree, too
        first = max(i for i, each in enumerate(estimates) if each.now_s <= since_s)
        return all(self._is_near(each, last) for each in estimates[first:-1])

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


def _epicentral_distance_km(first: WindowEstimate, second: WindowEstimate) -> float:
    return math.hypot(first.east_km - second.east_km, first.north_km - second.north_km)


def _may_be_misplaced(first: WindowEstimate, second: WindowEstimate) -> bool:
    """Whether two estimates are near enough to be of one place, or rest on P of one station if they say."""
    if not (first.origin_stations and second.origin_stations):
        return True
    if _epicentral_distance_km(first, second) <= MISPLACED_KM:
        return True
    return not set(first.origin_stations).isdisjoint(second.origin_stations)


def _may_be_heard_at(one: WindowEstimate, other: WindowEstimate) -> bool:
    """Whether P of one may by now have come to where the other was first heard: motion is of all since."""
    travel_s = other.first_p_time_s - other.origin_time_s  # so near its epicentre that station lies
    apart_km = _epicentral_distance_km(one, other) - MISPLACED_KM
    return other.now_s + travel_s >= one.origin_time_s + apart_km / FASTEST_P_KMPS

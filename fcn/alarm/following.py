"""Until when a declared event is followed, what its coda accounts for, and when it is withdrawn.

For networks whose estimates say how ground motion goes (`WindowEstimate.falling_s`, `support`).
"""

import math
from dataclasses import dataclass

from fcn.alarm.rules import CLOCK_S
from fcn.catalogue.coda import CodaReach
from fcn.catalogue.event import WindowEstimate


@dataclass(frozen=True)
class Following:
    """Until when a declared event is read again: each such reading updates it, however weak its evidence.

    It is final once ground motion has been falling for falling_s, min_s after the alarm at the earliest and
    max_s at the latest.
    """

    falling_s: float
    min_s: float
    max_s: float

    def __post_init__(self) -> None:
        if not self.falling_s > 0 or not 0 <= self.min_s <= self.max_s:
            raise ValueError(f"falling_s > 0 and 0 <= min_s <= max_s are required: {self}")

    def has_fallen(self, falling_s: float | None) -> bool:
        """Whether motion that has been falling for so long has been for long enough."""
        return falling_s is not None and falling_s >= self.falling_s - CLOCK_S

    def is_over(self, since_alarm_s: float, falling_s: float | None) -> bool:
        """Whether what is said so long after the alarm, motion falling for so long, is the last word."""
        return since_alarm_s >= (self.min_s if self.has_fallen(falling_s) else self.max_s) - CLOCK_S


@dataclass(frozen=True)
class Coda:
    """What a new event within reach of a declared one's coda has to show, lest it be that one's own.

    least_support: motion has to rise by this factor after its P; growing_support: by this one while the
        declared one's still grows, as S waves and parts of the rupture make it rise; or
    magnitude_within: its magnitude is no less than the declared one's minus this (negative: above it), unless
        that one is a lower bound.
    """

    reach: CodaReach
    least_support: float
    growing_support: float
    magnitude_within: float

    def __post_init__(self) -> None:
        if not 1 < self.least_support <= self.growing_support:
            raise ValueError(
                f"1 < least_support <= growing_support is required, and 1 is no rise at all: {self}"
            )

    def accounts_for(self, declared: WindowEstimate, new: WindowEstimate, *, still_grows: bool) -> bool:
        """Whether a new estimate is taken for coda; never where its network gives no support.

        still_grows: the declared one does. An estimate that no station has felt yet has to wait.
        """
        large, own = declared.magnitude, new.magnitude
        least = self.growing_support if still_grows else self.least_support
        says_nothing = declared.support is None and new.support is None
        if large is None or says_nothing or (new.support or 0.0) >= least:
            return False
        # what still grows will be larger than it is said to be: nothing is no smaller
        if own is not None and own >= large - self.magnitude_within and not still_grows:
            return False
        apart_km = math.hypot(new.east_km - declared.east_km, new.north_km - declared.north_km)
        return self.reach.holds(large, new.origin_time_s - declared.origin_time_s, apart_km)


@dataclass(frozen=True)
class Retraction:
    """When a declared event is withdrawn.

    Its evidence, read again, has stayed below max_detection_score for for_s, all within within_s after the
    alarm, and no update gave it a magnitude above max_magnitude. Until that is so, or can be no more, a last
    word waits. max_detection_score: None, and none is.
    """

    max_detection_score: float | None
    for_s: float
    within_s: float
    max_magnitude: float

    def __post_init__(self) -> None:
        score = self.max_detection_score
        if not ((score is None or 0 < score <= 1) and 0 < self.for_s <= self.within_s):
            raise ValueError(f"0 < max_detection_score <= 1 and 0 < for_s <= within_s are required: {self}")

    def is_weak(self, estimate: WindowEstimate) -> bool:
        """Whether what was read again speaks for withdrawing the event."""
        return self.max_detection_score is not None and estimate.detection_score < self.max_detection_score

    def withdraws(self, weak_s: float, since_alarm_s: float, magnitude: float | None) -> bool:
        """Whether evidence has been weak for long enough; magnitude: the largest given so far."""
        return weak_s >= self.for_s - CLOCK_S and self.may_withdraw(weak_s, since_alarm_s, magnitude)

    def may_withdraw(self, weak_s: float, since_alarm_s: float, magnitude: float | None) -> bool:
        """Whether it withdraws an event whose evidence is weak now if that stays so for long enough."""
        missing_s = max(self.for_s - weak_s, 0.0)
        return since_alarm_s + missing_s <= self.within_s + CLOCK_S and (
            magnitude is None or magnitude <= self.max_magnitude
        )

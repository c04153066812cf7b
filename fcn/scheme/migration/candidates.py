"""Hypotheses of large earthquakes that were not declared, kept from one window to the next.

What a window finds depends on which picks anchor its volumes, and these change with every new one: a place
that spoke for an event half a second ago may not be asked again. It is, here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fcn.catalogue.event import Known, WindowEstimate


@dataclass(frozen=True)
class CandidateLaw:
    """What of a window's new hypotheses the next one asks again.

    least_evidence: of the volume. least_magnitude: smaller ones have to be found anew, by what picks say
    then: of a swarm's hypotheses those last that take S for P.
    """

    least_evidence: float
    least_magnitude: float

    def __post_init__(self) -> None:
        if not 0 < self.least_evidence <= 1:
            raise ValueError(
                f"reading.candidates.least_evidence must be in (0, 1], got {self.least_evidence:g}"
            )

    def keeps(self, said: WindowEstimate) -> bool:
        """Whether an estimate is one."""
        is_large = said.magnitude is not None and said.magnitude >= self.least_magnitude
        return said.follows is None and is_large and said.detection_score >= self.least_evidence


@dataclass
class Candidates:
    """What the last window found of new events.

    law: None: nothing is kept. same_s, same_km: of an event declared since, origin and epicentre are no
    further apart.
    """

    law: CandidateLaw | None
    same_s: float
    same_km: float
    last: list[WindowEstimate] = field(default_factory=list)

    @property
    def least_magnitude(self) -> float:
        """Of what may be an event that is found elsewhere; infinite without a law."""
        return math.inf if self.law is None else self.law.least_magnitude

    def keep(self, said: Sequence[WindowEstimate]) -> None:
        """Of what a window says, the next one's."""
        self.last = [each for each in said if self.law is not None and self.law.keeps(each)]

    def undeclared(self, known: Sequence[Known], now_s: float) -> list[WindowEstimate]:
        """Those of which no declared event has become, of a window before now_s: clocks may be set back."""
        before = (each for each in self.last if each.now_s < now_s)
        return [each for each in before if not any(self._is_same(each, other) for other in known)]

    def _is_same(self, one: WindowEstimate, other: Known) -> bool:
        said = other.estimate
        apart_km = math.hypot(one.east_km - said.east_km, one.north_km - said.north_km)
        return abs(one.origin_time_s - said.origin_time_s) <= self.same_s and apart_km <= self.same_km

    def state(self) -> list[Mapping[str, Any]]:
        """Plain data that `restore` takes."""
        return [each.plain for each in self.last]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from a `state`, by this law."""
        self.keep([WindowEstimate.of_plain(each) for each in state])

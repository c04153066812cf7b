"""Hypotheses that were not declared, kept from one window to the next.

What a window finds depends on which picks anchor its volumes, and these change with every new one: a place
that spoke for an event half a second ago may not be asked again. It is, here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fcn.catalogue.event import Known, WindowEstimate
from fcn.scheme.migration.reading import Reading


@dataclass
class Candidates:
    """What the last window found of new events.

    least_evidence: of what is kept; None: nothing is. same_s, same_km: of an event declared since, origin
    and epicentre are no further apart.
    """

    least_evidence: float | None
    same_s: float
    same_km: float
    last: list[WindowEstimate] = field(default_factory=list)

    @classmethod
    def by(cls, reading: Reading) -> "Candidates":
        """Nothing yet, by the rules of a reading."""
        return cls(reading.candidate_evidence, reading.same_s, reading.same_km)

    def keep(self, said: Sequence[WindowEstimate]) -> None:
        """Of what a window says, the next one's."""
        least = math.inf if self.least_evidence is None else self.least_evidence
        self.last = [each for each in said if each.follows is None and each.detection_score >= least]

    def undeclared(self, known: Sequence[Known]) -> list[WindowEstimate]:
        """Those of which no declared event has become."""
        return [each for each in self.last if not any(self._is_same(each, other) for other in known)]

    def _is_same(self, one: WindowEstimate, other: Known) -> bool:
        said = other.estimate
        apart_km = math.hypot(one.east_km - said.east_km, one.north_km - said.north_km)
        return abs(one.origin_time_s - said.origin_time_s) <= self.same_s and apart_km <= self.same_km

    def state(self) -> list[Mapping[str, Any]]:
        """Plain data that `restore` takes."""
        return [each.plain for each in self.last]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from a `state`."""
        self.last = [WindowEstimate.of_plain(each) for each in state]

"""The time in which something could be found: what hours, misses and false alarms are counted in."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from fcn.constants import ENOUGH_STATIONS

FLICKER_S = 5.0  # a shorter lapse, as lost packets make, does not end the watch


@dataclass(frozen=True)
class Watched:
    """Spans of POSIX seconds, in order, in which at least `ENOUGH_STATIONS` deliver, or all of fewer.

    Raises ValueError for spans that are empty or overlap.
    """

    spans_s: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        edges = [edge for span in self.spans_s for edge in span]
        if not edges or not all(a < b for a, b in itertools.pairwise(edges)):
            raise ValueError(f"a watch needs spans of time, one after the other, got {self.spans_s}")

    @classmethod
    def of(
        cls, delivers: Bool[np.ndarray, "station time"], start_time_s: float, sampling_rate_hz: float
    ) -> "Watched":
        """Of a network's recording; ValueError where too few stations ever deliver together."""
        enough = delivers.sum(axis=0) >= min(ENOUGH_STATIONS, len(delivers))
        edges = np.flatnonzero(np.diff(np.concatenate(([False], enough, [False])).astype(np.int8)))
        spans: list[tuple[float, float]] = []
        for first, last in edges.reshape(-1, 2) / sampling_rate_hz + start_time_s:
            if spans and first - spans[-1][1] <= FLICKER_S:
                first = spans.pop()[0]
            spans.append((float(first), float(last)))
        if not spans:
            needed = min(ENOUGH_STATIONS, len(delivers))
            raise ValueError(f"at no time do {needed} stations deliver together: nothing can be located")
        return cls(tuple(spans))

    @property
    def length_s(self) -> float:
        """All spans together."""
        return sum(end - start for start, end in self.spans_s)

    def __contains__(self, time_s: float) -> bool:
        return any(start <= time_s <= end for start, end in self.spans_s)

    def until(self, time_s: float) -> "Watched":
        """The same, ended at a time."""
        return Watched(tuple((start, min(end, time_s)) for start, end in self.spans_s if start < time_s))

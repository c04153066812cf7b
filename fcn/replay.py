"""A sequence replayed as if it were live: estimates in, declared events and their score out."""

import math
from collections.abc import Sequence as Items
from dataclasses import dataclass, field

import numpy as np

from fcn.alarm.declarer import Declarer
from fcn.catalogue.event import Catalogue, DeclaredEvent, Update, WindowEstimate
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import Score, score_sequence
from fcn.metrics.watched import Watched


@dataclass
class Replay:
    """Collects the windows of one sequence, in order."""

    name: str
    declarer: Declarer
    catalogue: Catalogue | None
    watched: Watched
    simulated: bool
    tolerance: MatchTolerance
    estimates: list[WindowEstimate] = field(default_factory=list)
    compute_ms: list[float] = field(default_factory=list)
    last_now_s: float = -math.inf

    def reset(self) -> None:
        """Forget everything, before another pass."""
        self.declarer.reset()
        self.estimates.clear()
        self.compute_ms.clear()
        self.last_now_s = -math.inf

    def process(self, now_s: float, estimates: Items[WindowEstimate], compute_ms: float) -> list[Update]:
        """The next window. Raises ValueError when it is not after the last one."""
        if now_s <= self.last_now_s:
            raise ValueError(
                f"sequence {self.name!r} must be replayed in order and in one process: the window ending at "
                f"{now_s} came after the one ending at {self.last_now_s}"
            )
        self.last_now_s = now_s
        self.estimates += estimates
        self.compute_ms.append(compute_ms)
        return self.declarer.process(now_s, list(estimates))

    @property
    def declared(self) -> list[DeclaredEvent]:
        """Everything declared so far."""
        return self.declarer.events

    def score(self) -> Score:
        """The content of metrics.json."""
        return score_sequence(
            self.declared,
            self.catalogue,
            self.watched,
            np.asarray(self.compute_ms, dtype=np.float64),
            tolerance=self.tolerance,
            simulated=self.simulated,
        )

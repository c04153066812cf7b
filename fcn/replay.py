"""A sequence replayed as if it were live: estimates in, declared events and their score out."""

import math
from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from fcn.catalogue.event import Catalogue, DeclaredEvent, Known, Update, WindowEstimate
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import Score, score_sequence


@runtime_checkable
class AlarmRule(Protocol):
    """What turns estimates into declared events; `fcn.stream.declare` holds the rule itself."""

    @property
    def events(self) -> list[DeclaredEvent]:
        """Everything declared so far."""
        ...

    def known(self, now_s: float) -> list[Known]:
        """The events declared before now_s and not yet forgotten."""
        ...

    def process(self, now_s: float, estimates: list[WindowEstimate]) -> list[Update]:
        """The estimates of the window ending at now_s."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...


@dataclass
class Replay:
    """Collects the windows of one sequence, in order."""

    name: str
    declarer: AlarmRule
    catalogue: Catalogue | None
    span_s: tuple[float, float]
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
            self.span_s,
            np.asarray(self.compute_ms, dtype=np.float64),
            tolerance=self.tolerance,
            simulated=self.simulated,
        )

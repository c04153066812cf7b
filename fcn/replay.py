"""A sequence replayed as if it were live: packets through the monitor's engine, and what it says scored."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from fcn.batch import Batch
from fcn.catalogue.event import Catalogue, DeclaredEvent, Update, WindowEstimate
from fcn.metrics.matching import MatchTolerance
from fcn.metrics.score import Score, score_sequence
from fcn.metrics.watched import Watched
from fcn.shaking.apart import Heard
from fcn.stream.engine import Engine
from fcn.stream.observing import ObservedNetwork
from fcn.stream.sources.replay import LAST_S, Link, ReplaySource
from fcn.waveform.amplitude import BLOCK_S
from fcn.waveform.stored import AnyTrace


@dataclass(eq=False)
class Replay:
    """The windows of one sequence, in order, and what is said of them.

    begin: a new engine for its stations. observe: what observes their intensity anew; None: nothing does.
    stream: what was recorded, taken from its files as it is needed.
    packet_s: length of the packets it comes in; None: a trace is one, see `Link`. latency_s: from a packet's
    last sample to its arrival; None: each is in time.
    Iterating is a pass: a new engine gets the packets as the clock goes and cuts the windows, which are for
    `read`; what they say is said by that clock. It belongs to the last pass. Raises ValueError where there
    are no two windows.
    """

    name: str
    begin: Callable[[], Engine]
    observe: Callable[[], ObservedNetwork | None]
    stream: Iterable[AnyTrace]
    packet_s: float | None
    latency_s: float | None
    catalogue: Catalogue | None
    watched: Watched
    simulated: bool
    tolerance: MatchTolerance
    estimates: list[WindowEstimate] = field(default_factory=list, init=False)
    compute_ms: list[float] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.reset()
        # the time that is tested passes between the first window's end and the last one's
        if len(self) < 2:
            timing = self.engine.timing
            raise ValueError(
                f"sequence {self.name!r} is shorter than one window of {timing.least_s:g} s and the next, "
                f"{timing.step_s:g} s later: nothing to test"
            )

    def reset(self) -> None:
        """Forget everything, before another pass."""
        self.engine, self._observed = self.begin(), self.observe()
        self._seen: list[tuple[float, Float64[np.ndarray, " station"]]] = []
        self.estimates.clear()
        self.compute_ms.clear()

    def __len__(self) -> int:
        """Windows of a pass: as many, or less where the first trace is late or has nothing to be read."""
        start_s = min(trace.stats.starttime.timestamp for trace in self.stream)
        end_s = max(trace.stats.endtime.timestamp for trace in self.stream)
        return self.engine.count_windows(start_s, end_s + LAST_S + (self.latency_s or 0.0))

    def __iter__(self) -> Iterator[Batch]:
        """A pass."""
        self.reset()
        source = ReplaySource(self.stream, plain_link(self.packet_s, self.latency_s), pace=None)
        tick = math.ceil(source.clock.now_s() / BLOCK_S)
        while not source.is_over(tick * BLOCK_S):
            now_s = tick * BLOCK_S
            packets = source.poll(now_s)
            self.engine.push(packets, now_s)
            for batch in self.engine.windows(now_s):
                if float(batch.now_s) > now_s - BLOCK_S:  # the first ones ended before their data had come
                    yield batch
            if self._observed is not None:
                self._observed.push(packets, now_s)
                now = self._observed.observed(now_s)
                self._seen.append((now_s, np.array([now.get(name, np.nan) for name in self.engine.live])))
            tick += 1

    def read(self, batch: Batch) -> tuple[Update, ...]:
        """The next window through network, reader and alarm rule, which is timed.

        Raises ValueError when it is not after the last one, or where a network's answer is no number.
        """
        (now_s,), last_s = batch.now_s.tolist(), self.engine.declarer.last_now_s
        if now_s <= last_s:
            raise ValueError(
                f"sequence {self.name!r} must be replayed in order and in one process: the window ending at "
                f"{now_s} came after the one ending at {last_s}"
            )
        start_s = time.perf_counter()
        try:
            step = self.engine.read(batch)
        except ValueError as error:
            raise ValueError(f"sequence {self.name!r}, {error}") from error
        self.compute_ms.append(1000 * (time.perf_counter() - start_s))
        self.estimates += step.estimates
        return step.updates

    @property
    def declared(self) -> list[DeclaredEvent]:
        """Everything declared so far."""
        return self.engine.declarer.events

    def heard(self) -> Heard:
        """Intensity of its stations at every tick of the clock, as a monitor would have observed it.

        Raises RuntimeError where it was not observed.
        """
        if not self._seen:
            raise RuntimeError(f"no pass of {self.name!r} has observed intensity: build it with `observing`")
        now_s, intensity = zip(*self._seen, strict=True)
        return Heard(tuple(self.engine.live), np.array(now_s), np.stack(intensity))

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


def plain_link(packet_s: float | None, latency_s: float | None) -> Link:
    """A link without loss or disorder, its latency the same for all; see `Link`."""
    return Link(
        seed=0,
        packet_s=packet_s,
        latency_s=latency_s,
        station_latency_s=(0.0, 0.0),
        jitter_s=0.0,
        loss_share=0.0,
        duplicate_share=0.0,
        late_share=0.0,
        late_s=0.0,
    )

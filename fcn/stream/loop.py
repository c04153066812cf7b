"""A monitor: packets from a source, through the engine, to what is said; and the state that survives a kill.

What was declared is on the disk before it is said (`events.json`), and what was said is in the journal: after
a kill at any moment the one lacks at most the last lines of the other, which are said at the restart.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obspy

from fcn.stream.engine import Engine
from fcn.stream.keeping import read_events, read_stream, write_events, write_stream
from fcn.stream.said import Said
from fcn.stream.sources import Source
from fcn.waveform.amplitude import BLOCK_S

log = logging.getLogger(__name__)

TICK_S = BLOCK_S  # windows end at its multiples
REMEMBER_S = 3_600.0  # a declared event of which nothing was said since is forgotten
EACH_S = 600.0  # and looked for so often


@dataclass(frozen=True)
class Habits:
    """wait_s: windows end so long before the clock; 0: what is late by then counts in the next.

    heartbeat_s: of the source's clock, between signs of life. state_s: of the machine's, between states.
    """

    wait_s: float
    heartbeat_s: float
    state_s: float

    def __post_init__(self) -> None:
        if self.wait_s < 0 or self.heartbeat_s <= 0 or self.state_s <= 0:
            raise ValueError(f"wait_s >= 0, heartbeat_s > 0 and state_s > 0 are required: {self}")


@dataclass(eq=False)
class Monitor:
    """Runs until the source is over or `stop` is called. `show`: takes an alert, as `said.alert` makes it.

    identity: what the state in `folder` must be of to be gone on with: a checkpoint, a source.
    Raises ValueError for a folder with the state of another.
    """

    engine: Engine
    source: Source
    folder: Path
    habits: Habits
    identity: Mapping[str, Any]
    show: Callable[[Mapping[str, Any]], None]
    beat: Callable[[str], None]
    n_windows: int = 0
    compute_s: float = 0.0
    _stopped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.said = Said(self.folder)
        self._restore()
        self._beat_s = self._tidied_s = -math.inf
        self._kept_s = time.monotonic()

    def stop(self) -> None:
        """End after the step that is being made; may be called from a signal handler."""
        self._stopped = True

    def run(self) -> None:
        """Until nothing more comes; the state is written at the end."""
        clock = self.source.clock
        tick = math.ceil(clock.now_s() / TICK_S)
        self._say(clock.now_s())  # what was declared and not said before a kill
        while not self._stopped and not self.source.is_over(tick * TICK_S):
            clock.wait_until(tick * TICK_S)
            self._step(tick * TICK_S)
            tick = max(tick + 1, math.floor(clock.now_s() / TICK_S))
        self._keep()
        self.source.close()

    def _step(self, now_s: float) -> None:
        self.engine.push(self.source.poll(now_s), now_s)
        began_s = time.perf_counter()
        steps = self.engine.advance(now_s - self.habits.wait_s)
        self.compute_s += time.perf_counter() - began_s
        self.n_windows += len(steps)
        if any(step.updates for step in steps):
            write_events(self.folder, self.engine.declarer.state())
            self._say(self.source.clock.now_s())
        if now_s - self._beat_s >= self.habits.heartbeat_s:
            self._beat_s = now_s
            self.beat(self._alive(now_s))
        if now_s - self._tidied_s >= EACH_S:
            self._tidied_s = now_s
            self.engine.declarer.forget(now_s - REMEMBER_S)
            self.said.forget(self.engine.declarer.events)
        if time.monotonic() - self._kept_s >= self.habits.state_s:
            self._keep()

    def _say(self, now_s: float) -> None:
        """To the journal first: a console that lacks a line does less harm than a journal."""
        alerts = self.said.missing(self.engine.declarer.events, now_s)
        self.said.write(alerts)
        for each in alerts:
            self.show(each)

    def _alive(self, now_s: float) -> str:
        delivering = self.engine.delivering
        late = [late_s for late_s in delivering.values() if late_s is not None]
        text = f"{obspy.UTCDateTime(now_s)} {len(late)} of {len(delivering)} stations"
        if late:
            text += f", data {sorted(late)[len(late) // 2]:.1f} s late (worst {max(late):.1f} s)"
        if self.n_windows:
            text += f", {self.n_windows} windows, {1000 * self.compute_s / self.n_windows:.0f} ms each"
        n_open = sum(each.is_open for each in self.engine.declarer.known(now_s))
        return f"{text}, {n_open} events open"

    def _keep(self) -> None:
        """Events first: what the stream's state has passed, they must know."""
        write_events(self.folder, self.engine.declarer.state())
        state = {"of": dict(self.identity), "engine": self.engine.state(), "source": self.source.state()}
        write_stream(self.folder, state)
        self._kept_s = time.monotonic()

    def _restore(self) -> None:
        events, stream = read_events(self.folder), read_stream(self.folder)
        if stream is not None and stream["of"] != dict(self.identity):
            raise ValueError(
                f"{self.folder} holds the state of another monitor ({stream['of']}, not "
                f"{dict(self.identity)}): "
                "give another folder=, or remove events.json and stream.pt from it"
            )
        if events is not None:
            self.engine.declarer.restore(events)
        if stream is not None:
            self.engine.restore(stream["engine"])
            self.source.restore(stream["source"])
            log.info("going on from %s", obspy.UTCDateTime(self.engine.clock_s))

"""A monitor: packets from a source, through the engine, to what is said; and the state that survives a kill.

What was declared is on the disk before it is said (`events.json`), and what was said is in the journal of the
sinks: after a kill at any moment that lacks at most the last versions, which are said at the restart.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import obspy

from fcn.alert.alert import Alert, Latencies, Producer
from fcn.alert.heartbeat import Heartbeat, SinkState
from fcn.alert.sinks.sinks import Sinks
from fcn.catalogue.event import DeclaredEvent, Status
from fcn.constants import STOPPED_S
from fcn.geometry.network import Network
from fcn.stream.attendants import Attendant, Told
from fcn.stream.engine import Engine, Step
from fcn.stream.keeping import read_events, read_stream, write_events, write_stream
from fcn.stream.left_out import left_out
from fcn.stream.sites import WarnedSites
from fcn.stream.sources import Source
from fcn.waveform.amplitude import BLOCK_S

log = logging.getLogger(__name__)

TICK_S = BLOCK_S  # windows end at its multiples
REMEMBER_S = 3_600.0  # a declared event of which nothing was said since is forgotten
EACH_S = 600.0  # and looked for so often
SET_BACK_S = 5.0  # a clock that is set back by less is waited for
CLOSING_S = 10.0  # sinks have so long for what waits at the end; the journal keeps the rest

Made = tuple[float, Mapping[float, Step]]  # when a step began by the clock, and its windows by their ends


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
    """Runs until the source is over or `stop` is called, which closes the sinks.

    identity: what the state in `folder` must be of to be gone on with: a checkpoint, a source. sites: to be
    warned, if any. attendants: called after every step, and at the end. steps: the windows of the last one.
    Raises ValueError for a folder with the state of another.
    """

    engine: Engine
    source: Source
    folder: Path
    habits: Habits
    identity: Mapping[str, Any]
    sinks: Sinks
    producer: Producer
    sites: WarnedSites | None = None
    attendants: Sequence[Attendant] = ()
    steps: Sequence[Step] = ()
    n_windows: int = 0
    compute_s: float = 0.0
    _stopped: bool = field(default=False, init=False)
    _failing: set[int] = field(default_factory=set, init=False)
    _told_left_out: str = field(default="", init=False)
    _is_full: bool = field(default=False, init=False)
    _is_blind: bool = field(default=False, init=False)
    _is_late: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._restore()
        self._versions = {each.event_id: self._said(each) for each in self.engine.declarer.events}
        self._told = {each.event_id: self._told_beyond(each) for each in self.engine.declarer.events}
        self._beat_s = self._tidied_s = -math.inf
        self._kept_s = time.monotonic()

    def stop(self) -> None:
        """End after the step that is being made; may be called from a signal handler."""
        self._stopped = True

    def watch(self, stations: Network, inventory: obspy.Inventory, unusable: Mapping[str, str]) -> str:
        """Listen to these stations from the next window on, and to their shaking; see `Engine.watch`."""
        sites = None if self.sites is None else self.sites.prepared(stations)
        changed = self.engine.watch(stations, inventory, unusable)
        if self.sites is not None and sites is not None and changed:
            self.sites.watch(sites, stations, inventory)
        return changed

    def run(self) -> None:
        """Until nothing more comes; the state is written at the end."""
        try:
            clock = self.source.clock
            tick = math.ceil(clock.now_s() / TICK_S)
            self._say(None)  # what was declared and not said before a kill
            while not self._stopped and not self.source.is_over(tick * TICK_S):
                clock.wait_until(tick * TICK_S)
                now_s = clock.now_s()
                if self.engine.clock_s - now_s > SET_BACK_S:
                    self._turn_back(now_s)
                    tick = math.ceil(now_s / TICK_S)
                if now_s < tick * TICK_S:
                    continue
                self._step(tick * TICK_S)
                for each in self.attendants:
                    self._spared(each, each.attend, self, tick * TICK_S)
                tick = max(tick + 1, math.floor(clock.now_s() / TICK_S))
            self.keep()
        finally:
            self.sinks.beat(self._heartbeat(is_alive=False))
            self.sinks.close(CLOSING_S)
            self.source.close()
            for each in self.attendants:
                self._spared(each, each.leave, self)

    def _spared(self, attendant: Attendant, act: Callable[..., None], *arguments: Any) -> None:
        """Whatever goes wrong in an attendant is logged, once for each of them, and ends no monitor."""
        try:
            act(*arguments)
        except Exception:
            if id(attendant) not in self._failing:
                log.exception("%s fails; the monitor goes on", type(attendant).__name__)
            self._failing.add(id(attendant))

    def _turn_back(self, now_s: float) -> None:
        """The clock was set back, or was ahead before a restart: what waits for its time would be mute."""
        log.error("the clock was set back by %.1f s: windows begin anew", self.engine.clock_s - now_s)
        self.engine.turn_back(now_s)
        if self.sites is not None:
            self.sites.reset()
        self._beat_s = self._tidied_s = -math.inf
        self._say(None)
        self.keep()

    def _step(self, now_s: float) -> None:
        packets = self.source.poll(now_s)
        self.engine.push(packets, now_s)
        began_s = time.perf_counter()
        self.steps = steps = self._read(now_s - self.habits.wait_s)
        self.compute_s += time.perf_counter() - began_s
        self.n_windows += len(steps)
        if any(step.updates for step in steps):
            self._write(write_events, self.engine.events_state())
            self._say((now_s, {step.now_s: step for step in steps}))
        if self.sites is not None:
            self.sites.push(packets, now_s)
            last = [each.final for each in self.engine.declarer.events]
            self.sites.process(now_s, last, self.source.clock.now_s(), self.sinks.warn)
        if now_s - self._beat_s >= self.habits.heartbeat_s:
            self._beat_s = now_s
            self.sinks.beat(self._heartbeat(is_alive=True))
            log.info(self.alive(now_s))
            self._warn_of_late()
            self._name_left_out()
        if now_s - self._tidied_s >= EACH_S:
            self._tidied_s = now_s
            self.engine.declarer.forget(now_s - REMEMBER_S)
            known = {each.event_id for each in self.engine.declarer.events}
            self._versions = {name: v for name, v in self._versions.items() if name in known}
            self._told = {name: n for name, n in self._told.items() if name in known}
        if time.monotonic() - self._kept_s >= self.habits.state_s:
            self.keep()

    def _read(self, now_s: float) -> list[Step]:
        """The windows that have ended; one that cannot be made or read is left out, and the next is read."""
        steps: list[Step] = []
        windows = self.engine.windows(now_s)
        while True:
            try:
                if (batch := next(windows, None)) is None:
                    return steps
                steps.append(self.engine.read(batch))
            except ValueError as error:
                self.engine.counts["windows that cannot be read"] += 1
                if not self._is_blind:
                    log.error("left out, as those that follow and cannot be read: %s", error)
                self._is_blind = True
            else:
                self._is_blind = False

    def _said(self, declared: DeclaredEvent) -> int:
        """The newest version said of an event, at a start.

        Without a journal nobody knows: what was declared before is taken for said. One that knows of nothing
        at all, where an event has several versions, was lost: of what goes on the newest version is said, of
        what is over none.
        """
        journal, n_versions = self.sinks.journal, len(declared.updates)
        if journal is None:
            return n_versions
        if journal.knows_nothing and n_versions > 1:
            return n_versions - (declared.final.status is Status.UPDATE)
        return min(journal.newest_version(declared.event_id), n_versions)

    def _told_beyond(self, declared: DeclaredEvent) -> int:
        """Versions said of an event besides those that it has: of before its state was lost.

        An earthquake that is declared anew goes on under its id, and with versions that nobody has had.
        """
        journal, n_versions = self.sinks.journal, len(declared.updates)
        return 0 if journal is None else max(journal.newest_version(declared.event_id) - n_versions, 0)

    def _say(self, made: Made | None) -> None:
        """What is declared and not said, in order of time. made: by what; None at a start."""
        for each in self.engine.declarer.events:
            if each.event_id not in self._told:
                journal = self.sinks.journal
                self._told[each.event_id] = 0 if journal is None else journal.newest_version(each.event_id)
        missing = [
            (update.now_s, version, each)
            for each in self.engine.declarer.events
            for version, update in enumerate(each.updates, start=1)
            if version > self._versions.get(each.event_id, 0)
        ]
        for _, version, each in sorted(missing, key=lambda found: found[0]):
            self._versions[each.event_id] = version
            try:
                alert = self._alert(each, version, made)
                self.sinks.say(alert)
            except ValueError as error:
                log.error("version %d of %s cannot be said: %s", version, each.event_id, error)
                continue
            for attendant in self.attendants:
                if isinstance(attendant, Told):
                    self._spared(attendant, attendant.said, alert)

    def _alert(self, declared: DeclaredEvent, version: int, made: Made | None) -> Alert:
        update, issued_s = declared.updates[version - 1], self.source.clock.now_s()
        latencies = None
        if made is not None and (step := made[1].get(update.now_s)) is not None:
            rule_s = time.perf_counter() - step.done_s
            waited_s = max(made[0] - update.now_s, 0.0)
            latencies = Latencies(waited_s, step.read_s, rule_s, self._transport_s(waited_s))
        said = Alert.of(declared, update, self.producer, issued_time_s=issued_s, latencies=latencies)
        return replace(said, version=said.version + self._told[declared.event_id])

    def _transport_s(self, waited_s: float) -> float | None:
        """How long before the end of a window, so old, the data of the station in the middle ended."""
        late = sorted(late_s for late_s in self.engine.delivering.values() if late_s is not None)
        return max(late[len(late) // 2] - waited_s, 0.0) if late else None

    def _warn_of_late(self) -> None:
        """Once: data that come on and on, and too late to be read."""
        late_s = self._transport_s(self.habits.wait_s)
        if late_s is not None and late_s > STOPPED_S and not self._is_late:
            self._is_late = True
            log.warning(
                "data of most stations are %.0f s later than windows wait for, and a station of which "
                "nothing has come for %g s is taken for stopped: nothing may be found; set habits.wait_s=%d, "
                "or more",
                *(late_s, STOPPED_S, math.ceil(self.habits.wait_s + late_s)),
            )

    def _heartbeat(self, *, is_alive: bool) -> Heartbeat:
        declarer, delivering = self.engine.declarer, self.engine.delivering
        read_s, now_s = declarer.last_now_s, self.source.clock.now_s()
        return Heartbeat(
            issued_time_s=now_s,
            is_alive=is_alive,
            data_time_s=read_s if math.isfinite(read_s) else None,
            n_stations=len(delivering),
            n_stations_heard=sum(late_s is not None for late_s in delivering.values()),
            n_events_open=sum(each.is_open for each in declarer.known(now_s)),
            sinks=tuple(
                SinkState(name, counts.is_up, counts.waiting, counts.latency_s)
                for name, counts in self.sinks.counts.items()
            ),
            producer=self.producer,
            left_out=left_out(self.engine),
        )

    def alive(self, now_s: float) -> str:
        """How it is, on a line."""
        delivering = self.engine.delivering
        late = [late_s for late_s in delivering.values() if late_s is not None]
        text = f"{obspy.UTCDateTime(now_s)} {len(late)} of {len(delivering)} stations"
        if late:
            text += f", data {sorted(late)[len(late) // 2]:.1f} s late (worst {max(late):.1f} s)"
        if self.n_windows:
            text += f", {self.n_windows} windows, {1000 * self.compute_s / self.n_windows:.0f} ms each"
        n_open = sum(each.is_open for each in self.engine.declarer.known(now_s))
        return f"{text}, {n_open} events open"

    def keep(self) -> None:
        """Write the state. Events first: what the stream's state has passed, they must know."""
        state = {
            "of": dict(self.identity),
            "frame": [self.engine.frame.latitude_deg, self.engine.frame.longitude_deg],
            "engine": self.engine.state(),
            "source": self.source.state(),
            "sites": None if self.sites is None else self.sites.state(),
        }
        if self._write(write_events, self.engine.events_state()):
            self._write(write_stream, state)
        self._kept_s = time.monotonic()

    def _write(self, write: Callable[[Path, Mapping[str, Any]], None], state: Mapping[str, Any]) -> bool:
        """Whether the disk took it. One that is full is logged, once, and keeps nobody from being told."""
        try:
            write(self.folder, state)
        except OSError as error:
            if not self._is_full:
                log.error("alerts are said, but the state cannot be written: %s", error)
            self._is_full = True
            return False
        if self._is_full:
            log.info("the state can be written again")
        self._is_full = False
        return True

    def _name_left_out(self) -> None:
        """Log who is left out, where it has changed."""
        names = "; ".join(f"{each.id}: {each.why}" for each in left_out(self.engine))
        if names != self._told_left_out:
            log.warning("stations left out: %s", names or "none any more")
            self._told_left_out = names

    def _restore(self) -> None:
        events, stream = read_events(self.folder), read_stream(self.folder)
        if stream is not None and stream["of"] != dict(self.identity):
            raise ValueError(
                f"{self.folder} holds the state of another monitor ({stream['of']}, not "
                f"{dict(self.identity)}): "
                "give another folder=, or remove events.json and stream.pt from it"
            )
        if events is not None:
            self.engine.restore_events(events)
        if stream is not None:
            self.engine.restore(stream["engine"])
            self.source.restore(stream["source"])
            if self.sites is not None and stream.get("sites") is not None:
                self.sites.restore(stream["sites"])
            log.info("going on from %s", obspy.UTCDateTime(self.engine.clock_s))

"""A merger that runs: from what monitors say to the sinks, with a state that survives a kill.

What was decided is on the disk before it is said (`merger.json`), and what was said in the journal of the
sinks: after a kill the newest version of each event is said that the journal lacks.
"""

import copy
import json
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import fcn
from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.sinks.sinks import Sinks
from fcn.checked import positive
from fcn.operations.listening import Listening
from fcn.operations.merger import Merger
from fcn.operations.status import StationStatus, Status, counted, of_sinks, write_status
from fcn.operations.systemd import Notices
from fcn.publish import new_file

log = logging.getLogger(__name__)

STATE = "merger.json"
DAMAGED = ".damaged"  # what is added to its name where it could not be read
CLOSING_S = 10.0  # sinks have so long for what waits at the end


@dataclass(frozen=True)
class MergeHabits:
    """poll_s, heartbeat_s, status_s: between looks, signs of life and statuses.

    silent_s: a monitor that has given no sign of life for so long is not heard.
    """

    poll_s: float
    heartbeat_s: float
    status_s: float
    silent_s: float

    def __post_init__(self) -> None:
        for key, value in vars(self).items():
            positive(f"habits.{key}", value)


@dataclass(eq=False)
class Merging:
    """Runs until `stop` is called, which closes the sinks. A broken state is set aside, and it begins anew.

    now_s: POSIX time. Its status and heartbeat count monitors where those of a monitor count stations.
    """

    merger: Merger
    listening: Listening
    sinks: Sinks
    folder: Path
    habits: MergeHabits
    now_s: Callable[[], float] = time.time
    _stopped: bool = field(default=False, init=False)
    _looked_s: float = field(default=-math.inf, init=False)
    _beat_s: float = field(default=-math.inf, init=False)
    _written_s: float = field(default=-math.inf, init=False)
    _lives_s: dict[str, float | None] = field(default_factory=dict, init=False)  # by monitor; None: has gone
    _wrong: str = field(default="", init=False)
    _notices: Notices = field(default_factory=Notices, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start_time_s = self.now_s()
        path = self.folder / STATE
        if not path.is_file():
            return
        restored = copy.deepcopy(self.merger)  # of what breaks half way nothing stays
        try:
            restored.restore(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:  # as a disk that lost power leaves it
            aside = path.replace(path.with_name(path.name + DAMAGED))
            log.error(
                "%s is no state of a merger (%r): it is kept as %s, and without it the merger begins anew",
                *(path, error, aside.name),
            )
        else:
            self.merger = restored

    def stop(self) -> None:
        """End after this look; may be called from a signal handler."""
        self._stopped = True

    def run(self) -> None:
        """Until it is stopped."""
        try:
            self.catch_up()
            while not self._stopped:
                self.look()
                self._notices.goes_on(self._alive)
                time.sleep(self.habits.poll_s)
        finally:
            self._notices.ends()
            self.listening.close()
            self.sinks.beat(self._heartbeat(is_alive=False))
            self.sinks.close(CLOSING_S)
            self._write_status(is_running=False)

    def catch_up(self) -> None:
        """Say what was decided and not said before a kill."""
        journal = self.sinks.journal
        for event_id, (last, _) in self.merger.events.items():
            if journal is not None and journal.newest_version(event_id) < last.version:
                self.sinks.say(last)

    def look(self) -> None:
        """Take what has come, and say what follows."""
        now_s = self.now_s()
        if now_s < self._looked_s:  # the clock was set back: nobody waits for its time
            self._beat_s = self._written_s = -math.inf
            self._lives_s = {name: s and min(s, now_s) for name, s in self._lives_s.items()}
        self._looked_s = now_s
        told: list[Alert] = []
        for each in self.listening.heard():
            if isinstance(each, Alert):
                told += self.merger.take(each, now_s)
            elif each.producer.monitor != self.merger.producer.monitor:
                self._note(each, now_s)
        told += self.merger.advance(now_s)
        if told:
            self._keep()
        for alert in told:
            self.sinks.say(alert)
        if now_s - self._beat_s >= self.habits.heartbeat_s:
            self._beat_s = now_s
            self.sinks.beat(self._heartbeat(is_alive=True))
            log.info(self._alive())
        if now_s - self._written_s >= self.habits.status_s:
            self._written_s = now_s
            self._write_status(is_running=True)

    def _note(self, beat: Heartbeat, now_s: float) -> None:
        """A sign of life counts from when it comes, not from when it was made: clocks differ."""
        monitor = beat.producer.monitor
        if not beat.is_alive and self._lives_s.get(monitor) is not None:
            log.warning("monitor %s has gone", monitor)
        self._lives_s[monitor] = now_s if beat.is_alive else None

    def _late_s(self) -> dict[str, float | None]:
        """By monitor, how long ago it gave a sign of life; None for one that does not."""
        now_s = self.now_s()
        ages = {name: None if s is None else max(now_s - s, 0.0) for name, s in sorted(self._lives_s.items())}
        return {
            name: age_s if age_s is not None and age_s < self.habits.silent_s else None
            for name, age_s in ages.items()
        }

    def _alive(self) -> str:
        """How it is, on a line."""
        late_s = self._late_s().values()
        heard = sum(each is not None for each in late_s)
        return f"{heard} of {len(late_s)} monitors, {self.merger.n_open} events open"

    def _heartbeat(self, *, is_alive: bool) -> Heartbeat:
        late_s = self._late_s()
        return Heartbeat(
            issued_time_s=self.now_s(),
            is_alive=is_alive,
            data_time_s=None,
            n_stations=len(late_s),
            n_stations_heard=sum(each is not None for each in late_s.values()),
            n_events_open=self.merger.n_open,
            producer=self.merger.producer,
        )

    def _keep(self) -> None:
        """A disk that takes nothing keeps nobody from being told."""
        try:
            with new_file(self.folder / STATE) as partial:
                partial.write_text(json.dumps(self.merger.state()), encoding="utf-8")
        except OSError as error:
            self._failed(error)

    def _write_status(self, *, is_running: bool) -> None:
        now_s = self.now_s()
        status = Status(
            written_time_s=now_s,
            start_time_s=self.start_time_s,
            is_running=is_running,
            pid=os.getpid(),
            version=fcn.__version__,
            producer=self.merger.producer,
            clock_time_s=now_s,
            data_time_s=None,
            stations=tuple(StationStatus(name, late_s) for name, late_s in self._late_s().items()),
            station_list=None,
            n_windows=0,
            computation_s=0.0,
            n_events_open=self.merger.n_open,
            left_out=counted(self.merger.counts, self.listening.counts),
            sinks=of_sinks(self.sinks.counts),
        )
        try:
            write_status(self.folder, status)
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        if str(error) != self._wrong:
            log.error("state or status cannot be written: %s", error)
        self._wrong = str(error)

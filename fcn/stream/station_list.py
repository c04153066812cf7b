"""A list of stations that changes while a monitor runs.

Read in a thread of its own, for StationXML takes seconds; taken between two steps, whole or not at all.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fcn.operations.status import StationListStatus
from fcn.stream.network import WatchedNetwork

if TYPE_CHECKING:
    from fcn.stream.loop import Monitor

log = logging.getLogger(__name__)

LONGEST_REASON = 300  # characters of a refusal in the status

Seen = tuple[int, int, int]  # inode, size, time of change in ns


@runtime_checkable
class Selecting(Protocol):
    """A source that is told which stations it is asked for."""

    def select(self, station_ids: Sequence[str]) -> None:
        """Ask for these from now on."""
        ...


@dataclass(eq=False)
class StationList:
    """An attendant: takes the list anew when it is asked to, or the file has changed.

    path: the file, for its time of change. read: the network of it; whatever that raises, the old list goes
    on. look_s: between looks at the file; None: it is read when asked alone. seen: the file as it was when it
    was read for the start, which takes a while; None: as it is now.
    """

    path: Path
    read: Callable[[], WatchedNetwork]
    look_s: float | None
    seen: Seen | None = None
    changed_time_s: float = field(default_factory=time.time)
    n_changes: int = 0
    n_refused: int = 0
    refused: str | None = None
    _asked: bool = field(default=False, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _found: WatchedNetwork | Exception | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.look_s is not None and not self.look_s > 0:
            raise ValueError(f"operations.stations_s must be above 0, or null: {self.look_s}")
        self._seen, self._looked_s = self.seen or seen_now(self.path), time.monotonic()

    def ask(self) -> None:
        """Read it at the next step; may be called from a signal handler."""
        self._asked = True

    def status(self) -> StationListStatus:
        """How it is."""
        return StationListStatus(self.changed_time_s, self.n_changes, self.n_refused, self.refused)

    def attend(self, monitor: "Monitor", now_s: float) -> None:
        """See `Attendant`."""
        if self._thread is not None:
            if not self._thread.is_alive():
                self._thread = None
                self._take(monitor)
        elif self._is_due():
            self._thread = threading.Thread(target=self._read, name="station list", daemon=True)
            self._thread.start()

    def leave(self, monitor: "Monitor") -> None:
        """See `Attendant`."""

    def _is_due(self) -> bool:
        asked, self._asked = self._asked, False
        now_s = time.monotonic()
        if not asked and (self.look_s is None or now_s - self._looked_s < self.look_s):
            return False
        self._looked_s = now_s
        seen = seen_now(self.path)
        if not asked and seen in (None, self._seen):  # a file that is being replaced may be gone for a moment
            return False
        self._seen = seen
        return True

    def _read(self) -> None:
        try:
            self._found = self.read()
        except Exception as error:  # whatever the file holds, the monitor goes on
            self._found = error

    def _take(self, monitor: "Monitor") -> None:
        found, self._found = self._found, None
        try:
            if not isinstance(found, WatchedNetwork):
                raise found or RuntimeError("it was not read")
            changed = monitor.watch(found.stations, found.inventory, found.unusable)
        except Exception as error:
            self.n_refused += 1
            self.refused = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
            log.error("the station list %s is refused, the old one goes on: %s", self.path, self.refused)
            return
        self.refused, self.changed_time_s = None, time.time()
        if not changed:
            log.info("the station list %s says what it said", self.path)
            return
        self.n_changes += 1
        log.warning("stations: %s", changed)
        if isinstance(monitor.source, Selecting):
            monitor.source.select(list(monitor.engine.live))
        monitor.keep()  # the state on the disk is of the new list


def seen_now(path: Path) -> Seen | None:
    """By what it is told that a file has changed; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns

"""What goes along with a monitor's steps and is no part of them: its status on the disk, for whoever asks."""

import functools
import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import fcn
from fcn.alert.alert import Alert
from fcn.operations.status import (
    StationListStatus,
    StationStatus,
    Status,
    counted,
    of_sinks,
    write_status,
)
from fcn.operations.systemd import Notices
from fcn.stream.left_out import left_out

if TYPE_CHECKING:
    from fcn.stream.loop import Monitor

log = logging.getLogger(__name__)


@runtime_checkable
class Attendant(Protocol):
    """Called in the monitor's thread: it must be quick, and raise nothing."""

    def attend(self, monitor: "Monitor", now_s: float) -> None:
        """After a step, by the source's clock."""
        ...

    def leave(self, monitor: "Monitor") -> None:
        """After the last; the sinks are closed by then."""
        ...


@runtime_checkable
class Told(Protocol):
    """An attendant that wants the alerts, too; as quick, and it raises nothing."""

    def said(self, alert: Alert) -> None:
        """An alert has been given to the sinks."""
        ...


def status_of(
    monitor: "Monitor",
    *,
    start_time_s: float,
    is_running: bool,
    station_list: StationListStatus | None = None,
) -> Status:
    """The monitor as it is now."""
    engine, now_s = monitor.engine, monitor.source.clock.now_s()
    read_s = engine.declarer.last_now_s
    sources: Mapping[str, int] = getattr(monitor.source, "counts", {})
    return Status(
        written_time_s=time.time(),
        start_time_s=start_time_s,
        is_running=is_running,
        pid=os.getpid(),
        version=fcn.__version__,
        producer=monitor.producer,
        clock_time_s=now_s,
        data_time_s=read_s if math.isfinite(read_s) else None,
        stations=tuple(StationStatus(name, late_s) for name, late_s in engine.delivering.items()),
        station_list=station_list,
        n_windows=monitor.n_windows,
        computation_s=monitor.compute_s,
        n_events_open=sum(each.is_open for each in engine.declarer.known(now_s)),
        left_out=counted(engine.counts, sources, *(each.counts for each in engine.live.values())),
        sinks=of_sinks(monitor.sinks.counts),
        stations_left_out=left_out(engine),
    )


class Systemd:
    """Tells systemd that the monitor is ready, then that its loop goes on, and how it is."""

    def __init__(self) -> None:
        self._notices = Notices()

    def attend(self, monitor: "Monitor", now_s: float) -> None:
        """See `Attendant`."""
        self._notices.goes_on(lambda: monitor.alive(now_s))

    def leave(self, monitor: "Monitor") -> None:
        """See `Attendant`."""
        self._notices.ends()


@dataclass(eq=False)
class StatusKeeper:
    """Writes the status every `every_s` of the machine's clock, and with the last word.

    write: further places to say it at, before the disk, which may be full. station_list: what is known of the
    list. A disk that takes nothing is logged once, and stops nobody.
    """

    every_s: float
    write: tuple[Callable[[Status], None], ...] = ()
    station_list: Callable[[], StationListStatus | None] = lambda: None
    start_time_s: float = field(default_factory=time.time)
    _written_s: float = field(default=-math.inf, init=False)
    _fails: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if not self.every_s > 0:
            raise ValueError(f"operations.status_s must be above 0, got {self.every_s}")

    def attend(self, monitor: "Monitor", now_s: float) -> None:
        """See `Attendant`."""
        if time.monotonic() - self._written_s >= self.every_s:
            self._write(monitor, is_running=True)
            self._written_s = time.monotonic()

    def leave(self, monitor: "Monitor") -> None:
        """See `Attendant`."""
        self._write(monitor, is_running=False)

    def _write(self, monitor: "Monitor", *, is_running: bool) -> None:
        try:
            status = status_of(
                monitor,
                start_time_s=self.start_time_s,
                is_running=is_running,
                station_list=self.station_list(),
            )
            places: Sequence[Callable[[Status], None]] = (
                *self.write,
                functools.partial(write_status, monitor.folder),
            )
            for write in places:
                write(status)
        except (OSError, ValueError) as error:
            if not self._fails:
                log.error("the status cannot be written: %s", error)
            self._fails = True
        else:
            self._fails = False

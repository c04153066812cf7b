"""What a running monitor last said of itself: one object of JSON in its folder, replaced whole."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn.alert.alert import Producer
from fcn.alert.heartbeat import LeftOut
from fcn.alert.plain import from_line, moment, to_line
from fcn.alert.sinks.lane import Counts
from fcn.publish import new_file

STATUS = "status.json"  # in the monitor's folder
SCHEMA, SCHEMA_VERSION = "fcn-status", 2
MOST_COUNTS = 100  # kinds of what was left out; damaged input could make more


@dataclass(frozen=True)
class StationStatus:
    """late_s: how old its last sample is by the source's clock; None while it is silent."""

    id: str
    late_s: float | None


@dataclass(frozen=True)
class Count:
    """How often something happened since the monitor's state began."""

    what: str
    n: int


@dataclass(frozen=True)
class SinkStatus:
    """What became of the alerts of a sink: see `fcn.alert.sinks.lane.Counts`."""

    name: str
    delivered: int
    superseded: int
    left: int
    refused: int
    failed: int
    waiting: int
    is_up: bool
    latency_s: float | None = None


@dataclass(frozen=True)
class StationListStatus:
    """Of the list of stations. changed_time_s: when it was last taken, by the wall's clock.

    n_changes, n_refused: lists taken, and refused, since the start. refused: why the newest list is not the
    one that is used; None where it is.
    """

    changed_time_s: float
    n_changes: int
    n_refused: int
    refused: str | None


@dataclass(frozen=True)
class Status:
    """A monitor at one moment.

    written_time_s, start_time_s: by the wall's clock; what is counted without another word is counted since
    the start. clock_time_s: by the source's clock, which a replay has of its own. data_time_s: end of the
    newest window that was read; None before the first. is_running: false in its last word.
    n_windows, computation_s: windows read, and what they took together. left_out: packets and records.
    stations_left_out: stations that do not count, whether they are among `stations` or not.
    """

    written_time_s: float
    start_time_s: float
    is_running: bool
    pid: int
    version: str
    producer: Producer
    clock_time_s: float
    data_time_s: float | None
    stations: tuple[StationStatus, ...]
    station_list: StationListStatus | None
    n_windows: int
    computation_s: float
    n_events_open: int
    left_out: tuple[Count, ...]
    sinks: tuple[SinkStatus, ...]
    stations_left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        for key in ("written_time_s", "start_time_s", "clock_time_s", "data_time_s"):
            if (value := getattr(self, key)) is not None:
                object.__setattr__(self, key, moment(key, value))

    @property
    def behind_s(self) -> float | None:
        """How long before the clock the newest window ended, s; None before the first."""
        return None if self.data_time_s is None else max(self.clock_time_s - self.data_time_s, 0.0)

    @property
    def late_s(self) -> list[float]:
        """How late the stations are that are heard, s, in order."""
        return sorted(each.late_s for each in self.stations if each.late_s is not None)

    @property
    def median_late_s(self) -> float | None:
        """Of the stations that are heard, s; None where none is."""
        return statistics.median(self.late_s) if self.late_s else None

    @property
    def window_ms(self) -> float | None:
        """What a window took in the mean, ms; None before the first."""
        return 1000.0 * self.computation_s / self.n_windows if self.n_windows else None

    def to_json(self) -> str:
        """One line of JSON; `from_json` makes an equal status of it."""
        return to_line(SCHEMA, SCHEMA_VERSION, self)

    @classmethod
    def from_json(cls, line: str) -> "Status":
        """The status of a line; ValueError naming the key that `to_json` would not write."""
        return from_line(SCHEMA, SCHEMA_VERSION, cls, line, {1: _of_version_1})


def _of_version_1(node: dict[str, Any]) -> None:
    """One that says nothing of stations that are left out."""
    node.setdefault("stations_left_out", [])


def counted(*counts: Mapping[str, int]) -> tuple[Count, ...]:
    """All of them together, the most frequent first, `MOST_COUNTS` at most; names on one line."""
    total: dict[str, int] = {}
    for each in counts:
        for what, n in dict(each).items():  # threads of a source may add to it
            readable = "".join(c if c.isprintable() else "?" for c in what).strip() or "?"
            total[readable] = total.get(readable, 0) + n
    most = sorted(total.items(), key=lambda item: (-item[1], item[0]))[:MOST_COUNTS]
    return tuple(Count(what, n) for what, n in most)


def of_sinks(counts: Mapping[str, Counts]) -> tuple[SinkStatus, ...]:
    """What `Sinks.counts` says, in its order."""
    return tuple(SinkStatus(name=name, **vars(each)) for name, each in counts.items())


def write_status(folder: Path, status: Status) -> None:
    """Replace the file in the folder; OSError where that is impossible."""
    with new_file(folder / STATUS) as partial:
        partial.write_text(f"{status.to_json()}\n", encoding="utf-8")


def read_status(folder: Path) -> Status:
    """What the monitor of a folder last said of itself.

    Raises FileNotFoundError where none has said anything, ValueError naming the file for one that is broken.
    """
    path = folder / STATUS
    if not path.is_file():
        raise FileNotFoundError(f"no {STATUS} in {folder}: folder= is that of a monitor that runs, or ran")
    try:
        return Status.from_json(path.read_text(encoding="utf-8").strip())
    except ValueError as error:
        raise ValueError(f"{path} is no status of a monitor: {error}") from error

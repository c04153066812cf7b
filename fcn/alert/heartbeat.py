"""That a monitor lives and listens, so that silence means that nothing happens."""

import enum
from dataclasses import dataclass
from typing import Any

from fcn.alert.alert import Producer
from fcn.alert.plain import from_line, moment, to_line
from fcn.checked import number, text, whole

SCHEMA, SCHEMA_VERSION = "fcn-heartbeat", 3


@dataclass(frozen=True)
class SinkState:
    """A sink: whether it takes what it is given, how many alerts wait for it, and how long it takes.

    latency_s: from when the last alert it took was said to when it had taken it; None before the first.
    Raises ValueError naming what cannot be.
    """

    name: str
    is_up: bool
    n_waiting: int
    latency_s: float | None

    def __post_init__(self) -> None:
        text("name of a sink", self.name)
        whole("n_waiting", self.n_waiting, 0)
        if self.latency_s is not None:
            number("latency_s", self.latency_s, least=0.0)


class Why(enum.StrEnum):
    """Why a station does not count.

    UNHEALTHY: by its own health (`fcn.scheme.migration.station_health`). NOT_DESCRIBED: of what it delivers
    the station list states no response. UNUSABLE: for another reason. NOT_WATCHED: it delivers, and nobody
    asked for it.
    """

    UNHEALTHY = "unhealthy"
    NOT_DESCRIBED = "not described"
    UNUSABLE = "unusable"
    NOT_WATCHED = "not watched"


@dataclass(frozen=True)
class LeftOut:
    """A station, NET.STA, that does not count, and why; ValueError for a text that is none."""

    id: str
    kind: Why
    why: str

    def __post_init__(self) -> None:
        text("id of a station", self.id)
        text("why", self.why)


@dataclass(frozen=True)
class Heartbeat:
    """The state of a monitor at one moment.

    is_alive: false is what others say of it once it has gone, and its own last word.
    data_time_s: end of the newest window it has read; None before the first.
    n_stations_heard: of the n_stations it knows, those whose data counted in that window.
    n_events_open: of which more will be said.
    sinks: what became of alerts, by sink. left_out: stations that do not count, or not in all.
    Raises ValueError naming what cannot be.
    """

    issued_time_s: float
    is_alive: bool
    data_time_s: float | None
    n_stations: int
    n_stations_heard: int
    n_events_open: int
    producer: Producer
    sinks: tuple[SinkState, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __post_init__(self) -> None:
        for key in ("issued_time_s", "data_time_s"):
            if (value := getattr(self, key)) is not None:
                object.__setattr__(self, key, moment(key, value))
        whole("n_stations", self.n_stations, 0)
        whole("n_stations_heard", self.n_stations_heard, 0, self.n_stations)
        whole("n_events_open", self.n_events_open, 0)

    def to_json(self) -> str:
        """One line of JSON; `from_json` makes an equal heartbeat of it."""
        return to_line(SCHEMA, SCHEMA_VERSION, self)

    @classmethod
    def from_json(cls, line: str) -> "Heartbeat":
        """The heartbeat of a line; ValueError naming the key that `to_json` would not write."""
        return from_line(SCHEMA, SCHEMA_VERSION, cls, line, {1: _of_version_1, 2: _of_version_2})


def _of_version_1(node: dict[str, Any]) -> None:
    """One that says nothing of sinks."""
    node.setdefault("sinks", [])
    _of_version_2(node)


def _of_version_2(node: dict[str, Any]) -> None:
    """One that says nothing of stations that are left out."""
    node.setdefault("left_out", [])

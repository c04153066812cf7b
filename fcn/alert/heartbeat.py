"""That a monitor lives and listens, so that silence means that nothing happens."""

from dataclasses import dataclass

from fcn.alert.alert import Producer
from fcn.alert.plain import from_line, moment, to_line
from fcn.checked import whole

SCHEMA, SCHEMA_VERSION = "fcn-heartbeat", 1


@dataclass(frozen=True)
class Heartbeat:
    """The state of a monitor at one moment.

    is_alive: false is what others say of it once it has gone, and its own last word.
    data_time_s: end of the newest window it has read; None before the first.
    n_stations_heard: of the n_stations it knows, those whose data counted in that window.
    n_events_open: of which more will be said.
    Raises ValueError naming what cannot be.
    """

    issued_time_s: float
    is_alive: bool
    data_time_s: float | None
    n_stations: int
    n_stations_heard: int
    n_events_open: int
    producer: Producer

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
        return from_line(SCHEMA, SCHEMA_VERSION, cls, line)

"""What is said of an event at one moment, to whoever listens: one version of it.

Plain data: nothing here reads a clock, a file or a network. Times are POSIX seconds UTC, kept to the
microsecond; in JSON they are ISO 8601 (`fcn.alert.plain`).
"""

import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np

from fcn.alert.plain import from_line, moment, name, to_line
from fcn.catalogue.event import Covariance, DeclaredEvent, Event, Status, Update, covariance_of
from fcn.catalogue.ranges import RANGES
from fcn.checked import number, text, whole

SCHEMA, SCHEMA_VERSION = "fcn-alert", 3
WITHIN = 0.9  # probability that the magnitude lies in its range
_SIGMAS = statistics.NormalDist().inv_cdf((1 + WITHIN) / 2)
_LONGEST_S = 86_400.0  # of a latency: what is older is no early warning, but a replay's clock may say so
_LARGEST_KM2 = RANGES["horizontal_uncertainty_km"][1] ** 2
_PSD_TOLERANCE = 1e-9  # of a covariance's largest eigenvalue, for the rounding of whoever made it


@dataclass(frozen=True)
class Producer:
    """Who says it: a monitor by name, its network and configuration by their digests.

    is_simulated: it is a replay, of motion that was recorded or simulated: nothing happens now.
    Raises ValueError for a name that could not name a topic or a file, or a digest that is none.
    """

    monitor: str
    checkpoint_digest: str
    config_digest: str
    is_simulated: bool

    def __post_init__(self) -> None:
        for key in ("monitor", "checkpoint_digest", "config_digest"):
            name(key, getattr(self, key))


@dataclass(frozen=True)
class Origin:
    """Where and when, depth positive down from sea level; uncertainties as in `Event`, None if unknown.

    covariance_km2: of east, north and down, where more is known than the radii.
    Raises ValueError naming what lies outside of what earthquakes have, or is no covariance.
    """

    time_s: float
    latitude_deg: float
    longitude_deg: float
    depth_km: float
    time_uncertainty_s: float | None
    horizontal_uncertainty_km: float | None
    depth_uncertainty_km: float | None
    covariance_km2: Covariance | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "time_s", moment("origin time", self.time_s))
        number("latitude_deg", self.latitude_deg, -90.0, 90.0)
        number("longitude_deg", self.longitude_deg, -180.0, 180.0)
        number("depth_km", self.depth_km, *RANGES["depth_km"])
        for key, bounds in (
            ("time_uncertainty_s", RANGES["origin_time_uncertainty_s"]),
            ("horizontal_uncertainty_km", RANGES["horizontal_uncertainty_km"]),
            ("depth_uncertainty_km", RANGES["depth_uncertainty_km"]),
        ):
            if getattr(self, key) is not None:
                number(key, getattr(self, key), *bounds)
        if self.covariance_km2 is not None:
            _check_covariance(self.covariance_km2)


def _check_covariance(covariance_km2: Covariance) -> None:
    for i, row in enumerate(covariance_km2):
        for j, each in enumerate(row):
            number(f"covariance_km2[{i}][{j}]", each, -_LARGEST_KM2, _LARGEST_KM2)
    matrix = np.array(covariance_km2)
    eigenvalues = np.linalg.eigvalsh(matrix)
    is_symmetric = np.allclose(matrix, matrix.T, rtol=_PSD_TOLERANCE, atol=0.0)
    if not is_symmetric or eigenvalues[0] < -_PSD_TOLERANCE * abs(eigenvalues[-1]):
        raise ValueError(f"covariance_km2 must be symmetric, no eigenvalue below 0: {covariance_km2}")


@dataclass(frozen=True)
class Magnitude:
    """A magnitude and the range in which it lies with a probability of 90 %; None where nobody knows.

    is_lower_bound: more is likely to come: it is at least this, and the range is of what has been seen.
    Raises ValueError naming what no magnitude can be, or a range that does not hold the value.
    """

    value: float
    type: str
    least: float | None
    most: float | None
    is_lower_bound: bool

    def __post_init__(self) -> None:
        number("magnitude", self.value, *RANGES["magnitude"])
        text("magnitude type", self.type)
        if (self.least is None) != (self.most is None):
            raise ValueError(f"a magnitude's range has two ends or none: {self.least} to {self.most}")
        if self.least is not None and self.most is not None:
            number("least magnitude", self.least, most=self.value)
            number("most magnitude", self.most, least=self.value)


@dataclass(frozen=True)
class Latencies:
    """Seconds from ground to word, by stage.

    transport_s: from the newest sample that had come of the station in the middle to the end of the window:
    how late data are; None where nobody says.
    data_s: from the end of the window to the beginning of the step that read it, by the source's clock:
    waiting for the late.
    reading_s: of making the window and reading it; rule_s: from there to when the alert was issued, the alarm
    rule and the state on the disk; both by the machine's clock, and the second 0 where nobody tells it apart.
    How long a sink took is known afterwards alone: `fcn.alert.heartbeat`.
    """

    data_s: float
    reading_s: float
    rule_s: float = 0.0
    transport_s: float | None = None

    def __post_init__(self) -> None:
        for key in ("data_s", "reading_s", "rule_s", "transport_s"):
            if (value := getattr(self, key)) is not None:
                number(key, value, 0.0, _LONGEST_S)

    def stages(self) -> list[tuple[str, float]]:
        """Name and seconds of each stage that is known."""
        return [(key.removesuffix("_s"), value) for key, value in vars(self).items() if value is not None]

    @property
    def until_read_s(self) -> float:
        """How old the newest data were when they were read, as far as it is known."""
        return (self.transport_s or 0.0) + self.data_s

    @property
    def computation_s(self) -> float:
        """Reading and rule together."""
        return self.reading_s + self.rule_s


@dataclass(frozen=True)
class Alert:
    """One version of what is known of an event; id and version say which, for ever: the same is the same.

    version: 1 is the alarm; the highest is the newest. probability: that the event is real, the network's
    detection score. origin_stations, magnitude_stations: ids of those that count; None where nobody says.
    data_time_s: end of the window it was made from. issued_time_s: when it was said, by the clock that the
    monitor goes by. latencies: None where data have none, as in a replay of files.
    Raises ValueError naming what cannot be, with its value.
    """

    event_id: str
    version: int
    status: Status
    origin: Origin
    magnitude: Magnitude | None
    probability: float
    first_p_time_s: float | None
    origin_stations: tuple[str, ...] | None
    magnitude_stations: tuple[str, ...] | None
    data_time_s: float
    issued_time_s: float
    latencies: Latencies | None
    producer: Producer

    def __post_init__(self) -> None:
        name("event_id", self.event_id)
        whole("version", self.version, 1, 1_000_000)
        number("probability", self.probability, 0.0, 1.0)
        for key in ("first_p_time_s", "data_time_s", "issued_time_s"):
            if (value := getattr(self, key)) is not None:
                object.__setattr__(self, key, moment(key, value))
        for key in ("origin_stations", "magnitude_stations"):
            for each in getattr(self, key) or ():
                text(key, each)

    @classmethod
    def of(
        cls,
        declared: DeclaredEvent,
        update: Update,
        producer: Producer,
        *,
        issued_time_s: float,
        latencies: Latencies | None = None,
    ) -> "Alert":
        """What an update says of its event; its version is its place among the event's updates.

        Raises ValueError where the update is none of the event's, or says what no alert can.
        """
        if update not in declared.updates:
            raise ValueError(f"an update made at {update.now_s} is none of event {declared.event_id!r}")
        return cls(
            event_id=declared.event_id,
            version=1 + declared.updates.index(update),
            status=update.status,
            origin=_origin(update.event, _covariance(update.covariance_km2)),
            magnitude=_magnitude(update),
            probability=update.detection_score,
            first_p_time_s=update.event.first_p_time_s,
            origin_stations=update.origin_stations,
            magnitude_stations=update.magnitude_stations,
            data_time_s=update.now_s,
            issued_time_s=issued_time_s,
            latencies=latencies,
            producer=producer,
        )

    @property
    def is_last(self) -> bool:
        """Whether nothing more will be said of the event."""
        return self.status in (Status.FINAL, Status.RETRACTED)

    @property
    def is_retracted(self) -> bool:
        """Whether the event was withdrawn."""
        return self.status is Status.RETRACTED

    def to_json(self) -> str:
        """One line of JSON; `from_json` makes an equal alert of it."""
        return to_line(SCHEMA, SCHEMA_VERSION, self)

    @classmethod
    def from_json(cls, line: str) -> "Alert":
        """The alert of a line; ValueError naming the key, with its value, that `to_json` would not write."""
        return from_line(SCHEMA, SCHEMA_VERSION, cls, line, {1: _of_version_1, 2: _of_version_2})


def _of_version_1(node: dict[str, Any]) -> None:
    """What a journal holds from before: one figure for reading and rule."""
    if isinstance(node.get("latencies"), dict) and "computation_s" in node["latencies"]:
        node["latencies"] |= {"reading_s": node["latencies"].pop("computation_s"), "rule_s": 0.0}
    _of_version_2(node)


def _of_version_2(node: dict[str, Any]) -> None:
    """One that does not say how late data were."""
    if isinstance(node.get("latencies"), dict):
        node["latencies"].setdefault("transport_s", None)


def _covariance(covariance_km2: Covariance | None) -> Covariance | None:
    """One of the Earth, as sums of single precision are but nearly one; None for what is beyond it."""
    if covariance_km2 is None:
        return None
    matrix = np.array(covariance_km2, dtype=np.float64)
    if not (np.abs(matrix) <= _LARGEST_KM2).all():
        return None
    variances, axes = np.linalg.eigh(0.5 * (matrix + matrix.T))
    if variances[0] < 0.0:
        matrix = axes @ np.diag(variances.clip(0.0)) @ axes.T
    return covariance_of((0.5 * (matrix + matrix.T)).tolist())


def _origin(event: Event, covariance_km2: Covariance | None) -> Origin:
    east_deg = event.longitude_deg
    return Origin(
        time_s=event.origin_time_s,
        latitude_deg=event.latitude_deg,
        longitude_deg=east_deg if abs(east_deg) <= 180.0 else (east_deg + 180.0) % 360.0 - 180.0,
        depth_km=event.depth_km,
        time_uncertainty_s=_known(event, "origin_time_uncertainty_s"),
        horizontal_uncertainty_km=_known(event, "horizontal_uncertainty_km"),
        depth_uncertainty_km=_known(event, "depth_uncertainty_km"),
        covariance_km2=covariance_km2,
    )


def _known(event: Event, key: str) -> float | None:
    """An uncertainty; None, too, for one beyond what is of the Earth: then nothing is known."""
    value: float | None = getattr(event, key)
    least, most = RANGES[key]
    return value if value is not None and least <= value <= most else None


def _magnitude(update: Update) -> Magnitude | None:
    event = update.event
    if event.magnitude is None:
        return None
    deviation = _known(event, "magnitude_uncertainty")
    half = None if deviation is None else _SIGMAS * deviation
    return Magnitude(
        value=event.magnitude,
        type=event.magnitude_type or "M",
        least=None if half is None else event.magnitude - half,
        most=None if half is None else event.magnitude + half,
        is_lower_bound=update.is_lower_bound,
    )

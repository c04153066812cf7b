"""What is said about earthquakes: catalogued events, estimates of one window, declared events.

Times are POSIX seconds UTC; `now_s` is the clock time at the end of the window an estimate was made from.
"""

import enum
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from fcn.catalogue.epicentre_pdf import EpicentrePdf
from fcn.catalogue.phase import PhasePick
from fcn.catalogue.released import Released

Row = tuple[float, float, float]
Covariance = tuple[Row, Row, Row]  # of east, north and down


@dataclass(frozen=True)
class Event:
    """A hypocentre with origin time and, where known, magnitude and uncertainties.

    Uncertainties are standard deviations; the horizontal one is the root-mean-square radius of the
    epicentre, sqrt(var east + var north).
    depth_km: positive down from sea level.
    first_p_time_s: arrival of P at the first station, POSIX seconds; with its uncertainty where a pick
    states one. first_p_is_computed: from a velocity model and the stations, not picked.
    Raises ValueError for a position or time that is not on Earth or not a number.
    """

    event_id: str
    origin_time_s: float
    latitude_deg: float
    longitude_deg: float
    depth_km: float
    magnitude: float | None
    magnitude_type: str | None
    first_p_time_s: float | None = None
    horizontal_uncertainty_km: float | None = None
    depth_uncertainty_km: float | None = None
    origin_time_uncertainty_s: float | None = None
    magnitude_uncertainty: float | None = None
    note: str = ""
    first_p_uncertainty_s: float | None = None
    first_p_is_computed: bool = False

    def __post_init__(self) -> None:
        required = (self.origin_time_s, self.latitude_deg, self.longitude_deg, self.depth_km)
        if not all(math.isfinite(value) for value in required):
            raise ValueError(
                f"event {self.event_id!r} needs a finite origin time, latitude, longitude and depth: "
                f"{required}"
            )
        if abs(self.latitude_deg) > 90 or abs(self.longitude_deg) > 360:
            raise ValueError(
                f"event {self.event_id!r} is not on Earth: latitude {self.latitude_deg}, "
                f"longitude {self.longitude_deg} degrees"
            )


@dataclass(frozen=True)
class Catalogue:
    """Events of one area and span, in order of origin time.

    released: of the events it is known of, by event_id, how their moment was released.
    """

    name: str
    events: tuple[Event, ...]
    released: Mapping[str, Released] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.events, key=lambda event: event.origin_time_s))
        object.__setattr__(self, "events", ordered)
        ids = [event.event_id for event in ordered]
        repeated = sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []
        if repeated:
            raise ValueError(
                f"catalogue {self.name!r} holds several events of one id: {repeated[:5]}; keep one of each, "
                "or give each an id of its own"
            )

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __getitem__(self, index: int) -> Event:
        return self.events[index]

    def between(self, start_time_s: float, end_time_s: float) -> "Catalogue":
        """The events with start <= origin time < end."""
        return self.of(event for event in self.events if start_time_s <= event.origin_time_s < end_time_s)

    def of(self, events: Iterable[Event]) -> "Catalogue":
        """The same, of other events."""
        return replace(self, events=tuple(events))


def covariance_of(rows: Iterable[Iterable[float]]) -> Covariance:
    """Three rows of three."""
    east, north, down = (_row(*row) for row in rows)
    return east, north, down


def _row(east: float, north: float, down: float) -> Row:
    return east, north, down


def _of_lists(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Tuples again of what JSON has made lists of; what was written before there were such has none."""
    made = dict(plain)
    for name in ("origin_stations", "magnitude_stations"):
        if made.get(name) is not None:
            made[name] = tuple(made[name])
    if made.get("covariance_km2") is not None:
        made["covariance_km2"] = covariance_of(made["covariance_km2"])
    return made


@dataclass(frozen=True)
class WindowEstimate:
    """One hypothesis about one event from one window ending at now_s, in the local frame.

    detection_score, location_score: evidence in 0-1. first_p_time_s: P at the first station.
    Uncertainties are those of Event; None where the network gives none. common_km: what of the horizontal one
    is what all epicentres are off in common, as a root-mean-square radius.
    follows: id of the declared event that was read again, None for what may be a new one.
    is_located: whether the place is this window's own; False: the last trusted one, kept, at which only the
        magnitude was read anew.
    is_growing: the network takes the magnitude for a lower bound (`fcn.catalogue.released`).
    falling_s: seconds since a running peak last grew at those stations; None where a network does not say.
    covariance_km2: of east, north and down, as the uncertainties; None where the network gives none.
    origin_stations, magnitude_stations: ids of those that count, "NET.STA"; None where nobody says.
    support: factor by which motion after the predicted P rose above what went before it, 1 for no rise; what
        a new event within the coda of a known larger one has to show. None where a network does not say, or
        no station has felt it yet.
    epicentre_pdf, picks: what the place was read from, P that agrees with it and S; to be looked at and
        written into catalogues, neither compared nor kept.
    Raises ValueError for a score, time or position that is not a number: a broken network is no quiet one.
    """

    now_s: float
    detection_score: float
    first_p_time_s: float
    location_score: float
    east_km: float
    north_km: float
    depth_km: float
    origin_time_s: float
    magnitude: float | None
    horizontal_uncertainty_km: float | None = None
    depth_uncertainty_km: float | None = None
    origin_time_uncertainty_s: float | None = None
    magnitude_uncertainty: float | None = None
    follows: str | None = None
    is_located: bool = True
    is_growing: bool = False
    falling_s: float | None = None
    support: float | None = None
    covariance_km2: Covariance | None = None
    origin_stations: tuple[str, ...] | None = None
    magnitude_stations: tuple[str, ...] | None = None
    epicentre_pdf: EpicentrePdf | None = field(default=None, compare=False, repr=False)
    common_km: float = 0.0
    picks: tuple[PhasePick, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        named = [item.name for item in fields(self) if item.default is MISSING]
        named += ["falling_s", "support", "common_km"]
        required = {name: getattr(self, name) for name in named}
        broken: dict[str, Any] = {k: v for k, v in required.items() if v is not None and not math.isfinite(v)}
        if not all(math.isfinite(each) for row in self.covariance_km2 or () for each in row):
            broken["covariance_km2"] = self.covariance_km2
        if broken:
            raise ValueError(f"estimate of the window ending at {self.now_s} is not finite: {broken}")

    @property
    def own_uncertainty_km(self) -> float | None:
        """The horizontal uncertainty without what all epicentres are off in common, which fits the picks."""
        if self.horizontal_uncertainty_km is None:
            return None
        return math.sqrt(max(self.horizontal_uncertainty_km**2 - self.common_km**2, 0.0))

    @cached_property
    def plain(self) -> Mapping[str, Any]:
        """Numbers, texts and None, as JSON holds them."""
        plain = asdict(replace(self, epicentre_pdf=None, picks=()))
        return {key: each for key, each in plain.items() if key not in ("epicentre_pdf", "picks")}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "WindowEstimate":
        """What `plain` was, and JSON kept."""
        return cls(**_of_lists(plain))


@dataclass(frozen=True)
class Known:
    """What is known of a declared event when the next window is read: its last estimate.

    is_open: later windows may still update it; a settled event only explains what it has caused.
    """

    event_id: str
    estimate: WindowEstimate
    is_open: bool


class Status(enum.StrEnum):
    """What an update is to its event: its alarm, a better solution, the last word, or its withdrawal."""

    NEW = "new"
    UPDATE = "update"
    FINAL = "final"
    RETRACTED = "retracted"


@dataclass(frozen=True)
class Update:
    """What is said about a declared event at clock time now_s.

    is_lower_bound: more is likely to come, the magnitude is at least this. status: after a final or a
    retracting update none follows; an event whose stream ends, or falls silent, may have neither.
    covariance_km2, origin_stations, magnitude_stations: of the estimate it was made from.
    """

    now_s: float
    event: Event
    detection_score: float
    location_score: float
    is_lower_bound: bool = False
    status: Status = Status.UPDATE
    covariance_km2: Covariance | None = None
    origin_stations: tuple[str, ...] | None = None
    magnitude_stations: tuple[str, ...] | None = None

    @cached_property  # a monitor keeps all updates of an event whenever there is another one
    def plain(self) -> Mapping[str, Any]:
        """Numbers, texts and None, as JSON holds them."""
        return {**asdict(self), "status": str(self.status)}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "Update":
        """What `plain` was."""
        made = {"event": Event(**plain["event"]), "status": Status(plain["status"])}
        return cls(**{**_of_lists(plain), **made})


@dataclass
class DeclaredEvent:
    """An event and the history of what was said about it; the first update is the alarm.

    picks: P that agrees with the newest place that was said, and S; empty where a network makes none.
    """

    event_id: str
    updates: list[Update] = field(default_factory=list)
    picks: tuple[PhasePick, ...] = ()

    @property
    def alarm(self) -> Update:
        """The declaring update."""
        return self.updates[0]

    @property
    def final(self) -> Update:
        """The last word."""
        return self.updates[-1]

    @property
    def is_retracted(self) -> bool:
        """Whether it was withdrawn."""
        return self.final.status is Status.RETRACTED

    @property
    def plain(self) -> dict[str, Any]:
        """Numbers, texts and None, as JSON holds them."""
        picks = [asdict(each) for each in self.picks]
        return {"event_id": self.event_id, "updates": [each.plain for each in self.updates], "picks": picks}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "DeclaredEvent":
        """What `plain` was; what was written before there were picks has none."""
        updates = [Update.of_plain(each) for each in plain["updates"]]
        picks = tuple(PhasePick(**each) for each in plain.get("picks", ()))
        return cls(plain["event_id"], updates, picks)

    @property
    def stood_s(self) -> float:
        """From the alarm to the last word."""
        return self.final.now_s - self.alarm.now_s

    def at(self, time_s: float) -> Update | None:
        """The last update with now_s <= time_s; None before the alarm."""
        known = [update for update in self.updates if update.now_s <= time_s]
        return known[-1] if known else None

"""Sites of a monitor: what it declares goes to `SiteWarnings`, and what that says to `sites.jsonl`."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import obspy
from torch import Tensor

from fcn.alert.alert import Producer
from fcn.alert.plain import moment, to_line, utc
from fcn.catalogue.event import Update
from fcn.geometry.network import Network
from fcn.rotated import RotatedFile
from fcn.shaking.site_warnings import SiteWarning, SiteWarnings
from fcn.stream.observing import ObservedNetwork
from fcn.stream.packet import Packet
from fcn.terminal import say, terminal
from fcn.types import TravelTimes

log = logging.getLogger(__name__)

SITES = "sites.jsonl"
SCHEMA, SCHEMA_VERSION = "fcn-site-warning", 1

Said = TypeVar("Said")


@dataclass(frozen=True)
class Unbatched:
    """Travel times of a batch of one window as those of none: what `SiteWarnings` takes."""

    of_one: TravelTimes

    def between(self, source_km: Tensor, station_km: Tensor) -> Tensor:
        """(station, source, 2) in s, between (., 3) positions in km."""
        return self.of_one.between(source_km[None], station_km[None])[0]

    def to(self, device: Any) -> "Unbatched":
        """See `TravelTimes`."""
        return Unbatched(self.of_one.to(device))


@dataclass(frozen=True)
class Told:
    """A warning as a line: when it was said, and by whom."""

    issued_time_s: float
    warning: SiteWarning
    producer: Producer

    def __post_init__(self) -> None:
        object.__setattr__(self, "issued_time_s", moment("issued_time_s", self.issued_time_s))

    def to_json(self) -> str:
        """One line of JSON."""
        return to_line(SCHEMA, SCHEMA_VERSION, self)

    def words(self) -> str:
        """The same for people."""
        now, simulated = self.warning, ", simulated" if self.producer.is_simulated else ""
        s = "" if now.s_in_s is None else f", S in {now.s_in_s:.0f} s"
        bound = ", at least" if now.is_lower_bound else ""
        why = "observed nearby" if now.event_id is None else f"{now.event_id} ({now.basis})"
        return (
            f"{utc(self.issued_time_s)[11:19]} site {now.site}: intensity {now.intensity:.1f} "
            f"({now.low:.1f} to {now.high:.1f}){bound}{s}, {why}{simulated}"
        )


@dataclass(eq=False)
class WarnedSites:
    """Sites of a monitor. Neither a full disk nor a source that no table holds stops it: both are logged.

    observed: intensity of stations, where `warnings` has a plum. of_stations: makes warnings for others;
    None: those of the start alone. What was told after the last state was kept is told again after a restart,
    if it still holds.
    """

    warnings: SiteWarnings
    file: RotatedFile
    producer: Producer
    observed: ObservedNetwork | None = None
    of_stations: Callable[[Network], SiteWarnings] | None = None
    _wrong: str = field(default="", init=False)
    _seen: Mapping[str, float] = field(default_factory=dict, init=False)  # intensity, by station

    def push(self, packets: Iterable[Packet], clock_s: float) -> None:
        """What has come of stations, by a POSIX time."""
        if self.observed is not None:
            self.observed.push(packets, clock_s)

    def prepared(self, stations: Network) -> SiteWarnings:
        """Warnings by other stations, for `watch`; ValueError where there can be none."""
        return self.warnings if self.of_stations is None else self.of_stations(stations)

    def watch(self, prepared: SiteWarnings, stations: Network, inventory: obspy.Inventory) -> None:
        """Listen to these stations from now on; what was told is not told again."""
        if prepared is not self.warnings:
            prepared.restore(self.warnings.state())
            self.warnings = prepared
        if self.observed is not None:
            self.observed.watch([each.id for each in stations], inventory)

    def reset(self) -> None:
        """Forget what was told and observed, before a clock that was set back."""
        self.warnings.reset()
        if self.observed is not None:
            self.observed.reset()

    def state(self) -> dict[str, Any]:
        """Plain data and arrays."""
        observed = None if self.observed is None else self.observed.state()
        return {"warnings": self.warnings.state(), "observed": observed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, as far as it is of the same sites and stations."""
        self.warnings.restore(state["warnings"])
        if self.observed is not None and state["observed"] is not None:
            self.observed.restore(state["observed"])

    def process(self, now_s: float, events: Sequence[Update], issued_time_s: float) -> None:
        """Tell what has to be told by a clock, which runs on; events: the last updates of those declared."""
        try:
            self._seen = {} if self.observed is None else self.observed.observed(now_s)
            warnings = self._of_those_within(
                events, lambda each: self.warnings.process(now_s, each, self._seen)
            )
            for warning in warnings:
                told = Told(issued_time_s, warning, self.producer)
                say(told.words(), terminal())
                self.file.add(told.to_json())
        except (ValueError, OSError) as error:
            self._failed(error)

    def standing(self, now_s: float, events: Sequence[Update]) -> list[SiteWarning | None]:
        """What holds for each site, by what was observed last; see `SiteWarnings.standing`."""
        return self._of_those_within(events, lambda each: self.warnings.standing(now_s, each, self._seen))

    def _of_those_within(self, events: Sequence[Update], said: Callable[[Sequence[Update]], Said]) -> Said:
        """What is said of events; one beyond all tables of travel times silences neither others nor PLUM."""
        try:
            return said(events)
        except ValueError as error:
            self._failed(error)
            return said([each for each in events if self.warnings.reaches(each)])

    def _failed(self, error: Exception) -> None:
        if str(error) != self._wrong:
            log.error("sites are not warned of all, or the file lacks it: %s", error)
        self._wrong = str(error)

"""Sites of a monitor: what it declares goes to `SiteWarnings`, what that says to sinks and `sites.jsonl`."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import obspy
from torch import Tensor

from fcn.alert.alert import Producer
from fcn.alert.site_warning import SiteWarning, ToldWarning
from fcn.catalogue.event import Update
from fcn.geometry.network import Network
from fcn.rotated import RotatedFile
from fcn.shaking.site_warnings import SiteWarnings
from fcn.stream.observing import ObservedNetwork
from fcn.stream.packet import Packet
from fcn.types import TravelTimes

log = logging.getLogger(__name__)

SITES = "sites.jsonl"

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

    def process(
        self,
        now_s: float,
        events: Sequence[Update],
        issued_time_s: float,
        tell: Callable[[ToldWarning], object],
    ) -> None:
        """Tell what has to be told by a clock, which runs on; events: the last updates of those declared.

        All is told before any is written to the file, whose disk may be slow.
        """
        try:
            self._seen = {} if self.observed is None else self.observed.observed(now_s)
            warnings = self._of_those_within(
                events, lambda each: self.warnings.process(now_s, each, self._seen)
            )
            told = [ToldWarning(issued_time_s, warning, self.producer) for warning in warnings]
            for each in told:
                tell(each)
            for each in told:
                self.file.add(each.to_json())
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

"""Warnings of sites: the larger of what a source lets expect and of what neighbours observe."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from fcn import checked
from fcn.alert.site_warning import Basis, SiteWarning
from fcn.catalogue.event import Status, Update
from fcn.geometry.projection import LocalFrame
from fcn.shaking.expected import Expected, GroundMotion, SourceShaking
from fcn.shaking.intensity import Scale
from fcn.shaking.plum import Plum, PlumSites
from fcn.shaking.site import Site, Sites
from fcn.types import TravelTimes


@dataclass(frozen=True)
class WarningRule:
    """When a site is warned.

    levels: intensities, rising; a site is warned of the highest that is reached.
    pause_s: it is not warned of a level again until nothing has reached it for so long.
    felt_s: shaking of a source counts until so long after its S.
    Raises ValueError for levels that do not rise, or times that are negative.
    """

    levels: Sequence[float]
    pause_s: float
    felt_s: float

    def __post_init__(self) -> None:
        levels = checked.numbers("levels", self.levels)
        if not levels or any(upper <= lower for lower, upper in itertools.pairwise(levels)):
            raise ValueError(f"levels must rise, one at least: {list(levels)}")
        object.__setattr__(self, "levels", levels)
        checked.number("pause_s", self.pause_s, least=0.0)
        checked.number("felt_s", self.felt_s, least=0.0)


class SiteWarnings:
    """Fed with what is known, in order of clock time, it says what sites have to be told; causal and pure.

    ground_motion, scale, rule, plum: see there; plum None: sources alone. sites: to be warned. stations:
    whose intensity is observed, named as in `process`; at least one where there is a plum.
    travel_times: in the local frame; its range must hold all events and sites.
    Raises ValueError for sites or stations that repeat names.
    """

    def __init__(
        self,
        *,
        ground_motion: GroundMotion,
        scale: Scale,
        rule: WarningRule,
        plum: Plum | None,
        sites: Sequence[Site],
        stations: Sequence[Site],
        travel_times: TravelTimes,
        frame: LocalFrame,
    ) -> None:
        self.sites = Sites.of(sites, frame)
        self._source = SourceShaking(ground_motion, scale, travel_times, frame)
        self._plum = None if plum is None else PlumSites(plum, stations, self.sites, frame, scale)
        self._rule = rule
        self.reset()

    def reset(self) -> None:
        """Forget everything, before another stream."""
        self._reached_s = np.full((len(self.sites), len(self._rule.levels)), -np.inf)
        self._expected: dict[str, tuple[Update, Expected]] = {}
        self._last_s = -math.inf

    def process(
        self, now_s: float, events: Sequence[Update], observed: Mapping[str, float]
    ) -> list[SiteWarning]:
        """What sites have to be told now, the highest intensity first.

        events: the last update of every declared event; those without magnitude or that are retracted, and
        shaking that has passed, count for nothing. observed: real-time JMA intensity now, by station. Raises
        ValueError for a clock that runs backwards, events outside the travel-time table and unknown stations.
        """
        if now_s < self._last_s:
            raise ValueError(f"clock time {now_s} comes after {self._last_s}: feed in order of time")
        self._last_s = now_s
        told = []
        for row, now in enumerate(self.standing(now_s, events, observed)):
            if now is None:
                continue
            level = self._rule.levels.index(now.level)
            if now_s - self._reached_s[row, level] > self._rule.pause_s:
                told.append(now)
            self._reached_s[row, : level + 1] = now_s
        return sorted(told, key=lambda each: -each.intensity)

    def state(self) -> dict[str, Any]:
        """What was told, and when, by site and level: plain data and arrays."""
        return {"names": list(self.sites.names), "reached_s": self._reached_s.copy()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; of other sites or levels nothing is known."""
        if state["reached_s"].shape[1:] == self._reached_s.shape[1:]:
            told = dict(zip(state["names"], state["reached_s"], strict=True))
            for row, name in enumerate(self.sites.names):
                self._reached_s[row] = told.get(name, -np.inf)

    def standing(
        self, now_s: float, events: Sequence[Update], observed: Mapping[str, float]
    ) -> list[SiteWarning | None]:
        """What holds for each site at a time, whether it has been told or not; None below all levels."""
        by_event = self._expect(events)
        n_sites = len(self.sites)
        nearby = np.full(n_sites, -np.inf) if self._plum is None else self._plum.expected(observed)
        ahead = np.full((len(by_event), n_sites), -np.inf)
        for row, (_, expected) in enumerate(by_event):
            coming = now_s <= expected.s_time_s + self._rule.felt_s
            ahead[row] = np.where(coming, expected.intensity, -np.inf)
        return [self._of_site(site, now_s, by_event, ahead[:, site], nearby[site]) for site in range(n_sites)]

    def reaches(self, event: Update) -> bool:
        """Whether travel times reach the sites from there, as far as it counts."""
        try:
            self._of_event(event)
        except ValueError:
            return False
        return True

    def _expect(self, events: Sequence[Update]) -> list[tuple[Update, Expected]]:
        """Of events that count; what has not changed since is not computed again."""
        found = [(update, self._of_event(update)) for update in events]
        self._expected = {each.event.event_id: (each, of) for each, of in found if of is not None}
        return list(self._expected.values())

    def _of_event(self, update: Update) -> Expected | None:
        """None of one that does not count."""
        if update.event.magnitude is None or update.status is Status.RETRACTED:
            return None
        held = self._expected.get(update.event.event_id)
        same = held is not None and held[0].event == update.event
        return held[1] if held and same else self._source.at(update.event, self.sites)

    def _of_site(
        self,
        site: int,
        now_s: float,
        by_event: Sequence[tuple[Update, Expected]],
        ahead: Float[np.ndarray, " event"],
        nearby: float,
    ) -> SiteWarning | None:
        strongest = int(ahead.argmax()) if ahead.size else -1
        of_source = float(ahead[strongest]) if ahead.size else -math.inf
        intensity = max(of_source, float(nearby))
        reached = [level for level in self._rule.levels if intensity >= level]
        if not reached:
            return None
        both = min(of_source, float(nearby)) >= reached[-1]
        single = Basis.SOURCE if of_source >= nearby else Basis.PLUM
        low = high = event_id = s_in_s = None
        is_lower_bound = False
        if math.isfinite(of_source):
            update, expected = by_event[strongest]
            event_id, s_in_s = update.event.event_id, float(expected.s_time_s[site]) - now_s
            is_lower_bound = update.is_lower_bound
            if of_source >= nearby:
                low, high = float(expected.low[site]), float(expected.high[site])
        return SiteWarning(
            site=self.sites.names[site],
            now_s=now_s,
            level=reached[-1],
            intensity=intensity,
            low=low,
            high=high,
            basis=Basis.BOTH if both else single,
            event_id=event_id,
            s_in_s=s_in_s,
            is_lower_bound=is_lower_bound,
        )

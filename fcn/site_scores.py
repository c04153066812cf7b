"""Stations of a replayed sequence as sites, and how well they were warned: `site_scores=` of a test."""

import logging
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fcn.assemble import TimesTo
from fcn.config import build
from fcn.data.sequences import Sequence
from fcn.metrics.score import Score
from fcn.replay import Replay
from fcn.shaking.apart import warn_apart
from fcn.shaking.recorded import recorded_intensity
from fcn.shaking.score import Shaken, SiteOutcome, SiteScore, judge_sites
from fcn.shaking.site import Site, Sites, station_sites
from fcn.shaking.site_warnings import SiteWarnings
from fcn.stream.sites import Unbatched

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class StationSites:
    """The stations of a sequence as sites. options: `site_scores` of a test.

    truth: of those that are sites, by "NET.STA". n_clipped: how many are none, for they clipped.
    """

    options: Mapping[str, Any]
    sequence: Sequence
    stations: tuple[Site, ...]
    truth: Mapping[str, Shaken]
    n_clipped: int

    @classmethod
    def of(cls, options: Mapping[str, Any], sequence: Sequence) -> "StationSites":
        """Raises ValueError where no record is a truth, and for ground of stations that are not there."""
        observe = options["observe"]
        ground = observe["ground"]
        stations = station_sites(sequence.network, ground["vs30_mps"], ground["otherwise_mps"])
        real_time = {name: observe[name] for name in ("window_s", "max_gap_s")}
        recorded = recorded_intensity(sequence.stream, sequence.inventory, **real_time)
        clipped = sorted(name for name, each in recorded.items() if each.is_clipped)
        truth = {name: each for name, each in recorded.items() if not each.is_clipped}
        if clipped:
            log.warning("no sites, for their seismometers clipped: %s", ", ".join(clipped))
        if not truth:
            raise ValueError(
                f"no station of {sequence.name!r} records acceleration without clipping ({len(clipped)} of "
                f"{len(stations)} clipped): there is no truth to score warnings by, leave site_scores= out"
            )
        return cls(options, sequence, stations, truth, len(clipped))

    def judge(self, replay: Replay, times: TimesTo) -> list[SiteOutcome]:
        """What came of warnings after a pass of a replay that observed intensity; times: to places."""
        frame, shaking = self.sequence.frame, self.options["shaking"]
        km = Sites.of(self.stations, frame).position_km.astype(np.float32)
        travel_times = Unbatched(times(torch.as_tensor(km)))

        def of_site(site: Site, others: list[Site]) -> SiteWarnings:
            made: SiteWarnings = build(
                shaking, sites=[site], stations=others, travel_times=travel_times, frame=frame
            )
            return made

        said = sorted(
            (each for event in replay.declared for each in event.updates), key=lambda each: each.now_s
        )
        sites = [each for each in self.stations if each.name in self.truth]
        told = warn_apart(sites, self.stations, of_site, said, replay.heard())
        return judge_sites(told, self.truth, shaking["rule"]["levels"], build(self.options["rule"]))

    def scores(self, outcomes: Items[SiteOutcome]) -> list[SiteScore]:
        """One for each level that is warned of."""
        rule = build(self.options["rule"])
        return [SiteScore.of(outcomes, level, rule) for level in self.options["shaking"]["rule"]["levels"]]

    def figures(self, scores: Items[SiteScore]) -> Score:
        """For metrics.json: `site_<figure>_at_<intensity>`, and how many sites there were."""
        found: Score = {"n_sites": len(self.truth), "n_sites_clipped": self.n_clipped}
        for score in scores:
            found |= {f"site_{name}_at_{score.threshold:g}": value for name, value in score.figures().items()}
        return found

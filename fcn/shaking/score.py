"""How good warnings of sites were, at each intensity: in time, late, missed, over-warned; lead times."""

import csv
import enum
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from fcn import checked
from fcn.alert.site_warning import SiteWarning
from fcn.catalogue.io import iso

LEAD_QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}


@dataclass(frozen=True, eq=False)
class Shaken:
    """What a site felt: intensity j is at start_time_s + j * step_s, POSIX s; NaN where unknown.

    is_clipped: what felt it was driven beyond its range, so that the strongest is missing: no truth.
    """

    start_time_s: float
    step_s: float
    intensity: Float[np.ndarray, " time"]
    is_clipped: bool = False


@dataclass(frozen=True)
class Episode:
    """A stretch in which a site's intensity reached a threshold: begin, end (POSIX s) and maximum."""

    start_s: float
    end_s: float
    largest: float


@dataclass(frozen=True)
class ScoreRule:
    """What counts as a warning of shaking.

    joined_s: stretches above the threshold this near to each other are one episode.
    ahead_s: a warning speaks of shaking up to so long after it.
    least_lead_s: a warning is in time if it comes so long before the threshold is reached.
    near: a warning over shaking that came to within this of the threshold was nearly right.
    """

    joined_s: float
    ahead_s: float
    least_lead_s: float
    near: float

    def __post_init__(self) -> None:
        for name in ("joined_s", "ahead_s", "near"):
            checked.number(name, getattr(self, name), least=0.0)
        checked.number("least_lead_s", self.least_lead_s)


class Verdict(enum.StrEnum):
    """What came of shaking, or of a warning."""

    IN_TIME = "in time"
    LATE = "late"
    MISSED = "missed"
    OVER = "over"


@dataclass(frozen=True)
class SiteOutcome:
    """An episode of a site at a threshold, or a warning of shaking that did not reach it.

    reached_s: when the episode did, POSIX s; None of one that did not come. told_s: when the site was warned;
    None where it was not. largest: intensity of the episode, or reached within `ahead_s` of the warning; -inf
    where nothing is known.
    """

    site: str
    threshold: float
    verdict: Verdict
    reached_s: float | None
    told_s: float | None
    largest: float

    @property
    def lead_s(self) -> float | None:
        """From warning to threshold, negative where it came after it."""
        return None if self.reached_s is None or self.told_s is None else self.reached_s - self.told_s


@dataclass(frozen=True)
class SiteScore:
    """Of all sites at one threshold.

    n_shaken: episodes. Each is in_time, late (warned, but not by the lead asked for) or missed (not before it
    ended). n_over: warnings of shaking that did not reach the threshold, those
    within ahead_s of the first being one; n_over_near of them nearly did.
    lead_s: from warning to threshold, rising; of those in time and late, negative where it came after it.
    """

    threshold: float
    n_shaken: int
    n_in_time: int
    n_late: int
    n_missed: int
    n_over: int
    n_over_near: int
    lead_s: tuple[float, ...]

    @classmethod
    def of(cls, outcomes: Iterable[SiteOutcome], threshold: float, rule: ScoreRule) -> "SiteScore":
        """Of the outcomes at a threshold; those at others do not count."""
        own = [each for each in outcomes if each.threshold == threshold]
        n = Counter(each.verdict for each in own)
        over = [each for each in own if each.verdict is Verdict.OVER]
        return cls(
            threshold=threshold,
            n_shaken=len(own) - len(over),
            n_in_time=n[Verdict.IN_TIME],
            n_late=n[Verdict.LATE],
            n_missed=n[Verdict.MISSED],
            n_over=len(over),
            n_over_near=sum(each.largest >= threshold - rule.near for each in over),
            lead_s=tuple(sorted(each.lead_s for each in own if each.lead_s is not None)),
        )

    def figures(self) -> dict[str, float | int | None]:
        """Counts, shares (of episodes warned in time; of warnings that were right) and quantiles of lead."""
        n_right = self.n_in_time + self.n_late
        leads = {
            f"lead_s_{name}": float(np.quantile(self.lead_s, share)) if self.lead_s else None
            for name, share in LEAD_QUANTILES.items()
        }
        return {
            "n_shaken": self.n_shaken,
            "n_in_time": self.n_in_time,
            "n_late": self.n_late,
            "n_missed": self.n_missed,
            "n_over": self.n_over,
            "n_over_near": self.n_over_near,
            "in_time_share": self.n_in_time / self.n_shaken if self.n_shaken else None,
            "right_share": n_right / (n_right + self.n_over) if n_right + self.n_over else None,
            **leads,
        }


def episodes(shaken: Shaken, threshold: float, joined_s: float) -> list[Episode]:
    """The stretches at or above a threshold, in order of time."""
    above = np.nan_to_num(shaken.intensity, nan=-np.inf) >= threshold
    edges = np.flatnonzero(np.diff(np.concatenate(([False], above, [False])).astype(np.int8)))
    stretches: list[list[int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if stretches and (first - stretches[-1][1]) * shaken.step_s <= joined_s:
            stretches[-1][1] = last
        else:
            stretches.append([first, last])
    return [
        Episode(
            shaken.start_time_s + first * shaken.step_s,
            shaken.start_time_s + last * shaken.step_s,
            float(np.nanmax(shaken.intensity[first:last])),
        )
        for first, last in stretches
    ]


def judge_sites(
    warnings: Iterable[SiteWarning], truth: Mapping[str, Shaken], thresholds: Sequence[float], rule: ScoreRule
) -> list[SiteOutcome]:
    """What came of shaking and of warnings, by site and threshold, of the sites whose truth is known.

    A warning of a level at or above the threshold counts there; the first that speaks of an episode is that
    episode's. TEAM (Münchmeyer et al. 2021) counts stations per event in the same way; here shaking counts
    by itself, so that what a warning rests on does not matter, and two events that shake a site at once are
    one episode.
    """
    by_site: dict[str, list[SiteWarning]] = {name: [] for name in truth}
    for warning in sorted(warnings, key=lambda each: each.now_s):
        if warning.site in by_site:
            by_site[warning.site].append(warning)
    return [
        outcome
        for threshold in thresholds
        for site, shaken in truth.items()
        for outcome in _judge(site, by_site[site], shaken, threshold, rule)
    ]


def _judge(
    site: str, told: Sequence[SiteWarning], shaken: Shaken, threshold: float, rule: ScoreRule
) -> Iterator[SiteOutcome]:
    told_s = [warning.now_s for warning in told if warning.level >= threshold]
    strong = episodes(shaken, threshold, rule.joined_s)
    for episode in strong:
        first_s = next((time_s for time_s in told_s if _speaks(time_s, episode, rule)), None)
        if first_s is None:
            verdict = Verdict.MISSED
        else:
            is_early = episode.start_s - first_s >= rule.least_lead_s
            verdict = Verdict.IN_TIME if is_early else Verdict.LATE
        yield SiteOutcome(site, threshold, verdict, episode.start_s, first_s, episode.largest)
    last_s = -math.inf
    for time_s in told_s:
        right = any(_speaks(time_s, episode, rule) for episode in strong)
        if not right and time_s - last_s > rule.ahead_s:
            largest = _largest(shaken, time_s, rule.ahead_s)
            yield SiteOutcome(site, threshold, Verdict.OVER, None, time_s, largest)
            last_s = time_s


def _speaks(time_s: float, episode: Episode, rule: ScoreRule) -> bool:
    return episode.start_s - rule.ahead_s <= time_s <= episode.end_s


def _largest(shaken: Shaken, time_s: float, ahead_s: float) -> float:
    """Intensity reached from a time on; -inf where nothing is known."""
    first = max(math.floor((time_s - shaken.start_time_s) / shaken.step_s), 0)
    last = max(math.ceil((time_s + ahead_s - shaken.start_time_s) / shaken.step_s) + 1, 0)
    part = shaken.intensity[first:last]
    known = part[~np.isnan(part)]
    return float(known.max()) if known.size else -math.inf


def write_outcomes(outcomes: Iterable[SiteOutcome], path: Path) -> None:
    """A line each: site, intensity asked for, what came of it, when (UTC), lead in s, largest intensity.

    Cells are empty where there is none.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("site", "intensity", "verdict", "reached_utc", "told_utc", "lead_s", "largest_intensity")
        )
        for each in outcomes:
            moments = (None if time_s is None else iso(time_s) for time_s in (each.reached_s, each.told_s))
            largest = each.largest if math.isfinite(each.largest) else None
            writer.writerow((each.site, each.threshold, each.verdict, *moments, each.lead_s, largest))

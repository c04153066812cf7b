"""How good warnings of sites were, at each intensity: in time, late, missed, over-warned; lead times."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fcn import checked
from fcn.alert.site_warning import SiteWarning

LEAD_QUANTILES = {"p10": 0.1, "median": 0.5, "p90": 0.9}


@dataclass(frozen=True, eq=False)
class Shaken:
    """The truth at a site: intensity j is at start_time_s + j * step_s, POSIX s; NaN where unknown."""

    start_time_s: float
    step_s: float
    intensity: Float[np.ndarray, " time"]


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
            "in_time": self.n_in_time / self.n_shaken if self.n_shaken else None,
            "right": n_right / (n_right + self.n_over) if n_right + self.n_over else None,
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


def score_sites(
    warnings: Iterable[SiteWarning], truth: Mapping[str, Shaken], thresholds: Sequence[float], rule: ScoreRule
) -> list[SiteScore]:
    """At each threshold, of the sites whose truth is known.

    A warning of a level at or above the threshold counts there; the first that speaks of an episode is that
    episode's. TEAM (Münchmeyer et al. 2021) counts stations per event in the same way; here shaking counts
    by itself, so that what a warning rests on does not matter, and two events that shake a site at once are
    one episode.
    """
    by_site: dict[str, list[SiteWarning]] = {name: [] for name in truth}
    for warning in sorted(warnings, key=lambda each: each.now_s):
        if warning.site in by_site:
            by_site[warning.site].append(warning)
    return [_score(by_site, truth, threshold, rule) for threshold in thresholds]


def _score(
    by_site: Mapping[str, Sequence[SiteWarning]],
    truth: Mapping[str, Shaken],
    threshold: float,
    rule: ScoreRule,
) -> SiteScore:
    leads: list[float] = []
    n_shaken = n_over = n_near = 0
    for site, shaken in truth.items():
        told_s = [warning.now_s for warning in by_site[site] if warning.level >= threshold]
        strong = episodes(shaken, threshold, rule.joined_s)
        n_shaken += len(strong)
        for episode in strong:
            spoke = [time_s for time_s in told_s if _speaks(time_s, episode, rule)]
            leads += [episode.start_s - spoke[0]] if spoke else []
        last_s = -math.inf
        for time_s in told_s:
            right = any(_speaks(time_s, episode, rule) for episode in strong)
            if not right and time_s - last_s > rule.ahead_s:
                n_over += 1
                n_near += _largest(shaken, time_s, rule.ahead_s) >= threshold - rule.near
                last_s = time_s
    n_in_time = sum(lead_s >= rule.least_lead_s for lead_s in leads)
    return SiteScore(
        threshold=threshold,
        n_shaken=n_shaken,
        n_in_time=n_in_time,
        n_late=len(leads) - n_in_time,
        n_missed=n_shaken - len(leads),
        n_over=n_over,
        n_over_near=n_near,
        lead_s=tuple(sorted(leads)),
    )


def _speaks(time_s: float, episode: Episode, rule: ScoreRule) -> bool:
    return episode.start_s - rule.ahead_s <= time_s <= episode.end_s


def _largest(shaken: Shaken, time_s: float, ahead_s: float) -> float:
    """Intensity reached from a time on; -inf where nothing is known."""
    first = max(math.floor((time_s - shaken.start_time_s) / shaken.step_s), 0)
    last = max(math.ceil((time_s + ahead_s - shaken.start_time_s) / shaken.step_s) + 1, 0)
    part = shaken.intensity[first:last]
    known = part[~np.isnan(part)]
    return float(known.max()) if known.size else -math.inf

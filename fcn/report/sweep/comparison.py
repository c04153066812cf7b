"""Settings of a sweep beside each other, with what their events and repeats leave uncertain."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from fcn.metrics.by_event import EventOutcome
from fcn.metrics.moments import TIMED
from fcn.report.sweep.scored import Scored

N_DRAWS = 1000
INTERVAL = (2.5, 97.5)  # percentiles of the draws: 95 %
SIGNIFICANT = 0.05
BEST_BY = "f1"
JEFFREYS = 0.5  # added to a Poisson count: shape of the gamma distribution of its mean

Draws = Float[np.ndarray, " draw"]


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its 95 % interval; NaN where undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Setting:
    """One setting on one set of sequences.

    figures: by name of FIGURES, of the mean over repeats; NaN where undefined. behind: by how much its F1 is
    less than the best setting's, on the same draws; None of the best. spread: largest less smallest F1 of
    the repeats. p_value: of the best being no better, two-sided, by Holm's (1979) correction for the number
    of settings. n_known: of how many events each figure of a moment is, the mean over repeats.
    """

    name: str
    n_jobs: int
    figures: Mapping[str, Estimate]
    behind: Estimate | None
    spread: float
    p_value: float = 1.0
    n_known: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_told_apart(self) -> bool:
        """Whether it is behind the best by more than luck, all settings considered."""
        return self.p_value < SIGNIFICANT

    @property
    def is_best(self) -> bool:
        """Whether it does best, of settings of which any found anything."""
        return self.behind is None and self.figures[BEST_BY].value > 0


@dataclass(frozen=True)
class Comparison:
    """All settings on one set, in their order; n_events: those that all jobs were scored on."""

    n_events: int
    settings: tuple[Setting, ...]

    @property
    def best(self) -> Setting:
        """Largest F1; the first where nothing was found."""
        return next(each for each in self.settings if each.behind is None)

    @property
    def found_nothing(self) -> bool:
        """Whether no setting found any event."""
        return not any(each.figures["recall"].value > 0 for each in self.settings)


def _share(found: Float[np.ndarray, "draw event"], _: Draws, __: float) -> Draws:
    return found.mean(axis=1)


def _f1(found: Float[np.ndarray, "draw event"], n_false: Draws, _: float) -> Draws:
    n_found = found.sum(axis=1)
    return 2 * n_found / np.maximum(n_found + n_false + found.shape[1], 1)


def _false_per_hour(_: Float[np.ndarray, "draw event"], n_false: Draws, hours: float) -> Draws:
    return n_false / hours if hours > 0 else np.full_like(n_false, np.nan)


def _median(values: Float[np.ndarray, "draw event"]) -> Draws:
    return np.nanmedian(values, axis=1)


def _rms(values: Float[np.ndarray, "draw event"]) -> Draws:
    return np.sqrt(np.nanmean(values**2, axis=1))


def _mean_absolute(values: Float[np.ndarray, "draw event"]) -> Draws:
    return np.nanmean(np.abs(values), axis=1)


def _mean(values: Float[np.ndarray, "draw event"]) -> Draws:
    return np.nanmean(values, axis=1)


def _declared_by_then(event: EventOutcome) -> Sequence[float | None]:
    """One where it was, nought where not; None of an event that was found and whose first P is not known."""
    if event.found and event.latency_s is None:
        return [None] * len(TIMED)
    return [float(off_km is not None) for off_km in event.timed_epicentre_km]


_OF_ALARMS: dict[str, Callable[[Float[np.ndarray, "draw event"], Draws, float], Draws]] = {
    "f1": _f1,
    "recall": _share,
    "false_alarms_per_hour": _false_per_hour,
}
# of what `EventOutcome` has by that name
_OF_EVENTS: dict[str, tuple[str, Callable[[Float[np.ndarray, "draw event"]], Draws]]] = {
    "alarm_latency_s_p50": ("latency_s", _median),
    "epicentre_p50_km": ("epicentre_km", _median),
    "epicentre_rmse_km": ("epicentre_km", _rms),
    "depth_rmse_km": ("depth_error_km", _rms),
    "magnitude_mae": ("magnitude_error", _mean_absolute),
}
# of the events declared so many seconds after the first P, names ending in TIMED
_OF_MOMENTS: dict[str, tuple[Callable[[EventOutcome], Sequence[float | None]], Callable[..., Draws]]] = {
    "recall": (_declared_by_then, _mean),
    "epicentre_p50_km": (lambda event: event.timed_epicentre_km, _median),
    "magnitude_mae": (lambda event: event.timed_magnitude_error, _mean_absolute),
}
FIGURES = (*_OF_ALARMS, *_OF_EVENTS, *(f"{name}{moment}" for name in _OF_MOMENTS for moment in TIMED))


def compare_settings(jobs: Sequence[tuple[str, Scored]], seed: int = 0) -> Comparison | None:
    """Jobs as (setting, score), those of one setting being its repeats; None where they share no event.

    Bootstrap (Efron 1979, percentile intervals): every draw takes events with replacement, the same for all
    jobs, so that settings are compared on the same earthquakes; of a setting's repeats with replacement; and
    the number of false alarms expected in so long, of which one count is known: gamma-distributed, that of
    a Poisson process by Jeffreys' prior. None counted does not mean none to come. Counted are those of the
    sequences that all jobs were scored on, for as long as the one that watched them least.
    A setting without repeats, among others that have some, may have been lucky: to its F1 comes a normal
    deviate of the standard deviation that repeats of the others have.
    """
    if not jobs:
        return None
    shared = [key for key in jobs[0][1].events if all(key in scored.events for _, scored in jobs)]
    if not shared:
        return None
    hours = {
        name: min(scored.watched_hours[name] for _, scored in jobs)
        for name in jobs[0][1].watched_hours
        if all(name in scored.watched_hours for _, scored in jobs)
    }
    rng = np.random.default_rng(seed)
    n = len(shared)
    # the first draw is what was counted
    drawn = np.concatenate([np.arange(n)[None], rng.integers(n, size=(N_DRAWS, n))])
    names = list(dict.fromkeys(setting for setting, _ in jobs))
    of_jobs: dict[str, list[dict[str, Draws]]] = {name: [] for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of draws in which nothing was found
        for setting, scored in jobs:
            of_jobs[setting].append(_draws(scored, shared, hours, drawn, rng))
    means = {name: _over_repeats(each, rng) for name, each in of_jobs.items()}
    luck = _luck([[repeat[BEST_BY][0] for repeat in each] for each in of_jobs.values()])
    for name in (name for name in names if len(of_jobs[name]) == 1):
        lucky = means[name][BEST_BY][1:] + luck * rng.standard_normal(len(drawn) - 1)
        means[name][BEST_BY][1:] = lucky.clip(0.0, 1.0)
    best = max(names, key=lambda name: means[name][BEST_BY][0])
    behind_best = {name: means[best][BEST_BY] - means[name][BEST_BY] for name in names if name != best}
    p_values = holm({name: _p_value(draws) for name, draws in behind_best.items()})
    settings = []
    for name in names:
        counted = [repeat[BEST_BY][0] for repeat in of_jobs[name]]
        behind = _estimate(behind_best[name]) if name in behind_best else None
        figures = {figure: _estimate(draws) for figure, draws in means[name].items()}
        spread, p_value = float(max(counted) - min(counted)), p_values.get(name, 1.0)
        known = [_known(scored, shared) for setting, scored in jobs if setting == name]
        n_known = {figure: float(np.mean([each[figure] for each in known])) for figure in known[0]}
        settings.append(Setting(name, len(counted), figures, behind, spread, p_value, n_known))
    return Comparison(n, tuple(settings))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Corrected for their number: Holm (1979), Scand. J. Statist., 6:65, step-down."""
    corrected, largest = {}, 0.0
    for rank, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min((len(p_values) - rank) * p_value, 1.0))
        corrected[name] = largest
    return corrected


def _p_value(draws: Draws) -> float:
    """Two-sided, of a difference that is nought; no less than the number of draws can tell."""
    drawn = draws[1:]
    tail = min((drawn <= 0).mean(), (drawn >= 0).mean())
    return float(min(2 * max(tail, 1 / (len(drawn) + 1)), 1.0))


def _luck(repeats: Sequence[Sequence[float]]) -> float:
    """Standard deviation of repeats about the mean of their setting, of all together; nought without any."""
    several = [np.asarray(each) for each in repeats if len(each) > 1]
    off = [each - each.mean() for each in several]
    n_free = sum(len(each) - 1 for each in several)
    return float(np.sqrt(sum((each**2).sum() for each in off) / n_free)) if n_free else 0.0


def _draws(
    scored: Scored,
    shared: Sequence[str],
    hours: Mapping[str, float],
    drawn: Int[np.ndarray, "draw event"],
    rng: np.random.Generator,
) -> dict[str, Draws]:
    """Every figure of one job, of every draw; hours: to count false alarms of, by sequence."""
    events = [scored.events[key] for key in shared]
    found = np.array([event.found for event in events], dtype=np.float64)[drawn]
    counted = sum(scored.n_false[name] for name in hours)
    all_hours, own_hours = sum(hours.values()), sum(scored.watched_hours[name] for name in hours)
    n_false = rng.gamma(counted + JEFFREYS, size=len(drawn))
    n_false[0] = counted
    n_false *= all_hours / own_hours if own_hours > 0 else 1.0
    figures = {name: take(found, n_false, all_hours) for name, take in _OF_ALARMS.items()}
    for name, (column, statistic) in _OF_EVENTS.items():
        values = np.array([_or_nan(getattr(event, column)) for event in events])
        figures[name] = statistic(values[drawn])
    is_timed = all(event.timed_epicentre_km for event in events) and _knows_first_p(events)
    for name, (said, statistic) in _OF_MOMENTS.items():
        for i, moment in enumerate(TIMED):
            figures[f"{name}{moment}"] = np.full(len(drawn), np.nan)
            if is_timed:
                values = np.array([_or_nan(said(event)[i]) for event in events])
                figures[f"{name}{moment}"] = statistic(values[drawn])
    return figures


def _knows_first_p(events: Sequence[EventOutcome]) -> bool:
    """Whether a catalogue has any: of missed events nothing says it."""
    return not any(event.found for event in events) or any(event.latency_s is not None for event in events)


def _known(scored: Scored, shared: Sequence[str]) -> dict[str, int]:
    """Of how many events each figure of a moment of one job is."""
    events = [event for event in (scored.events[key] for key in shared) if event.timed_epicentre_km]
    return {
        f"{name}{moment}": sum(said(event)[i] is not None for event in events)
        for name, (said, _) in _OF_MOMENTS.items()
        for i, moment in enumerate(TIMED)
    }


def _over_repeats(repeats: Sequence[Mapping[str, Draws]], rng: np.random.Generator) -> dict[str, Draws]:
    """Means over repeats, which are drawn with replacement but for the first draw."""
    n_draws = len(repeats[0][BEST_BY])
    taken = rng.integers(len(repeats), size=(len(repeats), n_draws))
    taken[:, 0] = np.arange(len(repeats))
    return {
        name: np.take_along_axis(np.stack([each[name] for each in repeats]), taken, axis=0).mean(axis=0)
        for name in repeats[0]
    }


def _estimate(draws: Draws) -> Estimate:
    known = draws[1:][np.isfinite(draws[1:])]
    is_known = len(known) > 0 and np.isfinite(draws[0])  # not where one of the repeats has no such figure
    low, high = np.percentile(known, INTERVAL) if is_known else (np.nan, np.nan)
    return Estimate(float(draws[0]), float(low), float(high))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value

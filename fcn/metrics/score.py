"""The figures of one sequence: the content of metrics.json."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update
from fcn.metrics.calibration import coverage_figures
from fcn.metrics.detection import false_alarms_per_hour, recall
from fcn.metrics.location import location_figures
from fcn.metrics.magnitude import magnitude_figures
from fcn.metrics.matching import Matching, MatchTolerance, epicentre_offset_km, match_events
from fcn.metrics.timeliness import alarm_latency_s, compute_figures, latency_figures

Score = dict[str, float | int | bool | None]

ELAPSED_S = (2, 4, 6, 10, 20)  # after the true first P: when a warning is of use, and when it should be right
MOMENTS = ("", "_at_alarm", *(f"_at_{elapsed_s}s" for elapsed_s in ELAPSED_S))  # "" is final


def score_sequence(
    declared: Sequence[DeclaredEvent],
    catalogue: Catalogue | None,
    span_s: tuple[float, float],
    compute_ms: Float[np.ndarray, " window"],
    *,
    tolerance: MatchTolerance,
    simulated: bool,
) -> Score:
    """Every figure of a replayed sequence, None where undefined.

    span_s: first and last POSIX second of the data; only events with their origin in it are counted.
    compute_ms: computing time of each window. Without a catalogue, what needs one is None. A declared
    event that matches a catalogued one outside the span is neither a match nor a false alarm.
    Raises ValueError for an empty span.
    """
    if not span_s[1] > span_s[0]:
        raise ValueError(f"span_s must end after it starts: {span_s}")
    score: Score = {"simulated": simulated, "n_declared": len(declared)}
    score |= _plain(compute_figures(torch.as_tensor(compute_ms, dtype=torch.float64)))
    if catalogue is None:
        return score | dict.fromkeys(_keys_of_catalogue())
    matching = match_declared(declared, catalogue, tolerance)
    inside = {j for j, event in enumerate(catalogue) if span_s[0] <= event.origin_time_s <= span_s[1]}
    pairs = [(declared[i], catalogue[j]) for i, j in matching.pairs if j in inside]
    n_false = len(matching.unmatched_declared)
    score |= {"n_catalogued": len(inside), "n_matched": len(pairs)}
    score |= _plain(
        {
            "recall": recall(_count(len(pairs)), len(inside)),
            "false_alarms_per_hour": false_alarms_per_hour(_count(n_false), span_s[1] - span_s[0]),
        }
    )
    score |= _latency(pairs)
    for moment in MOMENTS:
        score |= _figures_at(moment, pairs)
    return score | _coverage(pairs)


def match_declared(
    declared: Sequence[DeclaredEvent], catalogue: Catalogue, tolerance: MatchTolerance
) -> Matching:
    """Match the final solutions with the catalogue."""
    return match_events([each.final.event for each in declared], catalogue.events, tolerance)


def update_at(moment: str, declared: DeclaredEvent, true: Event) -> Update | None:
    """What was said of a true event at a moment of MOMENTS; None if nothing yet or its first P is unknown."""
    if moment == "":
        return declared.final
    if moment == "_at_alarm":
        return declared.alarm
    if true.first_p_time_s is None:
        return None
    return declared.at(true.first_p_time_s + float(moment.removeprefix("_at_").removesuffix("s")))


def _latency(pairs: Iterable[tuple[DeclaredEvent, Event]]) -> Score:
    known = [
        (each.alarm.now_s, true.first_p_time_s) for each, true in pairs if true.first_p_time_s is not None
    ]
    times_s = torch.tensor(known, dtype=torch.float64).reshape(-1, 2)
    return _plain(latency_figures(alarm_latency_s(times_s[:, 0], times_s[:, 1])))


def _figures_at(moment: str, pairs: Iterable[tuple[DeclaredEvent, Event]]) -> Score:
    said = [(update.event, true) for each, true in pairs if (update := update_at(moment, each, true))]
    with_magnitude = [
        (event.magnitude, true.magnitude)
        for event, true in said
        if event.magnitude is not None and true.magnitude is not None
    ]
    magnitudes = torch.tensor(with_magnitude, dtype=torch.float64).reshape(-1, 2)
    figures = location_figures(*_positions_km(said)) | magnitude_figures(magnitudes[:, 0], magnitudes[:, 1])
    counts = {f"n_magnitude{moment}": len(with_magnitude)}
    if moment:
        counts[f"n{moment}"] = len(said)
    return counts | {f"{name}{moment}": value for name, value in _plain(figures).items()}


def _coverage(pairs: Iterable[tuple[DeclaredEvent, Event]]) -> Score:
    """Of the final solutions that state both uncertainties."""
    said = [(each.final.event, true) for each, true in pairs]
    stated = [
        (pair, (pair[0].horizontal_uncertainty_km, pair[0].depth_uncertainty_km))
        for pair in said
        if pair[0].horizontal_uncertainty_km is not None and pair[0].depth_uncertainty_km is not None
    ]
    uncertainty_km = torch.tensor([sigma for _, sigma in stated], dtype=torch.float64).reshape(-1, 2)
    return _plain(coverage_figures(*_positions_km([pair for pair, _ in stated]), uncertainty_km))


def _positions_km(
    said: Sequence[tuple[Event, Event]],
) -> tuple[Float[Tensor, "event 3"], Float[Tensor, "event 3"]]:
    """Predicted and true hypocentres, each pair in a frame centred on its true epicentre."""
    predicted, true = [event for event, _ in said], [event for _, event in said]
    predicted_km, true_km = np.zeros((len(said), 3)), np.zeros((len(said), 3))
    predicted_km[:, :2] = epicentre_offset_km(predicted, true)
    predicted_km[:, 2] = [event.depth_km for event in predicted]
    true_km[:, 2] = [event.depth_km for event in true]
    return torch.from_numpy(predicted_km), torch.from_numpy(true_km)


def _count(n: int) -> Tensor:
    return torch.tensor(n, dtype=torch.float64)


def _plain(figures: dict[str, Tensor]) -> Score:
    """Python floats, None for NaN (undefined)."""
    values = {name: float(value) for name, value in figures.items()}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _keys_of_catalogue() -> list[str]:
    """Keys that need a catalogue."""
    nothing: list[tuple[DeclaredEvent, Event]] = []
    keys = ["n_catalogued", "n_matched", "recall", "false_alarms_per_hour", *_latency(nothing)]
    keys += [key for moment in MOMENTS for key in _figures_at(moment, nothing)]
    return [*keys, *_coverage(nothing)]

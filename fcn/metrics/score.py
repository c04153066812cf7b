"""The figures of one sequence: the content of metrics.json."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event, Update
from fcn.constants import SECONDS_PER_HOUR
from fcn.metrics.errors import Tally
from fcn.metrics.matching import Matching, MatchTolerance, epicentre_offset_km, match_events
from fcn.metrics.row import figures
from fcn.metrics.table import COMPUTE, COVERAGE, DETECTION, LATENCY, LOCATION, MAGNITUDE
from fcn.metrics.watched import Watched

Score = dict[str, float | int | bool | None]
Pair = tuple[DeclaredEvent, Event]  # matched, declared and catalogued

ELAPSED_S = (2, 4, 6, 10, 20)  # after the true first P: when a warning is of use, and when it should be right
MOMENTS = ("", "_at_alarm", *(f"_at_{elapsed_s}s" for elapsed_s in ELAPSED_S))  # "" is final


def score_sequence(
    declared: Sequence[DeclaredEvent],
    catalogue: Catalogue | None,
    watched: Watched,
    compute_ms: Float[np.ndarray, " window"],
    *,
    tolerance: MatchTolerance,
    simulated: bool,
) -> Score:
    """Every figure of a replayed sequence, None where undefined.

    compute_ms: computing time of each window. Without a catalogue, what needs one is None. What counts is
    said by `compare`; n_false are declared events that match nothing.
    """
    score: Score = {"simulated": simulated, "n_declared": len(declared)}
    score |= figures(COMPUTE, torch.as_tensor(compute_ms, dtype=torch.float64))
    score["watched_hours"] = watched.length_s / SECONDS_PER_HOUR
    if catalogue is None:
        return score | dict.fromkeys(_compared([], Tally(0, 0, 0, watched.length_s)))
    counted, matching = compare(declared, catalogue, watched, tolerance)
    pairs = [(declared[i], counted[j]) for i, j in matching.pairs]
    tally = Tally(len(counted), len(pairs), len(matching.unmatched_declared), watched.length_s)
    return score | _compared(pairs, tally)


def compare(
    declared: Sequence[DeclaredEvent], catalogue: Catalogue, watched: Watched, tolerance: MatchTolerance
) -> tuple[Catalogue, Matching]:
    """The catalogued events that count, and how the final solutions match them.

    An event counts where its origin is watched. A declared event that matches one that does not count is
    neither a match nor a false alarm: it is nowhere in the matching.
    """
    whole = match_events([each.final.event for each in declared], catalogue.events, tolerance)
    counted = [j for j, event in enumerate(catalogue) if event.origin_time_s in watched]
    row = {j: new for new, j in enumerate(counted)}
    matching = Matching(
        tuple((i, row[j]) for i, j in whole.pairs if j in row),
        whole.unmatched_declared,
        tuple(row[j] for j in whole.unmatched_catalogued if j in row),
    )
    return Catalogue(catalogue.name, tuple(catalogue[j] for j in counted)), matching


def update_at(moment: str, declared: DeclaredEvent, true: Event) -> Update | None:
    """What was said of a true event at a moment of MOMENTS; None if nothing yet or its first P is unknown."""
    if moment == "":
        return declared.final
    if moment == "_at_alarm":
        return declared.alarm
    if true.first_p_time_s is None:
        return None
    return declared.at(true.first_p_time_s + float(moment.removeprefix("_at_").removesuffix("s")))


def latency_figures(pairs: Iterable[Pair]) -> Score:
    """Of the alarms of matched events, where the first P is known."""
    known = [
        (each.alarm.now_s, true.first_p_time_s) for each, true in pairs if true.first_p_time_s is not None
    ]
    times_s = torch.tensor(known, dtype=torch.float64).reshape(-1, 2)
    return figures(LATENCY, times_s[:, 0], times_s[:, 1])


def source_figures(said: Sequence[tuple[Event, Event]]) -> Score:
    """Of place and magnitude, said and true."""
    magnitudes = torch.tensor(_magnitudes(said), dtype=torch.float64).reshape(-1, 2)
    return figures(LOCATION, *_positions_km(said)) | figures(MAGNITUDE, magnitudes[:, 0], magnitudes[:, 1])


def _compared(pairs: Sequence[Pair], tally: Tally) -> Score:
    """What needs a catalogue."""
    score: Score = {
        "n_catalogued": tally.n_catalogued,
        "n_matched": tally.n_matched,
        "n_false": tally.n_false,
    }
    score |= figures(DETECTION, tally) | latency_figures(pairs)
    for moment in MOMENTS:
        said = [(update.event, true) for each, true in pairs if (update := update_at(moment, each, true))]
        score[f"n_magnitude{moment}"] = len(_magnitudes(said))
        if moment:
            score[f"n{moment}"] = len(said)
        score |= {f"{name}{moment}": value for name, value in source_figures(said).items()}
    return score | _coverage_figures(pairs)


def _coverage_figures(pairs: Iterable[Pair]) -> Score:
    """Of the final solutions that state both uncertainties."""
    said = [(each.final.event, true) for each, true in pairs]
    stated = [
        (pair, (pair[0].horizontal_uncertainty_km, pair[0].depth_uncertainty_km))
        for pair in said
        if pair[0].horizontal_uncertainty_km is not None and pair[0].depth_uncertainty_km is not None
    ]
    uncertainty_km = torch.tensor([sigma for _, sigma in stated], dtype=torch.float64).reshape(-1, 2)
    return figures(COVERAGE, *_positions_km([pair for pair, _ in stated]), uncertainty_km)


def _magnitudes(said: Iterable[tuple[Event, Event]]) -> list[tuple[float, float]]:
    """Both magnitudes, where both are known."""
    return [
        (event.magnitude, true.magnitude)
        for event, true in said
        if event.magnitude is not None and true.magnitude is not None
    ]


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

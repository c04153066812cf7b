"""The figures of one sequence: the content of metrics.json."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fcn.catalogue.event import Catalogue, DeclaredEvent, Event
from fcn.constants import SECONDS_PER_HOUR
from fcn.metrics.errors import Tally
from fcn.metrics.matching import Matching, MatchTolerance, epicentre_offset_km, match_events
from fcn.metrics.moments import FINAL, MOMENTS, Pair, update_at
from fcn.metrics.row import figures
from fcn.metrics.sizing import LARGE, growth_figures, magnitude_figures, split_ids
from fcn.metrics.table import COMPUTE, COVERAGE, DETECTION, LATENCY, LOCATION, STOOD, TIME_COVERAGE
from fcn.metrics.watched import Watched

Score = dict[str, float | int | bool | None]


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
    said by `compare`; n_false are declared events that match nothing, those that were retracted among them,
    n_lost catalogued ones of magnitude LARGE or more that none matches, n_split those declared twice.
    """
    retracted = sum(each.is_retracted for each in declared)
    score: Score = {"simulated": simulated, "n_declared": len(declared), "n_retracted": retracted}
    score |= figures(COMPUTE, torch.as_tensor(compute_ms, dtype=torch.float64))
    score["watched_hours"] = watched.length_s / SECONDS_PER_HOUR
    if catalogue is None:
        nothing = Catalogue("none", ())
        return score | dict.fromkeys(_compared([], nothing, Matching((), (), ()), watched))
    counted, matching = compare(declared, catalogue, watched, tolerance)
    return score | _compared(declared, counted, matching, watched)


def compare(
    declared: Sequence[DeclaredEvent], catalogue: Catalogue, watched: Watched, tolerance: MatchTolerance
) -> tuple[Catalogue, Matching]:
    """The catalogued events that count, and how the final solutions match them.

    An event counts where its origin is watched. A declared event that matches one that does not count is
    neither a match nor a false alarm: it is nowhere in the matching. One that was retracted matches nothing.
    """
    standing = [i for i, each in enumerate(declared) if not each.is_retracted]
    retracted = {i for i, each in enumerate(declared) if each.is_retracted}
    whole = match_events([declared[i].final.event for i in standing], catalogue.events, tolerance)
    counted = [j for j, event in enumerate(catalogue) if event.origin_time_s in watched]
    row = {j: new for new, j in enumerate(counted)}
    matching = Matching(
        tuple((standing[i], row[j]) for i, j in whole.pairs if j in row),
        tuple(sorted({standing[i] for i in whole.unmatched_declared} | retracted)),
        tuple(row[j] for j in whole.unmatched_catalogued if j in row),
    )
    return catalogue.of(catalogue[j] for j in counted), matching


def latency_figures(pairs: Iterable[Pair]) -> Score:
    """Of the alarms of matched events, where the first P is known."""
    known = [
        (each.alarm.now_s, true.first_p_time_s) for each, true in pairs if true.first_p_time_s is not None
    ]
    times_s = torch.tensor(known, dtype=torch.float64).reshape(-1, 2)
    return figures(LATENCY, times_s[:, 0], times_s[:, 1])


def source_figures(said: Sequence[tuple[Event, Event]]) -> Score:
    """Of place and magnitude, said and true."""
    return figures(LOCATION, *_positions_km(said)) | magnitude_figures(said, FINAL)


def _compared(
    declared: Sequence[DeclaredEvent], counted: Catalogue, matching: Matching, watched: Watched
) -> Score:
    """What needs a catalogue; counted: the events of it that count."""
    pairs = [(declared[i], counted[j]) for i, j in matching.pairs]
    false = [declared[i] for i in matching.unmatched_declared]
    tally = Tally(len(counted), len(pairs), len(false), watched.length_s)
    lost = [counted[j] for j in matching.unmatched_catalogued]
    score: Score = {
        "n_catalogued": tally.n_catalogued,
        "n_matched": tally.n_matched,
        "n_false": tally.n_false,
        "n_lost": sum(event.magnitude is not None and event.magnitude >= LARGE for event in lost),
        "n_split": len(split_ids(declared, counted, matching)),
        "n_first_p_computed": sum(event.first_p_is_computed for event in counted),
    }
    score |= figures(DETECTION, tally) | latency_figures(pairs)
    score |= figures(STOOD, torch.tensor([each.stood_s for each in false], dtype=torch.float64))
    for moment in MOMENTS:
        said = [(update.event, true) for each, true in pairs if (update := update_at(moment, each, true))]
        if moment:
            score[f"n{moment}"] = len(said)
        score |= {f"{name}{moment}": value for name, value in source_figures(said).items()}
    return score | growth_figures(pairs, counted.released) | _coverage_figures(pairs)


def _coverage_figures(pairs: Iterable[Pair]) -> Score:
    """Of the final solutions that state both uncertainties of their place, and that of their time."""
    said = [(each.final.event, true) for each, true in pairs]
    stated = [
        (pair, (pair[0].horizontal_uncertainty_km, pair[0].depth_uncertainty_km))
        for pair in said
        if pair[0].horizontal_uncertainty_km is not None and pair[0].depth_uncertainty_km is not None
    ]
    uncertainty_km = torch.tensor([sigma for _, sigma in stated], dtype=torch.float64).reshape(-1, 2)
    times_s = torch.tensor(
        [
            (declared.origin_time_s, true.origin_time_s, declared.origin_time_uncertainty_s)
            for declared, true in said
            if declared.origin_time_uncertainty_s is not None
        ],
        dtype=torch.float64,
    ).reshape(-1, 3)
    return figures(COVERAGE, *_positions_km([pair for pair, _ in stated]), uncertainty_km) | figures(
        TIME_COVERAGE, *times_s.unbind(dim=1)
    )


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

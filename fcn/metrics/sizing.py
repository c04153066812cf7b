"""How well events are sized, as they grow and at the end, and how often one is taken for two."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from fcn.catalogue.coda import CodaReach
from fcn.catalogue.event import Catalogue, DeclaredEvent, Event
from fcn.catalogue.released import BOUND_MARGIN, BOUND_SHARE, Released
from fcn.metrics.matching import Matching, epicentral_distance_km
from fcn.metrics.moments import Pair, elapsed_s, update_at
from fcn.metrics.row import figures
from fcn.metrics.table import BOUND, MAGNITUDE, RELEASED, SETTLING

RIGHT_WITHIN = 0.5  # of the true magnitude
LARGE = 5.0  # from here on an event that is not found is one that should have been warned of
# A second declared event in here is taken for a part of the first: a definition, whatever an alarm's rule is.
SPLIT_REACH = CodaReach(least_magnitude=-math.inf, longest_s=180.0, before_s=4.0, margin_km=50.0)
RELEASED_AT = "_at_10s"  # the moment of the rows RELEASED and BOUND

Figures = dict[str, float | int | bool | None]


def split_ids(declared: Sequence[DeclaredEvent], catalogue: Catalogue, matching: Matching) -> set[str]:
    """Ids of the found events that were declared twice: what matches nothing lies within their SPLIT_REACH.

    Each declared event that matches nothing, and was not withdrawn, counts for the largest event it may be
    of.
    """
    found = [catalogue[j] for _, j in matching.pairs]
    extra = [declared[i] for i in matching.unmatched_declared if not declared[i].is_retracted]
    apart_km = epicentral_distance_km([each.final.event for each in extra], found)
    split = set()
    for row, each in enumerate(extra):
        near = [
            (event.magnitude or 0.0, event.event_id)
            for column, event in enumerate(found)
            if SPLIT_REACH.holds(
                event.magnitude,
                each.final.event.origin_time_s - event.origin_time_s,
                float(apart_km[row, column]),
            )
        ]
        split |= {max(near)[1]} if near else set()
    return split


def right_for_good_s(declared: DeclaredEvent, true: Event) -> float | None:
    """Seconds from the true first P until the magnitude is within RIGHT_WITHIN, and stays; None if never."""
    if true.first_p_time_s is None or true.magnitude is None:
        return None
    since_s = None
    for update in declared.updates:
        size = update.event.magnitude
        if size is None or abs(size - true.magnitude) > RIGHT_WITHIN:
            since_s = None
        elif since_s is None:
            since_s = update.now_s - true.first_p_time_s
    return since_s


def magnitude_figures(said: Sequence[tuple[Event, Event]], moment: str) -> Figures:
    """Of magnitudes, said and true, at one of MOMENTS, where both are known."""
    known = [
        (event.magnitude, true.magnitude)
        for event, true in said
        if event.magnitude is not None and true.magnitude is not None
    ]
    values = torch.tensor(known, dtype=torch.float64).reshape(-1, 2)
    named = figures(MAGNITUDE, values[:, 0], values[:, 1])
    return {f"n_magnitude{moment}": len(known), **{f"{k}{moment}": v for k, v in named.items()}}


def growth_figures(pairs: Sequence[Pair], released: Mapping[str, Released]) -> Figures:
    """When magnitudes were right for good, and how they kept up with the moment released so far."""
    right_s = _vector(right_for_good_s(each, true) for each, true in pairs)
    known = [
        (update, true, released[true.event_id])
        for each, true in pairs
        if true.event_id in released and (update := update_at(RELEASED_AT, each, true)) is not None
    ]
    # what the first station can have heard of by then left the source as long after the origin
    after_s = elapsed_s(RELEASED_AT)
    sizes = [
        (update.event.magnitude, so_far)
        for update, _, course in known
        if update.event.magnitude is not None and (so_far := course.at(after_s)) is not None
    ]
    bounds = [
        update.is_lower_bound == _is_below(update.event.magnitude, true.magnitude, course.share_at(after_s))
        for update, true, course in known
        if update.event.magnitude is not None and true.magnitude is not None
    ]
    said = torch.tensor(sizes, dtype=torch.float64).reshape(-1, 2)
    return {
        "n_magnitude_right": len(right_s),
        **figures(SETTLING, right_s),
        f"n_released{RELEASED_AT}": len(sizes),
        **figures(RELEASED, said[:, 0], said[:, 1]),
        **figures(BOUND, torch.tensor(bounds, dtype=torch.float64)),
    }


def _is_below(stated: float, true: float, share: float) -> bool:
    """Whether a magnitude was to be called a lower bound."""
    return true - stated > BOUND_MARGIN or share < BOUND_SHARE


def _vector(values: Iterable[float | None]) -> Tensor:
    return torch.tensor([value for value in values if value is not None], dtype=torch.float64)

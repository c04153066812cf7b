"""The picks that an event's place stands on: what catalogues are given, and nothing is read from again."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.catalogue.phase import PhasePick
from fcn.scheme.migration.picks import Arrived
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_terms import TermsLaw

PHASES = ("P", "S")


def phase_picks(
    seen: Seen,
    places: Places,
    arrival_s: Float[Tensor, "event station 2"],
    arrived: tuple[Arrived, Arrived],
    near: Bool[Tensor, "event station"],
    law: TermsLaw | None,
) -> list[tuple[PhasePick, ...]]:
    """P and S of each event, the soonest first; none where nobody says how stations are called.

    P that agrees with the place, and S that terms would learn from (law; None: none), at the stations that
    judge it (near). arrival_s, arrived: when they are due, and how much later they are heard.
    """
    if (names := seen.batch.station_ids) is None:
        return [()] * len(places)
    least_s = torch.inf if law is None else law.least_s_probability
    counts = torch.stack([places.has_p, near & (arrived[1].probability >= least_s)], dim=-1)
    late_s, probability = (
        torch.stack([getattr(each, name) for each in arrived], dim=-1) for name in ("late_s", "probability")
    )
    time_s = seen.start_s + arrival_s.double() + late_s
    found: list[list[PhasePick]] = [[] for _ in range(len(places))]
    for event, station, phase in (counts & (probability > 0)).nonzero().tolist():
        network, _, code = names[station].partition(".")
        at = event, station, phase
        found[event].append(
            PhasePick(
                network,
                code,
                PHASES[phase],
                float(time_s[at]),
                residual_s=float(late_s[at]),
                correction_s=float(seen.terms.delay_s[station, phase]),
                weight=float(probability[at]),
            )
        )
    return [tuple(sorted(picks, key=lambda pick: pick.time_s)) for picks in found]

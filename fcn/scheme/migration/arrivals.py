"""What is heard of events at stations, when it is due: what terms, places and catalogues go by."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.catalogue.phase import PhasePick
from fcn.scheme.migration.hearing import Due
from fcn.scheme.migration.migrate import Migration
from fcn.scheme.migration.picks import Arrived, find_p
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_terms import TermsLaw
from fcn.scheme.migration.transfer import HOST, moved

PHASES = ("P", "S")


@dataclass(frozen=True)
class Heard:
    """P and S of the events of one window at every station.

    due_s: seconds after the window's first sample. arrived: how much later they are heard. near: stations
    that judge a place. due: pdfs of arrivals, of a network that times them.
    """

    due_s: Float[Tensor, "event station 2"]
    arrived: tuple[Arrived, Arrived]
    near: Bool[Tensor, "event station"]
    due: Due | None

    @classmethod
    def of(cls, seen: Seen, places: Places, core: Migration, within_s: tuple[float, float]) -> "Heard":
        """within_s: of when P and S are due."""
        due_s = seen.arrivals(places.place_km, places.origin_s)
        near = core.neighbourhood.of(places.place_km[None], seen.here.station_km, seen.here.mask)[0]
        if seen.listener is None:
            p = find_p(seen.picks, due_s[..., 0], within_s=within_s[0])
            return cls(due_s, (p, Arrived.none(*near.shape)), near, None)
        (has_data,) = moved(HOST, seen.batch.heard[0])
        due = Due.of(seen.listener, has_data, near & places.is_located[:, None], due_s)
        return cls(due_s, due.picks(near.shape[0], near.shape[1], within_s), near, due)

    @property
    def late_s(self) -> Float[Tensor, "event station 2"]:
        """Of both phases; 0 where nothing is heard."""
        return torch.stack([each.late_s for each in self.arrived], dim=-1)

    @property
    def probability(self) -> Float[Tensor, "event station 2"]:
        """Of both phases; 0 where nothing is heard."""
        return torch.stack([each.probability for each in self.arrived], dim=-1)


def phase_picks(
    seen: Seen, places: Places, heard: Heard, law: TermsLaw | None
) -> list[tuple[PhasePick, ...]]:
    """P and S of each event, the soonest first; none where nobody says how stations are called.

    P that agrees with the place, and S that terms would learn from (law; None: none), at the stations that
    judge it.
    """
    if (names := seen.batch.station_ids) is None:
        return [()] * len(places)
    least_s = torch.inf if law is None else law.least_s_probability
    late_s, probability = heard.late_s, heard.probability
    counts = torch.stack([places.has_p, heard.near & (probability[..., 1] >= least_s)], dim=-1)
    time_s = seen.start_s + heard.due_s.double() + late_s
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

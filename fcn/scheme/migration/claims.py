"""Whether a place found in a window is that of a declared event, by the P picks that both explain.

Evidence speaks of a volume by itself; which stations' picks a place accounts for is what two places of one
event are compared by. Times are seconds after the window's first sample.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.catalogue.event import Known
from fcn.scheme.migration.candidates import CandidateLaw
from fcn.scheme.migration.picks import Picks
from fcn.scheme.migration.places import Places

MUCH_OF = 0.5  # of P picks: an event's are of a hypothesis that explains so many of them, and others
ENOUGH = 3  # stations: two may agree with any place by chance


def _explains(picks: Picks, p_s: Float[Tensor, " station"], p_tolerance_s: float) -> Bool[Tensor, " pick"]:
    return (picks.time_s - p_s[picks.station]).abs() <= p_tolerance_s


def _n_stations(picks: Picks, which: Bool[Tensor, " pick"]) -> int:
    return len(picks.station[which].unique())


def claimed(
    follows: Sequence[str | None],
    p_s: Float[Tensor, "event station"],
    known: Sequence[Known],
    due_s: Float[Tensor, "known station 2"],
    picks: Picks,
    least_magnitude: float,
    *,
    p_tolerance_s: float,
) -> tuple[str | None, ...]:
    """The same as `follows`, with the declared event of each new hypothesis that is that event elsewhere.

    It is where its P explains half of the picks, two at least, that P of an open event explains, and more
    than that event does: an alarm of few stations may be tens of km off, out of reach of what looks for it
    about its last place, and with another first station. Picks of one station count once; of several events
    it is the one known first. p_s, due_s: P of hypotheses, P and S of `known`. least_magnitude: of the event;
    of a swarm's, with few picks each, one may well explain by chance what another has.
    """

    def explains(times_s: Float[Tensor, " station"]) -> Bool[Tensor, " pick"]:
        return _explains(picks, times_s, p_tolerance_s)

    def n(which: Bool[Tensor, " pick"]) -> int:
        return _n_stations(picks, which)

    open_picks = [
        (each.event_id, own) for row, each in enumerate(known)
        if each.is_open
        and (each.estimate.magnitude or 0.0) >= least_magnitude
        and n(own := explains(due_s[row, :, 0])) >= 2
    ]  # fmt: skip
    named: list[str | None] = []
    for row, name in enumerate(follows):
        if name is None and open_picks:
            mine = explains(p_s[row])
            are = (
                id_ for id_, own in open_picks
                if n(own & mine) >= max(2, MUCH_OF * n(own)) and n(mine) > n(own)
            )  # fmt: skip
            name = next(are, None)
        named.append(name)
    return tuple(named)


def weighed(
    found: Places,
    p_s: Float[Tensor, "event station"],
    known: Sequence[Known],
    due_s: Float[Tensor, "known station 2"],
    picks: Picks,
    reach_km: float,
    law: CandidateLaw | None,
    *,
    p_tolerance_s: float,
) -> Places:
    """Those found, of large declared events those elsewhere with the `favour` that stations' picks show them.

    Elsewhere is further than reach_km from an event's last place. -1: P explains picks of fewer stations
    there than at the last place, so that the event does not move: a volume may be trusted with two picks that
    happen to suit it, and what more stations have told is not forgotten for that. 1: of twice as many, two
    more and `ENOUGH` at least, with such evidence as the law of candidates asks, so that it does: what an
    alarm of few stations was placed by is worth less than what most say since. Events are large from that
    law's magnitude on: a small one's last place may explain by chance what others of its swarm have picked.
    p_s: P of the places at every station. due_s: P and S of `known`.
    """
    row_of = {each.event_id: row for row, each in enumerate(known)}
    favour = torch.zeros(len(found), dtype=torch.long)
    for row, name in enumerate(found.follows):
        if name is None or law is None:
            continue
        last = known[row_of[name]].estimate
        last_km = found.place_km.new_tensor([last.east_km, last.north_km])
        is_elsewhere = (found.place_km[row, :2] - last_km).abs().amax() > reach_km
        if is_elsewhere and (last.magnitude or 0.0) >= law.least_magnitude:
            before, now = (
                _n_stations(picks, _explains(picks, each, p_tolerance_s))
                for each in (due_s[row_of[name], :, 0], p_s[row])
            )
            is_likely = float(found.evidence[row]) >= law.least_evidence
            if now < before:
                favour[row] = -1
            elif is_likely and now >= ENOUGH and before <= min(MUCH_OF * now, now - 2):
                favour[row] = 1
    return replace(found, favour=favour)

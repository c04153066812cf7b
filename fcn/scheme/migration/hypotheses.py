"""Where in a window a fine volume is worth its while, and which of those hypotheses stand.

Functions of picks, arrivals and declared events; no network is asked. Times are seconds after the window's
first sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.catalogue.event import Known, WindowEstimate
from fcn.scheme.migration.picks import Picks

P_KMPS = 6.0  # so much later or earlier P comes where an epicentre is off
MOST_SLACK_S = 2.0
LEAST_PICK_S = 0.1  # two samples of what networks read: no pick is surer
SMALLER = 0.5  # in magnitude: a later event that is not smaller by more hides what goes on in an earlier one


@dataclass(frozen=True)
class Hypotheses:
    """Places in one window where a fine volume is to be made.

    centre_km: of the volumes. station, time_s: their anchors.
    follows: ids of the declared events that are read again; None for what may be a new one.
    """

    centre_km: Float[Tensor, "event 3"]
    station: Int[Tensor, " event"]
    time_s: Float[Tensor, " event"]
    follows: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.follows)

    def __add__(self, other: "Hypotheses") -> "Hypotheses":
        """These and others."""
        pairs = [(getattr(self, name), getattr(other, name)) for name in ("centre_km", "station", "time_s")]
        centre_km, station, time_s = (torch.cat(pair) for pair in pairs)
        return Hypotheses(centre_km, station, time_s, self.follows + other.follows)


def due(
    known: Sequence[Known], travel_s: Float[Tensor, "event station 2"], start_s: float
) -> Float[Tensor, "event station 2"]:
    """P and S of known events at every station; start_s is the POSIX time of the window's first sample."""
    origin_s = torch.tensor([k.estimate.origin_time_s - start_s for k in known], device=travel_s.device)
    return origin_s[:, None, None] + travel_s


def places_km(known: Sequence[Known], device: torch.device) -> Float[Tensor, "event 3"]:
    """Where known events were last."""
    places = [[k.estimate.east_km, k.estimate.north_km, k.estimate.depth_km] for k in known]
    return torch.tensor(places, dtype=torch.float32, device=device).view(-1, 3)


def overtaken(
    follows: Sequence[str | None], known: Sequence[Known], due_s: Float[Tensor, "known station 2"]
) -> Float[Tensor, "event station"]:
    """When P of a later event comes that hides each of these; infinite where none does.

    follows: ids of known events, None for new ones, which nothing hides. due_s: of `known`, as `due`. Only an
    event that is no smaller, but for `SMALLER`, hides another: peaks since P would be its own from then on.
    """
    by_name = {each.event_id: row for row, each in enumerate(known)}
    next_s = torch.full((len(follows), due_s.shape[1]), torch.inf, device=due_s.device)
    for row, name in enumerate(follows):
        own = None if name is None else known[by_name[name]].estimate
        if own is None or own.magnitude is None:
            continue
        for other, each in enumerate(known):
            later, size = each.estimate.origin_time_s > own.origin_time_s, each.estimate.magnitude
            if each.event_id != name and later and size is not None and size >= own.magnitude - SMALLER:
                next_s[row] = torch.minimum(next_s[row], due_s[other, :, 0])
    return next_s


def due_again(known: Sequence[Known], *, now_s: float, relocate_s: float) -> list[int]:
    """Rows of the open events to be read again, `relocate_s` after their last.

    now_s: POSIX time of the window's end.
    """
    late = ((row, now_s - each.estimate.now_s) for row, each in enumerate(known) if each.is_open)
    return [row for row, since_s in late if since_s >= relocate_s - 1e-3]


def _slack_s(estimate: WindowEstimate) -> float:
    """How far an arrival may be off because its event is not well located."""
    return min(MOST_SLACK_S, (estimate.own_uncertainty_km or 0.0) / P_KMPS)


def explained(
    picks: Picks,
    due_s: Float[Tensor, "event station 2"],
    known: Sequence[Known],
    *,
    p_tolerance_s: float,
    s_tolerance_s: float,
) -> Bool[Tensor, " pick"]:
    """Picks that lie where P or S of a known event was due, given how well it is located."""
    if not known:
        return torch.zeros(len(picks), dtype=torch.bool, device=due_s.device)
    slack_s = torch.tensor([_slack_s(k.estimate) for k in known], device=due_s.device)
    off_s = (picks.time_s[:, None, None] - due_s[:, picks.station].transpose(0, 1)).abs()
    limit_s = torch.tensor([p_tolerance_s, s_tolerance_s], device=due_s.device)
    return (off_s <= limit_s + slack_s[None, :, None]).flatten(1).any(dim=1)


def followed(
    known: Sequence[Known],
    picks: Picks,
    due_s: Float[Tensor, "event station 2"],
    near: Bool[Tensor, "event station"],
    *,
    window_s: float,
    p_tolerance_s: float,
) -> Hypotheses:
    """Volumes about the last places of declared events.

    Their anchor is the most probable pick where P was due at one of the stations that judge the place
    (`near`), or P at the first of them where there is none; events whose anchor has left the window have no
    volume.
    """
    rows: list[tuple[str, list[float], int, float]] = []
    for row, each in enumerate(known):
        last = each.estimate
        off_s = (picks.time_s - due_s[row, picks.station, 0]).abs()
        own = ((off_s <= p_tolerance_s + _slack_s(last)) & near[row, picks.station]).nonzero()[:, 0]
        if len(own) > 0:
            best = int(own[0])  # the most probable
            station, time_s = int(picks.station[best]), float(picks.time_s[best])
        else:
            p_s = due_s[row, :, 0].masked_fill(~near[row], torch.inf)
            station = int(p_s.argmin())
            time_s = float(p_s[station])
        if 0 <= time_s <= window_s:
            rows.append((each.event_id, [last.east_km, last.north_km, last.depth_km], station, time_s))
    device = due_s.device
    return Hypotheses(
        torch.tensor([centre for _, centre, _, _ in rows], device=device).view(-1, 3),
        torch.tensor([station for _, _, station, _ in rows], dtype=torch.long, device=device),
        torch.tensor([time_s for _, _, _, time_s in rows], dtype=torch.float32, device=device),
        tuple(name for name, _, _, _ in rows),
    )


def moved(
    followed: Hypotheses,
    peak_km: Float[Tensor, "event 3"],
    evidence: Float[Tensor, " event"],
    *,
    reach_km: float,
    least_evidence: float,
) -> Hypotheses:
    """Declared events that the whole network now puts elsewhere: further than `reach_km` east or north.

    An early epicentre may be tens of km off, and the fine volume about it would never find the right one.
    peak_km, evidence: of the coarse volume about each event's anchor.
    """
    off_km = (peak_km - followed.centre_km)[:, :2].abs().amax(dim=1)
    far = (off_km > reach_km) & (evidence >= least_evidence)
    follows = (name for name, moves in zip(followed.follows, far.tolist(), strict=True) if moves)
    return Hypotheses(peak_km[far], followed.station[far], followed.time_s[far], tuple(follows))


def distinct(
    place_km: Float[Tensor, "anchor 3"],
    origin_s: Float[Tensor, " anchor"],
    evidence: Float[Tensor, " anchor"],
    *,
    least_evidence: float,
    same_s: float,
    same_km: Float[Tensor, " anchor"],
) -> Int[Tensor, " kept"]:
    """Anchors worth a fine volume, most evidence first, one of those that agree on an origin.

    same_s, same_km: two are the same event where both origin times and epicentres are no further apart.
    """
    order = evidence.argsort(descending=True, stable=True)
    kept: list[int] = []
    for i in order[evidence[order] >= least_evidence].tolist():
        if not any(
            abs(float(origin_s[i] - origin_s[j])) <= same_s
            and float((place_km[i] - place_km[j])[:2].norm()) <= float(same_km[i])
            for j in kept
        ):
            kept.append(i)
    return torch.tensor(kept, dtype=torch.long, device=evidence.device)


def in_company(
    picks: Picks,
    apart_s: Float[Tensor, "station station"],
    witnesses: Bool[Tensor, "station station"],
    *,
    tolerance_s: float,
) -> Bool[Tensor, " pick"]:
    """Picks that may be P of one source with another one, of a second witness.

    apart_s: P from station to station: by the triangle inequality, no source's P comes to one that much later
    than to the other.
    """
    later_s = (picks.time_s[:, None] - picks.time_s).abs()
    one, other = picks.station[:, None], picks.station
    return (witnesses[one, other] & (later_s <= apart_s[one, other] + tolerance_s)).any(dim=1)


def origin_times(
    first_guess_s: Float[Tensor, " event"],
    travel_s: Float[Tensor, "event station"],
    picks: Picks,
    *,
    p_tolerance_s: float,
) -> Float[Tensor, " event"]:
    """Origin times from all picks that agree with the anchor's: means weighted by their probability.

    travel_s: of P, infinite where a station's picks do not count. The first guess, the anchor's, where no
    pick agrees.
    """
    origin_s = picks.time_s[None] - travel_s[:, picks.station]
    near = (origin_s - first_guess_s[:, None]).abs() <= p_tolerance_s
    weight = near * picks.probability
    total = weight.sum(dim=1)
    mean_s = (weight * origin_s.masked_fill(~near, 0.0)).sum(dim=1) / total.clamp_min(1e-6)
    return torch.where(total > 0, mean_s, first_guess_s)


def origin_uncertainties(
    p_s: Float[Tensor, "event station"],
    picks: Picks,
    moveout_spkm: Float[Tensor, "event station 3"],
    covariance_km2: Float[Tensor, "event 3 3"],
    *,
    p_tolerance_s: float,
) -> Float[Tensor, " event"]:
    """Standard deviations of the origin times of `origin_times`, s.

    Linearised: by how much another place would have P later in the mean of its picks, and the root mean
    square of what picks are off, which is not divided by their number: paths' errors are common to stations.
    p_s: when P is due, infinite where a station's picks do not count. Where no pick agrees it may be off by
    the tolerance, and all stations that count speak of the place.
    """
    off_s = picks.time_s[None] - p_s[:, picks.station]
    near = off_s.abs() <= p_tolerance_s
    weight = near * picks.probability
    share = weight / weight.sum(dim=1, keepdim=True).clamp_min(1e-6)
    misfit_s2 = (share * off_s.masked_fill(~near, 0.0) ** 2).sum(dim=1).clamp_min(LEAST_PICK_S**2)
    mean_spkm = (share[..., None] * moveout_spkm[:, picks.station]).sum(dim=1)
    alone, counts = ~near.any(dim=1), p_s.isfinite().float()
    n = counts.sum(dim=1, keepdim=True).clamp_min(1.0)
    of_all_spkm = (counts[..., None] * moveout_spkm).sum(dim=1) / n
    mean_spkm = torch.where(alone[:, None], of_all_spkm, mean_spkm)
    misfit_s2 = misfit_s2.masked_fill(alone, p_tolerance_s**2)
    place_s2 = (mean_spkm[:, None] @ covariance_km2 @ mean_spkm[..., None])[:, 0, 0].clamp_min(0.0)
    return (place_s2 + misfit_s2).sqrt()


def with_p(
    p_s: Float[Tensor, "event station"], picks: Picks, *, p_tolerance_s: float
) -> Bool[Tensor, "event station"]:
    """Stations with a pick where P of each event is due."""
    is_near = (picks.time_s - p_s[:, picks.station]).abs() <= p_tolerance_s
    n_near = torch.zeros_like(p_s).index_add_(1, picks.station, is_near.to(p_s.dtype))
    return n_near > 0


def _are_enough(are_two: Bool[Tensor, "station station"], least: int) -> bool:
    """Whether `least` of these stations are witnesses beside one another.

    Each is begun with, and others are added; no more than are asked for, as there may be hundreds.
    """
    pairs = are_two.tolist()
    for first in range(len(pairs)):
        counted = [first]
        for other in range(len(pairs)):
            if len(counted) >= least:
                break
            if all(pairs[other][each] for each in counted):
                counted.append(other)
        if len(counted) >= least:
            return True
    return least < 1


def have_picks(
    arrival_s: Float[Tensor, "event station 2"],
    evidence: Float[Tensor, " event"],
    picks: Picks,
    is_new: Bool[Tensor, " event"],
    explained: Bool[Tensor, " pick"],
    at_once: Bool[Tensor, "event pick"],
    witnesses: Bool[Tensor, "station station"],
    *,
    least_picks: int,
    p_tolerance_s: float,
    s_tolerance_s: float,
) -> Bool[Tensor, " event"]:
    """Which hypotheses stand: of the new ones, those with P picks of their own by `least_picks` witnesses.

    A pick is a hypothesis's own where neither a declared event (`explained`) nor P or S of one with more
    evidence explains it, nor did it come `at_once` with others as P of that hypothesis does not.
    """
    off_s = (picks.time_s[None, :, None] - arrival_s[:, picks.station]).abs()
    is_p = off_s[..., 0] <= p_tolerance_s
    explains = is_p | (off_s[..., 1] <= s_tolerance_s)
    free, keep = ~explained, ~is_new
    for event in evidence.argsort(descending=True, stable=True).tolist():
        if bool(is_new[event]):
            stations = picks.station[is_p[event] & free & ~at_once[event]].unique()
            keep[event] = _are_enough(witnesses[stations][:, stations], least_picks)
        if bool(keep[event]):
            free = free & ~explains[event]
    return keep

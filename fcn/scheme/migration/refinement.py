"""Places of declared events moved by arrivals: the last step of placing, where a volume's pdf is the prior.

A volume sums over what all stations say, however faint; it is read in cells, and its pdf is as wide as its
training made it. What times arrivals (`fcn.arch.ear.Ear`) was trained for that alone.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn import checked
from fcn.scheme.migration.arrivals import Heard
from fcn.scheme.migration.hearing import Due
from fcn.scheme.migration.hypotheses import with_p
from fcn.scheme.migration.migrate import Migration
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.station_terms import Terms
from fcn.scheme.migration.volume import VolumeSpec

SAMPLES, ROUNDS = 600, 5  # of a posterior: with more of either places stay what they are
EFFECTIVE_SHARE = 0.08  # of the samples: weights are levelled until so many count
WIDER = 1.2  # variance of what is drawn next over that of what was found
LEAST_KM = 0.01  # of standard deviations, for inverses
ORIGIN_S = 0.3  # standard deviation of what is drawn first; of the origin time nothing is known before


@dataclass(frozen=True, kw_only=True)
class ArrivalLaw:
    """What arrivals are worth beside a volume.

    p_model_s, s_model_s: what a velocity model has wrong beside the terms of stations, standard deviations;
    model_share: and so much of the travel time, as paths are known no better. elsewhere: how probable it is
    that an arrival is not what the network takes for it, and lies anywhere. prior_factor: variance of the
    prior over that of the volume's pdf, which is of the same waveforms. fewest: arrivals that move a place.
    uncertainty_factor: of places that are moved, horizontal and depth, on what volumes say; chosen on
    validation sequences.
    """

    p_model_s: float
    s_model_s: float
    model_share: float
    elsewhere: float
    prior_factor: float
    fewest: int
    uncertainty_factor: Sequence[float]

    def __post_init__(self) -> None:
        for key in ("p_model_s", "s_model_s"):
            checked.number(f"reading.refine.{key}", getattr(self, key), 0.001, 10.0)
        checked.number("reading.refine.model_share", self.model_share, 0.0, 1.0)
        checked.number("reading.refine.elsewhere", self.elsewhere, 1e-6, 1.0)
        checked.number("reading.refine.prior_factor", self.prior_factor, 0.01, 1000.0)
        checked.whole("reading.refine.fewest", self.fewest, 1, 1000)
        factors = list(self.uncertainty_factor)
        if len(factors) != 2:
            raise ValueError(
                f"reading.refine.uncertainty_factor must be two numbers, horizontal and depth, got {factors}"
            )
        for each in factors:
            checked.number("reading.refine.uncertainty_factor", each, 0.01, 100.0)


@dataclass(frozen=True)
class _Posterior:
    """Of one event's later origin, s, and place further east, north and down, km; arrivals are linear.

    log_likelihood: of each arrival on its samples; elsewhere it is `beyond`. first_sample: when it is due at
    no change, in samples after the first. moveout: samples later for a change. inverse: of the prior's
    covariance.
    """

    log_likelihood: Float[Tensor, "arrival sample"]
    beyond: float
    first_sample: Float[Tensor, " arrival"]
    moveout: Float[Tensor, "arrival 4"]
    inverse: Float[Tensor, "4 4"]

    def log_density(self, change: Float[Tensor, "any 4"]) -> Float[Tensor, " any"]:
        """Up to a constant."""
        return self.of(change @ self.moveout.T, change)

    def of(
        self, later: Float[Tensor, "any arrival"], change: Float[Tensor, "any 4"]
    ) -> Float[Tensor, " any"]:
        """Of changes at which arrivals are due so many samples later."""
        last = self.log_likelihood.shape[1] - 1
        sample = self.first_sample + later
        at = sample.clamp(0, last)
        below = at.floor().clamp_max(last - 1).long()
        share = at - below
        row = torch.arange(len(self.log_likelihood))
        low, high = self.log_likelihood[row, below], self.log_likelihood[row, below + 1]
        here = torch.where(at == sample, low + share * (high - low), self.beyond)
        prior = torch.einsum("ni,ij,nj->n", change, self.inverse, change)
        return here.sum(dim=1) - 0.5 * prior

    def mean(self, covariance: Float[Tensor, "4 4"]) -> Float[Tensor, " 4"]:
        """By adaptive importance sampling (Oh & Berger 1992, J. Stat. Comput. Simul. 41, 143-168).

        covariance: of what is drawn first, about no change. What is drawn is the same for every event.
        """
        drawn = _drawn()
        mean = drawn.new_zeros(4)
        for _ in range(ROUNDS):
            change = mean + drawn @ torch.linalg.cholesky(covariance).T
            log_weight = self.log_density(change) + 0.5 * (drawn**2).sum(dim=1)
            weight = _levelled(log_weight)
            mean = weight @ change
            off = change - mean
            covariance = WIDER * (weight[:, None] * off).T @ off + LEAST_KM**2 * torch.eye(4).double()
        return mean


@functools.cache
def _drawn() -> Float[Tensor, "sample 4"]:
    """Standard normal, and symmetric about nothing."""
    half = torch.randn(SAMPLES // 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.cat([half, -half])


def _levelled(log_weight: Float[Tensor, " sample"]) -> Float[Tensor, " sample"]:
    """Weights that come to one, to a power of at most one at which enough samples count."""
    power = 1.0
    while True:
        weight = torch.softmax(power * log_weight, dim=0)
        if 1 / (weight**2).sum() >= EFFECTIVE_SHARE * len(weight):
            return weight
        power *= 0.7


def refined(
    seen: Seen, places: Places, core: Migration, law: ArrivalLaw | None, within_s: tuple[float, float]
) -> Places:
    """Places that volumes of this window told, at the mean of what arrivals and volumes together say of each.

    Linear about each place, and no further than its volume. A place stays where arrivals at the new one agree
    less, where fewer are due than the law asks for (None, or a network that times none: it is as it was
    told), and of new events, whose places have to agree from window to window. within_s: see `Heard.of`.
    """
    is_declared = torch.tensor([name is not None for name in places.follows], dtype=torch.bool)
    if law is None or seen.listener is None or not (places.is_located & is_declared).any():
        return places
    heard = Heard.of(seen, places, core, within_s)
    assert heard.due is not None
    moveout_spkm = seen.moveout_spkm(places.place_km)
    volumes_km = _volumes(places, core.volume)
    place_km, origin_s = places.place_km.clone(), places.origin_s.clone()
    changed = torch.zeros_like(places.is_located)
    for event in (places.is_located & is_declared).nonzero()[:, 0].tolist():
        one = places.rows([event])
        if not one.covariance_km2.isfinite().all():
            continue
        comes = moveout_spkm[event, heard.due.station, heard.due.phase].isfinite().all(dim=1)
        due = heard.due.where((heard.due.event == event) & comes)
        if len(due) < law.fewest:
            continue
        travel_s = heard.due_s[event] - one.origin_s
        posterior, first = _posterior(
            due, seen.terms, travel_s, moveout_spkm[event], one.covariance_km2[0].double(), law
        )
        change = posterior.mean(first)
        new_km = (one.place_km[0].double() + change[1:]).clamp(volumes_km[0][event], volumes_km[1][event])
        new_s = one.origin_s[0].double() + change[0]
        # arrivals are not linear, and volumes end: is it as probable there as it was to be?
        arrival_s = seen.arrivals(new_km.float()[None], new_s.float()[None])[0]
        later = (arrival_s - heard.due_s[event])[due.station, due.phase].double() / due.step_s
        change[1:] = new_km - one.place_km[0]
        if posterior.of(later[None], change[None]) > posterior.log_density(torch.zeros_like(change)[None]):
            place_km[event], origin_s[event], changed[event] = new_km.float(), new_s.float(), True
    return _at(seen, _surer(places, changed, law), core, changed, place_km, origin_s, within_s[0])


def _posterior(
    due: Due,
    terms: Terms,
    travel_s: Float[Tensor, "station 2"],
    moveout_spkm: Float[Tensor, "station 2 3"],
    covariance_km2: Float[Tensor, "3 3"],
    law: ArrivalLaw,
) -> tuple[_Posterior, Float[Tensor, "4 4"]]:
    """Of an event by arrivals that are all its own, and the covariance of what to draw first."""
    of_model_s = torch.tensor([law.p_model_s, law.s_model_s], dtype=torch.float64)[due.phase]
    of_path_s = law.model_share * travel_s[due.station, due.phase].double()
    of_term_s2 = terms.variance_s2[due.station, due.phase].double()
    spread = (of_model_s**2 + of_path_s**2 + of_term_s2).sqrt()[:, None, None] / due.step_s
    sample = torch.arange(due.pdf.shape[1]).double()
    kernel = torch.exp(-0.5 * ((sample[:, None] - sample) / spread) ** 2)
    # of what is narrower than a sample all lies on it
    whole = torch.maximum(
        spread[..., 0] * (2 * torch.pi) ** 0.5, kernel[:, len(sample) // 2].sum(dim=1)[:, None]
    )
    density = torch.einsum("asj,aj->as", kernel, due.pdf.double()) / whole
    anywhere = law.elsewhere / len(sample)
    log_likelihood = torch.log((1 - law.elsewhere) * density + anywhere)
    moveout = torch.cat([torch.ones(len(due), 1), moveout_spkm[due.station, due.phase]], dim=1)
    first = torch.eye(4, dtype=torch.float64) * LEAST_KM**2
    first[1:, 1:] += law.prior_factor * covariance_km2
    inverse = torch.zeros_like(first)
    inverse[1:, 1:] = torch.linalg.inv(first[1:, 1:])
    first[0, 0] = ORIGIN_S**2
    at_first = -due.first_s.double() / due.step_s
    at_last = math.log(anywhere)
    return _Posterior(log_likelihood, at_last, at_first, moveout.double() / due.step_s, inverse), first


def _surer(places: Places, changed: Bool[Tensor, " event"], law: ArrivalLaw) -> Places:
    """With the uncertainties of those that are moved."""
    across, down = law.uncertainty_factor
    each = torch.tensor([across, across, down])
    covariance_km2 = torch.where(changed[:, None, None], each[:, None] * each, 1.0) * places.covariance_km2
    across_km, down_km = places.across_km.clone(), places.down_km.clone()
    across_km[changed] *= across
    down_km[changed] *= down
    return replace(places, covariance_km2=covariance_km2, across_km=across_km, down_km=down_km)


def _at(
    seen: Seen,
    places: Places,
    core: Migration,
    changed: Bool[Tensor, " event"],
    place_km: Float[Tensor, "event 3"],
    origin_s: Float[Tensor, " event"],
    p_tolerance_s: float,
) -> Places:
    """Those of these events at their new places."""
    if not changed.any():
        return places
    rows = changed.nonzero()[:, 0]
    p_s = seen.arrivals(place_km[rows], origin_s[rows])[..., 0]
    near = core.neighbourhood.of(places.place_km[rows][None], seen.here.station_km, seen.here.mask)[0]
    new = {
        "first_p_s": p_s.masked_fill(~seen.here.mask[0], torch.inf).amin(dim=1),
        "has_p": near & with_p(p_s, seen.picks, p_tolerance_s=p_tolerance_s),
    }
    moved = {name: getattr(places, name).index_copy(0, rows, value) for name, value in new.items()}
    return replace(places, place_km=place_km, origin_s=origin_s, **moved)


def _volumes(places: Places, spec: VolumeSpec) -> tuple[Float[Tensor, "event 3"], Float[Tensor, "event 3"]]:
    """Least and most east, north and depth, km, of the volumes that told places; of depths, those of all.

    Within them travel times are known.
    """
    low_km, high_km = places.place_km.double().clone(), places.place_km.double().clone()
    for row, pdf in enumerate(places.pdf):
        ends = torch.tensor([[-torch.inf] * 2, [torch.inf] * 2], dtype=torch.float64)
        if pdf is not None:
            first = torch.tensor(pdf.first_km, dtype=torch.float64)
            counts = torch.tensor(pdf.probability.shape, dtype=torch.float64)
            ends = torch.stack([first, first + (counts - 1) * torch.tensor(pdf.spacing_km)])
        low_km[row, :2] = torch.minimum(low_km[row, :2], ends[0])
        high_km[row, :2] = torch.maximum(high_km[row, :2], ends[1])
    top_km, bottom_km = spec.depth_range_km
    low_km[:, 2] = low_km[:, 2].clamp_max(top_km)
    high_km[:, 2] = high_km[:, 2].clamp_min(bottom_km)
    return low_km, high_km

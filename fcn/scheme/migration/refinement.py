"""Places of declared events moved by picks: the last step of placing, where a volume's pdf is the prior.

A volume sums over what all stations say, however faint; it is read in cells, and its pdf is as wide as its
training made it. Picks are few, and known to a sample where they are probable.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn import checked
from fcn.scheme.migration.arrivals import Heard
from fcn.scheme.migration.hypotheses import with_p
from fcn.scheme.migration.migrate import Migration
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.seen import Seen
from fcn.scheme.migration.volume import VolumeSpec

STEPS = 10  # of reweighting: by then weights stay what they are
LEAST_KM = 0.01  # of a standard deviation of a prior, for the inverse


@dataclass(frozen=True, kw_only=True)
class PickLaw:
    """How far picks are off, and so how much they move a place.

    p_s, s_s: a pick of probability p is off by so much times sqrt(1 - p), as a standard deviation. p_model_s,
    s_model_s: what a velocity model has wrong beside, once stations have terms; model_share: and so much of
    the travel time, as paths are known no better. degrees: of freedom of Student's t, which says how heavy
    the tails are (Lange, Little & Taylor 1989, J. Am. Stat. Assoc. 84). least_s_probability: of S that
    counts. fewest: picks of P and S that move a place.
    """

    p_s: float
    s_s: float
    p_model_s: float
    s_model_s: float
    model_share: float
    degrees: float
    least_s_probability: float
    fewest: int

    def __post_init__(self) -> None:
        for key in ("p_s", "s_s", "p_model_s", "s_model_s"):
            checked.number(f"reading.refine.{key}", getattr(self, key), 0.001, 10.0)
        checked.number("reading.refine.model_share", self.model_share, 0.0, 1.0)
        checked.number("reading.refine.degrees", self.degrees, 0.5, 1000.0)
        checked.number("reading.refine.least_s_probability", self.least_s_probability, 0.0, 1.0)
        checked.whole("reading.refine.fewest", self.fewest, 1, 1000)

    def spread_s(
        self, probability: Float[Tensor, "event station 2"], travel_s: Float[Tensor, "event station 2"]
    ) -> Float[Tensor, "event station 2"]:
        """Standard deviations of picks of P and S of such probabilities, after such times."""
        of_pick, of_model = (
            probability.new_tensor(each) for each in ((self.p_s, self.s_s), (self.p_model_s, self.s_model_s))
        )
        return (of_pick**2 * (1.0 - probability) + of_model**2 + (self.model_share * travel_s) ** 2).sqrt()


@dataclass(frozen=True)
class _Misfit:
    """Minus twice the log of how probable places are: one row each, picks of both phases in one line.

    late_s: against the place that a volume told. prior_perkm2: inverse of its covariance. degrees: as in
    `PickLaw`.
    """

    late_s: Float[Tensor, "event pick"]
    counts: Bool[Tensor, "event pick"]
    spread_s: Float[Tensor, "event pick"]
    prior_perkm2: Float[Tensor, "event 3 3"]
    degrees: float

    def of(
        self, later_s: Float[Tensor, "event pick"], step_km: Float[Tensor, "event 3"]
    ) -> Float[Tensor, " event"]:
        """Of places so far away, at which arrivals are due so much later."""
        off_s = self.late_s - later_s
        tails = torch.log1p(off_s**2 / (self.degrees * self.spread_s**2)) * self.counts
        step = torch.einsum("ei,eij,ej->e", step_km, self.prior_perkm2, step_km)
        return (self.degrees + 1) * tails.nansum(dim=1) + step

    def least(self, moveout_spkm: Float[Tensor, "event pick 3"]) -> Float[Tensor, "event 4"]:
        """Later origin and place further east, north and down of the least misfit, with arrivals linear."""
        partials = torch.cat([torch.ones_like(moveout_spkm[..., :1]), moveout_spkm], dim=-1)
        # where no phase comes there is no moveout
        partials = torch.where(self.counts[..., None], partials, 0.0)
        prior = partials.new_zeros(len(partials), 4, 4)  # of the origin time none
        prior[:, 1:, 1:] = self.prior_perkm2
        change = partials.new_zeros(len(partials), 4)
        for _ in range(STEPS):
            off_s = self.late_s - (partials @ change[..., None])[..., 0]
            weight = self.counts * (self.degrees + 1) / (self.degrees * self.spread_s**2 + off_s**2)
            root = partials.mT * weight[:, None]
            change = torch.linalg.solve(root @ partials + prior, (root @ self.late_s[..., None])[..., 0])
        return change


def refined(
    seen: Seen, places: Places, core: Migration, law: PickLaw | None, within_s: tuple[float, float]
) -> Places:
    """Places that volumes of this window told, where picks and the volumes' pdfs together are most probable.

    By reweighted least squares, linear about each place, and no further than its volume. A place stays where
    arrivals computed at the new one do not agree better, where there are fewer picks than the law asks for
    (None: it is as it was told), and of new events, whose places have to agree from window to window.
    Uncertainties stay too: they are those of volumes, of the same waveforms. within_s: see `Heard.of`.
    """
    if law is None or not places.is_located.any():
        return places
    heard = Heard.of(seen, places, core, within_s)
    late_s, probability = heard.late_s.double(), heard.probability.double()
    counts = heard.near[..., None] & (probability > 0)
    counts[..., 1] &= probability[..., 1] >= law.least_s_probability
    declared = torch.tensor([name is not None for name in places.follows])
    enough = (counts.sum(dim=(1, 2)) >= law.fewest) & places.covariance_km2.isfinite().all(dim=(1, 2))
    rows = (places.is_located & declared & enough).nonzero()[:, 0]
    if len(rows) == 0:
        return places
    travel_s = (heard.due_s - places.origin_s[:, None, None]).double()
    misfit = _Misfit(
        late_s[rows].flatten(1),
        counts[rows].flatten(1),
        law.spread_s(probability, travel_s)[rows].flatten(1),
        torch.linalg.inv(
            places.covariance_km2[rows].double() + LEAST_KM**2 * torch.eye(3, dtype=torch.float64)
        ),
        law.degrees,
    )
    change = misfit.least(seen.moveout_spkm(places.place_km[rows]).flatten(1, 2).double())
    place_km = places.place_km[rows].double()
    low_km, high_km = _volumes(places.rows(rows.tolist()), core.volume)
    moved_km = torch.minimum(torch.maximum(place_km + change[:, 1:], low_km), high_km)
    origin_s = places.origin_s[rows].double() + change[:, 0]
    due_s = seen.arrivals(moved_km.float(), origin_s.float())
    later_s = (due_s - heard.due_s[rows]).double().flatten(1)
    better = (misfit.of(later_s, moved_km - place_km) < misfit.of(0 * later_s, 0 * place_km)).nonzero()[:, 0]
    rows, moved_km, origin_s, p_s = rows[better], moved_km[better], origin_s[better], due_s[better, :, 0]
    changed = {
        "place_km": moved_km.float(),
        "origin_s": origin_s.float(),
        "first_p_s": p_s.masked_fill(~seen.here.mask[0], torch.inf).amin(dim=1),
        "has_p": heard.near[rows] & with_p(p_s, seen.picks, p_tolerance_s=within_s[0]),
    }
    return replace(
        places, **{name: getattr(places, name).index_copy(0, rows, new) for name, new in changed.items()}
    )


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

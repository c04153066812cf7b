"""Places of declared events moved by picks: the last step of placing, where a volume's pdf is the prior.

A volume sums over what all stations say, however faint; it is read in cells, and its pdf is as wide as its
training made it. Picks are few, and known to a sample where they are probable.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from fcn import checked
from fcn.scheme.migration.arrivals import Heard
from fcn.scheme.migration.migrate import Migration
from fcn.scheme.migration.places import Places
from fcn.scheme.migration.seen import Seen

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


def refined(
    seen: Seen, places: Places, core: Migration, law: PickLaw | None, within_s: tuple[float, float]
) -> Places:
    """Places that volumes of this window told, where picks and the volumes' pdfs together are most probable.

    By reweighted least squares, linear about each place, to no depth above that of volumes. A place stays
    where arrivals computed at the new one do not agree better, where there are fewer picks than the law asks
    for (None: it is as it was told), and of new events, whose places have to agree from window to window.
    Uncertainties stay too: they are those of volumes, of the same waveforms. within_s: see `Heard.of`.
    """
    if law is None or not places.is_located.any():
        return places
    heard = Heard.of(seen, places, core, within_s)
    late_s, probability = heard.late_s.double(), heard.probability.double()
    counts = heard.near[..., None] & (probability > 0)
    counts[..., 1] &= probability[..., 1] >= law.least_s_probability
    declared = torch.tensor([name is not None for name in places.follows])
    enough = counts.sum(dim=(1, 2)) >= law.fewest
    rows = (places.is_located & declared & enough).nonzero()[:, 0]
    if len(rows) == 0:
        return places
    late_s, counts = late_s[rows].flatten(1), counts[rows].flatten(1)
    travel_s = heard.due_s - places.origin_s[:, None, None]
    spread_s = law.spread_s(probability, travel_s.double())[rows].flatten(1)
    place_km, covariance_km2 = places.place_km[rows].double(), places.covariance_km2[rows].double()
    partials = seen.moveout_spkm(places.place_km[rows]).flatten(1, 2).double()
    partials = torch.cat([torch.ones_like(partials[..., :1]), partials], dim=-1)
    partials = torch.where(counts[..., None], partials, 0.0)  # where no phase comes there is no moveout
    prior = torch.zeros(len(rows), 4, 4, dtype=torch.float64)  # of the origin time none
    prior[:, 1:, 1:] = torch.linalg.inv(covariance_km2 + LEAST_KM**2 * torch.eye(3, dtype=torch.float64))

    def weight(off_s: Tensor) -> Tensor:
        return counts * (law.degrees + 1) / (law.degrees * spread_s**2 + off_s**2)

    change = torch.zeros(len(rows), 4, dtype=torch.float64)
    for _ in range(STEPS):
        root = partials.mT * weight(late_s - (partials @ change[..., None])[..., 0])[:, None]
        change = torch.linalg.solve(root @ partials + prior, (root @ late_s[..., None])[..., 0])
    moved_km = place_km + change[:, 1:]
    top_km = place_km[:, 2].clamp_max(core.volume.min_depth_km)
    moved_km[:, 2] = torch.maximum(moved_km[:, 2], top_km)
    origin_s = places.origin_s[rows].double() + change[:, 0]
    due_s = seen.arrivals(moved_km.float(), origin_s.float()).double()
    later_s = (due_s - heard.due_s[rows].double()).flatten(1)

    def misfit(off_s: Tensor, step_km: Tensor) -> Tensor:
        tails = torch.log1p(off_s**2 / (law.degrees * spread_s**2)) * counts
        step = torch.einsum("ei,eij,ej->e", step_km, prior[:, 1:, 1:], step_km)
        return (law.degrees + 1) * tails.nansum(dim=1) + step

    before, after = misfit(late_s, 0 * place_km), misfit(late_s - later_s, moved_km - place_km)
    better = (after < before).nonzero()[:, 0]
    rows, moved_km, origin_s, due_s = rows[better], moved_km[better], origin_s[better], due_s[better]
    first_p_s = due_s[..., 0].masked_fill(~seen.here.mask[0], torch.inf).amin(dim=1)
    changed = {"place_km": moved_km, "origin_s": origin_s, "first_p_s": first_p_s}
    return replace(
        places,
        **{name: getattr(places, name).index_copy(0, rows, new.float()) for name, new in changed.items()},
    )

"""Which stations judge a volume: those its P reaches first."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Neighbourhood:
    """A place's nearest stations: a network of hundreds is read as many small ones.

    What a distant station says of a place can only be that it does not know yet: a mean over all would be
    diluted by it, and would cost the more, the larger the network.

    n_stations: at most. reach_km: none is further from the place than this, nor than `spread` times the
    distance of the station number `enough`.
    """

    n_stations: int
    enough: int
    reach_km: float
    spread: float

    def __post_init__(self) -> None:
        if not 1 <= self.enough <= self.n_stations or self.reach_km <= 0 or self.spread < 1:
            raise ValueError(
                "a neighbourhood needs 1 <= enough <= n_stations, reach_km > 0 and spread >= 1, got "
                f"{self.enough}, {self.n_stations}, {self.reach_km:g} and {self.spread:g}"
            )

    def of(
        self,
        place_km: Float[Tensor, "batch place 3"],
        station_km: Float[Tensor, "batch station 3"],
        mask: Bool[Tensor, "batch station"],
    ) -> Bool[Tensor, "batch place station"]:
        """The stations of each place, of those that exist; along the surface."""
        offset_km = station_km[:, None, :, :2] - place_km[:, :, None, :2]
        apart_km = torch.linalg.vector_norm(offset_km, dim=-1).masked_fill(~mask[:, None], torch.inf)
        order = apart_km.sort(dim=-1, stable=True)
        rank = order.indices.argsort(dim=-1)
        at = min(self.enough, apart_km.shape[-1]) - 1
        limit_km = (self.spread * order.values[..., at : at + 1]).clamp_min(self.reach_km)
        return mask[:, None] & (rank < self.n_stations) & (apart_km <= limit_km)


def first_reached(
    near: Bool[Tensor, "batch volume station"],
    travel_s: Float[Tensor, "batch volume station"],
    *,
    within_s: float,
    enough: int,
) -> Bool[Tensor, "batch volume station"]:
    """Of the stations near a place, those that P reaches `within_s` after the first, at least `enough`."""
    ordered_s = travel_s.masked_fill(~near, torch.inf).sort(dim=-1).values
    last = min(enough, ordered_s.shape[-1]) - 1
    until_s = torch.maximum(ordered_s[..., :1] + within_s, ordered_s[..., last, None])
    return near & (travel_s <= until_s)


def pairs_of(near: Bool[Tensor, "batch volume station"]) -> Int[Tensor, "pair 3"]:
    """Window, volume and station of every station that judges a volume, in order."""
    return near.nonzero()


def with_own(
    near: Bool[Tensor, "batch volume station"], station: Int[Tensor, "batch volume"]
) -> Bool[Tensor, "batch volume station"]:
    """The same with each volume's anchor, by whose P all arrivals are predicted."""
    return near.scatter(2, station[..., None], True)

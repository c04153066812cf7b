"""What every architecture takes and returns."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Prediction:
    """Logits of the three branches.

    station_p: (batch, station, time) P arrival at each station, per sample.
    first_p:   (batch, time) first P arrival of the network, per sample.
    location:  (batch, x, y, z) hypocentre over the search grid.
    magnitude: (batch, bin) magnitude over the bins.
    """

    station_p: Float[Tensor, "batch station time"]
    first_p: Float[Tensor, "batch time"]
    location: Float[Tensor, "batch x y z"]
    magnitude: Float[Tensor, "batch bin"]

"""Where the rectangle of a rupture lies about its hypocentre."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from fcn.simulate.source.point import DoubleCouple

FLATTEST = 0.1  # sine of dip
LARGEST = 8.0  # magnitude to which laws of growth are given


def limited_width_km(
    width_km: Float[Tensor, " event"],
    depth_km: Float[Tensor, " event"],
    mechanism: DoubleCouple,
    limits_km: Sequence[float],
) -> Float[Tensor, " event"]:
    """Width down dip cut to what fits between the limits of depth."""
    top_km, bottom_km = _limits(depth_km, limits_km)
    return torch.minimum(width_km, (bottom_km - top_km) / mechanism.dip_rad.sin().clamp(min=FLATTEST))


def extent_km(
    length_km: Float[Tensor, " event"],
    width_km: Float[Tensor, " event"],
    hypocentre: Float[Tensor, "2 event"],
    depth_km: Float[Tensor, " event"],
    mechanism: DoubleCouple,
    limits_km: Sequence[float],
) -> Float[Tensor, "event 4"]:
    """Of the fault from the hypocentre: along strike from and to, down dip from and to.

    hypocentre: its place as shares of length and width, the second moved so that the fault stays within the
    limits of depth; they give way to a hypocentre that lies outside.
    """
    top_km, bottom_km = _limits(depth_km, limits_km)
    sine = mechanism.dip_rad.sin().clamp(min=FLATTEST)
    above_km = torch.maximum(hypocentre[1] * width_km, width_km - (bottom_km - depth_km) / sine)
    above_km = torch.minimum(above_km, (depth_km - top_km) / sine)
    behind_km = hypocentre[0] * length_km
    return torch.stack([-behind_km, length_km - behind_km, -above_km, width_km - above_km], 1)


def _limits(
    depth_km: Float[Tensor, " event"], limits_km: Sequence[float]
) -> tuple[Float[Tensor, " event"], Float[Tensor, " event"]]:
    return depth_km.clamp(max=limits_km[0]), depth_km.clamp(min=limits_km[1])


def grown(
    magnitude: Float[Tensor, " event"], smallest: float, ends: Sequence[float]
) -> Float[Tensor, " event"]:
    """What is `ends[0]` at the smallest magnitude of ruptures and `ends[1]` at LARGEST; log-linear."""
    share = (magnitude.clamp(min=smallest) - smallest) / (LARGEST - smallest)
    return ends[0] * (ends[1] / ends[0]) ** share


def count(
    magnitude: Float[Tensor, " event"], smallest: float, ends: Sequence[int]
) -> Float[Tensor, " event"]:
    """Sub-sources, no more than at LARGEST."""
    return grown(magnitude, smallest, ends).round().clamp(max=ends[1])


def check(
    depth_km: Sequence[float], counts: Sequence[int], strength: Sequence[float], min_magnitude: float
) -> None:
    """Refuse limits of depth, counts and strengths that no rupture can have."""
    if len(depth_km) != 2 or not 0.0 <= depth_km[0] < depth_km[1]:
        raise ValueError(f"depth_km is a range from the fault's top to its bottom, got {list(depth_km)}")
    if len(counts) != 2 or not 1 <= counts[0] <= counts[1]:
        raise ValueError(f"n_subsources is a range of counts, fewest to most, got {list(counts)}")
    if len(strength) != 2 or not min(strength) > 0.0:
        raise ValueError(f"strength is a pair of positive factors, got {list(strength)}")
    if not 0.0 < min_magnitude < LARGEST:
        raise ValueError(f"min_magnitude of ruptures must lie in 0..{LARGEST}, got {min_magnitude}")

"""Location target of migration volumes: a Gaussian of a width in cells, read back by a local soft-arg-max."""

import torch
from jaxtyping import Float
from torch import Tensor

from fcn.geometry.lattice import Lattice
from fcn.targets.location import LocationEstimate, local_centroid


def encode_volume(
    source_km: Float[Tensor, "volume 3"], lattice: Lattice, *, sigma_cells: float
) -> Float[Tensor, "volume x y depth"]:
    """Gaussian pdf over the cells, summing to 1 in each volume, `sigma_cells` wide along every axis."""
    factors = []
    for axis, axis_km in enumerate(lattice.axes_km()):
        cells = (axis_km - source_km[:, axis, None]) / lattice.spacing_km[:, axis, None]
        factors.append(torch.softmax(-0.5 * (cells / sigma_cells) ** 2, dim=1))
    return torch.einsum("bx,by,bz->bxyz", *factors)


def decode_volume(
    logits: Float[Tensor, "volume x y depth"], lattice: Lattice, *, reach_cells: float
) -> LocationEstimate:
    """Centroid of the pdf within `reach_cells` of its highest cell, along every axis."""
    return local_centroid(logits, lattice.axes_km(), reach_cells * lattice.spacing_km)

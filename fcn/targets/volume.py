"""Location target of migration volumes: a Gaussian of a width in cells, read back by a local soft-arg-max."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from fcn.geometry.lattice import Lattice
from fcn.targets.location import LocationEstimate, local_centroid

LEAST_CELLS = 0.25


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
    logits: Float[Tensor, "volume x y depth"],
    lattice: Lattice,
    *,
    sigma_cells: float,
    reach_cells: float,
    uncertainty_factor: tuple[float, float] = (1.0, 1.0),
) -> LocationEstimate:
    """Centroid of the pdf within `reach_cells` of its highest cell along each axis.

    sigma_cells: width of the targets of `encode_volume`. A network that fits them perfectly gives the pdf of
        the hypocentre convolved with a Gaussian of that width, whose variance is taken off the uncertainties;
        none is less than `LEAST_CELLS`, which a grid cannot tell from none.
    uncertainty_factor: on the horizontal and the depth uncertainty: a temperature of the pdf along each axis.
    """
    found = local_centroid(logits, lattice.axes_km(), reach_cells * lattice.spacing_km)
    target_km = sigma_cells * lattice.spacing_km
    least_km = LEAST_CELLS * lattice.spacing_km

    def without_target(uncertainty_km: Tensor, axes: slice) -> Tensor:
        variance_km2 = uncertainty_km**2 - (target_km[:, axes] ** 2).sum(dim=1)
        return torch.maximum(variance_km2, (least_km[:, axes] ** 2).sum(dim=1)).sqrt()

    across_km = uncertainty_factor[0] * without_target(found.horizontal_uncertainty_km, slice(0, 2))
    down_km = uncertainty_factor[1] * without_target(found.depth_uncertainty_km, slice(2, 3))
    return replace(
        found,
        horizontal_uncertainty_km=across_km,
        depth_uncertainty_km=down_km,
        covariance_km2=_agreeing(
            found.covariance_km2, lattice.spacing_km, sigma_cells, across_km=across_km, down_km=down_km
        ),
    )


def _agreeing(
    covariance_km2: Float[Tensor, "volume 3 3"],
    spacing_km: Float[Tensor, "volume 3"],
    sigma_cells: float,
    *,
    across_km: Float[Tensor, " volume"],
    down_km: Float[Tensor, " volume"],
) -> Float[Tensor, "volume 3 3"]:
    """Covariance without the target's, at the scale of the uncertainties."""
    cells = spacing_km[:, :, None] * spacing_km[:, None, :]
    in_cells = covariance_km2 / cells
    is_known = in_cells.isfinite().all(dim=(1, 2), keepdim=True)  # of a broken network others will tell
    variances, axes = torch.linalg.eigh(in_cells.where(is_known, torch.eye(3, device=cells.device)))
    variances = (variances - sigma_cells**2).clamp_min(LEAST_CELLS**2)
    # products, as autocast makes einsum coarse
    bare = cells * (axes[:, :, None] * axes[:, None] * variances[:, None, None]).sum(dim=-1)
    to_across = across_km / (bare[:, 0, 0] + bare[:, 1, 1]).sqrt()
    scale = torch.stack([to_across, to_across, down_km / bare[:, 2, 2].sqrt()], dim=1)
    scaled = bare * scale[:, :, None] * scale[:, None, :]
    return 0.5 * (scaled + scaled.transpose(1, 2))

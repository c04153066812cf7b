"""Location target: a Gaussian over the search grid, read back by a local soft-arg-max."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fcn.devices import numbers
from fcn.geometry.grid import SearchGrid


@dataclass(frozen=True)
class LocationEstimate:
    """Hypocentres read from location volumes; every tensor has the batch shape first.

    hypocentre_km:             (batch, 3) east, north, depth in the local frame.
    score:                     (batch,) probability within `reach_km` of the hypocentre, 0 to 1.
    horizontal_uncertainty_km: (batch,) root-mean-square radius of the epicentre's pdf.
    depth_uncertainty_km:      (batch,) standard deviation of the depth's pdf.
    covariance_km2:            (batch, 3, 3) of the pdf of east, north and depth; of the same uncertainties.
    epicentre_pdf:             (batch, x, y) of the pdf, summed over depth.
    """

    hypocentre_km: Float[Tensor, "batch 3"]
    score: Float[Tensor, " batch"]
    horizontal_uncertainty_km: Float[Tensor, " batch"]
    depth_uncertainty_km: Float[Tensor, " batch"]
    covariance_km2: Float[Tensor, "batch 3 3"]
    epicentre_pdf: Float[Tensor, "batch x y"]


def grid_axes_km(grid: SearchGrid, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three axes of the grid on the device of `like`, float32, km."""
    x, y, z = (grid.axis_km(i, like.device).float() for i in range(3))
    return x, y, z


def encode_axes(
    source_km: Float[Tensor, "batch 3"], grid: SearchGrid, *, sigma_km: tuple[float, float]
) -> tuple[Float[Tensor, "batch x"], Float[Tensor, "batch y"], Float[Tensor, "batch z"]]:
    """Gaussian pdf over the grid cells, as its factors: a pdf along each axis, summing to 1.

    source_km: east, north, depth in the local frame, depth positive down.
    sigma_km:  (horizontal, vertical) width of the target, not the expected location error.
    """
    factors = []
    for axis, axis_km in enumerate(grid_axes_km(grid, source_km)):
        width_km = sigma_km[1] if axis == 2 else sigma_km[0]
        exponent = -0.5 * ((axis_km - source_km[:, axis : axis + 1].float()) / width_km) ** 2
        factors.append(torch.softmax(exponent, dim=1))
    return factors[0], factors[1], factors[2]


def decode_location(
    logits: Float[Tensor, "batch x y z"], grid: SearchGrid, *, reach_km: Sequence[float]
) -> LocationEstimate:
    """Local soft-arg-max: the centroid of the pdf within `reach_km` of its highest cell.

    reach_km: (horizontal, vertical) half-widths of the box around the highest cell.
    """
    axes = tuple(axis_km.expand(len(logits), -1) for axis_km in grid_axes_km(grid, logits))
    reach = numbers([reach_km[0], reach_km[0], reach_km[1]], axes[0])
    return local_centroid(logits, axes, reach.expand(len(logits), 3))


def local_centroid(
    logits: Float[Tensor, "batch x y z"],
    axes_km: Sequence[Float[Tensor, "batch _"]],
    reach_km: Float[Tensor, "batch 3"],
) -> LocationEstimate:
    """Centroid of the pdf, the softmax of the logits, within `reach_km` of its highest cell along each axis.

    axes_km: cell centres along east, north and depth.
    """
    pdf = torch.softmax(logits.float().flatten(1), dim=1).view(logits.shape)
    cell = pdf.flatten(1).argmax(dim=1)
    n_y, n_z = logits.shape[2], logits.shape[3]
    peaks = (cell // (n_y * n_z), cell // n_z % n_y, cell % n_z)
    near = [
        ((axis_km - torch.gather(axis_km, 1, peak[:, None])).abs() <= reach_km[:, axis, None]).float()
        for axis, (axis_km, peak) in enumerate(zip(axes_km, peaks, strict=True))
    ]
    local = pdf * torch.einsum("bx,by,bz->bxyz", *near)
    score = local.flatten(1).sum(dim=1)
    marginals = [local.sum(dim=(2, 3)), local.sum(dim=(1, 3)), local.sum(dim=(1, 2))]
    hypocentre_km = torch.stack(
        [(m * a).sum(dim=1) / score for m, a in zip(marginals, axes_km, strict=True)], dim=1
    )
    variance_km2, off_km = [], []
    for axis_km, marginal in zip(
        axes_km, [pdf.sum(dim=(2, 3)), pdf.sum(dim=(1, 3)), pdf.sum(dim=(1, 2))], strict=True
    ):
        mean_km = (marginal * axis_km).sum(dim=1, keepdim=True)
        off_km.append(axis_km - mean_km)
        variance_km2.append((marginal * off_km[-1] ** 2).sum(dim=1))
    return LocationEstimate(
        hypocentre_km=hypocentre_km,
        score=score,
        horizontal_uncertainty_km=(variance_km2[0] + variance_km2[1]).sqrt(),
        depth_uncertainty_km=variance_km2[2].sqrt(),
        covariance_km2=_covariance_km2(pdf, off_km, variance_km2),
        epicentre_pdf=pdf.sum(dim=3),
    )


def _covariance_km2(
    pdf: Float[Tensor, "batch x y z"],
    off_km: Sequence[Float[Tensor, "batch _"]],
    variance_km2: Sequence[Float[Tensor, " batch"]],
) -> Float[Tensor, "batch 3 3"]:
    """Of a pdf whose variances along the axes are known; off_km: cells from its mean."""
    covariance_km2 = torch.diag_embed(torch.stack(list(variance_km2), dim=1))
    for first, second, others in ((0, 1, 3), (0, 2, 2), (1, 2, 1)):
        marginal = pdf.sum(dim=others)  # products, as autocast makes einsum coarse
        both_km2 = (marginal * off_km[first][:, :, None] * off_km[second][:, None, :]).sum(dim=(1, 2))
        covariance_km2[:, first, second] = covariance_km2[:, second, first] = both_km2
    return covariance_km2

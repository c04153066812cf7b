"""The hypocentre search grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class SearchGrid:
    """Regular grid of cells; axes east, north, depth (positive down) in the local frame, km.

    minimum_km is the centre of the first cell, shape the number of cells per axis. Raises ValueError unless
    each has three values, spacings positive, counts at least 1.
    """

    minimum_km: Sequence[float]
    spacing_km: Sequence[float]
    shape: Sequence[int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "minimum_km", tuple(map(float, self.minimum_km)))  # Hydra hands lists
        object.__setattr__(self, "spacing_km", tuple(map(float, self.spacing_km)))
        object.__setattr__(self, "shape", tuple(map(int, self.shape)))
        if not len(self.minimum_km) == len(self.spacing_km) == len(self.shape) == 3:
            raise ValueError(f"a search grid has three axes (east, north, depth), got {self}")
        if not min(self.spacing_km) > 0:
            raise ValueError(f"spacing_km must be positive: {self.spacing_km}")
        if min(self.shape) < 1:
            raise ValueError(f"shape must be at least 1 cell per axis: {self.shape}")

    def axis_km(self, axis: int, device: torch.device | None = None) -> Float[Tensor, " cell"]:
        """Cell centres along one axis (0 east, 1 north, 2 depth)."""
        cells = torch.arange(self.shape[axis], device=device)
        return self.minimum_km[axis] + self.spacing_km[axis] * cells

    @property
    def maximum_km(self) -> tuple[float, float, float]:
        """Centre of the last cell."""
        east, north, depth = (
            low + step * (count - 1)
            for low, step, count in zip(self.minimum_km, self.spacing_km, self.shape, strict=True)
        )
        return east, north, depth

    @property
    def centres_km(self) -> Float[Tensor, "x y z 3"]:
        """Cell centres: east, north, depth."""
        axes = [self.axis_km(axis) for axis in range(3)]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)

    def contains(self, points_km: Float[Tensor, "*shape 3"]) -> Bool[Tensor, "*shape"]:
        """Whether points lie in some cell, that is up to half a spacing beyond the outermost centres."""
        half = torch.tensor(self.spacing_km) / 2
        low = points_km >= (torch.tensor(self.minimum_km) - half).to(points_km)
        high = points_km <= (torch.tensor(self.maximum_km) + half).to(points_km)
        return (low & high).all(-1)

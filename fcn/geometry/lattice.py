"""Search volumes of any place and scale, one per hypothesis; `fcn.geometry.grid` holds the fixed kind."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.devices import numbers


@dataclass(frozen=True)
class Lattice:
    """Regular volumes of equal shape in the local frame (east, north, depth; km).

    first_km:   centre of each volume's first cell. spacing_km: between cells, per axis.
    shape:      cells per axis.
    """

    first_km: Float[Tensor, "*volume 3"]
    spacing_km: Float[Tensor, "*volume 3"]
    shape: tuple[int, int, int]

    @classmethod
    def about(
        cls,
        centre_km: Float[Tensor, "*volume 3"],
        spacing_km: Float[Tensor, "*volume 3"],
        shape: tuple[int, int, int],
        *,
        min_depth_km: float,
    ) -> "Lattice":
        """Volumes centred on a point, moved down where they would begin above `min_depth_km`."""
        half = (numbers(shape, centre_km) - 1) / 2
        first_km = centre_km - half * spacing_km
        top_km = first_km[..., 2:].clamp_min(min_depth_km)
        return cls(torch.cat([first_km[..., :2], top_km], dim=-1), spacing_km, shape)

    def moved(self, cells: Float[Tensor, "*volume 3"]) -> "Lattice":
        """The same volumes, each so many of its cells further east, north and down."""
        return Lattice(self.first_km + cells * self.spacing_km, self.spacing_km, self.shape)

    def middle_km(self) -> Float[Tensor, "*volume 3"]:
        """Middle of each volume."""
        cells = numbers(self.shape, self.first_km)
        return self.first_km + self.spacing_km * (cells - 1) / 2

    def flat(self) -> "Lattice":
        """All volumes along one axis."""
        return Lattice(self.first_km.reshape(-1, 3), self.spacing_km.reshape(-1, 3), self.shape)

    def axes_km(self) -> tuple[Float[Tensor, "*volume _"], ...]:
        """Cell centres along east, north and depth."""
        return tuple(
            self.first_km[..., axis, None]
            + self.spacing_km[..., axis, None] * torch.arange(self.shape[axis], device=self.first_km.device)
            for axis in range(3)
        )

    def cells_km(self) -> Float[Tensor, "*volume cell 3"]:
        """All cell centres, depth fastest."""
        east, north, depth = self.axes_km()
        shape = (*self.first_km.shape[:-1], *self.shape)
        cells = torch.stack(
            [
                east[..., :, None, None].expand(shape),
                north[..., None, :, None].expand(shape),
                depth[..., None, None, :].expand(shape),
            ],
            dim=-1,
        )
        return cells.flatten(-4, -2)

    def columns_km(self) -> Float[Tensor, "*volume column 2"]:
        """East and north of all columns of cells, north fastest."""
        east, north, _ = self.axes_km()
        shape = (*self.first_km.shape[:-1], *self.shape[:2])
        columns = [east[..., :, None].expand(shape), north[..., None, :].expand(shape)]
        return torch.stack(columns, dim=-1).flatten(-3, -2)

    def contains(self, point_km: Float[Tensor, "*volume 3"]) -> Bool[Tensor, "*volume"]:
        """Whether a point per volume lies in one of its cells."""
        place = (point_km - self.first_km) / self.spacing_km
        last = numbers(self.shape, place) - 0.5
        return ((place >= -0.5) & (place <= last)).all(dim=-1)

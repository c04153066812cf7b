"""Search volumes of a network, and the travel times from their cells."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fcn.batch import Batch
from fcn.earth.travel_time import TravelTimeTable
from fcn.geometry.lattice import Lattice
from fcn.types import TravelTimes


@dataclass(frozen=True)
class VolumeSpec:
    """Search volumes.

    shape:            cells (east, north, depth); a network fixes the last.
    margin:           a coarse volume is this much wider than the network.
    coarse_depth_km:  spacing of coarse cells along depth.
    fine_km:          spacing of fine cells at run time (horizontal, depth).
    fine_range_km:    of the horizontal spacing in training, log-uniform; fine_depth_range_km of the other.
    min_depth_km:     of the uppermost cell, down from sea level.
    sigma_cells:      width of the location target.
    reach_cells:      half-width of the centroid about the highest cell.
    """

    shape: Sequence[int]
    margin: float
    coarse_depth_km: float
    fine_km: Sequence[float]
    fine_range_km: Sequence[float]
    fine_depth_range_km: Sequence[float]
    min_depth_km: float
    sigma_cells: float
    reach_cells: float

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 4:
            raise ValueError(f"volume.shape must be three counts of at least 4 cells, got {list(self.shape)}")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        for name in ("fine_km", "fine_range_km", "fine_depth_range_km"):
            value = tuple(float(v) for v in getattr(self, name))
            if len(value) != 2 or min(value) <= 0:
                raise ValueError(f"volume.{name} must be two positive numbers of km, got {list(value)}")
            object.__setattr__(self, name, value)

    @property
    def cells(self) -> tuple[int, int, int]:
        """Cells east, north, depth."""
        east, north, depth = self.shape
        return east, north, depth

    def coarse(
        self, station_km: Float[Tensor, "batch station 3"], mask: Bool[Tensor, "batch station"]
    ) -> Lattice:
        """One volume per window over the network and a margin, down from `min_depth_km`."""
        horizontal_km = station_km[..., :2]
        gone = ~mask[..., None]
        low = horizontal_km.masked_fill(gone, torch.inf).amin(dim=1)
        high = horizontal_km.masked_fill(gone, -torch.inf).amax(dim=1)
        alive = mask.any(dim=1, keepdim=True)
        middle = torch.where(alive, (low + high) / 2, 0.0)
        width_km = torch.where(alive, (high - low) * self.margin, 1.0).amax(dim=1, keepdim=True)
        step_km = (width_km / min(self.shape[:2])).clamp_min(self.fine_km[0])
        spacing_km = torch.cat([step_km, step_km, torch.full_like(step_km, self.coarse_depth_km)], dim=1)
        return Lattice.about(
            torch.cat([middle, torch.full_like(step_km, -torch.inf)], dim=1).nan_to_num(neginf=-1e3),
            spacing_km,
            self.cells,
            min_depth_km=self.min_depth_km,
        )

    def fine(self, centre_km: Float[Tensor, "volume 3"], within: Lattice) -> Lattice:
        """Volumes of `fine_km` about points, moved inside the coarse volume `within`, where it is that large.

        Nobody looks beyond the coarse volume: a source below or outside would draw them after it, window by
        window, until no travel time is known.
        """
        spacing_km = centre_km.new_tensor([self.fine_km[0], self.fine_km[0], self.fine_km[1]])
        cells = centre_km.new_tensor(self.cells)
        low_km = within.first_km + (spacing_km * cells - within.spacing_km) / 2
        high_km = low_km + (within.spacing_km - spacing_km) * cells
        middle_km = (low_km + high_km) / 2
        centre_km = torch.maximum(centre_km, torch.minimum(low_km, middle_km))
        centre_km = torch.minimum(centre_km, torch.maximum(high_km, middle_km))
        return Lattice.about(
            centre_km, spacing_km.expand_as(centre_km), self.cells, min_depth_km=self.min_depth_km
        )


@torch.no_grad()
def travel_times(batch: Batch, lattice: Lattice) -> Float[Tensor, "pair anchor cell 2"]:
    """P and S times from every cell of a window's volumes to every station that exists, windows in order."""
    cells_km = lattice.cells_km()  # (batch, anchor, cell, 3)
    if len(batch) == 1:
        times_s = batch.travel_time.between(cells_km.flatten(1, 2), batch.station_km)[0][batch.mask[0]]
    else:
        if not isinstance(batch.travel_time, TravelTimeTable):
            raise ValueError(
                f"a batch of {len(batch)} windows needs travel-time tables, one per window, got "
                f"{type(batch.travel_time).__name__}"
            )
        window, station = batch.mask.nonzero(as_tuple=True)
        times_s = batch.travel_time[window].between(
            cells_km.flatten(1, 2)[window], batch.station_km[window, station][:, None]
        )[:, 0]
    return times_s.view(-1, *cells_km.shape[1:3], 2)


@dataclass
class CoarseTimes:
    """The coarse volume of a stream's network and the travel times from it, kept from window to window.

    They are made anew where a station moves, joins or leaves, and where the travel times are others. A
    station that is silent for a while moves no volume.
    """

    volume: VolumeSpec
    _kept: tuple[Tensor, TravelTimes, Lattice, Tensor] | None = field(default=None, init=False, repr=False)

    def of(self, batch: Batch) -> tuple[Lattice, Float[Tensor, "station cell 2"]]:
        """The volume of a batch of one window; P and S times to every station, whether it exists or not."""
        if self._kept is not None:
            station_km, travel_time, lattice, times_s = self._kept
            if travel_time == batch.travel_time and torch.equal(station_km, batch.station_km):
                return lattice, times_s
        lattice = self.volume.coarse(batch.station_km, torch.ones_like(batch.mask))
        times_s = batch.travel_time.between(lattice.cells_km(), batch.station_km)[0]
        self._kept = (batch.station_km.clone(), batch.travel_time, lattice, times_s)
        return lattice, times_s

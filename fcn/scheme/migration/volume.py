"""Search volumes of a network, and the travel times from their cells."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.batch import Batch
from fcn.earth.travel_time import TravelTimeTable
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.neighbourhood import Neighbourhood, pairs_of
from fcn.types import TravelTimes

OUTWARD = 0.5  # of its width: so far a coarse volume whose peak lies at its edge is moved
EDGE_CELLS = 1.5  # peaks so near its faces lie at the edge
MOST_KEPT = 64  # volumes of a kind: 0.8 MB each, of 24 stations

T = TypeVar("T")


@dataclass(frozen=True)
class VolumeSpec:
    """Search volumes.

    shape:            cells (east, north, depth); a network fixes the last.
    margin:           a coarse volume is this much wider than the stations that judge it.
    widest_km:        no coarse volume is wider: as wide as those of training at most.
    coarse_depth_km:  spacing of coarse cells along depth.
    fine_km:          spacing of fine cells at run time (horizontal, depth).
    fine_range_km:    of the horizontal spacing in training, log-uniform; fine_depth_range_km of the other.
    min_depth_km:     of the uppermost cell, down from sea level.
    sigma_cells:      width of the location target.
    reach_cells:      half-width of the centroid about the highest cell.
    """

    shape: Sequence[int]
    margin: float
    widest_km: float
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
        self,
        station_km: Float[Tensor, "batch station 3"],
        near: Bool[Tensor, "batch volume station"],
        about_km: Float[Tensor, "batch volume 3"],
    ) -> Lattice:
        """Volumes over the stations that judge them (`near`) and a margin, down from `min_depth_km`.

        Where that is wider than `widest_km` they are as wide about `about_km`, the anchors' stations or
        places, but no further out than the stations: a place must not lead its own volume away, window by
        window.
        """
        horizontal_km = station_km[:, None, :, :2]
        gone = ~near[..., None]
        low = horizontal_km.masked_fill(gone, torch.inf).amin(dim=2)
        high = horizontal_km.masked_fill(gone, -torch.inf).amax(dim=2)
        alive = near.any(dim=2)[..., None]
        width_km = torch.where(alive, (high - low) * self.margin, 1.0).amax(dim=-1, keepdim=True)
        middle = torch.where(alive, (low + high) / 2, 0.0)
        about = torch.minimum(torch.maximum(about_km[..., :2], low), high)
        middle = torch.where(width_km > self.widest_km, about, middle)
        step_km = (width_km.clamp_max(self.widest_km) / min(self.shape[:2])).clamp_min(self.fine_km[0])
        spacing_km = torch.cat([step_km, step_km, torch.full_like(step_km, self.coarse_depth_km)], dim=-1)
        return Lattice.about(
            torch.cat([middle, torch.full_like(step_km, -1e3)], dim=-1),
            spacing_km,
            self.cells,
            min_depth_km=self.min_depth_km,
        )

    def outward(
        self, lattice: Lattice, peak_km: Float[Tensor, "volume 3"]
    ) -> tuple[Lattice, Bool[Tensor, " volume"]]:
        """Coarse volumes further out where a peak lies at the edge, and where that is.

        peak_km: of each volume of `lattice` (one row each). Its source may lie beyond: they are moved by
        `OUTWARD` of their width that way, east or west, north or south, or both.
        """
        cells = peak_km.new_tensor(self.cells)
        off = (peak_km - lattice.middle_km()) / lattice.spacing_km  # in cells
        step = off.sign() * self._outward_cells(cells) * (off.abs() >= cells / 2 - EDGE_CELLS)
        return lattice.moved(step), (step != 0).any(dim=1)

    @staticmethod
    def _outward_cells(cells: Float[Tensor, " 3"]) -> Float[Tensor, " 3"]:
        """How many cells east, north and down a volume of so many may be moved outward: never down."""
        return (cells * OUTWARD).floor() * cells.new_tensor([1.0, 1.0, 0.0])

    def fine(self, centre_km: Float[Tensor, "volume 3"], within: Lattice) -> Lattice:
        """Volumes of `fine_km` about points, each moved inside its coarse one (`within`) if that is as large.

        Nobody looks beyond it, and `outward` from it: a source below or outside would draw them after it,
        window by window, until no travel time is known. Elsewhere their cells are of one grid in it. Volumes
        about nearly the same place are the same then: travel times from them are kept, and places stay.
        """
        spacing_km = centre_km.new_tensor([self.fine_km[0], self.fine_km[0], self.fine_km[1]])
        cells = centre_km.new_tensor(self.cells)
        depth_km = within.first_km.new_full(within.first_km[..., 2:].shape, self.min_depth_km)
        grid_km = torch.cat([within.first_km[..., :2], depth_km], dim=-1) + spacing_km * (cells - 1) / 2
        centre_km = ((centre_km - grid_km) / spacing_km).round() * spacing_km + grid_km
        out_km = within.spacing_km * self._outward_cells(cells)
        low_km = within.first_km + (spacing_km * cells - within.spacing_km) / 2
        high_km = low_km + (within.spacing_km - spacing_km) * cells
        low_km, high_km = low_km - out_km, high_km + out_km
        middle_km = (low_km + high_km) / 2
        centre_km = torch.maximum(centre_km, torch.minimum(low_km, middle_km))
        centre_km = torch.minimum(centre_km, torch.maximum(high_km, middle_km))
        return Lattice.about(
            centre_km, spacing_km.expand_as(centre_km), self.cells, min_depth_km=self.min_depth_km
        )


@torch.no_grad()
def travel_times(
    batch: Batch, lattice: Lattice, pairs: Int[Tensor, "pair 3"]
) -> Float[Tensor, "pair cell 2"]:
    """P and S times from every cell of windows' volumes to the stations that judge them.

    pairs: window, volume and station, as `pairs_of`.
    """
    cells_km = lattice.cells_km()  # (batch, volume, cell, 3)
    window, volume, station = pairs.unbind(dim=1)
    if len(batch) == 1:
        count = torch.bincount(volume, minlength=cells_km.shape[1]).tolist()
        parts = [
            batch.travel_time.between(cells_km[:, number], batch.station_km[:, rows])[0]
            for number, rows in enumerate(station.split(count))
        ]
        return torch.cat(parts)
    if not isinstance(batch.travel_time, TravelTimeTable):
        raise ValueError(
            f"a batch of {len(batch)} windows needs travel-time tables, one per window, got "
            f"{type(batch.travel_time).__name__}"
        )
    return batch.travel_time[window].between(
        cells_km[window, volume], batch.station_km[window, station][:, None]
    )[:, 0]


def travel_times_of(batch: Batch, place_km: Float[Tensor, "event 3"]) -> Float[Tensor, "event station 2"]:
    """P and S times from places to every station of a batch of one window."""
    if len(place_km) == 0:
        return place_km.new_zeros(0, batch.station_km.shape[1], 2)
    return batch.travel_time.between(place_km[None], batch.station_km)[0].transpose(0, 1)


@dataclass(frozen=True)
class Coarse:
    """A station's coarse volume: its lattice, the stations that judge it, P and S times to them."""

    lattice: Lattice
    near: Bool[Tensor, " station"]
    travel_s: Float[Tensor, "near cell 2"]


@dataclass
class VolumesOfStations:
    """What places about a stream's stations are to them, kept from window to window: coarse volumes, travel
    times from fine ones and between the stations.

    All is made anew where a station moves, joins or leaves, and where the travel times are others.
    """

    volume: VolumeSpec
    neighbourhood: Neighbourhood
    _of: tuple[Tensor, Tensor, TravelTimes] | None = field(default=None, init=False, repr=False)
    _coarse: OrderedDict[int, Coarse] = field(default_factory=OrderedDict, init=False, repr=False)
    _fine: OrderedDict[bytes, Tensor] = field(default_factory=OrderedDict, init=False, repr=False)
    _apart_s: Tensor | None = field(default=None, init=False, repr=False)

    def coarse(self, batch: Batch, station: int) -> Coarse:
        """The volume about one station of a batch of one window."""
        self._look(batch)
        return _kept(self._coarse, station, lambda: self._made(batch, station))

    def travel_times(
        self, batch: Batch, lattice: Lattice, near: Bool[Tensor, "1 volume station"]
    ) -> Float[Tensor, "pair cell 2"]:
        """As of `travel_times`, of a batch of one window, to the stations that judge each volume."""
        self._look(batch)
        parts = []
        for row, stations in enumerate(near[0]):
            first_km, spacing_km = (each[:, row : row + 1] for each in (lattice.first_km, lattice.spacing_km))
            alone = Lattice(first_km, spacing_km, lattice.shape)
            made = partial(travel_times, batch, alone, pairs_of(near[:, row : row + 1]))
            key = torch.cat([first_km.flatten(), spacing_km.flatten(), stations.float()])
            parts.append(_kept(self._fine, key.cpu().numpy().tobytes(), made))
        return torch.cat(parts)

    def apart_s(self, batch: Batch) -> Float[Tensor, "station station"]:
        """P from every station, or from sea level, to every other: no source comes to two further apart."""
        self._look(batch)
        if self._apart_s is None:
            places_km = batch.station_km[0].clone()
            places_km[:, 2].clamp_(min=0.0)  # where travel times from sources are known
            self._apart_s = travel_times_of(batch, places_km)[..., 0]
        return self._apart_s

    def _look(self, batch: Batch) -> None:
        """Forget what was of other stations or travel times."""
        if self._of is not None:
            station_km, mask, travel_time = self._of
            same = torch.equal(station_km, batch.station_km) and torch.equal(mask, batch.mask)
            if same and travel_time == batch.travel_time:
                return
        self._of = (batch.station_km.clone(), batch.mask.clone(), batch.travel_time)
        self._coarse.clear()
        self._fine.clear()
        self._apart_s = None

    def _made(self, batch: Batch, station: int) -> Coarse:
        place_km = batch.station_km[:, station : station + 1]
        near = self.neighbourhood.of(place_km, batch.station_km, batch.mask)
        lattice = self.volume.coarse(batch.station_km, near, place_km)
        return Coarse(lattice, near[0, 0], travel_times(batch, lattice, pairs_of(near)))


def _kept(kept: OrderedDict[Any, T], key: Any, make: Callable[[], T]) -> T:
    """What is kept under a key, made where it is not; those that were asked for last are kept."""
    if key not in kept:
        kept[key] = make()
        if len(kept) > MOST_KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


def joined(parts: Sequence[Coarse]) -> tuple[Lattice, Bool[Tensor, "1 volume station"], Tensor]:
    """Coarse volumes side by side: their lattices, stations and travel times, as one window has them."""
    lattice = Lattice(
        torch.cat([each.lattice.first_km for each in parts], dim=1),
        torch.cat([each.lattice.spacing_km for each in parts], dim=1),
        parts[0].lattice.shape,
    )
    return lattice, torch.stack([each.near for each in parts])[None], torch.cat([p.travel_s for p in parts])

"""Search volumes of a network, and the travel times from their cells."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fcn.batch import Batch
from fcn.earth.travel_time import TravelTimeTable
from fcn.geometry.lattice import Lattice
from fcn.scheme.migration.neighbourhood import Neighbourhood, pairs_of
from fcn.scheme.migration.transfer import moved
from fcn.types import TravelTimes

OUTWARD = 0.5  # of its width: so far a coarse volume whose peak lies at its edge is moved
EDGE_CELLS = 1.5  # peaks so near its faces lie at the edge
ONE_SITE_KM = 0.3  # P takes a sample from one sensor to the other: they are no two witnesses
MOST_KEPT = 64  # volumes of a kind: 0.8 MB each, of 24 stations

K = TypeVar("K")
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

    @property
    def fine_reach_km(self) -> float:
        """Half the width of a fine volume."""
        return 0.5 * self.cells[0] * self.fine_km[0]

    @property
    def depth_range_km(self) -> tuple[float, float]:
        """Of the cells of fine volumes, wherever they are: none reaches below a coarse one."""
        bottom_km = self.min_depth_km + (self.cells[2] - 0.5) * self.coarse_depth_km - 0.5 * self.fine_km[1]
        return self.min_depth_km, bottom_km

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

    def fine(self, centre_km: Float[Tensor, "volume 3"], within: Lattice, *, outward: bool) -> Lattice:
        """Volumes of `fine_km` about points, each moved inside its coarse one (`within`) if that is as large.

        Nobody looks beyond it, nor, with outward, beyond what lies `outward` of it: a source below or outside
        would draw them after it, window by window, until no travel time is known. Elsewhere their cells are
        of one grid in it. Volumes about nearly the same place are the same then: travel times from them are
        kept, and places stay.
        """
        spacing_km = centre_km.new_tensor([self.fine_km[0], self.fine_km[0], self.fine_km[1]])
        cells = centre_km.new_tensor(self.cells)
        depth_km = within.first_km.new_full(within.first_km[..., 2:].shape, self.min_depth_km)
        grid_km = torch.cat([within.first_km[..., :2], depth_km], dim=-1) + spacing_km * (cells - 1) / 2
        centre_km = ((centre_km - grid_km) / spacing_km).round() * spacing_km + grid_km
        out_km = within.spacing_km * self._outward_cells(cells) * outward
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
) -> Float[Tensor, "pair 2 cell"]:
    """P and S times from every cell of windows' volumes to the stations that judge them.

    pairs: window, volume and station, as `pairs_of`.
    """
    window, volume, station = pairs.unbind(dim=1)
    n_windows, n_volumes = lattice.first_km.shape[:2]
    tables = batch.travel_time
    if isinstance(tables, TravelTimeTable):
        of_volumes = tables.model.reshape(-1).expand(n_windows).repeat_interleave(n_volumes)
        all_volumes = lattice.flat()
        return (
            replace(tables, model=of_volumes)
            .from_columns(
                all_volumes.columns_km(),
                all_volumes.axes_km()[2],
                window * n_volumes + volume,
                batch.station_km[window, station],
            )
            .flatten(2)
        )
    if n_windows != 1:
        raise ValueError(
            f"a batch of {n_windows} windows needs travel-time tables, one per window, got "
            f"{type(tables).__name__}"
        )
    count = torch.bincount(volume, minlength=n_volumes).tolist()
    cells_km = lattice.cells_km()  # (batch, volume, cell, 3)
    parts = [
        tables.between(cells_km[:, number], batch.station_km[:, rows])[0]
        for number, rows in enumerate(station.split(count))
    ]
    return torch.cat(parts).transpose(1, 2).contiguous()


def travel_times_of(batch: Batch, place_km: Float[Tensor, "event 3"]) -> Float[Tensor, "event station 2"]:
    """P and S times from places to every station of a batch of one window."""
    if len(place_km) == 0:
        return place_km.new_zeros(0, batch.station_km.shape[1], 2)
    return batch.travel_time.between(place_km[None], batch.station_km)[0].transpose(0, 1)


@dataclass(frozen=True)
class Coarse:
    """A station's coarse volume: its lattice, the stations that judge it, P and S times to them.

    The times are on the device that computes with them.
    """

    lattice: Lattice
    near: Bool[Tensor, " station"]
    travel_s: Float[Tensor, "near 2 cell"]


@dataclass
class VolumesOfStations:
    """What places about a stream's stations are to them, kept from window to window: coarse volumes, travel
    times from fine ones and between the stations.

    All is made anew where a station moves, joins or leaves, and where the travel times are others or another
    device computes with them. Of a batch of one window, `here` is the one of `on_host`: places are told and
    taken there.
    """

    volume: VolumeSpec
    neighbourhood: Neighbourhood
    _of: tuple[Tensor, Tensor, TravelTimes, torch.device] | None = field(default=None, init=False, repr=False)
    _coarse: OrderedDict[int, Coarse] = field(default_factory=OrderedDict, init=False, repr=False)
    _fine: OrderedDict[bytes, Tensor] = field(default_factory=OrderedDict, init=False, repr=False)
    _apart_s: Tensor | None = field(default=None, init=False, repr=False)
    _witnesses: Tensor | None = field(default=None, init=False, repr=False)

    def coarse(self, batch: Batch, here: Batch, stations: Sequence[int]) -> list[Coarse]:
        """The volumes about some stations."""
        self._look(batch, here)
        if new := _missing(self._coarse, stations):
            place_km = here.station_km[:, new]
            near = self.neighbourhood.of(place_km, here.station_km, here.mask)
            lattice = self.volume.coarse(here.station_km, near, place_km)
            for row, times_s in enumerate(_travel_times(batch, lattice, near)):
                self._coarse[new[row]] = Coarse(_volumes(lattice, [row]), near[0, row], times_s)
        return _used(self._coarse, stations)

    def travel_times(
        self, batch: Batch, here: Batch, lattice: Lattice, near: Bool[Tensor, "1 volume station"]
    ) -> Float[Tensor, "pair 2 cell"]:
        """As of `travel_times`, to the stations that judge each volume."""
        self._look(batch, here)
        described = torch.cat([lattice.first_km[0], lattice.spacing_km[0], near[0].float()], dim=1)
        keys = [each.tobytes() for each in described.numpy()]
        if new := _missing(self._fine, keys):
            rows = [keys.index(key) for key in new]
            made = _travel_times(batch, _volumes(lattice, rows), near[:, rows])
            self._fine.update(zip(new, made, strict=True))
        return torch.cat(_used(self._fine, keys))

    def apart_s(self, batch: Batch, here: Batch) -> Float[Tensor, "station station"]:
        """P from every station, or from sea level, to every other: no source comes to two further apart."""
        self._look(batch, here)
        if self._apart_s is None:
            places_km = here.station_km[0].clone()
            places_km[:, 2].clamp_(min=0.0)  # where travel times from sources are known
            self._apart_s = travel_times_of(here, places_km)[..., 0]
        return self._apart_s

    def witnesses(self, batch: Batch, here: Batch) -> Bool[Tensor, "station station"]:
        """Pairs of stations that are two witnesses, see `two_witnesses`."""
        self._look(batch, here)
        if self._witnesses is None:
            self._witnesses = two_witnesses(here.station_km[0])
        return self._witnesses

    def _look(self, batch: Batch, here: Batch) -> None:
        """Forget what was of other stations or travel times, or on another device."""
        device = batch.waveforms.device
        if self._of is not None:
            station_km, mask, travel_time, on_device = self._of
            same = torch.equal(station_km, here.station_km) and torch.equal(mask, here.mask)
            if same and travel_time == here.travel_time and on_device == device:
                return
        self._of = (here.station_km.clone(), here.mask.clone(), here.travel_time, device)
        self._coarse.clear()
        self._fine.clear()
        self._apart_s = self._witnesses = None


def two_witnesses(station_km: Float[Tensor, "station 3"]) -> Bool[Tensor, "station station"]:
    """Pairs of stations `ONE_SITE_KM` apart or more: not those at both ends of a shallow borehole."""
    # not by torch.cdist: of 26 points and more it takes a product, in which places of 300 km cancel
    return (station_km[:, None] - station_km).norm(dim=-1) >= ONE_SITE_KM


def _travel_times(
    batch: Batch, lattice: Lattice, near: Bool[Tensor, "1 volume station"]
) -> Sequence[Float[Tensor, "near 2 cell"]]:
    """Of each volume. lattice, near: on the host."""
    pairs, first_km, spacing_km = moved(
        batch.waveforms.device, pairs_of(near), lattice.first_km, lattice.spacing_km
    )
    times_s = travel_times(batch, Lattice(first_km, spacing_km, lattice.shape), pairs)
    return [each.clone() for each in times_s.split(near[0].sum(dim=1).tolist())]  # kept each by itself


def _volumes(lattice: Lattice, rows: Sequence[int]) -> Lattice:
    """Some of a window's."""
    return Lattice(lattice.first_km[:, rows], lattice.spacing_km[:, rows], lattice.shape)


def _missing(kept: OrderedDict[K, T], keys: Sequence[K]) -> list[K]:
    """What is not kept, each once."""
    return [key for key in dict.fromkeys(keys) if key not in kept]


def _used(kept: OrderedDict[K, T], keys: Sequence[K]) -> list[T]:
    """What is kept under keys; those that were asked for last are kept on."""
    found = [kept[key] for key in keys]
    for key in keys:
        kept.move_to_end(key)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
    return found


def joined(parts: Sequence[Coarse]) -> tuple[Lattice, Bool[Tensor, "1 volume station"], Tensor]:
    """Coarse volumes side by side: their lattices, stations and travel times, as one window has them."""
    lattice = Lattice(
        torch.cat([each.lattice.first_km for each in parts], dim=1),
        torch.cat([each.lattice.spacing_km for each in parts], dim=1),
        parts[0].lattice.shape,
    )
    return lattice, torch.stack([each.near for each in parts])[None], torch.cat([p.travel_s for p in parts])

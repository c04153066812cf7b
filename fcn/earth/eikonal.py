"""First arrivals through a three-dimensional model: one field per station and phase, by reciprocity.

The factored eikonal equation (Fomel, Luo & Zhao 2009; Treister & Haber 2016) is solved by the optional
package eikonalfm, second order: T = |x - station| tau, and tau, a mean slowness, is kept and interpolated.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float
from rich.progress import track
from torch import Tensor

from fcn import checked
from fcn.earth.grid3d import VelocityGrid, Volume, read_velocity_grid
from fcn.earth.tabulation import PHASES
from fcn.earth.travel_time import LOOKUPS_PER_CHUNK
from fcn.geometry.projection import LocalFrame

SAME_STATION_KM = 0.01
MOST_NODES = 5e8  # of all stations, P and S as float32: 4 GB
CORNERS = torch.tensor([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])


@dataclass(frozen=True, eq=False)
class GridTravelTimes:
    """First P and S from anywhere in a grid to the stations it was made for.

    slowness_spkm: mean slowness between node and station, P and S. Every station has a grid of its own, of
    equal shape and spacing, that begins at origin_km and has the station on a node. bounds_km: first and last
    corner of the region that all cover.
    """

    slowness_spkm: Float[Tensor, "station x y z 2"]
    origin_km: Float[Tensor, "station 3"]
    station_km: Float[Tensor, "station 3"]
    spacing_km: float
    bounds_km: Float[Tensor, "2 3"]
    _moved: dict[str, "GridTravelTimes"] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def build(
        cls, grid: VelocityGrid, station_km: Float[Tensor, "station 3"], *, spacing_km: float
    ) -> "GridTravelTimes":
        """Solve for every station, on nodes `spacing_km` apart, up to the top or the highest station.

        Raises ValueError for a station beside or below the grid, ModuleNotFoundError without eikonalfm.
        """
        checked.positive("spacing_km", spacing_km)
        solve = _eikonal_solver()
        stations = station_km.double().numpy()
        low, high = np.array(grid.minimum_km), np.array(grid.maximum_km)
        low[2] = min(low[2], stations[:, 2].min())
        outside = ((stations < low) | (stations > high)).any(1)
        if outside.any():
            raise ValueError(
                f"stations {np.flatnonzero(outside).tolist()} lie outside velocity grid {grid.name}, which "
                f"spans {low.tolist()} to {high.tolist()} km (east, north, depth)"
            )
        before = np.ceil((stations - low) / spacing_km - 1e-9).astype(int)  # nodes before the station
        origin = stations - spacing_km * before
        shape = 2 + np.ceil((high - low) / spacing_km).astype(int)
        if len(stations) * shape.prod(dtype=float) > MOST_NODES:
            raise ValueError(
                f"travel times of {len(stations)} stations on {' x '.join(map(str, shape))} nodes do not fit "
                f"into memory ({MOST_NODES:.0e} nodes in all): take a spacing_km larger than {spacing_km:g}"
            )
        slowness = torch.empty(len(stations), *shape.tolist(), len(PHASES))
        jobs = [(i, p) for i in range(len(stations)) for p in range(len(PHASES))]
        for i, p in track(jobs, description="travel times in 3-D", transient=True):
            axes_km = [
                start + spacing_km * np.arange(count) for start, count in zip(origin[i], shape, strict=True)
            ]
            velocity = np.ascontiguousarray(grid.velocity_kmps(PHASES[p], axes_km))
            slowness[i, ..., p] = torch.from_numpy(solve(velocity, tuple(before[i]), (spacing_km,) * 3, 2))
        bounds = torch.tensor(np.stack([low, high]), dtype=torch.float32)
        return cls(slowness, torch.tensor(origin).float(), station_km.float(), float(spacing_km), bounds)

    def to(self, device: torch.device | str) -> "GridTravelTimes":
        """The same fields on another device, moved once; themselves where they are there already."""
        if all(getattr(self, name).device == torch.device(device) for name in TENSORS):
            return self
        place = str(torch.device(device))
        if place not in self._moved:
            moved = {name: getattr(self, name).to(device) for name in TENSORS}
            self._moved[place] = replace(self, **moved)
        return self._moved[place]

    def between(
        self, source_km: Float[Tensor, "*batch source 3"], station_km: Float[Tensor, "*batch station 3"]
    ) -> Float[Tensor, "*batch station source 2"]:
        """First P and S times in s from sources to stations (east, north, depth in km; depth down).

        Raises ValueError for a station without a field and for a source outside the grid.
        """
        nearest = self._fields_of(station_km)
        sources = source_km.to(self.slowness_spkm.dtype)
        self._check_range(sources)
        shape = (*nearest.shape, source_km.shape[-2])
        fields = nearest[..., None].expand(shape).flatten()
        points = sources[..., None, :, :].expand(*shape, 3).reshape(-1, 3)
        chunks = zip(fields.split(LOOKUPS_PER_CHUNK), points.split(LOOKUPS_PER_CHUNK), strict=True)
        return torch.cat([self._times_s(*chunk) for chunk in chunks]).view(*shape, len(PHASES))

    def _fields_of(self, station_km: Float[Tensor, "*batch station 3"]) -> Tensor:
        """Index of the field of each station."""
        apart_km = torch.linalg.vector_norm(station_km[..., None, :] - self.station_km, dim=-1)
        nearest_km, field = apart_km.min(-1)
        if nearest_km.numel() and not nearest_km.max() <= SAME_STATION_KM:
            lost = station_km.reshape(-1, 3)[int(nearest_km.argmax())].tolist()
            raise ValueError(
                f"no travel-time field for a station at {[round(value, 3) for value in lost]} km (nearest "
                f"{float(nearest_km.max()):.2f} km away); build GridTravelTimes with all stations"
            )
        return field

    def _check_range(self, source_km: Float[Tensor, "*batch source 3"]) -> None:
        low, high = self.bounds_km
        inside = ((source_km >= low - 1e-3) & (source_km <= high + 1e-3)).all(-1)
        if not inside.all():
            first = source_km.reshape(-1, 3)[int((~inside).flatten().int().argmax())].tolist()
            raise ValueError(
                f"source at {[round(value, 3) for value in first]} km is outside the velocity grid, which "
                f"spans {low.tolist()} to {high.tolist()} km (east, north, depth)"
            )

    def _times_s(self, field: Tensor, point_km: Float[Tensor, "pair 3"]) -> Float[Tensor, "pair 2"]:
        """Trilinear mean slowness, times distance."""
        _, n_x, n_y, n_z, n_phases = self.slowness_spkm.shape
        last = torch.tensor([n_x, n_y, n_z], device=field.device) - 2
        place = (point_km - self.origin_km[field]) / self.spacing_km
        node = place.long().clamp(min=torch.zeros_like(last), max=last)
        part = place - node
        x, y, z = torch.stack((1 - part, part), -1).unbind(1)  # (pair, corner along the axis)
        weights = (x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]).flatten(1)
        first = ((field * n_x + node[:, 0]) * n_y + node[:, 1]) * n_z + node[:, 2]
        index = first[:, None] + ((CORNERS[:, 0] * n_y + CORNERS[:, 1]) * n_z + CORNERS[:, 2]).to(
            first.device
        )
        slowness = F.embedding_bag(
            index, self.slowness_spkm.view(-1, n_phases), mode="sum", per_sample_weights=weights
        )
        return slowness * torch.linalg.vector_norm(point_km - self.station_km[field], dim=-1, keepdim=True)


TENSORS = ("slowness_spkm", "origin_km", "station_km", "bounds_km")


@dataclass(frozen=True)
class GridModel:
    """A velocity grid in a file (`fcn.earth.grid3d.read_velocity_grid`), and the spacing to solve it at."""

    path: str
    spacing_km: float

    def travel_times(self, frame: LocalFrame, station_km: Float[Tensor, "station 3"]) -> GridTravelTimes:
        """First arrivals at the stations of a network whose local frame this is."""
        return GridTravelTimes.build(
            read_velocity_grid(Path(self.path).expanduser(), frame), station_km, spacing_km=self.spacing_km
        )


def _eikonal_solver() -> Callable[[Volume, tuple[int, ...], tuple[float, ...], int], Volume]:
    try:
        from eikonalfm import factored_fast_marching
    except ImportError as error:
        raise ModuleNotFoundError(
            'travel times in 3-D need the package eikonalfm: pip install "fcn[eikonal]"'
        ) from error
    return factored_fast_marching

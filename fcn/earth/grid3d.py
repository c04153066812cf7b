"""Three-dimensional velocity models on a regular grid: checked, made from layers, written and read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float
from scipy.ndimage import map_coordinates

from fcn import checked
from fcn.earth.velocity import DEEPEST_TOP_KM, HIGHEST_VPVS, LayeredModel, velocity_fault
from fcn.geometry.projection import LocalFrame
from fcn.hdf5 import check_heaps

Volume = Float[np.ndarray, "_ _ _"]  # east, north, depth

LOCAL_AXES = ("east", "north", "depth")
GEOGRAPHIC_AXES = ("longitude", "latitude", "depth")
FARTHEST_KM = 2000.0  # from the centre: beyond, the local frame is no map any more
MOST_NODES = 10**8  # 0.8 GB a volume
UNITS = {  # factor to km, km/s or degrees
    "length": {"km": 1.0, "kilometer": 1.0, "kilometers": 1.0, "m": 1e-3, "meter": 1e-3, "meters": 1e-3},
    "speed": {"km/s": 1.0, "km.s-1": 1.0, "km s-1": 1.0, "m/s": 1e-3, "m.s-1": 1e-3, "m s-1": 1e-3},
    "angle": {"degrees": 1.0, "degree": 1.0, "degrees_north": 1.0, "degrees_east": 1.0},
}


@dataclass(frozen=True, eq=False)
class VelocityGrid:
    """vp and vs on nodes of a regular grid: east, north, depth (down from sea level) in the local frame, km.

    Beyond its faces the values at the face hold, so that the top reaches up to any station. Raises ValueError
    for fewer than two nodes on an axis, for values not finite or not positive, for an impossible vp/vs.
    """

    name: str
    source: str
    minimum_km: tuple[float, float, float]
    spacing_km: tuple[float, float, float]
    vp_kmps: Volume
    vs_kmps: Volume

    def __post_init__(self) -> None:
        where = f"velocity grid {self.name}"
        if self.vp_kmps.shape != self.vs_kmps.shape or min(self.vp_kmps.shape) < 2:
            raise ValueError(
                f"{where}: vp {self.vp_kmps.shape} and vs {self.vs_kmps.shape} need one shape with at least "
                "two nodes on each axis"
            )
        if not min(self.spacing_km) > 0:
            raise ValueError(f"{where}: spacing_km must be positive: {self.spacing_km}")
        farthest_km = (FARTHEST_KM, FARTHEST_KM, DEEPEST_TOP_KM)
        if not (np.abs([self.minimum_km, self.maximum_km]) <= farthest_km).all():  # catches NaN too
            raise ValueError(
                f"{where} spans {self.minimum_km} to {self.maximum_km} km (east, north, depth), farther than "
                f"{farthest_km} km: are the units of its axes right?"
            )
        for phase, velocity in (("vp", self.vp_kmps), ("vs", self.vs_kmps)):
            if not (np.isfinite(velocity).all() and velocity.min() > 0):
                bad = int((~(np.isfinite(velocity) & (velocity > 0))).sum())
                raise ValueError(
                    f"{where}: {bad} nodes of {phase} are not positive and finite; fill them (air and water "
                    "with rock velocities) before use"
                )
        # single nodes of a tomography are off by more than a column of another unit needs to be refused
        if (fault := velocity_fault(self.vp_kmps, self.vs_kmps, HIGHEST_VPVS["rock"])) is not None:
            node = tuple(map(int, np.unravel_index(fault[0], self.vp_kmps.shape)))
            raise ValueError(f"{where}: at node {node} (east, north, depth), {fault[1]}")

    @property
    def maximum_km(self) -> tuple[float, float, float]:
        """The last node."""
        east, north, depth = (
            low + step * (count - 1)
            for low, step, count in zip(self.minimum_km, self.spacing_km, self.vp_kmps.shape, strict=True)
        )
        return east, north, depth

    @property
    def depth_km(self) -> Float[np.ndarray, " depth"]:
        """Depths of the nodes."""
        return self.minimum_km[2] + self.spacing_km[2] * np.arange(self.vp_kmps.shape[2])

    def velocity_kmps(self, phase: str, axes_km: Sequence[Float[np.ndarray, " _"]]) -> Volume:
        """vp ("P") or vs ("S") at the nodes of another regular grid, trilinear, constant beyond the faces."""
        volume = {"P": self.vp_kmps, "S": self.vs_kmps}[phase]
        scaled = [
            (axis - low) / step
            for axis, low, step in zip(axes_km, self.minimum_km, self.spacing_km, strict=True)
        ]
        return map_coordinates(volume, np.meshgrid(*scaled, indexing="ij"), order=1, mode="nearest")

    def write(self, path: str | Path) -> None:
        """HDF5 as `read_velocity_grid` wants it: local axes as dimension scales, units as attributes."""
        with h5py.File(path, "w") as file:
            file.attrs["source"] = self.source
            for axis, name in enumerate(LOCAL_AXES):
                count = self.vp_kmps.shape[axis]
                file[name] = self.minimum_km[axis] + self.spacing_km[axis] * np.arange(count)
                file[name].attrs["units"] = "km"
                file[name].make_scale(name)
            for name, volume in (("vp", self.vp_kmps), ("vs", self.vs_kmps)):
                file[name] = volume
                file[name].attrs["units"] = "km/s"
                for axis, scale in enumerate(LOCAL_AXES):
                    file[name].dims[axis].attach_scale(file[scale])


def grid_of_layers(
    model: LayeredModel,
    minimum_km: tuple[float, float, float],
    spacing_km: tuple[float, float, float],
    shape: tuple[int, int, int],
) -> VelocityGrid:
    """The layers on a grid: each node has the mean slowness of half a cell above and half a cell below.

    Raises ValueError for fewer than two nodes on an axis, or for too many.
    """
    for axis, count in zip(LOCAL_AXES, shape, strict=True):
        checked.whole(f"nodes along {axis}", count, 2, MOST_NODES)
    _check_size("grid of layers", shape)
    edges_km = minimum_km[2] + spacing_km[2] * (np.arange(shape[2] + 1) - 0.5)
    tops_km = np.append(np.array(model.top_depth_km), np.inf)
    tops_km[0] = -np.inf  # the top layer reaches up
    within_km = np.diff(np.clip(tops_km[None], edges_km[:-1, None], edges_km[1:, None]), axis=1)
    columns = [spacing_km[2] / (within_km @ (1 / model.velocity_kmps(phase))) for phase in "PS"]
    vp, vs = (np.broadcast_to(column, shape).copy() for column in columns)
    return VelocityGrid(model.name, model.source, minimum_km, spacing_km, vp, vs)


def read_velocity_grid(path: str | Path, frame: LocalFrame | None = None) -> VelocityGrid:
    """Velocity grid from HDF5 or NetCDF-4: datasets `vp` and `vs` with dimension scales, `units` attributes.

    Axes are east, north, depth in the local frame, or longitude, latitude, depth, in any order; geographic
    ones need a `frame`, and are resampled to about their own spacing. Raises FileNotFoundError, or ValueError
    naming what the file lacks.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no velocity grid at {path}")
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path} is not HDF5; convert NetCDF-3 with `nccopy -k nc4 {path.name} new.nc`")
    check_heaps(path)
    try:
        with h5py.File(path) as file:
            source, names, axes, volumes = _content(path, file)
    except (OSError, RuntimeError, KeyError, TypeError, AttributeError) as error:  # h5py has many kinds
        raise ValueError(f"{path} cannot be read as HDF5: {error}; fetch or make it again") from error
    for n, axis in enumerate(axes):
        if axis[0] > axis[-1]:
            axes[n], volumes = axis[::-1], [np.flip(volume, n) for volume in volumes]
    spacing = [_spacing(path, name, axis) for name, axis in zip(names, axes, strict=True)]
    try:
        grid = VelocityGrid(path.stem, source, _three([axis[0] for axis in axes]), _three(spacing), *volumes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if names == LOCAL_AXES:
        return grid
    if frame is None:
        raise ValueError(f"{path} has geographic axes: a local frame (its centre) is needed to place it")
    return _project(grid, frame)


def _content(
    path: Path, file: h5py.File
) -> tuple[str, tuple[str, ...], list[Float[np.ndarray, " node"]], list[Volume]]:
    """Source, names of the axes, their nodes, and vp and vs in the order of those names."""
    missing = [name for name in ("vp", "vs") if not isinstance(file.get(name), h5py.Dataset)]
    if missing:
        raise ValueError(f"{path}: no dataset {', '.join(missing)}; found {', '.join(sorted(file))}")
    names = _axis_names(path, file["vp"])
    if (of_vs := _axis_names(path, file["vs"])) != names:
        raise ValueError(
            f"{path}: axes of vp are {', '.join(names)}, those of vs {', '.join(of_vs)}; store both in "
            "one order"
        )
    wanted = GEOGRAPHIC_AXES if set(names) == set(GEOGRAPHIC_AXES) else LOCAL_AXES
    order = [names.index(name) for name in wanted]
    axes = [
        _in_units(path, file["vp"].dims[i][0], "angle" if name in GEOGRAPHIC_AXES[:2] else "length")
        for name, i in zip(wanted, order, strict=True)
    ]
    volumes = [_in_units(path, file[name], "speed").transpose(order) for name in ("vp", "vs")]
    counts = tuple(axis.size for axis in axes)
    for name, volume in zip(("vp", "vs"), volumes, strict=True):
        if volume.shape != counts or any(axis.ndim != 1 for axis in axes):
            raise ValueError(
                f"{path}: {name} has shape {volume.shape} for axes {', '.join(wanted)} of {counts} nodes"
            )
    return str(file.attrs.get("source", path.name)), wanted, axes, volumes


def _check_size(where: str, shape: Sequence[int]) -> None:
    if math.prod(shape) > MOST_NODES:
        raise ValueError(
            f"{where} of {' x '.join(map(str, shape))} nodes is too large ({MOST_NODES:.0e} at most): take "
            "a coarser grid or a smaller region"
        )


def _axis_names(path: Path, dataset: h5py.Dataset) -> list[str]:
    """Names of the dimension scales, checked."""
    if dataset.ndim != 3 or any(len(dimension) == 0 for dimension in dataset.dims):
        raise ValueError(
            f"{path}: {dataset.name.strip('/')} needs three dimensions with coordinate variables (HDF5 "
            f"dimension scales), named {', '.join(LOCAL_AXES)} or {', '.join(GEOGRAPHIC_AXES)}; it has shape "
            f"{dataset.shape}"
        )
    names = [dimension[0].name.rsplit("/", 1)[-1].lower() for dimension in dataset.dims]
    if set(names) not in (set(LOCAL_AXES), set(GEOGRAPHIC_AXES)):
        raise ValueError(
            f"{path}: axes {', '.join(names)}; expected {', '.join(LOCAL_AXES)} or "
            f"{', '.join(GEOGRAPHIC_AXES)}"
        )
    return names


def _in_units(path: Path, dataset: h5py.Dataset, kind: str) -> np.ndarray:
    """Values in km, km/s or degrees according to the dataset's `units`."""
    units = dataset.attrs.get("units")
    text = units.decode(errors="replace") if isinstance(units, bytes) else str(units)
    if text not in UNITS[kind]:
        raise ValueError(
            f"{path}: {dataset.name} has units {text!r}; set its `units` attribute to one of "
            f"{', '.join(UNITS[kind])}"
        )
    if dataset.dtype.kind not in "iuf":
        raise ValueError(f"{path}: {dataset.name} holds {dataset.dtype}, not numbers")
    _check_size(f"{path}: {dataset.name}", dataset.shape)
    return np.asarray(dataset[()], float) * UNITS[kind][text]


def _spacing(path: Path, name: str, axis: Float[np.ndarray, " node"]) -> float:
    steps = np.diff(axis)
    if len(steps) == 0 or not (steps.min() > 0 and np.ptp(steps) <= 1e-3 * steps.mean()):  # catches NaN too
        raise ValueError(f"{path}: axis {name} is not evenly spaced; resample the model to a regular grid")
    limit_deg = {"longitude": 360.0, "latitude": 90.0}.get(name, np.inf)
    if np.abs(axis).max() > limit_deg:
        raise ValueError(f"{path}: axis {name} spans {axis[0]:g} to {axis[-1]:g} deg, beyond the globe")
    return float(steps.mean())


def _project(grid: VelocityGrid, frame: LocalFrame) -> VelocityGrid:
    """A grid in degrees onto a local one of the same extent and about the same spacing."""
    longitude, latitude, depth_km = (
        low + step * np.arange(count)
        for low, step, count in zip(grid.minimum_km, grid.spacing_km, grid.vp_kmps.shape, strict=True)
    )
    corners = np.meshgrid(latitude[[0, -1]], longitude[[0, -1]], indexing="ij")
    east_km, north_km = frame.to_local_km(*corners)
    counts = len(longitude), len(latitude)
    axes = [
        np.linspace(edge.min(), edge.max(), n) for edge, n in zip((east_km, north_km), counts, strict=True)
    ]
    at_latitude, at_longitude = frame.to_geographic(*np.meshgrid(*axes, indexing="ij"))
    east_index = (at_longitude - longitude[0] + 180) % 360 - 180
    east_index, north_index = (
        east_index / grid.spacing_km[0],
        (at_latitude - latitude[0]) / grid.spacing_km[1],
    )
    shape = (*counts, len(depth_km))
    index = [np.broadcast_to(i[..., None], shape) for i in (east_index, north_index)]
    index.append(np.broadcast_to(np.arange(len(depth_km), dtype=float), shape))
    vp, vs = (map_coordinates(v, index, order=1, mode="nearest") for v in (grid.vp_kmps, grid.vs_kmps))
    minimum_km = _three([axes[0][0], axes[1][0], depth_km[0]])
    spacing_km = _three([np.diff(axes[0]).mean(), np.diff(axes[1]).mean(), grid.spacing_km[2]])
    return replace(grid, minimum_km=minimum_km, spacing_km=spacing_km, vp_kmps=vp, vs_kmps=vs)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    east, north, depth = map(float, values)
    return east, north, depth

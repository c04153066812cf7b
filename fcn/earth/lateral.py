"""Plausible lateral variation of a velocity grid: a random medium and a sedimentary basin.

`python -m fcn.build_grid` makes a file for `velocity_model=grid3d` of it, out of any layered model.
"""

from dataclasses import dataclass, replace

import numpy as np

from fcn import checked
from fcn.earth.grid3d import VelocityGrid, Volume

ROUGHEST_FRACTION = 0.3  # tomography of the crust finds a tenth; beyond, no ground is left as fast as rock
SLOWEST_FRACTION = 0.9


@dataclass(frozen=True)
class RandomMedium:
    """Von Karman medium (Sato, Fehler & Maeda 2012, sec. 2.3).

    velocity_fraction, vpvs_fraction: standard deviations of the logarithms of velocity and of vp/vs.
    horizontal_km, vertical_km: correlation lengths. hurst: 0 rough at all scales, 1 smooth.
    Raises ValueError for lengths or exponents that make no medium.
    """

    velocity_fraction: float
    vpvs_fraction: float
    horizontal_km: float
    vertical_km: float
    hurst: float

    def __post_init__(self) -> None:
        checked.positive("horizontal_km", self.horizontal_km)
        checked.positive("vertical_km", self.vertical_km)
        checked.positive("hurst", self.hurst, 1.0)
        for name in ("velocity_fraction", "vpvs_fraction"):
            checked.number(name, getattr(self, name), 0.0, ROUGHEST_FRACTION)


@dataclass(frozen=True)
class Basin:
    """A bowl of slow sediments whose floor is a paraboloid of this radius and depth.

    At the surface of its centre velocity is 1 - slow_fraction times the rock's, and approaches it linearly
    towards the floor. Raises ValueError for a bowl without radius or depth, or one without velocity.
    """

    east_km: float
    north_km: float
    radius_km: float
    depth_km: float
    slow_fraction: float

    def __post_init__(self) -> None:
        for name in ("east_km", "north_km"):
            checked.number(name, getattr(self, name))
        for name in ("radius_km", "depth_km"):
            checked.positive(name, getattr(self, name))
        checked.number("slow_fraction", self.slow_fraction, 0.0, SLOWEST_FRACTION)


def roughened(grid: VelocityGrid, rng: np.random.Generator, medium: RandomMedium) -> VelocityGrid:
    """The grid times the exponential of a random medium; vp and vs vary together but for vp/vs."""
    common = np.exp(medium.velocity_fraction * _von_karman(grid, rng, medium))
    ratio = np.exp(medium.vpvs_fraction * _von_karman(grid, rng, medium))
    return replace(grid, vp_kmps=grid.vp_kmps * common, vs_kmps=grid.vs_kmps * common / ratio)


def with_basin(grid: VelocityGrid, basin: Basin) -> VelocityGrid:
    """The grid with a basin at its surface."""
    east_km, north_km = (
        grid.minimum_km[axis] + grid.spacing_km[axis] * np.arange(grid.vp_kmps.shape[axis])
        for axis in range(2)
    )
    off_km = np.hypot(east_km[:, None] - basin.east_km, north_km - basin.north_km)
    floor_km = basin.depth_km * (1 - (off_km / basin.radius_km) ** 2)
    above_floor = np.clip((floor_km[..., None] - np.maximum(grid.depth_km, 0)) / basin.depth_km, 0, 1)
    factor = 1 - basin.slow_fraction * above_floor
    return replace(grid, vp_kmps=grid.vp_kmps * factor, vs_kmps=grid.vs_kmps * factor)


def _von_karman(grid: VelocityGrid, rng: np.random.Generator, medium: RandomMedium) -> Volume:
    """Field of mean 0 and variance 1 with power (1 + k^2 a^2)^-(hurst + 3/2), cut from one twice as large."""
    shape = tuple(
        2 * count for count in grid.vp_kmps.shape
    )  # the transform repeats: opposite faces would match
    scaled = [
        2 * np.pi * np.fft.fftfreq(count, step) * length
        for count, step, length in zip(
            shape,
            grid.spacing_km,
            (medium.horizontal_km, medium.horizontal_km, medium.vertical_km),
            strict=True,
        )
    ]
    squared = scaled[0][:, None, None] ** 2 + scaled[1][:, None] ** 2 + scaled[2] ** 2
    power = (1 + squared) ** -(medium.hurst + 1.5)
    power[0, 0, 0] = 0.0
    amplitude = np.sqrt(power / power.mean())
    field = np.fft.ifftn(np.fft.fftn(rng.standard_normal(shape)) * amplitude).real
    return field[tuple(slice(count) for count in grid.vp_kmps.shape)]

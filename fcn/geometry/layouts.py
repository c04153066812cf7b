"""Layouts of networks that do not exist: random, clustered, gridded (east, north, depth in km)."""

import numpy as np
from jaxtyping import Float

Positions = Float[np.ndarray, "station 3"]


def random_layout(
    rng: np.random.Generator,
    n_stations: int,
    half_size_km: tuple[float, float],
    elevation_range_km: tuple[float, float],
) -> Positions:
    """Stations uniform in the box (half sizes east, north), elevations uniform in their range."""
    horizontal_km = rng.uniform(-1, 1, (n_stations, 2)) * half_size_km
    return _with_elevation(rng, horizontal_km, elevation_range_km)


def clustered_layout(
    rng: np.random.Generator,
    n_stations: int,
    half_size_km: tuple[float, float],
    elevation_range_km: tuple[float, float],
    n_clusters: int,
    cluster_radius_km: float,
) -> Positions:
    """Stations normal about `n_clusters` centres uniform in the box (as towns or volcanoes have them).

    Those drawn outside are folded back at the edge. Raises ValueError for no cluster.
    """
    if n_clusters < 1:
        raise ValueError(f"n_clusters must be at least 1, got {n_clusters}")
    half = np.asarray(half_size_km, float)
    centres_km = rng.uniform(-1, 1, (n_clusters, 2)) * half
    member = rng.permutation(n_stations) % n_clusters  # every cluster gets its share
    horizontal_km = centres_km[member] + rng.normal(0, cluster_radius_km, (n_stations, 2))
    folded_km = half - np.abs(
        (horizontal_km + half) % (4 * half) - 2 * half
    )  # triangle wave of period 4 half
    return _with_elevation(rng, -folded_km, elevation_range_km)


def grid_layout(
    rng: np.random.Generator,
    n_stations: int,
    half_size_km: tuple[float, float],
    elevation_range_km: tuple[float, float],
    jitter_fraction: float,
) -> Positions:
    """Stations on a near-square grid over the box, each moved by up to `jitter_fraction` of half a cell.

    The grid has the fewest cells that hold them all; which cells stay empty is drawn.
    """
    half = np.asarray(half_size_km, float)
    n_east = max(1, round(float(np.sqrt(n_stations * half[0] / half[1]))))
    n_north = -(-n_stations // n_east)
    cell = rng.permutation(n_east * n_north)[:n_stations]
    counts = np.array([n_east, n_north])
    place = np.stack([cell % n_east, cell // n_east], axis=-1) + 0.5
    place += 0.5 * jitter_fraction * rng.uniform(-1, 1, place.shape)
    return _with_elevation(rng, (2 * place / counts - 1) * half, elevation_range_km)


def _with_elevation(
    rng: np.random.Generator,
    horizontal_km: Float[np.ndarray, "station 2"],
    elevation_range_km: tuple[float, float],
) -> Positions:
    elevation_km = rng.uniform(*elevation_range_km, len(horizontal_km))
    return np.concatenate([horizontal_km, -elevation_km[:, None]], axis=1)

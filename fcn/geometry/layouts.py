"""Layouts of networks: random, clustered, gridded, or parts of real ones (east, north, depth in km)."""

import glob
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import obspy
from jaxtyping import Float

from fcn.geometry.network import Network, can_be_elevation
from fcn.geometry.projection import LocalFrame

LOGGER = logging.getLogger(__name__)
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


FEWEST = 3  # stations that locate an event
N_PLACES = 200  # tried before a network is called too sparse


@dataclass
class TableLayout:
    """Parts of real networks, about a random station of a random table.

    paths:  StationXML files or CSV tables (`Network.from_csv`; by the ending .csv), one network each.
    rotate: turn the part by a random angle, so that a region's shape is not learned.
    Elevations are the stations' own. A part has fewer stations than asked for where the box holds no more,
    but at least three. Stations whose elevation none can have are left out, with a warning. Raises ValueError
    for no table, a table without any other station, and where no box holds three stations.
    """

    paths: Sequence[str | Path]
    rotate: bool
    _networks: list[Positions] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("a layout of real stations needs at least one StationXML file or CSV table")
        for path in (Path(each).expanduser() for each in self.paths):
            if path.suffix.lower() == ".csv":
                network = Network.from_csv(path)
            else:
                network = Network.from_inventory(obspy.read_inventory(glob.escape(str(path))))
            network = _of_known_elevation(network, path)
            self._networks.append(network.local_km(LocalFrame(*network.centre())))

    def __call__(
        self,
        rng: np.random.Generator,
        n_stations: int,
        half_size_km: tuple[float, float],
        elevation_range_km: tuple[float, float],
    ) -> Positions:
        """Stations inside the box; `elevation_range_km` does not apply."""
        half = np.asarray(half_size_km, float)
        for _ in range(N_PLACES):
            network_km = self._networks[rng.integers(len(self._networks))]
            # the station the box is put about lies anywhere in it, not always in its middle
            centre_km = network_km[rng.integers(len(network_km)), :2] + half * rng.uniform(-0.5, 0.5, 2)
            angle = rng.uniform(0, 2 * np.pi) * self.rotate
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            horizontal_km = (network_km[:, :2] - centre_km) @ turn.T
            inside = np.flatnonzero((np.abs(horizontal_km) <= half).all(axis=1))
            if len(inside) >= FEWEST:
                chosen = rng.permutation(inside)[:n_stations]
                return np.concatenate([horizontal_km[chosen], network_km[chosen, 2:]], axis=1)
        raise ValueError(
            f"none of {N_PLACES} boxes of half-widths {half.tolist()} km holds {FEWEST} stations of "
            f"{', '.join(map(str, self.paths))}: raise stations.scale or give denser networks"
        )


def _of_known_elevation(network: Network, path: Path) -> Network:
    """Without stations whose elevation none can have. Raises ValueError where none is left."""
    kept = [each for each in network if can_be_elevation(each.elevation_m)]
    wrong = [f"{each.id} ({each.elevation_m:g} m)" for each in network if each not in kept]
    if not kept:
        raise ValueError(f"{path}: no station has an elevation that one can have: {', '.join(wrong)}")
    if wrong:
        LOGGER.warning("%s: left out for an elevation that none can have: %s", path, ", ".join(wrong))
    return Network(tuple(kept))


def _with_elevation(
    rng: np.random.Generator,
    horizontal_km: Float[np.ndarray, "station 2"],
    elevation_range_km: tuple[float, float],
) -> Positions:
    elevation_km = rng.uniform(*elevation_range_km, len(horizontal_km))
    return np.concatenate([horizontal_km, -elevation_km[:, None]], axis=1)

"""Places people want to be warned at, and how their ground amplifies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fcn import checked
from fcn.geometry.network import Network
from fcn.geometry.projection import METRES_PER_KM, LocalFrame

REFERENCE_VS30_MPS = 600.0  # ground of Si & Midorikawa (1999), which amplifies by 1
AMPLIFICATION_EXPONENT = -0.852
VS30_RANGE_MPS = (50.0, 3000.0)
AMPLIFICATION_RANGE = (0.1, 20.0)


@dataclass(frozen=True)
class Site:
    """A place at the surface; its ground is known by exactly one of vs30_mps and amplification.

    vs30_mps: mean S velocity of the upper 30 m. amplification: of peak ground velocity over ground of
    Vs30 600 m/s. One gives the other: log10 amplification = 2.367 - 0.852 log10 Vs30 (Fujimoto &
    Midorikawa 2006), which is 1 at 600 m/s. Raises ValueError, naming the site, for anything else.
    """

    name: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float = 0.0
    vs30_mps: float | None = None
    amplification: float | None = None

    def __post_init__(self) -> None:
        checked.text("name of a site", self.name)
        place = f"site {self.name}"
        checked.number(f"{place}: latitude_deg", self.latitude_deg, -90.0, 90.0)
        checked.number(f"{place}: longitude_deg", self.longitude_deg, -360.0, 360.0)
        checked.number(f"{place}: elevation_m", self.elevation_m, -12_000.0, 9_000.0)
        if (self.vs30_mps is None) == (self.amplification is None):
            raise ValueError(
                f"{place} needs one of vs30_mps and amplification (over ground of Vs30 600 m/s), got "
                f"{self.vs30_mps} and {self.amplification}"
            )
        if self.vs30_mps is None:
            amplification = checked.number(
                f"{place}: amplification", self.amplification, *AMPLIFICATION_RANGE
            )
            vs30_mps = REFERENCE_VS30_MPS * amplification ** (1.0 / AMPLIFICATION_EXPONENT)
        else:
            vs30_mps = checked.number(f"{place}: vs30_mps", self.vs30_mps, *VS30_RANGE_MPS)
            amplification = (vs30_mps / REFERENCE_VS30_MPS) ** AMPLIFICATION_EXPONENT
        object.__setattr__(self, "vs30_mps", vs30_mps)
        object.__setattr__(self, "amplification", amplification)


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites as arrays. position_km: east, north, depth in a local frame."""

    names: tuple[str, ...]
    position_km: Float[np.ndarray, "site 3"]
    vs30_mps: Float[np.ndarray, " site"]
    amplification: Float[np.ndarray, " site"]

    @classmethod
    def of(cls, sites: Sequence[Site], frame: LocalFrame) -> "Sites":
        """Raises ValueError for none, or two of one name."""
        names = tuple(site.name for site in sites)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not names:
            raise ValueError(f"sites need names of their own, at least one: {', '.join(twice) or 'none'}")
        east_km, north_km = frame.to_local_km(
            np.array([float(site.latitude_deg) for site in sites]),
            np.array([float(site.longitude_deg) for site in sites]),
        )
        depth_km = np.array([-site.elevation_m / METRES_PER_KM for site in sites])
        return cls(
            names,
            np.stack([east_km, north_km, depth_km], axis=-1),
            np.array([site.vs30_mps for site in sites], dtype=np.float64),
            np.array([site.amplification for site in sites], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.names)


def station_sites(
    network: Network, vs30_mps: Mapping[str, float], otherwise_mps: float | None = None
) -> tuple[Site, ...]:
    """The stations of a network as sites, named by their ids "NET.STA".

    vs30_mps: by id; otherwise_mps: of stations not in it, None where each has to be. Raises ValueError for
    ids that are no station's and for stations without Vs30.
    """
    ids = {station.id for station in network}
    unknown = sorted(set(vs30_mps) - ids)
    missing = sorted(ids - set(vs30_mps)) if otherwise_mps is None else []
    if unknown or missing:
        raise ValueError(
            f"Vs30 of stations: {', '.join(unknown) or 'none'} are no stations, "
            f"{', '.join(missing) or 'none'} have none; state theirs, or one for all others"
        )
    return tuple(
        Site(
            station.id,
            station.latitude_deg,
            station.longitude_deg,
            station.elevation_m,
            vs30_mps=vs30_mps.get(station.id, math.nan if otherwise_mps is None else otherwise_mps),
        )
        for station in network
    )

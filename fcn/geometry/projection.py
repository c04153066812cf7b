"""Local Cartesian frame about a centre."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyproj
from jaxtyping import Float

METRES_PER_KM = 1000.0


@dataclass(frozen=True)
class LocalFrame:
    """East and north in km about a centre: azimuthal equidistant on WGS84.

    Distances and azimuths from the centre are exact; between points 100 km from it good to about 1 part in
    10^4. Raises ValueError for a centre off the globe.
    """

    latitude_deg: float
    longitude_deg: float

    def __post_init__(self) -> None:
        if not (abs(self.latitude_deg) <= 90 and abs(self.longitude_deg) <= 360):
            raise ValueError(
                f"no such centre: latitude {self.latitude_deg}, longitude {self.longitude_deg} deg"
            )

    @cached_property
    def _projection(self) -> pyproj.Proj:
        return pyproj.Proj(proj="aeqd", ellps="WGS84", lat_0=self.latitude_deg, lon_0=self.longitude_deg)

    def to_local_km(
        self, latitude_deg: Float[np.ndarray, "*shape"], longitude_deg: Float[np.ndarray, "*shape"]
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        """(east_km, north_km) of geographic positions; raises ValueError where one is not finite."""
        if not (np.isfinite(latitude_deg).all() and np.isfinite(longitude_deg).all()):
            raise ValueError("positions to project must be finite latitudes and longitudes in degrees")
        east_m, north_m = self._projection(longitude_deg, latitude_deg)
        # An array without axes becomes a scalar in arithmetic.
        return np.asarray(np.divide(east_m, METRES_PER_KM)), np.asarray(np.divide(north_m, METRES_PER_KM))

    def to_geographic(
        self, east_km: Float[np.ndarray, "*shape"], north_km: Float[np.ndarray, "*shape"]
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        """(latitude_deg, longitude_deg) of local positions; the inverse of `to_local_km`."""
        longitude_deg, latitude_deg = self._projection(
            np.asarray(east_km) * METRES_PER_KM, np.asarray(north_km) * METRES_PER_KM, inverse=True
        )
        return np.asarray(latitude_deg), np.asarray(longitude_deg)

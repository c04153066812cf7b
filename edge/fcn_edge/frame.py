"""From east and north in km back to latitude and longitude, without pyproj."""

import math

import numpy as np

SEMI_MAJOR_M, FLATTENING = 6_378_137.0, 1 / 298.257223563  # WGS84
ENOUGH_RAD = 1e-12  # 6 um
MOST_STEPS = 50


class Frame:
    """Azimuthal equidistant about a centre on WGS84, as `fcn.geometry.projection.LocalFrame`.

    A place is where the geodesic of its azimuth and length from the centre ends: Vincenty (1975), Survey
    Review 23(176):88-93, equations 1-11, the direct problem.
    """

    def __init__(self, latitude_deg: float, longitude_deg: float) -> None:
        self.latitude_deg, self.longitude_deg = latitude_deg, longitude_deg

    def to_geographic(self, east_km: np.ndarray, north_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(latitude_deg, longitude_deg) of local positions."""
        ends = [self._end(*each) for each in zip(np.ravel(east_km), np.ravel(north_km), strict=True)]
        latitude_deg, longitude_deg = np.array(ends).T
        return latitude_deg.reshape(np.shape(east_km)), longitude_deg.reshape(np.shape(east_km))

    def _end(self, east_km: float, north_km: float) -> tuple[float, float]:
        length_m, azimuth = 1000.0 * math.hypot(east_km, north_km), math.atan2(east_km, north_km)
        f, minor_m = FLATTENING, SEMI_MAJOR_M * (1 - FLATTENING)
        reduced = math.atan((1 - f) * math.tan(math.radians(self.latitude_deg)))
        sin_u, cos_u = math.sin(reduced), math.cos(reduced)
        sin_az, cos_az = math.sin(azimuth), math.cos(azimuth)
        sigma_1 = math.atan2(math.tan(reduced), cos_az)
        sin_alpha = cos_u * sin_az
        cos2_alpha = 1 - sin_alpha**2
        u2 = cos2_alpha * (SEMI_MAJOR_M**2 - minor_m**2) / minor_m**2
        a = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)))
        b = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)))
        sigma = length_m / (minor_m * a)
        for _ in range(MOST_STEPS):
            cos_2m, sin_s, cos_s = math.cos(2 * sigma_1 + sigma), math.sin(sigma), math.cos(sigma)
            inner = cos_s * (2 * cos_2m**2 - 1)
            inner -= b / 6 * cos_2m * (4 * sin_s**2 - 3) * (4 * cos_2m**2 - 3)
            before, sigma = sigma, length_m / (minor_m * a) + b * sin_s * (cos_2m + b / 4 * inner)
            if abs(sigma - before) < ENOUGH_RAD:
                break
        cos_2m, sin_s, cos_s = math.cos(2 * sigma_1 + sigma), math.sin(sigma), math.cos(sigma)
        across = sin_u * sin_s - cos_u * cos_s * cos_az
        latitude = math.atan2(sin_u * cos_s + cos_u * sin_s * cos_az, (1 - f) * math.hypot(sin_alpha, across))
        turn = math.atan2(sin_s * sin_az, cos_u * cos_s - sin_u * sin_s * cos_az)
        c = f / 16 * cos2_alpha * (4 + f * (4 - 3 * cos2_alpha))
        turn -= (1 - c) * f * sin_alpha * (sigma + c * sin_s * (cos_2m + c * cos_s * (2 * cos_2m**2 - 1)))
        longitude_deg = self.longitude_deg + math.degrees(turn)
        return math.degrees(latitude), (longitude_deg + 180) % 360 - 180

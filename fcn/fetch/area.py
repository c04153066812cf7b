"""A region on the globe: a box or a circle."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fcn import checked
from fcn.geometry.projection import LocalFrame

KM_PER_DEG = 111.19  # of latitude, on a sphere of 6371 km
LARGEST_RADIUS_KM = 2000.0  # farther stations are in no network of one warning
BOX = ("south_deg", "north_deg", "west_deg", "east_deg")
CENTRE = ("latitude_deg", "longitude_deg")


@dataclass(frozen=True)
class Area:
    """South, north, west, east limits in degrees; with a frame, the circle about its centre within them."""

    limits_deg: tuple[float, float, float, float]
    frame: LocalFrame | None = None
    radius_km: float = math.inf

    @classmethod
    def of(
        cls,
        box: Mapping[str, float] | None,
        centre: Mapping[str, float] | None,
        radius_km: float | None,
    ) -> "Area":
        """The box, or the circle; ValueError naming the key unless exactly one is stated, and is one."""
        if (box is None) == (centre is None):
            raise ValueError(
                "state one region: source.box={south_deg: , north_deg: , west_deg: , east_deg: }, or "
                f"source.centre={{latitude_deg: , longitude_deg: }} and source.radius_km; got box={box}, "
                f"centre={centre}"
            )
        if box is not None:
            if radius_km is not None:
                raise ValueError(
                    f"source.radius_km={radius_km:g} is of a circle: leave it out beside source.box"
                )
            return cls(_box_limits(_values("source.box", box, BOX)))
        assert centre is not None
        latitude_deg, longitude_deg = _values("source.centre", centre, CENTRE)
        if radius_km is None:
            raise ValueError(f"source.centre={dict(centre)} needs source.radius_km, in km")
        checked.positive("source.radius_km", radius_km, LARGEST_RADIUS_KM)
        checked.number("source.centre.latitude_deg", latitude_deg, -90.0, 90.0)
        longitude_deg = (longitude_deg + 180.0) % 360.0 - 180.0
        frame = LocalFrame(latitude_deg, longitude_deg)
        point = (latitude_deg, latitude_deg, longitude_deg, longitude_deg)
        return cls(_wider(point, radius_km), frame, radius_km)

    def query(self, margin_km: float = 0.0) -> dict[str, float]:
        """The limits as FDSN web services and ObsPy name them, wider by a margin."""
        names = ("minlatitude", "maxlatitude", "minlongitude", "maxlongitude")
        return dict(zip(names, _wider(self.limits_deg, margin_km), strict=True))

    def holds(self, latitude_deg: float, longitude_deg: float, margin_km: float = 0.0) -> bool:
        """Whether a place is in it, or within a margin of it."""
        if self.frame is None:
            south, north, west, east = _wider(self.limits_deg, margin_km)
            return south <= latitude_deg <= north and west <= longitude_deg <= east
        place_km = self.frame.to_local_km(np.array([latitude_deg]), np.array([longitude_deg]))
        return math.hypot(float(place_km[0][0]), float(place_km[1][0])) <= self.radius_km + margin_km

    def __str__(self) -> str:
        if self.frame is None:
            south, north, west, east = self.limits_deg
            return f"{south:g} to {north:g} N, {west:g} to {east:g} E"
        return f"{self.radius_km:g} km about {self.frame.latitude_deg:g} N, {self.frame.longitude_deg:g} E"


def _values(name: str, given: Mapping[str, float], keys: tuple[str, ...]) -> list[float]:
    if set(given) != set(keys):
        raise ValueError(f"{name} needs exactly {', '.join(keys)}: {dict(given)}")
    return [checked.number(f"{name}.{key}", given[key]) for key in keys]


def _box_limits(limits: list[float]) -> tuple[float, float, float, float]:
    south, north, west, east = limits
    if not -90.0 <= south < north <= 90.0:
        raise ValueError(f"source.box: south_deg={south:g} must be below north_deg={north:g}, from -90 to 90")
    if not -180.0 <= west < east <= 180.0:
        raise ValueError(
            f"source.box: west_deg={west:g} must be below east_deg={east:g}, from -180 to 180; a region "
            "across 180 degrees is stated by source.centre and source.radius_km"
        )
    return south, north, west, east


def _wider(limits: tuple[float, float, float, float], margin_km: float) -> tuple[float, float, float, float]:
    """All longitudes where a pole or 180 degrees is within the margin: `holds` sorts out the others."""
    if margin_km == 0.0:
        return limits
    south, north, west, east = limits
    away_deg = 1.01 * margin_km / KM_PER_DEG  # a degree of the ellipsoid is up to 0.6 % shorter
    south, north = max(south - away_deg, -90.0), min(north + away_deg, 90.0)
    farthest_deg = max(abs(south), abs(north))
    if farthest_deg < 90.0:
        # the sine of how far meridians that touch a circle are: sin(radius) / cos(latitude of its centre);
        # the latitude of its far edge errs to the wider
        away_deg = math.degrees(
            math.asin(min(1.0, math.sin(math.radians(away_deg)) / math.cos(math.radians(farthest_deg))))
        )
        west, east = west - away_deg, east + away_deg
        if west >= -180.0 and east <= 180.0:
            return south, north, west, east
    return south, north, -180.0, 180.0

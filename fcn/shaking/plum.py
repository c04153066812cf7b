"""Propagation of local undamped motion (PLUM): shaking of a site from what neighbours observe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from fcn import checked
from fcn.geometry.projection import LocalFrame
from fcn.shaking.intensity import JmaScale, Scale
from fcn.shaking.site import Site, Sites

UNKNOWN = -np.inf


@dataclass(frozen=True, kw_only=True)
class Plum:
    """Kodera et al. (2018), BSSA 108, 983-1003.

    radius_km: about a site, within which stations speak for it; 30 km there.
    most_over_second: a station counts up to so much above the second strongest within the same distance of
        it, in JMA intensity, so that one that is broken warns of nothing by itself; None: as published, the
        strongest alone decides.
    Raises ValueError for a radius or an excess that is not positive.
    """

    radius_km: float
    most_over_second: float | None

    def __post_init__(self) -> None:
        checked.positive("plum.radius_km", self.radius_km)
        if self.most_over_second is not None:
            checked.positive("plum.most_over_second", self.most_over_second)


class PlumSites:
    """The same for given stations and sites; holds nothing of what was observed."""

    def __init__(
        self, plum: Plum, stations: Sequence[Site], sites: Sites, frame: LocalFrame, scale: Scale
    ) -> None:
        self._plum, self._scale, self._jma = plum, scale, JmaScale()
        near = Sites.of(stations, frame)
        self._row = {name: row for row, name in enumerate(near.names)}
        self._ground = near.amplification, sites.amplification
        self._speaks: Bool[np.ndarray, "site station"] = _distance_km(sites, near) <= plum.radius_km
        self._beside = (_distance_km(near, near) <= plum.radius_km) & ~np.eye(len(near), dtype=bool)

    def expected(self, observed: Mapping[str, float]) -> Float[np.ndarray, " site"]:
        """Intensity of every site on the scale; -inf where no station speaks for it.

        observed: real-time JMA intensity now, by station; NaN, or no entry, where none is known. What a
        station observed becomes peak velocity on ground of Vs30 600 m/s and that of the site. Raises
        ValueError for a station that is none of these.
        """
        strangers = sorted(set(observed) - set(self._row))
        if strangers:
            raise ValueError(f"intensities of unknown stations: {', '.join(strangers)}; list them")
        intensity = np.full(len(self._row), UNKNOWN)
        for name, value in observed.items():
            intensity[self._row[name]] = UNKNOWN if np.isnan(value) else value
        intensity = self._believed(intensity)
        station_factor, site_factor = self._ground
        pgv_mps = self._jma.to_pgv_mps(np.maximum(intensity, -10.0)) / station_factor
        heard = self._speaks & np.isfinite(intensity)
        strongest_mps = np.where(heard, pgv_mps, 0.0).max(axis=1)
        there = self._scale.of_pgv(strongest_mps * site_factor)
        return np.where(heard.any(axis=1), there, UNKNOWN)

    def _believed(self, intensity: Float[np.ndarray, " station"]) -> Float[np.ndarray, " station"]:
        if self._plum.most_over_second is None:
            return intensity
        second = np.where(self._beside, intensity, UNKNOWN).max(axis=1)
        return np.minimum(intensity, second + self._plum.most_over_second)


def _distance_km(first: Sites, second: Sites) -> Float[np.ndarray, "first second"]:
    offset_km = first.position_km[:, None, :2] - second.position_km[None, :, :2]
    return np.asarray(np.hypot(offset_km[..., 0], offset_km[..., 1]))

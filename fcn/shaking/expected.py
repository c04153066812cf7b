"""What a source estimate lets expect at sites: peak motion, intensity with its range, and when S comes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from fcn.catalogue.event import Event
from fcn.geometry.projection import LocalFrame
from fcn.shaking.ground_motion import (
    SI_MIDORIKAWA99_LOG10_SIGMA,
    bssa14,
    bssa14_pgv_log_sigma,
    si_midorikawa99_pga_mps2,
    si_midorikawa99_pgv_mps,
)
from fcn.shaking.intensity import Scale
from fcn.shaking.site import Sites
from fcn.types import TravelTimes

BySite = Float[np.ndarray, " site"]
NEAREST_FAULT_KM = 3.0  # as the JMA does: nearer than this to a fault nobody knows where it is
STEP_MAGNITUDE, STEP_KM = 0.01, 0.01  # of derivatives
TO_ONE_AXIS = np.sqrt(0.5)  # of a horizontal uncertainty, which is a radius


def fault_length_km(magnitude: float) -> float:
    """Utsu (1977): log10 length = 0.5 M - 1.85."""
    return float(10 ** (0.5 * magnitude - 1.85))


class Peaks(NamedTuple):
    """Median peak ground motion at the surface of sites; log10_sigma: of the velocity, about it."""

    pgv_mps: BySite
    pga_mps2: BySite
    log10_sigma: BySite


@runtime_checkable
class GroundMotion(Protocol):
    """A published ground-motion model, with the distance to a finite source that it needs."""

    def peaks(self, magnitude: float, epicentral_km: BySite, depth_km: BySite, sites: Sites) -> Peaks:
        """Of a source of this magnitude; depth_km below each site."""
        ...


@dataclass(frozen=True)
class SiMidorikawa:
    """Si & Midorikawa (1999), crustal earthquakes, as the JMA uses it for early warning.

    Distance from the fault: hypocentral less half the fault's length (`fault_length_km`), 3 km at least.
    Velocity times the site's amplification over Vs30 600 m/s; acceleration is at the surface already.
    """

    def peaks(self, magnitude: float, epicentral_km: BySite, depth_km: BySite, sites: Sites) -> Peaks:
        """See `GroundMotion`."""
        from_fault_km = np.hypot(epicentral_km, depth_km) - 0.5 * fault_length_km(magnitude)
        from_fault_km = np.maximum(from_fault_km, NEAREST_FAULT_KM)
        size, deep_km = np.full_like(from_fault_km, magnitude), np.maximum(depth_km, 0.0)
        return Peaks(
            sites.amplification * si_midorikawa99_pgv_mps(size, from_fault_km, deep_km),
            si_midorikawa99_pga_mps2(size, from_fault_km, deep_km),
            np.full_like(from_fault_km, SI_MIDORIKAWA99_LOG10_SIGMA["pgv"]),
        )


@dataclass(frozen=True)
class BooreEtAl:
    """Boore, Stewart, Seyhan & Atkinson (2014), mechanism unspecified: active crust of all the world.

    Joyner-Boore distance: epicentral less half the fault's length (`fault_length_km`), 0 at least.
    """

    def peaks(self, magnitude: float, epicentral_km: BySite, depth_km: BySite, sites: Sites) -> Peaks:
        """See `GroundMotion`."""
        from_fault_km = np.maximum(epicentral_km - 0.5 * fault_length_km(magnitude), 0.0)
        size = np.full_like(from_fault_km, magnitude)
        return Peaks(
            bssa14("pgv", size, from_fault_km, sites.vs30_mps),
            bssa14("pga", size, from_fault_km, sites.vs30_mps),
            bssa14_pgv_log_sigma(size, from_fault_km, sites.vs30_mps) / np.log(10.0),
        )


@dataclass(frozen=True, eq=False)
class Expected:
    """At each site, of one source.

    intensity: median, low and high one standard deviation from it. pgv_mps, pga_mps2: medians at the surface.
    s_time_s: arrival of S, POSIX s.
    """

    intensity: BySite
    low: BySite
    high: BySite
    pgv_mps: BySite
    pga_mps2: BySite
    s_time_s: Float[np.ndarray, " site"]


@dataclass(frozen=True, eq=False)
class SourceShaking:
    """A ground-motion model, a scale of intensity, and travel times in a local frame."""

    ground_motion: GroundMotion
    scale: Scale
    travel_times: TravelTimes
    frame: LocalFrame

    def at(self, event: Event, sites: Sites) -> Expected:
        """What an event with a magnitude lets expect.

        The range holds the model's scatter and the scale's, and what the uncertainties of magnitude,
        epicentre and depth that the event states make of it (first order). Raises ValueError for an event
        without magnitude, or outside the travel-time table.
        """
        if event.magnitude is None:
            raise ValueError(f"event {event.event_id} has no magnitude: no shaking can be expected from it")
        east_km, north_km = self.frame.to_local_km(
            np.array(float(event.latitude_deg)), np.array(float(event.longitude_deg))
        )
        source_km = np.array([float(east_km), float(north_km), float(event.depth_km)])
        offset_km = sites.position_km - source_km
        epicentral_km, depth_km = np.hypot(offset_km[:, 0], offset_km[:, 1]), -offset_km[:, 2]
        peaks = self.ground_motion.peaks(event.magnitude, epicentral_km, depth_km, sites)

        def intensity(magnitude: float, farther_km: float = 0.0, deeper_km: float = 0.0) -> BySite:
            place = (epicentral_km + farther_km, depth_km + deeper_km)
            return self.scale.of_pgv(self.ground_motion.peaks(magnitude, *place, sites).pgv_mps)

        median, sigma = self.scale.of_pgv(peaks.pgv_mps), self._sigma(event, peaks, intensity)
        source, receivers = torch.from_numpy(source_km)[None], torch.from_numpy(sites.position_km)
        s_s = self.travel_times.between(source, receivers)[:, 0, 1].double().numpy()
        return Expected(
            median, median - sigma, median + sigma, peaks.pgv_mps, peaks.pga_mps2, event.origin_time_s + s_s
        )

    def _sigma(self, event: Event, peaks: Peaks, intensity: Callable[..., BySite]) -> BySite:
        assert event.magnitude is not None
        here = intensity(event.magnitude)
        farther = self.scale.of_pgv(peaks.pgv_mps * 10**peaks.log10_sigma) - here
        variance = farther**2 + self.scale.sigma**2
        for uncertainty, step, moved in (
            (event.magnitude_uncertainty, STEP_MAGNITUDE, (event.magnitude + STEP_MAGNITUDE,)),
            (event.horizontal_uncertainty_km, STEP_KM / TO_ONE_AXIS, (event.magnitude, STEP_KM)),
            (event.depth_uncertainty_km, STEP_KM, (event.magnitude, 0.0, STEP_KM)),
        ):
            if uncertainty is not None:
                variance = variance + ((intensity(*moved) - here) / step * uncertainty) ** 2
        return np.sqrt(variance)

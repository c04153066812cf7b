"""Regions that do not exist: drawn centres, networks, Earths and earthquakes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator

from fcn.earth.velocity import LayeredModel
from fcn.geometry.projection import LocalFrame
from fcn.seeding import Purpose, derive_rng
from fcn.simulate.path.crust import Crust
from fcn.simulate.path.ground import Ground, Shock
from fcn.simulate.path.lateral import LateralField, LateralLaw
from fcn.simulate.path.rays import Rays
from fcn.simulate.sequence.simulated import NetworkRecipe, Region
from fcn.simulate.source.seismicity import Aftershocks, Background, Hypocentres, gutenberg_richter

STATION_DELAY = 10  # first key of a sequence's random streams

Limits = Sequence[float]  # low, high


@dataclass(frozen=True)
class RegionalCrust:
    """A crust of gradients, each value uniform in its range: top, basement, Moho, mantle.

    P velocity is linear from the surface to the basement, from there to the Moho, and constant below; one
    vp/vs for all. Ranges as seismic refraction finds them on continents (Mooney et al. 2002).
    """

    surface_vp_kmps: Limits
    basement_km: Limits
    basement_vp_kmps: Limits
    moho_km: Limits
    lower_vp_kmps: Limits
    mantle_vp_kmps: Limits
    vpvs: Limits
    max_layer_km: float

    def draw(self, rng: np.random.Generator, name: str) -> LayeredModel:
        """One model."""
        surface, basement, lower, mantle = (
            uniform(rng, getattr(self, f"{part}_vp_kmps"))
            for part in ("surface", "basement", "lower", "mantle")
        )
        basement_km, moho_km, vpvs = (
            uniform(rng, limits) for limits in (self.basement_km, self.moho_km, self.vpvs)
        )
        vp_kmps = np.array([surface, basement, lower, mantle])
        depth_km = (0.0, basement_km, moho_km, moho_km)
        return LayeredModel.from_gradient_nodes(
            name,
            "drawn at random, not of any place",
            depth_km,
            vp_kmps.tolist(),
            (vp_kmps / vpvs).tolist(),
            self.max_layer_km,
        )


@dataclass(frozen=True)
class EarthLaw:
    """True Earths and what is known of them.

    velocity_fraction, vpvs_fraction, thickness_fraction: by which the layers truly differ from the regional
    model (`LayeredModel.perturbed`). lateral: what no layered model has. station_delay_s: standard deviation
    of P delays under stations; those of S are `station_delay_s_over_p` times as large. crust_fraction: as in
    `Crust.perturbed`. coda_laws: one of these is drawn.
    """

    regional: RegionalCrust
    velocity_fraction: float
    vpvs_fraction: float
    thickness_fraction: float
    lateral: LateralLaw
    station_delay_s: float
    station_delay_s_over_p: float
    crust: Crust
    crust_fraction: float
    coda_laws: Sequence[str]

    def draw_truth(self, rng: np.random.Generator, regional: LayeredModel) -> LayeredModel:
        """The layers as they are where an operator believes in `regional`."""
        return regional.perturbed(
            rng,
            velocity_fraction=self.velocity_fraction,
            vpvs_fraction=self.vpvs_fraction,
            thickness_fraction=self.thickness_fraction,
        )

    def draw_crust(self, rng: np.random.Generator, generator: Generator) -> Crust:
        """Source, path, scattering and site laws of one region."""
        crust = self.crust.perturbed(self.crust_fraction, generator)
        law = self.coda_laws[int(rng.integers(len(self.coda_laws)))]
        return replace(crust, scattering=replace(crust.scattering, coda_law=law))


class LateralGround(Ground):
    """What stations feel where the Earth varies laterally and under each of them, on top of its layers."""

    def __init__(
        self,
        region: Region,
        law: EarthLaw,
        station_km: Float[np.ndarray, "station 3"],
        sampling_rate_hz: float,
        seed: int,
    ) -> None:
        super().__init__(region.crust, region.velocity_model, station_km, sampling_rate_hz, seed)
        self.field = LateralField(law.lateral, seed)
        rng = derive_rng(seed, Purpose.SEQUENCE, STATION_DELAY)
        delay_s = law.station_delay_s * rng.standard_normal(len(station_km))
        self.delay_s = np.stack([delay_s, law.station_delay_s_over_p * delay_s], 1)

    def rays(self, shock: Shock) -> Rays:
        """First arrivals, late by what the layers do not have."""
        layered = super().rays(shock)
        relative = self.field.relative_delay(np.array(shock.position_km), self.station_km)
        late_s = torch.from_numpy(self.delay_s)
        return replace(layered, time_s=(layered.time_s * (1.0 + torch.from_numpy(relative)) + late_s).float())


@dataclass(frozen=True)
class NetworkLaw:
    """Networks of `count` [fewest, most] stations in one of these layouts.

    spread: range of their extent over that of the box.
    """

    count: Sequence[int]
    layouts: Mapping[str, Callable[..., Float[np.ndarray, "station 3"]]]
    spread: Limits
    elevation_km: Limits

    def draw(self, rng: np.random.Generator, half_width_km: Sequence[float]) -> NetworkRecipe:
        """How the stations of one network lie."""
        layout = self.layouts[sorted(self.layouts)[int(rng.integers(len(self.layouts)))]]
        spread = uniform(rng, self.spread)
        count = int(rng.integers(self.count[0], self.count[1] + 1))
        return NetworkRecipe(
            layout, count, [spread * half for half in half_width_km], list(self.elevation_km)
        )


@dataclass(frozen=True)
class Distant:
    """Earthquakes in a ring about the network, Gutenberg-Richter in size.

    Times keep `quiet_s` from either end of the sequence.
    """

    n_events: Sequence[int]
    magnitude: Limits
    b_value: float
    distance_km: Limits
    depth_km: Limits
    quiet_s: float

    def draw(self, rng: np.random.Generator, duration_s: float) -> Hypocentres:
        """Random earthquakes, uniform in azimuth and distance."""
        n = int(rng.integers(self.n_events[0], self.n_events[1] + 1))
        azimuth_rad = rng.uniform(0.0, 2.0 * math.pi, n)
        distance_km = rng.uniform(self.distance_km[0], self.distance_km[1], n)
        return Hypocentres(
            np.sort(rng.uniform(self.quiet_s, duration_s - self.quiet_s, n)),
            distance_km * np.sin(azimuth_rad),
            distance_km * np.cos(azimuth_rad),
            rng.uniform(self.depth_km[0], self.depth_km[1], n),
            gutenberg_richter(rng, n, self.magnitude, self.b_value),
        )


@dataclass(frozen=True)
class SeismicityLaw:
    """Earthquakes of one sequence; counts and values uniform in their ranges [low, high].

    reach: half size of what is active over that of the box. n_bursts: main shocks, each with n_aftershocks
    no larger than 1 below it (Båth 1965), which strike in this part of the span (`burst_at`).
    main_magnitudes: ranges, index by index in turn.
    """

    reach: float
    depth_km: Limits
    smallest_magnitude: float
    b_value: Limits
    n_background: Sequence[int]
    background_magnitude: float
    n_bursts: Sequence[int]
    burst_at: Limits
    main_magnitudes: Sequence[Limits]
    n_aftershocks: Sequence[int]
    omori_c_s: Limits
    omori_p: Limits
    distant: Distant

    def draw(
        self, rng: np.random.Generator, half_width_km: Sequence[float], duration_s: float, index: int
    ) -> list[Background | Aftershocks | Distant]:
        """What is active in one region."""
        half_km = [self.reach * half for half in half_width_km]
        limits = (self.smallest_magnitude, self.background_magnitude)
        count, b_value = integer(rng, self.n_background), uniform(rng, self.b_value)
        quiet_s = self.distant.quiet_s
        background = Background(count, limits, b_value, (0.0, 0.0), half_km, self.depth_km, quiet_s)
        mains = self.main_magnitudes[index % len(self.main_magnitudes)]
        bursts = [self._burst(rng, half_km, duration_s, mains) for _ in range(integer(rng, self.n_bursts))]
        return [background, *bursts, self.distant]

    def _burst(
        self, rng: np.random.Generator, half_km: Sequence[float], duration_s: float, mains: Limits
    ) -> Aftershocks:
        main = uniform(rng, mains)
        middle_km = uniform(rng, self.depth_km)
        return Aftershocks(
            at_s=duration_s * uniform(rng, self.burst_at),
            main_magnitude=main,
            n_events=integer(rng, self.n_aftershocks),
            magnitude=(self.smallest_magnitude, main - 1.0),
            b_value=uniform(rng, self.b_value),
            omori_c_s=uniform(rng, self.omori_c_s),
            omori_p=uniform(rng, self.omori_p),
            centre_km=[uniform(rng, (-0.8 * half, 0.8 * half)) for half in half_km],
            strike_deg=uniform(rng, (0.0, 180.0)),
            depth_km=(max(middle_km - 4.0, self.depth_km[0]), min(middle_km + 4.0, self.depth_km[1])),
        )


@dataclass(frozen=True)
class RegionLaw:
    """A place anywhere between two latitudes but not within `avoid_km` of some, and what is there.

    avoid: latitude, longitude by name.
    """

    latitude_deg: Limits
    avoid: Mapping[str, Sequence[float]]
    avoid_km: float
    network: NetworkLaw
    earth: EarthLaw
    seismicity: SeismicityLaw

    def draw_centre(self, rng: np.random.Generator) -> tuple[float, float]:
        """Latitude and longitude. Raises ValueError where what is avoided leaves no place."""
        south, north = (math.sin(math.radians(latitude)) for latitude in self.latitude_deg)
        for _ in range(1000):
            latitude_deg = math.degrees(math.asin(rng.uniform(south, north)))
            longitude_deg = float(rng.uniform(-180.0, 180.0))
            if _nearest_km(latitude_deg, longitude_deg, list(self.avoid.values())) >= self.avoid_km:
                return round(latitude_deg, 3), round(longitude_deg, 3)
        raise ValueError(f"no place {self.avoid_km} km away from {dict(self.avoid)}: lower avoid_km")


def uniform(rng: np.random.Generator, limits: Limits) -> float:
    """A number between two limits."""
    return float(rng.uniform(limits[0], limits[1]))


def integer(rng: np.random.Generator, limits: Sequence[int]) -> int:
    """A whole number from the first limit to the second, both included."""
    return int(rng.integers(limits[0], limits[1] + 1))


def _nearest_km(latitude_deg: float, longitude_deg: float, places: Sequence[Sequence[float]]) -> float:
    """Distance to the nearest of these places."""
    place_deg = np.array(places, float).reshape(-1, 2)
    east_km, north_km = LocalFrame(latitude_deg, longitude_deg).to_local_km(place_deg[:, 0], place_deg[:, 1])
    return float(np.hypot(east_km, north_km).min(initial=math.inf))

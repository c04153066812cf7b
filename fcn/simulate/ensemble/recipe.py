"""What simulated base records are made from: Earths, earthquakes, crust, noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fcn.earth.velocity import PROPERTIES, LayeredModel
from fcn.simulate.path.crust import Crust
from fcn.simulate.path.full_wave import FullWaveLaw
from fcn.simulate.recording.noise import NoiseLaw
from fcn.waveform.preprocess import PreprocessSpec

OVERSAMPLING = 2  # synthesis rate over the store's; what lies between is the preprocessing's to remove
SURFACE_VPVS = 1.9  # of weathered rock (Brocher 2005, eq. 9, at vs 1 to 2 km/s)


@dataclass(frozen=True)
class ModelFamily:
    """One-dimensional Earths: published models, and how far to stray from them (`LayeredModel.perturbed`).

    top_km, top_vs_kmps: ranges of the thickness and S velocity of a weathered layer put on top of each, which
        the published models leave out; a model slower than that at its surface keeps its own.
    """

    models: Mapping[str, LayeredModel]
    velocity_fraction: float
    vpvs_fraction: float
    thickness_fraction: float
    top_km: Sequence[float]
    top_vs_kmps: Sequence[float]

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("a model family needs at least one velocity model")
        for name in ("velocity_fraction", "vpvs_fraction", "thickness_fraction"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} is a share in 0..1, got {getattr(self, name)}")
        for name in ("top_km", "top_vs_kmps"):
            low, high = _limits(self, name)
            if not 0.0 < low <= high:
                raise ValueError(f"{name} is a range of positive numbers, low to high, got {low} to {high}")
            object.__setattr__(self, name, (low, high))

    def draw(self, rng: np.random.Generator) -> LayeredModel:
        """A random model, perturbed, with its weathered layer; its surface is at sea level."""
        name = sorted(self.models)[rng.integers(len(self.models))]
        model = (
            self.models[name]
            .below_sea_level()
            .perturbed(
                rng,
                velocity_fraction=self.velocity_fraction,
                vpvs_fraction=self.vpvs_fraction,
                thickness_fraction=self.thickness_fraction,
            )
        )
        top_km, vs_kmps = (float(np.exp(rng.uniform(*np.log(r)))) for r in (self.top_km, self.top_vs_kmps))
        return model if vs_kmps >= model.vs_kmps[0] else weathered(model, top_km, vs_kmps)


def _limits(law: "ModelFamily | EarthquakePrior | ArrayLaw", name: str) -> tuple[float, float]:
    """The two ends of a range."""
    values = tuple(map(float, getattr(law, name)))
    if len(values) != 2:
        raise ValueError(f"{name} is a range low to high, got {list(values)}")
    return values


def weathered(model: LayeredModel, thickness_km: float, vs_kmps: float) -> LayeredModel:
    """The model with its uppermost `thickness_km` replaced by slower rock."""
    vp_kmps = SURFACE_VPVS * vs_kmps
    top = LayeredModel.from_velocities("top", "Brocher (2005)", (0.0,), (vp_kmps,), (vs_kmps,))
    first = int(np.searchsorted(model.top_depth_km, thickness_km, "right")) - 1  # layer it ends in
    columns: dict[str, Any] = {
        name: (*getattr(top, name), *getattr(model, name)[first:]) for name in PROPERTIES
    }
    tops = (0.0, thickness_km, *model.top_depth_km[first + 1 :])
    return replace(model, name=f"{model.name}-weathered", top_depth_km=tops, **columns)


@dataclass(frozen=True)
class EarthquakePrior:
    """Where and how large: uniform in each range, independently.

    stations_per_source: sites that record each earthquake; sources_per_earth: earthquakes of each Earth.
    """

    magnitude: Sequence[float]
    depth_km: Sequence[float]
    distance_km: Sequence[float]
    stations_per_source: int
    sources_per_earth: int

    def __post_init__(self) -> None:
        for name in ("magnitude", "depth_km", "distance_km"):
            low, high = _limits(self, name)
            if not low <= high:
                raise ValueError(f"{name} is a range low to high, got {low} to {high}")
            object.__setattr__(self, name, (low, high))
        if self.depth_km[0] <= 0.0 or self.distance_km[0] < 0.0:
            raise ValueError(f"depth_km must be positive and distance_km not negative: {self}")
        if min(self.stations_per_source, self.sources_per_earth) < 1:
            raise ValueError(f"stations_per_source and sources_per_earth must be at least 1: {self}")

    @property
    def records_per_earth(self) -> int:
        """Records of one Earth."""
        return self.stations_per_source * self.sources_per_earth


@dataclass(frozen=True)
class ArrayLaw:
    """Large ruptures, each recorded by an array of its own, all round it.

    magnitude, depth_km: uniform; distance_km: epicentral, log-uniform. ruptures_per_earth: of each of their
    Earths. duration_s: of a record, which starts `lead_s` before P.
    """

    magnitude: Sequence[float]
    depth_km: Sequence[float]
    distance_km: Sequence[float]
    stations_per_rupture: int
    ruptures_per_earth: int
    duration_s: float

    def __post_init__(self) -> None:
        for name in ("magnitude", "depth_km", "distance_km"):
            low, high = _limits(self, name)
            if not low <= high or (name != "magnitude" and low <= 0.0):
                raise ValueError(
                    f"ruptures.{name} is a range low to high, of positive kilometres, got {low} to {high}"
                )
            object.__setattr__(self, name, (low, high))
        if min(self.stations_per_rupture, self.ruptures_per_earth) < 1:
            raise ValueError(
                f"ruptures.stations_per_rupture and ruptures_per_earth must be at least 1: {self}"
            )


@dataclass(frozen=True)
class Recipe:
    """How simulated base records are made.

    crust_fraction: standard deviation of the log factors by which each Earth's Q and scattering differ from
        `crust`. lead_s: from the first sample to P; duration_s: of a record, but of `ruptures`.
    """

    family: ModelFamily
    crust: Crust
    crust_fraction: float
    full_wave: FullWaveLaw
    prior: EarthquakePrior
    ruptures: ArrayLaw
    noise: NoiseLaw
    preprocess: PreprocessSpec
    lead_s: float
    duration_s: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.lead_s < self.duration_s:
            raise ValueError(f"lead_s must lie in 0..duration_s, got {self.lead_s} and {self.duration_s}")
        if not self.lead_s < self.ruptures.duration_s:
            raise ValueError(f"ruptures.duration_s must exceed lead_s {self.lead_s}: {self.ruptures}")
        if not self.crust_fraction >= 0.0:
            raise ValueError(f"crust_fraction must not be negative, got {self.crust_fraction}")
        stations, distances = self.prior.stations_per_source, self.full_wave.n_distances
        if self.full_wave.share > 0.0 and stations > distances:
            raise ValueError(
                f"prior.stations_per_source {stations} exceeds full_wave.n_distances {distances}: no two "
                "stations of an earthquake share a distance of the bank"
            )

    @property
    def sampling_rate_hz(self) -> float:
        """Rate at which waveforms are synthesised."""
        return OVERSAMPLING * self.preprocess.sampling_rate_hz

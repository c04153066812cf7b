"""Many Earths: each a perturbed velocity model and crust, its earthquakes, and the records they leave."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Generator, Tensor

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.seeding import Purpose, derive_generator, derive_rng
from fcn.simulate.crust import Crust
from fcn.simulate.noise import NoiseLaw, noise
from fcn.simulate.paths import Rays, rays_in
from fcn.simulate.rupture import Sources
from fcn.simulate.site import generic_amplification, site_amplitude
from fcn.simulate.source import DoubleCouple
from fcn.simulate.spectrum import TimeAxis
from fcn.simulate.stochastic import synthesise
from fcn.store.schema import StoreRecord
from fcn.waveform.preprocess import PreprocessSpec, ToVelocity

OVERSAMPLING = 2  # synthesis rate over the store's; what lies between is the preprocessing's to remove
SETTLING_S = 10.0  # padding beyond the longest source, in which pulses and filters die away
BATCH = 32  # records synthesised at once; more falls out of the processor's cache
TABLE_STEP_KM = 1.0
TABLE_MARGIN_KM = 2.0
NETWORK = "SY"  # FDSN's network code for synthetic seismograms
ORIGIN = "simulated"
EARTHQUAKES, NOISE = 0, 1  # first key of the random streams


@dataclass(frozen=True)
class ModelFamily:
    """One-dimensional Earths: published models, and how far to stray from them (`LayeredModel.perturbed`)."""

    models: Mapping[str, LayeredModel]
    velocity_fraction: float
    vpvs_fraction: float
    thickness_fraction: float

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("a model family needs at least one velocity model")

    def draw(self, rng: np.random.Generator) -> LayeredModel:
        """A random model, perturbed."""
        name = sorted(self.models)[rng.integers(len(self.models))]
        return self.models[name].perturbed(
            rng,
            velocity_fraction=self.velocity_fraction,
            vpvs_fraction=self.vpvs_fraction,
            thickness_fraction=self.thickness_fraction,
        )


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
            low, high = map(float, getattr(self, name))
            if low > high:
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
class Recipe:
    """How simulated base records are made.

    crust_fraction: standard deviation of the log factors by which each Earth's Q and scattering differ from
        `crust`. lead_s: from the first sample to P; duration_s: of a record.
    """

    family: ModelFamily
    crust: Crust
    crust_fraction: float
    prior: EarthquakePrior
    noise: NoiseLaw
    preprocess: PreprocessSpec
    lead_s: float
    duration_s: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.lead_s < self.duration_s:
            raise ValueError(f"lead_s must lie in 0..duration_s, got {self.lead_s} and {self.duration_s}")

    @property
    def sampling_rate_hz(self) -> float:
        """Rate at which waveforms are synthesised."""
        return OVERSAMPLING * self.preprocess.sampling_rate_hz


def earthquake_records(recipe: Recipe, seed: int, earth: int) -> list[StoreRecord]:
    """The records of one Earth: a function of recipe, seed and number alone."""
    generator = derive_generator(seed, Purpose.STORE, EARTHQUAKES, earth)
    model = recipe.family.draw(derive_rng(seed, Purpose.STORE, EARTHQUAKES, earth))
    crust = recipe.crust.perturbed(recipe.crust_fraction, generator)
    prior = recipe.prior
    n_sources = prior.sources_per_earth
    magnitude = uniform(prior.magnitude, n_sources, generator).sort().values  # batches of like length
    depth_km = uniform(prior.depth_km, n_sources, generator)
    sources = crust.draw_sources(magnitude, depth_km, DoubleCouple.random(n_sources, generator), generator)
    event = torch.arange(n_sources).repeat_interleave(prior.stations_per_source)
    rays = _draw_rays(recipe, crust, model, depth_km[event], generator)
    # P falls anywhere between two samples.
    p_at_s = recipe.lead_s + torch.rand(len(event), generator=generator) / recipe.preprocess.sampling_rate_hz
    records = []
    for rows in torch.arange(len(event)).split(BATCH):
        waveforms = stochastic_waveforms(
            recipe, crust, rays.take(rows), sources.take(event[rows]), p_at_s[rows], generator
        )
        for row, waveform in zip(rows.tolist(), to_store_rate(recipe, waveforms), strict=True):
            onset = (float(p_at_s[row]), float(p_at_s[row] + rays.time_s[row, 1] - rays.time_s[row, 0]))
            records.append(
                StoreRecord(
                    waveform_mps=waveform,
                    category="earthquake",
                    source_id=f"{ORIGIN}-{earth:04d}-{int(event[row]):03d}",
                    station_code=f"{NETWORK}.E{earth:04d}S{row:03d}",
                    source_magnitude=float(magnitude[event[row]]),
                    source_magnitude_type="Mw",
                    source_depth_km=float(depth_km[event[row]]),
                    path_ep_distance_km=float(rays.distance_km[row]),
                    path_azimuth_deg=math.degrees(float(rays.azimuth_rad[row])),
                    p_arrival_sample=onset[0] * recipe.preprocess.sampling_rate_hz,
                    s_arrival_sample=onset[1] * recipe.preprocess.sampling_rate_hz,
                    origin=ORIGIN,
                )
            )
    return records


def noise_records(recipe: Recipe, seed: int, site: int, n_records: int) -> list[StoreRecord]:
    """A batch of noise records: a function of recipe, seed and number alone."""
    generator = derive_generator(seed, Purpose.STORE, NOISE, site)
    n_samples = round(recipe.duration_s * recipe.sampling_rate_hz)
    waveforms = to_store_rate(
        recipe, noise(recipe.noise, n_records, n_samples, recipe.sampling_rate_hz, generator)
    )
    nan = math.nan
    return [
        StoreRecord(
            waveform,
            "noise",
            source_id=f"{ORIGIN}-noise-{site:04d}-{row:03d}",
            station_code=f"{NETWORK}.N{site:04d}S{row:03d}",
            source_magnitude=nan,
            source_magnitude_type="",
            source_depth_km=nan,
            path_ep_distance_km=nan,
            path_azimuth_deg=nan,
            p_arrival_sample=nan,
            s_arrival_sample=nan,
            origin=ORIGIN,
        )
        for row, waveform in enumerate(waveforms)
    ]


def uniform(limits: Sequence[float], n: int, generator: Generator) -> Float[Tensor, " n"]:
    """Uniform numbers between two limits."""
    return limits[0] + (limits[1] - limits[0]) * torch.rand(n, generator=generator)


def _draw_rays(
    recipe: Recipe, crust: Crust, model: LayeredModel, depth_km: Float[Tensor, " batch"], generator: Generator
) -> Rays:
    """Paths to stations at sea level, anywhere within the prior's distances."""
    prior = recipe.prior
    table = TravelTimeTable.build(
        model,
        max_depth_km=prior.depth_km[1] + TABLE_MARGIN_KM,
        max_distance_km=prior.distance_km[1] + TABLE_MARGIN_KM,
        step_km=TABLE_STEP_KM,
    )
    distance_km = uniform(prior.distance_km, len(depth_km), generator)
    azimuth_rad = uniform((0.0, 2.0 * math.pi), len(depth_km), generator)
    elevation_km = torch.zeros(len(depth_km))
    return rays_in(table, distance_km, depth_km, elevation_km, azimuth_rad, crust.path.surface_kmps)


def stochastic_waveforms(
    recipe: Recipe,
    crust: Crust,
    rays: Rays,
    sources: Sources,
    p_at_s: Float[Tensor, " batch"],
    generator: Generator,
) -> Float[Tensor, "batch 3 time"]:
    """Records without Green's functions, each at a site of its own, at the synthesis rate."""
    padding_s = SETTLING_S + float(sources.duration_s.amax())
    axis = TimeAxis.holding(recipe.sampling_rate_hz, recipe.duration_s, padding_s)
    generic = generic_amplification(axis.frequency_hz)
    site = site_amplitude(crust.site, len(p_at_s), generic, axis.frequency_hz, generator)
    waveforms = synthesise(rays, sources, crust.path, crust.scattering, site, p_at_s, axis, generator)
    return waveforms[..., : axis.n_kept]


def to_store_rate(
    recipe: Recipe, waveforms: Float[Tensor, "batch 3 time"]
) -> Float32[np.ndarray, "batch 3 npts"]:
    """The one preprocessing up to ground velocity at the store's rate; its first sample is the input's."""
    n_batch, n_components, n_samples = waveforms.shape
    to_velocity = ToVelocity(
        recipe.preprocess, recipe.sampling_rate_hz, "velocity", 1.0, n_batch * n_components
    )
    flat = waveforms.reshape(-1, n_samples).double().numpy()
    parts = (to_velocity.process(0.0, flat).velocity_mps, to_velocity.flush().velocity_mps)
    velocity = np.concatenate(parts, axis=1)[:, : n_samples // OVERSAMPLING]
    return velocity.reshape(n_batch, n_components, -1).astype(np.float32)

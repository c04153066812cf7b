"""Records of many Earths: each a perturbed velocity model and crust with its earthquakes and stations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Generator, Tensor

from fcn.earth.greens import GreensBank, compute_greens
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.seeding import Purpose, derive_generator, derive_rng
from fcn.simulate import NETWORK
from fcn.simulate.ensemble.recipe import OVERSAMPLING, EarthquakePrior, Recipe
from fcn.simulate.path.crust import Crust
from fcn.simulate.path.full_wave import BankNodes, FullWaveLaw, full_wave_arrivals
from fcn.simulate.path.rays import Rays, rays_in
from fcn.simulate.path.site import (
    generic_amplification,
    interpolate_log,
    quarter_wavelength_amplification,
    site_amplitude,
)
from fcn.simulate.path.stochastic import stochastic_arrivals
from fcn.simulate.path.synthesis import SETTLING_S, Plan, ground_velocity
from fcn.simulate.recording.noise import noise
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import Sources
from fcn.simulate.source.spectrum import TimeAxis
from fcn.store.schema import SIMULATED, StoreRecord
from fcn.waveform.preprocess import ToVelocity

BATCH = 32  # records synthesised at once; more falls out of the processor's cache
TABLE_STEP_KM = 0.5
TABLE_MARGIN_KM = 2.0
NEAREST_KM = 0.3  # a bank cannot lie right above its source
ELASTIC_Q = 1e4  # of a bank below its surface layers: that absorption is the path law's
SURFACE_KM = 1.0
ORIGIN = SIMULATED
FULL_WAVE_ORIGIN = f"{SIMULATED}_full_wave"  # these look different enough to be told apart
EARTHQUAKES, NOISE = 0, 1  # first key of the random streams


@dataclass(frozen=True)
class Survey:
    """The earthquakes of one Earth and who records them; `event` and what follows have a row per record.

    nodes: of the Green's functions, None without; p_at_s: P from the first sample of each record.
    """

    depth_km: Float[Tensor, " event"]
    sources: Sources
    event: Int[Tensor, " batch"]
    rays: Rays
    nodes: BankNodes | None
    p_at_s: Float[Tensor, " batch"]


class Earth:
    """One Earth of the ensemble, a function of recipe, seed and number alone."""

    def __init__(self, recipe: Recipe, seed: int, number: int) -> None:
        self.recipe = recipe
        self.generator = derive_generator(seed, Purpose.STORE, EARTHQUAKES, number)
        self.model = recipe.family.draw(derive_rng(seed, Purpose.STORE, EARTHQUAKES, number))
        self.crust = recipe.crust.perturbed(recipe.crust_fraction, self.generator)
        self.bank: GreensBank | None = None
        if recipe.full_wave.covers(number):
            self.crust = recipe.full_wave.adapted(self.crust)
            self.bank = self._draw_bank()

    def survey(self) -> Survey:
        """Its earthquakes, smallest first so that batches need like padding, and their stations."""
        prior, generator = self.recipe.prior, self.generator
        n_sources = prior.sources_per_earth
        magnitude = uniform(prior.magnitude, n_sources, generator).sort().values
        event = torch.arange(n_sources).repeat_interleave(prior.stations_per_source)
        if self.bank is None:
            depth_km = uniform(prior.depth_km, n_sources, generator)
            distance_km, nodes = uniform(prior.distance_km, len(event), generator), None
        else:
            nodes = draw_nodes(self.bank, prior, generator)
            depth_km = torch.tensor(self.bank.depth_km)[nodes.depth[:: prior.stations_per_source]]
            distance_km = torch.tensor(self.bank.distance_km)[nodes.distance]
        mechanism = DoubleCouple.random(n_sources, generator)
        sources = self.crust.draw_sources(magnitude, depth_km, mechanism, generator)
        rays = self._rays(distance_km, depth_km[event])
        lead_s, rate_hz = self.recipe.lead_s, self.recipe.sampling_rate_hz
        # P falls anywhere between two samples, in a bank where its samples put it.
        late = torch.rand(len(event), generator=generator) if nodes is None else rays.time_s[:, 0] * rate_hz
        return Survey(depth_km, sources, event, rays, nodes, lead_s + late.remainder(1.0) / rate_hz)

    def waveforms(self, survey: Survey, rows: Int[Tensor, " batch"]) -> Float[Tensor, "batch 3 time"]:
        """Z, R, T in m/s of these records at the synthesis rate, each at a site of its own."""
        column = None if self.bank is None else self.model
        rays, sources = survey.rays.take(rows), survey.sources.take(survey.event[rows])
        plan = make_plan(self.recipe, self.crust, column, rays, sources, survey.p_at_s[rows], self.generator)
        if self.bank is None or survey.nodes is None:
            arrivals = stochastic_arrivals(plan, self.crust.path)
        else:
            arrivals = full_wave_arrivals(plan, self.crust.path, self.bank, survey.nodes.take(rows))
        return ground_velocity(plan, self.crust, arrivals, self.generator)

    def _draw_bank(self) -> GreensBank:
        law, prior = self.recipe.full_wave, self.recipe.prior
        depth_km = uniform(prior.depth_km, law.n_depths, self.generator).sort().values
        nearest_km = max(prior.distance_km[0], NEAREST_KM)
        distance_km = (
            uniform((nearest_km, prior.distance_km[1]), law.n_distances, self.generator).sort().values
        )
        return greens_bank(
            self.model, depth_km.tolist(), distance_km.tolist(), law, self.recipe.sampling_rate_hz
        )

    def _rays(self, distance_km: Float[Tensor, " batch"], depth_km: Float[Tensor, " batch"]) -> Rays:
        """Paths to stations at sea level."""
        prior = self.recipe.prior
        table = TravelTimeTable.build(
            self.model,
            max_depth_km=prior.depth_km[1] + TABLE_MARGIN_KM,
            max_distance_km=prior.distance_km[1] + TABLE_MARGIN_KM,
            step_km=TABLE_STEP_KM,
        )
        azimuth_rad = uniform((0.0, 2.0 * math.pi), len(depth_km), self.generator)
        surface_kmps = self.crust.path.surface_kmps
        return rays_in(table, distance_km, depth_km, torch.zeros_like(depth_km), azimuth_rad, surface_kmps)


def greens_bank(
    model: LayeredModel,
    depths_km: Sequence[float],
    distances_km: Sequence[float],
    law: FullWaveLaw,
    sampling_rate_hz: float,
) -> GreensBank:
    """Green's functions of a model with the absorption of its surface layers alone, lest they ring."""
    near_surface = [top_km < SURFACE_KM for top_km in model.top_depth_km]
    qp, qs = (
        tuple(q if here else ELASTIC_Q for q, here in zip(column, near_surface, strict=True))
        for column in (model.qp, model.qs)
    )
    return compute_greens(
        replace(model, qp=qp, qs=qs),
        depths_km,
        distances_km,
        duration_s=law.duration_s,
        sampling_rate_hz=sampling_rate_hz,
        max_frequency_hz=law.max_frequency_hz,
        reference_frequency_hz=law.max_frequency_hz,
    )


def draw_nodes(bank: GreensBank, prior: EarthquakePrior, generator: Generator) -> BankNodes:
    """A random depth per earthquake, and distances that no two of its stations share."""
    n_sources, n_stations = prior.sources_per_earth, prior.stations_per_source
    depth = torch.randint(len(bank.depth_km), (n_sources,), generator=generator)
    order = torch.rand(n_sources, len(bank.distance_km), generator=generator).argsort(1)
    return BankNodes(depth.repeat_interleave(n_stations), order[:, :n_stations].reshape(-1))


def make_plan(
    recipe: Recipe,
    crust: Crust,
    column: LayeredModel | None,
    rays: Rays,
    sources: Sources,
    p_at_s: Float[Tensor, " batch"],
    generator: Generator,
) -> Plan:
    """Time axis and random sites for records.

    column: the layers whose response full-wave arrivals already have; None for stochastic ones, which are
        pulses. Full-wave ones last as long as the record, so that their tails need as much padding again.
    """
    padding_s = SETTLING_S + float(sources.felt_s.amax())
    padding_s += 0.0 if column is None else recipe.duration_s - recipe.lead_s
    axis = TimeAxis.holding(recipe.sampling_rate_hz, recipe.duration_s, padding_s)
    generic = generic_amplification(axis.frequency_hz)
    if column is not None:
        path = crust.path
        own = quarter_wavelength_amplification(column, axis.frequency_hz, path.vs_kmps, path.density_gpcm3)
        law = recipe.full_wave
        generic = generic / own * interpolate_log(axis.frequency_hz, law.gain_hz, law.gain)
    site = site_amplitude(crust.site, len(p_at_s), generic, axis.frequency_hz, generator)
    return Plan(rays, sources, site, p_at_s, axis)


def earthquake_records(recipe: Recipe, seed: int, number: int) -> list[StoreRecord]:
    """The records of one Earth."""
    earth = Earth(recipe, seed, number)
    survey = earth.survey()
    records = []
    for rows in torch.arange(len(survey.event)).split(BATCH):
        velocity = to_store_rate(recipe, earth.waveforms(survey, rows))
        for row, waveform in zip(rows.tolist(), velocity, strict=True):
            records.append(_earthquake_record(recipe, survey, number, row, waveform))
    return records


def _earthquake_record(
    recipe: Recipe, survey: Survey, number: int, row: int, waveform: Float32[np.ndarray, "3 npts"]
) -> StoreRecord:
    event, rays, rate_hz = int(survey.event[row]), survey.rays, recipe.preprocess.sampling_rate_hz
    p_at_s = float(survey.p_at_s[row])
    s_at_s = p_at_s + float(rays.time_s[row, 1] - rays.time_s[row, 0])
    return StoreRecord(
        waveform,
        "earthquake",
        source_id=f"{ORIGIN}-{number:04d}-{event:03d}",
        station_code=f"{NETWORK}.E{number:04d}S{row:03d}",
        source_magnitude=float(survey.sources.magnitude[event]),
        source_magnitude_type="Mw",
        source_depth_km=float(survey.depth_km[event]),
        path_ep_distance_km=float(rays.distance_km[row]),
        path_azimuth_deg=math.degrees(float(rays.azimuth_rad[row])),
        p_arrival_sample=p_at_s * rate_hz,
        s_arrival_sample=s_at_s * rate_hz,
        path_p_travel_s=float(rays.time_s[row, 0]),
        origin=FULL_WAVE_ORIGIN if recipe.full_wave.covers(number) else ORIGIN,
    )


def noise_records(recipe: Recipe, seed: int, site: int, n_records: int) -> list[StoreRecord]:
    """A batch of noise records: a function of recipe, seed and number alone."""
    generator = derive_generator(seed, Purpose.STORE, NOISE, site)
    n_samples = round(recipe.duration_s * recipe.sampling_rate_hz)
    waveforms = to_store_rate(
        recipe, noise(recipe.noise, n_records, n_samples, recipe.sampling_rate_hz, generator)
    )
    return [
        StoreRecord.noise(
            waveform, f"{ORIGIN}-noise-{site:04d}-{row:03d}", f"{NETWORK}.N{site:04d}S{row:03d}", ORIGIN
        )
        for row, waveform in enumerate(waveforms)
    ]


def uniform(limits: Sequence[float], n: int, generator: Generator) -> Float[Tensor, " n"]:
    """Uniform numbers between two limits."""
    return limits[0] + (limits[1] - limits[0]) * torch.rand(n, generator=generator)


def to_store_rate(
    recipe: Recipe, waveforms: Float[Tensor, "batch 3 time"]
) -> Float32[np.ndarray, "batch 3 npts"]:
    """The one preprocessing up to ground velocity at the store's rate; its first sample is the input's."""
    n_batch, n_components, n_samples = waveforms.shape
    to_velocity = ToVelocity(
        recipe.preprocess, recipe.sampling_rate_hz, "velocity", 1.0, n_batch * n_components
    )
    flat = waveforms.reshape(-1, n_samples).double().numpy()
    velocity = to_velocity.whole(0.0, flat).velocity_mps[:, : n_samples // OVERSAMPLING]
    return velocity.reshape(n_batch, n_components, -1).astype(np.float32)

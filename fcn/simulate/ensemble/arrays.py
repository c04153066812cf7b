"""Large ruptures, each recorded by a dense array all round: records that share one source."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from fcn.constants import RELEASED
from fcn.earth.travel_time import TravelTimeTable
from fcn.seeding import Purpose, derive_generator, derive_rng
from fcn.simulate import NETWORK
from fcn.simulate.ensemble.earth import TABLE_MARGIN_KM, TABLE_STEP_KM, make_plan, to_store_rate, uniform
from fcn.simulate.ensemble.recipe import ArrayLaw, Recipe
from fcn.simulate.path.rays import Rays, rays_in
from fcn.simulate.path.stochastic import stochastic_arrivals
from fcn.simulate.path.synthesis import ground_velocity
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import Sources
from fcn.store.schema import RUPTURES, StoreRecord

ARRAYS = 2  # first key of the random streams
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0  # its multiples leave no gaps, whatever their number
BATCH = 16  # records synthesised at once; they are long
RELEASE_STEP_S = 0.02
ALL = 0.999  # share that counts as all: smooth pulses never end


def rupture_records(recipe: Recipe, seed: int, number: int) -> list[StoreRecord]:
    """The records of one Earth's large ruptures: a function of recipe, seed and number alone."""
    law = recipe.ruptures
    recipe = replace(recipe, duration_s=law.duration_s)
    generator = derive_generator(seed, Purpose.STORE, ARRAYS, number)
    model = recipe.family.draw(derive_rng(seed, Purpose.STORE, ARRAYS, number))
    crust = recipe.crust.perturbed(recipe.crust_fraction, generator)
    magnitude = uniform(law.magnitude, law.ruptures_per_earth, generator).sort().values
    depth_km = uniform(law.depth_km, law.ruptures_per_earth, generator)
    mechanism = DoubleCouple.random(law.ruptures_per_earth, generator)
    sources = crust.draw_sources(magnitude, depth_km, mechanism, generator)
    event = torch.arange(law.ruptures_per_earth).repeat_interleave(law.stations_per_rupture)
    distance_km, azimuth_rad = stations_around(law, generator)
    table = TravelTimeTable.build(
        model,
        max_depth_km=law.depth_km[1] + TABLE_MARGIN_KM,
        max_distance_km=law.distance_km[1] + TABLE_MARGIN_KM,
        step_km=TABLE_STEP_KM,
    )
    level_km, surface_kmps = torch.zeros_like(distance_km), crust.path.surface_kmps
    rays = rays_in(table, distance_km, depth_km[event], level_km, azimuth_rad, surface_kmps)
    late_s = torch.rand(len(event), generator=generator) / recipe.sampling_rate_hz
    p_at_s = recipe.lead_s + late_s
    release_s = release_times_s(sources).tolist()
    records = []
    for rows in torch.arange(len(event)).split(BATCH):
        taken, own = rays.take(rows), sources.take(event[rows])
        plan = make_plan(recipe, crust, None, taken, own, p_at_s[rows], generator)
        ground = ground_velocity(plan, crust, stochastic_arrivals(plan, crust.path), generator)
        for row, waveform in zip(rows.tolist(), to_store_rate(recipe, ground), strict=True):
            of_source = (number, int(event[row]), float(magnitude[event[row]]), float(depth_km[event[row]]))
            record = _record(recipe, rays, row, of_source, float(p_at_s[row]))
            released = tuple(release_s[int(event[row])])
            records.append(replace(record, waveform_mps=waveform, source_release_s=released))
    return records


def stations_around(law: ArrayLaw, generator: Generator) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Epicentral distances (log-uniform) and azimuths of the arrays of one Earth, rupture by rupture.

    Both evenly filled: azimuths one to a sector, the logarithms of distances by multiples of the golden
    ratio, each array turned and moved at random and jittered within its cells.
    """
    n_arrays, n = law.ruptures_per_earth, law.stations_per_rupture
    shift = torch.rand(2, n_arrays, 1, generator=generator)
    jitter = torch.rand(2, n_arrays, n, generator=generator) / n
    order = torch.arange(n)
    sector = (shift[0] + order / n + jitter[0]).remainder(1.0)
    place = (shift[1] + order * GOLDEN + jitter[1]).remainder(1.0)
    nearest, farthest = law.distance_km
    distance_km = nearest * (farthest / nearest) ** place
    return distance_km.reshape(-1), (2.0 * math.pi * sector).reshape(-1)


def release_times_s(sources: Sources) -> Float[Tensor, "event share"]:
    """When the shares `RELEASED` of each moment are out, seconds after origin."""
    time_s = torch.arange(0.0, float(sources.duration_s.amax()) + 2 * RELEASE_STEP_S, RELEASE_STEP_S)
    released = sources.released_share(time_s).contiguous()
    wanted = torch.tensor(RELEASED).clamp(max=ALL).expand(len(released), -1).contiguous()
    index = torch.searchsorted(released, wanted)
    return time_s[index.clamp(max=len(time_s) - 1)]


def _record(
    recipe: Recipe, rays: Rays, row: int, source: tuple[int, int, float, float], p_at_s: float
) -> StoreRecord:
    """All of a record but its waveform and its source's release.

    source: number of its Earth, number in it, magnitude, depth in km.
    """
    earth, event, magnitude, depth_km = source
    rate_hz = recipe.preprocess.sampling_rate_hz
    s_at_s = p_at_s + float(rays.time_s[row, 1] - rays.time_s[row, 0])
    return StoreRecord(
        torch.zeros(3, 2).numpy(),
        "earthquake",
        source_id=f"{RUPTURES}-{earth:04d}-{event:03d}",
        station_code=f"{NETWORK}.R{earth:04d}S{row:03d}",
        source_magnitude=magnitude,
        source_magnitude_type="Mw",
        source_depth_km=depth_km,
        path_ep_distance_km=float(rays.distance_km[row]),
        path_azimuth_deg=math.degrees(float(rays.azimuth_rad[row])),
        p_arrival_sample=p_at_s * rate_hz,
        s_arrival_sample=s_at_s * rate_hz,
        path_p_travel_s=float(rays.time_s[row, 0]),
        origin=RUPTURES,
    )

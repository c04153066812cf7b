"""Events simulated whole, in the place of recombined ones: the same sources, networks and kinds of Earth."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from fcn.batch import Batch, Targets
from fcn.earth.travel_time import TravelTimeTable
from fcn.recombine.compose import given
from fcn.recombine.noise import NoiseBank
from fcn.seeding import Purpose, derive_generator, derive_rng
from fcn.simulate.ensemble.earth import TABLE_MARGIN_KM, TABLE_STEP_KM, greens_bank, make_plan, to_store_rate
from fcn.simulate.ensemble.recipe import OVERSAMPLING, Recipe
from fcn.simulate.path.full_wave import BankNodes, full_wave_arrivals
from fcn.simulate.path.ground import to_zne
from fcn.simulate.path.rays import rays_in
from fcn.simulate.path.stochastic import stochastic_arrivals
from fcn.simulate.path.synthesis import ground_velocity
from fcn.simulate.source.point import DoubleCouple
from fcn.waveform.window_bands import filter_windows

EVENT, NOISE = 6, 7  # first key of the random streams of a direct simulation


@dataclass(frozen=True)
class Motion:
    """One event at its stations: Z, N, E in m/s at the store's rate, each record from its own first sample.

    start_sample, arrival_s (P, S): from the origin time.
    """

    start_sample: Int64[np.ndarray, " station"]
    velocity_mps: Float32[np.ndarray, "station 3 time"]
    arrival_s: Float[Tensor, "station 2"]


@dataclass(frozen=True)
class DirectSimulation:
    """What the store's records were made by, applied to whole networks: an Earth and a source per event.

    recipe:  of the simulated store. noise: of the same store. lead_s: made before the window for the filters.
    """

    recipe: Recipe
    noise: NoiseBank
    lead_s: float
    seed: int

    def like(self, batch: Batch, first_number: int) -> Batch:
        """The batch with every event simulated as a whole; targets hold the arrivals of its own Earth.

        first_number: of the batch's first event, the key of its random streams. Raises ValueError for windows
        without targets.
        """
        if batch.targets is None:
            raise ValueError("these windows carry no targets: nothing says which events to simulate")
        rate_hz = self.recipe.preprocess.sampling_rate_hz
        n_lead = round(self.lead_s * rate_hz)
        n_total = n_lead + batch.waveforms.shape[-1]
        size, n_stations = batch.mask.shape
        signal = torch.zeros(size, n_stations, 3, n_total)
        arrival_s = torch.full((size, n_stations, 2), torch.inf)
        for b in range(size):
            present = batch.mask[b].nonzero()[:, 0]
            motion = self.motion(batch, b, first_number + b)
            # the first P of the network stays where it was: only then does "now" mean the same
            first_s = float(batch.targets.p_arrival_s[b, present, 0].min())
            origin = round((first_s - float(motion.arrival_s[:, 0].min())) * rate_hz)
            arrival_s[b, present] = motion.arrival_s + origin / rate_hz
            records = zip(present.tolist(), motion.start_sample.tolist(), motion.velocity_mps, strict=True)
            for n, start, record in records:
                begin = n_lead + origin + start
                piece = record[:, max(-begin, 0) : max(n_total - begin, 0)]
                place = slice(max(begin, 0), max(begin, 0) + piece.shape[1])
                signal[b, n, :, place] = torch.from_numpy(piece)
        rngs = [derive_rng(self.seed, Purpose.SEQUENCE, NOISE, first_number + b) for b in range(size)]
        noise = self.noise.draw(rngs, batch.mask.sum(dim=1).tolist(), n_total)
        signal[:, : noise.shape[1]] += noise  # as many stations as the largest network of these windows has
        bands = filter_windows(self.recipe.preprocess, signal)
        there = batch.mask[..., None, None].expand(-1, -1, 3, n_total)
        return replace(
            batch,
            **given(bands, there, n_total - n_lead, sampling_rate_hz=rate_hz),
            targets=self._targets(batch.targets, arrival_s),
        )

    @staticmethod
    def _targets(targets: Targets, arrival_s: Float[Tensor, "batch station 2"]) -> Targets:
        p_arrival_s = torch.full_like(targets.p_arrival_s, torch.inf)
        s_arrival_s = torch.full_like(targets.s_arrival_s, torch.inf)
        p_arrival_s[..., 0], s_arrival_s[..., 0] = arrival_s.unbind(-1)
        return replace(targets, p_arrival_s=p_arrival_s, s_arrival_s=s_arrival_s)

    def motion(self, batch: Batch, b: int, number: int) -> Motion:
        """Event b of the batch at the stations it has, in an Earth drawn as the store's are.

        Stochastic events take the window's velocity model, full-wave ones draw their own (the store's have
        a weathered top, which the window's lacks) with all stations at sea level, and last to its end.
        """
        assert batch.targets is not None
        recipe, generator = self.recipe, derive_generator(self.seed, Purpose.SEQUENCE, EVENT, number)
        station_km = batch.station_km[b, batch.mask[b]]
        source_km, magnitude = batch.targets.source_km[b], batch.targets.magnitude[b : b + 1]
        crust = recipe.crust.perturbed(recipe.crust_fraction, generator)
        offset_km = station_km[:, :2] - source_km[:2]
        distance_km, azimuth_rad = offset_km.norm(dim=1), torch.atan2(offset_km[:, 0], offset_km[:, 1])
        depth_km = source_km[2:].expand_as(distance_km)
        full_wave = recipe.full_wave.covers(number)
        if full_wave:
            crust = recipe.full_wave.adapted(crust)
            model = recipe.family.draw(derive_rng(self.seed, Purpose.SEQUENCE, EVENT, number))
            elevation_km = torch.zeros_like(distance_km)
            table = TravelTimeTable.build(
                model,
                max_depth_km=float(source_km[2]) + TABLE_MARGIN_KM,
                max_distance_km=float(distance_km.amax()) + TABLE_MARGIN_KM,
                step_km=TABLE_STEP_KM,
            )
        else:
            table = batch.travel_time[torch.tensor(b)]  # type: ignore[index]
            elevation_km = -station_km[:, 2]
        surface_kmps = crust.path.surface_kmps
        rays = rays_in(table, distance_km, depth_km, elevation_km, azimuth_rad, surface_kmps)
        sources = crust.draw_sources(magnitude, source_km[2:], DoubleCouple.random(1, generator), generator)
        sources = sources.take(torch.zeros(len(distance_km), dtype=torch.long))
        # each record starts at a sample of the synthesis, P where the ray's travel time puts it
        rate_hz = recipe.sampling_rate_hz
        start = torch.floor((rays.time_s[:, 0] - recipe.lead_s) * rate_hz / OVERSAMPLING) * OVERSAMPLING
        p_at_s = rays.time_s[:, 0] - start / rate_hz
        column = model if full_wave else None
        plan = make_plan(recipe, crust, column, rays, sources, p_at_s, generator)
        if full_wave:
            order = distance_km.argsort()
            # the first P lies in the window, and what comes after it is cut off: nothing later is needed
            window_s = batch.waveforms.shape[-1] / recipe.preprocess.sampling_rate_hz
            law = replace(recipe.full_wave, duration_s=window_s + float(rays.time_s[:, 0].amin()))
            bank = greens_bank(model, [float(source_km[2])], distance_km[order].tolist(), law, rate_hz)
            nodes = BankNodes(torch.zeros(len(order), dtype=torch.long), order.argsort())
            arrivals = full_wave_arrivals(plan, crust.path, bank, nodes)
        else:
            arrivals = stochastic_arrivals(plan, crust.path)
        zrt = torch.from_numpy(to_store_rate(recipe, ground_velocity(plan, crust, arrivals, generator)))
        start_sample = (start / OVERSAMPLING).long().numpy()
        return Motion(start_sample, to_zne(zrt, azimuth_rad).numpy(), rays.time_s)

"""Records of one magnitude, distance and depth, as the default store makes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

from fcn.earth.greens import GreensBank
from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel
from fcn.simulate.ensemble.earth import make_plan, uniform
from fcn.simulate.ensemble.recipe import Recipe
from fcn.simulate.path.full_wave import BankNodes, full_wave_arrivals
from fcn.simulate.path.rays import Rays, rays_in
from fcn.simulate.path.stochastic import stochastic_arrivals
from fcn.simulate.path.synthesis import ground_velocity
from fcn.simulate.source.point import DoubleCouple
from fcn.simulate.source.rupture import Sources

LEAD_S = 5.0
CONF = Path(__file__).resolve().parents[1] / "conf"


def build(node: str, overrides: Sequence[str] = ()) -> Any:
    """The object a configuration describes; node: e.g. "source.simulated"."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("build_store", overrides=["out=nowhere", *overrides])
    for key in node.split("."):
        cfg = cfg[key]
    return instantiate(cfg, _convert_="all")


@dataclass
class Records:
    rays: Rays
    sources: Sources
    p_at_s: Tensor
    waveforms: Tensor  # Z, R, T at the synthesis rate

    @property
    def s_at_s(self) -> float:
        """S of the first record; all are alike to a sample."""
        return float(self.p_at_s[0] + self.rays.time_s[0, 1] - self.rays.time_s[0, 0])


def _draw(
    crust,
    model: LayeredModel,
    magnitude: float,
    distance_km: float,
    depth_km: float,
    generator,
    n: int,
):
    table = TravelTimeTable.build(model, max_depth_km=60.0, max_distance_km=130.0, step_km=0.5)
    distance, depth, level = (torch.full((n,), value) for value in (distance_km, depth_km, 0.0))
    azimuth = uniform((0.0, 2.0 * math.pi), n, generator)
    rays = rays_in(table, distance, depth, level, azimuth, crust.path.surface_kmps)
    mechanism = DoubleCouple.random(n, generator)
    return rays, crust.draw_sources(torch.full((n,), magnitude), depth, mechanism, generator)


def simulate(
    recipe: Recipe,
    model: LayeredModel,
    magnitude: float,
    distance_km: float,
    depth_km: float = 10.0,
    n: int = 48,
    seed: int = 0,
) -> Records:
    """Stochastic records."""
    generator = torch.Generator().manual_seed(seed)
    rays, sources = _draw(recipe.crust, model, magnitude, distance_km, depth_km, generator, n)
    p_at_s = torch.full((n,), LEAD_S)
    plan = make_plan(recipe, recipe.crust, None, rays, sources, p_at_s, generator)
    arrivals = stochastic_arrivals(plan, recipe.crust.path)
    return Records(rays, sources, p_at_s, ground_velocity(plan, recipe.crust, arrivals, generator))


def simulate_full_wave(
    recipe: Recipe,
    model: LayeredModel,
    bank: GreensBank,
    magnitude: float,
    distance_km: float,
    n: int = 48,
    seed: int = 0,
) -> Records:
    """Full-wave records from the bank's first depth."""
    generator = torch.Generator().manual_seed(seed)
    crust = recipe.full_wave.adapted(recipe.crust)
    rays, sources = _draw(crust, model, magnitude, distance_km, bank.depth_km[0], generator, n)
    rate_hz = recipe.sampling_rate_hz
    p_at_s = LEAD_S + (rays.time_s[:, 0] * rate_hz).remainder(1.0) / rate_hz
    plan = make_plan(recipe, crust, model, rays, sources, p_at_s, generator)
    column = bank.distance_km.index(distance_km)
    nodes = BankNodes(torch.zeros(n, dtype=torch.long), torch.full((n,), column))
    arrivals = full_wave_arrivals(plan, crust.path, bank, nodes)
    return Records(rays, sources, p_at_s, ground_velocity(plan, crust, arrivals, generator))

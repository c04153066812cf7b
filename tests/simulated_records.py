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

from fcn.earth.travel_time import TravelTimeTable
from fcn.simulate.ensemble import stochastic_waveforms, uniform
from fcn.simulate.paths import Rays, rays_in
from fcn.simulate.rupture import Sources
from fcn.simulate.source import DoubleCouple

P_AT_S = 5.0
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
    waveforms: Tensor  # Z, R, T at the synthesis rate, P at P_AT_S

    @property
    def s_at_s(self) -> float:
        return P_AT_S + float(self.rays.time_s[0, 1] - self.rays.time_s[0, 0])


def simulate(
    recipe, model, magnitude: float, distance_km: float, depth_km: float = 10.0, n: int = 48, seed: int = 0
) -> Records:
    generator = torch.Generator().manual_seed(seed)
    table = TravelTimeTable.build(model, max_depth_km=35.0, max_distance_km=130.0, step_km=1.0)
    distance, depth, level, p_at = (torch.full((n,), value) for value in (distance_km, depth_km, 0.0, P_AT_S))
    azimuth = uniform((0.0, 2.0 * math.pi), n, generator)
    rays = rays_in(table, distance, depth, level, azimuth, recipe.crust.path.surface_kmps)
    mechanism = DoubleCouple.random(n, generator)
    sources = recipe.crust.draw_sources(torch.full((n,), magnitude), depth, mechanism, generator)
    waveforms = stochastic_waveforms(recipe, recipe.crust, rays, sources, p_at, generator)
    return Records(rays, sources, waveforms)

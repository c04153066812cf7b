"""Speed of the travel-time tables: building one, and looking up pairs of source and station.

Run: pytest benchmarks/bench_travel_time.py
"""

from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel

CONF = Path(__file__).resolve().parents[1] / "conf" / "velocity_model"
RANGE = {"max_depth_km": 40.0, "max_distance_km": 150.0, "step_km": 0.5}


def load(name: str) -> LayeredModel:
    return instantiate(yaml.safe_load((CONF / f"{name}.yaml").read_text()), _convert_="all")


@pytest.mark.parametrize("name", ["cus", "jma2001"])
def test_build_a_table(benchmark, name):
    """P and S, 0.5 km, to 40 km depth and 150 km distance; 5 and 46 layers."""
    model = load(name)
    benchmark(lambda: TravelTimeTable.build(model, **RANGE))


def test_look_up(benchmark):
    """12,500 cells x 12 stations x 16 velocity models."""
    tables = TravelTimeTable.stack([TravelTimeTable.build(load("jma2001"), **RANGE)] * 16)[torch.arange(16)]
    generator = torch.Generator().manual_seed(0)
    sources = torch.rand(16, 12_500, 3, generator=generator) * torch.tensor([80.0, 80.0, 39.0])
    stations = torch.rand(16, 12, 3, generator=generator) * torch.tensor([80.0, 80.0, -1.0])
    times_s = benchmark(lambda: tables.between(sources, stations))
    rate = times_s.numel() / benchmark.stats.stats.median / 1e6
    print(f"\n{rate:.1f} million look-ups per second")  # noqa: T201

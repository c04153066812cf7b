"""The velocity models of conf/velocity_model, as the tests load them."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
import yaml
from hydra.utils import instantiate

from fcn.earth.travel_time import TravelTimeTable
from fcn.earth.velocity import LayeredModel

CONF = Path(__file__).resolve().parents[1] / "conf" / "velocity_model"
MODELS = ("ak135", "cus", "fnet", "iasp91", "jma2001", "prem", "socal")


@cache
def load(name: str) -> LayeredModel:
    """The model of one file."""
    return instantiate(yaml.safe_load((CONF / f"{name}.yaml").read_text()), _convert_="all")


def times_of_all_s() -> dict[str, np.ndarray]:
    """P and S between 12 sources and 10 stations in each model, above sea level and below."""
    rng = np.random.default_rng(0)
    low, high = np.array([-40.0, -40.0, -2.0]), np.array([40.0, 40.0, 45.0])
    sources = torch.tensor(rng.uniform(low, high, (12, 3)))
    low, high = np.array([-60.0, -60.0, -2.0]), np.array([60.0, 60.0, 0.3])
    stations = torch.tensor(rng.uniform(low, high, (10, 3)))
    ranges = {"max_depth_km": 50, "max_distance_km": 150, "step_km": 1.0, "min_depth_km": -4.0}
    return {
        name: TravelTimeTable.build(load(name), earth_flattening=True, **ranges)
        .between(sources, stations)
        .numpy()
        for name in MODELS
    }

"""The velocity models of conf/velocity_model, as the tests load them."""

from functools import cache
from pathlib import Path

import yaml
from hydra.utils import instantiate

from fcn.earth.velocity import LayeredModel

CONF = Path(__file__).resolve().parents[1] / "conf" / "velocity_model"
MODELS = ("ak135", "cus", "fnet", "iasp91", "jma2001", "prem", "socal")


@cache
def load(name: str) -> LayeredModel:
    """The model of one file."""
    return instantiate(yaml.safe_load((CONF / f"{name}.yaml").read_text()), _convert_="all")

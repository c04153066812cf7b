"""The preprocessing as configured."""

from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fcn.waveform.preprocess import PreprocessSpec

DEFAULT = Path(__file__).parents[2] / "conf" / "preprocess" / "default.yaml"


@pytest.fixture(scope="session")
def spec() -> PreprocessSpec:
    return instantiate(OmegaConf.load(DEFAULT), _convert_="all")

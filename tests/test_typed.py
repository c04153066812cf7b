"""What pyproject.toml has the tests check the types and shapes of is there, and is checked."""

import importlib.util
import tomllib
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

import fcn
from fcn.geometry.projection import LocalFrame

# About arrays as well, and left out: their many small functions are called too often, or they draw
LEFT_OUT = {"assemble", "catalogue", "replay", "report", "run_monitor", "stream", "waveform", "web"}
SETTINGS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))


def test_what_is_named_is_there():
    (option,) = (
        each.removeprefix("--jaxtyping-packages=")
        for each in SETTINGS["tool"]["pytest"]["ini_options"]["addopts"]
        if each.startswith("--jaxtyping-packages=")
    )
    *packages, checker = option.split(",")
    assert checker == "type_checker.beartype"
    assert [each for each in packages if importlib.util.find_spec(each) is None] == []
    root = Path(fcn.__file__).parent
    about_arrays = {
        file.relative_to(root).parts[0].removesuffix(".py")
        for file in root.rglob("*.py")
        if "from jaxtyping import" in file.read_text("utf-8")
    }
    assert about_arrays - {each.removeprefix("fcn.") for each in packages} == LEFT_OUT


def test_a_wrong_shape_is_told():
    frame = LocalFrame(latitude_deg=32.0, longitude_deg=130.0)
    with pytest.raises(jaxtyping.TypeCheckError):
        frame.to_local_km(np.zeros(2), np.zeros(3))

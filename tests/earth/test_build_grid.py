"""The entry point that makes a file for `velocity_model=grid3d`."""

import numpy as np
import pytest
from toy import resolved

from fcn.build_grid import make_grid
from fcn.config import build
from fcn.earth.eikonal import GridModel
from fcn.earth.grid3d import grid_of_layers, read_velocity_grid

SMALL = ("grid.minimum_km=[-20,-20,-2]", "grid.spacing_km=[1,1,1]", "grid.shape=[41,41,23]")


def test_the_command_makes_a_file_that_grid3d_reads(tmp_path, call, capsys):
    call("fcn.build_grid", "velocity_model=jma2001", "out=made/grid.h5", *SMALL)
    assert "velocity_model.path=made/grid.h5" in capsys.readouterr().out.replace("\n", "")
    path = tmp_path / "made" / "grid.h5"
    node = resolved("train", "velocity_model=grid3d", f"velocity_model.path={path}")["velocity_model"]
    assert isinstance(build(node), GridModel)
    grid = read_velocity_grid(path)
    assert grid.vp_kmps.shape == (41, 41, 23)
    assert (grid.minimum_km, grid.maximum_km) == ((-20.0, -20.0, -2.0), (20.0, 20.0, 20.0))


def configured(*overrides):
    return resolved("build_grid", "out=none", *SMALL, *overrides)


def test_it_is_the_layers_with_variation_of_the_size_it_says():
    config = configured("basin=null")
    layers = grid_of_layers(
        build(config["velocity_model"]), (-20.0, -20.0, -2.0), (1.0, 1.0, 1.0), (41, 41, 23)
    )
    log = np.log(make_grid(config).vp_kmps / layers.vp_kmps)
    assert 0.03 < log.std() < 0.07
    smooth = make_grid(configured("basin=null", "medium.velocity_fraction=0", "medium.vpvs_fraction=0"))
    np.testing.assert_allclose(smooth.vs_kmps, layers.vs_kmps)


def test_a_seed_is_all_that_is_random():
    first, again, other = (make_grid(configured(f"seed={seed}")).vs_kmps for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_the_basin_is_slow():
    within, without = (make_grid(configured(*basin)).vp_kmps[25, 10, 2] for basin in ((), ("basin=null",)))
    assert within == pytest.approx(0.6 * without)


def test_a_family_of_models_is_refused():
    with pytest.raises(ValueError, match="one layered model"):
        make_grid(configured("velocity_model=family"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("grid.shape=[41,41]", r"grid\.shape must be a list of 3 values: \[41, 41\]"),
        ("grid.shape=[41,41,2.5]", r"grid\.shape must be a whole number from 2 to .*, got 2\.5"),
        ("grid.shape=[4100,4100,2300]", r"grid\.shape=\[4100, 4100, 2300\] has 3\.9e\+10 nodes"),
        ("grid.spacing_km=[1,0,1]", r"grid\.spacing_km must be a number of at least 0\.001, got 0"),
        ("grid.minimum_km=[-20,nan,-2]", r"grid\.minimum_km must be within .*nan"),
        ("grid.minimum_km=west", r"grid\.minimum_km must be a number .*'west'"),
        ("seed=-1", "seed must be a whole number of at least 0, got -1"),
    ],
)
def test_what_makes_no_grid_names_the_key(override, message):
    with pytest.raises(ValueError, match=message):
        make_grid(configured(override))

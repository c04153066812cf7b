"""What takes the place of modules of fcn on an edge device does what they do."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from made_streams import SPEC

from fcn.exported.site import filters as designed
from fcn.geometry.projection import LocalFrame
from fcn.waveform import filters

EDGE = Path(__file__).parents[2] / "edge"


def module(path: str):
    """A file of edge/, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"edge_{Path(path).stem}", EDGE / path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def stand_in():
    made = module("stand_ins/filters.py")
    made.know(designed(SPEC, [100.0, 20.0]))
    return made


def test_every_filter_of_a_preprocessing_is_known(stand_in):
    stop = SPEC.anti_alias
    for rate_hz in (100.0, 20.0):
        for acceleration in (True, False):
            given = (SPEC.highpass_hz, acceleration, rate_hz)
            assert (stand_in.to_velocity_sos(*given) == filters.to_velocity_sos(*given)).all()
        given = (stop.stop_hz, stop.attenuation_db, stop.order, rate_hz)
        assert np.array_equal(stand_in.anti_alias_sos(*given), filters.anti_alias_sos(*given))
        assert stand_in.samples_ahead(*given) == filters.samples_ahead(*given) == int(rate_hz == 20.0)
    assert stand_in.anti_alias_sos(*given).shape == (0, 6)  # none at the network's own rate
    for own in SPEC.filters:
        assert (stand_in.Butterworth(*vars(own).values()).sos() == own.sos()).all()


def test_others_are_refused(stand_in):
    with pytest.raises(ValueError, match=r"no to_velocity filter was exported for .*50\.0\): the stat"):
        stand_in.to_velocity_sos(SPEC.highpass_hz, False, 50.0)


@pytest.mark.parametrize("pieces", [(1000,), (1, 127, 128, 129, 300, 315)])
def test_sections_run_as_scipy_runs_them(stand_in, pieces):
    """In one piece and in many, with what is remembered in between; the slowest filter rings for a minute."""
    rng = np.random.default_rng(0)
    sos = np.concatenate([SPEC.filters[3].sos(), filters.to_velocity_sos(0.02, True, 100.0)])
    own = other = rng.standard_normal((len(sos), 2, 2))
    for n in pieces:
        samples = rng.standard_normal((2, n))
        expected, own = filters.sosfilt(sos, samples, own)
        found, other = stand_in.sosfilt(sos, samples, other)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
        np.testing.assert_allclose(other, own, rtol=0, atol=1e-9 * np.abs(own).max())


@pytest.mark.parametrize("centre", [(38.0, 22.0), (-42.0, 179.9), (0.0, 0.0), (89.0, -120.0)])
def test_places_are_those_of_the_projection(centre):
    """Within 0.1 m up to 200 km away, across the date line, too."""
    rng = np.random.default_rng(1)
    east_km, north_km = np.append(rng.uniform(-150, 150, (2, 40)), [[0.0], [0.0]], axis=1)
    expected = LocalFrame(*centre)
    frame = module("fcn_edge/frame.py").Frame(*centre)
    found = expected.to_local_km(*frame.to_geographic(east_km, north_km))
    np.testing.assert_allclose(found, (east_km, north_km), atol=1e-4)

"""Cutting and rotating records of the base store."""

import numpy as np
import pytest
from made_quakes import importer, shaking

from fcn.geometry.network import Station
from fcn.store.cut import Arrivals, Path, Quake, longest_run, rotate
from fcn.waveform.preprocess import Chunk

QUAKE = Quake("e", 0.0, 0.0, 10.0, 3.0, "Mw")
STATION = Station("XX", "A", "", 0.1, 0.1, 0.0)
PATH = Path(15.7, 45.0, 3.0, 5.0)


@pytest.fixture(scope="module")
def made():
    return importer()


def chunk(seconds=100.0, p_s=40.0, gap=None):
    wave = shaking(seconds, p_s, p_s + 2.0, 20.0)
    valid = np.ones(wave.shape[1], dtype=bool)
    if gap is not None:
        valid[int(gap[0] * 20) : int(gap[1] * 20)] = False
    return Chunk(0, wave, valid)


def test_rotation_is_the_inverse_of_the_convention():
    rng = np.random.default_rng(0)
    zne = rng.standard_normal((3, 50))
    up, radial, transverse = rotate(zne, 33.0)
    azimuth = np.radians(33.0)
    np.testing.assert_allclose(radial * np.cos(azimuth) - transverse * np.sin(azimuth), zne[1], atol=1e-12)
    np.testing.assert_allclose(radial * np.sin(azimuth) + transverse * np.cos(azimuth), zne[2], atol=1e-12)
    np.testing.assert_array_equal(up, zne[0])


def test_a_station_north_of_the_source_has_r_north():
    zne = np.array([[0.0], [1.0], [2.0]])
    np.testing.assert_allclose(rotate(zne, 0.0)[:, 0], [0.0, 1.0, 2.0])
    np.testing.assert_allclose(rotate(zne, 90.0)[:, 0], [0.0, 2.0, -1.0], atol=1e-12)


def test_known_arrivals_are_kept(made):
    known = Arrivals(p_s=40.0, s_s=42.0)
    quake, noise = made.records("test", QUAKE, STATION, PATH, chunk(), known)
    assert quake.p_arrival_sample == made.cut.before_p_s * 20
    assert quake.s_arrival_sample - quake.p_arrival_sample == 40.0
    assert quake.waveform_mps.shape[1] == (made.cut.before_p_s + made.cut.after_p_s) * 20
    assert noise.waveform_mps.shape[1] == 30.0 * 20
    assert noise.source_id == quake.source_id


@pytest.mark.parametrize("p_range_s", [(35.2, 39.2), (40.8, 44.8)])
def test_a_known_p_may_be_as_far_from_its_prediction_as_models_err(made, p_range_s):
    quake, _ = made.records("test", QUAKE, STATION, PATH, chunk(), Arrivals(40.0, 42.0, p_range_s))
    assert quake.p_arrival_sample == made.cut.before_p_s * 20


@pytest.mark.parametrize(
    ("gap", "p_sample", "n_samples"),
    [((25.0, 30.0), 200, 1400), ((60.0, 61.0), 400, 800), ((0.0, 1.0), 400, 1600)],
)
def test_gaps_far_from_the_event_shorten_the_record(made, gap, p_sample, n_samples):
    quake, *_ = made.records("test", QUAKE, STATION, PATH, chunk(gap=gap), Arrivals(p_s=40.0, s_s=42.0))
    assert quake.p_arrival_sample == p_sample
    assert quake.waveform_mps.shape[1] == n_samples


GAP = "a gap between the noise before P and the coda of S"


@pytest.mark.parametrize(
    ("gap", "known", "message"),
    [
        ((39.0, 39.5), Arrivals(p_s=40.0, s_s=42.0), GAP),
        ((41.0, 41.1), Arrivals(p_s=40.0, s_s=42.0), GAP),
        ((45.0, 45.1), Arrivals(p_s=40.0, s_s=42.0), GAP),
        (None, Arrivals(p_s=40.0, s_s=49.0), r"S minus P given is 9.0 s, 2.0 predicted"),
        ((0.0, 100.0), Arrivals(), "no valid samples"),
        (
            None,
            Arrivals(25.0, 27.0, (38.0, 42.0)),
            r"P given is 15.0 s before the predicted one, and 3.0 s at",
        ),
        (
            None,
            Arrivals(43.1, None, (38.0, 42.0)),
            r"P given is 3.1 s after the predicted one, .* both in UTC",
        ),
    ],
)
def test_what_cannot_be_cut_is_refused(made, gap, known, message):
    with pytest.raises(ValueError, match=message):
        made.records("test", QUAKE, STATION, PATH, chunk(gap=gap), known)


def test_little_noise_makes_no_noise_record(made):
    known = Arrivals(p_s=5.0, s_s=7.0)
    assert len(made.records("test", QUAKE, STATION, PATH, chunk(p_s=5.0), known)) == 1


def test_noise_can_be_left_out():
    made = importer("seisbench", "source.seisbench.importer.cut.noise_s=null")
    assert len(made.records("test", QUAKE, STATION, PATH, chunk(), Arrivals(p_s=40.0, s_s=42.0))) == 1


def test_longest_run():
    assert longest_run(np.array([1, 0, 1, 1, 0, 1], dtype=bool), (0, 5)) == (2, 4)
    assert longest_run(np.array([1, 0, 1, 1, 0, 1], dtype=bool), (4, 5)) == (5, 6)
    assert longest_run(np.ones(3, dtype=bool), (1, 1)) == (0, 3)
    with pytest.raises(ValueError, match="no valid samples where P should be"):
        longest_run(np.array([1, 0, 0], dtype=bool), (1, 2))

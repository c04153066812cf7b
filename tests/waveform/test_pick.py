"""Picks are near the onsets, and refused where P and S do not belong together."""

import numpy as np
import pytest
from made_quakes import importer, shaking

from fcn.waveform.pick import rise

RATE_HZ = 20.0


@pytest.fixture(scope="module")
def picker():
    return importer().picker


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("s_minus_p_s", [1.2, 5.0, 14.0])
def test_picks_are_near_the_onsets(picker, seed, s_minus_p_s):
    wave = shaking(60.0, 20.0, 20.0 + s_minus_p_s, RATE_HZ, seed)
    p, s = picker.pick(wave, RATE_HZ, s_minus_p_s * 1.05, (0, wave.shape[1]))
    assert p / RATE_HZ == pytest.approx(20.0, abs=0.15)
    assert s / RATE_HZ == pytest.approx(20.0 + s_minus_p_s, abs=0.4)


def test_s_is_picked_on_the_vertical_where_horizontals_are_silent(picker):
    wave = shaking(60.0, 20.0, 26.0, RATE_HZ)
    wave[1:] = 0.0
    p, s = picker.pick(wave, RATE_HZ, 6.2, (0, wave.shape[1]))
    assert p / RATE_HZ == pytest.approx(20.0, abs=0.15)
    assert s / RATE_HZ == pytest.approx(26.0, abs=0.4)


def test_the_strongest_event_is_picked(picker):
    wave = shaking(90.0, 50.0, 56.0, RATE_HZ) + shaking(90.0, 15.0, 21.0, RATE_HZ, 1, level_mps=1e-6)
    p, _ = picker.pick(wave, RATE_HZ, 6.0, (0, wave.shape[1]))
    assert p / RATE_HZ == pytest.approx(50.0, abs=0.2)
    p, _ = picker.pick(wave, RATE_HZ, 6.0, (10 * RATE_HZ, 30 * RATE_HZ))
    assert p / RATE_HZ == pytest.approx(15.0, abs=0.3)


@pytest.mark.parametrize(
    ("p_s", "s_s", "level_mps", "predicted_s", "message"),
    [
        pytest.param(90.0, 20.0, 1e-5, 6.0, r"no S 6.0 \+- 1.0 s after P: power rises", id="a trigger on S"),
        pytest.param(20.0, 26.0, 1e-5, 15.0, r"no S 15\.0", id="another distance"),
        pytest.param(90.0, 90.0, 1e-5, 5.0, "no P", id="noise alone"),
        pytest.param(20.0, 90.0, 3e-7, 5.0, r"no P: the event has \d\.\d times the noise, 10 are", id="weak"),
        pytest.param(20.0, 26.0, None, 5.0, "no P: power rises", id="silence"),
    ],
)
def test_what_is_no_earthquake_there_is_refused(picker, p_s, s_s, level_mps, predicted_s, message):
    wave = np.zeros((3, 1200))
    if level_mps is not None:
        wave = shaking(60.0, p_s, s_s, RATE_HZ, level_mps=level_mps)
    with pytest.raises(ValueError, match=message):
        picker.pick(wave, RATE_HZ, predicted_s, (0, wave.shape[1]))


def test_rise_is_the_ratio_of_means():
    power = np.array([1.0, 1.0, 1.0, 4.0, 4.0, 4.0])
    assert rise(power, 2, 3).tolist() == [0.0, 1.0, 2.5, 4.0, 2.0, 0.0]

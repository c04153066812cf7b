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


def test_the_strongest_event_is_picked(picker):
    wave = shaking(90.0, 50.0, 56.0, RATE_HZ) + shaking(90.0, 15.0, 21.0, RATE_HZ, 1, level_mps=1e-6)
    p, _ = picker.pick(wave, RATE_HZ, 6.0, (0, wave.shape[1]))
    assert p / RATE_HZ == pytest.approx(50.0, abs=0.2)
    p, _ = picker.pick(wave, RATE_HZ, 6.0, (10 * RATE_HZ, 30 * RATE_HZ))
    assert p / RATE_HZ == pytest.approx(15.0, abs=0.3)


def test_a_trigger_on_s_has_no_s(picker):
    wave = shaking(60.0, 90.0, 20.0, RATE_HZ)  # P never comes
    with pytest.raises(ValueError, match=r"no S 6.0 \+- 1.0 s after P: power rises"):
        picker.pick(wave, RATE_HZ, 6.0, (0, wave.shape[1]))


def test_the_wrong_distance_is_noticed(picker):
    wave = shaking(60.0, 20.0, 26.0, RATE_HZ)
    with pytest.raises(ValueError, match=r"no S 15\.0"):
        picker.pick(wave, RATE_HZ, 15.0, (0, wave.shape[1]))


def test_noise_alone_has_no_p(picker):
    wave = shaking(60.0, 90.0, 90.0, RATE_HZ)
    with pytest.raises(ValueError, match="no P"):
        picker.pick(wave, RATE_HZ, 5.0, (0, wave.shape[1]))


def test_a_weak_onset_is_refused(picker):
    wave = shaking(60.0, 20.0, 90.0, RATE_HZ, level_mps=3e-7)
    with pytest.raises(ValueError, match=r"no P: the event has \d\.\d times the noise, 10 are needed"):
        picker.pick(wave, RATE_HZ, 5.0, (0, wave.shape[1]))


def test_silence_is_no_onset(picker):
    with pytest.raises(ValueError, match="no P: power rises"):
        picker.pick(np.zeros((3, 1200)), RATE_HZ, 5.0, (0, 1200))


def test_rise_is_the_ratio_of_means():
    power = np.array([1.0, 1.0, 1.0, 4.0, 4.0, 4.0])
    assert rise(power, 2, 3).tolist() == [0.0, 1.0, 2.5, 4.0, 2.0, 0.0]

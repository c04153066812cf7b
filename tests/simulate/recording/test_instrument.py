import numpy as np
import pytest

from fcn.simulate.recording.instrument import LARGEST_COUNT, Instrument

RATE_HZ = 100.0
SENSOR = {
    "sensitivity_counts_per_mps": 1e8,
    "clip_mps": 0.01,
    "corner_hz": 0.1,
    "damping": 0.7,
    "self_noise_mps": 0.0,
}


def rng():
    return np.random.default_rng(2)


def sine(hertz, amplitude_mps=1e-4, seconds=60.0):
    return amplitude_mps * np.sin(2 * np.pi * hertz * np.arange(0, seconds, 1 / RATE_HZ))[None]


def test_counts_are_velocity_times_sensitivity_in_the_passband():
    counts = Instrument(**SENSOR).record_counts(sine(5.0), RATE_HZ, rng())
    assert counts.dtype == np.int32
    assert np.abs(counts[0, 3000:]).max() == pytest.approx(1e4, rel=2e-3)


def test_corner_is_where_the_response_has_fallen():
    counts = Instrument(**SENSOR).record_counts(sine(0.1, seconds=200.0), RATE_HZ, rng())
    assert np.abs(counts[0, 10000:]).max() == pytest.approx(1e4 / 1.4, rel=0.02)  # 1 / (2 damping)


def test_strong_motion_is_clipped():
    counts = Instrument(**SENSOR).record_counts(sine(2.0, 0.05), RATE_HZ, rng())
    assert counts.max() == 1_000_000
    assert (counts == 1_000_000).mean() > 0.3


def test_digitiser_never_overflows():
    sensor = Instrument(**{**SENSOR, "clip_mps": 100.0})
    assert sensor.record_counts(sine(2.0, 50.0), RATE_HZ, rng()).max() == LARGEST_COUNT


def test_silence_holds_the_noise_floor():
    sensor = Instrument(**{**SENSOR, "self_noise_mps": 1e-7})
    assert sensor.record_counts(np.zeros((3, 20_000)), RATE_HZ, rng()).std() == pytest.approx(10.0, rel=0.02)
    assert not Instrument(**SENSOR).record_counts(np.zeros((3, 200)), RATE_HZ, rng()).any()


@pytest.mark.parametrize("name", ["sensitivity_counts_per_mps", "clip_mps", "corner_hz", "damping"])
def test_nonsense_is_refused(name):
    with pytest.raises(ValueError, match=name):
        Instrument(**{**SENSOR, name: 0.0})
